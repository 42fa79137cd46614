//! Gene expression between groups of patients: normalisation, differential expression, gene sets.
//!
//! | module | what it holds |
//! |---|---|
//! | [`normalise`] | trimmed mean of M values, log counts per million |
//! | [`voom`](mod@voom) | weights that carry the mean–variance trend of counts |
//! | [`linear`] | a weighted linear model per gene |
//! | [`moderate`](mod@moderate) | variances borrowed across genes, moderated t |
//! | [`negative_binomial`] | dispersions borrowed across genes, likelihood-ratio tests |
//! | [`over_representation`](mod@over_representation) | gene sets among the genes found |
//! | [`enrichment_score`] | gene sets along a ranking |
//!
//! A matrix of expression is \[genes, samples\]. Nothing here reads files or knows about images.

pub mod enrichment_score;
mod error;
pub mod linear;
mod lowess;
pub mod moderate;
pub mod negative_binomial;
pub mod normalise;
pub mod over_representation;
mod polygamma;
pub mod voom;

pub use error::ExpressionError;
pub use linear::{LinearFit, fit_linear};
pub use moderate::{Moderated, moderate};
pub use negative_binomial::{LikelihoodRatio, likelihood_ratio};
pub use normalise::{log_counts_per_million, normalisation_factors};
pub use over_representation::{OverRepresentation, over_representation};
pub use stats::compare::benjamini_hochberg;
pub use voom::{Voom, voom};
