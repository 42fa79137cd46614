//! A box of a volume or a mask.

use crate::geometry::Geometry;
use crate::mask::Mask;
use crate::volume::{Volume, Voxels};

/// The part of a volume from voxel `lower` to voxel `upper`, both included and cut to the grid.
#[must_use]
pub fn crop_volume(volume: &Volume, lower: [usize; 3], upper: [usize; 3]) -> Volume {
    let (geometry, lower) = cropped_grid(&volume.geometry, lower, upper);
    let whole = &volume.geometry;
    macro_rules! rows {
        ($($kind:ident)*) => {
            match &volume.voxels {
                $(Voxels::$kind(values) => Voxels::$kind(rows_of(values, whole, &geometry, lower)),)*
            }
        };
    }
    let voxels = rows!(U8 I8 U16 I16 U32 I32 F32 F64);
    Volume { geometry, voxels }
}

/// As [`crop_volume`], of a mask.
#[must_use]
pub fn crop_mask(mask: &Mask, lower: [usize; 3], upper: [usize; 3]) -> Mask {
    let (geometry, lower) = cropped_grid(&mask.geometry, lower, upper);
    let inside = rows_of(&mask.inside, &mask.geometry, &geometry, lower);
    Mask { geometry, inside }
}

fn cropped_grid(whole: &Geometry, lower: [usize; 3], upper: [usize; 3]) -> (Geometry, [usize; 3]) {
    let lower = [0, 1, 2].map(|axis| lower[axis].min(whole.dims[axis] - 1));
    let upper = [0, 1, 2].map(|axis| upper[axis].clamp(lower[axis], whole.dims[axis] - 1));
    let mut geometry = *whole;
    geometry.dims = [0, 1, 2].map(|axis| upper[axis] - lower[axis] + 1);
    let origin_mm = whole.world_mm(lower.map(|index| index as f64));
    for (row, entries) in geometry.affine.iter_mut().enumerate() {
        entries[3] = origin_mm[row];
    }
    (geometry, lower)
}

fn rows_of<T: Copy>(values: &[T], whole: &Geometry, part: &Geometry, lower: [usize; 3]) -> Vec<T> {
    let [nx, ny, nz] = part.dims;
    let mut cut = Vec::with_capacity(nx * ny * nz);
    for z in 0..nz {
        for y in 0..ny {
            let start = whole.index([lower[0], lower[1] + y, lower[2] + z]);
            cut.extend_from_slice(&values[start..start + nx]);
        }
    }
    cut
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_part_keeps_its_place_in_the_patient() {
        let (image, mask) = crate::phantom::pelvis();
        let part = crop_volume(&image, [3, 4, 5], [9, 200, 6]);
        assert_eq!(part.geometry.dims, [7, 56, 2]);
        let (at, whole) = (
            part.geometry.index([1, 2, 1]),
            image.geometry.index([4, 6, 6]),
        );
        assert_eq!(part.to_f64()[at], image.to_f64()[whole]);
        assert_eq!(
            part.geometry.world_mm([1.0, 2.0, 1.0]),
            image.geometry.world_mm([4.0, 6.0, 6.0])
        );
        let (low, high) = mask.bounding_box().unwrap();
        assert_eq!(crop_mask(&mask, low, high).n_inside(), mask.n_inside());
    }
}
