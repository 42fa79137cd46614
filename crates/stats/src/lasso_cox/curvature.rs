//! The information matrix at one point of the path, grown feature by feature, kept while it serves, and corrected by what the
//! steps since then have shown of it.

use std::collections::VecDeque;

use super::problem::{Problem, State};
use super::solve::Penalty;
use crate::linalg::{Factor, dot};

/// Steps remembered at most.
const MAX_PAIRS: usize = 8;
/// What the likelihood at a new predictor costs, in passes over a column.
const PASSES_OF_A_STATE: usize = 30;
/// Rounds of putting features that would cross zero there.
const MAX_DROPS: usize = 4;

/// A step and by how much it lowered the slope of every feature.
struct Pair {
    step: Vec<(usize, f64)>,
    lowered: Vec<f64>,
}

/// −(1/n) ∂²ℓ/∂β̃_j∂β̃_l at a remembered linear predictor, over the features asked for so far.
///
/// Σ_i w_i x_ij x_il − Σ_k d_k m_kj m_kl, with w_i = θ_i Σ_{t_k ≤ t_i} d_k/R_k and m_kj the risk-weighted mean.
pub(super) struct Curvature {
    state: State,
    root: Vec<f64>,
    slots: Vec<Option<usize>>,
    spread: Vec<Vec<f64>>,
    means: Vec<Vec<f64>>,
    rows: Vec<Vec<f64>>,
    factor: Factor,
    pairs: VecDeque<Pair>,
    /// What its age has cost so far, in passes over a column.
    spent: usize,
}

impl Curvature {
    pub(super) fn new(problem: &Problem, state: &State) -> Curvature {
        Curvature {
            root: state.weight.iter().map(|w| w.sqrt()).collect(),
            state: state.clone(),
            slots: vec![None; problem.n_features()],
            spread: Vec::new(),
            means: Vec::new(),
            rows: Vec::new(),
            factor: Factor::default(),
            pairs: VecDeque::new(),
            spent: 0,
        }
    }

    /// Adds the features of `set` that are not there yet.
    pub(super) fn extend(&mut self, problem: &Problem, set: &[usize]) {
        for &j in set {
            if self.slots[j].is_some() {
                continue;
            }
            let spread: Vec<f64> = problem.columns[j]
                .iter()
                .zip(&self.root)
                .map(|(x, r)| x * r)
                .collect();
            let means = problem.weighted_means(&self.state, j);
            self.spread.push(spread);
            self.means.push(means);
            let new = self.rows.len();
            let entry = |a: usize| {
                let v =
                    dot(&self.spread[new], &self.spread[a]) - dot(&self.means[new], &self.means[a]);
                v / problem.n as f64
            };
            self.rows.push((0..=new).map(entry).collect());
            self.slots[j] = Some(new);
        }
    }

    /// Counts a step more than a fresh matrix would have needed; whether such steps have cost what a fresh one of `active` features
    /// would.
    pub(super) fn is_outworn(&mut self, active: usize) -> bool {
        self.spent += self.slots.len() + active + PASSES_OF_A_STATE;
        self.spent >= active * active + 3 * active
    }

    /// Remembers a step.
    pub(super) fn learn(&mut self, step: Vec<(usize, f64)>, lowered: Vec<f64>) {
        if self.pairs.len() == MAX_PAIRS {
            self.pairs.pop_front();
        }
        self.pairs.push_back(Pair { step, lowered });
    }

    /// −(1/n) ∂²ℓ/∂β̃_j∂β̃_l; both features were added before.
    fn entry(&self, j: usize, l: usize) -> f64 {
        match (self.slots[j], self.slots[l]) {
            (Some(a), Some(b)) => self.rows[a.max(b)][a.min(b)],
            _ => 0.0,
        }
    }

