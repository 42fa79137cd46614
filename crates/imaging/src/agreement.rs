//! How far two delineations of one region agree.

use crate::crop::crop_mask;
use crate::edt::squared_distance_mm2;
use crate::mask::{GeometryMismatch, Mask, TOLERANCE_MM, check_geometry};
use thiserror::Error;

/// Overlap, distance and size of two regions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaskAgreement {
    /// Dice coefficient, 0 to 1.
    pub dice: f64,
    /// 95th percentile of the distance between the surfaces, mm.
    pub hd95_mm: f64,
    /// Volume of the first, ml.
    pub volume_first_ml: f64,
    /// Volume of the second, ml.
    pub volume_second_ml: f64,
}

/// Why two regions cannot be compared.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum AgreementError {
    /// They lie on different grids.
    #[error("first and second region: {0}")]
    Grid(#[from] GeometryMismatch),
    /// One of them has no voxel.
    #[error("the {which} region has no voxel: nothing to measure a distance to")]
    Empty {
        /// `first` or `second`.
        which: &'static str,
    },
}

impl AgreementError {
    /// A stable name of the problem, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            AgreementError::Grid(mismatch) => mismatch.code(),
            AgreementError::Empty { .. } => "mask-empty",
        }
    }
}

/// Dice coefficient, 95 % Hausdorff distance and volumes of two regions on one grid.
///
/// # Formula
/// Dice = 2 |A ∩ B| / (|A| + |B|), in voxels.
///
/// HD95 = max(P₉₅ { d(a, ∂B) : a ∈ ∂A }, P₉₅ { d(b, ∂A) : b ∈ ∂B }),
/// ∂A the voxels of A of which one of the six neighbours by a face is not in A (the outside of the grid is not), d the distance
/// between voxel centres in mm, P₉₅ the percentile with linear interpolation between order statistics (R's type 7).
///
/// # Ties and edges
/// Equal regions have Dice 1 and distance 0; regions apart have Dice 0.
///
/// # Errors
/// [`AgreementError`] if the grids differ by more than [`TOLERANCE_MM`] or a region is empty.
///
/// # Reference
/// Dice, Ecology 26 (1945) 297–302; Maier-Hein et al., Nat. Methods 21 (2024) 195–212 (Metrics Reloaded), for the larger of the two percentiles
///
/// # Agrees with
/// the definition over all pairs of voxels (unit tests, equal to 1e-12), which is MONAI's `compute_hausdorff_distance(percentile=95)`;
/// NumPy and SciPy on three phantoms (unit tests, 1e-9).
///
/// # Differs from
/// medpy's `hd95`, which takes the percentile of both directions thrown together; DeepMind's surface-distance, which weighs surface elements by their
/// area; ITK's Hausdorff filters, which take the maximum over whole regions.
pub fn mask_agreement(first: &Mask, second: &Mask) -> Result<MaskAgreement, AgreementError> {
    check_geometry(&first.geometry, &second.geometry, TOLERANCE_MM)?;
    let empty = |which| AgreementError::Empty { which };
    let a = first.bounding_box().ok_or(empty("first"))?;
    let b = second.bounding_box().ok_or(empty("second"))?;
    let lower = [0, 1, 2].map(|axis| a.0[axis].min(b.0[axis]));
    let upper = [0, 1, 2].map(|axis| a.1[axis].max(b.1[axis]));
    let (a, b) = (
        crop_mask(first, lower, upper),
        crop_mask(second, lower, upper),
    );
    let both = a.inside.iter().zip(&b.inside).filter(|(a, b)| **a && **b);
    let (n_a, n_b) = (a.n_inside(), b.n_inside());
    let ml = |n: usize| n as f64 * first.geometry.voxel_volume_mm3() / 1000.0;
    let (surface_a, surface_b) = (surface(&a), surface(&b));
    let there = percentile_95_mm(&a, &surface_a, &surface_b);
    let back = percentile_95_mm(&b, &surface_b, &surface_a);
    Ok(MaskAgreement {
        dice: 2.0 * both.count() as f64 / (n_a + n_b) as f64,
        hd95_mm: there.max(back),
        volume_first_ml: ml(n_a),
        volume_second_ml: ml(n_b),
    })
}

