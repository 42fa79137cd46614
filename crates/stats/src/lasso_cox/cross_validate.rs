//! Choosing the penalty by cross-validated deviance.

use cohort::FollowUp;
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::path::{LassoCoxPath, Walk, fit_lasso_cox_path, path_down_to};
use super::problem::{Predictor, Times};
use super::{LassoCoxError, LassoCoxParams};
use crate::censored::RiskSets;
use crate::concordance;
use crate::linalg::combined;

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
    let table = Table::new(x, follow_up, fold);
    let judged: Vec<Vec<f64>> = folds
        .par_iter()
        .map(|&k| table.held_out(k, params, &path.lambda, measure))
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
    let (index_min, index_one_se) = choices(&loss, &deviance_se);
    Ok(LassoCoxCv {
        path,
        fold: fold.to_vec(),
        deviance_mean,
        deviance_se,
        index_min,
        index_one_se,
    })
}

/// Values of λ between two looks at the curve.
const STAGE: usize = 5;
/// The minimum is behind when the curve was above it by [`PAST_SE`] standard errors for this many values of λ in a row.
const N_PAST: usize = 10;
const PAST_SE: f64 = 2.0;

/// [`cross_validate_lasso_cox`] as far down as the choice of λ needs: all paths go down together and stop where the mean
/// deviance has been more than two standard errors above its smallest for ten values of λ in a row, or where the path ends.
///
/// The values that it gives are those of the whole path, to the last bit; the rest, where models are large and slow, is not computed.
///
/// # Errors           as [`cross_validate_lasso_cox`]
/// # Differs from     the whole path where a smaller mean deviance follows after such a rise: it is not looked for
pub fn cross_validate_lasso_cox_to_minimum(
    x: ArrayView2<f64>,
    follow_up: &FollowUp,
    fold: &[usize],
    params: &LassoCoxParams,
) -> Result<LassoCoxCv, LassoCoxError> {
    let folds = check(follow_up, fold)?;
    let mut whole = Walk::start(x, follow_up, params)?;
    let mut parts: Vec<Part> = folds
        .par_iter()
        .map(|&k| Part::start(x, follow_up, fold, k, params))
        .collect::<Result<_, _>>()?;
    let weight: Vec<f64> = parts.iter().map(|part| part.n_events).collect();
    let table = Table::new(x, follow_up, fold);
    let mut seen = 0;
    loop {
        let wanted = (seen + STAGE).min(whole.grid().len());
        whole.reach(whole.grid()[wanted - 1]);
        let lambda = &whole.grid()[seen..whole.len().min(wanted)];
        parts
            .par_iter_mut()
            .for_each(|part| part.judge(lambda, &table));
        seen += lambda.len();
        let judged: Vec<Vec<f64>> = parts.iter().map(|part| part.judged.clone()).collect();
        let (deviance_mean, deviance_se) = summarise(&judged, &weight);
        if whole.is_over() || is_past(&deviance_mean, &deviance_se) {
            let (index_min, index_one_se) = choices(&deviance_mean, &deviance_se);
            return Ok(LassoCoxCv {
                path: whole.path(),
                fold: fold.to_vec(),
                deviance_mean,
                deviance_se,
                index_min,
                index_one_se,
            });
        }
    }
}

/// Whether the curve has left its minimum behind.
fn is_past(mean: &[f64], se: &[f64]) -> bool {
    let smallest = first_smallest(mean);
    let limit = mean[smallest] + PAST_SE * se[smallest];
    mean.len() > smallest + N_PAST && mean[mean.len() - N_PAST..].iter().all(|m| *m > limit)
}

/// One fold and the path on the rows of the others.
struct Part {
    times: Times,
    n_events: f64,
    walk: Walk,
    /// Deviance per event held out, per λ so far.
    judged: Vec<f64>,
}

impl Part {
    fn start(
        x: ArrayView2<f64>,
        follow_up: &FollowUp,
        fold: &[usize],
        k: usize,
        params: &LassoCoxParams,
    ) -> Result<Part, LassoCoxError> {
        let rows: Vec<usize> = (0..fold.len()).filter(|&i| fold[i] != k).collect();
        let train = follow_up.select(&rows);
        Ok(Part {
            walk: Walk::start(x.select(Axis(0), &rows).view(), &train, params)?,
            times: Times::of_rows(follow_up, &rows),
            n_events: n_events_in(follow_up, fold, k) as f64,
            judged: Vec::new(),
        })
    }

    /// Goes down to the last of `lambda` and judges each.
    fn judge(&mut self, lambda: &[f64], table: &Table) {
        let Some(&floor) = lambda.last() else { return };
        self.walk.reach(floor);
        for eta in table.predictors(&self.walk.path(), lambda) {
            let eta = Predictor::new(&eta);
            let held_out = table.times.deviance(&eta) - self.times.deviance(&eta);
            self.judged.push(held_out / self.n_events);
        }
    }
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

/// What all folds share.
struct Table<'a> {
    x: ArrayView2<'a, f64>,
    follow_up: &'a FollowUp,
    fold: &'a [usize],
    times: Times,
    /// Contiguous columns: features that are ever active are few.
    columns: Array2<f64>,
}

