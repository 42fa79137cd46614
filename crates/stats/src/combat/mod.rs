//! ComBat: features of several sites brought to one location and scale.
//!
//! # Symbols
//! | symbol | meaning |
//! |---|---|
//! | y_ij | feature j of patient i, who belongs to site s(i) |
//! | α_j, β_j | location of feature j, coefficients of the covariates |
//! | σ_j | residual standard deviation (divisor n) |
//! | γ_sj, δ_sj | shift of site s in units of σ_j, ratio of its variance to σ_j² |
//! | γ̄_s, τ_s², λ_s, θ_s | normal prior of γ_s·, inverse-gamma prior of δ_s·, by the method of moments over the features |
//!
//! # Three verbs
//! [`fit_combat`] learns from training rows; [`Combat::apply`] harmonises patients of the sites it learned from;
//! [`Combat::adapt`] learns the effect of a further site from the features of its patients alone, against a reference site.
//! No verb looks at an outcome. A covariate that is an outcome would carry it into the features: do not.

mod apply;
mod effect;
mod error;
mod fit;

pub use apply::Harmonised;
pub use error::CombatError;
pub use fit::{Combat, CombatParams, Prior, SiteEffect, fit_combat};
