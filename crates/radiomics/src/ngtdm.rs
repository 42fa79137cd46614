//! Neighbouring grey tone difference matrix (NGTDM): 5 features of how a voxel differs from the mean of its neighbours.
//!
//! # Symbols
//! For each occupied grey level i: n_i voxels, p_i = n_i/N, s_i = Σ abs(i − Ā) over its voxels, where Ā is the mean grey level of the
//! neighbours (inside the region, at one of `distances`, up to 26 by default). N: voxels; G: occupied levels.
//!
//! # Formulas
//! | feature | formula |
//! |---|---|
//! | Coarseness | 1 / Σ p_i s_i |
//! | Contrast | Σ_ij p_i p_j (i − j)² / (G (G − 1)) · Σ s_i / N |
//! | Busyness | Σ p_i s_i / Σ_ij abs(i p_i − j p_j) |
//! | Complexity | Σ_ij abs(i − j) (p_i s_i + p_j s_j) / (p_i + p_j) / N |
//! | Strength | Σ_ij (p_i + p_j) (i − j)² / Σ s_i |
//!
//! # Edges
//! A voxel without neighbours counts in n_i with difference 0. Coarseness is 10⁶ when Σ p_i s_i = 0; Contrast is 0 with one level;
//! Busyness and Strength are 0 when their divisor is.
//!
//! # Worked example
//! The 4 × 4 image 1 2 5 2 / 3 5 1 3 / 1 3 5 5 / 3 1 1 1 has n = 6, 2, 4, 4 and s = 13.35, 2, 3.0333, 10.075 at levels 1, 2, 3, 5
//! (s at level 3: 0.6 + 0.6 + 0.5 + 1.3333).
//!
//! # Reference
//! Amadasun and King, IEEE Trans. Syst. Man Cybern. 19 (1989) 1264–1274.
//!
//! # Agrees with
//! PyRadiomics 3.1.0 with its defaults, relative 1e-6 (worst seen 3.4e-11), tests/parity.rs; with other settings 1e-9, tests/classes.rs.

use crate::class::{ClassValues, defined};
use crate::discretise::GreyLevels;
use crate::roi::Padded;

/// The 5 features, from s by rank.
pub(crate) fn features(levels: &GreyLevels, sums: &[f64], n_voxels: usize) -> ClassValues {
    let n = n_voxels as f64;
    let rows: Vec<Row> = (1..levels.grey.len())
        .map(|rank| Row {
            i: levels.grey[rank],
            p: levels.counts[rank] as f64 / n,
            s: sums[rank],
        })
        .collect();
    values(&rows, n)
}

/// One occupied grey level.
#[derive(Debug, Clone, Copy)]
struct Row {
    i: f64,
    p: f64,
    s: f64,
}

fn values(rows: &[Row], n: f64) -> ClassValues {
    let levels = rows.len() as f64;
    let weighted = rows.iter().fold(0.0, |sum, row| sum + row.p * row.s);
    let difference = rows.iter().fold(0.0, |sum, row| sum + row.s);
    let [mut contrast, mut spread, mut complexity, mut strength] = [0.0_f64; 4];
    for a in rows {
        for b in rows {
            let gap = (a.i - b.i).abs();
            contrast += a.p * b.p * gap * gap;
            spread += (a.i * a.p - b.i * b.p).abs();
            complexity += gap * (a.p * a.s + b.p * b.s) / (a.p + b.p);
            strength += (a.p + b.p) * gap * gap;
        }
    }
    let or_zero = |numerator: f64, divisor: f64| {
        if divisor == 0.0 {
            0.0
        } else {
            numerator / divisor
        }
    };
    defined(
        [
            "Busyness",
            "Coarseness",
            "Complexity",
            "Contrast",
            "Strength",
        ],
        [
            or_zero(weighted, spread),
            if weighted == 0.0 { 1e6 } else { 1.0 / weighted },
            complexity / n,
            or_zero(contrast, levels * (levels - 1.0)) * difference / n,
            or_zero(strength, difference),
        ],
    )
}

/// s by rank, neighbours at any steps.
pub(crate) fn sums_of_steps(levels: &GreyLevels, padded: &Padded, steps: &[usize]) -> Vec<f64> {
    let mut sums = vec![0.0; levels.grey.len()];
    for cell in padded.cells() {
        let (mut n_neighbours, mut sum) = (0_u32, 0.0);
        for step in steps {
            for neighbour in [cell - step, cell + step] {
                let rank = levels.padded[neighbour];
                n_neighbours += u32::from(rank != 0);
                sum += levels.grey[usize::from(rank)]; // 0 outside
            }
        }
        let rank = usize::from(levels.padded[cell]);
        sums[rank] += difference(levels.grey[rank], sum, n_neighbours);
    }
    sums
}

/// abs(i − Ā), 0 without neighbours.
fn difference(grey: f64, sum: f64, n_neighbours: u32) -> f64 {
    if n_neighbours == 0 {
        0.0
    } else {
        (grey - sum / f64::from(n_neighbours)).abs()
    }
}

