//! Why there is no extraction.

use crate::error::ExtractError;
use crate::filter::FilterError;
use imaging::body::BodyError;
use imaging::mask::GeometryMismatch;
use imaging::normalise::NormaliseError;
use imaging::resample::ResampleError;
use thiserror::Error;

/// Why nothing is extracted.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PipelineError {
    /// Image and mask lie on different grids, and neither resampling nor the correction of masks is asked for.
    #[error(transparent)]
    Geometry(#[from] GeometryMismatch),
    /// The image has no z-scores.
    #[error("normalisation: {0}")]
    Normalise(#[from] NormaliseError),
    /// The body, whose mean and standard deviation were asked for, is not found.
    #[error("normalisation: {0}")]
    Body(#[from] BodyError),
    /// Image and mask cannot be brought to another grid.
    #[error("resampling: {0}")]
    Resample(#[from] ResampleError),
    /// Thresholds of a number that is not 1 or 2, or not finite.
    #[error("resegmentation thresholds {thresholds:?}, must be one or two finite numbers")]
    Thresholds {
        /// The thresholds given.
        thresholds: Vec<f64>,
    },
    /// Too few voxels lie between the thresholds.
    #[error("resegmentation keeps {n_kept} of {n_voxels} voxels, must keep at least 2")]
    Resegmented {
        /// Voxels kept.
        n_kept: usize,
        /// Voxels before.
        n_voxels: usize,
    },
    /// A setting of an image type is outside its range.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The region allows no features.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// A derived image allows no features.
    #[error("{image}: {error}")]
    Image {
        /// Its name.
        image: String,
        /// Why.
        error: ExtractError,
    },
}

impl PipelineError {
    /// A stable name of the problem, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            PipelineError::Geometry(mismatch) => mismatch.code(),
            PipelineError::Normalise(NormaliseError::NotFinite { .. })
            | PipelineError::Resample(ResampleError::NotFinite { .. }) => "voxels-not-finite",
            PipelineError::Normalise(_) => "no-z-scores",
            PipelineError::Body(_) => "body-not-found",
            PipelineError::Resample(ResampleError::EmptyMask) => "mask-empty",
            PipelineError::Resample(ResampleError::OutsideImage { .. }) => "mask-outside-image",
            PipelineError::Resample(ResampleError::RegionLost { .. }) => {
                "mask-empty-after-resampling"
            }
            PipelineError::Resample(_) => "resampling-grid",
            PipelineError::Thresholds { .. } => "resegment-thresholds",
            PipelineError::Resegmented { .. } => "mask-empty-after-resegmentation",
            PipelineError::Filter(_) => "image-type-settings",
            PipelineError::Extract(error) | PipelineError::Image { error, .. } => error.code(),
        }
    }
}
