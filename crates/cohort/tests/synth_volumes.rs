//! The planted latents can be read off the synthetic volumes, and the bytes hang on nothing but the key.
#![allow(clippy::unwrap_used)]

use cohort::synth::{SynthImages, SynthPatient, SynthSize, SynthSpec, tables, volume};
use rayon::prelude::*;

const SEED: u64 = 20_250_308;

/// The images of every `step`-th patient whose site passes.
fn make(size: SynthSize, step: usize, site: &str) -> Vec<(SynthPatient, SynthImages)> {
    let spec = SynthSpec::paper();
    let patients = tables(&spec, size, SEED).unwrap().patients;
    let chosen: Vec<SynthPatient> = patients
        .into_iter()
        .filter(|p| p.site.starts_with(site))
        .step_by(step)
        .collect();
    let images = |p: SynthPatient| {
        let images = volume(&spec, size, SEED, &p).unwrap();
        (p, images)
    };
    chosen.into_par_iter().map(images).collect()
}

fn without_bias(images: &SynthImages) -> Vec<f64> {
    let pairs = images.image.iter().zip(&images.true_log_bias);
    pairs
        .map(|(grey, log_bias)| f64::from(*grey) * libm::exp(-f64::from(*log_bias)))
        .collect()
}

fn mean_sd(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, (squares / n).sqrt())
}

/// Values of the tumour's voxels, and of those within 5 mm and between 9 and 14 mm of it in their slice.
fn regions(images: &SynthImages) -> [Vec<f64>; 3] {
    let values = without_bias(images);
    let [nx, ny, nz] = images.dims;
    let [sx, sy, _] = images.spacing_mm;
    let mut regions = [Vec::new(), Vec::new(), Vec::new()];
    for z in 0..nz {
        let slice = &images.mask[z * nx * ny..(z + 1) * nx * ny];
        let inside: Vec<usize> = (0..nx * ny).filter(|i| slice[*i] == 1).collect();
        if inside.is_empty() {
            continue;
        }
        for i in 0..nx * ny {
            let squared = |j: &usize| {
                let dx = ((i % nx) as f64 - (j % nx) as f64) * sx;
                let dy = ((i / nx) as f64 - (j / nx) as f64) * sy;
                dx * dx + dy * dy
            };
            let distance = inside
                .iter()
                .map(squared)
                .fold(f64::INFINITY, f64::min)
                .sqrt();
            let region = match distance {
                0.0 => 0,
                d if d <= 5.0 => 1,
                d if (9.0..=14.0).contains(&d) => 2,
                _ => continue,
            };
            regions[region].push(values[i + z * nx * ny]);
        }
    }
    regions
}

fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let ranks = |values: &[f64]| -> Vec<f64> {
        let below = |v: &f64| values.iter().filter(|w| *w < v).count() as f64;
        values.iter().map(below).collect()
    };
    let (a, b) = (ranks(a), ranks(b));
    let ((ma, sa), (mb, sb)) = (mean_sd(&a), mean_sd(&b));
    let products: f64 = a.iter().zip(&b).map(|(x, y)| (x - ma) * (y - mb)).sum();
    products / (a.len() as f64 * sa * sb)
}

/// Spearman of the tumour's coefficient of variation with `u_t`, and of the ring's signal over the tissue farther out with `u_p`.
fn planted(cohort: &[(SynthPatient, SynthImages)]) -> [f64; 2] {
    let found: Vec<[f64; 2]> = cohort
        .par_iter()
        .map(|(_, images)| {
            let [tumour, ring, beyond] = regions(images);
            let (mean, sd) = mean_sd(&tumour);
            [sd / mean, mean_sd(&ring).0 / mean_sd(&beyond).0]
        })
        .collect();
    let column = |k: usize| -> Vec<f64> { found.iter().map(|f| f[k]).collect() };
    let u_t: Vec<f64> = cohort.iter().map(|(p, _)| p.truth.u_t).collect();
    let u_p: Vec<f64> = cohort.iter().map(|(p, _)| p.truth.u_p).collect();
    [spearman(&column(0), &u_t), spearman(&column(1), &u_p)]
}

#[test]
fn the_latents_can_be_read_off_the_images() {
    let [tumour, ring] = planted(&make(SynthSize::Demo, 3, "c"));
    eprintln!("demo: u_t {tumour:.2}, u_p {ring:.2}");
    assert!((0.6..0.95).contains(&tumour) && (0.5..0.95).contains(&ring));
    let [tumour, ring] = planted(&make(SynthSize::Tiny, 1, "c1"));
    eprintln!("tiny, c1: u_t {tumour:.2}, u_p {ring:.2}");
    assert!(tumour > 0.4 && ring > 0.4);
}

#[test]
fn masks_have_the_tables_size_and_readings_agree() {
    let cohort = make(SynthSize::Tiny, 1, "c");
    let mut dice = Vec::new();
    for (patient, images) in &cohort {
        let [nx, ny, nz] = images.dims;
        assert_eq!(images.image.len(), nx * ny * nz);
        let voxels = images.mask.iter().filter(|v| **v == 1).count();
        let slices = images
            .mask
            .chunks(nx * ny)
            .filter(|s| s.contains(&1))
            .count();
        assert!(voxels >= 12 && slices >= 2, "{voxels} {slices}");
        let edge = images
            .mask
            .chunks(nx * ny)
            .take(1)
            .chain(images.mask.chunks(nx * ny).skip(nz - 1));
        assert!(edge.flatten().all(|v| *v == 0), "{}", patient.patient_id);
        let width = extent(images);
        let off = width / patient.tumour_diameter_mm;
        assert!((0.6..1.5).contains(&off), "{off}");
        assert_eq!(
            images.delineations.len(),
            2 * usize::from(patient.delineated_again)
        );
        for (_, reading) in &images.delineations {
            let both = reading
                .iter()
                .zip(&images.mask)
                .filter(|(a, b)| **a + **b == 2)
                .count();
            let sum = reading
                .iter()
                .chain(&images.mask)
                .map(|v| usize::from(*v))
                .sum::<usize>();
            dice.push(2.0 * both as f64 / sum as f64);
        }
    }
    let (mean, _) = mean_sd(&dice);
    eprintln!("Dice {mean:.3} over {} readings", dice.len());
    assert!(dice.len() == 20 && (0.85..0.98).contains(&mean));
}

