//! Calibration against R 4.2.2 with survival 3.5-3 on a generated cohort (`fixtures/generated/PROVENANCE.md`).
#![allow(clippy::unwrap_used, clippy::expect_used)]

use cohort::FollowUp;
use evaluation::{Coefficient, calibration_curve, calibration_slope};
use serde_json::Value;

fn cohort() -> (Vec<f64>, FollowUp, Value) {
    let rows: Vec<Vec<f64>> = include_str!("fixtures/generated/cohort.csv")
        .lines()
        .skip(1)
        .map(|l| l.split(',').map(|v| v.parse().unwrap()).collect())
        .collect();
    let time = rows.iter().map(|r| r[0]).collect();
    let f = FollowUp::new(time, rows.iter().map(|r| r[1] == 1.0).collect()).unwrap();
    let all: Value =
        serde_json::from_str(include_str!("fixtures/generated/reference.json")).unwrap();
    let reference = all["calibration"].clone();
    (numbers(&reference["risk"]), f, reference)
}

fn numbers(v: &Value) -> Vec<f64> {
    serde_json::from_value(v.clone()).unwrap()
}

#[track_caller]
fn close(got: f64, want: &Value, tolerance: f64) {
    let want = want.as_f64().unwrap();
    assert!((got - want).abs() <= tolerance, "{got:e} {want:e}");
}

#[test]
fn the_smooth_curve_is_that_of_a_spline_in_coxph() {
    let (risk, f, want) = cohort();
    let got = calibration_curve(&risk, &f, 10.0).unwrap();
    for (g, w) in got.observed.iter().zip(numbers(&want["smooth"])) {
        assert!((g - w).abs() < 1e-7, "{g} {w}");
    }
    close(got.ici, &want["ici"], 1e-7);
    close(got.e50, &want["e50"], 1e-7);
    close(got.e90, &want["e90"], 1e-7);
}

#[test]
fn intercept_and_slope_solve_the_same_equations() {
    let (risk, f, want) = cohort();
    let got = calibration_slope(&risk, &f, 10.0).unwrap();
    let check = |c: Coefficient, key: &str| {
        close(c.value, &want[key], 1e-7);
        close(c.std_err, &want[format!("{key}_se")], 1e-7);
    };
    check(got.intercept, "intercept");
    check(got.slope, "slope");
    check(got.cox_slope, "cox_slope");
    let pseudo = numbers(&want["pseudo"]);
    let observed = pseudo.iter().sum::<f64>() / risk.iter().sum::<f64>();
    // the mean of the pseudo-values is the estimate itself up to terms in 1/n²
    assert!((got.observed_over_expected / observed - 1.0).abs() < 1e-3);
}
