//! Networks.

use serde::{Deserialize, Serialize};

use super::{Baseline, StoredModel};

/// A network of Cox scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeepSurvModel {
    /// Columns, in order.
    pub features: Vec<String>,
    /// Mean of each in training.
    pub means: Vec<f64>,
    /// Standard deviation (denominator n) of each in training, 0 for a constant one.
    pub std_devs: Vec<f64>,
    /// The network, first layer first.
    pub layers: Vec<DenseLayer>,
    /// Epochs in the weights.
    pub epochs: u64,
    /// The other networks of a committee, whose scores are averaged with the first's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Network>,
    /// Cumulative hazard at score 0.
    pub baseline: Baseline,
}

/// One network of a committee.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// First layer first.
    pub layers: Vec<DenseLayer>,
    /// Epochs in the weights.
    pub epochs: u64,
}

/// A dense layer: norm( activation( W x + b ) ).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DenseLayer {
    /// Columns that come in.
    pub inputs: u64,
    /// Columns that go out.
    pub outputs: u64,
    /// W, output by output.
    pub weights: Vec<f64>,
    /// b; empty for none.
    pub bias: Vec<f64>,
    /// `identity`, `relu`, `selu`, `tanh` or `sigmoid`.
    pub activation: String,
    /// Normalisation after the activation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_norm: Option<BatchNorm>,
}

/// Batch normalisation, as it predicts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchNorm {
    /// Factor of each output.
    pub scale: Vec<f64>,
    /// Addend of each output.
    pub shift: Vec<f64>,
    /// Running mean of each output.
    pub running_mean: Vec<f64>,
    /// Running variance of each output.
    pub running_variance: Vec<f64>,
}

impl StoredModel for DeepSurvModel {
    const NAME: &'static str = "deepsurv";
}

/// A network of conditional survival probabilities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DnnSurvModel {
    /// Columns, in order.
    pub features: Vec<String>,
    /// Mean of each in training.
    pub means: Vec<f64>,
    /// Standard deviation (denominator n) of each in training, 0 for a constant one.
    pub std_devs: Vec<f64>,
    /// Ends of the intervals: the only times at which survival is learned.
    pub cutpoints: Vec<f64>,
    /// How survival is told between them, in words for whoever reads the model.
    #[serde(default)]
    pub between_cutpoints: String,
    /// The network, first layer first.
    pub layers: Vec<DenseLayer>,
}

impl DnnSurvModel {
    /// What `between_cutpoints` says.
    pub const CONSTANT: &'static str = "constant: survival at a horizon is that of the last cutpoint at or before it, 1 before the \
        first and unchanged after the last";
}

impl StoredModel for DnnSurvModel {
    const NAME: &'static str = "dnnsurv";
}
