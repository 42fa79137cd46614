//! Prediction error of survival probabilities under censoring.

use cohort::FollowUp;
use ndarray::ArrayView2;
use stats::censored::{StepFunction, censoring_distribution};

use crate::estimate::{MetricError, NotEstimable, check_horizon, check_length};

/// At which side of an event's time the censoring weight is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrierConvention {
    /// 1/G(T−), as riskRegression `Score`: the house's default.
    Score,
    /// 1/G(T), as scikit-survival `brier_score`.
    Sksurv,
}

/// Brier score at a horizon, weighted by the inverse probability of being uncensored.
///
/// # Formula
/// BS(t) = (1/n) Σ_i [ 1(T_i <= t, e_i = 1) S_i(t)² / G(T_i−)  +  1(T_i > t) (1 − S_i(t))² / G(t) ]
/// (G(T_i) in place of G(T_i−) with [`BrierConvention::Sksurv`]); G is the reverse Kaplan–Meier estimate of
/// `censoring_from`
///
/// # Arguments
/// | symbol | argument         | shape | unit                                        |
/// |---|---|---|---|
/// | S      | `survival`       | \[n\]   | probability of no event by t                |
/// | T, e   | `follow_up`      | \[n\]   | months; true = event                        |
/// | G      | `censoring_from` | \[m\]   | the set G is estimated from; often the same |
/// | t      | `horizon`        | 1     | months                                      |
///
/// # Ties and edges
/// who is censored by t adds 0 and counts in n; lower is better; 0.25 is a coin
/// # Undefined
/// follow-up ends before t; G is 0 where a weight is needed
/// # Reference
/// Graf et al., Stat. Med. 18 (1999) 2529–2545
/// # Agrees with
/// riskRegression 2022.11.28 `Score` and scikit-survival 0.28 `brier_score`, each with its
/// convention, 1e-9, tests/metrics_oracle.rs
/// # Differs from
/// nothing within a convention
pub fn brier(
    survival: &[f64],
    follow_up: &FollowUp,
    censoring_from: &FollowUp,
    horizon: f64,
    convention: BrierConvention,
) -> Result<f64, MetricError> {
    check_length(survival.len(), follow_up.len())?;
    let censoring = censoring_distribution(censoring_from);
    score(
        survival.iter().copied(),
        follow_up,
        &censoring,
        horizon,
        convention,
    )
}

/// Brier score integrated over horizons by the trapezoid rule and divided by their range.
///
/// `survival` is \[n, horizons\]; `horizons` ascend strictly and are at least two.
///
/// # Reference
/// Graf et al., Stat. Med. 18 (1999) 2529–2545
/// # Agrees with
/// scikit-survival 0.28 `integrated_brier_score`, 1e-9, tests/metrics_oracle.rs
/// # Errors
/// as [`brier`], and horizons that do not ascend
pub fn integrated_brier(
    survival: ArrayView2<f64>,
    follow_up: &FollowUp,
    censoring_from: &FollowUp,
    horizons: &[f64],
    convention: BrierConvention,
) -> Result<f64, MetricError> {
    check_length(survival.nrows(), follow_up.len())?;
    check_length(survival.ncols(), horizons.len())?;
    let (&first, &last) = match horizons {
        [first, .., last] => (first, last),
        _ => {
            return Err(MetricError::Horizon {
                value: f64::INFINITY,
            });
        }
    };
    let censoring = censoring_distribution(censoring_from);
    let mut area = 0.0;
    let mut previous: Option<(f64, f64)> = None;
    for (column, &horizon) in horizons.iter().enumerate() {
        let column = survival.column(column);
        let now = score(
            column.iter().copied(),
            follow_up,
            &censoring,
            horizon,
            convention,
        )?;
        if let Some((at, before)) = previous {
            if horizon <= at {
                return Err(MetricError::Horizon { value: horizon });
            }
            area += (horizon - at) * (now + before) / 2.0;
        }
        previous = Some((horizon, now));
    }
    Ok(area / (last - first))
}

fn score(
    survival: impl Iterator<Item = f64>,
    follow_up: &FollowUp,
    censoring: &StepFunction,
    horizon: f64,
    convention: BrierConvention,
) -> Result<f64, MetricError> {
    check_horizon(horizon)?;
    let (time, event) = (follow_up.time(), follow_up.event());
    let last = time.iter().copied().fold(0.0, f64::max);
    if last < horizon || time.is_empty() {
        return Err(NotEstimable::NobodyAtRisk { horizon, last }.into());
    }
    let mut sum = 0.0;
    for (row, s) in survival.enumerate() {
        if !(0.0..=1.0).contains(&s) {
            return Err(MetricError::Probability { row, value: s });
        }
        let (error, g, at) = if time[row] > horizon {
            (1.0 - s, censoring.at(horizon), horizon)
        } else if event[row] {
            let g = match convention {
                BrierConvention::Score => censoring.before(time[row]),
                BrierConvention::Sksurv => censoring.at(time[row]),
            };
            (s, g, time[row])
        } else {
            continue;
        };
        if g <= 0.0 {
            return Err(NotEstimable::NoCensoringWeight { time: at }.into());
        }
        sum += error * error / g;
    }
    Ok(sum / time.len() as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn follow_up() -> FollowUp {
        FollowUp::new(vec![1.0, 2.0, 3.0, 4.0], vec![true, false, true, false]).unwrap()
    }

    #[test]
    fn four_patients_by_hand() {
        // at 2.5: one event (G = 1), one censored, two at risk with G = 2/3
        let f = follow_up();
        let b = brier(&[0.5, 0.9, 0.8, 0.6], &f, &f, 2.5, BrierConvention::Score).unwrap();
        let expected = (0.25 + (0.04 + 0.16) * 1.5) / 4.0;
        assert!((b - expected).abs() < 1e-15, "{b}");
    }

    #[test]
    fn nonsense_is_named() {
        let f = follow_up();
        let bad = brier(&[0.5, 1.2, 0.5, 0.5], &f, &f, 2.5, BrierConvention::Score).unwrap_err();
        assert_eq!(
            bad.to_string(),
            "survival probability of patient 1 is 1.2, must be from 0 to 1"
        );
        let late = brier(&[0.5; 4], &f, &f, 9.0, BrierConvention::Score).unwrap_err();
        let (horizon, last) = (9.0, 4.0);
        assert_eq!(late, NotEstimable::NobodyAtRisk { horizon, last }.into());
    }
}
