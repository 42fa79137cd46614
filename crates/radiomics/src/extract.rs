//! From image and mask to named features.

use crate::class::ClassValues;
use crate::discretise::GreyLevels;
use crate::error::{ExtractError, Undefined};
use crate::roi::{CroppedRoi, Padded};
use crate::settings::Settings;
use crate::sum::pairwise;
use crate::{first_order, glcm, gldm, glrlm, glszm, ngtdm, shape};
use imaging::{Mask, Volume, Voxels};
use rayon::prelude::*;

/// One feature of one region.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// PyRadiomics' name: image type, class and feature, such as `original_firstorder_Mean`.
    pub name: String,
    /// The value, finite, or why there is none.
    pub value: Result<f64, Undefined>,
}

/// What the region looked like, for people and for quality control.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostics {
    /// Voxels of the region.
    pub n_voxels: usize,
    /// Volume of these voxels, mm³.
    pub voxel_volume_mm3: f64,
    /// First voxel of the bounding box: x, y, z.
    pub bounding_box_lower: [usize; 3],
    /// Voxels of the bounding box along x, y, z.
    pub bounding_box_size: [usize; 3],
    /// Distance between voxels along x, y, z, mm.
    pub spacing_mm: [f64; 3],
    /// Occupied grey levels of the original image.
    pub n_grey_levels: usize,
    /// Highest grey level of the original image.
    pub highest_grey_level: usize,
    /// Smallest intensity of the region.
    pub minimum: f64,
    /// Mean intensity of the region.
    pub mean: f64,
    /// Largest intensity of the region.
    pub maximum: f64,
}

/// Features of one region, in PyRadiomics' order, and what it looked like.
#[derive(Debug, Clone, PartialEq)]
pub struct Extraction {
    /// 107 features of the original image.
    pub features: Vec<Feature>,
    /// What the region looked like.
    pub diagnostics: Diagnostics,
}

/// Features of the 93 kinds that depend on intensities, of one (derived) image, and its discretisation.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageFeatures {
    /// First order, GLCM, GLRLM, GLSZM, GLDM, NGTDM.
    pub features: Vec<Feature>,
    /// Occupied grey levels.
    pub n_grey_levels: usize,
    /// Highest grey level.
    pub highest_grey_level: usize,
}

/// The 107 features of the original image.
///
/// # Arguments
/// `image` and `mask` lie on one grid; only the dimensions are compared here, the place belongs to whoever chose the mask.
///
/// # Errors
/// [`ExtractError`] when the region allows no extraction. A single feature without value is an [`Undefined`] in its place.
///
/// # Agrees with
/// PyRadiomics 3.1.0 with `binWidth` 25 and 1, relative 1e-6, tests/parity.rs.
pub fn extract(
    image: &Volume,
    mask: &Mask,
    settings: &Settings,
) -> Result<Extraction, ExtractError> {
    let dims = image.geometry.dims;
    if mask.geometry.dims != dims {
        return Err(ExtractError::DimensionsDiffer {
            image: dims,
            mask: mask.geometry.dims,
        });
    }
    let roi = CroppedRoi::new(&mask.inside, dims, image.geometry.spacing_mm(), settings)?;
    let cropped = cropped(image, &roi)?;
    let (mut features, intensities) = rayon::join(
        || shape_features_of(&roi, "original"),
        || features_of(&cropped, &roi, "original", settings),
    );
    let intensities = intensities?;
    let diagnostics = diagnose(&roi, &roi.gather(&cropped)?, &intensities);
    features.extend(intensities.features);
    Ok(Extraction {
        features,
        diagnostics,
    })
}

/// The 14 shape features of a region, named `<prefix>_shape_<Name>`.
#[must_use]
pub fn shape_features_of(roi: &CroppedRoi, prefix: &str) -> Vec<Feature> {
    named(prefix, "shape", shape::features(roi))
}

