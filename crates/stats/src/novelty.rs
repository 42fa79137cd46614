//! How unlike the training patients a patient's features are: a distance and a count, each beside what training patients
//! reach that were left out of the fit.

use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::{Array2, ArrayView1, ArrayView2};
use rayon::prelude::*;

use crate::columns::{self, ColumnError};
use crate::standardise::{StandardiseError, Standardiser, fit_standardise};

/// Fewest training rows.
pub const ROWS_MIN: usize = 10;
/// No variance, of a component or of what is left, counts for less than this part of a feature's own: a direction in which
/// the training rows do not vary would otherwise make any rounding an infinite distance.
pub const VARIANCE_FLOOR: f64 = 1e-3;
/// Rows for each component, at least.
const ROWS_PER_COMPONENT: usize = 5;

/// How the reference is learned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoveltyParams {
    /// Components are kept until they have this part of the variance, at most one for five rows.
    pub variance_kept: f64,
    /// Training rows are judged by fits without them, in this many folds.
    pub folds: usize,
}

impl NoveltyParams {
    /// 95 % of the variance, 10 folds.
    pub fn house() -> NoveltyParams {
        NoveltyParams {
            variance_kept: 0.95,
            folds: 10,
        }
    }
}

/// Why there is no reference, or no distance.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoveltyError {
    /// The columns do not fit.
    #[error("columns of the table: {0}")]
    Columns(#[from] ColumnError),
    /// Too few rows to say what is usual.
    #[error("{n_rows} training rows, at least {ROWS_MIN} are needed")]
    TooFewRows {
        /// Training rows.
        n_rows: usize,
    },
    /// Nothing to be far in.
    #[error("no feature varies in the training rows")]
    NoFeature,
    /// A value is not a finite number.
    #[error("feature {feature} in row {row} is {value}")]
    NotFinite {
        /// Zero-based row.
        row: usize,
        /// Feature.
        feature: String,
        /// What was found.
        value: f64,
    },
    /// A parameter is out of its range.
    #[error("{name} is {value}, must be {range}")]
    Parameter {
        /// Which.
        name: &'static str,
        /// What it is.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
}

impl From<StandardiseError> for NoveltyError {
    fn from(error: StandardiseError) -> NoveltyError {
        match error {
            StandardiseError::Columns(error) => error.into(),
            StandardiseError::TooFewRows { n_rows } => NoveltyError::TooFewRows { n_rows },
            StandardiseError::NotFinite {
                row,
                feature,
                value,
            } => NoveltyError::NotFinite {
                row,
                feature,
                value,
            },
        }
    }
}

/// The shape of the training rows, without any of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Centre and spread of the features that vary.
    pub standardiser: Standardiser,
    /// A row a component: its weights on the standardised features, of length 1.
    pub loadings: Array2<f64>,
    /// Variance of each component.
    pub variances: Vec<f64>,
    /// Variance of every direction beside the components.
    pub noise_variance: f64,
    /// All features, in the order of the training table.
    pub features: Vec<String>,
    /// Least training value of each.
    pub lower: Vec<f64>,
    /// Largest training value of each.
    pub upper: Vec<f64>,
}

/// What a row is compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Novelty {
    /// The shape of all training rows.
    pub shape: Shape,
    /// Distances of training rows by fits without them, ascending.
    pub distances: Vec<f64>,
    /// Features outside the range of the others, for training rows by fits without them, ascending.
    pub outside: Vec<usize>,
}

/// How unlike the training rows one row is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Mahalanobis distance under the regularised covariance.
    pub distance: f64,
    /// Training rows that are at most as far, percent.
    pub percentile: f64,
    /// Features outside the training range.
    pub n_outside: usize,
    /// Training rows with at most as many, percent.
    pub outside_percentile: f64,
}

