//! Risk scores with their orientation settled.

use thiserror::Error;

/// One risk score per patient; a higher value means an earlier expected event.
///
/// The orientation is in the name of the only constructor, so a metric that takes `&RiskScores` never has to ask.
/// A model that predicts survival times negates them before it comes here.
#[derive(Debug, Clone, PartialEq)]
pub struct RiskScores(Vec<f64>);

/// Why values are not risk scores.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RiskScoresError {
    /// A score is NaN or infinite.
    #[error("risk score in row {row} is {value}, must be finite")]
    NotFinite {
        /// Row, counted from 0.
        row: usize,
        /// The score as given.
        value: f64,
    },
}

impl RiskScores {
    /// Takes scores of which the higher is worse.
    ///
    /// # Errors
    /// The first score that is NaN or infinite.
    pub fn higher_is_worse(values: Vec<f64>) -> Result<RiskScores, RiskScoresError> {
        match values.iter().position(|value| !value.is_finite()) {
            Some(row) => Err(RiskScoresError::NotFinite {
                row,
                value: values[row],
            }),
            None => Ok(RiskScores(values)),
        }
    }

    /// The scores, one per patient, higher is worse.
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// Number of patients.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no patient.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scores at `rows`, in that order; a row may be named more than once.
    ///
    /// # Panics
    /// When a row is not below [`RiskScores::len`]: rows come from a split or a resample of this very cohort.
    pub fn select(&self, rows: &[usize]) -> RiskScores {
        RiskScores(rows.iter().map(|&row| self.0[row]).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keeps_order_and_selects() {
        let r = RiskScores::higher_is_worse(vec![0.5, -1.0]).unwrap();
        assert_eq!(r.values(), [0.5, -1.0]);
        assert_eq!(r.select(&[1, 1]).values(), [-1.0, -1.0]);
    }

    #[test]
    fn a_score_that_is_no_number_is_named() {
        let error = RiskScores::higher_is_worse(vec![0.0, f64::INFINITY]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "risk score in row 1 is inf, must be finite"
        );
    }
}
