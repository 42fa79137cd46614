//! `radscore`: one score a patient from the model that was chosen.
//!
//! The score is the risk of the model that was fitted on all training rows (split `external`). Patients whom it was not
//! fitted on have its risk: the test patients, and those of other cohorts at `other_risk`. The others have, cross-fitted, the percentile of the risk that the folds' models gave them when
//! they were left out, among the risks of the rows those models were fitted on, averaged over the repeats, and carried over
//! to the scale of the model of all training rows by its own training risks. A learner's scale is of one fit only: the raw
//! risks of two folds do not compare, their percentiles do.

use std::collections::BTreeSet;

use artefact::RowId;
use artefact::predictions::RiskTable;
use artefact::table::{Column, ColumnKind, Table};
use evaluation::{FoldRisks, at_percentile, cross_fitted_percentiles, percentile, ranked_anew};
use pipeline_defs::params::{RadscoreChoice, RadscoreParams, RadscoreTraining};
use serde::Deserialize;
use serde_json::{Value, json};

use super::patients::Patients;
use super::risks::{Labelled, twice};
use crate::step::{Context, Inputs, Produced, StepError};

/// What `compare` says beside its rows.
#[derive(Deserialize)]
struct Summary {
    best: Vec<Best>,
}

/// The model chosen for a profile and an endpoint.
#[derive(Deserialize)]
struct Best {
    #[serde(default)]
    profile: String,
    endpoint: String,
    roi_set: String,
    learner: String,
    chosen_by: String,
}

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: RadscoreParams = context.params()?;
    let best = chosen(&params, inputs)?;
    let frozen = Frozen::read(inputs, &best)?;
    let (percentiles, folds) = match params.training {
        RadscoreTraining::CrossFitted => {
            let (means, folds) = cross_fitted(inputs, &best, &frozen)?;
            (ranked_anew(&means), folds)
        }
        RadscoreTraining::Apparent => (frozen.apparent(), Vec::new()),
    };
    let mut table = Scores::default();
    for ((row, risk), p) in frozen
        .train
        .rows
        .iter()
        .zip(&frozen.train.risk)
        .zip(&percentiles)
    {
        let score = match params.training {
            RadscoreTraining::Apparent => Some(*risk),
            RadscoreTraining::CrossFitted => p.and_then(|p| at_percentile(&frozen.ascending, p)),
        };
        table.push(row, score, *p);
    }
    for (row, risk) in &frozen.unseen {
        table.push(row, Some(*risk), percentile(&frozen.ascending, *risk));
    }
    let record = json!({
        "profile": best.profile, "endpoint": best.endpoint, "roi_set": best.roi_set, "learner": best.learner,
        "chosen_by": best.chosen_by,
        "training": params.training,
        "scale": "risk of the model fitted on all training rows",
        "n": table.rows.len(),
        "n_training": frozen.train.rows.len(),
        "n_unseen": frozen.unseen.len(),
        "n_without": percentiles.iter().filter(|p| p.is_none()).count(),
        "folds": folds,
        "mapping": mapping(&frozen.ascending),
    });
    Ok(vec![
        Produced::bytes("table", table.table().encode()?),
        Produced::bytes("radscore", artefact::json::encode("radscore", &record)?),
    ])
}

/// The model of the study's profile and endpoint.
fn chosen(params: &RadscoreParams, inputs: &Inputs) -> Result<Best, StepError> {
    let summary: Summary = artefact::json::decode("summary", inputs.one("summary")?)?;
    let fits = |asked: &str, has: &str| asked.is_empty() || asked == has;
    let mut found: Vec<Best> = summary
        .best
        .into_iter()
        .filter(|b| fits(&params.profile, &b.profile) && fits(&params.endpoint, &b.endpoint))
        .collect();
    match (found.len(), found.pop()) {
        (1, Some(best)) => allowed(params, best),
        (0, _) | (_, None) => Err(StepError::refuse(
            "no-model-chosen",
            format!(
                "`summary` has no model of profile `{}` and endpoint `{}`: none had a value to be chosen by",
                params.profile, params.endpoint
            ),
        )),
        (n, Some(_)) => Err(StepError::refuse(
            "several-models-chosen",
            format!(
                "`summary` has {n} models; set `profile` and `endpoint`, in a study {{ axis = \"profile\" }} and {{ axis = \
                 \"endpoint\" }}"
            ),
        )),
    }
}

