//! Random draws that depend on a seed and a stream number and on nothing else.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Draws for one resample: stream `stream` of the generator seeded with `seed`.
///
/// Every resample has its own stream, so the order in which threads work changes no number.
pub(crate) struct Draws(ChaCha8Rng);

impl Draws {
    pub(crate) fn new(seed: u64, stream: u64) -> Draws {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Draws(rng)
    }

    /// A uniform integer in `0..n`; `n` is at least 1.
    ///
    /// Lemire's multiply-and-shift on 32 bits with rejection (ACM TOMACS 29 (2019) 3): exactly uniform.
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        let threshold = n.wrapping_neg() % n;
        loop {
            let product = u64::from(self.0.next_u32()) * u64::from(n);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_depend_on_seed_and_stream_only() {
        let take = |seed, stream| {
            let mut d = Draws::new(seed, stream);
            (0..8).map(|_| d.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(take(1, 5), take(1, 5));
        assert_ne!(take(1, 5), take(1, 6));
        assert_ne!(take(1, 5), take(2, 5));
    }

    #[test]
    fn draws_are_uniform() {
        let mut d = Draws::new(3, 0);
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[d.below(7) as usize] += 1;
        }
        // 10 000 expected, standard deviation 93
        assert!(
            counts.iter().all(|c| (9_600..10_400).contains(c)),
            "{counts:?}"
        );
    }
}
