//! How good one set of predictions is: canonical JSON, a value with its interval or the reason why there is none.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A measure of one set of patients.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Measure {
    /// The value; absent where there is a reason.
    pub value: Option<f64>,
    /// Lower end of its interval.
    pub lower: Option<f64>,
    /// Upper end of its interval.
    pub upper: Option<f64>,
    /// Patients.
    pub n: u64,
    /// Events that the measure can see: beside a horizon those by the horizon.
    pub n_events: u64,
    /// Why there is no value, or no interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// All measures of one set of predictions. Horizons are keys as numbers are written: `12`.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Metrics {
    /// Which rows were predicted: `test` or `train`.
    pub rows: String,
    /// Whose censoring distribution weighs Uno's index, the Brier scores and their integral: `train` or `evaluated`.
    #[serde(default)]
    pub weights: String,
    /// Where Uno's index stops looking: events from this time on are not its cases.
    #[serde(default)]
    pub tau: Option<f64>,
    /// The horizons in their order: the keys of the maps below are sorted as text.
    #[serde(default)]
    pub horizons: Vec<f64>,
    /// Patients of the follow-up who have no risk.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_followup_left_aside: u64,
    /// All risks are equal, as those of a model without features are: the ranking measures say nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub null_model: bool,
    /// Harrell's index.
    pub harrell_c: Measure,
    /// Uno's index of events before `tau`; none where the set does not support `tau`.
    pub uno_c: Measure,
    /// Cumulative/dynamic AUC by horizon; none where the set has too few cases or controls.
    pub auc: BTreeMap<String, Measure>,
    /// Unweighted mean of the AUCs over the horizons that this set supports.
    pub composite_auc: Measure,
    /// Brier score by horizon.
    pub brier: BTreeMap<String, Measure>,
    /// Brier score integrated over the horizons.
    pub ibs: Measure,
    /// Training and evaluated rows together, which say once for all folds what a horizon supports; absent when the
    /// training rows are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<WholeSet>,
    /// The evaluated rows alone, judged by what the whole set supports: what a mean over folds is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<FoldValues>,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Training and evaluated rows together. Nothing here is a value of the model.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct WholeSet {
    /// Patients of both.
    pub n: u64,
    /// Events among them.
    pub n_events: u64,
    /// Training rows.
    pub n_train: u64,
    /// What they support, by horizon.
    pub horizons: BTreeMap<String, Support>,
}

/// What a set of patients says about a horizon.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Support {
    /// Events by the horizon.
    pub n_events: u64,
    /// Why the set supports no value there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Values of the evaluated rows where the whole set supports them, however few rows these are.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct FoldValues {
    /// AUC by horizon; none without a case or a control among the rows.
    pub auc: BTreeMap<String, Option<f64>>,
    /// Uno's index of events before `tau`.
    pub uno_c: Option<f64>,
}
