//! Which digests the index may hold: answers "certainly not" without asking it.
//!
//! A Bloom filter of a fixed 1 MiB with four bits a key. Digests are uniform already, so their own bytes choose the bits.
//! With 300,000 keys one question in 3,000 about an absent key still goes to the index; with 2 million, one in seven.

use digest::WIRE_LEN;

const WORDS: usize = 1 << 17;

/// A set that never forgets; it may contain what was not added.
pub(crate) struct Filter {
    words: Vec<u64>,
}

impl Filter {
    pub(crate) fn new() -> Filter {
        Filter {
            words: vec![0; WORDS],
        }
    }

    pub(crate) fn add(&mut self, key: &[u8]) {
        for (word, bit) in places(key) {
            self.words[word] |= bit;
        }
    }

    /// `false`: it was not added.
    pub(crate) fn may_contain(&self, key: &[u8; WIRE_LEN]) -> bool {
        places(key).all(|(word, bit)| self.words[word] & bit != 0)
    }

    /// Adds all that another one contains.
    pub(crate) fn unite(&mut self, other: &Filter) {
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }
}

/// Word and bit of each of the four places of a key: 17 and 6 bits of four bytes each, behind the byte of the naming.
fn places(key: &[u8]) -> impl Iterator<Item = (usize, u64)> + '_ {
    key.get(1..)
        .unwrap_or_default()
        .chunks_exact(4)
        .take(4)
        .map(|chunk| {
            let number = chunk
                .iter()
                .fold(0usize, |n, byte| n << 8 | usize::from(*byte));
            (number % WORDS, 1 << (number >> 26))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use digest::Digest;

    fn key(n: u64) -> [u8; WIRE_LEN] {
        Digest::of(&n.to_le_bytes()).to_wire()
    }

    #[test]
    fn what_was_added_is_contained_and_little_else() {
        let (mut one, mut other) = (Filter::new(), Filter::new());
        (0..150_000).for_each(|n| one.add(&key(n)));
        (150_000..300_000).for_each(|n| other.add(&key(n)));
        one.unite(&other);
        assert!((0..300_000).all(|n| one.may_contain(&key(n))));
        let wrong = (300_000..400_000)
            .filter(|n| one.may_contain(&key(*n)))
            .count();
        assert!(wrong < 100, "{wrong} of 100,000");
    }
}