/// Learns what training rows are like.
///
/// # Formula
/// z standardised features; λ₁ ≥ λ₂ … eigenvalues of their covariance, v₁, v₂ … its eigenvectors; k the fewest components
/// with `variance_kept` of Σ λ, at most n / 5; σ² = Σ_{j>k} λ_j / (p − k). The covariance is taken as
/// Σ_{j≤k} λ_j v_j v_jᵀ + σ² (I − Σ_{j≤k} v_j v_jᵀ), that of probabilistic principal components, so that
/// d² = Σ_{j≤k} (v_jᵀ z)² / λ_j + (|z|² − Σ_{j≤k} (v_jᵀ z)²) / σ², also with more features than rows.
/// Row i is judged by a fit without the rows i' = i mod `folds`: distances of rows that a fit has seen are too small.
///
/// # Units            standard deviations
/// # Ties and edges   features without spread have no part in the distance; a value other than theirs is outside. Variances
/// below [`VARIANCE_FLOOR`] count as that
/// # Errors           see [`NoveltyError`]
/// # Reference        Tipping, Bishop, J R Stat Soc B 1999; Kaufman et al., TKDD 2012 (folds)
/// # Agrees with      the distance by the inverse of that covariance, 1e-9, and for k = p the classical Mahalanobis distance
/// # Differs from     detectors that judge training rows by the fit that has seen them
pub fn fit_novelty(
    x: ArrayView2<f64>,
    names: &[String],
    params: &NoveltyParams,
) -> Result<Novelty, NoveltyError> {
    let kept = params.variance_kept;
    if !(0.0 < kept && kept <= 1.0) {
        return Err(NoveltyError::Parameter {
            name: "variance_kept",
            value: kept,
            range: "above 0, at most 1",
        });
    }
    if params.folds < 2 {
        return Err(NoveltyError::Parameter {
            name: "folds",
            value: params.folds as f64,
            range: "at least 2",
        });
    }
    if x.nrows() < ROWS_MIN {
        return Err(NoveltyError::TooFewRows { n_rows: x.nrows() });
    }
    let shape = Shape::of(x, names, kept)?;
    let folds = params.folds.min(x.nrows());
    let left_out: Vec<Vec<(f64, usize)>> = (0..folds)
        .into_par_iter()
        .map(|fold| judged_without(x, names, kept, fold, folds))
        .collect::<Result<_, _>>()?;
    let (mut distances, mut outside): (Vec<f64>, Vec<usize>) =
        left_out.into_iter().flatten().unzip();
    distances.sort_unstable_by(f64::total_cmp);
    outside.sort_unstable();
    Ok(Novelty {
        shape,
        distances,
        outside,
    })
}

/// Distance and count of the rows of a fold, by a fit on the others.
fn judged_without(
    x: ArrayView2<f64>,
    names: &[String],
    kept: f64,
    fold: usize,
    folds: usize,
) -> Result<Vec<(f64, usize)>, NoveltyError> {
    let (mine, others): (Vec<usize>, Vec<usize>) =
        (0..x.nrows()).partition(|row| row % folds == fold);
    let axis = ndarray::Axis(0);
    let shape = Shape::of(x.select(axis, &others).view(), names, kept)?;
    shape.measure(x.select(axis, &mine).view(), names)
}

impl Novelty {
    /// Scores of rows; features are found by name.
    ///
    /// # Errors
    /// A feature is missing, or a value is not finite.
    pub fn score(&self, x: ArrayView2<f64>, names: &[String]) -> Result<Vec<Score>, NoveltyError> {
        let percent = |n: usize, of: usize| 100.0 * n as f64 / of.max(1) as f64;
        let measured = self.shape.measure(x, names)?;
        let score = |(distance, n_outside): (f64, usize)| Score {
            distance,
            percentile: percent(
                self.distances.partition_point(|d| *d <= distance),
                self.distances.len(),
            ),
            n_outside,
            outside_percentile: percent(
                self.outside.partition_point(|n| *n <= n_outside),
                self.outside.len(),
            ),
        };
        Ok(measured.into_iter().map(score).collect())
    }
}

impl Shape {
    fn of(x: ArrayView2<f64>, names: &[String], kept: f64) -> Result<Shape, NoveltyError> {
        let standardiser = fit_standardise(x, names)?;
        if standardiser.columns.is_empty() {
            return Err(NoveltyError::NoFeature);
        }
        let z = standardiser.apply(x, names)?;
        let (values, vectors) = components(&z);
        let total: f64 = values.iter().sum();
        let most = (z.nrows() / ROWS_PER_COMPONENT).max(1).min(values.len());
        let mut k = 0;
        let mut sum = 0.0;
        while k < most && (k == 0 || sum < kept * total) {
            sum += values[k];
            k += 1;
        }
        let beside = z.ncols() - k;
        let noise = match beside {
            0 => 1.0,
            n => ((total - sum) / n as f64).max(VARIANCE_FLOOR),
        };
        let column = |j: usize| x.column(j);
        let extreme = |j: usize, pick: fn(f64, f64) -> f64, from: f64| {
            column(j).fold(from, |a, b| pick(a, *b))
        };
        Ok(Shape {
            loadings: vectors.slice_move(ndarray::s![..k, ..]),
            variances: values[..k].iter().map(|v| v.max(VARIANCE_FLOOR)).collect(),
            noise_variance: noise,
            features: names.to_vec(),
            lower: (0..names.len())
                .map(|j| extreme(j, f64::min, f64::INFINITY))
                .collect(),
            upper: (0..names.len())
                .map(|j| extreme(j, f64::max, f64::NEG_INFINITY))
                .collect(),
            standardiser,
        })
    }

