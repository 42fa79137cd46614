//! How the surface crosses a cube of eight voxel centres: the 128 cases of marching cubes, derived.
//!
//! # Numbering
//! Corners 0–3 go round the face z = 0 as (0,0), (1,0), (1,1), (0,1) in (x, y); corners 4–7 lie above them. Edges 0–3 join corners
//! 0–1, 1–2, 2–3, 3–0; edges 4–7 do so above; edges 8–11 are the uprights 0–4, 1–5, 2–6, 3–7. A case has bit c set if corner c is
//! inside. Cases with corner 7 inside are the complements of the others, with the surface turned round.
//!
//! # Derivation
//! On each face, walk round it as seen from outside: the surface runs from where the walk enters the inside to where it leaves it, so a
//! face with two diagonal inside corners separates them. Joining the segments of the six faces gives closed polygons, whose outside
//! is on the positive side. A polygon that is not flat has several triangulations of different area; nothing in the geometry
//! prefers one, so [`FANS`] and [`EARS`] state the choice of the widely used tables (Lorensen and Cline, SIGGRAPH 1987, as spread by
//! Bourke and Bloyd), which PyRadiomics' areas imply.
//!
//! # Edges
//! Between a case and a complemented one, a face with two diagonal inside corners is cut differently from both sides, so the mesh has
//! a hole there. This is as in PyRadiomics; its volume then depends (slightly) on the origin, which is the corner of the padded box.

use std::sync::LazyLock;

/// Vertices as edge numbers.
pub(crate) type Triangle = [usize; 3];

/// Corners in units of one voxel: x, y, z.
const CORNERS: [[i64; 3]; 8] = [
    [0, 0, 0],
    [1, 0, 0],
    [1, 1, 0],
    [0, 1, 0],
    [0, 0, 1],
    [1, 0, 1],
    [1, 1, 1],
    [0, 1, 1],
];

/// Ends of the edges.
const EDGES: [[usize; 2]; 12] = [
    [0, 1],
    [1, 2],
    [2, 3],
    [3, 0],
    [4, 5],
    [5, 6],
    [6, 7],
    [7, 4],
    [0, 4],
    [1, 5],
    [2, 6],
    [3, 7],
];

/// Corners of the faces, counter-clockwise from outside.
const FACES: [[usize; 4]; 6] = [
    [0, 3, 2, 1],
    [4, 5, 6, 7],
    [0, 1, 5, 4],
    [3, 7, 6, 2],
    [0, 4, 7, 3],
    [1, 2, 6, 5],
];

/// (case, edge): the polygon that is not flat is a fan around this vertex.
const FANS: [(usize, usize); 48] = [
    (7, 8),
    (11, 11),
    (13, 10),
    (14, 9),
    (19, 1),
    (25, 4),
    (30, 9),
    (31, 11),
    (35, 5),
    (38, 2),
    (45, 10),
    (47, 8),
    (49, 3),
    (50, 7),
    (53, 3),
    (55, 5),
    (58, 1),
    (59, 1),
    (61, 0),
    (62, 0),
    (70, 6),
    (75, 11),
    (76, 3),
    (79, 9),
    (83, 1),
    (86, 6),
    (87, 9),
    (89, 4),
    (92, 3),
    (93, 11),
    (95, 9),
    (98, 0),
    (100, 4),
    (101, 4),
    (103, 2),
    (106, 0),
    (107, 1),
    (109, 1),
    (110, 6),
    (112, 10),
    (115, 7),
    (117, 9),
    (118, 0),
    (120, 10),
    (121, 7),
    (123, 1),
    (124, 6),
    (126, 0),
];

/// (case, edge): the hexagon that is not flat is a middle triangle through this vertex and every second one, and three ears.
const EARS: [(usize, usize); 12] = [
    (23, 2),
    (29, 1),
    (43, 2),
    (46, 0),
    (54, 2),
    (57, 2),
    (71, 2),
    (77, 0),
    (99, 1),
    (108, 3),
    (113, 0),
    (116, 1),
];

/// Triangles of the cases 0 to 127.
pub(crate) static TRIANGLES: LazyLock<Vec<Vec<Triangle>>> =
    LazyLock::new(|| (0..128).map(triangles_of).collect());

