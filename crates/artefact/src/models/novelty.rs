//! What training patients' features are like.

use serde::{Deserialize, Serialize};

use super::StoredModel;

/// Shape of the training rows, and the distances that rows have from fits without them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoveltyModel {
    /// All features, in order.
    pub features: Vec<String>,
    /// Least training value of each.
    pub lower: Vec<f64>,
    /// Largest training value of each.
    pub upper: Vec<f64>,
    /// Features that vary, in order.
    pub varying: Vec<String>,
    /// Their training means.
    pub mean: Vec<f64>,
    /// Their training standard deviations.
    pub std_dev: Vec<f64>,
    /// A row a principal component: its weights on the features that vary.
    pub loadings: Vec<Vec<f64>>,
    /// Variance of each component.
    pub variances: Vec<f64>,
    /// Variance of every direction beside them.
    pub noise_variance: f64,
    /// Distances of training patients by fits without them, ascending.
    pub distances: Vec<f64>,
    /// Their features outside the range of the others, ascending.
    pub outside: Vec<u64>,
}

impl StoredModel for NoveltyModel {
    const NAME: &'static str = "novelty";
}
