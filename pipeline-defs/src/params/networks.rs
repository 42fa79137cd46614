//! Parameters of neural networks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::boosting::{count, positive};
use super::tune::{self, Tune};
use super::{OutOfRange, Params, within};

/// Parameters of `fit-deepsurv` (Katzman et al., BMC Med Res Methodol 2018), named as in pycox and survivalmodels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeepSurvParams {
    /// Width of each hidden layer, first to last; none for a linear Cox model. Source: survivalmodels, 32 and 32.
    pub num_nodes: Vec<u32>,
    /// Function of the hidden layers. Source: relu.
    pub activation: Activation,
    /// Batch normalisation after each hidden layer. Source: survivalmodels, true.
    pub batch_norm: bool,
    /// Share of hidden outputs dropped while training, 0 to below 1. Source: 0.4; survivalmodels 0.
    pub dropout: f64,
    /// Penalty on squared hidden weights, ≥ 0. Source: 0.
    pub l2: f64,
    /// How weights follow their gradient.
    pub optimizer: Optimizer,
    /// Step size, above 0. Source: survivalmodels, 0.01.
    pub lr: f64,
    /// With `adamw`: decay of weights, ≥ 0. Source: PyTorch, 0.01.
    pub weight_decay: f64,
    /// Patients in a step, ≥ 2. Source: survivalmodels, 256.
    pub batch_size: u32,
    /// Most passes over the patients, ≥ 1. Source: 200; survivalmodels **1**, hardly any training at all.
    pub epochs: u32,
    /// Stops when held-out patients no longer gain. Source: true; survivalmodels false.
    pub early_stopping: bool,
    /// With early stopping: each of so many folds is held out in turn, a network each, and their scores are averaged; 0 for
    /// one network and one hold-out of `frac`, else 2 to 100. Source: 5; pycox 0.
    #[serde(default)]
    pub folds: u32,
    /// With early stopping and no `folds`: share of the training rows held out, above 0 and below 1. Source: 0.2.
    pub frac: f64,
    /// With early stopping: epochs without a gain before it ends, ≥ 1. Source: 10.
    pub patience: u32,
    /// Patients of one time in the partial likelihood.
    pub ties: NetworkTies,
    /// Chooses settings inside the training rows.
    #[serde(default)]
    pub tune: Option<Tune>,
}

/// A function of hidden layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// max(z, 0).
    Relu,
    /// Klambauer et al. 2017.
    Selu,
    /// tanh z.
    Tanh,
    /// 1 / (1 + exp −z).
    Sigmoid,
}

/// How weights follow their gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Kingma and Ba 2015.
    Adam,
    /// Loshchilov and Hutter 2019.
    Adamw,
    /// Tieleman and Hinton 2012.
    Rmsprop,
}

/// Patients of one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkTies {
    /// Breslow's risk sets.
    Breslow,
    /// Every row a time of its own, as pycox.
    RowOrder,
}

impl DeepSurvParams {
    /// What did best by cross-validation on most data sets tried.
    pub fn tuned() -> DeepSurvParams {
        DeepSurvParams {
            num_nodes: vec![32, 32],
            activation: Activation::Relu,
            batch_norm: true,
            dropout: 0.4,
            l2: 0.0,
            optimizer: Optimizer::Adam,
            lr: 0.01,
            weight_decay: 0.01,
            batch_size: 256,
            epochs: 200,
            early_stopping: true,
            folds: 5,
            frac: 0.2,
            patience: 10,
            ties: NetworkTies::Breslow,
            tune: None,
        }
    }

    /// One network, stopped by one hold-out.
    pub fn pycox() -> DeepSurvParams {
        DeepSurvParams {
            folds: 0,
            ..DeepSurvParams::tuned()
        }
    }

    /// The defaults of R's survivalmodels: a warning, not a recommendation.
    pub fn survivalmodels() -> DeepSurvParams {
        DeepSurvParams {
            dropout: 0.0,
            epochs: 1,
            early_stopping: false,
            folds: 0,
            ties: NetworkTies::RowOrder,
            ..DeepSurvParams::tuned()
        }
    }
}

impl Params for DeepSurvParams {
    const KINDS: &'static [&'static str] = &["fit-deepsurv"];
    fn presets() -> Vec<(&'static str, DeepSurvParams)> {
        vec![
            ("tuned", DeepSurvParams::tuned()),
            ("pycox", DeepSurvParams::pycox()),
            ("survivalmodels", DeepSurvParams::survivalmodels()),
        ]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        for width in &self.num_nodes {
            count("num_nodes", *width, 1, 65_536, "from 1 to 65536 each")?;
        }
        dropout("dropout", self.dropout)?;
        penalty("l2", self.l2)?;
        positive("lr", self.lr)?;
        penalty("weight_decay", self.weight_decay)?;
        count("batch_size", self.batch_size, 2, u32::MAX, "at least 2")?;
        count("epochs", self.epochs, 1, 1_000_000, "from 1 to 1000000")?;
        within(
            self.folds == 0 || (2..=100).contains(&self.folds),
            "folds",
            self.folds,
            "0 for one hold-out, or from 2 to 100",
        )?;
        within(
            self.frac > 0.0 && self.frac < 1.0,
            "frac",
            self.frac,
            "above 0 and below 1",
        )?;
        count("patience", self.patience, 1, u32::MAX, "at least 1")?;
        tune::check(self.tune.as_ref())
    }
}

