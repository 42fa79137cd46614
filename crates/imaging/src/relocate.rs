//! A region moved to another place of the body: what is measured there has its shape and knows nothing of it.

use crate::mask::{GeometryMismatch, Mask, TOLERANCE_MM, check_geometry};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use thiserror::Error;

/// Shifts drawn before all of them are tried.
const N_DRAWS: usize = 20_000;

/// A region elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Relocated {
    /// The region there.
    pub mask: Mask,
    /// How far it was moved, voxels along x, y, z.
    pub shift: [isize; 3],
    /// Share of its voxels that it has in common with the place it came from.
    pub overlap: f64,
}

/// Why a region was not moved.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RelocateError {
    /// Region and body lie on different grids.
    #[error("body and region: {0}")]
    Grid(#[from] GeometryMismatch),
    /// The region has no voxel.
    #[error("mask is empty: nothing to move")]
    Empty,
    /// The allowed overlap is no share.
    #[error("max_overlap is {value}, must be from 0 to 1")]
    Overlap {
        /// What was given.
        value: f64,
    },
    /// The region fits nowhere else.
    #[error(
        "none of {n_shifts} places in the grid has all {n_voxels} voxels of the region inside the body and at most {max_overlap} of them in common \
         with where it lies; allow more overlap"
    )]
    NothingFits {
        /// Places tried.
        n_shifts: usize,
        /// Voxels of the region.
        n_voxels: usize,
        /// The share allowed.
        max_overlap: f64,
    },
}

impl RelocateError {
    /// A stable name of the problem, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            RelocateError::Grid(mismatch) => mismatch.code(),
            RelocateError::Empty => "mask-empty",
            RelocateError::Overlap { .. } => "max-overlap",
            RelocateError::NothingFits { .. } => "nothing-fits",
        }
    }
}

/// The region moved by whole voxels to a place drawn with `seed`, uniformly among those where it lies wholly inside `body` and has at
/// most the share `max_overlap` of its voxels in common with where it was. Shape and volume stay.
///
/// # Method
/// Shifts that keep the region's box inside the grid are drawn with ChaCha8 until one fits; after 20 000 failures all are tried and one
/// of those that fit is drawn. Either way every fitting place is equally likely.
///
/// # Errors
/// [`RelocateError`] if the grids differ, the region is empty, or no place fits.
pub fn relocate(
    mask: &Mask,
    body: &Mask,
    max_overlap: f64,
    seed: u64,
) -> Result<Relocated, RelocateError> {
    check_geometry(&mask.geometry, &body.geometry, TOLERANCE_MM)?;
    if !(0.0..=1.0).contains(&max_overlap) {
        return Err(RelocateError::Overlap { value: max_overlap });
    }
    let places = Places::of(mask, body, max_overlap).ok_or(RelocateError::Empty)?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let drawn = (0..N_DRAWS)
        .map(|_| places.shift(below(places.n_shifts, &mut rng)))
        .find(|&shift| places.fits(shift));
    let shift = match drawn {
        Some(shift) => shift,
        None => {
            let all = (0..places.n_shifts).map(|i| places.shift(i));
            let fitting: Vec<[isize; 3]> = all.filter(|&shift| places.fits(shift)).collect();
            let Some(last) = fitting.len().checked_sub(1) else {
                return Err(RelocateError::NothingFits {
                    n_shifts: places.n_shifts,
                    n_voxels: places.voxels.len(),
                    max_overlap,
                });
            };
            fitting[below(last + 1, &mut rng)]
        }
    };
    Ok(places.moved(shift))
}

/// Where a region can go.
struct Places<'a> {
    mask: &'a Mask,
    body: &'a Mask,
    /// Voxels of the region, those on its faces along x, y and z first: they leave the body first.
    voxels: Vec<[usize; 3]>,
    /// Voxels that may stay in common.
    n_common_max: usize,
    /// Smallest shift of each axis, and how many there are.
    from: [isize; 3],
    counts: [usize; 3],
    n_shifts: usize,
}

