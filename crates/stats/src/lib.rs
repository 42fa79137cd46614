//! Statistics of a survival study: censored estimators and competing risks, Cox regression, penalised selection, filters,
//! imputation, agreement of readings, harmonisation of sites, the tests of a baseline table, cut-points, nomograms.
//!
//! Every function is pure: same input, same bits, on any number of threads. Nothing here reads a clock or a file,
//! and randomness comes from a seed in the arguments. What never will be here: models for prediction (`survival`),
//! measures of predictions (`evaluation`), file formats.

pub mod censored;
pub mod collinearity;
pub mod columns;
pub mod combat;
pub mod compare;
pub mod competing;
pub mod concordance;
pub mod controls;
pub mod cox;
pub mod cut_point;
mod exp_each;
pub mod folds;
pub mod icc;
pub mod impute;
pub mod lasso_cox;
mod linalg;
pub mod nomogram;
pub mod novelty;
pub mod radiobiology;
pub mod redundancy;
pub mod reliability;
pub mod selection;
pub mod spearman;
pub mod special;
pub mod stability;
pub mod standardise;
pub mod tails;
