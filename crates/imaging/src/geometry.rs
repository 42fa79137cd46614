//! Where voxels lie in the patient.

use thiserror::Error;

/// The grid of a volume: how many voxels, and where they lie.
///
/// `affine` maps a voxel index `(x, y, z)` to world millimetres, RAS+ (x to the patient's right, y to the front,
/// z to the head): `world[i] = affine[i][0]·x + affine[i][1]·y + affine[i][2]·z + affine[i][3]`.
/// Index `(0, 0, 0)` is the centre of the first voxel of the file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometry {
    /// Voxels along x, y and z, in file order; x runs fastest.
    pub dims: [usize; 3],
    /// Rows of the affine from voxel index to RAS+ millimetres.
    pub affine: [[f64; 4]; 3],
    /// Whether the file said where the grid lies. Where it did not, the affine is made of the voxel sizes alone, as ITK
    /// makes it: right to left, front to back, feet to head.
    pub orientation_known: bool,
}

/// The longest axis a NIfTI-1 file can have, and so the longest here.
const AXIS_LENGTH_MAX: usize = i16::MAX as usize;

/// Why a grid is none.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum GeometryError {
    /// An axis of no voxels or of more than 32767, or a number of voxels that no machine can address.
    #[error("dimensions {dims:?} must be 1 to 32767 each, and addressable together")]
    Dimensions {
        /// The dimensions asked for.
        dims: [usize; 3],
    },
    /// An entry of the affine is infinite (as `f32`, which files hold) or not a number.
    #[error("affine entry [{row}][{column}] is not finite")]
    NotFinite {
        /// Row of the affine, 0 to 2.
        row: usize,
        /// Column of the affine, 0 to 3.
        column: usize,
    },
    /// The affine maps the grid onto a plane, a line or a point.
    #[error("affine is singular: determinant {determinant} mm³ with spacing {spacing_mm:?} mm")]
    Singular {
        /// Determinant of the 3 × 3 part.
        determinant: f64,
        /// Lengths of its columns.
        spacing_mm: [f64; 3],
    },
}

impl GeometryError {
    /// A stable name of the problem, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            GeometryError::Dimensions { .. } => "dimensions",
            GeometryError::NotFinite { .. } => "affine-not-finite",
            GeometryError::Singular { .. } => "affine-singular",
        }
    }
}

impl Geometry {
    /// A checked grid.
    ///
    /// # Errors
    /// [`GeometryError`] if an axis has no voxels, an entry is not finite, or the affine is singular: a column of zero length,
    /// or |det| below 1e-6 of the product of the column lengths (axes within 0.00006° of one plane).
    pub fn new(dims: [usize; 3], affine: [[f64; 4]; 3]) -> Result<Geometry, GeometryError> {
        let addressable = dims
            .iter()
            .try_fold(1_usize, |product, &n| product.checked_mul(n))
            .is_some_and(|n| 1 <= n && n <= isize::MAX as usize / 8)
            && dims.iter().all(|&n| n <= AXIS_LENGTH_MAX);
        if !addressable {
            return Err(GeometryError::Dimensions { dims });
        }
        for (row, entries) in affine.iter().enumerate() {
            for (column, entry) in entries.iter().enumerate() {
                if !(*entry as f32).is_finite() {
                    return Err(GeometryError::NotFinite { row, column });
                }
            }
        }
        let geometry = Geometry {
            dims,
            affine,
            orientation_known: true,
        };
        let spacing_mm = geometry.spacing_mm();
        let determinant = geometry.determinant();
        let volume = spacing_mm[0] * spacing_mm[1] * spacing_mm[2];
        if volume.is_finite() && volume > 0.0 && determinant.abs() > 1e-6 * volume {
            Ok(geometry)
        } else {
            Err(GeometryError::Singular {
                determinant,
                spacing_mm,
            })
        }
    }

