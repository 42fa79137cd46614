//! DICOM: series of slices, structure sets and segmentations.
//!
//! Reference: DICOM PS3.3 (C.7.6.2 image plane, C.7.6.16 functional groups, C.8.8.5 structure set, C.8.20 segmentation), PS3.5 (encodings).
//!
//! # What is read
//! Files with a preamble, written implicit, explicit (either byte order) or deflated; grey pixels of 8, 16 or 32 bits, plain, run-length
//! encoded, or JPEG baseline or lossless (1.2.840.10008.1.2.4.50, .57, .70). Other compressions, colour and multi-frame files without
//! functional groups are refused by name.
//! The reader allocates nothing that the bytes do not justify and copies no element: an error never holds the text of an element that
//! names a person.
//!
//! # Geometry of a series
//! Slices are ordered by the projection of `ImagePositionPatient` on the normal of `ImageOrientationPatient`, upwards; voxels are
//! `[column, row, slice]`. The distance of slices comes from positions; `SpacingBetweenSlices` or `SliceThickness` only where there is
//! one slice. Duplicate positions, missing slices (named with their positions), uneven distances and tilted gantries are refused.
//!
//! # Values
//! stored · slope + intercept, each slice with its own; without either the stored numbers in their type. With whole slopes and intercepts
//! 8- and 16-bit numbers become 32-bit integers, otherwise `f32`; 32-bit numbers become `f64`. MONOCHROME1 says how to show values, not
//! what they are, and changes nothing.
//!
//! # Regions
//! Structures (RTSTRUCT) are filled on the image's own grid: a voxel is inside when its centre lies within an odd number of the closed
//! planar contours of its slice. Segments (SEG) are matched frame by frame to the image's voxels, nothing is resampled; fractional ones
//! count from one half.
//!
//! # Agrees with
//! SimpleITK 2.5 (GDCM) on affine and voxels of series, pydicom and highdicom on segmentations (`tests/interop`). dcmtk 3.6.7 on run
//! lengths and lossless JPEG (predictors 1, 4, 7; 8, 12 and 16 bits) to the bit, on baseline within one grey level
//! (`tests/dicom_compressed.rs`).
//!
//! # Differs from
//! ITK: the type of rescaled values does not depend on their range; uneven and incomplete series are errors, not warnings.

mod error;
mod pixels;
mod reader;
mod region;
mod rtstruct;
mod seg;
mod series;
mod tags;
mod transfer;

pub use error::DicomError;
pub use reader::is_dicom;
pub use region::{RoiChoice, RoiError};
pub use series::{Series, frame_of_reference, read_series};

use crate::geometry::Geometry;
use crate::mask::Mask;
use reader::File;

/// What a file stores, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// One slice of an image.
    Slice,
    /// An image of several frames.
    Frames,
    /// A structure set or a segmentation.
    Regions,
    /// Anything else: doses, plans, reports, presentation states, screenshots.
    Other,
}

/// What a file stores, by its first kilobyte: the storage class of its meta elements (PS3.6 annex A). None if it is no DICOM file, or
/// does not say.
#[must_use]
pub fn stored(head: &[u8]) -> Option<Stored> {
    let class = reader::storage_class(head)?;
    let short = class.strip_prefix("1.2.840.10008.5.1.4.1.1.");
    Some(match short {
        Some("2" | "4" | "20" | "128") => Stored::Slice,
        Some("2.1" | "2.2" | "4.1" | "4.4" | "128.1" | "130") => Stored::Frames,
        Some("481.3") => Stored::Regions,
        _ if seg::is_seg_class(&class) => Stored::Regions,
        _ => Stored::Other,
    })
}

/// Whether a file holds regions (a structure set or segments) and no image.
#[must_use]
pub fn has_regions(bytes: &[u8]) -> bool {
    let has = || {
        let file = File::open(bytes).ok()?;
        let set = file.data_set().ok()?;
        let class = set.text(tags::SOP_CLASS).unwrap_or_default();
        Some(set.element(tags::STRUCTURE_SET_ROIS).is_some() || seg::is_seg_class(&class))
    };
    is_dicom(bytes) && has() == Some(true)
}

/// Reads one region of a structure set or a segmentation, on the grid of its image.
///
/// `frame_of_reference` is the image's, where it is known; a region of another is refused. Contours and frames must lie on the image's
/// slices up to `tolerance_mm`.
///
/// # Errors
/// [`RoiError`]; where the choice is wrong it lists what there is.
pub fn read_region(
    bytes: &[u8],
    choice: RoiChoice<'_>,
    image: &Geometry,
    frame_of_reference: Option<&str>,
    tolerance_mm: f64,
) -> Result<Mask, RoiError> {
    let file = File::open(bytes)?;
    let set = file.data_set()?;
    if set.element(tags::STRUCTURE_SET_ROIS).is_some() {
        rtstruct::mask(&set, choice, image, frame_of_reference, tolerance_mm)
    } else if set.element(tags::SEGMENTS).is_some() {
        seg::mask(&file, &set, choice, image, frame_of_reference, tolerance_mm)
    } else {
        Err(RoiError::NoRegions)
    }
}