/// The 93 features of the intensities `cropped`, an array over the region's bounding box, named `<prefix>_<class>_<Name>`.
///
/// Grey levels and the padded box are made once and shared by the classes, which run side by side; the order of all sums is fixed,
/// so the bits do not depend on the number of threads.
///
/// # Errors
/// [`ExtractError`] if the array has the wrong length, holds a value that is not finite inside the region, or cannot be discretised.
pub fn features_of(
    cropped: &[f64],
    roi: &CroppedRoi,
    prefix: &str,
    settings: &Settings,
) -> Result<ImageFeatures, ExtractError> {
    if settings.distances != [1] {
        return Err(ExtractError::DistancesNotBuilt {
            distances: settings.distances.clone(),
        });
    }
    let values = roi.gather(cropped)?;
    let padded = roi.padded();
    let levels = GreyLevels::new(&values, &padded, settings.bin)?;
    let input = Input {
        values,
        padded,
        levels,
        roi,
        settings,
    };
    let classes: Vec<Vec<Feature>> = CLASSES
        .par_iter()
        .map(|(class, compute)| named(prefix, class, compute(&input)))
        .collect();
    Ok(ImageFeatures {
        features: classes.concat(),
        n_grey_levels: input.levels.n_levels(),
        highest_grey_level: input.levels.highest,
    })
}

/// All that the classes read.
struct Input<'a> {
    values: Vec<f64>,
    padded: Padded,
    levels: GreyLevels,
    roi: &'a CroppedRoi,
    settings: &'a Settings,
}

type Compute = fn(&Input) -> ClassValues;

const CLASSES: [(&str, Compute); 6] = [
    ("firstorder", |input| {
        let [x, y, z] = input.roi.spacing_mm();
        first_order::features(
            &input.values,
            &input.levels,
            input.settings.voxel_array_shift,
            x * y * z,
        )
    }),
    ("glcm", |input| {
        glcm::features(
            &input.levels,
            &input.padded,
            input.settings.symmetrical_glcm,
        )
    }),
    ("glrlm", |input| {
        glrlm::features(&input.levels, input.roi, &input.padded)
    }),
    ("glszm", |input| {
        glszm::features(&input.levels, &input.padded)
    }),
    ("gldm", |input| {
        gldm::features(&input.levels, &input.padded, input.settings.gldm_alpha)
    }),
    ("ngtdm", |input| {
        ngtdm::features(&input.levels, &input.padded)
    }),
];

/// The bounding box in double precision; the rest of the image is not converted.
fn cropped(image: &Volume, roi: &CroppedRoi) -> Result<Vec<f64>, ExtractError> {
    match &image.voxels {
        Voxels::U8(values) => roi.crop(values),
        Voxels::I8(values) => roi.crop(values),
        Voxels::U16(values) => roi.crop(values),
        Voxels::I16(values) => roi.crop(values),
        Voxels::U32(values) => roi.crop(values),
        Voxels::I32(values) => roi.crop(values),
        Voxels::F32(values) => roi.crop(values),
        Voxels::F64(values) => roi.crop(values),
    }
}

fn diagnose(roi: &CroppedRoi, values: &[f64], intensities: &ImageFeatures) -> Diagnostics {
    let [x, y, z] = roi.spacing_mm();
    Diagnostics {
        n_voxels: roi.n_voxels(),
        voxel_volume_mm3: roi.n_voxels() as f64 * x * y * z,
        bounding_box_lower: roi.lower(),
        bounding_box_size: roi.size(),
        spacing_mm: roi.spacing_mm(),
        n_grey_levels: intensities.n_grey_levels,
        highest_grey_level: intensities.highest_grey_level,
        minimum: values.iter().copied().fold(f64::INFINITY, f64::min),
        mean: pairwise(values.len(), |i| values[i]) / values.len() as f64,
        maximum: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    }
}

/// Full names; a value that left the range of doubles becomes undefined.
fn named(prefix: &str, class: &str, values: ClassValues) -> Vec<Feature> {
    values
        .into_iter()
        .map(|(name, value)| Feature {
            name: format!("{prefix}_{class}_{name}"),
            value: value.and_then(|value| {
                if value.is_finite() {
                    Ok(value)
                } else {
                    Err(Undefined::Overflow)
                }
            }),
        })
        .collect()
}
