//! The time-dependent ROC curve, point by point, for figures.

use cohort::{FollowUp, RiskScores};
use stats::censored::censoring_distribution;

use crate::auc::{AucConvention, case_weights};
use crate::estimate::{MetricError, NotEstimable, check_horizon, check_length};

/// One point of the curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RocPoint {
    /// Patients with a risk of at least this are called cases; `None` at the start, where nobody is.
    pub threshold: Option<f64>,
    /// Weighted share of cases called cases.
    pub sensitivity: f64,
    /// Share of controls called controls.
    pub specificity: f64,
}

/// The curve whose area (trapezoid rule) is [`crate::auc()`]: one point for each distinct risk, highest first.
///
/// # Formula
/// sensitivity(c) = Σ_cases w_i 1(r_i >= c) / Σ_cases w_i ;  specificity(c) = Σ_controls 1(r_j < c) / n_controls
/// with cases, controls and weights as for [`crate::auc()`]
///
/// # Undefined
/// no case or no control
/// # Reference
/// Uno et al., JASA 102 (2007) 527–537
/// # Agrees with
/// timeROC 0.4.1 `TP`, `FP`, 1e-12, tests/metrics_oracle.rs
/// # Differs from
/// timeROC repeats a point for each patient of equal risk; here there is one
pub fn roc_curve(
    risk: &RiskScores,
    follow_up: &FollowUp,
    horizon: f64,
    convention: AucConvention,
) -> Result<Vec<RocPoint>, MetricError> {
    check_length(risk.values().len(), follow_up.len())?;
    check_horizon(horizon)?;
    let censoring = censoring_distribution(follow_up);
    let weights = case_weights(follow_up, &censoring, horizon, convention)?;
    let (risk, time) = (risk.values(), follow_up.time());
    let mut order: Vec<usize> = (0..risk.len()).collect();
    order.sort_by(|&a, &b| risk[b].total_cmp(&risk[a]));
    let (mut points, mut cases, mut controls) = (vec![(None, 0.0, 0.0)], 0.0, 0.0);
    for group in order.chunk_by(|&a, &b| risk[a] == risk[b]) {
        for &row in group {
            cases += weights[row];
            controls += f64::from(u8::from(time[row] > horizon));
        }
        points.push((Some(risk[group[0]]), cases, controls));
    }
    let at_least = 1;
    if cases == 0.0 {
        let cases = 0;
        return Err(NotEstimable::FewCases {
            horizon,
            cases,
            at_least,
        }
        .into());
    }
    if controls == 0.0 {
        let controls = 0;
        return Err(NotEstimable::FewControls {
            horizon,
            controls,
            at_least,
        }
        .into());
    }
    let point = |(threshold, case, control): (Option<f64>, f64, f64)| RocPoint {
        threshold,
        sensitivity: case / cases,
        specificity: 1.0 - control / controls,
    };
    Ok(points.into_iter().map(point).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::auc::auc;

    #[test]
    fn its_area_is_the_auc() {
        let risk: Vec<f64> = (0..60).map(|i| f64::from((i * 17) % 13)).collect();
        let risk = RiskScores::higher_is_worse(risk).unwrap();
        let time = (0..60).map(|i| f64::from((i * 29) % 31)).collect();
        let f = FollowUp::new(time, (0..60).map(|i| i % 4 != 0).collect()).unwrap();
        let points = roc_curve(&risk, &f, 12.0, AucConvention::Score).unwrap();
        let area: f64 = points
            .windows(2)
            .map(|w| {
                (w[0].specificity - w[1].specificity) * (w[0].sensitivity + w[1].sensitivity) / 2.0
            })
            .sum();
        let value = auc(&risk, &f, 12.0, AucConvention::Score).unwrap().value;
        assert!((area - value).abs() < 1e-12, "{area} {value}");
        assert_eq!(points[0].specificity, 1.0);
        let last = points[points.len() - 1];
        assert!((last.sensitivity - 1.0).abs() < 1e-12 && last.specificity.abs() < 1e-12);
    }
}
