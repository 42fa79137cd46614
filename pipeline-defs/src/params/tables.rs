//! Parameters of the steps between features and learners.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OutOfRange, Params, shown, within};

/// Parameters of `follow-up`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowUpParams {
    /// The column of times.
    pub time: String,
    /// The column of events: 1 or 0.
    pub event: String,
    /// The unit of the times; 1 year = 12 months = 365.25 days.
    pub unit: TimeUnit,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Days.
    Days,
    /// Months of 365.25 / 12 days.
    Months,
    /// Years of 365.25 days.
    Years,
}

impl FollowUpParams {
    /// Disease-free survival in months.
    pub fn dfs() -> FollowUpParams {
        FollowUpParams {
            time: "dfs_months".into(),
            event: "dfs_event".into(),
            unit: TimeUnit::Months,
        }
    }

    /// Overall survival in months.
    pub fn os() -> FollowUpParams {
        FollowUpParams {
            time: "os_months".into(),
            event: "os_event".into(),
            unit: TimeUnit::Months,
        }
    }
}

impl Params for FollowUpParams {
    const KINDS: &'static [&'static str] = &["follow-up"];
    fn presets() -> Vec<(&'static str, FollowUpParams)> {
        vec![("dfs", FollowUpParams::dfs()), ("os", FollowUpParams::os())]
    }
}

/// Parameters of `eligible`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EligibleParams {
    /// The endpoint as exclusions name it.
    pub endpoint: Option<String>,
    /// The sites whose patients are asked; those of others are nobody's exclusion. None for all.
    #[serde(default)]
    pub sites: Option<Vec<String>>,
}

impl Params for EligibleParams {
    const KINDS: &'static [&'static str] = &["eligible"];
    fn presets() -> Vec<(&'static str, EligibleParams)> {
        let all = EligibleParams {
            endpoint: None,
            sites: None,
        };
        vec![("house", all)]
    }
}

/// Parameters of `make-splits`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitParams {
    /// Which split: `{ axis = "split" }`.
    pub scheme: Option<SplitParamsScheme>,
}

/// One value of a split axis with what it takes to make it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitParamsScheme {
    /// The axis value: `r1f1`, `external`, `f1`, `i1`.
    pub name: String,
    /// Repeat, from 1; none for `external` and given folds.
    pub repeat: Option<u32>,
    /// Fold, from 1; none for `external`.
    pub fold: Option<u32>,
    /// Folds per repeat; 0 for none.
    pub kfold: u32,
    /// Repeats.
    pub repeats: u32,
    /// The site that is held out whole; its patients are in no fold.
    pub external: Option<String>,
    /// What the folds are balanced for: `event`, `site`.
    pub stratify: Vec<String>,
    /// Seed of the folds.
    pub seed: u64,
    /// The folds are given at the port `folds`.
    pub given: bool,
}

impl Params for SplitParams {
    const KINDS: &'static [&'static str] = &["make-splits"];
    fn presets() -> Vec<(&'static str, SplitParams)> {
        vec![("none", SplitParams { scheme: None })]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            self.scheme.is_some(),
            "scheme",
            "not set",
            "{ axis = \"…\" } of a split axis",
        )
    }
}

/// Parameters of `fit-impute`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImputeParams {
    /// What replaces a missing number; a missing category is replaced by the mode.
    pub strategy: Strategy,
    /// A feature undefined in a larger fraction of the training rows is dropped, at least 0 and below 1. Source: 0.05.
    pub max_undefined: f64,
    /// Drops columns with one value in all training rows, such as a stage that only another centre has: a regression has no
    /// coefficient for them.
    #[serde(default)]
    pub drop_constant: bool,
}

/// What replaces a missing number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// The median of the training rows.
    Median,
    /// The mean of the training rows.
    Mean,
}

impl Params for ImputeParams {
    const KINDS: &'static [&'static str] = &["fit-impute"];
    fn presets() -> Vec<(&'static str, ImputeParams)> {
        vec![(
            "house",
            ImputeParams {
                strategy: Strategy::Median,
                max_undefined: 0.05,
                drop_constant: false,
            },
        )]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        let fraction = 0.0 <= self.max_undefined && self.max_undefined < 1.0;
        within(
            fraction,
            "max_undefined",
            self.max_undefined,
            "at least 0 and below 1",
        )
    }
}

/// Parameters of `fit-standardise`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StandardiseParams {
    /// What is subtracted.
    pub centre: Centre,
    /// What divides; a feature that does not vary is dropped.
    pub scale: Scale,
}

/// Location of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Centre {
    /// Mean.
    Mean,
}

/// Scale of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Standard deviation with n − 1.
    Sd,
}

impl Params for StandardiseParams {
    const KINDS: &'static [&'static str] = &["fit-standardise"];
    fn presets() -> Vec<(&'static str, StandardiseParams)> {
        vec![(
            "z-score",
            StandardiseParams {
                centre: Centre::Mean,
                scale: Scale::Sd,
            },
        )]
    }
}

