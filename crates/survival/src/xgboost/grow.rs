//! The growth of one tree, level by level.
//!
//! Derivatives are single precision, their sums double; gains, weights and leaves are single again, as in XGBoost.

use rayon::prelude::*;

use super::columns::{Columns, Cuts};
use super::model::XgboostTree;
use super::objective::Gradient;
use super::params::XgboostParams;
use crate::keyed::Draws;

/// Below this many values a level is searched on one thread.
const VALUES_PER_THREAD: usize = 1 << 14;

/// A gain up to this is none.
const SMALLEST_GAIN: f32 = 1e-6;

/// Sums of derivatives.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    first: f64,
    second: f64,
}

impl Sums {
    fn add(&mut self, g: Gradient) {
        self.first += f64::from(g.first);
        self.second += f64::from(g.second);
    }

    fn plus(self, other: Sums) -> Sums {
        Sums {
            first: self.first + other.first,
            second: self.second + other.second,
        }
    }

    fn minus(self, other: Sums) -> Sums {
        Sums {
            first: self.first - other.first,
            second: self.second - other.second,
        }
    }
}

/// The penalties in the precision they are used in.
#[derive(Clone, Copy)]
struct Penalty {
    lambda: f64,
    alpha: f64,
    min_child_weight: f64,
}

impl Penalty {
    fn new(params: &XgboostParams) -> Penalty {
        let single = |v: f64| f64::from(v as f32);
        Penalty {
            lambda: single(params.lambda),
            alpha: single(params.alpha),
            min_child_weight: single(params.min_child_weight),
        }
    }

    fn shrunk(self, first: f64) -> f64 {
        if first > self.alpha {
            first - self.alpha
        } else if first < -self.alpha {
            first + self.alpha
        } else {
            0.0
        }
    }

    /// Where the penalised quadratic is smallest.
    fn weight(self, sums: Sums) -> f32 {
        if sums.second < self.min_child_weight || sums.second <= 0.0 {
            return 0.0;
        }
        (-self.shrunk(sums.first) / (sums.second + self.lambda)) as f32
    }

    /// Twice what the quadratic falls to there.
    fn gain(self, sums: Sums) -> f32 {
        if sums.second <= 0.0 {
            return 0.0;
        }
        let shrunk = self.shrunk(sums.first);
        // both are rounded before the division, as there: it decides between cuts that are nearly equal
        (shrunk * shrunk) as f32 / (sums.second + self.lambda) as f32
    }

    fn allows(self, sums: Sums) -> bool {
        sums.second >= self.min_child_weight
    }
}

#[derive(Debug, Clone, Copy)]
struct Cut {
    feature: u32,
    threshold: f32,
    gain: f32,
    left: Sums,
    right: Sums,
}

/// A node of the level under way: its rows are `start..end` of every list.
#[derive(Clone, Copy)]
struct Open {
    node: u32,
    start: usize,
    end: usize,
    sums: Sums,
    gain: f32,
}

/// Grows a tree on `rows`, ascending.
pub(super) fn grow(
    columns: &Columns,
    params: &XgboostParams,
    gradients: &[Gradient],
    rows: Vec<u32>,
    draws: &mut Draws,
) -> XgboostTree {
    let mut grower = Grower::new(columns, params, gradients, rows);
    let of_tree = draw_features(columns.values.len(), params.colsample_bytree, draws);
    let mut level = vec![grower.root()];
    for depth in 0..params.max_depth {
        let of_level = draw_among(&of_tree, params.colsample_bylevel, draws);
        let mut next = Vec::new();
        for open in level {
            let features = draw_among(&of_level, params.colsample_bynode, draws);
            if let Some(cut) = grower.search(open, &features) {
                next.extend(grower.split(open, cut, depth + 1 < params.max_depth));
            }
        }
        level = next;
    }
    grower.finish()
}

fn draw_features(n: usize, share: f64, draws: &mut Draws) -> Vec<u32> {
    draw_among(&(0..n as u32).collect::<Vec<u32>>(), share, draws)
}

