//! Parameters of the learners, named as in their reference libraries.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tables::{Lasso, LassoChoice};
use super::tune::{self, Tune};
use super::{OutOfRange, Params, within};

/// Parameters of `fit-cox`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoxParams {
    /// How tied event times enter the partial likelihood. Source: R's `survival`.
    pub ties: Ties,
}

/// Tied event times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Ties {
    /// Efron (1977).
    Efron,
    /// Breslow (1974).
    Breslow,
}

impl Params for CoxParams {
    const KINDS: &'static [&'static str] = &["fit-cox"];
    fn presets() -> Vec<(&'static str, CoxParams)> {
        vec![("r-survival", CoxParams { ties: Ties::Efron })]
    }
}

/// Parameters of `cox-regression`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoxRegressionParams {
    /// How tied event times enter the partial likelihood. Source: R's `survival`.
    pub ties: Ties,
    /// The column whose values have a baseline hazard each, `site` for the centre; `"none"` for one baseline.
    #[serde(default)]
    pub strata: Option<String>,
    /// The column of case weights, each at least 0; with it errors are of the sandwich kind. `"none"` for no weights.
    #[serde(default)]
    pub weights: Option<String>,
    /// The time with which the test of proportional hazards lets coefficients drift. Source: R's `cox.zph`.
    #[serde(default)]
    pub zph: ZphTransform,
}

/// The time g(t) with which coefficients may drift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ZphTransform {
    /// One minus Kaplan–Meier.
    #[default]
    Km,
    /// Time itself.
    Identity,
    /// Its rank.
    Rank,
}

impl Params for CoxRegressionParams {
    const KINDS: &'static [&'static str] = &["cox-regression"];
    fn presets() -> Vec<(&'static str, CoxRegressionParams)> {
        let r = CoxRegressionParams {
            ties: Ties::Efron,
            strata: None,
            weights: None,
            zph: ZphTransform::Km,
        };
        vec![("r-survival", r)]
    }
}

/// Parameters of `fit-rsf`: a random survival forest (Ishwaran et al., Ann Appl Stat 2008) as R's `ranger` grows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RsfParams {
    /// Trees, 1 to 100000. Source: ranger 500; careful 1000.
    pub num_trees: u32,
    /// Features tried at a split, ≥ 1; none for ⌈√p⌉, what ranger does. Source: ranger.
    pub mtry: Option<u32>,
    /// Fewest rows in a child of a split, drawn copies counted, ≥ 1. Source: ranger 3; careful 15.
    pub min_node_size: u32,
    /// Depth of a tree, ≥ 1; none for no limit. Source: ranger.
    pub max_depth: Option<u32>,
    /// Draws rows with replacement. Source: ranger.
    pub replace: bool,
    /// Rows drawn for a tree as a fraction of the training rows, above 0 to 1. Source: ranger, 1.
    pub sample_fraction: f64,
    /// How a split is judged.
    pub splitrule: SplitRule,
    /// Whose conventions: `ranger` tries ⌈√p⌉ features and sums the hazard over all times, `sksurv` ⌊√p⌋ and event times.
    #[serde(default = "ranger_convention")]
    pub convention: RsfConvention,
    /// Records what each feature adds, by shuffling it among rows outside the bag; dearer.
    #[serde(default)]
    pub importance: bool,
    /// Chooses settings inside the training rows.
    #[serde(default)]
    pub tune: Option<Tune>,
}

/// Whose conventions a forest follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RsfConvention {
    /// R's ranger.
    Ranger,
    /// scikit-survival.
    Sksurv,
}

fn ranger_convention() -> RsfConvention {
    RsfConvention::Ranger
}

/// How a split of a survival tree is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SplitRule {
    /// The log-rank statistic.
    Logrank,
}

impl RsfParams {
    /// 1000 trees with leaves that hold enough events to be estimated.
    pub fn careful() -> RsfParams {
        RsfParams {
            num_trees: 1000,
            min_node_size: 15,
            ..RsfParams::ranger_defaults()
        }
    }

    /// `ranger`'s own defaults for survival.
    pub fn ranger_defaults() -> RsfParams {
        RsfParams {
            num_trees: 500,
            mtry: None,
            min_node_size: 3,
            max_depth: None,
            replace: true,
            sample_fraction: 1.0,
            splitrule: SplitRule::Logrank,
            convention: RsfConvention::Ranger,
            importance: false,
            tune: None,
        }
    }

