//! What holds for any region: finite or explained values, and the same bits on any number of threads.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use imaging::{Geometry, Mask, Volume, Voxels, phantom};
use radiomics::{
    Bin, ExtractError, FeatureClass, Settings, WeightingNorm, dictionary, extended_dictionary,
    extract,
};

fn bits(volume: &Volume, mask: &Mask, settings: &Settings) -> Vec<Option<u64>> {
    let extraction = extract(volume, mask, settings).unwrap();
    extraction
        .features
        .iter()
        .map(|feature| feature.value.ok().map(f64::to_bits))
        .collect()
}

/// A small generator, so that the cases are the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

fn region(dice: &mut Dice, dims: [usize; 3]) -> (Volume, Mask) {
    let geometry = Geometry::axis_aligned(dims, [0.5, 1.5, 4.0]).unwrap();
    let n_voxels = geometry.n_voxels();
    let density = 1 + dice.roll() % 8;
    // flat, ordinary, huge, and below the normal doubles
    let scale = [0.0, 1.0, 40.0, 1e4, 1e300, 1e308, 1e-310][(dice.roll() % 7) as usize];
    let values = (0..n_voxels)
        .map(|_| scale * ((dice.roll() % 1000) as f64 / 1000.0) - scale / 3.0)
        .collect();
    let inside = (0..n_voxels).map(|_| dice.roll() % 8 < density).collect();
    (
        Volume::new(geometry, Voxels::F64(values)).unwrap(),
        Mask::new(geometry, inside).unwrap(),
    )
}

/// Settings of all kinds; every feature there is.
fn any_settings(dice: &mut Dice) -> Settings {
    let norms = [
        None,
        Some(WeightingNorm::Manhattan),
        Some(WeightingNorm::Euclidean),
        Some(WeightingNorm::Infinity),
        Some(WeightingNorm::NoWeighting),
    ];
    let distances = [vec![1], vec![1], vec![2], vec![1, 3], vec![7]];
    let mut pick = |n: usize| (dice.roll() % n as u64) as usize;
    let mut settings = Settings {
        bin: [Bin::Width(25.0), Bin::Width(0.01), Bin::Count(8)][pick(3)],
        distances: distances[pick(5)].clone(),
        symmetrical_glcm: pick(4) > 0,
        weighting_norm: norms[pick(5)],
        force_2d: pick(3) == 0,
        force_2d_dimension: pick(3),
        gldm_alpha: pick(3) as u32,
        minimum_roi_dimensions: 1,
        ..Settings::pyradiomics_defaults()
    };
    for entry in dictionary().iter().chain(extended_dictionary()) {
        let class = FeatureClass::from_name(entry.class).unwrap();
        if class != FeatureClass::Shape2d || settings.force_2d {
            settings.features.enable_feature(class, entry.name).unwrap();
        }
    }
    settings
}

#[test]
fn every_value_is_finite_or_explained() {
    let mut dice = Dice(1);
    let (mut n_extracted, mut n_refused) = (0, 0);
    for round in 0..1500 {
        let dims = [0, 1, 2].map(|_| 1 + (dice.roll() % 5) as usize);
        let (volume, mask) = region(&mut dice, dims);
        let settings = any_settings(&mut dice);
        match extract(&volume, &mask, &settings) {
            Ok(extraction) => {
                n_extracted += 1;
                let n_expected = if settings.force_2d { 127 } else { 117 };
                assert_eq!(extraction.features.len(), n_expected);
                for feature in &extraction.features {
                    assert!(
                        feature.value.is_err() || feature.value.is_ok_and(f64::is_finite),
                        "{feature:?}"
                    );
                }
            }
            Err(reason) => {
                n_refused += 1;
                assert!(
                    matches!(
                        reason,
                        ExtractError::EmptyMask
                            | ExtractError::SingleVoxel
                            | ExtractError::TooManyGreyLevels { .. }
                            | ExtractError::InvalidBin { .. }
                    ),
                    "round {round}: {reason}"
                );
            }
        }
    }
    assert!(
        n_extracted > 900 && n_refused > 50,
        "{n_extracted} {n_refused}"
    );
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    for (volume, mask) in [phantom::iso(), phantom::pelvis(), phantom::odd()] {
        let settings = Settings::pyradiomics_defaults();
        let on = |n_threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(n_threads)
                .build()
                .unwrap();
            pool.install(|| bits(&volume, &mask, &settings))
        };
        let one = on(1);
        assert_eq!(one, on(2));
        assert_eq!(one, on(7));
    }
}

