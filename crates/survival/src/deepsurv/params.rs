//! Parameters of DeepSurv.

use super::RiskSetTies;
use crate::net::{Activation, Init, LayerSpec, Optimiser};
use crate::settings::{SettingsError, at_least, within};

/// How the network is built and trained. Start from a named preset and write every change at the call site.
#[derive(Debug, Clone, PartialEq)]
pub struct DeepSurvParams {
    /// Width of each hidden layer, each at least 1; none gives a linear Cox model.
    pub hidden: Vec<usize>,
    /// Function of the hidden layers.
    pub activation: Activation,
    /// Batch normalisation after each hidden layer's activation.
    pub batch_norm: bool,
    /// Share of hidden outputs dropped while training, from 0 to below 1.
    pub dropout: f64,
    /// Penalty c Σ W² of each hidden layer.
    pub l2: f64,
    /// How hidden weights are drawn; the output's are PyTorch's.
    pub init: Init,
    /// Steps.
    pub optimiser: Optimiser,
    /// Patients in a step, at least 2.
    pub batch_size: usize,
    /// Most passes over the patients, at least 1.
    pub max_epochs: usize,
    /// When to stop before; `None` runs all epochs.
    pub early_stopping: Option<EarlyStopping>,
    /// Patients of one time.
    pub ties: RiskSetTies,
}

/// Stops when held-out patients no longer gain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EarlyStopping {
    /// Who is held out.
    pub hold_out: HoldOut,
    /// Epochs without a lower loss before training ends, at least 1.
    pub patience: usize,
}

/// Whose loss decides when training stops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HoldOut {
    /// One share of the patients, between 0 and 1; the network never learns from them.
    Share(f64),
    /// Each of so many folds in turn, at least 2: a committee of as many networks.
    Folds(usize),
}

impl DeepSurvParams {
    /// Two layers of 32 with batch normalisation and dropout 0.4, Adam at 0.01, at most 200 epochs; five networks, each
    /// stopped when another fifth of the patients has not gained for 10: no patient is kept from all of them, and what one
    /// small hold-out decides by chance is averaged.
    pub fn tuned() -> DeepSurvParams {
        DeepSurvParams {
            hidden: vec![32, 32],
            activation: Activation::Relu,
            batch_norm: true,
            dropout: 0.4,
            l2: 0.0,
            init: Init::HeNormal,
            optimiser: Optimiser::adam(0.01),
            batch_size: 256,
            max_epochs: 200,
            early_stopping: Some(EarlyStopping {
                hold_out: HoldOut::Folds(5),
                patience: 10,
            }),
            ties: RiskSetTies::Breslow,
        }
    }

    /// As [`DeepSurvParams::tuned`] with one network, stopped by one fifth of the patients: how pycox's examples train.
    pub fn pycox() -> DeepSurvParams {
        DeepSurvParams {
            early_stopping: Some(EarlyStopping {
                hold_out: HoldOut::Share(0.2),
                patience: 10,
            }),
            ..DeepSurvParams::tuned()
        }
    }

    /// The defaults of R's survivalmodels 0.1.19, **a warning and no recommendation**: one single epoch, which for most
    /// cohorts is one single step, so the scores are close to those of random weights (on veteran a cross-validated C of
    /// 0.55 ± 0.10 over five seeds). A paper that reports DeepSurv with these defaults reports this.
    pub fn survivalmodels() -> DeepSurvParams {
        DeepSurvParams {
            dropout: 0.0,
            max_epochs: 1,
            early_stopping: None,
            ties: RiskSetTies::RowOrder,
            ..DeepSurvParams::tuned()
        }
    }

    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        for width in &self.hidden {
            at_least("hidden width", *width, 1)?;
        }
        let dropout = (0.0..1.0).contains(&self.dropout);
        within("dropout", self.dropout, dropout, "at least 0 and below 1")?;
        let l2 = self.l2 >= 0.0 && self.l2.is_finite();
        within("l2", self.l2, l2, "at least 0")?;
        self.optimiser.check()?;
        at_least("batch size", self.batch_size, 2)?;
        at_least("epochs", self.max_epochs, 1)?;
        match self.early_stopping {
            Some(stop) => {
                match stop.hold_out {
                    HoldOut::Share(share) => {
                        let ok = share > 0.0 && share < 1.0;
                        within("hold-out", share, ok, "between 0 and 1")?;
                    }
                    HoldOut::Folds(folds) => at_least("folds", folds, 2)?,
                }
                at_least("patience", stop.patience, 1)
            }
            None => Ok(()),
        }
    }

    /// Hidden layers and an output without bias: a constant leaves Cox's likelihood as it is.
    pub(crate) fn layers(&self) -> Vec<LayerSpec> {
        let hidden = self.hidden.iter().map(|&outputs| LayerSpec {
            outputs,
            activation: self.activation,
            init: self.init,
            bias: true,
            batch_norm: self.batch_norm,
            dropout: self.dropout,
            l2: self.l2,
        });
        let output = LayerSpec {
            outputs: 1,
            activation: Activation::Identity,
            init: Init::TorchLinear,
            bias: false,
            batch_norm: false,
            dropout: 0.0,
            l2: 0.0,
        };
        hidden.chain([output]).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn presets_are_legal_and_nonsense_is_not() {
        assert!(DeepSurvParams::tuned().check().is_ok());
        assert!(DeepSurvParams::survivalmodels().check().is_ok());
        let refused = |change: fn(&mut DeepSurvParams)| {
            let mut params = DeepSurvParams::tuned();
            change(&mut params);
            params.check().unwrap_err().to_string()
        };
        assert_eq!(
            refused(|p| p.dropout = 1.0),
            "dropout is 1, must be at least 0 and below 1"
        );
        assert_eq!(
            refused(|p| p.hidden[1] = 0),
            "hidden width is 0, must be at least 1"
        );
        assert_eq!(
            refused(|p| p.batch_size = 1),
            "batch size is 1, must be at least 2"
        );
        refused(|p| p.early_stopping.as_mut().unwrap().hold_out = HoldOut::Share(f64::NAN));
        refused(|p| p.early_stopping.as_mut().unwrap().hold_out = HoldOut::Folds(1));
        assert!(DeepSurvParams::pycox().check().is_ok());
        refused(|p| p.l2 = f64::INFINITY);
    }
}
