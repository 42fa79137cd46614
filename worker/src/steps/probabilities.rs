//! Predicted probabilities of the event by a horizon, and the follow-up they are held against.

use artefact::RowId;
use artefact::follow_up::FollowUpTable;
use artefact::predictions::{RiskTable, SurvivalTable};
use cohort::FollowUp;
use evaluation::MetricError;
use serde_json::{Value, json};

use super::measures::events_by;
use super::patients::{Patients, follow_up_of};
use super::refuse::refuse;
use crate::step::{Inputs, StepError};

/// Probabilities by patient.
pub(super) struct Predicted {
    pub rows: Vec<RowId>,
    pub probability: Vec<f64>,
}

impl Predicted {
    /// Reads a survival table (one minus survival at the horizon) or a risk table whose risks are probabilities.
    pub fn read(inputs: &Inputs, port: &'static str, horizon: f64) -> Result<Predicted, StepError> {
        let bytes = inputs.one(port)?;
        if let Ok(table) = RiskTable::decode(bytes) {
            return Predicted::of_risks(table, port);
        }
        let table = SurvivalTable::decode(bytes)?;
        let column = table.times.iter().position(|t| *t == horizon);
        let Some(column) = column else {
            let times: Vec<String> = table.times.iter().map(ToString::to_string).collect();
            return Err(StepError::refuse(
                "horizon-not-predicted",
                format!(
                    "`{port}` has no survival at {horizon}, its times are {}; set `horizon` to one of them or predict at {horizon}",
                    times.join(", ")
                ),
            ));
        };
        Ok(Predicted {
            probability: table.survival.iter().map(|s| 1.0 - s[column]).collect(),
            rows: table.rows,
        })
    }

    fn of_risks(table: RiskTable, port: &str) -> Result<Predicted, StepError> {
        let outside = |risk: &f64| !(0.0..=1.0).contains(risk);
        if let Some(row) = table.risk.iter().position(outside) {
            return Err(StepError::refuse(
                "not-a-probability",
                format!(
                    "`{port}`: the risk of patient `{}` is {}, must be a probability from 0 to 1; give the survival table instead",
                    table.rows[row].patient_id, table.risk[row]
                ),
            ));
        }
        Ok(Predicted {
            rows: table.rows,
            probability: table.risk,
        })
    }

    /// The probabilities of these rows, in their order.
    pub fn of(&self, rows: &[RowId], port: &str) -> Result<Vec<f64>, StepError> {
        let patients = Patients::new(&self.rows);
        let of = |row: &RowId| {
            let missing = || {
                StepError::refuse(
                    "risk-missing",
                    format!("patient `{}` has no prediction at `{port}`", row.patient_id),
                )
            };
            Ok(self.probability[patients.find(row)?.ok_or_else(missing)?])
        };
        rows.iter().map(of).collect()
    }

    /// The follow-up of these patients.
    pub fn follow_up(&self, inputs: &Inputs) -> Result<FollowUp, StepError> {
        follow_up_of(&self.rows, &FollowUpTable::decode(inputs.one("followup")?)?)
    }
}

/// The result, or why it cannot be estimated: an answer like any other.
pub(super) fn or_reason<T>(
    result: Result<T, MetricError>,
    value: impl FnOnce(T) -> Value,
) -> Result<Value, StepError> {
    match result {
        Ok(found) => Ok(value(found)),
        Err(MetricError::NotEstimable(reason)) => Ok(json!({"reason": format!("NE: {reason}")})),
        Err(other) => Err(refuse("metric", &other)),
    }
}

/// An answer with how many patients, and events by the horizon, it rests on.
pub(super) fn with_counts(mut answer: Value, follow_up: &FollowUp, horizon: f64) -> Value {
    answer["horizon"] = json!(horizon);
    answer["n"] = json!(follow_up.len());
    answer["n_events"] = json!(events_by(follow_up, horizon));
    answer
}
