//! Variances borrowed across genes.

use crate::error::ExpressionError;
use crate::linear::{LinearFit, fit_linear};
use crate::normalise::quantile;
use crate::polygamma::{digamma, trigamma, trigamma_inverse};
use ndarray::Array2;
use stats::tails::student_t_two_sided;

/// Moderated tests of one coefficient, a value per gene.
#[derive(Debug, Clone, PartialEq)]
pub struct Moderated {
    /// The coefficient: the log2 fold change of a group's column.
    pub log_fold_change: Vec<f64>,
    /// Moderated t.
    pub t: Vec<f64>,
    /// Two-sided P.
    pub p: Vec<f64>,
    /// Prior variance, by gene where it follows the mean expression.
    pub prior_variance: Vec<f64>,
    /// Prior degrees of freedom; infinite where genes vary no more than chance.
    pub prior_df: f64,
}

/// Empirical Bayes t statistics of coefficient `column`.
///
/// # Formula
/// s²_g | σ²_g ~ σ²_g χ²_d / d,  1/σ²_g ~ χ²_{d₀} / (d₀ s₀²);  s̃² = (d₀ s₀² + d s²) / (d₀ + d);
/// t̃ = β / (s̃ u) on min(d + d₀, Σ d) degrees of freedom; s₀² and d₀ by moments of log s².
/// With `trend` s₀² is a natural cubic spline (knots at thirds) of the mean expression.
///
/// # Errors
/// `column` beyond the design; fewer than 3 genes; no gene with a variance above 0.
/// # Reference
/// Smyth, Stat. Appl. Genet. Mol. Biol. 3 (2004) 3; Law et al. 2014 for the trend
/// # Agrees with
/// limma 3.54.1 `eBayes` with and without `trend`: t and P 1e-6 relative, tests/parity.rs
pub fn moderate(fit: &LinearFit, column: usize, trend: bool) -> Result<Moderated, ExpressionError> {
    let n = fit.residual_sd.len();
    if column >= fit.coefficients.ncols() {
        return Err(ExpressionError::Size {
            what: "column of the design",
            len: column,
            expected: fit.coefficients.ncols(),
        });
    }
    if n < 3 {
        return Err(ExpressionError::TooFew {
            what: "genes",
            n,
            at_least: 3,
        });
    }
    let df = fit.df_residual as f64;
    let variance: Vec<f64> = fit.residual_sd.iter().map(|s| s * s).collect();
    let prior = prior(&variance, df, trend.then_some(fit.mean.as_slice()))?;
    let pooled = df * n as f64;
    let total = (df + prior.df).min(pooled);
    let mut out = Moderated {
        log_fold_change: fit.coefficients.column(column).to_vec(),
        t: Vec::with_capacity(n),
        p: Vec::with_capacity(n),
        prior_variance: prior.variance,
        prior_df: prior.df,
    };
    for g in 0..n {
        let s2 = if out.prior_df.is_finite() {
            (out.prior_df * out.prior_variance[g] + df * variance[g]) / (out.prior_df + df)
        } else {
            out.prior_variance[g]
        };
        let t = out.log_fold_change[g] / fit.unscaled_std_err[[g, column]] / s2.sqrt();
        out.t.push(t);
        out.p.push(student_t_two_sided(t, total));
    }
    Ok(out)
}

/// Prior degrees of freedom of variances, around a trend where a covariate is given.
pub(crate) fn prior_of(
    variance: &[f64],
    df: f64,
    covariate: Option<&[f64]>,
) -> Result<f64, ExpressionError> {
    Ok(prior(variance, df, covariate)?.df)
}

struct Prior {
    variance: Vec<f64>,
    df: f64,
}

/// Moments of log variances, around their mean or around a spline of the mean expression.
fn prior(variance: &[f64], df: f64, trend: Option<&[f64]>) -> Result<Prior, ExpressionError> {
    let n = variance.len();
    let mut sorted = variance.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = quantile(&sorted, 0.5);
    if sorted[n - 1] <= 0.0 {
        return Err(ExpressionError::NoVariance);
    }
    let floor = 1e-5 * if median > 0.0 { median } else { 1.0 };
    let half = df / 2.0;
    let e: Vec<f64> = variance
        .iter()
        .map(|s2| libm::log(s2.max(floor)) - digamma(half) + libm::log(half))
        .collect();
    let (centre, spread) = match trend {
        None => {
            let mean = e.iter().sum::<f64>() / n as f64;
            let squares: f64 = e.iter().map(|e| (e - mean) * (e - mean)).sum();
            (vec![mean; n], squares / (n - 1) as f64)
        }
        Some(covariate) => around_spline(&e, covariate)?,
    };
    let excess = spread - trigamma(half);
    if excess > 0.0 {
        let df = 2.0 * trigamma_inverse(excess);
        let shift = digamma(df / 2.0) - libm::log(df / 2.0);
        let variance = centre.iter().map(|c| libm::exp(c + shift)).collect();
        return Ok(Prior { variance, df });
    }
    let variance = match trend {
        Some(_) => centre.iter().map(|c| libm::exp(*c)).collect(),
        None => {
            let mean = variance.iter().map(|s2| s2.max(floor)).sum::<f64>() / n as f64;
            vec![mean; n]
        }
    };
    Ok(Prior {
        variance,
        df: f64::INFINITY,
    })
}

/// Fitted values of a natural cubic spline in the covariate and the residual variance around it.
fn around_spline(e: &[f64], covariate: &[f64]) -> Result<(Vec<f64>, f64), ExpressionError> {
    let design = natural_spline(covariate);
    let y = Array2::from_shape_fn((1, e.len()), |(_, i)| e[i]);
    let fit = fit_linear(y.view(), None, design.view())?;
    let fitted = (0..e.len())
        .map(|i| {
            let row = design.row(i);
            fit.coefficients
                .row(0)
                .iter()
                .zip(row)
                .map(|(b, x)| b * x)
                .sum()
        })
        .collect();
    Ok((fitted, fit.residual_sd[0] * fit.residual_sd[0]))
}

/// A basis of natural cubic splines: as many columns as the number of genes can carry, at most 4 (knots at the ends and at
/// thirds of the covariate). Any basis of that space gives the same fit.
fn natural_spline(covariate: &[f64]) -> Array2<f64> {
    let n = covariate.len();
    let columns = 1 + usize::from(n >= 3) + usize::from(n >= 6) + usize::from(n >= 30);
    let mut sorted = covariate.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted[0], sorted[n - 1]);
    let width = if high > low { high - low } else { 1.0 };
    let knots: Vec<f64> = (0..columns)
        .map(|k| (quantile(&sorted, k as f64 / (columns - 1).max(1) as f64) - low) / width)
        .collect();
    let last = columns - 1;
    let cube = |x: f64| if x > 0.0 { x * x * x } else { 0.0 };
    let d =
        |x: f64, k: usize| (cube(x - knots[k]) - cube(x - knots[last])) / (knots[last] - knots[k]);
    Array2::from_shape_fn((n, columns), |(i, j)| {
        let x = (covariate[i] - low) / width;
        match j {
            0 => 1.0,
            1 => x,
            _ => d(x, j - 2) - d(x, last - 1),
        }
    })
}
