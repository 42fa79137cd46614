//! Grey level run length matrix (GLRLM): 16 features of runs of equal grey level along 13 directions.
//!
//! # Symbols
//! A run is a maximal sequence of neighbouring voxels of one grey level along a direction; a voxel outside the region ends it.
//! c(i, j): runs of grey level i and length j along one direction; N_r = Σ c; N_p: voxels of the region. The other sums are
//! those of [`crate::level_size`]. Each feature is computed per direction, then averaged.
//!
//! # Edges
//! A direction is left out when none of its lines holds two voxels of the region (a gap between them does not matter). Without any
//! direction all features are [`Undefined::NoLine`].
//!
//! # Reference
//! Galloway, Comput. Graph. Image Process. 4 (1975) 172–179.
//!
//! # Agrees with
//! PyRadiomics 3.1.0, relative 1e-6, tests/parity.rs.

use crate::class::{ClassValues, DIRECTIONS, defined, mean_over_directions, steps, undefined};
use crate::discretise::GreyLevels;
use crate::error::Undefined;
use crate::level_size::LevelSize;
use crate::roi::{CroppedRoi, Padded};

const NAMES: [&str; 16] = [
    "GrayLevelNonUniformity",
    "GrayLevelNonUniformityNormalized",
    "GrayLevelVariance",
    "HighGrayLevelRunEmphasis",
    "LongRunEmphasis",
    "LongRunHighGrayLevelEmphasis",
    "LongRunLowGrayLevelEmphasis",
    "LowGrayLevelRunEmphasis",
    "RunEntropy",
    "RunLengthNonUniformity",
    "RunLengthNonUniformityNormalized",
    "RunPercentage",
    "RunVariance",
    "ShortRunEmphasis",
    "ShortRunHighGrayLevelEmphasis",
    "ShortRunLowGrayLevelEmphasis",
];

/// The 16 features, averaged over the directions that have lines.
pub(crate) fn features(levels: &GreyLevels, roi: &CroppedRoi, padded: &Padded) -> ClassValues {
    let longest = roi.size().into_iter().max().unwrap_or(1);
    let mut counts = vec![0_u32; levels.grey.len() * (longest + 1)];
    let mut per_direction = Vec::with_capacity(13);
    for (direction, step) in DIRECTIONS.into_iter().zip(steps(padded.strides)) {
        counts.fill(0);
        let is_line = count_runs(
            &levels.padded,
            &padded.cells,
            step,
            longest + 1,
            &mut counts,
        ) || any_line_meets_twice(roi.voxels(), direction);
        if is_line {
            let runs = LevelSize::of_counts(&counts, longest + 1, &levels.grey);
            per_direction.push(values(&runs, roi.n_voxels() as f64));
        }
    }
    match mean_over_directions(&per_direction) {
        Some(means) => defined(NAMES, means),
        None => undefined(NAMES, Undefined::NoLine),
    }
}

fn values(runs: &LevelSize, n_voxels: f64) -> [f64; 16] {
    let n_runs = runs.total();
    [
        runs.level_non_uniformity(),
        runs.level_non_uniformity() / n_runs,
        runs.level_variance(),
        runs.high(),
        runs.large(),
        runs.large_high(),
        runs.large_low(),
        runs.low(),
        runs.entropy(),
        runs.size_non_uniformity(),
        runs.size_non_uniformity() / n_runs,
        n_runs / n_voxels,
        runs.size_variance(),
        runs.small(),
        runs.small_high(),
        runs.small_low(),
    ]
}

/// Adds the runs along `step` to `counts[rank · n_lengths + length]`; true if two voxels of the region are neighbours.
fn count_runs(
    padded: &[u16],
    cells: &[usize],
    step: usize,
    n_lengths: usize,
    counts: &mut [u32],
) -> bool {
    let mut any_neighbours = false;
    for &cell in cells {
        let rank = padded[cell];
        let before = padded[cell - step];
        any_neighbours |= before != 0;
        if before != rank {
            let mut length = 1;
            while padded[cell + length * step] == rank {
                length += 1;
            }
            counts[usize::from(rank) * n_lengths + length] += 1;
        }
    }
    any_neighbours
}

/// Whether two voxels lie on one line along `direction`, with gaps or without.
fn any_line_meets_twice(voxels: &[[u32; 3]], direction: [isize; 3]) -> bool {
    let Some(along) = direction.iter().position(|&step| step != 0) else {
        return false;
    };
    let mut lines: Vec<[i64; 3]> = voxels
        .iter()
        .map(|voxel| {
            let steps_taken = i64::from(voxel[along]) * direction[along] as i64;
            [0, 1, 2].map(|axis| i64::from(voxel[axis]) - direction[axis] as i64 * steps_taken)
        })
        .collect();
    lines.sort_unstable();
    lines.windows(2).any(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_ends_a_run_but_stays_on_the_line() {
        // one padded line: outside, 1, 1, outside, 1, 2, outside
        let padded = [0, 1, 1, 0, 1, 2, 0];
        let mut counts = vec![0; 3 * 6];
        assert!(count_runs(&padded, &[1, 2, 4, 5], 1, 6, &mut counts));
        assert_eq!((counts[6 + 2], counts[6 + 1], counts[12 + 1]), (1, 1, 1));
        assert!(any_line_meets_twice(&[[0, 0, 0], [2, 2, 0]], [1, 1, 0]));
        assert!(!any_line_meets_twice(&[[0, 0, 0], [2, 2, 0]], [-1, 1, 0]));
        assert!(!any_line_meets_twice(&[[0, 0, 0], [3, 4, 0]], [1, 1, 0]));
    }
}
