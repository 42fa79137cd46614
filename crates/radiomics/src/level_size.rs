//! A table of grey level × size: what the run-length, size-zone and dependence classes have in common.
//!
//! # Symbols
//! c(i, j): things (runs, zones, dependences) of grey level i and size j; N = Σ c; p = c/N.
//! r_i = Σ_j c(i, j), s_j = Σ_i c(i, j).

use crate::class::entropy_term;

/// The table, as its non-zero entries with their marginals.
#[derive(Debug, Clone)]
pub(crate) struct LevelSize {
    /// Grey level, size, count; ordered by grey level, then size.
    entries: Vec<[f64; 3]>,
    /// Grey level and count.
    by_level: Vec<[f64; 2]>,
    /// Size and count.
    by_size: Vec<[f64; 2]>,
    /// N.
    total: f64,
}

impl LevelSize {
    /// Counts things given as (rank, size), in any order; `grey[rank]` is the grey level.
    pub(crate) fn of_things(things: &mut [(u16, u32)], grey: &[f64]) -> LevelSize {
        things.sort_unstable();
        let counts = things
            .chunk_by(|a, b| a == b)
            .map(|same| (same[0].0, same[0].1, same.len() as f64));
        LevelSize::of_counts(counts, grey)
    }

    /// Counts given as (rank, size, count), ordered by rank, then size. A count may be weighted, but not 0.
    pub(crate) fn of_counts(
        counts: impl Iterator<Item = (u16, u32, f64)>,
        grey: &[f64],
    ) -> LevelSize {
        let mut table = LevelSize {
            entries: Vec::new(),
            by_level: Vec::new(),
            by_size: Vec::new(),
            total: 0.0,
        };
        for (rank, size, count) in counts {
            table.add(grey[usize::from(rank)], f64::from(size), count);
            table.total += count;
        }
        table.finish()
    }

    fn add(&mut self, level: f64, size: f64, count: f64) {
        self.entries.push([level, size, count]);
        match self.by_level.last_mut() {
            Some(last) if last[0] == level => last[1] += count,
            _ => self.by_level.push([level, count]),
        }
    }

    fn finish(mut self) -> LevelSize {
        let mut sizes: Vec<[f64; 2]> = self
            .entries
            .iter()
            .map(|&[_, size, count]| [size, count])
            .collect();
        sizes.sort_by(|a, b| a[0].total_cmp(&b[0]));
        for same in sizes.chunk_by(|a, b| a[0] == b[0]) {
            self.by_size.push([
                same[0][0],
                same.iter().fold(0.0, |sum, entry| sum + entry[1]),
            ]);
        }
        self
    }

    /// N.
    pub(crate) fn total(&self) -> f64 {
        self.total
    }

    /// Σ s_j j, the voxels of all things together.
    pub(crate) fn n_voxels(&self) -> f64 {
        self.by_size
            .iter()
            .fold(0.0, |sum, &[size, count]| sum + size * count)
    }

    /// Σ s_j / j² / N.
    pub(crate) fn small(&self) -> f64 {
        self.mean_by_size(|size| 1.0 / (size * size))
    }

    /// Σ s_j j² / N.
    pub(crate) fn large(&self) -> f64 {
        self.mean_by_size(|size| size * size)
    }

    /// Σ r_i / i² / N.
    pub(crate) fn low(&self) -> f64 {
        self.mean_by_level(|level| 1.0 / (level * level))
    }

    /// Σ r_i i² / N.
    pub(crate) fn high(&self) -> f64 {
        self.mean_by_level(|level| level * level)
    }

    /// Σ p / (i² j²).
    pub(crate) fn small_low(&self) -> f64 {
        self.mean(|level, size| 1.0 / (level * level * size * size))
    }

    /// Σ p i² / j².
    pub(crate) fn small_high(&self) -> f64 {
        self.mean(|level, size| level * level / (size * size))
    }

    /// Σ p j² / i².
    pub(crate) fn large_low(&self) -> f64 {
        self.mean(|level, size| size * size / (level * level))
    }

    /// Σ p i² j².
    pub(crate) fn large_high(&self) -> f64 {
        self.mean(|level, size| level * level * size * size)
    }

    /// Σ r_i² / N.
    pub(crate) fn level_non_uniformity(&self) -> f64 {
        self.by_level
            .iter()
            .fold(0.0, |sum, entry| sum + entry[1] * entry[1])
            / self.total
    }

    /// Σ s_j² / N.
    pub(crate) fn size_non_uniformity(&self) -> f64 {
        self.by_size
            .iter()
            .fold(0.0, |sum, entry| sum + entry[1] * entry[1])
            / self.total
    }

    /// Variance of i under p.
    pub(crate) fn level_variance(&self) -> f64 {
        let mean = self.mean_by_level(|level| level);
        self.mean_by_level(|level| (level - mean) * (level - mean))
    }

    /// Variance of j under p.
    pub(crate) fn size_variance(&self) -> f64 {
        let mean = self.mean_by_size(|size| size);
        self.mean_by_size(|size| (size - mean) * (size - mean))
    }

    /// −Σ p log₂(p + ε).
    pub(crate) fn entropy(&self) -> f64 {
        self.entries
            .iter()
            .fold(0.0, |sum, entry| sum + entropy_term(entry[2] / self.total))
    }

    fn mean(&self, weight: impl Fn(f64, f64) -> f64) -> f64 {
        self.entries.iter().fold(0.0, |sum, &[level, size, count]| {
            sum + count * weight(level, size)
        }) / self.total
    }

    fn mean_by_level(&self, weight: impl Fn(f64) -> f64) -> f64 {
        self.by_level
            .iter()
            .fold(0.0, |sum, &[level, count]| sum + count * weight(level))
            / self.total
    }

    fn mean_by_size(&self, weight: impl Fn(f64) -> f64) -> f64 {
        self.by_size
            .iter()
            .fold(0.0, |sum, &[size, count]| sum + count * weight(size))
            / self.total
    }
}

#[cfg(test)]
mod tests {
    use super::LevelSize;

    #[test]
    fn the_same_table_from_things_and_from_counts() {
        let grey = [0.0, 2.0, 5.0];
        let listed = LevelSize::of_things(&mut [(2, 3), (1, 1), (2, 3), (1, 3)], &grey);
        let counts = [(1, 1, 1.0), (1, 3, 1.0), (2, 3, 2.0)];
        let counted = LevelSize::of_counts(counts.into_iter(), &grey);
        assert_eq!(listed.entries, counted.entries);
        assert_eq!(listed.by_size, [[1.0, 1.0], [3.0, 3.0]]);
        assert_eq!(listed.by_level, [[2.0, 2.0], [5.0, 2.0]]);
        assert_eq!(listed.n_voxels(), 10.0);
        assert_eq!(listed.large(), 7.0);
        assert_eq!(listed.size_non_uniformity(), 2.5);
        assert_eq!(listed.level_variance(), 2.25);
    }
}
