//! Gradient boosting of Cox's partial likelihood.

mod grow;
mod model;
mod params;
mod partial;

use cohort::FollowUp;
use ndarray::ArrayView2;
use rayon::prelude::*;
use stats::folds::event_stratified_folds;

use crate::baseline::Baseline;
use crate::keyed::Draws;
use crate::learner::{FitError, Learner, Model, check_training};
use crate::settings::SettingsError;
use grow::{Grown, Presorted, grow};

pub(crate) use model::FittedGbm;
pub use model::{BoostedTree, Comparison, GbmModel};
pub use params::{BestIteration, GbmGrowth, GbmParams};

/// Gradient-boosted regression trees on Cox's partial likelihood.
///
/// # Formula
/// F_0 = 0; F_m(x) = F_{m−1}(x) + ν · leaf_m(x); risk = F_M(x); S(t | x) = exp( −H0(t) exp F_M(x) ), H0 Breslow's.
/// Tree m is grown by least squares on the residuals z_i = δ_i − exp(F_i) Σ_{events j, t_j ≤ t_i} 1 / R_j, with
/// R_j = Σ_{t_k ≥ t_j} exp F_k: a cut improves by n_l n_r / (n_l + n_r) (z̄_l − z̄_r)².
///
/// | [`GbmGrowth`] | cuts | leaf | risk sets | goes left |
/// |---|---|---|---|---|
/// | `BestFirstNewton` (gbm) | the best leaf first | joint Newton step on all leaves but the last | rows in descending order of time, stable, each a time of its own | `x < cut` |
/// | `DepthFirstMean` (scikit-survival) | every node to a depth | mean residual | Breslow's ties | `x <= cut`, single precision |
///
/// With a bag fraction below 1 gbm's residuals and leaves see the bag only; scikit-survival's residuals see everybody.
///
/// # Ties and edges
/// Of equal cuts of one feature the lowest value wins; of equal cuts of two features the first one, or with
/// `DepthFirstMean` that which comes first in an order drawn for each tree. A cohort too small to be cut, or without features, gives
/// risk 0 to everybody. A leaf along which the likelihood has no curvature stays at 0.
///
/// # Randomness
/// The bag of tree m is drawn from stream m of ChaCha8 seeded with the fit's seed, folds of
/// [`BestIteration::CrossValidated`] from the same seed: the same bits on any number of threads. With
/// `BestFirstNewton`, a bag fraction of 1 and all trees kept the seed has no effect.
///
/// # Reference
/// Friedman, Ann. Stat. 29 (2001) 1189–1232; Ridgeway, Comput. Sci. Stat. 31 (1999) 172–181; Friedman, Comput. Stat.
/// Data Anal. 38 (2002) 367–378 (bags).
///
/// # Agrees with
/// R gbm 2.1.8.1 (`distribution = "coxph"`) and scikit-survival 0.28 (`GradientBoostingSurvivalAnalysis`): scores after
/// 1, 10 and 100 trees to 1e-6, three settings each on five data sets; gbm's relative influence to 1e-6
/// (`tests/gbm_oracle.rs`).
///
/// # Differs from
/// - Of equal cuts the last bit of a sum decides, here and in gbm, and these bits agree only while all scores are 0. Where such
///   cuts part the patients alike but turned round, or two leaves in the other order, another leaf is the one held at 0: all
///   scores differ by one constant, which no risk set, hazard ratio, rank or curve sees.
/// - Where a leaf has no curvature, as that of patients who leave before the first event, gbm inverts a singular matrix: the
///   whole tree is 0, all later ones with it, or steps are quotients of rounding. Here that leaf alone stays at 0.
/// - gbm ends R when scores overflow; here that is [`FitError::Baseline`].
/// - gbm's `gbm.perf` smooths the out-of-bag improvements before it looks for the best iteration; here their plain sum is
///   taken.
/// - scikit-learn draws the order of features for each node and by another generator.
#[derive(Debug, Clone, PartialEq)]
pub struct Gbm {
    params: GbmParams,
}

