//! Percentile intervals by resampling patients.

use rayon::prelude::*;
use thiserror::Error;

use crate::estimate::{Interval, NotEstimable};
use crate::keyed::Draws;

/// How an interval is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Bootstrap {
    resamples: usize,
    level: f64,
    seed: u64,
}

/// Why a bootstrap is refused.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum BootstrapError {
    /// Too few resamples for a percentile.
    #[error("{resamples} resamples, must be at least {at_least}")]
    Resamples {
        /// Resamples asked for.
        resamples: usize,
        /// Smallest number accepted.
        at_least: usize,
    },
    /// The coverage is not strictly between 0 and 1.
    #[error("level is {level}, must be above 0 and below 1")]
    Level {
        /// Coverage asked for.
        level: f64,
    },
}

/// Fewest resamples from which a percentile is read.
const RESAMPLES_MIN: usize = 20;

impl Bootstrap {
    /// `resamples` draws of n patients with replacement; the interval covers `level` (0.95 for 95 %).
    ///
    /// Two metrics of one set with the same seed see the same resamples, so their differences are paired.
    ///
    /// # Errors
    /// Fewer than 20 resamples, or a level outside (0, 1).
    pub fn new(resamples: usize, level: f64, seed: u64) -> Result<Bootstrap, BootstrapError> {
        if resamples < RESAMPLES_MIN {
            let at_least = RESAMPLES_MIN;
            return Err(BootstrapError::Resamples {
                resamples,
                at_least,
            });
        }
        if !(level > 0.0 && level < 1.0) {
            return Err(BootstrapError::Level { level });
        }
        Ok(Bootstrap {
            resamples,
            level,
            seed,
        })
    }

    /// The percentile interval of `statistic` over resamples of `n` patients.
    ///
    /// `statistic` is given how often each patient was drawn and returns `None` where it is undefined.
    /// Resample b draws from stream b of ChaCha8 seeded with `seed`: the same bits on any number of threads.
    /// Quantiles interpolate linearly between order statistics (Hyndman and Fan's type 7, R's default).
    ///
    /// # Errors
    /// [`NotEstimable::FewResamples`] when more than a tenth of the resamples have no value.
    pub fn interval(
        &self,
        n: usize,
        statistic: impl Fn(&[u32]) -> Option<f64> + Sync,
    ) -> Result<Interval, NotEstimable> {
        let values = self.values(n, statistic);
        let undefined = values.iter().filter(|v| v.is_none()).count();
        let at_most = self.resamples / 10;
        if undefined > at_most {
            return Err(NotEstimable::FewResamples {
                undefined,
                resamples: self.resamples,
                at_most,
            });
        }
        let mut sorted: Vec<f64> = values.into_iter().flatten().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - self.level) / 2.0;
        Ok(Interval {
            lower: quantile(&sorted, tail),
            upper: quantile(&sorted, 1.0 - tail),
        })
    }

    /// The value of `statistic` in every resample, in the order of the resamples.
    pub fn values(
        &self,
        n: usize,
        statistic: impl Fn(&[u32]) -> Option<f64> + Sync,
    ) -> Vec<Option<f64>> {
        self.each(n, |copies| statistic(copies).filter(|v| v.is_finite()))
    }

    /// Whatever `found` makes of every resample, in the order of the resamples.
    pub fn each<T: Send>(&self, n: usize, found: impl Fn(&[u32]) -> T + Sync) -> Vec<T> {
        (0..self.resamples as u64)
            .into_par_iter()
            .map(|resample| found(&resample_copies(n, self.seed, resample)))
            .collect()
    }

    /// The coverage of its intervals.
    pub fn level(&self) -> f64 {
        self.level
    }
}

/// How often each of `n` patients is drawn in resample `resample`.
pub fn resample_copies(n: usize, seed: u64, resample: u64) -> Vec<u32> {
    let mut draws = Draws::new(seed, resample);
    let mut copies = vec![0; n];
    for _ in 0..n {
        copies[draws.below(n as u32) as usize] += 1;
    }
    copies
}

/// The rows of a resample, each as often as drawn, ascending.
pub(crate) fn drawn_rows(copies: &[u32]) -> Vec<usize> {
    let counted = copies.iter().enumerate();
    counted
        .flat_map(|(row, &c)| std::iter::repeat_n(row, c as usize))
        .collect()
}

/// Type 7 quantile of ascending values; there is at least one.
pub(crate) fn quantile(sorted: &[f64], p: f64) -> f64 {
    let at = p * (sorted.len() - 1) as f64;
    let low = at.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    let share = at - low as f64;
    sorted[low] + share * (sorted[high] - sorted[low])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.1), 1.4);
        assert_eq!(quantile(&[7.0], 0.9), 7.0);
    }

    #[test]
    fn the_interval_of_a_mean_has_its_normal_width() {
        let x: Vec<f64> = (0..400).map(|i| f64::from(i % 20)).collect();
        let mean = |copies: &[u32]| {
            let sum: f64 = copies.iter().zip(&x).map(|(c, v)| f64::from(*c) * v).sum();
            Some(sum / 400.0)
        };
        let i = Bootstrap::new(4000, 0.95, 1)
            .unwrap()
            .interval(400, mean)
            .unwrap();
        // standard deviation of 0..=19 is 5.766, so 1.96 · 5.766 / 20 = 0.565 on each side of 9.5
        assert!((i.lower - (9.5 - 0.565)).abs() < 0.03, "{i:?}");
        assert!((i.upper - (9.5 + 0.565)).abs() < 0.03, "{i:?}");
    }

    #[test]
    fn too_many_undefined_resamples_are_a_reason() {
        let b = Bootstrap::new(100, 0.95, 1).unwrap();
        let reason = b.interval(10, |c| (c[0] > 0).then_some(1.0)).unwrap_err();
        assert!(matches!(
            reason,
            NotEstimable::FewResamples { resamples: 100, .. }
        ));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Bootstrap::new(5, 0.95, 0).is_err());
        assert!(Bootstrap::new(500, 1.0, 0).is_err());
        assert!(Bootstrap::new(500, f64::NAN, 0).is_err());
    }
}
