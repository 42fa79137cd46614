//! Shape of a single slice: 9 features of the region's outline, and a deprecated one. The image's values play no part.
//!
//! # Symbols
//! P, A: length (mm) and enclosed area (mm²) of the outline by marching squares at 0.5; N: pixels; s_u, s_v: their spacing, mm;
//! λ₁ ≥ λ₂: eigenvalues of the covariance of the pixel centres in mm (divided by N).
//!
//! # Formulas
//! | feature | formula | unit |
//! |---|---|---|
//! | MeshSurface, Perimeter, PerimeterSurfaceRatio | A; P; P/A | mm², mm, 1/mm |
//! | PixelSurface | N s_u s_v | mm² |
//! | Sphericity, SphericalDisproportion (deprecated) | 2√(π A)/P; P/(2√(π A)) | 1 |
//! | MajorAxisLength, MinorAxisLength, Elongation | 4√λ₁; 4√λ₂; √(λ₂/λ₁) | mm, mm, 1 |
//! | MaximumDiameter | largest distance between vertices of the outline | mm |
//!
//! # Edges
//! A region of more than one slice has no outline: [`Undefined::SeveralSlices`]. Pixels that only share a corner are apart: the
//! outline cuts between them, on either diagonal. A straight line of pixels has Elongation 0.
//!
//! # Agrees with
//! PyRadiomics 3.0.1 with `force2D`, relative 1e-9, on slices along each axis, tests/classes.rs.
//!
//! # Differs from
//! PyRadiomics looks for the slice's thickness along the axis of the same *number* counted from x, and leaves the class out, with a
//! warning, where the region is one voxel thick along that; here the axis of `force2Ddimension` itself decides.

use crate::class::{ClassValues, defined, undefined};
use crate::error::Undefined;
use crate::roi::CroppedRoi;
use crate::shape::diameter::largest_squared;
use crate::shape::principal_variances;
use std::f64::consts::PI;

const NAMES: [&str; 10] = [
    "Elongation",
    "MajorAxisLength",
    "MaximumDiameter",
    "MeshSurface",
    "MinorAxisLength",
    "Perimeter",
    "PerimeterSurfaceRatio",
    "PixelSurface",
    "SphericalDisproportion",
    "Sphericity",
];

/// The features of a region that is one voxel thick along `axis`, 0 for x.
pub(crate) fn features(roi: &CroppedRoi, axis: usize) -> ClassValues {
    if roi.size()[axis] > 1 {
        return undefined(NAMES, Undefined::SeveralSlices);
    }
    // the lines of the image run along v, as in the original: z before y before x
    let (u, v) = [(1, 0), (2, 0), (2, 1)][match axis {
        2 => 0,
        1 => 1,
        _ => 2,
    }];
    let spacing = roi.spacing_mm();
    let outline = Outline::new(&Slice::new(roi, u, v), [spacing[u], spacing[v]]);
    let [major, minor, _] = principal_variances(roi);
    let (area, perimeter) = (outline.area_mm2, outline.perimeter_mm);
    let circle = 2.0 * (PI * area).sqrt();
    defined(
        NAMES,
        [
            (minor / major).sqrt(),
            4.0 * major.sqrt(),
            outline.diameter_mm,
            area,
            4.0 * minor.sqrt(),
            perimeter,
            perimeter / area,
            roi.n_voxels() as f64 * spacing[u] * spacing[v],
            perimeter / circle,
            circle / perimeter,
        ],
    )
}

/// The slice with one layer of outside around it.
struct Slice {
    /// Pixels along u and v.
    size: [usize; 2],
    /// v fastest.
    inside: Vec<bool>,
}

impl Slice {
    fn new(roi: &CroppedRoi, u: usize, v: usize) -> Slice {
        let size = [roi.size()[u] + 2, roi.size()[v] + 2];
        let mut inside = vec![false; size[0] * size[1]];
        for voxel in roi.voxels() {
            inside[(voxel[u] as usize + 1) * size[1] + voxel[v] as usize + 1] = true;
        }
        Slice { size, inside }
    }
}

/// The outline's measures.
struct Outline {
    area_mm2: f64,
    perimeter_mm: f64,
    diameter_mm: f64,
}

impl Outline {
    fn new(slice: &Slice, spacing_mm: [f64; 2]) -> Outline {
        let [n_u, n_v] = slice.size;
        let mut perimeter_mm = 0.0;
        let mut twice_area = 0_i64; // in quarters of a pixel
        let mut vertices: Vec<[i32; 3]> = Vec::new();
        for u in 0..n_u - 1 {
            for v in 0..n_v - 1 {
                let case = corners(slice, u, v);
                for &(from, to) in SEGMENTS[case] {
                    let (a, b) = (vertex(u, v, from), vertex(u, v, to));
                    twice_area += a[0] * b[1] - b[0] * a[1];
                    let along = [0, 1].map(|k| (a[k] - b[k]) as f64 / 2.0 * spacing_mm[k]);
                    perimeter_mm += (along[0] * along[0] + along[1] * along[1]).sqrt();
                    vertices.push([a[0] as i32, a[1] as i32, 0]);
                }
            }
        }
        let half = [spacing_mm[0] / 2.0, spacing_mm[1] / 2.0, 0.0];
        Outline {
            area_mm2: twice_area as f64 / 8.0 * spacing_mm[0] * spacing_mm[1],
            perimeter_mm,
            diameter_mm: largest_squared(&mut vertices, half).sqrt(),
        }
    }
}

