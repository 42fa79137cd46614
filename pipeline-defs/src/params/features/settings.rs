//! `setting`: what PyRadiomics calls its settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{OutOfRange, shown, within};

/// Settings of PyRadiomics (van Griethuysen et al., Cancer Res 2017) under their own names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case)]
pub struct FeatureSettings {
    /// Width of a grey-level bin, intensity units, > 0. Either this or `binCount`. Source: 25.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binWidth: Option<f64>,
    /// Number of grey-level bins, ≥ 1. Either this or `binWidth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binCount: Option<u32>,
    /// Distances of the co-occurrence and neighbourhood matrices, voxels. Source: 1.
    pub distances: Vec<u32>,
    /// Largest difference of grey levels that counts as dependent (GLDM's α), ≥ 0. Source: 0.
    pub gldm_a: u32,
    /// Counts each pair of voxels in both directions. Source: true.
    pub symmetricalGLCM: bool,
    /// Fewest dimensions of the region: 1, 2 or 3. Source: 2.
    pub minimumROIDimensions: u32,
    /// The region must have more voxels than this; none for no limit. Source: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimumROISize: Option<u32>,
    /// Added to intensities before energy and root mean square, intensity units. Source: 0.
    pub voxelArrayShift: f64,
    /// Whether intensities become z-scores before anything else. Source: false.
    #[serde(default, skip_serializing_if = "is_default")]
    pub normalize: bool,
    /// Factor on the z-scores, > 0. Source: 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub normalizeScale: f64,
    /// Greatest |z-score|, > 0; beyond it values are cut. Source: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removeOutliers: Option<f64>,
    /// Voxel spacing along x, y, z after resampling, mm; 0 keeps the mask's. Source: none, no resampling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resampledPixelSpacing: Option<[f64; 3]>,
    /// How resampled values are found. Source: sitkBSpline.
    #[serde(default, skip_serializing_if = "is_default")]
    pub interpolator: Interpolator,
    /// Voxels kept around the region's box when resampling or cropping before the filters. Source: 5.
    #[serde(default = "five", skip_serializing_if = "is_five")]
    pub padDistance: u32,
    /// Whether the image is cut to the region's box and `padDistance` before the filters. Source: false.
    #[serde(default, skip_serializing_if = "is_default")]
    pub preCrop: bool,
    /// One or two thresholds between which voxels stay in the region (not for shape). Source: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resegmentRange: Option<Vec<f64>>,
    /// What the thresholds are relative to. Source: absolute.
    #[serde(default, skip_serializing_if = "is_default")]
    pub resegmentMode: ResegmentMode,
    /// Whether shape features too are those of the resegmented region. Source: false.
    #[serde(default, skip_serializing_if = "is_default")]
    pub resegmentShape: bool,
    /// Whether neighbours are looked for in slices only. Source: false.
    #[serde(default, skip_serializing_if = "is_default")]
    pub force2D: bool,
    /// The axis across these slices: 0 for z, 1 for y, 2 for x. Source: 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub force2Ddimension: u32,
    /// Weights of the directions of co-occurrence and run-length matrices. Source: none, each direction's features apart and averaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weightingNorm: Option<WeightingNorm>,
    /// Whether a mask on another grid is brought to the image's. Source: false, it is refused.
    #[serde(default, skip_serializing_if = "is_default")]
    pub correctMask: bool,
    /// How far the grids of image and mask may differ, in voxels. Source: 0.1 mm over the whole grid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geometryTolerance: Option<f64>,
    /// The channel of a mask that has several numbers a voxel, from 0; without effect on others, as those that `import-mask` gives.
    /// Source: 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub label_channel: u32,
    /// Has no effect: what PyRadiomics adds to the features stands in the diagnostics.
    #[serde(default, skip_serializing)]
    pub additionalInfo: bool,
    /// Widths of the Laplacian of Gaussian, mm, > 0 each. Source: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sigma: Vec<f64>,
    /// Wavelet, under PyWavelets' name. Source: coif1.
    #[serde(default = "coif1", skip_serializing_if = "is_coif1")]
    pub wavelet: String,
    /// Levels of the wavelet transform that are left out first. Source: 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub start_level: u32,
    /// Levels of the wavelet transform that are given, ≥ 1. Source: 1.
    #[serde(default = "one_u32", skip_serializing_if = "is_one_u32")]
    pub level: u32,
    /// Whether the gradient is per mm rather than per voxel. Source: true.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub gradientUseSpacing: bool,
    /// Radius of the planar pattern's circle, voxels, > 0. Source: 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub lbp2DRadius: f64,
    /// Samples on that circle, ≥ 1. Source: 8, as the program has it (its documents say 9).
    #[serde(default = "eight", skip_serializing_if = "is_eight")]
    pub lbp2DSamples: u32,
    /// What the pattern's bits become. Source: uniform.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lbp2DMethod: Lbp2dMethod,
    /// Levels of spherical harmonics of the spatial pattern, ≥ 1. Source: 2.
    #[serde(default = "two", skip_serializing_if = "is_two")]
    pub lbp3DLevels: u32,
    /// Radius of the spatial pattern's sphere, voxels, > 0. Source: 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub lbp3DIcosphereRadius: f64,
    /// Subdivisions of the icosahedron, ≥ 0. Source: 1.
    #[serde(default = "one_u32", skip_serializing_if = "is_one_u32")]
    pub lbp3DIcosphereSubdivision: u32,
}

