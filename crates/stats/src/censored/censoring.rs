//! The distribution of the censoring times.

use cohort::FollowUp;

use super::{KaplanMeier, RiskTable, StepFunction, kaplan_meier};

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

/// Kaplan–Meier estimate of the time under observation: censorings are the events, events are censored (reverse Kaplan–Meier).
///
/// Its median ([`KaplanMeier::quantile`] at 0.5) is the median follow-up of a report.
///
/// # Ties and edges   unlike [`censoring_distribution`], events of the same time are still at risk
/// # Reference        Schemper & Smith, Control. Clin. Trials 17 (1996) 343–346
/// # Agrees with      R survival `survfit(Surv(time, status == 0) ~ 1)`: the same estimator, whose comparison is [`kaplan_meier`]'s
pub fn reverse_kaplan_meier(follow_up: &FollowUp) -> KaplanMeier {
    let flipped = follow_up.event().iter().map(|seen| !seen).collect();
    match FollowUp::new(follow_up.time().to_vec(), flipped) {
        Ok(observed) => kaplan_meier(&observed),
        // cannot happen: the times were checked when the follow-up was made
        Err(_) => kaplan_meier(follow_up),
    }
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
    fn the_median_follow_up_is_that_of_the_censored() {
        use crate::censored::ConfidenceScale;
        let time = vec![1.0, 2.0, 3.0, 4.0, 5.0];
        let f = FollowUp::new(time, vec![true, false, false, true, false]).unwrap();
        // 3/4, 2/4 at the censorings 2 and 3, then flat to 5: the middle of that step
        let km = reverse_kaplan_meier(&f);
        assert_eq!(km.survival(), [1.0, 0.75, 0.5, 0.5, 0.0]);
        assert_eq!(
            km.quantile(0.5, ConfidenceScale::Log, 0.95).value,
            Some(4.0)
        );
    }

    #[test]
    fn without_censoring_it_is_one() {
        let f = FollowUp::new(vec![1.0, 2.0], vec![true, true]).unwrap();
        assert_eq!(censoring_distribution(&f).at(5.0), 1.0);
    }
}
