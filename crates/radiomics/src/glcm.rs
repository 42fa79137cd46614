//! Grey level co-occurrence matrix (GLCM): 24 features of pairs of neighbouring grey levels.
//!
//! # Symbols
//! p(i, j): share of pairs with grey levels i and j along one direction (symmetrical: each pair counts both ways);
//! p_x, p_y: its marginals, with means μ_x, μ_y and standard deviations σ_x, σ_y; p₊(k), p₋(k): share of pairs with i + j = k and
//! abs(i − j) = k; N_g: the highest grey level; H…: entropies −Σ p log₂(p + ε).
//! Each feature is computed per direction (13 in three dimensions), then averaged.
//!
//! # Formulas
//! | feature | formula |
//! |---|---|
//! | Autocorrelation, JointAverage, SumSquares | Σ p i j; μ_x; Σ p (i − μ_x)² |
//! | ClusterTendency, ClusterShade, ClusterProminence | Σ p (i + j − μ_x − μ_y)^2, ^3, ^4 |
//! | Contrast, Correlation | Σ p (i − j)²; Σ p (i − μ_x)(j − μ_y) / (σ_x σ_y + ε) |
//! | DifferenceAverage, DifferenceVariance, DifferenceEntropy | mean, variance and entropy of p₋ |
//! | Id, Idn, Idm, Idmn | Σ p₋/(1 + k), /(1 + k/N_g), /(1 + k²), /(1 + k²/N_g²) |
//! | InverseVariance | Σ_{k ≥ 1} p₋/k² |
//! | Imc1, Imc2 | (HXY − HXY1)/max(HX, HY); √(1 − exp(−2 (HXY2 − HXY))) |
//! | JointEnergy, JointEntropy, MaximumProbability | Σ p²; HXY; max p |
//! | SumAverage, SumEntropy | mean and entropy of p₊ |
//! | MCC | √ of the second largest eigenvalue of Q(i, j) = Σ_k p(i, k) p(j, k) / (p_x(i) p_y(k)), see [`crate::correlation`] |
//!
//! HXY1 = −Σ p log₂(p_x p_y + ε), HXY2 = −Σ p_x p_y log₂(p_x p_y + ε).
//!
//! # Edges
//! A direction without pairs is left out; without any pair all features are [`Undefined::NoNeighbours`]. Correlation is 1 if
//! σ_x σ_y = 0, Imc1 is 0 if its divisor is, Imc2 is 0 when HXY2 ≤ HXY. MCC is 1 if the region has one grey level.
//!
//! # Reference
//! Haralick et al., IEEE Trans. Syst. Man Cybern. 3 (1973) 610–621.
//!
//! # Agrees with
//! PyRadiomics 3.1.0, relative 1e-6, tests/parity.rs.
//!
//! # Differs from
//! PyRadiomics where HXY2 < HXY by rounding: there the direction is left out of Imc2's mean, here it counts as 0.

use crate::class::{
    ClassValues, EPSILON, defined, entropy_term, mean_over_directions, steps, undefined,
};
use crate::correlation::maximal_correlation;
use crate::discretise::GreyLevels;
use crate::error::Undefined;
use crate::roi::Padded;

const NAMES: [&str; 24] = [
    "Autocorrelation",
    "ClusterProminence",
    "ClusterShade",
    "ClusterTendency",
    "Contrast",
    "Correlation",
    "DifferenceAverage",
    "DifferenceEntropy",
    "DifferenceVariance",
    "Id",
    "Idm",
    "Idmn",
    "Idn",
    "Imc1",
    "Imc2",
    "InverseVariance",
    "JointAverage",
    "JointEnergy",
    "JointEntropy",
    "MCC",
    "MaximumProbability",
    "SumAverage",
    "SumEntropy",
    "SumSquares",
];

/// Up to this many occupied levels pairs are counted in a dense table, above it by sorting.
const DENSE_LEVELS: usize = 1024;