impl<'a> Table<'a> {
    fn new(x: ArrayView2<'a, f64>, follow_up: &'a FollowUp, fold: &'a [usize]) -> Table<'a> {
        Table {
            x,
            follow_up,
            fold,
            times: Times::new(follow_up),
            columns: x.t().as_standard_layout().into_owned(),
        }
    }

    /// The measure of fold `k` at each λ of `lambda`.
    fn held_out(
        &self,
        k: usize,
        params: &LassoCoxParams,
        lambda: &[f64],
        measure: Measure,
    ) -> Result<Vec<f64>, LassoCoxError> {
        let (out, rows): (Vec<usize>, Vec<usize>) =
            (0..self.fold.len()).partition(|&i| self.fold[i] == k);
        let train = self.follow_up.select(&rows);
        // nothing below the grid of all rows is ever looked up
        let floor = lambda.last().copied().unwrap_or(0.0);
        let path = path_down_to(self.x.select(Axis(0), &rows).view(), &train, params, floor)?;
        let predicted = self.predictors(&path, lambda);
        let n_events = n_events_in(self.follow_up, self.fold, k) as f64;
        match measure {
            Measure::GroupedDeviance => {
                let train = Times::of_rows(self.follow_up, &rows);
                let judge = |eta: &Vec<f64>| {
                    let eta = Predictor::new(eta);
                    (self.times.deviance(&eta) - train.deviance(&eta)) / n_events
                };
                Ok(predicted.iter().map(judge).collect())
            }
            Measure::HeldOutDeviance => {
                let test = Times::of_rows(self.follow_up, &out);
                let judge = |eta: &Vec<f64>| test.deviance(&Predictor::new(eta)) / n_events;
                Ok(predicted.iter().map(judge).collect())
            }
            Measure::Concordance => {
                let test = self.follow_up.select(&out);
                let sets = RiskSets::new(&test);
                let judge = |eta: &Vec<f64>| {
                    let of_out: Vec<f64> = out.iter().map(|&i| eta[i]).collect();
                    let counts = concordance::count(&of_out, &sets, test.event());
                    (counts.index()).ok_or(LassoCoxError::FoldWithoutPair { fold: k })
                };
                predicted.iter().map(judge).collect()
            }
        }
    }

    /// Linear predictors of all rows at each λ.
    fn predictors(&self, path: &LassoCoxPath, lambda: &[f64]) -> Vec<Vec<f64>> {
        let at = |&l: &f64| {
            let beta = path.interpolated(l);
            let active = (self.columns.rows().into_iter().zip(beta)).filter(|(_, b)| *b != 0.0);
            let columns = active.filter_map(|(column, b)| Some((column.to_slice()?, b)));
            combined(self.columns.ncols(), columns)
        };
        lambda.iter().map(at).collect()
    }
}

/// Places of the smallest loss, and of the largest λ within one standard error of it.
fn choices(loss: &[f64], se: &[f64]) -> (usize, usize) {
    let index_min = first_smallest(loss);
    let limit = loss[index_min] + se[index_min];
    let index_one_se = loss.iter().position(|&m| m <= limit).unwrap_or(index_min);
    (index_min, index_one_se)
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

    /// 120 patients, 60 features of which three count.
    fn study() -> (Array2<f64>, FollowUp, Vec<usize>) {
        let noise = crate::controls::normal_noise(120 * 61, 9);
        let x = Array2::from_shape_fn((120, 60), |(i, j)| noise[i * 60 + j]);
        let eta = |i: usize| 0.8 * x[[i, 0]] - 0.8 * x[[i, 7]] + 0.5 * x[[i, 31]];
        let time = (0..120).map(|i| libm::exp(0.6 * noise[7200 + i] - eta(i)));
        let event = (0..120).map(|i| i % 3 > 0).collect();
        let follow_up = FollowUp::new(time.collect(), event).unwrap();
        (x, follow_up, (0..120).map(|i| i / 3 % 5).collect())
    }

    #[test]
    fn the_way_to_the_minimum_is_the_beginning_of_the_whole() {
        let (x, f, fold) = study();
        let params = LassoCoxParams::glmnet_defaults();
        let whole = cross_validate_lasso_cox(x.view(), &f, &fold, &params).unwrap();
        let short = cross_validate_lasso_cox_to_minimum(x.view(), &f, &fold, &params).unwrap();
        let n = short.deviance_mean.len();
        assert!(n < whole.deviance_mean.len() && n > short.index_min + N_PAST);
        assert_eq!(short.deviance_mean, whole.deviance_mean[..n]);
        assert_eq!(short.deviance_se, whole.deviance_se[..n]);
        assert_eq!(
            (short.index_min, short.index_one_se),
            (whole.index_min, whole.index_one_se)
        );
        for choice in [Choice::Min, Choice::OneSe] {
            assert_eq!(short.coefficients(choice), whole.coefficients(choice));
        }
        assert!(whole.index_min > 5, "{}", whole.index_min);
    }

    #[test]
    fn a_path_that_ends_first_is_gone_to_its_end() {
        let (x, f, fold) = study();
        let params = LassoCoxParams {
            n_lambda: 13,
            lambda_min_ratio: Some(0.5),
            ..LassoCoxParams::glmnet_defaults()
        };
        let whole = cross_validate_lasso_cox(x.view(), &f, &fold, &params).unwrap();
        let short = cross_validate_lasso_cox_to_minimum(x.view(), &f, &fold, &params).unwrap();
        assert_eq!(short, whole);
    }
}
