//! Grey level size zone matrix (GLSZM): 16 features of connected zones of equal grey level.
//!
//! # Symbols
//! A zone is a 26-connected (within a slice 8-connected) set of voxels of one grey level. c(i, j): zones of grey level i with j voxels; N_z = Σ c;
//! N_p: voxels of the region. The other sums are those of [`crate::level_size`].
//!
//! # Reference
//! Thibault et al., Proc. Pattern Recognition and Information Processing (2009) 140–145.
//!
//! # Agrees with
//! PyRadiomics 3.1.0 with its defaults, relative 1e-6 (worst seen 3.4e-11), tests/parity.rs; with other settings 1e-9, tests/classes.rs.

use crate::class::{ClassValues, defined};
use crate::discretise::GreyLevels;
use crate::level_size::LevelSize;
use crate::links::Links;
use crate::roi::Padded;
use crate::tally::Tally;

/// The 16 features.
pub(crate) fn features(
    levels: &GreyLevels,
    padded: &Padded,
    links: &Links,
    n_voxels: usize,
) -> ClassValues {
    let mut tally = Tally::new(levels.grey.len());
    for (rank, size) in zones(&levels.padded, padded, links) {
        tally.add(rank, size as usize);
    }
    let zones = LevelSize::of_counts(tally.counts().into_iter(), &levels.grey);
    let (n_zones, n_voxels) = (zones.total(), n_voxels as f64);
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
///
/// Segments of equal grey level along x get numbers in scan order; segments that touch are joined, the smaller number staying the
/// root, so one pass over the numbers adds up every zone.
fn zones(ranks: &[u16], padded: &Padded, links: &Links) -> Vec<(u16, u32)> {
    let mut segment_of = vec![0_u32; ranks.len()];
    // bit 0 is the step along x, which the segments hold already, unless the slices lie across x
    let is_along_x = links.steps.first() == Some(&1);
    let to_join = if is_along_x { !1 } else { !0 };
    let mut segments = number_segments(ranks, padded, is_along_x, &mut segment_of);
    for cell in padded.cells() {
        let mut touching = if links.steps.len() == 13 {
            needed_joins(links, cell)
        } else {
            links.before[cell] & to_join
        };
        while touching != 0 {
            let step = links.steps[touching.trailing_zeros() as usize];
            touching &= touching - 1;
            let (here, there) = (segment_of[cell], segment_of[cell - step]);
            if here != there {
                join(&mut segments.parents, here, there);
            }
        }
    }
    segments.sizes_of_roots()
}

/// Of the twelve neighbours in earlier rows, those whose segments are not joined already by way of others.
///
/// They are the right, middle and left cells of four rows. Cells of one row that follow each other and are equal are one segment, so
/// the middle stands for its sides; a side stands under the middle of this row's next cell, if that is equal; and the middle is joined
/// already if it and its left cell are equal to this cell and its left cell.
fn needed_joins(links: &Links, cell: usize) -> u16 {
    const MIDDLES: u16 = 0b010_010_010_010 << 1;
    let (before, after) = (links.before[cell], links.after[cell]);
    let is_left_equal = before & 1 == 1;
    let is_right_equal = after & 1 == 1;
    let middles = before & MIDDLES;
    let mut needed = before & !1 & !(middles << 1) & !(middles >> 1);
    if is_left_equal {
        needed &= !(MIDDLES << 1);
        needed &= !(links.before[cell - 1] & MIDDLES);
    }
    if is_right_equal {
        needed &= !(MIDDLES >> 1);
    }
    needed
}

/// Segments along x, and which of them are joined.
struct Segments {
    ranks: Vec<u16>,
    sizes: Vec<u32>,
    /// A parent's number is not larger than its child's.
    parents: Vec<u32>,
}

fn number_segments(
    ranks: &[u16],
    padded: &Padded,
    is_along_x: bool,
    segment_of: &mut [u32],
) -> Segments {
    let mut segments = Segments {
        ranks: Vec::new(),
        sizes: Vec::new(),
        parents: Vec::new(),
    };
    for span in &padded.spans {
        let mut before = 0; // outside
        for cell in span.clone() {
            let rank = ranks[cell];
            if rank != before || !is_along_x {
                segments.parents.push(segments.ranks.len() as u32);
                segments.ranks.push(rank);
                segments.sizes.push(0);
                before = rank;
            }
            let number = segments.ranks.len() - 1;
            segments.sizes[number] += 1;
            segment_of[cell] = number as u32;
        }
    }
    segments
}

impl Segments {
    fn sizes_of_roots(mut self) -> Vec<(u16, u32)> {
        let mut zones = Vec::new();
        for segment in (0..self.parents.len()).rev() {
            let parent = self.parents[segment] as usize;
            if parent == segment {
                zones.push((self.ranks[segment], self.sizes[segment]));
            } else {
                self.sizes[parent] += self.sizes[segment];
            }
        }
        zones
    }
}

fn join(parents: &mut [u32], a: u32, b: u32) {
    let (a, b) = (root(parents, a), root(parents, b));
    parents[a.max(b) as usize] = a.min(b);
}

/// The root, halving the path to it.
fn root(parents: &mut [u32], mut segment: u32) -> u32 {
    while parents[segment as usize] != segment {
        let grandparent = parents[parents[segment as usize] as usize];
        parents[segment as usize] = grandparent;
        segment = grandparent;
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directions::unit_directions;

    fn zones_of(image: &[u16], flat_axis: Option<usize>) -> Vec<(u16, u32)> {
        // 3 × 2 × 1 voxels in a padded box of 5 × 4 × 3
        let mut ranks = vec![0_u16; 60];
        ranks[26..29].copy_from_slice(&image[..3]);
        ranks[31..34].copy_from_slice(&image[3..]);
        let padded = Padded {
            size: [5, 4, 3],
            strides: [1, 5, 20],
            spans: vec![26..29, 31..34],
        };
        let levels = GreyLevels {
            grey: vec![0.0, 1.0, 2.0],
            counts: vec![0, 3, 3],
            highest: 2,
            padded: ranks.clone(),
        };
        let links = Links::new(&levels, &padded, &unit_directions(flat_axis));
        let mut found = zones(&ranks, &padded, &links);
        found.sort_unstable();
        found
    }

    #[test]
    fn a_diagonal_neighbour_belongs_to_the_zone() {
        let chequers = [1, 2, 1, 2, 1, 2];
        assert_eq!(zones_of(&chequers, None), [(1, 3), (2, 3)]);
        assert_eq!(zones_of(&chequers, Some(2)), [(1, 3), (2, 3)]);
        // 1 1 2 / 2 2 1: the diagonal joins the twos and the ones
        assert_eq!(zones_of(&[1, 1, 2, 2, 2, 1], None), [(1, 3), (2, 3)]);
    }

    #[test]
    fn slices_across_x_cut_a_zone() {
        let zones = zones_of(&[1, 1, 2, 2, 1, 2], Some(0));
        assert_eq!(zones, [(1, 1), (1, 2), (2, 1), (2, 2)]);
    }

    /// Zones by flooding, over all 26 neighbours.
    fn by_flooding(ranks: &[u16], padded: &Padded, steps: &[usize]) -> Vec<(u16, u32)> {
        let mut remaining = ranks.to_vec();
        let mut zones = Vec::new();
        for start in padded.cells() {
            let rank = remaining[start];
            let (mut to_visit, mut size) = (vec![start], 0);
            while let Some(cell) = to_visit.pop() {
                if rank == 0 || remaining[cell] != rank {
                    continue;
                }
                remaining[cell] = 0;
                size += 1;
                to_visit.extend(steps.iter().flat_map(|step| [cell - step, cell + step]));
            }
            if size > 0 {
                zones.push((rank, size));
            }
        }
        zones.sort_unstable();
        zones
    }

    #[test]
    fn leaving_out_joins_leaves_no_zone_apart() {
        let mut state = 3_u64;
        for round in 0..300 {
            let n_ranks = 1 + round % 4;
            let size = [9, 8, 7];
            let mut ranks = vec![0_u16; 9 * 8 * 7];
            let mut spans = Vec::new();
            for z in 1..6 {
                for y in 1..7 {
                    for x in 1..8 {
                        state = state
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1_442_695_040_888_963_407);
                        let cell = x + 9 * (y + 8 * z);
                        ranks[cell] = (state >> 40) as u16 % (n_ranks + 1);
                        if ranks[cell] > 0 {
                            spans.push(cell..cell + 1);
                        }
                    }
                }
            }
            let padded = Padded {
                size,
                strides: [1, 9, 72],
                spans: whole(spans),
            };
            let levels = GreyLevels {
                grey: (0..=n_ranks).map(f64::from).collect(),
                counts: Vec::new(),
                highest: usize::from(n_ranks),
                padded: ranks.clone(),
            };
            for flat_axis in [None, Some(0), Some(1), Some(2)] {
                let links = Links::new(&levels, &padded, &unit_directions(flat_axis));
                let mut found = zones(&ranks, &padded, &links);
                found.sort_unstable();
                assert_eq!(
                    found,
                    by_flooding(&ranks, &padded, &links.steps),
                    "{flat_axis:?}"
                );
            }
        }
    }

    /// Spans of single cells that follow each other, put together.
    fn whole(cells: Vec<std::ops::Range<usize>>) -> Vec<std::ops::Range<usize>> {
        let mut spans: Vec<std::ops::Range<usize>> = Vec::new();
        for cell in cells {
            match spans.last_mut() {
                Some(last) if last.end == cell.start => last.end = cell.end,
                _ => spans.push(cell),
            }
        }
        spans
    }
}
