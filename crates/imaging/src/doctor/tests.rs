//! A phantom for each code, and none where nothing is wrong.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::geometry::Geometry;
use crate::volume::Voxels;

const DIMS: [usize; 3] = [40, 36, 12];

/// An elliptic body of 200 with a bright tumour of 400 in it, both faintly rippled; a centre may be off the middle.
fn patient(centre: [f64; 3]) -> (Volume, Volume) {
    let affine = [
        [-2.0, 0.0, 0.0, 39.0],
        [0.0, -2.0, 0.0, 35.0],
        [0.0, 0.0, 6.0, -33.0],
    ];
    let geometry = Geometry::new(DIMS, affine).unwrap();
    let (mut image, mut mask) = (Vec::new(), Vec::new());
    for index in 0..geometry.n_voxels() {
        let [x, y, z] = geometry.voxel(index).map(|i| i as f64);
        let squared = |a: f64| a * a;
        let body = squared((x - 15.5) / 13.0) + squared((y - 15.5) / 13.0) < 1.0;
        let r = squared((x - centre[0]) / 5.0)
            + squared((y - centre[1]) / 5.0)
            + squared((z - centre[2]) / 2.2);
        let ripple = (3 * index % 17) as i16;
        image.push(if r < 1.0 {
            400 + ripple
        } else if body {
            200 + ripple
        } else {
            ripple
        });
        mask.push(u8::from(r < 1.0));
    }
    let volume = |voxels| Volume::new(geometry, voxels).unwrap();
    (volume(Voxels::I16(image)), volume(Voxels::U8(mask)))
}

const MIDDLE: [f64; 3] = [15.0, 16.0, 5.0];

fn values(volume: &Volume) -> Vec<u8> {
    volume.to_f64().into_iter().map(|v| v as u8).collect()
}

fn with(mask: &Volume, change: impl FnOnce(&mut Vec<u8>)) -> Volume {
    let mut values = values(mask);
    change(&mut values);
    Volume::new(mask.geometry, Voxels::U8(values)).unwrap()
}

fn codes(found: &Examination) -> Vec<&'static str> {
    found.findings.iter().map(|f| f.code().as_str()).collect()
}

/// Codes, and what the repairs together lead to, looked at again.
#[track_caller]
fn check(
    image: &Volume,
    mask: &Volume,
    expected: &[&str],
    repaired: Option<&[&str]>,
) -> Examination {
    let found = examine(image, mask, 1, 0.1);
    assert_eq!(codes(&found), expected, "{:#?}", found.findings);
    for finding in &found.findings {
        let said = finding.to_string();
        assert!(!said.is_empty() && !said.ends_with('.'), "{said}");
    }
    let repairs = found.repairs();
    assert_eq!(!repairs.is_empty(), repaired.is_some(), "{repairs:?}");
    if let Some(expected) = repaired {
        let mut labels = mask.clone();
        for repair in repairs {
            labels = repair.apply(&image.geometry, &labels).unwrap();
        }
        assert_eq!(codes(&examine(image, &labels, 1, 0.1)), expected);
    }
    found
}

#[test]
fn a_sound_patient_has_no_finding_wherever_the_tumour_lies() {
    for centre in [
        MIDDLE,
        [10.0, 15.0, 4.0],
        [20.0, 20.0, 7.0],
        [15.0, 9.0, 5.0],
        [9.0, 15.0, 8.0],
    ] {
        let (image, mask) = patient(centre);
        let found = check(&image, &mask, &[], None);
        let n = values(&mask).iter().filter(|v| **v == 1).count();
        assert_eq!(found.volume_mm3, Some(n as f64 * 24.0));
    }
}

#[test]
fn shipped_phantoms_raise_no_false_alarm_of_placement() {
    use crate::phantom;
    for (image, mask) in [phantom::iso(), phantom::pelvis(), phantom::odd()] {
        let found = examine(&image, &mask.to_volume(), 1, 0.1);
        let alarm =
            |f: &&Finding| f.severity() == Severity::Refuse || f.code() == Code::MaskFlipped;
        assert_eq!(found.findings.iter().find(alarm), None);
    }
}

