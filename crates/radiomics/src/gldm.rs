//! Grey level dependence matrix (GLDM): 14 features of how many neighbours of a voxel have (nearly) its grey level.
//!
//! # Symbols
//! A neighbour (26-connected, inside the region) depends on a voxel if their grey levels differ by at most α.
//! c(i, j): voxels of grey level i with j − 1 dependent neighbours, so the centre counts and j ≥ 1; Σ c = N_p. The other sums are
//! those of [`crate::level_size`].
//!
//! # Reference
//! Sun and Wee, Comput. Vis. Graph. Image Process. 23 (1983) 341–352.
//!
//! # Agrees with
//! PyRadiomics 3.1.0, relative 1e-6, tests/parity.rs.

use crate::class::{ClassValues, defined, steps};
use crate::discretise::GreyLevels;
use crate::level_size::LevelSize;
use crate::roi::Padded;

/// Sizes 0 to 27, of which 0 stays empty.
const N_SIZES: usize = 28;

/// The 14 features.
pub(crate) fn features(levels: &GreyLevels, padded: &Padded, alpha: u32) -> ClassValues {
    let mut counts = vec![0_u32; levels.grey.len() * N_SIZES];
    let steps = steps(padded.strides);
    for &cell in &padded.cells {
        let size = if alpha == 0 {
            equal_neighbours(&levels.padded, cell, steps)
        } else {
            near_neighbours(&levels.padded, cell, steps, &levels.grey, f64::from(alpha))
        };
        counts[usize::from(levels.padded[cell]) * N_SIZES + size + 1] += 1;
    }
    let dependences = LevelSize::of_counts(&counts, N_SIZES, &levels.grey);
    let n = dependences.total();
    defined(
        [
            "DependenceEntropy",
            "DependenceNonUniformity",
            "DependenceNonUniformityNormalized",
            "DependenceVariance",
            "GrayLevelNonUniformity",
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
            dependences.size_variance(),
            dependences.level_non_uniformity(),
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

fn equal_neighbours(padded: &[u16], cell: usize, steps: [usize; 13]) -> usize {
    let rank = padded[cell];
    steps
        .iter()
        .map(|&step| {
            usize::from(padded[cell - step] == rank) + usize::from(padded[cell + step] == rank)
        })
        .sum()
}

fn near_neighbours(
    padded: &[u16],
    cell: usize,
    steps: [usize; 13],
    grey: &[f64],
    alpha: f64,
) -> usize {
    let level = grey[usize::from(padded[cell])];
    let depends = |neighbour: usize| {
        let rank = padded[neighbour];
        usize::from(rank != 0 && (grey[usize::from(rank)] - level).abs() <= alpha)
    };
    steps
        .iter()
        .map(|&step| depends(cell - step) + depends(cell + step))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_widens_dependence_and_outside_never_depends() {
        let mut padded = vec![0_u16; 45];
        padded[21..24].copy_from_slice(&[1, 1, 2]); // a line of 3 in a padded box of 5 × 3 × 3
        let steps = steps([1, 5, 15]);
        assert_eq!(equal_neighbours(&padded, 22, steps), 1);
        assert_eq!(
            near_neighbours(&padded, 22, steps, &[0.0, 1.0, 2.0], 1.0),
            2
        );
        assert_eq!(
            near_neighbours(&padded, 23, steps, &[0.0, 1.0, 9.0], 1.0),
            0
        );
    }
}
