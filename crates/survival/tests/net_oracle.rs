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
fn deepsurv_predicts_as_well_as_pycox() {
    let learner = DeepSurv::new(DeepSurvParams::tuned()).unwrap();
    held_against(&learner, EARLY_STOPPED, &ALL, 10);
}

const PAPER: &str = "DNNSurv_paper(deciles of event times,adam.0025,ep30,bs64)";

#[test]
fn dnnsurv_predicts_as_well_as_in_pytorch() {
    let learner = DnnSurv::new(DnnSurvParams::paper()).unwrap();
    held_against(&learner, PAPER, &ALL, 5);
}