#[test]
fn labels_are_counted_and_the_only_other_one_is_offered() {
    let (image, mask) = patient(MIDDLE);
    let n_voxels = values(&mask).iter().filter(|v| **v == 1).count();
    let scaled = |by: u8| with(&mask, |v| v.iter_mut().for_each(|v| *v *= by));
    let found = check(&image, &scaled(255), &["label-absent"], Some(&[]));
    assert_eq!(
        found.labels,
        [LabelCount {
            label: 255,
            n_voxels
        }]
    );
    assert_eq!(found.repairs(), [Repair::UseLabel { label: 255 }]);
    assert_eq!(
        found.findings[0].to_string(),
        format!("label 1 is absent; present: 255 ({n_voxels} voxels)")
    );
    let two = with(&scaled(2), |v| v[0] = 3);
    check(&image, &two, &["label-absent"], None);
    let beside = with(&mask, |v| v[7] = 3);
    check(&image, &beside, &["several-labels"], None);
}

#[test]
fn a_scaled_mask_is_told_from_an_interpolated_one() {
    let (image, mask) = patient(MIDDLE);
    let float = |f: &dyn Fn(usize, f64) -> f32| {
        let values = mask
            .to_f64()
            .into_iter()
            .enumerate()
            .map(|(i, v)| f(i, v))
            .collect();
        Volume::new(mask.geometry, Voxels::F32(values)).unwrap()
    };
    let scaled = float(&|_, v| v as f32 / 255.0);
    check(&image, &scaled, &["label-not-integer"], Some(&[]));
    let interpolated = float(&|i, v| v as f32 * (i % 3) as f32 / 3.0);
    check(&image, &interpolated, &["label-not-integer"], None);
}

#[test]
fn regions_that_are_none_are_named() {
    let (image, mask) = patient(MIDDLE);
    check(&image, &with(&mask, |v| v.fill(0)), &["mask-empty"], None);
    let one = with(&mask, |v| {
        v.fill(0);
        v[8000] = 1;
    });
    check(&image, &one, &["mask-one-voxel"], None);
    let found = examine(&image, &with(&mask, |v| v.fill(1)), 1, 0.1);
    assert!(codes(&found).contains(&"mask-whole-image"));
    assert!(codes(&found).contains(&"mask-touches-border"));
}

#[test]
fn images_that_are_none_are_named() {
    let (image, mask) = patient(MIDDLE);
    let with_values = |values| Volume::new(image.geometry, Voxels::F64(values)).unwrap();
    let n = image.geometry.n_voxels();
    check(&with_values(vec![7.0; n]), &mask, &["image-constant"], None);
    let mut broken = image.to_f64();
    broken[5] = f64::NAN;
    broken[9] = f64::INFINITY;
    let found = check(&with_values(broken), &mask, &["image-not-finite"], None);
    assert_eq!(
        found.findings[0],
        Finding::ImageNotFinite {
            n_voxels: 2,
            first: [5, 0, 0]
        }
    );
    let clipped = image.to_f64().into_iter().map(|v| v.min(300.0)).collect();
    check(&with_values(clipped), &mask, &["image-clipped"], None);
}

#[test]
fn slices_far_apart_are_a_note() {
    let (mut image, mut mask) = patient(MIDDLE);
    image.geometry.affine[2][2] = 12.0;
    mask.geometry = image.geometry;
    let found = check(&image, &mask, &["spacing-anisotropic"], None);
    assert_eq!(found.findings[0].severity(), Severity::Note);
}

#[test]
fn a_header_six_millimetres_off_is_told_from_a_mask_that_was_moved() {
    // The voxels are right: read them on the image's grid.
    let (image, mask) = patient(MIDDLE);
    let mut shifted = mask.clone();
    shifted.geometry.affine[1][3] += 6.0;
    let found = check(&image, &shifted, &["geometry-mismatch"], Some(&[]));
    assert_eq!(found.repairs(), [Repair::UseImageGrid]);
    assert!(found.findings[0].to_string().contains("origins 6 mm apart"));
    // The place is right: a mask cropped to its own grid.
    let geometry = Geometry::new([36, 36, 12], {
        let mut affine = mask.geometry.affine;
        affine[0][3] -= 4.0;
        affine
    })
    .unwrap();
    let cropped = resampled(&mask, &geometry);
    let found = check(&image, &cropped, &["geometry-mismatch"], Some(&[]));
    assert_eq!(found.repairs(), [Repair::ResampleMask]);
    let back = Repair::ResampleMask
        .apply(&image.geometry, &cropped)
        .unwrap();
    assert_eq!(values(&back), values(&mask));
}

#[test]
fn a_mask_that_lies_elsewhere_has_no_repair() {
    let (image, mask) = patient(MIDDLE);
    let far = Geometry::new([40, 36, 11], {
        let mut affine = mask.geometry.affine;
        affine[0][3] += 500.0;
        affine
    })
    .unwrap();
    let values = values(&mask)[..far.n_voxels()].to_vec();
    let far = Volume::new(far, Voxels::U8(values)).unwrap();
    let found = examine(&image, &far, 1, 0.1);
    assert_eq!(codes(&found), ["geometry-mismatch", "mask-beyond-image"]);
    assert!(found.repairs().is_empty());
}

