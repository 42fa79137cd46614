//! Why a Cox model is refused.

use crate::censored::BaselineError;

/// Why a Cox model could not be fitted or applied.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CoxError {
    /// Covariates and follow-up differ in rows.
    #[error("{n_rows} rows of covariates for {n_follow_up} patients")]
    Rows {
        /// Rows of covariates.
        n_rows: usize,
        /// Patients in the follow-up.
        n_follow_up: usize,
    },
    /// Columns and names differ in number.
    #[error("{n_columns} columns for {n_names} feature names")]
    Columns {
        /// Columns of covariates.
        n_columns: usize,
        /// Names given.
        n_names: usize,
    },
    /// Nobody has an event.
    #[error("no event among {n_rows} patients")]
    NoEvent {
        /// Patients.
        n_rows: usize,
    },
    /// A covariate is not a finite number.
    #[error("feature {feature} in row {row} is {value}")]
    NotFinite {
        /// Zero-based row.
        row: usize,
        /// Feature.
        feature: String,
        /// What was found.
        value: f64,
    },
    /// Weights or strata and patients differ in number.
    #[error("{n_weights} weights and {n_strata} strata for {n_rows} patients")]
    WeightedRows {
        /// Weights given.
        n_weights: usize,
        /// Strata given.
        n_strata: usize,
        /// Patients.
        n_rows: usize,
    },
    /// Coefficients and features differ in number.
    #[error("{n_coefficients} coefficients for {n_features} features")]
    Coefficients {
        /// Coefficients given.
        n_coefficients: usize,
        /// Features.
        n_features: usize,
    },
    /// A weight is negative or not a number.
    #[error("weight in row {row} is {value}, must be at least 0 and finite")]
    Weight {
        /// Zero-based row.
        row: usize,
        /// What was given.
        value: f64,
    },
    /// A covariate is the same for everybody.
    #[error("feature {feature} is constant")]
    ConstantFeature {
        /// Feature.
        feature: String,
    },
    /// A covariate carries no information beyond those before it.
    #[error(
        "feature {feature} is a combination of the features before it, or constant in every risk set"
    )]
    Collinear {
        /// Feature.
        feature: String,
    },
    /// The likelihood rises for ever along a direction in which this feature moves most.
    #[error(
        "the likelihood has no maximum: feature {feature} separates the events (coefficient beyond {coefficient})"
    )]
    Separation {
        /// Feature that moves most.
        feature: String,
        /// Where its coefficient had come to.
        coefficient: f64,
    },
    /// Newton's method did not come to rest.
    #[error("no convergence after {iterations} iterations")]
    NoConvergence {
        /// Iterations made.
        iterations: usize,
    },
    /// The baseline hazard cannot be computed.
    #[error("baseline hazard of the fitted model")]
    Baseline(#[from] BaselineError),
}
