//! A region whose grid is a part of its image's, or the same one with other axes first.

use super::grid::{GeometryMismatch, placements};
use super::{Difference, Mask};
use crate::geometry::{Geometry, max_displacement_mm};
use thiserror::Error;

/// Why a region cannot be put on the grid of an image.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PlaceError {
    /// Its voxels are not the image's.
    #[error(transparent)]
    Grid(#[from] GeometryMismatch),
    /// A part of it lies outside the image.
    #[error("{n_outside} of {n_inside} voxels of the region lie outside the image")]
    Outside {
        /// Voxels of the region outside the image.
        n_outside: usize,
        /// Voxels of the region.
        n_inside: usize,
    },
}

impl PlaceError {
    /// A stable name of the problem, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            PlaceError::Grid(error) => error.code(),
            PlaceError::Outside { .. } => "mask-outside-image",
        }
    }
}

impl Mask {
    /// The region on the grid of its image, for segmentations that are stored cropped, or with their axes in another order or direction.
    ///
    /// Each voxel of the region must be one of the image, up to `tolerance_mm`: nothing is resampled.
    ///
    /// # Errors
    /// [`PlaceError::Grid`] if voxels do not coincide; [`PlaceError::Outside`] if the region reaches beyond the image.
    pub fn onto_grid(&self, image: &Geometry, tolerance_mm: f64) -> Result<Mask, PlaceError> {
        let mut inside = vec![false; image.n_voxels()];
        let (n_painted, n_outside) = self.paint_onto(image, tolerance_mm, &mut inside)?;
        if n_outside > 0 {
            let n_inside = n_painted + n_outside;
            return Err(PlaceError::Outside {
                n_outside,
                n_inside,
            });
        }
        Ok(Mask {
            geometry: *image,
            inside,
        })
    }

    /// Marks the voxels of the region among those of its image, and tells how many lie in the image and how many outside.
    pub(crate) fn paint_onto(
        &self,
        image: &Geometry,
        tolerance_mm: f64,
        inside: &mut [bool],
    ) -> Result<(usize, usize), PlaceError> {
        let map = IndexMap::between(&self.geometry, image);
        let expected = Geometry {
            dims: self.geometry.dims,
            affine: map.affine(image),
            orientation_known: image.orientation_known,
        };
        let distance_mm =
            max_displacement_mm(self.geometry.dims, &expected.affine, &self.geometry.affine);
        if distance_mm.is_nan() || distance_mm > tolerance_mm {
            let mut differences = placements(&expected, &self.geometry, tolerance_mm);
            if differences.is_empty() {
                differences.push(Difference::Place { distance_mm });
            }
            return Err(GeometryMismatch { differences }.into());
        }
        let (mut n_painted, mut n_outside) = (0, 0);
        for (index, _) in self
            .inside
            .iter()
            .enumerate()
            .filter(|&(_, &inside)| inside)
        {
            match map.voxel(self.geometry.voxel(index), image.dims) {
                Some(voxel) => {
                    inside[image.index(voxel)] = true;
                    n_painted += 1;
                }
                None => n_outside += 1,
            }
        }
        Ok((n_painted, n_outside))
    }
}

/// Whole-number map from the voxels of one grid to those of another: which axis each becomes, with its sign, and an offset.
struct IndexMap {
    axis: [usize; 3],
    sign: [i64; 3],
    offset: [i64; 3],
}

impl IndexMap {
    /// The nearest such map.
    fn between(from: &Geometry, to: &Geometry) -> IndexMap {
        let (from_axes, to_axes) = (from.direction(), to.direction());
        let mut map = IndexMap {
            axis: [0, 1, 2],
            sign: [1; 3],
            offset: [0; 3],
        };
        let mut taken = [false; 3];
        for (i, direction) in from_axes.iter().enumerate() {
            let cosine = |axis: usize| -> f64 {
                direction
                    .iter()
                    .zip(&to_axes[axis])
                    .map(|(a, b)| a * b)
                    .sum()
            };
            let best = (0..3)
                .filter(|&axis| !taken[axis])
                .max_by(|&a, &b| cosine(a).abs().total_cmp(&cosine(b).abs()))
                .unwrap_or(i);
            taken[best] = true;
            map.axis[i] = best;
            map.sign[i] = if cosine(best) < 0.0 { -1 } else { 1 };
        }
        // Saturates for grids that are nowhere near each other; the distance then refuses them.
        map.offset = index_of(to, from.origin_mm()).map(|x| x.round() as i64);
        map
    }

