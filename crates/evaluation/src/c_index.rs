//! Concordance indices of Harrell and of Uno.

use cohort::{FollowUp, RiskScores};
use stats::censored::{StepFunction, censoring_distribution};
use stats::concordance::{ConcordanceCounts, concordance_counts};

use crate::bootstrap::{Bootstrap, drawn_rows};
use crate::estimate::{
    Estimate, Estimated, Interval, MetricError, NotEstimable, check_horizon, check_length, settle,
};
use crate::pairs::PairOrder;

/// Harrell's concordance index and what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct CIndex {
    /// (concordant + ½ tied risk) / comparable pairs.
    pub value: f64,
    /// Comparable pairs.
    pub n_pairs: u64,
    /// Pairs in which the earlier event has the higher risk.
    pub concordant: u64,
    /// Pairs in which the earlier event has the lower risk.
    pub discordant: u64,
    /// Comparable pairs of equal risk.
    pub tied_risk: u64,
    /// Pairs of two events at one time, not comparable.
    pub tied_time: u64,
}

/// Harrell's concordance index of right-censored risk scores.
///
/// # Formula
/// C = Σ over (i,j) in P of [ 1(r_i > r_j) + ½·1(r_i = r_j) ] / |P|
/// P = { (i,j) : e_i = 1 and ( t_i < t_j, or t_i = t_j and e_j = 0 ) }
///
/// # Arguments
/// | symbol | argument    | shape | unit                  |
/// |---|---|---|---|
/// | r      | `risk`      | \[n\]   | none, higher is worse |
/// | t, e   | `follow_up` | \[n\]   | months; true = event  |
///
/// # Ties and edges
/// equal risk counts one half; two events at one time are not comparable
/// # Undefined
/// [`NotEstimable::NoComparablePair`]: no event precedes anyone's follow-up
/// # Reference
/// Harrell et al., Stat. Med. 15 (1996) 361–387
/// # Agrees with
/// scikit-survival 0.28 `concordance_index_censored` and R survival 3.5-3 `concordance`: pair counts
/// exactly, value to 1e-12, tests/metrics_oracle.rs
/// # Differs from
/// scikit-survival takes risks within 1e-8 of each other as tied, here only equal ones are; its
/// `tied_time` counts otherwise, ours is R's `tied.y + tied.xy`
pub fn c_index(risk: &RiskScores, follow_up: &FollowUp) -> Result<CIndex, MetricError> {
    check_length(risk.values().len(), follow_up.len())?;
    // risk scores are finite and the lengths agree, so counting cannot fail; no pair is the honest fallback
    let counts = concordance_counts(risk.values(), follow_up).unwrap_or_default();
    let value = counts.index().ok_or(NotEstimable::NoComparablePair)?;
    let n_pairs = counts.n_pairs();
    let ConcordanceCounts {
        concordant,
        discordant,
        tied_score,
        tied_time,
    } = counts;
    Ok(CIndex {
        value,
        n_pairs,
        concordant,
        discordant,
        tied_risk: tied_score,
        tied_time,
    })
}

/// Uno's concordance index.
#[derive(Debug, Clone, PartialEq)]
pub struct UnoC {
    /// The index.
    pub value: f64,
    /// Weighted comparable pairs Σ 1/G².
    pub pair_weight: f64,
}

