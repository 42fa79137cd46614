//! Spearman's rank correlation.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::linalg::dot;

/// Why ranks could not be correlated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SpearmanError {
    /// A value is undefined.
    #[error("value in row {row}, column {column} is not a number")]
    NotANumber {
        /// Zero-based row.
        row: usize,
        /// Zero-based column.
        column: usize,
    },
}

/// Rank correlations of all columns.
#[derive(Debug, Clone, PartialEq)]
pub struct SpearmanMatrix {
    /// ρ, features × features; 1 on the diagonal; 0 beside a constant column.
    pub rho: Array2<f64>,
    /// Columns with one value only: their ρ with others is undefined, written as 0.
    pub constant: Vec<usize>,
}

/// Spearman's ρ of every pair of columns, ties with averaged ranks.
///
/// # Formula
/// ρ_jl = Σ_i a_ij a_il / √( Σ_i a_ij² · Σ_i a_il² ), a_ij = 2·rank_ij − (n+1): whole numbers, so the sums are exact
/// and independent of their order up to n = 200,000
///
/// # Ties and edges   a constant column has no correlation: listed, and written as 0
/// # Errors           an undefined value, by row and column
/// # Reference        Spearman 1904; Kendall & Gibbons 1990, ch. 3
/// # Agrees with      R 4.2 `cor(method = "spearman")`, 1e-12, tests/parity_spearman.rs
/// # Differs from     R gives NA beside a constant column
pub fn spearman_matrix(x: ArrayView2<f64>) -> Result<SpearmanMatrix, SpearmanError> {
    let ranks = RankTable::new(x)?;
    let p = x.ncols();
    let rows: Vec<Vec<f64>> = (0..p)
        .into_par_iter()
        .map(|j| (0..j).map(|l| ranks.rho(j, l)).collect())
        .collect();
    let mut rho = Array2::eye(p);
    for (j, row) in rows.into_iter().enumerate() {
        for (l, v) in row.into_iter().enumerate() {
            rho[[j, l]] = v;
            rho[[l, j]] = v;
        }
    }
    Ok(SpearmanMatrix {
        rho,
        constant: (0..p).filter(|&j| ranks.is_constant(j)).collect(),
    })
}

/// Ranks from 1, the mean rank for equal values (NaN ranks last).
pub fn mid_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && values[order[end]] == values[order[start]] {
            end += 1;
        }
        let mean = (start + 1 + end) as f64 / 2.0;
        order[start..end].iter().for_each(|&i| ranks[i] = mean);
        start = end;
    }
    ranks
}

/// Centred, doubled ranks of every column.
pub(crate) struct RankTable {
    columns: Vec<Vec<f64>>,
    squares: Vec<f64>,
}

impl RankTable {
    pub(crate) fn new(x: ArrayView2<f64>) -> Result<RankTable, SpearmanError> {
        if let Some(((row, column), _)) = x.indexed_iter().find(|(_, v)| v.is_nan()) {
            return Err(SpearmanError::NotANumber { row, column });
        }
        let middle = (x.nrows() + 1) as f64;
        let columns: Vec<Vec<f64>> = (0..x.ncols())
            .into_par_iter()
            .map(|j| {
                mid_ranks(&x.column(j).to_vec())
                    .iter()
                    .map(|r| 2.0 * r - middle)
                    .collect()
            })
            .collect();
        let squares = columns.iter().map(|c| dot(c, c)).collect();
        Ok(RankTable { columns, squares })
    }

    pub(crate) fn is_constant(&self, j: usize) -> bool {
        self.squares[j] == 0.0
    }

    /// ρ of two columns; 0 where one is constant.
    pub(crate) fn rho(&self, j: usize, l: usize) -> f64 {
        if self.is_constant(j) || self.is_constant(l) {
            return 0.0;
        }
        dot(&self.columns[j], &self.columns[l]) / (self.squares[j] * self.squares[l]).sqrt()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use ndarray::array;

    #[test]
    fn equal_values_share_their_mean_rank() {
        assert_eq!(
            mid_ranks(&[3.0, 1.0, 3.0, -0.0, 0.0]),
            [4.5, 3.0, 4.5, 1.5, 1.5]
        );
    }

    #[test]
    fn one_wrong_order_of_four_by_paper_and_pencil() {
        // ρ = 1 − 6 Σ d² / (n (n² − 1)) = 1 − 6·2/60
        let x = array![
            [1.0, 10.0, 7.0],
            [2.0, 30.0, 7.0],
            [3.0, 20.0, 7.0],
            [4.0, 40.0, 7.0]
        ];
        let s = spearman_matrix(x.view()).unwrap();
        assert!((s.rho[[0, 1]] - 0.8).abs() < 1e-15);
        assert_eq!(s.constant, [2]);
        assert_eq!(s.rho[[2, 0]], 0.0);
        let hole = array![[1.0], [f64::NAN]];
        assert_eq!(
            spearman_matrix(hole.view()),
            Err(SpearmanError::NotANumber { row: 1, column: 0 })
        );
    }
}
