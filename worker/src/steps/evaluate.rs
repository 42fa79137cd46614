//! `evaluate`: how good one set of predictions is, and its curves.
//!
//! # Censoring weights
//! With `train_followup` the censoring distribution G of Uno's index, the Brier scores and their integral is that of the
//! training rows, as in scikit-survival (G read at T), and `weights` is `train`; without it G is that of the evaluated rows
//! (Brier as riskRegression's `Score`, G read at T−; `auc = "uno"` reads it at T) and `weights` is `evaluated`. AUC(t)
//! follows `auc` alone. Uno's index stops at `tau`, the last horizon, and has no value where the rows do not support it.
//!
//! # Agrees with
//! scikit-survival 0.28 on held-out rows of gbsg, pbc and veteran: `concordance_index_ipcw` with τ, `brier_score`, 1e-9

use artefact::follow_up::FollowUpTable;
use artefact::number;
use artefact::predictions::{RiskTable, SurvivalTable};
use cohort::{FollowUp, RiskScores};
use evaluation::{AucConvention, Bootstrap};
use pipeline_defs::params::{AucConvention as Named, EvaluateParams};

use super::patients::{Patients, follow_up_of};
use super::refuse::refuse;
use super::{curves, measures};
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let judged = Judged::read(context, inputs)?;
    let metrics = artefact::json::encode("metrics", &measures::all(&judged)?)?;
    let curves = artefact::json::encode("curves", &curves::all(&judged)?)?;
    Ok(vec![
        Produced::bytes("metrics", metrics),
        Produced::bytes("curves", curves),
    ])
}

/// Predictions with what they are held against.
pub(super) struct Judged {
    pub params: EvaluateParams,
    pub convention: AucConvention,
    pub bootstrap: Option<Bootstrap>,
    pub risk: RiskScores,
    pub follow_up: FollowUp,
    /// Probabilities of the evaluated rows by horizon; none where it was not predicted.
    pub survival: Vec<Option<Vec<f64>>>,
    /// Follow-up of the training rows.
    pub train: Option<FollowUp>,
    /// Follow-up of training and evaluated rows, each patient once.
    pub whole: Option<FollowUp>,
    /// Patients of the follow-up who have no risk.
    pub n_left_aside: usize,
    /// Risks of the training rows.
    pub train_risk: Option<Vec<f64>>,
}

impl Judged {
    fn read(context: &Context, inputs: &Inputs) -> Result<Judged, StepError> {
        let params: EvaluateParams = context.params()?;
        let risk = RiskTable::decode(inputs.one("risk")?)?;
        let outcome = FollowUpTable::decode(inputs.one("followup")?)?;
        let follow_up = follow_up_of(&risk.rows, &outcome)?;
        let n_left_aside = outcome.rows.len().saturating_sub(risk.rows.len());
        let train = inputs
            .optional("train_followup")?
            .map(|b| FollowUpTable::decode(b))
            .transpose()?;
        let trained = train
            .as_ref()
            .map(|train| follow_up_of(&train.rows, train))
            .transpose()?;
        let whole = train
            .as_ref()
            .map(|train| whole(&risk, &follow_up, train))
            .transpose()?;
        let survival = match inputs.optional("survival")? {
            Some(bytes) => survival(&risk, &SurvivalTable::decode(bytes)?, &params.horizons)?,
            None => vec![None; params.horizons.len()],
        };
        let train_risk = inputs
            .optional("train_risk")?
            .map(|b| RiskTable::decode(b))
            .transpose()?
            .map(|t| t.risk);
        let bootstrap = match params.bootstrap {
            0 => None,
            n => Some(
                Bootstrap::new(n as usize, 0.95, context.seed()?)
                    .map_err(|e| refuse("bootstrap", &e))?,
            ),
        };
        let convention = match params.auc {
            Named::Score => AucConvention::Score,
            Named::Uno => AucConvention::Uno,
            Named::Timeroc => AucConvention::TimeRoc,
        };
        let risk =
            RiskScores::higher_is_worse(risk.risk).map_err(|e| refuse("risk-not-finite", &e))?;
        Ok(Judged {
            params,
            convention,
            bootstrap,
            risk,
            follow_up,
            survival,
            train: trained,
            whole,
            n_left_aside,
            train_risk,
        })
    }

    /// Follow-up from which censoring is estimated: with convention `uno` the training rows, where they are known.
    pub fn censoring(&self) -> &FollowUp {
        match (self.convention, &self.train) {
            (AucConvention::Uno, Some(train)) => train,
            _ => &self.follow_up,
        }
    }
}

/// The name of a horizon in keys.
pub(super) fn key(horizon: f64) -> String {
    number::text(horizon)
}

