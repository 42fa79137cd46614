//! Stored numbers: from the bytes of a file to voxels, with nothing taken on trust. Shared by the formats.

mod deflate;
mod text;

pub(crate) use deflate::{Stream, inflate_up_to, inflate_whole};
pub(crate) use text::numbers_in_text;

use crate::counted::Are;
use crate::geometry::Geometry;
use crate::volume::Voxels;
use thiserror::Error;

/// Bytes that may follow the voxels: some writers pad.
pub(crate) const N_TRAILING_BYTES_MAX: u64 = 1 << 20;

/// Why the stored numbers of a file make no voxels.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ContentError {
    /// The file holds fewer bytes than its header claims.
    #[error("file is truncated: header claims {needed} bytes, {found} are there")]
    Truncated {
        /// Bytes the header claims.
        needed: u64,
        /// Bytes found, uncompressed.
        found: u64,
    },
    /// The file holds far more bytes than its header claims.
    #[error("file holds {found} bytes or more where its header claims {needed}")]
    Trailing {
        /// Bytes the header claims.
        needed: u64,
        /// Bytes found, uncompressed, before reading stopped.
        found: u64,
    },
    /// More voxels than the compressed bytes can hold.
    #[error("header claims {needed} bytes, {compressed} compressed bytes cannot hold them")]
    ImplausibleSize {
        /// Bytes the header claims.
        needed: u64,
        /// Compressed bytes in the file.
        compressed: u64,
    },
    /// The compressed stream is damaged.
    #[error("compressed stream is damaged after {decompressed} bytes")]
    Damaged {
        /// Bytes that came out before the damage.
        decompressed: u64,
    },
    /// 64-bit integers beyond 32 bits.
    #[error("64-bit value {value} at voxel index {index} does not fit 32 bits")]
    SixtyFourBit {
        /// The value, as text.
        value: String,
        /// Its position in file order.
        index: usize,
    },
    /// A value written as text that is no number of the file's type.
    #[error("value {index} of the text is no {type_name}: {text:?}")]
    Text {
        /// Position in file order.
        index: usize,
        /// The text, at most 32 characters of it.
        text: String,
        /// The type that the header claims.
        type_name: &'static str,
    },
    /// Voxels without a value.
    #[error("{} not finite, the first at {first:?}", Are(*n_voxels, "voxel"))]
    NotFinite {
        /// How many.
        n_voxels: usize,
        /// Voxel index `[x, y, z]` of the first in file order.
        first: [usize; 3],
    },
}

impl ContentError {
    /// A stable name of the problem, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            ContentError::Truncated { .. } => "truncated",
            ContentError::Trailing { .. } => "trailing-bytes",
            ContentError::ImplausibleSize { .. } => "implausible-size",
            ContentError::Damaged { .. } => "gzip-damaged",
            ContentError::SixtyFourBit { .. } => "sixty-four-bit",
            ContentError::Text { .. } => "voxel-text",
            ContentError::NotFinite { .. } => "voxels-not-finite",
        }
    }
}

/// How a number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataType {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    F64,
    I64,
    U64,
}

impl DataType {
    pub(crate) fn n_bytes(self) -> usize {
        match self {
            DataType::U8 | DataType::I8 => 1,
            DataType::U16 | DataType::I16 => 2,
            DataType::U32 | DataType::I32 | DataType::F32 => 4,
            DataType::F64 | DataType::I64 | DataType::U64 => 8,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            DataType::U8 => "u8",
            DataType::I8 => "i8",
            DataType::U16 => "u16",
            DataType::I16 => "i16",
            DataType::U32 => "u32",
            DataType::I32 => "i32",
            DataType::F32 => "f32",
            DataType::F64 => "f64",
            DataType::I64 => "i64",
            DataType::U64 => "u64",
        }
    }
}

