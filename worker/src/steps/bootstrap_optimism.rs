//! `bootstrap-optimism`: what a learner's performance on its own training rows owes to having learned there.
//!
//! The whole fit is repeated in every resample of the patients. Each model is judged on its resample, on the patients as
//! they were, and on those whom the resample left out: Harrell's correction takes the mean gap of the first two off the
//! apparent value; .632+ weighs the apparent value with the third. What was learned before the table came here (a
//! selection, a standardisation on these rows) is not repeated, and its optimism not seen.

use std::collections::BTreeMap;

use cohort::FollowUp;
use evaluation::{
    AucConvention, BrierConvention, MetricError, OptimismDraw, auc, brier, c_index,
    correct_optimism, horizon_guard, no_information_brier, point_632_plus, resample_copies,
};
use ndarray::{Array2, Axis};
use pipeline_defs::params::BootstrapOptimismParams;
use rayon::prelude::*;
use serde_json::{Value, json};
use stats::cox::{CoxParams, fit_cox};
use survival::{Learner, Model};

use super::learn::{Training, fit_code, predict_code};
use super::learners;
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: BootstrapOptimismParams = context.params()?;
    let settings = Value::Object(params.settings.clone());
    let learner = learners::named(&params.learner, &settings)?;
    let training = Training::read(inputs)?;
    let (n, seed) = (training.follow_up.len(), context.seed()?);
    let resamples: Vec<Vec<usize>> = (0..u64::from(params.resamples))
        .map(|b| drawn(&resample_copies(n, seed, b)))
        .collect();
    let study = Study {
        learner: learner.as_ref(),
        training: &training,
        horizons: &params.horizons,
        seed,
    };
    let mut answer = study.validate(&resamples)?;
    answer["learner"] = json!(params.learner);
    answer["n_followup_left_aside"] = json!(training.n_left_aside);
    let bytes = artefact::json::encode("bootstrap optimism", &answer)?;
    Ok(vec![Produced::bytes("optimism", bytes)])
}

/// Rows of a resample, each as often as drawn.
fn drawn(copies: &[u32]) -> Vec<usize> {
    let rows = copies.iter().enumerate();
    rows.flat_map(|(row, &c)| std::iter::repeat_n(row, c as usize))
        .collect()
}

/// What is measured, at which horizon.
#[derive(Clone, Copy, PartialEq)]
enum Measure {
    HarrellC,
    /// Cox's slope of the predicted log cumulative hazard at the last horizon.
    Slope,
    Auc(f64),
    Brier(f64),
}

impl Measure {
    fn all(horizons: &[f64]) -> Vec<Measure> {
        let at = |of: fn(f64) -> Measure| horizons.iter().copied().map(of);
        let whole = [Measure::HarrellC, Measure::Slope];
        (whole.into_iter())
            .chain(at(Measure::Auc))
            .chain(at(Measure::Brier))
            .collect()
    }

    fn name(self) -> (&'static str, Option<f64>) {
        match self {
            Measure::HarrellC => ("harrell_c", None),
            Measure::Slope => ("calibration_slope", None),
            Measure::Auc(t) => ("auc", Some(t)),
            Measure::Brier(t) => ("brier", Some(t)),
        }
    }
}

/// A value, or why there is none.
type Judged = Result<f64, String>;

/// A learner, its training rows and what it is judged by.
struct Study<'a> {
    learner: &'a dyn Learner,
    training: &'a Training,
    horizons: &'a [f64],
    seed: u64,
}

/// One resample's model: on its resample, on all patients, on those left out.
struct Draw {
    on_resample: Vec<Judged>,
    on_original: Vec<Judged>,
    on_left_out: Vec<Judged>,
}

