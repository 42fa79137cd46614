//! Survival support vector machines.

use serde::{Deserialize, Serialize};

use super::StoredModel;

/// A survival support vector machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SvmModel {
    /// Columns, in order.
    pub features: Vec<String>,
    /// What is taken from each column.
    pub centre: Vec<f64>,
    /// By what each column is then divided.
    pub scale: Vec<f64>,
    /// The kernel; absent for a linear machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<SvmKernel>,
    /// Training rows, scaled: with a kernel only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Vec<f64>>,
    /// Weight of each column, or with a kernel of each row.
    pub weights: Vec<f64>,
    /// Added to the score.
    pub intercept: f64,
}

/// A kernel with its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SvmKernel {
    /// exp( −γ ‖x − y‖² ).
    Rbf {
        /// γ.
        gamma: f64,
    },
    /// ( γ xᵀy + c )^d.
    Polynomial {
        /// d.
        degree: u32,
        /// γ.
        gamma: f64,
        /// c.
        coef0: f64,
    },
    /// Mean over the columns of 1 − |x − y| / range.
    Clinical {
        /// Range of each column in training.
        ranges: Vec<f64>,
    },
}

impl StoredModel for SvmModel {
    const NAME: &'static str = "svm";
}
