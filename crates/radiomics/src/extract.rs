//! From image and mask to named features.

use crate::class::ClassValues;
use crate::directions;
use crate::discretise::GreyLevels;
use crate::error::{ExtractError, Undefined};
use crate::links::Links;
use crate::roi::{CroppedRoi, Padded};
use crate::selection::FeatureClass;
use crate::settings::Settings;
use crate::sum::pairwise;
use crate::{first_order, glcm, gldm, glrlm, glszm, ngtdm, shape, shape_2d};
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
    /// The features wanted of the original image, 107 by default.
    pub features: Vec<Feature>,
    /// What the region looked like.
    pub diagnostics: Diagnostics,
}

/// Features of the 93 kinds that depend on intensities, of one (derived) image, and its discretisation.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageFeatures {
    /// Those wanted of first order, GLCM, GLRLM, GLSZM, GLDM, NGTDM.
    pub features: Vec<Feature>,
    /// Occupied grey levels.
    pub n_grey_levels: usize,
    /// Highest grey level.
    pub highest_grey_level: usize,
}

/// The features of the original image, 107 unless the settings select others.
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
    let (shape, intensities) = rayon::join(
        || selected_shape_features(&roi, "original", settings),
        || features_of(&cropped, &roi, "original", settings),
    );
    let (mut features, intensities) = (shape?, intensities?);
    let diagnostics = diagnose(&roi, &roi.gather(&cropped)?, &intensities);
    features.extend(intensities.features);
    Ok(Extraction {
        features,
        diagnostics,
    })
}

/// The 14 current shape features of a region, named `<prefix>_shape_<Name>`.
#[must_use]
pub fn shape_features_of(roi: &CroppedRoi, prefix: &str) -> Vec<Feature> {
    let settings = Settings::pyradiomics_defaults();
    named(prefix, FeatureClass::Shape, shape::features(roi), &settings)
}

/// The features wanted of shape and of the shape of a single slice, named `<prefix>_shape_<Name>` and `<prefix>_shape2D_<Name>`.
///
/// # Errors
/// [`ExtractError::Shape2dWithoutForce2d`], and settings that are invalid. A region of several slices is no error: its shape2D
/// features are [`Undefined::SeveralSlices`].
pub fn selected_shape_features(
    roi: &CroppedRoi,
    prefix: &str,
    settings: &Settings,
) -> Result<Vec<Feature>, ExtractError> {
    settings.check()?;
    let mut features = Vec::new();
    if settings.features.wants_class(FeatureClass::Shape) {
        features = named(prefix, FeatureClass::Shape, shape::features(roi), settings);
    }
    if settings.features.wants_class(FeatureClass::Shape2d) {
        let axis = settings
            .flat_axis()
            .ok_or(ExtractError::Shape2dWithoutForce2d)?;
        let values = shape_2d::features(roi, axis);
        features.extend(named(prefix, FeatureClass::Shape2d, values, settings));
    }
    Ok(features)
}

/// The features wanted, 93 by default, of the intensities `cropped`, an array over the region's bounding box, named
/// `<prefix>_<class>_<Name>`.
///
/// Grey levels and the padded box are made once and shared by the classes, which run side by side; the order of all sums is fixed,
/// so the bits do not depend on the number of threads.
///
/// # Errors
/// [`ExtractError`] if the array has the wrong length, holds a value that is not finite inside the region, or cannot be discretised,
/// and for settings that are invalid.
pub fn features_of(
    cropped: &[f64],
    roi: &CroppedRoi,
    prefix: &str,
    settings: &Settings,
) -> Result<ImageFeatures, ExtractError> {
    settings.check()?;
    let input = Input::new(roi.gather(cropped)?, roi, settings)?;
    let classes: Vec<Vec<Feature>> = CLASSES
        .par_iter()
        .filter(|(class, _)| settings.features.wants_class(*class))
        .map(|(class, compute)| named(prefix, *class, compute(&input), settings))
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
    /// Steps to one half of the neighbours, for GLCM, GLDM and NGTDM.
    directions: Vec<[isize; 3]>,
    /// Steps at distance 1, for GLRLM and GLSZM.
    unit_directions: Vec<[isize; 3]>,
    /// Equality at distance 1; empty if no class wanted needs it.
    links: Links,
    roi: &'a CroppedRoi,
    settings: &'a Settings,
}

