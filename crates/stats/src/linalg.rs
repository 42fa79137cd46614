//! Cholesky factors of small symmetric matrices, in one fixed order of operations.

use ndarray::Array2;

/// Lower Cholesky factor of a symmetric positive definite matrix, row by row.
#[derive(Debug, Clone)]
pub(crate) struct Cholesky {
    rows: Vec<Vec<f64>>,
}

impl Cholesky {
    /// Factors `a`; `Err(j)` when what is left of column `j` after the columns before it is below
    /// `tolerance_rel · a[j, j]`: the column is a combination of those.
    pub(crate) fn new(a: &Array2<f64>, tolerance_rel: f64) -> Result<Cholesky, usize> {
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(a.nrows());
        for i in 0..a.nrows() {
            let mut row = Vec::with_capacity(i + 1);
            for (j, above) in rows.iter().enumerate() {
                row.push((a[[i, j]] - dot(&row, &above[..j])) / above[j]);
            }
            let left = a[[i, i]] - dot(&row, &row);
            if !(left > tolerance_rel * a[[i, i]] && left > 0.0) {
                return Err(i);
            }
            row.push(left.sqrt());
            rows.push(row);
        }
        Ok(Cholesky { rows })
    }

    /// x with A x = b.
    pub(crate) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = b.to_vec();
        for (i, row) in self.rows.iter().enumerate() {
            x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
        }
        for (i, row) in self.rows.iter().enumerate().rev() {
            x[i] /= row[i];
            let value = x[i];
            x[..i]
                .iter_mut()
                .zip(row)
                .for_each(|(x, l)| *x -= l * value);
        }
        x
    }

    /// The inverse of A.
    pub(crate) fn inverse(&self) -> Array2<f64> {
        let p = self.rows.len();
        let mut inverse = Array2::zeros((p, p));
        let mut unit = vec![0.0; p];
        for j in 0..p {
            unit[j] = 1.0;
            for (i, v) in self.solve(&unit).into_iter().enumerate() {
                inverse[[i, j]] = v;
            }
            unit[j] = 0.0;
        }
        inverse
    }
}

/// Σ a_i b_i in eight running sums, added in a fixed order.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a8
        .remainder()
        .iter()
        .zip(b8.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in a8.zip(b8) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7])) + rest
}

/// bᵀ A⁻¹ b, given the factor of A.
pub(crate) fn quadratic_form(factor: &Cholesky, b: &[f64]) -> f64 {
    factor.solve(b).iter().zip(b).map(|(x, b)| x * b).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use ndarray::array;

    #[test]
    fn it_solves_and_inverts() {
        let a = array![[4.0, 2.0, 0.0], [2.0, 5.0, 1.0], [0.0, 1.0, 3.0]];
        let factor = Cholesky::new(&a, 1e-12).unwrap();
        let x = factor.solve(&[2.0, 3.0, 4.0]);
        for i in 0..3 {
            let back: f64 = (0..3).map(|j| a[[i, j]] * x[j]).sum();
            assert!((back - [2.0, 3.0, 4.0][i]).abs() < 1e-12);
        }
        assert!((factor.inverse()[[0, 0]] - 14.0 / 44.0).abs() < 1e-12);
    }

    #[test]
    fn the_sum_does_not_miss_the_rest() {
        let a: Vec<f64> = (0..19).map(f64::from).collect();
        assert_eq!(dot(&a, &a), 2109.0);
    }

    #[test]
    fn a_dependent_column_is_named() {
        let a = array![[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        assert_eq!(Cholesky::new(&a, 1e-12).unwrap_err(), 1);
    }
}
