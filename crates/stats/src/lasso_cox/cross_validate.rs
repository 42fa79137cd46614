//! Choosing the penalty by cross-validated deviance.

use cohort::FollowUp;
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::path::{LassoCoxPath, fit_lasso_cox_path, path_down_to};
use super::problem::Times;
use super::{LassoCoxError, LassoCoxParams};
use crate::censored::RiskSets;
use crate::concordance;

/// By what a λ is judged on held-out rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Partial-likelihood deviance of all rows minus that of the training rows, per held-out event: the default.
    GroupedDeviance,
    /// Deviance of the held-out rows among themselves, per event.
    HeldOutDeviance,
    /// Harrell's C of the held-out rows, ties of scores one half; higher is better.
    Concordance,
}

/// Which λ of a cross-validated path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Best mean: smallest deviance, largest C.
    Min,
    /// Largest λ whose mean is within one standard error of the best.
    OneSe,
}

/// A path with its cross-validated deviance.
#[derive(Debug, Clone, PartialEq)]
pub struct LassoCoxCv {
    /// The path on all rows.
    pub path: LassoCoxPath,
    /// Fold of each row.
    pub fold: Vec<usize>,
    /// Mean deviance per event (or C, as the [`Measure`] was), per λ.
    pub deviance_mean: Vec<f64>,
    /// Its standard error over the folds, per λ.
    pub deviance_se: Vec<f64>,
    /// Place of λ.min in the path.
    pub index_min: usize,
    /// Place of λ.1se in the path.
    pub index_one_se: usize,
}

impl LassoCoxCv {
    /// Place in the path.
    pub fn index(&self, choice: Choice) -> usize {
        match choice {
            Choice::Min => self.index_min,
            Choice::OneSe => self.index_one_se,
        }
    }

    /// λ chosen.
    pub fn lambda(&self, choice: Choice) -> f64 {
        self.path.lambda[self.index(choice)]
    }

    /// Coefficients at the λ chosen, per unit of the raw features.
    pub fn coefficients(&self, choice: Choice) -> Vec<f64> {
        self.path.coefficients.row(self.index(choice)).to_vec()
    }
}

/// Cross-validates the path over given folds with the grouped partial-likelihood deviance.
///
/// # Formula
/// For fold k, with β_−k(λ) from a path on the other rows (its own λ grid, interpolated linearly to the grid of all rows):
/// q_k(λ) = [ dev(all rows; β_−k) − dev(rows without k; β_−k) ] / w_k, dev = 2(ℓ_sat − ℓ), w_k = events in fold k;
/// mean m = Σ w_k q_k / Σ w_k; SE = √( Σ w_k (q_k − m)² / Σ w_k / (K−1) )
///
/// # Arguments        `fold`: any labels, one per row; see [`crate::folds::event_stratified_folds`]
/// # Ties and edges   Breslow's ties; of equal means the larger λ is taken
/// # Errors           fewer than 3 folds, a fold without event, and what the paths refuse
/// # Reference        Verweij & van Houwelingen, Stat. Med. 12 (1993) 2305–2314
/// # Agrees with      glmnet 4.1-6 `cv.glmnet(grouped = TRUE)`: same λ chosen, coefficients within 1e-3 of the largest,
/// tests/parity_lasso.rs
/// # Differs from     nothing beyond what the path differs in
pub fn cross_validate_lasso_cox(
    x: ArrayView2<f64>,
    follow_up: &FollowUp,
    fold: &[usize],
    params: &LassoCoxParams,
) -> Result<LassoCoxCv, LassoCoxError> {
    cross_validate_lasso_cox_by(x, follow_up, fold, params, Measure::GroupedDeviance)
}

/// [`cross_validate_lasso_cox`] by another measure.
///
/// # Formula
/// As there; for the held-out deviance q_k = dev(rows of k; β_−k)/w_k; for C q_k is Harrell's C of the rows of k and w_k
/// their number
///
/// # Ties and edges   of equal means the larger λ is taken
/// # Errors           as [`cross_validate_lasso_cox`]; for C a fold without a comparable pair
/// # Agrees with      glmnet 4.1-6 `cv.glmnet` with `grouped = FALSE` and `type.measure = "C"`, tests/parity_lasso.rs
pub fn cross_validate_lasso_cox_by(
    x: ArrayView2<f64>,
    follow_up: &FollowUp,
    fold: &[usize],
    params: &LassoCoxParams,
    measure: Measure,
) -> Result<LassoCoxCv, LassoCoxError> {
    let folds = check(follow_up, fold)?;
    let path = fit_lasso_cox_path(x, follow_up, params)?;
    let judged: Vec<Vec<f64>> = folds
        .par_iter()
        .map(|&k| held_out(x, follow_up, fold, k, params, &path.lambda, measure))
        .collect::<Result<_, _>>()?;
    let of_fold = |&k: &usize| match measure {
        Measure::Concordance => fold.iter().filter(|f| **f == k).count(),
        Measure::GroupedDeviance | Measure::HeldOutDeviance => n_events_in(follow_up, fold, k),
    };
    let weight: Vec<f64> = folds.iter().map(|k| of_fold(k) as f64).collect();
    let (deviance_mean, deviance_se) = summarise(&judged, &weight);
    // as a loss: smaller is better
    let sign = if measure == Measure::Concordance {
        -1.0
    } else {
        1.0
    };
    let loss: Vec<f64> = deviance_mean.iter().map(|m| sign * m).collect();
    let index_min = first_smallest(&loss);
    let limit = loss[index_min] + deviance_se[index_min];
    let index_one_se = loss.iter().position(|&m| m <= limit).unwrap_or(index_min);
    Ok(LassoCoxCv {
        path,
        fold: fold.to_vec(),
        deviance_mean,
        deviance_se,
        index_min,
        index_one_se,
    })
}