impl Study<'_> {
    fn validate(&self, resamples: &[Vec<usize>]) -> Result<Value, StepError> {
        let all: Vec<usize> = (0..self.training.follow_up.len()).collect();
        let model = self.fit(&all, self.seed)?;
        let apparent = self.judge(model.as_ref(), &all)?;
        let noise = self.no_information(model.as_ref())?;
        // whatever the threads do, results stand in the order of the resamples
        let drawn: Vec<Result<Draw, StepError>> = resamples
            .par_iter()
            .enumerate()
            .map(|(b, rows)| self.draw(rows, &all, self.seed.wrapping_add(b as u64 + 1)))
            .collect();
        let (mut draws, mut failures) = (Vec::new(), BTreeMap::new());
        for (b, draw) in drawn.into_iter().enumerate() {
            match draw {
                Ok(draw) => draws.push(draw),
                Err(StepError::Refuse { message, .. }) => {
                    failures.insert(b, message);
                }
                Err(other) => return Err(other),
            }
        }
        if 2 * failures.len() > resamples.len() {
            let first = first_of(&failures).unwrap_or_default();
            return Err(StepError::refuse(
                "resamples-refused",
                format!(
                    "{} of {} resamples cannot be fitted; {first}",
                    failures.len(),
                    resamples.len()
                ),
            ));
        }
        let measures = Measure::all(self.horizons);
        let told: Vec<Value> = (0..measures.len())
            .map(|m| tell(measures[m], &apparent[m], noise[m], &draws, m))
            .collect();
        Ok(json!({
            "n": all.len(),
            "n_events": self.training.follow_up.n_events(),
            "resamples": resamples.len(),
            "n_failed": failures.len(),
            "first_failure": first_of(&failures),
            "measures": told,
        }))
    }

    fn fit(&self, rows: &[usize], seed: u64) -> Result<Box<dyn Model>, StepError> {
        let matrix = &self.training.matrix;
        let x = matrix.x.select(Axis(0), rows);
        self.learner
            .fit(
                x.view(),
                &matrix.names,
                &self.training.follow_up.select(rows),
                seed,
            )
            .map_err(|e| refuse(fit_code(&e), &e))
    }

    fn draw(&self, rows: &[usize], all: &[usize], seed: u64) -> Result<Draw, StepError> {
        let model = self.fit(rows, seed)?;
        let mut left = vec![true; all.len()];
        rows.iter().for_each(|&row| left[row] = false);
        let left_out: Vec<usize> = all.iter().copied().filter(|&row| left[row]).collect();
        Ok(Draw {
            on_resample: self.judge(model.as_ref(), rows)?,
            on_original: self.judge(model.as_ref(), all)?,
            on_left_out: self.judge(model.as_ref(), &left_out)?,
        })
    }

    /// Every measure of a model on some rows.
    fn judge(&self, model: &dyn Model, rows: &[usize]) -> Result<Vec<Judged>, StepError> {
        let measures = Measure::all(self.horizons);
        if rows.is_empty() {
            return Ok(vec![Err("nobody was left out".to_owned()); measures.len()]);
        }
        let x = self.training.matrix.x.select(Axis(0), rows);
        let follow_up = self.training.follow_up.select(rows);
        let refused = |e| refuse(predict_code(&e), &e);
        let risk = model.risk(x.view()).map_err(refused)?;
        let survival = model.survival(x.view(), self.horizons).transpose();
        let survival = survival.map_err(refused)?;
        let of = |measure: &Measure| -> Result<Judged, StepError> {
            let found = match *measure {
                Measure::HarrellC => c_index(&risk, &follow_up).map(|c| c.value),
                Measure::Auc(t) => {
                    auc(&risk, &follow_up, t, AucConvention::Score).map(|auc| auc.value)
                }
                Measure::Slope => return Ok(slope(survival.as_ref(), &follow_up)),
                Measure::Brier(t) => match self.column(survival.as_ref(), t) {
                    Some(s) => brier(&s, &follow_up, &follow_up, t, BrierConvention::Score),
                    None => return Ok(Err(NO_SURVIVAL.to_owned())),
                },
            };
            settle(found)
        };
        measures.iter().map(of).collect()
    }

    fn column(&self, survival: Option<&Array2<f64>>, horizon: f64) -> Option<Vec<f64>> {
        let at = self.horizons.iter().position(|t| *t == horizon)?;
        Some(survival?.column(at).to_vec())
    }

    /// Error of predictions that have nothing to do with the outcomes, measure by measure; `None` where it has no meaning
    /// or where the whole set is too small for the measure.
    fn no_information(&self, model: &dyn Model) -> Result<Vec<Option<f64>>, StepError> {
        let refused = |e| refuse(predict_code(&e), &e);
        let (x, follow_up) = (self.training.matrix.x.view(), &self.training.follow_up);
        let survival = model.survival(x, self.horizons).transpose();
        let survival = survival.map_err(refused)?;
        let of = |measure: &Measure| match *measure {
            Measure::HarrellC => Some(0.5),
            Measure::Slope => None,
            Measure::Auc(t) => {
                let enough = horizon_guard(follow_up, t, AucConvention::Score).is_ok();
                enough.then_some(0.5)
            }
            Measure::Brier(t) => {
                let survival = self.column(survival.as_ref(), t)?;
                no_information_brier(&survival, follow_up, t, BrierConvention::Score).ok()
            }
        };
        Ok(Measure::all(self.horizons).iter().map(of).collect())
    }
}