/// Width of the mask in x, mm.
fn extent(images: &SynthImages) -> f64 {
    let nx = images.dims[0];
    let inside = (0..images.mask.len()).filter(|i| images.mask[*i] == 1);
    let xs: Vec<usize> = inside.map(|i| i % nx).collect();
    let span = xs.iter().max().unwrap() - xs.iter().min().unwrap() + 1;
    span as f64 * images.spacing_mm[0]
}

#[test]
fn centres_differ_as_their_echo_times_do() {
    let cohort = make(SynthSize::Tiny, 1, "c");
    let contrast = |site: &str| {
        let of_site = cohort.iter().filter(|(p, _)| p.site == site);
        let ratios: Vec<f64> = of_site
            .map(|(_, images)| {
                let [tumour, _, beyond] = regions(images);
                mean_sd(&tumour).0 / mean_sd(&beyond).0
            })
            .collect();
        mean_sd(&ratios).0
    };
    assert!(contrast("c2") > 1.08 * contrast("c1"));
    assert_eq!(cohort[0].1.spacing_mm, [3.75, 3.75, 7.0]);
    assert_eq!(cohort[39].1.spacing_mm, [3.75, 3.75, 5.5]);
    assert_eq!(cohort[0].1.affine[0], [-3.75, 0.0, 0.0, 118.125]);
}

/// FNV-1a over all bytes of a cohort's images.
fn checksum(cohort: &[(SynthPatient, SynthImages)]) -> u64 {
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    let mut eat = |byte: u8| sum = (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for (_, images) in cohort {
        images
            .image
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .for_each(&mut eat);
        images.mask.iter().copied().for_each(&mut eat);
        images
            .true_log_bias
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .for_each(&mut eat);
        images
            .delineations
            .iter()
            .flat_map(|d| d.1.clone())
            .for_each(&mut eat);
    }
    sum
}

#[test]
fn any_number_of_threads_makes_the_same_bytes() {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build()
            .unwrap()
            .install(|| checksum(&make(SynthSize::Tiny, 2, "c")))
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(8));
    // the recipe's bytes: a change here is a new version of the schema, or of `RECIPE` in the command line's synth
    #[cfg(target_arch = "x86_64")]
    assert_eq!(one, 0x1693_ab9b_0f90_ebe9);
}

/// Otsu's threshold over 200 bins between the least and the greatest value.
fn otsu(values: &[i16]) -> f64 {
    let low = f64::from(*values.iter().min().unwrap());
    let width = (f64::from(*values.iter().max().unwrap()) - low) / 200.0;
    let mut counts = [0.0; 200];
    for value in values {
        let bin = ((f64::from(*value) - low) / width) as usize;
        counts[bin.min(199)] += 1.0;
    }
    let between = |cut: usize| {
        let side = |bins: std::ops::Range<usize>| {
            let n: f64 = counts[bins.clone()].iter().sum();
            let sum: f64 = bins.map(|bin| counts[bin] * bin as f64).sum();
            (n, sum / n.max(1.0))
        };
        let ((n0, m0), (n1, m1)) = (side(0..cut), side(cut..200));
        n0 * n1 * (m0 - m1) * (m0 - m1)
    };
    let best = (1..200).max_by(|a, b| between(*a).total_cmp(&between(*b)));
    low + width * best.unwrap() as f64
}

/// Pixels of a slice that the dark outside reaches from the border.
fn outside(bright: &[bool], nx: usize) -> Vec<bool> {
    let ny = bright.len() / nx;
    let mut seen = vec![false; bright.len()];
    let on_border =
        |i: &usize| i.is_multiple_of(nx) || i % nx == nx - 1 || i / nx == 0 || i / nx == ny - 1;
    let mut open: Vec<usize> = (0..bright.len()).filter(on_border).collect();
    while let Some(i) = open.pop() {
        if bright[i] || std::mem::replace(&mut seen[i], true) {
            continue;
        }
        let (x, y) = (i % nx, i / nx);
        open.extend((x > 0).then(|| i - 1));
        open.extend((x + 1 < nx).then_some(i + 1));
        open.extend((y > 0).then(|| i - nx));
        open.extend((y + 1 < ny).then_some(i + nx));
    }
    seen
}

#[test]
fn a_body_by_otsu_with_its_holes_filled_holds_the_tumour() {
    for (size, step) in [(SynthSize::Tiny, 1), (SynthSize::Demo, 5)] {
        for (patient, images) in make(size, step, "c") {
            let threshold = otsu(&images.image);
            let [nx, ny, _] = images.dims;
            let slices = images
                .image
                .chunks(nx * ny)
                .zip(images.mask.chunks(nx * ny));
            for (greys, mask) in slices {
                let bright: Vec<bool> = greys.iter().map(|g| f64::from(*g) > threshold).collect();
                let outside = outside(&bright, nx);
                let lost = outside
                    .iter()
                    .zip(mask)
                    .filter(|(o, m)| **o && **m == 1)
                    .count();
                assert_eq!(lost, 0, "{} {size:?}", patient.patient_id);
            }
        }
    }
}
