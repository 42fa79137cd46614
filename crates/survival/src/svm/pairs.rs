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
    /// n⁺ and n⁻.
    pub(super) longer: Vec<f64>,
    pub(super) shorter: Vec<f64>,
}

impl<'a> ActivePairs<'a> {
    pub(super) fn new(event: &'a [bool], score: &[f64]) -> ActivePairs<'a> {
        let n = score.len();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| score[a].total_cmp(&score[b]));
        let sorted: Vec<f64> = order.iter().map(|&i| score[i]).collect();
        let mut rank = vec![0; n];
        for (place, &i) in order.iter().enumerate() {
            rank[i] = place;
        }
        let mut pairs = ActivePairs {
            event,
            rank,
            below: score
                .iter()
                .map(|s| sorted.partition_point(|other| *other < s + 1.0))
                .collect(),
            beyond: score
                .iter()
                .map(|s| sorted.partition_point(|other| other + 1.0 <= *s))
                .collect(),
            longer: Vec::new(),
            shorter: Vec::new(),
        };
        let (longer, shorter) = pairs.partner_sums(&vec![1.0; n], 1);
        (pairs.longer, pairs.shorter) = (longer, shorter);
        pairs
    }

    /// Sums of the rows of `v` \[n, width\] over the longer and over the shorter partners of each patient.
    pub(super) fn partner_sums(&self, v: &[f64], width: usize) -> (Vec<f64>, Vec<f64>) {
        let n = self.event.len();
        let (mut longer, mut shorter) = (vec![0.0; n * width], vec![0.0; n * width]);
        let mut tree = Tree::new(n, width);
        for i in (0..n).rev() {
            let row = i * width..(i + 1) * width;
            if self.event[i] {
                tree.sum_first(self.below[i], &mut longer[row.clone()]);
            }
            tree.add(self.rank[i], &v[row]);
        }
        let mut tree = Tree::new(n, width);
        let mut total = vec![0.0; width];
        for j in 0..n {
            let row = j * width..(j + 1) * width;
            let sum = &mut shorter[row.clone()];
            tree.sum_first(self.beyond[j], sum);
            sum.iter_mut()
                .zip(&total)
                .for_each(|(s, all)| *s = all - *s);
            if self.event[j] {
                tree.add(self.rank[j], &v[row.clone()]);
                total.iter_mut().zip(&v[row]).for_each(|(t, v)| *t += v);
            }
        }
        (longer, shorter)
    }

    /// A v for `v` \[n, width\].
    pub(super) fn laplacian(&self, v: &[f64], width: usize) -> Vec<f64> {
        let (longer, shorter) = self.partner_sums(v, width);
        let mut product = v.to_vec();
        for (i, row) in product.chunks_mut(width.max(1)).enumerate() {
            let degree = self.longer[i] + self.shorter[i];
            for (k, value) in row.iter_mut().enumerate() {
                *value = degree * *value - longer[i * width + k] - shorter[i * width + k];
            }
        }
        product
    }

    /// ½ Σ hinge² and its gradient in the scores.
    pub(super) fn loss(&self, score: &[f64]) -> (f64, Vec<f64>) {
        let (longer, shorter) = self.partner_sums(score, 1);
        let mut gradient = Vec::with_capacity(score.len());
        let mut value = 0.0;
        for (i, s) in score.iter().enumerate() {
            let up = (1.0 + s) * self.longer[i] - longer[i];
            let down = (1.0 - s) * self.shorter[i] + shorter[i];
            gradient.push(up - down);
            // Σ hinge² = Σ hinge + Σ_i s_i gradient_i
            value += up + s * (up - down);
        }
        (0.5 * value, gradient)
    }
}

/// Binary indexed tree of rows of numbers.
struct Tree {
    width: usize,
    sums: Vec<f64>,
    n: usize,
}

impl Tree {
    fn new(n: usize, width: usize) -> Tree {
        let sums = vec![0.0; (n + 1) * width];
        Tree { width, sums, n }
    }

    fn add(&mut self, place: usize, row: &[f64]) {
        let mut i = place + 1;
        while i <= self.n {
            let to = &mut self.sums[i * self.width..(i + 1) * self.width];
            to.iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
            i += i & i.wrapping_neg();
        }
    }

    /// Adds the sum of the first `count` places to `to`.
    fn sum_first(&self, count: usize, to: &mut [f64]) {
        let mut i = count;
        while i > 0 {
            let from = &self.sums[i * self.width..(i + 1) * self.width];
            to.iter_mut().zip(from).for_each(|(sum, v)| *sum += v);
            i &= i - 1;
        }
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
                assert!((pairs.laplacian(&v, 1)[i] - product[i]).abs() < 1e-9);
            }
        }
    }
}
