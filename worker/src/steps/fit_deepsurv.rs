//! `fit-deepsurv`: a network on Cox's partial likelihood.

use pipeline_defs::params::{
    Activation as Function, DeepSurvParams, NetworkTies, Optimizer as Rule,
};
use survival::{
    Activation, DeepSurv, DeepSurvParams as Settings, EarlyStopping, HoldOut, Init, Learner,
    Optimiser, RiskSetTies,
};

use super::learn;
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

/// PyTorch's, added to the root of second moments.
const TORCH_EPSILON: f64 = 1e-8;
/// Keras' share of the old second moment in RMSprop.
const RMSPROP_RHO: f64 = 0.9;

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    learn::fit(learner, context, inputs)
}

/// The learner with these parameters.
pub(super) fn learner(context: &Context) -> Result<Box<dyn Learner>, StepError> {
    let params: DeepSurvParams = context.params()?;
    let settings = Settings {
        hidden: params.num_nodes.iter().map(|n| *n as usize).collect(),
        activation: activation(params.activation),
        batch_norm: params.batch_norm,
        dropout: params.dropout,
        l2: params.l2,
        init: Init::HeNormal,
        optimiser: optimiser(
            params.optimizer,
            params.lr,
            params.weight_decay,
            TORCH_EPSILON,
        ),
        batch_size: params.batch_size as usize,
        max_epochs: params.epochs as usize,
        early_stopping: params.early_stopping.then_some(EarlyStopping {
            hold_out: match params.folds {
                0 => HoldOut::Share(params.frac),
                folds => HoldOut::Folds(folds as usize),
            },
            patience: params.patience as usize,
        }),
        ties: match params.ties {
            NetworkTies::Breslow => RiskSetTies::Breslow,
            NetworkTies::RowOrder => RiskSetTies::RowOrder,
        },
    };
    Ok(Box::new(
        DeepSurv::new(settings).map_err(|e| refuse("deepsurv-parameter", &e))?,
    ))
}

pub(super) fn activation(function: Function) -> Activation {
    match function {
        Function::Relu => Activation::Relu,
        Function::Selu => Activation::Selu,
        Function::Tanh => Activation::Tanh,
        Function::Sigmoid => Activation::Sigmoid,
    }
}

pub(super) fn optimiser(
    rule: Rule,
    learning_rate: f64,
    weight_decay: f64,
    epsilon: f64,
) -> Optimiser {
    match rule {
        Rule::Adam => Optimiser::Adam {
            learning_rate,
            epsilon,
        },
        Rule::Adamw => Optimiser::AdamW {
            learning_rate,
            epsilon,
            weight_decay,
        },
        Rule::Rmsprop => Optimiser::RmsProp {
            learning_rate,
            rho: RMSPROP_RHO,
            epsilon,
        },
    }
}