/// The model, where it was chosen by those who may choose.
fn allowed(params: &RadscoreParams, best: Best) -> Result<Best, StepError> {
    if params.chosen_by == RadscoreChoice::External || best.chosen_by == "cv" {
        return Ok(best);
    }
    Err(StepError::refuse(
        "chosen-by-test-outcomes",
        format!(
            "`summary`: the model of profile `{}` and endpoint `{}` was chosen by the outcomes of set `{}`, and chosen_by is \
             \"cv\"; give the axis `split` folds (kfold), or set chosen_by = \"external\" and say in `allow_leak` why",
            best.profile, best.endpoint, best.chosen_by
        ),
    ))
}

/// Entries of a port that are of the chosen model.
fn of_model(inputs: &Inputs, port: &str, best: &Best) -> Result<Vec<Labelled>, StepError> {
    let fits = |input: &&crate::step::Input| {
        let is = |axis: &str, value: &str| input.axis(axis).is_none_or(|v| v == value);
        is("profile", &best.profile)
            && is("endpoint", &best.endpoint)
            && is("roi_set", &best.roi_set)
            && is("learner", &best.learner)
            && input.axis("control").is_none()
    };
    inputs
        .all(port)
        .iter()
        .filter(fits)
        .map(Labelled::read)
        .collect()
}

/// The model of all training rows.
struct Frozen {
    train: RiskTable,
    /// Its training risks.
    ascending: Vec<f64>,
    /// Patients it was not fitted on.
    unseen: Vec<(RowId, f64)>,
}

impl Frozen {
    fn read(inputs: &Inputs, best: &Best) -> Result<Frozen, StepError> {
        let is_external = |found: &Labelled| found.is_external();
        let mut train = of_model(inputs, "train_risk", best)?
            .into_iter()
            .filter(is_external);
        let train = match (train.next(), train.next()) {
            (Some(_), Some(_)) => return Err(twice("train_risk", "the split `external`")),
            (Some(found), None) => found.risk.map_err(|why| refused("train_risk", &why))?,
            (None, _) => {
                return Err(StepError::refuse(
                    "train-risk-missing",
                    "`train_risk` has no risks of the split `external`: the score is on the scale of the model that was fitted \
                     on all training rows",
                ));
            }
        };
        if train.rows.is_empty() {
            return Err(refused("train_risk", "it has no patient"));
        }
        let mut ascending = train.risk.clone();
        ascending.sort_unstable_by(f64::total_cmp);
        let mut unseen = Vec::new();
        let (known, mut seen) = (Patients::new(&train.rows), BTreeSet::new());
        let tests = of_model(inputs, "test_risk", best)?.into_iter();
        let tests = tests.filter(is_external).map(|found| found.risk);
        let tests = tests.map(|risk| risk.map_err(|why| refused("test_risk", &why)));
        // Another cohort without risks takes nothing from those who have theirs.
        let others = of_model(inputs, "other_risk", best)?.into_iter();
        let others = others.filter_map(|found| found.risk.ok()).map(Ok);
        for table in tests.chain(others) {
            let table = table?;
            for (row, risk) in table.rows.into_iter().zip(table.risk) {
                if known.contains(&row)? || !seen.insert(row.clone()) {
                    return Err(StepError::refuse(
                        "patient-twice",
                        format!(
                            "patient `{}` is a test patient of the split `external` and has another risk there",
                            row.patient_id
                        ),
                    ));
                }
                unseen.push((row, risk));
            }
        }
        Ok(Frozen {
            train,
            ascending,
            unseen,
        })
    }