    /// A grid whose axes point right, front and head, with its first voxel at the world's origin.
    ///
    /// # Errors
    /// As [`Geometry::new`].
    pub fn axis_aligned(dims: [usize; 3], spacing_mm: [f64; 3]) -> Result<Geometry, GeometryError> {
        let [x, y, z] = spacing_mm;
        Geometry::new(
            dims,
            [[x, 0.0, 0.0, 0.0], [0.0, y, 0.0, 0.0], [0.0, 0.0, z, 0.0]],
        )
    }

    /// The same grid, of a file that did not say where it lies.
    #[must_use]
    pub fn without_orientation(self) -> Geometry {
        Geometry {
            orientation_known: false,
            ..self
        }
    }

    /// Number of voxels.
    #[must_use]
    pub fn n_voxels(&self) -> usize {
        self.dims[0] * self.dims[1] * self.dims[2]
    }

    /// Position of voxel `[x, y, z]` in the voxel vector.
    #[must_use]
    pub fn index(&self, [x, y, z]: [usize; 3]) -> usize {
        x + self.dims[0] * (y + self.dims[1] * z)
    }

    /// Voxel `[x, y, z]` at a position of the voxel vector.
    #[must_use]
    pub fn voxel(&self, index: usize) -> [usize; 3] {
        let [nx, ny, _] = self.dims;
        [index % nx, index / nx % ny, index / (nx * ny)]
    }

    /// Distance between neighbouring voxel centres along x, y and z, mm: the lengths of the affine's columns.
    ///
    /// A column along a world axis gives its entry exactly. The length of an oblique one is rounded to the nearest `f32` when
    /// it lies within 1e-12 of it, so that a spacing stored in a file (an `f32`) comes back as the same number after a rotation.
    #[must_use]
    pub fn spacing_mm(&self) -> [f64; 3] {
        [0, 1, 2].map(|axis| length_mm(self.column(axis)))
    }

    /// Unit vectors of the voxel axes in RAS+; `direction()[axis]` is the world direction of increasing index along `axis`.
    #[must_use]
    pub fn direction(&self) -> [[f64; 3]; 3] {
        let spacing_mm = self.spacing_mm();
        [0, 1, 2].map(|axis| self.column(axis).map(|entry| entry / spacing_mm[axis]))
    }

    /// World position of the centre of voxel `[0, 0, 0]`, RAS+ mm.
    #[must_use]
    pub fn origin_mm(&self) -> [f64; 3] {
        [self.affine[0][3], self.affine[1][3], self.affine[2][3]]
    }

    /// World position of a (fractional) voxel index, RAS+ mm.
    #[must_use]
    pub fn world_mm(&self, [x, y, z]: [f64; 3]) -> [f64; 3] {
        self.affine.map(|[a, b, c, t]| a * x + b * y + c * z + t)
    }

    /// Volume of one voxel, mm³.
    #[must_use]
    pub fn voxel_volume_mm3(&self) -> f64 {
        let [x, y, z] = self.spacing_mm();
        x * y * z
    }

    /// The axis across slices: the one with the largest spacing; on ties z before y before x.
    #[must_use]
    pub fn slice_axis(&self) -> usize {
        let spacing_mm = self.spacing_mm();
        [1, 0].into_iter().fold(2, |best, axis| {
            if spacing_mm[axis] > spacing_mm[best] {
                axis
            } else {
                best
            }
        })
    }

    /// Column of the 3 × 3 part of the affine: the world step of one voxel along `axis`.
    fn column(&self, axis: usize) -> [f64; 3] {
        [
            self.affine[0][axis],
            self.affine[1][axis],
            self.affine[2][axis],
        ]
    }

    /// Determinant of the 3 × 3 part; negative if the voxel axes are left-handed in RAS+.
    fn determinant(&self) -> f64 {
        let [[a, b, c, _], [d, e, f, _], [g, h, i, _]] = self.affine;
        a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    }
}

