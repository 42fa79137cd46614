//! `fit-svm`: a survival support vector machine.

use pipeline_defs::params::{Kernel, Scaling, SvmLoss as Loss, SvmParams, TiedTimes as Ties};
use survival::{Learner, Svm, SvmKernel, SvmLoss, SvmParams as Settings, SvmScaling, TiedTimes};

use super::learn;
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    learn::fit(learner, context, inputs)
}

/// The learner with these parameters.
pub(super) fn learner(context: &Context) -> Result<Box<dyn Learner>, StepError> {
    let params: SvmParams = context.params()?;
    let settings = Settings {
        loss: match params.loss {
            Loss::Fast => SvmLoss::SquaredHinge {
                alpha: params.alpha,
                rank_ratio: params.rank_ratio,
                ties: match params.ties {
                    Ties::Random => TiedTimes::Random,
                    Ties::RowOrder => TiedTimes::RowOrder,
                },
            },
            Loss::Vanbelle1 => SvmLoss::NeighbourHinge {
                gamma: params.gamma_mu,
            },
        },
        kernel: match params.kernel {
            Kernel::Linear => SvmKernel::Linear,
            Kernel::Rbf => SvmKernel::Rbf {
                gamma: params.gamma,
            },
            Kernel::Poly => SvmKernel::Polynomial {
                degree: params.degree,
                gamma: params.gamma,
                coef0: params.coef0,
            },
            Kernel::Clinical => SvmKernel::Clinical,
        },
        scaling: match params.scaling {
            Scaling::None => SvmScaling::None,
            Scaling::PopulationSd => SvmScaling::PopulationSd,
            Scaling::SampleSd => SvmScaling::SampleSd,
        },
        max_iterations: params.max_iter as usize,
    };
    Ok(Box::new(
        Svm::new(settings).map_err(|e| refuse("svm-parameter", &e))?,
    ))
}
