//! The fitted forest: plain data, checks, prediction.

use cohort::{FollowUp, RiskScores};
use ndarray::{Array2, ArrayView1, ArrayView2};
use rayon::prelude::*;
use stats::concordance::concordance_counts;

use super::RiskTimes;
use crate::learner::{
    Model, ModelParts, PartsError, PredictError, check_prediction, check_times, finite, in_range,
    same_length,
};
use crate::tree::{Columns, GrownTree};

/// A fitted random survival forest as plain data.
///
/// Holds distinct training times and event counts, but no row of the training matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct RsfModel {
    /// Columns expected, in order.
    pub feature_names: Vec<String>,
    /// Distinct times of the training patients, ascending, in the unit of their follow-up.
    pub times: Vec<f64>,
    /// Whether an event was seen at each of `times`.
    pub time_has_event: Vec<bool>,
    /// Times over which the cumulative hazard is summed to a risk.
    pub risk_times: RiskTimes,
    /// The trees, in the order of their streams.
    pub trees: Vec<ForestTree>,
    /// Out-of-bag risk of each training patient, `None` where no tree left the patient out.
    pub out_of_bag: Vec<Option<f64>>,
    /// 1 − Harrell's C of `out_of_bag`, `None` where no two patients that have one can be compared.
    pub out_of_bag_error: Option<f64>,
    /// Permutation importance of each feature on the rows each tree left out, where it was asked for
    /// ([`RsfParams::importance`](super::RsfParams::importance)).
    pub importance: Option<Vec<f64>>,
}

/// One tree. Nodes are numbered breadth first, the root is 0; children come in pairs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ForestTree {
    /// Per node: number of the left child (the right one is next to it), 0 for a leaf.
    pub left: Vec<u32>,
    /// Per node: column compared, 0 for a leaf.
    pub feature: Vec<u32>,
    /// Per node: `x <= threshold` goes left, 0 for a leaf.
    pub threshold: Vec<f64>,
    /// Per leaf, in node order: end of its entries in the three lists below; they start where the last leaf's end.
    pub leaf_end: Vec<u32>,
    /// Per jump of a leaf's cumulative hazard: index into [`RsfModel::times`], ascending within a leaf.
    pub jump_time: Vec<u32>,
    /// Per jump: events d at that time in the leaf.
    pub jump_events: Vec<u32>,
    /// Per jump: patients at risk Y at that time in the leaf; the cumulative hazard rises by d / Y.
    pub jump_at_risk: Vec<u32>,
}

/// A forest ready to predict.
#[derive(Debug)]
pub(crate) struct Forest {
    model: RsfModel,
    /// Per tree and node: number of the leaf (meaningful at leaves).
    leaf_of: Vec<Vec<u32>>,
    /// Per tree and leaf: cumulative hazard summed over the risk times.
    leaf_risk: Vec<Vec<f64>>,
}

impl Forest {
    /// Checks plain data and makes it ready to predict.
    pub(crate) fn new(model: RsfModel) -> Result<Forest, PartsError> {
        check(&model)?;
        Ok(Forest::prepare(model))
    }

    /// Takes grown trees and scores every training patient with the trees that left them out.
    pub(crate) fn from_grown(
        x: ArrayView2<f64>,
        names: &[String],
        columns: Columns,
        grown: Vec<GrownTree>,
        risk_times: RiskTimes,
    ) -> (Forest, Vec<Vec<u32>>) {
        let mut time_has_event = vec![false; columns.times.len()];
        for (row, &time) in columns.time_index.iter().enumerate() {
            time_has_event[time as usize] |= columns.event[row];
        }
        let (trees, bags): (Vec<ForestTree>, Vec<Vec<u32>>) =
            grown.into_iter().map(|g| (g.tree, g.copies)).unzip();
        let mut forest = Forest::prepare(RsfModel {
            feature_names: names.to_vec(),
            times: columns.times,
            time_has_event,
            risk_times,
            trees,
            out_of_bag: Vec::new(),
            out_of_bag_error: None,
            importance: None,
        });
        forest.model.out_of_bag = forest.out_of_bag(x, &bags);
        (forest, bags)
    }

