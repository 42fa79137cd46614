//! Grey level dependence matrix (GLDM): 14 features of how many neighbours of a voxel have (nearly) its grey level.
//!
//! # Symbols
//! A neighbour (inside the region, at one of `distances`, 26 by default) depends on a voxel if their grey levels differ by at most α.
//! c(i, j): voxels of grey level i with j − 1 dependent neighbours, so the centre counts and j ≥ 1; Σ c = N_p. The other sums are
//! those of [`crate::level_size`].
//!
//! # Reference
//! Sun and Wee, Comput. Vis. Graph. Image Process. 23 (1983) 341–352.
//!
//! # Agrees with
//! PyRadiomics 3.1.0 with its defaults, relative 1e-6 (worst seen 3.4e-11), tests/parity.rs; with other settings 1e-9, tests/classes.rs.

use crate::class::{ClassValues, defined};
use crate::discretise::GreyLevels;
use crate::level_size::LevelSize;
use crate::links::Links;
use crate::roi::Padded;

/// The current 14 features and the 2 deprecated ones.
pub(crate) fn features(dependences: &LevelSize) -> ClassValues {
    let n = dependences.total();
    defined(
        [
            "DependenceEntropy",
            "DependenceNonUniformity",
            "DependenceNonUniformityNormalized",
            "DependencePercentage",
            "DependenceVariance",
            "GrayLevelNonUniformity",
            "GrayLevelNonUniformityNormalized",
            "GrayLevelVariance",
            "HighGrayLevelEmphasis",
            "LargeDependenceEmphasis",
            "LargeDependenceHighGrayLevelEmphasis",
            "LargeDependenceLowGrayLevelEmphasis",
            "LowGrayLevelEmphasis",
            "SmallDependenceEmphasis",
            "SmallDependenceHighGrayLevelEmphasis",
            "SmallDependenceLowGrayLevelEmphasis",
        ],
        [
            dependences.entropy(),
            dependences.size_non_uniformity(),
            dependences.size_non_uniformity() / n,
            1.0,
            dependences.size_variance(),
            dependences.level_non_uniformity(),
            dependences.level_non_uniformity() / n,
            dependences.level_variance(),
            dependences.high(),
            dependences.large(),
            dependences.large_high(),
            dependences.large_low(),
            dependences.low(),
            dependences.small(),
            dependences.small_high(),
            dependences.small_low(),
        ],
    )
}

/// The table for α = 0 and distance 1: the links are what is to be counted.
pub(crate) fn of_links(levels: &GreyLevels, padded: &Padded, links: &Links) -> LevelSize {
    let n_sizes = 2 * links.steps.len() + 2;
    let mut counts = vec![0_u32; levels.grey.len() * n_sizes];
    for span in &padded.spans {
        let ranks = &levels.padded[span.clone()];
        let (after, before) = (&links.after[span.clone()], &links.before[span.clone()]);
        for ((&rank, a), b) in ranks.iter().zip(after).zip(before) {
            let size = (a.count_ones() + b.count_ones()) as usize + 1;
            counts[usize::from(rank) * n_sizes + size] += 1;
        }
    }
    table(&counts, n_sizes, &levels.grey)
}

/// The table for any α and any steps to one half of the neighbours.
pub(crate) fn of_steps(
    levels: &GreyLevels,
    padded: &Padded,
    steps: &[usize],
    alpha: f64,
) -> LevelSize {
    let mut things = Vec::new();
    for cell in padded.cells() {
        let rank = levels.padded[cell];
        let level = levels.grey[usize::from(rank)];
        let depends = |neighbour: usize| {
            let rank = levels.padded[neighbour];
            u32::from(rank != 0 && (levels.grey[usize::from(rank)] - level).abs() <= alpha)
        };
        let dependent: u32 = steps
            .iter()
            .map(|&step| depends(cell - step) + depends(cell + step))
            .sum();
        things.push((rank, dependent + 1));
    }
    LevelSize::of_things(&mut things, &levels.grey)
}

/// `counts[rank · n_sizes + size]`.
fn table(counts: &[u32], n_sizes: usize, grey: &[f64]) -> LevelSize {
    let cells = counts.iter().enumerate().filter(|&(_, &count)| count > 0);
    let entries = cells.map(|(cell, &count)| {
        (
            (cell / n_sizes) as u16,
            (cell % n_sizes) as u32,
            f64::from(count),
        )
    });
    LevelSize::of_counts(entries, grey)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directions::unit_directions;

    /// A line of three voxels along x, ranks 1, 1, 2.
    fn line(grey: [f64; 3]) -> (GreyLevels, Padded) {
        let padded = Padded {
            size: [5, 3, 3],
            strides: [1, 5, 15],
            spans: std::iter::once(21..24).collect(),
        };
        let mut ranks = vec![0_u16; 45];
        ranks[21..24].copy_from_slice(&[1, 1, 2]);
        let levels = GreyLevels {
            grey: grey.to_vec(),
            counts: vec![0, 2, 1],
            highest: 2,
            padded: ranks,
        };
        (levels, padded)
    }

    #[test]
    fn alpha_widens_dependence_and_outside_never_depends() {
        let directions = unit_directions(None);
        let (levels, padded) = line([0.0, 1.0, 2.0]);
        let steps: Vec<usize> = directions.iter().map(|&d| padded.step(d)).collect();
        // sizes 2, 2, 1 for α = 0; 2, 3, 2 for α = 1
        assert_eq!(of_steps(&levels, &padded, &steps, 0.0).large(), 3.0);
        assert_eq!(of_steps(&levels, &padded, &steps, 1.0).large(), 17.0 / 3.0);
        let (far, padded) = line([0.0, 1.0, 9.0]);
        assert_eq!(of_steps(&far, &padded, &steps, 1.0).large(), 3.0);
    }

    #[test]
    fn links_and_steps_count_the_same() {
        let directions = unit_directions(None);
        let (levels, padded) = line([0.0, 1.0, 2.0]);
        let links = Links::new(&levels, &padded, &directions);
        let steps: Vec<usize> = directions.iter().map(|&d| padded.step(d)).collect();
        let (a, b) = (
            of_links(&levels, &padded, &links),
            of_steps(&levels, &padded, &steps, 0.0),
        );
        assert_eq!((a.large(), a.entropy()), (b.large(), b.entropy()));
    }
}
