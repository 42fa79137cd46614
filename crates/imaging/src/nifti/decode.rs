//! From stored bytes to voxels.

use super::error::Problem;
use super::header::{DataType, Header};
use super::note::Note;
use crate::geometry::Geometry;
use crate::volume::Voxels;

/// The voxels of a file whose length was checked.
pub(super) fn voxels(
    header: &Header,
    content: &[u8],
    notes: &mut Vec<Note>,
) -> Result<Voxels, Problem> {
    let bytes = content.get(header.vox_offset..).unwrap_or_default();
    let n = header.n_voxels();
    let big = header.big_endian;
    let stored = match header.data_type {
        DataType::U8 => Voxels::U8(numbers(bytes, n, big, u8::from_le_bytes)),
        DataType::I8 => Voxels::I8(numbers(bytes, n, big, i8::from_le_bytes)),
        DataType::U16 => Voxels::U16(numbers(bytes, n, big, u16::from_le_bytes)),
        DataType::I16 => Voxels::I16(numbers(bytes, n, big, i16::from_le_bytes)),
        DataType::U32 => Voxels::U32(numbers(bytes, n, big, u32::from_le_bytes)),
        DataType::I32 => Voxels::I32(numbers(bytes, n, big, i32::from_le_bytes)),
        DataType::F32 => Voxels::F32(numbers(bytes, n, big, f32::from_le_bytes)),
        DataType::F64 => Voxels::F64(numbers(bytes, n, big, f64::from_le_bytes)),
        DataType::I64 => {
            notes.push(Note::SixtyFourBit);
            Voxels::I32(narrow(numbers(bytes, n, big, i64::from_le_bytes))?)
        }
        DataType::U64 => {
            notes.push(Note::SixtyFourBit);
            Voxels::U32(narrow(numbers(bytes, n, big, u64::from_le_bytes))?)
        }
    };
    scaled(header, stored, notes)
}

/// Refuses voxels without a value.
pub(super) fn check_finite(voxels: &Voxels, geometry: &Geometry) -> Result<(), Problem> {
    let bad: (usize, Option<usize>) = match voxels {
        Voxels::F32(values) => count(values.iter().map(|value| value.is_finite())),
        Voxels::F64(values) => count(values.iter().map(|value| value.is_finite())),
        _ => (0, None),
    };
    match bad {
        (n_voxels, Some(index)) => Err(Problem::NotFinite {
            n_voxels,
            first: geometry.voxel(index),
        }),
        _ => Ok(()),
    }
}

fn count(finite: impl Iterator<Item = bool>) -> (usize, Option<usize>) {
    let mut bad = finite
        .enumerate()
        .filter(|&(_, finite)| !finite)
        .map(|(index, _)| index);
    let first = bad.next();
    (bad.count() + usize::from(first.is_some()), first)
}

fn numbers<const N: usize, T>(
    bytes: &[u8],
    n: usize,
    big_endian: bool,
    from_le: fn([u8; N]) -> T,
) -> Vec<T> {
    let (chunks, _) = bytes.as_chunks::<N>();
    let ordered = |&chunk: &[u8; N]| {
        let mut chunk = chunk;
        if big_endian {
            chunk.reverse();
        }
        from_le(chunk)
    };
    chunks.iter().take(n).map(ordered).collect()
}

fn narrow<W: Copy + ToString, T: TryFrom<W>>(values: Vec<W>) -> Result<Vec<T>, Problem> {
    let narrowed = |(index, &value): (usize, &W)| {
        T::try_from(value).map_err(|_| Problem::SixtyFourBit {
            value: value.to_string(),
            index,
        })
    };
    values.iter().enumerate().map(narrowed).collect()
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
