//! How long each image type takes: `filter_speed IMAGE MASK [RUNS]`, one thread, best of the runs (5), milliseconds.
//!
//! The window is the bounding box of the mask's voxels above 0. What siblings share is computed anew in every run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a program for one's own machine"
)]

use radiomics::filter::{
    ImageType, ImageView, Lbp2dSettings, Lbp3dSettings, PixelType, WaveletSettings, Window,
    derived_all,
};
use std::path::Path;
use std::time::Instant;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [image, mask, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: filter_speed IMAGE MASK [RUNS]");
        std::process::exit(2);
    };
    let n_runs: usize = rest.first().map_or(5, |runs| runs.parse().unwrap());
    let volume = imaging::nifti::read(Path::new(image)).expect("an image");
    let mask = imaging::nifti::read(Path::new(mask)).expect("a mask");
    let values = volume.to_f64();
    let view = ImageView {
        values: &values,
        dims: volume.geometry.dims,
        spacing_mm: volume.geometry.spacing_mm(),
        pixel: PixelType::from(&volume.voxels),
    };
    let (window, inside) = boxed(&mask.to_f64(), view.dims);
    println!(
        "image {:?}, window {:?} at {:?}, {} voxels inside",
        view.dims,
        window.size,
        window.lower,
        inside.iter().filter(|&&inside| inside).count()
    );
    let fourteen: f64 = types_of_1409()
        .iter()
        .map(|(name, image_type)| {
            time(
                name,
                std::slice::from_ref(image_type),
                &view,
                &window,
                &inside,
                n_runs,
            )
        })
        .sum();
    println!("{:24} {fourteen:9.2} ms", "sum");
    let all: Vec<ImageType> = types_of_1409()
        .into_iter()
        .map(|(_, image_type)| image_type)
        .collect();
    time("these, sharing", &all, &view, &window, &inside, n_runs);
    for sigma_mm in [1.0, 2.0, 3.0, 4.0, 5.0, 6.0] {
        let log = ImageType::LaplacianOfGaussian {
            sigma_mm: vec![sigma_mm],
        };
        time(
            &format!("log {sigma_mm} mm"),
            &[log],
            &view,
            &window,
            &inside,
            n_runs,
        );
    }
    let sphere = ImageType::Lbp3d(Lbp3dSettings::pyradiomics_defaults());
    time("lbp-3D x 3", &[sphere], &view, &window, &inside, n_runs);
}

fn types_of_1409() -> Vec<(&'static str, ImageType)> {
    vec![
        (
            "wavelet x 8",
            ImageType::Wavelet(WaveletSettings::pyradiomics_defaults()),
        ),
        ("square", ImageType::Square),
        ("squareroot", ImageType::SquareRoot),
        ("logarithm", ImageType::Logarithm),
        ("exponential", ImageType::Exponential),
        ("gradient", ImageType::Gradient { use_spacing: true }),
        (
            "lbp-2D",
            ImageType::Lbp2d(Lbp2dSettings::pyradiomics_defaults()),
        ),
    ]
}

fn time(
    name: &str,
    types: &[ImageType],
    view: &ImageView,
    window: &Window,
    inside: &[bool],
    n_runs: usize,
) -> f64 {
    let once = || {
        let start = Instant::now();
        for image in derived_all(types, view).expect("settings are right").images {
            match image.values(view, window, inside) {
                Ok(values) => drop(std::hint::black_box(values)),
                Err(error) => println!("{}: {error}", image.name()),
            }
        }
        start.elapsed().as_secs_f64() * 1e3
    };
    let best = (0..n_runs).map(|_| once()).fold(f64::INFINITY, f64::min);
    println!("{name:24} {best:9.2} ms");
    best
}

fn boxed(labels: &[f64], dims: [usize; 3]) -> (Window, Vec<bool>) {
    let at = |i: usize| [i % dims[0], i / dims[0] % dims[1], i / dims[0] / dims[1]];
    let mut lower = dims;
    let mut upper = [0; 3];
    for (i, _) in labels.iter().enumerate().filter(|&(_, &label)| label > 0.0) {
        for axis in 0..3 {
            lower[axis] = lower[axis].min(at(i)[axis]);
            upper[axis] = upper[axis].max(at(i)[axis] + 1);
        }
    }
    let size = [0, 1, 2].map(|axis| upper[axis] - lower[axis]);
    let mut inside = Vec::new();
    for z in lower[2]..upper[2] {
        for y in lower[1]..upper[1] {
            let start = dims[0] * (y + dims[1] * z);
            inside.extend((lower[0]..upper[0]).map(|x| labels[start + x] > 0.0));
        }
    }
    (Window { lower, size }, inside)
}
