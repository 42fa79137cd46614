//! The feature classes away from the default settings against PyRadiomics on the formula phantoms (`fixtures/classes`), and what
//! selections leave out.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use imaging::{Mask, Volume, phantom};
use radiomics::{
    Bin, ExtractError, FeatureClass, Selection, Settings, Undefined, WeightingNorm, extract,
};
use std::collections::BTreeMap;
use std::path::Path;

/// Relative agreement asked for; values below it are compared absolutely.
const TOLERANCE: f64 = 1e-9;

/// Phantom, class, feature and value by case.
fn references() -> BTreeMap<String, Vec<[String; 4]>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/classes/settings.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let mut cases: BTreeMap<String, Vec<[String; 4]>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let fields: Vec<String> = line.split(',').map(str::to_owned).collect();
        let [case, rest @ ..] = &fields[..] else {
            panic!("{line}")
        };
        cases
            .entry(case.clone())
            .or_default()
            .push(rest.to_vec().try_into().unwrap());
    }
    cases
}

/// The settings that a case's name stands for.
fn settings_of(case: &str) -> Settings {
    let mut settings = Settings::pyradiomics_defaults();
    match case {
        "distances_1_2" => settings.distances = vec![1, 2],
        "distances_3" => {
            settings.distances = vec![3];
            settings.gldm_alpha = 1;
        }
        "manhattan" => settings.weighting_norm = Some(WeightingNorm::Manhattan),
        "euclidean" => settings.weighting_norm = Some(WeightingNorm::Euclidean),
        "infinity" => settings.weighting_norm = Some(WeightingNorm::Infinity),
        "no_weighting" => settings.weighting_norm = Some(WeightingNorm::NoWeighting),
        "euclidean_2_asymmetrical" => {
            settings.weighting_norm = Some(WeightingNorm::Euclidean);
            settings.distances = vec![1, 2];
            settings.symmetrical_glcm = false;
        }
        "asymmetrical" => settings.symmetrical_glcm = false,
        "bin_count_16" => settings.bin = Bin::Count(16),
        "bin_width_1" => settings.bin = Bin::Width(1.0),
        "gldm_a_2" => settings.gldm_alpha = 2,
        "deprecated" => {}
        _ => {
            settings.force_2d = true;
            settings.force_2d_dimension = ["z", "y", "x"]
                .iter()
                .position(|axis| case.ends_with(axis))
                .unwrap();
        }
    }
    settings
}

/// The region, cut down to one slice for the cases named so.
fn region(case: &str, name: &str) -> (Volume, Mask) {
    let (image, mut mask) = match name {
        "pelvis" => phantom::pelvis(),
        "odd" => phantom::odd(),
        _ => panic!("{name}"),
    };
    let kept = match case {
        "slice_z" => Some((2, 8)),
        "slice_y" => Some((1, 15)),
        "slice_x" => Some((0, 17)),
        _ => None,
    };
    if let Some((axis, at)) = kept {
        for (cell, inside) in mask.inside.iter_mut().enumerate() {
            *inside &= image.geometry.voxel(cell)[axis] == at;
        }
    }
    (image, mask)
}