fn whole(
    risk: &RiskTable,
    follow_up: &FollowUp,
    train: &FollowUpTable,
) -> Result<FollowUp, StepError> {
    let evaluated = Patients::new(&risk.rows);
    let (mut time, mut event) = (follow_up.time().to_vec(), follow_up.event().to_vec());
    for (i, row) in train.rows.iter().enumerate() {
        if !evaluated.contains(row)? {
            time.push(train.time[i]);
            event.push(train.event[i]);
        }
    }
    FollowUp::new(time, event).map_err(|e| refuse("follow-up-invalid", &e))
}

fn survival(
    risk: &RiskTable,
    table: &SurvivalTable,
    horizons: &[f64],
) -> Result<Vec<Option<Vec<f64>>>, StepError> {
    let patients = Patients::new(&table.rows);
    let mut at = Vec::with_capacity(risk.rows.len());
    for row in &risk.rows {
        let missing = || {
            StepError::refuse(
                "survival-missing",
                format!("patient `{}` has a risk and no survival", row.patient_id),
            )
        };
        at.push(patients.find(row)?.ok_or_else(missing)?);
    }
    let column = |horizon: &f64| table.times.iter().position(|t| t == horizon);
    Ok(horizons
        .iter()
        .map(|h| column(h).map(|c| at.iter().map(|&row| table.survival[row][c]).collect()))
        .collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, learnable, oracle, refusal, run};
    use artefact::follow_up::FollowUpTable;
    use artefact::metrics::Metrics;
    use cohort::{FollowUp, RiskScores};
    use serde_json::{Value, json};

    fn params(bootstrap: u32) -> Value {
        json!({"horizons": [12.0, 36.0, 60.0, 500.0], "auc": "score", "bootstrap": bootstrap, "rows": "test"})
    }

    /// Risks that are the table's signal.
    fn risk(table: &[u8]) -> Vec<u8> {
        let text = String::from_utf8(table.to_vec()).unwrap();
        let rows = text.lines().skip(1).map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            format!("{},{},{}\n", cells[0], cells[1], cells[2])
        });
        format!("patient_id,site,risk\n{}", rows.collect::<String>()).into_bytes()
    }

    fn metrics(params: Value, ports: &[(&str, Vec<u8>)]) -> Metrics {
        serde_json::from_slice(&content(
            &run("evaluate", params, ports).unwrap(),
            "metrics",
        ))
        .unwrap()
    }

    #[test]
    fn measures_are_those_of_the_library_and_a_late_horizon_has_a_reason() {
        let (table, followup) = learnable(80);
        let out = metrics(
            params(100),
            &[("risk", risk(&table)), ("followup", followup.clone())],
        );
        let rows = FollowUpTable::decode(&followup).unwrap();
        let follow_up = FollowUp::new(rows.time, rows.event).unwrap();
        let scores =
            RiskScores::higher_is_worse((0..80).map(|i| f64::from((i * 37) % 101)).collect())
                .unwrap();
        assert_eq!(
            out.harrell_c.value,
            Some(evaluation::c_index(&scores, &follow_up).unwrap().value)
        );
        let at_36 =
            evaluation::auc(&scores, &follow_up, 36.0, evaluation::AucConvention::Score).unwrap();
        assert_eq!(out.auc["36"].value, Some(at_36.value));
        assert!(
            out.auc["36"].lower < out.auc["36"].value && out.auc["36"].value <= out.auc["36"].upper
        );
        assert_eq!(out.auc["500"].value, None);
        assert!(
            out.auc["500"]
                .reason
                .as_ref()
                .unwrap()
                .starts_with("NE: nobody is at risk at 500")
        );
        assert!(
            out.brier["36"]
                .reason
                .as_ref()
                .unwrap()
                .contains("survival"),
            "{:?}",
            out.brier["36"]
        );
        assert_eq!(out.whole, None);
    }

    #[test]
    fn the_guard_of_a_fold_is_that_of_the_whole_set() {
        let (table, followup) = learnable(80);
        let some = |bytes: &[u8], keep: fn(usize) -> bool| -> Vec<u8> {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            text.lines()
                .enumerate()
                .filter(|(i, _)| *i == 0 || keep(*i))
                .map(|(_, l)| format!("{l}\n"))
                .collect::<String>()
                .into_bytes()
        };
        let fold = |i: usize| i <= 16;
        let rest = |i: usize| i > 16;
        let ports = [
            ("risk", some(&risk(&table), fold)),
            ("followup", some(&followup, fold)),
            ("train_followup", some(&followup, rest)),
        ];
        let out = metrics(params(0), &ports);
        assert_eq!(out.auc["12"].value, None, "few cases in the fold alone");
        let whole = out.whole.unwrap();
        assert_eq!((whole.n, whole.n_train), (80, 64));
        assert!(whole.horizons["36"].reason.is_none(), "{whole:?}");
        assert!(whole.horizons["500"].reason.is_some());
        assert!(whole.horizons["12"].n_events < whole.horizons["36"].n_events);
        let fold = out.fold.unwrap();
        assert!(fold.auc["36"].is_some() && fold.auc["500"].is_none());
        assert_eq!(fold.uno_c, None, "nobody is followed to tau");
    }

    #[test]
    fn events_are_those_by_the_horizon_and_an_unsupported_tau_has_no_index() {
        let (table, followup) = learnable(80);
        let ports = [("risk", risk(&table)), ("followup", followup.clone())];
        let late = metrics(params(0), &ports);
        let reason = late.uno_c.reason.unwrap();
        assert!(
            reason.starts_with("NE: nobody is at risk at 500"),
            "{reason}"
        );
        let rows = FollowUpTable::decode(&followup).unwrap();
        let by = |t: f64| {
            let pairs = rows.time.iter().zip(&rows.event);
            pairs.filter(|(time, event)| **event && **time <= t).count() as u64
        };
        assert!(by(12.0) < by(36.0) && by(36.0) < by(60.0));
        assert_eq!(late.auc["12"].n_events, by(12.0));
        assert_eq!(late.auc["36"].n_events, by(36.0));
        assert_eq!(late.composite_auc.n_events, by(60.0), "the last supported");
        assert_eq!(late.harrell_c.n_events, by(f64::INFINITY));
        assert_eq!(late.horizons, [12.0, 36.0, 60.0, 500.0]);
        let near = json!({"horizons": [36.0, 60.0], "auc": "score", "bootstrap": 0, "rows": "oob"});
        let near = metrics(near, &ports);
        assert_eq!(near.rows, "oob");
        assert!(near.uno_c.value.is_some_and(|c| c > 0.8));
    }

    #[test]
    fn curves_have_two_groups_about_the_median() {
        let (table, followup) = learnable(80);
        let out = run(
            "evaluate",
            params(0),
            &[("risk", risk(&table)), ("followup", followup)],
        )
        .unwrap();
        let curves: Value = serde_json::from_slice(&content(&out, "curves")).unwrap();
        let groups = curves["km"]["groups"].as_array().unwrap();
        assert_eq!(
            groups.iter().map(|g| g["n"].as_u64().unwrap()).sum::<u64>(),
            80
        );
        assert!(curves["km"]["log_rank"]["p"].as_f64().unwrap() < 0.01);
        let roc = &curves["roc"]["36"];
        assert_eq!(
            roc["false_positive"].as_array().unwrap().len(),
            roc["true_positive"].as_array().unwrap().len()
        );
    }

    #[test]
    fn a_value_that_few_resamples_have_stays_without_an_interval() {
        // Three in ten resamples lack the only patient with an event.
        let followup = b"patient_id,time_months,event\na,10,1\nb,20,0\nc,30,0\n".to_vec();
        let risk = b"patient_id,risk\na,3\nb,2\nc,1\n".to_vec();
        let out = metrics(params(100), &[("risk", risk), ("followup", followup)]);
        assert_eq!(
            (out.harrell_c.value, out.harrell_c.lower),
            (Some(1.0), None)
        );
        let reason = out.harrell_c.reason.unwrap();
        assert!(reason.starts_with("no interval: undefined in"), "{reason}");
    }

    #[test]
    fn equal_risks_have_no_interval() {
        let (table, followup) = learnable(80);
        let text = String::from_utf8(risk(&table)).unwrap();
        let flat = text.lines().enumerate().map(|(i, line)| match i {
            0 => format!("{line}\n"),
            _ => format!("{},0\n", line.rsplit_once(',').unwrap().0),
        });
        let flat = flat.collect::<String>().into_bytes();
        let out = metrics(params(100), &[("risk", flat), ("followup", followup)]);
        for found in [&out.harrell_c, &out.auc["36"], &out.composite_auc] {
            assert_eq!((found.value, found.lower), (Some(0.5), None), "{found:?}");
            assert!(found.reason.as_ref().unwrap().contains("same risk"));
        }
        assert!(out.null_model);
    }

    #[test]
    fn groups_are_cut_at_the_median_of_the_training_risks() {
        let (table, followup) = learnable(80);
        let text = String::from_utf8(risk(&table)).unwrap();
        let lowest = text
            .lines()
            .skip(1)
            .map(|line| line.rsplit_once(',').unwrap().1.parse::<f64>().unwrap())
            .fold(f64::INFINITY, f64::min);
        let train = format!("patient_id,risk\nt1,{lowest}\nt2,{lowest}\n").into_bytes();
        let ports = [
            ("risk", risk(&table)),
            ("followup", followup),
            ("train_risk", train),
        ];
        let out = run("evaluate", params(0), &ports).unwrap();
        let curves: Value = serde_json::from_slice(&content(&out, "curves")).unwrap();
        assert_eq!(curves["km"]["cut_from"], "train");
        assert_eq!(curves["km"]["cut"], json!(lowest));
    }

    #[test]
    fn a_risk_without_follow_up_is_refused_with_the_pseudonym() {
        let followup = b"patient_id,time_months,event\np1,3,1\n".to_vec();
        let risk = b"patient_id,risk\np1,0.5\np2,0.7\n".to_vec();
        let (code, message) = refusal(run(
            "evaluate",
            params(0),
            &[("risk", risk), ("followup", followup)],
        ));
        assert_eq!(
            (code.as_str(), message.as_str()),
            (
                "follow-up-missing",
                "patient `p2` has no follow-up; fill it in or leave them out"
            )
        );
    }

    #[test]
    fn with_training_rows_the_weights_are_those_of_scikit_survival() {
        for name in ["gbsg", "pbc", "veteran"] {
            let (Some(data), Some(wanted)) = (
                oracle(&format!("survival/data/{name}.csv")),
                oracle(&format!("survival/l_metrics/sksurv_{name}.json")),
            ) else {
                return;
            };
            let data = String::from_utf8(data).unwrap();
            let wanted: Value = serde_json::from_slice(&wanted).unwrap();
            let list = |key: &str| wanted[key].as_array().unwrap().clone();
            let rows = |key: &str| -> Vec<usize> {
                let of = |v: &Value| v.as_u64().unwrap() as usize;
                list(key).iter().map(of).collect()
            };
            let outcome = |used: &[usize]| {
                let line = |row: &usize| {
                    let cells: Vec<&str> = data.lines().nth(*row).unwrap().split(',').collect();
                    format!("p{row},{},{}\n", cells[0], cells[1])
                };
                let lines: String = used.iter().map(line).collect();
                format!("patient_id,time,event\n{lines}").into_bytes()
            };
            let (train, test) = (rows("train_rows_1based"), rows("test_rows_used_1based"));
            let times = list("times");
            let (lp, s) = (list("lp_train_test"), list("S_at_times"));
            let text = |values: &[Value]| -> String {
                let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
                texts.join(",")
            };
            let risk: String = test
                .iter()
                .map(|r| format!("p{r},{}\n", lp[r - 1]))
                .collect();
            let of_row = |r: &usize| format!("p{r},{}\n", text(s[r - 1].as_array().unwrap()));
            let survival: String = test.iter().map(of_row).collect();
            let ports = [
                ("risk", format!("patient_id,risk\n{risk}").into_bytes()),
                (
                    "survival",
                    format!("patient_id,{}\n{survival}", text(&times)).into_bytes(),
                ),
                ("followup", outcome(&test)),
                ("train_followup", outcome(&train)),
            ];
            let params = json!({"horizons": times, "auc": "score", "bootstrap": 0, "rows": "test"});
            let out = metrics(params, &ports);
            assert_eq!(
                (out.weights.as_str(), out.tau),
                ("train", times[4].as_f64())
            );
            let close = |seen: Option<f64>, wanted: &Value| {
                let (seen, wanted) = (seen.unwrap(), wanted.as_f64().unwrap());
                assert!((seen - wanted).abs() < 1e-9, "{name}: {seen} {wanted}");
            };
            close(out.uno_c.value, &wanted["raw"]["test"]["uno_tau_c"]);
            for (time, wanted) in times.iter().zip(list("brier_test")) {
                let horizon = super::key(time.as_f64().unwrap());
                close(out.brier[&horizon].value, &wanted);
            }
            assert!(out.ibs.value.is_some());
        }
    }

    #[test]
    fn without_training_rows_the_weights_are_those_of_the_evaluated() {
        let (table, followup) = learnable(80);
        let out = metrics(
            params(0),
            &[("risk", risk(&table)), ("followup", followup.clone())],
        );
        assert_eq!(
            (out.weights.as_str(), out.tau, out.null_model),
            ("evaluated", Some(500.0), false)
        );
        assert_eq!(
            out.composite_auc.reason.as_deref(),
            Some("mean over horizons 36, 60; 12: NE, 500: NE")
        );
    }
}
