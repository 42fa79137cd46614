//! The log-rank statistic of every cut of a feature in one pass over the node.
//!
//! # Symbols
//! | symbol | meaning |
//! |---|---|
//! | t_1 < … < t_m | distinct event times in the node |
//! | d_k, Y_k | events at t_k, patients at risk at t_k, in the node |
//! | Y¹_k | patients at risk at t_k in the left child |
//! | c_i, δ_i | copies of patient i in the bag, whether the event was seen |
//! | k(i) | number of event times at or before patient i's time |
//!
//! # Formula
//! numerator   U = Σ_k ( d¹_k − Y¹_k d_k / Y_k ) = Σ_{i left} c_i ( δ_i − H_{k(i)} ),  H_k = Σ_{l≤k} d_l / Y_l
//! variance    V = Σ_k w_k Y¹_k ( Y_k − Y¹_k ),  w_k = d_k (Y_k − d_k) / ( Y_k² (Y_k − 1) ), 0 where Y_k = 1
//! statistic   U² / V
//!
//! U is a sum over patients, so one more patient on the left costs one addition. For V, c copies of a patient with
//! k(i) = k raise Y¹_1 … Y¹_k by c:
//!
//! ΔV = c ( A_k − c W_k − 2 Q_k ),  A_k = Σ_{l≤k} w_l Y_l,  W_k = Σ_{l≤k} w_l,  Q_k = Σ_{l≤k} w_l Y¹_l
//!
//! and Q_k = Σ_{j left} c_j W_{min(k(j), k)} comes from a binary indexed tree over k: O(log m) a patient, instead of
//! the O(m) a cut of the textbook sum.
//!
//! # Reference
//! Ishwaran et al., Ann. Appl. Stat. 2 (2008) 841–860, eq. of the log-rank split; LeBlanc and Crowley,
//! JASA 88 (1993) 457–467, for the numerator as a sum of scores.

/// A patient of the node: time index and copies in the bag.
#[derive(Clone, Copy)]
pub(crate) struct Member {
    pub(crate) row: u32,
    pub(crate) copies: u32,
}

/// Per-node sums of the module's formula; buffers are reused from node to node.
#[derive(Default)]
pub(crate) struct NodeTable {
    /// k(i) of each member.
    k: Vec<u32>,
    /// c_i (δ_i − H_{k(i)}) of each member.
    score: Vec<f64>,
    /// A_k, index 0 is 0.
    a: Vec<f64>,
    /// W_k, index 0 is 0.
    w: Vec<f64>,
    /// Largest value V could have, to judge whether V is zero up to rounding.
    scale: f64,
    /// Binary indexed tree over 1..=m of (Σ c W_k, Σ c).
    fenwick: Vec<(f64, f64)>,
}

/// The best cut found so far.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) feature: u32,
    /// Largest rank that goes left.
    pub(crate) rank_left: u32,
    /// Smallest rank that goes right.
    pub(crate) rank_right: u32,
    pub(crate) statistic: f64,
}

/// A later cut replaces an earlier one only when it is better by more than rounding, so that two features that split
/// a node alike are told apart by their order and not by the last bit of a sum.
const BETTER_BY: f64 = 1.0 + 1e-9;

impl NodeTable {
    /// Fills the sums; `members` are in time order. Returns whether any cut can have a statistic.
    pub(crate) fn fill(&mut self, members: &[Member], time_index: &[u32], event: &[bool]) -> bool {
        self.k.clear();
        self.score.clear();
        self.a.clear();
        self.w.clear();
        self.a.push(0.0);
        self.w.push(0.0);
        self.scale = 0.0;
        let mut at_risk: u64 = members.iter().map(|m| u64::from(m.copies)).sum();
        let (mut k, mut hazard, mut a, mut w) = (0u32, 0.0, 0.0, 0.0);
        let mut i = 0;
        while i < members.len() {
            let group = same_time(&members[i..], time_index);
            let (deaths, leaving) = count(group, event);
            if deaths > 0 {
                let (d, y) = (deaths as f64, at_risk as f64);
                hazard += d / y;
                if at_risk > 1 {
                    let weight = d * (y - d) / (y * y * (y - 1.0));
                    w += weight;
                    a += weight * y;
                    self.scale += weight * y * y;
                }
                k += 1;
                self.a.push(a);
                self.w.push(w);
            }
            for m in group {
                let seen = f64::from(u8::from(event[m.row as usize]));
                self.k.push(k);
                self.score.push(f64::from(m.copies) * (seen - hazard));
            }
            at_risk -= leaving;
            i += group.len();
        }
        self.scale > 0.0
    }

    /// Tries every cut of `feature`. `sorted` holds (rank, place in `members`), by rank.
    pub(crate) fn scan(
        &mut self,
        feature: u32,
        sorted: &[(u32, u32)],
        members: &[Member],
        min_child: u64,
        best: &mut Option<Cut>,
    ) {
        self.fenwick.clear();
        self.fenwick.resize(self.w.len(), (0.0, 0.0));
        let total: u64 = members.iter().map(|m| u64::from(m.copies)).sum();
        let (mut left, mut with_k) = (0u64, 0.0);
        let (mut u, mut v) = (0.0, 0.0);
        for pair in 0..sorted.len().saturating_sub(1) {
            let (rank, place) = sorted[pair];
            let copies = members[place as usize].copies;
            left += u64::from(copies);
            if total - left < min_child {
                return;
            }
            u += self.score[place as usize];
            v += self.move_left(
                self.k[place as usize] as usize,
                f64::from(copies),
                &mut with_k,
            );
            let next = sorted[pair + 1].0;
            if rank == next || left < min_child || v <= 1e-12 * self.scale {
                continue;
            }
            let statistic = u * u / v;
            if best.is_none_or(|b| statistic > b.statistic * BETTER_BY) {
                *best = Some(Cut {
                    feature,
                    rank_left: rank,
                    rank_right: next,
                    statistic,
                });
            }
        }
    }

