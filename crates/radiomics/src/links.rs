//! Which neighbouring voxels have the same grey level: one pass over the box for run lengths, zones and dependences.

use crate::discretise::GreyLevels;
use crate::roi::Padded;

/// Equality with the up to 26 neighbours at distance 1. Bit k belongs to direction k.
///
/// Only the bits of the region's cells mean something.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    /// Bit k of `after[cell]`: the neighbour at `cell + steps[k]` has the same grey level.
    pub after: Vec<u16>,
    /// Bit k of `before[cell]`: the neighbour at `cell − steps[k]` has.
    pub before: Vec<u16>,
    /// Steps of the 13 directions, or of the 4 of a slice.
    pub steps: Vec<usize>,
}

/// Cells worked on together, so that they stay in the nearest cache.
const BLOCK: usize = 2048;

impl Links {
    /// Nothing, for nobody.
    pub(crate) fn none() -> Links {
        Links {
            after: Vec::new(),
            before: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// `directions` are at most 16 unit steps.
    pub(crate) fn new(levels: &GreyLevels, padded: &Padded, directions: &[[isize; 3]]) -> Links {
        let steps: Vec<usize> = directions.iter().map(|&d| padded.step(d)).collect();
        let ranks = &levels.padded;
        let mut after = vec![0_u16; ranks.len()];
        let mut before = vec![0_u16; ranks.len()];
        let Some((first, end)) = padded.spans.first().zip(padded.spans.last()) else {
            return Links {
                after,
                before,
                steps,
            };
        };
        let (first, end) = (first.start, end.end);
        for start in (first..end).step_by(BLOCK) {
            let n = BLOCK.min(end - start);
            let here = &ranks[start..start + n];
            for (bit, &step) in steps.iter().enumerate() {
                let there = &ranks[start + step..][..n];
                for ((links, a), b) in after[start..start + n].iter_mut().zip(here).zip(there) {
                    *links |= u16::from(a == b) << bit;
                }
            }
            for (bit, &step) in steps.iter().enumerate() {
                let there = &ranks[start - step..][..n];
                for ((links, a), b) in before[start..start + n].iter_mut().zip(here).zip(there) {
                    *links |= u16::from(a == b) << bit;
                }
            }
        }
        Links {
            after,
            before,
            steps,
        }
    }
}
