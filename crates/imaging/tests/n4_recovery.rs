//! N4 on a body of three tissues under a known coil field.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use imaging::body::otsu_threshold;
use imaging::n4::{N4Error, N4Output, N4Params, Progress, Region, correct, correct_with_progress};
use imaging::{Geometry, Mask, Volume, Voxels};

const DIMS: [usize; 3] = [120, 96, 24];

/// An elliptic body, fat around muscle around an organ, 4 % of noise from integer arithmetic, and the field on it.
struct Body {
    image: Volume,
    mask: Mask,
    log_field: Vec<f64>,
}

fn body() -> Body {
    let geometry = Geometry::axis_aligned(DIMS, [1.5, 1.5, 6.0]).unwrap();
    let n = geometry.n_voxels();
    let (mut values, mut inside, mut log_field) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..n {
        let voxel = geometry.voxel(index);
        let [x, y, z] = [0, 1, 2].map(|a| 2.0 * voxel[a] as f64 / (DIMS[a] - 1) as f64 - 1.0);
        let radius = (x * x / 0.8 + y * y / 0.7).sqrt();
        let tissue = match radius {
            r if r > 1.0 => 12.0,
            r if r > 0.8 => 900.0,
            _ if (x - 0.1) * (x - 0.1) + y * y + 0.3 * z * z < 0.1 => 620.0,
            _ => 260.0,
        };
        let noise = (index * 7919 + index / 13 * 104_729) % 10_007;
        let field = 0.35 * x - 0.25 * y * y + 0.15 * z + 0.2 * x * y;
        values.push((tissue * (0.96 + 0.08 * noise as f64 / 10_007.0) * libm::exp(field)) as f32);
        inside.push(radius <= 1.0);
        log_field.push(field);
    }
    Body {
        image: Volume::new(geometry, Voxels::F32(values)).unwrap(),
        mask: Mask::new(geometry, inside).unwrap(),
        log_field,
    }
}

fn params(shrink_factor: usize) -> N4Params {
    N4Params {
        shrink_factor,
        ..N4Params::slicer()
    }
}

/// Pearson correlation and SD of the difference, over the mask.
fn agreement(a: &[f64], b: &[f64], mask: &[bool]) -> (f64, f64) {
    let pairs: Vec<(f64, f64)> = (0..mask.len())
        .filter(|&i| mask[i])
        .map(|i| (a[i], b[i]))
        .collect();
    let n = pairs.len() as f64;
    let mean = |f: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>() / n;
    let (ma, mb) = (mean(&|p| p.0), mean(&|p| p.1));
    let covariance = mean(&|p| (p.0 - ma) * (p.1 - mb));
    let (va, vb) = (
        mean(&|p| (p.0 - ma) * (p.0 - ma)),
        mean(&|p| (p.1 - mb) * (p.1 - mb)),
    );
    let difference = va + vb - 2.0 * covariance;
    (covariance / (va * vb).sqrt(), difference.max(0.0).sqrt())
}

/// SD over mean of the muscle's intensity, the widest tissue of one true intensity.
fn muscle_variation(body: &Body, image: &Volume) -> f64 {
    let (true_values, values) = (body.image.to_f64(), image.to_f64());
    let muscle: Vec<f64> = (0..values.len())
        .filter(|&i| {
            let tissue = true_values[i] * libm::exp(-body.log_field[i]);
            240.0 < tissue && tissue < 280.0
        })
        .map(|i| values[i])
        .collect();
    let n = muscle.len() as f64;
    let mean = muscle.iter().sum::<f64>() / n;
    let variance = muscle.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
    variance.sqrt() / mean
}

#[test]
fn a_known_field_is_recovered_in_the_body() {
    let body = body();
    for (shrink, presets) in [(4, "slicer"), (2, "slicer"), (4, "itk")] {
        let params = match presets {
            "itk" => N4Params::itk_defaults(),
            _ => params(shrink),
        };
        let output = correct(&body.image, Region::Mask(&body.mask), &params).unwrap();
        let found = output.log_field.to_f64();
        let (correlation, sd) = agreement(&found, &body.log_field, &body.mask.inside);
        let before = muscle_variation(&body, &body.image);
        let after = muscle_variation(&body, &output.corrected);
        eprintln!(
            "{presets} shrink {shrink}: correlation {correlation:.4}, SD of difference {sd:.4}, \
             muscle variation {before:.4} -> {after:.4}"
        );
        assert!(correlation > 0.95, "{correlation}");
        assert!(after < 0.5 * before, "{before} {after}");
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let body = body();
    let on = |threads: usize| -> N4Output {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let run = || correct(&body.image, Region::Mask(&body.mask), &params(1)).unwrap();
        pool.build().unwrap().install(run)
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(5));
}

#[test]
fn a_mask_of_another_grid_is_refused() {
    let body = body();
    let geometry = Geometry::axis_aligned([4, 4, 4], [1.0; 3]).unwrap();
    let mask = Mask::new(geometry, vec![true; 64]).unwrap();
    let error = correct(&body.image, Region::Mask(&mask), &params(4)).unwrap_err();
    assert!(matches!(error, N4Error::Grid(_)), "{error}");
    assert_eq!(error.code(), "geometry-mismatch");
}

#[test]
fn otsu_is_the_mask_above_otsus_threshold() {
    let body = body();
    let threshold = otsu_threshold(&body.image.to_f64(), 200).unwrap();
    let inside = body.image.to_f64().iter().map(|&v| v > threshold).collect();
    let mask = Mask::new(body.image.geometry, inside).unwrap();
    let by_mask = correct(&body.image, Region::Mask(&mask), &params(4));
    assert_eq!(correct(&body.image, Region::Otsu, &params(4)), by_mask);
    let everything = correct(&body.image, Region::Everything, &params(4)).unwrap();
    assert_eq!(everything.n_fitted, 30 * 24 * 6);
}

#[test]
fn voxels_that_do_not_fill_the_grid_are_refused() {
    let mut body = body();
    let voxels = body.mask.inside.len();
    body.mask.inside.pop();
    assert_eq!(
        correct(&body.image, Region::Mask(&body.mask), &params(4)),
        Err(N4Error::Length {
            values: voxels,
            mask: voxels - 1,
            voxels
        })
    );
}

#[test]
fn an_image_without_contrast_has_no_threshold() {
    let mut body = body();
    body.image.voxels = Voxels::U8(vec![7; body.mask.inside.len()]);
    let error = correct(&body.image, Region::Otsu, &params(4)).unwrap_err();
    assert_eq!(error.code(), "n4-no-threshold");
}

#[test]
fn too_few_slices_for_the_shrink_factor_are_refused() {
    let body = body();
    assert_eq!(
        correct(&body.image, Region::Mask(&body.mask), &params(20)),
        Err(N4Error::AxisTooShort {
            axis: 2,
            voxels: 1,
            limit: 2
        })
    );
}

#[test]
fn a_run_can_be_stopped() {
    let body = body();
    let stop = &mut |_: &imaging::n4::Iteration| Progress::Stop;
    assert_eq!(
        correct_with_progress(&body.image, Region::Mask(&body.mask), &params(4), stop),
        Err(N4Error::Stopped {
            level: 0,
            iteration: 1
        })
    );
}
