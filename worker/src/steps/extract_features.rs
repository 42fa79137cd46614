//! `extract-features`: radiomic features of one region, and what the region looked like.

use artefact::features::Features;
use imaging::doctor::Code;
use pipeline_defs::params::ExtractParams;
use radiomics::pipeline::{Extraction, GridSummary, RegionSummary, extract};
use serde_json::{Map, Value, json};

use super::{extract_settings, pixels};
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: ExtractParams = context.params()?;
    let image = pixels::volume(inputs.one("image")?)?;
    let mask = pixels::mask_on(Some(&image), inputs.one("mask")?, params.label)?;
    let settings = extract_settings::of(&params)?;
    let extraction = extract(&image, &mask, &settings)
        .map_err(|e| StepError::refuse(e.code(), e.to_string()))?;
    let mut told = diagnostics(&extraction);
    if !image.geometry.orientation_known {
        told["warnings"] = json!([Code::OrientationUnknown.as_str()]);
    }
    let diagnostics = artefact::json::encode("diagnostics", &told)?;
    Ok(vec![
        Produced::bytes("features", features(&extraction).encode()),
        Produced::bytes("diagnostics", diagnostics),
    ])
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

/// What an extraction of the image as it is says, and beside it what preprocessing and derived images add, where there are any.
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
    let [x, y, z] = d.spacing_mm;
    let first = d.images.first();
    let mut told = json!({
        "n_voxels": d.region.n_voxels,
        "voxel_volume_mm3": d.region.n_voxels as f64 * x * y * z,
        "bounding_box_lower": d.bounding_box_lower,
        "bounding_box_size": d.bounding_box_size,
        "spacing_mm": d.spacing_mm,
        "n_grey_levels": first.map(|image| image.n_grey_levels),
        "highest_grey_level": first.map(|image| image.highest_grey_level),
        "minimum": d.region.minimum,
        "mean": d.region.mean,
        "maximum": d.region.maximum,
        "n_features": extraction.features.len(),
        "undefined": undefined,
    });
    if d.regions.len() > 1 {
        told["grids"] = d.grids.iter().map(grid).collect();
        told["regions"] = d.regions.iter().map(region).collect();
    }
    if d.images.len() + d.skipped.len() > 1 {
        told["images"] = images(extraction);
        let skipped = d.skipped.iter();
        told["skipped"] = skipped
            .map(|image| json!({ "image": image.name, "reason": image.reason }))
            .collect();
    }
    told
}

fn grid(grid: &GridSummary) -> Value {
    json!({ "dims": grid.dims, "spacing_mm": grid.spacing_mm })
}

fn region(region: &RegionSummary) -> Value {
    json!({
        "stage": region.stage.name(),
        "n_voxels": region.n_voxels,
        "n_parts": region.n_parts,
        "bounding_box_lower": region.bounding_box_lower,
        "bounding_box_size": region.bounding_box_size,
        "centre_mm": region.centre_mm,
    })
}

/// Grey levels of each image, and a warning where they are too few or too many for texture.
fn images(extraction: &Extraction) -> Value {
    let images = extraction.diagnostics.images.iter();
    images
        .map(|image| {
            let mut told = json!({
                "image": image.name,
                "n_grey_levels": image.n_grey_levels,
                "highest_grey_level": image.highest_grey_level,
            });
            if image.is_unusual() {
                told["warning"] = json!("grey levels outside 16 to 128");
            }
            told
        })
        .collect()
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
