//! Normalisation and resampling against PyRadiomics 3.1.0 and SimpleITK 2.5.7.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use imaging::mask::LabelChoice;
use imaging::normalise::{NormaliseParams, normalise};
use imaging::resample::{Interpolator, ResampleError, region_grid, resample, resample_mask};
use imaging::{Geometry, Mask, Volume, Voxels, nifti, phantom};

const Z_TIMES_100: NormaliseParams = NormaliseParams {
    scale: 100.0,
    outlier_sds: None,
};

#[test]
fn images_and_masks_of_the_references_are_met() {
    let Some(root) = common::oracles() else {
        return;
    };
    for case in ["prostate_phantom", "sts019_t1"] {
        let read = |folder: &str, what: &str| {
            nifti::read(&root.join(folder).join(format!("{case}_{what}.nii.gz"))).unwrap()
        };
        let image = normalise(&read("images", "image"), None, &Z_TIMES_100).unwrap();
        let mask = Mask::from_volume(&read("images", "mask"), LabelChoice::Value(1)).unwrap();
        let grid = region_grid(&mask, &image.geometry, [1.0; 3], 5)
            .unwrap()
            .unwrap();
        let (wanted, wanted_mask) = (read("resampled", "image"), read("resampled", "mask"));
        assert_eq!(grid.dims, wanted.geometry.dims, "{case}");
        for (ours, theirs) in grid.affine.as_flattened().iter().zip(wanted.geometry.affine.as_flattened()) {
            assert!((ours - theirs).abs() < 1e-4, "{case}: {ours} and {theirs}");
        }
        let found = resample(&image, &grid, Interpolator::BSpline).unwrap();
        let worst = found.to_f64().iter().zip(wanted.to_f64()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        eprintln!("{case}: largest difference {worst:.3e}");
        assert!(worst < 1e-6, "{case}: {worst}");
        let theirs: Vec<bool> = wanted_mask.to_f64().iter().map(|&v| v == 1.0).collect();
        assert_eq!(resample_mask(&mask, &grid).inside, theirs, "{case}");
    }
}
