//! Patients as rows: who was followed for how long, who is tested where, and a synthetic cohort whose truth is known.
//!
//! Here live [`FollowUp`] and [`RiskScores`], the two nouns that every model and metric speaks.
//! What never will: file formats, pixels read from disk, models, metrics.

mod follow_up;
mod risk_scores;

pub use follow_up::{FollowUp, FollowUpError};
pub use risk_scores::{RiskScores, RiskScoresError};
