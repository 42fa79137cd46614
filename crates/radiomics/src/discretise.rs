//! Intensities to grey levels.
//!
//! # Formula
//! `Bin::Width(w)`: edges e_k = a + k·w with a = min − (min mod w), so edges are whole multiples of w and 0 is one of them;
//! the grey level of x is the number of edges ≤ x. `Bin::Count(n)`: n equal bins from min to max, the last one closed.
//!
//! # Edges
//! The lowest occupied bin of `Width` is level 1. A flat region has one level. Levels nobody occupies keep their number.
//!
//! # Agrees with
//! PyRadiomics 3.1.0 `imageoperations.getBinEdges` and `binImage`, whose edges are computed with the same roundings.

use crate::error::ExtractError;
use crate::roi::Padded;
use crate::settings::Bin;

/// Highest grey level allowed: texture matrices index levels with 16 bits.
pub const MAXIMUM_GREY_LEVELS: usize = 65_535;

/// Grey levels of a region, ready for the texture matrices.
///
/// Occupied levels are numbered by rank 1..=n; rank 0 is "outside the region".
#[derive(Debug, Clone)]
pub(crate) struct GreyLevels {
    /// `grey[rank]` is the grey level of that rank; `grey[0]` is 0 and means outside.
    pub grey: Vec<f64>,
    /// `counts[rank]` voxels have that rank.
    pub counts: Vec<u64>,
    /// Highest grey level, N_g.
    pub highest: usize,
    /// Rank of every cell of the padded box.
    pub padded: Vec<u16>,
}

impl GreyLevels {
    /// Discretises the region's values.
    pub(crate) fn new(
        values: &[f64],
        padded: &Padded,
        bin: Bin,
    ) -> Result<GreyLevels, ExtractError> {
        let levels = levels(values, bin)?;
        let highest = levels.iter().copied().max().unwrap_or(1) as usize;
        let mut counts_by_level = vec![0_u64; highest + 1];
        for &level in &levels {
            counts_by_level[level as usize] += 1;
        }
        let (mut grey, mut counts) = (vec![0.0], vec![0]);
        let mut rank_of = vec![0_u16; highest + 1];
        for (level, &count) in counts_by_level.iter().enumerate() {
            if count > 0 {
                rank_of[level] = grey.len() as u16; // at most MAXIMUM_GREY_LEVELS ranks
                grey.push(level as f64);
                counts.push(count);
            }
        }
        let mut cells = vec![0_u16; padded.n_cells()];
        let mut rest = &levels[..];
        for span in &padded.spans {
            let (these, others) = rest.split_at(span.len());
            for (cell, &level) in cells[span.clone()].iter_mut().zip(these) {
                *cell = rank_of[level as usize];
            }
            rest = others;
        }
        Ok(GreyLevels {
            grey,
            counts,
            highest,
            padded: cells,
        })
    }

    /// Number of occupied levels.
    pub(crate) fn n_levels(&self) -> usize {
        self.grey.len() - 1
    }
}

/// Grey level, 1 or more, of each value. Values must be finite.
///
/// # Errors
/// [`ExtractError::InvalidBin`], [`ExtractError::TooManyGreyLevels`].
pub fn discretise(values: &[f64], bin: Bin) -> Result<Vec<usize>, ExtractError> {
    Ok(levels(values, bin)?
        .into_iter()
        .map(|level| level as usize)
        .collect())
}

fn levels(values: &[f64], bin: Bin) -> Result<Vec<u32>, ExtractError> {
    let min = values.iter().copied().fold(f64::INFINITY, f64::min);
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (first, step) = match bin {
        Bin::Width(width) => edges_of_width(min, max, width)?,
        Bin::Count(count) => return of_count(values, min, max, count),
    };
    Ok(values
        .iter()
        .map(|&x| level(x, |k| first + k * step, (x - first) / step))
        .collect())
}