    fn apparent(&self) -> Vec<Option<f64>> {
        let risks = self.train.risk.iter();
        risks
            .map(|risk| percentile(&self.ascending, *risk))
            .collect()
    }
}

fn refused(port: &str, why: &str) -> StepError {
    StepError::refuse(
        "model-refused",
        format!("the chosen model has no risks at `{port}` in the split `external`: {why}"),
    )
}

/// Risks of a fold by the row of the training table.
struct Fold {
    split: String,
    repeat: u32,
    train: Vec<f64>,
    out_of_fold: Vec<(usize, f64)>,
}

/// Percentiles of the training patients, and what was made of each fold.
fn cross_fitted(
    inputs: &Inputs,
    best: &Best,
    frozen: &Frozen,
) -> Result<(Vec<Option<f64>>, Vec<Value>), StepError> {
    let train = of_model(inputs, "train_risk", best)?;
    let tests = of_model(inputs, "test_risk", best)?;
    let (mut folds, mut told, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    for test in tests.iter().filter(|test| !test.is_external()) {
        if !names.insert(test.split.as_str()) {
            return Err(twice("test_risk", &format!("the split `{}`", test.split)));
        }
        match fold(test, &train, frozen)? {
            Ok(fold) => {
                told.push(json!({
                    "split": fold.split, "repeat": fold.repeat, "n_train": fold.train.len(), "n_scored": fold.out_of_fold.len(),
                    "train_risk": {"lowest": fold.train.first(), "median": at_percentile(&fold.train, 0.5), "highest": fold.train.last()},
                }));
                folds.push(fold);
            }
            Err(why) => {
                told.push(json!({"split": test.split, "repeat": test.repeat(), "reason": why}))
            }
        }
    }
    let risks: Vec<FoldRisks> = folds
        .iter()
        .map(|fold| FoldRisks {
            repeat: fold.repeat,
            train: &fold.train,
            out_of_fold: &fold.out_of_fold,
        })
        .collect();
    let percentiles = cross_fitted_percentiles(frozen.train.rows.len(), &risks);
    if percentiles.iter().all(Option::is_none) {
        return Err(StepError::refuse(
            "no-out-of-fold",
            "no training patient has an out-of-fold risk; give the axis `split` folds (kfold), or set training = \"apparent\" and \
             bear its optimism",
        ));
    }
    Ok((percentiles, told))
}

/// A fold, or why its model has no risks.
fn fold(
    test: &Labelled,
    train: &[Labelled],
    frozen: &Frozen,
) -> Result<Result<Fold, String>, StepError> {
    let fitted_on = train.iter().find(|t| t.split == test.split).ok_or_else(|| {
        StepError::refuse(
            "train-risk-missing",
            format!(
                "`train_risk` has no risks of the split `{}`: an out-of-fold risk is placed among those of the rows that its \
                 model was fitted on; connect the training risks of every split",
                test.split
            ),
        )
    })?;
    let (test_risk, train_risk) = match (&test.risk, &fitted_on.risk) {
        (Ok(test), Ok(train)) => (test, train),
        (Err(why), _) | (_, Err(why)) => return Ok(Err(why.clone())),
    };
    let known = Patients::new(&frozen.train.rows);
    let mut out_of_fold = Vec::with_capacity(test_risk.rows.len());
    for (row, risk) in test_risk.rows.iter().zip(&test_risk.risk) {
        if let Some(at) = known.find(row)? {
            out_of_fold.push((at, *risk));
        }
    }
    let mut train = train_risk.risk.clone();
    train.sort_unstable_by(f64::total_cmp);
    Ok(Ok(Fold {
        split: test.split.clone(),
        repeat: test.repeat(),
        train,
        out_of_fold,
    }))
}

/// From percentiles to scores, at every twentieth.
fn mapping(ascending: &[f64]) -> Value {
    let at = |twentieth: u32| {
        let p = f64::from(twentieth) / 20.0;
        json!({"percentile": 100.0 * p, "radscore": at_percentile(ascending, p)})
    };
    Value::Array((0..=20).map(at).collect())
}

/// The table in the making.
#[derive(Default)]
struct Scores {
    rows: Vec<RowId>,
    score: Vec<f64>,
    percentile: Vec<f64>,
}

impl Scores {
    fn push(&mut self, row: &RowId, score: Option<f64>, percentile: Option<f64>) {
        self.rows.push(row.clone());
        self.score.push(score.unwrap_or(f64::NAN));
        self.percentile
            .push(percentile.map_or(f64::NAN, |p| 100.0 * p));
    }

    fn table(self) -> Table {
        let column = |name: &str, unit: Option<&str>, values| Column {
            name: name.to_owned(),
            kind: ColumnKind::Numeric,
            unit: unit.map(str::to_owned),
            values,
        };
        Table {
            rows: self.rows,
            columns: vec![
                column("radscore", None, self.score),
                column("radscore_percentile", Some("%"), self.percentile),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, gathered, inputs, refusal, run_on};
    use crate::step::{Inputs, Produced, StepError};
    use artefact::refusal::Refusal;
    use artefact::table::Table;
    use serde_json::{Value, json};

    type Entry = (&'static str, &'static str, Result<Vec<u8>, Refusal>);

    fn risk(rows: &[(&str, f64)]) -> Result<Vec<u8>, Refusal> {
        let lines: String = rows
            .iter()
            .map(|(id, r)| format!("{id},c1,{r}\n"))
            .collect();
        Ok(format!("patient_id,site,risk\n{lines}").into_bytes())
    }

    /// Split, learner, risks at each port.
    fn study(test: Vec<Entry>, train: Vec<Entry>) -> Inputs {
        let label = |(split, learner, content): Entry| {
            (
                vec![("learner", learner), ("roi_set", "both"), ("split", split)],
                content,
            )
        };
        let summary = json!({"best": [
            {"profile": "careful", "endpoint": "dfs", "roi_set": "both", "learner": "rsf", "chosen_by": "cv", "metric": "composite_auc"},
            {"profile": "paper", "endpoint": "dfs", "roi_set": "both", "learner": "gbm", "chosen_by": "external", "metric": "composite_auc"},
        ]});
        let mut all = inputs(&[("summary", serde_json::to_vec(&summary).unwrap())]);
        for (port, entries) in [("test_risk", test), ("train_risk", train)] {
            let entries = gathered(entries.into_iter().map(label).collect());
            all.ports.insert(port.to_owned(), entries);
        }
        all
    }

    /// Four training patients in two folds; the fits of the folds are on scales of their own.
    fn folds() -> (Vec<Entry>, Vec<Entry>) {
        let test = vec![
            ("r1f1", "rsf", risk(&[("a", 0.2), ("b", 0.9)])),
            ("r1f2", "rsf", risk(&[("c", 10.0), ("d", 70.0)])),
            ("external", "rsf", risk(&[("x", 3.5), ("y", 99.0)])),
            ("external", "gbm", risk(&[("x", -1.0), ("y", -2.0)])),
        ];
        let train = vec![
            ("r1f1", "rsf", risk(&[("c", 0.1), ("d", 0.8)])),
            ("r1f2", "rsf", risk(&[("a", 20.0), ("b", 60.0)])),
            (
                "external",
                "rsf",
                risk(&[("a", 1.0), ("b", 2.0), ("c", 3.0), ("d", 4.0)]),
            ),
            ("external", "gbm", risk(&[("a", -4.0), ("b", -3.0)])),
        ];
        (test, train)
    }

    fn radscore(
        inputs: &Inputs,
        profile: &str,
        training: &str,
    ) -> Result<Vec<Produced>, StepError> {
        let chosen_by = match profile {
            "paper" => "external",
            _ => "cv",
        };
        let params = json!({"profile": profile, "endpoint": "", "training": training, "chosen_by": chosen_by});
        run_on("radscore", params, inputs)
    }

    fn columns(out: &[Produced]) -> Vec<(String, f64, f64)> {
        let table = Table::decode(&content(out, "table")).unwrap();
        let (score, p) = (&table.columns[0].values, &table.columns[1].values);
        let row = |i: usize| (table.rows[i].patient_id.clone(), score[i], p[i]);
        (0..table.rows.len()).map(row).collect()
    }

    fn row(id: &str, score: f64, percentile: f64) -> (String, f64, f64) {
        (id.to_owned(), score, percentile)
    }

    #[test]
    fn training_patients_are_placed_by_models_that_did_not_see_them() {
        let (test, train) = folds();
        let out = radscore(&study(test, train), "careful", "cross-fitted").unwrap();
        // a: above one of two training risks of its fold, second of four; b and d share the last two places of 1, 2, 3, 4
        let wanted = [
            row("a", 2.0, 37.5),
            row("b", 3.5, 75.0),
            row("c", 1.0, 12.5),
            row("d", 3.5, 75.0),
            row("x", 3.5, 75.0),
            row("y", 99.0, 100.0),
        ];
        assert_eq!(columns(&out), wanted);
        let record: Value = serde_json::from_slice(&content(&out, "radscore")).unwrap();
        assert_eq!(
            (&record["learner"], &record["n_unseen"]),
            (&json!("rsf"), &json!(2))
        );
        assert_eq!(record["folds"][1]["train_risk"]["median"], json!(40.0));
        assert_eq!(
            record["mapping"][10],
            json!({"percentile": 50.0, "radscore": 2.5})
        );
    }

    #[test]
    fn the_paper_s_scores_are_the_model_s_own() {
        let (test, train) = folds();
        let out = radscore(&study(test, train), "paper", "apparent").unwrap();
        let wanted = [
            row("a", -4.0, 25.0),
            row("b", -3.0, 75.0),
            row("x", -1.0, 100.0),
            row("y", -2.0, 100.0),
        ];
        assert_eq!(columns(&out), wanted);
    }

    #[test]
    fn a_fold_without_a_model_is_told_and_its_patients_have_no_score() {
        let (mut test, train) = folds();
        test[1].2 = Err(Refusal {
            code: "no-convergence".to_owned(),
            message: "after 30 steps".to_owned(),
            kind: "fit-cox".to_owned(),
        });
        let out = radscore(&study(test, train), "careful", "cross-fitted").unwrap();
        let record: Value = serde_json::from_slice(&content(&out, "radscore")).unwrap();
        assert_eq!(record["n_without"], json!(2));
        assert_eq!(
            record["folds"][1]["reason"],
            json!("no-convergence: after 30 steps")
        );
        assert!(columns(&out)[2].1.is_nan());
    }

    #[test]
    fn a_model_that_test_outcomes_chose_is_not_taken_for_one_of_the_folds() {
        let (test, train) = folds();
        let params = json!({"profile": "paper", "endpoint": "", "training": "apparent"});
        let (code, message) = refusal(run_on("radscore", params, &study(test, train)));
        assert_eq!(code, "chosen-by-test-outcomes");
        assert!(message.contains("outcomes of set `external`"), "{message}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let refused = |test: Vec<Entry>, train: Vec<Entry>, profile| {
            refusal(radscore(&study(test, train), profile, "cross-fitted")).0
        };
        let (test, mut train) = folds();
        train.drain(..1);
        assert_eq!(refused(test, train, "careful"), "train-risk-missing");
        let (test, train) = folds();
        assert_eq!(refused(test, train, "paper"), "no-out-of-fold");
        let (test, train) = folds();
        assert_eq!(refused(test, train, ""), "several-models-chosen");
        let (test, train) = folds();
        assert_eq!(refused(test, train, "other"), "no-model-chosen");
        let (mut test, train) = folds();
        test.push(("external", "rsf", risk(&[("a", 1.0)])));
        assert_eq!(refused(test, train, "careful"), "patient-twice");
        let (mut test, train) = folds();
        test.push(("r1f1", "rsf", risk(&[("a", 1.0)])));
        assert_eq!(refused(test, train, "careful"), "given-twice");
    }
}
