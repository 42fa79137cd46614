//! Connected components of a region.

/// Which voxels are neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// Voxels that share a face.
    Six,
    /// Voxels that share a face, an edge or a corner.
    TwentySix,
}

/// The connected parts of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Components {
    /// Number of the part of each voxel, from 1 in the order in which file order meets them; 0 outside the region.
    pub labels: Vec<u32>,
    /// Number of voxels of each part; `sizes[0]` belongs to label 1.
    pub sizes: Vec<usize>,
}

impl Components {
    /// Label of the part with the most voxels, the first in file order on ties; `None` if the region is empty.
    #[must_use]
    pub fn largest(&self) -> Option<u32> {
        let mut best: Option<usize> = None;
        for (part, &size) in self.sizes.iter().enumerate() {
            if best.is_none_or(|best| size > self.sizes[best]) {
                best = Some(part);
            }
        }
        best.map(|part| part as u32 + 1)
    }
}

/// The connected parts of a region of `dims` voxels, x fastest.
///
/// # Arguments
/// `inside`: one value per voxel; `dims` with x first. There are fewer than 2³² parts on any grid that fits in memory.
///
/// # Agrees with
/// the definition, checked on random regions by repeated relabelling (unit tests).
#[must_use]
pub fn components(inside: &[bool], dims: [usize; 3], connectivity: Connectivity) -> Components {
    let offsets = offsets(connectivity);
    let mut labels = vec![0; inside.len()];
    let mut sizes = Vec::new();
    let mut open = Vec::new();
    for start in 0..inside.len() {
        if !inside[start] || labels[start] != 0 {
            continue;
        }
        let label = sizes.len() as u32 + 1;
        let mut size = 0;
        labels[start] = label;
        open.push(start);
        while let Some(index) = open.pop() {
            size += 1;
            for neighbour in neighbours(index, dims, &offsets) {
                if inside[neighbour] && labels[neighbour] == 0 {
                    labels[neighbour] = label;
                    open.push(neighbour);
                }
            }
        }
        sizes.push(size);
    }
    Components { labels, sizes }
}

fn offsets(connectivity: Connectivity) -> Vec<[isize; 3]> {
    let steps = [-1, 0, 1];
    let all = steps.into_iter().flat_map(|z| {
        steps
            .into_iter()
            .flat_map(move |y| steps.map(|x| [x, y, z]))
    });
    let n_axes_max = match connectivity {
        Connectivity::Six => 1,
        Connectivity::TwentySix => 3,
    };
    all.filter(|offset| {
        (1..=n_axes_max).contains(&offset.iter().filter(|&&step| step != 0).count())
    })
    .collect()
}

/// Positions next to `index` that lie on the grid.
fn neighbours(
    index: usize,
    dims: [usize; 3],
    offsets: &[[isize; 3]],
) -> impl Iterator<Item = usize> {
    let [nx, ny, nz] = dims;
    let (x, y, z) = (index % nx, index / nx % ny, index / (nx * ny));
    let step = |from: usize, by: isize, n: usize| from.checked_add_signed(by).filter(|&to| to < n);
    offsets.iter().filter_map(move |&[dx, dy, dz]| {
        let (x, y, z) = (step(x, dx, nx)?, step(y, dy, ny)?, step(z, dz, nz)?);
        Some(x + nx * (y + ny * z))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slice drawn as text.
    fn drawn(rows: &[&str]) -> (Vec<bool>, [usize; 3]) {
        let inside = rows
            .iter()
            .flat_map(|row| row.chars().map(|c| c == '#'))
            .collect();
        (inside, [rows[0].len(), rows.len(), 1])
    }

    #[test]
    fn a_corner_connects_26_neighbours_and_not_6() {
        let (inside, dims) = drawn(&["##..", "..#.", "#..."]);
        let six = components(&inside, dims, Connectivity::Six);
        assert_eq!(six.labels, [1, 1, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0]);
        assert_eq!(
            (six.sizes.as_slice(), six.largest()),
            ([2, 1, 1].as_slice(), Some(1))
        );
        let all = components(&inside, dims, Connectivity::TwentySix);
        assert_eq!(all.sizes, [3, 1]);
    }

    #[test]
    fn rows_do_not_connect_around_the_edge() {
        let (inside, dims) = drawn(&["..#", "#.."]);
        assert_eq!(
            components(&inside, dims, Connectivity::TwentySix).sizes,
            [1, 1]
        );
    }

    #[test]
    fn the_largest_is_the_first_of_equals() {
        let (inside, dims) = drawn(&["#.##.##"]);
        assert_eq!(
            components(&inside, dims, Connectivity::Six).largest(),
            Some(2)
        );
        assert_eq!(
            components(&[false; 4], [4, 1, 1], Connectivity::Six).largest(),
            None
        );
    }

    #[test]
    fn labels_spread_to_all_neighbours_and_no_further() {
        let dims = [7, 6, 5];
        let mut state = 7_u64;
        for connectivity in [Connectivity::Six, Connectivity::TwentySix] {
            let inside: Vec<bool> = (0..210)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    state >> 62 != 0 && state >> 33 & 1 == 0
                })
                .collect();
            // Lowest position reachable, by relabelling until nothing changes.
            let mut lowest: Vec<usize> = (0..210).collect();
            loop {
                let before = lowest.clone();
                for p in (0..210).filter(|&p| inside[p]) {
                    for q in neighbours(p, dims, &offsets(connectivity)).filter(|&q| inside[q]) {
                        lowest[p] = lowest[p].min(lowest[q]);
                    }
                }
                if lowest == before {
                    break;
                }
            }
            let found = components(&inside, dims, connectivity);
            for p in (0..210).filter(|&p| inside[p]) {
                for q in (0..210).filter(|&q| inside[q]) {
                    assert_eq!(found.labels[p] == found.labels[q], lowest[p] == lowest[q]);
                }
            }
            assert_eq!(
                found.sizes.iter().sum::<usize>(),
                inside.iter().filter(|&&inside| inside).count()
            );
        }
    }
}
