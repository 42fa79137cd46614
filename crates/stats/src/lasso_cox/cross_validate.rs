//! Choosing the penalty by cross-validated deviance.

use cohort::FollowUp;
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::path::{LassoCoxPath, fit_lasso_cox_path, path_down_to};
use super::problem::Times;
use super::{LassoCoxError, LassoCoxParams};

/// Which λ of a cross-validated path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Smallest mean deviance.
    Min,
    /// Largest λ whose mean deviance is within one standard error of the smallest.
    OneSe,
}

/// A path with its cross-validated deviance.
#[derive(Debug, Clone, PartialEq)]
pub struct LassoCoxCv {
    /// The path on all rows.
    pub path: LassoCoxPath,
    /// Fold of each row.
    pub fold: Vec<usize>,
    /// Mean deviance per event, per λ.
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
    let folds = check(follow_up, fold)?;
    let path = fit_lasso_cox_path(x, follow_up, params)?;
    let judged: Vec<Vec<f64>> = folds
        .par_iter()
        .map(|&k| held_out_deviance(x, follow_up, fold, k, params, &path.lambda))
        .collect::<Result<_, _>>()?;
    let weight: Vec<f64> = folds
        .iter()
        .map(|&k| n_events_in(follow_up, fold, k) as f64)
        .collect();
    let (deviance_mean, deviance_se) = summarise(&judged, &weight);
    let index_min = first_smallest(&deviance_mean);
    let limit = deviance_mean[index_min] + deviance_se[index_min];
    let index_one_se = deviance_mean
        .iter()
        .position(|&m| m <= limit)
        .unwrap_or(index_min);
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

/// Deviance per held-out event at each λ of `lambda`.
fn held_out_deviance(
    x: ArrayView2<f64>,
    follow_up: &FollowUp,
    fold: &[usize],
    k: usize,
    params: &LassoCoxParams,
    lambda: &[f64],
) -> Result<Vec<f64>, LassoCoxError> {
    let rows: Vec<usize> = (0..fold.len()).filter(|&i| fold[i] != k).collect();
    let train = follow_up.select(&rows);
    // nothing below the grid of all rows is ever looked up
    let floor = lambda.last().copied().unwrap_or(0.0);
    let path = path_down_to(x.select(Axis(0), &rows).view(), &train, params, floor)?;
    let (all_times, train_times) = (Times::new(follow_up), Times::new(&train));
    let n_events = n_events_in(follow_up, fold, k) as f64;
    let predicted = predictors(x, &path, lambda);
    Ok(predicted
        .iter()
        .map(|eta| {
            let of_train: Vec<f64> = rows.iter().map(|&i| eta[i]).collect();
            (all_times.deviance(eta) - train_times.deviance(&of_train)) / n_events
        })
        .collect())
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
