//! Geometry and values of the reference images, against what SimpleITK 2.5.7 and PyRadiomics 3.1.0 said about them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{numbers, oracles, value};
use imaging::mask::LabelChoice;
use imaging::{Mask, nifti};

const CASES: [&str; 8] = [
    "brain1",
    "breast1",
    "ibsi_digital",
    "prostate_phantom",
    "sts002_t1",
    "sts019_t1",
    "tcga6692_t2atlas",
    "tcga6692_t2ax",
];

#[track_caller]
fn check(case: &str, key: &str, found: &[f64], expected: &str, tolerance: f64) {
    let expected = numbers(expected);
    assert_eq!(found.len(), expected.len(), "{case} {key}");
    for (found, expected) in found.iter().zip(&expected) {
        assert!(
            (found - expected).abs() <= tolerance,
            "{case} {key}: {found}, expected {expected}"
        );
    }
}

#[test]
fn images_have_the_size_spacing_place_and_values_of_the_reference() {
    let Some(root) = oracles() else { return };
    for case in CASES {
        let json =
            std::fs::read_to_string(root.join(format!("pyradiomics/{case}_A_diagnostics.json")))
                .unwrap();
        let said = |what: &str, key: &str| {
            value(&json, &format!("diagnostics_{what}-original_{key}")).to_owned()
        };
        let volume = nifti::read(&root.join(format!("images/{case}_image.nii.gz"))).unwrap();
        let labels = nifti::read(&root.join(format!("images/{case}_mask.nii.gz"))).unwrap();
        let mask = Mask::from_volume(&labels, LabelChoice::Only).unwrap();
        imaging::mask::check_geometry(
            &volume.geometry,
            &mask.geometry,
            imaging::mask::TOLERANCE_MM,
        )
        .unwrap();
        let check = |key: &str, found: &[f64], expected: String, tolerance| {
            check(case, key, found, &expected, tolerance)
        };
        let values = volume.to_f64();
        let n = values.len() as f64;
        check(
            "size",
            &volume.geometry.dims.map(|n| n as f64),
            said("Image", "Size"),
            0.0,
        );
        check(
            "spacing",
            &volume.geometry.spacing_mm(),
            said("Image", "Spacing"),
            0.0,
        );
        check(
            "minimum",
            &[values.iter().copied().fold(f64::INFINITY, f64::min)],
            said("Image", "Minimum"),
            0.0,
        );
        check(
            "maximum",
            &[values.iter().copied().fold(f64::NEG_INFINITY, f64::max)],
            said("Image", "Maximum"),
            0.0,
        );
        let mean = values.iter().sum::<f64>() / n;
        // The reference sums float images in single precision.
        let tolerance = if volume.voxels.is_integer() {
            1e-9
        } else {
            1e-4
        };
        check("mean", &[mean], said("Image", "Mean"), tolerance);
        check(
            "mask voxels",
            &[mask.n_inside() as f64],
            said("Mask", "VoxelNum"),
            0.0,
        );
        let (low, high) = mask.bounding_box().unwrap();
        let bounds = [low, [0, 1, 2].map(|i| high[i] - low[i] + 1)].concat();
        check(
            "box",
            &bounds.iter().map(|&i| i as f64).collect::<Vec<_>>(),
            said("Mask", "BoundingBox"),
            0.0,
        );
        let centre = centre_of_mass(&mask);
        check("centre", &centre, said("Mask", "CenterOfMassIndex"), 1e-9);
        let [right, front, head] = mask.geometry.world_mm(centre);
        // SimpleITK's world is left, back, head.
        check(
            "centre, mm",
            &[-right, -front, head],
            said("Mask", "CenterOfMass"),
            1e-4,
        );
    }
}

fn centre_of_mass(mask: &Mask) -> [f64; 3] {
    let mut sum = [0.0; 3];
    for (index, _) in mask
        .inside
        .iter()
        .enumerate()
        .filter(|&(_, &inside)| inside)
    {
        let voxel = mask.geometry.voxel(index);
        (0..3).for_each(|axis| sum[axis] += voxel[axis] as f64);
    }
    sum.map(|sum| sum / mask.n_inside() as f64)
}

#[test]
fn another_reader_finds_the_same_values_in_every_reference_image() {
    use ::nifti::{IntoNdArray, NiftiObject, ReaderOptions};
    let Some(root) = oracles() else { return };
    let mut n_files = 0;
    for folder in ["images", "rings", "derived"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "gz") {
                continue;
            }
            let volume = nifti::read(&path).unwrap();
            let other = ReaderOptions::new().read_file(&path).unwrap().into_volume();
            let other = other.into_ndarray::<f64>().unwrap();
            assert!(
                other.t().iter().eq(volume.to_f64().iter()),
                "{}",
                path.display()
            );
            let bytes = imaging::canonical::canonical_bytes(&volume);
            assert_eq!(nifti::read_bytes(&bytes, "canonical").unwrap(), volume);
            n_files += 1;
        }
    }
    eprintln!("{n_files} files");
    assert!(n_files >= 15);
}
