//! Net benefit and clinical impact of acting on a predicted risk.

use cohort::FollowUp;
use stats::censored::kaplan_meier;

use crate::estimate::{
    MetricError, check_both_outcomes, check_followed, check_horizon, check_length,
};

/// What happens when everybody with a risk of at least `threshold` is treated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecisionPoint {
    /// Threshold probability p.
    pub threshold: f64,
    /// Share of patients at or above it.
    pub high_risk: f64,
    /// Share of patients at or above it who have the event by the horizon (Kaplan–Meier).
    pub true_positive: f64,
    /// Share of patients at or above it who do not.
    pub false_positive: f64,
    /// true_positive − false_positive · p / (1 − p).
    pub net_benefit: f64,
    /// Net benefit of treating everybody; treating nobody has 0.
    pub net_benefit_all: f64,
}

/// Decision curve of predicted risks by a horizon; times the population, its shares are the clinical impact curve.
///
/// # Formula
/// h = P(risk >= p);  S_h = Kaplan–Meier survival at t of the patients with risk >= p
/// true positive = (1 − S_h) h ;  false positive = S_h h ;  net benefit = TP − FP · p / (1 − p)
///
/// # Arguments
/// | symbol | argument     | shape | unit                                      |
/// |---|---|---|---|
/// | risk   | `risk`       | \[n\] | probability of the event by t             |
/// |        | `follow_up`  | \[n\] | months; true = event                      |
/// | t      | `horizon`    | 1     | months                                    |
/// | p      | `thresholds` | \[k\] | probabilities, above 0 and below 1        |
///
/// # Ties and edges
/// a risk equal to p is treated; nobody treated has net benefit 0; a group followed for less than t keeps its last survival
/// # Undefined
/// follow-up of the whole set ends before t; no event or only events by t
/// # Reference
/// Vickers and Elkin, Med. Decis. Making 26 (2006) 565–574; Vickers et al., BMC Med. Inform. Decis. Mak. 8 (2008) 53
/// # Agrees with
/// dcurves 1.1.7 and the same formula in R survival 3.5-3, 1e-9, tests/metrics_oracle.rs
/// # Differs from
/// rmda, which knows binary outcomes only
pub fn decision_curve(
    risk: &[f64],
    follow_up: &FollowUp,
    horizon: f64,
    thresholds: &[f64],
) -> Result<Vec<DecisionPoint>, MetricError> {
    check_length(risk.len(), follow_up.len())?;
    check_horizon(horizon)?;
    if let Some(row) = risk.iter().position(|r| !(0.0..=1.0).contains(r)) {
        return Err(MetricError::Probability {
            row,
            value: risk[row],
        });
    }
    if let Some(&value) = thresholds.iter().find(|p| !(**p > 0.0 && **p < 1.0)) {
        return Err(MetricError::Threshold { value });
    }
    check_followed(follow_up.time().iter().copied(), horizon)?;
    let all = kaplan_meier(follow_up).curve().at(horizon);
    check_both_outcomes(all, horizon)?;
    Ok(thresholds
        .iter()
        .map(|&p| point(risk, follow_up, horizon, p, all))
        .collect())
}

fn point(risk: &[f64], follow_up: &FollowUp, horizon: f64, p: f64, all: f64) -> DecisionPoint {
    let treated: Vec<usize> = (0..risk.len()).filter(|&row| risk[row] >= p).collect();
    let high_risk = treated.len() as f64 / risk.len() as f64;
    let survival = match treated.len() {
        0 => 1.0,
        _ => kaplan_meier(&follow_up.select(&treated))
            .curve()
            .at(horizon),
    };
    let odds = p / (1.0 - p);
    let (true_positive, false_positive) = ((1.0 - survival) * high_risk, survival * high_risk);
    DecisionPoint {
        threshold: p,
        high_risk,
        true_positive,
        false_positive,
        net_benefit: true_positive - false_positive * odds,
        net_benefit_all: 1.0 - all - all * odds,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::estimate::NotEstimable;

    #[test]
    fn four_patients_by_hand() {
        // at 2.5 two of four have had the event; risks of at least 0.5 catch one of them and one other
        let f = FollowUp::new(vec![1.0, 2.0, 3.0, 4.0], vec![true, true, true, false]).unwrap();
        let risk = [0.8, 0.1, 0.5, 0.2];
        let points = decision_curve(&risk, &f, 2.5, &[0.5, 0.9]).unwrap();
        assert_eq!(
            (points[0].true_positive, points[0].false_positive),
            (0.25, 0.25)
        );
        assert_eq!(
            (points[0].net_benefit, points[0].net_benefit_all),
            (0.0, 0.0)
        );
        assert_eq!((points[1].high_risk, points[1].net_benefit), (0.0, 0.0));
    }

    #[test]
    fn nonsense_is_named() {
        let f = FollowUp::new(vec![1.0, 2.0], vec![true, false]).unwrap();
        let bad = decision_curve(&[0.2, 0.3], &f, 1.0, &[1.0]).unwrap_err();
        assert_eq!(bad, MetricError::Threshold { value: 1.0 });
        let bad = decision_curve(&[0.2, f64::NAN], &f, 1.0, &[0.5]).unwrap_err();
        assert!(matches!(bad, MetricError::Probability { row: 1, .. }));
        let late = decision_curve(&[0.2, 0.3], &f, 5.0, &[0.5]).unwrap_err();
        assert!(matches!(late, MetricError::NotEstimable(_)));
        let early = decision_curve(&[0.2, 0.3], &f, 0.5, &[0.5]).unwrap_err();
        let none = NotEstimable::FewCases {
            horizon: 0.5,
            cases: 0,
            at_least: 1,
        };
        assert_eq!(early, none.into());
    }
}