    /// Distance and number of features outside, a row.
    fn measure(
        &self,
        x: ArrayView2<f64>,
        names: &[String],
    ) -> Result<Vec<(f64, usize)>, NoveltyError> {
        let z = self.standardiser.apply(x, names)?;
        let place = columns::find(x.ncols(), names, self.features.iter())?;
        let outside = |row: ArrayView1<f64>| {
            let at = place.iter().zip(self.lower.iter().zip(&self.upper));
            at.filter(|&(&j, (lower, upper))| !(*lower <= row[j] && row[j] <= *upper))
                .count()
        };
        let measured = x.rows().into_iter().zip(z.rows());
        Ok(measured
            .map(|(row, z)| (self.distance(z), outside(row)))
            .collect())
    }

    fn distance(&self, z: ArrayView1<f64>) -> f64 {
        let mut squared = 0.0;
        let mut left: f64 = z.iter().map(|v| v * v).sum();
        for (loading, variance) in self.loadings.rows().into_iter().zip(&self.variances) {
            let along: f64 = loading.iter().zip(z).map(|(a, b)| a * b).sum();
            squared += along * along / variance;
            left -= along * along;
        }
        if self.loadings.nrows() < z.len() {
            squared += left.max(0.0) / self.noise_variance;
        }
        squared.sqrt()
    }
}

