//! `lasso-cox`: the L1-penalised Cox path with cross-validation.

use std::fmt::Write;

use artefact::number::text;
use pipeline_defs::params::{Lasso, LassoCoxParams, LassoMeasure};
use stats::folds::event_stratified_folds;
use stats::lasso_cox::{
    LassoCoxCv, LassoCoxParams as Settings, Measure, cross_validate_lasso_cox_by,
};

use super::fit_selection::{choice, lasso_code, path_params};
use super::learn::{Training, given_folds};
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let LassoCoxParams {
        alpha,
        n_lambda,
        lambda_min_ratio,
        choose,
        folds,
        measure,
        grouped,
        standardise,
    } = context.params()?;
    let training = Training::read(inputs)?;
    if training.follow_up.n_events() == 0 {
        return Err(StepError::refuse(
            "no-event",
            format!("none of {} patients has an event", training.follow_up.len()),
        ));
    }
    let fold = match inputs.optional("folds")? {
        Some(bytes) => given_folds(&training, bytes)?,
        None => event_stratified_folds(&training.follow_up, folds as usize, context.seed()?)
            .ok_or_else(|| StepError::refuse("too-few-folds", "0 folds, at least 3 are needed"))?,
    };
    let lasso = Lasso {
        alpha,
        n_lambda,
        lambda_min_ratio,
        choose,
        folds,
    };
    let settings = Settings {
        standardise,
        ..path_params(&lasso)
    };
    let measure = match (measure, grouped) {
        (LassoMeasure::Deviance, true) => Measure::GroupedDeviance,
        (LassoMeasure::Deviance, false) => Measure::HeldOutDeviance,
        (LassoMeasure::C, _) => Measure::Concordance,
    };
    let cv = cross_validate_lasso_cox_by(
        training.matrix.x.view(),
        &training.follow_up,
        &fold,
        &settings,
        measure,
    )
    .map_err(|e| refuse(lasso_code(&e), &e))?;
    let chosen = cv.coefficients(choice(choose));
    let mut coefficients = String::from("feature,coefficient\n");
    for (name, coefficient) in training.matrix.names.iter().zip(chosen) {
        line(
            &mut coefficients,
            &[artefact::csv_field(name), text(coefficient)],
        );
    }
    Ok(vec![
        Produced::bytes("path", path(&cv).into_bytes()),
        Produced::bytes("cv", cross_validation(&cv).into_bytes()),
        Produced::bytes("coefficients", coefficients.into_bytes()),
    ])
}

/// `deviance` is −2 log partial likelihood above the saturated model, `deviance_ratio` the share of the null deviance that is
/// explained (glmnet's `dev.ratio`).
fn path(cv: &LassoCoxCv) -> String {
    let path = &cv.path;
    let mut out = String::from("lambda,df,deviance,deviance_ratio\n");
    for (k, lambda) in path.lambda.iter().enumerate() {
        let ratio = path.deviance_ratio[k];
        line(
            &mut out,
            &[
                text(*lambda),
                path.n_nonzero[k].to_string(),
                text(path.null_deviance * (1.0 - ratio)),
                text(ratio),
            ],
        );
    }
    out
}

fn cross_validation(cv: &LassoCoxCv) -> String {
    let mut out = String::from("lambda,cvm,cvsd,chosen\n");
    for (k, lambda) in cv.path.lambda.iter().enumerate() {
        let mut chosen = Vec::new();
        if k == cv.index_min {
            chosen.push("min");
        }
        if k == cv.index_one_se {
            chosen.push("1se");
        }
        line(
            &mut out,
            &[
                text(*lambda),
                text(cv.deviance_mean[k]),
                text(cv.deviance_se[k]),
                chosen.join(" "),
            ],
        );
    }
    out
}

