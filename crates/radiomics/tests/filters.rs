//! Every derived image of the reference cases, voxel by voxel: over the whole image against PyRadiomics 3.1.0, and through windows
//! against the whole image, bit by bit.
//!
//! Other settings are compared on the formula phantoms with what the libraries below PyRadiomics gave: `fixtures/filters`.
//!
//! The references of the cases are read where `RADLOOM_ORACLES`, or `../shared/oracles` beside the workspace, says, and are skipped aloud where
//! that is absent.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use imaging::Volume;
use radiomics::filter::{
    Derived, FilterError, ImageType, ImageView, Lbp2dMethod, Lbp2dSettings, Lbp3dSettings,
    PixelType, SkipReason, WaveletSettings, Window, derived, derived_all, wavelet_names,
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
    match name {
        "gradient" | "lbp-2D" | "lbp-3D-m1" | "lbp-3D-k" | "original" => (0.0, 0.0),
        _ if name.starts_with("log-") => (0.0, 0.0),
        _ if name.starts_with("lbp-3D") => (1e-11, 0.0),
        _ if name.starts_with("wavelet") => (0.0, 1e-15),
        _ => (0.0, 1e-14),
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
    let inner = [0, 1, 2].map(|axis| third[axis].min(dims[axis] - third[axis]));
    let last = dims.map(|n| n - 1);
    vec![
        Window {
            lower: inner,
            size: third,
        },
        Window {
            lower: [0; 3],
            size: third,
        },
        Window {
            lower: [0, 1, 2].map(|axis| dims[axis] - third[axis]),
            size: third,
        },
        Window {
            lower: last,
            size: [1; 3],
        },
        Window {
            lower: [0, inner[1], 0],
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

/// A phantom in another pixel type, named as in `make_filters.py`, and its region.
fn phantom(name: &str) -> (Image, Vec<bool>) {
    let (which, kind) = name.split_once(':').unwrap();
    let (volume, mask) = match which {
        "iso" => imaging::phantom::iso(),
        "pelvis" => imaging::phantom::pelvis(),
        "odd" => imaging::phantom::odd(),
        _ => panic!("{which}"),
    };
    let mut image = Image::of(&volume);
    let (pixel, convert): (PixelType, fn(f64) -> f64) = match kind {
        "u8" => (PixelType::U8, |value| value.rem_euclid(251.0)),
        "i8" => (PixelType::I8, |value| value.rem_euclid(251.0) - 125.0),
        "i16" => (PixelType::I16, |value| value),
        "i32" => (PixelType::I32, |value| value),
        "f32" => (PixelType::F32, |value| f64::from((value / 7.0) as f32)),
        "f64" => (PixelType::F64, |value| value),
        _ => panic!("{kind}"),
    };
    image.pixel = pixel;
    image
        .values
        .iter_mut()
        .for_each(|value| *value = convert(*value));
    (image, mask.inside)
}

/// The image type that a setting of the fixtures' table stands for.
fn image_type(setting: &str) -> ImageType {
    let words: Vec<&str> = setting.split(' ').collect();
    match words.as_slice() {
        ["wavelet", name, start_level, level, skip] => ImageType::Wavelet(WaveletSettings {
            wavelet: (*name).to_owned(),
            start_level: start_level.parse().unwrap(),
            level: level.parse().unwrap(),
            skip_axis: skip.parse().ok(),
        }),
        ["log", sigma] => ImageType::LaplacianOfGaussian {
            sigma_mm: vec![sigma.parse().unwrap()],
        },
        ["gradient", use_spacing] => ImageType::Gradient {
            use_spacing: *use_spacing == "true",
        },
        ["lbp2d", radius, n_samples, method, axis] => ImageType::Lbp2d(Lbp2dSettings {
            radius_voxels: radius.parse().unwrap(),
            n_samples: n_samples.parse().unwrap(),
            method: match *method {
                "default" => Lbp2dMethod::Default,
                "ror" => Lbp2dMethod::Ror,
                "uniform" => Lbp2dMethod::Uniform,
                "nri_uniform" => Lbp2dMethod::NriUniform,
                "var" => Lbp2dMethod::Var,
                _ => panic!("{method}"),
            },
            slice_axis: axis.parse().unwrap(),
        }),
        ["lbp3d", n_levels, radius, n_subdivisions] => ImageType::Lbp3d(Lbp3dSettings {
            n_levels: n_levels.parse().unwrap(),
            radius_voxels: radius.parse().unwrap(),
            n_subdivisions: n_subdivisions.parse().unwrap(),
        }),
        _ => panic!("{setting}"),
    }
}

/// Relative difference allowed, against the root mean square of the image.
fn fixture_tolerance(setting: &str) -> f64 {
    match setting.split(' ').next().unwrap() {
        "log" | "gradient" | "lbp2d" => 0.0,
        "lbp3d" => 1e-11,
        _ => 1e-14,
    }
}

/// Disagreements of one image and setting with its rows of the table.
fn check_setting(which: &str, setting: &str, rows: &[Vec<&str>]) -> Vec<String> {
    let (image, inside) = phantom(which);
    let view = image.view();
    let all = derived(&image_type(setting), &view).unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row[2]).collect();
    let found: Vec<String> = all.images.iter().map(Derived::name).collect();
    let mut wrong = Vec::new();
    if !all.skipped.is_empty()
        || !names.iter().all(|name| found.iter().any(|f| f == name))
        || names.len() != found.len()
    {
        wrong.push(format!("{which} {setting}: {found:?}, reference {names:?}"));
        return wrong;
    }
    for image_of in &all.images {
        let row = rows.iter().find(|row| row[2] == image_of.name()).unwrap();
        let number = |column: usize| row[column].parse::<f64>().unwrap();
        let at = row[3..6]
            .iter()
            .rev()
            .zip([image.dims[1], image.dims[0], 1]);
        let at = at.fold(0, |at, (index, n)| {
            (at + index.parse::<usize>().unwrap()) * n
        });
        let values = image_of
            .values(&view, &Window::whole(image.dims), &inside)
            .unwrap();
        let squares = values.iter().fold(0.0, |sum, value| sum + value * value);
        let scale = (number(7) / values.len() as f64).sqrt();
        let tolerance = fixture_tolerance(setting);
        let difference = (values[at] - number(6)).abs();
        let relative = (squares - number(7)).abs() / number(7);
        // the sums themselves differ in order
        if difference > tolerance * scale || relative > tolerance + 1e-12 {
            wrong.push(format!(
                "{which} {setting} {}: {} is {}, sum of squares off by {relative:.1e}",
                row[2], row[6], values[at]
            ));
        }
    }
    wrong
}

#[test]
fn other_settings_agree_with_the_libraries_below_pyradiomics() {
    let text = include_str!("fixtures/filters/filters.csv");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect())
        .collect();
    let mut wrong = Vec::new();
    let mut n_settings = 0;
    for group in rows.chunk_by(|a, b| a[..2] == b[..2]) {
        wrong.extend(check_setting(group[0][0], group[0][1], group));
        n_settings += 1;
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(n_settings, 168);
    for name in wavelet_names() {
        let setting = format!("wavelet {name} 0 1 none");
        assert!(
            rows.iter().any(|row| row[1] == setting),
            "{name} has no reference"
        );
    }
}

#[test]
fn windows_give_the_whole_image_under_other_settings() {
    for (which, setting) in [
        ("pelvis:i16", "wavelet coif1 0 3 none"),
        ("odd:f64", "wavelet db20 0 1 none"),
        ("iso:i16", "wavelet db2 1 2 1"),
        ("odd:f64", "wavelet haar 0 2 0"),
        ("odd:f64", "log 0.4"),
        ("iso:f32", "log 6.0"),
        ("iso:u8", "lbp2d 2.0 16 default 0"),
        ("odd:f64", "lbp2d 1.1 9 var 1"),
        ("iso:f32", "lbp3d 3 2.3 2"),
        ("pelvis:i16", "lbp3d 2 4.0 1"),
        ("odd:f64", "lbp3d 2 1.0 1"),
    ] {
        let (image, inside) = phantom(which);
        for image_of in derived(&image_type(setting), &image.view()).unwrap().images {
            whole_and_windows(setting, &image, &image_of, &inside);
        }
    }
}

fn tiny(dims: [usize; 3], value: impl Fn(usize) -> f64) -> Image {
    Image {
        values: (0..dims.iter().product()).map(value).collect(),
        dims,
        spacing_mm: [1.0; 3],
        pixel: PixelType::F64,
    }
}

#[test]
fn a_gaussian_too_wide_for_the_image_is_skipped_with_its_reason() {
    let image = tiny([8, 8, 5], |i| i as f64);
    let sigma_mm = vec![1.0, 4.0, 4.5, -1.0, f64::NAN];
    let all = derived(&ImageType::LaplacianOfGaussian { sigma_mm }, &image.view()).unwrap();
    let names: Vec<String> = all.images.iter().map(Derived::name).collect();
    assert_eq!(names, ["log-sigma-1-0-mm-3D", "log-sigma-4-0-mm-3D"]);
    assert_eq!(all.skipped.len(), 3);
    assert_eq!(all.skipped[0].name, "log-sigma-4-5-mm-3D");
    assert_eq!(
        all.skipped[0].reason,
        SkipReason::ImageTooSmall {
            sigma_mm: 4.5,
            axis: 2,
            needed: 6,
            n_voxels: 5
        }
    );
    assert_eq!(
        all.skipped[1].reason,
        SkipReason::SigmaNotPositive { sigma_mm: -1.0 }
    );
}

#[test]
fn images_without_a_value_are_refused() {
    let zeros = tiny([4, 4, 4], |_| 0.0);
    let whole = Window::whole(zeros.dims);
    let all = |_: &Window| vec![true; 64];
    let first = |image: &Image, image_type: ImageType| {
        let images = derived(&image_type, &image.view()).unwrap().images;
        images
            .last()
            .unwrap()
            .values(&image.view(), &whole, &all(&whole))
    };
    for image_type in [
        ImageType::Square,
        ImageType::Logarithm,
        ImageType::Exponential,
    ] {
        assert!(matches!(
            first(&zeros, image_type),
            Err(FilterError::AllZero { .. })
        ));
    }
    assert_eq!(first(&zeros, ImageType::SquareRoot), Ok(vec![0.0; 64]));
    let sphere = ImageType::Lbp3d(Lbp3dSettings::pyradiomics_defaults());
    assert_eq!(
        first(&zeros, sphere),
        Err(FilterError::FlatSphere { voxel: [0, 0, 0] })
    );
    let circle = Lbp2dSettings {
        method: Lbp2dMethod::Var,
        ..Lbp2dSettings::pyradiomics_defaults()
    };
    assert_eq!(
        first(&zeros, ImageType::Lbp2d(circle)),
        Err(FilterError::FlatCircle { voxel: [0, 0, 0] })
    );
    let broken = tiny([4, 4, 4], |i| if i == 37 { f64::NAN } else { 1.0 });
    for image_type in [
        ImageType::Original,
        ImageType::Square,
        ImageType::SquareRoot,
    ] {
        assert_eq!(
            first(&broken, image_type),
            Err(FilterError::NotFinite { voxel: [1, 1, 2] })
        );
    }
}

#[test]
fn wrong_grids_windows_and_settings_are_refused() {
    let image = tiny([4, 3, 2], |i| i as f64);
    let original = derived(&ImageType::Original, &image.view())
        .unwrap()
        .images
        .remove(0);
    let values = |window: Window, n: usize| original.values(&image.view(), &window, &vec![true; n]);
    let outside = Window {
        lower: [3, 0, 0],
        size: [2, 1, 1],
    };
    assert!(matches!(
        values(outside, 2),
        Err(FilterError::WindowOutside { .. })
    ));
    let endless = Window {
        lower: [usize::MAX, 0, 0],
        size: [2, 1, 1],
    };
    assert!(matches!(
        values(endless, 2),
        Err(FilterError::WindowOutside { .. })
    ));
    let empty = Window {
        lower: [0; 3],
        size: [1, 0, 1],
    };
    assert!(matches!(
        values(empty, 0),
        Err(FilterError::WindowOutside { .. })
    ));
    assert!(matches!(
        values(Window::whole([4, 3, 2]), 23),
        Err(FilterError::MaskLength { .. })
    ));
    let other = tiny([3, 4, 2], |i| i as f64);
    let answer = original.values(&other.view(), &Window::whole(other.dims), &[true; 24]);
    assert!(matches!(answer, Err(FilterError::OtherImage { .. })));
    let short = ImageView {
        values: &image.values[1..],
        ..image.view()
    };
    assert!(matches!(
        derived(&ImageType::Square, &short),
        Err(FilterError::Length { .. })
    ));
    let flat = ImageView {
        spacing_mm: [1.0, 0.0, 1.0],
        ..image.view()
    };
    assert!(matches!(
        derived(&ImageType::Square, &flat),
        Err(FilterError::Spacing { .. })
    ));
    let wavelet = WaveletSettings {
        wavelet: "Coif1".to_owned(),
        ..WaveletSettings::pyradiomics_defaults()
    };
    let answer = derived(&ImageType::Wavelet(wavelet), &image.view()).map(|all| all.images.len());
    assert_eq!(
        answer,
        Err(FilterError::UnknownWavelet {
            name: "Coif1".to_owned(),
            nearest: "coif1".to_owned()
        })
    );
    for setting in [
        "lbp2d 0 8 var 2",
        "lbp2d 1 0 var 2",
        "lbp2d 1 32 var 2",
        "lbp2d 1 8 var 3",
        "lbp3d 0 1 1",
        "lbp3d 2 NaN 1",
        "lbp3d 2 1 9",
        "wavelet haar 0 0 none",
        "wavelet haar 18446744073709551615 1 none",
        "wavelet haar 0 1 3",
    ] {
        let answer = derived(&image_type(setting), &image.view());
        assert!(
            matches!(answer, Err(FilterError::Setting { .. })),
            "{setting}"
        );
    }
}

/// Lines that fill no group of eight, or lie in several rows.
#[test]
fn small_images_have_laplacians() {
    let sigma_mm = vec![0.7, 1.0, 3.0];
    for dims in [[4, 4, 4], [5, 4, 7], [9, 6, 5]] {
        let image = tiny(dims, |i| (i * i % 31) as f64);
        let types = ImageType::LaplacianOfGaussian {
            sigma_mm: sigma_mm.clone(),
        };
        let all = derived(&types, &image.view()).unwrap();
        assert_eq!(all.images.len(), 3);
        for image_of in &all.images {
            whole_and_windows("small", &image, image_of, &vec![true; image.values.len()]);
        }
    }
}

/// One row, one slice, one voxel: nothing reaches outside.
#[test]
fn thin_images_have_derived_images() {
    for dims in [[1, 1, 1], [7, 1, 1], [1, 5, 1], [2, 1, 3]] {
        let image = tiny(dims, |i| (i * i) as f64 + 1.0);
        let inside = vec![true; image.values.len()];
        let all = derived_all(&all_types(), &image.view()).unwrap();
        assert_eq!(all.skipped.len(), 5, "{dims:?}");
        // around a single voxel all samples are 0, which has no kurtosis
        let is_defined = |image_of: &&Derived| dims != [1; 3] || image_of.name() != "lbp-3D-k";
        for image_of in all.images.iter().filter(is_defined) {
            whole_and_windows("thin", &image, image_of, &inside);
        }
    }
}