/// Uno's concordance index: Harrell's pairs weighted so that the censoring distribution drops out.
///
/// # Formula
/// C = Σ_(i,j) in P, t_i < τ  G(t_i)⁻² [ 1(r_i > r_j) + ½·1(r_i = r_j) ] / Σ_(i,j) in P, t_i < τ  G(t_i)⁻²
/// with P as for [`c_index`] and G the reverse Kaplan–Meier estimate of `censoring_from`
///
/// # Arguments
/// | symbol | argument         | shape | unit                                        |
/// |---|---|---|---|
/// | r      | `risk`           | \[n\]   | none, higher is worse                       |
/// | t, e   | `follow_up`      | \[n\]   | months; true = event                        |
/// | G      | `censoring_from` | \[m\]   | the set G is estimated from; often the same |
/// | τ      | `tau`            | 1     | months; `None` is without limit             |
///
/// # Ties and edges
/// events at a time leave the risk set before the censorings at it (in G)
/// # Undefined
/// no comparable pair before τ; or G is 0 at an event before τ (choose a smaller τ)
/// # Reference
/// Uno et al., Stat. Med. 30 (2011) 1105–1117
/// # Agrees with
/// scikit-survival 0.28 `concordance_index_ipcw`, 1e-9, tests/metrics_oracle.rs
/// # Differs from
/// R survival's `timewt = "n/G2"`, which weighs by G(t−); scikit-survival takes risks within 1e-8 of each other as tied, here only
/// equal ones are
pub fn uno_c(
    risk: &RiskScores,
    follow_up: &FollowUp,
    censoring_from: &FollowUp,
    tau: Option<f64>,
) -> Result<UnoC, MetricError> {
    check_length(risk.values().len(), follow_up.len())?;
    if let Some(tau) = tau {
        check_horizon(tau)?;
    }
    let censoring = censoring_distribution(censoring_from);
    let weights = uno_weights(follow_up, tau, &censoring, |_| true)?;
    let sums = PairOrder::new(risk.values(), follow_up).sums(|_| 1.0, |row| weights[row]);
    let value = sums.index().ok_or(NotEstimable::NoComparablePair)?;
    Ok(UnoC {
        value,
        pair_weight: sums.comparable,
    })
}

/// G(t_i)⁻² of events before τ, 0 for everyone else; rows outside `used` are not looked at.
fn uno_weights(
    follow_up: &FollowUp,
    tau: Option<f64>,
    censoring: &StepFunction,
    used: impl Fn(usize) -> bool,
) -> Result<Vec<f64>, NotEstimable> {
    let (time, event) = (follow_up.time(), follow_up.event());
    (0..time.len())
        .map(|row| {
            if !event[row] || !used(row) || tau.is_some_and(|tau| time[row] >= tau) {
                return Ok(0.0);
            }
            let g = censoring.at(time[row]);
            if g > 0.0 {
                Ok(1.0 / (g * g))
            } else {
                Err(NotEstimable::NoCensoringWeight { time: time[row] })
            }
        })
        .collect()
}

/// [`c_index`] with a bootstrap interval, where one is asked for.
///
/// # Errors
/// Lengths differ. What cannot be estimated is a value, not an error.
pub fn estimate_c_index(
    risk: &RiskScores,
    follow_up: &FollowUp,
    bootstrap: Option<&Bootstrap>,
) -> Result<Estimate, MetricError> {
    let estimated = c_index(risk, follow_up).and_then(|c| {
        let pairs = PairOrder::new(risk.values(), follow_up);
        let interval = interval(bootstrap, follow_up.len(), |copies| {
            pairs.sums(|row| f64::from(copies[row]), |_| 1.0).index()
        })?;
        Ok(with_interval(c.value, interval, follow_up))
    });
    settle(estimated, follow_up.len(), follow_up.n_events())
}

/// [`c_index`] in every resample of `bootstrap`, `None` where a resample has no comparable pair.
///
/// # Errors
/// Lengths differ.
pub fn bootstrap_c_index(
    risk: &RiskScores,
    follow_up: &FollowUp,
    bootstrap: &Bootstrap,
) -> Result<Vec<Option<f64>>, MetricError> {
    check_length(risk.values().len(), follow_up.len())?;
    let pairs = PairOrder::new(risk.values(), follow_up);
    Ok(bootstrap.values(follow_up.len(), |copies| {
        pairs.sums(|row| f64::from(copies[row]), |_| 1.0).index()
    }))
}