/// ⌊share · n⌋ of the features, at least one, in ascending order.
fn draw_among(features: &[u32], share: f64, draws: &mut Draws) -> Vec<u32> {
    let mut drawn = features.to_vec();
    if share < 1.0 && !drawn.is_empty() {
        let k = ((share * drawn.len() as f64) as usize).clamp(1, drawn.len());
        draws.choose_front(&mut drawn, k);
        drawn.truncate(k);
        drawn.sort_unstable();
    }
    drawn
}

struct Grower<'a> {
    columns: &'a Columns,
    params: &'a XgboostParams,
    penalty: Penalty,
    gradients: &'a [Gradient],
    members: Vec<u32>,
    /// Exact only: the rows of each column by ascending value.
    sorted: Vec<Vec<u32>>,
    goes_left: Vec<bool>,
    tree: XgboostTree,
}

impl<'a> Grower<'a> {
    fn new(
        columns: &'a Columns,
        params: &'a XgboostParams,
        gradients: &'a [Gradient],
        members: Vec<u32>,
    ) -> Grower<'a> {
        let sorted = match &columns.cuts {
            Cuts::Exact { order } if members.len() == columns.n_rows => order.clone(),
            Cuts::Exact { order } => {
                let mut inside = vec![false; columns.n_rows];
                members.iter().for_each(|&row| inside[row as usize] = true);
                let kept = |order: &Vec<u32>| {
                    let rows = order.iter().copied();
                    rows.filter(|&row| inside[row as usize]).collect()
                };
                order.iter().map(kept).collect()
            }
            Cuts::Hist { .. } => Vec::new(),
        };
        Grower {
            columns,
            params,
            penalty: Penalty::new(params),
            gradients,
            members,
            sorted,
            goes_left: vec![false; columns.n_rows],
            tree: XgboostTree::default(),
        }
    }

    fn root(&mut self) -> Open {
        let mut sums = Sums::default();
        for &row in &self.members {
            sums.add(self.gradients[row as usize]);
        }
        self.push(sums);
        Open {
            node: 0,
            start: 0,
            end: self.members.len(),
            sums,
            gain: self.penalty.gain(sums),
        }
    }

    /// A leaf with these sums.
    fn push(&mut self, sums: Sums) {
        let weight = self.penalty.weight(sums);
        let tree = &mut self.tree;
        tree.left.push(0);
        tree.feature.push(0);
        // the learning rate is applied in single precision; + 0 so that no leaf is −0
        tree.threshold.push(self.params.eta as f32 * weight + 0.0);
        tree.weight.push(weight + 0.0);
        tree.gain.push(0.0);
        tree.cover.push(sums.second as f32);
    }

    /// The best cut of a node, features in order; of equal gains the first.
    fn search(&self, open: Open, features: &[u32]) -> Option<Cut> {
        let scan = |feature: &u32| match &self.columns.cuts {
            Cuts::Exact { .. } => self.scan_sorted(*feature, open),
            Cuts::Hist { bounds, bin } => {
                let feature_at = *feature as usize;
                self.scan_bins(*feature, open, &bounds[feature_at], &bin[feature_at])
            }
        };
        let cuts: Vec<Option<Cut>> = if features.len() * (open.end - open.start) > VALUES_PER_THREAD
        {
            features.par_iter().map(scan).collect()
        } else {
            features.iter().map(scan).collect()
        };
        let mut best: Option<Cut> = None;
        for cut in cuts.into_iter().flatten() {
            if best.is_none_or(|b| cut.gain > b.gain) {
                best = Some(cut);
            }
        }
        best.filter(|cut| cut.gain > SMALLEST_GAIN && self.is_worth(cut))
    }

    /// With bins a cut of too little gain is not made; exact growth makes it and prunes from below.
    fn is_worth(&self, cut: &Cut) -> bool {
        match self.columns.cuts {
            Cuts::Exact { .. } => true,
            Cuts::Hist { .. } => {
                cut.gain >= self.params.gamma as f32
                    && cut.left.second > 0.0
                    && cut.right.second > 0.0
            }
        }
    }

    fn gain_of(&self, open: Open, left: Sums, right: Sums) -> f32 {
        self.penalty.gain(left) + self.penalty.gain(right) - open.gain
    }

    /// Cuts between any two values, from the largest down, as XGBoost does for columns without holes.
    fn scan_sorted(&self, feature: u32, open: Open) -> Option<Cut> {
        let values = &self.columns.values[feature as usize];
        let rows = &self.sorted[feature as usize][open.start..open.end];
        let mut right = Sums::default();
        let mut best: Option<Cut> = None;
        for pair in rows.windows(2).rev() {
            let (low, high) = (values[pair[0] as usize], values[pair[1] as usize]);
            right.add(self.gradients[pair[1] as usize]);
            if low == high || !self.penalty.allows(right) {
                continue;
            }
            let left = open.sums.minus(right);
            if !self.penalty.allows(left) {
                continue;
            }
            let gain = self.gain_of(open, left, right);
            if gain > best.map_or(0.0, |b| b.gain) {
                let middle = (low + high) * 0.5;
                // a halfway point that rounds down, or overflows, keeps both apart at the upper value
                let apart = middle > low && middle.is_finite();
                best = Some(Cut {
                    feature,
                    threshold: if apart { middle } else { high },
                    gain,
                    left,
                    right,
                });
            }
        }
        best
    }

    /// Cuts between bins, from the smallest up.
    fn scan_bins(&self, feature: u32, open: Open, bounds: &[f32], bin: &[u16]) -> Option<Cut> {
        let mut bins = vec![Sums::default(); bounds.len() + 1];
        for &row in &self.members[open.start..open.end] {
            bins[bin[row as usize] as usize].add(self.gradients[row as usize]);
        }
        let mut left = Sums::default();
        let mut best: Option<Cut> = None;
        for (sums, bound) in bins.iter().zip(bounds) {
            if sums.first == 0.0 && sums.second == 0.0 {
                continue;
            }
            left = left.plus(*sums);
            if !self.penalty.allows(left) {
                continue;
            }
            let right = open.sums.minus(left);
            if !self.penalty.allows(right) {
                continue;
            }
            let gain = self.gain_of(open, left, right);
            if gain > best.map_or(0.0, |b| b.gain) {
                best = Some(Cut {
                    feature,
                    threshold: *bound,
                    gain,
                    left,
                    right,
                });
            }
        }
        best
    }

    /// Makes a cut; the sorted lists are parted only when the children are searched.
    fn split(&mut self, open: Open, cut: Cut, searched: bool) -> [Open; 2] {
        let values = &self.columns.values[cut.feature as usize];
        for &row in &self.members[open.start..open.end] {
            self.goes_left[row as usize] = values[row as usize] < cut.threshold;
        }
        let range = open.start..open.end;
        let middle = open.start + part(&mut self.members[range.clone()], &self.goes_left);
        if searched {
            for order in &mut self.sorted {
                part(&mut order[range.clone()], &self.goes_left);
            }
        }
        let node = open.node as usize;
        let left = self.tree.left.len() as u32;
        self.tree.left[node] = left;
        self.tree.feature[node] = cut.feature;
        self.tree.threshold[node] = cut.threshold;
        self.tree.gain[node] = cut.gain;
        self.push(cut.left);
        self.push(cut.right);
        let child = |node, start, end, sums| Open {
            node,
            start,
            end,
            sums,
            gain: self.penalty.gain(sums),
        };
        [
            child(left, open.start, middle, cut.left),
            child(left + 1, middle, open.end, cut.right),
        ]
    }

    fn finish(self) -> XgboostTree {
        match self.columns.cuts {
            Cuts::Exact { .. } => {
                pruned(self.tree, self.params.gamma as f32, self.params.eta as f32)
            }
            Cuts::Hist { .. } => self.tree,
        }
    }
}

