//! The growth of one least-squares tree on residuals.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::model::BoostedTree;
use super::{Comparison, GbmGrowth};

/// Below this many values a node is searched on one thread.
const VALUES_PER_THREAD: usize = 1 << 14;

/// Two cuts whose improvements agree to this are told apart by their order (depth-first growth only; gbm compares the
/// last bit, and so does best-first growth).
const BETTER_BY: f64 = 1.0 + 1e-9;

/// The training matrix by column, with the rows of every column by ascending value, equal values by row.
pub(super) struct Presorted {
    pub(super) values: Vec<Vec<f64>>,
    order: Vec<Vec<u32>>,
    n_rows: usize,
}

impl Presorted {
    /// Rows of `x` in the order `rows`; in single precision where `comparison` says so.
    pub(super) fn new(x: ArrayView2<f64>, rows: &[usize], comparison: Comparison) -> Presorted {
        let values: Vec<Vec<f64>> = x
            .columns()
            .into_iter()
            .map(|column| rows.iter().map(|&i| comparison.value(column[i])).collect())
            .collect();
        let order = values
            .par_iter()
            .map(|column| {
                let mut order: Vec<u32> = (0..column.len() as u32).collect();
                order.sort_by(|&a, &b| column[a as usize].total_cmp(&column[b as usize]));
                order
            })
            .collect();
        Presorted {
            values,
            order,
            n_rows: rows.len(),
        }
    }
}

/// A grown tree with what boosting needs beside it.
pub(super) struct Grown {
    /// Nodes; the leaves hold nothing yet.
    pub(super) tree: BoostedTree,
    /// Node of each leaf, in gbm's order: a left child takes its parent's place, a right child goes to the end.
    pub(super) leaves: Vec<u32>,
    /// Place in `leaves` of each row, `None` outside the bag.
    pub(super) leaf_of: Vec<Option<usize>>,
    /// Improvement of each cut: feature and n_l n_r / (n_l + n_r) (mean_l − mean_r)².
    pub(super) gains: Vec<(u32, f64)>,
}

/// Grows a tree on the rows of `bag`, ascending; of equal cuts the feature wins that comes first in `features`.
pub(super) fn grow(
    data: &Presorted,
    growth: GbmGrowth,
    comparison: Comparison,
    residual: &[f64],
    bag: &[u32],
    features: &[u32],
) -> Grown {
    let mut grower = Grower::new(data, growth, comparison, residual, bag, features);
    match growth {
        GbmGrowth::BestFirstNewton { n_splits, .. } => grower.best_first(n_splits),
        GbmGrowth::DepthFirstMean {
            max_depth,
            min_samples_split,
            ..
        } => grower.depth_first(max_depth, min_samples_split),
    }
    grower.finish()
}

#[derive(Clone, Copy)]
struct Cut {
    feature: u32,
    threshold: f64,
    improvement: f64,
    /// Sum of residuals left of the cut.
    left: f64,
    /// Sum of residuals right of it.
    right: f64,
}

/// A node without children yet: its rows are `start..end` of every list.
#[derive(Clone, Copy)]
struct Leaf {
    node: u32,
    depth: usize,
    start: usize,
    end: usize,
    sum: f64,
}

struct Grower<'a> {
    data: &'a Presorted,
    comparison: Comparison,
    residual: &'a [f64],
    features: &'a [u32],
    min_leaf: usize,
    exact: bool,
    members: Vec<u32>,
    sorted: Vec<Vec<u32>>,
    goes_left: Vec<bool>,
    tree: BoostedTree,
    leaves: Vec<Leaf>,
    gains: Vec<(u32, f64)>,
}

