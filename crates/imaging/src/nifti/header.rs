//! The 348 bytes at the start of a file.

use super::error::Problem;
use crate::content::{ContentError, DataType};

/// Bytes of the header.
pub(super) const HEADER_BYTES: usize = 348;
/// Bytes after the header that say whether extensions follow.
pub(super) const N_EXTENSION_FLAG_BYTES: usize = 4;
/// Where voxels start at the earliest.
const VOXEL_OFFSET_MIN: usize = HEADER_BYTES + N_EXTENSION_FLAG_BYTES;
/// The intent of a file whose fifth axis counts the numbers of a voxel.
const INTENT_VECTOR: i16 = 1007;
/// Header size of a NIfTI-2 file.
const NIFTI2_HEADER_BYTES: i32 = 540;

/// The pixel types that are read: code in the header, type.
pub(super) const DATA_TYPES: [(i16, DataType); 10] = [
    (2, DataType::U8),
    (256, DataType::I8),
    (512, DataType::U16),
    (4, DataType::I16),
    (768, DataType::U32),
    (8, DataType::I32),
    (16, DataType::F32),
    (64, DataType::F64),
    (1024, DataType::I64),
    (1280, DataType::U64),
];

/// What a header says, as far as it matters; fields have the standard's names.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub(super) big_endian: bool,
    pub(super) dims: [usize; 3],
    /// Numbers a voxel, one image of them after the other.
    pub(super) n_channels: usize,
    pub(super) data_type: DataType,
    pub(super) pixdim: [f32; 4],
    pub(super) vox_offset: usize,
    pub(super) slope: f32,
    pub(super) intercept: f32,
    pub(super) xyzt_units: u8,
    pub(super) qform_code: i16,
    pub(super) sform_code: i16,
    pub(super) quatern: [f32; 3],
    pub(super) qoffset: [f32; 3],
    pub(super) srow: [[f32; 4]; 3],
}

impl Header {
    pub(super) fn parse(bytes: &[u8]) -> Result<Header, Problem> {
        let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(Problem::Content(ContentError::Truncated {
                needed: HEADER_BYTES as u64,
                found: bytes.len() as u64,
            }));
        };
        let fields = Fields {
            bytes,
            big_endian: byte_order(bytes)?,
        };
        let datatype = fields.i16(70);
        let data_type = data_type(datatype)?;
        let (bitpix, expected) = (fields.i16(72), 8 * data_type.n_bytes() as i16);
        if bitpix != expected {
            return Err(Problem::BitsPerVoxel {
                datatype,
                bitpix,
                expected,
            });
        }
        let (dims, n_channels) = dims(&fields)?;
        Ok(Header {
            big_endian: fields.big_endian,
            dims,
            n_channels,
            data_type,
            pixdim: fields.f32s(76),
            vox_offset: voxel_offset(fields.f32(108))?,
            slope: fields.f32(112),
            intercept: fields.f32(116),
            xyzt_units: bytes[123],
            qform_code: fields.i16(252),
            sform_code: fields.i16(254),
            quatern: fields.f32s(256),
            qoffset: fields.f32s(268),
            srow: [fields.f32s(280), fields.f32s(296), fields.f32s(312)],
        })
    }

    /// Numbers of all channels.
    pub(super) fn n_values(&self) -> usize {
        // Each dimension is below 2^15, so the product is below 2^60.
        self.dims.iter().product::<usize>() * self.n_channels
    }

    /// Refuses several numbers a voxel.
    pub(super) fn one_channel(&self) -> Result<(), Problem> {
        let [x, y, z] = self.dims;
        let dims = [x, y, z, 1, self.n_channels].map(|n| n as i16).to_vec();
        match self.n_channels {
            1 => Ok(()),
            _ => Err(Problem::NotThreeDimensional { dims }),
        }
    }

    /// Bytes from the start of the file to the end of the voxels.
    pub(super) fn n_bytes_in_file(&self) -> u64 {
        self.vox_offset as u64 + self.n_values() as u64 * self.data_type.n_bytes() as u64
    }
}

