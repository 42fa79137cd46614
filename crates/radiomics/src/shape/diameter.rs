//! The largest distances between vertices of the surface mesh.
//!
//! Vertices lie in the middle between an inside and an outside voxel that share a face. In doubled coordinates they are integers.
//! The farthest pair of a plane consists of vertices of its convex hull, and those are first or last on their line; the farthest
//! pair of all is among the hulls of the planes of equal z. So nothing is lost by keeping only line ends, then hulls; and sorted by
//! distance from a centre, pairs that cannot beat the best are skipped.

use super::PaddedMask;

/// A vertex in half voxels: x, y, z.
type Vertex = [i32; 3];

/// Largest distances, mm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Diameters {
    /// Between any two vertices.
    pub largest_mm: f64,
    /// With equal z.
    pub slice_mm: f64,
    /// With equal y.
    pub column_mm: f64,
    /// With equal x.
    pub row_mm: f64,
}

impl Diameters {
    pub(crate) fn new(mask: &PaddedMask, spacing_mm: [f64; 3]) -> Diameters {
        let half = spacing_mm.map(|spacing| spacing / 2.0);
        let along_x = line_ends(mask, 0);
        let along_y = line_ends(mask, 1);
        let slices = hulls(&along_x, 2, 1, 0);
        let mut all: Vec<Vertex> = slices.concat();
        Diameters {
            largest_mm: largest_squared(&mut all, half).sqrt(),
            slice_mm: over_planes(slices, half),
            column_mm: over_planes(hulls(&along_x, 1, 2, 0), half),
            row_mm: over_planes(hulls(&along_y, 0, 2, 1), half),
        }
    }
}

fn over_planes(planes: Vec<Vec<Vertex>>, half: [f64; 3]) -> f64 {
    planes
        .into_iter()
        .fold(0.0, |largest: f64, mut plane| {
            largest.max(largest_squared(&mut plane, half))
        })
        .sqrt()
}

/// First and last vertex on every line along `axis`, in doubled coordinates.
fn line_ends(mask: &PaddedMask, axis: usize) -> Vec<Vertex> {
    let [nx, ny, nz] = mask.size;
    let doubled = mask.size.map(|n| 2 * n);
    let others = [(1, 2), (0, 2), (0, 1)][axis];
    let mut ends: Vec<Option<(i32, i32)>> = vec![None; doubled[others.0] * doubled[others.1]];
    let mut keep = |vertex: [usize; 3]| {
        let at = vertex[axis] as i32;
        let end = &mut ends[vertex[others.0] + doubled[others.0] * vertex[others.1]];
        *end = Some(end.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
    };
    // the outermost layer is outside, so its edges are crossed only towards the inside
    for z in 0..nz - 1 {
        for y in 0..ny - 1 {
            for x in 0..nx - 1 {
                let cell = x + nx * (y + ny * z);
                let here = mask.inside[cell];
                for (direction, step) in [1, nx, nx * ny].into_iter().enumerate() {
                    if here != mask.inside[cell + step] {
                        let mut vertex = [2 * x, 2 * y, 2 * z];
                        vertex[direction] += 1;
                        keep(vertex);
                    }
                }
            }
        }
    }
    let mut vertices = Vec::new();
    for (line, end) in ends.iter().enumerate() {
        let Some((first, last)) = *end else { continue };
        let mut vertex = [0; 3];
        vertex[others.0] = (line % doubled[others.0]) as i32;
        vertex[others.1] = (line / doubled[others.0]) as i32;
        for at in [first, last] {
            vertex[axis] = at;
            vertices.push(vertex);
        }
    }
    vertices
}

/// Convex hulls of the planes of equal coordinate `plane`; the points of a plane are ordered by `major`, then `minor`.
fn hulls(vertices: &[Vertex], plane: usize, major: usize, minor: usize) -> Vec<Vec<Vertex>> {
    let mut sorted = vertices.to_vec();
    sorted.sort_unstable_by_key(|vertex| (vertex[plane], vertex[major], vertex[minor]));
    sorted.dedup();
    sorted
        .chunk_by(|a, b| a[plane] == b[plane])
        .map(|points| {
            let mut hull = half_hull(points.iter(), major, minor);
            hull.extend(half_hull(points.iter().rev(), major, minor));
            hull
        })
        .collect()
}

/// One side of the hull of ordered points (Andrew's monotone chain).
fn half_hull<'a>(points: impl Iterator<Item = &'a Vertex>, u: usize, v: usize) -> Vec<Vertex> {
    let mut hull: Vec<Vertex> = Vec::new();
    for &point in points {
        while let [.., a, b] = hull[..] {
            let turn = i64::from(b[u] - a[u]) * i64::from(point[v] - a[v])
                - i64::from(b[v] - a[v]) * i64::from(point[u] - a[u]);
            if turn > 0 {
                break;
            }
            hull.pop();
        }
        hull.push(point);
    }
    hull
}