impl Gbm {
    /// Takes the parameters after checking their ranges.
    ///
    /// # Errors
    /// [`SettingsError`] names the parameter and its limit.
    pub fn new(params: GbmParams) -> Result<Gbm, SettingsError> {
        params.check()?;
        Ok(Gbm { params })
    }

    /// The parameters as given.
    pub fn params(&self) -> &GbmParams {
        &self.params
    }

    /// Number of trees by cross-validation of the partial likelihood.
    fn cross_validate(
        &self,
        x: ArrayView2<f64>,
        follow_up: &FollowUp,
        seed: u64,
        n_folds: usize,
    ) -> Result<usize, FitError> {
        let (n, at_least) = (follow_up.len(), n_folds);
        if n < at_least {
            return Err(FitError::TooFewPatients { n, at_least });
        }
        // n_folds is at least 2, so there are folds
        let folds = event_stratified_folds(follow_up, n_folds, seed).unwrap_or_default();
        let gains: Vec<Vec<f64>> = (0..n_folds)
            .into_par_iter()
            .map(|fold| self.held_out_likelihood(x, follow_up, seed, |row| folds[row] == fold))
            .collect();
        let total = |m: usize| gains.iter().map(|g| g[m]).sum::<f64>();
        Ok(1 + first_largest((0..self.params.n_trees).map(total)))
    }

    /// ℓ(all; F_−k) − ℓ(train; F_−k) after each tree.
    fn held_out_likelihood(
        &self,
        x: ArrayView2<f64>,
        follow_up: &FollowUp,
        seed: u64,
        held_out: impl Fn(usize) -> bool,
    ) -> Vec<f64> {
        let rows = by_descending_time(follow_up);
        let train: Vec<usize> = rows.iter().copied().filter(|&i| !held_out(i)).collect();
        let mut boost = Boost::new(&self.params, x, follow_up, train.clone());
        let all = Risks::new(follow_up, &rows, &self.params.growth);
        let mut score = vec![0.0; rows.len()];
        let comparison = self.params.growth.comparison();
        (0..self.params.n_trees)
            .map(|m| {
                boost.step(seed, m);
                if let Some(tree) = boost.trees.last() {
                    for (place, &row) in rows.iter().enumerate() {
                        score[place] += tree.predict(comparison, |f| x[[row, f]]);
                    }
                }
                let part = &boost.risks;
                partial::log_likelihood(&all.group_end, &all.event, &score)
                    - partial::log_likelihood(&part.group_end, &part.event, &boost.score)
            })
            .collect()
    }
}

impl Learner for Gbm {
    fn fit(
        &self,
        x: ArrayView2<f64>,
        names: &[String],
        follow_up: &FollowUp,
        seed: u64,
    ) -> Result<Box<dyn Model>, FitError> {
        check_training(x, names, follow_up)?;
        check_size(x)?;
        let n_trees = match self.params.best_iteration {
            BestIteration::CrossValidated { n_folds } => {
                self.cross_validate(x, follow_up, seed, n_folds)?
            }
            _ => self.params.n_trees,
        };
        let rows = by_descending_time(follow_up);
        let mut boost = Boost::new(&self.params, x, follow_up, rows);
        (0..n_trees).for_each(|m| boost.step(seed, m));
        if self.params.best_iteration == BestIteration::OutOfBag {
            let sums = boost.out_of_bag.iter().scan(0.0, |sum, gain| {
                *sum += gain;
                Some(*sum)
            });
            boost.keep(1 + first_largest(sums));
        }
        Ok(Box::new(boost.finish(names, follow_up)?))
    }
}

/// Streams from here on order features; those below draw bags.
const FEATURE_ORDER: u64 = 1 << 48;

/// Rows and nodes are counted in 32 bits.
pub(crate) fn check_size(x: ArrayView2<f64>) -> Result<(), FitError> {
    let (n, at_most) = (x.nrows(), (u32::MAX / 4) as usize);
    if n > at_most {
        return Err(FitError::TooManyPatients { n, at_most });
    }
    Ok(())
}