/// Parameters of `fit-selection`: what is redundant goes first, then what carries no prognosis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SelectionParams {
    /// Drops one of each pair of features that say the same; `"none"` to keep all.
    pub spearman: Option<Spearman>,
    /// Keeps what the L1-penalised Cox model keeps; `"none"` to keep all.
    pub lasso: Option<Lasso>,
    /// Fewer coefficients than this at the λ chosen: λ goes down the path until so many are not zero, and the model says so;
    /// 0 to 1000. 0 takes λ as it is, and an empty selection is a null model.
    #[serde(default)]
    pub at_least: u32,
}

/// Parameters of the correlation filter, also those of `spearman-filter`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spearman {
    /// Features with |ρ| above this are redundant, 0 to 1. Source: 0.8, the paper.
    pub threshold: f64,
    /// Which one of a pair stays.
    pub rule: SpearmanRule,
}

/// Which one of two redundant features stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SpearmanRule {
    /// The one with the better concordance on the training rows.
    UnivariableC,
    /// The first in the table.
    First,
    /// caret's `findCorrelation(exact = TRUE)`: means of |ρ| anew after every one that goes.
    FindCorrelation,
    /// caret's `findCorrelation(exact = FALSE)`: means of |ρ| once, over all.
    FindCorrelationFast,
    /// Of the most correlated pair left, the one with the smaller mean |ρ|; again until none is left.
    MaxPair,
    /// The medoid of each complete-linkage cluster of 1 − |ρ|.
    ClusterMedoid,
}

/// Parameters of the L1-penalised Cox model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lasso {
    /// Mixing of L1 and L2, above 0 to 1; 1 is the lasso. Source: glmnet.
    pub alpha: f64,
    /// Length of the path of λ, 2 to 10000. Source: glmnet, 100.
    pub n_lambda: u32,
    /// Smallest λ as a fraction of the largest; none for glmnet's 0.0001 when n > p, else 0.01.
    pub lambda_min_ratio: Option<f64>,
    /// Which λ is chosen by cross-validation.
    pub choose: LassoChoice,
    /// Folds of the cross-validation, 3 to 1000. Source: glmnet, 10.
    pub folds: u32,
}

/// Which λ is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LassoChoice {
    /// The one with the smallest mean deviance.
    #[serde(rename = "min")]
    Min,
    /// The largest within one standard error of it.
    #[serde(rename = "1se")]
    OneSe,
}

impl Spearman {
    /// |ρ| above 0.8; the more prognostic one stays.
    pub fn paper() -> Spearman {
        Spearman {
            threshold: 0.8,
            rule: SpearmanRule::UnivariableC,
        }
    }
}

impl Lasso {
    /// glmnet's defaults with `lambda.min`.
    pub fn glmnet() -> Lasso {
        Lasso {
            alpha: 1.0,
            n_lambda: 100,
            lambda_min_ratio: None,
            choose: LassoChoice::Min,
            folds: 10,
        }
    }

    pub(super) fn check(&self) -> Result<(), OutOfRange> {
        within(
            0.0 < self.alpha && self.alpha <= 1.0,
            "alpha",
            self.alpha,
            "above 0, at most 1",
        )?;
        within(
            (2..=10_000).contains(&self.n_lambda),
            "n_lambda",
            self.n_lambda,
            "from 2 to 10000",
        )?;
        let ratio = self.lambda_min_ratio.is_none_or(|r| 0.0 < r && r < 1.0);
        within(
            ratio,
            "lambda_min_ratio",
            shown(self.lambda_min_ratio),
            "between 0 and 1",
        )?;
        within(
            (3..=1000).contains(&self.folds),
            "folds",
            self.folds,
            "from 3 to 1000",
        )
    }
}

impl Params for Spearman {
    const KINDS: &'static [&'static str] = &["spearman-filter"];
    fn presets() -> Vec<(&'static str, Spearman)> {
        vec![("paper", Spearman::paper())]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            0.0 <= self.threshold && self.threshold <= 1.0,
            "threshold",
            self.threshold,
            "from 0 to 1",
        )
    }
}

impl Params for SelectionParams {
    const KINDS: &'static [&'static str] = &["fit-selection"];
    fn presets() -> Vec<(&'static str, SelectionParams)> {
        vec![(
            "paper",
            SelectionParams {
                spearman: Some(Spearman::paper()),
                lasso: Some(Lasso::glmnet()),
                at_least: 0,
            },
        )]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        self.spearman.as_ref().map_or(Ok(()), Params::check)?;
        within(
            self.at_least <= 1000,
            "at_least",
            f64::from(self.at_least),
            "from 0 to 1000",
        )?;
        self.lasso.as_ref().map_or(Ok(()), Lasso::check)
    }
}
