//! `apply-impute`: fills missing values with what was learned from training rows.
//!
//! Categories have the levels of the training rows, whichever of them these rows show: a model that was fitted on the ones meets
//! the same columns in the others. A level that no training row had says as little as no value, and is filled like one.

use std::collections::BTreeMap;

use artefact::table::{Column, ColumnKind, Table};

use super::fit_impute::levels;
use super::matrix::Matrix;
use super::refuse::refuse;
use super::{fit_impute, stored};
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(_context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let (imputer, learned) = stored::to_imputer(inputs.one("model")?)?;
    let mut table = Table::decode(inputs.one("table")?)?;
    for column in &mut table.columns {
        if let Some(learned) = learned.get(&column.name) {
            recode(column, learned)?;
        }
    }
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

/// Gives a column the levels that were learned; a level that is none of them is undefined.
fn recode(column: &mut Column, learned: &[String]) -> Result<(), StepError> {
    let place: BTreeMap<&String, f64> = learned.iter().zip((0..).map(f64::from)).collect();
    let here = levels(column).unwrap_or_default().to_vec();
    let known = |value: &f64| here.get(*value as usize).and_then(|level| place.get(level));
    if here.is_empty() && column.values.iter().any(|v| !v.is_nan()) {
        let message = format!(
            "column `{}` has numbers here and the levels {} in the training rows",
            column.name,
            learned.join(", ")
        );
        return Err(StepError::refuse("columns-differ", message));
    }
    let recoded = |value: &f64| match value.is_nan() {
        true => f64::NAN,
        false => known(value).copied().unwrap_or(f64::NAN),
    };
    column.values = column.values.iter().map(recoded).collect();
    let levels = learned.to_vec();
    column.kind = match column.kind {
        ColumnKind::Ordinal { .. } => ColumnKind::Ordinal { levels },
        _ => ColumnKind::Nominal { levels },
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, refusal, run, text};
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

    #[test]
    fn other_rows_have_the_levels_of_the_training_rows() {
        let train = b"patient_id,size,x\np1,large,1\np2,middle,2\np3,small,3\np4,small,4\n";
        let params = json!({"strategy": "median", "max_undefined": 0.5});
        let model = run("fit-impute", params, &[("table", train.to_vec())]).unwrap();
        let apply = |table: &[u8]| {
            let ports = [
                ("model", content(&model, "model")),
                ("table", table.to_vec()),
            ];
            run("apply-impute", json!({}), &ports)
        };
        // one level of three, another that nobody taught, none at all
        let filled = apply(b"patient_id,size,x\nq1,middle,1\nq2,giant,2\nq3,,3\n").unwrap();
        let filled = text(&filled, "table");
        let lines: Vec<&str> = filled.lines().collect();
        assert!(
            lines[0].contains(r#""levels":["large","middle","small"]"#),
            "{filled}"
        );
        assert_eq!(lines[2..], ["q1,middle,1", "q2,small,2", "q3,small,3"]);
        let empty = text(&apply(b"patient_id,size,x\nq1,,1\n").unwrap(), "table");
        assert!(empty.ends_with("q1,small,1\n"), "{empty}");
        let (code, message) = refusal(apply(b"patient_id,size,x\nq1,2,1\n"));
        assert_eq!(code, "columns-differ");
        assert!(
            message.contains("column `size` has numbers here"),
            "{message}"
        );
    }
}
