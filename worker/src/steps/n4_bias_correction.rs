//! `n4-bias-correction`: the image without the slow drift of the receive coil, and the drift's logarithm.

use imaging::Volume;
use imaging::n4::{N4Error, N4Params as Settings, Region, correct};
use pipeline_defs::params::{N4Mask, N4Params};

use super::pixels;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: N4Params = context.params()?;
    let image = pixels::volume(inputs.one("image")?)?;
    let mask = pixels::optional_mask(inputs, "mask")?;
    let weights = pixels::optional_volume(inputs, "weights")?;
    let region = match (&weights, &mask, params.mask) {
        (Some(weights), mask, _) => Region::Weights {
            weights,
            mask: mask.as_ref(),
        },
        (None, Some(mask), _) => Region::Mask(mask),
        (None, None, N4Mask::Otsu) => Region::Otsu,
        (None, None, N4Mask::All) => Region::Everything,
    };
    let output = settings(&params, &image)
        .and_then(|settings| correct(&image, region, &settings))
        .map_err(|e| StepError::refuse(e.code(), e.to_string()))?;
    Ok(vec![
        Produced::bytes("image", pixels::encode(&output.corrected)),
        Produced::bytes("log_field", pixels::encode(&output.log_field)),
    ])
}

fn settings(params: &N4Params, image: &Volume) -> Result<Settings, N4Error> {
    let control_points = match params.spline_distance_mm {
        Some(distance_mm) => {
            let geometry = &image.geometry;
            Settings::control_points_at(distance_mm, geometry.dims, geometry.spacing_mm())?
        }
        None => params.control_points.map(|n| n as usize),
    };
    Ok(Settings {
        shrink_factor: params.shrink_factor as usize,
        iterations: params.iterations.iter().map(|n| *n as usize).collect(),
        convergence: params.convergence,
        control_points,
        fwhm: params.fwhm,
        wiener_noise: params.wiener,
        bins: params.bins as usize,
    })
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
    fn weights_and_the_distance_of_knots_change_the_field() {
        let field = |set: Value, ports: &[(&str, Vec<u8>)]| {
            content(&run("n4-bias-correction", set, ports).unwrap(), "log_field")
        };
        let mut all = quick();
        all["mask"] = json!("all");
        let plain = field(all.clone(), &[("image", volume_bytes())]);
        let weigh = |weight: &dyn Fn(usize) -> f32| {
            let mut weights = nifti::read_bytes(&volume_bytes(), "").unwrap();
            weights.voxels = Voxels::F32((0..weights.geometry.n_voxels()).map(weight).collect());
            let weights = canonical::canonical_bytes(&weights);
            field(
                all.clone(),
                &[("image", volume_bytes()), ("weights", weights)],
            )
        };
        assert_eq!(weigh(&|_| 1.0), plain);
        assert_ne!(weigh(&|i| 1.0 + (i % 4) as f32), plain);
        let mut dense = all.clone();
        dense["spline_distance_mm"] = json!(10.0);
        assert_ne!(field(dense, &[("image", volume_bytes())]), plain);
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
