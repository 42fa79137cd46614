//! A region of interest on the grid of its image.

use super::FormatError;
use crate::geometry::Geometry;
use crate::mask::{GeometryMismatch, LabelChoice, Mask, MaskError, PlaceError, check_geometry};
use crate::nrrd::{self, SegmentChoice, SegmentError, Segmentation};
use thiserror::Error;

/// Which of the regions of a file is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegionName<'a> {
    /// Its name, for files that name regions; it goes before the label.
    pub name: Option<&'a str>,
    /// Its label value.
    pub label: i32,
}

/// Why a file gives no region on the grid of an image.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RegionError {
    /// The bytes are no image.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A label image without such a region.
    #[error(transparent)]
    Mask(#[from] MaskError),
    /// A region was named and the file has labels only.
    #[error("region {name:?} was asked for, and the file names no regions; choose one by label")]
    NoNames {
        /// The name asked for.
        name: String,
    },
    /// The label image is on another grid than the image.
    #[error(transparent)]
    Grid(#[from] GeometryMismatch),
    /// A segmentation without such a segment.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// A segmentation that does not lie on the image's voxels.
    #[error(transparent)]
    Place(#[from] PlaceError),
}

impl RegionError {
    /// A stable name of the problem, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            RegionError::Format(error) => error.code(),
            RegionError::Mask(error) => error.code(),
            RegionError::NoNames { .. } => "region-names-absent",
            RegionError::Grid(error) => error.code(),
            RegionError::Segment(error) => error.code(),
            RegionError::Place(error) => error.code(),
        }
    }
}

/// Reads one region of a file, on the grid of its image.
///
/// A label image must have the image's grid up to `tolerance_mm`; a segmentation with named segments may be a part of it.
/// Within the tolerance the grids are one, and the region has the image's.
///
/// # Errors
/// [`RegionError`].
pub fn region_bytes(
    bytes: &[u8],
    which: RegionName<'_>,
    image: &Geometry,
    tolerance_mm: f64,
) -> Result<Mask, RegionError> {
    if nrrd::has_segments(bytes) {
        let choice = which
            .name
            .map_or(SegmentChoice::Label(which.label), SegmentChoice::Name);
        let mask = Segmentation::read_bytes(bytes)?.mask(choice)?;
        return more_than_one_voxel(mask.onto_grid(image, tolerance_mm)?);
    }
    if let Some(name) = which.name {
        let name = name.to_owned();
        return Err(RegionError::NoNames { name });
    }
    let labels = super::read_bytes(bytes)?;
    let mut mask = Mask::from_volume(&labels, LabelChoice::Value(which.label))?;
    check_geometry(image, &mask.geometry, tolerance_mm)?;
    mask.geometry = *image;
    Ok(mask)
}

/// One voxel has neither shape nor texture.
fn more_than_one_voxel(mask: Mask) -> Result<Mask, RegionError> {
    match mask.bounding_box() {
        Some((low, high)) if low == high => Err(MaskError::OneVoxel { voxel: low }.into()),
        _ => Ok(mask),
    }
}
