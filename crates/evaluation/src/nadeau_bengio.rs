//! The mean of a metric over repeated cross-validation, with an interval that knows the folds share patients.

use thiserror::Error;

use crate::estimate::Interval;
use stats::tails::student_t_two_sided_quantile;

/// Mean and corrected interval.
#[derive(Debug, Clone, PartialEq)]
pub struct CorrectedMean {
    /// Mean over repeats of the mean over the folds of a repeat.
    pub value: f64,
    /// Corrected resampled t interval; not cut off at the metric's range.
    pub interval: Interval,
    /// Corrected standard error.
    pub std_err: f64,
    /// Fold values used, J.
    pub n_folds: usize,
}

/// Why there is no corrected mean.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CorrectedError {
    /// Fewer than two fold values.
    #[error("{n_folds} fold values, must be at least {at_least}")]
    FewFolds {
        /// Values given.
        n_folds: usize,
        /// Smallest number accepted.
        at_least: usize,
    },
    /// A repeat has no fold value.
    #[error("repeat {repeat} has no fold value")]
    EmptyRepeat {
        /// Repeat, counted from 0.
        repeat: usize,
    },
    /// A fold value is NaN or infinite.
    #[error("fold {fold} of repeat {repeat} is {value}, must be finite")]
    NotFinite {
        /// Repeat, counted from 0.
        repeat: usize,
        /// Fold, counted from 0.
        fold: usize,
        /// Value given.
        value: f64,
    },
    /// The share of test to training patients is not a positive number.
    #[error("test to training ratio is {ratio}, must be finite and above 0")]
    Ratio {
        /// Ratio given.
        ratio: f64,
    },
    /// The coverage is not strictly between 0 and 1.
    #[error("level is {level}, must be above 0 and below 1")]
    Level {
        /// Coverage asked for.
        level: f64,
    },
}

/// The mean of a metric over repeated cross-validation with the corrected resampled t interval.
///
/// # Formula
/// mean = (1/R) Σ_r (1/K_r) Σ_k x_rk ;  s² = Σ_rk (x_rk − x̄)² / (J − 1), x̄ the plain mean of all J values
/// standard error = √( (1/J + n_test/n_train) s² ) ;  interval = mean ± t_{J−1} · standard error
///
/// # Arguments
/// | symbol         | argument        | shape | unit                                            |
/// |---|---|---|---|
/// | x_rk           | `repeats`       | \[R\]\[K\] | the metric of fold k in repeat r               |
/// | n_test/n_train | `test_to_train` | 1     | patients; 1/(K−1) for K folds                   |
/// |                | `level`         | 1     | coverage, 0.95 for 95 %                         |
///
/// # Ties and edges
/// folds in which the metric has no value are left out by the caller and lower J
/// # Reference
/// Nadeau and Bengio, Mach. Learn. 52 (2003) 239–281; Bouckaert and Frank, PAKDD 2004, eq. of the
/// corrected repeated k-fold cv test
/// # Agrees with
/// the formula worked by hand in this module's tests; no tool among the house's oracles has it
/// # Differs from
/// the naive t interval, which leaves n_test/n_train out and is too narrow
pub fn corrected_interval(
    repeats: &[Vec<f64>],
    test_to_train: f64,
    level: f64,
) -> Result<CorrectedMean, CorrectedError> {
    check(repeats, test_to_train, level)?;
    let n_folds: usize = repeats.iter().map(Vec::len).sum();
    let j = n_folds as f64;
    let per_repeat: f64 = repeats.iter().map(|r| mean(r.iter(), r.len())).sum();
    let value = per_repeat / repeats.len() as f64;
    let centre = mean(repeats.iter().flatten(), n_folds);
    let squares: f64 = repeats
        .iter()
        .flatten()
        .map(|x| (x - centre) * (x - centre))
        .sum();
    let std_err = ((1.0 / j + test_to_train) * squares / (j - 1.0)).sqrt();
    // the level and the number of folds were checked, so there is a quantile
    let half = student_t_two_sided_quantile(level, j - 1.0).unwrap_or(f64::MAX) * std_err;
    Ok(CorrectedMean {
        value,
        interval: Interval {
            lower: value - half,
            upper: value + half,
        },
        std_err,
        n_folds,
    })
}

fn mean<'a>(values: impl Iterator<Item = &'a f64>, n: usize) -> f64 {
    values.sum::<f64>() / n as f64
}

fn check(repeats: &[Vec<f64>], ratio: f64, level: f64) -> Result<(), CorrectedError> {
    let (n_folds, at_least) = (repeats.iter().map(Vec::len).sum(), 2);
    if n_folds < at_least {
        return Err(CorrectedError::FewFolds { n_folds, at_least });
    }
    if !(ratio.is_finite() && ratio > 0.0) {
        return Err(CorrectedError::Ratio { ratio });
    }
    if !(level > 0.0 && level < 1.0) {
        return Err(CorrectedError::Level { level });
    }
    for (repeat, folds) in repeats.iter().enumerate() {
        if folds.is_empty() {
            return Err(CorrectedError::EmptyRepeat { repeat });
        }
        if let Some(fold) = folds.iter().position(|x| !x.is_finite()) {
            let value = folds[fold];
            return Err(CorrectedError::NotFinite {
                repeat,
                fold,
                value,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn five_folds_by_hand() {
        // s² = 0.001, J = 5, ratio ¼: se = √(0.45 · 0.001) = 0.0212132; t_4 = 2.7764451
        let m = corrected_interval(&[vec![0.66, 0.68, 0.70, 0.72, 0.74]], 0.25, 0.95).unwrap();
        assert!((m.value - 0.70).abs() < 1e-15);
        assert!((m.std_err - 0.021_213_203_435_6).abs() < 1e-12, "{m:?}");
        assert!(
            (m.interval.upper - m.value - 0.058_897_2).abs() < 1e-6,
            "{m:?}"
        );
        assert_eq!(m.n_folds, 5);
    }

    #[test]
    fn repeats_weigh_alike_whatever_their_folds() {
        let m = corrected_interval(&[vec![0.6, 0.6, 0.6], vec![0.8]], 0.25, 0.95).unwrap();
        assert!((m.value - 0.7).abs() < 1e-15);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(corrected_interval(&[vec![0.6]], 0.25, 0.95).is_err());
        assert!(corrected_interval(&[vec![0.6, 0.7], vec![]], 0.25, 0.95).is_err());
        assert!(corrected_interval(&[vec![0.6, f64::NAN]], 0.25, 0.95).is_err());
        assert!(corrected_interval(&[vec![0.6, 0.7]], 0.0, 0.95).is_err());
        assert!(corrected_interval(&[vec![0.6, 0.7]], 0.25, 1.0).is_err());
    }
}