/// The 24 features, averaged over the directions that have pairs.
pub(crate) fn features(levels: &GreyLevels, padded: &Padded, symmetrical: bool) -> ClassValues {
    let per_direction: Vec<[f64; 24]> = steps(padded.strides)
        .into_iter()
        .filter_map(|step| Matrix::new(levels, &padded.cells, step, symmetrical))
        .map(|matrix| values(&matrix, levels.highest as f64))
        .collect();
    match mean_over_directions(&per_direction) {
        Some(means) => defined(NAMES, means),
        None => undefined(NAMES, Undefined::NoNeighbours),
    }
}

/// Number of pairs of two ranks.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pair {
    a: u16,
    b: u16,
    n: u64,
}

/// The normalised matrix of one direction, its non-zero entries only.
struct Matrix<'a> {
    /// `grey[rank]`.
    grey: &'a [f64],
    /// Rank, rank, p; ordered.
    entries: Vec<(usize, usize, f64)>,
    /// p_x by rank.
    px: Vec<f64>,
    /// p_y by rank.
    py: Vec<f64>,
    symmetrical: bool,
}

impl Matrix<'_> {
    /// `None` when the direction has no pair.
    fn new<'a>(
        levels: &'a GreyLevels,
        cells: &[usize],
        step: usize,
        symmetrical: bool,
    ) -> Option<Matrix<'a>> {
        let n_ranks = levels.grey.len();
        let mut pairs = if n_ranks <= DENSE_LEVELS {
            counted_pairs(&levels.padded, cells, step, n_ranks)
        } else {
            sorted_pairs(&levels.padded, cells, step)
        };
        if symmetrical {
            pairs = both_ways(&pairs);
        }
        let total: u64 = pairs.iter().map(|pair| pair.n).sum();
        if total == 0 {
            return None;
        }
        let mut matrix = Matrix {
            grey: &levels.grey,
            entries: Vec::with_capacity(pairs.len()),
            px: vec![0.0; n_ranks],
            py: vec![0.0; n_ranks],
            symmetrical,
        };
        for pair in pairs {
            let (a, b) = (usize::from(pair.a), usize::from(pair.b));
            let p = pair.n as f64 / total as f64;
            matrix.entries.push((a, b, p));
            matrix.px[a] += p;
            matrix.py[b] += p;
        }
        Some(matrix)
    }

    /// Σ p · weight(i, j).
    fn sum(&self, weight: impl Fn(f64, f64) -> f64) -> f64 {
        self.entries.iter().fold(0.0, |sum, &(a, b, p)| {
            sum + p * weight(self.grey[a], self.grey[b])
        })
    }

    /// Mean and standard deviation of a marginal.
    fn mean_and_deviation(&self, marginal: &[f64]) -> (f64, f64) {
        let sum = |weight: &dyn Fn(f64) -> f64| {
            marginal
                .iter()
                .zip(self.grey)
                .fold(0.0, |sum, (&p, &grey)| sum + p * weight(grey))
        };
        let mean = sum(&|grey| grey);
        (mean, sum(&|grey| (grey - mean) * (grey - mean)).sqrt())
    }
}

/// Pairs (voxel, neighbour at `step`) by a dense table; ordered.
fn counted_pairs(padded: &[u16], cells: &[usize], step: usize, n_ranks: usize) -> Vec<Pair> {
    let mut counts = vec![0_u32; n_ranks * n_ranks];
    for &cell in cells {
        counts[usize::from(padded[cell]) * n_ranks + usize::from(padded[cell + step])] += 1;
    }
    let mut pairs = Vec::new();
    for a in 1..n_ranks {
        for b in 1..n_ranks {
            let n = counts[a * n_ranks + b];
            if n > 0 {
                pairs.push(Pair {
                    a: a as u16,
                    b: b as u16,
                    n: u64::from(n),
                });
            }
        }
    }
    pairs
}

/// The same by sorting, when a dense table would be mostly empty.
fn sorted_pairs(padded: &[u16], cells: &[usize], step: usize) -> Vec<Pair> {
    let mut keys: Vec<(u16, u16)> = cells
        .iter()
        .map(|&cell| (padded[cell], padded[cell + step]))
        .filter(|&(_, b)| b != 0)
        .collect();
    keys.sort_unstable();
    keys.chunk_by(|x, y| x == y)
        .map(|same| Pair {
            a: same[0].0,
            b: same[0].1,
            n: same.len() as u64,
        })
        .collect()
}

