//! Random draws that depend on a seed and a stream number and on nothing else.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Draws for one tree: stream `stream` of the generator seeded with `seed`.
///
/// Every tree has its own stream, so the order in which threads grow trees changes no number.
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

    /// Uniform integers of sixteen bits.
    pub(crate) fn halves<const N: usize>(&mut self) -> [u16; N] {
        let mut bytes = [[0; 2]; N];
        self.0.fill_bytes(bytes.as_flattened_mut());
        bytes.map(u16::from_le_bytes)
    }

    /// Uniform in the open interval (0, 1), 53 bits.
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0
    }

    /// Standard normal (Box and Muller 1958; the second of the pair is dropped).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(self.uniform())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// Moves `k` distinct entries, drawn uniformly, to the front of `items` (partial Fisher–Yates); `k <= items.len()`.
    pub(crate) fn choose_front(&mut self, items: &mut [u32], k: usize) {
        for i in 0..k {
            let j = i + self.below((items.len() - i) as u32) as usize;
            items.swap(i, j);
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

    #[test]
    fn chosen_entries_are_distinct() {
        let mut d = Draws::new(9, 1);
        let mut items: Vec<u32> = (0..20).collect();
        d.choose_front(&mut items, 20);
        let mut sorted = items.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..20).collect::<Vec<_>>());
        assert_ne!(items, sorted);
    }
}
