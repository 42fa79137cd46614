//! Parameters of boosted trees, named as in their reference libraries.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::tune::{self, Tune};
use super::{OutOfRange, Params, ParamsError, within};

/// Parameters of `fit-gbm`. Names are those of R's `gbm`; scikit-survival's `n_estimators`, `learning_rate` and `subsample`
/// are understood too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GbmParams {
    /// How a tree is grown and what its leaves hold.
    pub method: GbmMethod,
    /// Trees, 1 to 1000000. Source: both, 100.
    pub n_trees: u32,
    /// Share of each tree's step that is taken, above 0 to 1. Source: both, 0.1.
    pub shrinkage: f64,
    /// Rows of each tree as a share of the training rows, above 0 to 1. Source: gbm 0.5, scikit-survival 1.
    pub bag_fraction: f64,
    /// With `gbm`: cuts of a tree, 1 to 256. Source: 3.
    pub interaction_depth: u32,
    /// With `gbm`: fewest rows in a leaf, ≥ 1. Source: gbm, 10.
    pub n_minobsinnode: u32,
    /// With `sksurv`: depth of a tree, ≥ 1. Source: scikit-survival, 3.
    pub max_depth: u32,
    /// With `sksurv`: fewest rows in a node that is cut, ≥ 2. Source: scikit-survival, 2.
    pub min_samples_split: u32,
    /// With `sksurv`: fewest rows in a leaf, ≥ 1. Source: scikit-survival, 1.
    pub min_samples_leaf: u32,
    /// Which of the trees are kept.
    pub best_iteration: BestIteration,
    /// With `best_iteration = "cv"`: folds, 2 to 1000. Source: 5.
    pub cv_folds: u32,
    /// Chooses settings inside the training rows.
    #[serde(default)]
    pub tune: Option<Tune>,
}

/// How a tree is grown and what its leaves hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GbmMethod {
    /// R's gbm: best cut first, a joint Newton step of all leaves.
    Gbm,
    /// scikit-survival: by depth, leaves are means of the gradient.
    Sksurv,
}

/// Which trees are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BestIteration {
    /// All.
    All,
    /// As many as improve the likelihood of rows outside the bag.
    Oob,
    /// As many as cross-validation inside the training rows favours.
    Cv,
}

impl GbmParams {
    /// R's `gbm`.
    pub fn gbm() -> GbmParams {
        GbmParams {
            method: GbmMethod::Gbm,
            n_trees: 100,
            shrinkage: 0.1,
            bag_fraction: 0.5,
            interaction_depth: 3,
            n_minobsinnode: 10,
            max_depth: 3,
            min_samples_split: 2,
            min_samples_leaf: 1,
            best_iteration: BestIteration::All,
            cv_folds: 5,
            tune: None,
        }
    }

    /// scikit-survival's `GradientBoostingSurvivalAnalysis`.
    pub fn sksurv() -> GbmParams {
        GbmParams {
            method: GbmMethod::Sksurv,
            bag_fraction: 1.0,
            ..GbmParams::gbm()
        }
    }
}

impl Params for GbmParams {
    const KINDS: &'static [&'static str] = &["fit-gbm"];
    fn presets() -> Vec<(&'static str, GbmParams)> {
        vec![("gbm", GbmParams::gbm()), ("sksurv", GbmParams::sksurv())]
    }
    fn gather(set: Map<String, Value>) -> Result<Map<String, Value>, ParamsError> {
        Ok(renamed(
            set,
            &[
                ("n_estimators", "n_trees"),
                ("learning_rate", "shrinkage"),
                ("subsample", "bag_fraction"),
            ],
        ))
    }
    fn check(&self) -> Result<(), OutOfRange> {
        count("n_trees", self.n_trees, 1, 1_000_000, "from 1 to 1000000")?;
        share("shrinkage", self.shrinkage)?;
        share("bag_fraction", self.bag_fraction)?;
        count(
            "interaction_depth",
            self.interaction_depth,
            1,
            256,
            "from 1 to 256",
        )?;
        count(
            "n_minobsinnode",
            self.n_minobsinnode,
            1,
            u32::MAX,
            "at least 1",
        )?;
        count("max_depth", self.max_depth, 1, u32::MAX, "at least 1")?;
        count(
            "min_samples_split",
            self.min_samples_split,
            2,
            u32::MAX,
            "at least 2",
        )?;
        count(
            "min_samples_leaf",
            self.min_samples_leaf,
            1,
            u32::MAX,
            "at least 1",
        )?;
        count("cv_folds", self.cv_folds, 2, 1000, "from 2 to 1000")?;
        within(
            self.best_iteration != BestIteration::Oob || self.bag_fraction < 1.0,
            "best_iteration",
            "oob",
            "all or cv where bag_fraction is 1: no row is outside the bag",
        )?;
        tune::check(self.tune.as_ref())
    }
}

