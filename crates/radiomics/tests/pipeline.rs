//! Each kind of preprocessing and of custom settings against PyRadiomics, on formula phantoms; see fixtures/pipeline/make_preprocessed.py.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use imaging::normalise::NormaliseParams;
use imaging::resample::Interpolator;
use imaging::{Geometry, Mask, Volume, phantom};
use radiomics::filter::{ImageType, Lbp2dSettings, WaveletSettings};
use radiomics::pipeline::{
    ExtractionSettings, ImageRequest, Normalisation, NormaliseOver, PipelineError, RegionStage,
    Resampling, ResegmentMode, Resegmentation, Spacing, extract,
};
use radiomics::{Bin, Undefined};
use std::collections::BTreeMap;

fn request(settings: &ExtractionSettings, image_type: ImageType) -> ImageRequest {
    ImageRequest {
        image_type,
        classes: settings.classes.clone(),
    }
}

fn with_images(mut settings: ExtractionSettings, types: Vec<ImageType>) -> ExtractionSettings {
    settings.images = types
        .into_iter()
        .map(|image_type| request(&settings, image_type))
        .collect();
    settings
}

fn at_spacing(spacing_mm: [f64; 3], interpolator: Interpolator) -> ExtractionSettings {
    ExtractionSettings {
        resample: Some(Resampling {
            spacing: Spacing::PerAxis(spacing_mm),
            interpolator,
        }),
        ..ExtractionSettings::pyradiomics_defaults()
    }
}

fn between(thresholds: &[f64], mode: ResegmentMode, shape_too: bool) -> ExtractionSettings {
    ExtractionSettings {
        resegment: Some(Resegmentation {
            thresholds: thresholds.to_vec(),
            mode,
            shape_too,
        }),
        ..ExtractionSettings::pyradiomics_defaults()
    }
}

fn configuration(name: &str) -> (Volume, Mask, ExtractionSettings) {
    let wavelet = || ImageType::Wavelet(WaveletSettings::pyradiomics_defaults());
    let defaults = ExtractionSettings::pyradiomics_defaults();
    let (iso, pelvis) = (phantom::iso, phantom::pelvis);
    let ((image, mask), settings) = match name {
        "linear" => (
            pelvis(),
            ExtractionSettings {
                normalise: z_times_100(None),
                ..at_spacing([1.0, 1.0, 3.5], Interpolator::Linear)
            },
        ),
        "nearest_keep_slices" => (
            pelvis(),
            ExtractionSettings {
                pad_voxels: 2,
                ..at_spacing([1.3, 1.3, 0.0], Interpolator::NearestNeighbour)
            },
        ),
        "spline_whole_numbers" => (
            iso(),
            with_images(
                at_spacing([1.7; 3], Interpolator::BSpline),
                vec![ImageType::Original, wavelet(), ImageType::Square],
            ),
        ),
        "outliers" => (pelvis(), outliers()),
        "cropped" => (
            iso(),
            with_images(
                ExtractionSettings {
                    pre_crop: true,
                    pad_voxels: 3,
                    ..defaults
                },
                vec![
                    wavelet(),
                    ImageType::Square,
                    ImageType::LaplacianOfGaussian {
                        sigma_mm: vec![2.0],
                    },
                ],
            ),
        ),
        "absolute" => (
            iso(),
            between(&[260.0, 330.0], ResegmentMode::Absolute, false),
        ),
        "relative" => (iso(), between(&[0.7], ResegmentMode::Relative, true)),
        "sigma" => (
            pelvis(),
            with_images(
                between(&[1.5, -1.0], ResegmentMode::Sigma, false),
                vec![
                    ImageType::Original,
                    ImageType::Gradient { use_spacing: true },
                ],
            ),
        ),
        "slices" => (pelvis(), slices()),
        "custom" => (iso(), custom()),
        other => panic!("{other}"),
    };
    (image, mask, settings)
}

fn z_times_100(outlier_sds: Option<f64>) -> Option<Normalisation> {
    Some(Normalisation {
        params: NormaliseParams {
            scale: 100.0,
            outlier_sds,
        },
        over: NormaliseOver::Image,
    })
}

fn outliers() -> ExtractionSettings {
    let mut settings = ExtractionSettings::pyradiomics_defaults();
    settings.classes.bin = Bin::Width(5.0);
    settings.normalise = z_times_100(Some(1.5));
    with_images(settings, vec![ImageType::Original])
}

