//! Networks against pycox 0.3.0 and a PyTorch DNNSurv: cross-validated concordance on the given folds.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use common::{Data, close, cross_validated_c, json};
use survival::{DeepSurv, DeepSurvParams, DnnSurv, DnnSurvParams, Learner};

/// Means over the folds of each of the reference's seeds.
fn per_seed(key: &str) -> Option<Vec<f64>> {
    let all = json("k_deep/_cv_summary.json")?;
    let seeds = all[key]["per_seed_fold"].as_array().unwrap().clone();
    Some(
        seeds
            .iter()
            .map(|folds| common::numbers(folds).iter().sum::<f64>() / 5.0)
            .collect(),
    )
}

fn mean_and_squared_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, square / (n - 1.0) / n)
}

/// Our mean over `seeds` seeds is the reference's, to two standard errors of the difference or 0.005.
fn held_against(learner: &dyn Learner, row: &str, names: &[&str], seeds: u64) {
    for name in names {
        let Some(data) = Data::read(name) else { return };
        let (expected, theirs) =
            mean_and_squared_error(&per_seed(&format!("{name}|{row}")).unwrap());
        let per_seed: Vec<f64> = (0..seeds)
            .map(|seed| cross_validated_c(&data, learner, seed))
            .collect();
        let (seen, ours) = mean_and_squared_error(&per_seed);
        let two_errors = 2.0 * (theirs + ours).sqrt();
        eprintln!("{name}: C {seen:.4}, theirs {expected:.4}, two standard errors {two_errors:.4}");
        close(seen, expected, two_errors.max(0.005), name);
    }
}

const ALL: [&str; 5] = ["veteran", "pbc", "gbsg", "breast_cancer", "nsclc_radiomics"];
const EARLY_STOPPED: &str = "DeepSurv_32x32_relu_BN_dropout0.4_earlystop20pct_ep200_pat10";

#[test]
fn one_network_stopped_by_one_hold_out_predicts_as_in_pycox() {
    let learner = DeepSurv::new(DeepSurvParams::pycox()).unwrap();
    held_against(&learner, EARLY_STOPPED, &ALL, 10);
}

#[test]
fn a_committee_predicts_no_worse_than_pycox_and_depends_less_on_its_seed() {
    let committee = DeepSurv::new(DeepSurvParams::tuned()).unwrap();
    for name in ALL {
        let Some(data) = Data::read(name) else { return };
        let theirs = per_seed(&format!("{name}|{EARLY_STOPPED}")).unwrap();
        let (expected, _) = mean_and_squared_error(&theirs);
        let per_seed: Vec<f64> = (0..10)
            .map(|seed| cross_validated_c(&data, &committee, seed))
            .collect();
        let (seen, squared_error) = mean_and_squared_error(&per_seed);
        let (ours, reference) = ((10.0 * squared_error).sqrt(), spread(&theirs));
        eprintln!("{name}: C {seen:.4} (SD {ours:.4}), pycox {expected:.4} (SD {reference:.4})");
        assert!(seen > expected - 0.005, "{name}: {seen} against {expected}");
        assert!(ours < reference, "{name}: {ours} against {reference}");
    }
}

/// Standard deviation.
fn spread(values: &[f64]) -> f64 {
    let (_, squared_error) = mean_and_squared_error(values);
    (values.len() as f64 * squared_error).sqrt()
}

const PAPER: &str = "DNNSurv_paper(deciles of event times,adam.0025,ep30,bs64)";

#[test]
fn dnnsurv_predicts_as_well_as_in_pytorch() {
    let learner = DnnSurv::new(DnnSurvParams::paper()).unwrap();
    held_against(&learner, PAPER, &ALL, 5);
}
