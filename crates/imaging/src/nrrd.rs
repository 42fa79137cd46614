//! NRRD files with their data attached (`.nrrd`, `.seg.nrrd`).
//!
//! Reference: the NRRD file format, <https://teem.sourceforge.net/nrrd/format.html>; segmentations as 3D Slicer writes them,
//! <https://slicer.readthedocs.io/en/latest/developer_guide/modules/segmentations.html>.
//!
//! # What is read
//! Three-dimensional images (axes of length 1 without a direction are dropped) of either byte order with integer or floating-point
//! voxels of one component ([`crate::formats::read_channels`] reads several); encodings raw, ascii and gzip. Voxel order and pixel type stay as stored; 64-bit integers are read where
//! all values fit 32 bits. A header apart (`.nhdr`) with one data file beside it is read through [`data_file`] and [`attach`].
//!
//! # Affine
//! `space directions` and `space origin`, from RAS, LAS or LPS to RAS+ millimetres (`space units` mm, cm, m or um; mm if absent).
//! `scanner-xyz`, `3D-right-handed` and files without a space are taken as LPS, as ITK does. Without `space directions`, `spacings` are
//! the steps along the world's axes, and `axis mins` (moved by half a voxel unless the centring is `node`) the place of the first voxel.
//! A measurement frame says nothing about voxels and is ignored.
//!
//! # Segmentations
//! [`Segmentation`]: the segments that `SegmentN_…` fields describe, in one label image or in several layers along an axis of kind `list`.
//! A segmentation may be cropped to what is segmented: [`Mask::onto_grid`](crate::Mask::onto_grid) puts it back on its image.
//!
//! # Agrees with
//! SimpleITK 2.5 on affine and voxels of files written by either side (`tests/interop`).
//!
//! # Differs from
//! ITK: lengths in other units than millimetres are converted, and an image without spacing is refused instead of getting 1 mm.
//! Refused by name: bzip2 and hex encodings, block and colour voxels, 2-D and 4-D images, left-handed spaces without anatomical names.

mod decode;
mod error;
mod header;
mod segmentation;

pub use error::NrrdError;
pub use segmentation::{Segment, SegmentChoice, SegmentError, Segmentation};

use crate::content::check_finite;
use crate::geometry::Geometry;
use crate::volume::{Volume, Voxels};
use header::Header;

/// Whether these bytes begin as a NRRD file does.
#[must_use]
pub fn is_nrrd(bytes: &[u8]) -> bool {
    bytes.starts_with(b"NRRD000")
}

/// Reads the bytes of a file; see the [module](self) for what is read how.
///
/// # Errors
/// [`NrrdError`].
pub fn read_bytes(bytes: &[u8]) -> Result<Volume, NrrdError> {
    let (header, data) = Header::parse(bytes)?;
    let (geometry, layers) = decode::layers(&header, data)?;
    let n_layers = layers.len();
    match <[_; 1]>::try_from(layers) {
        Ok([voxels]) => {
            check_finite(&voxels, &geometry)?;
            Ok(Volume { geometry, voxels })
        }
        Err(_) if header.has_segments() => Err(NrrdError::Layers { n_layers }),
        Err(_) => Err(decode::not_three_dimensional(&header)),
    }
}

/// The grid, and the numbers of each layer or component.
pub(crate) fn read_channels(bytes: &[u8]) -> Result<(Geometry, Vec<Voxels>), NrrdError> {
    let (header, data) = Header::parse(bytes)?;
    let (geometry, layers) = decode::layers(&header, data)?;
    for voxels in &layers {
        check_finite(voxels, &geometry)?;
    }
    Ok((geometry, layers))
}

/// Whether a file describes segments, as `.seg.nrrd` files do.
#[must_use]
pub fn has_segments(bytes: &[u8]) -> bool {
    is_nrrd(bytes) && Header::parse(bytes).is_ok_and(|(header, _)| header.has_segments())
}

/// The name of the data file that a header apart (`.nhdr`) names; none if the data are attached.
///
/// # Errors
/// [`NrrdError`]: the header does not read, or names several files or one in another folder.
pub fn data_file(header: &[u8]) -> Result<Option<String>, NrrdError> {
    let (parsed, _) = Header::parse(header)?;
    match parsed.data_file {
        None => Ok(None),
        Some(name) if crate::content::is_plain_name(&name) => Ok(Some(name)),
        Some(name) => Err(NrrdError::DataFile { name }),
    }
}

/// A header apart and its data as one attached file.
#[must_use]
pub fn attach(header: &[u8], data: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    for line in header.split_inclusive(|&byte| byte == b'\n') {
        let text = String::from_utf8_lossy(line);
        let text = text.trim();
        if text.is_empty() {
            break;
        }
        if !header::is_data_file_line(text) {
            file.extend(line);
        }
    }
    if file.last().is_some_and(|&byte| byte != b'\n') {
        file.push(b'\n');
    }
    file.push(b'\n');
    file.extend(data);
    file
}
