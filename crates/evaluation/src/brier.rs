//! Prediction error of survival probabilities under censoring.

use cohort::FollowUp;
use ndarray::ArrayView2;
use stats::censored::{StepFunction, censoring_distribution};

use crate::bootstrap::{Bootstrap, drawn_rows};
use crate::c_index::{interval, with_interval};
use crate::estimate::{
    Estimate, MetricError, NotEstimable, check_followed, check_horizon, check_length, settle,
};

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
    let column = ArrayView2::from_shape((survival.len(), 1), survival);
    let column = column.map_err(|_| lengths(survival.len(), follow_up))?;
    let evaluated = Evaluated::new(
        column,
        follow_up,
        std::slice::from_ref(&horizon),
        convention,
    )?;
    let rows: Vec<usize> = (0..follow_up.len()).collect();
    evaluated.score(&rows, &censoring_distribution(censoring_from), 0)
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
    let evaluated = Evaluated::new(survival, follow_up, horizons, convention)?;
    let rows: Vec<usize> = (0..follow_up.len()).collect();
    evaluated.integrated(&rows, &censoring_distribution(censoring_from))
}

/// The Brier score that the same predictions would have if they had nothing to do with the outcomes: the mean over all
/// pairs of one patient's outcome and another's prediction (γ of [`crate::point_632_plus`]); G from the evaluated set.
///
/// # Formula
/// γ = BS(t; S ≡ 1) · mean S² + BS(t; S ≡ 0) · mean (1 − S)²
///
/// # Errors
/// As [`brier`].
pub fn no_information_brier(
    survival: &[f64],
    follow_up: &FollowUp,
    horizon: f64,
    convention: BrierConvention,
) -> Result<f64, MetricError> {
    let of_all = |s: f64| {
        let all = vec![s; survival.len()];
        brier(&all, follow_up, follow_up, horizon, convention)
    };
    let n = survival.len() as f64;
    let alive = survival.iter().map(|s| s * s).sum::<f64>() / n;
    let dead = survival.iter().map(|s| (1.0 - s) * (1.0 - s)).sum::<f64>() / n;
    Ok(of_all(1.0)? * alive + of_all(0.0)? * dead)
}

/// [`brier`] with G from the evaluated set, and a bootstrap interval in which G is estimated anew each time.
///
/// # Errors
/// As [`brier`], except that what cannot be estimated is a value.
pub fn estimate_brier(
    survival: &[f64],
    follow_up: &FollowUp,
    horizon: f64,
    convention: BrierConvention,
    bootstrap: Option<&Bootstrap>,
) -> Result<Estimate, MetricError> {
    let column = ArrayView2::from_shape((survival.len(), 1), survival);
    let column = column.map_err(|_| lengths(survival.len(), follow_up))?;
    let horizons = [horizon];
    let evaluated = Evaluated::new(column, follow_up, &horizons, convention)?;
    evaluated.estimate(bootstrap, |rows, censoring| {
        evaluated.score(rows, censoring, 0)
    })
}

/// [`integrated_brier`] with G from the evaluated set, and a bootstrap interval in which G is estimated anew each time.
///
/// # Errors
/// As [`integrated_brier`], except that what cannot be estimated is a value.
pub fn estimate_integrated_brier(
    survival: ArrayView2<f64>,
    follow_up: &FollowUp,
    horizons: &[f64],
    convention: BrierConvention,
    bootstrap: Option<&Bootstrap>,
) -> Result<Estimate, MetricError> {
    let evaluated = Evaluated::new(survival, follow_up, horizons, convention)?;
    evaluated.estimate(bootstrap, |rows, censoring| {
        evaluated.integrated(rows, censoring)
    })
}

/// Predictions and what they are held against.
struct Evaluated<'a> {
    /// \[n, horizons\].
    survival: ArrayView2<'a, f64>,
    follow_up: &'a FollowUp,
    horizons: &'a [f64],
    convention: BrierConvention,
}

