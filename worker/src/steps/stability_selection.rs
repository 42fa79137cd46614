//! `stability-selection`: how often features are selected when half of the patients are drawn anew.

use std::fmt::Write;

use artefact::number::text;
use pipeline_defs::params::StabilityParams;
use serde_json::json;
use stats::lasso_cox::LassoCoxParams;
use stats::stability::{StabilityError, StabilityParams as Settings, stability_selection};

use super::fit_selection::lasso_code;
use super::learn::Training;
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: StabilityParams = context.params()?;
    let training = Training::read(inputs)?;
    let settings = Settings {
        n_subsamples: params.subsamples as usize,
        n_first: params.first as usize,
        threshold: params.threshold,
        lasso: LassoCoxParams {
            alpha: params.alpha,
            ..LassoCoxParams::glmnet_defaults()
        },
    };
    let (matrix, follow_up) = (&training.matrix, &training.follow_up);
    let found = stability_selection(matrix.x.view(), follow_up, &settings, context.seed()?)
        .map_err(|e| refuse(code(&e), &e))?;
    let mut csv = String::from("feature,frequency,stable\n");
    for (j, name) in matrix.names.iter().enumerate() {
        let (name, stable) = (artefact::csv_field(name), found.stable.contains(&j));
        // Writing to a String cannot fail.
        let _ = writeln!(csv, "{name},{},{stable}", text(found.frequency[j]));
    }
    let stable: Vec<&String> = found.stable.iter().map(|&j| &matrix.names[j]).collect();
    let answer = json!({
        "stable": stable,
        "mean_selected": found.mean_selected,
        "false_selections_max": found.false_selections_max,
        "threshold": params.threshold,
        "subsamples": params.subsamples,
        "n": follow_up.len(),
        "n_events": follow_up.n_events(),
        "n_features": matrix.names.len(),
        "n_followup_left_aside": training.n_left_aside,
    });
    Ok(vec![
        Produced::bytes("stability", artefact::json::encode("stability", &answer)?),
        Produced::bytes("frequency", csv.into_bytes()),
    ])
}

fn code(error: &StabilityError) -> &'static str {
    match error {
        StabilityError::Parameter { .. } => "stability-parameter",
        StabilityError::FewEvents { .. } => "too-few-events",
        StabilityError::Lasso(e) => lasso_code(e),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, learnable, only, refusal, run, text};
    use serde_json::{Value, json};

    fn params() -> Value {
        json!({"subsamples": 40, "first": 1, "threshold": 0.75, "alpha": 1.0})
    }

    #[test]
    fn the_signal_is_stable_and_noise_is_not() {
        let (table, followup) = learnable(90);
        let table = only(&table, &["signal", "noise", "shadow"]);
        let ports = [("table", table), ("followup", followup)];
        let out = run("stability-selection", params(), &ports).unwrap();
        let got: Value = serde_json::from_slice(&content(&out, "stability")).unwrap();
        assert_eq!(got["stable"], json!(["signal"]));
        let q = got["mean_selected"].as_f64().unwrap();
        // q²/((2π − 1)p)
        let bound = q * q / (0.5 * 3.0);
        assert!((got["false_selections_max"].as_f64().unwrap() - bound).abs() < 1e-12);
        let csv = text(&out, "frequency");
        assert!(csv.contains("signal,1,true\n"), "{csv}");
        assert!(csv.contains(",false\n"), "{csv}");
    }

    #[test]
    fn too_few_events_to_halve_are_refused() {
        let followup = b"patient_id,time,event\na,1,1\nb,2,0\nc,3,0\nd,4,0\n".to_vec();
        let table = b"patient_id,x\na,1\nb,2\nc,0\nd,5\n".to_vec();
        let ports = [("table", table), ("followup", followup)];
        let (code, message) = refusal(run("stability-selection", params(), &ports));
        assert_eq!(code, "too-few-events");
        assert!(message.starts_with("1 events"), "{message}");
    }
}
