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
use crate::sum::pairwise_of;

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
    let [sum, energy] = pairwise_of(values, |x| [x, (x + shift) * (x + shift)]);
    let mean = sum / n;
    let [m2, m3, m4, deviation] = central_moments(values, mean, min == max);
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
        ("MeanAbsoluteDeviation", Ok(deviation)),
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
        ("StandardDeviation", Ok(m2.sqrt())),
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

/// m_2, m_3, m_4 and the mean absolute deviation; exactly 0 for a flat region, whatever the mean was rounded to.
fn central_moments(values: &[f64], mean: f64, flat: bool) -> [f64; 4] {
    if flat {
        return [0.0; 4];
    }
    let n = values.len() as f64;
    pairwise_of(values, |x| {
        let centred = x - mean;
        let square = centred * centred;
        [square, square * centred, square * square, centred.abs()]
    })
    .map(|sum| sum / n)
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
    let [sum] = pairwise_of(&kept, |x| [x]);
    let mean = sum / n;
    let [deviation] = pairwise_of(&kept, |x| [(x - mean).abs()]);
    Ok(deviation / n)
}

/// Percentiles 10, 25, 50, 75 and 90, linear between order statistics (Hyndman and Fan's type 7).
struct Quantiles([f64; 5]);

impl Quantiles {
    /// `values` must not be empty. Each selection leaves less to the next: the median halves the values, the others halve its halves.
    fn new(values: &[f64]) -> Quantiles {
        let mut scratch = values.to_vec();
        let n = values.len();
        let mut quantiles = [0.0; 5];
        let p50 = percentile(&mut scratch, 0, n, 0.5);
        quantiles[2] = p50.0;
        let (low, high) = scratch.split_at_mut(p50.1);
        // a percentile below the median lies at most between the median's two ranks
        let mut low_half = low.to_vec();
        low_half.push(high[0]);
        low_half.extend(high[1..].iter().copied().min_by(f64::total_cmp));
        for (slot, quantile) in [(1, 0.25), (0, 0.10)] {
            quantiles[slot] = percentile(&mut low_half, 0, n, quantile).0;
        }
        for (slot, quantile) in [(3, 0.75), (4, 0.90)] {
            quantiles[slot] = percentile(high, p50.1, n, quantile).0;
        }
        Quantiles(quantiles)
    }
}

/// The quantile of n values, and its lower rank. `scratch` holds those from rank `offset` on, as many as the quantile needs; it is
/// reordered so that the lower rank is in its place.
fn percentile(scratch: &mut [f64], offset: usize, n: usize, quantile: f64) -> (f64, usize) {
    let position = quantile * (n - 1) as f64;
    let rank = (position.floor() as usize).min(n - 1);
    let weight = position - rank as f64;
    let (_, &mut low, above) = scratch.select_nth_unstable_by(rank - offset, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    // the two forms keep the result exact at both ends
    let value = if weight < 0.5 {
        low + (high - low) * weight
    } else {
        high - (high - low) * (1.0 - weight)
    };
    (value, rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_linear_between_order_statistics() {
        let mut values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(percentile(&mut values, 0, 4, 0.5), (2.5, 1));
        assert!((percentile(&mut values, 0, 4, 0.1).0 - 1.3).abs() < 1e-15);
        assert_eq!(percentile(&mut values, 0, 4, 1.0), (4.0, 3));
        assert_eq!(percentile(&mut [7.0], 0, 1, 0.9), (7.0, 0));
    }

    #[test]
    fn five_quantiles_at_once_are_those_one_by_one() {
        for n in 1..60 {
            let values: Vec<f64> = (0..n).map(|k| f64::from(k * k % 23)).collect();
            let one_by_one = [0.10, 0.25, 0.50, 0.75, 0.90]
                .map(|quantile| percentile(&mut values.clone(), 0, values.len(), quantile).0);
            assert_eq!(Quantiles::new(&values).0, one_by_one, "{n}");
        }
    }

    #[test]
    fn moments_of_one_to_five() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(central_moments(&values, 3.0, false), [2.0, 0.0, 6.8, 1.2]);
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