/// How values between voxels are found, under SimpleITK's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Interpolator {
    /// Cubic B-spline; SimpleITK's number 3, since 2.5 23.
    #[default]
    #[serde(rename = "sitkBSpline")]
    BSpline,
    /// Linear; 2.
    #[serde(rename = "sitkLinear")]
    Linear,
    /// Nearest voxel; 1.
    #[serde(rename = "sitkNearestNeighbor")]
    NearestNeighbour,
    /// Gaussian of 0.8 voxels; 4.
    #[serde(rename = "sitkGaussian")]
    Gaussian,
    /// Sinc under Hamming's window of five voxels, as the next ones; 6.
    #[serde(rename = "sitkHammingWindowedSinc")]
    HammingWindowedSinc,
    /// Under a cosine; 7.
    #[serde(rename = "sitkCosineWindowedSinc")]
    CosineWindowedSinc,
    /// Under Welch's window; 8.
    #[serde(rename = "sitkWelchWindowedSinc")]
    WelchWindowedSinc,
    /// Under Lanczos' window; 9.
    #[serde(rename = "sitkLanczosWindowedSinc")]
    LanczosWindowedSinc,
    /// Under Blackman's window; 10.
    #[serde(rename = "sitkBlackmanWindowedSinc")]
    BlackmanWindowedSinc,
}

/// What resegmentation's thresholds are relative to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResegmentMode {
    /// Nothing: they are intensities.
    #[default]
    Absolute,
    /// The region's maximum.
    Relative,
    /// The region's mean, in standard deviations.
    Sigma,
}

/// Norm of the distance that weights a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WeightingNorm {
    /// Sum of steps.
    Manhattan,
    /// Length.
    Euclidean,
    /// Largest step.
    Infinity,
    /// Every direction alike, in one matrix.
    NoWeighting,
}

/// What a planar pattern's bits become, under scikit-image's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lbp2dMethod {
    /// The bits as a number.
    Default,
    /// The least number among their rotations.
    Ror,
    /// Number of ones if there are at most two changes, else one class.
    #[default]
    Uniform,
    /// As uniform, rotations kept apart.
    NriUniform,
    /// Divided by the variance of the samples.
    Var,
}

impl FeatureSettings {
    /// PyRadiomics' own defaults.
    pub fn pyradiomics_defaults() -> FeatureSettings {
        FeatureSettings {
            binWidth: Some(25.0),
            binCount: None,
            distances: vec![1],
            gldm_a: 0,
            symmetricalGLCM: true,
            minimumROIDimensions: 2,
            minimumROISize: None,
            voxelArrayShift: 0.0,
            normalize: false,
            normalizeScale: 1.0,
            removeOutliers: None,
            resampledPixelSpacing: None,
            interpolator: Interpolator::default(),
            padDistance: 5,
            preCrop: false,
            resegmentRange: None,
            resegmentMode: ResegmentMode::default(),
            resegmentShape: false,
            force2D: false,
            force2Ddimension: 0,
            weightingNorm: None,
            correctMask: false,
            geometryTolerance: None,
            label_channel: 0,
            additionalInfo: false,
            sigma: Vec::new(),
            wavelet: coif1(),
            start_level: 0,
            level: 1,
            gradientUseSpacing: true,
            lbp2DRadius: 1.0,
            lbp2DSamples: 8,
            lbp2DMethod: Lbp2dMethod::default(),
            lbp3DLevels: 2,
            lbp3DIcosphereRadius: 1.0,
            lbp3DIcosphereSubdivision: 1,
        }
    }

