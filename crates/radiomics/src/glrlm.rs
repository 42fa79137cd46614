//! Grey level run length matrix (GLRLM): 16 features of runs of equal grey level along 13 directions.
//!
//! # Symbols
//! A run is a maximal sequence of neighbouring voxels of one grey level along a direction; a voxel outside the region ends it.
//! c(i, j): runs of grey level i and length j along one direction; N_r = Σ c; N_p: voxels of the region. The other sums are
//! those of [`crate::level_size`]. Each feature is computed per direction, then averaged; with a weighting norm the counts of all
//! directions, times the length of one step in mm, are added up and features computed once. N_p is then Σ c j.
//!
//! # Edges
//! A direction is left out when none of its lines holds two voxels of the region (a gap between them does not matter). Without any
//! direction all features are [`Undefined::NoLine`].
//!
//! # Reference
//! Galloway, Comput. Graph. Image Process. 4 (1975) 172–179.
//!
//! # Agrees with
//! PyRadiomics 3.1.0 with its defaults, relative 1e-6 (worst seen 3.4e-11), tests/parity.rs; with other settings 1e-9, tests/classes.rs.

use crate::class::{ClassValues, MeanOverDirections, defined, undefined};
use crate::directions::length_mm;
use crate::discretise::GreyLevels;
use crate::error::Undefined;
use crate::level_size::LevelSize;
use crate::links::Links;
use crate::roi::{CroppedRoi, Padded};
use crate::settings::WeightingNorm;
use crate::tally::Tally;

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

/// The 16 features; `directions` are those of the links.
pub(crate) fn features(
    levels: &GreyLevels,
    roi: &CroppedRoi,
    padded: &Padded,
    links: &Links,
    directions: &[[isize; 3]],
    norm: Option<WeightingNorm>,
) -> ClassValues {
    let mut runs = Runs::new(levels, padded, links);
    let is_line = |k: usize, runs: &Runs| {
        runs.any_along(k)
            || any_neighbours(levels, padded, links.steps[k])
            || any_line_meets_twice(roi.voxels(), directions[k])
    };
    let lines: Vec<usize> = (0..directions.len())
        .filter(|&k| is_line(k, &runs))
        .collect();
    let Some(norm) = norm else {
        let mut means = MeanOverDirections::new();
        for k in lines {
            let counts = runs.counts(k, levels).into_iter();
            means.add(values(&LevelSize::of_counts(counts, &levels.grey)));
        }
        return means.features(NAMES, Undefined::NoLine);
    };
    let mut counts = Vec::new();
    for k in lines {
        let weight = length_mm(norm, directions[k], roi.spacing_mm());
        let weighted = runs.counts(k, levels).into_iter();
        counts.extend(weighted.map(|(rank, length, count)| (rank, length, weight * count)));
    }
    if counts.is_empty() {
        return undefined(NAMES, Undefined::NoLine);
    }
    counts.sort_by_key(|&(rank, length, _)| (rank, length)); // stable: directions stay in order
    let added = counts
        .chunk_by(|a, b| (a.0, a.1) == (b.0, b.1))
        .map(|same| {
            (
                same[0].0,
                same[0].1,
                same.iter().fold(0.0, |sum, c| sum + c.2),
            )
        });
    defined(NAMES, values(&LevelSize::of_counts(added, &levels.grey)))
}

fn values(runs: &LevelSize) -> [f64; 16] {
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
        n_runs / runs.n_voxels(),
        runs.size_variance(),
        runs.small(),
        runs.small_high(),
        runs.small_low(),
    ]
}

/// Runs of two voxels and more by direction; those of one voxel follow from the number of voxels.
struct Runs(Vec<Tally>);

impl Runs {
    fn new(levels: &GreyLevels, padded: &Padded, links: &Links) -> Runs {
        let mut tallies = vec![Tally::new(levels.grey.len()); links.steps.len()];
        for cell in padded.cells() {
            let mut starts = links.after[cell] & !links.before[cell];
            while starts != 0 {
                let k = starts.trailing_zeros() as usize;
                starts &= starts - 1;
                let mut end = cell + links.steps[k];
                let mut length = 2;
                while links.after[end] >> k & 1 == 1 {
                    end += links.steps[k];
                    length += 1;
                }
                tallies[k].add(levels.padded[cell], length);
            }
        }
        Runs(tallies)
    }

