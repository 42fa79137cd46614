//! Parameters of DNNSurv.

use crate::net::{Activation, Init, LayerSpec, Optimiser};
use crate::settings::{SettingsError, at_least, within};

/// How time is cut, and how the network is built and trained. Start from a named preset and write every change at the
/// call site.
#[derive(Debug, Clone, PartialEq)]
pub struct DnnSurvParams {
    /// Where time is cut.
    pub cutpoints: Cutpoints,
    /// Hidden layers, first to last, each at least 1 wide.
    pub hidden: Vec<HiddenLayer>,
    /// Function of the hidden layers.
    pub activation: Activation,
    /// How weights are drawn.
    pub init: Init,
    /// Steps.
    pub optimiser: Optimiser,
    /// Pseudo-values in a step, at least 1.
    pub batch_size: usize,
    /// Passes over the pseudo-values, at least 1.
    pub epochs: usize,
}

/// A hidden layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HiddenLayer {
    /// Outputs.
    pub width: usize,
    /// Penalty c Σ W².
    pub l2: f64,
    /// Share of outputs dropped while training, from 0 to below 1.
    pub dropout: f64,
}

/// Where time is cut.
#[derive(Debug, Clone, PartialEq)]
pub enum Cutpoints {
    /// The quantiles j / k, j = 1 … k − 1, of the event times (R's type 7), equal ones once.
    EventQuantiles {
        /// k, at least 2.
        k: usize,
    },
    /// From the smallest to the largest time, equally spaced; the smallest is a cutpoint itself.
    EquallySpaced {
        /// Number of cutpoints, at least 2.
        n: usize,
    },
    /// These times, ascending.
    Given(Vec<f64>),
}

impl DnnSurvParams {
    /// The paper's: deciles of the event times; layers of 8 and 4 tanh units with penalties 0.0001 and 0.01; Adam at
    /// 0.0025, 30 epochs of batches of 64.
    pub fn paper() -> DnnSurvParams {
        DnnSurvParams {
            cutpoints: Cutpoints::EventQuantiles { k: 10 },
            hidden: vec![
                HiddenLayer {
                    width: 8,
                    l2: 1e-4,
                    dropout: 0.0,
                },
                HiddenLayer {
                    width: 4,
                    l2: 1e-2,
                    dropout: 0.0,
                },
            ],
            activation: Activation::Tanh,
            init: Init::GlorotUniform,
            optimiser: Optimiser::Adam {
                learning_rate: 0.0025,
                epsilon: 1e-7,
            },
            batch_size: 64,
            epochs: 30,
        }
    }

    /// The defaults of R's survivalmodels 0.1.19: five cutpoints from the smallest to the largest time, Adam at 0.001,
    /// 10 epochs of batches of 32. **A warning**: on a small cohort this is too little training and the cuts fall where
    /// nobody dies (on veteran a cross-validated C of 0.49).
    pub fn survivalmodels() -> DnnSurvParams {
        DnnSurvParams {
            cutpoints: Cutpoints::EquallySpaced { n: 5 },
            optimiser: Optimiser::Adam {
                learning_rate: 0.001,
                epsilon: 1e-7,
            },
            batch_size: 32,
            epochs: 10,
            ..DnnSurvParams::paper()
        }
    }

    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        match &self.cutpoints {
            Cutpoints::EventQuantiles { k } => at_least("quantiles", *k, 2)?,
            Cutpoints::EquallySpaced { n } => at_least("cutpoints", *n, 2)?,
            Cutpoints::Given(times) => {
                at_least("cutpoints", times.len(), 1)?;
                let mut before = 0.0;
                for &time in times {
                    let ok = time > before && time.is_finite();
                    within(
                        "cutpoint",
                        time,
                        ok,
                        "finite, above 0 and above the one before",
                    )?;
                    before = time;
                }
            }
        }
        for layer in &self.hidden {
            at_least("hidden width", layer.width, 1)?;
            let l2 = layer.l2 >= 0.0 && layer.l2.is_finite();
            within("l2", layer.l2, l2, "at least 0")?;
            let dropout = (0.0..1.0).contains(&layer.dropout);
            within("dropout", layer.dropout, dropout, "at least 0 and below 1")?;
        }
        self.optimiser.check()?;
        at_least("batch size", self.batch_size, 1)?;
        at_least("epochs", self.epochs, 1)
    }

    pub(crate) fn layers(&self) -> Vec<LayerSpec> {
        let spec = |outputs, activation, dropout, l2| LayerSpec {
            outputs,
            activation,
            init: self.init,
            bias: true,
            batch_norm: false,
            dropout,
            l2,
        };
        let hidden = self.hidden.iter();
        let mut layers: Vec<LayerSpec> = hidden
            .map(|layer| spec(layer.width, self.activation, layer.dropout, layer.l2))
            .collect();
        // the sigmoid is applied outside, so that its logarithm stays finite
        layers.push(spec(1, Activation::Identity, 0.0, 0.0));
        layers
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn presets_are_legal_and_nonsense_is_not() {
        assert!(DnnSurvParams::paper().check().is_ok());
        assert!(DnnSurvParams::survivalmodels().check().is_ok());
        let refused = |cutpoints| {
            let params = DnnSurvParams {
                cutpoints,
                ..DnnSurvParams::paper()
            };
            params.check().unwrap_err().to_string()
        };
        assert_eq!(
            refused(Cutpoints::Given(vec![3.0, 2.0])),
            "cutpoint is 2, must be finite, above 0 and above the one before"
        );
        refused(Cutpoints::Given(vec![0.0]));
        refused(Cutpoints::Given(Vec::new()));
        refused(Cutpoints::EquallySpaced { n: 1 });
        refused(Cutpoints::EventQuantiles { k: 1 });
    }
}
