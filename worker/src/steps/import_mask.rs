//! `import-mask`: one label of a delineation, checked against the grid of its image.

use imaging::mask::check_geometry;
use pipeline_defs::params::ImportMaskParams;

use super::pixels;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: ImportMaskParams = context.params()?;
    let image = pixels::volume(inputs.one("image")?)?;
    let mut mask = pixels::mask(pixels::source(inputs, "mask")?, params.label)?;
    check_geometry(&image.geometry, &mask.geometry, params.tolerance_mm).map_err(|e| {
        let message = format!(
            "{e}; at most {} mm are allowed (tolerance_mm)",
            params.tolerance_mm
        );
        StepError::refuse(e.code(), message)
    })?;
    // Within the tolerance the grids are one; from here on it is the image's.
    mask.geometry = image.geometry;
    Ok(vec![Produced::bytes("mask", pixels::encode_mask(&mask))])
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
}