/// Rows by descending time, tied rows as they come.
fn by_descending_time(follow_up: &FollowUp) -> Vec<usize> {
    let time = follow_up.time();
    let mut rows: Vec<usize> = (0..time.len()).collect();
    rows.sort_by(|&a, &b| time[b].total_cmp(&time[a]));
    rows
}

fn first_largest(values: impl Iterator<Item = f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (place, value) in values.enumerate() {
        if value > best.1 {
            best = (place, value);
        }
    }
    best.0
}

/// Events and risk sets of the rows boosted on.
struct Risks {
    event: Vec<bool>,
    group_end: Vec<usize>,
}

impl Risks {
    fn new(follow_up: &FollowUp, rows: &[usize], growth: &GbmGrowth) -> Risks {
        let time = |place: usize| follow_up.time()[rows[place]];
        let ends = |end: &usize| match growth {
            GbmGrowth::BestFirstNewton { .. } => true,
            GbmGrowth::DepthFirstMean { .. } => *end == rows.len() || time(*end) != time(*end - 1),
        };
        Risks {
            event: rows.iter().map(|&i| follow_up.event()[i]).collect(),
            group_end: (1..=rows.len()).filter(ends).collect(),
        }
    }
}

impl GbmGrowth {
    fn comparison(&self) -> Comparison {
        match self {
            GbmGrowth::BestFirstNewton { .. } => Comparison::Below,
            GbmGrowth::DepthFirstMean { .. } => Comparison::AtMostSingle,
        }
    }
}

/// Boosting under way; places are rows in descending order of time.
struct Boost<'a> {
    params: &'a GbmParams,
    /// Row of each place.
    rows: Vec<usize>,
    risks: Risks,
    data: Presorted,
    score: Vec<f64>,
    trees: Vec<BoostedTree>,
    gains: Vec<Vec<(u32, f64)>>,
    /// Improvement of ℓ per event outside the bag, by tree.
    out_of_bag: Vec<f64>,
}

