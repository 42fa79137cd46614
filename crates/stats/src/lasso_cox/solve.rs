//! The minimum at one penalty: Newton steps on the active features, each a linear solve while signs hold, else a coordinate
//! descent with the full information.

use ndarray::Array2;

use super::curvature::Curvature;
use super::problem::{Problem, State};
use crate::linalg::Cholesky;

/// Outer steps at most.
const MAX_STEPS: usize = 60;
/// A step larger than this share of the one before asks for new information.
const SHRINKS_BY: f64 = 0.5;
/// Steps that a fresh information needs.
const FEW_STEPS: usize = 3;
/// Rounds of coordinate descent at most per step, and cycles in each.
const MAX_ROUNDS: usize = 4;
const CYCLES_PER_ROUND: usize = 8;
/// At rest when no feature's step, times the root of its information, is larger.
const STEP_MAX: f64 = 1e-9;
/// Or when every slope is off by no more than this share of the penalty.
const STATIONARY: f64 = 1e-9;
/// Smaller steps show rounding rather than curvature.
const LEARNS_FROM: f64 = 1e-7;

/// λα and λ(1−α).
#[derive(Debug, Clone, Copy)]
pub(super) struct Penalty {
    pub(super) l1: f64,
    pub(super) l2: f64,
    /// Slopes that differ by no more are equal: rounding.
    pub(super) floor: f64,
}

/// Coefficients (standardised scale), the likelihood at them, and the information last computed on the way.
pub(super) struct Solution {
    pub(super) beta: Vec<f64>,
    pub(super) state: State,
    gradient: Vec<f64>,
    curvature: Curvature,
}

impl Solution {
    /// All coefficients zero.
    pub(super) fn null(problem: &Problem, state: State, gradient: Vec<f64>) -> Solution {
        let curvature = Curvature::new(problem, &state);
        Solution {
            beta: vec![0.0; problem.n_features()],
            state,
            gradient,
            curvature,
        }
    }
}

/// Moves `start` to the minimum at `penalty`; `None` when that takes too many steps (a model about to be saturated).
///
/// The information is computed anew only when steps stop shrinking, or when the steps that its age cost would have paid for a fresh
/// one: along a path it hardly changes, each step corrects it, and any positive semi-definite one gives a step that lowers the
/// objective.
pub(super) fn minimise(problem: &Problem, start: Solution, penalty: Penalty) -> Option<Solution> {
    let Solution {
        mut beta,
        mut state,
        mut gradient,
        mut curvature,
    } = start;
    let (mut at_rest, mut fresh) = (false, false);
    let mut size_before = f64::INFINITY;
    for k in 0..MAX_STEPS {
        let (set, violated) = working_set(&beta, &gradient, problem, penalty);
        if !violated && (at_rest || is_stationary(&set, &beta, &gradient, penalty)) {
            return Some(Solution {
                beta,
                state,
                gradient,
                curvature,
            });
        }
        curvature.extend(problem, &set);
        let to = (curvature.minimum(&set, &beta, &gradient, penalty))
            .unwrap_or_else(|| by_descent(&set, &beta, &gradient, &curvature, penalty));
        let size = curvature.size(&set, &beta, &to);
        let (next, there, whole) = descend(problem, &beta, &state, &set, &to, penalty);
        let next_gradient = problem.gradient(&there);
        at_rest = size <= STEP_MAX && (whole || fresh);
        let slow = size > SHRINKS_BY * size_before && !violated;
        let outworn = k >= FEW_STEPS && curvature.is_outworn(set.len());
        fresh = (slow || outworn || !whole) && !at_rest;
        if fresh {
            curvature = Curvature::new(problem, &there);
        } else if size > LEARNS_FROM {
            let step = (set.iter().map(|&j| (j, next[j] - beta[j])))
                .filter(|(_, v)| *v != 0.0)
                .collect();
            let lowered = (gradient.iter().zip(&next_gradient)).map(|(a, b)| a - b);
            curvature.learn(step, lowered.collect());
        }
        (beta, state, gradient) = (next, there, next_gradient);
        size_before = size;
    }
    None
}

