//! The Kaplan–Meier estimate of survival.

use cohort::FollowUp;

use super::{RiskTable, StepFunction};
use crate::special::normal_quantile;

/// Kaplan–Meier (product-limit) estimate of the survival function.
///
/// # Formula
/// S(t) = Π_{t_k ≤ t} (1 − d_k/n_k);  Greenwood: v(t) = Σ_{t_k ≤ t} d_k / (n_k (n_k − d_k)), SE[S] = S·√v
///
/// # Ties and edges   events precede censorings at one time; where S = 0, v and every interval are undefined (`None`)
/// # Reference        Kaplan & Meier, JASA 53 (1958) 457–481; Greenwood 1926
/// # Agrees with      R survival 3.5-3 `survfit`, relative 1e-12, tests/parity_censored.rs
/// # Differs from     R merges times closer than about 1.5e-8 (`timefix`); here times are equal only when they are the same number
pub fn kaplan_meier(follow_up: &FollowUp) -> KaplanMeier {
    let table = RiskTable::new(follow_up);
    let mut survival = Vec::with_capacity(table.len());
    let mut variance = Vec::with_capacity(table.len());
    let (mut s, mut v) = (1.0, Some(0.0));
    for k in 0..table.len() {
        let (n, d) = (table.n_risk[k] as f64, table.n_events[k] as f64);
        s *= (n - d) / n;
        v = if n > d {
            v.map(|v| v + d / (n * (n - d)))
        } else if d > 0.0 {
            None
        } else {
            v
        };
        survival.push(s);
        variance.push(v);
    }
    let curve = StepFunction::new(table.time.clone(), survival, 1.0);
    KaplanMeier {
        table,
        curve,
        variance,
    }
}

/// A Kaplan–Meier curve with the counts it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct KaplanMeier {
    table: RiskTable,
    curve: StepFunction,
    variance: Vec<Option<f64>>,
}

/// Scale on which the pointwise interval is symmetric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfidenceScale {
    /// exp(log S ± z√v), cut at 1: R's default.
    Log,
    /// S^exp(± z√v / log S): stays within (0, 1).
    LogLog,
    /// S ± z·S·√v, cut to [0, 1].
    Plain,
}

/// A two-sided interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower limit.
    pub lower: f64,
    /// Upper limit.
    pub upper: f64,
}

/// A quantile of the survival time; `None` where a curve does not come down to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    /// Where S(t) reaches the level.
    pub value: Option<f64>,
    /// Where the lower limit of S reaches the level.
    pub lower: Option<f64>,
    /// Where the upper limit of S reaches the level.
    pub upper: Option<f64>,
}

/// Mean survival time restricted to `[0, horizon]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RestrictedMean {
    /// Area under S up to the horizon, in the unit of time.
    pub value: f64,
    /// Its standard error (Greenwood type).
    pub std_err: f64,
}

impl KaplanMeier {
    /// Distinct times and the counts at them.
    pub fn table(&self) -> &RiskTable {
        &self.table
    }

    /// S(t) as a step function.
    pub fn curve(&self) -> &StepFunction {
        &self.curve
    }

    /// S at each distinct time.
    pub fn survival(&self) -> &[f64] {
        self.curve.values()
    }

    /// √v at each distinct time: the standard error of log S, i.e. of the cumulative hazard; `None` where S = 0.
    pub fn std_err_log(&self) -> Vec<Option<f64>> {
        self.variance.iter().map(|v| v.map(f64::sqrt)).collect()
    }

    /// S·√v at each distinct time: the standard error of S; `None` where S = 0.
    pub fn std_err(&self) -> Vec<Option<f64>> {
        self.variance
            .iter()
            .zip(self.survival())
            .map(|(v, s)| v.map(|v| s * v.sqrt()))
            .collect()
    }

    /// Pointwise intervals at confidence `level` (0.95 for 95 %). `None` where undefined: S = 0 on every scale,
    /// S = 1 on the log-log scale, or a level outside (0, 1).
    pub fn intervals(&self, scale: ConfidenceScale, level: f64) -> Vec<Option<Interval>> {
        let z = normal_quantile(0.5 + level / 2.0);
        let one = |(s, v): (&f64, &Option<f64>)| interval(scale, *s, (*v)?.sqrt() * z?);
        self.survival()
            .iter()
            .zip(&self.variance)
            .map(one)
            .collect()
    }

    /// The time at which S falls to `1 − p` (p = 0.5: the median), with the limits found the same way on the
    /// interval's curves (Brookmeyer & Crowley). Where S equals 1 − p on a whole step, the middle of that step, which ends
    /// with the follow-up if S falls no further (R's rule).
    ///
    /// # Differs from
    /// R, where the upper curve of the log scale rises again after it had passed 1 − p (few at risk): R looks the level up among the
    /// curve's values in their own order and may give that later time, here the first passage counts
    pub fn quantile(&self, p: f64, scale: ConfidenceScale, level: f64) -> Quantile {
        let intervals = self.intervals(scale, level);
        let curve = |pick: fn(&Interval) -> f64| -> Vec<Option<f64>> {
            intervals.iter().map(|i| i.as_ref().map(pick)).collect()
        };
        let survival: Vec<_> = self.survival().iter().map(|&s| Some(s)).collect();
        Quantile {
            value: first_at_or_below(&self.table.time, &survival, 1.0 - p),
            lower: first_at_or_below(&self.table.time, &curve(|i| i.lower), 1.0 - p),
            upper: first_at_or_below(&self.table.time, &curve(|i| i.upper), 1.0 - p),
        }
    }

