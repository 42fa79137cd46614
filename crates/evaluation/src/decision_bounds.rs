//! How sure a decision curve is: percentile intervals of its points over resampled patients.

use cohort::FollowUp;

use crate::bootstrap::{Bootstrap, quantile};
use crate::decision_curve::decision_curve;
use crate::estimate::{Interval, MetricError, NotEstimable};

/// Intervals of a [`DecisionPoint`](crate::DecisionPoint), each pointwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecisionBounds {
    /// Threshold probability p.
    pub threshold: f64,
    /// Of the net benefit.
    pub net_benefit: Interval,
    /// Of the share of patients at or above p.
    pub high_risk: Interval,
    /// Of the share of patients at or above p who have the event by the horizon.
    pub true_positive: Interval,
}

/// Percentile intervals of the points of [`decision_curve()`].
///
/// # Formula
/// resample b: n patients with replacement; its curve as [`decision_curve()`] defines it; interval: the type 7 quantiles
/// (1 − level) / 2 and 1 − (1 − level) / 2 over resamples, threshold by threshold
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
/// patients are resampled, the model is not fitted again: on the rows that taught it the bounds are as flattering as the
/// curve. All thresholds, and all curves with the same seed and number of patients, see the same resamples. A resample in
/// which nobody is treated has net benefit 0. A resample in which nobody or everybody has the event by t counts, though a set of
/// patients like that has no curve.
/// # Undefined
/// where the curve is; or when more than a tenth of the resamples end before t
/// # Reference
/// Vickers et al., BMC Med. Inform. Decis. Mak. 8 (2008) 53; Kerr et al., J. Clin. Oncol. 34 (2016) 2534–2540
/// # Agrees with
/// `decision_curve()` of each resample written out, 1e-12, below
pub fn decision_bounds(
    risk: &[f64],
    follow_up: &FollowUp,
    horizon: f64,
    thresholds: &[f64],
    bootstrap: &Bootstrap,
) -> Result<Vec<DecisionBounds>, MetricError> {
    // The curve itself, for its checks.
    decision_curve(risk, follow_up, horizon, thresholds)?;
    let patients = ByTime::new(risk, follow_up, horizon);
    let drawn = bootstrap.each(risk.len(), |copies| patients.curve(copies, thresholds));
    let resamples = drawn.len();
    let curves: Vec<Vec<Shares>> = drawn.into_iter().flatten().collect();
    let (undefined, at_most) = (resamples - curves.len(), resamples / 10);
    if undefined > at_most {
        return Err(NotEstimable::FewResamples {
            undefined,
            resamples,
            at_most,
        }
        .into());
    }
    let bounds = thresholds.iter().enumerate().map(|(k, &p)| {
        let of = |share: &dyn Fn(&Shares) -> f64| {
            let mut values: Vec<f64> = curves.iter().map(|curve| share(&curve[k])).collect();
            values.sort_unstable_by(f64::total_cmp);
            let tail = (1.0 - bootstrap.level()) / 2.0;
            Interval {
                lower: quantile(&values, tail),
                upper: quantile(&values, 1.0 - tail),
            }
        };
        let odds = p / (1.0 - p);
        DecisionBounds {
            threshold: p,
            net_benefit: of(&|s| s.true_positive - s.false_positive * odds),
            high_risk: of(&|s| s.high_risk),
            true_positive: of(&|s| s.true_positive),
        }
    });
    Ok(bounds.collect())
}

/// What a threshold does to the patients of a resample.
struct Shares {
    high_risk: f64,
    true_positive: f64,
    false_positive: f64,
}

/// Patients sorted by time once, so that a resample's survival at the horizon is one walk.
struct ByTime<'a> {
    risk: &'a [f64],
    follow_up: &'a FollowUp,
    horizon: f64,
    /// rows with a time up to the horizon, ascending
    until: Vec<usize>,
}

