//! How much of an apparent performance is owed to testing where one learned.

use thiserror::Error;

/// One bootstrap model's performance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptimismDraw {
    /// On the resample it was learned from.
    pub on_resample: f64,
    /// On the patients as they were.
    pub on_original: f64,
}

/// A performance corrected for optimism.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptimismCorrected {
    /// Where it was learned.
    pub apparent: f64,
    /// Mean of `on_resample − on_original`.
    pub optimism: f64,
    /// Standard error of the optimism, from its spread over the resamples (that of the simulation only).
    pub optimism_std_err: f64,
    /// `apparent − optimism`.
    pub corrected: f64,
    /// Resamples.
    pub n_resamples: usize,
}

/// Why there is no correction.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum OptimismError {
    /// Too few resamples.
    #[error("{n_resamples} resamples, must be at least {at_least}")]
    Resamples {
        /// Resamples given.
        n_resamples: usize,
        /// Fewest accepted.
        at_least: usize,
    },
    /// A value is not finite.
    #[error(
        "performance of resample {resample} is not finite: leave out what has no value, and say how many"
    )]
    NotFinite {
        /// Resample, counted from 0; the number of resamples for the apparent value.
        resample: usize,
    },
}

/// Harrell's bootstrap correction of an apparent performance (C, AUC, Brier; all steps of learning repeated in each resample).
///
/// # Formula
/// corrected = apparent − (1/B) Σ_b ( on_resample_b − on_original_b )
///
/// # Errors           fewer than 2 resamples, a value that is not finite
/// # Reference        Efron, JASA 78 (1983) 316–331; Harrell, Lee & Mark, Stat. Med. 15 (1996) 361–387
/// # Agrees with      rms 6.5-0 `validate`: the columns training, test, optimism and index.corrected of the reference,
/// 1e-12, tests/metrics_oracle.rs
pub fn correct_optimism(
    apparent: f64,
    draws: &[OptimismDraw],
) -> Result<OptimismCorrected, OptimismError> {
    let n_resamples = draws.len();
    if n_resamples < 2 {
        return Err(OptimismError::Resamples {
            n_resamples,
            at_least: 2,
        });
    }
    let bad = draws
        .iter()
        .position(|d| !(d.on_resample.is_finite() && d.on_original.is_finite()));
    if let Some(resample) = bad.or((!apparent.is_finite()).then_some(n_resamples)) {
        return Err(OptimismError::NotFinite { resample });
    }
    let n = n_resamples as f64;
    let gaps: Vec<f64> = draws
        .iter()
        .map(|d| d.on_resample - d.on_original)
        .collect();
    let optimism = gaps.iter().sum::<f64>() / n;
    let squares: f64 = gaps.iter().map(|g| (g - optimism) * (g - optimism)).sum();
    Ok(OptimismCorrected {
        apparent,
        optimism,
        optimism_std_err: (squares / (n * (n - 1.0))).sqrt(),
        corrected: apparent - optimism,
        n_resamples,
    })
}

/// An error that neither trusts the rows it was learned from nor mistrusts them as much as those left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point632Plus {
    /// The weighted error.
    pub error: f64,
    /// R: 0 without overfitting, 1 where nothing is left of what was learned.
    pub overfitting: f64,
}

/// The .632+ estimator of a prediction error.
///
/// # Formula
/// e′ = min(left_out, γ); R = (e′ − apparent)/(γ − apparent) where left_out and γ are above `apparent`, else 0;
/// w = 0.632/(1 − 0.368 R); error = (1 − w) apparent + w e′
///
/// # Arguments
/// | symbol | argument | meaning |
/// |---|---|---|
/// | | `apparent` | error of the model on the rows it was learned from |
/// | | `left_out` | mean error of the resamples' models on the patients that each left out |
/// | γ | `no_information` | error of the model if outcomes had nothing to do with features |
///
/// # Reference        Efron & Tibshirani, JASA 92 (1997) 548–560; for survival Gerds & Schumacher, Biometrics 63 (2007) 1283–1287
/// # Differs from     the paper, which averages the left-out error patient by patient: concordance and AUC need whole sets, so
/// the mean is over resamples, as in pec
pub fn point_632_plus(apparent: f64, left_out: f64, no_information: f64) -> Point632Plus {
    let bounded = left_out.min(no_information);
    let overfitting = if left_out > apparent && no_information > apparent {
        (bounded - apparent) / (no_information - apparent)
    } else {
        0.0
    };
    let weight = 0.632 / (1.0 - 0.368 * overfitting);
    Point632Plus {
        error: (1.0 - weight) * apparent + weight * bounded,
        overfitting,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn two_resamples_by_hand() {
        let draw = |on_resample, on_original| OptimismDraw {
            on_resample,
            on_original,
        };
        let c = correct_optimism(0.8, &[draw(0.9, 0.7), draw(0.8, 0.7)]).unwrap();
        assert!((c.optimism - 0.15).abs() < 1e-15 && (c.corrected - 0.65).abs() < 1e-15);
        assert!((c.optimism_std_err - 0.05).abs() < 1e-15);
        assert!(correct_optimism(0.8, &[draw(0.9, 0.7)]).is_err());
        let hole = correct_optimism(0.8, &[draw(0.9, 0.7), draw(f64::NAN, 0.7)]);
        assert_eq!(hole, Err(OptimismError::NotFinite { resample: 1 }));
    }

    #[test]
    fn overfitting_moves_the_weight_from_632_to_one() {
        // 1-nearest neighbour on pure noise, as in the paper: apparent 0, left out and no information one half
        let all = point_632_plus(0.0, 0.5, 0.5);
        assert_eq!(all.overfitting, 1.0);
        assert!((all.error - 0.5).abs() < 1e-15);
        let none = point_632_plus(0.2, 0.2, 0.5);
        assert_eq!((none.overfitting, none.error), (0.0, 0.2));
        // R = 0.1/0.3, w = 0.632/(1 − 0.368/3)
        let some = point_632_plus(0.2, 0.3, 0.5);
        let weight = 0.632 / (1.0 - 0.368 / 3.0);
        assert!((some.error - (0.2 + 0.1 * weight)).abs() < 1e-15);
        // worse than no information counts as no information
        assert_eq!(point_632_plus(0.2, 0.7, 0.5).error, 0.5);
    }
}
