//! `featureClass`: the features that are wanted, class by class.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{OutOfRange, within};
use crate::problem::suggest;

/// Features of the original image that are not deprecated, without `shape2D`.
pub const N_DEFAULT_FEATURES: usize = 107;

/// Feature classes that are wanted, each with the names wanted; an empty list is every feature of the class that is not deprecated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[allow(non_snake_case)]
pub struct FeatureClasses {
    /// Shape in space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<String>>,
    /// Shape in a slice; needs `force2D` and a region of one slice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape2D: Option<Vec<String>>,
    /// First-order statistics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firstorder: Option<Vec<String>>,
    /// Grey-level co-occurrence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub glcm: Option<Vec<String>>,
    /// Grey-level run lengths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub glrlm: Option<Vec<String>>,
    /// Grey-level size zones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub glszm: Option<Vec<String>>,
    /// Grey-level dependence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gldm: Option<Vec<String>>,
    /// Neighbourhood grey-tone difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ngtdm: Option<Vec<String>>,
}

impl FeatureClasses {
    /// Classes that are wanted with the names wanted, in order.
    pub fn wanted(&self) -> Vec<(&'static str, &[String])> {
        let all = [
            ("shape", &self.shape),
            ("shape2D", &self.shape2D),
            ("firstorder", &self.firstorder),
            ("glcm", &self.glcm),
            ("glrlm", &self.glrlm),
            ("glszm", &self.glszm),
            ("gldm", &self.gldm),
            ("ngtdm", &self.ngtdm),
        ];
        all.into_iter()
            .filter_map(|(class, names)| Some((class, names.as_deref()?)))
            .collect()
    }

    /// Names in alphabetical order, each once.
    pub(super) fn sorted(mut self) -> FeatureClasses {
        let all = [
            &mut self.shape,
            &mut self.shape2D,
            &mut self.firstorder,
            &mut self.glcm,
            &mut self.glrlm,
            &mut self.glszm,
            &mut self.gldm,
            &mut self.ngtdm,
        ];
        for names in all.into_iter().flatten() {
            names.sort();
            names.dedup();
        }
        self
    }

    /// Whether it says no more than nothing: no class at all is every class, as in PyRadiomics. `shape2D` yields nothing without `force2D`.
    pub(super) fn is_default(&self, force_2d: bool) -> bool {
        let wanted = self.wanted();
        let whole = |class: &str| {
            wanted
                .iter()
                .any(|(c, names)| *c == class && names.is_empty())
        };
        wanted.is_empty()
            || NAMES.iter().all(|(class, _)| {
                whole(class) || (*class == "shape2D" && !force_2d && !self.names_shape_2d())
            })
    }

    fn names_shape_2d(&self) -> bool {
        self.shape2D.as_ref().is_some_and(|names| !names.is_empty())
    }

    pub(super) fn check(&self) -> Result<(), OutOfRange> {
        for (class, names) in self.wanted() {
            let known: Vec<&str> = NAMES
                .iter()
                .filter(|(c, _)| *c == class)
                .flat_map(|(_, names)| names.split(' '))
                .collect();
            if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
                return within(
                    false,
                    key(class),
                    format!("`{name}` ({})", suggest(name, known)),
                    "features of the class",
                );
            }
        }
        Ok(())
    }
}

/// How a class is named in a message.
fn key(class: &str) -> &'static str {
    match class {
        "shape" => "featureClass.shape",
        "shape2D" => "featureClass.shape2D",
        "firstorder" => "featureClass.firstorder",
        "glcm" => "featureClass.glcm",
        "glrlm" => "featureClass.glrlm",
        "glszm" => "featureClass.glszm",
        "gldm" => "featureClass.gldm",
        _ => "featureClass.ngtdm",
    }
}

/// Names by class; the deprecated ones, computed only when named, stand last.
const NAMES: &[(&str, &str)] = &[
    (
        "shape",
        "Elongation Flatness LeastAxisLength MajorAxisLength Maximum2DDiameterColumn Maximum2DDiameterRow Maximum2DDiameterSlice \
         Maximum3DDiameter MeshVolume MinorAxisLength Sphericity SurfaceArea SurfaceVolumeRatio VoxelVolume \
         Compactness1 Compactness2 SphericalDisproportion",
    ),
    (
        "shape2D",
        "Elongation MajorAxisLength MaximumDiameter MeshSurface MinorAxisLength Perimeter PerimeterSurfaceRatio PixelSurface \
         Sphericity SphericalDisproportion",
    ),
    (
        "firstorder",
        "10Percentile 90Percentile Energy Entropy InterquartileRange Kurtosis Maximum MeanAbsoluteDeviation Mean Median Minimum \
         Range RobustMeanAbsoluteDeviation RootMeanSquared Skewness TotalEnergy Uniformity Variance StandardDeviation",
    ),
    (
        "glcm",
        "Autocorrelation ClusterProminence ClusterShade ClusterTendency Contrast Correlation DifferenceAverage DifferenceEntropy \
         DifferenceVariance Id Idm Idmn Idn Imc1 Imc2 InverseVariance JointAverage JointEnergy JointEntropy MCC MaximumProbability \
         SumAverage SumEntropy SumSquares Dissimilarity Homogeneity1 Homogeneity2 SumVariance",
    ),
    (
        "glrlm",
        "GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance HighGrayLevelRunEmphasis LongRunEmphasis \
         LongRunHighGrayLevelEmphasis LongRunLowGrayLevelEmphasis LowGrayLevelRunEmphasis RunEntropy RunLengthNonUniformity \
         RunLengthNonUniformityNormalized RunPercentage RunVariance ShortRunEmphasis ShortRunHighGrayLevelEmphasis \
         ShortRunLowGrayLevelEmphasis",
    ),
    (
        "glszm",
        "GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance HighGrayLevelZoneEmphasis LargeAreaEmphasis \
         LargeAreaHighGrayLevelEmphasis LargeAreaLowGrayLevelEmphasis LowGrayLevelZoneEmphasis SizeZoneNonUniformity \
         SizeZoneNonUniformityNormalized SmallAreaEmphasis SmallAreaHighGrayLevelEmphasis SmallAreaLowGrayLevelEmphasis ZoneEntropy \
         ZonePercentage ZoneVariance",
    ),
    (
        "gldm",
        "DependenceEntropy DependenceNonUniformity DependenceNonUniformityNormalized DependenceVariance GrayLevelNonUniformity \
         GrayLevelVariance HighGrayLevelEmphasis LargeDependenceEmphasis LargeDependenceHighGrayLevelEmphasis \
         LargeDependenceLowGrayLevelEmphasis LowGrayLevelEmphasis SmallDependenceEmphasis SmallDependenceHighGrayLevelEmphasis \
         SmallDependenceLowGrayLevelEmphasis DependencePercentage GrayLevelNonUniformityNormalized",
    ),
    ("ngtdm", "Busyness Coarseness Complexity Contrast Strength"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_as_the_program_s() {
        let count = |class: &str| {
            NAMES
                .iter()
                .filter(|(c, _)| *c == class)
                .flat_map(|(_, names)| names.split(' '))
                .count()
        };
        let counts = [
            "shape",
            "shape2D",
            "firstorder",
            "glcm",
            "glrlm",
            "glszm",
            "gldm",
            "ngtdm",
        ]
        .map(count);
        assert_eq!(counts, [17, 10, 19, 28, 16, 16, 16, 5]);
        assert_eq!(
            counts.iter().sum::<usize>() - 10 - 3 - 1 - 4 - 2,
            N_DEFAULT_FEATURES
        );
    }
}