/// Middle of an edge, in half voxels.
pub(crate) fn doubled_vertex(edge: usize) -> [i64; 3] {
    let [a, b] = EDGES[edge];
    [0, 1, 2].map(|axis| CORNERS[a][axis] + CORNERS[b][axis])
}

fn triangles_of(case: usize) -> Vec<Triangle> {
    polygons(case)
        .iter()
        .flat_map(|polygon| triangulate(case, polygon))
        .collect()
}

/// The closed polygons of a case, as edge numbers.
fn polygons(case: usize) -> Vec<Vec<usize>> {
    let mut next = [None; 12];
    for face in FACES {
        for (from, to) in segments(case, face) {
            next[from] = Some(to);
        }
    }
    let mut polygons = Vec::new();
    for start in 0..12 {
        let mut polygon = Vec::new();
        let mut edge = start;
        while let Some(following) = next[edge].take() {
            polygon.push(edge);
            edge = following;
        }
        if !polygon.is_empty() {
            polygons.push(polygon);
        }
    }
    polygons
}

/// The pieces of the surface's outline on one face: from the edge where a walk round it enters the inside to where it leaves.
fn segments(case: usize, face: [usize; 4]) -> Vec<(usize, usize)> {
    let is_inside = |k: usize| case >> face[k % 4] & 1 == 1;
    (0..4)
        .filter(|&k| !is_inside(k) && is_inside(k + 1))
        .filter_map(|k| {
            let leave = (k + 1..k + 4).find(|&m| is_inside(m) && !is_inside(m + 1))?;
            Some((
                edge_between(face[k], face[(k + 1) % 4])?,
                edge_between(face[leave % 4], face[(leave + 1) % 4])?,
            ))
        })
        .collect()
}

fn edge_between(a: usize, b: usize) -> Option<usize> {
    EDGES
        .iter()
        .position(|&edge| edge == [a, b] || edge == [b, a])
}

fn triangulate(case: usize, polygon: &[usize]) -> Vec<Triangle> {
    let chosen = |table: &[(usize, usize)]| {
        let &(_, vertex) = table.iter().find(|entry| entry.0 == case)?;
        polygon.iter().position(|&edge| edge == vertex)
    };
    let n = polygon.len();
    let at = |k: usize| polygon[k % n];
    match (chosen(&EARS), chosen(&FANS)) {
        (Some(k), _) if n == 6 => vec![
            [at(k), at(k + 2), at(k + 4)],
            [at(k), at(k + 1), at(k + 2)],
            [at(k + 2), at(k + 3), at(k + 4)],
            [at(k + 4), at(k + 5), at(k)],
        ],
        (_, apex) => {
            let k = apex.unwrap_or(0);
            (1..n - 1)
                .map(|m| [at(k), at(k + m), at(k + m + 1)])
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crossed_edge_is_in_one_polygon() {
        for case in 0..128 {
            let mut found: Vec<usize> = polygons(case).concat();
            found.sort_unstable();
            let crossed: Vec<usize> = (0..12)
                .filter(|&edge| {
                    let [a, b] = EDGES[edge];
                    (case >> a & 1) != (case >> b & 1)
                })
                .collect();
            assert_eq!(found, crossed, "case {case}");
        }
    }

    #[test]
    fn every_choice_names_a_polygon_of_its_case() {
        for (case, vertex) in FANS.into_iter().chain(EARS) {
            let sizes: Vec<usize> = polygons(case)
                .iter()
                .filter(|polygon| polygon.contains(&vertex))
                .map(Vec::len)
                .collect();
            assert!(matches!(sizes[..], [5..=7]), "case {case}: {sizes:?}");
        }
    }

    #[test]
    fn the_face_of_one_corner_looks_away_from_it() {
        let [a, b, c] = TRIANGLES[1][0].map(doubled_vertex);
        let (u, v): (Vec<i64>, Vec<i64>) = (0..3).map(|k| (b[k] - a[k], c[k] - a[k])).unzip();
        let normal = [
            u[1] * v[2] - u[2] * v[1],
            u[2] * v[0] - u[0] * v[2],
            u[0] * v[1] - u[1] * v[0],
        ];
        assert_eq!(normal, [1, 1, 1]);
    }
}
