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
        solve_by_rows(&self.rows, b)
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

/// Lower Cholesky factor of a part of a symmetric matrix plus a ridge: rows and columns come and go.
#[derive(Debug, Default)]
pub(crate) struct Factor {
    order: Vec<usize>,
    ridge: f64,
    rows: Vec<Vec<f64>>,
}

impl Factor {
    /// Which row of the matrix each row of the factor is.
    pub(crate) fn order(&self) -> &[usize] {
        &self.order
    }

    /// Brings the factor to the rows `set` (ascending) of the matrix; `false` where a row is a combination of those before it.
    ///
    /// What stands before the first row that has left is kept, so one more row costs a row and not a matrix.
    pub(crate) fn bring_to(
        &mut self,
        set: &[usize],
        ridge: f64,
        entry: impl Fn(usize, usize) -> f64,
    ) -> bool {
        let stays = |j: &usize| set.binary_search(j).is_ok();
        let kept = match ridge == self.ridge {
            true => self.order.iter().take_while(|j| stays(j)).count(),
            false => 0,
        };
        self.ridge = ridge;
        self.rows.truncate(kept);
        let later = self.order.split_off(kept);
        let back = later.iter().copied().filter(stays);
        let there: std::collections::BTreeSet<usize> =
            self.order.iter().chain(&later).copied().collect();
        let new = set.iter().copied().filter(|j| !there.contains(j));
        for j in back.chain(new).collect::<Vec<_>>() {
            let mut row = Vec::with_capacity(self.order.len() + 1);
            for (l, above) in self.order.iter().zip(&self.rows) {
                let a = row.len();
                row.push((entry(j, *l) - dot(&row, &above[..a])) / above[a]);
            }
            let own = entry(j, j) + ridge;
            let left = own - dot(&row, &row);
            if !(left > 1e-13 * own && left > 0.0) {
                return false;
            }
            row.push(left.sqrt());
            self.rows.push(row);
            self.order.push(j);
        }
        true
    }

    /// x with A x = b, both in the order of the factor.
    pub(crate) fn solve(&self, b: &[f64]) -> Vec<f64> {
        solve_by_rows(&self.rows, b)
    }
}

fn solve_by_rows(rows: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    let mut x = b.to_vec();
    for (i, row) in rows.iter().enumerate() {
        x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
    }
    for (i, row) in rows.iter().enumerate().rev() {
        x[i] /= row[i];
        let value = x[i];
        x[..i]
            .iter_mut()
            .zip(row)
            .for_each(|(x, l)| *x -= l * value);
    }
    x
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

/// Σ b_j x_j of columns of `n` values, four at a time in the order given.
pub(crate) fn combined<'a>(n: usize, columns: impl Iterator<Item = (&'a [f64], f64)>) -> Vec<f64> {
    let mut sum = vec![0.0; n];
    let columns: Vec<(&[f64], f64)> = columns.collect();
    let (fours, rest) = columns.as_chunks::<4>();
    for [(x, a), (y, b), (z, c), (u, d)] in fours {
        let (x, y, z, u) = (&x[..n], &y[..n], &z[..n], &u[..n]);
        for i in 0..n {
            sum[i] += (a * x[i] + b * y[i]) + (c * z[i] + d * u[i]);
        }
    }
    for (x, a) in rest {
        sum.iter_mut().zip(*x).for_each(|(s, x)| *s += a * x);
    }
    sum
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
    fn rows_come_and_go_and_the_factor_is_that_of_what_is_left() {
        let a = |i: usize, j: usize| 1.0 / (1 + i + j) as f64 + if i == j { 0.5 } else { 0.0 };
        let mut factor = Factor::default();
        for (set, ridge) in [
            (vec![3], 0.0),
            (vec![1, 3, 4], 0.0),
            (vec![0, 1, 2, 4], 0.0),
            (vec![0, 2, 4], 0.25),
            (vec![], 0.25),
            (vec![2, 3], 0.25),
        ] {
            assert!(factor.bring_to(&set, ridge, a));
            let mut sorted = factor.order().to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, set);
            let b: Vec<f64> = factor.order().iter().map(|&j| j as f64 - 1.5).collect();
            let x = factor.solve(&b);
            for (&i, b) in factor.order().iter().zip(&b) {
                let terms = factor.order().iter().zip(&x).map(|(&j, x)| a(i, j) * x);
                let own: f64 = (factor.order().iter().zip(&x))
                    .filter(|(j, _)| **j == i)
                    .map(|(_, x)| ridge * x)
                    .sum();
                assert!((terms.sum::<f64>() + own - b).abs() < 1e-12);
            }
        }
        // the second row is the first
        assert!(!factor.bring_to(&[2, 3], 0.0, |_, _| 1.0));
        assert!(factor.bring_to(&[2, 3], 0.0, a));
    }

    #[test]
    fn columns_are_added_four_at_a_time() {
        let columns: Vec<Vec<f64>> = (0..6).map(|j| vec![f64::from(j), 1.0, 2.0]).collect();
        let sum = combined(3, columns.iter().map(|c| (c.as_slice(), 2.0)));
        assert_eq!(sum, [30.0, 12.0, 24.0]);
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
