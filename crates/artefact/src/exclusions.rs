//! Who was left out, where and why: CSV `patient_id,site,endpoint,step,code,message`.

use crate::ArtefactError;
use crate::rows::{Sheet, push_field};

/// One patient left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exclusion {
    /// Where from.
    pub site: String,
    /// Who.
    pub patient_id: String,
    /// Of which endpoint's analyses; empty for all.
    pub endpoint: String,
    /// The step that refused or lacked something.
    pub step: String,
    /// Why, for programs.
    pub code: String,
    /// Why, for people.
    pub message: String,
}

/// Canonical bytes, sorted, each once.
#[must_use]
pub fn encode(exclusions: &[Exclusion]) -> Vec<u8> {
    let mut sorted: Vec<&Exclusion> = exclusions.iter().collect();
    sorted.sort();
    sorted.dedup();
    let mut out = String::from("patient_id,site,endpoint,step,code,message\n");
    for e in sorted {
        for (i, field) in [
            &e.patient_id,
            &e.site,
            &e.endpoint,
            &e.step,
            &e.code,
            &e.message,
        ]
        .into_iter()
        .enumerate()
        {
            if i > 0 {
                out.push(',');
            }
            push_field(&mut out, field);
        }
        out.push('\n');
    }
    out.into_bytes()
}

/// Reads exclusions.
///
/// # Errors
/// A missing column.
pub fn decode(bytes: &[u8]) -> Result<Vec<Exclusion>, ArtefactError> {
    let sheet = Sheet::read("exclusions", bytes)?;
    let columns = ["patient_id", "site", "endpoint", "step", "code", "message"];
    let at = columns
        .iter()
        .map(|c| sheet.need(&[c]))
        .collect::<Result<Vec<_>, _>>()?;
    let cell = |row: usize, c: usize| sheet.cell(row, at[c]).to_owned();
    Ok((0..sheet.records.len())
        .map(|row| Exclusion {
            patient_id: cell(row, 0),
            site: cell(row, 1),
            endpoint: cell(row, 2),
            step: cell(row, 3),
            code: cell(row, 4),
            message: cell(row, 5),
        })
        .collect())
}
