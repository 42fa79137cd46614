//! Cox's partial likelihood as boosting sees it: residuals, the joint Newton step of leaves, improvements.
//!
//! Rows are in descending order of time. `group_end` holds the end of each group of rows that share a risk set: tied
//! rows under Breslow's rule, every row alone under gbm's.
//!
//! # Symbols
//! | symbol | meaning |
//! |---|---|
//! | F_i, δ_i | score, whether the event was seen |
//! | R_g | Σ exp F over the rows up to the end of group g: the risk set |
//! | p_k(g) | share of leaf k in R_g |
//!
//! All are invariant to a shift of F, so exp( F − max F ) is used and nothing overflows.

/// Scores as weights exp( F − max F ), the maximum over the rows `counted`; 0 outside.
pub(super) fn weights(score: &[f64], counted: impl Fn(usize) -> bool) -> Vec<f64> {
    let rows = (0..score.len()).filter(|&i| counted(i));
    let highest = rows.map(|i| score[i]).fold(f64::NEG_INFINITY, f64::max);
    (0..score.len())
        .map(|i| match counted(i) {
            true => libm::exp(score[i] - highest),
            false => 0.0,
        })
        .collect()
}

/// Negative gradient δ_i − exp(F_i) Σ_{g at or after i} d_g / R_g; 0 outside `counted`.
pub(super) fn residuals(
    group_end: &[usize],
    event: &[bool],
    weight: &[f64],
    counted: impl Fn(usize) -> bool,
) -> Vec<f64> {
    let mut jumps = Vec::with_capacity(group_end.len());
    let (mut risk, mut start) = (0.0, 0);
    for &end in group_end {
        let mut deaths = 0.0;
        for i in start..end {
            risk += weight[i];
            deaths += f64::from(u8::from(event[i] && counted(i)));
        }
        jumps.push(if deaths > 0.0 {
            deaths / at_risk(risk)
        } else {
            0.0
        });
        start = end;
    }
    let mut residual = vec![0.0; weight.len()];
    let mut hazard = 0.0;
    for (g, jump) in jumps.iter().enumerate().rev() {
        hazard += jump;
        let start = if g == 0 { 0 } else { group_end[g - 1] };
        for i in start..group_end[g] {
            if counted(i) {
                residual[i] = f64::from(u8::from(event[i])) - weight[i] * hazard;
            }
        }
    }
    residual
}

/// ℓ = Σ_events ( F_i − log R_i ), Breslow's rule within a group.
pub(super) fn log_likelihood(group_end: &[usize], event: &[bool], score: &[f64]) -> f64 {
    let highest = score.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (mut sum, mut risk, mut start) = (0.0, 0.0, 0);
    for &end in group_end {
        let (mut deaths, mut scores) = (0.0, 0.0);
        for i in start..end {
            risk += libm::exp(score[i] - highest);
            if event[i] {
                deaths += 1.0;
                scores += score[i] - highest;
            }
        }
        if deaths > 0.0 {
            sum += scores - deaths * libm::log(at_risk(risk));
        }
        start = end;
    }
    sum
}

/// What a step adds to ℓ among the rows `counted`, per event; 0 without events.
pub(super) fn improvement(
    group_end: &[usize],
    event: &[bool],
    score: &[f64],
    step: &[f64],
    counted: impl Fn(usize) -> bool,
) -> f64 {
    let before = weights(score, &counted);
    let (mut old, mut new, mut sum, mut events, mut start) = (0.0, 0.0, 0.0, 0.0, 0);
    for &end in group_end {
        for i in start..end {
            old += before[i];
            new += before[i] * libm::exp(step[i]);
        }
        for i in (start..end).filter(|&i| event[i] && counted(i)) {
            sum += step[i] - libm::log(at_risk(new)) + libm::log(at_risk(old));
            events += 1.0;
        }
        start = end;
    }
    if events > 0.0 { sum / events } else { 0.0 }
}

/// One Newton step of ℓ from zero on the constants of leaves 0 … K − 2, leaf K − 1 held at 0.
///
/// `leaf[i]` is the leaf of row i, `None` outside the bag. A direction without curvature stays at 0.
pub(super) fn newton_leaves(
    event: &[bool],
    weight: &[f64],
    leaf: &[Option<usize>],
    n_leaves: usize,
) -> Vec<f64> {
    let free = n_leaves - 1;
    let mut share = vec![0.0; n_leaves];
    let mut risk = 0.0;
    let mut gradient = vec![0.0; free];
    let mut hessian = vec![0.0; free * free];
    // Σ p of each leaf, from which its curvature Σ p (1 − p) is what is left
    let mut before = vec![0.0; free];
    for (i, of) in leaf.iter().enumerate() {
        let Some(of) = *of else { continue };
        share[of] += weight[i];
        risk += weight[i];
        if !event[i] {
            continue;
        }
        let total = at_risk(risk);
        for k in 0..free {
            let p = share[k] / total;
            gradient[k] += f64::from(u8::from(of == k)) - p;
            hessian[k * free + k] += p;
            before[k] += p;
            for m in 0..=k {
                hessian[k * free + m] -= p * share[m] / total;
            }
        }
    }
    let mut step = solve(hessian, gradient, &before);
    step.push(0.0);
    step
}

