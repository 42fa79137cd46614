//! Why a field cannot be estimated.

use crate::body::BodyError;
use crate::counted::Counted;
use crate::mask::GeometryMismatch;
use thiserror::Error;

/// Refusals of the bias-field correction.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum N4Error {
    /// A parameter is out of its range.
    #[error("{name} is {value}, must be {rule}")]
    Param {
        /// Name of the parameter.
        name: &'static str,
        /// Value given.
        value: f64,
        /// The range allowed.
        rule: &'static str,
    },
    /// The levels refine the lattice to more control points than are allowed.
    #[error(
        "{levels} levels refine the lattice to {dims:?} control points, at most {limit} in all"
    )]
    LatticeTooLarge {
        /// Number of levels.
        levels: usize,
        /// Control points per axis at the last level.
        dims: [usize; 3],
        /// Largest number of control points.
        limit: usize,
    },
    /// Mask and image are not on the same grid.
    #[error(transparent)]
    Grid(#[from] GeometryMismatch),
    /// The image has no Otsu threshold.
    #[error(transparent)]
    Threshold(#[from] BodyError),
    /// The values or the mask do not have one entry per voxel.
    #[error("{values} values and {mask} mask entries for {voxels} voxels")]
    Length {
        /// Number of values.
        values: usize,
        /// Number of mask entries.
        mask: usize,
        /// Voxels of the grid.
        voxels: usize,
    },
    /// An axis is too short to fit a spline along it.
    #[error("axis {axis} has {} after sub-sampling, at least {limit} are needed", Counted(*voxels, "voxel"))]
    AxisTooShort {
        /// 0, 1, 2 for x, y, z.
        axis: usize,
        /// Voxels along the axis after sub-sampling.
        voxels: usize,
        /// Fewest voxels.
        limit: usize,
    },
    /// No voxel of the mask is left after sub-sampling.
    #[error("mask has no voxel among the {voxels} after sub-sampling")]
    EmptyMask {
        /// Voxels after sub-sampling.
        voxels: usize,
    },
    /// No voxel of the mask has a logarithm.
    #[error("none of the {voxels} mask voxels after sub-sampling is positive")]
    NoPositiveVoxel {
        /// Mask voxels after sub-sampling.
        voxels: usize,
    },
    /// All mask voxels have one intensity: there is no histogram.
    #[error("mask voxels have the single log intensity {log_intensity}")]
    ConstantIntensity {
        /// The one value.
        log_intensity: f64,
    },
    /// A voxel is not finite, or is not after the correction.
    #[error("voxel {index} is {value}, must be finite in single precision, corrected or not")]
    NotFinite {
        /// Position, x fastest.
        index: usize,
        /// Value before the correction.
        value: f64,
    },
    /// A weight is negative or not finite.
    #[error("weight of voxel {index} is {value}, must be finite and at least 0")]
    Weight {
        /// Position after sub-sampling, x fastest.
        index: usize,
        /// The weight.
        value: f64,
    },
    /// The field left the range of numbers.
    #[error("field has no finite change at level {level}, iteration {iteration}")]
    Diverged {
        /// Level, from 0.
        level: usize,
        /// Iteration within the level, from 1.
        iteration: usize,
    },
    /// The progress callback asked to stop.
    #[error("stopped at level {level}, iteration {iteration}")]
    Stopped {
        /// Level, from 0.
        level: usize,
        /// Iteration within the level, from 1.
        iteration: usize,
    },
}

impl N4Error {
    /// A stable name of the problem, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            N4Error::Param { .. } => "n4-parameter",
            N4Error::LatticeTooLarge { .. } => "n4-lattice-too-large",
            N4Error::Grid(mismatch) => mismatch.code(),
            N4Error::Threshold(_) => "n4-no-threshold",
            N4Error::Length { .. } => "n4-length",
            N4Error::AxisTooShort { .. } => "n4-axis-too-short",
            N4Error::EmptyMask { .. } => "n4-empty-mask",
            N4Error::NoPositiveVoxel { .. } => "n4-no-positive-voxel",
            N4Error::ConstantIntensity { .. } => "n4-constant-intensity",
            N4Error::NotFinite { .. } => "n4-not-finite",
            N4Error::Weight { .. } => "n4-weight",
            N4Error::Diverged { .. } => "n4-diverged",
            N4Error::Stopped { .. } => "n4-stopped",
        }
    }
}
