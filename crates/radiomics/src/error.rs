//! Why there is no extraction, and why a feature has no value.

use thiserror::Error;

/// Why no feature can be extracted at all.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ExtractError {
    /// Image and mask have different grids.
    #[error("mask has {mask:?} voxels, image has {image:?}")]
    DimensionsDiffer {
        /// Voxels of the image along x, y, z.
        image: [usize; 3],
        /// Voxels of the mask along x, y, z.
        mask: [usize; 3],
    },
    /// A voxel array has not one value per voxel of its grid.
    #[error("{n_values} values for a grid of {n_voxels} voxels")]
    Length {
        /// Values given.
        n_values: usize,
        /// Voxels of the grid.
        n_voxels: usize,
    },
    /// The mask holds no voxel.
    #[error("mask is empty")]
    EmptyMask,
    /// The mask holds one voxel.
    #[error("mask holds a single voxel")]
    SingleVoxel,
    /// The region is longer than one voxel along too few axes.
    #[error("region has {dimensions} dimensions, must have at least {minimum}")]
    TooFewDimensions {
        /// Axes along which the bounding box is longer than one voxel.
        dimensions: usize,
        /// `minimum_roi_dimensions`.
        minimum: usize,
    },
    /// The region has too few voxels.
    #[error("region has {n_voxels} voxels, must have more than {minimum}")]
    TooSmall {
        /// Voxels of the region.
        n_voxels: usize,
        /// `minimum_roi_size`.
        minimum: usize,
    },
    /// A voxel of the region is infinite or not a number.
    #[error("voxel {position} of the region has a value that is not finite")]
    NotFinite {
        /// Position among the region's voxels in scan order.
        position: usize,
    },
    /// A bin width that is not a positive number, or no bins at all.
    #[error("bins cannot be made from {bin}, must be a positive finite number")]
    InvalidBin {
        /// The width or count asked for.
        bin: f64,
    },
    /// The discretisation gives more grey levels than a texture matrix can hold.
    #[error(
        "discretisation gives {n_levels} grey levels, must be at most {limit}; ask for a larger binWidth, or for a binCount"
    )]
    TooManyGreyLevels {
        /// The highest grey level.
        n_levels: f64,
        /// The largest number allowed.
        limit: usize,
    },
    /// Distances between neighbours that are none, zero or repeated.
    #[error("distances are {distances:?}, must be different whole numbers of voxels from 1 on")]
    InvalidDistances {
        /// The distances asked for.
        distances: Vec<u32>,
    },
    /// An axis across the slices that is not 0 (z), 1 (y) or 2 (x).
    #[error("force2Ddimension is {dimension}, must be 0 for z, 1 for y or 2 for x")]
    InvalidForce2dDimension {
        /// `force_2d_dimension`.
        dimension: usize,
    },
    /// Shape of a slice is wanted in three dimensions.
    #[error("shape2D is enabled without force2D; set force2D or disable shape2D")]
    Shape2dWithoutForce2d,
    /// A minimum dimension outside 1 to 3.
    #[error("minimum dimension of a region is {minimum}, must be 1, 2 or 3")]
    InvalidMinimumDimensions {
        /// `minimum_roi_dimensions`.
        minimum: usize,
    },
}

impl ExtractError {
    /// A stable name of the problem, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            ExtractError::DimensionsDiffer { .. } | ExtractError::Length { .. } => {
                "geometry-mismatch"
            }
            ExtractError::EmptyMask => "mask-empty",
            ExtractError::SingleVoxel => "mask-one-voxel",
            ExtractError::TooFewDimensions { .. } => "mask-too-flat",
            ExtractError::TooSmall { .. } => "mask-too-small",
            ExtractError::NotFinite { .. } => "voxels-not-finite",
            ExtractError::InvalidBin { .. } => "bin-settings",
            ExtractError::TooManyGreyLevels { .. } => "too-many-grey-levels",
            ExtractError::InvalidDistances { .. } => "distances",
            ExtractError::InvalidForce2dDimension { .. } => "force-2d-dimension",
            ExtractError::Shape2dWithoutForce2d => "shape-2d-without-force-2d",
            ExtractError::InvalidMinimumDimensions { .. } => "minimum-dimensions",
        }
    }
}

/// Why a feature of a valid region has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Undefined {
    /// RobustMeanAbsoluteDeviation: the 10–90 % range holds nothing.
    #[error("no voxel lies between the 10th and the 90th percentile")]
    EmptyPercentileRange,
    /// GLCM: no two voxels of the region are neighbours.
    #[error("no two voxels of the region are neighbours")]
    NoNeighbours,
    /// GLRLM: no straight line of voxels meets the region twice.
    #[error("no line along any direction holds two voxels of the region")]
    NoLine,
    /// GLCM: the weights exp(−d²) of all directions that have pairs are 0 in double precision.
    #[error(
        "the distance weights of all directions are zero; spacings are too large for weightingNorm"
    )]
    NoWeight,
    /// Shape of a slice: the region has several.
    #[error("the region has more than one slice across force2Ddimension")]
    SeveralSlices,
    /// The derived image does not exist for this image; the extraction's diagnostics say why.
    #[error("there is no such derived image of this image")]
    NoImage,
    /// The value exceeds double precision.
    #[error("the value is beyond the range of double precision")]
    Overflow,
}
