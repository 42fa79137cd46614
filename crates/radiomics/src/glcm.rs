//! Grey level co-occurrence matrix (GLCM): 24 features of pairs of neighbouring grey levels.
//!
//! # Symbols
//! p(i, j): share of pairs with grey levels i and j along one direction (symmetrical: each pair counts both ways);
//! p_x, p_y: its marginals, with means μ_x, μ_y and standard deviations σ_x, σ_y; p₊(k), p₋(k): share of pairs with i + j = k and
//! abs(i − j) = k; N_g: the highest grey level; H…: entropies −Σ p log₂(p + ε).
//! Each feature is computed per direction (13 in three dimensions), then averaged; with a weighting norm the counts of all directions,
//! times exp(−d²) of the step's length d in mm, are added up and features computed once.
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
//! σ_x σ_y = 0, Imc1 is 0 if its divisor is, Imc2 is 0 when HXY2 ≤ HXY. MCC is 1 if the region has one grey level, even without pairs.
//! Steps so long that every weight is 0 give [`Undefined::NoWeight`].
//!
//! # Reference
//! Haralick et al., IEEE Trans. Syst. Man Cybern. 3 (1973) 610–621.
//!
//! # Agrees with
//! PyRadiomics 3.1.0 with its defaults, relative 1e-6 (worst seen 3.4e-11), tests/parity.rs; with other settings 1e-9, tests/classes.rs.
//!
//! # Differs from
//! PyRadiomics where HXY2 < HXY by rounding: there the direction is left out of Imc2's mean, here it counts as 0.

mod information;

use crate::class::{ClassValues, EPSILON, MeanOverDirections, defined, entropy_term, undefined};
use crate::correlation::maximal_correlation;
use crate::directions::length_mm;
use crate::discretise::GreyLevels;
use crate::error::Undefined;
use crate::pairs::{Pair, pairs_at};
use crate::roi::Padded;
use crate::settings::WeightingNorm;
use information::Information;

const NAMES: [&str; 28] = [
    "Autocorrelation",
    "ClusterProminence",
    "ClusterShade",
    "ClusterTendency",
    "Contrast",
    "Correlation",
    "DifferenceAverage",
    "DifferenceEntropy",
    "DifferenceVariance",
    "Dissimilarity",
    "Homogeneity1",
    "Homogeneity2",
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
    "SumVariance",
];

/// How the matrices are made.
pub(crate) struct Options<'a> {
    /// Steps to one half of the neighbours.
    pub directions: &'a [[isize; 3]],
    pub symmetrical: bool,
    pub norm: Option<WeightingNorm>,
    pub spacing_mm: [f64; 3],
    /// Whether MCC is wanted, the one feature that costs much.
    pub wants_mcc: bool,
}

/// The 24 features and the 4 deprecated ones; MCC only if wanted.
pub(crate) fn features(levels: &GreyLevels, padded: &Padded, options: &Options) -> ClassValues {
    let mut means = MeanOverDirections::new();
    let mut weighted: Vec<(Pair, f64)> = Vec::new();
    let mut has_pairs = false;
    for &direction in options.directions {
        let step = padded.step(direction);
        let pairs = pairs_at(levels, padded, step, options.symmetrical);
        if pairs.is_empty() {
            continue;
        }
        has_pairs = true;
        if let Some(norm) = options.norm {
            let weight = weight_of(norm, direction, options.spacing_mm);
            weighted.extend(pairs.iter().map(|&pair| (pair, weight * pair.n as f64)));
        } else {
            let matrix = Matrix::of_pairs(levels, &pairs, options);
            means.add(values(&matrix, levels.highest as f64));
        }
    }
    if options.norm.is_none() {
        let mut features = means.features(NAMES, Undefined::NoNeighbours);
        if !has_pairs && levels.n_levels() == 1 {
            // PyRadiomics asks for the number of levels before it looks for pairs
            let single = features.iter_mut().filter(|(name, _)| *name == "MCC");
            single.for_each(|(_, value)| *value = Ok(1.0));
        }
        return features;
    }
    if !has_pairs {
        return undefined(NAMES, Undefined::NoNeighbours);
    }
    match Matrix::of_weighted(levels, weighted, options) {
        Some(matrix) => defined(NAMES, values(&matrix, levels.highest as f64)),
        None => undefined(NAMES, Undefined::NoWeight),
    }
}