fn edges_of_width(min: f64, max: f64, width: f64) -> Result<(f64, f64), ExtractError> {
    if !(width.is_finite() && width > 0.0) {
        return Err(ExtractError::InvalidBin { bin: width });
    }
    let remainder = min % width;
    let modulus = if remainder < 0.0 {
        remainder + width
    } else {
        remainder
    };
    let first = min - modulus;
    // the step between edges as a range with this start and increment has it after rounding
    let step = (first + width) - first;
    let n_levels = ((max - first) / step).floor() + 1.0;
    if step > 0.0 && n_levels <= MAXIMUM_GREY_LEVELS as f64 {
        Ok((first, step))
    } else {
        Err(ExtractError::TooManyGreyLevels {
            n_levels,
            limit: MAXIMUM_GREY_LEVELS,
        })
    }
}

fn of_count(values: &[f64], min: f64, max: f64, count: usize) -> Result<Vec<u32>, ExtractError> {
    if count == 0 {
        return Err(ExtractError::InvalidBin { bin: 0.0 });
    }
    if count > MAXIMUM_GREY_LEVELS {
        return Err(ExtractError::TooManyGreyLevels {
            n_levels: count as f64,
            limit: MAXIMUM_GREY_LEVELS,
        });
    }
    let (low, high) = if min < max {
        (min, max)
    } else {
        (min - 0.5, max + 0.5)
    };
    let step = (high - low) / count as f64;
    if !(step.is_finite() && step > 0.0) {
        return Err(ExtractError::InvalidBin { bin: step });
    }
    let edge = |k: f64| {
        if k >= count as f64 {
            high + 1.0
        } else {
            k * step + low
        }
    };
    Ok(values
        .iter()
        .map(|&x| level(x, edge, (x - low) / step).min(count as u32))
        .collect())
}

/// Number of edges ≤ `x`, found from a guess that rounding may have put one bin off.
fn level(x: f64, edge: impl Fn(f64) -> f64, guess: f64) -> u32 {
    let mut k = guess.floor().clamp(0.0, MAXIMUM_GREY_LEVELS as f64);
    while edge(k + 1.0) <= x && k < MAXIMUM_GREY_LEVELS as f64 {
        k += 1.0;
    }
    while k > 0.0 && edge(k) > x {
        k -= 1.0;
    }
    k as u32 + 1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn check(values: &[f64], bin: Bin, expected: &[usize]) {
        assert_eq!(discretise(values, bin).unwrap(), expected);
    }

    #[test]
    fn edges_are_whole_multiples_of_the_width() {
        check(
            &[-60.0, -51.0, -50.0, 0.0, 24.9, 25.0],
            Bin::Width(25.0),
            &[1, 1, 2, 4, 4, 5],
        );
        check(
            &[30.0, 49.999, 50.0, 130.0],
            Bin::Width(25.0),
            &[1, 1, 2, 5],
        );
    }

    #[test]
    fn a_flat_region_has_one_level() {
        check(&[137.0, 137.0], Bin::Width(25.0), &[1, 1]);
        check(&[3.5, 3.5], Bin::Count(1), &[1, 1]);
    }

    #[test]
    fn counted_bins_close_at_the_maximum() {
        check(&[0.0, 1.0, 2.0, 3.9, 4.0], Bin::Count(4), &[1, 2, 3, 4, 4]);
    }

    #[test]
    fn ranges_that_cannot_be_divided_are_refused() {
        for values in [[-1e308, 1e308], [0.0, 5e-324]] {
            assert!(matches!(
                discretise(&values, Bin::Count(4)),
                Err(ExtractError::InvalidBin { .. })
            ));
        }
    }

    #[test]
    fn bins_without_width_and_endless_levels_are_refused() {
        assert!(matches!(
            discretise(&[0.0, 1.0], Bin::Width(0.0)),
            Err(ExtractError::InvalidBin { .. })
        ));
        assert!(matches!(
            discretise(&[0.0, 1.0], Bin::Width(1e-9)),
            Err(ExtractError::TooManyGreyLevels { .. })
        ));
        assert!(matches!(
            discretise(&[1e18, 2e18], Bin::Width(1e-9)),
            Err(ExtractError::TooManyGreyLevels { .. })
        ));
    }
}
