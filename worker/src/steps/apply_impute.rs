//! `apply-impute`: fills missing values with what was learned from training rows.

use artefact::table::Table;

use super::matrix::Matrix;
use super::refuse::refuse;
use super::{fit_impute, stored};
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(_context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let imputer = stored::to_imputer(inputs.one("model")?)?;
    let table = Table::decode(inputs.one("table")?)?;
    let matrix = Matrix::coded(&table);
    let filled = imputer
        .apply(matrix.x.view(), &matrix.names)
        .map_err(|e| refuse(fit_impute::code(&e), &e))?;
    let mut columns = Vec::new();
    for (j, fitted) in imputer.columns.iter().enumerate() {
        let mut column = table
            .column(&fitted.feature)
            .cloned()
            .ok_or_else(|| StepError::Bug("an imputed column is not in its table".to_owned()))?;
        column.values = filled.column(j).to_vec();
        columns.push(column);
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
    use super::super::fixture::{content, refusal, run};
    use serde_json::json;

    #[test]
    fn a_table_without_a_learned_column_is_refused_by_its_name() {
        let params = json!({"strategy": "median", "max_undefined": 0.3});
        let model = run(
            "fit-impute",
            params,
            &[("table", b"patient_id,a,b\np1,1,2\n".to_vec())],
        )
        .unwrap();
        let ports = [
            ("model", content(&model, "model")),
            ("table", b"patient_id,a\np1,1\n".to_vec()),
        ];
        let (code, message) = refusal(run("apply-impute", json!({}), &ports));
        assert_eq!(code, "columns-differ");
        assert!(
            message.contains("feature b is not in the table"),
            "{message}"
        );
    }
}
