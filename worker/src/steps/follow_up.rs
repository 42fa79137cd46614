//! `follow-up`: times in months and events of one endpoint; who lacks one of the two, or has a negative time or an event
//! that is neither 0 nor 1, is not in it. Where such events are more than slips the column is coded otherwise, and refused.

use artefact::follow_up::FollowUpTable;
use artefact::number;
use artefact::table::{Column, ColumnKind, Table};
use pipeline_defs::params::{FollowUpParams, TimeUnit};

use super::fit_impute::levels;
use crate::step::{Context, Inputs, Produced, StepError};

/// Share of patients whose events may be neither 0 nor 1 before the column counts as coded otherwise.
const SLIPS: f64 = 0.1;

/// Days of a month: a twelfth of a year of 365.25 days.
const DAYS_PER_MONTH: f64 = 365.25 / 12.0;

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: FollowUpParams = context.params()?;
    let table = Table::decode(inputs.one("table")?)?;
    let (time, event) = (
        numbers(&table, &params.time)?,
        numbers(&table, &params.event)?,
    );
    coded_as_events(event)?;
    let mut found = FollowUpTable::default();
    for (i, row) in table.rows.iter().enumerate() {
        let (time, event) = (time.values[i], event.values[i]);
        // One patient with a wrong value never stops a study: who has no usable outcome is left out here and counted by
        // `eligible`.
        let time = months(time, params.unit);
        let usable = time >= 0.0 && time.is_finite() && (event == 0.0 || event == 1.0);
        if !usable {
            continue;
        }
        found.rows.push(row.clone());
        found.time.push(time);
        found.event.push(event == 1.0);
    }
    if found.rows.is_empty() {
        let message = format!(
            "none of {} patients has a usable `{}` (at least 0) and `{}` (0 or 1)",
            table.rows.len(),
            params.time,
            params.event
        );
        return Err(StepError::refuse("no-follow-up", message));
    }
    Ok(vec![Produced::bytes("followup", found.encode())])
}

/// Refuses another code of events, such as 1 and 2: those without a 0 would lose every censored patient or every death.
fn coded_as_events(event: &Column) -> Result<(), StepError> {
    let defined: Vec<f64> = (event.values.iter().copied())
        .filter(|v| !v.is_nan())
        .collect();
    let other = |v: &f64| *v != 0.0 && *v != 1.0;
    let n_other = defined.iter().copied().filter(|v| other(v)).count();
    let is_slip = n_other as f64 <= SLIPS * defined.len() as f64;
    if n_other == 0 || is_slip && defined.contains(&0.0) {
        return Ok(());
    }
    let mut values = defined.clone();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let shown: Vec<String> = values.iter().take(6).map(|v| number::text(*v)).collect();
    Err(StepError::refuse(
        "event-code",
        format!(
            "column `{}` has {} values, among them {}, and {n_other} of {} patients have neither 0 nor 1: write 1 for an event \
             and 0 for censored",
            event.name,
            values.len(),
            shown.join(", "),
            defined.len()
        ),
    ))
}

fn months(time: f64, unit: TimeUnit) -> f64 {
    match unit {
        TimeUnit::Days => time / DAYS_PER_MONTH,
        TimeUnit::Months => time,
        TimeUnit::Years => time * 12.0,
    }
}

fn numbers<'a>(table: &'a Table, name: &str) -> Result<&'a Column, StepError> {
    match table.column(name) {
        Some(column) if matches!(column.kind, ColumnKind::Numeric | ColumnKind::Binary) => {
            Ok(column)
        }
        Some(column) => {
            let shown: Vec<&str> = levels(column)
                .unwrap_or_default()
                .iter()
                .take(4)
                .map(String::as_str)
                .collect();
            Err(StepError::refuse(
                "column-kind",
                format!(
                    "column `{name}` is not numeric, it has {}; write times as numbers, events as 1 and censored as 0",
                    shown.join(", ")
                ),
            ))
        }
        None => {
            let message = format!(
                "the table has no column `{name}`; it has {}",
                table.names().join(", ")
            );
            Err(StepError::refuse("column-missing", message))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{refusal, run, text};
    use serde_json::{Value, json};

    fn params(unit: &str) -> Value {
        json!({"time": "t", "event": "e", "unit": unit})
    }

    #[test]
    fn days_become_months_and_who_lacks_a_value_is_left_out() {
        let table =
            b"patient_id,site,t,e\np1,c1,365.25,1\np2,c1,,0\np3,c1,30.4375,0\np4,c1,5,\n".to_vec();
        let out = run("follow-up", params("days"), &[("table", table.clone())]).unwrap();
        assert_eq!(
            text(&out, "followup"),
            "patient_id,site,time_months,event\np1,c1,12,1\np3,c1,1,0\n"
        );
        let out = run("follow-up", params("years"), &[("table", table)]).unwrap();
        assert!(text(&out, "followup").contains("p3,c1,365.25,0"));
    }

    #[test]
    fn a_missing_column_is_named_with_the_present_ones() {
        let (code, message) = refusal(run(
            "follow-up",
            params("months"),
            &[("table", b"patient_id,t\np1,3\n".to_vec())],
        ));
        assert_eq!(code, "column-missing");
        assert!(
            message.contains("`e`") && message.contains("it has t"),
            "{message}"
        );
    }

    #[test]
    fn a_wrong_value_leaves_one_patient_out_and_a_wrong_column_all() {
        let mut table = b"patient_id,t,e\np01,-3,1\np02,5,2\n".to_vec();
        (3..21).for_each(|i| table.extend(format!("p{i:02},7,{}\n", i % 2).bytes()));
        let out = run("follow-up", params("months"), &[("table", table)]).unwrap();
        let kept = text(&out, "followup");
        assert!(
            kept.starts_with("patient_id,time_months,event\np03,7,1\n"),
            "{kept}"
        );
        assert_eq!(kept.lines().count(), 19);
        let (code, message) = refusal(run(
            "follow-up",
            params("months"),
            &[("table", b"patient_id,t,e\np1,-3,1\n".to_vec())],
        ));
        assert_eq!(code, "no-follow-up");
        assert!(message.contains("none of 1 patients"), "{message}");
    }

    #[test]
    fn another_code_of_events_is_refused() {
        let refused = |table: &[u8]| {
            refusal(run(
                "follow-up",
                params("days"),
                &[("table", table.to_vec())],
            ))
        };
        // as R's survival codes lung: 1 censored, 2 dead
        let (code, message) = refused(b"patient_id,t,e\np1,3,1\np2,5,2\np3,6,2\n");
        assert_eq!(code, "event-code");
        assert!(message.contains("among them 1, 2"), "{message}");
        assert!(message.contains("2 of 3 patients"), "{message}");
        // a competing event is no slip
        let (code, _) = refused(b"patient_id,t,e\np1,3,1\np2,5,0\np3,6,2\np4,6,0\n");
        assert_eq!(code, "event-code");
        let (code, message) = refused(b"patient_id,t,e\np1,3,TRUE\np2,5,FALSE\n");
        assert_eq!(code, "column-kind");
        assert!(message.contains("FALSE, TRUE; write"), "{message}");
    }
}
