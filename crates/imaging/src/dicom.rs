//! DICOM: series of slices, structure sets and segmentations.
//!
//! Reference: DICOM PS3.3 (C.7.6.2 image plane, C.7.6.16 functional groups, C.8.8.5 structure set, C.8.20 segmentation), PS3.5 (encodings).
//!
//! # What is read
//! Files with a preamble, written implicit, explicit (either byte order) or deflated; grey pixels of 8, 16 or 32 bits, plain, run-length
//! encoded, or JPEG baseline or lossless. Other compressions, colour and multi-frame files without functional groups are refused by name.
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
//! SimpleITK 2.5 (GDCM) on affine and voxels of series, pydicom and highdicom on segmentations (`tests/interop`).
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
