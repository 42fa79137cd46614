//! The information matrix at one point of the path, grown feature by feature and kept while it serves.

use super::problem::{Problem, State};
use crate::linalg::dot;

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
