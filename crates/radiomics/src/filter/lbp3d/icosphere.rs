//! Points spread evenly over a sphere, in the order of the `trimesh` library.
//!
//! An icosahedron whose edges are halved again and again, the new points being pushed out to the sphere. The order matters where
//! sums are compared bit by bit: first the twelve corners, then the midpoints of each division sorted by the larger and then the
//! smaller of their two ends.

use std::collections::BTreeMap;

/// Corners of an icosahedron of radius 1: 0.5257… and 0.8506… are the sides of the golden rectangle.
const SHORT: f64 = 0.525_731_112_119_133_6;
const LONG: f64 = 0.850_650_808_352_04;
const CORNERS: [[f64; 3]; 12] = [
    [-SHORT, LONG, 0.0],
    [SHORT, LONG, 0.0],
    [-SHORT, -LONG, 0.0],
    [SHORT, -LONG, 0.0],
    [0.0, -SHORT, LONG],
    [0.0, SHORT, LONG],
    [0.0, -SHORT, -LONG],
    [0.0, SHORT, -LONG],
    [LONG, 0.0, -SHORT],
    [LONG, 0.0, SHORT],
    [-LONG, 0.0, -SHORT],
    [-LONG, 0.0, SHORT],
];

type Face = [usize; 3];

/// The 10 · 4^n + 2 points of `n_subdivisions`, at `radius` from the origin.
pub(crate) fn icosphere(n_subdivisions: usize, radius: f64) -> Vec<[f64; 3]> {
    let mut points = CORNERS.to_vec();
    let mut faces = icosahedron();
    for _ in 0..n_subdivisions {
        faces = subdivided(&mut points, &faces);
        push_out(&mut points, radius);
    }
    if n_subdivisions == 0 {
        push_out(&mut points, radius);
    }
    points
}

/// Three corners at the distance of an edge, each triple once.
fn icosahedron() -> Vec<Face> {
    let near = |a: usize, b: usize| {
        let squares = (0..3).map(|axis| {
            let difference = CORNERS[a][axis] - CORNERS[b][axis];
            difference * difference
        });
        squares.fold(0.0, |sum, square| sum + square) < 1.5
    };
    let mut faces = Vec::with_capacity(20);
    for a in 0..12 {
        for b in a + 1..12 {
            for c in b + 1..12 {
                if near(a, b) && near(b, c) && near(a, c) {
                    faces.push([a, b, c]);
                }
            }
        }
    }
    faces
}

/// Four faces for each; midpoints are added to the points.
fn subdivided(points: &mut Vec<[f64; 3]>, faces: &[Face]) -> Vec<Face> {
    let edge = |a: usize, b: usize| (a.max(b), a.min(b));
    let mut midpoints = BTreeMap::new();
    for &[a, b, c] in faces {
        for ends in [edge(a, b), edge(b, c), edge(c, a)] {
            midpoints.insert(ends, 0);
        }
    }
    for (&(a, b), position) in &mut midpoints {
        *position = points.len();
        points.push([0, 1, 2].map(|axis| (points[a][axis] + points[b][axis]) / 2.0));
    }
    let mut divided = Vec::with_capacity(4 * faces.len());
    for &[a, b, c] in faces {
        let [ab, bc, ca] = [edge(a, b), edge(b, c), edge(c, a)].map(|ends| midpoints[&ends]);
        divided.extend([[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]]);
    }
    divided
}

fn push_out(points: &mut [[f64; 3]], radius: f64) {
    for point in points {
        let [x, y, z] = *point;
        let length = (x * x + y * y + z * z).sqrt();
        *point = point.map(|c| c + c / length * (radius - length));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_distinct_and_on_the_sphere() {
        for (n_subdivisions, n_points) in [(0, 12), (1, 42), (2, 162), (3, 642)] {
            let points = icosphere(n_subdivisions, 2.5);
            assert_eq!(points.len(), n_points);
            for (i, [x, y, z]) in points.iter().enumerate() {
                assert!(((x * x + y * y + z * z).sqrt() - 2.5).abs() < 1e-14);
                let twin = points[..i]
                    .iter()
                    .any(|other| (0..3).all(|axis| (other[axis] - points[i][axis]).abs() < 1e-6));
                assert!(!twin);
            }
        }
    }

    #[test]
    fn the_first_midpoints_are_axes() {
        let points = icosphere(1, 1.0);
        assert_eq!(points[12], [0.0, 1.0, 0.0]);
        assert_eq!(points[18], [0.0, 0.0, 1.0]);
        assert_eq!(points[32], [1.0, 0.0, 0.0]);
    }
}
