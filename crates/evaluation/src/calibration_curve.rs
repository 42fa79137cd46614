//! Predicted against observed risk by a horizon, without groups: a smooth curve, its distance, intercept and slope.

use cohort::FollowUp;
use ndarray::Array2;
use stats::censored::{ConfidenceScale, kaplan_meier};
use stats::compare::quantile;
use stats::cox::{CoxParams, fit_cox};
use stats::special::normal_quantile;

use crate::estimate::{
    Interval, MetricError, NotEstimable, check_both_outcomes, check_followed, check_horizon,
    check_length,
};

/// A number with its standard error and interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coefficient {
    /// Estimate.
    pub value: f64,
    /// Standard error.
    pub std_err: f64,
    /// Symmetric 95 % interval.
    pub interval: Interval,
}

impl Coefficient {
    fn new(value: f64, std_err: f64) -> Coefficient {
        // the 97.5 % quantile exists
        let half = normal_quantile(0.975).unwrap_or_default() * std_err;
        Coefficient {
            value,
            std_err,
            interval: Interval {
                lower: value - half,
                upper: value + half,
            },
        }
    }
}

/// A smooth calibration curve.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationCurve {
    /// Smoothed observed risk of each patient, in the order given.
    pub observed: Vec<f64>,
    /// ICI: mean |observed − predicted|.
    pub ici: f64,
    /// E50: its median.
    pub e50: f64,
    /// E90: its 90 % quantile.
    pub e90: f64,
    /// Largest.
    pub e_max: f64,
}

/// How predicted risks relate to observed ones.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationSlope {
    /// Observed over expected: (1 − Kaplan–Meier)/mean predicted risk; 1 is ideal.
    pub observed_over_expected: f64,
    /// Its 95 % interval, from the log-log interval of Kaplan–Meier; `None` without or with only events.
    pub observed_over_expected_interval: Option<Interval>,
    /// Intercept at slope 1 on the complementary log-log scale: 0 is ideal, above 0 risks are too low.
    pub intercept: Coefficient,
    /// Slope on the complementary log-log scale: 1 is ideal, below 1 risks are too extreme.
    pub slope: Coefficient,
    /// Slope of log(−log(1 − risk)) in a Cox model of the whole follow-up.
    pub cox_slope: Coefficient,
}

/// Smooth calibration by a flexible Cox model of the predicted risk.
///
/// # Formula
/// With c = log(−log(1 − p)), a Cox model on a restricted cubic spline of c (3 knots at its 10, 50 and 90 % quantiles)
/// gives the observed risk ô_i = 1 − Ŝ(t | c_i); ICI = mean |ô_i − p_i|, E50 and E90 quantiles (type 7)
///
/// # Arguments
/// | symbol | argument | shape | unit |
/// |---|---|---|---|
/// | p | `risk` | \[n\] | probability of the event by t |
/// | T, e | `follow_up` | \[n\] | months; true = event |
/// | t | `horizon` | 1 | months |
///
/// # Ties and edges   risks are kept within 1e-9 of 0 and 1
/// # Undefined
/// nobody followed to t; no event or only events by t; risks too few or too much alike for a spline, or a likelihood without
/// maximum
/// # Reference
/// Austin, Harrell & van Klaveren, Stat. Med. 39 (2020) 2714–2742
/// # Agrees with
/// the same spline in R survival 3.5-3 `coxph` and `survfit` on a generated cohort, 1e-7, tests/calibration_generated.rs
/// # Differs from
/// rms `val.surv`, which smooths by hazard regression
pub fn calibration_curve(
    risk: &[f64],
    follow_up: &FollowUp,
    horizon: f64,
) -> Result<CalibrationCurve, MetricError> {
    let scale = check(risk, follow_up, horizon)?;
    check_both_outcomes(kaplan_meier(follow_up).curve().at(horizon), horizon)?;
    let mut sorted = scale.clone();
    sorted.sort_by(f64::total_cmp);
    let knots = [0.1, 0.5, 0.9].map(|q| quantile(&sorted, q));
    let curved = knots[0] < knots[1] && knots[1] < knots[2];
    let columns = if curved { 2 } else { 1 };
    let x = Array2::from_shape_fn((risk.len(), columns), |(i, j)| {
        if j == 0 {
            scale[i]
        } else {
            bend(scale[i], knots)
        }
    });
    let names: Vec<String> = ["risk", "spline"][..columns]
        .iter()
        .map(|s| s.to_string())
        .collect();
    let survival = fit_cox(x.view(), &names, follow_up, &CoxParams::efron())
        .and_then(|fit| fit.survival(x.view(), &[horizon]))
        .map_err(|_| NotEstimable::NoCalibrationModel)?;
    let observed: Vec<f64> = survival.column(0).iter().map(|s| 1.0 - s).collect();
    let mut apart: Vec<f64> = observed
        .iter()
        .zip(risk)
        .map(|(o, p)| (o - p).abs())
        .collect();
    apart.sort_by(f64::total_cmp);
    Ok(CalibrationCurve {
        ici: apart.iter().sum::<f64>() / apart.len() as f64,
        e50: quantile(&apart, 0.5),
        e90: quantile(&apart, 0.9),
        e_max: quantile(&apart, 1.0),
        observed,
    })
}

