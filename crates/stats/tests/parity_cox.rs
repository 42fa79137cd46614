//! Cox regression against R survival 3.5-3 on veteran, pbc and gbsg.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
use common::{Data, all_close, by_name, close, data, json, numbers};
use ndarray::s;
use serde_json::Value;
use stats::cox::{
    CoxFit, CoxParams, TimeTransform, backward_aic, fit_cox, proportional_hazards_test,
    schoenfeld_residuals,
};

const SETS: [&str; 3] = ["veteran", "pbc", "gbsg"];

fn each(check: impl Fn(&str, &Data, &CoxFit, &Value)) {
    for name in SETS {
        let (Some(d), Some(reference)) = (data(name), json(&format!("e_cox/{name}.json"))) else {
            return;
        };
        for (key, params) in [
            ("efron", CoxParams::efron()),
            ("breslow", CoxParams::breslow()),
        ] {
            let fit = fit_cox(d.x.view(), &d.names, &d.follow_up, &params).unwrap();
            check(&format!("{name} {key}"), &d, &fit, &reference[key]);
        }
    }
}

fn flat(v: &Value) -> Vec<f64> {
    numbers(v)
        .into_iter()
        .map(|x| x.expect("a number"))
        .collect()
}

#[test]
fn coefficients_and_covariance_agree() {
    each(|what, d, fit, want| {
        let want_b = by_name(&want["coef"], &d.names);
        for (j, b) in want_b.iter().enumerate() {
            // of the coefficient or its standard error: R stops one Newton step earlier
            let scale = b.abs().max(fit.covariance[[j, j]].sqrt());
            assert!((fit.coefficients[j] - b).abs() < 1e-8 * scale, "{what} {j}");
        }
        let covariance = want["vcov"].as_array().unwrap();
        for (j, row) in covariance.iter().enumerate() {
            for (l, v) in flat(row).into_iter().enumerate() {
                let scale = (fit.covariance[[j, j]] * fit.covariance[[l, l]]).sqrt();
                assert!(
                    (fit.covariance[[j, l]] - v).abs() < 1e-9 * scale,
                    "{what} vcov {j} {l}"
                );
            }
        }
        let table = fit.table(0.95).unwrap();
        for (key, pick) in [
            (
                "se",
                (|r| r.std_err) as fn(&stats::cox::CoefficientRow) -> f64,
            ),
            ("HR", |r| r.hazard_ratio),
            ("HR_lower95", |r| r.lower),
            ("HR_upper95", |r| r.upper),
        ] {
            let got: Vec<f64> = table.iter().map(pick).collect();
            all_close(
                &format!("{what} {key}"),
                &got,
                &by_name(&want[key], &d.names),
                1e-8,
            );
        }
    });
}

#[test]
fn likelihoods_and_tests_agree() {
    each(|what, _, fit, want| {
        all_close(
            what,
            &[fit.loglik_null, fit.loglik],
            &flat(&want["loglik"]),
            1e-12,
        );
        let lr = fit.likelihood_ratio_test;
        all_close(
            what,
            &[lr.chi_square, lr.df as f64, lr.p],
            &flat(&want["LR"]),
            1e-9,
        );
        close(
            what,
            fit.wald_test.chi_square,
            want["wald_unrounded"].as_f64().unwrap(),
            1e-9,
        );
        let score = fit.score_test;
        close(
            what,
            score.chi_square,
            want["score_unrounded"].as_f64().unwrap(),
            1e-9,
        );
        close(what, score.p, want["score"][2].as_f64().unwrap(), 1e-9);
    });
}

#[test]
fn concordance_counts_are_equal() {
    each(|what, _, fit, want| {
        let counts = &want["concordance_counts"];
        let count = |key: &str| counts[key].as_u64().unwrap();
        assert_eq!(fit.concordance.concordant, count("concordant"), "{what}");
        assert_eq!(fit.concordance.discordant, count("discordant"), "{what}");
        assert_eq!(fit.concordance.tied_score, count("tied.x"), "{what}");
        assert_eq!(
            fit.concordance.tied_time,
            count("tied.y") + count("tied.xy"),
            "{what}"
        );
    });
}