#[test]
fn the_other_world_convention_is_recognised_by_its_signs() {
    let (image, mask) = patient([11.0, 14.0, 4.0]);
    let mut lps = mask.clone();
    for row in 0..2 {
        lps.geometry.affine[row] = lps.geometry.affine[row].map(|entry| -entry);
    }
    let found = check(&image, &lps, &["mask-world-flipped"], Some(&[]));
    assert_eq!(
        found.findings[0],
        Finding::MaskWorldFlipped {
            axes: [true, true, false],
            sure: true
        }
    );
}

#[test]
fn a_grid_numbered_from_its_other_end_is_only_reordered() {
    let (image, mask) = patient([11.0, 14.0, 4.0]);
    let mut affine = mask.geometry.affine;
    affine[2] = [0.0, 0.0, -6.0, 33.0];
    let reordered = Geometry::new(DIMS, affine).unwrap();
    let reordered = resampled(&mask, &reordered);
    assert_ne!(values(&reordered), values(&mask));
    let found = check(&image, &reordered, &["mask-axes-reversed"], Some(&[]));
    let back = found.repairs()[0]
        .apply(&image.geometry, &reordered)
        .unwrap();
    assert_eq!(values(&back), values(&mask));
}

#[test]
fn a_flip_is_found_when_the_region_left_the_body() {
    // The body is off the middle, so a region near its far side leaves it when reversed along x.
    let (image, mask) = patient([8.0, 15.5, 5.0]);
    let flipped = Repair::Flip {
        axes: [true, false, false],
    }
    .apply(&image.geometry, &mask)
    .unwrap();
    let expected = ["centroid-outside-body", "mask-outside-body", "mask-flipped"];
    let found = examine(&image, &flipped, 1, 0.1);
    assert_eq!(codes(&found), expected);
    assert_eq!(
        found.repairs(),
        [Repair::Flip {
            axes: [true, false, false]
        }]
    );
    let back = found.repairs()[0].apply(&image.geometry, &flipped).unwrap();
    assert_eq!(values(&back), values(&mask));
}

#[test]
fn flips_that_cannot_be_told_apart_are_not_offered() {
    // Reversed along x the region of a body without a tumour is as good as reversed along x and y.
    let (image, mask) = patient([8.0, 15.5, 5.0]);
    let without = image.to_f64().into_iter().enumerate();
    let without = without
        .map(|(i, v)| {
            if v >= 400.0 {
                200.0 + (3 * i % 17) as f64
            } else {
                v
            }
        })
        .collect();
    let image = Volume::new(image.geometry, Voxels::F64(without)).unwrap();
    let flipped = Repair::Flip {
        axes: [true, false, false],
    }
    .apply(&image.geometry, &mask)
    .unwrap();
    let found = examine(&image, &flipped, 1, 0.1);
    let flip = found
        .findings
        .iter()
        .find(|f| f.code() == Code::MaskFlipped)
        .unwrap();
    assert!(
        matches!(flip, Finding::MaskFlipped { candidates, safe: false, .. } if candidates.len() > 1),
        "{flip}"
    );
    assert_eq!(flip.repair(), None);
}

#[test]
fn borders_parts_and_missing_slices_are_counted() {
    let (image, mask) = patient([15.0, 15.0, 0.0]);
    let found = check(&image, &mask, &["mask-touches-border"], None);
    assert_eq!(
        found.findings[0],
        Finding::MaskTouchesBorder {
            faces: vec![(2, false)]
        }
    );
    let (image, mask) = patient(MIDDLE);
    let slice = DIMS[0] * DIMS[1];
    let gap = with(&mask, |v| v[5 * slice..6 * slice].fill(0));
    let found = check(
        &image,
        &gap,
        &["mask-disconnected", "mask-slice-missing"],
        None,
    );
    assert_eq!(
        found.findings[1],
        Finding::MaskSliceMissing {
            axis: 2,
            slices: vec![5]
        }
    );
    let one = with(&mask, |v| {
        v[..5 * slice].fill(0);
        v[6 * slice..].fill(0);
    });
    check(&image, &one, &["mask-one-slice"], None);
}