/// exp(−d²), or 1.
fn weight_of(norm: WeightingNorm, direction: [isize; 3], spacing_mm: [f64; 3]) -> f64 {
    if norm == WeightingNorm::NoWeighting {
        return 1.0;
    }
    let d = length_mm(norm, direction, spacing_mm);
    libm::exp(-d * d)
}

/// A share of pairs.
#[derive(Debug, Clone, Copy)]
struct Cell {
    /// Ranks.
    a: u16,
    b: u16,
    p: f64,
    /// −p log₂(p + ε).
    entropy: f64,
}

/// A normalised matrix, its non-zero entries only.
struct Matrix<'a> {
    /// `grey[rank]`.
    grey: &'a [f64],
    /// Ordered by a, then b.
    cells: Vec<Cell>,
    /// p_x by rank.
    px: Vec<f64>,
    /// p_y by rank.
    py: Vec<f64>,
    symmetrical: bool,
    wants_mcc: bool,
}

/// Entropy terms of this many smallest counts are computed once per direction; most counts are small.
const REMEMBERED: usize = 512;

impl<'a> Matrix<'a> {
    /// The matrix of one direction, which has pairs.
    fn of_pairs(levels: &'a GreyLevels, pairs: &[Pair], options: &Options) -> Matrix<'a> {
        let total: u64 = pairs.iter().map(|pair| pair.n).sum();
        let mut terms = [f64::NAN; REMEMBERED];
        let cells = pairs.iter().map(|pair| {
            let p = pair.n as f64 / total as f64;
            let entropy = match terms.get_mut(pair.n as usize) {
                Some(term) => {
                    if term.is_nan() {
                        *term = entropy_term(p);
                    }
                    *term
                }
                None => entropy_term(p),
            };
            Cell {
                a: pair.a,
                b: pair.b,
                p,
                entropy,
            }
        });
        Matrix::new(levels, cells.collect(), options)
    }

    /// All directions together; `None` when every weight is 0.
    fn of_weighted(
        levels: &'a GreyLevels,
        mut weighted: Vec<(Pair, f64)>,
        options: &Options,
    ) -> Option<Matrix<'a>> {
        weighted.sort_by_key(|(pair, _)| (pair.a, pair.b)); // stable: directions stay in order
        let added: Vec<(Pair, f64)> = weighted
            .chunk_by(|x, y| (x.0.a, x.0.b) == (y.0.a, y.0.b))
            .map(|same| (same[0].0, same.iter().fold(0.0, |sum, one| sum + one.1)))
            .filter(|&(_, weight)| weight > 0.0)
            .collect();
        let total = added.iter().fold(0.0, |sum, one| sum + one.1);
        let cells = added.into_iter().map(|(pair, weight)| {
            let p = weight / total;
            Cell {
                a: pair.a,
                b: pair.b,
                p,
                entropy: entropy_term(p),
            }
        });
        (total > 0.0).then(|| Matrix::new(levels, cells.collect(), options))
    }