    fn any_along(&self, k: usize) -> bool {
        !self.0[k].is_empty()
    }

    /// Rank, length and number of the runs along direction k, in this order.
    fn counts(&mut self, k: usize, levels: &GreyLevels) -> Vec<(u16, u32, f64)> {
        let longer = self.0[k].counts();
        let mut longer = &longer[..];
        let mut counts = Vec::with_capacity(longer.len() + levels.grey.len());
        for (rank, &n_voxels) in levels.counts.iter().enumerate().skip(1) {
            let n_same = longer.partition_point(|run| usize::from(run.0) <= rank);
            let (same, rest) = longer.split_at(n_same);
            // whole numbers below 2⁵³, so this is exact
            let n_longer = same
                .iter()
                .fold(0.0, |sum, run| sum + f64::from(run.1) * run.2);
            let n_alone = n_voxels as f64 - n_longer;
            if n_alone > 0.0 {
                counts.push((rank as u16, 1, n_alone));
            }
            counts.extend(same);
            longer = rest;
        }
        counts
    }
}

/// Whether two voxels of the region are neighbours, of whatever levels.
fn any_neighbours(levels: &GreyLevels, padded: &Padded, step: usize) -> bool {
    padded.cells().any(|cell| levels.padded[cell + step] != 0)
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
    use crate::directions::unit_directions;

    #[test]
    fn a_gap_ends_a_run_but_stays_on_the_line() {
        // along x in a padded box: outside, 1, 1, outside, 1, 2, outside
        let mut ranks = vec![0_u16; 7 * 3 * 3];
        ranks[28..35].copy_from_slice(&[0, 1, 1, 0, 1, 2, 0]);
        let padded = Padded {
            size: [7, 3, 3],
            strides: [1, 7, 21],
            spans: vec![29..31, 32..34],
        };
        let levels = GreyLevels {
            grey: vec![0.0, 1.0, 2.0],
            counts: vec![0, 3, 1],
            highest: 2,
            padded: ranks,
        };
        let links = Links::new(&levels, &padded, &unit_directions(None));
        let mut runs = Runs::new(&levels, &padded, &links);
        assert_eq!(
            runs.counts(0, &levels),
            [(1, 1, 1.0), (1, 2, 1.0), (2, 1, 1.0)]
        );
        assert!(runs.any_along(0) && !runs.any_along(1));
        assert!(any_neighbours(&levels, &padded, 1));
        assert!(!any_neighbours(&levels, &padded, 7));
        assert!(any_line_meets_twice(&[[0, 0, 0], [2, 2, 0]], [1, 1, 0]));
        assert!(!any_line_meets_twice(&[[0, 0, 0], [2, 2, 0]], [-1, 1, 0]));
        assert!(!any_line_meets_twice(&[[0, 0, 0], [3, 4, 0]], [1, 1, 0]));
    }

    #[test]
    fn long_runs_are_counted_beside_short_ones() {
        let n = 40;
        let mut ranks = vec![0_u16; (n + 2) * 9];
        let start = (n + 2) * 4 + 1;
        ranks[start..start + n].fill(1);
        ranks[start + 17] = 2; // 17 ones, a two, 22 ones
        let padded = Padded {
            size: [n + 2, 3, 3],
            strides: [1, n + 2, 3 * (n + 2)],
            spans: std::iter::once(start..start + n).collect(),
        };
        let levels = GreyLevels {
            grey: vec![0.0, 1.0, 2.0],
            counts: vec![0, 39, 1],
            highest: 2,
            padded: ranks,
        };
        let links = Links::new(&levels, &padded, &unit_directions(None));
        let mut runs = Runs::new(&levels, &padded, &links);
        assert_eq!(
            runs.counts(0, &levels),
            [(1, 17, 1.0), (1, 22, 1.0), (2, 1, 1.0)]
        );
    }
}
