//! Sums over comparable pairs whose hinge is active, without forming the pairs.
//!
//! Patients are in ascending order of time, ties resolved. The pair (i, j), i before j, is comparable when i had the event;
//! its hinge max( 0, 1 − (s_j − s_i) ) is active when s_j < s_i + 1.
//!
//! # Symbols
//! | symbol | meaning |
//! |---|---|
//! | s_i | score: higher is longer |
//! | n⁺_i, n⁻_i | active partners of i that are longer, that are shorter |
//! | A | Laplacian of the graph of active pairs: (A v)_i = (n⁺_i + n⁻_i) v_i − Σ_partners v |
//!
//! A sum over the partners of every patient is one walk through the patients in order of time with a binary indexed tree
//! over the ranks of the scores: O(n log n) for each column.
//!
//! # Reference
//! Pölsterl, Navab, Katouzian, ECML PKDD 2015, 243–259 (order statistic trees); Lee and Lin, Neural Comput. 26 (2014)
//! 781–817.

/// The active pairs at given scores.
pub(super) struct ActivePairs<'a> {
    event: &'a [bool],
    /// Rank of each patient's score.
    rank: Vec<usize>,
    /// Per patient: how many scores are below s_i + 1.
    below: Vec<usize>,
    /// Per patient: how many scores s_i have s_i + 1 <= s_j.
    beyond: Vec<usize>,
    /// n⁺ and the sum of these partners' scores.
    longer: Vec<[f64; 2]>,
    /// n⁻ and the sum of these partners' scores.
    shorter: Vec<[f64; 2]>,
}

/// Columns that go through a tree together.
const LANES: usize = 8;

impl<'a> ActivePairs<'a> {
    pub(super) fn new(event: &'a [bool], score: &[f64]) -> ActivePairs<'a> {
        let n = score.len();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_unstable_by(|&a, &b| score[a].total_cmp(&score[b]).then(a.cmp(&b)));
        let mut rank = vec![0; n];
        for (place, &i) in order.iter().enumerate() {
            rank[i] = place;
        }
        // both limits rise with the score: one walk
        let (mut below, mut beyond) = (vec![0; n], vec![0; n]);
        let (mut first, mut second) = (0, 0);
        for &i in &order {
            while first < n && score[order[first]] < score[i] + 1.0 {
                first += 1;
            }
            while second < n && score[order[second]] + 1.0 <= score[i] {
                second += 1;
            }
            (below[i], beyond[i]) = (first, second);
        }
        let mut pairs = ActivePairs {
            event,
            rank,
            below,
            beyond,
            longer: Vec::new(),
            shorter: Vec::new(),
        };
        let counted: Vec<[f64; 2]> = score.iter().map(|s| [1.0, *s]).collect();
        pairs.longer = pairs.longer_sums(&counted);
        pairs.shorter = pairs.shorter_sums(&counted);
        pairs
    }

    /// Sums of `v` over the longer partners of each patient.
    fn longer_sums<const W: usize>(&self, v: &[[f64; W]]) -> Vec<[f64; W]> {
        let n = self.event.len();
        let mut sums = vec![[0.0; W]; n];
        let mut tree = Tree::new(n);
        for i in (0..n).rev() {
            if self.event[i] {
                sums[i] = tree.sum_first(self.below[i]);
            }
            tree.add(self.rank[i], &v[i]);
        }
        sums
    }

    /// Sums of `v` over the shorter partners of each patient.
    fn shorter_sums<const W: usize>(&self, v: &[[f64; W]]) -> Vec<[f64; W]> {
        let n = self.event.len();
        let mut sums = vec![[0.0; W]; n];
        let mut tree = Tree::new(n);
        let mut total = [0.0; W];
        for j in 0..n {
            let within = tree.sum_first(self.beyond[j]);
            for k in 0..W {
                sums[j][k] = total[k] - within[k];
            }
            if self.event[j] {
                tree.add(self.rank[j], &v[j]);
                for k in 0..W {
                    total[k] += v[j][k];
                }
            }
        }
        sums
    }

    /// Whether every patient has as many longer and as many shorter partners there.
    pub(super) fn as_many_partners(&self, other: &ActivePairs) -> bool {
        let same = |a: &[[f64; 2]], b: &[[f64; 2]]| a.iter().zip(b).all(|(a, b)| a[0] == b[0]);
        same(&self.longer, &other.longer) && same(&self.shorter, &other.shorter)
    }

    fn degree(&self, i: usize) -> f64 {
        self.longer[i][0] + self.shorter[i][0]
    }

    /// A v.
    pub(super) fn laplacian(&self, v: &[f64]) -> Vec<f64> {
        let column: Vec<[f64; 1]> = v.iter().map(|v| [*v]).collect();
        let (longer, shorter) = (self.longer_sums(&column), self.shorter_sums(&column));
        (0..v.len())
            .map(|i| self.degree(i) * v[i] - longer[i][0] - shorter[i][0])
            .collect()
    }

    /// B v for `v` \[n, width\], where A = B + Bᵀ: half the degrees less the longer partners.
    pub(super) fn half_laplacian(&self, v: &[f64], width: usize) -> Vec<f64> {
        let mut product = v.to_vec();
        for start in (0..width).step_by(LANES) {
            let lanes = LANES.min(width - start);
            let mut columns = vec![[0.0; LANES]; self.event.len()];
            for (to, row) in columns.iter_mut().zip(v.chunks_exact(width)) {
                to[..lanes].copy_from_slice(&row[start..start + lanes]);
            }
            let longer = self.longer_sums(&columns);
            for (i, row) in product.chunks_exact_mut(width).enumerate() {
                let half = 0.5 * self.degree(i);
                for (value, sum) in row[start..start + lanes].iter_mut().zip(&longer[i]) {
                    *value = half * *value - sum;
                }
            }
        }
        product
    }

    /// ½ Σ hinge² and its gradient in the scores that the pairs were made with.
    pub(super) fn loss(&self, score: &[f64]) -> (f64, Vec<f64>) {
        let mut gradient = Vec::with_capacity(score.len());
        let mut value = 0.0;
        for ((s, longer), shorter) in score.iter().zip(&self.longer).zip(&self.shorter) {
            let up = (1.0 + s) * longer[0] - longer[1];
            let down = (1.0 - s) * shorter[0] + shorter[1];
            gradient.push(up - down);
            // Σ hinge² = Σ hinge + Σ_i s_i gradient_i
            value += up + s * (up - down);
        }
        (0.5 * value, gradient)
    }
}

/// Binary indexed tree of rows of numbers.
struct Tree<const W: usize> {
    sums: Vec<[f64; W]>,
}

impl<const W: usize> Tree<W> {
    fn new(n: usize) -> Tree<W> {
        Tree {
            sums: vec![[0.0; W]; n + 1],
        }
    }