    /// The affine that the first grid has if the map is exact.
    fn affine(&self, to: &Geometry) -> [[f64; 4]; 3] {
        let origin = to.world_mm(self.offset.map(|x| x as f64));
        let mut affine = [[0.0; 4]; 3];
        for row in 0..3 {
            for i in 0..3 {
                affine[row][i] = to.affine[row][self.axis[i]] * self.sign[i] as f64;
            }
            affine[row][3] = origin[row];
        }
        affine
    }

    fn voxel(&self, voxel: [usize; 3], dims: [usize; 3]) -> Option<[usize; 3]> {
        let mut image = [0; 3];
        for i in 0..3 {
            let axis = self.axis[i];
            let step = self.sign[i].checked_mul(i64::try_from(voxel[i]).ok()?)?;
            let at = self.offset[axis].checked_add(step)?;
            image[axis] = usize::try_from(at).ok().filter(|&at| at < dims[axis])?;
        }
        Some(image)
    }
}

/// The (fractional) voxel index of a place: the affine's inverse.
pub(crate) fn index_of(grid: &Geometry, world_mm: [f64; 3]) -> [f64; 3] {
    let [[a, b, c, x], [d, e, f, y], [g, h, i, z]] = grid.affine;
    let p = [world_mm[0] - x, world_mm[1] - y, world_mm[2] - z];
    let det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
    let adjugate = [
        [e * i - f * h, c * h - b * i, b * f - c * e],
        [f * g - d * i, a * i - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ];
    adjugate.map(|row| (row[0] * p[0] + row[1] * p[1] + row[2] * p[2]) / det)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn image() -> Geometry {
        let affine = [
            [-0.8, 0.0, 3.0, 10.0],
            [0.0, -1.0, 0.0, 20.0],
            [0.6, 0.0, 4.0, 30.0],
        ];
        Geometry::new([5, 6, 4], affine).unwrap()
    }

    /// The part of a grid that starts at `first`, its axes being the grid's `axis`, backwards where `back`.
    fn part(dims: [usize; 3], first: [f64; 3], axis: [usize; 3], back: [bool; 3]) -> Geometry {
        let image = image();
        let origin = image.world_mm(first);
        let mut affine = [[0.0; 4]; 3];
        for row in 0..3 {
            for i in 0..3 {
                let step = image.affine[row][axis[i]];
                affine[row][i] = if back[i] { -step } else { step };
            }
            affine[row][3] = origin[row];
        }
        Geometry::new(dims, affine).unwrap()
    }

    #[test]
    fn a_cropped_turned_region_finds_its_voxels() {
        let geometry = part([2, 3, 2], [3.0, 1.0, 2.0], [2, 0, 1], [false, true, false]);
        let mut inside = vec![false; 12];
        // First axis the image's z upwards from 2, second its x downwards from 3, third its y upwards from 1.
        inside[geometry.index([1, 2, 1])] = true;
        inside[geometry.index([0, 0, 0])] = true;
        let mask = Mask { geometry, inside }.onto_grid(&image(), 0.01).unwrap();
        let found: Vec<[usize; 3]> = (0..mask.inside.len())
            .filter(|&i| mask.inside[i])
            .map(|i| mask.geometry.voxel(i))
            .collect();
        assert_eq!(found, [[3, 1, 2], [1, 2, 3]]);
        assert_eq!(mask.geometry, image());
    }

    #[test]
    fn a_region_beyond_the_image_or_between_its_voxels_is_refused() {
        let axes = [0, 1, 2];
        let beyond = Mask {
            geometry: part([2, 1, 1], [4.0, 0.0, 0.0], axes, [false; 3]),
            inside: vec![true; 2],
        };
        assert_eq!(
            beyond.onto_grid(&image(), 0.01),
            Err(PlaceError::Outside {
                n_outside: 1,
                n_inside: 2
            })
        );
        let between = Mask {
            geometry: part([2, 1, 1], [1.4, 0.0, 0.0], axes, [false; 3]),
            inside: vec![true; 2],
        };
        let error = between.onto_grid(&image(), 0.01).unwrap_err();
        assert_eq!(error.code(), "geometry-mismatch");
        assert!(between.onto_grid(&image(), 0.5).is_ok());
        assert!(
            index_of(&image(), image().world_mm([1.0, 2.0, 3.0]))
                .iter()
                .zip([1.0, 2.0, 3.0])
                .all(|(a, b)| (a - b).abs() < 1e-12)
        );
    }
}
