//! `n4-bias-correction`: the image without the slow drift of the receive coil, and the drift's logarithm.

use imaging::n4::{N4Params as Settings, Region, correct};
use pipeline_defs::params::{N4Mask, N4Params};

use super::pixels;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: N4Params = context.params()?;
    let image = pixels::volume(inputs.one("image")?)?;
    let mask = pixels::optional_mask(inputs, "mask")?;
    let region = match (&mask, params.mask) {
        (Some(mask), _) => Region::Mask(mask),
        (None, N4Mask::Otsu) => Region::Otsu,
        (None, N4Mask::All) => Region::Everything,
    };
    let output = correct(&image, region, &settings(&params))
        .map_err(|e| StepError::refuse(e.code(), e.to_string()))?;
    Ok(vec![
        Produced::bytes("image", pixels::encode(&output.corrected)),
        Produced::bytes("log_field", pixels::encode(&output.log_field)),
    ])
}

fn settings(params: &N4Params) -> Settings {
    Settings {
        shrink_factor: params.shrink_factor as usize,
        iterations: params.iterations.iter().map(|n| *n as usize).collect(),
        convergence: params.convergence,
        control_points: params.control_points.map(|n| n as usize),
        fwhm: params.fwhm,
        wiener_noise: params.wiener,
        bins: params.bins as usize,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, refusal, run, volume_bytes};
    use imaging::{Voxels, canonical, nifti};
    use pipeline_defs::params::N4Params;
    use serde_json::{Value, json};

    fn quick() -> Value {
        let params = N4Params {
            iterations: vec![2],
            shrink_factor: 2,
            ..N4Params::itk_defaults()
        };
        serde_json::to_value(params).unwrap()
    }

    #[test]
    fn image_times_field_is_the_image() {
        let out = run("n4-bias-correction", quick(), &[("image", volume_bytes())]).unwrap();
        let before = nifti::read_bytes(&volume_bytes(), "").unwrap().to_f64();
        let after = nifti::read_bytes(&content(&out, "image"), "")
            .unwrap()
            .to_f64();
        let log_field = nifti::read_bytes(&content(&out, "log_field"), "")
            .unwrap()
            .to_f64();
        assert!(
            log_field.iter().any(|v| v.abs() > 1e-3),
            "the field is flat"
        );
        for ((before, after), log_field) in before.iter().zip(&after).zip(&log_field) {
            assert!((after * libm::exp(*log_field) - before).abs() <= 1e-5 * before.abs());
        }
    }

    #[test]
    fn a_constant_image_is_refused() {
        let mut flat = nifti::read_bytes(&volume_bytes(), "").unwrap();
        flat.voxels = Voxels::I16(vec![7; flat.geometry.n_voxels()]);
        let bytes = canonical::canonical_bytes(&flat);
        assert_eq!(
            refusal(run("n4-bias-correction", quick(), &[("image", bytes)])).0,
            "n4-no-threshold"
        );
        let all = json!({"mask": "all"});
        let mut set = quick();
        set["mask"] = all["mask"].clone();
        let bytes = canonical::canonical_bytes(&flat);
        assert_eq!(
            refusal(run("n4-bias-correction", set, &[("image", bytes)])).0,
            "n4-constant-intensity"
        );
    }
}