impl ByTime<'_> {
    fn new<'a>(risk: &'a [f64], follow_up: &'a FollowUp, horizon: f64) -> ByTime<'a> {
        let time = follow_up.time();
        let mut until: Vec<usize> = (0..risk.len()).filter(|&i| time[i] <= horizon).collect();
        until.sort_by(|a, b| time[*a].total_cmp(&time[*b]));
        ByTime {
            risk,
            follow_up,
            horizon,
            until,
        }
    }

    /// The curve of a resample; `None` where its follow-up ends before the horizon.
    fn curve(&self, copies: &[u32], thresholds: &[f64]) -> Option<Vec<Shares>> {
        let time = self.follow_up.time();
        let reaches = |(t, c): (&f64, &u32)| *c > 0 && *t >= self.horizon;
        time.iter().zip(copies).any(reaches).then_some(())?;
        let shares = thresholds.iter().map(|p| self.shares(copies, *p));
        Some(shares.collect())
    }

    fn shares(&self, copies: &[u32], p: f64) -> Shares {
        let weight = |i: usize| {
            if self.risk[i] >= p {
                u64::from(copies[i])
            } else {
                0
            }
        };
        let treated: u64 = (0..copies.len()).map(weight).sum();
        let survival = self.survival(treated, weight);
        let high_risk = treated as f64 / copies.len() as f64;
        Shares {
            high_risk,
            true_positive: (1.0 - survival) * high_risk,
            false_positive: survival * high_risk,
        }
    }

    /// Kaplan–Meier at the horizon of patients that count as often as `weight` says; 1 where nobody does.
    fn survival(&self, n: u64, weight: impl Fn(usize) -> u64) -> f64 {
        let (time, event) = (self.follow_up.time(), self.follow_up.event());
        let (mut at_risk, mut survival, mut next) = (n, 1.0, 0);
        while let Some(&first) = self.until.get(next) {
            let (mut events, mut left) = (0, 0);
            while let Some(&row) = self
                .until
                .get(next)
                .filter(|row| time[**row] == time[first])
            {
                let w = weight(row);
                left += w;
                events += if event[row] { w } else { 0 };
                next += 1;
            }
            if events > 0 {
                survival *= (at_risk - events) as f64 / at_risk as f64;
            }
            at_risk -= left;
        }
        survival
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::bootstrap::{drawn_rows, resample_copies};

    /// Risks that carry something, ties in time and risk, censored and not.
    fn cohort(n: usize) -> (Vec<f64>, FollowUp) {
        let risk: Vec<f64> = (0..n).map(|i| ((i * 37) % 20) as f64 / 20.0).collect();
        let time = (0..n).map(|i| 1.0 + ((i * 53) % 40) as f64 * (1.2 - risk[i]));
        let event = (0..n).map(|i| (i * 7) % 10 < 6).collect();
        let follow_up = FollowUp::new(time.collect(), event).unwrap();
        (risk, follow_up)
    }

    #[test]
    fn they_are_quantiles_of_the_curves_of_the_resamples_written_out() {
        let (risk, follow_up) = cohort(83);
        let thresholds = [0.05, 0.3, 0.5, 0.9];
        let bootstrap = Bootstrap::new(60, 0.9, 5).unwrap();
        let found = decision_bounds(&risk, &follow_up, 12.0, &thresholds, &bootstrap).unwrap();
        let curves: Vec<_> = (0..60)
            .map(|b| {
                let rows = drawn_rows(&resample_copies(83, 5, b));
                let risk: Vec<f64> = rows.iter().map(|&i| risk[i]).collect();
                decision_curve(&risk, &follow_up.select(&rows), 12.0, &thresholds).unwrap()
            })
            .collect();
        for (k, bounds) in found.iter().enumerate() {
            let of = |share: &dyn Fn(&crate::DecisionPoint) -> f64| {
                let mut all: Vec<f64> = curves.iter().map(|c| share(&c[k])).collect();
                all.sort_unstable_by(f64::total_cmp);
                [quantile(&all, 0.05), quantile(&all, 0.95)]
            };
            let near = |i: Interval, [lower, upper]: [f64; 2]| {
                assert!((i.lower - lower).abs() < 1e-12 && (i.upper - upper).abs() < 1e-12);
            };
            near(bounds.net_benefit, of(&|p| p.net_benefit));
            near(bounds.high_risk, of(&|p| p.high_risk));
            near(bounds.true_positive, of(&|p| p.true_positive));
        }
        assert!(found[1].net_benefit.lower < found[1].net_benefit.upper);
    }

    #[test]
    fn threads_change_no_bit() {
        let (risk, follow_up) = cohort(60);
        let bootstrap = Bootstrap::new(40, 0.95, 9).unwrap();
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let work = || decision_bounds(&risk, &follow_up, 10.0, &[0.2, 0.4], &bootstrap);
            pool.build().unwrap().install(work).unwrap()
        };
        assert_eq!(on(1), on(4));
    }

    #[test]
    fn resamples_that_end_before_the_horizon_are_counted() {
        // one patient of thirty reaches the horizon: a third of the resamples miss them
        let mut time = vec![1.0; 30];
        time[0] = 20.0;
        let follow_up = FollowUp::new(time, vec![true; 30]).unwrap();
        let bootstrap = Bootstrap::new(100, 0.95, 1).unwrap();
        let found = decision_bounds(&[0.5; 30], &follow_up, 10.0, &[0.5], &bootstrap);
        assert!(matches!(
            found,
            Err(MetricError::NotEstimable(NotEstimable::FewResamples { .. }))
        ));
        let late = decision_bounds(&[0.5; 30], &follow_up, 50.0, &[0.5], &bootstrap);
        assert!(matches!(
            late,
            Err(MetricError::NotEstimable(NotEstimable::NobodyAtRisk { .. }))
        ));
    }
}