    /// Takes the out-of-bag error and, where it was asked for, the importance.
    pub(crate) fn judge(mut self, follow_up: &FollowUp, importance: Option<Vec<f64>>) -> Forest {
        let (rows, risk): (Vec<usize>, Vec<f64>) = (self.model.out_of_bag.iter().enumerate())
            .filter_map(|(row, risk)| risk.map(|risk| (row, risk)))
            .unzip();
        let counts = concordance_counts(&risk, &follow_up.select(&rows));
        let concordance = counts.ok().and_then(|counts| counts.index());
        self.model.out_of_bag_error = concordance.map(|c| 1.0 - c);
        self.model.importance = importance;
        self
    }

    /// Number of trees.
    pub(crate) fn n_trees(&self) -> usize {
        self.model.trees.len()
    }

    /// Whether a tree compares each feature anywhere.
    pub(crate) fn compares(&self, tree: usize) -> Vec<bool> {
        let nodes = &self.model.trees[tree];
        let mut compares = vec![false; self.model.feature_names.len()];
        for (left, feature) in nodes.left.iter().zip(&nodes.feature) {
            if *left != 0 {
                compares[*feature as usize] = true;
            }
        }
        compares
    }

    /// Risk of a patient by one tree.
    pub(crate) fn tree_risk(&self, tree: usize, patient: ArrayView1<f64>) -> f64 {
        self.leaf_risk[tree][self.leaf(tree, patient)]
    }

    fn prepare(model: RsfModel) -> Forest {
        let later = times_at_or_after(&model);
        let leaf_of = model.trees.iter().map(number_leaves).collect();
        let leaf_risk = model.trees.iter().map(|t| leaf_risks(t, &later)).collect();
        Forest {
            model,
            leaf_of,
            leaf_risk,
        }
    }

    fn out_of_bag(&self, x: ArrayView2<f64>, bags: &[Vec<u32>]) -> Vec<Option<f64>> {
        (0..x.nrows())
            .into_par_iter()
            .map(|row| {
                let patient = x.row(row);
                let (mut sum, mut trees) = (0.0, 0u32);
                for (tree, bag) in bags.iter().enumerate() {
                    if bag[row] == 0 {
                        sum += self.tree_risk(tree, patient);
                        trees += 1;
                    }
                }
                (trees > 0).then(|| sum / f64::from(trees))
            })
            .collect()
    }

    /// The leaf of tree `tree` a patient ends in.
    fn leaf(&self, tree: usize, patient: ArrayView1<f64>) -> usize {
        let nodes = &self.model.trees[tree];
        let mut node = 0;
        while nodes.left[node] != 0 {
            let goes_right = patient[nodes.feature[node] as usize] > nodes.threshold[node];
            node = nodes.left[node] as usize + usize::from(goes_right);
        }
        self.leaf_of[tree][node] as usize
    }

    fn risk_of(&self, patient: ArrayView1<f64>) -> f64 {
        let trees = self.leaf_risk.len();
        let sum: f64 = (0..trees).map(|tree| self.tree_risk(tree, patient)).sum();
        sum / trees as f64
    }

    /// Survival at the first `seen[j]` training times, `seen` ascending or not.
    fn survival_of(&self, patient: ArrayView1<f64>, seen: &[u32]) -> Vec<f64> {
        let mut hazard = vec![0.0; seen.len()];
        for (index, tree) in self.model.trees.iter().enumerate() {
            let leaf = self.leaf(index, patient);
            for jump in jumps(tree, leaf) {
                let rise = rise(tree, jump);
                for (h, &seen) in hazard.iter_mut().zip(seen) {
                    if tree.jump_time[jump] < seen {
                        *h += rise;
                    }
                }
            }
        }
        let trees = self.model.trees.len() as f64;
        hazard.iter().map(|h| libm::exp(-h / trees)).collect()
    }
}

impl Model for Forest {
    fn feature_names(&self) -> &[String] {
        &self.model.feature_names
    }

    fn risk(&self, x: ArrayView2<f64>) -> Result<RiskScores, PredictError> {
        check_prediction(x, &self.model.feature_names)?;
        let x = x.as_standard_layout();
        let risk = (0..x.nrows())
            .into_par_iter()
            .map(|row| self.risk_of(x.row(row)))
            .collect();
        Ok(RiskScores::higher_is_worse(risk)?)
    }