#[test]
fn baseline_and_survival_agree() {
    each(|what, d, fit, want| {
        let shift: f64 = fit
            .coefficients
            .iter()
            .zip(&fit.means)
            .map(|(b, m)| b * m)
            .sum();
        let base = &want["basehaz_uncentered"];
        let got: Vec<f64> = flat(&base["time"])
            .iter()
            .map(|&t| fit.baseline.at(t) * libm::exp(-shift))
            .collect();
        all_close(what, &got, &flat(&base["hazard"]), 1e-8);
        let strata = vec![0; d.follow_up.len()];
        let weights = vec![1.0; d.follow_up.len()];
        let residuals = schoenfeld_residuals(
            &fit.names,
            &fit.coefficients,
            d.x.view(),
            &d.follow_up,
            &strata,
            &weights,
            &CoxParams {
                ties: fit.ties,
                ..CoxParams::efron()
            },
        )
        .unwrap();
        let rows = want["schoenfeld_first3"].as_array().unwrap();
        assert!(residuals.len() >= rows.len() && rows.len() == 3, "{what}");
        for (got, row) in residuals.iter().zip(rows) {
            // R's order within a tied time is its own, but the first three events are at times of their own or in rows' order
            all_close(what, &got.values, &flat(row), 1e-7);
        }
        let first = &want["surv_first10"];
        let got = fit
            .survival(d.x.slice(s![..10, ..]), &flat(&first["times"]))
            .unwrap();
        for (t, row) in first["surv"].as_array().unwrap().iter().enumerate() {
            all_close(what, &got.column(t).to_vec(), &flat(row), 1e-9);
        }
    });
}

#[test]
fn proportionality_tests_agree() {
    each(|what, d, fit, want| {
        for (key, transform) in [
            ("zph_km", TimeTransform::KaplanMeier),
            ("zph_identity", TimeTransform::Identity),
            ("zph_rank", TimeTransform::Rank),
        ] {
            let got = proportional_hazards_test(fit, d.x.view(), &d.follow_up, transform).unwrap();
            let mut chi: Vec<f64> = got.features.iter().map(|t| t.chi_square).collect();
            chi.push(got.global.chi_square);
            all_close(
                &format!("{what} {key}"),
                &chi,
                &flat(&want[key]["chisq"]),
                1e-7,
            );
            close(
                what,
                got.global.p,
                flat(&want[key]["p"])[d.names.len()],
                1e-6,
            );
        }
    });
}

#[test]
fn univariable_fits_agree() {
    for name in SETS {
        let (Some(d), Some(reference)) = (data(name), json(&format!("e_cox/{name}.json"))) else {
            return;
        };
        for (j, feature) in d.names.iter().enumerate() {
            let want = &reference["univariate_efron"][feature.as_str()];
            let column = d.x.slice(s![.., j..j + 1]);
            let fit = fit_cox(column, &d.names[j..=j], &d.follow_up, &CoxParams::efron()).unwrap();
            close(
                feature,
                fit.coefficients[0],
                want["coef"].as_f64().unwrap(),
                1e-8,
            );
            close(
                feature,
                fit.table(0.95).unwrap()[0].p,
                want["p"].as_f64().unwrap(),
                1e-6,
            );
            close(
                feature,
                fit.concordance.index().unwrap(),
                want["C"].as_f64().unwrap(),
                1e-12,
            );
        }
    }
}

#[test]
fn backward_elimination_takes_the_same_path() {
    let (Some(d), Some(want)) = (data("pbc"), json("e_cox/step_aic_pbc.json")) else {
        return;
    };
    let got = backward_aic(d.x.view(), &d.names, &d.follow_up, &CoxParams::efron()).unwrap();
    let path: Vec<String> = (got.steps.iter())
        .map(|s| {
            s.dropped
                .as_ref()
                .map_or(String::new(), |d| format!("- {d}"))
        })
        .collect();
    let want_path: Vec<String> = serde_json::from_value(want["path"].clone()).unwrap();
    assert_eq!(path, want_path);
    let aic: Vec<f64> = got.steps.iter().map(|s| s.aic).collect();
    all_close("aic", &aic, &flat(&want["anova"]), 1e-9);
    let b = by_name(&want["backward_coef"], &got.fit.names);
    all_close("coefficients", &got.fit.coefficients, &b, 1e-6);
}
