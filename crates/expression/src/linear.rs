//! A weighted linear model per gene.

use crate::error::ExpressionError;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

/// Smallest squared length of a column left by the ones before it, relative to its own.
const COLLINEAR: f64 = 1e-14;

/// One linear model per gene, all on the same design.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearFit {
    /// \[genes, columns of the design\].
    pub coefficients: Array2<f64>,
    /// Standard error of each coefficient over the residual SD: √ of the diagonal of (X′WX)⁻¹.
    pub unscaled_std_err: Array2<f64>,
    /// Residual standard deviation of each gene.
    pub residual_sd: Vec<f64>,
    /// Residual degrees of freedom, the same for all genes.
    pub df_residual: usize,
    /// Mean expression of each gene, unweighted.
    pub mean: Vec<f64>,
}

/// Fits `expression` (\[genes, samples\]) = `design` (\[samples, columns\]) · coefficients, with `weights` like `expression`.
///
/// # Errors
/// Sizes that do not match, values or weights that are not finite (weights above 0), no residual degree of freedom,
/// collinear columns.
/// # Agrees with
/// limma 3.54.1 `lmFit`, 1e-9, tests/parity.rs
pub fn fit_linear(
    expression: ArrayView2<f64>,
    weights: Option<ArrayView2<f64>>,
    design: ArrayView2<f64>,
) -> Result<LinearFit, ExpressionError> {
    let (n_genes, n_samples) = expression.dim();
    check(expression, weights, design)?;
    let p = design.ncols();
    let genes: Vec<Gene> = (0..n_genes)
        .into_par_iter()
        .map(|g| {
            let y: Vec<f64> = expression.row(g).to_vec();
            let w: Vec<f64> = weights.map_or_else(|| vec![1.0; n_samples], |w| w.row(g).to_vec());
            least_squares(&y, &w, design)
        })
        .collect::<Result<_, _>>()?;
    let of = |pick: fn(&Gene) -> &Vec<f64>| {
        Array2::from_shape_fn((n_genes, p), |(g, j)| pick(&genes[g])[j])
    };
    let df_residual = n_samples - p;
    Ok(LinearFit {
        coefficients: of(|g| &g.coefficients),
        unscaled_std_err: of(|g| &g.unscaled),
        residual_sd: genes
            .iter()
            .map(|g| (g.residual / df_residual as f64).sqrt())
            .collect(),
        df_residual,
        mean: expression
            .rows()
            .into_iter()
            .map(|row| row.iter().sum::<f64>() / n_samples as f64)
            .collect(),
    })
}

fn check(
    expression: ArrayView2<f64>,
    weights: Option<ArrayView2<f64>>,
    design: ArrayView2<f64>,
) -> Result<(), ExpressionError> {
    let (n_genes, n_samples) = expression.dim();
    let size = |what, len, expected| match len == expected {
        true => Ok(()),
        false => Err(ExpressionError::Size {
            what,
            len,
            expected,
        }),
    };
    size("rows of the design", design.nrows(), n_samples)?;
    if n_samples <= design.ncols() {
        return Err(ExpressionError::TooFew {
            what: "samples",
            n: n_samples,
            at_least: design.ncols() + 1,
        });
    }
    if let Some(weights) = weights {
        size("rows of weights", weights.nrows(), n_genes)?;
        size("columns of weights", weights.ncols(), n_samples)?;
    }
    let bad = |values: ArrayView2<f64>, rule, ok: fn(f64) -> bool| {
        values
            .indexed_iter()
            .find(|(_, value)| !ok(**value))
            .map_or(Ok(()), |((gene, sample), &value)| {
                Err(ExpressionError::Value {
                    gene,
                    sample,
                    value,
                    rule,
                })
            })
    };
    bad(expression, "finite", f64::is_finite)?;
    bad(design, "finite", f64::is_finite)?;
    weights.map_or(Ok(()), |w| {
        bad(w, "finite and above 0", |w| w.is_finite() && w > 0.0)
    })
}