/// Observed over expected, and intercept and slope of calibration.
///
/// # Formula
/// Pseudo-values o_i = n F − (n − 1) F₍₋ᵢ₎, F = 1 − Kaplan–Meier at t; intercept a: o ~ 1 − exp(−exp(a + c_i)); slope b:
/// o ~ 1 − exp(−exp(a + b c_i)), by least squares (estimating equations Σ ∂μ_i (o_i − μ_i) = 0) with sandwich errors;
/// Cox slope: coefficient of c in a Cox model
///
/// # Ties and edges   risks are kept within 1e-9 of 0 and 1
/// # Undefined
/// nobody followed to t; no event or only events by t; risks all alike; a likelihood without maximum
/// # Reference
/// McLernon et al., Ann. Intern. Med. 176 (2023) 105–114; Royston, Stata J. 14 (2014) 738–755
/// # Agrees with
/// the same equations in R 4.2.2 with survival 3.5-3 on a generated cohort, 1e-7, tests/calibration_generated.rs
pub fn calibration_slope(
    risk: &[f64],
    follow_up: &FollowUp,
    horizon: f64,
) -> Result<CalibrationSlope, MetricError> {
    let scale = check(risk, follow_up, horizon)?;
    let km = kaplan_meier(follow_up);
    let survival = km.curve().at(horizon);
    check_both_outcomes(survival, horizon)?;
    let expected = risk.iter().sum::<f64>() / risk.len() as f64;
    let jumps = km.curve().times().partition_point(|t| *t <= horizon);
    let limits = jumps
        .checked_sub(1)
        .and_then(|k| km.intervals(ConfidenceScale::LogLog, 0.95)[k]);
    let pseudo = pseudo_values(follow_up, horizon);
    let intercept = solve(&scale, &pseudo, false).ok_or(NotEstimable::NoCalibrationModel)?;
    let slope = solve(&scale, &pseudo, true).ok_or(NotEstimable::NoCalibrationModel)?;
    let x = Array2::from_shape_fn((risk.len(), 1), |(i, _)| scale[i]);
    let cox = fit_cox(
        x.view(),
        &["risk".to_string()],
        follow_up,
        &CoxParams::efron(),
    )
    .map_err(|_| NotEstimable::NoCalibrationModel)?;
    Ok(CalibrationSlope {
        observed_over_expected: (1.0 - survival) / expected,
        observed_over_expected_interval: limits.map(|i| Interval {
            lower: (1.0 - i.upper) / expected,
            upper: (1.0 - i.lower) / expected,
        }),
        intercept,
        slope,
        cox_slope: Coefficient::new(cox.coefficients[0], cox.std_err()[0]),
    })
}

