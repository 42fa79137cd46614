//! First-order statistics: 18 features of the region's intensities.
//!
//! # Symbols
//! x: the N intensities; c: `voxel_array_shift`; p_k: share of voxels in grey level k; P_q: q-th percentile; m_r: r-th central
//! moment, (1/N) Σ (x − x̄)^r; V: volume of one voxel, mm³.
//!
//! # Formulas
//! | feature | formula |
//! |---|---|
//! | Energy, TotalEnergy | Σ (x + c)²; V·Energy |
//! | Entropy, Uniformity | −Σ p_k log₂(p_k + ε); Σ p_k² |
//! | 10Percentile, 90Percentile, Median | P_10, P_90, P_50, linear between order statistics |
//! | InterquartileRange, Range | P_75 − P_25; max − min |
//! | MeanAbsoluteDeviation | (1/N) Σ abs(x − x̄) |
//! | RobustMeanAbsoluteDeviation | the same over P_10 ≤ x ≤ P_90, with the mean of these voxels |
//! | RootMeanSquared | √(Energy/N) |
//! | Skewness, Kurtosis, Variance, StandardDeviation (deprecated) | m_3/m_2^1.5; m_4/m_2²; m_2; √m_2 |
//!
//! # Edges
//! A flat region has skewness and kurtosis 0. With so few voxels that none lies in the 10–90 % range,
//! RobustMeanAbsoluteDeviation is [`Undefined::EmptyPercentileRange`].
//!
//! # Agrees with
//! PyRadiomics 3.1.0, relative 1e-6, tests/parity.rs.
//!
//! # Differs from
//! IBSI: kurtosis is not minus 3.

use crate::class::{ClassValues, entropy_term};
use crate::discretise::GreyLevels;
use crate::error::Undefined;
use crate::sum::pairwise;

/// The 18 first-order features and the deprecated one.
pub(crate) fn features(
    values: &[f64],
    levels: &GreyLevels,
    shift: f64,
    voxel_volume_mm3: f64,
) -> ClassValues {
    let n = values.len() as f64;
    let (min, max) = range(values);
    let quantiles = Quantiles::new(values);
    let mean = pairwise(values.len(), |i| values[i]) / n;
    let [m2, m3, m4] = central_moments(values, mean, min == max);
    let energy = pairwise(values.len(), |i| (values[i] + shift) * (values[i] + shift));
    let deviation = pairwise(values.len(), |i| (values[i] - mean).abs()) / n;
    let share = |count: u64| count as f64 / n;
    let occupied = &levels.counts[1..];
    let [p10, p25, p50, p75, p90] = quantiles.0;
    vec![
        ("10Percentile", Ok(p10)),
        ("90Percentile", Ok(p90)),
        ("Energy", Ok(energy)),
        (
            "Entropy",
            Ok(occupied
                .iter()
                .fold(0.0, |sum, &count| sum + entropy_term(share(count)))),
        ),
        ("InterquartileRange", Ok(p75 - p25)),
        ("Kurtosis", Ok(if m2 == 0.0 { 0.0 } else { m4 / (m2 * m2) })),
        ("Maximum", Ok(max)),
        (
            "MeanAbsoluteDeviation",
            Ok(if min == max { 0.0 } else { deviation }),
        ),
        ("Mean", Ok(mean)),
        ("Median", Ok(p50)),
        ("Minimum", Ok(min)),
        ("Range", Ok(max - min)),
        (
            "RobustMeanAbsoluteDeviation",
            robust_deviation(values, p10, p90),
        ),
        ("RootMeanSquared", Ok((energy / n).sqrt())),
        (
            "Skewness",
            Ok(if m2 == 0.0 {
                0.0
            } else {
                m3 / (m2 * m2.sqrt())
            }),
        ),
        ("TotalEnergy", Ok(energy * voxel_volume_mm3)),
        (
            "Uniformity",
            Ok(occupied
                .iter()
                .fold(0.0, |sum, &count| sum + share(count) * share(count))),
        ),
        ("Variance", Ok(m2)),
    ]
}

