//! `fit-gbm`: gradient boosting of the partial likelihood.

use pipeline_defs::params::{BestIteration as Kept, GbmMethod, GbmParams};
use survival::{BestIteration, Gbm, GbmGrowth, GbmParams as Settings, Learner};

use super::learn;
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    learn::fit(learner, context, inputs)
}

/// The learner with these parameters.
pub(super) fn learner(context: &Context) -> Result<Box<dyn Learner>, StepError> {
    let params: GbmParams = context.params()?;
    let settings = Settings {
        n_trees: params.n_trees as usize,
        learning_rate: params.shrinkage,
        bag_fraction: params.bag_fraction,
        growth: match params.method {
            GbmMethod::Gbm => GbmGrowth::BestFirstNewton {
                n_splits: params.interaction_depth as usize,
                min_node_size: params.n_minobsinnode as usize,
            },
            GbmMethod::Sksurv => GbmGrowth::DepthFirstMean {
                max_depth: params.max_depth as usize,
                min_samples_split: params.min_samples_split as usize,
                min_samples_leaf: params.min_samples_leaf as usize,
            },
        },
        best_iteration: match params.best_iteration {
            Kept::All => BestIteration::All,
            Kept::Oob => BestIteration::OutOfBag,
            Kept::Cv => BestIteration::CrossValidated {
                n_folds: params.cv_folds as usize,
            },
        },
    };
    Ok(Box::new(
        Gbm::new(settings).map_err(|e| refuse("gbm-parameter", &e))?,
    ))
}
