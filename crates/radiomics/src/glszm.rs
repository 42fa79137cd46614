//! Grey level size zone matrix (GLSZM): 16 features of connected zones of equal grey level.
//!
//! # Symbols
//! A zone is a 26-connected set of voxels of one grey level. c(i, j): zones of grey level i with j voxels; N_z = Σ c;
//! N_p: voxels of the region. The other sums are those of [`crate::level_size`].
//!
//! # Reference
//! Thibault et al., Proc. Pattern Recognition and Information Processing (2009) 140–145.
//!
//! # Agrees with
//! PyRadiomics 3.1.0, relative 1e-6, tests/parity.rs.

use crate::class::{ClassValues, defined, steps};
use crate::discretise::GreyLevels;
use crate::level_size::LevelSize;
use crate::roi::Padded;

/// The 16 features.
pub(crate) fn features(levels: &GreyLevels, padded: &Padded) -> ClassValues {
    let mut zones = zones(&levels.padded, &padded.cells, steps(padded.strides));
    let zones = LevelSize::of_things(&mut zones, &levels.grey);
    let (n_zones, n_voxels) = (zones.total(), padded.cells.len() as f64);
    defined(
        [
            "GrayLevelNonUniformity",
            "GrayLevelNonUniformityNormalized",
            "GrayLevelVariance",
            "HighGrayLevelZoneEmphasis",
            "LargeAreaEmphasis",
            "LargeAreaHighGrayLevelEmphasis",
            "LargeAreaLowGrayLevelEmphasis",
            "LowGrayLevelZoneEmphasis",
            "SizeZoneNonUniformity",
            "SizeZoneNonUniformityNormalized",
            "SmallAreaEmphasis",
            "SmallAreaHighGrayLevelEmphasis",
            "SmallAreaLowGrayLevelEmphasis",
            "ZoneEntropy",
            "ZonePercentage",
            "ZoneVariance",
        ],
        [
            zones.level_non_uniformity(),
            zones.level_non_uniformity() / n_zones,
            zones.level_variance(),
            zones.high(),
            zones.large(),
            zones.large_high(),
            zones.large_low(),
            zones.low(),
            zones.size_non_uniformity(),
            zones.size_non_uniformity() / n_zones,
            zones.small(),
            zones.small_high(),
            zones.small_low(),
            zones.entropy(),
            n_zones / n_voxels,
            zones.size_variance(),
        ],
    )
}

/// Rank and number of voxels of every zone.
fn zones(padded: &[u16], cells: &[usize], steps: [usize; 13]) -> Vec<(u16, u32)> {
    let mut remaining = padded.to_vec();
    let mut zones = Vec::new();
    let mut to_visit = Vec::new();
    for &start in cells {
        let rank = remaining[start];
        if rank == 0 {
            continue; // part of an earlier zone
        }
        remaining[start] = 0;
        to_visit.push(start);
        let mut size = 0;
        while let Some(cell) = to_visit.pop() {
            size += 1;
            for step in steps {
                for neighbour in [cell - step, cell + step] {
                    if remaining[neighbour] == rank {
                        remaining[neighbour] = 0;
                        to_visit.push(neighbour);
                    }
                }
            }
        }
        zones.push((rank, size));
    }
    zones
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagonal_neighbour_belongs_to_the_zone() {
        // 3 × 2 × 1 voxels in a padded box of 5 × 4 × 3: 1 2 1 / 2 1 2
        let mut padded = vec![0_u16; 60];
        let cells = [26, 27, 28, 31, 32, 33];
        for (cell, rank) in cells.into_iter().zip([1, 2, 1, 2, 1, 2]) {
            padded[cell] = rank;
        }
        let mut found = zones(&padded, &cells, steps([1, 5, 20]));
        found.sort_unstable();
        assert_eq!(found, [(1, 3), (2, 3)]);
    }
}
