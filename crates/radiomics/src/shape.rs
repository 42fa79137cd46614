//! Shape: 14 features of the region's surface and extent. The image's values play no part.
//!
//! # Symbols
//! A, V: area (mm²) and volume (mm³) of the surface mesh ([`mesh`]); N: voxels; s: spacing, mm; λ₁ ≥ λ₂ ≥ λ₃: eigenvalues of the
//! covariance of the voxel centres in mm (divided by N).
//!
//! # Formulas
//! | feature | formula | unit |
//! |---|---|---|
//! | MeshVolume, SurfaceArea, SurfaceVolumeRatio | V; A; A/V | mm³, mm², 1/mm |
//! | VoxelVolume | N s_x s_y s_z | mm³ |
//! | Sphericity | ∛(36 π V²) / A | 1 |
//! | MajorAxisLength, MinorAxisLength, LeastAxisLength | 4√λ₁, 4√λ₂, 4√λ₃ | mm |
//! | Elongation, Flatness | √(λ₂/λ₁), √(λ₃/λ₁) | 1 |
//! | Maximum3DDiameter | largest distance between vertices of the mesh | mm |
//! | Compactness1, Compactness2, SphericalDisproportion (deprecated) | V/(√π A^1.5); 36 π V²/A³; A/∛(36 π V²) | 1 |
//! | Maximum2DDiameterSlice, …Column, …Row | the same among vertices with equal z, equal y, equal x | mm |
//!
//! # Edges
//! A flat or straight region has Flatness, or Flatness and Elongation, exactly 0.
//!
//! # Agrees with
//! PyRadiomics 3.1.0, relative 1e-6, tests/parity.rs.
//!
//! # Differs from
//! PyRadiomics gives an eigenvalue that is 0 but for rounding as up to 1e-8 of the largest; here below 1e-14 of it is 0.
//! IBSI: the covariance seems to be divided by N − 1 there.

pub(crate) mod diameter;
pub(crate) mod mesh;
mod polygons;

use crate::class::{ClassValues, defined};
use crate::roi::CroppedRoi;
use diameter::Diameters;
use mesh::Mesh;
use std::f64::consts::PI;

/// The 14 features and the 3 deprecated ones.
pub(crate) fn features(roi: &CroppedRoi) -> ClassValues {
    let box_ = PaddedMask::new(roi);
    let mesh = Mesh::new(&box_, roi.spacing_mm());
    let diameters = Diameters::new(&box_, roi.spacing_mm());
    let [major, minor, least] = principal_variances(roi);
    let [sx, sy, sz] = roi.spacing_mm();
    let (area, volume) = (mesh.area_mm2, mesh.volume_mm3);
    let sphere_area = libm::cbrt(36.0 * PI * volume * volume);
    defined(
        [
            "Compactness1",
            "Compactness2",
            "Elongation",
            "Flatness",
            "LeastAxisLength",
            "MajorAxisLength",
            "Maximum2DDiameterColumn",
            "Maximum2DDiameterRow",
            "Maximum2DDiameterSlice",
            "Maximum3DDiameter",
            "MeshVolume",
            "MinorAxisLength",
            "SphericalDisproportion",
            "Sphericity",
            "SurfaceArea",
            "SurfaceVolumeRatio",
            "VoxelVolume",
        ],
        [
            volume / (area * area.sqrt() * PI.sqrt()),
            36.0 * PI * (volume * volume) / (area * area * area),
            (minor / major).sqrt(),
            (least / major).sqrt(),
            4.0 * least.sqrt(),
            4.0 * major.sqrt(),
            diameters.column_mm,
            diameters.row_mm,
            diameters.slice_mm,
            diameters.largest_mm,
            volume,
            4.0 * minor.sqrt(),
            area / sphere_area,
            sphere_area / area,
            area,
            area / volume,
            roi.n_voxels() as f64 * sx * sy * sz,
        ],
    )
}

