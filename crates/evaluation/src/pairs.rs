//! Concordant pairs with weights, for Uno's C and for bootstrap resamples.

use cohort::FollowUp;

/// One set of predictions, sorted once and counted many times.
pub(crate) struct PairOrder {
    /// Rows in groups of one time, latest time first; within a group censored rows first.
    groups: Vec<(Vec<u32>, Vec<u32>)>,
    /// Dense rank of each row's risk, from 1.
    rank: Vec<u32>,
    n_ranks: usize,
}

/// Weighted pair counts.
#[derive(Clone, Copy, Default)]
pub(crate) struct PairSums {
    pub(crate) concordant: f64,
    pub(crate) tied: f64,
    pub(crate) comparable: f64,
}

impl PairSums {
    /// (concordant + ½ tied) / comparable.
    pub(crate) fn index(self) -> Option<f64> {
        (self.comparable > 0.0).then(|| (self.concordant + 0.5 * self.tied) / self.comparable)
    }
}

impl PairOrder {
    pub(crate) fn new(risk: &[f64], follow_up: &FollowUp) -> PairOrder {
        let (time, event) = (follow_up.time(), follow_up.event());
        let mut order: Vec<u32> = (0..time.len() as u32).collect();
        order.sort_by(|&a, &b| time[b as usize].total_cmp(&time[a as usize]));
        let groups = order
            .chunk_by(|&a, &b| time[a as usize] == time[b as usize])
            .map(|group| group.iter().partition(|&&row| !event[row as usize]))
            .collect();
        let (rank, n_ranks) = dense_ranks(risk);
        PairOrder {
            groups,
            rank,
            n_ranks,
        }
    }

    /// Σ over comparable (i, j) of weight_i · copies_i · copies_j, parted by how the risks compare.
    ///
    /// Comparable are (i, j) with e_i = 1 and ( t_i < t_j, or t_i = t_j and e_j = 0 ).
    pub(crate) fn sums(
        &self,
        copies: impl Fn(usize) -> f64,
        weight: impl Fn(usize) -> f64,
    ) -> PairSums {
        let mut later = RankCounts::new(self.n_ranks);
        let mut sums = PairSums::default();
        for (censored, events) in &self.groups {
            for &row in censored {
                later.add(self.rank[row as usize], copies(row as usize));
            }
            for &row in events {
                let w = weight(row as usize) * copies(row as usize);
                if w > 0.0 {
                    let rank = self.rank[row as usize];
                    let below = later.up_to(rank - 1);
                    sums.concordant += w * below;
                    sums.tied += w * (later.up_to(rank) - below);
                    sums.comparable += w * later.total;
                }
            }
            for &row in events {
                later.add(self.rank[row as usize], copies(row as usize));
            }
        }
        sums
    }
}

/// Ranks from 1, equal values alike.
pub(crate) fn dense_ranks(values: &[f64]) -> (Vec<u32>, usize) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut rank = vec![0; values.len()];
    let mut current = 0;
    let mut last = None;
    for row in order {
        // compared as numbers, so that -0 and 0 tie
        if last != Some(values[row]) {
            current += 1;
            last = Some(values[row]);
        }
        rank[row] = current;
    }
    (rank, current as usize)
}

/// Counts by rank with running sums (a binary indexed tree).
struct RankCounts {
    tree: Vec<f64>,
    total: f64,
}

impl RankCounts {
    fn new(n_ranks: usize) -> RankCounts {
        RankCounts {
            tree: vec![0.0; n_ranks + 1],
            total: 0.0,
        }
    }

    fn add(&mut self, rank: u32, copies: f64) {
        let mut i = rank as usize;
        while i < self.tree.len() {
            self.tree[i] += copies;
            i += i & i.wrapping_neg();
        }
        self.total += copies;
    }

    fn up_to(&self, rank: u32) -> f64 {
        let (mut sum, mut i) = (0.0, rank as usize);
        while i > 0 {
            sum += self.tree[i];
            i &= i - 1;
        }
        sum
    }
}