/// Largest distance between the places two affines give to one voxel of a grid, mm.
///
/// The distance is convex in the voxel index, so it is largest at one of the eight corners.
pub(crate) fn max_displacement_mm(
    dims: [usize; 3],
    first: &[[f64; 4]; 3],
    second: &[[f64; 4]; 3],
) -> f64 {
    let mut max_mm = 0.0_f64;
    for corner in 0..8_usize {
        let [x, y, z] = [0, 1, 2].map(|axis| {
            if corner >> axis & 1 == 1 {
                dims[axis] as f64 - 1.0
            } else {
                0.0
            }
        });
        let mut squared = 0.0;
        for (p, q) in first.iter().zip(second) {
            let step = (p[0] - q[0]) * x + (p[1] - q[1]) * y + (p[2] - q[2]) * z + (p[3] - q[3]);
            squared += step * step;
        }
        max_mm = max_mm.max(squared.sqrt());
    }
    max_mm
}

fn length_mm(column: [f64; 3]) -> f64 {
    let [x, y, z] = column.map(f64::abs);
    match (x > 0.0, y > 0.0, z > 0.0) {
        (true, false, false) => x,
        (false, true, false) => y,
        (false, false, true) => z,
        _ => {
            let length = (x * x + y * y + z * z).sqrt();
            let stored = f64::from(length as f32);
            if (stored - length).abs() <= 1e-12 * length {
                stored
            } else {
                length
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn index_and_voxel_undo_each_other_with_x_fastest() {
        let geometry = Geometry::axis_aligned([3, 4, 5], [1.0; 3]).unwrap();
        assert_eq!(geometry.index([1, 2, 3]), 1 + 3 * (2 + 4 * 3));
        assert!(
            (0..geometry.n_voxels()).all(|index| geometry.index(geometry.voxel(index)) == index)
        );
    }

    #[test]
    fn an_oblique_grid_keeps_its_spacing_and_unit_directions() {
        let (s, c) = (0.6, 0.8);
        let spacing_mm = [0.7_f32, 0.9375, 5.5].map(f64::from);
        let [x, y, z] = spacing_mm;
        let affine = [
            [c * x, 0.0, s * z, 10.0],
            [0.0, -y, 0.0, 20.0],
            [-s * x, 0.0, c * z, 30.0],
        ];
        let geometry = Geometry::new([2, 2, 2], affine).unwrap();
        assert_eq!(geometry.spacing_mm(), spacing_mm);
        let expected = [[0.8, 0.0, -0.6], [0.0, -1.0, 0.0], [0.6, 0.0, 0.8]];
        for (found, expected) in geometry
            .direction()
            .as_flattened()
            .iter()
            .zip(expected.as_flattened())
        {
            assert!((found - expected).abs() < 1e-15);
        }
        assert_eq!(geometry.world_mm([0.0, 1.0, 0.0]), [10.0, 20.0 - y, 30.0]);
        assert!((geometry.determinant() + geometry.voxel_volume_mm3()).abs() < 1e-12);
    }

    #[test]
    fn a_spacing_that_no_single_holds_is_left_alone() {
        let geometry = Geometry::axis_aligned([1, 1, 1], [0.7, 1.0 / 3.0, 1e-3]).unwrap();
        assert_eq!(geometry.spacing_mm(), [0.7, 1.0 / 3.0, 1e-3]);
    }

    #[test]
    fn grids_that_are_none_are_refused() {
        let unit = [
            [1.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0],
        ];
        for dims in [[0, 1, 1], [1, 32768, 1]] {
            assert_eq!(
                Geometry::new(dims, unit),
                Err(GeometryError::Dimensions { dims })
            );
        }
        let with = |row: usize, column: usize, entry: f64| {
            let mut affine = unit;
            affine[row][column] = entry;
            Geometry::new([1, 1, 1], affine)
        };
        assert_eq!(
            with(1, 3, f64::NAN),
            Err(GeometryError::NotFinite { row: 1, column: 3 })
        );
        assert_eq!(
            with(2, 2, 1e39),
            Err(GeometryError::NotFinite { row: 2, column: 2 })
        );
        assert!(matches!(
            with(2, 2, 0.0),
            Err(GeometryError::Singular { .. })
        ));
        let parallel = [
            [1.0, 1.0, 0.0, 0.0],
            [1.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0],
        ];
        assert!(matches!(
            Geometry::new([1, 1, 1], parallel),
            Err(GeometryError::Singular { .. })
        ));
    }
}
