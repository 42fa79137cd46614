//! Area and volume of the region's surface mesh, marching cubes at level 0.5.
//!
//! # Formula
//! A = Σ ½ |(b − a) × (c − a)|, V = (1/6) Σ a · (b × c) over the triangles of all cubes of eight neighbouring voxel centres.
//! All vertices lie in the middle between two voxels, so a cube's share depends only on its case and, for V, linearly on its place:
//! det(a + q, b + q, c + q) = det(a, b, c) + q · (a × b + b × c + c × a). So it is enough to count cases and to sum the places per case,
//! in exact integers; the order of the cubes cannot matter.

use super::PaddedMask;
use super::polygons::{TRIANGLES, doubled_vertex};

/// Area and volume of the mesh.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mesh {
    pub area_mm2: f64,
    pub volume_mm3: f64,
}

/// How often a case occurs, and the sum of its cubes' positions.
#[derive(Debug, Clone, Copy, Default)]
struct Occurrence {
    n: i64,
    position: [i64; 3],
}

impl Mesh {
    pub(crate) fn new(mask: &PaddedMask, spacing_mm: [f64; 3]) -> Mesh {
        let mut area_mm2 = 0.0;
        let mut determinants = 0_i64; // 48 times the volume in voxels
        let occurrences = count_cases(mask);
        for (case, occurrence) in occurrences.iter().enumerate() {
            let (case, sign) = if case < 128 {
                (case, 1)
            } else {
                (255 - case, -1)
            };
            for triangle in &TRIANGLES[case] {
                let [a, b, c] = triangle.map(doubled_vertex);
                let normal = add(add(cross(a, b), cross(b, c)), cross(c, a));
                area_mm2 += occurrence.n as f64 * area_of(normal, spacing_mm);
                let places = occurrence.position.map(|sum| 2 * sum);
                determinants += sign * (occurrence.n * dot(a, cross(b, c)) + dot(places, normal));
            }
        }
        let [sx, sy, sz] = spacing_mm;
        Mesh {
            area_mm2,
            volume_mm3: determinants as f64 / 48.0 * sx * sy * sz,
        }
    }
}

/// Half the length of a normal given in half voxels.
fn area_of(normal: [i64; 3], [sx, sy, sz]: [f64; 3]) -> f64 {
    let [x, y, z] = normal.map(|component| component as f64 / 4.0);
    let (x, y, z) = (x * sy * sz, y * sx * sz, z * sx * sy);
    0.5 * (x * x + y * y + z * z).sqrt()
}

/// Cases of all cubes but those wholly inside or outside.
fn count_cases(mask: &PaddedMask) -> Vec<Occurrence> {
    let [nx, ny, nz] = mask.size;
    let mut occurrences = vec![Occurrence::default(); 256];
    for z in 0..nz - 1 {
        for y in 0..ny - 1 {
            let row = |dy: usize, dz: usize| &mask.inside[nx * (y + dy + ny * (z + dz))..][..nx];
            let rows = [row(0, 0), row(1, 0), row(0, 1), row(1, 1)];
            // corners 0, 3, 4, 7 on the near side of a cube; 1, 2, 5, 6 on its far side
            let mut near = [0, 3, 4, 7]
                .iter()
                .zip(rows)
                .fold(0, |code, (bit, row)| code | usize::from(row[0]) << bit);
            for x in 0..nx - 1 {
                let [a, b, c, d] = rows.map(|row| usize::from(row[x + 1]));
                let case = near | a << 1 | b << 2 | c << 5 | d << 6;
                near = a | b << 3 | c << 4 | d << 7;
                if case != 0 && case != 255 {
                    let occurrence = &mut occurrences[case];
                    occurrence.n += 1;
                    occurrence.position = add(occurrence.position, [x as i64, y as i64, z as i64]);
                }
            }
        }
    }
    occurrences
}

fn add(a: [i64; 3], b: [i64; 3]) -> [i64; 3] {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

fn cross(a: [i64; 3], b: [i64; 3]) -> [i64; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

fn dot(a: [i64; 3], b: [i64; 3]) -> i64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_voxel_is_an_octahedron() {
        let mut inside = vec![0; 27];
        inside[13] = 1;
        let mesh = Mesh::new(
            &PaddedMask {
                size: [3; 3],
                inside,
            },
            [1.0; 3],
        );
        assert!((mesh.volume_mm3 - 1.0 / 6.0).abs() < 1e-15);
        assert!((mesh.area_mm2 - 3.0_f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn a_block_loses_its_edges() {
        // 4 × 4 × 4 voxels: centres span a 3³ block, plus six slabs of ½, plus bevels; scaled by the spacing
        let mut inside = vec![0; 216];
        for z in 1..5 {
            for y in 1..5 {
                for x in 1..5 {
                    inside[x + 6 * (y + 6 * z)] = 1;
                }
            }
        }
        let mesh = Mesh::new(
            &PaddedMask {
                size: [6; 3],
                inside,
            },
            [1.0, 2.0, 3.0],
        );
        let voxels = 27.0 + 6.0 * 9.0 * 0.5 + 12.0 * 3.0 * 0.125 + 1.0 / 6.0;
        assert!(
            (mesh.volume_mm3 - 6.0 * voxels).abs() < 1e-12,
            "{}",
            mesh.volume_mm3
        );
    }
}
