//! Parameters of feature extraction, under the names PyRadiomics gives them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OutOfRange, Params, shown, within};

/// Parameters of `extract-features`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtractParams {
    /// The label of the region in the mask, ≥ 1. Source: 1, PyRadiomics' default.
    pub label: i32,
    /// Settings of PyRadiomics.
    pub settings: FeatureSettings,
}

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
    /// Fewest voxels of the region; none for no limit. Source: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimumROISize: Option<u32>,
    /// Added to intensities before energy and root mean square, intensity units. Source: 0.
    pub voxelArrayShift: f64,
}

impl ExtractParams {
    /// PyRadiomics' own defaults.
    pub fn pyradiomics_defaults() -> ExtractParams {
        ExtractParams {
            label: 1,
            settings: FeatureSettings {
                binWidth: Some(25.0),
                binCount: None,
                distances: vec![1],
                gldm_a: 0,
                symmetricalGLCM: true,
                minimumROIDimensions: 2,
                minimumROISize: None,
                voxelArrayShift: 0.0,
            },
        }
    }
}

impl Params for ExtractParams {
    const KINDS: &'static [&'static str] = &["extract-features"];
    fn presets() -> Vec<(&'static str, ExtractParams)> {
        vec![("pyradiomics", ExtractParams::pyradiomics_defaults())]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        let s = &self.settings;
        within(self.label >= 1, "label", self.label, "at least 1")?;
        let one = s.binWidth.is_some() != s.binCount.is_some();
        within(
            one,
            "settings",
            format!(
                "binWidth {}, binCount {}",
                shown(s.binWidth),
                shown(s.binCount)
            ),
            "one of the two",
        )?;
        within(
            s.binWidth.is_none_or(|w| w > 0.0),
            "settings.binWidth",
            shown(s.binWidth),
            "above 0",
        )?;
        within(
            s.binCount.is_none_or(|n| n >= 1),
            "settings.binCount",
            shown(s.binCount),
            "at least 1",
        )?;
        let distances = !s.distances.is_empty() && s.distances.iter().all(|&d| d >= 1);
        within(
            distances,
            "settings.distances",
            format!("{:?}", s.distances),
            "one or more, at least 1 each",
        )?;
        let dimensions = 1 <= s.minimumROIDimensions && s.minimumROIDimensions <= 3;
        within(
            dimensions,
            "settings.minimumROIDimensions",
            s.minimumROIDimensions,
            "1, 2 or 3",
        )
    }
}
