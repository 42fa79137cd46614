//! Parameters of agreement between readings and of harmonisation between sites.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OutOfRange, Params, within};

/// Parameters of `icc`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IccParams {
    /// Which intraclass correlation (Shrout & Fleiss 1979). Source: two-way random readers, absolute agreement.
    pub form: IccForm,
    /// A feature is kept when its correlation is at least this, −1 to 1. Source: the paper, 0.75.
    pub threshold: f64,
    /// Confidence of the interval, above 0 and below 1. Source: 0.95.
    pub level: f64,
    /// What is held against the threshold: the estimate or the lower end of its interval. Source: the estimate.
    pub judged: IccJudged,
}

/// The six forms of the intraclass correlation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum IccForm {
    /// One-way: each patient has readers of their own.
    #[serde(rename = "icc1_1")]
    OneWay,
    /// Two-way random readers, absolute agreement.
    #[serde(rename = "icc2_1")]
    Agreement,
    /// Two-way fixed readers, consistency.
    #[serde(rename = "icc3_1")]
    Consistency,
    /// One-way, mean of the readings.
    #[serde(rename = "icc1_k")]
    OneWayMean,
    /// Absolute agreement of the mean of the readings.
    #[serde(rename = "icc2_k")]
    AgreementMean,
    /// Consistency of the mean of the readings.
    #[serde(rename = "icc3_k")]
    ConsistencyMean,
}

/// What is held against the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IccJudged {
    /// The estimate.
    Estimate,
    /// The lower end of its interval.
    Lower,
}

impl Params for IccParams {
    const KINDS: &'static [&'static str] = &["icc"];
    fn presets() -> Vec<(&'static str, IccParams)> {
        let paper = IccParams {
            form: IccForm::Agreement,
            threshold: 0.75,
            level: 0.95,
            judged: IccJudged::Estimate,
        };
        vec![("paper", paper)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            (-1.0..=1.0).contains(&self.threshold),
            "threshold",
            self.threshold,
            "from -1 to 1",
        )?;
        within(
            self.level > 0.0 && self.level < 1.0,
            "level",
            self.level,
            "above 0 and below 1",
        )
    }
}

/// Parameters of `combat` and `fit-combat` (Johnson, Li & Rabinovic 2007).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CombatParams {
    /// Shrinks site effects towards normal and inverse-gamma priors; otherwise towards the other features' effects. Source:
    /// sva, true.
    pub parametric: bool,
    /// Shrinks nothing: location and scale of each site as estimated. Source: sva's `eb`, false.
    pub no_prior: bool,
    /// Shifts only; scales stay. Source: sva, false.
    pub mean_only: bool,
    /// The site whose features stay as they are and to which the others are brought; none for the mean of all. Source: none.
    pub reference: Option<String>,
    /// What divides the rows: the table's `site`, or a column of `covariates`. Source: site.
    pub batch: String,
}

impl Params for CombatParams {
    const KINDS: &'static [&'static str] = &["combat", "fit-combat"];
    fn presets() -> Vec<(&'static str, CombatParams)> {
        let sva = CombatParams {
            parametric: true,
            no_prior: false,
            mean_only: false,
            reference: None,
            batch: "site".to_owned(),
        };
        vec![("sva", sva)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(!self.batch.is_empty(), "batch", "\"\"", "a column's name")?;
        within(
            self.parametric || !self.no_prior,
            "no_prior",
            self.no_prior,
            "false where `parametric` is false",
        )
    }
}

/// Parameters of `apply-combat` and `adapt-combat`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyCombatParams {
    /// What divides the rows: the table's `site`, or a column of `covariates`. Source: site.
    pub batch: String,
}

impl Params for ApplyCombatParams {
    const KINDS: &'static [&'static str] = &["apply-combat", "adapt-combat"];
    fn presets() -> Vec<(&'static str, ApplyCombatParams)> {
        let site = ApplyCombatParams {
            batch: "site".to_owned(),
        };
        vec![("site", site)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(!self.batch.is_empty(), "batch", "\"\"", "a column's name")
    }
}