fn slices() -> ExtractionSettings {
    let mut settings = ExtractionSettings::pyradiomics_defaults();
    settings.classes.force_2d = true;
    let wavelet = WaveletSettings {
        wavelet: "db2".to_owned(),
        start_level: 0,
        level: 2,
        skip_axis: Some(2),
    };
    let mut settings = with_images(
        settings,
        vec![
            ImageType::Original,
            ImageType::Wavelet(wavelet),
            ImageType::Lbp2d(Lbp2dSettings::pyradiomics_defaults()),
        ],
    );
    settings.images[2].classes.bin = Bin::Width(1.0);
    settings
}

fn custom() -> ExtractionSettings {
    let mut settings = ExtractionSettings::pyradiomics_defaults();
    settings.classes.bin = Bin::Width(20.0);
    let pattern = Lbp2dSettings {
        radius_voxels: 2.0,
        n_samples: 12,
        ..Lbp2dSettings::pyradiomics_defaults()
    };
    let mut settings = with_images(
        settings,
        vec![
            ImageType::Original,
            ImageType::Gradient { use_spacing: false },
            ImageType::Lbp2d(pattern),
        ],
    );
    let bins = [Bin::Count(16), Bin::Width(3.0), Bin::Width(1.0)];
    for (image, bin) in settings.images.iter_mut().zip(bins) {
        image.classes.bin = bin;
    }
    settings
}

