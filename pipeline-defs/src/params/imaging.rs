//! Parameters of the steps that see pixels.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OutOfRange, Params, within};

/// Parameters of `import-mask`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportMaskParams {
    /// The label of the region, ≥ 1. Source: 1, PyRadiomics' default.
    pub label: i32,
    /// How far any voxel of the delineation's grid may lie from the image's, mm, above 0 to 10. Source: 0.1, far below a
    /// voxel and above what single-precision headers and exports round.
    pub tolerance_mm: f64,
    /// The name of the region, for files that name regions (RTSTRUCT, DICOM SEG, `.seg.nrrd`); it goes before the label, and
    /// the cohort file's choice for a patient before both. Source: none, the label decides.
    #[serde(default)]
    pub region: Option<String>,
    /// The channel that the label is in, for masks of several numbers a voxel (regions that overlap), from 0. Source: none, the
    /// mask has one.
    #[serde(default)]
    pub channel: Option<u32>,
}

impl ImportMaskParams {
    /// Label 1 within a tenth of a millimetre.
    pub fn house_defaults() -> ImportMaskParams {
        ImportMaskParams {
            label: 1,
            tolerance_mm: 0.1,
            region: None,
            channel: None,
        }
    }
}

impl Params for ImportMaskParams {
    const KINDS: &'static [&'static str] = &["import-mask"];
    fn presets() -> Vec<(&'static str, ImportMaskParams)> {
        vec![("house", ImportMaskParams::house_defaults())]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(self.label >= 1, "label", self.label, "at least 1")?;
        within(
            0.0 < self.tolerance_mm && self.tolerance_mm <= 10.0,
            "tolerance_mm",
            self.tolerance_mm,
            "above 0 mm, at most 10 mm",
        )?;
        within(
            self.region.as_deref() != Some(""),
            "region",
            "\"\"",
            "a name, or absent",
        )
    }
}

/// Parameters of `n4-bias-correction` (Tustison et al., IEEE TMI 2010; Sled et al., IEEE TMI 1998).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct N4Params {
    /// The field is estimated on every n-th voxel along each axis, 1 to 64. Source: 4, ITK's filter in common use.
    pub shrink_factor: u32,
    /// Most iterations at each level of the spline grid, 1 to 10000; as many levels as numbers, at most 10. Source: ITK,
    /// 4 × 50.
    pub iterations: Vec<u32>,
    /// Stops a level when the coefficient of variation of the change of the field falls below this, > 0. Source: ITK,
    /// 0.001.
    pub convergence: f64,
    /// Control points of the spline at the first level along x, y, z; each 4 (a cubic spline) to 64. Source:
    /// ITK.
    pub control_points: [u32; 3],
    /// Distance between knots of the spline at the first level, mm, above 0; takes the place of `control_points`, which then
    /// follow from the extent of each image. Source: none, ITK counts control points.
    #[serde(default)]
    pub spline_distance_mm: Option<f64>,
    /// Full width at half maximum of the Gaussian that sharpens the histogram, in units of log intensity, > 0.
    /// Source: ITK, 0.15.
    pub fwhm: f64,
    /// Wiener noise of the deconvolution, > 0. Source: ITK, 0.01.
    pub wiener: f64,
    /// Bins of the log-intensity histogram, 2 to 65536. Source: ITK, 200.
    pub bins: u32,
    /// Where the field is estimated when no mask is given.
    pub mask: N4Mask,
}

/// Where the field is estimated when no mask is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum N4Mask {
    /// Above Otsu's threshold.
    Otsu,
    /// Everywhere.
    All,
}

impl N4Params {
    /// ITK's defaults: four levels of 50 iterations, convergence 0.001.
    pub fn itk_defaults() -> N4Params {
        N4Params {
            shrink_factor: 4,
            iterations: vec![50, 50, 50, 50],
            convergence: 0.001,
            control_points: [4, 4, 4],
            spline_distance_mm: None,
            fwhm: 0.15,
            wiener: 0.01,
            bins: 200,
            mask: N4Mask::Otsu,
        }
    }

