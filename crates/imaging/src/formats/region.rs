//! A region of interest on the grid of its image.

use super::{Bundle, FormatError, is_bundle};
use crate::dicom::{self, RoiChoice, RoiError};
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
    /// The channel that the label is in, for files of several numbers a voxel; counted from 0.
    pub channel: Option<usize>,
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
    /// A structure set or a DICOM segmentation without such a region.
    #[error(transparent)]
    Roi(#[from] RoiError),
    /// A folder with several files of regions, or with none.
    #[error("{n_files} files with regions in the folder, one is needed")]
    Files {
        /// How many.
        n_files: usize,
    },
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
            RegionError::Roi(error) => error.code(),
            RegionError::Files { n_files: 0 } => "no-regions",
            RegionError::Files { .. } => "several-files",
        }
    }
}

/// The image that a region is drawn on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RegionImage<'a> {
    /// Its grid.
    pub geometry: &'a Geometry,
    /// Its DICOM series (a file or a bundle), where it is known: its frame of reference is compared with the region's.
    pub series: Option<&'a [u8]>,
    /// How far a voxel or a contour may lie from its place, mm.
    pub tolerance_mm: f64,
}

/// Reads one region of a file, on the grid of its image.
///
/// A label image must have the image's grid; a segmentation with named segments may be a part of it, and contours must lie on its
/// slices. Within the tolerance the grids are one, and the region has the image's. What a bundle chose goes before `which`.
///
/// # Errors
/// [`RegionError`].
pub fn region_bytes(
    bytes: &[u8],
    which: RegionName<'_>,
    image: RegionImage<'_>,
) -> Result<Mask, RegionError> {
    if is_bundle(bytes) {
        let bundle = Bundle::decode(bytes).ok_or(FormatError::Bundle)?;
        let which = RegionName {
            name: bundle.choice.region.as_deref().or(which.name),
            ..which
        };
        // A folder may hold the image's slices beside the region.
        let regions: Vec<&[u8]> = match bundle.files[..] {
            [file] => vec![file],
            _ => bundle
                .files
                .into_iter()
                .filter(|f| dicom::has_regions(f))
                .collect(),
        };
        return match regions[..] {
            [file] if !is_bundle(file) => region_of_file(file, which, image),
            _ => Err(RegionError::Files {
                n_files: regions.len(),
            }),
        };
    }
    region_of_file(bytes, which, image)
}

fn region_of_file(
    bytes: &[u8],
    which: RegionName<'_>,
    image: RegionImage<'_>,
) -> Result<Mask, RegionError> {
    let RegionImage {
        geometry,
        tolerance_mm,
        ..
    } = image;
    if nrrd::has_segments(bytes) && which.channel.is_none() {
        let choice = which
            .name
            .map_or(SegmentChoice::Label(which.label), SegmentChoice::Name);
        let mask = Segmentation::read_bytes(bytes)?.mask(choice)?;
        return more_than_one_voxel(mask.onto_grid(geometry, tolerance_mm)?);
    }
    if dicom::is_dicom(bytes) {
        let number = u32::try_from(which.label).unwrap_or(0);
        let choice = which
            .name
            .map_or(RoiChoice::Number(number), RoiChoice::Name);
        let frame = image.series.map(frame_of_reference).transpose()?.flatten();
        let mask = dicom::read_region(bytes, choice, geometry, frame.as_deref(), tolerance_mm)?;
        return more_than_one_voxel(mask);
    }
    if let Some(name) = which.name {
        let name = name.to_owned();
        return Err(RegionError::NoNames { name });
    }
    let labels = super::read_channels(bytes)?.choose(which.channel)?;
    let mut mask = Mask::from_volume(&labels, LabelChoice::Value(which.label))?;
    check_geometry(geometry, &mask.geometry, tolerance_mm)?;
    mask.geometry = *geometry;
    Ok(mask)
}

/// The frame of reference of a series; an image in another format has none.
fn frame_of_reference(series: &[u8]) -> Result<Option<String>, FormatError> {
    if dicom::is_dicom(series) {
        return Ok(dicom::frame_of_reference(&[series], None)?);
    }
    match Bundle::decode(series) {
        Some(bundle) if bundle.files.iter().all(|file| dicom::is_dicom(file)) => {
            let uid = bundle.choice.series.as_deref();
            Ok(dicom::frame_of_reference(&bundle.files, uid)?)
        }
        _ => Ok(None),
    }
}

/// One voxel has neither shape nor texture.
fn more_than_one_voxel(mask: Mask) -> Result<Mask, RegionError> {
    match mask.bounding_box() {
        Some((low, high)) if low == high => Err(MaskError::OneVoxel { voxel: low }.into()),
        _ => Ok(mask),
    }
}
