//! `shuffle-mask`: the region moved to a random place of the body.

use imaging::body::body_mask;
use imaging::relocate::relocate;
use pipeline_defs::params::ShuffleMaskParams;

use super::pixels;
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: ShuffleMaskParams = context.params()?;
    let mask = pixels::mask(inputs.one("mask")?, pixels::INSIDE)?;
    let image = pixels::volume(inputs.one("image")?)?;
    let body = body_mask(&image).map_err(|e| refuse("no-body", &e))?;
    let moved = relocate(&mask, &body, params.max_overlap, context.seed()?)
        .map_err(|e| StepError::refuse(e.code(), e.to_string()))?;
    Ok(vec![Produced::bytes(
        "mask",
        pixels::encode_mask(&moved.mask),
    )])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, refusal, run};
    use super::super::pixels;
    use imaging::{Geometry, Mask, Volume, Voxels};
    use serde_json::json;

    /// A body of 20 × 16 × 6 voxels with noise in the air, and a region of 3 × 3 × 2 in it.
    fn case() -> (Vec<u8>, Vec<u8>) {
        let geometry = Geometry::axis_aligned([24, 20, 8], [1.0, 1.0, 5.0]).unwrap();
        let block = |lower: [usize; 3], upper: [usize; 3]| -> Vec<bool> {
            let voxels = (0..geometry.n_voxels()).map(|i| geometry.voxel(i));
            voxels
                .map(|v| (0..3).all(|a| lower[a] <= v[a] && v[a] <= upper[a]))
                .collect()
        };
        let body = block([2, 2, 1], [21, 17, 6]);
        let value = |(i, b): (usize, &bool)| (i % 7) as i16 + if *b { 200 } else { 0 };
        let voxels = body.iter().enumerate().map(value).collect();
        let image = Volume::new(geometry, Voxels::I16(voxels)).unwrap();
        let mask = Mask::new(geometry, block([9, 8, 3], [11, 10, 4])).unwrap();
        (pixels::encode_mask(&mask), pixels::encode(&image))
    }

    #[test]
    fn the_region_keeps_its_size_and_lies_elsewhere_in_the_body() {
        let (mask, image) = case();
        let ports = [("mask", mask.clone()), ("image", image)];
        let out = run("shuffle-mask", json!({"max_overlap": 0.0}), &ports).unwrap();
        let moved = pixels::mask(&content(&out, "mask"), pixels::INSIDE).unwrap();
        let old = pixels::mask(&mask, pixels::INSIDE).unwrap();
        assert_eq!(moved.n_inside(), old.n_inside());
        let (lower, upper) = moved.bounding_box().unwrap();
        assert!(lower[0] >= 2 && lower[1] >= 2 && lower[2] >= 1);
        assert!(upper[0] <= 21 && upper[1] <= 17 && upper[2] <= 6);
        let common = moved.inside.iter().zip(&old.inside);
        assert_eq!(common.filter(|(a, b)| **a && **b).count(), 0);
    }

    #[test]
    fn an_image_without_a_body_is_refused() {
        let (mask, image) = case();
        let mut flat = pixels::volume(&image).unwrap();
        flat.voxels = Voxels::I16(vec![7; flat.voxels.len()]);
        let ports = [("mask", mask), ("image", pixels::encode(&flat))];
        let (code, _) = refusal(run("shuffle-mask", json!({"max_overlap": 0.0}), &ports));
        assert_eq!(code, "no-body");
    }
}