    /// Where the features of `set` (ascending) have the minimum of the quadratic with this information, if their signs hold, or if
    /// those that would cross zero belong there. `None` where that is not found so simply, or the information is singular.
    pub(super) fn minimum(
        &mut self,
        set: &[usize],
        beta: &[f64],
        slope: &[f64],
        penalty: Penalty,
    ) -> Option<Vec<f64>> {
        let sign = |j: usize| if beta[j] != 0.0 { beta[j] } else { slope[j] }.signum();
        let mut free = set.to_vec();
        let mut dropped: Vec<usize> = Vec::new();
        for _ in 0..MAX_DROPS {
            if !self.bring_factor_to(&free, penalty.l2) {
                return None;
            }
            let order = self.factor.order().to_vec();
            let pull: Vec<f64> = (order.iter())
                .map(|&j| {
                    let back: f64 = dropped.iter().map(|&d| self.entry(j, d) * beta[d]).sum();
                    slope[j] - penalty.l1 * sign(j) - penalty.l2 * beta[j] + back
                })
                .collect();
            let step = if dropped.is_empty() {
                self.corrected_solve(&order, pull, penalty.l2)
            } else {
                self.factor.solve(&pull)
            };
            let crosses = |a: usize| (beta[order[a]] + step[a]) * sign(order[a]) <= 0.0;
            let crossing: Vec<usize> = (0..order.len())
                .filter(|&a| crosses(a))
                .map(|a| order[a])
                .collect();
            if crossing.is_empty() {
                let belongs = |&d: &usize| {
                    self.slope_after(d, &order, &step, &dropped, beta, slope)
                        .abs()
                        <= penalty.l1
                };
                return dropped.iter().all(belongs).then(|| {
                    let mut to = vec![0.0; set.len()];
                    for (j, s) in order.iter().zip(step) {
                        if let Ok(at) = set.binary_search(j) {
                            to[at] = beta[*j] + s;
                        }
                    }
                    to
                });
            }
            free.retain(|j| !crossing.contains(j));
            dropped.extend(crossing);
        }
        None
    }

    /// Slope of feature `d` once `order` has moved by `step` and `dropped` to zero.
    fn slope_after(
        &self,
        d: usize,
        order: &[usize],
        step: &[f64],
        dropped: &[usize],
        beta: &[f64],
        slope: &[f64],
    ) -> f64 {
        let moved: f64 = (order.iter().zip(step))
            .map(|(&j, s)| self.entry(d, j) * s)
            .sum();
        let back: f64 = (dropped.iter()).map(|&j| self.entry(d, j) * beta[j]).sum();
        slope[d] - moved + back
    }

    /// The widest step from `beta` to `to`, times the root of its information.
    pub(super) fn size(&self, set: &[usize], beta: &[f64], to: &[f64]) -> f64 {
        (set.iter().zip(to))
            .map(|(&j, t)| (t - beta[j]).abs() * self.entry(j, j).max(0.0).sqrt())
            .fold(0.0, f64::max)
    }

    fn bring_factor_to(&mut self, set: &[usize], ridge: f64) -> bool {
        let mut factor = std::mem::take(&mut self.factor);
        let regular = factor.bring_to(set, ridge, |j, l| self.entry(j, l));
        self.factor = factor;
        regular
    }

    /// The solution with the information as the remembered steps correct it (the two loops of limited-memory BFGS around the factor).
    fn corrected_solve(&self, order: &[usize], mut pull: Vec<f64>, ridge: f64) -> Vec<f64> {
        let mut place = vec![usize::MAX; self.slots.len()];
        (order.iter().enumerate()).for_each(|(a, &j)| place[j] = a);
        let serves = |p: &&Pair| p.step.iter().all(|(j, _)| place[*j] != usize::MAX);
        let pairs: Vec<(Vec<f64>, Vec<f64>, f64)> = (self.pairs.iter().filter(serves))
            .filter_map(|p| {
                let mut s = vec![0.0; order.len()];
                p.step.iter().for_each(|(j, v)| s[place[*j]] = *v);
                let y: Vec<f64> = (order.iter().zip(&s))
                    .map(|(&j, v)| p.lowered[j] + ridge * v)
                    .collect();
                let along = dot(&s, &y);
                (along > 0.0).then_some((s, y, along))
            })
            .collect();
        let mut shares = vec![0.0; pairs.len()];
        for (share, (s, y, along)) in shares.iter_mut().zip(&pairs).rev() {
            *share = dot(s, &pull) / along;
            pull.iter_mut().zip(y).for_each(|(q, v)| *q -= *share * v);
        }
        let mut step = self.factor.solve(&pull);
        for (share, (s, y, along)) in shares.iter().zip(&pairs) {
            let rest = share - dot(y, &step) / along;
            step.iter_mut().zip(s).for_each(|(r, v)| *r += rest * v);
        }
        step
    }

    /// The square matrix over `set`; features never added are zero rows.
    pub(super) fn over(&self, set: &[usize]) -> Vec<Vec<f64>> {
        let slots: Vec<Option<usize>> = set.iter().map(|&j| self.slots[j]).collect();
        let entry = |a: &Option<usize>, b: &Option<usize>| match (a, b) {
            (Some(a), Some(b)) => self.rows[*a.max(b)][*a.min(b)],
            _ => 0.0,
        };
        slots
            .iter()
            .map(|a| slots.iter().map(|b| entry(a, b)).collect())
            .collect()
    }
}