impl<'a> Input<'a> {
    fn new(
        values: Vec<f64>,
        roi: &'a CroppedRoi,
        settings: &'a Settings,
    ) -> Result<Input<'a>, ExtractError> {
        let directions = directions::of_settings(settings, roi.size());
        let unit_directions = directions::unit_directions(settings.flat_axis());
        let reach = |axis: usize| {
            directions
                .iter()
                .map(|step| step[axis].unsigned_abs())
                .max()
        };
        let padded = roi.padded([0, 1, 2].map(|axis| reach(axis).unwrap_or(1).max(1)));
        let levels = GreyLevels::new(&values, &padded, settings.bin)?;
        let needs_links = [FeatureClass::Glrlm, FeatureClass::Glszm, FeatureClass::Gldm]
            .into_iter()
            .any(|class| settings.features.wants_class(class));
        let links = if needs_links {
            Links::new(&levels, &padded, &unit_directions)
        } else {
            Links::none()
        };
        Ok(Input {
            values,
            padded,
            levels,
            directions,
            unit_directions,
            links,
            roi,
            settings,
        })
    }

    /// Cells between a voxel and its neighbours, for GLDM and NGTDM.
    fn steps(&self) -> Vec<usize> {
        let directions = self.directions.iter();
        directions.map(|&step| self.padded.step(step)).collect()
    }

    fn only_distance_one(&self) -> bool {
        self.settings.distances == [1]
    }
}

type Compute = fn(&Input) -> ClassValues;

const CLASSES: [(FeatureClass, Compute); 6] = [
    (FeatureClass::FirstOrder, |input| {
        let [x, y, z] = input.roi.spacing_mm();
        first_order::features(
            &input.values,
            &input.levels,
            input.settings.voxel_array_shift,
            x * y * z,
        )
    }),
    (FeatureClass::Glcm, |input| {
        let options = glcm::Options {
            directions: &input.directions,
            symmetrical: input.settings.symmetrical_glcm,
            norm: input.settings.weighting_norm,
            spacing_mm: input.roi.spacing_mm(),
            wants_mcc: input.settings.features.wants(FeatureClass::Glcm, "MCC"),
        };
        glcm::features(&input.levels, &input.padded, &options)
    }),
    (FeatureClass::Glrlm, |input| {
        glrlm::features(
            &input.levels,
            input.roi,
            &input.padded,
            &input.links,
            &input.unit_directions,
            input.settings.weighting_norm,
        )
    }),
    (FeatureClass::Glszm, |input| {
        glszm::features(
            &input.levels,
            &input.padded,
            &input.links,
            input.roi.n_voxels(),
        )
    }),
    (FeatureClass::Gldm, |input| {
        let alpha = input.settings.gldm_alpha;
        gldm::features(&if alpha == 0 && input.only_distance_one() {
            gldm::of_links(&input.levels, &input.padded, &input.links)
        } else {
            gldm::of_steps(
                &input.levels,
                &input.padded,
                &input.steps(),
                f64::from(alpha),
            )
        })
    }),
    (FeatureClass::Ngtdm, |input| {
        let sums = if input.only_distance_one() {
            let flat_axis = input.settings.flat_axis();
            ngtdm::sums_of_boxes(&input.levels, &input.padded, flat_axis)
        } else {
            ngtdm::sums_of_steps(&input.levels, &input.padded, &input.steps())
        };
        ngtdm::features(&input.levels, &sums, input.roi.n_voxels())
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

/// Full names of the features wanted; a value that left the range of doubles becomes undefined.
fn named(
    prefix: &str,
    class: FeatureClass,
    values: ClassValues,
    settings: &Settings,
) -> Vec<Feature> {
    values
        .into_iter()
        .filter(|(name, _)| settings.features.wants(class, name))
        .map(|(name, value)| Feature {
            name: format!("{prefix}_{}_{name}", class.name()),
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
