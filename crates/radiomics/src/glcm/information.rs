//! The entropies of a matrix and of its marginals, and the informational measures of correlation.

use super::Matrix;
use crate::class::{EPSILON, entropy_term};

/// The entropies of the informational measures of correlation.
pub(super) struct Information {
    hx: f64,
    hy: f64,
    pub(super) hxy: f64,
    hxy1: f64,
    hxy2: f64,
}

/// Up to this many levels logarithms of products of marginals are kept in a table.
const TABLED_LEVELS: usize = 512;

impl Information {
    pub(super) fn new(matrix: &Matrix) -> Information {
        let entropy = |p: &[f64]| p.iter().fold(0.0, |sum, &p| sum + entropy_term(p));
        let hxy = matrix
            .cells
            .iter()
            .fold(0.0, |sum, cell| sum + cell.entropy);
        let (hxy1, hxy2) = if matrix.grey.len() <= TABLED_LEVELS {
            with_table(matrix)
        } else {
            with_equal_marginals(matrix)
        };
        Information {
            hx: entropy(&matrix.px),
            hy: entropy(&matrix.py),
            hxy,
            hxy1,
            hxy2,
        }
    }

    /// Imc1.
    pub(super) fn first_measure(&self) -> f64 {
        let divisor = self.hx.max(self.hy);
        if divisor == 0.0 {
            0.0
        } else {
            (self.hxy - self.hxy1) / divisor
        }
    }

    /// Imc2.
    pub(super) fn second_measure(&self) -> f64 {
        let gain = self.hxy2 - self.hxy;
        if gain <= 0.0 {
            0.0
        } else {
            (1.0 - libm::exp(-2.0 * gain)).sqrt()
        }
    }
}

/// HXY1 and HXY2; each logarithm is needed for both and, if the matrix is symmetrical, for both of its halves.
fn with_table(matrix: &Matrix) -> (f64, f64) {
    let n = matrix.grey.len();
    let mut table = vec![0.0; n * n];
    let mut hxy2 = 0.0;
    let occupied = |(_, p): &(usize, &f64)| **p > 0.0;
    for (a, &px) in matrix.px.iter().enumerate().filter(occupied) {
        let first = if matrix.symmetrical { a } else { 0 };
        for (b, &py) in matrix.py.iter().enumerate().skip(first).filter(occupied) {
            let twice = if matrix.symmetrical && b > a {
                2.0
            } else {
                1.0
            };
            let logarithm = libm::log2(px * py + EPSILON);
            hxy2 += twice * -(px * py * logarithm);
            table[a * n + b] = logarithm;
        }
    }
    let hxy1 = matrix.cells.iter().fold(0.0, |sum, cell| {
        let (mut a, mut b) = (usize::from(cell.a), usize::from(cell.b));
        if matrix.symmetrical && a > b {
            (a, b) = (b, a);
        }
        sum - cell.p * table[a * n + b]
    });
    (hxy1, hxy2)
}

/// The same for very many levels: most of them have few pairs, so few of the marginals differ.
fn with_equal_marginals(matrix: &Matrix) -> (f64, f64) {
    let (in_x, in_y) = (distinct(&matrix.px), distinct(&matrix.py));
    let mut hxy2 = 0.0;
    for &(px, n_x) in &in_x {
        for &(py, n_y) in &in_y {
            hxy2 += n_x * n_y * entropy_term(px * py);
        }
    }
    let hxy1 = matrix.cells.iter().fold(0.0, |sum, cell| {
        let product = matrix.px[usize::from(cell.a)] * matrix.py[usize::from(cell.b)];
        sum - cell.p * libm::log2(product + EPSILON)
    });
    (hxy1, hxy2)
}

/// The values above 0 in ascending order, and how often each occurs.
fn distinct(marginal: &[f64]) -> Vec<(f64, f64)> {
    let mut sorted: Vec<f64> = marginal.iter().copied().filter(|&p| p > 0.0).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
        .chunk_by(|a, b| a == b)
        .map(|same| (same[0], same.len() as f64))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Options;
    use super::*;
    use crate::pairs::{example, pairs_at};

    #[test]
    fn table_and_equal_marginals_give_the_same_entropies() {
        let (levels, padded) = example();
        for symmetrical in [true, false] {
            let options = Options {
                directions: &[],
                symmetrical,
                norm: None,
                spacing_mm: [1.0; 3],
                wants_mcc: false,
            };
            let pairs = pairs_at(&levels, &padded, 1, symmetrical);
            let matrix = Matrix::of_pairs(&levels, &pairs, &options);
            let (a, b) = (with_table(&matrix), with_equal_marginals(&matrix));
            assert!((a.0 - b.0).abs() < 1e-13 && (a.1 - b.1).abs() < 1e-13);
        }
    }
}
