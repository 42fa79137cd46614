//! Cholesky factors of small symmetric matrices, in one fixed order of operations.

use ndarray::Array2;

/// Lower Cholesky factor of a symmetric positive definite matrix.
#[derive(Debug, Clone)]
pub(crate) struct Cholesky {
    lower: Array2<f64>,
}

impl Cholesky {
    /// Factors `a`; `Err(j)` when what is left of column `j` after the columns before it is below
    /// `tolerance_rel · a[j, j]`: the column is a combination of those.
    pub(crate) fn new(a: &Array2<f64>, tolerance_rel: f64) -> Result<Cholesky, usize> {
        let p = a.nrows();
        let mut lower = Array2::zeros((p, p));
        for j in 0..p {
            for i in j..p {
                let mut sum = a[[i, j]];
                for k in 0..j {
                    sum -= lower[[i, k]] * lower[[j, k]];
                }
                if i > j {
                    lower[[i, j]] = sum / lower[[j, j]];
                } else if sum > tolerance_rel * a[[j, j]] && sum > 0.0 {
                    lower[[j, j]] = sum.sqrt();
                } else {
                    return Err(j);
                }
            }
        }
        Ok(Cholesky { lower })
    }

    /// x with A x = b.
    pub(crate) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let p = self.lower.nrows();
        let mut x = b.to_vec();
        for i in 0..p {
            for k in 0..i {
                x[i] -= self.lower[[i, k]] * x[k];
            }
            x[i] /= self.lower[[i, i]];
        }
        for i in (0..p).rev() {
            for k in i + 1..p {
                x[i] -= self.lower[[k, i]] * x[k];
            }
            x[i] /= self.lower[[i, i]];
        }
        x
    }

    /// The inverse of A.
    pub(crate) fn inverse(&self) -> Array2<f64> {
        let p = self.lower.nrows();
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
    fn a_dependent_column_is_named() {
        let a = array![[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        assert_eq!(Cholesky::new(&a, 1e-12).unwrap_err(), 1);
    }
}