/// Voxels with a face towards the outside.
fn surface(mask: &Mask) -> Vec<bool> {
    let dims = mask.geometry.dims;
    let strides = [1, dims[0], dims[0] * dims[1]];
    let at_surface = |(index, &inside): (usize, &bool)| {
        let voxel = mask.geometry.voxel(index);
        let open = |axis: usize| {
            let below = voxel[axis] > 0 && mask.inside[index - strides[axis]];
            let above = voxel[axis] + 1 < dims[axis] && mask.inside[index + strides[axis]];
            !(below && above)
        };
        inside && (0..3).any(open)
    };
    mask.inside.iter().enumerate().map(at_surface).collect()
}

/// From each surface voxel of one region to the nearest of the other.
fn percentile_95_mm(of: &Mask, from: &[bool], to: &[bool]) -> f64 {
    let geometry = &of.geometry;
    let squared = squared_distance_mm2(to, geometry.dims, geometry.spacing_mm(), [true; 3]);
    let mut distances: Vec<f64> = from
        .iter()
        .zip(&squared)
        .filter(|(from, _)| **from)
        .map(|(_, squared)| squared.sqrt())
        .collect();
    distances.sort_by(f64::total_cmp);
    // a region with a voxel has a surface
    let place = 0.95 * (distances.len().saturating_sub(1)) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(distances.len().saturating_sub(1));
    distances[below] + (place - below as f64) * (distances[above] - distances[below])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Geometry, phantom};

    fn blocks(spacing_mm: [f64; 3], of: &[([usize; 3], [usize; 3])]) -> Mask {
        let geometry = Geometry::axis_aligned([12, 10, 8], spacing_mm).unwrap();
        let within = |index: usize| {
            let voxel = geometry.voxel(index);
            of.iter()
                .any(|(lower, upper)| (0..3).all(|a| lower[a] <= voxel[a] && voxel[a] <= upper[a]))
        };
        let inside = (0..geometry.n_voxels()).map(within).collect();
        Mask::new(geometry, inside).unwrap()
    }

    #[test]
    fn equal_regions_agree_wholly() {
        let (_, mask) = phantom::pelvis();
        let found = mask_agreement(&mask, &mask).unwrap();
        assert_eq!((found.dice, found.hd95_mm), (1.0, 0.0));
        let ml = 2098.0 * 0.75 * 0.9375 * 7.0 / 1000.0;
        assert!((found.volume_first_ml - ml).abs() < 1e-12);
        assert_eq!(found.volume_first_ml, found.volume_second_ml);
    }

    /// By paper and pencil: a line of 5 voxels and the same line moved by 2: 3 shared voxels, and distances
    /// 2·1.5, 1·1.5, 0, 0, 0 mm either way, whose 95th percentile is 1.5 + 0.8·1.5 mm.
    #[test]
    fn a_line_moved_along_itself() {
        let line = |x: usize| blocks([1.5, 1.0, 3.0], &[([x, 4, 4], [x + 4, 4, 4])]);
        let found = mask_agreement(&line(1), &line(3)).unwrap();
        assert!((found.dice - 0.6).abs() < 1e-15);
        assert!((found.hd95_mm - 2.7).abs() < 1e-12, "{}", found.hd95_mm);
    }

    /// One stray voxel among few reaches the percentile one way, not the other.
    #[test]
    fn the_larger_direction_counts() {
        let cube = ([1, 1, 1], [3, 3, 3]);
        let alone = blocks([1.0, 1.0, 1.0], &[cube]);
        let strays = ([8, 2, 2], [10, 2, 2]);
        let with = blocks([1.0, 1.0, 1.0], &[cube, strays]);
        // ∂ of the cube has 26 voxels at distance 0; the strays are 5, 6 and 7 mm away: the 95th percentile of 29 values lies
        // 0.6 between the second and the first of the three largest
        let found = mask_agreement(&alone, &with).unwrap();
        assert!((found.hd95_mm - 5.6).abs() < 1e-12, "{}", found.hd95_mm);
        assert!((found.dice - 2.0 * 27.0 / 57.0).abs() < 1e-15);
    }

    #[test]
    fn distances_are_those_of_all_pairs() {
        let a = blocks(
            [0.7, 0.9, 5.5],
            &[([1, 1, 1], [6, 5, 3]), ([4, 4, 2], [9, 8, 5])],
        );
        let b = blocks([0.7, 0.9, 5.5], &[([2, 1, 2], [7, 6, 4])]);
        let found = mask_agreement(&a, &b).unwrap();
        let points = |mask: &Mask| -> Vec<[f64; 3]> {
            let [sx, sy, sz] = mask.geometry.spacing_mm();
            let surface = surface(mask);
            (0..surface.len())
                .filter(|&i| surface[i])
                .map(|i| mask.geometry.voxel(i))
                .map(|[x, y, z]| [x as f64 * sx, y as f64 * sy, z as f64 * sz])
                .collect()
        };
        let percentile = |from: &[[f64; 3]], to: &[[f64; 3]]| {
            let nearest = |p: &[f64; 3]| {
                let d = |q: &[f64; 3]| (0..3).map(|a| (p[a] - q[a]) * (p[a] - q[a])).sum::<f64>();
                to.iter().map(d).fold(f64::INFINITY, f64::min).sqrt()
            };
            let mut all: Vec<f64> = from.iter().map(nearest).collect();
            all.sort_by(f64::total_cmp);
            let place = 0.95 * (all.len() - 1) as f64;
            let k = place as usize;
            all[k] + (place - k as f64) * (all[(k + 1).min(all.len() - 1)] - all[k])
        };
        let (pa, pb) = (points(&a), points(&b));
        let wanted = percentile(&pa, &pb).max(percentile(&pb, &pa));
        assert!((found.hd95_mm - wanted).abs() < 1e-12, "{found:?} {wanted}");
    }

    /// NumPy 1.26 `percentile` of SciPy 1.14 `distance_transform_edt`: a phantom's region, and the same
    /// moved by (2, 1, 1) and cut along a plane.
    #[test]
    fn phantoms_give_what_scipy_gives() {
        let check = |mask: Mask, centre: [usize; 3], dice: f64, hd95_mm: f64| {
            let geometry = mask.geometry;
            let moved = |index: usize| {
                let [x, y, z] = geometry.voxel(index);
                let there = x >= 2 && y >= 1 && z >= 1;
                let kept = x + 2 * y <= centre[0] + 2 * centre[1] + 6;
                there && kept && mask.inside[geometry.index([x - 2, y - 1, z - 1])]
            };
            let inside = (0..geometry.n_voxels()).map(moved).collect();
            let found = mask_agreement(&mask, &Mask::new(geometry, inside).unwrap()).unwrap();
            assert!((found.dice - dice).abs() < 1e-12, "{found:?}");
            assert!((found.hd95_mm - hd95_mm).abs() < 1e-9, "{found:?}");
        };
        check(
            phantom::iso().1,
            [19, 18, 13],
            0.7231570512820513,
            4.123105625617661,
        );
        check(
            phantom::pelvis().1,
            [31, 29, 5],
            0.5890451960490871,
            7.0400639201643616,
        );
        check(
            phantom::odd().1,
            [15, 17, 8],
            0.6669016566795911,
            3.1355725781404313,
        );
    }

    #[test]
    fn regions_at_the_border_of_the_grid_have_their_surface_there() {
        let whole = blocks([1.0, 1.0, 1.0], &[([0, 0, 0], [11, 9, 7])]);
        let n = surface(&whole).iter().filter(|s| **s).count();
        assert_eq!(n, 12 * 10 * 8 - 10 * 8 * 6);
    }

    #[test]
    fn other_grids_and_empty_regions_are_refused() {
        let a = blocks([1.0, 1.0, 1.0], &[([1, 1, 1], [3, 3, 3])]);
        let b = blocks([1.0, 1.0, 1.2], &[([1, 1, 1], [3, 3, 3])]);
        assert!(matches!(
            mask_agreement(&a, &b),
            Err(AgreementError::Grid(_))
        ));
        let none = blocks([1.0, 1.0, 1.0], &[]);
        let error = mask_agreement(&a, &none).unwrap_err();
        assert_eq!(
            (error.code(), error),
            ("mask-empty", AgreementError::Empty { which: "second" })
        );
    }
}