impl<'a> Grower<'a> {
    fn new(
        data: &'a Presorted,
        growth: GbmGrowth,
        comparison: Comparison,
        residual: &'a [f64],
        bag: &[u32],
        features: &'a [u32],
    ) -> Grower<'a> {
        let (min_leaf, exact) = match growth {
            GbmGrowth::BestFirstNewton { min_node_size, .. } => (min_node_size, true),
            GbmGrowth::DepthFirstMean {
                min_samples_leaf, ..
            } => (min_samples_leaf, false),
        };
        let sorted = if bag.len() == data.n_rows {
            data.order.clone()
        } else {
            let mut inside = vec![false; data.n_rows];
            bag.iter().for_each(|&row| inside[row as usize] = true);
            let kept = |order: &Vec<u32>| {
                order
                    .iter()
                    .copied()
                    .filter(|&r| inside[r as usize])
                    .collect()
            };
            data.order.iter().map(kept).collect()
        };
        let root = Leaf {
            node: 0,
            depth: 0,
            start: 0,
            end: bag.len(),
            sum: bag.iter().map(|&row| residual[row as usize]).sum(),
        };
        let mut tree = BoostedTree::default();
        tree.push_leaf();
        Grower {
            data,
            comparison,
            residual,
            features,
            min_leaf,
            exact,
            members: bag.to_vec(),
            sorted,
            goes_left: vec![false; data.n_rows],
            tree,
            leaves: vec![root],
            gains: Vec::new(),
        }
    }

    fn best_first(&mut self, n_splits: usize) {
        let mut cuts = vec![self.search(self.leaves[0])];
        for made in 0..n_splits {
            let mut best: Option<(usize, Cut)> = None;
            for (place, cut) in cuts.iter().enumerate() {
                if let Some(cut) = cut
                    && best.is_none_or(|(_, b)| cut.improvement > b.improvement)
                {
                    best = Some((place, *cut));
                }
            }
            let Some((place, cut)) = best else { return };
            let more = made + 1 < n_splits;
            self.split(place, cut, more);
            if more {
                cuts[place] = self.search(self.leaves[place]);
                cuts.push(self.leaves.last().and_then(|leaf| self.search(*leaf)));
            }
        }
    }

    fn depth_first(&mut self, max_depth: usize, min_split: usize) {
        let mut place = 0;
        while place < self.leaves.len() {
            let leaf = self.leaves[place];
            let may =
                leaf.depth < max_depth && leaf.end - leaf.start >= min_split && self.varies(leaf);
            match may.then(|| self.search(leaf)).flatten() {
                Some(cut) => self.split(place, cut, leaf.depth + 1 < max_depth),
                None => place += 1,
            }
        }
    }

    fn varies(&self, leaf: Leaf) -> bool {
        let rows = &self.members[leaf.start..leaf.end];
        let residual = |row: &u32| self.residual[*row as usize];
        rows.iter().any(|row| residual(row) != residual(&rows[0]))
    }

    /// The best cut of a leaf.
    fn search(&self, leaf: Leaf) -> Option<Cut> {
        let values = self.features.len() * (leaf.end - leaf.start);
        let scan = |feature: &u32| self.scan(*feature as usize, leaf);
        let cuts: Vec<Option<Cut>> = if values > VALUES_PER_THREAD {
            self.features.par_iter().map(scan).collect()
        } else {
            self.features.iter().map(scan).collect()
        };
        let mut best: Option<Cut> = None;
        for cut in cuts.into_iter().flatten() {
            if best.is_none_or(|b| self.better(cut.improvement, b.improvement)) {
                best = Some(cut);
            }
        }
        best
    }

    fn better(&self, new: f64, old: f64) -> bool {
        new > if self.exact { old } else { old * BETTER_BY }
    }

    /// The best cut of one feature.
    fn scan(&self, feature: usize, leaf: Leaf) -> Option<Cut> {
        let rows = &self.sorted[feature][leaf.start..leaf.end];
        let values = &self.data.values[feature];
        let total = rows.len();
        let (mut left, mut right) = (0.0, leaf.sum);
        let mut best: Option<Cut> = None;
        for n_left in 1..total {
            let row = rows[n_left - 1] as usize;
            left += self.residual[row];
            right -= self.residual[row];
            if total - n_left < self.min_leaf {
                break;
            }
            let (low, high) = (values[row], values[rows[n_left] as usize]);
            if n_left < self.min_leaf || !self.comparison.differ(low, high) {
                continue;
            }
            let (wl, wr) = (n_left as f64, (total - n_left) as f64);
            let between = left / wl - right / wr;
            let improvement = wl * wr * between * between / (wl + wr);
            let better = match best {
                Some(b) => self.better(improvement, b.improvement),
                None => !self.exact || improvement > 0.0,
            };
            if better {
                best = Some(Cut {
                    feature: feature as u32,
                    threshold: self.comparison.threshold(low, high),
                    improvement,
                    left,
                    right,
                });
            }
        }
        best
    }

    /// Parts a leaf in two; the sorted lists only when the children are searched.
    fn split(&mut self, place: usize, cut: Cut, searched: bool) {
        let leaf = self.leaves[place];
        let values = &self.data.values[cut.feature as usize];
        for &row in &self.members[leaf.start..leaf.end] {
            self.goes_left[row as usize] = self
                .comparison
                .goes_left(values[row as usize], cut.threshold);
        }
        let range = leaf.start..leaf.end;
        let middle = leaf.start + part(&mut self.members[range.clone()], &self.goes_left);
        if searched {
            for order in &mut self.sorted {
                part(&mut order[range.clone()], &self.goes_left);
            }
        }
        let left = self.tree.split(leaf.node, cut.feature, cut.threshold);
        self.gains.push((cut.feature, cut.improvement));
        self.leaves[place] = Leaf {
            node: left,
            depth: leaf.depth + 1,
            start: leaf.start,
            end: middle,
            sum: cut.left,
        };
        self.leaves.push(Leaf {
            node: left + 1,
            depth: leaf.depth + 1,
            start: middle,
            end: leaf.end,
            sum: cut.right,
        });
    }

    fn finish(self) -> Grown {
        let mut leaf_of = vec![None; self.data.n_rows];
        for (place, leaf) in self.leaves.iter().enumerate() {
            for &row in &self.members[leaf.start..leaf.end] {
                leaf_of[row as usize] = Some(place);
            }
        }
        Grown {
            tree: self.tree,
            leaves: self.leaves.iter().map(|leaf| leaf.node).collect(),
            leaf_of,
            gains: self.gains,
        }
    }
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