/// The first `n` numbers of these bytes, or fewer if there are fewer; 64-bit integers become 32-bit ones.
///
/// # Errors
/// [`ContentError::SixtyFourBit`] where one does not fit.
pub(crate) fn voxels(
    data_type: DataType,
    bytes: &[u8],
    n: usize,
    big: bool,
) -> Result<Voxels, ContentError> {
    Ok(match data_type {
        DataType::U8 => Voxels::U8(numbers(bytes, n, big, u8::from_le_bytes)),
        DataType::I8 => Voxels::I8(numbers(bytes, n, big, i8::from_le_bytes)),
        DataType::U16 => Voxels::U16(numbers(bytes, n, big, u16::from_le_bytes)),
        DataType::I16 => Voxels::I16(numbers(bytes, n, big, i16::from_le_bytes)),
        DataType::U32 => Voxels::U32(numbers(bytes, n, big, u32::from_le_bytes)),
        DataType::I32 => Voxels::I32(numbers(bytes, n, big, i32::from_le_bytes)),
        DataType::F32 => Voxels::F32(numbers(bytes, n, big, f32::from_le_bytes)),
        DataType::F64 => Voxels::F64(numbers(bytes, n, big, f64::from_le_bytes)),
        DataType::I64 => Voxels::I32(narrow(&numbers(bytes, n, big, i64::from_le_bytes))?),
        DataType::U64 => Voxels::U32(narrow(&numbers(bytes, n, big, u64::from_le_bytes))?),
    })
}

/// Numbers of `n` channels apart, of which `run` of one channel stand together before those of the next.
pub(crate) fn channels(all: Voxels, run: usize, n: usize) -> Vec<Voxels> {
    if n == 1 {
        return vec![all];
    }
    let pick = |channel: usize| -> Voxels {
        macro_rules! of {
            ($kind:ident, $values:expr) => {
                Voxels::$kind(
                    $values
                        .chunks(run.max(1))
                        .skip(channel)
                        .step_by(n)
                        .flatten()
                        .copied()
                        .collect(),
                )
            };
        }
        match &all {
            Voxels::U8(v) => of!(U8, v),
            Voxels::I8(v) => of!(I8, v),
            Voxels::U16(v) => of!(U16, v),
            Voxels::I16(v) => of!(I16, v),
            Voxels::U32(v) => of!(U32, v),
            Voxels::I32(v) => of!(I32, v),
            Voxels::F32(v) => of!(F32, v),
            Voxels::F64(v) => of!(F64, v),
        }
    };
    (0..n).map(pick).collect()
}

/// Refuses voxels without a value.
pub(crate) fn check_finite(voxels: &Voxels, geometry: &Geometry) -> Result<(), ContentError> {
    let bad: (usize, Option<usize>) = match voxels {
        Voxels::F32(values) => count(values.iter().map(|value| value.is_finite())),
        Voxels::F64(values) => count(values.iter().map(|value| value.is_finite())),
        _ => (0, None),
    };
    match bad {
        (n_voxels, Some(index)) => Err(ContentError::NotFinite {
            n_voxels,
            first: geometry.voxel(index),
        }),
        _ => Ok(()),
    }
}

/// Whether an uncompressed file of `found` bytes can hold the `needed` ones.
pub(crate) fn check_length(found: u64, needed: u64) -> Result<(), ContentError> {
    if found < needed {
        Err(ContentError::Truncated { needed, found })
    } else if found - needed > N_TRAILING_BYTES_MAX {
        Err(ContentError::Trailing { needed, found })
    } else {
        Ok(())
    }
}

pub(crate) fn narrow<W: Copy + ToString, T: TryFrom<W>>(
    values: &[W],
) -> Result<Vec<T>, ContentError> {
    let narrowed = |(index, &value): (usize, &W)| {
        T::try_from(value).map_err(|_| ContentError::SixtyFourBit {
            value: value.to_string(),
            index,
        })
    };
    values.iter().enumerate().map(narrowed).collect()
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

/// Whether a name that a file gives of another is one of a neighbour: no folders, nothing hidden.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && !name.contains(['/', '\\', ':', '\0'])
        && !name.contains('%')
}
