//! How a learner chooses its settings inside the training rows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{OutOfRange, within};

/// Most candidates of a grid.
pub const CANDIDATES_MAX: usize = 1000;

/// Choosing settings inside the training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tune {
    /// Values to try, by parameter: `grid = { mtry = [3, 6], min_node_size = [5, 15] }` tries all four.
    pub grid: BTreeMap<String, Vec<Value>>,
    /// On which rows a candidate is scored.
    #[serde(default = "folds_scheme")]
    pub scheme: TuneScheme,
    /// With `folds`: how many, 2 to 100. Source: 5.
    #[serde(default = "five")]
    pub folds: u32,
    /// With `hold-out`: share of the rows, above 0 and below 1. Source: 0.2.
    #[serde(default = "fifth")]
    pub hold_out: f64,
}

/// Rows on which a candidate is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TuneScheme {
    /// Event-stratified folds of the training rows.
    Folds,
    /// Rows outside the bag of each tree: forests only, one fit a candidate.
    Oob,
    /// One event-stratified part held out: for networks.
    HoldOut,
}

fn folds_scheme() -> TuneScheme {
    TuneScheme::Folds
}

fn five() -> u32 {
    5
}

fn fifth() -> f64 {
    0.2
}

impl Tune {
    /// Whether sizes are in their range; the values themselves are checked as any setting is.
    pub(super) fn check(&self) -> Result<(), OutOfRange> {
        let empty = self.grid.is_empty() || self.grid.values().any(Vec::is_empty);
        within(
            !empty,
            "tune.grid",
            "empty",
            "at least one value for each parameter",
        )?;
        let n = self.n_candidates();
        within(
            n.is_some_and(|n| n <= CANDIDATES_MAX),
            "tune.grid",
            n.map_or_else(
                || "beyond counting".to_owned(),
                |n| format!("{n} candidates"),
            ),
            "at most 1000 candidates",
        )?;
        within(
            (2..=100).contains(&self.folds),
            "tune.folds",
            self.folds,
            "from 2 to 100",
        )?;
        within(
            self.hold_out > 0.0 && self.hold_out < 1.0,
            "tune.hold_out",
            self.hold_out,
            "above 0 and below 1",
        )
    }

    fn n_candidates(&self) -> Option<usize> {
        self.grid
            .values()
            .try_fold(1_usize, |n, values| n.checked_mul(values.len()))
    }

    /// Every combination: the last parameter by name varies fastest.
    #[must_use]
    pub fn candidates(&self) -> Vec<Map<String, Value>> {
        let mut all = vec![Map::new()];
        for (name, values) in &self.grid {
            all = all
                .iter()
                .flat_map(|before| {
                    values.iter().map(|value| {
                        let mut one = before.clone();
                        one.insert(name.clone(), value.clone());
                        one
                    })
                })
                .collect();
        }
        all
    }
}

/// `None` is in range.
pub(super) fn check(tune: Option<&Tune>) -> Result<(), OutOfRange> {
    tune.map_or(Ok(()), Tune::check)
}
