//! `peritumoural-ring`: the shell of tissue within a margin of the tumour.

use imaging::roi::{ClipTo, RingError, RingMode as Mode, RingParams as Settings, ring};
use pipeline_defs::params::{RingClip, RingMode, RingParams};

use super::pixels;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: RingParams = context.params()?;
    let image = pixels::optional_volume(inputs, "image")?;
    let tumour = pixels::mask_on(image.as_ref(), inputs.one("mask")?, pixels::INSIDE)?;
    let ring = ring(&tumour, &settings(&params), image.as_ref())
        .map_err(|e| StepError::refuse(e.code(), message(&e, params.clip_to)))?;
    if ring.mask.n_inside() < 2 {
        return Err(StepError::refuse(
            "mask-one-voxel",
            format!("ring of {} mm has a single voxel", params.margin_mm),
        ));
    }
    Ok(vec![Produced::bytes(
        "mask",
        pixels::encode_mask(&ring.mask),
    )])
}

/// What went wrong; the body is spoken of only where the ring was cut to it.
fn message(error: &RingError, clip_to: RingClip) -> String {
    let RingError::EmptyRing {
        margin_mm,
        spacing_mm: [x, y, z],
        n_clipped,
    } = error
    else {
        return error.to_string();
    };
    let voxels = format!("voxels of {x} × {y} × {z} mm");
    match (clip_to, n_clipped) {
        (RingClip::Body, n) if *n > 0 => format!(
            "ring is empty: all {n} voxels within {margin_mm} mm of the tumour lie outside the body ({voxels})"
        ),
        _ => format!("ring is empty: no voxel lies within {margin_mm} mm of the tumour ({voxels})"),
    }
}

fn settings(params: &RingParams) -> Settings {
    Settings {
        margin_mm: params.margin_mm,
        mode: match params.mode {
            RingMode::Euclidean3d => Mode::Euclidean3d,
            RingMode::InPlane => Mode::InPlane,
            RingMode::Slices => Mode::Slices {
                n_slices: params.slices as usize,
            },
        },
        exclude_tumour: params.exclude_tumour,
        clip_to: match params.clip_to {
            RingClip::Body => ClipTo::Body,
            RingClip::Image => ClipTo::Image,
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, mask_bytes, refusal, run};
    use super::super::pixels;
    use serde_json::{Value, json};

    fn params(margin_mm: f64, clip_to: &str) -> Value {
        json!({"margin_mm": margin_mm, "mode": "3d-euclidean", "slices": 1, "exclude_tumour": true, "clip_to": clip_to})
    }

    #[test]
    fn the_ring_lies_around_the_tumour() {
        let out = run(
            "peritumoural-ring",
            params(3.0, "image"),
            &[("mask", mask_bytes())],
        )
        .unwrap();
        let ring = pixels::mask(&content(&out, "mask"), pixels::INSIDE).unwrap();
        let tumour = pixels::mask(&mask_bytes(), pixels::INSIDE).unwrap();
        assert!(ring.n_inside() > 100);
        assert!(
            ring.inside
                .iter()
                .zip(&tumour.inside)
                .all(|(ring, tumour)| !(*ring && *tumour))
        );
    }

    #[test]
    fn the_body_needs_the_image() {
        let (code, _) = refusal(run(
            "peritumoural-ring",
            params(3.0, "body"),
            &[("mask", mask_bytes())],
        ));
        assert_eq!(code, "ring-needs-image");
    }

    #[test]
    fn a_margin_below_the_voxel_gives_no_ring() {
        let (code, message) = refusal(run(
            "peritumoural-ring",
            params(0.01, "image"),
            &[("mask", mask_bytes())],
        ));
        assert_eq!(code, "ring-empty");
        assert!(
            message.contains("0.01") && !message.contains("body"),
            "{message}"
        );
    }
}