/// The bounding box with one layer of outside around it; 1 inside, 0 outside.
pub(crate) struct PaddedMask {
    /// Cells along x, y, z.
    pub size: [usize; 3],
    /// x fastest.
    pub inside: Vec<u8>,
}

impl PaddedMask {
    pub(crate) fn new(roi: &CroppedRoi) -> PaddedMask {
        let padded = roi.padded([1; 3]);
        let mut inside = vec![0; padded.n_cells()];
        for span in &padded.spans {
            inside[span.clone()].fill(1);
        }
        PaddedMask {
            size: padded.size,
            inside,
        }
    }
}

/// Eigenvalues of the covariance of the voxel centres, mm², largest first. Sums are exact integers.
pub(crate) fn principal_variances(roi: &CroppedRoi) -> [f64; 3] {
    let n = roi.n_voxels() as i128;
    let (mut first, mut second) = ([0_i128; 3], [[0_i128; 3]; 3]);
    for voxel in roi.voxels() {
        let at = voxel.map(i128::from);
        for i in 0..3 {
            first[i] += at[i];
            for j in 0..=i {
                second[i][j] += at[i] * at[j];
            }
        }
    }
    let spacing = roi.spacing_mm();
    let entry = |i: usize, j: usize| {
        let (i, j) = (i.max(j), i.min(j));
        let scatter = n * second[i][j] - first[i] * first[j];
        scatter as f64 / (n * n) as f64 * spacing[i] * spacing[j]
    };
    let covariance = std::array::from_fn(|i| std::array::from_fn(|j| entry(i, j)));
    let mut values = symmetric_eigenvalues(covariance);
    values.sort_by(|a, b| b.total_cmp(a));
    values.map(|value| {
        if value < 1e-14 * values[0] {
            0.0
        } else {
            value
        }
    })
}

/// Eigenvalues of a symmetric 3 × 3 matrix by cyclic Jacobi rotations.
fn symmetric_eigenvalues(mut a: [[f64; 3]; 3]) -> [f64; 3] {
    for _ in 0..64 {
        let off_diagonal = a[0][1].abs() + a[0][2].abs() + a[1][2].abs();
        if off_diagonal == 0.0 {
            break;
        }
        for (p, q) in [(0, 1), (0, 2), (1, 2)] {
            rotate(&mut a, p, q);
        }
    }
    [a[0][0], a[1][1], a[2][2]]
}

/// The rotation in the plane (p, q) that makes the entry at row p, column q zero.
fn rotate(a: &mut [[f64; 3]; 3], p: usize, q: usize) {
    let coupling = a[p][q];
    if coupling.abs() <= f64::EPSILON * f64::EPSILON * (a[p][p].abs() + a[q][q].abs()) {
        a[p][q] = 0.0;
        a[q][p] = 0.0;
        return;
    }
    let theta = (a[q][q] - a[p][p]) / (2.0 * coupling);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    let r = 3 - p - q;
    let (rp, rq) = (a[r][p], a[r][q]);
    a[p][p] -= t * coupling;
    a[q][q] += t * coupling;
    a[p][q] = 0.0;
    a[q][p] = 0.0;
    a[r][p] = c * rp - s * rq;
    a[p][r] = a[r][p];
    a[r][q] = s * rp + c * rq;
    a[q][r] = a[r][q];
}

#[cfg(test)]
mod tests {
    use super::symmetric_eigenvalues;

    #[test]
    fn eigenvalues_of_a_known_matrix() {
        // [[2, 1, 0], [1, 2, 1], [0, 1, 2]] has 2 and 2 ± √2
        let mut values = symmetric_eigenvalues([[2.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 2.0]]);
        values.sort_by(f64::total_cmp);
        let root = 2.0_f64.sqrt();
        for (value, expected) in values.into_iter().zip([2.0 - root, 2.0, 2.0 + root]) {
            assert!((value - expected).abs() < 1e-14, "{value}");
        }
        assert_eq!(
            symmetric_eigenvalues([[3.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]),
            [3.0, 1.0, 0.0]
        );
    }
}
