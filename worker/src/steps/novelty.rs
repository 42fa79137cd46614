//! `fit-novelty` and `apply-novelty`: how unlike the training patients somebody is.

use artefact::models::StoredModel;
use artefact::table::Table;
use artefact::{csv_field, number};
use pipeline_defs::params::{ApplyNoveltyParams, FitNoveltyParams};
use stats::novelty::{NoveltyError, NoveltyParams, Score, fit_novelty};

use super::fit_standardise::numeric_part;
use super::matrix::Matrix;
use super::refuse::refuse;
use super::stored::novelty::{from_novelty, to_novelty};
use crate::step::{Context, Inputs, Produced, StepError};

/// Learns from training rows what is usual.
pub(super) fn fit(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: FitNoveltyParams = context.params()?;
    let matrix = Matrix::coded(&numeric_part(Table::decode(inputs.one("table")?)?));
    matrix.complete()?;
    let settings = NoveltyParams {
        variance_kept: params.variance_kept,
        folds: params.folds as usize,
    };
    let fitted =
        fit_novelty(matrix.x.view(), &matrix.names, &settings).map_err(|e| refuse(code(&e), &e))?;
    Ok(vec![Produced::bytes(
        "model",
        from_novelty(fitted).encode()?,
    )])
}

/// `patient_id,distance,percentile,n_outside,warning`, in the order of the table.
pub(super) fn apply(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: ApplyNoveltyParams = context.params()?;
    let novelty = to_novelty(inputs.one("model")?)?;
    let table = numeric_part(Table::decode(inputs.one("table")?)?);
    let matrix = Matrix::coded(&table).pick(&novelty.shape.features)?;
    matrix.complete()?;
    let scores = novelty
        .score(matrix.x.view(), &matrix.names)
        .map_err(|e| refuse(code(&e), &e))?;
    let mut csv = String::from("patient_id,distance,percentile,n_outside,warning\n");
    for (row, score) in matrix.rows.iter().zip(&scores) {
        let fields = [
            csv_field(&row.patient_id),
            number::text(score.distance),
            number::text(score.percentile),
            score.n_outside.to_string(),
            csv_field(&warning(score, matrix.names.len(), params.warn_percentile)),
        ];
        csv.push_str(&fields.join(","));
        csv.push('\n');
    }
    Ok(vec![Produced::bytes("novelty", csv.into_bytes())])
}

/// What to mind of a patient; empty where nothing is odd.
fn warning(score: &Score, n_features: usize, limit: f64) -> String {
    let mut said = Vec::new();
    if score.percentile > limit {
        said.push(format!(
            "farther from the training patients than {} from the others (distance {:.1})",
            share(score.percentile, "of them are"),
            score.distance
        ));
    }
    if score.n_outside > 0 && score.outside_percentile > limit {
        said.push(format!(
            "{} of {n_features} features outside the training range, more than for {}",
            score.n_outside,
            share(score.outside_percentile, "of the training patients")
        ));
    }
    said.join("; ")
}

/// `97 % of them are`, `all of them are`: a share that is not whole is never rounded to the whole.
fn share(percent: f64, of: &str) -> String {
    match percent {
        p if p >= 100.0 => format!("all {of}"),
        p if p > 99.0 => format!("over 99 % {of}"),
        p => format!("{p:.0} % {of}"),
    }
}

fn code(error: &NoveltyError) -> &'static str {
    match error {
        NoveltyError::Columns(_) => "columns-differ",
        NoveltyError::TooFewRows { .. } => "too-few-patients",
        NoveltyError::NoFeature => "no-feature",
        NoveltyError::NotFinite { .. } => "values-undefined",
        NoveltyError::Parameter { .. } => "parameter",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, learnable, refusal, run, text};
    use serde_json::json;

    #[test]
    fn somebody_of_another_kind_is_warned_of() {
        let (train, _) = learnable(60);
        let params = json!({"variance_kept": 0.95, "folds": 10});
        let model = run("fit-novelty", params, &[("table", train.clone())]).unwrap();
        let model = content(&model, "model");
        let apply = |table: Vec<u8>| {
            let ports = [("model", model.clone()), ("table", table)];
            run("apply-novelty", json!({"warn_percentile": 99.0}), &ports)
        };
        let usual = text(&apply(train.clone()).unwrap(), "novelty");
        assert!(usual.starts_with("patient_id,distance,percentile,n_outside,warning\n"));
        assert_eq!(usual.lines().count(), 61);
        assert!(
            usual.lines().filter(|l| l.contains("farther")).count() <= 1,
            "{usual}"
        );

        let header = String::from_utf8(train).unwrap();
        let names = header
            .lines()
            .find(|l| l.starts_with("patient_id"))
            .unwrap();
        let n = names
            .split(',')
            .filter(|n| !matches!(*n, "patient_id" | "site"))
            .count();
        let site = if names.contains(",site,") { "c9," } else { "" };
        let row = format!("{names}\nodd,{site}{}\n", vec!["1000"; n].join(","));
        let odd = text(&apply(row.into_bytes()).unwrap(), "novelty");
        let odd = odd.lines().nth(1).unwrap();
        assert!(odd.starts_with("odd,") && odd.contains(",100,"), "{odd}");
        assert!(
            odd.contains("farther") && odd.contains("outside the training range"),
            "{odd}"
        );
    }

    #[test]
    fn nine_patients_are_too_few() {
        let rows: String = (0..9).map(|i| format!("p{i},{i}\n")).collect();
        let table = format!("patient_id,a\n{rows}").into_bytes();
        let params = json!({"variance_kept": 0.95, "folds": 10});
        let (code, message) = refusal(run("fit-novelty", params, &[("table", table)]));
        assert_eq!(code, "too-few-patients");
        assert!(message.contains("9 training rows"), "{message}");
    }
}
