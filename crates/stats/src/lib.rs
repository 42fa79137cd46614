//! Statistics of a survival study: censored estimators, Cox regression, penalised selection, filters, imputation.
//!
//! Every function is pure: same input, same bits, on any number of threads. Nothing here reads a clock or a file,
//! and randomness comes from a seed in the arguments.

pub mod censored;
pub mod concordance;
pub mod cox;
pub mod folds;
pub mod lasso_cox;
mod linalg;
pub mod special;
