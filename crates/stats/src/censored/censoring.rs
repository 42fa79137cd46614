//! The distribution of the censoring times.

use cohort::FollowUp;

use super::{RiskTable, StepFunction};

/// G(t) = P(censoring time > t): the reverse Kaplan–Meier estimate, for inverse-probability-of-censoring weights.
///
/// # Formula
/// G(t) = Π_{t_k ≤ t} (1 − c_k / (n_k − d_k)): the events at t_k leave the risk set before the censorings at t_k
///
/// # Ties and edges
/// `at(t)` is G(t), `before(t)` is G(t−). G reaches 0 when the last patient is censored, so weigh by 1/G only where G > 0.
/// With no censoring G is 1 everywhere.
///
/// # Reference        Graf et al., Stat. Med. 18 (1999) 2529–2545
/// # Agrees with      the worked example of this module; the AUC(t) built on it is compared with peers in crate `evaluation`
/// # Differs from     a Kaplan–Meier curve with flipped indicators: that one keeps the events at t_k at risk
pub fn censoring_distribution(follow_up: &FollowUp) -> StepFunction {
    let table = RiskTable::new(follow_up);
    let mut g = 1.0;
    let mut values = Vec::with_capacity(table.len());
    for k in 0..table.len() {
        if table.n_censored[k] > 0 {
            // positive: the censored patients themselves are among those left
            let left = (table.n_risk[k] - table.n_events[k]) as f64;
            g *= (left - table.n_censored[k] as f64) / left;
        }
        values.push(g);
    }
    StepFunction::new(table.time, values, 1.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn events_leave_before_the_censorings_of_the_same_time() {
        let f = FollowUp::new(
            vec![1.0, 2.0, 2.0, 3.0, 4.0],
            vec![true, true, false, false, true],
        )
        .unwrap();
        let g = censoring_distribution(&f);
        let want = [1.0, 2.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0];
        assert!(
            g.values()
                .iter()
                .zip(want)
                .all(|(a, b)| (a - b).abs() < 1e-15),
            "{g:?}"
        );
        assert_eq!(g.before(2.0), 1.0);
    }

    #[test]
    fn without_censoring_it_is_one() {
        let f = FollowUp::new(vec![1.0, 2.0], vec![true, true]).unwrap();
        assert_eq!(censoring_distribution(&f).at(5.0), 1.0);
    }
}