    fn survival(
        &self,
        x: ArrayView2<f64>,
        times: &[f64],
    ) -> Option<Result<Array2<f64>, PredictError>> {
        if let Err(error) =
            check_prediction(x, &self.model.feature_names).and_then(|()| check_times(times))
        {
            return Some(Err(error));
        }
        let seen: Vec<u32> = times
            .iter()
            .map(|t| self.model.times.partition_point(|seen| seen <= t) as u32)
            .collect();
        let rows: Vec<Vec<f64>> = (0..x.nrows())
            .into_par_iter()
            .map(|row| self.survival_of(x.row(row), &seen))
            .collect();
        let mut survival = Array2::zeros((x.nrows(), times.len()));
        for (mut to, from) in survival.rows_mut().into_iter().zip(rows) {
            to.assign(&ArrayView1::from(&from));
        }
        Some(Ok(survival))
    }

    fn out_of_bag_risk(&self) -> Option<&[Option<f64>]> {
        Some(&self.model.out_of_bag)
    }

    fn out_of_bag_error(&self) -> Option<f64> {
        self.model.out_of_bag_error
    }

    fn importance(&self) -> Option<Vec<f64>> {
        self.model.importance.clone()
    }

    fn last_time(&self) -> Option<f64> {
        self.model.times.last().copied()
    }

    fn holds_training_rows(&self) -> bool {
        false
    }

    fn parts(&self) -> ModelParts {
        ModelParts::Rsf(self.model.clone())
    }
}

fn jumps(tree: &ForestTree, leaf: usize) -> std::ops::Range<usize> {
    let start = if leaf == 0 {
        0
    } else {
        tree.leaf_end[leaf - 1]
    };
    start as usize..tree.leaf_end[leaf] as usize
}

fn rise(tree: &ForestTree, jump: usize) -> f64 {
    f64::from(tree.jump_events[jump]) / f64::from(tree.jump_at_risk[jump])
}

/// Per time: how many risk times lie at or after it; a jump there is counted that often.
fn times_at_or_after(model: &RsfModel) -> Vec<f64> {
    let mut later = vec![0.0; model.times.len()];
    let mut count = 0.0;
    for time in (0..model.times.len()).rev() {
        if model.risk_times == RiskTimes::All || model.time_has_event[time] {
            count += 1.0;
        }
        later[time] = count;
    }
    later
}

fn number_leaves(tree: &ForestTree) -> Vec<u32> {
    let mut next = 0;
    tree.left
        .iter()
        .map(|&left| {
            let leaf = next;
            next += u32::from(left == 0);
            leaf
        })
        .collect()
}

fn leaf_risks(tree: &ForestTree, later: &[f64]) -> Vec<f64> {
    (0..tree.leaf_end.len())
        .map(|leaf| {
            jumps(tree, leaf)
                .map(|jump| rise(tree, jump) * later[tree.jump_time[jump] as usize])
                .sum()
        })
        .collect()
}

fn check(model: &RsfModel) -> Result<(), PartsError> {
    if model.trees.is_empty() {
        return Err(PartsError::NoTrees);
    }
    same_length(
        "time_has_event",
        model.time_has_event.len(),
        model.times.len(),
    )?;
    finite("times", &model.times)?;
    for (index, time) in model.times.iter().enumerate() {
        in_range("times", index, index == 0 || model.times[index - 1] < *time)?;
    }
    for (index, risk) in model.out_of_bag.iter().enumerate() {
        if risk.is_some_and(|r| !r.is_finite()) {
            let what = "out_of_bag";
            return Err(PartsError::NotFinite { what, index });
        }
    }
    if let Some(importance) = &model.importance {
        same_length("importance", importance.len(), model.feature_names.len())?;
        finite("importance", importance)?;
    }
    let error = model.out_of_bag_error.unwrap_or(0.0);
    in_range("out-of-bag error", 0, (0.0..=1.0).contains(&error))?;
    for tree in &model.trees {
        check_nodes(tree, model.feature_names.len())?;
        check_leaves(tree, model.times.len())?;
    }
    Ok(())
}

