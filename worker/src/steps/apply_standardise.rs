//! `apply-standardise`: centres and scales numeric columns; the others stay as they are.

use artefact::table::{Column, ColumnKind, Table};

use super::matrix::Matrix;
use super::refuse::refuse;
use super::{fit_standardise, stored};
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(_context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let standardiser = stored::to_standardiser(inputs.one("model")?)?;
    let table = Table::decode(inputs.one("table")?)?;
    let matrix = Matrix::coded(&fit_standardise::numeric_part(table.clone()))
        .pick(&standardiser.feature_names())?;
    matrix.complete()?;
    let scaled = standardiser
        .apply(matrix.x.view(), &matrix.names)
        .map_err(|e| refuse(fit_standardise::code(&e), &e))?;
    let place = |name: &str| standardiser.columns.iter().position(|c| c.feature == name);
    let mut columns = Vec::new();
    for column in table.columns {
        match (&column.kind, place(&column.name)) {
            // A z-score has no unit.
            (ColumnKind::Numeric, Some(j)) => columns.push(Column {
                values: scaled.column(j).to_vec(),
                unit: None,
                ..column
            }),
            (ColumnKind::Numeric, None) => {}
            _ => columns.push(column),
        }
    }
    Ok(vec![Produced::bytes(
        "table",
        Table {
            rows: table.rows,
            columns,
        }
        .encode()?,
    )])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{refusal, run};
    use serde_json::json;

    #[test]
    fn an_other_model_is_refused_by_name() {
        let model =
            br#"{"constant":[],"features":[],"format":1,"mean":[],"model":"scaler","std_dev":[]}"#
                .to_vec();
        let (code, message) = refusal(run(
            "apply-standardise",
            json!({}),
            &[
                ("model", model),
                ("table", b"patient_id,a\np1,1\n".to_vec()),
            ],
        ));
        assert_eq!(code, "malformed-input");
        assert!(message.contains("`scaler`"), "{message}");
    }
}
