//! MetaImage files (`.mha`; `.mhd` with its data beside it).
//!
//! Reference: the MetaIO format, <https://itk.org/Wiki/ITK/MetaIO/Documentation>.
//!
//! # What is read
//! Three-dimensional images (trailing axes of length 1 are dropped) of either byte order with integer or floating-point voxels of one
//! component; raw, compressed (zlib) or as text. Voxel order and pixel type stay as stored; 64-bit integers are read where all values
//! fit 32 bits. A header apart (`.mhd`) with one data file beside it is read through [`data_file`] and [`attach`].
//!
//! # Affine
//! `TransformMatrix` (the direction of one axis after the other), `ElementSpacing` and `Offset`, from LPS+ to RAS+ millimetres. The
//! older names `Rotation`, `Orientation`, `Position` and `Origin` mean the same. `CenterOfRotation` and `AnatomicalOrientation` say nothing
//! about where voxels are, as in ITK.
//!
//! # Agrees with
//! SimpleITK 2.5 on affine and voxels of files written by either side (`tests/interop`).
//!
//! # Differs from
//! ITK: an image without `ElementSpacing` is refused instead of getting 1 mm, and so is one with an intensity function, which ITK ignores.
//! Refused by name: 2-D and 4-D images, data in several files, and several channels where one image is wanted
//! ([`crate::formats::read_channels`] reads them).

mod error;
mod header;

pub use error::MetaImageError;

use crate::content::{
    self, ContentError, DataType, Stream, check_finite, check_length, inflate_whole,
    numbers_in_text,
};
use crate::geometry::Geometry;
use crate::volume::{Volume, Voxels};
use header::{Header, Storage};

/// Whether these bytes begin as a MetaImage file does.
#[must_use]
pub fn is_metaimage(bytes: &[u8]) -> bool {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or(bytes);
    let Some(at) = line.iter().take(64).position(|&byte| byte == b'=') else {
        return false;
    };
    matches!(
        line[..at].trim_ascii(),
        b"ObjectType" | b"NDims" | b"Comment" | b"ObjectSubType" | b"DimSize"
    )
}

/// Reads the bytes of a file; see the [module](self) for what is read how.
///
/// # Errors
/// [`MetaImageError`].
pub fn read_bytes(bytes: &[u8]) -> Result<Volume, MetaImageError> {
    let (header, data) = Header::parse(bytes)?;
    if header.data_file != "LOCAL" {
        return Err(MetaImageError::DataFile {
            name: header.data_file,
        });
    }
    if header.n_channels != 1 {
        let n_channels = header.n_channels;
        return Err(MetaImageError::Channels { n_channels });
    }
    let geometry = header.geometry()?;
    let voxels = voxels(&header, data, geometry.n_voxels())?;
    check_finite(&voxels, &geometry)?;
    Ok(Volume { geometry, voxels })
}

/// The grid, and the numbers of each channel.
pub(crate) fn read_channels(bytes: &[u8]) -> Result<(Geometry, Vec<Voxels>), MetaImageError> {
    let (header, data) = Header::parse(bytes)?;
    if header.n_channels == 1 || header.data_file != "LOCAL" {
        let Volume { geometry, voxels } = read_bytes(bytes)?;
        return Ok((geometry, vec![voxels]));
    }
    let n_channels = header.n_channels;
    let geometry = header.geometry()?;
    let n = usize::try_from(n_channels)
        .ok()
        .and_then(|n| Some((n, geometry.n_voxels().checked_mul(n)?)))
        .filter(|&(_, n_values)| 0 < n_values && n_values <= isize::MAX as usize / 8);
    let Some((n, n_values)) = n else {
        return Err(MetaImageError::Channels { n_channels });
    };
    let channels = content::channels(voxels(&header, data, n_values)?, 1, n);
    for voxels in &channels {
        check_finite(voxels, &geometry)?;
    }
    Ok((geometry, channels))
}

/// The name of the data file that a header apart (`.mhd`) names; none if the data are attached.
///
/// # Errors
/// [`MetaImageError`]: the header does not read, or names several files or one in another folder.
pub fn data_file(header: &[u8]) -> Result<Option<String>, MetaImageError> {
    let (parsed, _) = Header::parse(header)?;
    match parsed.data_file {
        name if name == "LOCAL" => Ok(None),
        name if content::is_plain_name(&name) && name != "LIST" => Ok(Some(name)),
        name => Err(MetaImageError::DataFile { name }),
    }
}

/// A header apart and its data as one attached file.
#[must_use]
pub fn attach(header: &[u8], data: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    for line in header.split_inclusive(|&byte| byte == b'\n') {
        if line.trim_ascii().starts_with(b"ElementDataFile") {
            break;
        }
        file.extend(line);
    }
    file.extend(b"ElementDataFile = LOCAL\n");
    file.extend(data);
    file
}

fn voxels(header: &Header, data: &[u8], n: usize) -> Result<Voxels, MetaImageError> {
    let data_type: DataType = header.data_type;
    let needed = n as u64 * data_type.n_bytes() as u64;
    let found = data.len() as u64;
    let truncated = ContentError::Truncated { needed, found };
    let skip = match header.header_size {
        -1 => found.checked_sub(needed).ok_or(truncated)?,
        size => size.max(0) as u64,
    };
    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
    let data = data.get(skip..).unwrap_or_default();
    Ok(match header.storage {
        Storage::Text => numbers_in_text(data_type, data, n)?,
        Storage::Raw => {
            check_length(data.len() as u64, needed)?;
            content::voxels(data_type, data, n, header.big_endian)?
        }
        Storage::Zlib => {
            let stored = inflate_whole(Stream::Zlib, data, needed)?;
            content::voxels(data_type, &stored, n, header.big_endian)?
        }
    })
}
