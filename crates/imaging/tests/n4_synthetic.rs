//! N4 finds the coil field that the synthetic cohort's images were multiplied with.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use cohort::synth::{SynthPatient, SynthSize, SynthSpec, biology, tables, volume};
use imaging::body::body_mask;
use imaging::n4::{N4Params, Region, correct};
use imaging::{Geometry, Volume, Voxels};
use rayon::prelude::*;

const SEED: u64 = 20_250_308;

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let (ma, mb) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let of = |x: &[f64], mx: f64, y: &[f64], my: f64| -> f64 {
        x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum()
    };
    of(a, ma, b, mb) / (of(a, ma, a, ma) * of(b, mb, b, mb)).sqrt()
}

#[test]
fn the_planted_coil_field_is_recovered_in_the_body() {
    let spec = SynthSpec::paper();
    let followed = tables(&spec, SynthSize::Demo, SEED).unwrap().patients;
    let third = biology(&spec, SynthSize::Demo, SEED).patients;
    // Some patients of each of the three scanners.
    let some = |site: &str, n: usize| {
        let of_site = followed.iter().chain(&third).filter(|p| p.site == site);
        of_site.take(n).cloned().collect::<Vec<_>>()
    };
    let patients = [some("c1", 6), some("c2", 4), some("tcga", 4)].concat();
    for whole_body in [false, true] {
        let of = |patient: &SynthPatient| {
            let [truth, found] = fields(&spec, patient, whole_body);
            correlation(&truth, &found)
        };
        let mut each: Vec<f64> = patients.par_iter().map(of).collect();
        eprintln!("whole body {whole_body}: {each:.3?}");
        each.sort_by(f64::total_cmp);
        let (median, n_good) = (
            each[each.len() / 2],
            each.iter().filter(|r| **r > 0.9).count(),
        );
        // Two of the fields are not recovered, whichever voxels N4 looks at: c1-001 (0.84 in the body) and tcga-003 (0.36).
        // ITK 5.4 on the same voxels, mask and settings stops at the same 0.842 and 0.355: there N4's sharpest histogram is
        // not that of the planted field. It is the field's shape, neither mask nor strength: that of tcga-003 is not found on
        // two other bodies either (0.51, 0.80), another of 1.2 times its spread is found on its body (0.99). Two hundred
        // iterations to 1e-6 mend these two (0.97, 0.70) and spoil others (tcga-004 0.996 to 0.94).
        assert!(median > 0.95 && n_good >= 12, "{each:.3?}");
    }
}

/// Planted and found log field in the body, each less its mean; N4 looks at Otsu's foreground or at the whole body.
fn fields(spec: &SynthSpec, patient: &SynthPatient, whole_body: bool) -> [Vec<f64>; 2] {
    // 96 × 96 × 12 voxels are few already.
    let params = N4Params {
        shrink_factor: 2,
        ..N4Params::itk_defaults()
    };
    let images = volume(spec, SynthSize::Demo, SEED, patient).unwrap();
    let geometry = Geometry::new(images.dims, images.affine).unwrap();
    let image = Volume::new(geometry, Voxels::I16(images.image)).unwrap();
    let body = body_mask(&image).unwrap();
    let region = match whole_body {
        true => Region::Mask(&body),
        false => Region::Otsu,
    };
    let found = correct(&image, region, &params).unwrap().log_field.to_f64();
    let inside: Vec<usize> = (0..body.inside.len()).filter(|v| body.inside[*v]).collect();
    let centred = |value: &dyn Fn(usize) -> f64| -> Vec<f64> {
        let values: Vec<f64> = inside.iter().map(|voxel| value(*voxel)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.into_iter().map(|v| v - mean).collect()
    };
    [
        centred(&|voxel| f64::from(images.true_log_bias[voxel])),
        centred(&|voxel| found[voxel]),
    ]
}