impl<'a> Boost<'a> {
    fn new(
        params: &'a GbmParams,
        x: ArrayView2<f64>,
        follow_up: &FollowUp,
        rows: Vec<usize>,
    ) -> Boost<'a> {
        Boost {
            params,
            risks: Risks::new(follow_up, &rows, &params.growth),
            data: Presorted::new(x, &rows, params.growth.comparison()),
            score: vec![0.0; rows.len()],
            trees: Vec::new(),
            gains: Vec::new(),
            out_of_bag: Vec::new(),
            rows,
        }
    }

    /// Grows tree `m` and adds it to the scores.
    fn step(&mut self, seed: u64, m: usize) {
        let n = self.rows.len();
        let bag = self.bag(seed, m);
        let mut inside = vec![false; n];
        bag.iter().for_each(|&place| inside[place as usize] = true);
        let comparison = self.params.growth.comparison();
        let Risks { event, group_end } = &self.risks;
        let newton = matches!(self.params.growth, GbmGrowth::BestFirstNewton { .. });
        let counted = |i: usize| !newton || inside[i];
        let weight = partial::weights(&self.score, counted);
        let residual = partial::residuals(group_end, event, &weight, counted);
        let (growth, features) = (self.params.growth, self.features(seed, m));
        let mut grown = grow(&self.data, growth, comparison, &residual, &bag, &features);
        let leaves = if newton {
            partial::newton_leaves(event, &weight, &grown.leaf_of, grown.leaves.len())
        } else {
            means(&grown, &residual)
        };
        for (node, value) in grown.leaves.iter().zip(leaves) {
            // + 0 so that no leaf is −0
            grown.tree.value[*node as usize] = self.params.learning_rate * value + 0.0;
        }
        let (tree, values) = (grown.tree, &self.data.values);
        let step: Vec<f64> = (0..n)
            .map(|i| tree.predict(comparison, |feature| values[feature][i]))
            .collect();
        if bag.len() < n {
            let outside = |i: usize| !inside[i];
            let gain = partial::improvement(group_end, event, &self.score, &step, outside);
            self.out_of_bag.push(gain);
        }
        self.score.iter_mut().zip(&step).for_each(|(f, s)| *f += s);
        self.trees.push(tree);
        self.gains.push(grown.gains);
    }

    /// Places of the rows that tree `m` is grown on, ascending.
    fn bag(&self, seed: u64, m: usize) -> Vec<u32> {
        let n = self.rows.len();
        let mut places: Vec<u32> = (0..n as u32).collect();
        let k = ((self.params.bag_fraction * n as f64).floor() as usize).clamp(1, n);
        if k < n {
            Draws::new(seed, m as u64).choose_front(&mut places, k);
            places.truncate(k);
            places.sort_unstable();
        }
        places
    }

    /// Order of the features for tree `m`: it decides between equal cuts.
    fn features(&self, seed: u64, m: usize) -> Vec<u32> {
        let mut features: Vec<u32> = (0..self.data.values.len() as u32).collect();
        if let GbmGrowth::DepthFirstMean { .. } = self.params.growth {
            let all = features.len();
            Draws::new(seed, FEATURE_ORDER + m as u64).choose_front(&mut features, all);
        }
        features
    }

    /// Drops all trees but the first `n`.
    fn keep(&mut self, n: usize) {
        self.trees.truncate(n);
        self.gains.truncate(n);
        let comparison = self.params.growth.comparison();
        for (place, score) in self.score.iter_mut().enumerate() {
            let value = |feature: usize| self.data.values[feature][place];
            *score = self
                .trees
                .iter()
                .map(|t| t.predict(comparison, value))
                .sum();
        }
    }

    fn finish(self, names: &[String], follow_up: &FollowUp) -> Result<FittedGbm, FitError> {
        let mut margin = vec![0.0; self.rows.len()];
        for (place, &row) in self.rows.iter().enumerate() {
            margin[row] = self.score[place];
        }
        let mut importance = vec![0.0; names.len()];
        for (feature, gain) in self.gains.iter().flatten() {
            importance[*feature as usize] += gain;
        }
        let total: f64 = importance.iter().sum();
        if total > 0.0 {
            importance.iter_mut().for_each(|share| *share /= total);
        }
        let model = GbmModel {
            feature_names: names.to_vec(),
            comparison: self.params.growth.comparison(),
            trees: self.trees,
            importance,
            baseline: Baseline::breslow(follow_up, &margin)?,
        };
        FittedGbm::new(model).map_err(FitError::Unfit)
    }
}

