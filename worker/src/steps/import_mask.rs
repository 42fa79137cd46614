//! `import-mask`: one region of a delineation, checked against the grid of its image.

use imaging::dicom::is_dicom;
use imaging::doctor::Finding;
use imaging::formats::{RegionImage, RegionName, is_bundle, read_channels, region_bytes};
use imaging::{Volume, nrrd};
use pipeline_defs::params::ImportMaskParams;

use super::pixels;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: ImportMaskParams = context.params()?;
    let image = pixels::volume(inputs.one("image")?)?;
    let which = RegionName {
        name: params.region.as_deref(),
        label: params.label,
        channel: params.channel.map(|channel| channel as usize),
    };
    let on = RegionImage {
        geometry: &image.geometry,
        series: inputs.optional("series")?.map(|bytes| &bytes[..]),
        tolerance_mm: params.tolerance_mm,
    };
    let source = pixels::source(inputs, "mask")?;
    let labels = label_image(source, which);
    if let Some(labels) = &labels {
        pixels::no_image(&image, labels)?;
    }
    let mask = region_bytes(source, which, on).map_err(|e| {
        let of_mask = labels.as_ref().map(|l| l.geometry.orientation_known);
        let unknown = !image.geometry.orientation_known || of_mask == Some(false);
        if e.code() == "geometry-mismatch" && unknown {
            let finding = Finding::OrientationUnknown {
                of_mask: image.geometry.orientation_known,
            };
            let message = format!("{finding}; {e}; {}", finding.advice());
            return StepError::refuse(finding.code().as_str(), message);
        }
        let allowed = match e.code() {
            "geometry-mismatch" => {
                format!(
                    "; at most {} mm are allowed (tolerance_mm)",
                    params.tolerance_mm
                )
            }
            _ => String::new(),
        };
        StepError::refuse(e.code(), format!("{e}{allowed}"))
    })?;
    Ok(vec![Produced::bytes("mask", pixels::encode_mask(&mask))])
}

