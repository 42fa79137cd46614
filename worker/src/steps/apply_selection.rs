//! `apply-selection`: keeps the selected features.

use artefact::models::{SelectionModel, StoredModel};
use artefact::table::Table;
use stats::columns::pick_columns;

use super::matrix::{Matrix, numeric_table};
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(_context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let model = SelectionModel::decode(inputs.one("model")?)?;
    let matrix = Matrix::design(&Table::decode(inputs.one("table")?)?);
    let picked = pick_columns(matrix.x.view(), &matrix.names, &model.features)
        .map_err(|e| refuse("columns-differ", &e))?;
    let table = numeric_table(matrix.rows, &model.features, &picked);
    Ok(vec![Produced::bytes("table", table.encode()?)])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{refusal, run, text};
    use serde_json::json;

    const MODEL: &[u8] = br#"{"coefficients":[],"dropped":[],"features":["b"],"format":1,"funnel":[],"model":"selection"}"#;

    #[test]
    fn columns_are_found_by_name() {
        let ports = [
            ("model", MODEL.to_vec()),
            ("table", b"patient_id,a,b\np1,1,2\n".to_vec()),
        ];
        assert_eq!(
            text(&run("apply-selection", json!({}), &ports).unwrap(), "table"),
            "patient_id,b\np1,2\n"
        );
    }

    #[test]
    fn a_table_without_a_selected_column_is_refused_by_its_name() {
        let ports = [
            ("model", MODEL.to_vec()),
            ("table", b"patient_id,a\np1,1\n".to_vec()),
        ];
        let (code, message) = refusal(run("apply-selection", json!({}), &ports));
        assert_eq!(
            (code.as_str(), message.as_str()),
            ("columns-differ", "feature b is not in the table")
        );
    }
}
