//! Every derived image of the reference cases, voxel by voxel: over the whole image against PyRadiomics 3.1.0, and through windows
//! against the whole image, bit by bit.
//!
//! The references are read where `RADLOOM_ORACLES`, or `../shared/oracles` beside the workspace, says, and are skipped aloud where
//! that is absent.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use imaging::Volume;
use radiomics::filter::{
    Derived, ImageType, ImageView, Lbp2dSettings, Lbp3dSettings, PixelType, WaveletSettings,
    Window, derived_all,
};
use std::path::{Path, PathBuf};

fn oracles() -> Option<PathBuf> {
    let folder = std::env::var_os("RADLOOM_ORACLES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/oracles"),
        PathBuf::from,
    );
    let found = folder.join("radiomics");
    if found.is_dir() {
        return Some(found);
    }
    eprintln!("skipped: oracles absent");
    None
}

/// An image in double precision and what it was.
struct Image {
    values: Vec<f64>,
    dims: [usize; 3],
    spacing_mm: [f64; 3],
    pixel: PixelType,
}

impl Image {
    fn of(volume: &Volume) -> Image {
        Image {
            values: volume.to_f64(),
            dims: volume.geometry.dims,
            spacing_mm: volume.geometry.spacing_mm(),
            pixel: PixelType::from(&volume.voxels),
        }
    }

    fn read(path: &Path) -> Image {
        Image::of(&imaging::nifti::read(path).unwrap())
    }

    fn view(&self) -> ImageView<'_> {
        ImageView {
            values: &self.values,
            dims: self.dims,
            spacing_mm: self.spacing_mm,
            pixel: self.pixel,
        }
    }
}

fn all_types() -> Vec<ImageType> {
    vec![
        ImageType::Original,
        ImageType::Wavelet(WaveletSettings::pyradiomics_defaults()),
        ImageType::LaplacianOfGaussian {
            sigma_mm: vec![1.0, 2.0, 3.0, 4.0, 5.0],
        },
        ImageType::Square,
        ImageType::SquareRoot,
        ImageType::Logarithm,
        ImageType::Exponential,
        ImageType::Gradient { use_spacing: true },
        ImageType::Lbp2d(Lbp2dSettings::pyradiomics_defaults()),
        ImageType::Lbp3d(Lbp3dSettings::pyradiomics_defaults()),
    ]
}

/// Largest difference allowed, absolute and relative to the largest value of the image.
fn tolerance(name: &str) -> (f64, f64) {
    if name.starts_with("wavelet") {
        (0.0, 1e-12)
    } else if name.starts_with("log-") {
        (0.0, 1.2e-7)
    } else if name == "gradient" || name == "lbp-2D" {
        (0.0, 0.0)
    } else if name.starts_with("lbp-3D") {
        (1e-10, 0.0)
    } else {
        (0.0, 1e-14)
    }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |m, value| value.abs().max(m))
}

fn compare(case: &str, name: &str, found: &[f64], reference: &Image) {
    let stored_single = name.starts_with("wavelet") && reference.pixel == PixelType::F32;
    let reference = &reference.values;
    assert_eq!(found.len(), reference.len(), "{case} {name}");
    let (absolute, relative) = if stored_single {
        (0.0, 6e-8)
    } else {
        tolerance(name)
    };
    let differences: Vec<f64> = found
        .iter()
        .zip(reference)
        .map(|(a, b)| (a - b).abs())
        .collect();
    let scale = largest(reference);
    let worst = largest(&differences);
    let unequal = differences.iter().filter(|&&d| d != 0.0).count();
    eprintln!(
        "{case} {name}: largest difference {worst:.2e} of {scale:.4e}, {unequal} of {} unequal",
        found.len()
    );
    assert!(
        worst <= absolute + relative * scale,
        "{case} {name}: {worst:e} of {scale}"
    );
}

/// Windows at the corners, along the borders, inside, and of one voxel.
fn windows(dims: [usize; 3]) -> Vec<Window> {
    let third = dims.map(|n| (n / 3).max(1));
    let last = dims.map(|n| n - 1);
    vec![
        Window {
            lower: third,
            size: third,
        },
        Window {
            lower: [0; 3],
            size: third,
        },
        Window {
            lower: [dims[0] - third[0], dims[1] - third[1], dims[2] - third[2]],
            size: third,
        },
        Window {
            lower: last,
            size: [1; 3],
        },
        Window {
            lower: [0, third[1], 0],
            size: [dims[0], 1, dims[2]],
        },
    ]
}

fn cut(whole: &[f64], dims: [usize; 3], window: &Window) -> Vec<f64> {
    let mut values = Vec::new();
    for z in 0..window.size[2] {
        for y in 0..window.size[1] {
            let start =
                window.lower[0] + dims[0] * (window.lower[1] + y + dims[1] * (window.lower[2] + z));
            values.extend_from_slice(&whole[start..start + window.size[0]]);
        }
    }
    values
}

/// Values over the whole image, after windows were found to agree with it whichever was asked for first.
fn whole_and_windows(case: &str, image: &Image, derived: &Derived, inside: &[bool]) -> Vec<f64> {
    let view = image.view();
    let whole = derived
        .values(&view, &Window::whole(image.dims), inside)
        .unwrap();
    for window in windows(image.dims) {
        let inside: Vec<bool> = {
            let flags: Vec<f64> = inside
                .iter()
                .map(|&flag| f64::from(u8::from(flag)))
                .collect();
            cut(&flags, image.dims, &window)
                .iter()
                .map(|&flag| flag == 1.0)
                .collect()
        };
        let part = derived.values(&view, &window, &inside).unwrap();
        let expected = cut(&whole, image.dims, &window);
        let scale = largest(&whole);
        let is_laplacian = derived.name().starts_with("log-");
        let same = |a: f64, b: f64| {
            // far tails of the Gaussian are cut: far below anything but a constant background
            let is_tail = is_laplacian && a.abs().max(b.abs()) < 1e-9 * scale;
            a.to_bits() == b.to_bits() || (is_tail && (a - b).abs() <= 1e-15 * scale)
        };
        let all = part.iter().zip(&expected).all(|(&a, &b)| same(a, b));
        assert!(all, "{case} {} differs in {window:?}", derived.name());
    }
    whole
}

fn check_case(case: &str) {
    let Some(folder) = oracles() else { return };
    let image = Image::read(&folder.join(format!("images/{case}_image.nii.gz")));
    let mask = Image::read(&folder.join(format!("images/{case}_mask.nii.gz")));
    let inside: Vec<bool> = mask.values.iter().map(|&label| label == 1.0).collect();
    let images = derived_all(&all_types(), &image.view()).unwrap();
    let mut n_compared = 0;
    for derived in &images.images {
        let values = whole_and_windows(case, &image, derived, &inside);
        let path = folder.join(format!("derived/{case}_{}.nii.gz", derived.name()));
        if path.is_file() {
            compare(case, &derived.name(), &values, &Image::read(&path));
            n_compared += 1;
        }
    }
    assert!(n_compared > 0);
}

#[test]
fn breast1() {
    check_case("breast1");
}

#[test]
fn prostate_phantom() {
    check_case("prostate_phantom");
}

#[test]
fn sts019_t1() {
    check_case("sts019_t1");
}