impl<'a> Evaluated<'a> {
    fn new(
        survival: ArrayView2<'a, f64>,
        follow_up: &'a FollowUp,
        horizons: &'a [f64],
        convention: BrierConvention,
    ) -> Result<Evaluated<'a>, MetricError> {
        check_length(survival.nrows(), follow_up.len())?;
        check_length(survival.ncols(), horizons.len())?;
        for (k, &horizon) in horizons.iter().enumerate() {
            check_horizon(horizon)?;
            if k > 0 && horizon <= horizons[k - 1] {
                return Err(MetricError::Horizon { value: horizon });
            }
        }
        Ok(Evaluated {
            survival,
            follow_up,
            horizons,
            convention,
        })
    }

    fn estimate(
        &self,
        bootstrap: Option<&Bootstrap>,
        metric: impl Fn(&[usize], &StepFunction) -> Result<f64, MetricError> + Sync,
    ) -> Result<Estimate, MetricError> {
        let of =
            |rows: &[usize]| metric(rows, &censoring_distribution(&self.follow_up.select(rows)));
        let all: Vec<usize> = (0..self.follow_up.len()).collect();
        let estimated = of(&all).and_then(|value| {
            let interval = interval(bootstrap, all.len(), |copies| of(&drawn_rows(copies)).ok())?;
            Ok(with_interval(value, interval, self.follow_up))
        });
        settle(estimated, self.follow_up.len(), self.follow_up.n_events())
    }

    fn integrated(&self, rows: &[usize], censoring: &StepFunction) -> Result<f64, MetricError> {
        let (first, last) = match self.horizons {
            [first, .., last] => (*first, *last),
            short => {
                let value = short.first().copied().unwrap_or_default();
                return Err(MetricError::Horizon { value });
            }
        };
        let mut area = 0.0;
        let mut before = self.score(rows, censoring, 0)?;
        for k in 1..self.horizons.len() {
            let now = self.score(rows, censoring, k)?;
            area += (self.horizons[k] - self.horizons[k - 1]) * (now + before) / 2.0;
            before = now;
        }
        Ok(area / (last - first))
    }

    fn score(
        &self,
        rows: &[usize],
        censoring: &StepFunction,
        column: usize,
    ) -> Result<f64, MetricError> {
        let horizon = self.horizons[column];
        let (time, event) = (self.follow_up.time(), self.follow_up.event());
        check_followed(rows.iter().map(|&row| time[row]), horizon)?;
        let mut sum = 0.0;
        for &row in rows {
            let s = self.survival[[row, column]];
            if !(0.0..=1.0).contains(&s) {
                return Err(MetricError::Probability { row, value: s });
            }
            let (error, g, at) = if time[row] > horizon {
                (1.0 - s, censoring.at(horizon), horizon)
            } else if event[row] {
                let g = match self.convention {
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
        Ok(sum / rows.len() as f64)
    }
}

fn lengths(predictions: usize, follow_up: &FollowUp) -> MetricError {
    MetricError::Length {
        predictions,
        patients: follow_up.len(),
    }
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
            "probability of row 1 is 1.2, must be from 0 to 1"
        );
        let late = brier(&[0.5; 4], &f, &f, 9.0, BrierConvention::Score).unwrap_err();
        let (horizon, last) = (9.0, 4.0);
        assert_eq!(late, NotEstimable::NobodyAtRisk { horizon, last }.into());
    }

    #[test]
    fn the_interval_holds_the_value() {
        let time: Vec<f64> = (0..80).map(|i| f64::from((i * 37) % 61)).collect();
        let survival: Vec<f64> = (0..80).map(|i| f64::from((i * 13) % 29) / 29.0).collect();
        let f = FollowUp::new(time, (0..80).map(|i| i % 3 != 0).collect()).unwrap();
        let b = Bootstrap::new(300, 0.95, 2).unwrap();
        let e = estimate_brier(&survival, &f, 20.0, BrierConvention::Score, Some(&b)).unwrap();
        let i = e.interval().unwrap();
        assert!(
            i.lower < e.value().unwrap() && e.value().unwrap() < i.upper,
            "{e:?}"
        );
        let late = estimate_brier(&survival, &f, 99.0, BrierConvention::Score, None).unwrap();
        assert!(matches!(
            late.reason(),
            Some(NotEstimable::NobodyAtRisk { .. })
        ));
        let grid = ndarray::Array2::from_shape_fn((80, 3), |(i, k)| survival[i] / (k + 1) as f64);
        let times = [10.0, 20.0, 30.0];
        let e =
            estimate_integrated_brier(grid.view(), &f, &times, BrierConvention::Score, Some(&b))
                .unwrap();
        assert!(e.interval().is_some());
        let out_of_order = [10.0, 30.0, 20.0];
        let refused = integrated_brier(grid.view(), &f, &f, &out_of_order, BrierConvention::Score);
        assert_eq!(refused.unwrap_err(), MetricError::Horizon { value: 20.0 });
    }

    #[test]
    fn without_information_every_prediction_meets_every_outcome() {
        let f = FollowUp::new(
            vec![2.0, 3.0, 4.0, 6.0, 7.0],
            vec![true, false, true, true, false],
        )
        .unwrap();
        let s = [0.2, 0.5, 0.4, 0.9, 0.7];
        let mut sum = 0.0;
        for shift in 0..5 {
            let turned: Vec<f64> = (0..5).map(|i| s[(i + shift) % 5]).collect();
            sum += brier(&turned, &f, &f, 5.0, BrierConvention::Score).unwrap();
        }
        let seen = no_information_brier(&s, &f, 5.0, BrierConvention::Score).unwrap();
        assert!((seen - sum / 5.0).abs() < 1e-15, "{seen}");
    }
}