fn range(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), &x| {
            (min.min(x), max.max(x))
        })
}

/// m_2, m_3, m_4; exactly 0 for a flat region, whatever the mean was rounded to.
fn central_moments(values: &[f64], mean: f64, flat: bool) -> [f64; 3] {
    if flat {
        return [0.0; 3];
    }
    let n = values.len() as f64;
    let square = |i: usize| (values[i] - mean) * (values[i] - mean);
    [
        pairwise(values.len(), square) / n,
        pairwise(values.len(), |i| square(i) * (values[i] - mean)) / n,
        pairwise(values.len(), |i| square(i) * square(i)) / n,
    ]
}

fn robust_deviation(values: &[f64], p10: f64, p90: f64) -> Result<f64, Undefined> {
    let kept: Vec<f64> = values
        .iter()
        .copied()
        .filter(|x| (p10..=p90).contains(x))
        .collect();
    if kept.is_empty() {
        return Err(Undefined::EmptyPercentileRange);
    }
    let n = kept.len() as f64;
    let mean = pairwise(kept.len(), |i| kept[i]) / n;
    Ok(pairwise(kept.len(), |i| (kept[i] - mean).abs()) / n)
}

/// Percentiles 10, 25, 50, 75 and 90, linear between order statistics (Hyndman and Fan's type 7).
struct Quantiles([f64; 5]);

impl Quantiles {
    fn new(values: &[f64]) -> Quantiles {
        let mut scratch = values.to_vec();
        Quantiles(
            [10.0, 25.0, 50.0, 75.0, 90.0].map(|percent| percentile(&mut scratch, percent / 100.0)),
        )
    }
}

/// Reorders `scratch`; `scratch` must not be empty.
fn percentile(scratch: &mut [f64], quantile: f64) -> f64 {
    let position = quantile * (scratch.len() - 1) as f64;
    let rank = (position.floor() as usize).min(scratch.len() - 1);
    let weight = position - rank as f64;
    let (_, &mut low, above) = scratch.select_nth_unstable_by(rank, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    // the two forms keep the result exact at both ends
    if weight < 0.5 {
        low + (high - low) * weight
    } else {
        high - (high - low) * (1.0 - weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_linear_between_order_statistics() {
        let mut values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(percentile(&mut values, 0.5), 2.5);
        assert!((percentile(&mut values, 0.1) - 1.3).abs() < 1e-15);
        assert_eq!(percentile(&mut values, 1.0), 4.0);
        assert_eq!(percentile(&mut [7.0], 0.9), 7.0);
    }

    #[test]
    fn moments_of_one_to_five() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0];
        let [m2, m3, m4] = central_moments(&values, 3.0, false);
        assert_eq!((m2, m3, m4), (2.0, 0.0, 6.8));
    }

    #[test]
    fn the_shift_enters_energies_and_the_root_mean_square_only() {
        let levels = GreyLevels {
            grey: vec![0.0, 1.0],
            counts: vec![0, 3],
            highest: 1,
            padded: Vec::new(),
        };
        let named = |shift: f64| features(&[1.0, 2.0, 3.0], &levels, shift, 2.0);
        for ((name, plain), (_, shifted)) in named(0.0).into_iter().zip(named(10.0)) {
            match name {
                "Energy" => assert_eq!((plain, shifted), (Ok(14.0), Ok(434.0))),
                "TotalEnergy" => assert_eq!((plain, shifted), (Ok(28.0), Ok(868.0))),
                "RootMeanSquared" => assert_eq!(shifted, Ok((434.0_f64 / 3.0).sqrt())),
                _ => assert_eq!(plain, shifted, "{name}"),
            }
        }
    }

    #[test]
    fn two_voxels_have_no_robust_deviation() {
        let [p10, _, _, _, p90] = Quantiles::new(&[1.0, 2.0]).0;
        assert_eq!(
            robust_deviation(&[1.0, 2.0], p10, p90),
            Err(Undefined::EmptyPercentileRange)
        );
    }
}
