//! How far features say the same in straight lines.

use ndarray::{Array2, ArrayView2};

use crate::linalg::Cholesky;

/// Variance inflation factor of each feature: by what the variance of its coefficient grows because the others predict it.
///
/// # Formula
/// VIF_j = 1/(1 − R²_j), R²_j of a least-squares regression of feature j on all others: the diagonal of the inverse of the
/// matrix of Pearson correlations
///
/// # Arguments        `x`: patients × features, no undefined value
/// # Ties and edges   one feature has 1
/// # Undefined        `None` where a column is constant or a combination of others, or there are fewer rows than columns + 1
/// # Reference        Belsley, Kuh & Welsch 1980, Regression Diagnostics, 3.2
/// # Agrees with      R 4.2 `diag(solve(cor(x)))` on `veteran`, relative 1e-9, worker's test of cox-regression
/// # Differs from     rms `vif`, which inverts the correlations of the coefficients
pub fn variance_inflation(x: ArrayView2<f64>) -> Option<Vec<f64>> {
    let (n, p) = x.dim();
    if n < p + 1 || p == 0 {
        return None;
    }
    let scaled: Vec<Vec<f64>> = (0..p)
        .map(|j| {
            let column: Vec<f64> = x.column(j).to_vec();
            let mean = column.iter().sum::<f64>() / n as f64;
            let apart: Vec<f64> = column.iter().map(|v| v - mean).collect();
            let length = apart.iter().map(|v| v * v).sum::<f64>().sqrt();
            let usable =
                length > 0.0 && length.is_finite() && column.iter().any(|v| *v != column[0]);
            usable.then(|| apart.iter().map(|v| v / length).collect())
        })
        .collect::<Option<_>>()?;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let correlation = Array2::from_shape_fn((p, p), |(i, j)| product(&scaled[i], &scaled[j]));
    let inverse = Cholesky::new(&correlation, 1e-12).ok()?.inverse();
    Some((0..p).map(|j| inverse[[j, j]]).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::array;

    #[test]
    fn two_features_inflate_each_other_by_their_correlation() {
        let x = array![[1.0, 2.0], [2.0, 1.0], [3.0, 4.0], [4.0, 3.0]];
        // r = 0.6
        let vif = variance_inflation(x.view()).unwrap();
        assert!(
            vif.iter().all(|v| (v - 1.0 / 0.64).abs() < 1e-12),
            "{vif:?}"
        );
        let one = variance_inflation(x.slice(ndarray::s![.., ..1])).unwrap();
        assert!((one[0] - 1.0).abs() < 1e-15);
    }

    #[test]
    fn a_constant_and_a_sum_have_none() {
        let constant = array![[1.0, 2.0], [1.0, 1.0], [1.0, 4.0], [1.0, 3.0]];
        assert_eq!(variance_inflation(constant.view()), None);
        let sum = Array2::from_shape_fn((9, 3), |(i, j)| {
            let (a, b) = ((i * 7 % 5) as f64, (i * 4 % 9) as f64);
            [a, b, a + b][j]
        });
        assert_eq!(variance_inflation(sum.view()), None);
    }
}
