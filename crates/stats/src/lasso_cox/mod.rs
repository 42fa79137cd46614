//! Cox regression with an L1 or elastic-net penalty: the whole path, and its choice by cross-validation.
//!
//! # Symbols
//! | symbol | meaning |
//! |---|---|
//! | n, p | patients, features |
//! | x̃_ij | feature j of patient i, centred, divided by its standard deviation (1/n) |
//! | ℓ | partial log-likelihood with Breslow's ties |
//! | λ, α | penalty, share of the L1 part |
//! | ℓ_sat | −Σ_k d_k log d_k: the saturated model |
//!
//! The path minimises −ℓ(β̃)/n + λ ( α Σ|β̃_j| + (1−α)/2 Σ β̃_j² ); coefficients are returned per unit of the raw features.

mod cross_validate;
mod curvature;
mod path;
mod problem;
mod solve;

pub use cross_validate::{
    Choice, LassoCoxCv, Measure, cross_validate_lasso_cox, cross_validate_lasso_cox_by,
    cross_validate_lasso_cox_to_minimum,
};
pub use path::{LassoCoxPath, PathEnd, fit_lasso_cox_path};

/// What path to compute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LassoCoxParams {
    /// α, share of the L1 part in (0, 1]; 1 is the LASSO.
    pub alpha: f64,
    /// Values of λ at most, at least 2.
    pub n_lambda: usize,
    /// Smallest λ as a share of the largest; `None`: 1e-4 where n ≥ p, else 0.01.
    pub lambda_min_ratio: Option<f64>,
    /// Whether features are divided by their standard deviation.
    pub standardise: bool,
    /// The path ends where the deviance ratio gained less than this share of itself over the last 5 values.
    pub deviance_gain_min: f64,
    /// The path ends beyond this deviance ratio.
    pub deviance_ratio_max: f64,
}

impl LassoCoxParams {
    /// glmnet's defaults: α 1, 100 values, standardised, `fdev` 1e-5 (which its Cox path takes a hundredfold), `devmax` 0.999.
    pub fn glmnet_defaults() -> LassoCoxParams {
        LassoCoxParams {
            alpha: 1.0,
            n_lambda: 100,
            lambda_min_ratio: None,
            standardise: true,
            deviance_gain_min: 1e-3,
            deviance_ratio_max: 0.999,
        }
    }

    fn check(&self) -> Result<(), LassoCoxError> {
        let in_range = [
            ("alpha", self.alpha, self.alpha > 0.0 && self.alpha <= 1.0),
            ("n_lambda", self.n_lambda as f64, self.n_lambda >= 2),
            (
                "lambda_min_ratio",
                self.lambda_min_ratio.unwrap_or(0.01),
                self.lambda_min_ratio.is_none_or(|r| r > 0.0 && r < 1.0),
            ),
            (
                "deviance_gain_min",
                self.deviance_gain_min,
                self.deviance_gain_min >= 0.0,
            ),
            (
                "deviance_ratio_max",
                self.deviance_ratio_max,
                self.deviance_ratio_max > 0.0,
            ),
        ];
        match in_range.into_iter().find(|(_, _, fine)| !fine) {
            Some((parameter, value, _)) => Err(LassoCoxError::Parameter { parameter, value }),
            None => Ok(()),
        }
    }
}

/// Why a path could not be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LassoCoxError {
    /// A parameter is out of its range.
    #[error("parameter {parameter} is {value}, out of its range")]
    Parameter {
        /// Parameter.
        parameter: &'static str,
        /// What was given.
        value: f64,
    },
    /// Features and follow-up differ in rows.
    #[error("{n_rows} rows of features for {n_follow_up} patients")]
    Rows {
        /// Rows of features.
        n_rows: usize,
        /// Patients in the follow-up.
        n_follow_up: usize,
    },
    /// A feature is not a finite number.
    #[error("feature column {column} in row {row} is {value}")]
    NotFinite {
        /// Zero-based row.
        row: usize,
        /// Zero-based column.
        column: usize,
        /// What was found.
        value: f64,
    },
    /// Nobody has an event.
    #[error("no event among {n_rows} patients")]
    NoEvent {
        /// Patients.
        n_rows: usize,
    },
    /// No feature moves the likelihood: constant columns only, or one risk set of one patient.
    #[error("none of {n_features} features carries information on the events")]
    NoInformation {
        /// Columns.
        n_features: usize,
    },
    /// Fold ids and patients differ in number.
    #[error("{n_folds} fold ids for {n_rows} patients")]
    FoldIds {
        /// Ids given.
        n_folds: usize,
        /// Patients.
        n_rows: usize,
    },
    /// Fewer than three folds, as in glmnet.
    #[error("{n_folds} folds, at least 3 are needed")]
    TooFewFolds {
        /// Distinct ids.
        n_folds: usize,
    },
    /// A fold has no comparable pair to compute C from.
    #[error("fold {fold} has no comparable pair of patients")]
    FoldWithoutPair {
        /// Fold id.
        fold: usize,
    },
    /// A fold has no event to be judged by.
    #[error("fold {fold} has no event")]
    FoldWithoutEvent {
        /// Fold id.
        fold: usize,
    },
}