/// Adds the transposed counts.
fn both_ways(pairs: &[Pair]) -> Vec<Pair> {
    let transposed = pairs.iter().map(|pair| Pair {
        a: pair.b,
        b: pair.a,
        n: pair.n,
    });
    let mut all: Vec<Pair> = pairs.iter().copied().chain(transposed).collect();
    all.sort_unstable_by_key(|pair| (pair.a, pair.b));
    all.chunk_by(|x, y| (x.a, x.b) == (y.a, y.b))
        .map(|same| Pair {
            n: same.iter().map(|pair| pair.n).sum(),
            ..same[0]
        })
        .collect()
}

/// The features of one direction, in the order of [`NAMES`].
fn values(matrix: &Matrix, highest: f64) -> [f64; 24] {
    let (mean_x, deviation_x) = matrix.mean_and_deviation(&matrix.px);
    let (mean_y, deviation_y) = matrix.mean_and_deviation(&matrix.py);
    let centred = |i: f64, j: f64| i + j - mean_x - mean_y;
    let square = |x: f64| x * x;
    let difference = Distribution::new(matrix, |i, j| (i - j).abs());
    let sum = Distribution::new(matrix, |i, j| i + j);
    let information = Information::new(matrix);
    let difference_mean = difference.mean(|k| k);
    let covariance = matrix.sum(|i, j| (i - mean_x) * (j - mean_y));
    let deviations = deviation_x * deviation_y;
    [
        matrix.sum(|i, j| i * j),
        matrix.sum(|i, j| square(square(centred(i, j)))),
        matrix.sum(|i, j| square(centred(i, j)) * centred(i, j)),
        matrix.sum(|i, j| square(centred(i, j))),
        matrix.sum(|i, j| square(i - j)),
        if deviations == 0.0 {
            1.0
        } else {
            covariance / (deviations + EPSILON)
        },
        difference_mean,
        difference.entropy(),
        difference.mean(|k| square(k - difference_mean)),
        difference.mean(|k| 1.0 / (1.0 + k)),
        difference.mean(|k| 1.0 / (1.0 + k * k)),
        difference.mean(|k| 1.0 / (1.0 + k * k / (highest * highest))),
        difference.mean(|k| 1.0 / (1.0 + k / highest)),
        information.first_measure(),
        information.second_measure(),
        difference.mean(|k| if k > 0.0 { 1.0 / (k * k) } else { 0.0 }),
        mean_x,
        matrix
            .entries
            .iter()
            .fold(0.0, |sum, entry| sum + entry.2 * entry.2),
        information.hxy,
        maximal_correlation(&matrix.entries, &matrix.px, &matrix.py, matrix.symmetrical),
        matrix
            .entries
            .iter()
            .fold(0.0, |max, entry| f64::max(max, entry.2)),
        sum.mean(|k| k),
        sum.entropy(),
        matrix.sum(|i, _| square(i - mean_x)),
    ]
}

/// p₊ or p₋: share of pairs by a whole number made of both levels.
struct Distribution(Vec<f64>);

impl Distribution {
    fn new(matrix: &Matrix, key: impl Fn(f64, f64) -> f64) -> Distribution {
        let highest = matrix.grey.last().copied().unwrap_or(0.0) as usize;
        let mut shares = vec![0.0; 2 * highest + 1];
        for &(a, b, p) in &matrix.entries {
            shares[key(matrix.grey[a], matrix.grey[b]) as usize] += p;
        }
        Distribution(shares)
    }

    fn mean(&self, weight: impl Fn(f64) -> f64) -> f64 {
        self.0
            .iter()
            .enumerate()
            .filter(|&(_, &p)| p > 0.0)
            .fold(0.0, |sum, (k, &p)| sum + p * weight(k as f64))
    }

    fn entropy(&self) -> f64 {
        self.0
            .iter()
            .filter(|&&p| p > 0.0)
            .fold(0.0, |sum, &p| sum + entropy_term(p))
    }
}

/// The entropies of the informational measures of correlation.
struct Information {
    hx: f64,
    hy: f64,
    hxy: f64,
    hxy1: f64,
    hxy2: f64,
}