/// The first resample without a fit, and why.
fn first_of(failures: &BTreeMap<usize, String>) -> Option<String> {
    let (resample, why) = failures.iter().next()?;
    Some(format!("resample {resample}: {why}"))
}

const NO_SURVIVAL: &str = "NE: the learner ranks, it predicts no survival";

/// What cannot be estimated is a reason; anything else is an error.
fn settle(found: Result<f64, MetricError>) -> Result<Judged, StepError> {
    match found {
        Ok(value) => Ok(Ok(value)),
        Err(MetricError::NotEstimable(reason)) => Ok(Err(format!("NE: {reason}"))),
        Err(error) => Err(refuse("metric", &error)),
    }
}

/// Coefficient of log(−log S) at the last horizon in a Cox model; a risk below 1e-9 counts as that.
fn slope(survival: Option<&Array2<f64>>, follow_up: &FollowUp) -> Judged {
    let survival = survival.ok_or_else(|| NO_SURVIVAL.to_owned())?;
    let last = survival.ncols().checked_sub(1);
    let column = last.map(|last| survival.column(last)).ok_or(NO_SURVIVAL)?;
    // probabilities of 0 and 1 have no logarithm of a hazard
    let scale = |s: &f64| libm::log(-libm::log(s.clamp(f64::MIN_POSITIVE, 1.0 - 1e-9)));
    let values: Vec<f64> = column.iter().map(scale).collect();
    let x = Array2::from_shape_fn((values.len(), 1), |(i, _)| values[i]);
    let names = ["risk".to_owned()];
    match fit_cox(x.view(), &names, follow_up, &CoxParams::efron()) {
        Ok(fit) => Ok(fit.coefficients[0]),
        Err(why) => Err(format!("NE: {why}")),
    }
}

