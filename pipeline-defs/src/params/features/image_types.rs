//! `imageType`: the images that features are taken from, with settings of their own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::OutOfRange;
use super::settings::{Lbp2dMethod, WeightingNorm, above_0, at_least_1, axis, distances, sigma};

/// Image types that are wanted. Their order in a file has no meaning here: features come in the order of these fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[allow(non_snake_case)]
pub struct ImageTypes {
    /// The image itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub Original: Option<CustomSettings>,
    /// Stationary wavelet transform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub Wavelet: Option<CustomSettings>,
    /// Laplacian of Gaussian.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub LoG: Option<CustomSettings>,
    /// Square.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub Square: Option<CustomSettings>,
    /// Square root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub SquareRoot: Option<CustomSettings>,
    /// Logarithm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub Logarithm: Option<CustomSettings>,
    /// Exponential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub Exponential: Option<CustomSettings>,
    /// Magnitude of the gradient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub Gradient: Option<CustomSettings>,
    /// Local binary pattern of every slice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub LBP2D: Option<CustomSettings>,
    /// Local binary pattern on a sphere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub LBP3D: Option<CustomSettings>,
}

/// Settings of one image type, in place of those in `setting`. Those of the region, of normalisation and of resampling cannot differ
/// between image types.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[allow(non_snake_case)]
pub struct CustomSettings {
    /// As in `setting`; without effect where a `binCount` stands, here or there, as in PyRadiomics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binWidth: Option<f64>,
    /// As in `setting`; takes the place of `binWidth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binCount: Option<u32>,
    /// As in `setting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distances: Option<Vec<u32>>,
    /// As in `setting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gldm_a: Option<u32>,
    /// As in `setting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symmetricalGLCM: Option<bool>,
    /// As in `setting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voxelArrayShift: Option<f64>,
    /// As in `setting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force2D: Option<bool>,
    /// As in `setting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force2Ddimension: Option<u32>,
    /// As in `setting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weightingNorm: Option<WeightingNorm>,
    /// As in `setting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigma: Option<Vec<f64>>,
    /// As in `setting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wavelet: Option<String>,
    /// As in `setting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_level: Option<u32>,
    /// As in `setting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<u32>,
    /// As in `setting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradientUseSpacing: Option<bool>,
    /// As in `setting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lbp2DRadius: Option<f64>,
    /// As in `setting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lbp2DSamples: Option<u32>,
    /// As in `setting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lbp2DMethod: Option<Lbp2dMethod>,
    /// As in `setting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lbp3DLevels: Option<u32>,
    /// As in `setting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lbp3DIcosphereRadius: Option<f64>,
    /// As in `setting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lbp3DIcosphereSubdivision: Option<u32>,
}

impl ImageTypes {
    /// Names and settings of the types that are wanted, in order.
    pub fn wanted(&self) -> Vec<(&'static str, &CustomSettings)> {
        let all = [
            ("Original", &self.Original),
            ("Wavelet", &self.Wavelet),
            ("LoG", &self.LoG),
            ("Square", &self.Square),
            ("SquareRoot", &self.SquareRoot),
            ("Logarithm", &self.Logarithm),
            ("Exponential", &self.Exponential),
            ("Gradient", &self.Gradient),
            ("LBP2D", &self.LBP2D),
            ("LBP3D", &self.LBP3D),
        ];
        all.into_iter()
            .filter_map(|(name, custom)| Some((name, custom.as_ref()?)))
            .collect()
    }

    /// Whether it says no more than nothing: no type at all is the original image, as in PyRadiomics.
    pub(super) fn is_original_only(&self) -> bool {
        let original = ImageTypes {
            Original: Some(CustomSettings::default()),
            ..ImageTypes::default()
        };
        *self == ImageTypes::default() || *self == original
    }

    pub(super) fn check(&self) -> Result<(), OutOfRange> {
        self.wanted()
            .into_iter()
            .try_for_each(|(_, custom)| custom.check())
    }
}

impl CustomSettings {
    fn check(&self) -> Result<(), OutOfRange> {
        above_0("imageType.….binWidth", self.binWidth)?;
        at_least_1("imageType.….binCount", self.binCount)?;
        distances(
            "imageType.….distances",
            self.distances.as_deref().unwrap_or(&[1]),
        )?;
        axis("imageType.….force2Ddimension", self.force2Ddimension)?;
        sigma("imageType.….sigma", self.sigma.as_deref().unwrap_or(&[]))?;
        at_least_1("imageType.….level", self.level)?;
        above_0("imageType.….lbp2DRadius", self.lbp2DRadius)?;
        at_least_1("imageType.….lbp2DSamples", self.lbp2DSamples)?;
        at_least_1("imageType.….lbp3DLevels", self.lbp3DLevels)?;
        above_0(
            "imageType.….lbp3DIcosphereRadius",
            self.lbp3DIcosphereRadius,
        )
    }
}