#[test]
fn every_kind_of_preprocessing_agrees() {
    let mut wanted: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
    for line in include_str!("fixtures/pipeline/preprocessed.csv")
        .lines()
        .skip(1)
    {
        let cells: Vec<&str> = line.split(',').collect();
        wanted
            .entry(cells[0])
            .or_default()
            .insert(cells[1], cells[2].parse().unwrap());
    }
    assert_eq!(wanted.len(), 10);
    let mut wrong = Vec::new();
    for (name, reference) in &wanted {
        let (image, mask, settings) = configuration(name);
        let extraction = extract(&image, &mask, &settings).unwrap();
        let mut worst = 0.0_f64;
        for feature in &extraction.features {
            let (Ok(value), Some(expected)) = (feature.value, reference.get(feature.name.as_str()))
            else {
                wrong.push(format!("{name}: {feature:?}"));
                continue;
            };
            let difference = (value - expected).abs();
            if difference > 1e-9 {
                worst = worst.max(difference / expected.abs());
            }
            if difference > 1e-9 && difference > 1e-6 * expected.abs() {
                wrong.push(format!(
                    "{name}: {} is {value}, reference {expected}",
                    feature.name
                ));
            }
        }
        eprintln!(
            "{name}: {} features, largest relative difference {worst:.0e}",
            extraction.features.len()
        );
        if extraction.features.len() != reference.len() {
            wrong.push(format!(
                "{name}: {} features, reference {}",
                extraction.features.len(),
                reference.len()
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let (image, mask, settings) = configuration("spline_whole_numbers");
    let on = |n| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(n)
            .build()
            .unwrap();
        pool.install(|| extract(&image, &mask, &settings).unwrap())
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn an_image_that_cannot_be_made_leaves_its_features_without_value() {
    let (image, mask) = phantom::pelvis();
    let types = vec![ImageType::LaplacianOfGaussian {
        sigma_mm: vec![100.0, 1.0],
    }];
    let settings = with_images(ExtractionSettings::pyradiomics_defaults(), types);
    let extraction = extract(&image, &mask, &settings).unwrap();
    let without: Vec<_> = extraction
        .features
        .iter()
        .filter(|f| f.value == Err(Undefined::NoImage))
        .collect();
    assert_eq!(
        (extraction.features.len(), without.len()),
        (14 + 2 * 93, 93)
    );
    assert!(
        without
            .iter()
            .all(|f| f.name.starts_with("log-sigma-100-0-mm-3D_"))
    );
    assert_eq!(
        extraction.diagnostics.skipped[0].name,
        "log-sigma-100-0-mm-3D"
    );
}

#[test]
fn a_mask_on_another_grid_is_refused_or_corrected() {
    let (image, mask) = phantom::iso();
    let dims = mask.geometry.dims.map(|n| n - 2);
    let affine = [
        [1.0, 0.0, 0.0, 1.0],
        [0.0, 1.0, 0.0, 1.0],
        [0.0, 0.0, 1.0, 1.0],
    ];
    let small = Geometry::new(dims, affine).unwrap();
    let inside = (0..small.n_voxels())
        .map(|i| mask.inside[mask.geometry.index(small.voxel(i).map(|n| n + 1))]);
    let elsewhere = Mask::new(small, inside.collect()).unwrap();
    let mut settings = ExtractionSettings::pyradiomics_defaults();
    let refused = extract(&image, &elsewhere, &settings).unwrap_err();
    assert!(matches!(refused, PipelineError::Geometry(_)));
    settings.correct_mask = true;
    let corrected = extract(&image, &elsewhere, &settings).unwrap();
    assert_eq!(
        corrected.features,
        extract(&image, &mask, &settings).unwrap().features
    );
    assert_eq!(
        corrected.diagnostics.regions[1].stage,
        RegionStage::Corrected
    );
}

#[test]
fn normalisation_in_the_body_does_not_see_the_air_around_it() {
    let grid =
        |margin: usize| Geometry::axis_aligned([20 + 2 * margin, 20, 6], [1.0, 1.0, 4.0]).unwrap();
    let make = |margin: usize| {
        let geometry = grid(margin);
        let at = |i: usize| {
            let [x, y, z] = geometry.voxel(i);
            (x as i64 - margin as i64, y as i64, z as i64)
        };
        let body = |(x, y, _): (i64, i64, i64)| (x - 10) * (x - 10) + (y - 10) * (y - 10) <= 64;
        let value = |(x, y, z): (i64, i64, i64)| {
            if body((x, y, z)) {
                500 + (7 * x + 13 * y + 29 * z) % 50
            } else {
                0
            }
        };
        let values = (0..geometry.n_voxels())
            .map(|i| value(at(i)) as f64)
            .collect();
        let inside = (0..geometry.n_voxels()).map(|i| {
            let (x, y, z) = at(i);
            (7..13).contains(&x) && (7..13).contains(&y) && (1..5).contains(&z)
        });
        let mask = Mask::new(geometry, inside.collect()).unwrap();
        (
            Volume::new(geometry, imaging::Voxels::F64(values)).unwrap(),
            mask,
        )
    };
    let mut settings = outliers();
    let mean = |settings: &ExtractionSettings, margin| {
        let (image, mask) = make(margin);
        extract(&image, &mask, settings)
            .unwrap()
            .diagnostics
            .region
            .mean
    };
    assert_ne!(mean(&settings, 2), mean(&settings, 20));
    if let Some(normalisation) = &mut settings.normalise {
        normalisation.over = NormaliseOver::Body;
    }
    assert_eq!(mean(&settings, 2), mean(&settings, 20));
}

#[test]
fn spacing_in_the_plane_leaves_the_slices_alone() {
    let (image, mask) = phantom::pelvis();
    let mut settings = at_spacing([1.0; 3], Interpolator::BSpline);
    if let Some(resampling) = &mut settings.resample {
        resampling.spacing = Spacing::InPlane(1.0);
    }
    let found = extract(&image, &mask, &settings).unwrap();
    assert_eq!(found.diagnostics.spacing_mm, [1.0, 1.0, 7.0]);
    assert_eq!(
        found.features,
        extract(
            &image,
            &mask,
            &at_spacing([1.0, 1.0, 0.0], Interpolator::BSpline)
        )
        .unwrap()
        .features
    );
}

#[test]
fn a_width_that_stands_twice_is_one_image() {
    let (image, mask) = phantom::iso();
    let sigma_mm = vec![1.0, 2.0, 1.0];
    let settings = with_images(
        ExtractionSettings::pyradiomics_defaults(),
        vec![ImageType::LaplacianOfGaussian { sigma_mm }],
    );
    let extraction = extract(&image, &mask, &settings).unwrap();
    let names: std::collections::BTreeSet<&str> = extraction
        .features
        .iter()
        .map(|f| f.name.as_str())
        .collect();
    assert_eq!(names.len(), extraction.features.len());
    assert_eq!(names.len(), 14 + 2 * 93);
}

#[test]
fn a_grid_too_coarse_for_the_region_says_so() {
    let (image, mask) = phantom::iso();
    let settings = at_spacing([1e9; 3], Interpolator::Linear);
    let error = extract(&image, &mask, &settings).unwrap_err();
    assert_eq!(error.code(), "mask-empty-after-resampling");
    assert!(
        error.to_string().ends_with("ask for a smaller spacing"),
        "{error}"
    );
}

#[test]
fn too_many_grey_levels_name_the_image_and_the_way() {
    let (image, mask) = phantom::iso();
    let mut settings = ExtractionSettings::pyradiomics_defaults();
    settings.images[0].classes.bin = Bin::Width(1e-9);
    let error = extract(&image, &mask, &settings).unwrap_err();
    assert_eq!(error.code(), "too-many-grey-levels");
    let told = error.to_string();
    assert!(
        told.starts_with("original: discretisation gives ")
            && told.ends_with("ask for a larger binWidth, or for a binCount"),
        "{told}"
    );
}