/// Whether the slopes of the active features are the penalty's, to a share of it.
fn is_stationary(set: &[usize], beta: &[f64], gradient: &[f64], penalty: Penalty) -> bool {
    let off = |&j: &usize| gradient[j] - penalty.l2 * beta[j] - penalty.l1 * beta[j].signum();
    let limit = STATIONARY * penalty.l1 + penalty.floor;
    set.iter().all(|j| off(j).abs() <= limit)
}

/// The minimum of the quadratic by coordinate descent.
fn by_descent(
    set: &[usize],
    beta: &[f64],
    gradient: &[f64],
    curvature: &Curvature,
    penalty: Penalty,
) -> Vec<f64> {
    let from: Vec<f64> = set.iter().map(|&j| beta[j]).collect();
    let slope: Vec<f64> = set.iter().map(|&j| gradient[j]).collect();
    quadratic_minimum(&from, &slope, &curvature.over(set), penalty)
}

/// Active features and those whose slope exceeds the penalty; whether there are any of the latter.
fn working_set(
    beta: &[f64],
    gradient: &[f64],
    problem: &Problem,
    penalty: Penalty,
) -> (Vec<usize>, bool) {
    let limit = penalty.l1 * (1.0 + STATIONARY) + penalty.floor;
    let violates =
        |j: usize| beta[j] == 0.0 && problem.scales[j] > 0.0 && gradient[j].abs() > limit;
    let set: Vec<usize> = (0..beta.len())
        .filter(|&j| beta[j] != 0.0 || violates(j))
        .collect();
    let violated = set.iter().any(|&j| violates(j));
    (set, violated)
}

/// Minimum of −sᵀ(b−b0) + ½ (b−b0)ᵀ H (b−b0) + l1 Σ|b| + l2/2 Σb²: rounds of cyclic coordinate descent find the active
/// features and their signs, a linear solve then moves those as far as the signs hold.
fn quadratic_minimum(from: &[f64], slope: &[f64], h: &[Vec<f64>], penalty: Penalty) -> Vec<f64> {
    let mut b = from.to_vec();
    let mut slope = slope.to_vec();
    let mut enough: Option<f64> = None;
    for _ in 0..MAX_ROUNDS {
        for _ in 0..CYCLES_PER_ROUND + b.len() / 16 {
            let widest = cycle(&mut b, &mut slope, h, penalty);
            if widest <= *enough.get_or_insert((widest * 1e-3).max(STEP_MAX / 100.0)) {
                return b;
            }
        }
        move_active(&mut b, &mut slope, h, penalty);
    }
    b
}

/// One cycle of coordinate descent; gives the widest step.
fn cycle(b: &mut [f64], slope: &mut [f64], h: &[Vec<f64>], penalty: Penalty) -> f64 {
    let mut widest: f64 = 0.0;
    for j in 0..b.len() {
        let curvature = h[j][j];
        if curvature <= 0.0 {
            continue;
        }
        let pull = slope[j] + curvature * b[j];
        let next = soft_threshold(pull, penalty.l1) / (curvature + penalty.l2);
        let change = next - b[j];
        if change != 0.0 {
            slope
                .iter_mut()
                .zip(&h[j])
                .for_each(|(s, v)| *s -= v * change);
            b[j] = next;
            widest = widest.max(change.abs() * curvature.sqrt());
        }
    }
    widest
}