/// Parameters of `fit-xgboost`, named as XGBoost names them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct XgboostParams {
    /// What is minimised.
    pub objective: XgboostObjective,
    /// With `survival:aft`: distribution of the noise in log time. Source: XGBoost, normal.
    pub aft_loss_distribution: AftDistribution,
    /// With `survival:aft`: its scale, above 0. Source: XGBoost, 1.
    pub aft_loss_distribution_scale: f64,
    /// Which cuts are tried.
    pub tree_method: TreeMethod,
    /// With `hist`: most bins a feature has, 2 to 65535. Source: XGBoost, 256.
    pub max_bin: u32,
    /// Trees, 1 to 1000000. Source: 100.
    pub num_boost_round: u32,
    /// Share of each step that is taken, above 0 to 1. Source: XGBoost, 0.3.
    pub eta: f64,
    /// Depth of a tree, 1 to 30. Source: XGBoost, 6.
    pub max_depth: u32,
    /// Smallest sum of second derivatives in a child, ≥ 0. Source: XGBoost, 1.
    pub min_child_weight: f64,
    /// Ridge penalty on leaves, ≥ 0. Source: XGBoost, 1.
    pub lambda: f64,
    /// Lasso penalty on leaves, ≥ 0. Source: XGBoost, 0.
    pub alpha: f64,
    /// Smallest gain of a cut, ≥ 0. Source: XGBoost, 0.
    pub gamma: f64,
    /// Rows of each tree as a share of the training rows, above 0 to 1. Source: XGBoost, 1.
    pub subsample: f64,
    /// Features of a tree as a share, above 0 to 1. Source: XGBoost, 1.
    pub colsample_bytree: f64,
    /// Share of those for a level, above 0 to 1. Source: XGBoost, 1.
    pub colsample_bylevel: f64,
    /// Share of those for a node, above 0 to 1. Source: XGBoost, 1.
    pub colsample_bynode: f64,
    /// Where boosting starts, on the scale of predictions, above 0; none for what XGBoost does.
    pub base_score: Option<f64>,
    /// Chooses settings inside the training rows.
    #[serde(default)]
    pub tune: Option<Tune>,
}

/// What XGBoost minimises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum XgboostObjective {
    /// Cox's partial likelihood.
    #[serde(rename = "survival:cox")]
    Cox,
    /// Accelerated failure time.
    #[serde(rename = "survival:aft")]
    Aft,
}

/// Distribution of the noise in log time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AftDistribution {
    /// Log-normal times.
    Normal,
    /// Log-logistic times.
    Logistic,
    /// Weibull times.
    Extreme,
}

/// Which cuts are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TreeMethod {
    /// Every cut between two values.
    Exact,
    /// Cuts at quantiles.
    Hist,
}

impl XgboostParams {
    /// XGBoost's defaults for `survival:cox`, 100 rounds.
    pub fn xgboost() -> XgboostParams {
        XgboostParams {
            objective: XgboostObjective::Cox,
            aft_loss_distribution: AftDistribution::Normal,
            aft_loss_distribution_scale: 1.0,
            tree_method: TreeMethod::Hist,
            max_bin: 256,
            num_boost_round: 100,
            eta: 0.3,
            max_depth: 6,
            min_child_weight: 1.0,
            lambda: 1.0,
            alpha: 0.0,
            gamma: 0.0,
            subsample: 1.0,
            colsample_bytree: 1.0,
            colsample_bylevel: 1.0,
            colsample_bynode: 1.0,
            base_score: None,
            tune: None,
        }
    }

    /// The same for `survival:aft`.
    pub fn aft() -> XgboostParams {
        XgboostParams {
            objective: XgboostObjective::Aft,
            ..XgboostParams::xgboost()
        }
    }
}

impl Params for XgboostParams {
    const KINDS: &'static [&'static str] = &["fit-xgboost"];
    fn presets() -> Vec<(&'static str, XgboostParams)> {
        vec![
            ("xgboost", XgboostParams::xgboost()),
            ("aft", XgboostParams::aft()),
        ]
    }
    fn gather(set: Map<String, Value>) -> Result<Map<String, Value>, ParamsError> {
        Ok(renamed(
            set,
            &[
                ("n_rounds", "num_boost_round"),
                ("n_estimators", "num_boost_round"),
                ("nrounds", "num_boost_round"),
                ("learning_rate", "eta"),
                ("reg_lambda", "lambda"),
                ("reg_alpha", "alpha"),
                ("min_split_loss", "gamma"),
            ],
        ))
    }
    fn check(&self) -> Result<(), OutOfRange> {
        positive(
            "aft_loss_distribution_scale",
            self.aft_loss_distribution_scale,
        )?;
        count("max_bin", self.max_bin, 2, 65_535, "from 2 to 65535")?;
        count(
            "num_boost_round",
            self.num_boost_round,
            1,
            1_000_000,
            "from 1 to 1000000",
        )?;
        share("eta", self.eta)?;
        count("max_depth", self.max_depth, 1, 30, "from 1 to 30")?;
        for (name, value) in [
            ("min_child_weight", self.min_child_weight),
            ("lambda", self.lambda),
            ("alpha", self.alpha),
            ("gamma", self.gamma),
        ] {
            within(value.is_finite() && value >= 0.0, name, value, "at least 0")?;
        }
        share("subsample", self.subsample)?;
        share("colsample_bytree", self.colsample_bytree)?;
        share("colsample_bylevel", self.colsample_bylevel)?;
        share("colsample_bynode", self.colsample_bynode)?;
        self.base_score
            .map_or(Ok(()), |v| positive("base_score", v))
    }
}

/// Brings another library's names into those of the structure; a name that is set both ways keeps its own.
pub(super) fn renamed(set: Map<String, Value>, names: &[(&str, &str)]) -> Map<String, Value> {
    let mut out = set.clone();
    for (from, to) in names {
        if let Some(value) = set.get(*from) {
            out.remove(*from);
            out.entry((*to).to_owned()).or_insert(value.clone());
        }
    }
    out
}

pub(super) fn count(
    name: &'static str,
    value: u32,
    least: u32,
    most: u32,
    limit: &'static str,
) -> Result<(), OutOfRange> {
    within((least..=most).contains(&value), name, value, limit)
}

pub(super) fn share(name: &'static str, value: f64) -> Result<(), OutOfRange> {
    within(
        value > 0.0 && value <= 1.0,
        name,
        value,
        "above 0, at most 1",
    )
}

pub(super) fn positive(name: &'static str, value: f64) -> Result<(), OutOfRange> {
    within(
        value.is_finite() && value > 0.0,
        name,
        value,
        "finite and above 0",
    )
}
