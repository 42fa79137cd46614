//! How often a feature is selected when patients are drawn anew.

use cohort::FollowUp;
use ndarray::{ArrayView2, Axis};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

use crate::lasso_cox::{LassoCoxError, LassoCoxParams, fit_lasso_cox_path};

/// How to select by stability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StabilityParams {
    /// Subsamples of half the patients.
    pub n_subsamples: usize,
    /// Features taken from the path of each subsample: the first that enter.
    pub n_first: usize,
    /// A feature is stable when selected in at least this share of the subsamples, above 0.5 and at most 1.
    pub threshold: f64,
    /// The path.
    pub lasso: LassoCoxParams,
}

impl StabilityParams {
    /// 100 subsamples, the first 10 features, threshold 0.75.
    pub fn usual() -> StabilityParams {
        StabilityParams {
            n_subsamples: 100,
            n_first: 10,
            threshold: 0.75,
            lasso: LassoCoxParams::glmnet_defaults(),
        }
    }
}

/// Why nothing could be selected by stability.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StabilityError {
    /// A parameter is out of its range.
    #[error("parameter {parameter} is {value}, out of its range")]
    Parameter {
        /// Parameter.
        parameter: &'static str,
        /// What was given.
        value: f64,
    },
    /// Too few events to halve.
    #[error("{n_events} events, at least {at_least} are needed to halve the patients")]
    FewEvents {
        /// Events.
        n_events: usize,
        /// Fewest allowed.
        at_least: usize,
    },
    /// A path could not be computed.
    #[error("path of a subsample")]
    Lasso(#[from] LassoCoxError),
}

/// Selection frequencies over subsamples.
#[derive(Debug, Clone, PartialEq)]
pub struct Stability {
    /// Share of subsamples in which each column was selected.
    pub frequency: Vec<f64>,
    /// Columns at or above the threshold, most frequent first, of equals the first column.
    pub stable: Vec<usize>,
    /// Mean number of columns selected in a subsample (q).
    pub mean_selected: f64,
    /// Bound of the expected number of stable columns that carry nothing, q²/((2π − 1)p).
    pub false_selections_max: f64,
}

/// Stability selection: LASSO-Cox paths on event-stratified random halves, features counted among the first to enter.
///
/// # Formula
/// Π_j = share of halves in whose path feature j is among those active at the last λ with at most `n_first` active;
/// stable: Π_j ≥ π; E[false] ≤ q²/((2π − 1)p), q the mean number selected, if noise features are exchangeable
///
/// # Ties and edges   a λ at which more than `n_first` enter at once is not taken; a half without information selects nothing
/// # Errors           see [`StabilityError`]
/// # Reference        Meinshausen & Bühlmann, JRSS B 72 (2010) 417–473
/// # Agrees with      no reference implementation was at hand: the tests check the bound and the truth of simulated data
pub fn stability_selection(
    x: ArrayView2<f64>,
    follow_up: &FollowUp,
    params: &StabilityParams,
    seed: u64,
) -> Result<Stability, StabilityError> {
    check(follow_up, params)?;
    if x.nrows() != follow_up.len() {
        return Err(LassoCoxError::Rows {
            n_rows: x.nrows(),
            n_follow_up: follow_up.len(),
        }
        .into());
    }
    let selected: Vec<Vec<usize>> = (0..params.n_subsamples as u64)
        .into_par_iter()
        .map(|b| {
            let rows = half(follow_up, seed, b);
            let own = x.select(Axis(0), &rows);
            first_of_path(own.view(), &follow_up.select(&rows), params)
        })
        .collect::<Result<_, StabilityError>>()?;
    let frequency = selection_frequency(x.ncols(), &selected);
    let mut stable: Vec<usize> = (0..x.ncols())
        .filter(|&j| frequency[j] >= params.threshold)
        .collect();
    stable.sort_by(|&a, &b| frequency[b].total_cmp(&frequency[a]).then(a.cmp(&b)));
    let mean_selected = selected.iter().map(Vec::len).sum::<usize>() as f64 / selected.len() as f64;
    let p = x.ncols().max(1) as f64;
    Ok(Stability {
        frequency,
        stable,
        mean_selected,
        false_selections_max: mean_selected * mean_selected / ((2.0 * params.threshold - 1.0) * p),
    })
}

/// Share of `selected` sets (of folds, of resamples) in which each of `n_columns` occurs.
pub fn selection_frequency(n_columns: usize, selected: &[Vec<usize>]) -> Vec<f64> {
    let mut counts = vec![0usize; n_columns];
    for set in selected {
        for &j in set.iter().filter(|&&j| j < n_columns) {
            counts[j] += 1;
        }
    }
    let n = selected.len().max(1) as f64;
    counts.into_iter().map(|c| c as f64 / n).collect()
}