    pub(super) fn check(&self) -> Result<(), OutOfRange> {
        let one = self.binWidth.is_some() != self.binCount.is_some();
        within(
            one,
            "settings",
            format!(
                "binWidth {}, binCount {}",
                shown(self.binWidth),
                shown(self.binCount)
            ),
            "one of the two",
        )?;
        self.check_region()?;
        self.check_preprocessing()?;
        self.check_filters()
    }

    fn check_region(&self) -> Result<(), OutOfRange> {
        above_0("settings.binWidth", self.binWidth)?;
        at_least_1("settings.binCount", self.binCount)?;
        distances("settings.distances", &self.distances)?;
        let dimensions = 1 <= self.minimumROIDimensions && self.minimumROIDimensions <= 3;
        within(
            dimensions,
            "settings.minimumROIDimensions",
            self.minimumROIDimensions,
            "1, 2 or 3",
        )?;
        at_least_1("settings.minimumROISize", self.minimumROISize)?;
        above_0("settings.geometryTolerance", self.geometryTolerance)?;
        axis("settings.force2Ddimension", Some(self.force2Ddimension))
    }

    fn check_preprocessing(&self) -> Result<(), OutOfRange> {
        above_0("settings.normalizeScale", Some(self.normalizeScale))?;
        above_0("settings.removeOutliers", self.removeOutliers)?;
        if let Some(spacing) = self.resampledPixelSpacing {
            within(
                spacing.iter().all(|&mm| mm.is_finite() && mm >= 0.0),
                "settings.resampledPixelSpacing",
                format!("{spacing:?}"),
                "three numbers, each at least 0",
            )?;
        }
        if let Some(range) = &self.resegmentRange {
            within(
                (1..=2).contains(&range.len()) && range.iter().all(|t| t.is_finite()),
                "settings.resegmentRange",
                format!("{range:?}"),
                "one or two thresholds",
            )?;
        }
        Ok(())
    }

    fn check_filters(&self) -> Result<(), OutOfRange> {
        sigma("settings.sigma", &self.sigma)?;
        at_least_1("settings.level", Some(self.level))?;
        above_0("settings.lbp2DRadius", Some(self.lbp2DRadius))?;
        at_least_1("settings.lbp2DSamples", Some(self.lbp2DSamples))?;
        at_least_1("settings.lbp3DLevels", Some(self.lbp3DLevels))?;
        above_0(
            "settings.lbp3DIcosphereRadius",
            Some(self.lbp3DIcosphereRadius),
        )
    }
}

pub(super) fn above_0(name: &'static str, value: Option<f64>) -> Result<(), OutOfRange> {
    let ok = value.is_none_or(|v| v > 0.0 && v.is_finite());
    within(ok, name, shown(value), "above 0")
}

pub(super) fn at_least_1(name: &'static str, value: Option<u32>) -> Result<(), OutOfRange> {
    within(
        value.is_none_or(|n| n >= 1),
        name,
        shown(value),
        "at least 1",
    )
}

pub(super) fn axis(name: &'static str, value: Option<u32>) -> Result<(), OutOfRange> {
    within(
        value.is_none_or(|n| n <= 2),
        name,
        shown(value),
        "0, 1 or 2",
    )
}

pub(super) fn distances(name: &'static str, value: &[u32]) -> Result<(), OutOfRange> {
    let is_new = |(i, d): (usize, &u32)| *d >= 1 && !value[..i].contains(d);
    within(
        !value.is_empty() && value.iter().enumerate().all(is_new),
        name,
        format!("{value:?}"),
        "one or more, at least 1 each and none twice",
    )
}

pub(super) fn sigma(name: &'static str, value: &[f64]) -> Result<(), OutOfRange> {
    let ok = value.iter().all(|&mm| mm.is_finite() && mm > 0.0);
    within(ok, name, format!("{value:?}"), "widths above 0")
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A default that is not the type's, and whether a value is it.
macro_rules! default_of {
    ($($default:ident, $is:ident: $type:ty = $value:expr;)*) => {$(
        fn $default() -> $type {
            $value
        }
        fn $is(value: &$type) -> bool {
            *value == $value
        }
    )*};
}

default_of! {
    one, is_one: f64 = 1.0;
    one_u32, is_one_u32: u32 = 1;
    two, is_two: u32 = 2;
    five, is_five: u32 = 5;
    eight, is_eight: u32 = 8;
    yes, is_true: bool = true;
    coif1, is_coif1: String = String::from("coif1");
}
