//! How long each learner takes: CPU seconds of a five-fold cross-validation on one thread, beside the reference's.
//!
//! `cargo run --release -p survival --example learner_speed [data set …]`; needs the reference numbers (see
//! `tests/common`). Figures stand in `docs/parity-learners.md`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Data, cross_validated_c};
use survival::{
    Cox, DeepSurv, DeepSurvParams, DnnSurv, DnnSurvParams, Gbm, GbmParams, Learner, Mtry, Rsf,
    RsfParams, Svm, SvmParams,
};

fn learners() -> Vec<(&'static str, Box<dyn Learner>)> {
    let rsf = |params| Box::new(Rsf::new(params).unwrap());
    vec![
        ("rsf ranger 500", rsf(RsfParams::ranger_defaults())),
        (
            "rsf sksurv 100",
            rsf(RsfParams {
                n_trees: 100,
                mtry: Mtry::SqrtDown,
                min_node_size: 5,
                ..RsfParams::ranger_defaults()
            }),
        ),
        (
            "deepsurv tuned",
            Box::new(DeepSurv::new(DeepSurvParams::tuned()).unwrap()),
        ),
        (
            "deepsurv pycox",
            Box::new(DeepSurv::new(DeepSurvParams::pycox()).unwrap()),
        ),
        (
            "deepsurv 500 epochs",
            Box::new(
                DeepSurv::new(DeepSurvParams {
                    max_epochs: 500,
                    early_stopping: None,
                    batch_norm: false,
                    dropout: 0.0,
                    ..DeepSurvParams::tuned()
                })
                .unwrap(),
            ),
        ),
        (
            "dnnsurv paper",
            Box::new(DnnSurv::new(DnnSurvParams::paper()).unwrap()),
        ),
        (
            "gbm 100",
            Box::new(
                Gbm::new(GbmParams {
                    n_trees: 100,
                    ..GbmParams::gbm()
                })
                .unwrap(),
            ),
        ),
        ("svm rank", Box::new(Svm::new(SvmParams::sksurv()).unwrap())),
        ("cox", Box::new(Cox::efron())),
    ]
}

/// User and system time of this process so far, as Linux counts it.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("needs Linux");
    let after_name = stat.rsplit(')').next().unwrap();
    let ticks = |field: usize| -> f64 {
        let field = after_name.split_whitespace().nth(field);
        field.unwrap().parse().unwrap()
    };
    (ticks(11) + ticks(12)) / 100.0
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let all = ["veteran", "pbc", "breast_cancer", "gbsg", "nsclc_radiomics"];
    let names: Vec<&str> = if asked.is_empty() {
        all.to_vec()
    } else {
        asked.iter().map(String::as_str).collect()
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build_global()
        .unwrap();
    for name in names {
        let Some(data) = Data::read(name) else { return };
        for (label, learner) in learners() {
            // breast_cancer has more columns than events: no Cox model
            if label == "cox" && data.names.len() >= 40 {
                continue;
            }
            let start = cpu_seconds();
            let mut seeds = 0;
            let mut sum = 0.0;
            // the kernel counts in hundredths of a second
            while seeds < 2 || cpu_seconds() - start < 0.3 {
                sum += cross_validated_c(&data, learner.as_ref(), seeds);
                seeds += 1;
            }
            let n = seeds as f64;
            let each = (cpu_seconds() - start) / n;
            println!("{name:16} {label:20} {each:8.4} s  C {:.4}", sum / n);
        }
    }
}
