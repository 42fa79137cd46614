//! What an extraction is told to do.

use crate::filter::ImageType;
use crate::settings::Settings;
use imaging::normalise::NormaliseParams;
use imaging::resample::Interpolator;

/// Settings of a whole extraction; names in parentheses are those of PyRadiomics' parameter file.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtractionSettings {
    /// Checks of the region and shape features, and what images that say nothing else use.
    pub classes: Settings,
    /// The images features are taken from, in order (`imageType`).
    pub images: Vec<ImageRequest>,
    /// Z-scores before anything else (`normalize`).
    pub normalise: Option<Normalisation>,
    /// Another voxel spacing (`resampledPixelSpacing`).
    pub resample: Option<Resampling>,
    /// Whether image and region are cut to the region's box before the filters (`preCrop`); resampling does so in any case.
    pub pre_crop: bool,
    /// Voxels kept around the box by resampling and cutting (`padDistance`).
    pub pad_voxels: usize,
    /// A narrower region for all classes but shape (`resegmentRange`).
    pub resegment: Option<Resegmentation>,
    /// Whether a mask on another grid is brought to the image's (`correctMask`).
    pub correct_mask: bool,
    /// How far the grids of image and mask may place a voxel apart, in voxels along x (`geometryTolerance`); `None` for
    /// [`imaging::mask::TOLERANCE_MM`].
    pub geometry_tolerance_voxels: Option<f64>,
}

/// One image type, with the settings of the feature classes for its images.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRequest {
    /// The type with the settings of its filter.
    pub image_type: ImageType,
    /// Settings of the classes.
    pub classes: Settings,
}

/// How an image is normalised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalisation {
    /// Scale and outliers (`normalizeScale`, `removeOutliers`).
    pub params: NormaliseParams,
    /// The voxels that give mean and standard deviation.
    pub over: NormaliseOver,
}

/// The voxels that give mean and standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormaliseOver {
    /// All, as in PyRadiomics.
    Image,
    /// The body ([`imaging::body::body_mask`]).
    Body,
}

/// How image and region are resampled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resampling {
    /// The new spacing.
    pub spacing: Spacing,
    /// How the image's values are found (`interpolator`); the region's are the nearest.
    pub interpolator: Interpolator,
}

/// A voxel spacing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spacing {
    /// Along x, y, z, mm; 0 keeps the mask's.
    PerAxis([f64; 3]),
    /// Along both axes of the slices, mm; across slices ([`imaging::Geometry::slice_axis`] of the mask) the spacing stays.
    InPlane(f64),
}

/// Which voxels of the region stay.
#[derive(Debug, Clone, PartialEq)]
pub struct Resegmentation {
    /// One lower threshold, or two (in any order) between which voxels stay, both included (`resegmentRange`).
    pub thresholds: Vec<f64>,
    /// What the thresholds are relative to (`resegmentMode`).
    pub mode: ResegmentMode,
    /// Whether shape features too are those of the narrower region (`resegmentShape`).
    pub shape_too: bool,
}

/// What a threshold is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResegmentMode {
    /// Nothing: it is an intensity.
    Absolute,
    /// The region's maximum: a fraction of it.
    Relative,
    /// The region's mean: a number of standard deviations (divisor n).
    Sigma,
}

impl ExtractionSettings {
    /// PyRadiomics 3.1.0's own defaults: the 107 features of the original image as it is.
    #[must_use]
    pub fn pyradiomics_defaults() -> ExtractionSettings {
        let classes = Settings::pyradiomics_defaults();
        ExtractionSettings {
            images: vec![ImageRequest {
                image_type: ImageType::Original,
                classes: classes.clone(),
            }],
            classes,
            normalise: None,
            resample: None,
            pre_crop: false,
            pad_voxels: 5,
            resegment: None,
            correct_mask: false,
            geometry_tolerance_voxels: None,
        }
    }
}
