//! Random numbers that belong to a key, not to an order of calls.
//!
//! A draw is keyed by texts and numbers (what it is for, which centre, which patient): ChaCha8 seeded with the BLAKE3 digest of the
//! length-prefixed key. So any worker can make any patient's draws, in any order, and gets the same bits.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of random numbers that belongs to one key.
pub(crate) struct Keyed {
    rng: ChaCha8Rng,
    spare_normal: Option<f64>,
}

impl Keyed {
    /// The stream of `seed`, `domain` (what the numbers are for) and `parts` (for whom).
    pub(crate) fn new(seed: u64, domain: &str, parts: &[&str]) -> Keyed {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        for text in std::iter::once(&domain).chain(parts) {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        Keyed {
            rng: ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()),
            spare_normal: None,
        }
    }

    /// Uniform in the open interval (0, 1), 53 bits.
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.rng.next_u64() >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0
    }

    /// Uniform in `0..n` without bias (Lemire 2019: multiply, reject the short interval); `n` is at least 1.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        let n = n as u64;
        let reject = n.wrapping_neg() % n;
        loop {
            let wide = u128::from(self.rng.next_u64()) * u128::from(n);
            if wide as u64 >= reject {
                return (wide >> 64) as usize;
            }
        }
    }

    /// Standard normal (Box and Muller 1958: the pair is used in turn).
    pub(crate) fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare_normal.take() {
            return spare;
        }
        let radius = (-2.0 * libm::log(self.uniform())).sqrt();
        let (sine, cosine) = libm::sincos(std::f64::consts::TAU * self.uniform());
        self.spare_normal = Some(radius * sine);
        radius * cosine
    }

    /// Fisher–Yates: every order is equally likely.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_another_key() {
        let first = |parts: &[&str]| Keyed::new(1, "test", parts).uniform();
        assert_eq!(first(&["c1", "a"]), first(&["c1", "a"]));
        assert_ne!(first(&["c1", "a"]), first(&["c1a"]));
        assert_ne!(first(&["c1", "a"]), first(&["c1", "b"]));
    }

    #[test]
    fn normals_have_mean_0_and_variance_1() {
        let mut keyed = Keyed::new(7, "normal", &[]);
        let draws: Vec<f64> = (0..100_000).map(|_| keyed.normal()).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let variance = draws.iter().map(|z| (z - mean) * (z - mean)).sum::<f64>() / 1e5;
        assert!(
            mean.abs() < 0.012 && (variance - 1.0).abs() < 0.015,
            "{mean} {variance}"
        );
    }

    #[test]
    fn a_shuffle_reaches_every_place_equally_often() {
        let mut keyed = Keyed::new(7, "shuffle", &[]);
        let mut seen = [[0_u32; 4]; 4];
        for _ in 0..40_000 {
            let mut items = [0, 1, 2, 3];
            keyed.shuffle(&mut items);
            for (place, item) in items.iter().enumerate() {
                seen[place][*item] += 1;
            }
        }
        // 10 000 expected, standard deviation 87
        assert!(
            seen.iter().flatten().all(|n| n.abs_diff(10_000) < 435),
            "{seen:?}"
        );
    }
}