/// x with A x = b by LDLᵀ, A in its lower triangle; a pivot that is nothing beside `scale`, as is what rounding leaves of
/// a difference of such numbers, leaves its x at 0.
fn solve(mut a: Vec<f64>, mut b: Vec<f64>, scale: &[f64]) -> Vec<f64> {
    let n = scale.len();
    let mut alive = vec![true; n];
    for k in 0..n {
        let pivot = a[k * n + k];
        alive[k] = pivot > 1e-12 * scale[k] && pivot > 0.0;
        if !alive[k] {
            b[k] = 0.0;
            continue;
        }
        for i in k + 1..n {
            let factor = a[i * n + k] / pivot;
            for j in k + 1..=i {
                a[i * n + j] -= factor * a[j * n + k];
            }
            b[i] -= factor * b[k];
        }
        // columns below now hold L D
    }
    for k in (0..n).rev() {
        if !alive[k] {
            b[k] = 0.0;
            continue;
        }
        let mut rest = b[k];
        for i in k + 1..n {
            rest -= a[i * n + k] * b[i];
        }
        b[k] = rest / a[k * n + k];
    }
    b
}

/// A risk set whose weights all underflow still holds somebody.
fn at_risk(risk: f64) -> f64 {
    risk.max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn residuals_by_hand() {
        // times 3, 2, 2, 1 with events at 3 and one of the 2s and 1; all scores 0
        let event = [true, true, false, true];
        let weight = [1.0; 4];
        let tied = residuals(&[1, 3, 4], &event, &weight, |_| true);
        let h1 = 1.0 / 4.0;
        let h2 = h1 + 1.0 / 3.0;
        for (seen, expected) in tied.iter().zip([1.0 - h2 - 1.0, 1.0 - h2, -h2, 1.0 - h1]) {
            assert!((seen - expected).abs() < 1e-15, "{tied:?}");
        }
        assert!(tied.iter().sum::<f64>().abs() < 1e-15);
    }

    #[test]
    fn the_newton_step_is_that_of_two_groups() {
        // one free leaf: step = U / I of the score test
        let event = [true, true, true];
        let leaf = [Some(0), Some(1), Some(0)];
        let step = newton_leaves(&event, &[1.0; 3], &leaf, 2);
        let (u, i) = (0.0 + (0.0 - 0.5) + (1.0 - 2.0 / 3.0), 0.25 + 2.0 / 9.0);
        assert!((step[0] - u / i).abs() < 1e-15);
        assert_eq!(step[1], 0.0);
    }

    #[test]
    fn a_leaf_that_is_almost_the_whole_risk_set_stays_at_0() {
        // its curvature Σ p (1 − p) is 1e-13 of Σ p: a quotient of two such remainders would be a step of about 1
        let step = newton_leaves(&[true, true], &[1.0, 1e-13], &[Some(0), Some(1)], 2);
        assert_eq!(step, [0.0, 0.0]);
    }

    #[test]
    fn a_linear_system_and_a_singular_one() {
        let x = solve(vec![4.0, 0.0, 2.0, 3.0], vec![10.0, 8.0], &[4.0, 3.0]);
        assert!(
            (x[0] - 1.75).abs() < 1e-14 && (x[1] - 1.5).abs() < 1e-14,
            "{x:?}"
        );
        assert_eq!(
            solve(vec![0.0, 0.0, 0.0, 2.0], vec![0.0, 4.0], &[1.0, 2.0]),
            [0.0, 2.0]
        );
    }

    #[test]
    fn improvement_is_the_difference_of_likelihoods() {
        let event = [true, false, true, true];
        let (score, step) = ([0.1, 0.2, -0.3, 0.7], [0.5, -0.2, 0.1, 0.3]);
        let sum: Vec<f64> = score.iter().zip(step).map(|(a, b)| a + b).collect();
        let groups = [1, 2, 3, 4];
        let gain = log_likelihood(&groups, &event, &sum) - log_likelihood(&groups, &event, &score);
        let seen = improvement(&groups, &event, &score, &step, |_| true);
        assert!((seen - gain / 3.0).abs() < 1e-14);
    }
}
