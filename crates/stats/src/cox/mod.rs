//! Cox's proportional-hazards regression.
//!
//! # Symbols
//! | symbol | meaning |
//! |---|---|
//! | x_i, β | covariates of patient i, coefficients |
//! | η_i | linear predictor x_iᵀβ, higher is worse |
//! | D_k, d_k | events at the k-th distinct event time, their number |
//! | R_k | risk set: patients with time ≥ t_k |
//! | ℓ, U, I | partial log-likelihood, its gradient (score), minus its Hessian (information) |

mod design;
mod error;
mod fit;
mod partial_likelihood;
mod proportionality;
mod schoenfeld;
mod step_aic;
mod stratified;
mod weighted;

pub use error::CoxError;
pub use fit::{CoefficientRow, CoxFit, CoxParams, TestResult, fit_cox};
pub use partial_likelihood::partial_log_likelihood;
pub use proportionality::{Proportionality, TimeTransform, proportional_hazards_test};
pub use schoenfeld::{SchoenfeldResidual, schoenfeld_residuals};
pub use step_aic::{AicStep, StepAic, backward_aic};
pub use stratified::{
    WeightedConcordance, stratified_concordance, stratified_proportional_hazards_test,
};
pub use weighted::{StratumBaseline, WeightedCox, fit_weighted_cox};

/// The parts of the fit that another likelihood of the same kind may use.
pub(crate) mod newton {
    pub(crate) use super::design::Design;
    pub(crate) use super::fit::{climb, factor, predictor};
    pub(crate) use super::partial_likelihood::Derivatives;
}