fn check(follow_up: &FollowUp, fold: &[usize]) -> Result<Vec<usize>, LassoCoxError> {
    if fold.len() != follow_up.len() {
        return Err(LassoCoxError::FoldIds {
            n_folds: fold.len(),
            n_rows: follow_up.len(),
        });
    }
    let mut folds = fold.to_vec();
    folds.sort_unstable();
    folds.dedup();
    if folds.len() < 3 {
        return Err(LassoCoxError::TooFewFolds {
            n_folds: folds.len(),
        });
    }
    match folds
        .iter()
        .find(|&&k| n_events_in(follow_up, fold, k) == 0)
    {
        Some(&fold) => Err(LassoCoxError::FoldWithoutEvent { fold }),
        None => Ok(folds),
    }
}

fn n_events_in(follow_up: &FollowUp, fold: &[usize], k: usize) -> usize {
    fold.iter()
        .zip(follow_up.event())
        .filter(|(f, e)| **f == k && **e)
        .count()
}

/// The measure of fold `k` at each λ of `lambda`.
fn held_out(
    x: ArrayView2<f64>,
    follow_up: &FollowUp,
    fold: &[usize],
    k: usize,
    params: &LassoCoxParams,
    lambda: &[f64],
    measure: Measure,
) -> Result<Vec<f64>, LassoCoxError> {
    let (out, rows): (Vec<usize>, Vec<usize>) = (0..fold.len()).partition(|&i| fold[i] == k);
    let train = follow_up.select(&rows);
    // nothing below the grid of all rows is ever looked up
    let floor = lambda.last().copied().unwrap_or(0.0);
    let path = path_down_to(x.select(Axis(0), &rows).view(), &train, params, floor)?;
    let predicted = predictors(x, &path, lambda);
    let of = |eta: &[f64], rows: &[usize]| -> Vec<f64> { rows.iter().map(|&i| eta[i]).collect() };
    let n_events = n_events_in(follow_up, fold, k) as f64;
    let test = follow_up.select(&out);
    match measure {
        Measure::GroupedDeviance => {
            let (all_times, train_times) = (Times::new(follow_up), Times::new(&train));
            let judge = |eta: &Vec<f64>| {
                (all_times.deviance(eta) - train_times.deviance(&of(eta, &rows))) / n_events
            };
            Ok(predicted.iter().map(judge).collect())
        }
        Measure::HeldOutDeviance => {
            let times = Times::new(&test);
            let judge = |eta: &Vec<f64>| times.deviance(&of(eta, &out)) / n_events;
            Ok(predicted.iter().map(judge).collect())
        }
        Measure::Concordance => {
            let sets = RiskSets::new(&test);
            let judge = |eta: &Vec<f64>| {
                let counts = concordance::count(&of(eta, &out), &sets, test.event());
                counts
                    .index()
                    .ok_or(LassoCoxError::FoldWithoutPair { fold: k })
            };
            predicted.iter().map(judge).collect()
        }
    }
}

/// Linear predictors of all rows at each λ.
fn predictors(x: ArrayView2<f64>, path: &LassoCoxPath, lambda: &[f64]) -> Vec<Vec<f64>> {
    // contiguous columns: features that are ever active are few
    let columns: Array2<f64> = x.t().to_owned();
    lambda
        .iter()
        .map(|&l| {
            let mut eta = vec![0.0; x.nrows()];
            for (j, b) in path
                .interpolated(l)
                .into_iter()
                .enumerate()
                .filter(|(_, b)| *b != 0.0)
            {
                eta.iter_mut()
                    .zip(columns.row(j))
                    .for_each(|(e, v)| *e += b * v);
            }
            eta
        })
        .collect()
}

fn summarise(judged: &[Vec<f64>], weight: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let total: f64 = weight.iter().sum();
    let n_lambda = judged.first().map_or(0, Vec::len);
    let over_folds = |f: &dyn Fn(&Vec<f64>) -> f64| -> f64 {
        judged
            .iter()
            .zip(weight)
            .map(|(q, w)| w * f(q))
            .sum::<f64>()
            / total
    };
    (0..n_lambda)
        .map(|l| {
            let mean = over_folds(&|q| q[l]);
            let variance = over_folds(&|q| (q[l] - mean) * (q[l] - mean));
            (mean, (variance / (judged.len() - 1) as f64).sqrt())
        })
        .unzip()
}

fn first_smallest(values: &[f64]) -> usize {
    (1..values.len()).fold(0, |best, l| if values[l] < values[best] { l } else { best })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn folds_are_checked() {
        let f = FollowUp::new(vec![1.0, 2.0, 3.0, 4.0], vec![true, true, true, false]).unwrap();
        let x = Array2::from_shape_fn((4, 1), |(i, _)| i as f64);
        let params = LassoCoxParams::glmnet_defaults();
        let cv =
            |fold: &[usize]| cross_validate_lasso_cox(x.view(), &f, fold, &params).unwrap_err();
        assert_eq!(
            cv(&[1, 2, 3]),
            LassoCoxError::FoldIds {
                n_folds: 3,
                n_rows: 4
            }
        );
        assert_eq!(cv(&[1, 2, 1, 2]), LassoCoxError::TooFewFolds { n_folds: 2 });
        assert_eq!(
            cv(&[1, 2, 2, 3]),
            LassoCoxError::FoldWithoutEvent { fold: 3 }
        );
    }
}
