//! What image and region looked like on the way.

use crate::filter::SkipReason;
use crate::sum::pairwise;
use imaging::components::{Connectivity, components};
use imaging::{Geometry, Mask};

/// Fewer grey levels than this say little about texture, more than [`LEVELS_MAX`] leave most matrix cells empty.
const LEVELS_MIN: usize = 16;
/// See [`LEVELS_MIN`].
const LEVELS_MAX: usize = 128;

/// What an extraction saw, for people and for quality control.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostics {
    /// Distance between voxels along x, y, z where features were measured, mm.
    pub spacing_mm: [f64; 3],
    /// First voxel of the region's bounding box there.
    pub bounding_box_lower: [usize; 3],
    /// Voxels of the bounding box along x, y, z.
    pub bounding_box_size: [usize; 3],
    /// The measured region on the original image type.
    pub region: Intensities,
    /// The image as given and, if resampled or cut, after it.
    pub grids: Vec<GridSummary>,
    /// The region at each stage it went through.
    pub regions: Vec<RegionSummary>,
    /// Derived images in order.
    pub images: Vec<ImageSummary>,
    /// Derived images that there are not.
    pub skipped: Vec<SkippedImage>,
}

/// Intensities of a region.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intensities {
    /// Voxels of the region.
    pub n_voxels: usize,
    /// Smallest.
    pub minimum: f64,
    /// Mean.
    pub mean: f64,
    /// Largest.
    pub maximum: f64,
}

/// A grid that an image was on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GridSummary {
    /// Voxels along x, y, z.
    pub dims: [usize; 3],
    /// Distance between them, mm.
    pub spacing_mm: [f64; 3],
}

/// A stage that regions go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegionStage {
    /// As given.
    Original,
    /// On the resampled or cut grid.
    Interpolated,
    /// Brought to the image's grid.
    Corrected,
    /// Between the thresholds.
    Resegmented,
}

impl RegionStage {
    /// PyRadiomics' word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RegionStage::Original => "original",
            RegionStage::Interpolated => "interpolated",
            RegionStage::Corrected => "corrected",
            RegionStage::Resegmented => "resegmented",
        }
    }
}

/// A region at one stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RegionSummary {
    /// The stage.
    pub stage: RegionStage,
    /// Voxels.
    pub n_voxels: usize,
    /// Parts that touch by faces, edges or corners.
    pub n_parts: usize,
    /// First voxel of the bounding box.
    pub bounding_box_lower: [usize; 3],
    /// Voxels of the bounding box along x, y, z.
    pub bounding_box_size: [usize; 3],
    /// Mean place of the voxels, RAS+ mm.
    pub centre_mm: [f64; 3],
}

/// A derived image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSummary {
    /// Its name.
    pub name: String,
    /// Occupied grey levels in the region.
    pub n_grey_levels: usize,
    /// Highest grey level in the region.
    pub highest_grey_level: usize,
}

impl ImageSummary {
    /// Whether the number of grey levels is outside 16 to 128, where texture features say little.
    #[must_use]
    pub fn is_unusual(&self) -> bool {
        !(LEVELS_MIN..=LEVELS_MAX).contains(&self.n_grey_levels)
    }
}

/// A derived image that there is not, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct SkippedImage {
    /// The name it would have had.
    pub name: String,
    /// Why there is none.
    pub reason: String,
}

impl SkippedImage {
    pub(super) fn new(name: String, reason: &SkipReason) -> SkippedImage {
        SkippedImage {
            name,
            reason: reason.to_string(),
        }
    }
}

impl GridSummary {
    pub(super) fn of(geometry: &Geometry) -> GridSummary {
        GridSummary {
            dims: geometry.dims,
            spacing_mm: geometry.spacing_mm(),
        }
    }
}

impl RegionSummary {
    /// `None` for an empty region.
    pub(super) fn of(stage: RegionStage, mask: &Mask) -> Option<RegionSummary> {
        let (low, high) = mask.bounding_box()?;
        let part = imaging::crop::crop_mask(mask, low, high);
        let parts = components(&part.inside, part.geometry.dims, Connectivity::TwentySix);
        let indices: Vec<usize> = (0..part.inside.len()).filter(|&i| part.inside[i]).collect();
        let n = indices.len() as f64;
        let centre = [0, 1, 2].map(|axis| {
            let sum = pairwise(indices.len(), |i| {
                part.geometry.voxel(indices[i])[axis] as f64
            });
            sum / n
        });
        Some(RegionSummary {
            stage,
            n_voxels: indices.len(),
            n_parts: parts.sizes.len(),
            bounding_box_lower: low,
            bounding_box_size: [0, 1, 2].map(|axis| high[axis] - low[axis] + 1),
            centre_mm: part.geometry.world_mm(centre),
        })
    }
}

impl Intensities {
    pub(super) fn of(values: &[f64]) -> Intensities {
        Intensities {
            n_voxels: values.len(),
            minimum: values.iter().copied().fold(f64::INFINITY, f64::min),
            mean: pairwise(values.len(), |i| values[i]) / values.len() as f64,
            maximum: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}