    fn add(&mut self, place: usize, row: &[f64; W]) {
        let mut i = place + 1;
        while let Some(to) = self.sums.get_mut(i) {
            for k in 0..W {
                to[k] += row[k];
            }
            i += i & i.wrapping_neg();
        }
    }

    /// The sum of the first `count` places.
    fn sum_first(&self, count: usize) -> [f64; W] {
        let mut sum = [0.0; W];
        let mut i = count;
        while i > 0 {
            for k in 0..W {
                sum[k] += self.sums[i][k];
            }
            i &= i - 1;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyed::Draws;

    #[test]
    fn sums_are_those_over_all_pairs() {
        let mut draws = Draws::new(4, 0);
        for _ in 0..100 {
            let n = 2 + draws.below(30) as usize;
            let event: Vec<bool> = (0..n).map(|_| draws.below(3) > 0).collect();
            let score: Vec<f64> = (0..n).map(|_| f64::from(draws.below(20)) / 5.0).collect();
            let v: Vec<f64> = (0..n).map(|_| f64::from(draws.below(9))).collect();
            let pairs = ActivePairs::new(&event, &score);
            let (mut value, mut gradient, mut product) = (0.0, vec![0.0; n], vec![0.0; n]);
            for i in 0..n {
                for j in i + 1..n {
                    let hinge = 1.0 - (score[j] - score[i]);
                    if event[i] && score[j] < score[i] + 1.0 {
                        value += 0.5 * hinge * hinge;
                        gradient[i] += hinge;
                        gradient[j] -= hinge;
                        product[i] += v[i] - v[j];
                        product[j] += v[j] - v[i];
                    }
                }
            }
            let (seen, slope) = pairs.loss(&score);
            assert!((seen - value).abs() <= 1e-9 * value.max(1.0));
            for i in 0..n {
                assert!((slope[i] - gradient[i]).abs() < 1e-9);
                assert!((pairs.laplacian(&v)[i] - product[i]).abs() < 1e-9);
            }
            // A = B + Bᵀ, columns of B from those of the unit matrix, more of them than lanes
            let unit: Vec<f64> = (0..n * n)
                .map(|k| f64::from(u8::from(k / n == k % n)))
                .collect();
            let half = pairs.half_laplacian(&unit, n);
            for i in 0..n {
                let row = (0..n).map(|j| (half[i * n + j] + half[j * n + i]) * v[j]);
                assert!((row.sum::<f64>() - product[i]).abs() < 1e-9);
            }
        }
    }
}