#[test]
fn patients_are_compared_by_volume_and_by_name() {
    let facts = |id: &str, image: u8, mask: u8, volume_mm3: f64| PatientFacts {
        patient_id: id.to_owned(),
        image: Some([image; 32]),
        mask: Some([mask; 32]),
        volume_mm3: Some(volume_mm3),
    };
    let mut cohort: Vec<PatientFacts> = (0..12)
        .map(|i| facts(&format!("p{i}"), i, i, 20_000.0 + 3_000.0 * f64::from(i)))
        .collect();
    assert_eq!(compare_patients(&cohort), []);
    cohort[3].volume_mm3 = Some(20.0);
    cohort[5].image = cohort[4].image;
    cohort[7].image = cohort[6].image;
    cohort[7].mask = cohort[6].mask;
    cohort[9].mask = cohort[8].mask;
    let found = compare_patients(&cohort);
    let codes: Vec<(usize, &str)> = found.iter().map(|(i, f)| (*i, f.code().as_str())).collect();
    let expected = [
        (3, "volume-outlier"),
        (4, "duplicate-image-other-mask"),
        (5, "duplicate-image-other-mask"),
        (6, "duplicate-image"),
        (7, "duplicate-image"),
        (8, "duplicate-mask"),
        (9, "duplicate-mask"),
    ];
    assert_eq!(codes, expected);
    let copies: Vec<PatientFacts> = (0..9).map(|i| facts("p", i, i, 500.0)).collect();
    assert_eq!(compare_patients(&copies), []);
}

#[test]
fn two_readings_of_a_header_that_look_alike_are_not_decided() {
    // A region that is its own mirror image: both readings put it in the same place.
    let (image, mask) = patient([19.5, 17.5, 5.5]);
    let mut lps = mask.clone();
    for row in 0..2 {
        lps.geometry.affine[row] = lps.geometry.affine[row].map(|entry| -entry);
    }
    let found = check(&image, &lps, &["mask-world-flipped"], None);
    assert!(matches!(
        found.findings[0],
        Finding::MaskWorldFlipped { sure: false, .. }
    ));
    // Off the origin the signs alone say it.
    let (mut image, mut lps) = (image, mask);
    image.geometry.affine[1][3] += 50.0;
    lps.geometry = image.geometry;
    lps.geometry.affine[1] = lps.geometry.affine[1].map(|entry| -entry);
    check(&image, &lps, &["mask-world-flipped"], Some(&[]));
}

#[test]
fn an_image_named_as_the_mask_is_refused_and_label_maps_are_not() {
    let (image, mask) = patient(MIDDLE);
    let code = ["mask-is-image"];
    let found = check(&image, &image, &code, None);
    assert!(found.findings[0].to_string().contains("those of the image"));
    let found = check(&mask, &image, &["image-clipped", "mask-is-image"], None);
    assert!(found.findings[1].to_string().ends_with("swapped"));
    // Another image of the same grid.
    let other = image.to_f64().into_iter().map(|v| 900.0 - v).collect();
    let other = Volume::new(image.geometry, Voxels::F64(other)).unwrap();
    let found = check(&image, &other, &code, None);
    assert!(!found.findings[0].to_string().contains("swapped"));
    // Sixty organs in blocks are labels.
    let organs = (0..image.geometry.n_voxels())
        .map(|i| {
            let [x, y, z] = image.geometry.voxel(i);
            (x / 8 + 5 * (y / 8) + 25 * (z / 4)) as u8 + 1
        })
        .collect();
    let organs = Volume::new(image.geometry, Voxels::U8(organs)).unwrap();
    assert_eq!(mask_is_image(&image, &organs), None);
}

#[test]
fn an_unknown_orientation_is_told_and_lends_its_header_to_no_mask() {
    let (image, mask) = patient(MIDDLE);
    let unknown = |volume: &Volume| {
        let [x, y, z] = volume.geometry.spacing_mm();
        let affine = [[-x, 0.0, 0.0, 0.0], [0.0, -y, 0.0, 0.0], [0.0, 0.0, z, 0.0]];
        let geometry = Geometry::new(DIMS, affine).unwrap().without_orientation();
        Volume::new(geometry, volume.voxels.clone()).unwrap()
    };
    let both = ["orientation-unknown", "orientation-unknown"];
    check(&unknown(&image), &unknown(&mask), &both, None);
    let found = examine(&unknown(&image), &mask, 1, 0.1);
    assert_eq!(
        codes(&found)[..2],
        ["orientation-unknown", "geometry-mismatch"]
    );
    assert!(found.repairs().is_empty(), "{:?}", found.repairs());
    // The image's header is sound: it may stand for the mask's.
    let said = ["orientation-unknown", "geometry-mismatch"];
    let found = check(&image, &unknown(&mask), &said, Some(&[]));
    assert_eq!(found.repairs(), [Repair::UseImageGrid]);
}
