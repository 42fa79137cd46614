//! Stratified and weighted Cox models and competing risks against R survival 3.5-3 and cmprsk 2.2-11, on a generated cohort
//! that is carried along (`fixtures/generated/PROVENANCE.md`).
#![allow(clippy::unwrap_used, clippy::expect_used)]

use cohort::FollowUp;
use ndarray::Array2;
use serde_json::Value;
use stats::competing::{CompetingRisks, aalen_johansen, fit_fine_gray};
use stats::cox::{
    CoxParams, TimeTransform, fit_weighted_cox, stratified_concordance,
    stratified_proportional_hazards_test,
};

struct Cohort {
    time: Vec<f64>,
    cause: Vec<usize>,
    x: Array2<f64>,
    centre: Vec<usize>,
    weight: Vec<f64>,
}

fn cohort() -> (Cohort, Value) {
    let rows: Vec<Vec<f64>> = include_str!("fixtures/generated/cohort.csv")
        .lines()
        .skip(1)
        .map(|l| l.split(',').map(|v| v.parse().unwrap()).collect())
        .collect();
    let column = |k: usize| -> Vec<f64> { rows.iter().map(|r| r[k]).collect() };
    let whole = |k: usize| -> Vec<usize> { rows.iter().map(|r| r[k] as usize).collect() };
    let of = Cohort {
        time: column(0),
        cause: whole(1),
        x: Array2::from_shape_fn((rows.len(), 2), |(i, j)| rows[i][2 + j]),
        centre: whole(4),
        weight: column(5),
    };
    (
        of,
        serde_json::from_str(include_str!("fixtures/generated/reference.json")).unwrap(),
    )
}

fn names() -> Vec<String> {
    vec!["x1".into(), "x2".into()]
}

fn numbers(v: &Value) -> Vec<f64> {
    serde_json::from_value(v.clone()).unwrap()
}

#[track_caller]
fn close(what: &str, got: &[f64], want: &Value, tolerance: f64) {
    let want = numbers(want);
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    for (g, w) in got.iter().zip(&want) {
        assert!((g - w).abs() <= tolerance * largest, "{what}: {g:e} {w:e}");
    }
}

fn flat(m: &Array2<f64>) -> Vec<f64> {
    m.iter().copied().collect()
}

#[test]
fn strata_and_weights_agree_with_coxph() {
    let (c, reference) = cohort();
    let f = FollowUp::new(c.time.clone(), c.cause.iter().map(|&k| k == 1).collect()).unwrap();
    let (one, same) = (vec![1.0; f.len()], vec![0; f.len()]);
    for (ties, params) in [
        ("efron", CoxParams::efron()),
        ("breslow", CoxParams::breslow()),
    ] {
        for (key, strata, weights) in [
            ("strata", &c.centre, &one),
            ("weights", &same, &c.weight),
            ("both", &c.centre, &c.weight),
        ] {
            let want = &reference[format!("{ties}_{key}")];
            let got = fit_weighted_cox(c.x.view(), &names(), &f, strata, weights, &params).unwrap();
            let what = format!("{ties} {key}");
            close(&what, &got.coefficients, &want["coef"], 1e-8);
            close(&what, &flat(&got.covariance), &want["var"], 1e-8);
            close(&what, &flat(&got.robust_covariance), &want["robust"], 1e-8);
            close(
                &what,
                &[got.loglik_null, got.loglik],
                &want["loglik"],
                1e-10,
            );
            assert!(
                (got.score_test.chi_square / want["score"].as_f64().unwrap() - 1.0).abs() < 1e-8,
                "{what}"
            );
            let want = &reference[format!("{ties}_{key}_tests")];
            for (transform, key) in [
                (TimeTransform::KaplanMeier, "km"),
                (TimeTransform::Identity, "identity"),
                (TimeTransform::Rank, "rank"),
            ] {
                let zph = stratified_proportional_hazards_test(
                    &got,
                    c.x.view(),
                    &f,
                    strata,
                    weights,
                    &params,
                    transform,
                )
                .unwrap();
                let tests = zph.features.iter().chain([&zph.global]);
                let seen: Vec<f64> = tests.map(|t| t.chi_square).collect();
                close(&format!("{what} {key}"), &seen, &want[key], 1e-8);
            }
            let pairs = stratified_concordance(&got, c.x.view(), &f, strata, weights).unwrap();
            for (seen, key) in [
                (pairs.concordant, "concordant"),
                (pairs.discordant, "discordant"),
                (pairs.tied_score, "tied_score"),
                (pairs.tied_time, "tied_time"),
                (pairs.index().unwrap(), "concordance"),
            ] {
                let want = want[key].as_f64().unwrap();
                assert!(
                    (seen - want).abs() <= 1e-12 * want,
                    "{what} {key}: {seen} {want}"
                );
            }
        }
    }
}

#[test]
fn cumulative_incidence_agrees_with_survfit_and_cuminc() {
    let (c, reference) = cohort();
    let risks = CompetingRisks::new(c.time, c.cause).unwrap();
    let (survival, cmprsk) = (&reference["aalen_johansen"], &reference["cuminc"]);
    for cause in [1, 2] {
        let got = aalen_johansen(&risks, cause).unwrap();
        let times = numbers(&survival["times"]);
        let values: Vec<f64> = times.iter().map(|&t| got.curve.at(t)).collect();
        close(
            "survfit",
            &values,
            &survival[format!("cause{cause}")],
            1e-12,
        );
        close("cuminc", &values, &cmprsk[format!("cause{cause}")], 1e-12);
        let errors: Vec<f64> = times.iter().map(|&t| got.std_err_at(t)).collect();
        close(
            "standard error",
            &errors,
            &survival[format!("se{cause}")],
            1e-9,
        );
    }
}

#[test]
fn fine_and_gray_agree_with_crr() {
    let (c, reference) = cohort();
    let want = &reference["fine_gray"];
    let risks = CompetingRisks::new(c.time, c.cause).unwrap();
    let got = fit_fine_gray(c.x.view(), &names(), &risks, 1, &CoxParams::breslow()).unwrap();
    close("coefficients", &got.coefficients, &want["coef"], 1e-7);
    assert!((got.loglik - want["loglik"].as_f64().unwrap()).abs() < 1e-8);
    assert!((got.loglik_null - want["loglik_null"].as_f64().unwrap()).abs() < 1e-8);
    close(
        "information",
        &flat(&got.inverse_information),
        &want["inv_information"],
        1e-6,
    );
    let times = numbers(&want["uftime"]);
    for (key, x) in [("cif00", [0.0, 0.0]), ("cif11", [1.0, 1.0])] {
        let x = Array2::from_shape_fn((1, 2), |(_, j)| x[j]);
        let f = got.incidence(x.view(), &times).unwrap();
        close(key, &flat(&f), &want[key], 1e-7);
    }
    close("sandwich", &flat(&got.covariance), &want["var"], 1e-6);
}
