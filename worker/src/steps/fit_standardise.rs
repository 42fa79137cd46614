//! `fit-standardise`: location and scale of every numeric column, learned from training rows.

use artefact::models::StoredModel;
use artefact::table::{ColumnKind, Table};
use pipeline_defs::params::{Centre, Scale, StandardiseParams};
use stats::standardise::{StandardiseError, fit_standardise};

use super::matrix::Matrix;
use super::refuse::refuse;
use super::stored;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let StandardiseParams {
        centre: Centre::Mean,
        scale: Scale::Sd,
    } = context.params()?;
    let matrix = Matrix::coded(&numeric_part(Table::decode(inputs.one("table")?)?));
    matrix.complete()?;
    let fitted =
        fit_standardise(matrix.x.view(), &matrix.names).map_err(|e| refuse(code(&e), &e))?;
    Ok(vec![Produced::bytes(
        "model",
        stored::from_standardiser(fitted).encode()?,
    )])
}

/// The columns that have a scale; 0 and 1 and categories have none.
pub(super) fn numeric_part(table: Table) -> Table {
    Table {
        rows: table.rows,
        columns: table
            .columns
            .into_iter()
            .filter(|c| c.kind == ColumnKind::Numeric)
            .collect(),
    }
}

pub(super) fn code(error: &StandardiseError) -> &'static str {
    match error {
        StandardiseError::Columns(_) => "columns-differ",
        StandardiseError::TooFewRows { .. } => "too-few-patients",
        StandardiseError::NotFinite { .. } => "values-undefined",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, refusal, run, text};
    use serde_json::{Value, json};

    fn params(centre: &str) -> Value {
        json!({"centre": centre, "scale": "sd"})
    }

    #[test]
    fn values_are_centred_and_scaled_and_categories_stay() {
        let table = b"patient_id,a,stage,c\np1,1,I,5\np2,3,II,5\n".to_vec();
        let model = run("fit-standardise", params("mean"), &[("table", table)]).unwrap();
        assert!(text(&model, "model").contains(r#""constant":["c"]"#));
        let test = b"patient_id,a,stage,c\nq1,2,II,6\nq2,4,I,6\n".to_vec();
        let out = run(
            "apply-standardise",
            json!({}),
            &[("model", content(&model, "model")), ("table", test)],
        )
        .unwrap();
        let text = text(&out, "table");
        assert_eq!(
            text.split_once('\n').unwrap().1,
            "patient_id,a,stage\nq1,0,II\nq2,1.414213562373095,I\n"
        );
    }

    #[test]
    fn undefined_values_are_refused() {
        let table = b"patient_id,a\np1,1\np2,\n".to_vec();
        let (code, message) = refusal(run("fit-standardise", params("mean"), &[("table", table)]));
        assert_eq!(code, "values-undefined");
        assert!(
            message.starts_with("table, patient `p2`, column `a`: empty"),
            "{message}"
        );
    }
}
