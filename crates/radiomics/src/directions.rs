//! The steps from a voxel to its neighbours.

use crate::settings::{Settings, WeightingNorm};

/// Half of the neighbours, as steps along x, y, z; the other half are their negatives. Ordered by z, then y, then x.
///
/// A neighbour lies at one of `distances` (the largest absolute component). Steps along `flat_axis` do not exist, nor those as long as
/// the region.
pub(crate) fn half_of_neighbours(
    distances: &[u32],
    size: [usize; 3],
    flat_axis: Option<usize>,
) -> Vec<[isize; 3]> {
    let furthest = distances.iter().copied().max().unwrap_or(0) as usize;
    let reach = |axis: usize| {
        if flat_axis == Some(axis) {
            0
        } else {
            furthest.min(size[axis].saturating_sub(1)) as isize
        }
    };
    let [rx, ry, rz] = [reach(0), reach(1), reach(2)];
    let mut steps = Vec::new();
    for z in 0..=rz {
        for y in -ry..=ry {
            for x in -rx..=rx {
                let distance = x.unsigned_abs().max(y.unsigned_abs()).max(z.unsigned_abs());
                if (z, y, x) > (0, 0, 0) && distances.iter().any(|&d| d as usize == distance) {
                    steps.push([x, y, z]);
                }
            }
        }
    }
    steps
}

/// The 13 directions to neighbours at distance 1, or the 4 of a slice, whatever the region's size.
pub(crate) fn unit_directions(flat_axis: Option<usize>) -> Vec<[isize; 3]> {
    half_of_neighbours(&[1], [2; 3], flat_axis)
}

/// Length of a step in mm, by the norm.
pub(crate) fn length_mm(norm: WeightingNorm, step: [isize; 3], spacing_mm: [f64; 3]) -> f64 {
    let [x, y, z] = [0, 1, 2].map(|axis| step[axis].unsigned_abs() as f64 * spacing_mm[axis]);
    match norm {
        WeightingNorm::Manhattan => x + y + z,
        WeightingNorm::Euclidean => (x * x + y * y + z * z).sqrt(),
        WeightingNorm::Infinity => x.max(y).max(z),
        WeightingNorm::NoWeighting => 1.0,
    }
}

/// The steps that GLCM, GLDM and NGTDM go.
pub(crate) fn of_settings(settings: &Settings, size: [usize; 3]) -> Vec<[isize; 3]> {
    half_of_neighbours(&settings.distances, size, settings.flat_axis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_half_of_the_neighbours() {
        let mut all = unit_directions(None);
        assert_eq!(
            (all.len(), all[0], all[1]),
            (13, [1, 0, 0], [-1, 1, 0]),
            "scan order"
        );
        all.extend(unit_directions(None).iter().map(|d| d.map(|k| -k)));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 26);
        assert!(!all.contains(&[0, 0, 0]));
    }

    #[test]
    fn slices_sizes_and_distances_limit_the_steps() {
        assert_eq!(unit_directions(Some(2)).len(), 4);
        assert!(
            unit_directions(Some(1))
                .iter()
                .all(|direction| direction[1] == 0)
        );
        // (5³ − 3³)/2 steps at distance 2
        assert_eq!(half_of_neighbours(&[2], [9; 3], None).len(), 49);
        assert_eq!(half_of_neighbours(&[1, 2], [9; 3], None).len(), 62);
        assert_eq!(half_of_neighbours(&[2], [9, 9, 1], None).len(), 8);
        assert!(half_of_neighbours(&[3], [2, 2, 2], None).is_empty());
    }

    #[test]
    fn norms_of_a_step() {
        let step = [-1, 0, 2];
        let spacing = [3.0, 9.0, 2.0];
        assert_eq!(length_mm(WeightingNorm::Manhattan, step, spacing), 7.0);
        assert_eq!(length_mm(WeightingNorm::Euclidean, step, spacing), 5.0);
        assert_eq!(length_mm(WeightingNorm::Infinity, step, spacing), 4.0);
        assert_eq!(length_mm(WeightingNorm::NoWeighting, step, spacing), 1.0);
    }
}