/// Turns nodes with too little gain and no grandchildren into leaves, from below, and closes the gaps.
fn pruned(mut tree: XgboostTree, gamma: f32, eta: f32) -> XgboostTree {
    let is_leaf = |tree: &XgboostTree, node: usize| tree.left[node] == 0;
    let mut changed = false;
    for node in (0..tree.left.len()).rev() {
        let left = tree.left[node] as usize;
        if left != 0 && is_leaf(&tree, left) && is_leaf(&tree, left + 1) && tree.gain[node] < gamma
        {
            tree.left[node] = 0;
            tree.feature[node] = 0;
            tree.threshold[node] = eta * tree.weight[node] + 0.0;
            tree.gain[node] = 0.0;
            changed = true;
        }
    }
    if !changed {
        return tree;
    }
    // nodes still reached, in their order: pairs stay pairs
    let mut reached = vec![false; tree.left.len()];
    reached[0] = true;
    for node in 0..tree.left.len() {
        if reached[node] && tree.left[node] != 0 {
            let left = tree.left[node] as usize;
            (reached[left], reached[left + 1]) = (true, true);
        }
    }
    let mut number = vec![0u32; tree.left.len()];
    let mut next = 0;
    for node in 0..tree.left.len() {
        number[node] = next;
        next += u32::from(reached[node]);
    }
    let mut closed = XgboostTree::default();
    for node in (0..tree.left.len()).filter(|&node| reached[node]) {
        let left = tree.left[node] as usize;
        closed.left.push(if left == 0 { 0 } else { number[left] });
        closed.feature.push(tree.feature[node]);
        closed.threshold.push(tree.threshold[node]);
        closed.weight.push(tree.weight[node]);
        closed.gain.push(tree.gain[node]);
        closed.cover.push(tree.cover[node]);
    }
    closed
}