    /// Mean survival time restricted to `horizon` (in the unit of time).
    ///
    /// # Formula
    /// μ = ∫_0^τ S(u) du;  var = Σ_{t_k < τ} ( ∫_{t_k}^τ S(u) du )² · d_k / (n_k (n_k − d_k))
    pub fn restricted_mean(&self, horizon: f64) -> RestrictedMean {
        let n_before = self.table.time.partition_point(|&t| t < horizon);
        let mut after = 0.0;
        let mut variance = 0.0;
        let mut right = horizon;
        for k in (0..n_before).rev() {
            after += self.survival()[k] * (right - self.table.time[k]);
            right = self.table.time[k];
            let (n, d) = (self.table.n_risk[k] as f64, self.table.n_events[k] as f64);
            if n > d {
                variance += after * after * d / (n * (n - d));
            }
        }
        RestrictedMean {
            value: after + right.max(0.0),
            std_err: variance.sqrt(),
        }
    }
}

fn interval(scale: ConfidenceScale, s: f64, half_width: f64) -> Option<Interval> {
    let (lower, upper) = match scale {
        ConfidenceScale::Log => (
            s * libm::exp(-half_width),
            (s * libm::exp(half_width)).min(1.0),
        ),
        ConfidenceScale::Plain => ((s - s * half_width).max(0.0), (s + s * half_width).min(1.0)),
        ConfidenceScale::LogLog => {
            if s >= 1.0 {
                return None;
            }
            let log_s = libm::log(s);
            let bend = libm::exp(half_width / -log_s);
            (libm::exp(log_s * bend), libm::exp(log_s / bend))
        }
    };
    Some(Interval { lower, upper })
}

/// First time at which a non-increasing curve is at or below `level`; the middle of the step where it equals it.
fn first_at_or_below(times: &[f64], curve: &[Option<f64>], level: f64) -> Option<f64> {
    const TOLERANCE: f64 = 1.5e-8; // R's sqrt(.Machine$double.eps): 0.5 reached through a product of ratios
    let points: Vec<(f64, f64)> = times
        .iter()
        .zip(curve)
        .filter_map(|(&t, s)| Some((t, (*s)?)))
        .collect();
    let k = points.iter().position(|&(_, s)| s < level + TOLERANCE)?;
    let (time, value) = points[k];
    if (value - level).abs() >= TOLERANCE {
        return Some(time);
    }
    let next_lower = points[k..].iter().find(|&&(_, s)| s < value);
    let end = next_lower.or(points.last()).map_or(time, |&(end, _)| end);
    Some((time + end) / 2.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn example() -> KaplanMeier {
        kaplan_meier(
            &FollowUp::new(
                vec![1.0, 2.0, 2.0, 3.0, 4.0],
                vec![true, true, false, false, true],
            )
            .unwrap(),
        )
    }

    #[test]
    fn the_worked_example_comes_out() {
        let km = example();
        let want = [0.8, 0.6, 0.6, 0.0];
        assert!(
            km.survival()
                .iter()
                .zip(want)
                .all(|(a, b)| (a - b).abs() < 1e-15)
        );
        assert!((km.variance[1].unwrap() - (1.0 / 20.0 + 1.0 / 12.0)).abs() < 1e-15);
        assert_eq!(km.std_err()[3], None);
        assert_eq!(km.intervals(ConfidenceScale::Log, 0.95)[3], None);
    }

    #[test]
    fn the_restricted_mean_is_the_area() {
        assert!((example().restricted_mean(3.5).value - (1.0 + 0.8 + 0.6 * 1.5)).abs() < 1e-14);
        assert!((example().restricted_mean(0.5).value - 0.5).abs() < 1e-15);
    }

    #[test]
    fn a_flat_step_at_one_half_gives_its_middle() {
        let f = FollowUp::new(vec![1.0, 2.0, 5.0, 6.0], vec![true; 4]).unwrap();
        let q = kaplan_meier(&f).quantile(0.5, ConfidenceScale::Log, 0.95);
        assert_eq!(q.value, Some(3.5));
        assert_eq!(q.upper, None);
    }

    #[test]
    fn a_curve_that_ends_at_one_half_has_its_median_midway_to_the_end() {
        // R survival 3.5-3: quantile(survfit(…), 0.5) is 13.5
        let time = vec![5.0, 5.0, 7.0, 13.0, 16.0, 20.0];
        let f = FollowUp::new(time, (0..6).map(|i| i < 3).collect()).unwrap();
        let q = kaplan_meier(&f).quantile(0.5, ConfidenceScale::Log, 0.95);
        assert_eq!(q.value, Some(13.5));
    }

    #[test]
    fn nobody_gives_a_curve_of_ones() {
        let km = kaplan_meier(&FollowUp::new(vec![], vec![]).unwrap());
        assert_eq!(km.curve().at(3.0), 1.0);
    }
}