/// Which corners of a square are inside: bits 0 to 3 for (0, 0), (0, 1), (1, 1), (1, 0).
fn corners(slice: &Slice, u: usize, v: usize) -> usize {
    let n_v = slice.size[1];
    [(0, 0), (0, 1), (1, 1), (1, 0)]
        .into_iter()
        .enumerate()
        .fold(0, |case, (bit, (du, dv))| {
            case | usize::from(slice.inside[(u + du) * n_v + v + dv]) << bit
        })
}

/// Middle of an edge of the square, in half pixels. Edges: 0 between corners 0 and 1, 1 between 1 and 2, 2 between 2 and 3, 3 between 3 and 0.
fn vertex(u: usize, v: usize, edge: usize) -> [i64; 2] {
    let (du, dv) = [(0, 1), (1, 2), (2, 1), (1, 0)][edge];
    [2 * u as i64 + du, 2 * v as i64 + dv]
}

/// The outline's pieces by case, each from edge to edge, the same way round the region, so that every vertex begins one piece. Where
/// the inside corners lie on a diagonal, each is cut off by itself.
const SEGMENTS: [&[(usize, usize)]; 16] = [
    &[],
    &[(3, 0)],
    &[(0, 1)],
    &[(3, 1)],
    &[(1, 2)],
    &[(1, 2), (3, 0)],
    &[(0, 2)],
    &[(3, 2)],
    &[(2, 3)],
    &[(2, 0)],
    &[(0, 1), (2, 3)],
    &[(2, 1)],
    &[(1, 3)],
    &[(1, 0)],
    &[(0, 3)],
    &[],
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::settings::Settings;

    fn value(values: &ClassValues, name: &str) -> f64 {
        let found = values.iter().find(|value| value.0 == name);
        found.unwrap().1.unwrap()
    }

    /// A region of 5 × 4 pixels with `inside`, lying across `axis`.
    fn measured(inside: &[(usize, usize)], axis: usize) -> ClassValues {
        let (u, v) = [(2, 1), (2, 0), (1, 0)][axis];
        let (mut dims, mut spacing) = ([1; 3], [7.0; 3]);
        (dims[u], dims[v], spacing[u], spacing[v]) = (4, 5, 2.0, 1.5);
        let mut mask = vec![false; 20];
        for &(at_u, at_v) in inside {
            mask[at_u * 5 + at_v] = true;
        }
        let roi = CroppedRoi::new(&mask, dims, spacing, &Settings::pyradiomics_defaults());
        features(&roi.unwrap(), axis)
    }

    #[test]
    fn a_rectangle_loses_its_corners_on_every_axis() {
        // 2 × 3 pixels of 2 × 1.5 mm: 4 × 4.5 mm without four triangles of half a pixel's sides
        let inside = [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)];
        for axis in 0..3 {
            let values = measured(&inside, axis);
            assert!((value(&values, "MeshSurface") - (18.0 - 4.0 * 0.375)).abs() < 1e-12);
            let perimeter = 2.0 * 2.0 + 2.0 * 3.0 + 4.0 * 1.25;
            assert!((value(&values, "Perimeter") - perimeter).abs() < 1e-12);
            assert_eq!(value(&values, "PixelSurface"), 18.0);
            // between sides across u, 4 mm, two pixels or 3 mm further along v
            assert!((value(&values, "MaximumDiameter") - 5.0).abs() < 1e-12);
            let sphericity = value(&values, "Sphericity");
            assert!((sphericity * value(&values, "SphericalDisproportion") - 1.0).abs() < 1e-15);
        }
    }

    #[test]
    fn pixels_on_a_diagonal_are_two_diamonds() {
        for inside in [[(1, 1), (2, 2)], [(1, 2), (2, 1)]] {
            let values = measured(&inside, 2);
            assert!((value(&values, "MeshSurface") - 2.0 * 1.5).abs() < 1e-12);
            assert!((value(&values, "Perimeter") - 8.0 * 1.25).abs() < 1e-12);
            assert_eq!(value(&values, "Elongation"), 0.0);
        }
    }

    #[test]
    fn several_slices_have_no_outline() {
        let mask = vec![true; 8];
        let roi = CroppedRoi::new(&mask, [2; 3], [1.0; 3], &Settings::pyradiomics_defaults());
        let values = features(&roi.unwrap(), 2);
        assert!(
            values
                .iter()
                .all(|value| value.1 == Err(Undefined::SeveralSlices))
        );
    }
}