/// Bits of a packed cell that hold the sum of grey levels: 27 levels of at most 65,535 need 21.
const SUM_BITS: u32 = 24;

/// s by rank, all neighbours at distance 1 (within the slice across `flat_axis`).
///
/// Number and sum of the neighbours come from sums over boxes of 3 × 3 × 3 cells, one axis after the other, slab by slab; whole numbers,
/// so they are exact.
pub(crate) fn sums_of_boxes(
    levels: &GreyLevels,
    padded: &Padded,
    flat_axis: Option<usize>,
) -> Vec<f64> {
    // a cell of the region counts 1 and adds its level
    let packed: Vec<u32> = levels
        .grey
        .iter()
        .enumerate()
        .map(|(rank, &grey)| (u32::from(rank > 0) << SUM_BITS) + grey as u32)
        .collect();
    let slab = padded.strides[2];
    let mut window: [Vec<u32>; 3] = std::array::from_fn(|_| vec![0; slab]);
    let mut scratch = vec![0_u32; slab];
    let mut fill = |into: &mut Vec<u32>, z: usize| {
        for (cell, &rank) in into.iter_mut().zip(&levels.padded[z * slab..][..slab]) {
            *cell = packed[usize::from(rank)];
        }
        for axis in [0, 1].into_iter().filter(|&axis| flat_axis != Some(axis)) {
            add_both_sides(into, &mut scratch, padded.strides[axis]);
        }
    };
    let mut sums = vec![0.0; levels.grey.len()];
    let mut spans = &padded.spans[..];
    fill(&mut window[1], 0);
    for z in 0..padded.size[2] {
        window.rotate_left(1); // previous, this, the one to come in the slot of the oldest
        if z + 1 < padded.size[2] {
            fill(&mut window[1], z + 1);
        }
        let [this, next, previous] = &window;
        let here = spans.partition_point(|span| span.start < (z + 1) * slab);
        for cell in spans[..here].iter().cloned().flatten() {
            let at = cell - z * slab;
            let mut neighbours = this[at];
            if flat_axis != Some(2) {
                neighbours += previous[at] + next[at];
            }
            let rank = usize::from(levels.padded[cell]);
            let neighbours = neighbours - packed[rank];
            let sum = f64::from(neighbours & ((1 << SUM_BITS) - 1));
            sums[rank] += difference(levels.grey[rank], sum, neighbours >> SUM_BITS);
        }
        spans = &spans[here..];
    }
    sums
}

/// Adds to each cell those one `stride` before and after; beyond the slab is nothing.
fn add_both_sides(cells: &mut [u32], scratch: &mut [u32], stride: usize) {
    scratch.copy_from_slice(cells);
    let n = cells.len();
    for (cell, before) in cells[stride..].iter_mut().zip(&*scratch) {
        *cell += before;
    }
    for (cell, after) in cells[..n - stride].iter_mut().zip(&scratch[stride..]) {
        *cell += after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directions::unit_directions;

    /// The worked example; rank 4 is grey level 5.
    fn example() -> (GreyLevels, Padded) {
        let image = [1, 2, 4, 2, 3, 4, 1, 3, 1, 3, 4, 4, 3, 1, 1, 1];
        let mut ranks = vec![0_u16; 6 * 6 * 3];
        let starts = [0, 1, 2, 3].map(|y| 36 + 6 * (y + 1) + 1);
        for (row, start) in image.chunks(4).zip(starts) {
            ranks[start..start + 4].copy_from_slice(row);
        }
        let levels = GreyLevels {
            grey: vec![0.0, 1.0, 2.0, 3.0, 5.0],
            counts: vec![0, 6, 2, 4, 4],
            highest: 5,
            padded: ranks,
        };
        let padded = Padded {
            size: [6, 6, 3],
            strides: [1, 6, 36],
            spans: starts.map(|start| start..start + 4).to_vec(),
        };
        (levels, padded)
    }

    #[test]
    fn the_worked_example_comes_out() {
        let (levels, padded) = example();
        let sums = sums_of_boxes(&levels, &padded, None);
        for (rank, expected) in [(1, 13.35), (2, 2.0), (3, 91.0 / 30.0), (4, 10.075)] {
            assert!(
                (sums[rank] - expected).abs() < 1e-12,
                "{rank}: {}",
                sums[rank]
            );
        }
    }

    #[test]
    fn boxes_and_steps_give_the_same_bits() {
        let (levels, padded) = example();
        for flat_axis in [None, Some(0), Some(1), Some(2)] {
            let directions = unit_directions(flat_axis);
            let steps: Vec<usize> = directions.iter().map(|&d| padded.step(d)).collect();
            assert_eq!(
                sums_of_boxes(&levels, &padded, flat_axis),
                sums_of_steps(&levels, &padded, &steps),
                "{flat_axis:?}"
            );
        }
    }
}
