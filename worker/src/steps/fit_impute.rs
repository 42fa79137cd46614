//! `fit-impute`: what to put where a value is missing, learned from training rows.

use artefact::models::StoredModel;
use artefact::table::{ColumnKind, Table};
use pipeline_defs::params::{ImputeParams, Strategy};
use stats::impute::{ColumnKind as Kind, ImputeError, fit_impute};

use super::matrix::Matrix;
use super::refuse::refuse;
use super::stored;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: ImputeParams = context.params()?;
    let table = Table::decode(inputs.one("table")?)?;
    let kinds: Vec<Kind> = table
        .columns
        .iter()
        .map(|c| kind(&c.kind, params.strategy))
        .collect();
    let matrix = Matrix::coded(&table);
    let fitted = fit_impute(matrix.x.view(), &matrix.names, &kinds, params.max_undefined)
        .map_err(|e| refuse(code(&e), &e))?;
    Ok(vec![Produced::bytes(
        "model",
        stored::from_imputer(fitted).encode()?,
    )])
}

fn kind(kind: &ColumnKind, strategy: Strategy) -> Kind {
    match kind {
        ColumnKind::Numeric => match strategy {
            Strategy::Median => Kind::Numeric,
            Strategy::Mean => Kind::NumericMean,
        },
        ColumnKind::Binary => Kind::Binary,
        ColumnKind::Ordinal { .. } => Kind::Ordinal,
        ColumnKind::Nominal { .. } => Kind::Nominal,
    }
}

pub(super) fn code(error: &ImputeError) -> &'static str {
    match error {
        ImputeError::Columns(_) | ImputeError::Kinds { .. } => "columns-differ",
        ImputeError::Share { .. } => "max-undefined",
        ImputeError::NoRows => "too-few-patients",
        ImputeError::Infinite { .. } => "values-not-finite",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, run, text};
    use serde_json::{Value, json};

    const TABLE: &[u8] = b"patient_id,a,b,stage\np1,1,,I\np2,,,II\np3,4,7,II\np4,3,8,\n";

    fn params(strategy: &str) -> Value {
        json!({"strategy": strategy, "max_undefined": 0.3})
    }

    #[test]
    fn the_median_and_the_mode_fill_and_a_column_too_often_undefined_goes() {
        let model = run("fit-impute", params("median"), &[("table", TABLE.to_vec())]).unwrap();
        assert!(
            text(&model, "model")
                .contains(r#""dropped":[{"feature":"b","n_rows":4,"n_undefined":2}]"#)
        );
        let ports = [
            ("model", content(&model, "model")),
            ("table", TABLE.to_vec()),
        ];
        let out = run("apply-impute", json!({}), &ports).unwrap();
        let filled = text(&out, "table");
        assert_eq!(
            filled.split_once('\n').unwrap().1,
            "patient_id,a,stage\np1,1,I\np2,3,II\np3,4,II\np4,3,II\n"
        );
    }

    #[test]
    fn the_mean_fills_numbers_and_the_mode_categories() {
        let table = b"patient_id,a,stage\np1,1,I\np2,,II\np3,2,II\np4,6,\n".to_vec();
        let model = run("fit-impute", params("mean"), &[("table", table)]).unwrap();
        assert!(
            text(&model, "model").contains(r#""values":[3,1]"#)
                || text(&model, "model").contains(r#""values":[3.0,1.0]"#),
            "{}",
            text(&model, "model")
        );
    }
}
