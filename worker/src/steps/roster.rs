//! `roster`: the names of the patients, without any value.

use artefact::{RowId, ids};

use super::patients::Patients;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(_context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let mut roster: Vec<RowId> = Vec::new();
    for bytes in inputs
        .all("followup")
        .iter()
        .filter_map(|input| input.content.as_ref().ok())
    {
        let rows = ids::decode(bytes)?;
        let new = unknown(&mut roster, rows)?;
        roster.extend(new);
    }
    if roster.is_empty() {
        return Err(StepError::refuse(
            "no-patient-left",
            "no table names a patient",
        ));
    }
    Ok(vec![Produced::bytes("roster", ids::encode(&roster))])
}

/// The rows that the roster does not have; a patient whose site it did not know gets it.
fn unknown(roster: &mut [RowId], rows: Vec<RowId>) -> Result<Vec<RowId>, StepError> {
    let before = roster.to_vec();
    let known = Patients::new(&before);
    let mut new = Vec::new();
    for row in rows {
        match known.find(&row)? {
            Some(at) if roster[at].site.is_empty() => roster[at] = row,
            Some(_) => {}
            None => new.push(row),
        }
    }
    Ok(new)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{refusal, run, text};
    use serde_json::json;

    #[test]
    fn each_patient_stands_there_once_with_the_site() {
        let outcome = b"patient_id,time_months,event\np2,3,1\np1,4,0\n".to_vec();
        let table = b"patient_id,site,a\np1,c1,0\np2,c1,0\np0,c2,1\n".to_vec();
        let out = run(
            "roster",
            json!({}),
            &[("followup", outcome), ("followup", table)],
        )
        .unwrap();
        assert_eq!(
            text(&out, "roster"),
            "patient_id,site\np1,c1\np2,c1\np0,c2\n"
        );
    }

    #[test]
    fn nobody_is_refused() {
        let empty = b"patient_id,time_months,event\n".to_vec();
        assert_eq!(
            refusal(run("roster", json!({}), &[("followup", empty)])).0,
            "no-patient-left"
        );
    }
}
