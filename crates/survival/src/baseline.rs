//! Survival curves of a learner that gives a log relative hazard: Breslow's baseline on the training margins.

use cohort::FollowUp;
use ndarray::Array2;
use stats::censored::breslow_baseline;

use crate::learner::{FitError, PartsError, finite, in_range, same_length};

/// Cumulative hazard at margin 0, a step function of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Baseline {
    /// Times at which it may rise, ascending, in the unit of the training follow-up.
    pub times: Vec<f64>,
    /// Cumulative hazard H0 from each of these times on, not falling; 0 before the first.
    pub hazard: Vec<f64>,
}

impl Baseline {
    /// H0 of Breslow's estimate with the margins of the training patients.
    pub(crate) fn breslow(follow_up: &FollowUp, margin: &[f64]) -> Result<Baseline, FitError> {
        let steps = breslow_baseline(follow_up, margin).map_err(FitError::Baseline)?;
        Ok(Baseline {
            times: steps.times().to_vec(),
            hazard: steps.values().to_vec(),
        })
    }

    /// Checks plain data.
    pub(crate) fn check(&self) -> Result<(), PartsError> {
        let (times, hazard) = (&self.times, &self.hazard);
        same_length("baseline hazard", hazard.len(), times.len())?;
        finite("baseline times", times)?;
        finite("baseline hazard", hazard)?;
        for index in 0..times.len() {
            let (after, lowest) = match index.checked_sub(1) {
                Some(before) => (times[before] < times[index], hazard[before]),
                None => (true, 0.0),
            };
            in_range("baseline times", index, after)?;
            in_range("baseline hazard", index, hazard[index] >= lowest)?;
        }
        Ok(())
    }

    /// S(t | margin) = exp( −H0(t) exp margin ) \[patients, times\].
    pub(crate) fn survival(&self, margin: &[f64], times: &[f64]) -> Array2<f64> {
        let hazard: Vec<f64> = times.iter().map(|t| self.at(*t)).collect();
        Array2::from_shape_fn((margin.len(), times.len()), |(i, k)| {
            // no hazard, no product: 0 · exp(margin) would be undefined where exp overflows
            if hazard[k] > 0.0 {
                libm::exp(-hazard[k] * libm::exp(margin[i]))
            } else {
                1.0
            }
        })
    }

    fn at(&self, time: f64) -> f64 {
        match self.times.partition_point(|t| *t <= time) {
            0 => 0.0,
            seen => self.hazard[seen - 1],
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn two_patients_by_hand() {
        let f = FollowUp::new(vec![2.0, 5.0], vec![true, true]).unwrap();
        let margin = [0.0, libm::log(3.0)];
        let baseline = Baseline::breslow(&f, &margin).unwrap();
        assert!((baseline.hazard[0] - 0.25).abs() < 1e-15);
        assert!((baseline.hazard[1] - (0.25 + 1.0 / 3.0)).abs() < 1e-15);
        let s = baseline.survival(&[0.0], &[1.9, 2.0]);
        assert_eq!(s[[0, 0]], 1.0);
        assert!((s[[0, 1]] - libm::exp(-0.25)).abs() < 1e-15);
        assert!(baseline.check().is_ok());
    }
}
