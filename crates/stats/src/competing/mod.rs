//! Competing risks: cumulative incidence, and Fine & Gray's regression on it.
//!
//! A patient has a time and a cause: 0 censored, 1, 2, … the event that ended follow-up.

mod aalen_johansen;
mod fine_gray;

use cohort::{FollowUp, FollowUpError};

pub use aalen_johansen::{CumulativeIncidence, aalen_johansen};
pub use fine_gray::{FineGray, fit_fine_gray};

/// Times with causes.
#[derive(Debug, Clone, PartialEq)]
pub struct CompetingRisks {
    any: FollowUp,
    cause: Vec<usize>,
}

/// Why competing risks could not be analysed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CompetingError {
    /// Times and causes are no follow-up.
    #[error("times and causes")]
    FollowUp(#[from] FollowUpError),
    /// Nobody has an event of the cause.
    #[error("nobody has an event of cause {cause}")]
    NoEvent {
        /// Cause.
        cause: usize,
    },
    /// The regression failed.
    #[error("regression on the subdistribution hazard")]
    Cox(#[from] crate::cox::CoxError),
}

impl CompetingRisks {
    /// Checks and takes times and causes.
    ///
    /// # Errors
    /// Lengths differ, or a time is not finite or below 0.
    pub fn new(time: Vec<f64>, cause: Vec<usize>) -> Result<CompetingRisks, CompetingError> {
        let any = FollowUp::new(time, cause.iter().map(|&c| c != 0).collect())?;
        Ok(CompetingRisks { any, cause })
    }

    /// Follow-up to an event of any cause.
    pub fn any_event(&self) -> &FollowUp {
        &self.any
    }

    /// Causes, 0 for censored.
    pub fn cause(&self) -> &[usize] {
        &self.cause
    }

    fn require(&self, cause: usize) -> Result<(), CompetingError> {
        if cause == 0 || !self.cause.contains(&cause) {
            return Err(CompetingError::NoEvent { cause });
        }
        Ok(())
    }
}