/// [`uno_c`] with G from the evaluated set, and a bootstrap interval in which G is estimated anew each time.
///
/// # Errors
/// Lengths differ, or τ is no time. What cannot be estimated is a value, not an error.
pub fn estimate_uno_c(
    risk: &RiskScores,
    follow_up: &FollowUp,
    tau: Option<f64>,
    bootstrap: Option<&Bootstrap>,
) -> Result<Estimate, MetricError> {
    let estimated = uno_c(risk, follow_up, follow_up, tau).and_then(|c| {
        let pairs = PairOrder::new(risk.values(), follow_up);
        let interval = interval(bootstrap, follow_up.len(), |copies| {
            let censoring = censoring_distribution(&follow_up.select(&drawn_rows(copies)));
            let weights = uno_weights(follow_up, tau, &censoring, |row| copies[row] > 0).ok()?;
            pairs
                .sums(|row| f64::from(copies[row]), |row| weights[row])
                .index()
        })?;
        Ok(with_interval(c.value, interval, follow_up))
    });
    settle(estimated, follow_up.len(), follow_up.n_events())
}

/// The bootstrap interval, where one is asked for.
pub(crate) fn interval(
    bootstrap: Option<&Bootstrap>,
    n: usize,
    statistic: impl Fn(&[u32]) -> Option<f64> + Sync,
) -> Result<Option<Interval>, NotEstimable> {
    bootstrap.map(|b| b.interval(n, statistic)).transpose()
}

pub(crate) fn with_interval(
    value: f64,
    interval: Option<Interval>,
    follow_up: &FollowUp,
) -> Estimated {
    Estimated {
        value,
        interval,
        n: follow_up.len(),
        n_events: follow_up.n_events(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn set(rows: &[(f64, bool, f64)]) -> (RiskScores, FollowUp) {
        let risk = RiskScores::higher_is_worse(rows.iter().map(|r| r.2).collect()).unwrap();
        let time = rows.iter().map(|r| r.0).collect();
        let event = rows.iter().map(|r| r.1).collect();
        (risk, FollowUp::new(time, event).unwrap())
    }

    #[test]
    fn four_patients_by_hand() {
        // pairs: (1,2) (1,3) (1,4) from the first event, (3,4) from the second; the second row is censored
        let (risk, f) = set(&[
            (1.0, true, 3.0),
            (2.0, false, 4.0),
            (3.0, true, 3.0),
            (4.0, false, 1.0),
        ]);
        let c = c_index(&risk, &f).unwrap();
        assert_eq!(
            (c.n_pairs, c.concordant, c.discordant, c.tied_risk),
            (4, 2, 1, 1)
        );
        assert_eq!(c.value, 2.5 / 4.0);
    }

    #[test]
    fn a_higher_risk_for_an_earlier_event_scores_one() {
        let (risk, f) = set(&[(1.0, true, 2.0), (2.0, true, 1.0)]);
        assert_eq!(c_index(&risk, &f).unwrap().value, 1.0);
    }

    #[test]
    fn without_an_event_there_is_a_reason() {
        let (risk, f) = set(&[(1.0, false, 2.0), (2.0, false, 1.0)]);
        let e = estimate_c_index(&risk, &f, None).unwrap();
        assert_eq!(e.reason(), Some(&NotEstimable::NoComparablePair));
    }

    #[test]
    fn uno_without_censoring_is_harrell() {
        let (risk, f) = set(&[
            (1.0, true, 3.0),
            (2.0, true, 4.0),
            (3.0, true, 3.0),
            (4.0, true, 1.0),
        ]);
        let h = c_index(&risk, &f).unwrap().value;
        assert_eq!(uno_c(&risk, &f, &f, None).unwrap().value, h);
    }

    #[test]
    fn uno_without_weight_is_refused() {
        // everyone who is left is censored at 2, so G(3) of the first set is 0
        let (_, censored) = set(&[(1.0, true, 0.0), (2.0, false, 0.0)]);
        let (risk, f) = set(&[(3.0, true, 1.0), (4.0, true, 0.0)]);
        let error = uno_c(&risk, &f, &censored, None).unwrap_err();
        assert_eq!(error, NotEstimable::NoCensoringWeight { time: 3.0 }.into());
    }
}
