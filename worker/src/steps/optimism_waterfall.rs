//! `optimism-waterfall`: from the apparent performance to the external one, step by step.
//!
//! Rungs of an endpoint, each the composite AUC of the model that its profile chose: `paper-apparent`, the paper's model on
//! its own training rows; `paper-cv`, the same model in folds with everything before the learner learned once from all rows;
//! `careful-cv`, the careful profile's model with everything inside the folds; `bias-corrected`, the choice among the models
//! paid for; `external`, that model on the other site. A rung without a value has a reason, and the next one differs from the
//! last that has one.

use std::collections::BTreeSet;

use artefact::comparison::{self, ComparisonRow};
use serde::Deserialize;
use serde_json::{Value, json};

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
}

/// What `rank-models` says of a set.
#[derive(Deserialize)]
struct Rank {
    #[serde(default)]
    profile: String,
    #[serde(default)]
    endpoint: String,
    set: String,
    #[serde(default)]
    models: Vec<Entry>,
    #[serde(default)]
    best: Option<Winner>,
    bias_corrected: Option<Corrected>,
    #[serde(default)]
    reason: Option<String>,
}

/// One of the models of a ranking.
#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    value: Option<f64>,
}

/// The model that the ranking puts first.
#[derive(Deserialize)]
struct Winner {
    roi_set: String,
    learner: String,
    #[serde(default)]
    value: Option<f64>,
}

#[derive(Deserialize)]
struct Corrected {
    value: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
    #[serde(default)]
    reason: Option<String>,
}

/// The rungs read from the comparison: name, label, profile, set.
const RUNGS: [(&str, &str, &str, &str); 5] = [
    (
        "paper-apparent",
        "the paper's model on its training rows",
        "paper",
        "apparent",
    ),
    (
        "paper-cv",
        "in folds, features selected once outside",
        "paper",
        "cv",
    ),
    (
        "careful-cv",
        "in folds, everything learned inside",
        "careful",
        "cv",
    ),
    (
        "bias-corrected",
        "the choice of the model paid for",
        "careful",
        "cv",
    ),
    ("external", "on the other site", "careful", "external"),
];

/// A value or the reason why there is none.
struct Found {
    value: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
    reason: String,
    /// Horizons that a composite is the mean over; those of the comparison's AUC of the same model and set.
    horizons_months: Vec<f64>,
}

impl Found {
    fn nothing(reason: impl Into<String>) -> Found {
        Found {
            value: None,
            lower: None,
            upper: None,
            reason: reason.into(),
            horizons_months: Vec::new(),
        }
    }
}

pub(super) fn run(_context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let rows = comparison::decode(inputs.one("comparison")?)?;
    let summary: Summary = artefact::json::decode("summary", inputs.one("summary")?)?;
    let ranks = ranks(inputs)?;
    let endpoints: BTreeSet<&str> = rows.iter().map(|r| r.endpoint.as_str()).collect();
    let all: Vec<Value> = endpoints
        .into_iter()
        .map(|endpoint| json!({"endpoint": endpoint, "rungs": rungs(endpoint, &rows, &summary, &ranks)}))
        .collect();
    let answer = json!({"metric": "composite_auc", "endpoints": all});
    let bytes = artefact::json::encode("waterfall", &answer)?;
    Ok(vec![Produced::bytes("waterfall", bytes)])
}

/// The rankings, told apart by what they say or by the axes they were gathered along.
fn ranks(inputs: &Inputs) -> Result<Vec<Rank>, StepError> {
    let mut ranks = Vec::new();
    for input in inputs.all("ranks") {
        let Ok(bytes) = &input.content else { continue };
        let mut rank: Rank = artefact::json::decode("ranking", bytes)?;
        for (said, axis) in [
            (&mut rank.profile, "profile"),
            (&mut rank.endpoint, "endpoint"),
        ] {
            if let Some(value) = input.axis(axis) {
                *said = value.to_owned();
            }
        }
        ranks.push(rank);
    }
    Ok(ranks)
}

