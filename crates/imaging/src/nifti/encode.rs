//! From a volume to the bytes of a file, and back to its exact affine.

use super::header::{DATA_TYPES, HEADER_BYTES, N_EXTENSION_FLAG_BYTES};
use crate::content::DataType;
use crate::geometry::Geometry;
use crate::volume::{Volume, Voxels, each_type};

/// First line of the extension that holds the exact affine.
const AFFINE_TITLE: &str = "radloom affine 1";
/// Extension code of plain text in the NIfTI registry.
const TEXT_EXTENSION: i32 = 6;
/// Extensions are this many bytes long, or a multiple.
const EXTENSION_UNIT: usize = 16;

/// A volume as the bytes of an uncompressed file; see [`crate::canonical::canonical_bytes`].
pub(crate) fn encode(volume: &Volume) -> Vec<u8> {
    let extension = extension(&volume.geometry);
    let vox_offset = HEADER_BYTES + N_EXTENSION_FLAG_BYTES + extension.len();
    let mut bytes = header(volume, vox_offset).to_vec();
    bytes.extend([1, 0, 0, 0]);
    bytes.extend(extension);
    each_type!(&volume.voxels, values => {
        bytes.reserve(size_of_val(values.as_slice()));
        values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
    });
    bytes
}

/// The affine in the extensions of a file whose voxels start at `vox_offset`, if it is one of ours.
pub(super) fn exact_affine(content: &[u8], vox_offset: usize) -> Option<[[f64; 4]; 3]> {
    let after_header = content.get(HEADER_BYTES..vox_offset)?;
    let (flags, mut extensions) = after_header.split_at_checked(N_EXTENSION_FLAG_BYTES)?;
    if flags[0] == 0 {
        return None;
    }
    while let Some((&size, rest)) = extensions.split_first_chunk::<4>() {
        let size = usize::try_from(i32::from_le_bytes(size))
            .ok()
            .filter(|&size| size >= 8)?;
        let (&code, _) = rest.split_first_chunk::<4>()?;
        let text = extensions.get(8..size)?;
        if i32::from_le_bytes(code) == TEXT_EXTENSION
            && let Some(affine) = parse_affine(text)
        {
            return Some(affine);
        }
        extensions = &extensions[size..];
    }
    None
}

fn header(volume: &Volume, vox_offset: usize) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    let mut put = |at: usize, number: &[u8]| bytes[at..at + number.len()].copy_from_slice(number);
    let geometry = &volume.geometry;
    let (datatype, n_bits) = datatype(&volume.voxels);
    put(0, &(HEADER_BYTES as i32).to_le_bytes());
    put(38, b"r");
    let dims = geometry.dims.map(|n| i16::try_from(n).unwrap_or(i16::MAX));
    for (i, n) in [3, dims[0], dims[1], dims[2], 1, 1, 1, 1]
        .into_iter()
        .enumerate()
    {
        put(40 + 2 * i, &n.to_le_bytes());
    }
    put(70, &datatype.to_le_bytes());
    put(72, &n_bits.to_le_bytes());
    put(76, &1_f32.to_le_bytes());
    for (axis, mm) in geometry.spacing_mm().into_iter().enumerate() {
        put(80 + 4 * axis, &(mm as f32).to_le_bytes());
    }
    put(108, &(vox_offset as f32).to_le_bytes());
    put(112, &1_f32.to_le_bytes());
    put(123, &[2]);
    put(254, &i16::from(geometry.orientation_known).to_le_bytes());
    for (i, entry) in geometry.affine.iter().flatten().enumerate() {
        put(280 + 4 * i, &((entry + 0.0) as f32).to_le_bytes());
    }
    put(344, b"n+1\0");
    bytes
}

/// The exact affine as text: a title and three rows of shortest decimals that read back to the same double.
fn extension(geometry: &Geometry) -> Vec<u8> {
    let mut text = String::from(AFFINE_TITLE);
    for row in geometry.affine {
        let [a, b, c, d] = row.map(|entry| entry + 0.0);
        text += &format!("\n{a:?} {b:?} {c:?} {d:?}");
    }
    let size = (8 + text.len()).next_multiple_of(EXTENSION_UNIT);
    let mut bytes = (size as i32).to_le_bytes().to_vec();
    bytes.extend(TEXT_EXTENSION.to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.resize(size, 0);
    bytes
}

fn parse_affine(text: &[u8]) -> Option<[[f64; 4]; 3]> {
    let text = std::str::from_utf8(text).ok()?.trim_end_matches('\0');
    let mut lines = text.strip_prefix(AFFINE_TITLE)?.lines().skip(1);
    let mut affine = [[0.0; 4]; 3];
    for row in &mut affine {
        let mut numbers = lines.next()?.split(' ');
        for entry in row {
            *entry = numbers.next()?.parse().ok()?;
        }
    }
    Some(affine)
}

/// Code of the pixel type, and its bits.
fn datatype(voxels: &Voxels) -> (i16, i16) {
    let wanted = match voxels {
        Voxels::U8(_) => DataType::U8,
        Voxels::I8(_) => DataType::I8,
        Voxels::U16(_) => DataType::U16,
        Voxels::I16(_) => DataType::I16,
        Voxels::U32(_) => DataType::U32,
        Voxels::I32(_) => DataType::I32,
        Voxels::F32(_) => DataType::F32,
        Voxels::F64(_) => DataType::F64,
    };
    // Every pixel type of a volume stands in the table.
    let code = DATA_TYPES
        .iter()
        .find(|&&(_, data_type)| data_type == wanted)
        .map_or(0, |&(code, _)| code);
    (code, 8 * wanted.n_bytes() as i16)
}