fn line(out: &mut String, cells: &[String]) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{}", cells.join(","));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{learnable, oracle, refusal, run, survival_data, text};
    use serde_json::{Value, json};

    fn params() -> Value {
        json!({"alpha": 1.0, "n_lambda": 40, "lambda_min_ratio": null, "choose": "min", "folds": 5,
            "measure": "deviance", "grouped": true})
    }

    #[test]
    fn the_path_starts_empty_and_the_signal_gets_a_coefficient() {
        let (table, followup) = learnable(80);
        let out = run(
            "lasso-cox",
            params(),
            &[("table", table), ("followup", followup)],
        )
        .unwrap();
        let path = text(&out, "path");
        let first: Vec<&str> = path.lines().nth(1).unwrap().split(',').collect();
        assert_eq!((first[1], first[3]), ("0", "0"));
        assert_eq!(
            text(&out, "cv")
                .lines()
                .filter(|l| l.ends_with("min") || l.ends_with("min 1se"))
                .count(),
            1
        );
        let coefficients = text(&out, "coefficients");
        assert_eq!(coefficients.lines().count(), 5);
        assert!(
            !coefficients.contains("signal,0\n") || !coefficients.contains("twin,0\n"),
            "{coefficients}"
        );
    }

    #[test]
    fn the_path_of_veteran_is_chosen_by_what_glmnet_chooses_it_by() {
        let (Some(data), Some(folds), Some(wanted)) = (
            oracle("survival/data/veteran.csv"),
            oracle("survival/data/veteran.folds.csv"),
            oracle("survival/d_lasso/veteran.json"),
        ) else {
            return;
        };
        let (table, followup) = survival_data(&data);
        let folds: String = String::from_utf8(folds).unwrap().lines().skip(1).fold(
            String::from("patient_id,fold\n"),
            |all, line| {
                let (row, fold) = line.split_once(',').unwrap();
                let row: usize = row.parse().unwrap();
                format!("{all}p{row:04},{fold}\n")
            },
        );
        let wanted: Value = serde_json::from_slice(&wanted).unwrap();
        for (set, key) in [
            (json!({}), "cv_grouped_TRUE_thresh_1e-09"),
            (json!({"grouped": false}), "cv_grouped_FALSE_thresh_1e-09"),
            (json!({"measure": "c"}), "cv_measure_C"),
        ] {
            let mut params = params();
            params["n_lambda"] = json!(100);
            for (name, value) in set.as_object().unwrap() {
                params[name] = value.clone();
            }
            let ports = [
                ("table", table.clone()),
                ("followup", followup.clone()),
                ("folds", folds.clone().into_bytes()),
            ];
            let cv = text(&run("lasso-cox", params, &ports).unwrap(), "cv");
            let chosen = cv.lines().skip(1).position(|l| l.contains("min")).unwrap();
            let lambdas = wanted[key]["lambda"].as_array().unwrap();
            let of_glmnet = lambdas.iter().position(|l| *l == wanted[key]["lambda_min"]);
            assert_eq!(Some(chosen), of_glmnet, "{key}");
            let cell = |at: usize| -> f64 {
                let line = cv.lines().nth(chosen + 1).unwrap();
                line.split(',').nth(at).unwrap().parse().unwrap()
            };
            for (at, name) in [(1, "cvm"), (2, "cvsd")] {
                let want = wanted[key][name][chosen].as_f64().unwrap();
                // C is a step function: a coefficient that glmnet leaves short of its minimum turns a pair
                let tolerance = if key == "cv_measure_C" {
                    2e-3
                } else {
                    1e-3 * want
                };
                assert!((cell(at) - want).abs() < tolerance, "{key} {name} {want}");
            }
        }
    }

    #[test]
    fn features_are_penalised_in_their_own_units_when_asked_for() {
        let (Some(data), Some(wanted)) = (
            oracle("survival/data/veteran.csv"),
            oracle("survival/d_lasso/veteran.json"),
        ) else {
            return;
        };
        let (table, followup) = survival_data(&data);
        let wanted: Value = serde_json::from_slice(&wanted).unwrap();
        for (standardise, key) in [
            (true, "path_standardize_TRUE"),
            (false, "path_standardize_FALSE"),
        ] {
            let mut params = params();
            params["n_lambda"] = json!(100);
            params["standardise"] = json!(standardise);
            let ports = [("table", table.clone()), ("followup", followup.clone())];
            let path = text(&run("lasso-cox", params, &ports).unwrap(), "path");
            let first = path.lines().nth(1).unwrap().split(',').next().unwrap();
            let want = wanted[key]["lambda"][0].as_f64().unwrap();
            assert!((first.parse::<f64>().unwrap() / want - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn nobody_with_an_event_is_said_of_everybody() {
        let (table, followup) = learnable(20);
        let text = String::from_utf8(followup).unwrap();
        let censored = text.replace(",1\n", ",0\n").into_bytes();
        let ports = [("table", table), ("followup", censored)];
        assert_eq!(
            refusal(run("lasso-cox", params(), &ports)),
            (
                "no-event".to_owned(),
                "none of 20 patients has an event".to_owned()
            )
        );
    }

    #[test]
    fn a_patient_without_a_fold_is_refused() {
        let (table, followup) = learnable(20);
        let folds = b"patient_id,fold\np000,1\n".to_vec();
        let (code, message) = refusal(run(
            "lasso-cox",
            params(),
            &[("table", table), ("followup", followup), ("folds", folds)],
        ));
        assert_eq!(code, "fold-missing");
        assert!(
            message.contains("19 of 20") && message.contains("`p001`"),
            "{message}"
        );
    }
}
