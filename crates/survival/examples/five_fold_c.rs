//! Cross-validated C-index of the six learners with the settings of their references, folds as given.
//!
//! `cargo run --release -p survival --example five_fold_c [seeds] [data set …]`, five seeds if none are given, reads `survival/data/NAME.csv` (time, status, features)
//! and `NAME.folds.csv` (row, fold) of the folder of reference numbers (`RADLOOM_ORACLES`, see `tests/common`): any data set may
//! be put there. Figures stand in `docs/parity-learners.md`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Data, cross_validated_c};
use survival::{
    DeepSurv, DeepSurvParams, DnnSurv, DnnSurvParams, Gbm, GbmParams, Learner, Rsf, RsfParams, Svm,
    SvmParams, TreeMethod, Xgboost, XgboostParams,
};

/// Learner by learner: the name of the reference's row, how it is set here.
fn learners() -> Vec<(&'static str, Box<dyn Learner>)> {
    let whole_bag = GbmParams {
        bag_fraction: 1.0,
        ..GbmParams::gbm()
    };
    let exact = XgboostParams {
        tree_method: TreeMethod::Exact,
        n_rounds: 100,
        eta: 0.1,
        max_depth: 3,
        ..XgboostParams::cox()
    };
    let deepsurv = |params| Box::new(DeepSurv::new(params).unwrap());
    vec![
        (
            "rsf, ranger 500",
            Box::new(Rsf::new(RsfParams::ranger_defaults()).unwrap()),
        ),
        ("gbm, whole bag", Box::new(Gbm::new(whole_bag).unwrap())),
        (
            "gbm, bags of one half",
            Box::new(Gbm::new(GbmParams::gbm()).unwrap()),
        ),
        (
            "svm, linear",
            Box::new(Svm::new(SvmParams::sksurv()).unwrap()),
        ),
        ("xgboost, cox exact", Box::new(Xgboost::new(exact).unwrap())),
        ("deepsurv, pycox", deepsurv(DeepSurvParams::pycox())),
        ("deepsurv, tuned", deepsurv(DeepSurvParams::tuned())),
        (
            "dnnsurv, paper",
            Box::new(DnnSurv::new(DnnSurvParams::paper()).unwrap()),
        ),
    ]
}

fn main() {
    let mut asked: Vec<String> = std::env::args().skip(1).collect();
    let seeds = asked.first().and_then(|first| first.parse::<u64>().ok());
    if seeds.is_some() {
        asked.remove(0);
    }
    let seeds = seeds.unwrap_or(5).max(2);
    let shown = ["veteran", "pbc", "gbsg", "breast_cancer", "nsclc_radiomics"];
    let names: Vec<&str> = match asked.is_empty() {
        true => shown.to_vec(),
        false => asked.iter().map(String::as_str).collect(),
    };
    for name in names {
        let Some(data) = Data::read(name) else { return };
        for (label, learner) in learners() {
            let c: Vec<f64> = (0..seeds)
                .map(|seed| cross_validated_c(&data, learner.as_ref(), seed))
                .collect();
            let n = seeds as f64;
            let mean = c.iter().sum::<f64>() / n;
            let square: f64 = c.iter().map(|v| (v - mean) * (v - mean)).sum();
            let sd = (square / (n - 1.0)).sqrt();
            println!("{name:16} {label:24} C {mean:.5} sd {sd:.5}");
        }
    }
}