#[test]
fn other_settings_agree() {
    let mut wrong = Vec::new();
    let mut n_compared = 0;
    for (case, rows) in references() {
        let (image, mask) = region(&case, &rows[0][0]);
        let mut settings = settings_of(&case);
        settings.features = Selection::nothing();
        let mut expected = BTreeMap::new();
        for [_, class, feature, value] in &rows {
            let known = FeatureClass::from_name(class).unwrap();
            settings.features.enable_feature(known, feature).unwrap();
            expected.insert(
                format!("original_{class}_{feature}"),
                value.parse::<f64>().unwrap(),
            );
        }
        if case == "slice_y" {
            // a slice across y or x has fewer than the voxels wanted along no axis
            settings.minimum_roi_dimensions = 2;
        }
        let extraction = extract(&image, &mask, &settings).unwrap();
        assert_eq!(extraction.features.len(), expected.len(), "{case}");
        let mut worst = (0.0_f64, String::new());
        for feature in extraction.features {
            let (value, wanted) = (feature.value.unwrap(), expected[&feature.name]);
            let relative = (value - wanted).abs() / wanted.abs().max(1.0);
            n_compared += 1;
            if relative > worst.0 {
                worst = (relative, feature.name.clone());
            }
            if (value - wanted).abs() > TOLERANCE * wanted.abs().max(TOLERANCE) {
                wrong.push(format!(
                    "{case}: {} is {value}, reference {wanted}",
                    feature.name
                ));
            }
        }
        eprintln!(
            "{case}: largest relative difference {:.1e} {}",
            worst.0, worst.1
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(n_compared, 717);
}

/// PyRadiomics names these and gives no value; theirs is that of the feature they equal.
#[test]
fn deprecated_features_equal_their_successors() {
    let (image, mask) = phantom::odd();
    let pairs = [
        (FeatureClass::Glcm, "Dissimilarity", "DifferenceAverage"),
        (FeatureClass::Glcm, "Homogeneity1", "Id"),
        (FeatureClass::Glcm, "Homogeneity2", "Idm"),
        (FeatureClass::Glcm, "SumVariance", "ClusterTendency"),
    ];
    for (class, old, new) in pairs {
        let mut settings = Settings::pyradiomics_defaults();
        settings.features = Selection::nothing();
        settings.features.enable_feature(class, old).unwrap();
        settings.features.enable_feature(class, new).unwrap();
        let features = extract(&image, &mask, &settings).unwrap().features;
        assert_eq!(features.len(), 2);
        assert_eq!(features[0].value, features[1].value, "{old}");
    }
    let mut settings = Settings::pyradiomics_defaults();
    settings.features = Selection::nothing();
    for (class, name) in [
        (FeatureClass::FirstOrder, "Uniformity"),
        (FeatureClass::Gldm, "GrayLevelNonUniformityNormalized"),
        (FeatureClass::Gldm, "DependencePercentage"),
    ] {
        settings.features.enable_feature(class, name).unwrap();
    }
    let features = extract(&image, &mask, &settings).unwrap().features;
    let [uniformity, percentage, normalised] = &features[..] else {
        panic!("{features:?}")
    };
    let difference = uniformity.value.unwrap() - normalised.value.unwrap();
    assert!(difference.abs() < 1e-15);
    assert_eq!(percentage.value, Ok(1.0));
}

#[test]
fn a_selection_changes_no_bit_of_what_it_keeps() {
    let (image, mask) = phantom::pelvis();
    let all = extract(&image, &mask, &Settings::pyradiomics_defaults()).unwrap();
    for class in FeatureClass::ALL {
        if class == FeatureClass::Shape2d {
            continue;
        }
        let mut settings = Settings::pyradiomics_defaults();
        settings.features = Selection::nothing();
        settings.features.enable_class(class);
        let some = extract(&image, &mask, &settings).unwrap();
        let prefix = format!("original_{}_", class.name());
        let kept: Vec<_> = all
            .features
            .iter()
            .filter(|feature| feature.name.starts_with(&prefix))
            .cloned()
            .collect();
        assert_eq!(some.features, kept, "{prefix}");
    }
}

#[test]
fn shape_of_a_slice_needs_a_slice() {
    let (image, mask) = phantom::iso();
    let mut settings = Settings::pyradiomics_defaults();
    settings.features.enable_class(FeatureClass::Shape2d);
    assert_eq!(
        extract(&image, &mask, &settings),
        Err(ExtractError::Shape2dWithoutForce2d)
    );
    settings.force_2d = true;
    let features = extract(&image, &mask, &settings).unwrap().features;
    assert_eq!(features.len(), 107 + 9);
    for feature in &features[14..23] {
        assert!(feature.name.starts_with("original_shape2D_"));
        assert_eq!(feature.value, Err(Undefined::SeveralSlices));
    }
    settings.force_2d_dimension = 3;
    assert_eq!(
        extract(&image, &mask, &settings),
        Err(ExtractError::InvalidForce2dDimension { dimension: 3 })
    );
}

/// exp(−d²) is 0 in double precision from about 27.3 mm on.
#[test]
fn weights_that_vanish_leave_no_value() {
    let geometry = imaging::Geometry::axis_aligned([2, 2, 2], [30.0; 3]).unwrap();
    let image = Volume::new(
        geometry,
        imaging::Voxels::F64((0..8).map(f64::from).collect()),
    );
    let mask = Mask::new(geometry, vec![true; 8]).unwrap();
    let settings = Settings {
        weighting_norm: Some(WeightingNorm::Euclidean),
        ..Settings::pyradiomics_defaults()
    };
    let extraction = extract(&image.unwrap(), &mask, &settings).unwrap();
    for feature in extraction.features {
        let is_glcm = feature.name.starts_with("original_glcm_");
        assert_eq!(feature.value == Err(Undefined::NoWeight), is_glcm);
    }
}

/// Each entry of both dictionaries is a feature that an extraction gives when it is named.
#[test]
fn every_entry_can_be_extracted() {
    let (image, mask) = region("slice_z", "odd");
    let mut settings = Settings::pyradiomics_defaults();
    settings.force_2d = true;
    let mut names = std::collections::BTreeSet::new();
    for entry in radiomics::dictionary()
        .iter()
        .chain(radiomics::extended_dictionary())
    {
        let class = FeatureClass::from_name(entry.class).unwrap();
        settings.features.enable_feature(class, entry.name).unwrap();
        names.insert(format!("original_{}_{}", entry.class, entry.name));
    }
    let features = extract(&image, &mask, &settings).unwrap().features;
    let given: std::collections::BTreeSet<String> = features
        .iter()
        .map(|feature| feature.name.clone())
        .collect();
    assert_eq!(given, names);
    assert!(features.iter().all(|feature| feature.value.is_ok()));
}
