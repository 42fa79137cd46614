//! N4 finds the coil field that the synthetic cohort's images were multiplied with.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use cohort::synth::{SynthSize, SynthSpec, biology, tables, volume};
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
    let found: Vec<f64> = patients
        .par_iter()
        .map(|patient| {
            let images = volume(&spec, SynthSize::Demo, SEED, patient).unwrap();
            let geometry = Geometry::new(images.dims, images.affine).unwrap();
            let image = Volume::new(geometry, Voxels::I16(images.image)).unwrap();
            let body = body_mask(&image).unwrap();
            let field = correct(&image, Region::Otsu, &N4Params::itk_defaults())
                .unwrap()
                .log_field;
            let field = field.to_f64();
            let inside = (0..body.inside.len()).filter(|voxel| body.inside[*voxel]);
            let pairs = inside.map(|voxel| (f64::from(images.true_log_bias[voxel]), field[voxel]));
            let (truth, found): (Vec<f64>, Vec<f64>) = pairs.unzip();
            correlation(&truth, &found)
        })
        .collect();
    let mut sorted = found.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    eprintln!(
        "correlation of log fields in the body: median {median:.4}, least {:.4}",
        sorted[0]
    );
    assert!(median > 0.95 && sorted[0] > 0.95, "{found:?}");
}
