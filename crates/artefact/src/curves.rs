//! The curves of one set of predictions: canonical JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// All curves of one set.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Curves {
    /// ROC curves by horizon; a horizon without cases or controls has none.
    pub roc: BTreeMap<String, Roc>,
    /// Survival by risk group.
    pub km: RiskGroups,
}

/// One ROC curve, from (0, 0) to (1, 1).
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Roc {
    /// 1 − specificity.
    pub false_positive: Vec<f64>,
    /// Sensitivity.
    pub true_positive: Vec<f64>,
}

/// Survival of patients above and below a risk.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct RiskGroups {
    /// The risk above which a patient is in the group `high`.
    pub cut: f64,
    /// Whose median it is: `train` or `evaluated`.
    pub cut_from: String,
    /// The groups, lowest risk first.
    pub groups: Vec<Group>,
    /// The log-rank test of the groups; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_rank: Option<LogRank>,
}

/// Kaplan–Meier curve of a group; one entry a distinct time.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Group {
    /// `low` or `high`.
    pub group: String,
    /// Patients.
    pub n: u64,
    /// Events among them.
    pub n_events: u64,
    /// Distinct times.
    pub time: Vec<f64>,
    /// Survival from each of them on.
    pub survival: Vec<f64>,
    /// Lower limit (log-log, 95 %); undefined where survival is 0 or 1.
    pub lower: Vec<Option<f64>>,
    /// Upper limit.
    pub upper: Vec<Option<f64>>,
    /// At risk just before each time.
    pub n_risk: Vec<u64>,
    /// Censored at each time.
    pub n_censored: Vec<u64>,
}

/// A log-rank test.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct LogRank {
    /// Statistic.
    pub chi_square: f64,
    /// Degrees of freedom.
    pub df: u64,
    /// Upper tail.
    pub p: f64,
}
