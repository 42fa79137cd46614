//! `extract-features`: radiomic features of one region, and what the region looked like.

use artefact::features::Features;
use imaging::mask::{TOLERANCE_MM, check_geometry};
use pipeline_defs::params::{ExtractParams, FeatureSettings};
use radiomics::{Bin, ExtractError, Extraction, Settings, extract};
use serde_json::{Map, Value, json};

use super::pixels;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: ExtractParams = context.params()?;
    refuse_what_is_not_built(&params)?;
    let image = pixels::volume(inputs.one("image")?)?;
    let mask = pixels::mask(inputs.one("mask")?, params.label)?;
    check_geometry(&image.geometry, &mask.geometry, TOLERANCE_MM)
        .map_err(|e| StepError::refuse(e.code(), e.to_string()))?;
    let extraction = extract(&image, &mask, &settings(&params.settings)?)
        .map_err(|e| StepError::refuse(code(&e), e.to_string()))?;
    let diagnostics = artefact::json::encode("diagnostics", &diagnostics(&extraction))?;
    Ok(vec![
        Produced::bytes("features", features(&extraction).encode()),
        Produced::bytes("diagnostics", diagnostics),
    ])
}

/// Only the original image with the classes' settings is extracted yet.
fn refuse_what_is_not_built(params: &ExtractParams) -> Result<(), StepError> {
    let built = ExtractParams {
        label: params.label,
        settings: FeatureSettings {
            binWidth: params.settings.binWidth,
            binCount: params.settings.binCount,
            distances: params.settings.distances.clone(),
            gldm_a: params.settings.gldm_a,
            symmetricalGLCM: params.settings.symmetricalGLCM,
            minimumROIDimensions: params.settings.minimumROIDimensions,
            minimumROISize: params.settings.minimumROISize,
            voxelArrayShift: params.settings.voxelArrayShift,
            ..FeatureSettings::pyradiomics_defaults()
        },
        ..ExtractParams::pyradiomics_defaults()
    };
    match *params == built {
        true => Ok(()),
        false => Err(StepError::refuse(
            "settings-not-built",
            "of the settings, those of derived images, of preprocessing and of the choice of features are not built",
        )),
    }
}

fn settings(set: &FeatureSettings) -> Result<Settings, StepError> {
    let bin = match (set.binWidth, set.binCount) {
        (Some(width), None) => Bin::Width(width),
        (None, Some(count)) => Bin::Count(count as usize),
        _ => {
            return Err(StepError::refuse(
                "bin-settings",
                "give one of settings.binWidth and settings.binCount",
            ));
        }
    };
    Ok(Settings {
        bin,
        distances: set.distances.clone(),
        symmetrical_glcm: set.symmetricalGLCM,
        gldm_alpha: set.gldm_a,
        voxel_array_shift: set.voxelArrayShift,
        minimum_roi_dimensions: set.minimumROIDimensions as usize,
        minimum_roi_size: set.minimumROISize.map(|n| n as usize),
        ..Settings::pyradiomics_defaults()
    })
}

/// An undefined value is an empty cell; its reason stands in the diagnostics.
fn features(extraction: &Extraction) -> Features {
    let names = extraction.features.iter().map(|f| f.name.clone()).collect();
    let values = extraction
        .features
        .iter()
        .map(|f| f.value.as_ref().copied().unwrap_or(f64::NAN))
        .collect();
    Features { names, values }
}

fn diagnostics(extraction: &Extraction) -> Value {
    let d = &extraction.diagnostics;
    let undefined: Map<String, Value> = extraction
        .features
        .iter()
        .filter_map(|f| {
            f.value
                .as_ref()
                .err()
                .map(|why| (f.name.clone(), json!(why.to_string())))
        })
        .collect();
    json!({
        "n_voxels": d.n_voxels,
        "voxel_volume_mm3": d.voxel_volume_mm3,
        "bounding_box_lower": d.bounding_box_lower,
        "bounding_box_size": d.bounding_box_size,
        "spacing_mm": d.spacing_mm,
        "n_grey_levels": d.n_grey_levels,
        "highest_grey_level": d.highest_grey_level,
        "minimum": d.minimum,
        "mean": d.mean,
        "maximum": d.maximum,
        "n_features": extraction.features.len(),
        "undefined": undefined,
    })
}

fn code(error: &ExtractError) -> &'static str {
    match error {
        ExtractError::DimensionsDiffer { .. } | ExtractError::Length { .. } => "geometry-mismatch",
        ExtractError::EmptyMask => "mask-empty",
        ExtractError::SingleVoxel => "mask-one-voxel",
        ExtractError::TooFewDimensions { .. } => "mask-too-flat",
        ExtractError::TooSmall { .. } => "mask-too-small",
        ExtractError::NotFinite { .. } => "voxels-not-finite",
        ExtractError::InvalidBin { .. } => "bin-settings",
        ExtractError::TooManyGreyLevels { .. } => "too-many-grey-levels",
        ExtractError::InvalidDistances { .. } => "distances",
        ExtractError::InvalidForce2dDimension { .. } => "force-2d-dimension",
        ExtractError::Shape2dWithoutForce2d => "shape-2d-without-force-2d",
        ExtractError::InvalidMinimumDimensions { .. } => "minimum-dimensions",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, mask_bytes, refusal, run, volume_bytes};
    use artefact::features::Features;
    use pipeline_defs::params::ExtractParams;
    use serde_json::{Value, json};

    fn params() -> Value {
        serde_json::to_value(ExtractParams::pyradiomics_defaults()).unwrap()
    }

    #[test]
    fn features_are_those_of_the_library() {
        let out = run(
            "extract-features",
            params(),
            &[("image", volume_bytes()), ("mask", mask_bytes())],
        )
        .unwrap();
        let features = Features::decode(&content(&out, "features")).unwrap();
        let (image, mask) = imaging::phantom::pelvis();
        let wanted =
            radiomics::extract(&image, &mask, &radiomics::Settings::pyradiomics_defaults())
                .unwrap();
        assert_eq!(features.values.len(), 107);
        for (i, feature) in wanted.features.iter().enumerate() {
            assert_eq!(features.names[i], feature.name);
            assert_eq!(
                features.values[i].to_bits(),
                feature.value.unwrap().to_bits(),
                "{}",
                feature.name
            );
        }
        let diagnostics: Value = serde_json::from_slice(&content(&out, "diagnostics")).unwrap();
        assert_eq!(diagnostics["n_voxels"], json!(mask.n_inside()));
        assert!(diagnostics["n_grey_levels"].as_u64().unwrap() > 1);
    }

    #[test]
    fn a_region_below_the_least_size_is_refused_with_the_limit() {
        let mut set = params();
        set["settings"]["minimumROISize"] = json!(1_000_000);
        let (code, message) = refusal(run(
            "extract-features",
            set,
            &[("image", volume_bytes()), ("mask", mask_bytes())],
        ));
        assert_eq!(code, "mask-too-small");
        assert!(message.contains("1000000"), "{message}");
    }
}
