//! Choosing among learners, or settings of one, inside the training rows.

use cohort::FollowUp;
use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;
use stats::concordance::concordance_counts;
use stats::folds::event_stratified_folds;
use thiserror::Error;

use crate::hold_out::hold_out;
use crate::learner::{FitError, Learner, PredictError, check_training};
use crate::settings::{SettingsError, at_least, within};

/// How candidates are scored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TuneSettings {
    /// On which patients.
    pub scheme: TuneScheme,
    /// By what.
    pub metric: TuneMetric,
}

/// The patients a candidate is scored on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TuneScheme {
    /// Each of k folds in turn, dealt apart among events and censored; k from 2 to the number of patients.
    Folds(usize),
    /// Every patient by the part of the model that did not see them: forests, at the price of one fit.
    OutOfBag,
    /// A share of the patients, between 0 and 1, drawn apart among events and censored: networks, where a fit is dear.
    HoldOut(f64),
}

/// What a candidate is scored by; higher is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TuneMetric {
    /// Harrell's C-index of the risk.
    HarrellC,
}

/// The choice and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    /// Index of the candidate with the highest mean, the first of equal ones.
    pub chosen: usize,
    /// One entry a candidate, in their order.
    pub scores: Vec<CandidateScore>,
}

/// How a candidate did.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateScore {
    /// Its label.
    pub label: String,
    /// Mean over the folds in which two patients can be compared; `None` for one that failed.
    pub mean: Option<f64>,
    /// Standard error over those folds; `None` for fewer than two.
    pub se: Option<f64>,
    /// Why it has no score: the first fold that failed.
    pub failed: Option<TuneFailure>,
}

/// Why a candidate has no score.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum TuneFailure {
    /// It did not fit.
    #[error("no fit in part {part}")]
    Fit {
        /// Fold, counted from 1; 1 without folds.
        part: usize,
        /// The learner's reason.
        source: FitError,
    },
    /// It did not predict.
    #[error("no prediction in part {part}")]
    Predict {
        /// Fold, counted from 1; 1 without folds.
        part: usize,
        /// The model's reason.
        source: PredictError,
    },
    /// No two scored patients can be compared.
    #[error("no comparable pair")]
    NoPair,
    /// The learner has no out-of-bag risk.
    #[error("no out-of-bag risk, use folds")]
    NoOutOfBag,
}

/// Why nothing was chosen.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum TuneError {
    /// There is nothing to choose from.
    #[error("no candidates")]
    NoCandidates,
    /// A setting is outside its range.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Nothing can be learnt from these rows.
    #[error("nothing can be learnt from these rows")]
    Training(#[from] FitError),
    /// Every candidate failed.
    #[error("every candidate failed: {}", list(.failures))]
    AllFailed {
        /// Label and reason of each.
        failures: Vec<(String, TuneFailure)>,
    },
}

fn list(failures: &[(String, TuneFailure)]) -> String {
    let each = failures
        .iter()
        .map(|(label, why)| format!("{label} ({})", chain(why)));
    each.collect::<Vec<_>>().join(", ")
}

/// An error with what lies behind it.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(behind) => format!("{error}: {}", chain(behind)),
        None => error.to_string(),
    }
}

/// Scores every candidate on rows it was not fitted on, all on the same ones, and names the best.
///
/// # Formula
/// mean = (1/K) Σ_k C_k, se = √( Σ_k (C_k − mean)² / (K − 1) / K ) over the K parts with a comparable pair. The folds share
/// most of their training rows, so `se` is too small to judge a difference by; it tells how the folds differ.
///
/// # Ties and edges
/// Of equal means the first candidate is chosen. A candidate that fails anywhere has no score and is not chosen. A part
/// without a comparable pair counts for nobody.
///
/// # Randomness
/// The parts come from `seed`, and every fit has `seed`: the same bits on any number of threads, and a candidate's score
/// does not depend on who else is tried.
///
/// # Errors
/// [`TuneError`]; when all fail it names each with its reason.
///
/// # Reference
/// Stone, JRSS B 36 (1974) 111–147; Varma and Simon, BMC Bioinformatics 7 (2006) 91, for why the chosen one's mean is no
/// estimate of how it will do: that takes rows outside `x`.
pub fn tune(
    candidates: &[(String, Box<dyn Learner>)],
    x: ArrayView2<f64>,
    names: &[String],
    follow_up: &FollowUp,
    settings: &TuneSettings,
    seed: u64,
) -> Result<Tuned, TuneError> {
    if candidates.is_empty() {
        return Err(TuneError::NoCandidates);
    }
    check_training(x, names, follow_up)?;
    let parts = parts(settings.scheme, follow_up, seed)?;
    let rows = Rows {
        x,
        names,
        follow_up,
        metric: settings.metric,
        seed,
    };
    let jobs = candidates.len() * parts.len();
    let outcomes: Vec<Outcome> = (0..jobs)
        .into_par_iter()
        .map(|job| {
            let (_, learner) = &candidates[job / parts.len()];
            let part = job % parts.len();
            rows.score(learner.as_ref(), part + 1, parts[part].as_deref())
        })
        .collect();
    let scores: Vec<CandidateScore> = candidates
        .iter()
        .zip(outcomes.chunks(parts.len()))
        .map(|((label, _), outcomes)| summary(label, outcomes))
        .collect();
    choose(scores)
}

