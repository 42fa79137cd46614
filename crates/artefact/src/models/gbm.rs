//! Boosted trees.

use serde::{Deserialize, Serialize};

use super::{Baseline, StoredModel};

/// Boosted trees on Cox's partial likelihood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GbmModel {
    /// Columns, in order.
    pub features: Vec<String>,
    /// What goes left at a cut: `below`, or `at-most-single` for at most, in single precision.
    pub comparison: String,
    /// The trees; the score is the sum of their leaves.
    pub trees: Vec<BoostedTree>,
    /// Share of each column in the improvements of all cuts.
    pub importance: Vec<f64>,
    /// Cumulative hazard at score 0.
    pub baseline: Baseline,
}

/// A tree; children come in pairs after their parent, leaves have `left` 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoostedTree {
    /// Left child of each node; the right one is next to it.
    pub left: Vec<u32>,
    /// Column that each inner node compares.
    pub feature: Vec<u32>,
    /// Where each inner node cuts.
    pub threshold: Vec<f64>,
    /// What each leaf adds to the score.
    pub value: Vec<f64>,
}

impl StoredModel for GbmModel {
    const NAME: &'static str = "gbm";
}
