//! `fit-dnnsurv`: a network on pseudo-values, with time among its inputs.

use pipeline_defs::params::{CutRule, DnnSurvParams};
use survival::{Cutpoints, DnnSurv, DnnSurvParams as Settings, HiddenLayer, Init, Learner};

use super::fit_deepsurv::{activation, optimiser};
use super::learn;
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

/// Keras', added to the root of second moments.
const KERAS_EPSILON: f64 = 1e-7;

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    learn::fit(learner, context, inputs)
}

/// The learner with these parameters.
pub(super) fn learner(context: &Context) -> Result<Box<dyn Learner>, StepError> {
    let params: DnnSurvParams = context.params()?;
    let hidden = params.num_nodes.iter().zip(&params.l2);
    let settings = Settings {
        cutpoints: match params.cuts {
            CutRule::Quantiles => Cutpoints::EventQuantiles {
                k: params.cutpoints as usize,
            },
            CutRule::Equal => Cutpoints::EquallySpaced {
                n: params.cutpoints as usize,
            },
            CutRule::Given => Cutpoints::Given(params.times.clone()),
        },
        hidden: hidden
            .map(|(width, l2)| HiddenLayer {
                width: *width as usize,
                l2: *l2,
                dropout: params.dropout,
            })
            .collect(),
        activation: activation(params.activation),
        init: Init::GlorotUniform,
        optimiser: optimiser(params.optimizer, params.lr, 0.0, KERAS_EPSILON),
        batch_size: params.batch_size as usize,
        epochs: params.epochs as usize,
    };
    Ok(Box::new(
        DnnSurv::new(settings).map_err(|e| refuse("dnnsurv-parameter", &e))?,
    ))
}