/// Moves the active features towards the minimum of their own quadratic: up to the first that would change its sign, or
/// all the way with those that would stopped at zero, whichever is lower.
///
/// Where their information is singular the step is damped.
fn move_active(b: &mut [f64], slope: &mut [f64], h: &[Vec<f64>], penalty: Penalty) {
    let active: Vec<usize> = (0..b.len()).filter(|&j| b[j] != 0.0).collect();
    let size = active.len();
    let matrix = Array2::from_shape_fn((size, size), |(r, c)| {
        h[active[r]][active[c]] + if r == c { penalty.l2 } else { 0.0 }
    });
    let Some(factor) = damped_factor(&matrix) else {
        return;
    };
    let pull: Vec<f64> = active
        .iter()
        .map(|&j| slope[j] - penalty.l1 * b[j].signum() - penalty.l2 * b[j])
        .collect();
    let step = factor.solve(&pull);
    let crossing = |(a, s): (usize, &f64)| {
        let now = b[active[a]];
        (now * (now + s) < 0.0).then(|| (-now / s, a))
    };
    let first =
        (step.iter().enumerate().filter_map(crossing)).fold((1.0, None), |(t, at), (u, a)| {
            if u < t { (u, Some(a)) } else { (t, at) }
        });
    let to_first: Vec<f64> = (0..size)
        .map(|a| {
            if first.1 == Some(a) {
                -b[active[a]]
            } else {
                first.0 * step[a]
            }
        })
        .collect();
    // those that would cross stop at zero: often better by far, when many do
    let cut: Vec<f64> = (0..size)
        .map(|a| {
            if b[active[a]] * (b[active[a]] + step[a]) < 0.0 {
                -b[active[a]]
            } else {
                step[a]
            }
        })
        .collect();
    // within the signs the objective is −pullᵀ s + ½ sᵀ M s
    let rise = |s: &[f64]| -> f64 {
        let row = |a: usize| (0..size).map(|c| matrix[[a, c]] * s[c]).sum::<f64>();
        (0..size).map(|a| s[a] * (0.5 * row(a) - pull[a])).sum()
    };
    let chosen = if first.1.is_some() && rise(&cut) < rise(&to_first) {
        cut
    } else {
        to_first
    };
    for (&j, change) in active
        .iter()
        .zip(chosen)
        .filter(|(_, change)| *change != 0.0)
    {
        slope
            .iter_mut()
            .zip(&h[j])
            .for_each(|(s, v)| *s -= v * change);
        b[j] = if change == -b[j] { 0.0 } else { b[j] + change };
    }
}

/// The factor of a matrix, with the least of a few small multiples of its mean diagonal added that makes it regular.
fn damped_factor(matrix: &Array2<f64>) -> Option<Cholesky> {
    let mean = matrix.diag().sum() / matrix.nrows() as f64;
    [0.0, 1e-10, 1e-7].into_iter().find_map(|share| {
        let mut damped = matrix.clone();
        damped
            .diag_mut()
            .iter_mut()
            .for_each(|v| *v += share * mean);
        Cholesky::new(&damped, 1e-13).ok()
    })
}

fn soft_threshold(x: f64, by: f64) -> f64 {
    if x > by {
        x - by
    } else if x < -by {
        x + by
    } else {
        0.0
    }
}

/// The full step, or the first of its halves that does not raise the objective; whether it was the full one.
fn descend(
    problem: &Problem,
    beta: &[f64],
    state: &State,
    set: &[usize],
    to: &[f64],
    penalty: Penalty,
) -> (Vec<f64>, State, bool) {
    let here = objective(problem, beta, state, penalty);
    let mut share = 1.0;
    for _ in 0..30 {
        let mut next = beta.to_vec();
        for (&j, &target) in set.iter().zip(to) {
            next[j] = if share == 1.0 {
                target
            } else {
                beta[j] + share * (target - beta[j])
            };
        }
        let there = problem.times.state(&problem.predictor(&next));
        if objective(problem, &next, &there, penalty) <= here + 1e-13 * here.abs() {
            return (next, there, share == 1.0);
        }
        share /= 2.0;
    }
    (beta.to_vec(), state.clone(), false)
}

fn objective(problem: &Problem, beta: &[f64], state: &State, penalty: Penalty) -> f64 {
    let norm: f64 = beta
        .iter()
        .map(|b| penalty.l1 * b.abs() + 0.5 * penalty.l2 * b * b)
        .sum();
    norm - state.loglik / problem.n as f64
}
