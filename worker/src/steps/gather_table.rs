//! `gather-table`: the features of all patients as one table, and who was left out.

use std::collections::{BTreeMap, BTreeSet};

use artefact::RowId;
use artefact::exclusions::{self, Exclusion};
use artefact::features::Features;
use artefact::refusal::Refusal;
use artefact::table::{Column, ColumnKind, Table};

use crate::step::{Context, Input, Inputs, Produced, StepError};

/// What one entry brings: its place among the regions, and the features or why there are none.
type Part<'a> = (String, Result<Features, &'a Refusal>);

pub(super) fn run(_context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let patients = by_patient(inputs.all("features"))?;
    let regions: BTreeSet<String> = patients
        .values()
        .flatten()
        .map(|(prefix, _)| prefix.clone())
        .collect();
    let mut excluded = Vec::new();
    let mut complete = Vec::new();
    for (id, parts) in &patients {
        match refusals(id, parts, &regions) {
            none if none.is_empty() => complete.push((id, parts)),
            some => excluded.extend(some),
        }
    }
    if complete.is_empty() {
        let first = excluded
            .first()
            .map(|e| format!("; the first because {}", e.message))
            .unwrap_or_default();
        return Err(StepError::refuse(
            "no-patient-left",
            format!("all {} patients were left out{first}", patients.len()),
        ));
    }
    let table = table(&complete)?;
    Ok(vec![
        Produced::bytes("table", table.encode()?),
        Produced::bytes("excluded", exclusions::encode(&excluded)),
    ])
}

fn by_patient(entries: &[Input]) -> Result<BTreeMap<RowId, Vec<Part<'_>>>, StepError> {
    let mut patients: BTreeMap<RowId, Vec<Part>> = BTreeMap::new();
    for entry in entries {
        let Some(patient) = entry.axis("patient") else {
            return Err(StepError::refuse(
                "patient-unnamed",
                "a feature file does not say whose it is: gather along the axis `patient`",
            ));
        };
        let id = RowId {
            site: entry.axis("site").unwrap_or_default().to_owned(),
            patient_id: patient.to_owned(),
        };
        let content = match &entry.content {
            Ok(bytes) => Ok(Features::decode(bytes)?),
            Err(refusal) => Err(refusal),
        };
        patients
            .entry(id)
            .or_default()
            .push((prefix(entry), content));
    }
    for parts in patients.values_mut() {
        // Regions in the order of their names, so that the table does not depend on the order of arrival.
        parts.sort_by(|a, b| a.0.cmp(&b.0));
    }
    Ok(patients)
}

/// `tumour.` for a region gathered along `roi`; empty when patients are all that was gathered.
fn prefix(entry: &Input) -> String {
    let other = entry
        .axes
        .iter()
        .filter(|(axis, _)| axis != "patient" && axis != "site");
    other.map(|(_, value)| format!("{value}.")).collect()
}

/// Why a patient cannot be in the table: each region refused or absent.
fn refusals(id: &RowId, parts: &[Part], regions: &BTreeSet<String>) -> Vec<Exclusion> {
    let exclusion = |step: &str, code: &str, message: &str| Exclusion {
        site: id.site.clone(),
        patient_id: id.patient_id.clone(),
        endpoint: String::new(),
        step: step.to_owned(),
        code: code.to_owned(),
        message: message.to_owned(),
    };
    let mut found: Vec<Exclusion> = parts
        .iter()
        .filter_map(|(_, part)| part.as_ref().err())
        .map(|r| exclusion(&r.kind, &r.code, &r.message))
        .collect();
    for region in regions
        .iter()
        .filter(|region| parts.iter().all(|(prefix, _)| prefix != *region))
    {
        let message = format!("no features of `{}`", region.trim_end_matches('.'));
        found.push(exclusion("gather-table", "features-missing", &message));
    }
    found
}

fn table(complete: &[(&RowId, &Vec<Part>)]) -> Result<Table, StepError> {
    let mut table = Table::default();
    for (id, parts) in complete {
        let features: Vec<(String, f64)> = parts
            .iter()
            .filter_map(|(prefix, part)| part.as_ref().ok().map(|features| (prefix, features)))
            .flat_map(|(prefix, f)| {
                f.names
                    .iter()
                    .zip(&f.values)
                    .map(move |(name, value)| (format!("{prefix}{name}"), *value))
            })
            .collect();
        if table.rows.is_empty() {
            table.columns = features.iter().map(|(name, _)| numeric(name)).collect();
        }
        let same = features.len() == table.columns.len()
            && features
                .iter()
                .zip(&table.columns)
                .all(|((name, _), c)| *name == c.name);
        if !same {
            let message = format!(
                "patient `{}` has {} features, the first has {}, or in another order",
                id.patient_id,
                features.len(),
                table.columns.len()
            );
            return Err(StepError::refuse("feature-names-differ", message));
        }
        table.rows.push((*id).clone());
        table
            .columns
            .iter_mut()
            .zip(features)
            .for_each(|(column, (_, value))| column.values.push(value));
    }
    Ok(table)
}

fn numeric(name: &str) -> Column {
    Column {
        name: name.to_owned(),
        kind: ColumnKind::Numeric,
        unit: None,
        values: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{gathered, ports, refusal, run_on, text};
    use artefact::refusal::Refusal;
    use serde_json::json;

    fn features(a: f64) -> Vec<u8> {
        format!("feature,value\na,{a}\nb,\n").into_bytes()
    }

    fn refused() -> Refusal {
        Refusal {
            code: "mask-empty".to_owned(),
            message: "mask is empty".to_owned(),
            kind: "import-mask".to_owned(),
        }
    }

    #[test]
    fn regions_stand_side_by_side_and_a_refused_patient_is_left_out_once() {
        let label = |roi, patient| vec![("patient", patient), ("roi", roi), ("site", "c1")];
        let entries = gathered(vec![
            (label("tumour", "p2"), Ok(features(2.0))),
            (label("peritumour", "p2"), Ok(features(3.0))),
            (label("tumour", "p1"), Err(refused())),
            (label("peritumour", "p1"), Err(refused())),
            (label("tumour", "p3"), Ok(features(5.0))),
        ]);
        let out = run_on(
            "gather-table",
            json!({}),
            &ports(vec![("features", entries)]),
        )
        .unwrap();
        assert_eq!(
            text(&out, "table"),
            "patient_id,site,peritumour.a,peritumour.b,tumour.a,tumour.b\np2,c1,3,,2,\n"
        );
        let excluded = text(&out, "excluded");
        assert_eq!(
            excluded,
            "patient_id,site,endpoint,step,code,message\np1,c1,,import-mask,mask-empty,mask is empty\np3,c1,,gather-table,features-missing,no features of `peritumour`\n"
        );
    }

    #[test]
    fn nobody_left_is_refused() {
        let entries = gathered(vec![(vec![("patient", "p1")], Err(refused()))]);
        let (code, message) = refusal(run_on(
            "gather-table",
            json!({}),
            &ports(vec![("features", entries)]),
        ));
        assert_eq!(code, "no-patient-left");
        assert!(
            message.contains("all 1 patients") && message.contains("mask is empty"),
            "{message}"
        );
    }
}
