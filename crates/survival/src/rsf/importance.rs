//! What each tree loses on the rows it left out when a feature is shuffled among them.

use cohort::FollowUp;
use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;
use stats::concordance::concordance_counts;

use super::forest::Forest;
use crate::keyed::Draws;

/// Mean over the trees of the drop of the tree's C-index, per feature; a tree that left out no comparable pair drops
/// nothing. Breiman, Mach. Learn. 45 (2001) 5–32; ranger's `importance = "permutation"`.
pub(super) fn permutation(
    forest: &Forest,
    x: ArrayView2<f64>,
    follow_up: &FollowUp,
    bags: &[Vec<u32>],
    seed: u64,
) -> Vec<f64> {
    let n_trees = forest.n_trees();
    let drops: Vec<Option<Vec<f64>>> = (0..n_trees)
        .into_par_iter()
        .map(|tree| {
            let left_out: Vec<usize> = (0..x.nrows()).filter(|&r| bags[tree][r] == 0).collect();
            let follow_up = follow_up.select(&left_out);
            let mut draws = Draws::new(seed, (1 << 63) | tree as u64);
            of_tree(
                forest,
                tree,
                x.select(Axis(0), &left_out),
                &follow_up,
                &mut draws,
            )
        })
        .collect();
    let mut sums = vec![0.0; x.ncols()];
    for drops in drops.into_iter().flatten() {
        for (sum, drop) in sums.iter_mut().zip(drops) {
            *sum += drop;
        }
    }
    sums.iter().map(|sum| sum / n_trees as f64).collect()
}

fn of_tree(
    forest: &Forest,
    tree: usize,
    mut x: ndarray::Array2<f64>,
    follow_up: &FollowUp,
    draws: &mut Draws,
) -> Option<Vec<f64>> {
    let whole = concordance(forest, tree, x.view(), follow_up)?;
    let compares = forest.compares(tree);
    let mut drops = vec![0.0; x.ncols()];
    for (column, drop) in drops.iter_mut().enumerate() {
        if !compares[column] {
            continue;
        }
        let kept = x.column(column).to_owned();
        let mut order: Vec<u32> = (0..x.nrows() as u32).collect();
        draws.choose_front(&mut order, x.nrows());
        for (row, from) in order.into_iter().enumerate() {
            x[[row, column]] = kept[from as usize];
        }
        *drop = whole - concordance(forest, tree, x.view(), follow_up)?;
        x.column_mut(column).assign(&kept);
    }
    Some(drops)
}

fn concordance(
    forest: &Forest,
    tree: usize,
    x: ArrayView2<f64>,
    follow_up: &FollowUp,
) -> Option<f64> {
    let rows = x.rows().into_iter();
    let risk: Vec<f64> = rows.map(|row| forest.tree_risk(tree, row)).collect();
    concordance_counts(&risk, follow_up).ok()?.index()
}
