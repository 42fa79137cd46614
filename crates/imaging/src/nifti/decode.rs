//! From stored bytes to voxels.

use super::error::Problem;
use super::header::Header;
use super::note::Note;
use crate::content::{self, DataType};
use crate::volume::Voxels;

/// The numbers of a file whose length was checked.
pub(super) fn voxels(
    header: &Header,
    file: &[u8],
    notes: &mut Vec<Note>,
) -> Result<Voxels, Problem> {
    let bytes = file.get(header.vox_offset..).unwrap_or_default();
    let n = header.n_values();
    if matches!(header.data_type, DataType::I64 | DataType::U64) {
        notes.push(Note::SixtyFourBit);
    }
    let stored = content::voxels(header.data_type, bytes, n, header.big_endian)?;
    scaled(header, stored, notes)
}

fn scaled(header: &Header, stored: Voxels, notes: &mut Vec<Note>) -> Result<Voxels, Problem> {
    let Header {
        slope, intercept, ..
    } = *header;
    if !slope.is_finite() || slope == 0.0 || (slope == 1.0 && intercept == 0.0) {
        return Ok(stored);
    }
    if !intercept.is_finite() {
        return Err(Problem::Scaling { slope, intercept });
    }
    let (slope, intercept) = (f64::from(slope), f64::from(intercept));
    notes.push(Note::Scaled { slope, intercept });
    let double = matches!(stored, Voxels::I32(_) | Voxels::U32(_) | Voxels::F64(_));
    let values = stored
        .to_f64()
        .into_iter()
        .map(|value| value * slope + intercept);
    Ok(if double {
        Voxels::F64(values.collect())
    } else {
        Voxels::F32(values.map(|value| value as f32).collect())
    })
}
