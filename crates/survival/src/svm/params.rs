//! Parameters of the survival support vector machine.

use crate::settings::{SettingsError, at_least, not_negative, positive, within};

/// What is minimised, in which space. Start from a named preset and write every change at the call site.
#[derive(Debug, Clone, PartialEq)]
pub struct SvmParams {
    /// The loss and its weight.
    pub loss: SvmLoss,
    /// The space of the scores.
    pub kernel: SvmKernel,
    /// How columns are scaled before anything else.
    pub scaling: SvmScaling,
    /// Most iterations, at least 1: Newton steps, or passes over the pairs with [`SvmLoss::NeighbourHinge`].
    pub max_iterations: usize,
}

/// The loss of the scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SvmLoss {
    /// Squared hinge over all comparable pairs, squared error of log time, or both (scikit-survival's
    /// `FastSurvivalSVM` and `FastKernelSurvivalSVM`).
    SquaredHinge {
        /// Weight α of the loss against ½ wᵀw, above 0 (`alpha`).
        alpha: f64,
        /// Share of the ranking loss, 0 to 1: 1 ranks, 0 regresses log time, between is hybrid (`rank_ratio`).
        rank_ratio: f64,
        /// Who of two patients with the same time is the longer.
        ties: TiedTimes,
    },
    /// Hinge over one neighbour of each patient: the last event before it in time (survivalsvm's `vanbelle1` with
    /// `makediff3`).
    NeighbourHinge {
        /// Largest dual weight γ of a pair, above 0 (`gamma.mu`).
        gamma: f64,
    },
}

/// Who of two patients with the same time is taken for the longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TiedTimes {
    /// An order drawn from the fit's seed, as scikit-survival draws it from `random_state`.
    Random,
    /// The order of the rows: the later row is the longer.
    RowOrder,
}

/// The inner product of two patients x and y.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SvmKernel {
    /// xᵀy; the model is a vector of coefficients and holds no training row.
    Linear,
    /// exp( −γ ‖x − y‖² ).
    Rbf {
        /// γ, above 0; `None` is 1 / features.
        gamma: Option<f64>,
    },
    /// ( γ xᵀy + c )^d.
    Polynomial {
        /// d, 1 to 10.
        degree: u32,
        /// γ, above 0; `None` is 1 / features.
        gamma: Option<f64>,
        /// c, at least 0.
        coef0: f64,
    },
    /// Mean over the columns of 1 − |x_j − y_j| / range_j, the range being that of training (Daemen and De Moor 2009).
    /// A column of two levels is compared for equality, which is their rule for nominal ones: give those of more levels
    /// as indicator columns.
    Clinical,
}

/// How columns are scaled before anything else; a constant column is centred only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SvmScaling {
    /// Not at all.
    None,
    /// By mean and standard deviation with n, as scikit-learn's `StandardScaler`.
    PopulationSd,
    /// By mean and standard deviation with n − 1, as R's `scale`.
    SampleSd,
}

impl SvmParams {
    /// scikit-survival's `FastSurvivalSVM` with its defaults (α = 1, ranking) behind a `StandardScaler`.
    pub fn sksurv() -> SvmParams {
        SvmParams {
            loss: SvmLoss::SquaredHinge {
                alpha: 1.0,
                rank_ratio: 1.0,
                ties: TiedTimes::Random,
            },
            kernel: SvmKernel::Linear,
            scaling: SvmScaling::PopulationSd,
            max_iterations: 200,
        }
    }

    /// R survivalsvm's `type = "vanbelle1", diff.meth = "makediff3", gamma.mu = 1` behind `scale`.
    pub fn vanbelle1() -> SvmParams {
        SvmParams {
            loss: SvmLoss::NeighbourHinge { gamma: 1.0 },
            kernel: SvmKernel::Linear,
            scaling: SvmScaling::SampleSd,
            max_iterations: 100_000,
        }
    }

    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        match self.loss {
            SvmLoss::SquaredHinge {
                alpha, rank_ratio, ..
            } => {
                positive("alpha", alpha)?;
                let inside = (0.0..=1.0).contains(&rank_ratio);
                within("rank_ratio", rank_ratio, inside, "from 0 to 1")?;
            }
            SvmLoss::NeighbourHinge { gamma } => positive("gamma of the loss", gamma)?,
        }
        match self.kernel {
            SvmKernel::Rbf { gamma: Some(gamma) } => positive("gamma of the kernel", gamma)?,
            SvmKernel::Polynomial {
                degree,
                gamma,
                coef0,
            } => {
                at_least("degree", degree as usize, 1)?;
                within("degree", f64::from(degree), degree <= 10, "at most 10")?;
                not_negative("coef0", coef0)?;
                if let Some(gamma) = gamma {
                    positive("gamma of the kernel", gamma)?;
                }
            }
            _ => {}
        }
        at_least("max_iterations", self.max_iterations, 1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn presets_are_legal_and_nonsense_is_named() {
        assert!(SvmParams::sksurv().check().is_ok());
        assert!(SvmParams::vanbelle1().check().is_ok());
        let loss = SvmLoss::SquaredHinge {
            alpha: 1.0,
            rank_ratio: 1.5,
            ties: TiedTimes::Random,
        };
        let params = SvmParams {
            loss,
            ..SvmParams::sksurv()
        };
        assert_eq!(
            params.check().unwrap_err().to_string(),
            "rank_ratio is 1.5, must be from 0 to 1"
        );
        let kernel = SvmKernel::Rbf { gamma: Some(0.0) };
        let params = SvmParams {
            kernel,
            ..SvmParams::sksurv()
        };
        assert_eq!(
            params.check().unwrap_err().to_string(),
            "gamma of the kernel is 0, must be above 0"
        );
    }
}
