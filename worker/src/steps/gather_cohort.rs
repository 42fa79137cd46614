//! `gather-cohort`: the sites' shareable columns as one table.

use artefact::table::{Column, ColumnKind, Table};

use super::patients::Patients;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(_context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let mut all = Table::default();
    for bytes in inputs
        .all("tables")
        .iter()
        .filter_map(|input| input.content.as_ref().ok())
    {
        append(&mut all, Table::decode(bytes)?)?;
    }
    if all.rows.is_empty() {
        return Err(StepError::refuse(
            "no-patient-left",
            "no site shares a column; list them under `share` in its cohort.toml",
        ));
    }
    Ok(vec![Produced::bytes("table", all.encode()?)])
}

/// Puts a table below another; a column that one of them lacks is undefined there.
fn append(all: &mut Table, more: Table) -> Result<(), StepError> {
    let known = Patients::new(&all.rows);
    for row in &more.rows {
        if known.contains(row)? {
            return Err(StepError::refuse(
                "patient-twice",
                format!("patient `{}` is shared by two sites", row.patient_id),
            ));
        }
    }
    let (n_before, n_more) = (all.rows.len(), more.rows.len());
    all.rows.extend(more.rows);
    for column in more.columns {
        let at = all
            .columns
            .iter()
            .position(|c| c.name == column.name)
            .unwrap_or_else(|| {
                let empty = Column {
                    values: vec![f64::NAN; n_before],
                    ..column.clone()
                };
                all.columns.push(empty);
                all.columns.len() - 1
            });
        extend(&mut all.columns[at], column)?;
    }
    for column in &mut all.columns {
        column.values.resize(n_before + n_more, f64::NAN);
    }
    Ok(())
}

/// Adds values to a column; categories that only one of the two knows are added to its levels.
fn extend(column: &mut Column, more: Column) -> Result<(), StepError> {
    let empty = |c: &Column| c.values.iter().all(|v| v.is_nan());
    match (&column.kind, &more.kind) {
        (ColumnKind::Nominal { levels: mine }, ColumnKind::Nominal { levels: theirs }) => {
            let mut levels: Vec<String> = mine.iter().chain(theirs).cloned().collect();
            levels.sort();
            levels.dedup();
            let mut values = recode(&column.values, mine, &levels);
            values.extend(recode(&more.values, theirs, &levels));
            *column = Column {
                kind: ColumnKind::Nominal { levels },
                values,
                ..column.clone()
            };
        }
        (mine, theirs) if mine == theirs || empty(&more) => column.values.extend(&more.values),
        _ if empty(column) => {
            column.kind = more.kind;
            column.values.extend(&more.values);
        }
        (mine, theirs) => {
            let message = format!(
                "column `{}` is {} at one site and {} at another",
                column.name,
                kind_name(mine),
                kind_name(theirs)
            );
            return Err(StepError::refuse("column-kind", message));
        }
    }
    Ok(())
}

fn recode(values: &[f64], from: &[String], to: &[String]) -> Vec<f64> {
    let place = |v: &f64| {
        let level = if *v >= 0.0 {
            from.get(*v as usize)
        } else {
            None
        };
        level
            .and_then(|level| to.iter().position(|l| l == level))
            .map_or(f64::NAN, |at| at as f64)
    };
    values.iter().map(place).collect()
}

fn kind_name(kind: &ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Numeric => "numeric",
        ColumnKind::Binary => "binary",
        ColumnKind::Ordinal { .. } => "ordinal",
        ColumnKind::Nominal { .. } => "text",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{refusal, run, text};
    use serde_json::json;

    #[test]
    fn sites_stand_below_each_other_with_all_levels() {
        let c2 = b"patient_id,site,stage,age\nq1,c2,II,60\n".to_vec();
        let c1 = b"patient_id,site,stage\np1,c1,III\np2,c1,I\n".to_vec();
        let out = run(
            "gather-cohort",
            json!({}),
            &[("tables", c2), ("tables", c1)],
        )
        .unwrap();
        let text = text(&out, "table");
        let (schema, rows) = text.split_once('\n').unwrap();
        assert!(schema.contains(r#""levels":["I","II","III"]"#), "{schema}");
        assert_eq!(
            rows,
            "patient_id,site,stage,age\np1,c1,III,\np2,c1,I,\nq1,c2,II,60\n"
        );
    }

    #[test]
    fn text_here_and_numbers_there_are_refused() {
        let c1 = b"patient_id,site,stage\np1,c1,III\n".to_vec();
        let c2 = b"patient_id,site,stage\nq1,c2,3\n".to_vec();
        let (code, message) = refusal(run(
            "gather-cohort",
            json!({}),
            &[("tables", c1), ("tables", c2)],
        ));
        assert_eq!(code, "column-kind");
        assert!(message.contains("`stage`"), "{message}");
    }
}
