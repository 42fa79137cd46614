//! Location and spread of one sample, and how far two samples are apart.

use super::error::{CompareError, check};

/// What a baseline table says of a numeric column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Values.
    pub n: usize,
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation (n − 1); `None` for one value.
    pub std_dev: Option<f64>,
    /// Smallest.
    pub min: f64,
    /// First quartile.
    pub q25: f64,
    /// Median.
    pub median: f64,
    /// Third quartile.
    pub q75: f64,
    /// Largest.
    pub max: f64,
}

/// Mean, standard deviation and quartiles (R's type 7: linear between order statistics).
///
/// # Errors           no value, or one that is not finite
/// # Agrees with      R 4.2 `mean`, `sd`, `quantile`, relative 1e-12, tests/parity_compare.rs
pub fn summarise(values: &[f64]) -> Result<Summary, CompareError> {
    check(0, values, 1)?;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (mean, variance) = moments(values);
    Ok(Summary {
        n: values.len(),
        mean,
        std_dev: (values.len() > 1).then_some(variance.sqrt()),
        min: sorted[0],
        q25: quantile(&sorted, 0.25),
        median: quantile(&sorted, 0.5),
        q75: quantile(&sorted, 0.75),
        max: sorted[sorted.len() - 1],
    })
}

/// Quantile `p` (cut to [0, 1]) of ascending values, linear between order statistics (R's type 7); 0 of no value.
pub fn quantile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let place = p.clamp(0.0, 1.0) * last as f64;
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

/// Mean, and variance with divisor n − 1 (0 for one value).
pub(super) fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let rough = values.iter().sum::<f64>() / n;
    let mean = rough + values.iter().map(|v| v - rough).sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, squares / (n - 1.0).max(1.0))
}

/// Standardised mean difference of two samples.
///
/// # Formula
/// (x̄₁ − x̄₂) / √((s₁² + s₂²)/2)
///
/// # Errors           a sample below two values, or no variation in either
/// # Reference        Austin, Stat. Med. 28 (2009) 3083–3107
pub fn standardised_difference(a: &[f64], b: &[f64]) -> Result<f64, CompareError> {
    check(0, a, 2)?;
    check(1, b, 2)?;
    let ((mean_a, var_a), (mean_b, var_b)) = (moments(a), moments(b));
    let spread = ((var_a + var_b) / 2.0).sqrt();
    if spread > 0.0 {
        Ok((mean_a - mean_b) / spread)
    } else {
        Err(CompareError::NoVariation { value: a[0] })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn four_values_by_paper_and_pencil() {
        let s = summarise(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((s.mean, s.q25, s.median, s.q75), (2.5, 1.75, 2.5, 3.25));
        assert_eq!(s.std_dev, Some((5.0f64 / 3.0).sqrt()));
        assert_eq!(summarise(&[7.0]).unwrap().std_dev, None);
        assert!(summarise(&[]).is_err());
    }

    #[test]
    fn one_standard_deviation_apart() {
        let d = standardised_difference(&[1.0, 3.0], &[3.0, 5.0]).unwrap();
        assert!((d + 2.0f64.sqrt()).abs() < 1e-15);
        let flat = standardised_difference(&[1.0, 1.0], &[1.0, 1.0]);
        assert_eq!(flat, Err(CompareError::NoVariation { value: 1.0 }));
    }
}