/// Parameters of `fit-dnnsurv` (Zhao and Feng, IEEE J Biomed Health Inform 2020).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnnSurvParams {
    /// Where time is cut.
    pub cuts: CutRule,
    /// With `quantiles`: how many parts the event times are cut into; with `equal`: how many cutpoints; 2 to 1000. Source:
    /// paper 10, survivalmodels 5.
    pub cutpoints: u32,
    /// With `given`: the cutpoints, rising from above 0, in the unit of the follow-up.
    pub times: Vec<f64>,
    /// Width of each hidden layer. Source: paper, 8 and 4.
    pub num_nodes: Vec<u32>,
    /// Penalty on squared weights of each hidden layer. Source: paper, 0.0001 and 0.01.
    pub l2: Vec<f64>,
    /// Share of hidden outputs dropped while training, 0 to below 1. Source: paper, 0.
    pub dropout: f64,
    /// Function of the hidden layers. Source: paper, tanh.
    pub activation: Activation,
    /// How weights follow their gradient. Source: paper, adam.
    pub optimizer: Optimizer,
    /// Step size, above 0. Source: paper 0.0025, survivalmodels 0.001.
    pub lr: f64,
    /// Pseudo-values in a step, ≥ 1. Source: paper 64, survivalmodels 32.
    pub batch_size: u32,
    /// Passes over the pseudo-values, ≥ 1. Source: paper 30, survivalmodels 10.
    pub epochs: u32,
    /// Chooses settings inside the training rows.
    #[serde(default)]
    pub tune: Option<Tune>,
}

/// Where time is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CutRule {
    /// At quantiles of the event times.
    Quantiles,
    /// Equally spaced from the smallest to the largest time.
    Equal,
    /// Where `times` says.
    Given,
}

impl DnnSurvParams {
    /// The paper's.
    pub fn paper() -> DnnSurvParams {
        DnnSurvParams {
            cuts: CutRule::Quantiles,
            cutpoints: 10,
            times: Vec::new(),
            num_nodes: vec![8, 4],
            l2: vec![1e-4, 1e-2],
            dropout: 0.0,
            activation: Activation::Tanh,
            optimizer: Optimizer::Adam,
            lr: 0.0025,
            batch_size: 64,
            epochs: 30,
            tune: None,
        }
    }

    /// The defaults of R's survivalmodels: a warning, not a recommendation.
    pub fn survivalmodels() -> DnnSurvParams {
        DnnSurvParams {
            cuts: CutRule::Equal,
            cutpoints: 5,
            lr: 0.001,
            batch_size: 32,
            epochs: 10,
            ..DnnSurvParams::paper()
        }
    }
}

impl Params for DnnSurvParams {
    const KINDS: &'static [&'static str] = &["fit-dnnsurv"];
    fn presets() -> Vec<(&'static str, DnnSurvParams)> {
        vec![
            ("paper", DnnSurvParams::paper()),
            ("survivalmodels", DnnSurvParams::survivalmodels()),
        ]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        count("cutpoints", self.cutpoints, 2, 1000, "from 2 to 1000")?;
        let rising = self.times.first().is_none_or(|t| *t > 0.0)
            && self.times.windows(2).all(|w| w[0] < w[1]);
        let given = self.cuts != CutRule::Given || !self.times.is_empty();
        within(
            rising && given,
            "times",
            format!("{:?}", self.times),
            "rising from above 0, and at least one where cuts are given",
        )?;
        for width in &self.num_nodes {
            count("num_nodes", *width, 1, 65_536, "from 1 to 65536 each")?;
        }
        within(
            self.l2.len() == self.num_nodes.len(),
            "l2",
            format!("{:?}", self.l2),
            "as long as num_nodes",
        )?;
        for l2 in &self.l2 {
            penalty("l2", *l2)?;
        }
        dropout("dropout", self.dropout)?;
        positive("lr", self.lr)?;
        count("batch_size", self.batch_size, 1, u32::MAX, "at least 1")?;
        count("epochs", self.epochs, 1, 1_000_000, "from 1 to 1000000")?;
        tune::check(self.tune.as_ref())
    }
}

fn dropout(name: &'static str, value: f64) -> Result<(), OutOfRange> {
    within(
        (0.0..1.0).contains(&value),
        name,
        value,
        "at least 0 and below 1",
    )
}

fn penalty(name: &'static str, value: f64) -> Result<(), OutOfRange> {
    within(value.is_finite() && value >= 0.0, name, value, "at least 0")
}
