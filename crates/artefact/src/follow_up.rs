//! Follow-up of one endpoint: CSV `patient_id,site,time_months,event` (event 1 or 0).

use crate::rows::{RowId, Sheet, has_sites, id_header, push_id};
use crate::{ArtefactError, number};

/// Times and events by patient.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct FollowUpTable {
    /// Who.
    pub rows: Vec<RowId>,
    /// Time from start to event or last contact; NaN where unknown.
    pub time: Vec<f64>,
    /// Whether the event happened at that time.
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
            out.push_str(if self.event[i] { ",1\n" } else { ",0\n" });
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
            table.time.push(time);
            table.event.push(match sheet.cell(row, e) {
                "1" | "1.0" | "true" | "True" | "TRUE" => true,
                "0" | "0.0" | "false" | "False" | "FALSE" | "" => false,
                _ => return Err(sheet.bad(row, e, "0 or 1")),
            });
        }
        Ok(table)
    }
}
