//! Follow-up of one endpoint: CSV `patient_id,site,time_months,event` (event 1 or 0).
//!
//! A patient whose time or event is empty (or `NA`) is unknown: neither followed nor censored.

use crate::rows::{RowId, Sheet, has_sites, id_header, push_id};
use crate::{ArtefactError, number};

/// Times and events by patient.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct FollowUpTable {
    /// Who.
    pub rows: Vec<RowId>,
    /// Time from start to event or last contact; NaN where it or the event is unknown.
    pub time: Vec<f64>,
    /// Whether the event happened at that time; says nothing where the time is NaN.
    pub event: Vec<bool>,
}

impl FollowUpTable {
    /// Canonical bytes, rows by (site, patient).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let sites = has_sites(self.rows.iter());
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by(|a, b| self.rows[*a].cmp(&self.rows[*b]));
        let mut out = format!("{},time_months,event\n", id_header(sites));
        for i in order {
            push_id(&mut out, &self.rows[i], sites);
            out.push(',');
            number::push(&mut out, self.time[i]);
            out.push_str(match (self.time[i].is_nan(), self.event[i]) {
                (true, _) => ",\n",
                (false, true) => ",1\n",
                (false, false) => ",0\n",
            });
        }
        out.into_bytes()
    }

    /// Reads follow-up; columns `time_months` or `time`, `event` or `status`.
    ///
    /// # Errors
    /// A missing column, a negative time, an event that is neither 0 nor 1.
    pub fn decode(bytes: &[u8]) -> Result<FollowUpTable, ArtefactError> {
        let sheet = Sheet::read("follow-up", bytes)?;
        let rows = sheet.ids()?;
        let (t, e) = (
            sheet.need(&["time_months", "time"])?,
            sheet.need(&["event", "status"])?,
        );
        let mut table = FollowUpTable {
            rows,
            time: Vec::new(),
            event: Vec::new(),
        };
        for row in 0..sheet.records.len() {
            let time = sheet.number(row, t)?;
            if time < 0.0 {
                return Err(sheet.bad(row, t, "a time of at least 0"));
            }
            let event = match sheet.cell(row, e) {
                "1" | "1.0" | "true" | "True" | "TRUE" => Some(true),
                "0" | "0.0" | "false" | "False" | "FALSE" => Some(false),
                cell if number::parse(cell).is_some_and(f64::is_nan) => None,
                _ => return Err(sheet.bad(row, e, "0 or 1")),
            };
            // Who may or may not have had the event by then is no censored patient.
            table.time.push(event.map_or(f64::NAN, |_| time));
            table.event.push(event.unwrap_or_default());
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_empty_event_is_unknown_and_not_censored() {
        let table =
            FollowUpTable::decode(b"patient_id,time,event\na,5,1\nb,6,\nc,7,NA\nd,,1\ne,8,0\n")
                .unwrap();
        let known: Vec<bool> = table.time.iter().map(|t| !t.is_nan()).collect();
        assert_eq!(known, [true, false, false, false, true]);
        assert_eq!((table.event[0], table.event[4]), (true, false));
        let text = String::from_utf8(table.encode()).unwrap();
        assert_eq!(
            text,
            "patient_id,time_months,event\na,5,1\nb,,\nc,,\nd,,\ne,8,0\n"
        );
    }

    #[test]
    fn an_event_that_is_neither_is_named() {
        assert_eq!(
            FollowUpTable::decode(b"patient_id,time,event\na,5,dead\n")
                .unwrap_err()
                .to_string(),
            "follow-up, row 2, column `event`: `dead` is not 0 or 1"
        );
    }
}
