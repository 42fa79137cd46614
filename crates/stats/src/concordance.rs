//! Counting concordant pairs of a risk score and right-censored follow-up.

use cohort::FollowUp;

use crate::censored::RiskSets;

/// Why concordance could not be counted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConcordanceError {
    /// Scores and follow-up differ in length.
    #[error("{n_scores} scores for {n_rows} patients")]
    Length {
        /// Scores given.
        n_scores: usize,
        /// Patients in the follow-up.
        n_rows: usize,
    },
    /// A score is not a number.
    #[error("score in row {row} is not a number")]
    NotANumber {
        /// Zero-based row.
        row: usize,
    },
}

/// Pairs of patients by how score and outcome agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConcordanceCounts {
    /// Comparable, and the patient with the earlier event has the higher score.
    pub concordant: u64,
    /// Comparable, and the patient with the earlier event has the lower score.
    pub discordant: u64,
    /// Comparable, with equal scores.
    pub tied_score: u64,
    /// Two events at one time: not comparable (whatever the scores).
    pub tied_time: u64,
}

impl ConcordanceCounts {
    /// Number of comparable pairs.
    pub fn n_pairs(&self) -> u64 {
        self.concordant + self.discordant + self.tied_score
    }

    /// Harrell's C = (concordant + ½ tied) / comparable; `None` without a comparable pair.
    pub fn index(&self) -> Option<f64> {
        let n = self.n_pairs();
        (n > 0).then(|| (self.concordant as f64 + 0.5 * self.tied_score as f64) / n as f64)
    }
}

/// Counts pairs for Harrell's concordance index; a higher score means a higher risk.
///
/// # Formula
/// Comparable are (i, j) with e_i = 1 and ( t_i < t_j, or t_i = t_j and e_j = 0 ); concordant when r_i > r_j
///
/// # Ties and edges   equal scores (as numbers, no tolerance) count one half; two events at one time are not comparable
/// # Cost             n log n: rows in descending time enter a tree of counts by rank of score
/// # Reference        Harrell et al., Stat. Med. 15 (1996) 361–387
/// # Agrees with      R survival 3.5-3 `concordance`: the same counts, tests/parity_cox.rs
/// # Differs from     scikit-survival, which takes scores within 1e-8 as tied
pub fn concordance_counts(
    score: &[f64],
    follow_up: &FollowUp,
) -> Result<ConcordanceCounts, ConcordanceError> {
    if score.len() != follow_up.len() {
        return Err(ConcordanceError::Length {
            n_scores: score.len(),
            n_rows: follow_up.len(),
        });
    }
    if let Some(row) = score.iter().position(|s| s.is_nan()) {
        return Err(ConcordanceError::NotANumber { row });
    }
    Ok(count(score, &RiskSets::new(follow_up), follow_up.event()))
}

/// Counts with risk sets that were grouped before (many scores, one follow-up).
pub(crate) fn count(score: &[f64], sets: &RiskSets, event: &[bool]) -> ConcordanceCounts {
    let (rank, n_ranks) = dense_ranks(score);
    let mut later = RankCounts::new(n_ranks);
    let mut counts = ConcordanceCounts::default();
    for k in (0..sets.len()).rev() {
        let rows = sets.at(k);
        rows.iter()
            .filter(|&&i| !event[i])
            .for_each(|&i| later.add(rank[i]));
        for (n_events, &i) in (0u64..).zip(rows.iter().filter(|&&i| event[i])) {
            let below = later.below(rank[i]);
            let tied = later.below(rank[i] + 1) - below;
            counts.concordant += below;
            counts.tied_score += tied;
            counts.discordant += later.total - below - tied;
            counts.tied_time += n_events;
        }
        rows.iter()
            .filter(|&&i| event[i])
            .for_each(|&i| later.add(rank[i]));
    }
    counts
}

/// Rank among the distinct scores, from 0, and their number.
fn dense_ranks(score: &[f64]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..score.len()).collect();
    order.sort_by(|&a, &b| score[a].total_cmp(&score[b]));
    let mut rank = vec![0; score.len()];
    let mut next = 0;
    for (place, &i) in order.iter().enumerate() {
        if place > 0 && score[i] != score[order[place - 1]] {
            next += 1;
        }
        rank[i] = next;
    }
    (rank, next + 1)
}

/// Fenwick tree: how many scores of each rank have entered.
struct RankCounts {
    tree: Vec<u64>,
    total: u64,
}

impl RankCounts {
    fn new(n_ranks: usize) -> RankCounts {
        RankCounts {
            tree: vec![0; n_ranks + 1],
            total: 0,
        }
    }

    fn add(&mut self, rank: usize) {
        self.total += 1;
        let mut i = rank + 1;
        while i < self.tree.len() {
            self.tree[i] += 1;
            i += i & i.wrapping_neg();
        }
    }

    /// Scores with a rank lower than `rank`.
    fn below(&self, rank: usize) -> u64 {
        let mut sum = 0;
        let mut i = rank;
        while i > 0 {
            sum += self.tree[i];
            i &= i - 1;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    fn by_pairs(score: &[f64], f: &FollowUp) -> ConcordanceCounts {
        let (t, e) = (f.time(), f.event());
        let mut c = ConcordanceCounts::default();
        for i in 0..f.len() {
            for j in 0..f.len() {
                if i < j && e[i] && e[j] && t[i] == t[j] {
                    c.tied_time += 1;
                }
                if i == j || !e[i] || !(t[i] < t[j] || t[i] == t[j] && !e[j]) {
                    continue;
                }
                if score[i] > score[j] {
                    c.concordant += 1;
                } else if score[i] < score[j] {
                    c.discordant += 1;
                } else {
                    c.tied_score += 1;
                }
            }
        }
        c
    }

    #[test]
    fn the_tree_counts_what_all_pairs_count() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for n in [0, 1, 2, 5, 40, 150] {
            let mut draw = |m: u64| {
                (0..n)
                    .map(|_| (rng.next_u64() % m) as f64)
                    .collect::<Vec<_>>()
            };
            let (time, score) = (draw(20), draw(9));
            let event = draw(2).iter().map(|&v| v > 0.0).collect();
            let f = FollowUp::new(time, event).unwrap();
            assert_eq!(
                concordance_counts(&score, &f).unwrap(),
                by_pairs(&score, &f)
            );
        }
    }

    #[test]
    fn minus_zero_ties_with_zero() {
        let f = FollowUp::new(vec![1.0, 2.0], vec![true, true]).unwrap();
        assert_eq!(concordance_counts(&[0.0, -0.0], &f).unwrap().tied_score, 1);
    }

    #[test]
    fn nobody_comparable_has_no_index() {
        let f = FollowUp::new(vec![1.0, 2.0], vec![false, true]).unwrap();
        assert_eq!(concordance_counts(&[1.0, 2.0], &f).unwrap().index(), None);
        assert_eq!(
            concordance_counts(&[1.0, f64::NAN], &f),
            Err(ConcordanceError::NotANumber { row: 1 })
        );
    }
}
