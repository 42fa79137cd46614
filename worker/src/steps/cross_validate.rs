//! `cross-validate`: out-of-fold risks of one learner on given folds.

use std::collections::BTreeSet;

use artefact::predictions::RiskTable;
use cohort::RiskScores;
use evaluation::{MetricError, c_index};
use ndarray::Axis;
use pipeline_defs::params::CrossValidateParams;
use serde_json::{Value, json};
use survival::Learner;

use super::learn::{Training, fit_code, given_folds, predict_code};
use super::learners;
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: CrossValidateParams = context.params()?;
    let learner = learners::named(&params.learner, &Value::Object(params.settings))?;
    let training = Training::read(inputs)?;
    let fold = given_folds(&training, inputs.one("folds")?)?;
    let labels: BTreeSet<usize> = fold.iter().copied().collect();
    if labels.len() < 2 {
        return Err(StepError::refuse(
            "too-few-folds",
            format!(
                "{} folds among these patients, at least 2 are needed",
                labels.len()
            ),
        ));
    }
    let mut risk: Vec<Option<f64>> = vec![None; fold.len()];
    let mut scored = Vec::new();
    for label in labels {
        scored.push((
            label,
            one_fold(
                learner.as_ref(),
                &training,
                &fold,
                label,
                context.seed()?,
                &mut risk,
            )?,
        ));
    }
    let rows = training
        .matrix
        .rows
        .iter()
        .zip(&risk)
        .filter_map(|(row, risk)| Some((row.clone(), (*risk)?)));
    let (rows, risk) = rows.unzip();
    let mut summary = summary(&scored);
    summary["n_followup_left_aside"] = json!(training.n_left_aside);
    let cv = artefact::json::encode("cross-validation", &summary)?;
    Ok(vec![
        Produced::bytes("risk", RiskTable { rows, risk }.encode()),
        Produced::bytes("cv", cv),
    ])
}

/// Fits on the other folds and scores this one.
fn one_fold(
    learner: &dyn Learner,
    training: &Training,
    fold: &[usize],
    label: usize,
    seed: u64,
    risk: &mut [Option<f64>],
) -> Result<Result<f64, String>, StepError> {
    let rows = |wanted: fn(usize, usize) -> bool| -> Vec<usize> {
        (0..fold.len())
            .filter(|&i| wanted(fold[i], label))
            .collect()
    };
    let (train, test) = (rows(|f, label| f != label), rows(|f, label| f == label));
    let x = training.matrix.x.select(Axis(0), &train);
    let in_fold = |text: String| StepError::refuse("fold-refused", format!("fold {label}: {text}"));
    let model = learner
        .fit(
            x.view(),
            &training.matrix.names,
            &training.follow_up.select(&train),
            seed,
        )
        .map_err(|e| match refuse(fit_code(&e), &e) {
            StepError::Refuse { message, .. } => in_fold(message),
            other => other,
        })?;
    let scores = model
        .risk(training.matrix.x.select(Axis(0), &test).view())
        .map_err(|e| refuse(predict_code(&e), &e))?;
    test.iter()
        .zip(scores.values())
        .for_each(|(&row, &score)| risk[row] = Some(score));
    concordance(&scores, &training.follow_up.select(&test))
}

fn concordance(
    scores: &RiskScores,
    follow_up: &cohort::FollowUp,
) -> Result<Result<f64, String>, StepError> {
    match c_index(scores, follow_up) {
        Ok(found) => Ok(Ok(found.value)),
        Err(MetricError::NotEstimable(reason)) => Ok(Err(format!("NE: {reason}"))),
        Err(error) => Err(refuse("metric", &error)),
    }
}

/// Folds with their index; mean and standard deviation (n − 1) over those that have one.
fn summary(scored: &[(usize, Result<f64, String>)]) -> Value {
    let values: Vec<f64> = scored
        .iter()
        .filter_map(|(_, value)| value.as_ref().ok().copied())
        .collect();
    let n = values.len() as f64;
    let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / n);
    let spread = |mean: f64| {
        (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0)).sqrt()
    };
    let reasons: Vec<Value> = scored
        .iter()
        .filter_map(|(fold, value)| Some(json!({"fold": fold, "reason": value.as_ref().err()?})))
        .collect();
    json!({
        "folds": scored.iter().map(|(fold, _)| fold).collect::<Vec<_>>(),
        "c_index": scored.iter().map(|(_, value)| value.as_ref().ok()).collect::<Vec<_>>(),
        "mean": mean,
        "sd": mean.filter(|_| values.len() > 1).map(spread),
        "without_value": reasons,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, learnable, only, refusal, run, text};
    use serde_json::{Value, json};

    fn ports(columns: &[&str]) -> Vec<(&'static str, Vec<u8>)> {
        let (table, followup) = learnable(60);
        let folds: String = (0..60)
            .map(|i| format!("p{i:03},{}\n", i % 3 + 1))
            .collect();
        let folds = format!("patient_id,fold\n{folds}").into_bytes();
        vec![
            ("table", only(&table, columns)),
            ("followup", followup),
            ("folds", folds),
        ]
    }

    #[test]
    fn every_patient_with_a_fold_is_scored_by_the_others() {
        let params = json!({"learner": "rsf", "settings": {"num_trees": 20, "min_node_size": 3}});
        let out = run("cross-validate", params, &ports(&["signal", "noise"])).unwrap();
        assert_eq!(
            text(&out, "risk").lines().count(),
            61,
            "60 patients and the header"
        );
        let cv: Value = serde_json::from_slice(&content(&out, "cv")).unwrap();
        assert_eq!(cv["folds"], json!([1, 2, 3]));
        assert!(cv["mean"].as_f64().unwrap() > 0.8, "{cv}");
        assert!(cv["sd"].as_f64().unwrap() > 0.0);
    }

    #[test]
    fn cox_runs_with_its_default_settings() {
        let params = json!({"learner": "cox", "settings": {}});
        let out = run("cross-validate", params, &ports(&["signal"])).unwrap();
        let cv: Value = serde_json::from_slice(&content(&out, "cv")).unwrap();
        assert!(cv["mean"].as_f64().unwrap() > 0.8, "{cv}");
    }

    #[test]
    fn a_patient_without_a_fold_is_refused() {
        let mut ports = ports(&["signal"]);
        ports[2].1 = b"patient_id,fold\np000,1\np001,2\n".to_vec();
        let params = json!({"learner": "cox", "settings": {}});
        assert_eq!(
            refusal(run("cross-validate", params, &ports)),
            (
                "fold-missing".to_owned(),
                "58 of 60 patients have no fold, the first is `p002`".to_owned()
            )
        );
    }

    #[test]
    fn a_setting_that_the_learner_does_not_have_is_refused() {
        let params = json!({"learner": "rsf", "settings": {"trees": 20}});
        let (code, message) = refusal(run("cross-validate", params, &ports(&["signal"])));
        assert_eq!(code, "learner-settings");
        assert!(message.contains("`trees`"), "{message}");
    }
}
