//! The elastic-net Cox path and its cross-validation against glmnet 4.1-6 at rest (`thresh = 1e-16`), on a generated cohort
//! that is carried along (`fixtures/penalised/PROVENANCE.md`).
#![allow(clippy::unwrap_used, clippy::expect_used)]

use cohort::FollowUp;
use ndarray::Array2;
use serde_json::Value;
use stats::lasso_cox::{Choice, LassoCoxParams, cross_validate_lasso_cox};

fn cohort() -> (Array2<f64>, FollowUp, Vec<usize>) {
    let rows: Vec<Vec<f64>> = include_str!("fixtures/penalised/cohort.csv")
        .lines()
        .skip(1)
        .map(|l| l.split(',').map(|v| v.parse().unwrap()).collect())
        .collect();
    let time = rows.iter().map(|r| r[0]).collect();
    let event = rows.iter().map(|r| r[1] == 1.0).collect();
    (
        Array2::from_shape_fn((rows.len(), 12), |(i, j)| rows[i][2 + j]),
        FollowUp::new(time, event).unwrap(),
        rows.iter().map(|r| r[14] as usize).collect(),
    )
}

fn numbers(v: &Value) -> Vec<f64> {
    serde_json::from_value(v.clone()).unwrap()
}

/// Largest relative difference.
fn apart(got: &[f64], want: &[f64]) -> f64 {
    (got.iter().zip(want))
        .map(|(g, w)| (g / w - 1.0).abs())
        .fold(0.0, f64::max)
}

#[test]
fn path_curve_and_choice_are_those_of_glmnet_at_rest() {
    let (x, follow_up, fold) = cohort();
    let made: Vec<Value> =
        serde_json::from_str(include_str!("fixtures/penalised/reference.json")).unwrap();
    assert_eq!(made.len(), 6);
    for want in &made {
        let params = LassoCoxParams {
            alpha: want["alpha"].as_f64().unwrap(),
            standardise: want["standardise"].as_bool().unwrap(),
            ..LassoCoxParams::glmnet_defaults()
        };
        let what = format!("alpha {}, {}", params.alpha, params.standardise);
        let cv = cross_validate_lasso_cox(x.view(), &follow_up, &fold, &params).unwrap();
        let place = |key: &str| want[key].as_u64().unwrap() as usize;
        assert_eq!(cv.index(Choice::Min), place("index_min"), "{what}");
        assert_eq!(cv.index(Choice::OneSe), place("index_one_se"), "{what}");
        let lambda = numbers(&want["lambda"]);
        let of_lambda = apart(&cv.path.lambda, &lambda);
        let curve = apart(&cv.deviance_mean, &numbers(&want["cvm"]));
        let errors = apart(&cv.deviance_se, &numbers(&want["cvsd"]));
        let mut coefficients: f64 = 0.0;
        for (k, key) in ["index_min", "index_one_se", "last"].iter().enumerate() {
            let theirs = numbers(&want["coefficients"][k]);
            let ours = cv.path.coefficients.row(place(key)).to_vec();
            let largest = theirs.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            let off = (ours.iter().zip(&theirs)).map(|(a, b)| (a - b).abs());
            if largest > 0.0 {
                coefficients = coefficients.max(off.fold(0.0, f64::max) / largest);
            } else {
                assert!(ours.iter().all(|b| *b == 0.0), "{what}: {ours:?}");
            }
        }
        eprintln!(
            "{what}: lambda {of_lambda:.1e}, curve {curve:.1e}, errors {errors:.1e}, coefficients {coefficients:.1e}"
        );
        assert_eq!(cv.path.lambda.len(), lambda.len(), "{what}");
        assert!(of_lambda < 1e-7 && curve < 1e-6 && errors < 1e-6, "{what}");
        assert!(coefficients < 1e-6, "{what}: {coefficients:e}");
    }
}
