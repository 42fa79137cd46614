//! Finding patients across artefacts.
//!
//! Two rows are the same patient when their pseudonyms are equal and so are their sites, where both say one: files made
//! by hand often have no site column, and within a study a pseudonym is announced by one site only.

use std::collections::BTreeMap;

use artefact::RowId;
use artefact::follow_up::FollowUpTable;
use cohort::FollowUp;

use crate::step::StepError;

/// Rows of one artefact by patient.
pub(super) struct Patients<'a> {
    rows: &'a [RowId],
    by_name: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a> Patients<'a> {
    pub fn new(rows: &'a [RowId]) -> Patients<'a> {
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (i, row) in rows.iter().enumerate() {
            by_name.entry(&row.patient_id).or_default().push(i);
        }
        Patients { rows, by_name }
    }

    /// The row of a patient.
    ///
    /// # Errors
    /// Several rows could be meant.
    pub fn find(&self, wanted: &RowId) -> Result<Option<usize>, StepError> {
        let Some(named) = self.by_name.get(wanted.patient_id.as_str()) else {
            return Ok(None);
        };
        let same = |i: &&usize| {
            let site = &self.rows[**i].site;
            site.is_empty() || wanted.site.is_empty() || *site == wanted.site
        };
        let mut found = named.iter().filter(same);
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(StepError::refuse(
                "patient-ambiguous",
                format!(
                    "patient `{}` stands at several sites; a `site` column in every file tells them apart",
                    wanted.patient_id
                ),
            )),
            (found, _) => Ok(found.copied()),
        }
    }

    /// Whether a patient is among the rows.
    ///
    /// # Errors
    /// As [`Patients::find`].
    pub fn contains(&self, wanted: &RowId) -> Result<bool, StepError> {
        Ok(self.find(wanted)?.is_some())
    }
}

/// Follow-up of these rows, in their order. Patients of the follow-up that are not among the rows are left aside.
///
/// # Errors
/// A row without a known time and event: the first is named, all are counted.
pub(super) fn follow_up_of(rows: &[RowId], table: &FollowUpTable) -> Result<FollowUp, StepError> {
    let patients = Patients::new(&table.rows);
    let (mut time, mut event) = (
        Vec::with_capacity(rows.len()),
        Vec::with_capacity(rows.len()),
    );
    let mut without = Vec::new();
    for row in rows {
        match patients.find(row)? {
            Some(at) if !table.time[at].is_nan() => {
                time.push(table.time[at]);
                event.push(table.event[at]);
            }
            at => without.push((row, at)),
        }
    }
    if let Some((row, at)) = without.first() {
        return Err(no_follow_up(row, *at, without.len(), rows.len()));
    }
    FollowUp::new(time, event).map_err(|e| StepError::refuse("follow-up-invalid", e.to_string()))
}

fn no_follow_up(row: &RowId, at: Option<usize>, n_without: usize, n_rows: usize) -> StepError {
    let place = at.map_or_else(String::new, |at| {
        format!(
            ": its time or event is empty in row {} of the follow-up",
            at + 2
        )
    });
    let name = &row.patient_id;
    let who = match n_without {
        1 => format!("patient `{name}` has no follow-up"),
        n => format!("{n} of {n_rows} patients have no follow-up, the first is `{name}`"),
    };
    StepError::refuse(
        "follow-up-missing",
        format!("{who}{place}; fill it in or leave them out"),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn row(site: &str, patient_id: &str) -> RowId {
        RowId {
            site: site.to_owned(),
            patient_id: patient_id.to_owned(),
        }
    }

    #[test]
    fn a_missing_site_matches_any_and_an_other_site_does_not() {
        let rows = [row("c1", "p1"), row("c2", "p2")];
        let patients = Patients::new(&rows);
        assert_eq!(patients.find(&row("", "p2")).unwrap(), Some(1));
        assert_eq!(patients.find(&row("c2", "p2")).unwrap(), Some(1));
        assert_eq!(patients.find(&row("c1", "p2")).unwrap(), None);
    }

    #[test]
    fn one_name_at_two_sites_is_refused_when_the_site_is_not_told() {
        let rows = [row("c1", "p1"), row("c2", "p1")];
        let patients = Patients::new(&rows);
        assert_eq!(patients.find(&row("c2", "p1")).unwrap(), Some(1));
        assert!(patients.find(&row("", "p1")).is_err());
    }

    #[test]
    fn an_unknown_event_and_an_absent_patient_are_named() {
        let refused = |names: &[&str]| {
            let table = FollowUpTable::decode(b"patient_id,time,event\np1,5,1\np2,6,\n").unwrap();
            let rows: Vec<RowId> = names.iter().map(|name| row("", name)).collect();
            follow_up_of(&rows, &table).unwrap_err().to_string()
        };
        assert_eq!(
            refused(&["p1", "p2"]),
            "patient `p2` has no follow-up: its time or event is empty in row 3 of the follow-up; fill it in or leave them \
             out (follow-up-missing)"
        );
        assert_eq!(
            refused(&["p1", "p7", "p8"]),
            "2 of 3 patients have no follow-up, the first is `p7`; fill it in or leave them out (follow-up-missing)"
        );
    }
}
