//! NIfTI-1 single files (`.nii`, `.nii.gz`): the only module that knows the format and its axis conventions.
//!
//! Reference: the NIfTI-1 header definition, <https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h>.
//!
//! # What is read
//! Three-dimensional images (trailing axes of length 1 are dropped) of either byte order, with integer or floating-point
//! voxels of one component. Compression is recognised by content, not by name. Voxel order and pixel type stay as stored.
//!
//! # Affine
//! The sform where `sform_code` > 0, otherwise the qform where `qform_code` > 0, otherwise the voxel sizes alone, as ITK
//! places them: right to left, front to back, feet to head, the first voxel at the world's origin (with a note, and the geometry says so).
//! NIfTI's world is RAS+ already; metres and micrometres become millimetres. `pixdim[0]` (qfac) of 0 means 1. The columns of an sform are
//! rescaled to the stored voxel sizes where both agree to 1e-5, so that a spacing is the number the scanner wrote and not
//! that number after the rounding of a rotation.
//!
//! # Pixel types
//! With a slope other than 0 or an intercept, values are slope · stored + intercept, in double precision and rounded once: to `f32` for
//! 8- and 16-bit integers and `f32`, to `f64` for 32-bit integers and `f64`. A slope of 0 or not finite, or slope 1 with intercept 0, scales nothing.
//! 64-bit integers are read where all values fit 32 bits (with a note).
//!
//! # Differs from
//! SimpleITK: 32-bit integers with a slope become `f64` here, so that no integer is rounded. nibabel: places an image without orientation
//! around the world's origin. The standard's method 1 would number it left to right and back to front.
//! NIfTI-2, Analyze, header/image pairs, 2-D and 4-D images, colour and complex voxels are refused by name.

mod affine;
mod decode;
mod encode;
mod error;
mod gzip;
mod header;
mod note;

pub use error::{NiftiError, Problem};
pub use note::Note;

pub(crate) use encode::encode;

use crate::content::{self, Stream, check_finite, check_length, inflate_up_to, inflate_whole};
use crate::geometry::Geometry;
use crate::volume::{Volume, Voxels};
use header::{HEADER_BYTES, Header};
use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A volume and what its reader noticed.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// The image.
    pub volume: Volume,
    /// What a person may want to know about the file; nothing here is wrong enough to refuse it.
    pub notes: Vec<Note>,
}

/// Reads a file; see the [module](self) for what is read how.
///
/// # Errors
/// [`NiftiError`]: it carries the file name in a field of its own, and shows none in its text.
pub fn read(path: &Path) -> Result<Volume, NiftiError> {
    import(path).map(|import| import.volume)
}

/// Reads the bytes of a file called `name`.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(bytes: &[u8], name: &str) -> Result<Volume, NiftiError> {
    import_bytes(bytes, name).map(|import| import.volume)
}

/// Reads a file and tells what was noticed on the way.
///
/// # Errors
/// As [`read`].
pub fn import(path: &Path) -> Result<Import, NiftiError> {
    read_file(path)
        .and_then(|bytes| decode_file(&bytes))
        .map_err(|problem| named(path, problem))
}

/// Reads the bytes of a file called `name` and tells what was noticed on the way.
///
/// # Errors
/// As [`read`].
pub fn import_bytes(bytes: &[u8], name: &str) -> Result<Import, NiftiError> {
    decode_file(bytes).map_err(|problem| NiftiError {
        file: name.to_owned(),
        problem,
    })
}

/// Writes the [canonical bytes](crate::canonical::canonical_bytes) of a volume, compressed, for people and their viewers.
///
/// The compressed bytes carry no time and no name: one volume, one file.
///
/// # Errors
/// [`Problem::Io`] if the file cannot be written.
pub fn write_gz(path: &Path, volume: &Volume) -> Result<(), NiftiError> {
    gzip::compress(&encode(volume))
        .and_then(|bytes| std::fs::write(path, bytes))
        .map_err(|error| named(path, error.into()))
}

/// Whether bytes begin as a NIfTI file does, or as a compressed one, which only its content can tell..
pub(crate) fn may_be_nifti(bytes: &[u8]) -> bool {
    let size = bytes.first_chunk::<4>().copied().unwrap_or_default();
    gzip::is_gzip(bytes)
        || [i32::from_le_bytes(size), i32::from_be_bytes(size)]
            .iter()
            .any(|size| matches!(size, 348 | 540))
}

/// The grid, and the numbers of each channel.
pub(crate) fn read_channels(bytes: &[u8]) -> Result<(Geometry, Vec<Voxels>), NiftiError> {
    let nameless = |problem| NiftiError {
        file: String::new(),
        problem,
    };
    let (header, geometry, all) = decode_all(bytes, &mut Vec::new()).map_err(nameless)?;
    let channels = content::channels(all, geometry.n_voxels(), header.n_channels);
    for voxels in &channels {
        check_finite(voxels, &geometry).map_err(|e| nameless(e.into()))?;
    }
    Ok((geometry, channels))
}

fn named(path: &Path, problem: Problem) -> NiftiError {
    let file = path.to_string_lossy().into_owned();
    NiftiError { file, problem }
}

/// The bytes of a file, once its header and its length agree (if compressed, that is for later).
fn read_file(path: &Path) -> Result<Vec<u8>, Problem> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    file.by_ref()
        .take(HEADER_BYTES as u64)
        .read_to_end(&mut bytes)?;
    if !gzip::is_gzip(&bytes) {
        let needed = Header::parse(&bytes)?.n_bytes_in_file();
        check_length(file.metadata()?.len(), needed)?;
    }
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn decode_file(bytes: &[u8]) -> Result<Import, Problem> {
    let mut notes = Vec::new();
    let (header, geometry, voxels) = decode_all(bytes, &mut notes)?;
    header.one_channel()?;
    check_finite(&voxels, &geometry)?;
    Ok(Import {
        volume: Volume { geometry, voxels },
        notes,
    })
}

/// The header, the grid, and the numbers of all channels.
fn decode_all(bytes: &[u8], notes: &mut Vec<Note>) -> Result<(Header, Geometry, Voxels), Problem> {
    let start = if gzip::is_gzip(bytes) {
        Cow::Owned(inflate_up_to(Stream::Gzip, bytes, HEADER_BYTES as u64)?)
    } else {
        Cow::Borrowed(bytes)
    };
    if gzip::is_gzip(&start) {
        return Err(Problem::GzipTwice);
    }
    let header = Header::parse(&start)?;
    let n_bytes = header.n_bytes_in_file();
    let content = if gzip::is_gzip(bytes) {
        Cow::Owned(inflate_whole(Stream::Gzip, bytes, n_bytes)?)
    } else {
        check_length(bytes.len() as u64, n_bytes)?;
        Cow::Borrowed(bytes)
    };
    let geometry = affine::geometry(&header, &content, notes)?;
    let voxels = decode::voxels(&header, &content, notes)?;
    Ok((header, geometry, voxels))
}