fn rungs(endpoint: &str, rows: &[ComparisonRow], summary: &Summary, ranks: &[Rank]) -> Vec<Value> {
    let mut rungs = Vec::with_capacity(RUNGS.len());
    let mut last: Option<(f64, Vec<f64>)> = None;
    for (name, label, profile, set) in RUNGS {
        let best = summary
            .best
            .iter()
            .find(|b| (b.profile.as_str(), b.endpoint.as_str()) == (profile, endpoint));
        let mut found = match (name, best) {
            (_, None) => Found::nothing(format!("no model of the profile `{profile}` was chosen")),
            ("bias-corrected", Some(best)) => Found {
                horizons_months: horizons(best, set, rows),
                ..corrected(profile, endpoint, ranks)
            },
            (_, Some(best)) => of_comparison(best, set, rows),
        };
        let difference = match (found.value, &last) {
            (Some(value), Some((before, over))) if *over == found.horizons_months => {
                Some(value - before)
            }
            (Some(_), Some((_, over))) => {
                let note = not_comparable(&found.horizons_months, over);
                found.reason = match found.reason.as_str() {
                    "" => note,
                    reason => format!("{reason}; {note}"),
                };
                None
            }
            _ => None,
        };
        // This value is of the winner of each resample, not of the model that was chosen in the end.
        let of_a_choice = name == "bias-corrected";
        let among = of_a_choice.then(|| n_ranked(profile, endpoint, ranks));
        let model = best.filter(|_| !of_a_choice);
        rungs.push(json!({
            "name": name, "label": label, "profile": profile, "set": set,
            "value": found.value, "lower": found.lower, "upper": found.upper, "difference": difference,
            "roi_set": model.map(|b| &b.roi_set), "learner": model.map(|b| &b.learner),
            "n_models": among.filter(|n| *n > 0),
            "reason": (!found.reason.is_empty()).then_some(&found.reason),
        }));
        if let Some(value) = found.value {
            last = Some((value, found.horizons_months));
        }
    }
    rungs
}

/// Horizons with a value.
fn horizons(best: &Best, set: &str, rows: &[ComparisonRow]) -> Vec<f64> {
    let is = |r: &&ComparisonRow| {
        (&r.profile, &r.endpoint, &r.roi_set, &r.learner)
            == (&best.profile, &best.endpoint, &best.roi_set, &best.learner)
            && (r.set.as_str(), r.metric.as_str()) == (set, "auc")
            && r.value.is_some()
    };
    let mut found: Vec<f64> = rows
        .iter()
        .filter(is)
        .filter_map(|r| r.horizon_months)
        .collect();
    found.sort_unstable_by(f64::total_cmp);
    found
}

fn not_comparable(here: &[f64], before: &[f64]) -> String {
    let told = |months: &[f64]| {
        let all: Vec<String> = months.iter().map(|m| artefact::number::text(*m)).collect();
        all.join(", ")
    };
    format!(
        "no difference: a mean over {} months here, over {} months in the rung before",
        told(here),
        told(before)
    )
}

fn of_comparison(best: &Best, set: &str, rows: &[ComparisonRow]) -> Found {
    let is = |r: &&ComparisonRow| {
        (&r.profile, &r.endpoint, &r.roi_set, &r.learner)
            == (&best.profile, &best.endpoint, &best.roi_set, &best.learner)
            && (r.set.as_str(), r.metric.as_str()) == (set, "composite_auc")
    };
    match rows.iter().find(is) {
        Some(row) => Found {
            value: row.value,
            lower: row.lower,
            upper: row.upper,
            reason: row.reason.clone(),
            horizons_months: horizons(best, set, rows),
        },
        None => Found::nothing(format!("the comparison has no set `{set}` of this model")),
    }
}

/// The ranking of the models of a profile and an endpoint in cross-validation.
fn ranking<'a>(profile: &str, endpoint: &str, ranks: &'a [Rank]) -> Option<&'a Rank> {
    let of = (profile, endpoint, "cv");
    ranks
        .iter()
        .find(|r| (r.profile.as_str(), r.endpoint.as_str(), r.set.as_str()) == of)
}

/// Models among which a resample finds its winner.
fn n_ranked(profile: &str, endpoint: &str, ranks: &[Rank]) -> usize {
    let models = ranking(profile, endpoint, ranks).map(|rank| &rank.models);
    let models = models.into_iter().flatten();
    models.filter(|model| model.value.is_some()).count()
}

fn corrected(profile: &str, endpoint: &str, ranks: &[Rank]) -> Found {
    let Some(rank) = ranking(profile, endpoint, ranks) else {
        return Found::nothing(
            "`ranks` has no ranking of the set `cv` of this profile and endpoint",
        );
    };
    match &rank.bias_corrected {
        Some(found) => Found {
            value: found.value,
            lower: found.lower,
            upper: found.upper,
            horizons_months: Vec::new(),
            reason: found
                .reason
                .clone()
                .or_else(|| uncorrected(rank.best.as_ref()?))
                .unwrap_or_default(),
        },
        None => Found::nothing(
            rank.reason
                .clone()
                .unwrap_or_else(|| "not estimated".to_owned()),
        ),
    }
}

