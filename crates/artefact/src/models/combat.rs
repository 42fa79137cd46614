//! ComBat's frozen estimates.

use serde::{Deserialize, Serialize};

use super::StoredModel;

/// What was learned about sites, without any patient's row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CombatModel {
    /// How effects are shrunk: `parametric`, `non-parametric` or `none`.
    pub prior: String,
    /// Shifts only.
    pub mean_only: bool,
    /// The site whose features stay as they are.
    pub reference: Option<String>,
    /// Harmonised features, in order.
    pub features: Vec<String>,
    /// Features with one value within some site: passed through.
    pub unchanged: Vec<String>,
    /// Location of each feature.
    pub location: Vec<f64>,
    /// Standard deviation of each feature.
    pub std_dev: Vec<f64>,
    /// Names of the covariates that are kept.
    pub covariates: Vec<String>,
    /// Their training means.
    pub covariate_means: Vec<f64>,
    /// Their effects: a row a covariate, a column a feature.
    pub covariate_effects: Vec<Vec<f64>>,
    /// Effects of each site.
    pub sites: Vec<CombatSite>,
}

/// Effects of one site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CombatSite {
    /// Its name.
    pub site: String,
    /// Its patients.
    pub n_patients: u64,
    /// Shift of each feature, in standard deviations.
    pub shift: Vec<f64>,
    /// Ratio of variances of each feature.
    pub scale: Vec<f64>,
    /// What else is to be known about them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl StoredModel for CombatModel {
    const NAME: &'static str = "combat";
}
