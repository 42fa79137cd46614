//! Metrics against scikit-survival 0.28, timeROC 0.4.1, riskRegression 2022.11.28 and survival 3.5-3.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use cohort::{FollowUp, RiskScores};
use common::{close, follow_up, json, numbers};
use evaluation::{
    AucConvention, BrierConvention, MetricError, Movement, OptimismDraw, Reclassified, Reweighting,
    auc, auc_influence, auc_with_censoring, brier, c_index, calibration, compare_auc,
    correct_optimism, decision_curve, integrated_brier, roc_curve, uno_c,
};
use ndarray::Array2;
use serde_json::Value;

const SETS: [&str; 3] = ["veteran", "pbc", "gbsg"];

fn rows(value: &Value) -> Vec<usize> {
    numbers(value).iter().map(|row| *row as usize - 1).collect()
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(numbers).collect();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

fn scores(values: Vec<f64>) -> RiskScores {
    RiskScores::higher_is_worse(values).unwrap()
}

fn rounded(values: &[f64]) -> Vec<f64> {
    values
        .iter()
        .map(|v| (v * 10.0).round_ties_even() / 10.0)
        .collect()
}

#[test]
fn scikit_survival_test_set_with_training_censoring() {
    for name in SETS {
        let Some(all) = follow_up(name) else { return };
        let oracle = json(&format!("l_metrics/sksurv_{name}.json")).unwrap();
        let train = rows(&oracle["train_rows_1based"]);
        let lp = numbers(&oracle["lp_train_test"]);
        let times = numbers(&oracle["times"]);
        let last = train.iter().map(|&i| all.time()[i]).fold(0.0, f64::max);
        let inside: Vec<usize> = train
            .iter()
            .copied()
            .filter(|&i| all.time()[i] < last)
            .collect();
        let reference = all.select(&train);
        for (block, lp) in [
            ("raw", lp.clone()),
            ("tied_scores_rounded_0.1", rounded(&lp)),
        ] {
            for (set, used) in [
                ("test", rows(&oracle["test_rows_used_1based"])),
                ("train_self", inside.clone()),
            ] {
                let expected = &oracle[block][set];
                let risk = scores(used.iter().map(|&i| lp[i]).collect());
                check_block(
                    &risk,
                    &all.select(&used),
                    &reference,
                    &times,
                    expected,
                    &format!("{name} {block} {set}"),
                );
            }
        }
    }
}

fn check_block(
    risk: &RiskScores,
    f: &FollowUp,
    reference: &FollowUp,
    times: &[f64],
    expected: &Value,
    what: &str,
) {
    let c = c_index(risk, f).unwrap();
    let harrell = &expected["harrell"];
    close(c.value, harrell["c"].as_f64().unwrap(), 1e-12, what);
    assert_eq!(Some(c.concordant), harrell["concordant"].as_u64(), "{what}");
    assert_eq!(Some(c.discordant), harrell["discordant"].as_u64(), "{what}");
    assert_eq!(Some(c.tied_risk), harrell["tied_risk"].as_u64(), "{what}");
    let uno = uno_c(risk, f, reference, None).unwrap();
    close(
        uno.value,
        expected["uno"]["c"].as_f64().unwrap(),
        1e-9,
        what,
    );
    let tau = expected["uno_tau"].as_f64();
    let uno = uno_c(risk, f, reference, tau).unwrap();
    close(
        uno.value,
        expected["uno_tau_c"].as_f64().unwrap(),
        1e-9,
        what,
    );
    for (t, expected) in times.iter().zip(numbers(&expected["auc"])) {
        let seen = auc_with_censoring(risk, f, reference, *t, AucConvention::Uno).unwrap();
        close(seen.value, expected, 1e-12, what);
    }
}

#[test]
fn three_conventions_of_auc() {
    for name in SETS {
        let Some(f) = follow_up(name) else { return };
        let r = json(&format!("l_metrics/R_{name}.json")).unwrap();
        let sksurv = json(&format!("l_metrics/crosscheck_sksurv_auc_{name}.json")).unwrap();
        let times = numbers(&r["times"]);
        let (std, new) = (scores(numbers(&r["lp_std"])), scores(numbers(&r["lp_new"])));
        let score = numbers(&r["Score_AUC"]["AUC"]);
        for (k, &t) in times.iter().enumerate() {
            let check = |risk, convention, expected: f64| {
                close(
                    auc(risk, &f, t, convention).unwrap().value,
                    expected,
                    1e-12,
                    name,
                );
            };
            check(&std, AucConvention::Score, score[k]);
            check(&new, AucConvention::Score, score[3 + k]);
            check(
                &std,
                AucConvention::TimeRoc,
                r["timeROC_std"][k].as_f64().unwrap(),
            );
            check(
                &new,
                AucConvention::TimeRoc,
                r["timeROC_marginal"]["AUC"][k].as_f64().unwrap(),
            );
            check(&new, AucConvention::Uno, sksurv["auc"][k].as_f64().unwrap());
            let counts = numbers(&r["timeROC_marginal"]["Stats"][k]);
            let seen = auc(&new, &f, t, AucConvention::TimeRoc).unwrap();
            let seen = [
                seen.n_cases as f64,
                seen.n_controls as f64,
                seen.n_neither as f64,
            ];
            assert_eq!(seen.to_vec(), counts, "{name}");
        }
    }
}

#[test]
fn ties_of_risk_count_half_in_timeroc() {
    for name in SETS {
        let Some(f) = follow_up(name) else { return };
        let r = json(&format!("l_metrics/R_{name}.json")).unwrap();
        let tied = scores(rounded(&numbers(&r["lp_new"])));
        for (t, expected) in numbers(&r["times"]).iter().zip(numbers(&r["timeROC_tied"])) {
            let seen = auc(&tied, &f, *t, AucConvention::TimeRoc).unwrap().value;
            close(seen, expected, 1e-12, name);
        }
    }
}

#[test]
fn the_roc_curve_is_timerocs() {
    for name in SETS {
        let Some(f) = follow_up(name) else { return };
        let r = json(&format!("l_metrics/R_{name}.json")).unwrap();
        let new = scores(numbers(&r["lp_new"]));
        let t = r["times"][1].as_f64().unwrap();
        let (tp, fp) = (
            numbers(&r["timeROC_marginal"]["TP_mid"]),
            numbers(&r["timeROC_marginal"]["FP_mid"]),
        );
        let points = roc_curve(&new, &f, t, AucConvention::TimeRoc).unwrap();
        // timeROC has a point a patient; each of ours is among them, and the other way round
        for point in &points {
            let near = |k: usize| {
                (tp[k] - point.sensitivity).abs() < 1e-12
                    && (fp[k] - 1.0 + point.specificity).abs() < 1e-12
            };
            assert!((0..tp.len()).any(near), "{name} {point:?}");
        }
        assert!(
            points.len() >= tp.len() - 10,
            "{name}: {} {}",
            points.len(),
            tp.len()
        );
    }
}

#[test]
fn harrell_is_rs_concordance() {
    for name in SETS {
        let Some(f) = follow_up(name) else { return };
        let r = json(&format!("l_metrics/R_{name}.json")).unwrap();
        let c = c_index(&scores(numbers(&r["lp_new"])), &f).unwrap();
        close(
            c.value,
            r["concordance"]["C"].as_f64().unwrap(),
            1e-12,
            name,
        );
        assert_eq!(
            Some(c.concordant),
            r["concordance"]["count"]["concordant"].as_u64()
        );
        assert_eq!(
            Some(c.discordant),
            r["concordance"]["count"]["discordant"].as_u64()
        );
        let tied = |kind: &str| r["concordance"]["count"][kind].as_u64().unwrap();
        assert_eq!(c.tied_time, tied("tied.y") + tied("tied.xy"), "{name}");
    }
}

#[test]
fn brier_scores_of_scikit_survival() {
    for name in SETS {
        let Some(all) = follow_up(name) else { return };
        let oracle = json(&format!("l_metrics/sksurv_{name}.json")).unwrap();
        let reference = all.select(&rows(&oracle["train_rows_1based"]));
        let used = rows(&oracle["test_rows_used_1based"]);
        let f = all.select(&used);
        let survival = matrix(&oracle["S_at_times"]);
        for (k, &t) in numbers(&oracle["times"]).iter().enumerate() {
            let s: Vec<f64> = used.iter().map(|&i| survival[[i, k]]).collect();
            let seen = brier(&s, &f, &reference, t, BrierConvention::Sksurv).unwrap();
            close(seen, oracle["brier_test"][k].as_f64().unwrap(), 1e-12, name);
        }
        if oracle["S_grid"].is_array() {
            let grid = numbers(&oracle["ibs_grid"]);
            let s = matrix(&oracle["S_grid"]).select(ndarray::Axis(0), &used);
            let seen =
                integrated_brier(s.view(), &f, &reference, &grid, BrierConvention::Sksurv).unwrap();
            close(seen, oracle["ibs_test"].as_f64().unwrap(), 1e-12, name);
        }
    }
}

#[test]
fn brier_scores_of_risk_regression() {
    for name in SETS {
        let Some(f) = follow_up(name) else { return };
        let r = json(&format!("l_metrics/R_{name}.json")).unwrap();
        let expected = numbers(&r["Score_Brier"]["Brier"]);
        for (m, model) in ["risk_std", "risk_new"].iter().enumerate() {
            let risk = matrix(&r[*model]);
            for (k, &t) in numbers(&r["times"]).iter().enumerate() {
                let s: Vec<f64> = risk.column(k).iter().map(|p| 1.0 - p).collect();
                let seen = brier(&s, &f, &f, t, BrierConvention::Score).unwrap();
                close(
                    seen,
                    expected[3 + 3 * m + k],
                    1e-9,
                    &format!("{name} {model} {t}"),
                );
            }
        }
    }
}

#[test]
fn standard_errors_of_auc() {
    for name in SETS {
        let Some(f) = follow_up(name) else { return };
        let r = json(&format!("l_metrics/R_{name}.json")).unwrap();
        let (std, new) = (scores(numbers(&r["lp_std"])), scores(numbers(&r["lp_new"])));
        let score = numbers(&r["Score_AUC"]["se"]);
        let contrast = numbers(&r["Score_AUC_contrasts"]["se"]);
        let timeroc = numbers(&r["timeROC_marginal"]["se"]);
        for (k, &t) in numbers(&r["times"]).iter().enumerate() {
            let influence = |risk, convention| auc_influence(risk, &f, t, convention).unwrap();
            let check = |seen: f64, expected: f64| close(seen, expected, 2e-4 * expected, name);
            let old = influence(&std, AucConvention::Score);
            let better = influence(&new, AucConvention::Score);
            check(old.std_err(), score[k]);
            check(better.std_err(), score[3 + k]);
            check(better.minus(&old).unwrap().std_err(), contrast[k]);
            let its = influence(&new, AucConvention::TimeRoc);
            check(its.std_err(), timeroc[k]);
            let limits = old.interval(0.95).unwrap();
            close(
                limits.lower,
                r["Score_AUC"]["lower"][k].as_f64().unwrap(),
                1e-4,
                name,
            );
            close(
                limits.upper,
                r["Score_AUC"]["upper"][k].as_f64().unwrap(),
                1e-4,
                name,
            );
        }
    }
}

#[test]
fn paired_comparisons_of_models() {
    for name in SETS {
        let Some(f) = follow_up(name) else { return };
        let r = json(&format!("l_metrics/R_{name}.json")).unwrap();
        let (std, new) = (scores(numbers(&r["lp_std"])), scores(numbers(&r["lp_new"])));
        let score = &r["Score_AUC_contrasts"];
        for (k, &t) in numbers(&r["times"]).iter().enumerate() {
            for (convention, p) in [
                (AucConvention::Score, &score["p"][k]),
                (AucConvention::TimeRoc, &r["timeROC_compare_p"][k]),
            ] {
                let p = p.as_f64().unwrap();
                let seen = compare_auc(&new, &std, &f, t, convention, 0.95).unwrap();
                close(seen.p, p, 0.01 * p + 1e-12, name);
            }
            let seen = compare_auc(&new, &std, &f, t, AucConvention::Score, 0.95).unwrap();
            let at = |key: &str| score[key][k].as_f64().unwrap();
            close(seen.difference, at("delta.AUC"), 1e-12, name);
            close(seen.interval.lower, at("lower"), 1e-4, name);
            close(seen.interval.upper, at("upper"), 1e-4, name);
        }
        let same = compare_auc(
            &new,
            &new,
            &f,
            numbers(&r["times"])[0],
            AucConvention::Score,
            0.95,
        );
        assert_eq!(same.unwrap().p, 1.0);
        let level = compare_auc(
            &new,
            &std,
            &f,
            numbers(&r["times"])[0],
            AucConvention::Score,
            1.0,
        );
        assert_eq!(level, Err(MetricError::Level { value: 1.0 }));
    }
}

#[test]
fn optimism_is_corrected_as_by_rms() {
    for name in SETS {
        let Some(r) = json(&format!("l_metrics/R_{name}.json")) else {
            return;
        };
        for row in r["rms_validate"]["m"].as_array().unwrap() {
            let row = numbers(row);
            // its table holds the means over the resamples
            let draw = OptimismDraw {
                on_resample: row[1],
                on_original: row[2],
            };
            let seen = correct_optimism(row[0], &[draw, draw]).unwrap();
            close(seen.optimism, row[3], 1e-12, name);
            close(seen.corrected, row[4], 1e-12, name);
        }
    }
}

#[test]
fn net_benefit_is_dcurves_and_rs() {
    for name in ["pbc", "gbsg"] {
        let Some(f) = follow_up(name) else { return };
        let r = json(&format!("l_metrics/dca_{name}.json")).unwrap();
        let thresholds = numbers(&r["thresholds"]);
        let horizon = r["t0"].as_f64().unwrap();
        let points = decision_curve(&numbers(&r["risk"]), &f, horizon, &thresholds).unwrap();
        let impact = numbers(&r["clinical_impact_n_high_risk_per1000"]);
        let events = numbers(&r["clinical_impact_n_high_risk_with_event_per1000_KM"]);
        let (benefit, all) = (numbers(&r["net_benefit_KM"]), numbers(&r["treat_all"]));
        for (k, point) in points.iter().enumerate() {
            close(point.net_benefit, benefit[k], 1e-9, name);
            close(point.net_benefit_all, all[k], 1e-9, name);
            close(1000.0 * point.high_risk, impact[k], 1e-9, name);
            close(1000.0 * point.true_positive, events[k], 1e-9, name);
        }
        let dca = &json(&format!("l_metrics/sksurv_{name}.json")).unwrap()["dca"];
        let horizon = dca["time"].as_f64().unwrap();
        let table = &dca["table"];
        for k in 0..table["model"].as_array().unwrap().len() {
            let threshold = table["threshold"][k].as_f64().unwrap();
            let point =
                decision_curve(&numbers(&dca["risk"]), &f, horizon, &[threshold]).unwrap()[0];
            let expected = table["net_benefit"][k].as_f64().unwrap();
            match table["model"][k].as_str().unwrap() {
                "risk" => close(point.net_benefit, expected, 1e-9, name),
                "all" => close(point.net_benefit_all, expected, 1e-9, name),
                _ => close(0.0, expected, 0.0, name),
            }
        }
    }
}

#[test]
fn calibration_in_quartiles_is_survfits() {
    for name in SETS {
        let Some(f) = follow_up(name) else { return };
        let r = json(&format!("l_metrics/R_{name}.json")).unwrap();
        let horizon = r["t0"].as_f64().unwrap();
        let k = numbers(&r["times"])
            .iter()
            .position(|t| *t == horizon)
            .unwrap();
        let risk = matrix(&r["risk_new"]).column(k).to_vec();
        let groups = calibration(&risk, &f, horizon, 4).unwrap();
        let expected = r["calib_km_quartile"]["m"].as_array().unwrap();
        assert_eq!(groups.len(), expected.len(), "{name}");
        for (group, row) in groups.iter().zip(expected) {
            assert_eq!(Some(group.n as u64), row[0].as_u64(), "{name}");
            close(group.predicted, row[1].as_f64().unwrap(), 1e-9, name);
            close(
                group.observed.unwrap(),
                row[2].as_f64().unwrap(),
                1e-9,
                name,
            );
            let limits = (row[4].as_f64(), row[5].as_f64());
            match (group.interval, limits) {
                (Some(seen), (Some(lower), Some(upper))) => {
                    close(group.std_err.unwrap(), row[3].as_f64().unwrap(), 1e-9, name);
                    close(seen.lower, lower, 1e-9, name);
                    close(seen.upper, upper, 1e-9, name);
                }
                (seen, limits) => assert_eq!((seen, limits), (None, (None, None)), "{name}"),
            }
        }
    }
}

#[test]
fn net_reclassification_is_nricens() {
    for name in SETS {
        let Some(f) = follow_up(name) else { return };
        let r = json(&format!("l_metrics/R_{name}.json")).unwrap();
        let horizon = r["t0"].as_f64().unwrap();
        let k = numbers(&r["times"])
            .iter()
            .position(|t| *t == horizon)
            .unwrap();
        let old = matrix(&r["risk_std"]).column(k).to_vec();
        let new = matrix(&r["risk_new"]).column(k).to_vec();
        let both = Reclassified::new(&old, &new, &f, horizon).unwrap();
        let cuts = numbers(&r["nricens_km_category"]["cut"]);
        for (key, movement, way) in [
            (
                "nricens_km_diff",
                Movement::Change(0.0),
                Reweighting::KaplanMeier,
            ),
            ("nricens_ipw_diff", Movement::Change(0.0), Reweighting::Ipcw),
            (
                "nricens_km_category",
                Movement::Category(&cuts),
                Reweighting::KaplanMeier,
            ),
            (
                "nricens_ipw_category",
                Movement::Category(&cuts),
                Reweighting::Ipcw,
            ),
        ] {
            let nri = both.nri(movement, way).unwrap();
            let seen = [
                nri.value,
                nri.events,
                nri.nonevents,
                nri.up_case,
                nri.down_case,
                nri.down_control,
                nri.up_control,
            ];
            // nricens reads the weights of cases otherwise where a censoring falls on an event's time
            let tolerance = if way == Reweighting::Ipcw { 1e-4 } else { 1e-9 };
            for (seen, expected) in seen.iter().zip(numbers(&r[key]["est"])) {
                close(*seen, expected, tolerance, &format!("{name} {key}"));
            }
        }
    }
}

#[test]
fn integrated_discrimination_is_survidinris() {
    for name in SETS {
        let Some(f) = follow_up(name) else { return };
        let r = json(&format!("l_metrics/R_{name}.json")).unwrap();
        let horizon = r["t0"].as_f64().unwrap();
        let k = numbers(&r["times"])
            .iter()
            .position(|t| *t == horizon)
            .unwrap();
        let old = matrix(&r["risk_std"]).column(k).to_vec();
        let new = matrix(&r["risk_new"]).column(k).to_vec();
        let both = Reclassified::new(&old, &new, &f, horizon).unwrap();
        let theirs = &r["survIDINRI"];
        // the package computes in single precision; M2 is half of the continuous NRI
        let way = Reweighting::FlemingHarrington;
        let half = both.nri(Movement::Change(0.0), way).unwrap();
        let [m2, m2_case, m2_control] = [0, 1, 2].map(|k| theirs["m2_est"][k].as_f64().unwrap());
        close(half.up_case, m2_case, 1e-6, name);
        close(half.up_control, m2_control, 1e-7, name);
        close(half.up_case - half.up_control, m2, 1e-6, name);
        // and integrates on a grid
        let expected = theirs["m1_est"][0].as_f64().unwrap();
        close(both.idi(way).unwrap(), expected, 6e-4, name);
        eprintln!(
            "{name}: M2 off by {:.1e}, IDI by {:.1e}; with house weights {:.1e}",
            (half.up_case - half.up_control - m2).abs(),
            (both.idi(way).unwrap() - expected).abs(),
            (both.idi(Reweighting::Ipcw).unwrap() - expected).abs()
        );
    }
}