/// What the correction is of: the ranking counts pairs of all folds alike, a mean over folds does not.
fn uncorrected(best: &Winner) -> Option<String> {
    let value = best.value?;
    Some(format!(
        "without the correction {value:.3} ({} of {}), pairs of all folds counted alike",
        best.learner, best.roi_set
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, inputs, run_on};
    use crate::step::Inputs;
    use artefact::comparison::{ComparisonRow, encode};
    use serde_json::{Value, json};

    fn row(profile: &str, learner: &str, set: &str, value: f64) -> ComparisonRow {
        ComparisonRow {
            profile: profile.to_owned(),
            endpoint: "dfs".to_owned(),
            roi_set: "both".to_owned(),
            learner: learner.to_owned(),
            set: set.to_owned(),
            metric: "composite_auc".to_owned(),
            value: Some(value),
            ..ComparisonRow::default()
        }
    }

    fn study(with_rank: bool) -> Inputs {
        let rows = [
            row("paper", "gbm", "apparent", 0.99),
            row("paper", "gbm", "cv", 0.84),
            row("paper", "gbm", "external", 0.81),
            row("careful", "rsf", "cv", 0.7),
            row("careful", "rsf", "external", 0.66),
            row("careful", "gbm", "cv", 0.69),
        ];
        let best = |profile: &str, learner: &str| json!({"profile": profile, "endpoint": "dfs", "roi_set": "both", "learner": learner});
        let summary = json!({"best": [best("careful", "rsf"), best("paper", "gbm")]});
        let rank = |set: &str, value: f64| {
            let corrected = json!({"value": value, "lower": 0.6, "upper": 0.75, "reason": null});
            let best = json!({"roi_set": "both", "learner": "rsf", "value": 0.71});
            let models =
                json!([{"value": 0.71}, {"value": 0.7}, {"value": null, "reason": "refused"}]);
            json!({"profile": "careful", "endpoint": "dfs", "set": set, "models": models, "best": best, "bias_corrected": corrected, "reason": null})
        };
        let mut ports = vec![
            ("comparison", encode(&rows)),
            ("summary", serde_json::to_vec(&summary).unwrap()),
        ];
        if with_rank {
            ports.push(("ranks", rank("external", 0.1).to_string().into_bytes()));
            ports.push(("ranks", rank("cv", 0.68).to_string().into_bytes()));
        }
        inputs(&ports)
    }

    #[test]
    fn means_over_other_horizons_do_not_differ_by_a_number() {
        let at = |set: &str, months: f64| ComparisonRow {
            metric: "auc".to_owned(),
            horizon_months: Some(months),
            ..row("careful", "rsf", set, 0.7)
        };
        let rows = [
            row("careful", "rsf", "cv", 0.7),
            at("cv", 12.0),
            at("cv", 36.0),
            row("careful", "rsf", "external", 0.66),
            at("external", 12.0),
        ];
        let summary = json!({"best": [{"profile": "careful", "endpoint": "dfs", "roi_set": "both", "learner": "rsf"}]});
        let ports = [
            ("comparison", encode(&rows)),
            ("summary", serde_json::to_vec(&summary).unwrap()),
        ];
        let out = run_on("optimism-waterfall", json!({}), &inputs(&ports)).unwrap();
        let found: Value = serde_json::from_slice(&content(&out, "waterfall")).unwrap();
        let last = &found["endpoints"][0]["rungs"][4];
        assert_eq!(
            (&last["value"], &last["difference"]),
            (&json!(0.66), &Value::Null)
        );
        assert_eq!(
            last["reason"],
            "no difference: a mean over 12 months here, over 12, 36 months in the rung before"
        );
    }

    fn rungs(with_rank: bool) -> Vec<Value> {
        let out = run_on("optimism-waterfall", json!({}), &study(with_rank)).unwrap();
        let found: Value = serde_json::from_slice(&content(&out, "waterfall")).unwrap();
        found["endpoints"][0]["rungs"].as_array().unwrap().clone()
    }

    #[test]
    fn each_rung_is_its_profile_s_model_and_differs_from_the_last() {
        let rungs = rungs(true);
        let values: Vec<f64> = rungs.iter().map(|r| r["value"].as_f64().unwrap()).collect();
        assert_eq!(values, [0.99, 0.84, 0.7, 0.68, 0.66]);
        assert_eq!(rungs[0]["difference"], Value::Null);
        assert_eq!(
            rungs[3]["reason"],
            "without the correction 0.710 (rsf of both), pairs of all folds counted alike"
        );
        assert!((rungs[1]["difference"].as_f64().unwrap() + 0.15).abs() < 1e-12);
        assert_eq!(
            (&rungs[1]["learner"], &rungs[4]["learner"]),
            (&json!("gbm"), &json!("rsf"))
        );
        // the value of a choice is of no one model
        assert_eq!(
            (&rungs[3]["learner"], &rungs[3]["n_models"]),
            (&Value::Null, &json!(2))
        );
        assert_eq!(rungs[4]["n_models"], Value::Null);
    }

    #[test]
    fn a_rung_that_is_missing_has_a_reason_and_is_stepped_over() {
        let rungs = rungs(false);
        assert_eq!(rungs[3]["value"], Value::Null);
        assert!(rungs[3]["reason"].as_str().unwrap().contains("`ranks`"));
        assert!((rungs[4]["difference"].as_f64().unwrap() + 0.04).abs() < 1e-12);
    }
}