    /// ΔV of `copies` patients with index `k` going left; remembers them.
    fn move_left(&mut self, k: usize, copies: f64, with_k: &mut f64) -> f64 {
        if k == 0 {
            return 0.0;
        }
        let (mut below, mut below_count) = (0.0, 0.0);
        let mut i = k;
        while i > 0 {
            below += self.fenwick[i].0;
            below_count += self.fenwick[i].1;
            i &= i - 1;
        }
        let q = below + self.w[k] * (*with_k - below_count);
        let mut i = k;
        while i < self.fenwick.len() {
            self.fenwick[i].0 += copies * self.w[k];
            self.fenwick[i].1 += copies;
            i += i & i.wrapping_neg();
        }
        *with_k += copies;
        copies * (self.a[k] - copies * self.w[k] - 2.0 * q)
    }
}

/// The members at the head of `members` that share its first time.
pub(crate) fn same_time<'a>(members: &'a [Member], time_index: &[u32]) -> &'a [Member] {
    let time = time_index[members[0].row as usize];
    let n = members
        .iter()
        .take_while(|m| time_index[m.row as usize] == time)
        .count();
    &members[..n]
}

/// Events and patients of a group, copies counted.
pub(crate) fn count(group: &[Member], event: &[bool]) -> (u64, u64) {
    let mut deaths = 0;
    let mut patients = 0;
    for m in group {
        patients += u64::from(m.copies);
        if event[m.row as usize] {
            deaths += u64::from(m.copies);
        }
    }
    (deaths, patients)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::keyed::Draws;

    /// The textbook sums, time by time.
    fn brute_force(members: &[Member], left: &[bool], time: &[u32], event: &[bool]) -> f64 {
        let (mut u, mut v) = (0.0, 0.0);
        let last = time.iter().max().copied().unwrap();
        for t in 0..=last {
            let (mut d, mut d1, mut y, mut y1) = (0.0, 0.0, 0.0, 0.0);
            for (m, &l) in members.iter().zip(left) {
                let (row, c) = (m.row as usize, f64::from(m.copies));
                if time[row] >= t {
                    y += c;
                    y1 += if l { c } else { 0.0 };
                }
                if time[row] == t && event[row] {
                    d += c;
                    d1 += if l { c } else { 0.0 };
                }
            }
            if d > 0.0 && y > 1.0 {
                u += d1 - y1 * d / y;
                v += (y1 / y) * (1.0 - y1 / y) * ((y - d) / (y - 1.0)) * d;
            }
        }
        u * u / v
    }

    #[test]
    fn one_pass_equals_the_textbook_sum() {
        let mut draws = Draws::new(1, 1);
        for round in 0..200 {
            let n = 4 + draws.below(40) as usize;
            let time: Vec<u32> = (0..n).map(|_| draws.below(20)).collect();
            let event: Vec<bool> = (0..n).map(|_| draws.below(3) > 0).collect();
            let rank: Vec<u32> = (0..n).map(|_| draws.below(12)).collect();
            let mut rows: Vec<u32> = (0..n as u32).collect();
            rows.sort_by_key(|&r| time[r as usize]);
            let members: Vec<Member> = rows
                .iter()
                .map(|&row| Member {
                    row,
                    copies: 1 + draws.below(3),
                })
                .collect();
            let mut sorted: Vec<(u32, u32)> = members
                .iter()
                .enumerate()
                .map(|(i, m)| (rank[m.row as usize], i as u32))
                .collect();
            sorted.sort_unstable();
            let mut table = NodeTable::default();
            let possible = table.fill(&members, &time, &event);
            let mut best = None;
            if possible {
                table.scan(0, &sorted, &members, 2, &mut best);
            }
            let mut expected = f64::NEG_INFINITY;
            for cut in 0..12 {
                let left: Vec<bool> = members
                    .iter()
                    .map(|m| rank[m.row as usize] <= cut)
                    .collect();
                let n_left: u32 = members
                    .iter()
                    .zip(&left)
                    .map(|(m, l)| if *l { m.copies } else { 0 })
                    .sum();
                let n_all: u32 = members.iter().map(|m| m.copies).sum();
                if n_left >= 2 && n_all - n_left >= 2 {
                    let statistic = brute_force(&members, &left, &time, &event);
                    if statistic.is_finite() {
                        expected = expected.max(statistic);
                    }
                }
            }
            match best {
                Some(cut) => assert!(
                    (cut.statistic - expected).abs() <= 1e-9 * expected.max(1e-3),
                    "round {round}: {} against {expected}",
                    cut.statistic
                ),
                None => assert!(
                    expected == f64::NEG_INFINITY,
                    "round {round}: missed {expected}"
                ),
            }
        }
    }

    #[test]
    fn a_node_without_events_has_no_cut() {
        let members = [Member { row: 0, copies: 1 }, Member { row: 1, copies: 1 }];
        assert!(!NodeTable::default().fill(&members, &[0, 1], &[false, false]));
    }
}
