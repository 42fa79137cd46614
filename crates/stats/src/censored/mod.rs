//! Estimators for right-censored follow-up: risk sets, Kaplan–Meier, Nelson–Aalen, the baseline hazard of a
//! proportional-hazards model, the censoring distribution, and the log-rank test.
//!
//! # Symbols
//! | symbol | meaning |
//! |---|---|
//! | t_1 < … < t_K | distinct times of follow-up, events and censorings |
//! | n_k | patients at risk just before t_k (time ≥ t_k) |
//! | d_k, c_k | events and censorings at t_k |
//!
//! Times are equal when they are the same number; nothing is rounded. At one time, events come before censorings.
//!
//! # A worked example
//! Times 1, 2, 2, 3, 4 with events at 1, 2 and 4: n = 5, 4, 2, 1; d = 1, 1, 0, 1;
//! S = 4/5, 3/5, 3/5, 0; the cumulative hazard is 1/5, 9/20, 9/20, 29/20; G = 1, 2/3, 1/3, 1/3.

mod baseline;
mod censoring;
mod kaplan_meier;
mod log_rank;
mod nelson_aalen;
mod risk_sets;
mod step_function;

pub use baseline::{BaselineError, Ties, baseline_hazard, breslow_baseline};
pub use censoring::{censoring_distribution, reverse_kaplan_meier};
pub use kaplan_meier::{
    ConfidenceScale, Interval, KaplanMeier, Quantile, RestrictedMean, kaplan_meier,
};
pub use log_rank::{LogRank, LogRankError, LogRankGroup, log_rank};
pub use nelson_aalen::{HazardTies, NelsonAalen, nelson_aalen};
pub use risk_sets::{RiskSets, RiskTable};
pub use step_function::StepFunction;
