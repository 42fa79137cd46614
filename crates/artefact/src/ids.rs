//! A list of patients: CSV `patient_id,site`.

use crate::ArtefactError;
use crate::rows::{RowId, Sheet, has_sites, id_header, push_id};

/// Canonical bytes, in (site, patient) order.
#[must_use]
pub fn encode(rows: &[RowId]) -> Vec<u8> {
    let sites = has_sites(rows.iter());
    let mut sorted: Vec<&RowId> = rows.iter().collect();
    sorted.sort();
    let mut out = format!("{}\n", id_header(sites));
    for id in sorted {
        push_id(&mut out, id, sites);
        out.push('\n');
    }
    out.into_bytes()
}

/// Reads a list of patients from any table that has `patient_id`.
///
/// # Errors
/// No such column, or a patient twice.
pub fn decode(bytes: &[u8]) -> Result<Vec<RowId>, ArtefactError> {
    Sheet::read("patient list", bytes)?.ids()
}
