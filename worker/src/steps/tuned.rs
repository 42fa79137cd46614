//! Settings chosen inside the training rows, and what that choice rests on.

use pipeline_defs::params::{Tune, TuneScheme as Scheme};
use serde_json::{Map, Value, json};
use survival::{CandidateScore, Learner, TuneError, TuneMetric, TuneScheme, TuneSettings, tune};

use super::learn::{Make, Training, fit_code};
use super::refuse::refuse;
use crate::step::{Context, StepError};

/// A learner with the settings that were chosen, and the record of the choice.
pub(super) struct Choice {
    pub learner: Box<dyn Learner>,
    /// What stands in the model under `tuning`; nothing where nothing was chosen.
    pub record: Option<Value>,
}

/// The learner as set, or the best candidate of its grid.
pub(super) fn choose(
    make: Make,
    context: &Context,
    training: &Training,
    seed: u64,
) -> Result<Choice, StepError> {
    let grid = match context.params.get("tune") {
        None | Some(Value::Null) => {
            return Ok(Choice {
                learner: make(context)?,
                record: None,
            });
        }
        Some(grid) => grid.clone(),
    };
    let grid: Tune = serde_json::from_value(grid)
        .map_err(|e| StepError::refuse("tune", format!("`tune`: {e}")))?;
    let settings = grid.candidates();
    let mut candidates = Vec::with_capacity(settings.len());
    for set in &settings {
        candidates.push((label(set), make(&with(context, set))?));
    }
    let how = TuneSettings {
        scheme: match grid.scheme {
            Scheme::Folds => TuneScheme::Folds(grid.folds as usize),
            Scheme::Oob => TuneScheme::OutOfBag,
            Scheme::HoldOut => TuneScheme::HoldOut(grid.hold_out),
        },
        metric: TuneMetric::HarrellC,
    };
    let tuned = tune(
        &candidates,
        training.matrix.x.view(),
        &training.matrix.names,
        &training.follow_up,
        &how,
        seed,
    )
    .map_err(|e| refuse(code(&e), &e))?;
    let record = json!({
        "scheme": grid.scheme,
        "metric": "harrell_c",
        "chosen": settings[tuned.chosen],
        "candidates": tuned.scores.iter().zip(&settings).map(score).collect::<Vec<_>>(),
    });
    Ok(Choice {
        learner: candidates.swap_remove(tuned.chosen).1,
        record: Some(record),
    })
}

/// The parameters with the candidate's in their place.
fn with(context: &Context, set: &Map<String, Value>) -> Context {
    let mut params = context.params.clone();
    if let Some(params) = params.as_object_mut() {
        params.remove("tune");
        params.extend(set.clone());
    }
    Context {
        params,
        seed: context.seed,
    }
}

fn label(set: &Map<String, Value>) -> String {
    let each: Vec<String> = set.iter().map(|(name, v)| format!("{name} {v}")).collect();
    each.join(", ")
}

fn score((score, set): (&CandidateScore, &Map<String, Value>)) -> Value {
    let failed = score.failed.as_ref().map(|why| match refuse("tune", why) {
        StepError::Refuse { message, .. } => message,
        other => other.to_string(),
    });
    json!({"settings": set, "mean": score.mean, "se": score.se, "failed": failed})
}

fn code(error: &TuneError) -> &'static str {
    match error {
        TuneError::Training(e) => fit_code(e),
        TuneError::NoCandidates | TuneError::Settings(_) => "tune",
        TuneError::AllFailed { .. } => "tune-all-failed",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, learnable, refusal, run};
    use pipeline_defs::params::{GbmParams, RsfParams};
    use serde_json::{Value, json};

    fn with_grid(params: impl serde::Serialize, tune: Value) -> Value {
        let mut params = serde_json::to_value(params).unwrap();
        params["tune"] = tune;
        params
    }

    fn fitted(kind: &str, params: Value) -> Value {
        let (table, followup) = learnable(80);
        let ports = [("table", table), ("followup", followup)];
        serde_json::from_slice(&content(&run(kind, params, &ports).unwrap(), "model")).unwrap()
    }

    #[test]
    fn the_best_candidate_is_the_model_and_the_others_are_told() {
        let tune = json!({"grid": {"n_trees": [1, 40], "interaction_depth": [1, 2]}, "folds": 4});
        let model = fitted("fit-gbm", with_grid(GbmParams::gbm(), tune));
        let record = &model["tuning"];
        assert_eq!(record["candidates"].as_array().unwrap().len(), 4);
        let best = record["candidates"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["mean"].as_f64().unwrap())
            .fold(0.0, f64::max);
        let chosen = record["candidates"]
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["settings"] == record["chosen"])
            .unwrap();
        assert_eq!(chosen["mean"].as_f64().unwrap(), best);
        let trees = model["trees"].as_array().unwrap().len();
        assert_eq!(json!(trees), record["chosen"]["n_trees"]);
    }

    #[test]
    fn a_model_without_tuning_has_no_record_and_a_tuned_one_predicts() {
        assert_eq!(
            fitted("fit-gbm", serde_json::to_value(GbmParams::gbm()).unwrap())["tuning"],
            Value::Null
        );
        let params = RsfParams {
            num_trees: 20,
            ..RsfParams::ranger_defaults()
        };
        let tune = json!({"grid": {"mtry": [1, 2], "min_node_size": [3, 15]}, "scheme": "oob"});
        let (table, followup) = learnable(80);
        let ports = [("table", table.clone()), ("followup", followup)];
        let model = content(
            &run("fit-rsf", with_grid(params, tune), &ports).unwrap(),
            "model",
        );
        let ports = [("model", model), ("table", table)];
        let predicted = run("predict", json!({"horizons": [12.0]}), &ports).unwrap();
        assert!(content(&predicted, "risk").len() > 100);
    }

    #[test]
    fn a_grid_that_cannot_be_scored_is_refused_with_reasons() {
        let tune = json!({"grid": {"n_trees": [5, 6]}, "scheme": "oob"});
        let (table, followup) = learnable(80);
        let ports = [("table", table), ("followup", followup)];
        let (code, message) = refusal(run("fit-gbm", with_grid(GbmParams::gbm(), tune), &ports));
        assert_eq!(code, "tune-all-failed");
        assert!(
            message.contains("n_trees 5 (no out-of-bag risk"),
            "{message}"
        );
    }
}