type Outcome = Result<Option<f64>, TuneFailure>;

/// Per part whether each row is scored; `None` is all of them, out of bag.
fn parts(
    scheme: TuneScheme,
    follow_up: &FollowUp,
    seed: u64,
) -> Result<Vec<Option<Vec<bool>>>, SettingsError> {
    let n = follow_up.len();
    Ok(match scheme {
        TuneScheme::Folds(k) => {
            at_least("folds", k, 2)?;
            within("folds", k as f64, k <= n, "at most the number of patients")?;
            let fold = event_stratified_folds(follow_up, k, seed).unwrap_or_default();
            let scored = |part| Some(fold.iter().map(|f| *f == part).collect());
            (0..k).map(scored).collect()
        }
        TuneScheme::HoldOut(share) => {
            let ok = share > 0.0 && share < 1.0;
            within("hold-out", share, ok, "between 0 and 1")?;
            vec![Some(hold_out(follow_up, share, seed))]
        }
        TuneScheme::OutOfBag => vec![None],
    })
}

struct Rows<'a> {
    x: ArrayView2<'a, f64>,
    names: &'a [String],
    follow_up: &'a FollowUp,
    metric: TuneMetric,
    seed: u64,
}

impl Rows<'_> {
    fn score(&self, learner: &dyn Learner, part: usize, scored: Option<&[bool]>) -> Outcome {
        match scored {
            Some(scored) => self.score_apart(learner, part, scored),
            None => self.score_out_of_bag(learner),
        }
    }

    fn score_apart(&self, learner: &dyn Learner, part: usize, scored: &[bool]) -> Outcome {
        let (test, train): (Vec<usize>, Vec<usize>) =
            (0..scored.len()).partition(|row| scored[*row]);
        let rows = |rows: &[usize]| (self.x.select(Axis(0), rows), self.follow_up.select(rows));
        let (x, follow_up) = rows(&train);
        let model = learner
            .fit(x.view(), self.names, &follow_up, self.seed)
            .map_err(|source| TuneFailure::Fit { part, source })?;
        let (x, follow_up) = rows(&test);
        let risk = model
            .risk(x.view())
            .map_err(|source| TuneFailure::Predict { part, source })?;
        Ok(self.index(risk.values(), &follow_up))
    }

    fn score_out_of_bag(&self, learner: &dyn Learner) -> Outcome {
        let model = learner
            .fit(self.x, self.names, self.follow_up, self.seed)
            .map_err(|source| TuneFailure::Fit { part: 1, source })?;
        let risk = model.out_of_bag_risk().ok_or(TuneFailure::NoOutOfBag)?;
        let (rows, risk): (Vec<usize>, Vec<f64>) = risk
            .iter()
            .enumerate()
            .filter_map(|(row, risk)| risk.map(|risk| (row, risk)))
            .unzip();
        Ok(self.index(&risk, &self.follow_up.select(&rows)))
    }

    fn index(&self, risk: &[f64], follow_up: &FollowUp) -> Option<f64> {
        match self.metric {
            TuneMetric::HarrellC => concordance_counts(risk, follow_up).ok()?.index(),
        }
    }
}