/// One measure's record.
fn tell(
    measure: Measure,
    apparent: &Judged,
    noise: Option<f64>,
    draws: &[Draw],
    m: usize,
) -> Value {
    let (name, horizon) = measure.name();
    let unknown = |reason: &str| {
        json!({
            "measure": name, "horizon": horizon, "apparent": null, "optimism": null, "optimism_std_err": null,
            "corrected": null, "left_out": null, "point_632_plus": null, "overfitting": null, "n_resamples": 0,
            "reason": reason,
        })
    };
    let apparent = match apparent {
        Ok(value) => *value,
        Err(reason) => return unknown(reason),
    };
    if noise.is_none() && measure != Measure::Slope {
        return unknown("NE: too few cases or controls at this horizon in the whole set");
    }
    let both = |d: &Draw| {
        Some(OptimismDraw {
            on_resample: *d.on_resample[m].as_ref().ok()?,
            on_original: *d.on_original[m].as_ref().ok()?,
        })
    };
    let pairs: Vec<OptimismDraw> = draws.iter().filter_map(both).collect();
    let corrected = match correct_optimism(apparent, &pairs) {
        Ok(corrected) => corrected,
        Err(why) => return unknown(&format!("NE: {why}")),
    };
    let outside: Vec<f64> = draws
        .iter()
        .filter_map(|d| d.on_left_out[m].as_ref().ok().copied())
        .collect();
    let left_out =
        (!outside.is_empty()).then(|| outside.iter().sum::<f64>() / outside.len() as f64);
    // .632+ is of errors: a share of pairs in the right order is one minus its error
    let flip = matches!(measure, Measure::HarrellC | Measure::Auc(_));
    let turn = |v: f64| if flip { 1.0 - v } else { v };
    let weighed = left_out
        .zip(noise)
        .map(|(left_out, noise)| point_632_plus(turn(apparent), turn(left_out), noise));
    json!({
        "measure": name,
        "horizon": horizon,
        "apparent": apparent,
        "optimism": corrected.optimism,
        "optimism_std_err": corrected.optimism_std_err,
        "corrected": corrected.corrected,
        "left_out": left_out,
        "point_632_plus": weighed.map(|w| turn(w.error)),
        "overfitting": weighed.map(|w| w.overfitting),
        "n_resamples": corrected.n_resamples,
        "reason": null,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, inputs, learnable, only, oracle, run};
    use super::*;

    fn params(learner: &str, resamples: u32) -> Value {
        json!({"learner": learner, "settings": {}, "horizons": [12.0, 36.0], "resamples": resamples})
    }

    fn validated(params: Value, columns: &[&str]) -> Value {
        let (table, followup) = learnable(80);
        let ports = [("table", only(&table, columns)), ("followup", followup)];
        let out = run("bootstrap-optimism", params, &ports).unwrap();
        serde_json::from_slice(&content(&out, "optimism")).unwrap()
    }

    fn number(of: &Value, key: &str) -> f64 {
        of[key].as_f64().unwrap()
    }

    #[test]
    fn noise_is_corrected_towards_a_toss() {
        let (_, followup) = learnable(80);
        let mut table = String::from("patient_id,a,b,c,d,e,f,g,h\n");
        for i in 0..80 {
            table.push_str(&format!("p{i:03}"));
            for j in 0..8 {
                let wave = libm::sin(f64::from((i + 1) * (3 + 2 * j) + j * j));
                table.push_str(&format!(",{wave}"));
            }
            table.push('\n');
        }
        let ports = [("table", table.into_bytes()), ("followup", followup)];
        let out = run("bootstrap-optimism", params("cox", 60), &ports).unwrap();
        let told: Value = serde_json::from_slice(&content(&out, "optimism")).unwrap();
        let c = &told["measures"][0];
        assert_eq!(c["measure"], "harrell_c");
        assert!(number(c, "optimism") > 0.03, "{c}");
        assert!((number(c, "corrected") - 0.5).abs() < 0.1, "{c}");
        let weighed = number(c, "point_632_plus");
        assert!(weighed < number(c, "apparent") && weighed > 0.4, "{c}");
        let slope = &told["measures"][1];
        assert!(number(slope, "corrected") < 0.8, "{slope}");
    }

    #[test]
    fn a_learner_that_ranks_has_reasons_instead_of_probabilities() {
        let told = validated(params("svm", 20), &["signal", "noise"]);
        let slope = &told["measures"][1];
        assert_eq!(slope["apparent"], Value::Null);
        assert!(slope["reason"].as_str().unwrap().contains("ranks"));
        // five cases are too few at the first horizon, there are enough at the second
        assert_eq!(told["measures"][2]["apparent"], Value::Null);
        assert!(number(&told["measures"][3], "corrected") > 0.8);
    }

    #[test]
    fn resamples_that_cannot_be_fitted_are_told() {
        // the twin is nearly the signal: some resamples have no maximum
        let told = validated(params("cox", 20), &["signal", "twin"]);
        let failed = told["n_failed"].as_u64().unwrap();
        assert!(failed > 0 && failed < 10, "{told}");
        let why = told["first_failure"].as_str().unwrap();
        assert!(
            why.starts_with("resample ") && why.contains("twin"),
            "{why}"
        );
        assert_eq!(told["measures"][0]["n_resamples"], 20 - failed);
    }

    /// Resamples that R can draw as well: Park and Miller's generator, row = state mod n.
    fn park_miller(n: usize, resamples: usize) -> Vec<Vec<usize>> {
        let mut state = 20_261_123_u64;
        let mut next = || {
            state = state * 16_807 % 2_147_483_647;
            (state % n as u64) as usize
        };
        (0..resamples)
            .map(|_| {
                let mut rows: Vec<usize> = (0..n).map(|_| next()).collect();
                rows.sort_unstable();
                rows
            })
            .collect()
    }

    /// Cox on veteran, 40 resamples: R 4.2.2 with survival 3.5-3, `validate` of rms followed by hand (`coxph`, Efron's ties;
    /// `concordance`; the slope of the linear predictor; AUC and Brier score at 90 days from `survfit` of the censoring).
    #[test]
    fn a_cox_model_is_validated_as_in_r() {
        let Some(bytes) = oracle("survival/data/veteran.csv") else {
            return;
        };
        let text = String::from_utf8(bytes).unwrap();
        let header = text.lines().next().unwrap().replace('"', "");
        let names: Vec<&str> = header.split(',').skip(2).collect();
        let (mut table, mut followup) = (
            format!("patient_id,{}\n", names.join(",")),
            String::from("patient_id,time,event\n"),
        );
        for (i, line) in text.lines().skip(1).enumerate() {
            let cells: Vec<&str> = line.split(',').collect();
            table.push_str(&format!("p{i:03},{}\n", cells[2..].join(",")));
            followup.push_str(&format!("p{i:03},{},{}\n", cells[0], cells[1]));
        }
        let inputs = inputs(&[
            ("table", table.into_bytes()),
            ("followup", followup.into_bytes()),
        ]);
        let training = Training::read(&inputs).unwrap();
        let learner = survival::Cox::efron();
        let study = Study {
            learner: &learner,
            training: &training,
            horizons: &[90.0],
            seed: 0,
        };
        let told = study.validate(&park_miller(137, 40)).unwrap();
        // apparent, optimism, corrected, left out
        let reference = [
            (
                "harrell_c",
                [
                    0.736029077692,
                    0.018998236471,
                    0.717030841221,
                    0.705053458158,
                ],
            ),
            (
                "calibration_slope",
                [
                    1.000000000000,
                    0.182683020587,
                    0.817316979413,
                    0.760513111870,
                ],
            ),
            (
                "auc",
                [
                    0.865694401684,
                    0.023934409373,
                    0.841759992312,
                    0.820462992881,
                ],
            ),
            (
                "brier",
                [
                    0.152475899619,
                    -0.015080315850,
                    0.167556215469,
                    0.176565927157,
                ],
            ),
        ];
        for (told, (name, values)) in told["measures"].as_array().unwrap().iter().zip(reference) {
            assert_eq!(told["measure"], name);
            for (key, value) in ["apparent", "optimism", "corrected", "left_out"]
                .iter()
                .zip(values)
            {
                assert!(
                    (number(told, key) - value).abs() < 1e-8,
                    "{name} {key}: {} against {value}",
                    told[*key]
                );
            }
        }
    }
}
