//! `lasso-cox`: the L1-penalised Cox path with cross-validation.

use std::fmt::Write;

use artefact::number::text;
use pipeline_defs::params::{Lasso, LassoCoxParams};
use stats::folds::event_stratified_folds;
use stats::lasso_cox::{LassoCoxCv, cross_validate_lasso_cox};

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
    let settings = path_params(&Lasso {
        alpha,
        n_lambda,
        lambda_min_ratio,
        choose,
        folds,
    });
    let cv = cross_validate_lasso_cox(
        training.matrix.x.view(),
        &training.follow_up,
        &fold,
        &settings,
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
    use super::super::fixture::{learnable, refusal, run, text};
    use serde_json::{Value, json};

    fn params() -> Value {
        json!({"alpha": 1.0, "n_lambda": 40, "lambda_min_ratio": null, "choose": "min", "folds": 5})
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