    /// scikit-survival's `RandomSurvivalForest`.
    pub fn sksurv() -> RsfParams {
        RsfParams {
            num_trees: 100,
            convention: RsfConvention::Sksurv,
            ..RsfParams::ranger_defaults()
        }
    }
}

impl Params for RsfParams {
    const KINDS: &'static [&'static str] = &["fit-rsf"];
    fn presets() -> Vec<(&'static str, RsfParams)> {
        vec![
            ("careful", RsfParams::careful()),
            ("ranger", RsfParams::ranger_defaults()),
            ("sksurv", RsfParams::sksurv()),
            ("randomForestSRC", RsfParams::careful()),
        ]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            (1..=100_000).contains(&self.num_trees),
            "num_trees",
            self.num_trees,
            "from 1 to 100000",
        )?;
        within(self.mtry != Some(0), "mtry", 0, "at least 1")?;
        within(
            self.min_node_size >= 1,
            "min_node_size",
            self.min_node_size,
            "at least 1",
        )?;
        within(self.max_depth != Some(0), "max_depth", 0, "at least 1")?;
        let fraction = 0.0 < self.sample_fraction && self.sample_fraction <= 1.0;
        within(
            fraction,
            "sample_fraction",
            self.sample_fraction,
            "above 0, at most 1",
        )?;
        tune::check(self.tune.as_ref())
    }
}

/// Parameters of `lasso-cox`, as in `glmnet` (Simon et al., J Stat Softw 2011).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LassoCoxParams {
    /// Mixing of L1 and L2, above 0 to 1; 1 is the lasso.
    pub alpha: f64,
    /// Length of the path of λ, 2 to 10000.
    pub n_lambda: u32,
    /// Smallest λ as a fraction of the largest; none for glmnet's 0.0001 when n > p, else 0.01.
    pub lambda_min_ratio: Option<f64>,
    /// Which λ the coefficients are for.
    pub choose: LassoChoice,
    /// Folds of the cross-validation when none are given, 3 to 1000.
    pub folds: u32,
    /// By what a λ is judged on held-out rows.
    #[serde(default)]
    pub measure: LassoMeasure,
    /// With `deviance`: that of all rows minus that of the training rows, instead of the held-out rows among themselves.
    #[serde(default = "yes")]
    pub grouped: bool,
    /// Divides each feature by its standard deviation before it is penalised; otherwise a feature's unit decides how much it is
    /// penalised. Source: glmnet, true.
    #[serde(default = "yes")]
    pub standardise: bool,
}

fn yes() -> bool {
    true
}

/// By what a λ is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LassoMeasure {
    /// Partial-likelihood deviance per event.
    #[default]
    Deviance,
    /// Harrell's C.
    C,
}

impl Params for LassoCoxParams {
    const KINDS: &'static [&'static str] = &["lasso-cox"];
    fn presets() -> Vec<(&'static str, LassoCoxParams)> {
        let Lasso {
            alpha,
            n_lambda,
            lambda_min_ratio,
            choose,
            folds,
        } = Lasso::glmnet();
        vec![(
            "glmnet",
            LassoCoxParams {
                alpha,
                n_lambda,
                lambda_min_ratio,
                choose,
                folds,
                measure: LassoMeasure::Deviance,
                grouped: true,
                standardise: true,
            },
        )]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        let &LassoCoxParams {
            alpha,
            n_lambda,
            lambda_min_ratio,
            choose,
            folds,
            ..
        } = self;
        Lasso {
            alpha,
            n_lambda,
            lambda_min_ratio,
            choose,
            folds,
        }
        .check()
    }
}

/// Parameters of `importance`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportanceParams {
    /// How often each feature is shuffled, 1 to 10000. Source: 20.
    pub repeats: u32,
}

impl Params for ImportanceParams {
    const KINDS: &'static [&'static str] = &["importance"];
    fn presets() -> Vec<(&'static str, ImportanceParams)> {
        vec![("house", ImportanceParams { repeats: 20 })]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            (1..=10_000).contains(&self.repeats),
            "repeats",
            self.repeats,
            "from 1 to 10000",
        )
    }
}
