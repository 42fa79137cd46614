//! `follow-up`: times in months and events of one endpoint; who lacks one of the two is not in it.

use artefact::follow_up::FollowUpTable;
use artefact::table::{Column, ColumnKind, Table};
use pipeline_defs::params::{FollowUpParams, TimeUnit};

use crate::step::{Context, Inputs, Produced, StepError};

/// Days of a month: a twelfth of a year of 365.25 days.
const DAYS_PER_MONTH: f64 = 365.25 / 12.0;

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: FollowUpParams = context.params()?;
    let table = Table::decode(inputs.one("table")?)?;
    let (time, event) = (
        numbers(&table, &params.time)?,
        numbers(&table, &params.event)?,
    );
    let mut found = FollowUpTable::default();
    for (i, row) in table.rows.iter().enumerate() {
        let (time, event) = (time.values[i], event.values[i]);
        let bad = |what: String| {
            Err(StepError::refuse(
                "follow-up-invalid",
                format!("patient `{}`: {what}", row.patient_id),
            ))
        };
        if time.is_nan() || event.is_nan() {
            continue;
        }
        if time < 0.0 {
            return bad(format!("`{}` is {time}, must be at least 0", params.time));
        }
        if event != 0.0 && event != 1.0 {
            return bad(format!("`{}` is {event}, must be 0 or 1", params.event));
        }
        found.rows.push(row.clone());
        found.time.push(months(time, params.unit));
        found.event.push(event == 1.0);
    }
    if found.rows.is_empty() {
        let message = format!(
            "none of {} patients has `{}` and `{}`",
            table.rows.len(),
            params.time,
            params.event
        );
        return Err(StepError::refuse("no-follow-up", message));
    }
    Ok(vec![Produced::bytes("followup", found.encode())])
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
        Some(_) => Err(StepError::refuse(
            "column-kind",
            format!("column `{name}` is not numeric"),
        )),
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
    fn a_negative_time_is_refused_with_the_patient() {
        let (code, message) = refusal(run(
            "follow-up",
            params("months"),
            &[("table", b"patient_id,t,e\np1,-3,1\n".to_vec())],
        ));
        assert_eq!(code, "follow-up-invalid");
        assert!(
            message.contains("`p1`") && message.contains("-3"),
            "{message}"
        );
    }
}
