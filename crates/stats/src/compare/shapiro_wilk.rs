//! The Shapiro–Wilk test of normality, in Royston's approximation.

use std::f64::consts::{FRAC_PI_3, PI};

use super::error::{CompareError, check};
use crate::special::{normal_quantile, normal_upper_tail};

/// A Shapiro–Wilk test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShapiroWilk {
    /// Statistic, at most 1.
    pub w: f64,
    /// p-value: small where the values are not normal.
    pub p: f64,
}

/// Shapiro–Wilk test of normality of 3 to 5,000 values.
///
/// # Formula
/// W = (Σ a_i x_(i))² / Σ (x_i − x̄)², a from the expected normal order statistics Φ⁻¹((i − 3/8)/(n + 1/4)) with Royston's
/// polynomials in 1/√n for the outermost one or two; p from the normal approximation of log(1 − W) (exact for n = 3)
///
/// # Errors           fewer than 3 or more than 5,000 values, all equal, or one that is not finite
/// # Reference        Shapiro & Wilk, Biometrika 52 (1965) 591–611; Royston, Appl. Stat. 44 (1995) 547–551
/// # Agrees with      R 4.2 `shapiro.test`: W to 1e-10, p relative 1e-8, tests/parity_compare.rs
pub fn shapiro_wilk(values: &[f64]) -> Result<ShapiroWilk, CompareError> {
    const N_MAX: usize = 5000;
    check(0, values, 3)?;
    let n = values.len();
    if n > N_MAX {
        return Err(CompareError::TooMany { n, at_most: N_MAX });
    }
    let mut x = values.to_vec();
    x.sort_by(f64::total_cmp);
    let range = x[n - 1] - x[0];
    if !(range > 0.0 && range.is_finite()) {
        return Err(CompareError::NoVariation { value: x[0] });
    }
    let a = coefficients(n);
    let scaled: Vec<f64> = x.iter().map(|v| (v - x[0]) / range).collect();
    let mean = scaled.iter().sum::<f64>() / n as f64;
    let (mut product, mut of_a, mut of_x) = (0.0, 0.0, 0.0);
    for (i, v) in scaled.iter().enumerate() {
        let j = n - 1 - i;
        let weight = if i < j {
            -a[i]
        } else if i > j {
            a[j]
        } else {
            0.0
        };
        product += weight * (v - mean);
        of_a += weight * weight;
        of_x += (v - mean) * (v - mean);
    }
    let root = (of_a * of_x).sqrt();
    // 1 − W apart: near normality it is what carries the digits
    let rest = ((root - product) * (root + product) / (of_a * of_x)).clamp(0.0, 1.0);
    Ok(ShapiroWilk {
        w: 1.0 - rest,
        p: p_value(rest, n),
    })
}

/// Weights of the lower half, outermost first, as positive numbers.
fn coefficients(n: usize) -> Vec<f64> {
    if n == 3 {
        return vec![0.5f64.sqrt()];
    }
    let half = n / 2;
    let quantile = |i: usize| {
        // strictly between 0 and 1, so there is a quantile
        normal_quantile((i as f64 + 0.625) / (n as f64 + 0.25)).unwrap_or_default()
    };
    let m: Vec<f64> = (0..half).map(quantile).collect();
    let squares = 2.0 * m.iter().map(|v| v * v).sum::<f64>();
    let u = 1.0 / (n as f64).sqrt();
    let outer = |k: usize, poly: &[f64]| polynomial(poly, u) - m[k] / squares.sqrt();
    let first = outer(
        0,
        &[0.0, 0.221157, -0.147981, -2.07119, 4.434685, -2.706056],
    );
    let (mut a, factor) = if n > 5 {
        let second = outer(
            1,
            &[0.0, 0.042981, -0.293762, -1.752461, 5.682633, -3.582633],
        );
        let factor = (squares - 2.0 * (m[0] * m[0] + m[1] * m[1]))
            / (1.0 - 2.0 * (first * first + second * second));
        (vec![first, second], factor)
    } else {
        let factor = (squares - 2.0 * m[0] * m[0]) / (1.0 - 2.0 * first * first);
        (vec![first], factor)
    };
    let inner = m[a.len()..].iter().map(|v| -v / factor.sqrt());
    a.extend(inner.collect::<Vec<_>>());
    a
}

fn p_value(rest: f64, n: usize) -> f64 {
    if n == 3 {
        let p = 6.0 / PI * (libm::asin((1.0 - rest).sqrt()) - FRAC_PI_3);
        return p.clamp(0.0, 1.0);
    }
    if rest <= 0.0 {
        return 1.0;
    }
    let y = libm::log(rest);
    let size = n as f64;
    let (y, mean, std_dev) = if n <= 11 {
        let gamma = 0.459 * size - 2.273;
        if y >= gamma {
            return 1e-99;
        }
        (
            -libm::log(gamma - y),
            polynomial(&[0.544, -0.39978, 0.025054, -6.714e-4], size),
            libm::exp(polynomial(&[1.3822, -0.77857, 0.062767, -0.0020322], size)),
        )
    } else {
        let log_n = libm::log(size);
        (
            y,
            polynomial(&[-1.5861, -0.31082, -0.083751, 0.0038915], log_n),
            libm::exp(polynomial(&[-0.4803, -0.082676, 0.0030302], log_n)),
        )
    };
    normal_upper_tail((y - mean) / std_dev)
}

/// Σ c_k x^k.
fn polynomial(c: &[f64], x: f64) -> f64 {
    c.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn three_equally_spaced_values_are_as_normal_as_can_be() {
        let t = shapiro_wilk(&[1.0, 2.0, 3.0]).unwrap();
        assert!((t.w - 1.0).abs() < 1e-15 && (t.p - 1.0).abs() < 1e-7);
    }

    #[test]
    fn neither_unit_nor_order_matters() {
        let a = [3.1, 0.2, 5.5, 9.7, 1.1, 4.4, 4.9, 22.0];
        let b: Vec<f64> = a.iter().rev().map(|v| 1e4 - 250.0 * v).collect();
        let (s, t) = (shapiro_wilk(&a).unwrap(), shapiro_wilk(&b).unwrap());
        assert!((s.w - t.w).abs() < 1e-12 && (s.p - t.p).abs() < 1e-12);
        assert!(matches!(
            shapiro_wilk(&[1.0; 9]),
            Err(CompareError::NoVariation { .. })
        ));
        assert!(matches!(
            shapiro_wilk(&[1.0; 2]),
            Err(CompareError::TooFew { .. })
        ));
    }
}
