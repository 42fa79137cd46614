//! `join-tables`: columns of several tables side by side, for the patients that all of them have.

use std::collections::BTreeSet;

use artefact::RowId;
use artefact::table::{Column, Table};
use pipeline_defs::params::{JoinPrefix, JoinTablesParams};

use super::patients::Patients;
use crate::step::{Context, Input, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: JoinTablesParams = context.params()?;
    let entries = inputs.all("tables");
    let mut named = Vec::with_capacity(entries.len());
    for (entry, name) in entries.iter().zip(places(entries)) {
        named.push((name, read(entry)?));
    }
    // by name, so that the table does not depend on the order of arrival
    named.sort_by(|a, b| a.0.cmp(&b.0));
    let several = named.windows(2).any(|pair| pair[0].0 != pair[1].0);
    let prefixed = match params.prefix {
        JoinPrefix::Several => several,
        JoinPrefix::Always => true,
        JoinPrefix::Never => false,
    };
    let table = joined(&named, prefixed)?;
    Ok(vec![Produced::bytes("table", table.encode()?)])
}

/// Where each table stands on the gathered axes: `tumour`.
fn places(entries: &[Input]) -> impl Iterator<Item = String> {
    entries.iter().map(|entry| {
        let values: Vec<&str> = entry.axes.iter().map(|(_, value)| value.as_str()).collect();
        values.join(".")
    })
}

fn read(entry: &Input) -> Result<Table, StepError> {
    match &entry.content {
        Ok(bytes) => Ok(Table::decode(bytes)?),
        Err(refusal) => {
            let axes: Vec<String> = entry.axes.iter().map(|(a, v)| format!("{a}={v}")).collect();
            let message = format!("no table of [{}]: {}", axes.join(","), refusal.message);
            Err(StepError::refuse(&refusal.code, message))
        }
    }
}

fn joined(named: &[(String, Table)], prefixed: bool) -> Result<Table, StepError> {
    let rows = common(named)?;
    let (mut table, mut seen) = (Table::default(), BTreeSet::new());
    for (place, part) in named {
        let known = Patients::new(&part.rows);
        let mut at = Vec::with_capacity(rows.len());
        for row in &rows {
            at.extend(known.find(row)?);
        }
        for column in &part.columns {
            let name = match prefixed && !place.is_empty() {
                true => format!("{place}.{}", column.name),
                false => column.name.clone(),
            };
            if !seen.insert(name.clone()) {
                return Err(StepError::refuse(
                    "column-twice",
                    format!(
                        "two tables have a column `{name}`; set `prefix` to \"several\", or gather them along an axis that tells them apart"
                    ),
                ));
            }
            table.columns.push(Column {
                name,
                values: at.iter().map(|&i| column.values[i]).collect(),
                ..column.clone()
            });
        }
    }
    table.rows = rows;
    Ok(table)
}

/// Patients of all tables, with their site where any of them tells it.
fn common(named: &[(String, Table)]) -> Result<Vec<RowId>, StepError> {
    let Some((_, first)) = named.first() else {
        return Err(StepError::refuse(
            "input-missing",
            "no table arrives at `tables`",
        ));
    };
    let others: Vec<Patients> = named[1..]
        .iter()
        .map(|(_, table)| Patients::new(&table.rows))
        .collect();
    let mut rows = Vec::new();
    'rows: for row in &first.rows {
        let mut row = row.clone();
        for (other, (_, table)) in others.iter().zip(&named[1..]) {
            let Some(at) = other.find(&row)? else {
                continue 'rows;
            };
            if row.site.is_empty() {
                row.site.clone_from(&table.rows[at].site);
            }
        }
        rows.push(row);
    }
    if rows.is_empty() {
        let counts: Vec<String> = named
            .iter()
            .map(|(_, t)| t.rows.len().to_string())
            .collect();
        return Err(StepError::refuse(
            "no-row-left",
            format!(
                "no patient is in all tables, which have {} patients",
                counts.join(", ")
            ),
        ));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{gathered, ports, refusal, run, run_on, text};
    use artefact::refusal::Refusal;
    use serde_json::json;

    const TUMOUR: &str = "patient_id,site,a,b\np1,c1,1,2\np2,c1,3,\np3,c1,5,6\n";
    const RIM: &str = "patient_id,site,b,c\np2,c1,7,8\np3,c1,9,10\np4,c1,11,12\n";

    fn regions(of: &[(&'static str, &str)]) -> crate::step::Inputs {
        let entry = |(roi, table): &(&'static str, &str)| {
            (vec![("roi", *roi)], Ok(table.as_bytes().to_vec()))
        };
        ports(vec![("tables", gathered(of.iter().map(entry).collect()))])
    }

    #[test]
    fn regions_stand_side_by_side_for_the_patients_of_both() {
        let wanted = "patient_id,site,peritumour.b,peritumour.c,tumour.a,tumour.b\np2,c1,7,8,3,\np3,c1,9,10,5,6\n";
        let order = [("tumour", TUMOUR), ("peritumour", RIM)];
        let other = [order[1], order[0]];
        for of in [order, other] {
            let out = run_on("join-tables", json!({"prefix": "several"}), &regions(&of)).unwrap();
            assert_eq!(text(&out, "table"), wanted);
        }
    }

    #[test]
    fn one_region_keeps_its_names() {
        let one = regions(&[("tumour", TUMOUR)]);
        let out = run_on("join-tables", json!({"prefix": "several"}), &one).unwrap();
        assert_eq!(text(&out, "table"), TUMOUR);
        let out = run_on("join-tables", json!({"prefix": "always"}), &one).unwrap();
        assert!(text(&out, "table").starts_with("patient_id,site,tumour.a,tumour.b\n"));
    }

    #[test]
    fn a_region_of_which_nothing_was_selected_adds_no_column() {
        let bare = "patient_id,site\np1,c1\np3,c1\n";
        let of = regions(&[("tumour", TUMOUR), ("peritumour", bare)]);
        let out = run_on("join-tables", json!({"prefix": "several"}), &of).unwrap();
        assert_eq!(
            text(&out, "table"),
            "patient_id,site,tumour.a,tumour.b\np1,c1,1,2\np3,c1,5,6\n"
        );
    }

    #[test]
    fn a_column_twice_and_nobody_in_common_are_refused() {
        let both = [("tables", TUMOUR.into()), ("tables", RIM.into())];
        let (code, message) = refusal(run("join-tables", json!({"prefix": "several"}), &both));
        assert_eq!(code, "column-twice");
        assert!(message.contains("`b`"), "{message}");
        let nobody = [
            ("tables", TUMOUR.into()),
            ("tables", b"patient_id,c\nq,1\n".to_vec()),
        ];
        let (code, message) = refusal(run("join-tables", json!({"prefix": "never"}), &nobody));
        assert_eq!(code, "no-row-left");
        assert!(message.ends_with("3, 1 patients"), "{message}");
    }

    #[test]
    fn a_refused_table_says_why_and_of_what() {
        let refused = Refusal {
            code: "too-few-readings".to_owned(),
            message: "9 patients".to_owned(),
            kind: "fit-reliability".to_owned(),
        };
        let entries = gathered(vec![
            (vec![("roi", "tumour")], Ok(TUMOUR.into())),
            (vec![("roi", "rim")], Err(refused)),
        ]);
        let inputs = ports(vec![("tables", entries)]);
        assert_eq!(
            refusal(run_on("join-tables", json!({"prefix": "several"}), &inputs)),
            (
                "too-few-readings".to_owned(),
                "no table of [roi=rim]: 9 patients".to_owned()
            )
        );
    }
}