/// Largest squared distance between two of the points.
pub(crate) fn largest_squared(points: &mut [Vertex], half: [f64; 3]) -> f64 {
    let (low, high) = points
        .iter()
        .fold(([i32::MAX; 3], [i32::MIN; 3]), |(low, high), point| {
            (
                [0, 1, 2].map(|k| low[k].min(point[k])),
                [0, 1, 2].map(|k| high[k].max(point[k])),
            )
        });
    let mut ranked: Vec<(f64, Vertex)> = points
        .iter()
        .map(|&point| {
            // distance to the middle of the box, in half steps of the doubled grid
            let from_middle =
                [0, 1, 2].map(|k| f64::from(2 * point[k] - low[k] - high[k]) / 2.0 * half[k]);
            (
                from_middle.iter().fold(0.0, |sum, d| sum + d * d).sqrt(),
                point,
            )
        })
        .collect();
    ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut best = 0.0_f64;
    for (i, &(radius, point)) in ranked.iter().enumerate() {
        for &(other_radius, other) in &ranked[i + 1..] {
            let reach = (radius + other_radius) * (1.0 + 1e-12); // room for rounding
            if reach * reach < best {
                break;
            }
            let squared = [0, 1, 2].iter().fold(0.0, |sum, &k| {
                let d = f64::from(point[k] - other[k]) * half[k];
                sum + d * d
            });
            best = best.max(squared);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All vertices, all pairs.
    fn by_definition(mask: &PaddedMask, spacing_mm: [f64; 3]) -> [f64; 4] {
        let [nx, ny, nz] = mask.size;
        let mut vertices: Vec<[i32; 3]> = Vec::new();
        for cell in 0..nx * ny * nz {
            let at = [cell % nx, cell / nx % ny, cell / (nx * ny)];
            for (axis, step) in [1, nx, nx * ny].into_iter().enumerate() {
                if at[axis] + 1 < mask.size[axis] && mask.inside[cell] != mask.inside[cell + step] {
                    let mut vertex = at.map(|k| 2 * k as i32);
                    vertex[axis] += 1;
                    vertices.push(vertex);
                }
            }
        }
        let mut best = [0.0_f64; 4];
        for a in &vertices {
            for b in &vertices {
                let d = [0, 1, 2].map(|k| f64::from(a[k] - b[k]) * spacing_mm[k] / 2.0);
                let distance = (d[0] * d[0] + d[1] * d[1] + d[2] * d[2]).sqrt();
                for (slot, keep) in [true, a[2] == b[2], a[1] == b[1], a[0] == b[0]]
                    .into_iter()
                    .enumerate()
                {
                    if keep {
                        best[slot] = best[slot].max(distance);
                    }
                }
            }
        }
        best
    }

    #[test]
    fn pruning_loses_no_pair() {
        let size = [11, 9, 8];
        let mut state = 7_u64;
        for density in [8, 40, 200] {
            let mut inside = vec![0; size[0] * size[1] * size[2]];
            for z in 1..size[2] - 1 {
                for y in 1..size[1] - 1 {
                    for x in 1..size[0] - 1 {
                        state = state
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1_442_695_040_888_963_407);
                        inside[x + size[0] * (y + size[1] * z)] = u8::from(state >> 56 < density);
                    }
                }
            }
            let mask = PaddedMask { size, inside };
            let spacing = [0.7, 1.3, 2.9];
            let found = Diameters::new(&mask, spacing);
            let expected = by_definition(&mask, spacing);
            let found = [
                found.largest_mm,
                found.slice_mm,
                found.column_mm,
                found.row_mm,
            ];
            for (value, wanted) in found.into_iter().zip(expected) {
                assert!(
                    (value - wanted).abs() <= 1e-12 * wanted,
                    "{found:?} {expected:?}"
                );
            }
        }
    }
}