fn summary(label: &str, outcomes: &[Outcome]) -> CandidateScore {
    let (mut values, mut failed) = (Vec::new(), None);
    for outcome in outcomes {
        match outcome {
            Ok(value) => values.extend(*value),
            Err(why) => failed = failed.or_else(|| Some(why.clone())),
        }
    }
    if failed.is_none() && values.is_empty() {
        failed = Some(TuneFailure::NoPair);
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    let scored = failed.is_none();
    CandidateScore {
        label: label.to_owned(),
        mean: scored.then_some(mean),
        se: (scored && values.len() > 1).then(|| (square / (n - 1.0) / n).sqrt()),
        failed,
    }
}

fn choose(scores: Vec<CandidateScore>) -> Result<Tuned, TuneError> {
    let mut best: Option<(usize, f64)> = None;
    for (index, score) in scores.iter().enumerate() {
        if let Some(mean) = score.mean
            && best.is_none_or(|(_, most)| mean > most)
        {
            best = Some((index, mean));
        }
    }
    match best {
        Some((chosen, _)) => Ok(Tuned { chosen, scores }),
        None => {
            let failed = |score: CandidateScore| Some((score.label, score.failed?));
            Err(TuneError::AllFailed {
                failures: scores.into_iter().filter_map(failed).collect(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::keyed::Draws;
    use crate::{Cox, Mtry, Rsf, RsfParams};
    use ndarray::Array2;

    fn cohort(n: usize) -> (Array2<f64>, Vec<String>, FollowUp) {
        let mut draws = Draws::new(8, 0);
        let x = Array2::from_shape_fn((n, 4), |_| draws.normal());
        let mut time = |v: &f64| -20.0 * libm::exp(-v) * libm::log(draws.uniform());
        let time = x.column(0).iter().map(&mut time).collect();
        let event = (0..n).map(|i| i % 3 > 0).collect();
        let names = (0..4).map(|j| format!("f{j}")).collect();
        (x, names, FollowUp::new(time, event).unwrap())
    }

    fn forest(label: &str, n_trees: usize, mtry: Mtry) -> (String, Box<dyn Learner>) {
        let params = RsfParams {
            n_trees,
            mtry,
            ..RsfParams::ranger_defaults()
        };
        (label.to_owned(), Box::new(Rsf::new(params).unwrap()))
    }

    fn settings(scheme: TuneScheme) -> TuneSettings {
        TuneSettings {
            scheme,
            metric: TuneMetric::HarrellC,
        }
    }

    #[test]
    fn the_best_is_chosen_the_first_of_equals_and_failures_are_told() {
        let (x, names, f) = cohort(200);
        let candidates = [
            forest("impossible", 5, Mtry::Count(9)),
            forest("poor", 1, Mtry::Count(1)),
            forest("good", 60, Mtry::All),
            forest("as good", 60, Mtry::All),
        ];
        for scheme in [
            TuneScheme::Folds(4),
            TuneScheme::OutOfBag,
            TuneScheme::HoldOut(0.3),
        ] {
            let tuned = tune(&candidates, x.view(), &names, &f, &settings(scheme), 2).unwrap();
            assert_eq!(tuned.scores[tuned.chosen].label, "good", "{scheme:?}");
            assert_eq!(tuned.scores[2].mean, tuned.scores[3].mean);
            assert!(tuned.scores[2].mean > tuned.scores[1].mean);
            assert_eq!(tuned.scores[2].se.is_some(), scheme == TuneScheme::Folds(4));
            let source = FitError::Mtry {
                mtry: 9,
                features: 4,
            };
            let failed = &tuned.scores[0];
            assert_eq!(failed.failed, Some(TuneFailure::Fit { part: 1, source }));
            assert_eq!((failed.mean, failed.se), (None, None));
        }
    }

    #[test]
    fn the_mean_is_that_of_folds_counted_by_hand() {
        let (x, names, f) = cohort(60);
        let cox: [(String, Box<dyn Learner>); 1] = [("cox".into(), Box::new(Cox::efron()))];
        let tuned = tune(
            &cox,
            x.view(),
            &names,
            &f,
            &settings(TuneScheme::Folds(3)),
            5,
        )
        .unwrap();
        let fold = event_stratified_folds(&f, 3, 5).unwrap();
        let mut sum = 0.0;
        for k in 0..3 {
            let (test, train): (Vec<usize>, Vec<usize>) = (0..60).partition(|i| fold[*i] == k);
            let select = |rows: &[usize]| (x.select(Axis(0), rows), f.select(rows));
            let ((x, f), (x_test, f_test)) = (select(&train), select(&test));
            let model = Cox::efron().fit(x.view(), &names, &f, 5).unwrap();
            sum += crate::common::harrell(model.risk(x_test.view()).unwrap().values(), &f_test);
        }
        assert!((tuned.scores[0].mean.unwrap() - sum / 3.0).abs() < 1e-15);
    }

    #[test]
    fn the_seed_and_not_the_threads_decide() {
        let (x, names, f) = cohort(60);
        let candidates = [forest("a", 10, Mtry::All), forest("b", 10, Mtry::SqrtUp)];
        let run = |threads: usize, seed: u64| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let settings = settings(TuneScheme::Folds(5));
            pool.install(|| tune(&candidates, x.view(), &names, &f, &settings, seed).unwrap())
        };
        assert_eq!(run(1, 4), run(8, 4));
        assert_ne!(run(1, 4), run(1, 5));
    }

    #[test]
    fn when_all_fail_each_is_named() {
        let (x, names, f) = cohort(30);
        let run = |candidates: &[(String, Box<dyn Learner>)], scheme| {
            tune(candidates, x.view(), &names, &f, &settings(scheme), 0)
                .unwrap_err()
                .to_string()
        };
        let cox: [(String, Box<dyn Learner>); 1] = [("cox".into(), Box::new(Cox::efron()))];
        assert_eq!(
            run(&cox, TuneScheme::OutOfBag),
            "every candidate failed: cox (no out-of-bag risk, use folds)"
        );
        assert_eq!(
            run(&[forest("wide", 5, Mtry::Count(9))], TuneScheme::Folds(2)),
            "every candidate failed: wide (no fit in part 1: mtry is 9, must be at most 4)"
        );
        assert_eq!(run(&[], TuneScheme::OutOfBag), "no candidates");
        assert_eq!(
            run(&cox, TuneScheme::Folds(31)),
            "folds is 31, must be at most the number of patients"
        );
        run(&cox, TuneScheme::HoldOut(f64::NAN));
    }
}