fn check_nodes(tree: &ForestTree, features: usize) -> Result<(), PartsError> {
    let nodes = tree.left.len();
    same_length("feature", tree.feature.len(), nodes)?;
    same_length("threshold", tree.threshold.len(), nodes)?;
    in_range("left", 0, nodes > 0)?;
    for (index, &left) in tree.left.iter().enumerate() {
        if left == 0 {
            continue;
        }
        let left = left as usize;
        // children come after their parent, so every walk ends
        in_range("left", index, left > index && left + 1 < nodes)?;
        in_range("feature", index, (tree.feature[index] as usize) < features)?;
        if !tree.threshold[index].is_finite() {
            let what = "threshold";
            return Err(PartsError::NotFinite { what, index });
        }
    }
    Ok(())
}

fn check_leaves(tree: &ForestTree, times: usize) -> Result<(), PartsError> {
    let leaves = tree.left.iter().filter(|left| **left == 0).count();
    let n_jumps = tree.jump_time.len();
    same_length("leaf_end", tree.leaf_end.len(), leaves)?;
    same_length("jump_events", tree.jump_events.len(), n_jumps)?;
    same_length("jump_at_risk", tree.jump_at_risk.len(), n_jumps)?;
    let mut start = 0;
    for (index, &end) in tree.leaf_end.iter().enumerate() {
        in_range("leaf_end", index, start <= end && end as usize <= n_jumps)?;
        start = end;
    }
    in_range("leaf_end", leaves, start as usize == n_jumps)?;
    for index in 0..n_jumps {
        in_range("jump_time", index, (tree.jump_time[index] as usize) < times)?;
        let (events, at_risk) = (tree.jump_events[index], tree.jump_at_risk[index]);
        in_range("jump_at_risk", index, 0 < events && events <= at_risk)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn stump() -> RsfModel {
        RsfModel {
            feature_names: vec!["a".into()],
            times: vec![1.0, 2.0, 3.0],
            time_has_event: vec![true, false, true],
            risk_times: RiskTimes::All,
            trees: vec![ForestTree {
                left: vec![1, 0, 0],
                feature: vec![0, 0, 0],
                threshold: vec![0.5, 0.0, 0.0],
                leaf_end: vec![1, 3],
                jump_time: vec![2, 0, 2],
                jump_events: vec![1, 1, 1],
                jump_at_risk: vec![2, 4, 2],
            }],
            out_of_bag: vec![None],
            out_of_bag_error: None,
            importance: None,
        }
    }

    #[test]
    fn a_stump_by_hand() {
        let forest = Forest::new(stump()).unwrap();
        let x = ndarray::array![[0.5], [0.6]];
        // left: H = 0, 0, 1/2; right: H = 1/4, 1/4, 3/4
        assert_eq!(forest.risk(x.view()).unwrap().values(), [0.5, 1.25]);
        let s = forest
            .survival(x.view(), &[0.5, 2.5, 9.0])
            .unwrap()
            .unwrap();
        assert_eq!(s[[0, 0]], 1.0);
        assert_eq!(s[[1, 1]], libm::exp(-0.25));
        assert_eq!(s[[1, 2]], libm::exp(-0.75));
    }

    #[test]
    fn event_times_only_counts_fewer_times() {
        let model = RsfModel {
            risk_times: RiskTimes::Events,
            ..stump()
        };
        let forest = Forest::new(model).unwrap();
        let x = ndarray::array![[0.5], [0.6]];
        assert_eq!(forest.risk(x.view()).unwrap().values(), [0.5, 1.0]);
    }

    #[test]
    fn damaged_data_is_refused() {
        let refused = |change: fn(&mut RsfModel)| {
            let mut model = stump();
            change(&mut model);
            Forest::new(model).unwrap_err().to_string()
        };
        assert_eq!(refused(|m| m.trees.clear()), "no trees");
        assert_eq!(
            refused(|m| m.trees[0].left[0] = 2),
            "left entry 0 is out of range"
        );
        assert_eq!(
            refused(|m| m.trees[0].feature[0] = 1),
            "feature entry 0 is out of range"
        );
        assert_eq!(
            refused(|m| m.trees[0].jump_at_risk[1] = 0),
            "jump_at_risk entry 1 is out of range"
        );
        assert_eq!(
            refused(|m| m.times[1] = 1.0),
            "times entry 1 is out of range"
        );
        assert_eq!(
            refused(|m| m.trees[0].threshold[0] = f64::NAN),
            "threshold entry 0 is not finite"
        );
    }
}
