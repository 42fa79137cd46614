//! Student's and Welch's t tests of two samples.

use super::error::{CompareError, check};
use super::summary::moments;
use crate::tails::{f_upper_tail, student_t_two_sided};

/// Whether the variances of the two groups are taken as equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variances {
    /// Student: one pooled variance.
    Pooled,
    /// Welch: each its own, degrees of freedom by Satterthwaite.
    Separate,
}

/// A t test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TTest {
    /// Mean of the first minus mean of the second group.
    pub difference: f64,
    /// Statistic.
    pub t: f64,
    /// Degrees of freedom.
    pub df: f64,
    /// Two-sided p-value.
    pub p: f64,
}

/// Two-sample t test.
///
/// # Formula
/// t = (x̄₁ − x̄₂)/SE. Pooled: SE² = s²(1/n₁ + 1/n₂), df = n₁ + n₂ − 2; separate: SE² = s₁²/n₁ + s₂²/n₂,
/// df = SE⁴ / (s₁⁴/(n₁²(n₁−1)) + s₂⁴/(n₂²(n₂−1)))
///
/// # Errors           a group below two values, or no variation in either
/// # Reference        Student 1908; Welch, Biometrika 34 (1947) 28–35
/// # Agrees with      R 4.2 `t.test`, relative 1e-9, tests/parity_compare.rs
pub fn t_test(a: &[f64], b: &[f64], variances: Variances) -> Result<TTest, CompareError> {
    check(0, a, 2)?;
    check(1, b, 2)?;
    let (n_a, n_b) = (a.len() as f64, b.len() as f64);
    let ((mean_a, var_a), (mean_b, var_b)) = (moments(a), moments(b));
    let (square, df) = match variances {
        Variances::Pooled => {
            let df = n_a + n_b - 2.0;
            let pooled = ((n_a - 1.0) * var_a + (n_b - 1.0) * var_b) / df;
            (pooled * (1.0 / n_a + 1.0 / n_b), df)
        }
        Variances::Separate => {
            let (of_a, of_b) = (var_a / n_a, var_b / n_b);
            let square = of_a + of_b;
            let spread = of_a * of_a / (n_a - 1.0) + of_b * of_b / (n_b - 1.0);
            (square, square * square / spread)
        }
    };
    // a standard error that is rounding only is none
    if square.sqrt() <= 10.0 * f64::EPSILON * mean_a.abs().max(mean_b.abs()) {
        return Err(CompareError::NoVariation { value: a[0] });
    }
    let difference = mean_a - mean_b;
    let t = difference / square.sqrt();
    Ok(TTest {
        difference,
        t,
        df,
        p: student_t_two_sided(t, df),
    })
}

/// Two-sided p-value of the F test of equal variances.
///
/// # Errors           a group below two values or without variation
/// # Agrees with      R 4.2 `var.test`, relative 1e-9, tests/parity_compare.rs
pub fn variance_ratio_p(a: &[f64], b: &[f64]) -> Result<f64, CompareError> {
    check(0, a, 2)?;
    check(1, b, 2)?;
    let (var_a, var_b) = (moments(a).1, moments(b).1);
    if var_a == 0.0 || var_b == 0.0 {
        let value = if var_a == 0.0 { a[0] } else { b[0] };
        return Err(CompareError::NoVariation { value });
    }
    let (df_a, df_b) = (a.len() as f64 - 1.0, b.len() as f64 - 1.0);
    let above = f_upper_tail(var_a / var_b, df_a, df_b);
    let below = f_upper_tail(var_b / var_a, df_b, df_a);
    Ok((2.0 * above.min(below)).min(1.0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn equal_sizes_and_spreads_make_the_two_tests_one() {
        let (a, b) = ([1.0, 2.0, 3.0], [3.0, 4.0, 5.0]);
        let student = t_test(&a, &b, Variances::Pooled).unwrap();
        let welch = t_test(&a, &b, Variances::Separate).unwrap();
        assert!((student.t + 6.0f64.sqrt()).abs() < 1e-14);
        assert!((student.t - welch.t).abs() < 1e-14 && (student.df - welch.df).abs() < 1e-12);
        assert!((variance_ratio_p(&a, &b).unwrap() - 1.0).abs() < 1e-12);
        let flat = t_test(&[0.1; 3], &[0.1; 3], Variances::Separate);
        assert!(matches!(flat, Err(CompareError::NoVariation { .. })));
    }
}
