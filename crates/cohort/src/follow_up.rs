//! Right-censored follow-up of a set of patients.

use thiserror::Error;

/// Right-censored follow-up: for each patient a time and whether the event was seen at that time.
///
/// The time unit is the caller's (months inside the house; 1 year = 12 months = 365.25 days).
/// Row `i` of a feature matrix belongs to row `i` here. The checks happen once, in [`FollowUp::new`].
#[derive(Debug, Clone, PartialEq)]
pub struct FollowUp {
    time: Vec<f64>,
    event: Vec<bool>,
}

/// Why times and event flags are not a follow-up.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FollowUpError {
    /// Times and flags are not of one length.
    #[error("{times} times but {events} event flags")]
    Length {
        /// Number of times.
        times: usize,
        /// Number of event flags.
        events: usize,
    },
    /// A time is NaN or infinite.
    #[error("time in row {row} is {value}, must be finite")]
    NotFinite {
        /// Row, counted from 0.
        row: usize,
        /// The time as given.
        value: f64,
    },
    /// A time is negative.
    #[error("time in row {row} is {value}, must be at least 0")]
    Negative {
        /// Row, counted from 0.
        row: usize,
        /// The time as given.
        value: f64,
    },
}

impl FollowUp {
    /// Checks and takes times and event flags, one of each per patient; no patients at all is allowed.
    ///
    /// # Errors
    /// Lengths differ, or a time is not finite or below 0 (the first such row is named). `-0.0` becomes `0.0`.
    pub fn new(mut time: Vec<f64>, event: Vec<bool>) -> Result<FollowUp, FollowUpError> {
        if time.len() != event.len() {
            return Err(FollowUpError::Length {
                times: time.len(),
                events: event.len(),
            });
        }
        for (row, value) in time.iter_mut().enumerate() {
            if !value.is_finite() {
                return Err(FollowUpError::NotFinite { row, value: *value });
            }
            if *value < 0.0 {
                return Err(FollowUpError::Negative { row, value: *value });
            }
            *value += 0.0;
        }
        Ok(FollowUp { time, event })
    }

    /// Number of patients.
    pub fn len(&self) -> usize {
        self.time.len()
    }

    /// Whether there is no patient.
    pub fn is_empty(&self) -> bool {
        self.time.is_empty()
    }

    /// Times to event or censoring, one per patient.
    pub fn time(&self) -> &[f64] {
        &self.time
    }

    /// `true` where the event was seen at [`FollowUp::time`], `false` where the patient was censored.
    pub fn event(&self) -> &[bool] {
        &self.event
    }

    /// Number of events seen.
    pub fn n_events(&self) -> usize {
        self.event.iter().filter(|seen| **seen).count()
    }

    /// The patients at `rows`, in that order; a row may be named more than once (bootstrap samples).
    ///
    /// # Panics
    /// When a row is not below [`FollowUp::len`]: rows come from a split or a resample of this very cohort.
    pub fn select(&self, rows: &[usize]) -> FollowUp {
        FollowUp {
            time: rows.iter().map(|&row| self.time[row]).collect(),
            event: rows.iter().map(|&row| self.event[row]).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn counts_and_selects() {
        let f = FollowUp::new(vec![3.0, 0.0, 7.5], vec![true, false, true]).unwrap();
        assert_eq!((f.len(), f.n_events(), f.is_empty()), (3, 2, false));
        let s = f.select(&[2, 2, 1]);
        assert_eq!(s.time(), [7.5, 7.5, 0.0]);
        assert_eq!(s.event(), [true, true, false]);
    }

    #[test]
    fn bad_rows_are_named() {
        let said = |t: Vec<f64>, e: Vec<bool>| FollowUp::new(t, e).unwrap_err().to_string();
        assert_eq!(
            said(vec![1.0, -3.0], vec![true, true]),
            "time in row 1 is -3, must be at least 0"
        );
        assert_eq!(
            said(vec![f64::NAN], vec![true]),
            "time in row 0 is NaN, must be finite"
        );
        assert_eq!(said(vec![1.0], vec![]), "1 times but 0 event flags");
    }

    #[test]
    fn negative_zero_becomes_zero() {
        let f = FollowUp::new(vec![-0.0], vec![true]).unwrap();
        assert!(f.time()[0].is_sign_positive());
    }
}