/// Numbers at fixed places of the header.
struct Fields<'a> {
    bytes: &'a [u8; HEADER_BYTES],
    big_endian: bool,
}

impl Fields<'_> {
    fn i16(&self, at: usize) -> i16 {
        let bytes = [self.bytes[at], self.bytes[at + 1]];
        if self.big_endian {
            i16::from_be_bytes(bytes)
        } else {
            i16::from_le_bytes(bytes)
        }
    }

    fn f32(&self, at: usize) -> f32 {
        let bytes = [
            self.bytes[at],
            self.bytes[at + 1],
            self.bytes[at + 2],
            self.bytes[at + 3],
        ];
        if self.big_endian {
            f32::from_be_bytes(bytes)
        } else {
            f32::from_le_bytes(bytes)
        }
    }

    fn f32s<const N: usize>(&self, at: usize) -> [f32; N] {
        std::array::from_fn(|i| self.f32(at + 4 * i))
    }
}

/// Whether the header is big-endian; its first number is its own size.
fn byte_order(bytes: &[u8; HEADER_BYTES]) -> Result<bool, Problem> {
    let first = [bytes[0], bytes[1], bytes[2], bytes[3]];
    let (little, big) = (i32::from_le_bytes(first), i32::from_be_bytes(first));
    let magic = &bytes[344..348];
    let size = HEADER_BYTES as i32;
    match (little == size || big == size, magic) {
        (true, b"n+1\0") => Ok(big == size),
        (true, b"ni1\0") => Err(Problem::DetachedImage),
        _ if little == NIFTI2_HEADER_BYTES || big == NIFTI2_HEADER_BYTES => Err(Problem::Nifti2),
        _ => Err(Problem::NotNifti {
            sizeof_hdr: little,
            magic: magic.escape_ascii().to_string(),
        }),
    }
}

/// Voxels along the axes of space, and numbers a voxel.
fn dims(fields: &Fields<'_>) -> Result<([usize; 3], usize), Problem> {
    let n_axes = fields.i16(40);
    if !(1..=7).contains(&n_axes) {
        return Err(Problem::AxisCount { n_axes });
    }
    let dims: Vec<i16> = (0..n_axes as usize)
        .map(|axis| fields.i16(42 + 2 * axis))
        .collect();
    if dims.iter().any(|&n| n < 1) {
        return Err(Problem::Dimensions { dims });
    }
    match dims.as_slice() {
        [x, y, z, rest @ ..] if rest.iter().all(|&n| n == 1) => {
            Ok(([*x, *y, *z].map(|n| n as usize), 1))
        }
        [x, y, z, 1, n, rest @ ..]
            if fields.i16(68) == INTENT_VECTOR && rest.iter().all(|&n| n == 1) =>
        {
            Ok(([*x, *y, *z].map(|n| n as usize), *n as usize))
        }
        _ => Err(Problem::NotThreeDimensional { dims }),
    }
}

fn data_type(datatype: i16) -> Result<DataType, Problem> {
    if let Some(&(_, data_type)) = DATA_TYPES.iter().find(|&&(code, _)| code == datatype) {
        return Ok(data_type);
    }
    let name = match datatype {
        1 => "binary",
        32 => "complex64",
        128 => "rgb24",
        1536 => "float128",
        1792 => "complex128",
        2048 => "complex256",
        2304 => "rgba32",
        _ => "unknown",
    };
    Err(Problem::PixelType { datatype, name })
}

fn voxel_offset(offset: f32) -> Result<usize, Problem> {
    let minimum = VOXEL_OFFSET_MIN as f32;
    if offset == 0.0 {
        Ok(VOXEL_OFFSET_MIN)
    } else if offset >= minimum && offset.fract() == 0.0 && offset < 2e9 {
        Ok(offset as usize)
    } else {
        Err(Problem::VoxelOffset { offset })
    }
}