impl Information {
    fn new(matrix: &Matrix) -> Information {
        let entropy = |p: &[f64]| p.iter().fold(0.0, |sum, &p| sum + entropy_term(p));
        let mut hxy2 = 0.0;
        for (a, &px) in matrix.px.iter().enumerate().filter(|&(_, &px)| px > 0.0) {
            let first = if matrix.symmetrical { a } else { 0 };
            for (b, &py) in matrix
                .py
                .iter()
                .enumerate()
                .skip(first)
                .filter(|&(_, &py)| py > 0.0)
            {
                let twice = if matrix.symmetrical && b > a {
                    2.0
                } else {
                    1.0
                };
                hxy2 += twice * entropy_term(px * py);
            }
        }
        Information {
            hx: entropy(&matrix.px),
            hy: entropy(&matrix.py),
            hxy: matrix
                .entries
                .iter()
                .fold(0.0, |sum, entry| sum + entropy_term(entry.2)),
            hxy1: matrix.entries.iter().fold(0.0, |sum, &(a, b, p)| {
                sum - p * libm::log2(matrix.px[a] * matrix.py[b] + EPSILON)
            }),
            hxy2,
        }
    }

    fn first_measure(&self) -> f64 {
        let divisor = self.hx.max(self.hy);
        if divisor == 0.0 {
            0.0
        } else {
            (self.hxy - self.hxy1) / divisor
        }
    }

    fn second_measure(&self) -> f64 {
        let gain = self.hxy2 - self.hxy;
        if gain <= 0.0 {
            0.0
        } else {
            (1.0 - libm::exp(-2.0 * gain)).sqrt()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published 5 × 5 example with its horizontal, symmetrical matrix.
    fn example() -> (GreyLevels, Vec<usize>) {
        let image = [
            1, 2, 5, 2, 3, 3, 2, 1, 3, 1, 1, 3, 5, 5, 2, 1, 1, 1, 1, 2, 1, 2, 4, 3, 5,
        ];
        let mut padded = vec![0_u16; 7 * 7 * 3];
        let mut cells = Vec::new();
        for (k, rank) in image.into_iter().enumerate() {
            let cell = 49 + 7 * (k / 5 + 1) + k % 5 + 1;
            padded[cell] = rank;
            cells.push(cell);
        }
        let levels = GreyLevels {
            grey: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
            counts: vec![0, 9, 6, 5, 1, 4],
            highest: 5,
            padded,
        };
        (levels, cells)
    }

    #[test]
    fn the_published_matrix_comes_out() {
        let (levels, cells) = example();
        let pairs = both_ways(&counted_pairs(&levels.padded, &cells, 1, 6));
        let expected = [
            [6, 4, 3, 0, 0],
            [4, 0, 2, 1, 3],
            [3, 2, 0, 1, 2],
            [0, 1, 1, 0, 0],
            [0, 3, 2, 0, 2],
        ];
        for a in 1..=5_u16 {
            for b in 1..=5_u16 {
                let n = pairs
                    .iter()
                    .find(|pair| (pair.a, pair.b) == (a, b))
                    .map_or(0, |pair| pair.n);
                assert_eq!(
                    n,
                    expected[usize::from(a) - 1][usize::from(b) - 1],
                    "{a} {b}"
                );
            }
        }
    }

    #[test]
    fn sorting_counts_as_the_table_does() {
        let (levels, cells) = example();
        for step in steps([1, 7, 49]) {
            assert_eq!(
                sorted_pairs(&levels.padded, &cells, step),
                counted_pairs(&levels.padded, &cells, step, 6)
            );
        }
    }

    #[test]
    fn contrast_of_the_example_by_hand() {
        let (levels, cells) = example();
        let matrix = Matrix::new(&levels, &cells, 1, true);
        let features = matrix.map(|matrix| values(&matrix, 5.0));
        // Σ n (i − j)² = 2·(4·1 + 3·4 + 2·1 + 1·4 + 3·9 + 1·1 + 2·4) = 116 over 40 pairs
        assert!(features.is_some_and(|values| (values[4] - 116.0 / 40.0).abs() < 1e-14));
    }
}
