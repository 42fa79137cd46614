//! Parameters of the survival support vector machine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::boosting::{count, positive};
use super::tune::{self, Tune};
use super::{OutOfRange, Params, within};

/// Parameters of `fit-svm`, named as in scikit-survival's `FastSurvivalSVM` and `FastKernelSurvivalSVM`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SvmParams {
    /// What is minimised.
    pub loss: SvmLoss,
    /// Weight of the loss against ½ w′w, above 0. Source: scikit-survival, 1.
    pub alpha: f64,
    /// Share of the ranking loss: 1 ranks, 0 regresses log time, between is hybrid. Source: scikit-survival, 1.
    pub rank_ratio: f64,
    /// With `vanbelle1`: largest weight of a pair, above 0. Source: survivalsvm, 1.
    pub gamma_mu: f64,
    /// The space of the scores. All but `linear` keep training rows in the model.
    pub kernel: Kernel,
    /// With `rbf` and `poly`: γ, above 0; none for 1 / features. Source: scikit-survival.
    pub gamma: Option<f64>,
    /// With `poly`: degree, 1 to 10. Source: scikit-survival, 3.
    pub degree: u32,
    /// With `poly`: constant, ≥ 0. Source: scikit-survival, 1.
    pub coef0: f64,
    /// How features are scaled before anything else.
    pub scaling: Scaling,
    /// Who of two patients with the same time is the longer.
    pub ties: TiedTimes,
    /// Most iterations, ≥ 1. Source: 200 Newton steps, which are far more than it needs.
    pub max_iter: u32,
    /// Chooses settings inside the training rows.
    #[serde(default)]
    pub tune: Option<Tune>,
}

/// What the machine minimises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SvmLoss {
    /// Squared hinge over all comparable pairs, squared error of log time, or both.
    Fast,
    /// Hinge over one neighbour of each patient, as R's survivalsvm.
    Vanbelle1,
}

/// An inner product of two patients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kernel {
    /// x′y.
    Linear,
    /// exp(−γ‖x − y‖²).
    Rbf,
    /// (γ x′y + c)^d.
    #[serde(alias = "polynomial")]
    Poly,
    /// Mean over features of 1 − |x − y| / range (Daemen and De Moor 2009).
    Clinical,
}

/// How features are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scaling {
    /// Not at all.
    None,
    /// By the SD with n, as scikit-learn.
    PopulationSd,
    /// By the SD with n − 1, as R.
    SampleSd,
}

/// Who of two patients with the same time is the longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TiedTimes {
    /// Drawn from the seed, as scikit-survival.
    Random,
    /// The later row.
    RowOrder,
}

impl SvmParams {
    /// scikit-survival's `FastSurvivalSVM` behind a `StandardScaler`.
    pub fn sksurv() -> SvmParams {
        SvmParams {
            loss: SvmLoss::Fast,
            alpha: 1.0,
            rank_ratio: 1.0,
            gamma_mu: 1.0,
            kernel: Kernel::Linear,
            gamma: None,
            degree: 3,
            coef0: 1.0,
            scaling: Scaling::PopulationSd,
            ties: TiedTimes::Random,
            max_iter: 200,
            tune: None,
        }
    }

    /// R's survivalsvm, `type = "vanbelle1"`.
    pub fn vanbelle1() -> SvmParams {
        SvmParams {
            loss: SvmLoss::Vanbelle1,
            scaling: Scaling::SampleSd,
            max_iter: 100_000,
            ..SvmParams::sksurv()
        }
    }
}

impl Params for SvmParams {
    const KINDS: &'static [&'static str] = &["fit-svm"];
    fn presets() -> Vec<(&'static str, SvmParams)> {
        vec![
            ("sksurv", SvmParams::sksurv()),
            ("vanbelle1", SvmParams::vanbelle1()),
        ]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        positive("alpha", self.alpha)?;
        within(
            (0.0..=1.0).contains(&self.rank_ratio),
            "rank_ratio",
            self.rank_ratio,
            "from 0 to 1",
        )?;
        positive("gamma_mu", self.gamma_mu)?;
        self.gamma
            .map_or(Ok(()), |gamma| positive("gamma", gamma))?;
        count("degree", self.degree, 1, 10, "from 1 to 10")?;
        within(
            self.coef0.is_finite() && self.coef0 >= 0.0,
            "coef0",
            self.coef0,
            "at least 0",
        )?;
        count("max_iter", self.max_iter, 1, u32::MAX, "at least 1")?;
        tune::check(self.tune.as_ref())
    }
}