/// Mean residual of each leaf.
fn means(grown: &Grown, residual: &[f64]) -> Vec<f64> {
    let mut sum = vec![(0.0, 0.0); grown.leaves.len()];
    for (of, z) in grown.leaf_of.iter().zip(residual) {
        if let Some(of) = of {
            sum[*of].0 += z;
            sum[*of].1 += 1.0;
        }
    }
    // a bag holds at least one row, and so does every leaf
    sum.into_iter().map(|(total, n)| total / n).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::learner::ModelParts;
    use ndarray::{Array2, Axis};

    /// Sixty patients without tied times, the first of three columns prognostic.
    fn cohort() -> (Array2<f64>, Vec<String>, FollowUp) {
        let mut draws = Draws::new(12, 0);
        let x = Array2::from_shape_fn((60, 3), |_| draws.normal());
        let mut time = |v: &f64| -20.0 * libm::exp(-v) * libm::log(draws.uniform());
        let time = x.column(0).iter().map(&mut time).collect();
        let event = (0..60).map(|i| i % 3 > 0).collect();
        let names = (0..3).map(|j| format!("f{j}")).collect();
        (x, names, FollowUp::new(time, event).unwrap())
    }

    fn params(n_trees: usize, best_iteration: BestIteration) -> GbmParams {
        GbmParams {
            n_trees,
            best_iteration,
            learning_rate: 0.3,
            growth: GbmGrowth::BestFirstNewton {
                n_splits: 2,
                min_node_size: 4,
            },
            ..GbmParams::gbm()
        }
    }

    fn fit(
        params: GbmParams,
        x: &Array2<f64>,
        names: &[String],
        follow_up: &FollowUp,
    ) -> (GbmModel, Box<dyn Model>) {
        let learner = Gbm::new(params).unwrap();
        let model = learner.fit(x.view(), names, follow_up, 5).unwrap();
        match model.parts() {
            ModelParts::Gbm(parts) => (parts, model),
            other => panic!("{other:?}"),
        }
    }

    /// ℓ by counting every risk set, rows in `counted` only.
    fn log_likelihood(score: &[f64], follow_up: &FollowUp, counted: impl Fn(usize) -> bool) -> f64 {
        let (time, event) = (follow_up.time(), follow_up.event());
        let rows: Vec<usize> = (0..score.len()).filter(|&i| counted(i)).collect();
        let of = |i: &usize| {
            let at_risk = rows.iter().filter(|&&k| time[k] >= time[*i]);
            score[*i] - libm::log(at_risk.map(|&k| libm::exp(score[k])).sum())
        };
        rows.iter().filter(|&&i| event[i]).map(of).sum()
    }

    fn place_of_largest(values: &[f64]) -> usize {
        (0..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
    }

    #[test]
    fn cross_validation_keeps_the_trees_of_the_largest_held_out_likelihood() {
        let (x, names, f) = cohort();
        let (trees, n_folds) = (25, 3);
        let folds = event_stratified_folds(&f, n_folds, 5).unwrap();
        let mut likelihood = vec![0.0; trees];
        for fold in 0..n_folds {
            let train: Vec<usize> = (0..60).filter(|&i| folds[i] != fold).collect();
            let (inside, followed) = (x.select(Axis(0), &train), f.select(&train));
            for (m, sum) in likelihood.iter_mut().enumerate() {
                let all = params(m + 1, BestIteration::All);
                let (_, model) = fit(all, &inside, &names, &followed);
                let score = model.risk(x.view()).unwrap().values().to_vec();
                *sum += log_likelihood(&score, &f, |_| true)
                    - log_likelihood(&score, &f, |i| folds[i] != fold);
            }
        }
        let best = 1 + place_of_largest(&likelihood);
        assert!(1 < best && best < trees, "{likelihood:?}");
        let (kept, _) = fit(
            params(trees, BestIteration::CrossValidated { n_folds }),
            &x,
            &names,
            &f,
        );
        assert_eq!(
            kept,
            fit(params(best, BestIteration::All), &x, &names, &f).0
        );
    }

    #[test]
    fn the_bag_s_complement_keeps_the_trees_of_its_largest_gain() {
        let (x, names, f) = cohort();
        let all = params(25, BestIteration::All);
        let rows = by_descending_time(&f);
        let mut boost = Boost::new(&all, x.view(), &f, rows.clone());
        let (mut gain, mut gains) = (0.0, Vec::new());
        for m in 0..25 {
            let before = boost.score.clone();
            let bag = boost.bag(5, m);
            assert_eq!(bag.len(), 30);
            boost.step(5, m);
            let outside = |place: usize| !bag.contains(&(place as u32));
            let in_order = f.select(&rows);
            let events = (0..60)
                .filter(|&i| outside(i) && in_order.event()[i])
                .count();
            let gained = log_likelihood(&boost.score, &in_order, outside)
                - log_likelihood(&before, &in_order, outside);
            gain += gained / events as f64;
            gains.push(gain);
        }
        let best = 1 + place_of_largest(&gains);
        assert!(1 < best && best < 25, "{gains:?}");
        let (kept, _) = fit(params(25, BestIteration::OutOfBag), &x, &names, &f);
        let (first, _) = fit(params(best, BestIteration::All), &x, &names, &f);
        assert_eq!(kept.trees, first.trees);
        assert_eq!(kept.importance, first.importance);
    }
}