struct Gene {
    coefficients: Vec<f64>,
    unscaled: Vec<f64>,
    /// weighted sum of squared residuals
    residual: f64,
}

/// Least squares by orthogonalising the weighted columns one after the other (modified Gram–Schmidt, twice).
fn least_squares(y: &[f64], w: &[f64], design: ArrayView2<f64>) -> Result<Gene, ExpressionError> {
    let (n, p) = design.dim();
    let root: Vec<f64> = w.iter().map(|w| w.sqrt()).collect();
    let mut rest: Vec<f64> = y.iter().zip(&root).map(|(y, r)| y * r).collect();
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(p);
    let mut r = Array2::<f64>::zeros((p, p));
    let mut effects = vec![0.0; p];
    for j in 0..p {
        let mut column: Vec<f64> = (0..n).map(|i| design[[i, j]] * root[i]).collect();
        let length = dot(&column, &column);
        for _ in 0..2 {
            for (k, q) in basis.iter().enumerate() {
                let along = dot(q, &column);
                r[[k, j]] += along;
                subtract(&mut column, q, along);
            }
        }
        let left = dot(&column, &column);
        if left <= COLLINEAR * length || length == 0.0 {
            return Err(ExpressionError::Collinear { column: j });
        }
        r[[j, j]] = left.sqrt();
        for value in &mut column {
            *value /= r[[j, j]];
        }
        for _ in 0..2 {
            let along = dot(&column, &rest);
            effects[j] += along;
            subtract(&mut rest, &column, along);
        }
        basis.push(column);
    }
    let inverse = inverse_upper(&r);
    Ok(Gene {
        coefficients: (0..p)
            .map(|i| (i..p).map(|j| inverse[[i, j]] * effects[j]).sum())
            .collect(),
        unscaled: (0..p)
            .map(|i| {
                (i..p)
                    .map(|j| inverse[[i, j]] * inverse[[i, j]])
                    .sum::<f64>()
                    .sqrt()
            })
            .collect(),
        residual: dot(&rest, &rest),
    })
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn subtract(from: &mut [f64], direction: &[f64], along: f64) {
    for (value, q) in from.iter_mut().zip(direction) {
        *value -= along * q;
    }
}

fn inverse_upper(r: &Array2<f64>) -> Array2<f64> {
    let p = r.nrows();
    let mut inverse = Array2::<f64>::zeros((p, p));
    for j in 0..p {
        inverse[[j, j]] = 1.0 / r[[j, j]];
        for i in (0..j).rev() {
            let sum: f64 = (i + 1..=j).map(|k| r[[i, k]] * inverse[[k, j]]).sum();
            inverse[[i, j]] = -sum / r[[i, i]];
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::array;

    #[test]
    fn two_groups_by_hand() {
        let y = array![[1.0, 3.0, 6.0, 8.0]];
        let x = array![[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 1.0]];
        let fit = fit_linear(y.view(), None, x.view()).unwrap();
        assert!((fit.coefficients[[0, 0]] - 2.0).abs() < 1e-14);
        assert!((fit.coefficients[[0, 1]] - 5.0).abs() < 1e-14);
        assert!((fit.residual_sd[0] - 2.0_f64.sqrt()).abs() < 1e-14);
        assert!((fit.unscaled_std_err[[0, 1]] - 1.0).abs() < 1e-14);
    }

    #[test]
    fn collinear_designs_and_bad_values_are_named() {
        let y = array![[1.0, 3.0, 6.0, 8.0]];
        let x = array![[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0]];
        assert_eq!(
            fit_linear(y.view(), None, x.view()).unwrap_err(),
            ExpressionError::Collinear { column: 1 }
        );
        let bad = array![[1.0, f64::NAN, 6.0, 8.0]];
        assert!(matches!(
            fit_linear(bad.view(), None, x.view()).unwrap_err(),
            ExpressionError::Value {
                gene: 0,
                sample: 1,
                ..
            }
        ));
    }
}
