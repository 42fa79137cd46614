//! Parameters of the distance from the training patients.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OutOfRange, Params, within};

/// Parameters of `fit-novelty`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FitNoveltyParams {
    /// Part of the variance that the kept principal components have, above 0, at most 1. Source: house.
    pub variance_kept: f64,
    /// Folds in which training patients are judged by fits without them, at least 2. Source: house.
    pub folds: u32,
}

/// Parameters of `apply-novelty`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyNoveltyParams {
    /// Warn of a patient who is beyond this percentile of the training patients, 50 to 100. Source: house.
    pub warn_percentile: f64,
}

impl Params for FitNoveltyParams {
    const KINDS: &'static [&'static str] = &["fit-novelty"];
    fn presets() -> Vec<(&'static str, FitNoveltyParams)> {
        let house = FitNoveltyParams {
            variance_kept: 0.95,
            folds: 10,
        };
        vec![("house", house)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            0.0 < self.variance_kept && self.variance_kept <= 1.0,
            "variance_kept",
            self.variance_kept,
            "above 0, at most 1",
        )?;
        within(self.folds >= 2, "folds", self.folds, "at least 2")
    }
}

impl Params for ApplyNoveltyParams {
    const KINDS: &'static [&'static str] = &["apply-novelty"];
    fn presets() -> Vec<(&'static str, ApplyNoveltyParams)> {
        let house = ApplyNoveltyParams {
            warn_percentile: 99.0,
        };
        vec![("house", house)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            (50.0..=100.0).contains(&self.warn_percentile),
            "warn_percentile",
            self.warn_percentile,
            "50 to 100",
        )
    }
}