    /// 3D Slicer's defaults: 50, 40, 30 iterations, convergence 0.0001.
    pub fn slicer() -> N4Params {
        N4Params {
            iterations: vec![50, 40, 30],
            convergence: 0.0001,
            ..N4Params::itk_defaults()
        }
    }
}

impl Params for N4Params {
    const KINDS: &'static [&'static str] = &["n4-bias-correction"];
    fn presets() -> Vec<(&'static str, N4Params)> {
        vec![
            ("itk", N4Params::itk_defaults()),
            ("slicer", N4Params::slicer()),
        ]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            1 <= self.shrink_factor && self.shrink_factor <= 64,
            "shrink_factor",
            self.shrink_factor,
            "from 1 to 64",
        )?;
        let levels = (1..=10).contains(&self.iterations.len())
            && self.iterations.iter().all(|n| (1..=10_000).contains(n));
        within(
            levels,
            "iterations",
            format!("{:?}", self.iterations),
            "1 to 10 levels, each from 1 to 10000",
        )?;
        within(
            self.convergence > 0.0,
            "convergence",
            self.convergence,
            "above 0",
        )?;
        let cubic = self.control_points.iter().all(|n| (4..=64).contains(n));
        within(
            cubic,
            "control_points",
            format!("{:?}", self.control_points),
            "from 4 to 64 each",
        )?;
        within(
            self.spline_distance_mm.is_none_or(|mm| mm > 0.0),
            "spline_distance_mm",
            self.spline_distance_mm.unwrap_or_default(),
            "above 0",
        )?;
        within(self.fwhm > 0.0, "fwhm", self.fwhm, "above 0")?;
        within(self.wiener > 0.0, "wiener", self.wiener, "above 0")?;
        within(
            2 <= self.bins && self.bins <= 65_536,
            "bins",
            self.bins,
            "from 2 to 65536",
        )
    }
}

/// Parameters of `peritumoural-ring`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RingParams {
    /// Width of the ring, mm, above 0 to 500. Source: 5 mm; the paper prints 5 cm, which would leave the pelvis.
    pub margin_mm: f64,
    /// How distance is measured. Below the slice pitch `3d-euclidean` equals `in-plane`.
    pub mode: RingMode,
    /// Neighbouring slices on each side in mode `slices`, 1 to 1000; not used otherwise.
    pub slices: u32,
    /// Leaves the tumour out of its ring.
    pub exclude_tumour: bool,
    /// What the ring may cover: the body, or all of the image.
    pub clip_to: RingClip,
}

/// How the distance from the tumour is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RingMode {
    /// In millimetres along all axes.
    #[serde(rename = "3d-euclidean")]
    Euclidean3d,
    /// In millimetres within each slice.
    #[serde(rename = "in-plane")]
    InPlane,
    /// In millimetres within each slice, and a number of neighbouring slices.
    #[serde(rename = "slices")]
    Slices,
}

/// What a ring may cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RingClip {
    /// The body: above Otsu's threshold, largest component, holes filled. Needs the image.
    Body,
    /// The image.
    Image,
}

impl RingParams {
    /// 5 mm in three dimensions, within the body.
    pub fn house_defaults() -> RingParams {
        RingParams {
            margin_mm: 5.0,
            mode: RingMode::Euclidean3d,
            slices: 1,
            exclude_tumour: true,
            clip_to: RingClip::Body,
        }
    }
}

impl Params for RingParams {
    const KINDS: &'static [&'static str] = &["peritumoural-ring"];
    fn presets() -> Vec<(&'static str, RingParams)> {
        vec![("house", RingParams::house_defaults())]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            0.0 < self.margin_mm && self.margin_mm <= 500.0,
            "margin_mm",
            self.margin_mm,
            "above 0 mm, at most 500 mm",
        )?;
        within(
            1 <= self.slices && self.slices <= 1000,
            "slices",
            self.slices,
            "from 1 to 1000",
        )
    }
}