impl<'a> Places<'a> {
    fn of(mask: &'a Mask, body: &'a Mask, max_overlap: f64) -> Option<Places<'a>> {
        let (lower, upper) = mask.bounding_box()?;
        let dims = mask.geometry.dims;
        let inside = (0..mask.inside.len()).filter(|&i| mask.inside[i]);
        let mut voxels: Vec<[usize; 3]> = inside.map(|i| mask.geometry.voxel(i)).collect();
        voxels.sort_by_key(|v| (0..3).all(|a| v[a] != lower[a] && v[a] != upper[a]));
        let counts = [0, 1, 2].map(|a| lower[a] + dims[a] - upper[a]);
        Some(Places {
            n_common_max: (max_overlap * voxels.len() as f64).floor() as usize,
            from: lower.map(|l| -(l as isize)),
            n_shifts: counts.iter().product(),
            mask,
            body,
            voxels,
            counts,
        })
    }

    fn shift(&self, index: usize) -> [isize; 3] {
        let [nx, ny, _] = self.counts;
        let at = [index % nx, index / nx % ny, index / (nx * ny)];
        [0, 1, 2].map(|a| self.from[a] + at[a] as isize)
    }

    /// The box stays inside the grid, so that no index is negative or beyond it.
    fn target(&self, voxel: &[usize; 3], shift: [isize; 3]) -> usize {
        let to = [0, 1, 2].map(|a| voxel[a].wrapping_add_signed(shift[a]));
        self.mask.geometry.index(to)
    }

    fn fits(&self, shift: [isize; 3]) -> bool {
        if shift == [0; 3] {
            return false;
        }
        let mut n_common = 0;
        self.voxels.iter().all(|voxel| {
            let to = self.target(voxel, shift);
            n_common += usize::from(self.mask.inside[to]);
            self.body.inside[to] && n_common <= self.n_common_max
        })
    }

    fn moved(&self, shift: [isize; 3]) -> Relocated {
        let mut inside = vec![false; self.mask.inside.len()];
        let mut n_common = 0_usize;
        for voxel in &self.voxels {
            let to = self.target(voxel, shift);
            inside[to] = true;
            n_common += usize::from(self.mask.inside[to]);
        }
        Relocated {
            mask: Mask {
                geometry: self.mask.geometry,
                inside,
            },
            shift,
            overlap: n_common as f64 / self.voxels.len() as f64,
        }
    }
}

/// Uniform on 0..n, n above 0, without bias: draws beyond the last whole multiple of n are taken again.
fn below(n: usize, rng: &mut ChaCha8Rng) -> usize {
    let n = n as u64;
    let limit = u64::MAX - u64::MAX % n;
    loop {
        let draw = rng.next_u64();
        if draw < limit {
            return (draw % n) as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Geometry;
    use std::collections::BTreeSet;

    fn block(lower: [usize; 3], upper: [usize; 3]) -> Mask {
        let geometry = Geometry::axis_aligned([10, 8, 6], [1.0, 1.0, 4.0]).unwrap();
        let within = |i: usize| {
            let voxel = geometry.voxel(i);
            (0..3).all(|a| lower[a] <= voxel[a] && voxel[a] <= upper[a])
        };
        let inside = (0..geometry.n_voxels()).map(within).collect();
        Mask::new(geometry, inside).unwrap()
    }

    #[test]
    fn shape_and_volume_stay_and_every_voxel_is_in_the_body() {
        let (mut region, body) = (block([2, 2, 2], [4, 3, 3]), block([1, 1, 1], [8, 6, 4]));
        let notch = region.geometry.index([4, 3, 3]);
        region.inside[notch] = false;
        let found = relocate(&region, &body, 0.0, 5).unwrap();
        assert_eq!(found.overlap, 0.0);
        assert_eq!(found.mask.n_inside(), 11);
        for (i, _) in region.inside.iter().enumerate().filter(|(_, v)| **v) {
            let voxel = region.geometry.voxel(i);
            let to = [0, 1, 2].map(|a| voxel[a].wrapping_add_signed(found.shift[a]));
            let to = region.geometry.index(to);
            assert!(found.mask.inside[to] && body.inside[to] && !region.inside[to]);
        }
        assert_eq!(relocate(&region, &body, 0.0, 5).unwrap(), found);
    }

    #[test]
    fn all_fitting_places_are_drawn() {
        // along x alone there is room: lower edges 0 to 7, of which 3 ± 2 share a voxel with the region
        let (region, body) = (block([3, 2, 2], [5, 2, 2]), block([0, 2, 2], [9, 2, 2]));
        let shifts: BTreeSet<isize> = (0..200)
            .map(|seed| relocate(&region, &body, 0.0, seed).unwrap().shift[0])
            .collect();
        assert_eq!(shifts, BTreeSet::from([-3, 3, 4]));
        let some: BTreeSet<isize> = (0..200)
            .map(|seed| relocate(&region, &body, 0.34, seed).unwrap().shift[0])
            .collect();
        assert_eq!(some, BTreeSet::from([-3, -2, 2, 3, 4]));
    }

    #[test]
    fn where_nothing_fits_it_says_so() {
        let (region, body) = (block([3, 2, 2], [5, 2, 2]), block([2, 2, 2], [6, 2, 2]));
        let error = relocate(&region, &body, 0.0, 1).unwrap_err();
        assert_eq!(error.code(), "nothing-fits");
        assert!(error.to_string().contains("none of 384 places"), "{error}");
        let near = relocate(&region, &body, 0.7, 1).unwrap();
        assert_eq!(near.shift[0].abs(), 1);
        assert!((near.overlap - 2.0 / 3.0).abs() < 1e-15);
        assert!(relocate(&region, &body, 1.5, 1).is_err());
    }
}
