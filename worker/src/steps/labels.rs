//! Groups of patients by a column of a table.

use artefact::RowId;
use artefact::table::{Column, ColumnKind, Table};

use crate::step::StepError;

/// What a column says of each row as text, nothing where it is empty; `site` is the patient's centre where no column is
/// named so.
///
/// # Errors
/// No column of that name: `setting` names the parameter that chose it.
pub(super) fn labels(
    table: &Table,
    name: &str,
    setting: &str,
) -> Result<Vec<Option<String>>, StepError> {
    match table.column(name) {
        Some(column) => Ok(column.values.iter().map(|v| label(column, *v)).collect()),
        None if name == "site" => {
            let site = |s: &String| (!s.is_empty()).then(|| s.clone());
            Ok(table.rows.iter().map(|r| site(&r.site)).collect())
        }
        None => Err(missing(table, name, setting)),
    }
}

/// The refusal of a column that is not there.
pub(super) fn missing(table: &Table, name: &str, setting: &str) -> StepError {
    let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    StepError::refuse(
        &format!("{setting}-missing"),
        format!(
            "no column `{name}` in `table`; set `{setting}` to one of {}",
            names.join(", ")
        ),
    )
}

/// Numbers instead of labels, in the order of the labels' bytes, with the labels.
///
/// # Errors
/// A row without a label.
pub(super) fn numbered(
    rows: &[RowId],
    labels: &[Option<String>],
    setting: &str,
) -> Result<(Vec<usize>, Vec<String>), StepError> {
    let mut names: Vec<String> = labels.iter().flatten().cloned().collect();
    names.sort_unstable();
    names.dedup();
    let number = |(row, label): (usize, &Option<String>)| match label {
        // every label is among the names
        Some(label) => Ok(names.binary_search(label).unwrap_or_default()),
        None => Err(StepError::refuse(
            &format!("{setting}-undefined"),
            format!(
                "patient `{}` has no `{setting}`; fill it in or leave them out",
                rows[row].patient_id
            ),
        )),
    };
    let of = labels
        .iter()
        .enumerate()
        .map(number)
        .collect::<Result<_, _>>()?;
    Ok((of, names))
}

fn label(column: &Column, value: f64) -> Option<String> {
    if value.is_nan() {
        return None;
    }
    match &column.kind {
        ColumnKind::Ordinal { levels } | ColumnKind::Nominal { levels } => {
            levels.get(value as usize).cloned()
        }
        _ => Some(artefact::number::text(value)),
    }
}
