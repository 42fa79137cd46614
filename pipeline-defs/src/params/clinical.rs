//! Parameters of what a prediction is worth at the bedside: reclassification, calibration, decisions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OutOfRange, Params, within};

/// Parameters of `reclassification`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReclassificationParams {
    /// The time by which the event is predicted, in the unit of the follow-up (months in a study), above 0. Source: 60.
    pub horizon: f64,
    /// Cuts between risk categories, rising, each above 0 and below 1; empty for the continuous NRI. Source: none.
    pub cuts: Vec<f64>,
    /// Without cuts: a patient counts as moved when the risk changes by more than this, 0 to 1. Source: 0.
    pub change: f64,
    /// How the censored are dealt with.
    pub censoring: NriCensoring,
    /// Bootstrap draws of the intervals: 0 for none, else 20 to 100000. Source: 500.
    pub bootstrap: u32,
}

/// How reclassification deals with the censored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NriCensoring {
    /// Kaplan–Meier within the moved (Pencina et al., Stat Med 2011).
    Km,
    /// Inverse probability of censoring weights (Uno et al., Stat Med 2013).
    Ipw,
    /// The same as R's survIDINRI weighs: cases before the horizon by 1/G(T), G after Fleming and Harrington, controls from the
    /// horizon on; its M2 is half of this NRI.
    Survidinri,
}

impl Params for ReclassificationParams {
    const KINDS: &'static [&'static str] = &["reclassification"];
    fn presets() -> Vec<(&'static str, ReclassificationParams)> {
        let continuous = ReclassificationParams {
            horizon: 60.0,
            cuts: Vec::new(),
            change: 0.0,
            censoring: NriCensoring::Km,
            bootstrap: 500,
        };
        vec![("continuous", continuous)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        horizon(self.horizon)?;
        probabilities("cuts", &self.cuts)?;
        within(
            (0.0..=1.0).contains(&self.change),
            "change",
            self.change,
            "from 0 to 1",
        )?;
        draws(self.bootstrap)
    }
}

/// Parameters of `calibration`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalibrationParams {
    /// The time by which the event is predicted, in the unit of the follow-up (months in a study), above 0. Source: 60.
    pub horizon: f64,
    /// Groups of equal size by predicted risk, 1 to 100. Source: 5.
    pub groups: u32,
}

impl Params for CalibrationParams {
    const KINDS: &'static [&'static str] = &["calibration"];
    fn presets() -> Vec<(&'static str, CalibrationParams)> {
        let fifths = CalibrationParams {
            horizon: 60.0,
            groups: 5,
        };
        vec![("fifths", fifths)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        horizon(self.horizon)?;
        within(
            (1..=100).contains(&self.groups),
            "groups",
            self.groups,
            "from 1 to 100",
        )
    }
}

/// Parameters of `decision-curve`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionCurveParams {
    /// The time by which the event is predicted, in the unit of the follow-up (months in a study), above 0. Source: 60.
    pub horizon: f64,
    /// Threshold probabilities, rising, each above 0 and below 1. Source: 0.01 to 0.99 by 0.01.
    pub thresholds: Vec<f64>,
    /// Bootstrap draws of patients for the 95 % bounds of the net benefit: 0 for none, else 20 to 100000. Source: 500.
    #[serde(default)]
    pub bootstrap: u32,
}

/// Parameters of `clinical-impact`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClinicalImpactParams {
    /// The time by which the event is predicted, in the unit of the follow-up (months in a study), above 0. Source: 60.
    pub horizon: f64,
    /// Threshold probabilities, rising, each above 0 and below 1. Source: 0.01 to 0.99 by 0.01.
    pub thresholds: Vec<f64>,
    /// Patients that the counts are of, 1 to 1000000000. Source: 1000.
    pub population: u32,
    /// Bootstrap draws of patients for the 95 % bounds of the counts: 0 for none, else 20 to 100000. Source: 500.
    #[serde(default)]
    pub bootstrap: u32,
}

impl Params for DecisionCurveParams {
    const KINDS: &'static [&'static str] = &["decision-curve"];
    fn presets() -> Vec<(&'static str, DecisionCurveParams)> {
        let percent = DecisionCurveParams {
            horizon: 60.0,
            thresholds: every_percent(),
            bootstrap: 500,
        };
        vec![("percent", percent)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        horizon(self.horizon)?;
        thresholds(&self.thresholds)?;
        draws(self.bootstrap)
    }
}

impl Params for ClinicalImpactParams {
    const KINDS: &'static [&'static str] = &["clinical-impact"];
    fn presets() -> Vec<(&'static str, ClinicalImpactParams)> {
        let thousand = ClinicalImpactParams {
            horizon: 60.0,
            thresholds: every_percent(),
            population: 1000,
            bootstrap: 500,
        };
        vec![("thousand", thousand)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        horizon(self.horizon)?;
        thresholds(&self.thresholds)?;
        within(
            (1..=1_000_000_000).contains(&self.population),
            "population",
            self.population,
            "from 1 to 1000000000",
        )?;
        draws(self.bootstrap)
    }
}

fn draws(bootstrap: u32) -> Result<(), OutOfRange> {
    within(
        bootstrap == 0 || (20..=100_000).contains(&bootstrap),
        "bootstrap",
        bootstrap,
        "0 for no interval, or from 20 to 100000",
    )
}

fn every_percent() -> Vec<f64> {
    (1..100).map(|percent| f64::from(percent) / 100.0).collect()
}

fn horizon(value: f64) -> Result<(), OutOfRange> {
    within(
        value.is_finite() && value > 0.0,
        "horizon",
        value,
        "finite and above 0",
    )
}

fn thresholds(values: &[f64]) -> Result<(), OutOfRange> {
    within(!values.is_empty(), "thresholds", "[]", "at least one")?;
    probabilities("thresholds", values)
}

fn probabilities(name: &'static str, values: &[f64]) -> Result<(), OutOfRange> {
    let inside = values.iter().all(|p| *p > 0.0 && *p < 1.0);
    let rising = values.windows(2).all(|pair| pair[0] < pair[1]);
    within(
        inside && rising,
        name,
        format!("{values:?}"),
        "rising, each above 0 and below 1",
    )
}
