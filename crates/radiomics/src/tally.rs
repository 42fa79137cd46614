//! How often each grey level comes with each size.

/// Counts by rank and size: small sizes in a table, larger ones, which are rare, in a list.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    /// Counts by size − 1, then rank.
    small: Vec<u32>,
    n_small: usize,
    n_ranks: usize,
    /// Rank and size of the others.
    large: Vec<(u16, u32)>,
}

/// Sizes counted in the table.
const SMALL_SIZES: usize = 16;
/// With more levels than this large sizes are rarer still, and the table would be large.
const MANY_LEVELS: usize = 4096;

impl Tally {
    /// Nothing counted; ranks are below `n_ranks`.
    pub(crate) fn new(n_ranks: usize) -> Tally {
        let n_small = if n_ranks > MANY_LEVELS {
            2
        } else {
            SMALL_SIZES
        };
        Tally {
            small: vec![0; n_small * n_ranks],
            n_small,
            n_ranks,
            large: Vec::new(),
        }
    }

    /// Counts a thing of `size` 1 or more.
    pub(crate) fn add(&mut self, rank: u16, size: usize) {
        if size <= self.n_small {
            self.small[(size - 1) * self.n_ranks + usize::from(rank)] += 1;
        } else {
            self.large.push((rank, size as u32));
        }
    }

    /// Whether anything was counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.large.is_empty() && self.small.iter().all(|&n| n == 0)
    }

    /// Rank, size and count, ordered by rank, then size.
    pub(crate) fn counts(&mut self) -> Vec<(u16, u32, f64)> {
        self.large.sort_unstable();
        let mut large = self.large.chunk_by(|a, b| a == b).peekable();
        let mut counts = Vec::new();
        for rank in 0..self.n_ranks {
            for size in 1..=self.n_small {
                let n = self.small[(size - 1) * self.n_ranks + rank];
                if n > 0 {
                    counts.push((rank as u16, size as u32, f64::from(n)));
                }
            }
            while let Some(same) = large.next_if(|same| usize::from(same[0].0) == rank) {
                counts.push((rank as u16, same[0].1, same.len() as f64));
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn small_and_large_sizes_are_ordered_alike() {
        for n_ranks in [3, 5000] {
            let mut tally = Tally::new(n_ranks);
            assert!(tally.is_empty());
            for (rank, size) in [(2, 1), (1, 300), (2, 40), (1, 2), (2, 1), (2, 40), (1, 17)] {
                tally.add(rank, size);
            }
            assert!(!tally.is_empty());
            let expected = [
                (1, 2, 1.0),
                (1, 17, 1.0),
                (1, 300, 1.0),
                (2, 1, 2.0),
                (2, 40, 2.0),
            ];
            assert_eq!(tally.counts(), expected);
        }
    }
}