/// Mean Jaccard index of all pairs of sets; `None` with fewer than two. Two empty sets agree wholly.
///
/// # Formula
/// mean over pairs of |A ∩ B| / |A ∪ B|
pub fn mean_jaccard(selected: &[Vec<usize>]) -> Option<f64> {
    let sets: Vec<Vec<usize>> = selected
        .iter()
        .map(|s| {
            let mut s = s.clone();
            s.sort_unstable();
            s.dedup();
            s
        })
        .collect();
    let mut sum = 0.0;
    let mut n_pairs = 0usize;
    for (k, a) in sets.iter().enumerate() {
        for b in &sets[..k] {
            let both = a.iter().filter(|j| b.binary_search(j).is_ok()).count();
            let either = a.len() + b.len() - both;
            sum += if either == 0 {
                1.0
            } else {
                both as f64 / either as f64
            };
            n_pairs += 1;
        }
    }
    (n_pairs > 0).then(|| sum / n_pairs as f64)
}

fn check(follow_up: &FollowUp, params: &StabilityParams) -> Result<(), StabilityError> {
    let in_range = [
        (
            "n_subsamples",
            params.n_subsamples as f64,
            params.n_subsamples >= 1,
        ),
        ("n_first", params.n_first as f64, params.n_first >= 1),
        (
            "threshold",
            params.threshold,
            params.threshold > 0.5 && params.threshold <= 1.0,
        ),
    ];
    if let Some((parameter, value, _)) = in_range.into_iter().find(|(_, _, fine)| !fine) {
        return Err(StabilityError::Parameter { parameter, value });
    }
    let (n_events, at_least) = (follow_up.n_events(), 4);
    if n_events < at_least {
        return Err(StabilityError::FewEvents { n_events, at_least });
    }
    Ok(())
}

/// Half of the events and half of the others, ascending.
fn half(follow_up: &FollowUp, seed: u64, subsample: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(subsample);
    let mut rows = Vec::new();
    for seen in [true, false] {
        let mut of: Vec<usize> = (0..follow_up.len())
            .filter(|&i| follow_up.event()[i] == seen)
            .collect();
        for last in (1..of.len()).rev() {
            let other = ((u128::from(rng.next_u64()) * (last as u128 + 1)) >> 64) as usize;
            of.swap(last, other);
        }
        rows.extend_from_slice(&of[..of.len() / 2]);
    }
    rows.sort_unstable();
    rows
}

fn first_of_path(
    x: ArrayView2<f64>,
    follow_up: &FollowUp,
    params: &StabilityParams,
) -> Result<Vec<usize>, StabilityError> {
    match fit_lasso_cox_path(x, follow_up, &params.lasso) {
        Ok(path) => {
            let over = path.n_nonzero.iter().position(|&n| n > params.n_first);
            let Some(last) = over.unwrap_or(path.lambda.len()).checked_sub(1) else {
                return Ok(Vec::new());
            };
            let row = path.coefficients.row(last);
            Ok((0..x.ncols()).filter(|&j| row[j] != 0.0).collect())
        }
        Err(LassoCoxError::NoInformation { .. }) => Ok(Vec::new()),
        Err(other) => Err(other.into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use ndarray::Array2;

    fn study() -> (Array2<f64>, FollowUp) {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut uniform = || ((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        let x = Array2::from_shape_fn((200, 30), |_| uniform() - 0.5);
        let time = (0..200)
            .map(|i| -libm::log(uniform()) * libm::exp(-3.0 * x[[i, 4]] + 3.0 * x[[i, 17]]))
            .collect();
        (
            x,
            FollowUp::new(time, (0..200).map(|i| i % 4 != 0).collect()).unwrap(),
        )
    }

    #[test]
    fn two_strong_features_among_thirty_are_the_stable_ones() {
        let (x, f) = study();
        let params = StabilityParams {
            n_first: 4,
            threshold: 0.9,
            n_subsamples: 50,
            ..StabilityParams::usual()
        };
        let s = stability_selection(x.view(), &f, &params, 1).unwrap();
        let mut stable = s.stable.clone();
        stable.sort_unstable();
        assert_eq!(stable, [4, 17]);
        assert!(s.mean_selected <= 4.0 && s.false_selections_max <= 16.0 / (0.8 * 30.0));
        let one = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        assert_eq!(
            one.install(|| stability_selection(x.view(), &f, &params, 1).unwrap()),
            s
        );
    }

    #[test]
    fn sets_are_counted_and_compared() {
        let sets = [vec![0, 2], vec![2], vec![2, 1]];
        assert_eq!(
            selection_frequency(4, &sets),
            [1.0 / 3.0, 1.0 / 3.0, 1.0, 0.0]
        );
        let want = (0.5 + 1.0 / 3.0 + 0.5) / 3.0;
        assert!((mean_jaccard(&sets).unwrap() - want).abs() < 1e-15);
        assert_eq!(mean_jaccard(&sets[..1]), None);
        assert_eq!(mean_jaccard(&[vec![], vec![]]), Some(1.0));
    }

    #[test]
    fn nonsense_is_refused() {
        let (x, f) = study();
        let params = StabilityParams {
            threshold: 0.5,
            ..StabilityParams::usual()
        };
        assert!(matches!(
            stability_selection(x.view(), &f, &params, 1),
            Err(StabilityError::Parameter {
                parameter: "threshold",
                ..
            })
        ));
    }
}
