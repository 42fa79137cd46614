//! Patients as rows: who was followed for how long, who is tested where, and a synthetic cohort whose truth is known.
//!
//! Here live [`FollowUp`] and [`RiskScores`], the two nouns that every model and metric speaks, the [`Roster`] that gives rows their
//! order, and the [`SplitScheme`] that divides them. What never will: file formats, pixels read from disk, models, metrics.

pub mod dates;
mod follow_up;
mod keyed;
mod risk_scores;
mod roster;
mod split;
pub mod synth;

pub use follow_up::{FollowUp, FollowUpError};
pub use risk_scores::{RiskScores, RiskScoresError};
pub use roster::{Roster, RosterError, RosterRow};
pub use split::{EndpointEvents, NamedSplit, Split, SplitError, SplitScheme, Stratum, given_folds};