/// The volume of a file without named regions.
fn label_image(bytes: &[u8], which: RegionName<'_>) -> Option<Volume> {
    let has_segments = nrrd::has_segments(bytes) && which.channel.is_none();
    if has_segments || is_dicom(bytes) || is_bundle(bytes) {
        return None;
    }
    read_channels(bytes).ok()?.choose(which.channel).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, mask_bytes, refusal, run, volume_bytes};
    use imaging::{canonical, nifti};
    use serde_json::{Value, json};

    fn params() -> Value {
        json!({"label": 1, "tolerance_mm": 0.001})
    }

    #[test]
    fn the_label_becomes_ones_on_the_image_s_grid() {
        let out = run(
            "import-mask",
            params(),
            &[("mask", mask_bytes()), ("image", volume_bytes())],
        )
        .unwrap();
        assert_eq!(content(&out, "mask"), mask_bytes());
    }

    #[test]
    fn an_absent_label_is_named_with_the_present_ones() {
        let set = json!({"label": 7, "tolerance_mm": 0.001});
        let (code, message) = refusal(run(
            "import-mask",
            set,
            &[("mask", mask_bytes()), ("image", volume_bytes())],
        ));
        assert_eq!(code, "label-absent");
        assert!(
            message.contains('7') && message.contains("[1]"),
            "{message}"
        );
    }

    #[test]
    fn a_shifted_grid_is_refused_in_millimetres() {
        let mut shifted = nifti::read_bytes(&mask_bytes(), "").unwrap();
        shifted.geometry.affine[1][3] += 3.0;
        let bytes = canonical::canonical_bytes(&shifted);
        let (code, message) = refusal(run(
            "import-mask",
            params(),
            &[("mask", bytes), ("image", volume_bytes())],
        ));
        assert_eq!(code, "geometry-mismatch");
        assert!(message.contains("origins 3 mm apart"), "{message}");
    }

    #[test]
    fn an_image_named_as_the_mask_is_refused() {
        let ports = [("mask", volume_bytes()), ("image", volume_bytes())];
        let (code, message) = refusal(run("import-mask", params(), &ports));
        assert_eq!(code, "mask-is-image");
        assert!(message.contains("those of the image"), "{message}");
        let swapped = [("mask", volume_bytes()), ("image", mask_bytes())];
        let (code, message) = refusal(run("import-mask", params(), &swapped));
        assert_eq!(code, "mask-is-image");
        assert!(message.contains("the two are swapped"), "{message}");
    }

    #[test]
    fn where_nobody_knows_the_orientation_the_mismatch_says_so() {
        let mut image = nifti::read_bytes(&volume_bytes(), "").unwrap();
        image.geometry = image.geometry.without_orientation();
        let unknown = canonical::canonical_bytes(&image);
        let ports = [("mask", mask_bytes()), ("image", unknown.clone())];
        assert!(run("import-mask", params(), &ports).is_ok());
        let mut mask = nifti::read_bytes(&mask_bytes(), "").unwrap();
        mask.geometry.affine[0][3] += 40.0;
        let mask = canonical::canonical_bytes(&mask);
        let (code, message) = refusal(run(
            "import-mask",
            params(),
            &[("mask", mask), ("image", unknown)],
        ));
        assert_eq!(code, "orientation-unknown");
        assert!(
            message.contains("the image does not say where it lies")
                && message.contains("origins 40 mm apart"),
            "{message}"
        );
    }

    /// A segmentation of half the image, as Slicer crops them.
    fn segmentation() -> Vec<u8> {
        let image = nifti::read_bytes(&volume_bytes(), "").unwrap().geometry;
        let [nx, ny, nz] = image.dims;
        let vector = |axis: usize| {
            let a = image.affine;
            format!("({},{},{})", a[0][axis], a[1][axis], a[2][axis])
        };
        let header = format!(
            "NRRD0004\ntype: uchar\ndimension: 3\nspace: RAS\nsizes: {nx} {ny} {}\nspace directions: {} {} {}\nencoding: raw\n\
             space origin: {}\nSegment0_Name:=GTV\nSegment0_LabelValue:=3\nSegment0_Layer:=0\n\n",
            nz / 2,
            vector(0),
            vector(1),
            vector(2),
            vector(3)
        );
        let data = (0..nx * ny * (nz / 2)).map(|i| if i < 40 { 3 } else { 0 });
        header.into_bytes().into_iter().chain(data).collect()
    }

    /// Two regions that overlap, as ITK writes an image of vectors.
    fn of_two_channels() -> Vec<u8> {
        let image = nifti::read_bytes(&volume_bytes(), "").unwrap().geometry;
        let [nx, ny, nz] = image.dims;
        let step = |axis: usize| {
            let a = image.affine;
            format!("({},{},{})", a[0][axis], a[1][axis], a[2][axis])
        };
        let header = format!(
            "NRRD0004\ntype: uchar\ndimension: 4\nspace: RAS\nsizes: 2 {nx} {ny} {nz}\nspace directions: none {} {} {}\n\
             kinds: vector domain domain domain\nencoding: raw\nspace origin: {}\n\n",
            step(0),
            step(1),
            step(2),
            step(3)
        );
        let data =
            (0..nx * ny * nz).flat_map(|i| [u8::from(i < 60), u8::from((40..70).contains(&i))]);
        header.into_bytes().into_iter().chain(data).collect()
    }

    #[test]
    fn a_channel_of_a_vector_mask_is_one_region() {
        let ports = [("mask", of_two_channels()), ("image", volume_bytes())];
        let with = |channel: Value| json!({"label": 1, "tolerance_mm": 0.001, "channel": channel});
        for (channel, n_voxels) in [(0, 60.0), (1, 30.0)] {
            let out = run("import-mask", with(json!(channel)), &ports).unwrap();
            let mask = nifti::read_bytes(&content(&out, "mask"), "").unwrap();
            assert_eq!(mask.to_f64().iter().sum::<f64>(), n_voxels);
        }
        let (code, message) = refusal(run("import-mask", with(Value::Null), &ports));
        assert_eq!(code, "several-channels");
        assert!(
            message.contains("choose one by `channel`, 0 to 1"),
            "{message}"
        );
        let (code, message) = refusal(run("import-mask", with(json!(2)), &ports));
        assert_eq!(code, "channel-absent");
        assert!(
            message.contains("the image has 2 channels, counted from 0"),
            "{message}"
        );
    }

    #[test]
    fn a_named_segment_of_a_cropped_segmentation_lands_on_the_image_s_grid() {
        let set = json!({"label": 1, "tolerance_mm": 0.001, "region": "GTV"});
        let ports = [("mask", segmentation()), ("image", volume_bytes())];
        let out = run("import-mask", set, &ports).unwrap();
        let mask = nifti::read_bytes(&content(&out, "mask"), "").unwrap();
        let image = nifti::read_bytes(&volume_bytes(), "").unwrap();
        assert_eq!(mask.geometry, image.geometry);
        assert_eq!(mask.to_f64().iter().sum::<f64>(), 40.0);
        let (code, message) = refusal(run("import-mask", params(), &ports));
        assert_eq!(code, "label-absent");
        assert!(
            message.contains("label 3") && !message.contains("GTV"),
            "{message}"
        );
    }
}
