//! Parameters of feature extraction, under the names PyRadiomics gives them.

mod classes;
mod document;
mod image_types;
mod settings;
mod unheeded;

pub use classes::{FeatureClasses, N_DEFAULT_FEATURES};
pub use image_types::{CustomSettings, ImageTypes};
pub use settings::{FeatureSettings, Interpolator, Lbp2dMethod, ResegmentMode, WeightingNorm};
pub use unheeded::Unheeded;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{OutOfRange, Params, ParamsError, within};

/// Parameters of `extract-features`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case)]
pub struct ExtractParams {
    /// The label of the region in the mask, ≥ 1. Source: 1, PyRadiomics' default.
    pub label: i32,
    /// Settings of PyRadiomics; in a study also the name of a set that comes with the program, or a settings file relative to the study.
    pub settings: FeatureSettings,
    /// Image types with their own settings. Source: the original image alone.
    #[serde(default)]
    pub imageType: Option<ImageTypes>,
    /// Feature classes with the features wanted; an empty list is all of the class. Source: all classes.
    #[serde(default)]
    pub featureClass: Option<FeatureClasses>,
    /// What PyRadiomics does not have. Source: none of it.
    #[serde(default)]
    pub radloom: Option<OwnSettings>,
}

/// Settings that PyRadiomics does not have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[allow(non_snake_case)]
pub struct OwnSettings {
    /// Which voxels give the mean and the standard deviation of `normalize`. Source: image, as PyRadiomics.
    #[serde(skip_serializing_if = "NormalizeMask::is_default")]
    pub normalizeMask: NormalizeMask,
    /// Voxel spacing in the plane of the slices after resampling, mm, > 0; across slices the spacing stays as it is. Excludes
    /// `resampledPixelSpacing`. Source: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inPlaneSpacing: Option<f64>,
}

/// Which voxels an image is normalised by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NormalizeMask {
    /// All voxels, air included.
    #[default]
    Image,
    /// The body: voxels above Otsu's threshold, the largest part, holes filled in each slice.
    Body,
}

impl NormalizeMask {
    fn is_default(&self) -> bool {
        *self == NormalizeMask::default()
    }
}

impl ExtractParams {
    /// PyRadiomics' own defaults.
    pub fn pyradiomics_defaults() -> ExtractParams {
        ExtractParams {
            label: 1,
            settings: FeatureSettings::pyradiomics_defaults(),
            imageType: None,
            featureClass: None,
            radloom: None,
        }
    }

    /// The same extraction in its shortest form: what equals the defaults is left out.
    fn shortest(mut self) -> ExtractParams {
        self.imageType = self.imageType.filter(|types| !types.is_original_only());
        self.featureClass = self
            .featureClass
            .map(FeatureClasses::sorted)
            .filter(|classes| !classes.is_default(self.settings.force2D));
        self.radloom = self.radloom.filter(|own| *own != OwnSettings::default());
        self
    }
}

impl Params for ExtractParams {
    const KINDS: &'static [&'static str] = &["extract-features"];
    fn presets() -> Vec<(&'static str, ExtractParams)> {
        vec![("pyradiomics", ExtractParams::pyradiomics_defaults())]
    }
    fn gather(set: Map<String, Value>) -> Result<Map<String, Value>, ParamsError> {
        document::gather(set)
    }
    fn shorten(self) -> ExtractParams {
        self.shortest()
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(self.label >= 1, "label", self.label, "at least 1")?;
        self.settings.check()?;
        if let Some(types) = &self.imageType {
            types.check()?;
        }
        if let Some(classes) = &self.featureClass {
            classes.check()?;
        }
        let in_plane = self.radloom.as_ref().and_then(|own| own.inPlaneSpacing);
        within(
            in_plane.is_none_or(|mm| mm > 0.0 && mm.is_finite()),
            "radloom.inPlaneSpacing",
            in_plane.unwrap_or_default(),
            "above 0",
        )?;
        within(
            in_plane.is_none() || self.settings.resampledPixelSpacing.is_none(),
            "radloom.inPlaneSpacing",
            in_plane.unwrap_or_default(),
            "left out beside settings.resampledPixelSpacing",
        )
    }
}
