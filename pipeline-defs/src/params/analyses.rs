//! Parameters of analyses that stand for themselves: survival curves, competing risks, doses, stability, two AUCs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::evaluation::AucConvention;
use super::{OutOfRange, Params, rising, shown, within};

/// Parameters of `kaplan-meier`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KaplanMeierParams {
    /// The column that divides patients, `site` for their centre; `"none"` for one curve.
    pub group: Option<String>,
    /// Divides `group`, a column of numbers: above this, and not above it; `"none"` for a group per value.
    pub cut: Option<f64>,
    /// Times at which survival is told, in the unit of the follow-up (months in a study), rising from above 0. Source: the
    /// paper.
    pub horizons: Vec<f64>,
    /// Confidence of the intervals, above 0 and below 1. Source: 0.95.
    pub level: f64,
}

impl Params for KaplanMeierParams {
    const KINDS: &'static [&'static str] = &["kaplan-meier"];
    fn presets() -> Vec<(&'static str, KaplanMeierParams)> {
        let paper = KaplanMeierParams {
            group: None,
            cut: None,
            horizons: vec![12.0, 36.0, 60.0],
            level: 0.95,
        };
        vec![("paper", paper)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            self.cut.is_none_or(f64::is_finite),
            "cut",
            shown(self.cut),
            "a finite number",
        )?;
        level(self.level)?;
        rising("horizons", &self.horizons)
    }
}

/// Parameters of `competing-risks`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompetingRisksParams {
    /// The cause that is regressed on the table's features (Fine & Gray 1999), 1 to 99. Source: 1.
    pub cause: u32,
    /// Times at which incidences are told, in the unit of the follow-up (months in a study), rising from above 0.
    pub horizons: Vec<f64>,
    /// Confidence of the intervals, above 0 and below 1. Source: 0.95.
    pub level: f64,
}

impl Params for CompetingRisksParams {
    const KINDS: &'static [&'static str] = &["competing-risks"];
    fn presets() -> Vec<(&'static str, CompetingRisksParams)> {
        let first = CompetingRisksParams {
            cause: 1,
            horizons: vec![12.0, 36.0, 60.0],
            level: 0.95,
        };
        vec![("first-cause", first)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            (1..=99).contains(&self.cause),
            "cause",
            self.cause,
            "from 1 to 99",
        )?;
        level(self.level)?;
        rising("horizons", &self.horizons)
    }
}

/// Parameters of `eqd2`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Eqd2Params {
    /// The courses of radiotherapy that are added, each a column of total doses with its fractionation.
    pub courses: Vec<DoseCourse>,
    /// α/β, Gy, above 0. Source: 10 for tumour, 3 for late-reacting organs.
    pub alpha_beta_gy: f64,
    /// Name of the column that is added.
    pub column: String,
}

/// One course: exactly one of the four ways to tell its fractions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DoseCourse {
    /// The column of total doses, Gy.
    pub dose: String,
    /// Dose of every fraction, Gy, above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_fraction_gy: Option<f64>,
    /// Number of fractions, above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fractions: Option<f64>,
    /// The column of doses of a fraction, Gy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_fraction_column: Option<String>,
    /// The column of numbers of fractions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fractions_column: Option<String>,
}

impl Params for Eqd2Params {
    const KINDS: &'static [&'static str] = &["eqd2"];
    fn presets() -> Vec<(&'static str, Eqd2Params)> {
        let course = |dose: &str, gy| DoseCourse {
            dose: dose.to_owned(),
            per_fraction_gy: Some(gy),
            ..DoseCourse::default()
        };
        let paper = Eqd2Params {
            courses: vec![course("ebrt_gy", 1.8), course("icbt_gy", 6.0)],
            alpha_beta_gy: 10.0,
            column: "eqd2_gy".to_owned(),
        };
        vec![("paper", paper)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(!self.courses.is_empty(), "courses", "[]", "at least one")?;
        let one = |c: &DoseCourse| {
            let told = [
                c.per_fraction_gy.is_some(),
                c.fractions.is_some(),
                c.per_fraction_column.is_some(),
                c.fractions_column.is_some(),
            ];
            let positive = |v: Option<f64>| v.is_none_or(|v| v > 0.0 && v.is_finite());
            told.iter().filter(|t| **t).count() == 1
                && positive(c.per_fraction_gy)
                && positive(c.fractions)
        };
        if let Some(wrong) = self.courses.iter().find(|c| !one(c)) {
            return within(
                false,
                "courses",
                format!("wrong for `{}`", wrong.dose),
                "a dose column with one of per_fraction_gy and fractions (above 0), per_fraction_column and fractions_column",
            );
        }
        within(
            self.alpha_beta_gy > 0.0 && self.alpha_beta_gy.is_finite(),
            "alpha_beta_gy",
            self.alpha_beta_gy,
            "above 0",
        )?;
        within(!self.column.is_empty(), "column", "\"\"", "a column's name")
    }
}

/// Parameters of `stability-selection` (Meinshausen & Bühlmann 2010).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StabilityParams {
    /// Random halves of the patients, 10 to 100000. Source: 100.
    pub subsamples: u32,
    /// Features taken from the path of each half: the first that enter, ≥ 1. Source: 10.
    pub first: u32,
    /// A feature is stable when taken from at least this share of the halves, above 0.5 to 1. Source: 0.75.
    pub threshold: f64,
    /// Mixing of L1 and L2, above 0 to 1; 1 is the lasso. Source: glmnet.
    pub alpha: f64,
}

impl Params for StabilityParams {
    const KINDS: &'static [&'static str] = &["stability-selection"];
    fn presets() -> Vec<(&'static str, StabilityParams)> {
        let usual = StabilityParams {
            subsamples: 100,
            first: 10,
            threshold: 0.75,
            alpha: 1.0,
        };
        vec![("usual", usual)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            (10..=100_000).contains(&self.subsamples),
            "subsamples",
            self.subsamples,
            "from 10 to 100000",
        )?;
        within(self.first >= 1, "first", self.first, "at least 1")?;
        within(
            self.threshold > 0.5 && self.threshold <= 1.0,
            "threshold",
            self.threshold,
            "above 0.5, at most 1",
        )?;
        within(
            self.alpha > 0.0 && self.alpha <= 1.0,
            "alpha",
            self.alpha,
            "above 0, at most 1",
        )
    }
}

/// Parameters of `auc-comparison`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AucComparisonParams {
    /// Times of the AUCs, in the unit of the follow-up (months in a study), rising from above 0. Source: the paper.
    pub horizons: Vec<f64>,
    /// Convention of the cumulative/dynamic AUC; censoring is that of the judged rows.
    pub auc: AucConvention,
    /// Confidence of the intervals, above 0 and below 1. Source: 0.95.
    pub level: f64,
}

impl Params for AucComparisonParams {
    const KINDS: &'static [&'static str] = &["auc-comparison"];
    fn presets() -> Vec<(&'static str, AucComparisonParams)> {
        let house = AucComparisonParams {
            horizons: vec![12.0, 36.0, 60.0],
            auc: AucConvention::Score,
            level: 0.95,
        };
        vec![("house", house)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        level(self.level)?;
        rising("horizons", &self.horizons)
    }
}

fn level(value: f64) -> Result<(), OutOfRange> {
    within(
        value > 0.0 && value < 1.0,
        "level",
        value,
        "above 0 and below 1",
    )
}
