//! `extract-features`: radiomic features of one region, and what the region looked like.

use artefact::features::Features;
use imaging::doctor::Code;
use pipeline_defs::params::{ExtractParams, Unheeded};
use radiomics::pipeline::{Extraction, GridSummary, RegionSummary, extract};
use serde_json::{Map, Value, json};

use super::{extract_settings, pixels};
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: ExtractParams = context.params()?;
    let image = pixels::volume(inputs.one("image")?)?;
    let channel = params.settings.label_channel as usize;
    let mask = inputs.one("mask")?;
    let (mask, has_channels) = pixels::mask_in_channel(&image, mask, params.label, channel)?;
    let settings = extract_settings::of(&params)?;
    let extraction = extract(&image, &mask, &settings)
        .map_err(|e| StepError::refuse(e.code(), e.to_string()))?;
    let mut told = diagnostics(&extraction);
    let unheeded = params.unheeded().into_iter();
    // PyRadiomics looks at the channel where the mask has several
    let unheeded =
        unheeded.filter(|u| !(has_channels && matches!(u, Unheeded::LabelChannel { .. })));
    let unheeded = unheeded.map(|u| u.code());
    let unknown = (!image.geometry.orientation_known).then_some(Code::OrientationUnknown.as_str());
    let warnings: Vec<&str> = unknown.into_iter().chain(unheeded).collect();
    if !warnings.is_empty() {
        told["warnings"] = json!(warnings);
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
    if d.images.len() > 1 || !d.skipped.is_empty() {
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
    fn a_channel_of_a_vector_mask_is_measured_and_of_a_plain_one_told() {
        let plain = [("image", volume_bytes()), ("mask", mask_bytes())];
        let wanted = run("extract-features", params(), &plain).unwrap();
        let mut set = params();
        set["settings"]["label_channel"] = json!(1);
        let out = run("extract-features", set.clone(), &plain).unwrap();
        assert_eq!(content(&out, "features"), content(&wanted, "features"));
        let diagnostics: Value = serde_json::from_slice(&content(&out, "diagnostics")).unwrap();
        assert_eq!(diagnostics["warnings"], json!(["label-channel-unused"]));
        // the same region as the second of two channels, as MetaImage has them
        let mask = imaging::nifti::read_bytes(&mask_bytes(), "").unwrap();
        let [nx, ny, nz] = mask.geometry.dims;
        let affine = mask.geometry.affine;
        let lps = |row: usize| if row < 2 { -1.0 } else { 1.0 };
        let spacing = mask.geometry.spacing_mm();
        let direction: Vec<String> = (0..9)
            .map(|i| (lps(i % 3) * affine[i % 3][i / 3] / spacing[i / 3]).to_string())
            .collect();
        let origin: Vec<String> = (0..3)
            .map(|row| (lps(row) * affine[row][3]).to_string())
            .collect();
        let header = format!(
            "ObjectType = Image\nNDims = 3\nDimSize = {nx} {ny} {nz}\nElementType = MET_UCHAR\nElementNumberOfChannels = 2\n\
             ElementSpacing = {} {} {}\nTransformMatrix = {}\nOffset = {}\nBinaryData = True\nElementDataFile = LOCAL\n",
            spacing[0],
            spacing[1],
            spacing[2],
            direction.join(" "),
            origin.join(" ")
        );
        let voxels = mask.to_f64().into_iter().flat_map(|v| [1, v as u8]);
        let two: Vec<u8> = header.into_bytes().into_iter().chain(voxels).collect();
        let out = run(
            "extract-features",
            set,
            &[("image", volume_bytes()), ("mask", two)],
        )
        .unwrap();
        assert_eq!(content(&out, "features"), content(&wanted, "features"));
        let diagnostics: Value = serde_json::from_slice(&content(&out, "diagnostics")).unwrap();
        assert_eq!(diagnostics["warnings"], Value::Null);
    }

    /// As PyRadiomics: no error and no column; it says nothing, the diagnostics do.
    #[test]
    fn a_laplacian_without_widths_gives_nothing_and_a_warning() {
        let mut set = params();
        set["imageType"] = json!({"Original": {}, "LoG": {}});
        let ports = [("image", volume_bytes()), ("mask", mask_bytes())];
        let out = run("extract-features", set, &ports).unwrap();
        let features = Features::decode(&content(&out, "features")).unwrap();
        assert_eq!(features.values.len(), 107);
        let diagnostics: Value = serde_json::from_slice(&content(&out, "diagnostics")).unwrap();
        assert_eq!(diagnostics["warnings"], json!(["log-without-sigma"]));
    }

    #[test]
    fn a_label_that_the_import_should_have_chosen_is_refused_with_the_way() {
        let mut set = params();
        set["label"] = json!(2);
        let ports = [("image", volume_bytes()), ("mask", mask_bytes())];
        let (code, message) = refusal(run("extract-features", set, &ports));
        assert_eq!(code, "label-absent");
        assert!(
            message.ends_with("in `import-mask` and `label = 1` here"),
            "{message}"
        );
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