/// Jackknife pseudo-values of the risk by `horizon`, one per patient; their mean is 1 − Kaplan–Meier up to rounding.
///
/// # Formula
/// n F(t) − (n − 1) F₍₋ᵢ₎(t)
/// # Reference
/// Andersen, Klein & Rosthøj, Biometrika 90 (2003) 15–27
fn pseudo_values(follow_up: &FollowUp, horizon: f64) -> Vec<f64> {
    let (time, event) = (follow_up.time(), follow_up.event());
    let n = time.len() as f64;
    let table = stats::censored::RiskTable::new(follow_up);
    let last = table.time.partition_point(|t| *t <= horizon);
    // survival with one patient left out, who is at risk until his own time
    let without = |gone: Option<usize>| {
        let mut s = 1.0;
        for k in 0..last {
            let (mut at_risk, mut events) = (table.n_risk[k] as f64, table.n_events[k] as f64);
            if let Some(i) = gone {
                at_risk -= f64::from(u8::from(time[i] >= table.time[k]));
                events -= f64::from(u8::from(time[i] == table.time[k] && event[i]));
            }
            if events > 0.0 {
                s *= (at_risk - events) / at_risk;
            }
        }
        s
    };
    let all = without(None);
    (0..time.len())
        .map(|i| n * (1.0 - all) - (n - 1.0) * (1.0 - without(Some(i))))
        .collect()
}

/// Gauss–Newton on o ~ 1 − exp(−exp(a + b c)); b is 1 unless `with_slope`. The last coefficient, with its sandwich error.
fn solve(c: &[f64], o: &[f64], with_slope: bool) -> Option<Coefficient> {
    let p = if with_slope { 2 } else { 1 };
    let (mut a, mut b) = (0.0, 1.0);
    for _ in 0..200 {
        let (bread, pull, _) = sums(c, o, a, b);
        let step = if with_slope {
            solve_two(bread, [pull[0], pull[1]])?
        } else {
            [pull[0] / bread[0], 0.0]
        };
        if !(step[0].is_finite() && step[1].is_finite()) {
            return None;
        }
        // steps are kept short: far out the curve is flat
        let share = (2.0 / step[0].abs().max(step[1].abs())).min(1.0);
        a += share * step[0];
        b += share * step[1];
        if step[0].abs().max(step[1].abs()) < 1e-12 * (1.0 + a.abs() + b.abs()) {
            let (bread, _, meat) = sums(c, o, a, b);
            if p == 1 {
                return Some(Coefficient::new(a, meat[0].sqrt() / bread[0]));
            }
            let row = solve_two(bread, [0.0, 1.0])?;
            let variance = row[0] * row[0] * meat[0]
                + 2.0 * row[0] * row[1] * meat[1]
                + row[1] * row[1] * meat[2];
            return Some(Coefficient::new(b, variance.sqrt()));
        }
    }
    None
}

/// Σ D²xxᵀ, Σ D(o − μ)x and Σ (D(o − μ))²xxᵀ with x = (1, c), as (11, 12, 22).
fn sums(c: &[f64], o: &[f64], a: f64, b: f64) -> ([f64; 3], [f64; 2], [f64; 3]) {
    let (mut bread, mut pull, mut meat) = ([0.0; 3], [0.0; 2], [0.0; 3]);
    for (c, o) in c.iter().zip(o) {
        let eta = a + b * c;
        let hazard = libm::exp(eta);
        let slope = libm::exp(eta - hazard);
        let off = slope * (o + libm::expm1(-hazard));
        for (k, square) in [1.0, *c, c * c].into_iter().enumerate() {
            bread[k] += slope * slope * square;
            meat[k] += off * off * square;
        }
        pull[0] += off;
        pull[1] += off * c;
    }
    (bread, pull, meat)
}

fn solve_two(m: [f64; 3], v: [f64; 2]) -> Option<[f64; 2]> {
    let determinant = m[0] * m[2] - m[1] * m[1];
    (determinant > 1e-12 * m[0] * m[2]).then(|| {
        [
            (m[2] * v[0] - m[1] * v[1]) / determinant,
            (m[0] * v[1] - m[1] * v[0]) / determinant,
        ]
    })
}