#[test]
fn the_place_of_the_region_in_its_image_does_not_matter() {
    let (volume, mask) = phantom::odd();
    let (values, dims) = (volume.to_f64(), volume.geometry.dims);
    let wider = [dims[0] + 3, dims[1] + 2, dims[2] + 5];
    let geometry = Geometry::axis_aligned(wider, volume.geometry.spacing_mm()).unwrap();
    let mut moved = (
        vec![1e9; geometry.n_voxels()],
        vec![false; geometry.n_voxels()],
    );
    for (cell, (&value, &inside)) in values.iter().zip(&mask.inside).enumerate() {
        let [x, y, z] = volume.geometry.voxel(cell);
        let to = geometry.index([x + 3, y + 1, z + 4]);
        moved.0[to] = value;
        moved.1[to] = inside;
    }
    let settings = Settings::pyradiomics_defaults();
    let moved_volume = Volume::new(geometry, Voxels::F64(moved.0)).unwrap();
    let moved_mask = Mask::new(geometry, moved.1).unwrap();
    assert_eq!(
        bits(&volume, &mask, &settings),
        bits(&moved_volume, &moved_mask, &settings)
    );
}

/// Texture has no axis of its own: x, y, z relabelled as z, x, y.
#[test]
fn turning_image_and_mask_keeps_all_but_shape() {
    let (volume, mask) = phantom::pelvis();
    let [nx, ny, nz] = volume.geometry.dims;
    let [sx, sy, sz] = volume.geometry.spacing_mm();
    let geometry = Geometry::axis_aligned([nz, nx, ny], [sz, sx, sy]).unwrap();
    let mut turned = (
        vec![0.0; geometry.n_voxels()],
        vec![false; geometry.n_voxels()],
    );
    for (cell, (value, &inside)) in volume.to_f64().into_iter().zip(&mask.inside).enumerate() {
        let [x, y, z] = volume.geometry.voxel(cell);
        let to = geometry.index([z, x, y]);
        turned.0[to] = value;
        turned.1[to] = inside;
    }
    let settings = Settings::pyradiomics_defaults();
    let straight = extract(&volume, &mask, &settings).unwrap();
    let turned_volume = Volume::new(geometry, Voxels::F64(turned.0)).unwrap();
    let turned = extract(
        &turned_volume,
        &Mask::new(geometry, turned.1).unwrap(),
        &settings,
    )
    .unwrap();
    for (a, b) in straight.features.iter().zip(&turned.features) {
        let (x, y) = (a.value.unwrap(), b.value.unwrap());
        if !a.name.starts_with("original_shape_") {
            assert!((x - y).abs() <= 1e-11 * x.abs(), "{}: {x} {y}", a.name);
        }
    }
}

#[test]
fn the_dictionary_names_every_feature_in_order() {
    let (volume, mask) = phantom::iso();
    let extraction = extract(&volume, &mask, &Settings::pyradiomics_defaults()).unwrap();
    let listed: Vec<String> = dictionary()
        .iter()
        .map(|entry| format!("original_{}_{}", entry.class, entry.name))
        .collect();
    let named: Vec<String> = extraction
        .features
        .iter()
        .map(|feature| feature.name.clone())
        .collect();
    assert_eq!(named, listed);
}

#[test]
fn what_cannot_be_measured_is_refused_by_name() {
    let (volume, mask) = phantom::iso();
    let with = |change: fn(&mut Settings)| {
        let mut settings = Settings::pyradiomics_defaults();
        change(&mut settings);
        extract(&volume, &mask, &settings).unwrap_err()
    };
    assert_eq!(
        with(|settings| settings.minimum_roi_size = Some(3052)),
        ExtractError::TooSmall {
            n_voxels: 3052,
            minimum: 3052
        }
    );
    assert_eq!(
        with(|settings| settings.distances = vec![1, 0]),
        ExtractError::InvalidDistances {
            distances: vec![1, 0]
        }
    );
    assert_eq!(
        with(|settings| settings.bin = Bin::Width(-1.0)),
        ExtractError::InvalidBin { bin: -1.0 }
    );
    assert!(matches!(
        with(|settings| settings.bin = Bin::Width(1e-6)),
        ExtractError::TooManyGreyLevels { .. }
    ));
    assert_eq!(
        with(|settings| settings.minimum_roi_dimensions = 4),
        ExtractError::InvalidMinimumDimensions { minimum: 4 }
    );
    let other = Mask::new(
        Geometry::axis_aligned([2, 2, 2], [1.0; 3]).unwrap(),
        vec![true; 8],
    )
    .unwrap();
    assert!(matches!(
        extract(&volume, &other, &Settings::pyradiomics_defaults()),
        Err(ExtractError::DimensionsDiffer { .. })
    ));
}

#[test]
fn values_beyond_double_precision_are_undefined_not_infinite() {
    let geometry = Geometry::axis_aligned([3, 3, 1], [1.0; 3]).unwrap();
    let values = (0..9).map(|k| 1e200 * f64::from(k)).collect();
    let volume = Volume::new(geometry, Voxels::F64(values)).unwrap();
    let mask = Mask::new(geometry, vec![true; 9]).unwrap();
    let settings = Settings {
        bin: Bin::Count(4),
        ..Settings::pyradiomics_defaults()
    };
    let extraction = extract(&volume, &mask, &settings).unwrap();
    let energy = extraction
        .features
        .iter()
        .find(|feature| feature.name == "original_firstorder_Energy")
        .unwrap();
    assert_eq!(energy.value, Err(radiomics::Undefined::Overflow));
}