/// Moves the rows that go left to the front, both sides in their order; returns how many.
fn part(rows: &mut [u32], goes_left: &[bool]) -> usize {
    let mut right = Vec::new();
    let mut kept = 0;
    for i in 0..rows.len() {
        let row = rows[i];
        if goes_left[row as usize] {
            rows[kept] = row;
            kept += 1;
        } else {
            right.push(row);
        }
    }
    rows[kept..].copy_from_slice(&right);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pruning_goes_up_while_gains_are_small_and_closes_gaps() {
        // node 0 cuts into 1 and 2, node 1 into 3 and 4, node 2 into 5 and 6
        let tree = XgboostTree {
            left: vec![1, 3, 5, 0, 0, 0, 0],
            feature: vec![2, 1, 0, 0, 0, 0, 0],
            threshold: vec![0.5, 1.5, 2.5, 0.1, 0.2, 0.3, 0.4],
            weight: vec![0.0, 4.0, 5.0, 1.0, 2.0, 3.0, 4.0],
            gain: vec![9.0, 0.5, 2.0, 0.0, 0.0, 0.0, 0.0],
            cover: vec![6.0, 2.0, 4.0, 1.0, 1.0, 2.0, 2.0],
        };
        assert_eq!(pruned(tree.clone(), 0.0, 0.1), tree);
        let one = pruned(tree.clone(), 1.0, 0.5);
        assert_eq!(one.left, [1, 0, 3, 0, 0]);
        assert_eq!(one.feature, [2, 0, 0, 0, 0]);
        assert_eq!(one.threshold, [0.5, 2.0, 2.5, 0.3, 0.4]);
        // the root's gain is large, but it is pruned only after both children are leaves
        let two = pruned(tree.clone(), 3.0, 0.5);
        assert_eq!(two.left, [1, 0, 0]);
        let all = pruned(tree, 10.0, 0.5);
        assert_eq!(all.left, [0]);
        assert_eq!(all.cover, [6.0]);
    }

    #[test]
    fn leaves_and_gains_by_hand() {
        let penalty = Penalty {
            lambda: 1.0,
            alpha: 0.5,
            min_child_weight: 1.0,
        };
        let sums = |first, second| Sums { first, second };
        assert_eq!(penalty.weight(sums(-2.5, 3.0)), 0.5);
        assert_eq!(penalty.gain(sums(-2.5, 3.0)), 1.0);
        assert_eq!(penalty.weight(sums(0.4, 3.0)), 0.0);
        assert_eq!(penalty.weight(sums(2.5, 0.9)), 0.0);
    }
}
