//! Images defined by integer formulas, so that any program in any language makes the same voxels.
//!
//! # Formula
//! value(x, y, z) = base + ((37x + 57y + 91z + 5·(xy mod 23) + 7·(yz mod 17) + 3·((x² + y² + z²) mod 29)) mod m)
//!                  + ⌊((x − cx)² + (y − cy)²) / q⌋
//!
//! The mask is the ellipsoid (x−cx)²·ry²rz² + (y−cy)²·rx²rz² + (z−cz)²·rx²ry² ≤ rx²ry²rz² without the notch
//! x > cx + nx and y > cy + ny.
//!
//! | name | voxels | spacing, mm | pixel type | mask voxels | sum over the image |
//! |---|---|---|---|---|---|
//! | [`iso`] | 40 × 36 × 28 | 1, 1, 1 | `i16` | 3052 | 13 905 255 |
//! | [`pelvis`] | 64 × 60 × 11 | 0.75, 0.9375, 7 | `i16` | 2098 | 17 456 479 |
//! | [`odd`] | 33 × 35 × 17 | 0.5, 0.8, 2 | `f64` | 1743 | 1 270 958 |

use crate::geometry::Geometry;
use crate::mask::Mask;
use crate::volume::{Volume, Voxels};

/// Isotropic voxels of 1 mm.
#[must_use]
pub fn iso() -> (Volume, Mask) {
    let formula = Formula {
        dims: [40, 36, 28],
        spacing_mm: [1.0, 1.0, 1.0],
        centre: [19, 18, 13],
        radii: [11, 9, 8],
        notch: [3, 2],
        base: 200,
        modulus: 211,
        quotient: 6,
    };
    (
        formula.volume(|values| Voxels::I16(values.iter().map(|&value| value as i16).collect())),
        formula.mask(),
    )
}

/// Thick slices, as in pelvic magnetic resonance imaging.
#[must_use]
pub fn pelvis() -> (Volume, Mask) {
    let formula = Formula {
        dims: [64, 60, 11],
        spacing_mm: [0.75, 0.9375, 7.0],
        centre: [31, 29, 5],
        radii: [15, 12, 3],
        notch: [5, 4],
        base: 100,
        modulus: 307,
        quotient: 4,
    };
    (
        formula.volume(|values| Voxels::I16(values.iter().map(|&value| value as i16).collect())),
        formula.mask(),
    )
}

/// Odd dimensions, negative values, double precision.
#[must_use]
pub fn odd() -> (Volume, Mask) {
    let formula = Formula {
        dims: [33, 35, 17],
        spacing_mm: [0.5, 0.8, 2.0],
        centre: [15, 17, 8],
        radii: [9, 10, 5],
        notch: [2, 3],
        base: -60,
        modulus: 173,
        quotient: 5,
    };
    (
        formula.volume(|values| Voxels::F64(values.iter().map(|&value| value as f64).collect())),
        formula.mask(),
    )
}

/// The numbers of one phantom; symbols as in the module's formula.
struct Formula {
    dims: [usize; 3],
    spacing_mm: [f64; 3],
    centre: [i64; 3],
    radii: [i64; 3],
    notch: [i64; 2],
    base: i64,
    modulus: i64,
    quotient: i64,
}

impl Formula {
    fn volume(&self, to_voxels: impl Fn(&[i64]) -> Voxels) -> Volume {
        let values: Vec<i64> = self.map(|voxel| self.value(voxel));
        Volume {
            geometry: self.geometry(),
            voxels: to_voxels(&values),
        }
    }

    fn mask(&self) -> Mask {
        Mask {
            geometry: self.geometry(),
            inside: self.map(|voxel| self.is_inside(voxel)),
        }
    }

    fn value(&self, [x, y, z]: [i64; 3]) -> i64 {
        let [cx, cy, _] = self.centre;
        let texture = 37 * x
            + 57 * y
            + 91 * z
            + 5 * ((x * y) % 23)
            + 7 * ((y * z) % 17)
            + 3 * ((x * x + y * y + z * z) % 29);
        let bowl = (x - cx) * (x - cx) + (y - cy) * (y - cy);
        self.base + texture % self.modulus + bowl / self.quotient
    }

    fn is_inside(&self, [x, y, z]: [i64; 3]) -> bool {
        let [dx, dy, dz] = [x - self.centre[0], y - self.centre[1], z - self.centre[2]];
        let [rx2, ry2, rz2] = self.radii.map(|radius| radius * radius);
        let in_ellipsoid =
            dx * dx * ry2 * rz2 + dy * dy * rx2 * rz2 + dz * dz * rx2 * ry2 <= rx2 * ry2 * rz2;
        let in_notch = dx > self.notch[0] && dy > self.notch[1];
        in_ellipsoid && !in_notch
    }

    fn geometry(&self) -> Geometry {
        let [x, y, z] = self.spacing_mm;
        Geometry {
            dims: self.dims,
            affine: [[x, 0.0, 0.0, 0.0], [0.0, y, 0.0, 0.0], [0.0, 0.0, z, 0.0]],
            orientation_known: true,
        }
    }

    /// A value per voxel, x fastest.
    fn map<T>(&self, of_voxel: impl Fn([i64; 3]) -> T) -> Vec<T> {
        let geometry = self.geometry();
        (0..geometry.n_voxels())
            .map(|index| of_voxel(geometry.voxel(index).map(|i| i as i64)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check((volume, mask): (Volume, Mask), n_inside: usize, sum: f64) {
        assert_eq!(mask.n_inside(), n_inside);
        assert_eq!(volume.to_f64().iter().sum::<f64>(), sum);
        assert_eq!(volume.voxels.len(), volume.geometry.n_voxels());
    }

    #[test]
    fn voxels_have_the_published_check_sums() {
        check(iso(), 3052, 13_905_255.0);
        check(pelvis(), 2098, 17_456_479.0);
        check(odd(), 1743, 1_270_958.0);
    }
}