/// log(−log(1 − p)) of each risk.
fn check(risk: &[f64], follow_up: &FollowUp, horizon: f64) -> Result<Vec<f64>, MetricError> {
    const EDGE: f64 = 1e-9;
    check_length(risk.len(), follow_up.len())?;
    check_horizon(horizon)?;
    if let Some(row) = risk.iter().position(|r| !(0.0..=1.0).contains(r)) {
        return Err(MetricError::Probability {
            row,
            value: risk[row],
        });
    }
    check_followed(follow_up.time().iter().copied(), horizon)?;
    Ok(risk
        .iter()
        .map(|p| libm::log(-libm::log1p(-p.clamp(EDGE, 1.0 - EDGE))))
        .collect())
}

/// The second column of a restricted cubic spline with three knots.
fn bend(x: f64, knots: [f64; 3]) -> f64 {
    let cube = |k: f64| {
        let v = (x - k).max(0.0);
        v * v * v
    };
    let [a, b, c] = knots;
    (cube(a) - cube(b) * (c - a) / (c - b) + cube(c) * (b - a) / (c - b)) / ((c - a) * (c - a))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Exponential times by inverse of evenly spread uniforms within 40 risks: as calibrated as a sample can be.
    fn calibrated() -> (Vec<f64>, FollowUp) {
        let (mut risk, mut time) = (Vec::new(), Vec::new());
        for r in 0..40 {
            let p = 0.05 + 0.02 * f64::from(r);
            for u in 0..200 {
                risk.push(p);
                let v = (f64::from(u) + 0.5) / 200.0;
                time.push(10.0 * libm::log1p(-v) / libm::log1p(-p));
            }
        }
        let event = vec![true; time.len()];
        (risk, FollowUp::new(time, event).unwrap())
    }

    #[test]
    fn what_is_calibrated_has_slope_one_and_no_distance() {
        let (risk, f) = calibrated();
        let s = calibration_slope(&risk, &f, 10.0).unwrap();
        assert!((s.observed_over_expected - 1.0).abs() < 0.02, "{s:?}");
        assert!(
            s.intercept.value.abs() < 0.03 && (s.slope.value - 1.0).abs() < 0.05,
            "{s:?}"
        );
        assert!((s.cox_slope.value - 1.0).abs() < 0.05, "{s:?}");
        let c = calibration_curve(&risk, &f, 10.0).unwrap();
        assert!(
            c.ici < 0.01 && c.e50 <= c.e90 && c.e90 <= c.e_max,
            "{} {}",
            c.ici,
            c.e_max
        );
    }

    #[test]
    fn too_extreme_risks_have_a_slope_below_one() {
        let (risk, f) = calibrated();
        let extreme: Vec<f64> = (risk.iter())
            .map(|p| -libm::expm1(-libm::exp(2.0 * libm::log(-libm::log1p(-p)))))
            .collect();
        let s = calibration_slope(&extreme, &f, 10.0).unwrap();
        assert!((s.slope.value - 0.5).abs() < 0.03 && (s.cox_slope.value - 0.5).abs() < 0.03);
        assert!(calibration_curve(&extreme, &f, 10.0).unwrap().ici > 0.05);
    }

    #[test]
    fn what_cannot_be_told_has_a_reason() {
        let f = FollowUp::new(vec![1.0, 2.0, 3.0, 4.0], vec![true, false, true, true]).unwrap();
        let alike = calibration_slope(&[0.5; 4], &f, 2.0).unwrap_err();
        assert_eq!(alike, NotEstimable::NoCalibrationModel.into());
        assert_eq!(
            calibration_curve(&[0.5; 4], &f, 2.0).unwrap_err(),
            NotEstimable::NoCalibrationModel.into()
        );
        assert!(matches!(
            calibration_slope(&[0.5; 4], &f, 9.0),
            Err(MetricError::NotEstimable(NotEstimable::NobodyAtRisk { .. }))
        ));
        assert!(matches!(
            calibration_slope(&[0.5; 4], &f, 0.5),
            Err(MetricError::NotEstimable(NotEstimable::FewCases { .. }))
        ));
    }
}