    fn new(levels: &'a GreyLevels, cells: Vec<Cell>, options: &Options) -> Matrix<'a> {
        let n_ranks = levels.grey.len();
        let (mut px, mut py) = (vec![0.0; n_ranks], vec![0.0; n_ranks]);
        for cell in &cells {
            px[usize::from(cell.a)] += cell.p;
            py[usize::from(cell.b)] += cell.p;
        }
        Matrix {
            grey: &levels.grey,
            cells,
            px,
            py,
            symmetrical: options.symmetrical,
            wants_mcc: options.wants_mcc,
        }
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

/// The features of one matrix, in the order of [`NAMES`].
fn values(matrix: &Matrix, highest: f64) -> [f64; 28] {
    let (mean_x, deviation_x) = matrix.mean_and_deviation(&matrix.px);
    let (mean_y, deviation_y) = matrix.mean_and_deviation(&matrix.py);
    let square = |x: f64| x * x;
    let moments = Moments::new(matrix, mean_x, mean_y);
    let difference = Distribution::new(matrix, |i, j| (i - j).abs());
    let sum = Distribution::new(matrix, |i, j| i + j);
    let information = Information::new(matrix);
    let difference_mean = difference.mean(|k| k);
    let id = difference.mean(|k| 1.0 / (1.0 + k));
    let idm = difference.mean(|k| 1.0 / (1.0 + k * k));
    let deviations = deviation_x * deviation_y;
    [
        moments.product,
        moments.cluster[2],
        moments.cluster[1],
        moments.cluster[0],
        moments.contrast,
        if deviations == 0.0 {
            1.0
        } else {
            moments.covariance / (deviations + EPSILON)
        },
        difference_mean,
        difference.entropy(),
        difference.mean(|k| square(k - difference_mean)),
        difference_mean, // Dissimilarity
        id,              // Homogeneity1
        idm,             // Homogeneity2
        id,
        idm,
        difference.mean(|k| 1.0 / (1.0 + k * k / (highest * highest))),
        difference.mean(|k| 1.0 / (1.0 + k / highest)),
        information.first_measure(),
        information.second_measure(),
        difference.mean(|k| if k > 0.0 { 1.0 / (k * k) } else { 0.0 }),
        mean_x,
        moments.energy,
        information.hxy,
        maximal_correlation_of(matrix),
        moments.largest,
        sum.mean(|k| k),
        sum.entropy(),
        moments.variance_x,
        moments.cluster[0], // SumVariance
    ]
}

/// Not computed, 0, unless wanted.
fn maximal_correlation_of(matrix: &Matrix) -> f64 {
    if !matrix.wants_mcc {
        return 0.0;
    }
    let entries: Vec<(usize, usize, f64)> = matrix
        .cells
        .iter()
        .map(|cell| (usize::from(cell.a), usize::from(cell.b), cell.p))
        .collect();
    maximal_correlation(&entries, &matrix.px, &matrix.py, matrix.symmetrical)
}

/// Sums over the matrix, in one pass.
#[derive(Default)]
struct Moments {
    /// Σ p i j.
    product: f64,
    /// Σ p (i + j − μ_x − μ_y)^r, r = 2, 3, 4.
    cluster: [f64; 3],
    /// Σ p (i − j)².
    contrast: f64,
    /// Σ p (i − μ_x)(j − μ_y).
    covariance: f64,
    /// Σ p (i − μ_x)².
    variance_x: f64,
    /// Σ p².
    energy: f64,
    /// max p.
    largest: f64,
}

impl Moments {
    fn new(matrix: &Matrix, mean_x: f64, mean_y: f64) -> Moments {
        let mut sums = Moments::default();
        for cell in &matrix.cells {
            let p = cell.p;
            let (i, j) = (
                matrix.grey[usize::from(cell.a)],
                matrix.grey[usize::from(cell.b)],
            );
            let centred = i + j - mean_x - mean_y;
            let squared = centred * centred;
            sums.product += p * (i * j);
            sums.cluster[0] += p * squared;
            sums.cluster[1] += p * (squared * centred);
            sums.cluster[2] += p * (squared * squared);
            sums.contrast += p * ((i - j) * (i - j));
            sums.covariance += p * ((i - mean_x) * (j - mean_y));
            sums.variance_x += p * ((i - mean_x) * (i - mean_x));
            sums.energy += p * p;
            sums.largest = sums.largest.max(p);
        }
        sums
    }
}

/// p₊ or p₋: share of pairs by a whole number made of both levels.
struct Distribution(Vec<f64>);

impl Distribution {
    fn new(matrix: &Matrix, key: impl Fn(f64, f64) -> f64) -> Distribution {
        let highest = matrix.grey.last().copied().unwrap_or(0.0) as usize;
        let mut shares = vec![0.0; 2 * highest + 1];
        for cell in &matrix.cells {
            let (i, j) = (
                matrix.grey[usize::from(cell.a)],
                matrix.grey[usize::from(cell.b)],
            );
            shares[key(i, j) as usize] += cell.p;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pairs::example;

    #[test]
    fn contrast_of_the_example_by_hand() {
        let (levels, padded) = example();
        let options = Options {
            directions: &[[1, 0, 0]],
            symmetrical: true,
            norm: None,
            spacing_mm: [1.0; 3],
            wants_mcc: true,
        };
        let features = features(&levels, &padded, &options);
        // Σ n (i − j)² = 2·(4·1 + 3·4 + 2·1 + 1·4 + 3·9 + 1·1 + 2·4) = 116 over 40 pairs
        assert_eq!(features[4], ("Contrast", Ok(116.0 / 40.0)));
    }

    #[test]
    fn weights_fall_with_the_square_of_the_length() {
        let weight = |norm| weight_of(norm, [1, -1, 0], [1.0, 2.0, 9.0]);
        assert_eq!(weight(WeightingNorm::NoWeighting), 1.0);
        assert_eq!(weight(WeightingNorm::Infinity), libm::exp(-4.0));
        assert_eq!(weight(WeightingNorm::Manhattan), libm::exp(-9.0));
    }
}
