//! `eligible`: patients with every table and follow-up, so that comparisons stay paired.

use std::collections::BTreeMap;

use artefact::exclusions::{self, Exclusion};
use artefact::follow_up::FollowUpTable;
use artefact::{RowId, ids};
use pipeline_defs::params::EligibleParams;

use super::patients::Patients;
use crate::step::{Context, Input, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: EligibleParams = context.params()?;
    let asked = |row: &RowId| match &params.sites {
        Some(sites) => sites.contains(&row.site),
        None => true,
    };
    let endpoint = params.endpoint.clone().unwrap_or_default();
    let follow_up = followed(&FollowUpTable::decode(inputs.one("followup")?)?);
    let tables = tables(inputs.all("tables"))?;
    let refused = refused_before(inputs.all("excluded"))?;
    let (with_outcome, left_out) = (Patients::new(&follow_up), Patients::new(&refused));
    let lookups: Vec<(&str, Patients)> = tables
        .iter()
        .map(|(name, rows)| (name.as_str(), Patients::new(rows)))
        .collect();
    let mut eligible = Vec::new();
    let mut excluded = Vec::new();
    for row in everybody(&follow_up, &tables)?.into_iter().filter(asked) {
        let mut why = Vec::new();
        if !with_outcome.contains(&row)? {
            why.push(("no-follow-up", "no usable outcome: time or event is missing, the time negative, or the event neither 0 nor 1".to_owned()));
        }
        // Who was refused before stands in the list of that step already, for every endpoint.
        let known = left_out.contains(&row)?;
        let mut complete = true;
        for (name, table) in &lookups {
            if !table.contains(&row)? {
                complete = false;
                if !known {
                    why.push(("no-features", format!("not in table{name}")));
                }
            }
        }
        if complete && why.is_empty() {
            eligible.push(row.clone());
        }
        excluded.extend(
            why.into_iter()
                .map(|(code, message)| exclusion(&row, &endpoint, code, message)),
        );
    }
    if eligible.is_empty() {
        let message = format!(
            "none of {} followed patients is in every one of {} tables",
            follow_up.len(),
            tables.len()
        );
        return Err(StepError::refuse("no-patient-left", message));
    }
    Ok(vec![
        Produced::bytes("eligible", ids::encode(&eligible)),
        Produced::bytes("exclusions", exclusions::encode(&excluded)),
    ])
}

/// Patients with a known time.
fn followed(table: &FollowUpTable) -> Vec<RowId> {
    table
        .rows
        .iter()
        .zip(&table.time)
        .filter(|(_, time)| !time.is_nan())
        .map(|(row, _)| row.clone())
        .collect()
}

/// Rows of each table, with its axis values for messages.
fn tables(inputs: &[Input]) -> Result<Vec<(String, Vec<RowId>)>, StepError> {
    let name = |input: &Input| {
        input
            .axes
            .iter()
            .map(|(_, value)| format!(" `{value}`"))
            .collect::<String>()
    };
    let read = |input: &Input| match &input.content {
        Ok(bytes) => Ok((name(input), ids::decode(bytes)?)),
        Err(refusal) => Err(StepError::refuse(&refusal.code, refusal.message.clone())),
    };
    inputs.iter().map(read).collect()
}

fn refused_before(inputs: &[Input]) -> Result<Vec<RowId>, StepError> {
    let mut rows = BTreeMap::new();
    for bytes in inputs
        .iter()
        .filter_map(|input| input.content.as_ref().ok())
    {
        for e in exclusions::decode(bytes)? {
            rows.insert(
                RowId {
                    site: e.site,
                    patient_id: e.patient_id,
                },
                (),
            );
        }
    }
    Ok(rows.into_keys().collect())
}

/// Every patient of any of them once, under the name with a site.
fn everybody(
    follow_up: &[RowId],
    tables: &[(String, Vec<RowId>)],
) -> Result<Vec<RowId>, StepError> {
    let mut sited: Vec<RowId> = follow_up
        .iter()
        .chain(tables.iter().flat_map(|(_, rows)| rows))
        .cloned()
        .collect();
    sited.sort();
    sited.dedup();
    let (without, with): (Vec<RowId>, Vec<RowId>) =
        sited.into_iter().partition(|row| row.site.is_empty());
    let known = Patients::new(&with);
    let mut all = with.clone();
    for row in without {
        if !known.contains(&row)? {
            all.push(row);
        }
    }
    Ok(all)
}

fn exclusion(row: &RowId, endpoint: &str, code: &str, message: String) -> Exclusion {
    Exclusion {
        site: row.site.clone(),
        patient_id: row.patient_id.clone(),
        endpoint: endpoint.to_owned(),
        step: "eligible".to_owned(),
        code: code.to_owned(),
        message,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{refusal, run, text};
    use serde_json::json;

    const HEADER: &str = "patient_id,site,endpoint,step,code,message\n";

    #[test]
    fn only_complete_patients_stay_and_each_cause_stands_once() {
        let tumour = b"patient_id,site,a\np1,c1,1\np2,c1,1\np4,c1,1\n".to_vec();
        let ring = b"patient_id,site,a\np1,c1,1\np4,c1,1\n".to_vec();
        let excluded =
            format!("{HEADER}p2,c1,,peritumoural-ring,ring-empty,ring is empty\n").into_bytes();
        let followup = b"patient_id,time_months,event\np1,3,1\np2,3,0\np3,4,0\n".to_vec();
        let ports = [
            ("tables", tumour),
            ("tables", ring),
            ("excluded", excluded),
            ("followup", followup),
        ];
        let out = run("eligible", json!({"endpoint": "dfs"}), &ports).unwrap();
        assert_eq!(text(&out, "eligible"), "patient_id,site\np1,c1\n");
        let rows = "p3,,dfs,eligible,no-features,not in table\np4,c1,dfs,eligible,no-follow-up,\"no usable outcome: time or event is missing, the time negative, or the event neither 0 nor 1\"\n";
        assert_eq!(text(&out, "exclusions"), format!("{HEADER}{rows}"));
    }

    #[test]
    fn nobody_is_refused() {
        let table = b"patient_id,a\np1,1\n".to_vec();
        let followup = b"patient_id,time_months,event\np2,3,1\n".to_vec();
        let result = run(
            "eligible",
            json!({"endpoint": null}),
            &[("tables", table), ("followup", followup)],
        );
        assert_eq!(refusal(result).0, "no-patient-left");
    }
}
