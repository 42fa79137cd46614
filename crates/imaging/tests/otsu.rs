//! Otsu's threshold, and the body above it, against SimpleITK 2.5.7.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{oracles, value};
use imaging::body::{body_mask, otsu_threshold};
use imaging::mask::LabelChoice;
use imaging::{Mask, nifti};

#[test]
fn thresholds_and_voxel_counts_are_those_of_itk() {
    let Some(root) = oracles() else { return };
    for (case, file) in [
        ("brain1", "brain1_s4"),
        ("prostate_phantom", "prostate_phantom_s1"),
        ("sts019_t1", "sts019_t1_s4"),
        ("tcga6692_t2ax", "tcga6692_t2ax_s4"),
    ] {
        let json = std::fs::read_to_string(root.join(format!("n4/{file}.json"))).unwrap();
        let expected: f64 = value(&json, "otsu_threshold").parse().unwrap();
        let n_expected: usize = value(&json, "mask_voxels").parse().unwrap();
        let values = nifti::read(&root.join(format!("images/{case}_image.nii.gz")))
            .unwrap()
            .to_f64();
        let threshold = otsu_threshold(&values, 200).unwrap();
        assert_eq!(threshold as f32, expected as f32, "{case}");
        assert_eq!(
            values.iter().filter(|&&value| value > threshold).count(),
            n_expected,
            "{case}"
        );
    }
}

#[test]
fn bodies_hold_their_tumours_and_are_one_part_without_holes() {
    use imaging::components::{Connectivity, components};
    let Some(root) = oracles() else { return };
    for case in ["brain1", "sts019_t1", "tcga6692_t2ax"] {
        let image = nifti::read(&root.join(format!("images/{case}_image.nii.gz"))).unwrap();
        let labels = nifti::read(&root.join(format!("images/{case}_mask.nii.gz"))).unwrap();
        let tumour = Mask::from_volume(&labels, LabelChoice::Only).unwrap();
        let body = body_mask(&image).unwrap();
        let both = tumour
            .inside
            .iter()
            .zip(&body.inside)
            .filter(|&(&tumour, &body)| tumour && body)
            .count();
        let share = both as f64 / tumour.n_inside() as f64;
        let n_body = body.n_inside();
        eprintln!(
            "{case}: body {n_body} voxels of {}, holds {share} of the tumour",
            body.inside.len()
        );
        assert!(share > 0.99, "{case}: {share}");
        let parts = components(&body.inside, body.geometry.dims, Connectivity::Six);
        assert_eq!(parts.sizes, [n_body], "{case}");
    }
}