/// Eigenvalues of the covariance of centred columns, falling, with its eigenvectors as rows; as many as rows or columns, by
/// the smaller of the two problems.
fn components(z: &Array2<f64>) -> (Vec<f64>, Array2<f64>) {
    let (n, p) = z.dim();
    let product = |a: ArrayView1<f64>, b: ArrayView1<f64>| -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    };
    let by_rows = n < p;
    let side = n.min(p);
    let line = |i: usize| if by_rows { z.row(i) } else { z.column(i) };
    let mut gram = DMatrix::<f64>::zeros(side, side);
    for i in 0..side {
        for j in 0..=i {
            let value = product(line(i), line(j)) / (n - 1) as f64;
            gram[(i, j)] = value;
            gram[(j, i)] = value;
        }
    }
    let eigen = SymmetricEigen::new(gram);
    let mut order: Vec<usize> = (0..side).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let values: Vec<f64> = order
        .iter()
        .map(|&j| eigen.eigenvalues[j].max(0.0))
        .collect();
    let mut vectors = Array2::zeros((side, p));
    for (k, &j) in order.iter().enumerate() {
        let vector = eigen.eigenvectors.column(j);
        for feature in 0..p {
            vectors[[k, feature]] = match by_rows {
                true => (0..n).map(|i| z[[i, feature]] * vector[i]).sum(),
                false => vector[feature],
            };
        }
        let length = vectors.row(k).iter().map(|v| v * v).sum::<f64>().sqrt();
        // A component without variance has no direction; its variance of 0 keeps it out of the distance's first part.
        let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
        vectors.row_mut(k).mapv_inplace(|v| v * scale);
    }
    (values, vectors)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    /// Rows of a few common factors and some noise.
    fn rows(n: usize, p: usize, seed: u64) -> (Array2<f64>, Vec<String>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut normal = || {
            let sum: f64 = (0..12)
                .map(|_| f64::from(rng.next_u32()) / 4_294_967_296.0)
                .sum();
            sum - 6.0
        };
        let factors = Array2::from_shape_fn((n, 3), |_| normal());
        let x = Array2::from_shape_fn((n, p), |(i, j)| {
            5.0 + factors[[i, j % 3]] * (1.0 + j as f64 / 7.0) + 0.5 * normal()
        });
        (x, (0..p).map(|j| format!("f{j}")).collect())
    }

    /// d² by the covariance written out and inverted.
    fn by_inverse(shape: &Shape, z: &[f64]) -> f64 {
        let p = z.len();
        let mut covariance = DMatrix::<f64>::identity(p, p) * shape.noise_variance;
        for (v, variance) in shape.loadings.rows().into_iter().zip(&shape.variances) {
            for a in 0..p {
                for b in 0..p {
                    covariance[(a, b)] += (variance - shape.noise_variance) * v[a] * v[b];
                }
            }
        }
        let z = nalgebra::DVector::from_column_slice(z);
        let solved = covariance.lu().solve(&z).expect("regular");
        z.iter().zip(solved.iter()).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn the_distance_is_that_of_the_covariance_written_out() {
        for (n, p) in [(60, 8), (20, 30)] {
            let (x, names) = rows(n, p, 3);
            let shape = Shape::of(x.view(), &names, 0.8).unwrap();
            assert!(shape.loadings.nrows() < p);
            let z = shape.standardiser.apply(x.view(), &names).unwrap();
            for (row, (distance, _)) in z
                .rows()
                .into_iter()
                .zip(shape.measure(x.view(), &names).unwrap())
            {
                let expected = by_inverse(&shape, &row.to_vec());
                assert!(
                    (distance * distance / expected - 1.0).abs() < 1e-9,
                    "{n} × {p}: {} and {expected}",
                    distance * distance
                );
            }
        }
    }

    #[test]
    fn with_all_components_it_is_the_classical_distance() {
        let (x, names) = rows(40, 4, 5);
        let shape = Shape::of(x.view(), &names, 1.0).unwrap();
        let z = shape.standardiser.apply(x.view(), &names).unwrap();
        let mut covariance = DMatrix::<f64>::zeros(4, 4);
        for a in 0..4 {
            for b in 0..4 {
                let sum: f64 = (0..40).map(|i| z[[i, a]] * z[[i, b]]).sum();
                covariance[(a, b)] = sum / 39.0;
            }
        }
        let inverse = covariance.try_inverse().unwrap();
        let first = nalgebra::DVector::from_vec(z.row(0).to_vec());
        let expected = (first.transpose() * inverse * &first)[(0, 0)];
        let found = shape.measure(x.view(), &names).unwrap()[0].0;
        assert!(
            (found * found / expected - 1.0).abs() < 1e-9,
            "{} {expected}",
            found * found
        );
    }

    #[test]
    fn new_rows_of_the_same_kind_are_usual_and_others_are_not() {
        let (all, names) = rows(160, 90, 11);
        let (train, new) = (
            all.slice(ndarray::s![..80, ..]),
            all.slice(ndarray::s![80.., ..]),
        );
        let novelty = fit_novelty(train, &names, &NoveltyParams::house()).unwrap();
        let usual = novelty.score(new, &names).unwrap();
        let beyond = |scores: &[Score]| scores.iter().filter(|s| s.percentile > 95.0).count();
        // 5 % expected, although there are more features than rows: 4 of 80, and twice that is not rare.
        assert!(beyond(&usual) <= 10, "{}", beyond(&usual));
        let mean = usual.iter().map(|s| s.percentile).sum::<f64>() / 80.0;
        assert!((35.0..65.0).contains(&mean), "{mean}");
        // Twice the spread: far from everybody in the space of components, and more often beyond their ranges.
        let wider = new.mapv(|v| v * 2.0);
        let odd = novelty.score(wider.view(), &names).unwrap();
        for (row, score) in odd.iter().enumerate() {
            assert!(score.percentile > 95.0, "{row}: {score:?}");
        }
        let outside = |scores: &[Score]| scores.iter().map(|s| s.n_outside).sum::<usize>();
        assert!(outside(&odd) > 3 * outside(&usual), "{}", outside(&odd));
    }

    #[test]
    fn a_feature_without_spread_counts_where_it_changes() {
        let (mut x, names) = rows(30, 5, 2);
        x.column_mut(4).fill(7.0);
        let novelty = fit_novelty(x.view(), &names, &NoveltyParams::house()).unwrap();
        assert_eq!(novelty.shape.standardiser.constant, ["f4"]);
        let inside = novelty
            .score(x.slice(ndarray::s![..1, ..]), &names)
            .unwrap()[0];
        let mut moved = x.slice(ndarray::s![..1, ..]).to_owned();
        moved[[0, 4]] = 7.5;
        let outside = novelty.score(moved.view(), &names).unwrap()[0];
        assert_eq!((inside.n_outside, outside.n_outside), (0, 1));
        assert_eq!(inside.distance, outside.distance);
    }

    #[test]
    fn bits_do_not_depend_on_threads_and_bad_input_is_refused() {
        let (x, names) = rows(30, 40, 9);
        let on = |n: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(n)
                .build()
                .unwrap();
            pool.install(|| fit_novelty(x.view(), &names, &NoveltyParams::house()).unwrap())
        };
        assert_eq!(on(1), on(3));
        let few = fit_novelty(
            x.slice(ndarray::s![..9, ..]),
            &names,
            &NoveltyParams::house(),
        );
        assert_eq!(few, Err(NoveltyError::TooFewRows { n_rows: 9 }));
        let mut bad = x.clone();
        bad[[2, 1]] = f64::NAN;
        assert!(matches!(
            fit_novelty(bad.view(), &names, &NoveltyParams::house()),
            Err(NoveltyError::NotFinite { row: 2, .. })
        ));
        let flat = Array2::from_elem((12, 2), 1.0);
        let none = fit_novelty(flat.view(), &names[..2], &NoveltyParams::house());
        assert_eq!(none, Err(NoveltyError::NoFeature));
    }
}
