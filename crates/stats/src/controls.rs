//! What carries no information: numbers and orders drawn at random, as controls of a whole analysis.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::folds::shuffle;
use crate::special::normal_quantile;

/// `n` independent standard normal numbers.
///
/// # Formula
/// Φ⁻¹((u + ½) / 2⁵²), u the upper 52 bits of each draw of ChaCha8
pub fn normal_noise(n: usize, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut one = || {
        let u = (rng.next_u64() >> 12) as f64;
        // strictly between 0 and 1, where the quantile is finite
        normal_quantile((u + 0.5) / (1u64 << 52) as f64).unwrap_or_default()
    };
    (0..n).map(|_| one()).collect()
}

/// A random order of 0..n, every one equally likely: Fisher–Yates from the end, ChaCha8 of `seed`.
pub fn random_order(n: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    shuffle(&mut order, &mut ChaCha8Rng::seed_from_u64(seed));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::special::normal_two_sided;

    #[test]
    fn noise_has_the_moments_of_a_normal() {
        let x = normal_noise(100_000, 3);
        let n = x.len() as f64;
        let moment = |k: u32| {
            x.iter()
                .map(|v| (0..k).fold(1.0, |p, _| p * v))
                .sum::<f64>()
                / n
        };
        // four standard errors of each moment: √(1, 2, 15, 96) / √n
        assert!(moment(1).abs() < 4.0 / n.sqrt(), "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < 4.0 * (2.0 / n).sqrt());
        assert!(moment(3).abs() < 4.0 * (15.0 / n).sqrt());
        assert!((moment(4) - 3.0).abs() < 4.0 * (96.0 / n).sqrt());
        let beyond = x.iter().filter(|v| v.abs() > 1.96).count() as f64 / n;
        let p = normal_two_sided(1.96);
        assert!((beyond - p).abs() < 4.0 * (p * (1.0 - p) / n).sqrt());
        assert_ne!(normal_noise(5, 3), normal_noise(5, 4));
        assert_eq!(normal_noise(5, 3), x[..5]);
    }

    #[test]
    fn every_order_is_equally_likely() {
        let mut counts = [0_usize; 6];
        for seed in 0..6000 {
            let order = random_order(3, seed);
            counts[order[0] * 2 + usize::from(order[1] > order[2])] += 1;
        }
        // five standard deviations of a share of 1/6
        assert!(counts.iter().all(|n| n.abs_diff(1000) < 145), "{counts:?}");
        assert!(random_order(0, 1).is_empty());
    }
}
