//! Learners beside their references on one generated cohort of 632 patients with 26 features: one thread each, both measured
//! now and in turns, CPU seconds, medians of the rounds.

pub mod ours;
mod peers;

use std::fmt::Write;
use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use stats::special::normal_quantile;

use crate::line::{at_most, beside, median, short, times};
use crate::process::load;
use peers::{Peer, Peers};

const PATIENTS: usize = 632;
const FEATURES: usize = 26;
const ROUNDS: usize = 5;

/// One piece of work, who is the reference for it, and how many times faster ours should be.
struct Case {
    what: &'static str,
    work: &'static str,
    peer: Peer,
    ratio_min: f64,
}

const fn case(what: &'static str, work: &'static str, peer: Peer, ratio_min: f64) -> Case {
    Case {
        what,
        work,
        peer,
        ratio_min,
    }
}

const CASES: [Case; 9] = [
    case("forest of 500 trees; ranger", "rsf", Peer::R, 3.0),
    case(
        "forest of 100 trees, leaves of 3; scikit-survival",
        "rsf-100",
        Peer::Python,
        10.0,
    ),
    case(
        "gradient boosting, 100 trees of depth 3, bag ½; gbm",
        "gbm",
        Peer::R,
        1.0,
    ),
    case(
        "XGBoost, cox, exact, 100 rounds of depth 3; xgboost",
        "xgboost",
        Peer::Python,
        1.0,
    ),
    case(
        "linear survival SVM, ranking; scikit-survival",
        "svm",
        Peer::Python,
        10.0,
    ),
    case("ten-fold LASSO-Cox; cv.glmnet", "lasso", Peer::R, 2.0),
    case(
        "DeepSurv, one network, 100 epochs; PyTorch loop",
        "deepsurv",
        Peer::Torch,
        10.0,
    ),
    case(
        "DeepSurv, one network, 100 epochs; pycox",
        "deepsurv-pycox",
        Peer::Torch,
        10.0,
    ),
    case(
        "DNNSurv, pseudo-values and 30 epochs; PyTorch loop without pseudo-values",
        "dnnsurv",
        Peer::Torch,
        10.0,
    ),
];

pub fn run() {
    let before = load();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("cohort.csv");
    std::fs::write(&data, cohort()).unwrap();
    let peers = Peers::new(folder.path());
    for case in &CASES {
        measure(case, &peers, &data);
    }
    let seconds = |work: &str| -> f64 {
        let rounds = (0..ROUNDS).map(|_| ours::spent(work, &data)["cpu_s"].as_f64().unwrap());
        median(rounds.collect())
    };
    at_most("1,000 resamples of AUC(36)", seconds("auc"), 0.5, "s");
    let committee = format!("{} s", short(seconds("deepsurv-committee")));
    beside(
        "DeepSurv, a committee of five, default preset",
        &committee,
        "",
    );
    let forest = ours::spent("stored-forest", &data);
    let mib = |name: &str| forest[name].as_f64().unwrap();
    let what = "peak memory of `fit-rsf` with 1,000 trees, whole process, model encoded";
    at_most(what, mib("peak_mib"), 100.0, "MiB");
    at_most("its model as stored", mib("bytes_mib"), 20.0, "MiB");
    let loads = format!("{before} before, {} after", load());
    beside("load of the machine, processes that run", &loads, "");
}

fn measure(case: &Case, peers: &Peers, data: &Path) {
    let (mut own, mut theirs, mut version) = (Vec::new(), Vec::new(), String::new());
    let mut absent = None;
    for _ in 0..ROUNDS {
        own.push(ours::spent(case.work, data)["cpu_s"].as_f64().unwrap());
        if absent.is_none() {
            match peers.spent(case.peer, case.work, data) {
                Ok((seconds, told)) => {
                    theirs.push(seconds);
                    version = told;
                }
                Err(why) => absent = Some(why),
            }
        }
    }
    match absent {
        None => {
            let what = format!("{} {version}", case.what);
            times(&what, median(own), median(theirs), case.ratio_min);
        }
        Some(why) => {
            let seconds = format!("{} CPU s", short(median(own)));
            beside(case.what, &seconds, &format!("not here: {why}"));
        }
    }
}

/// Normal features, five of which matter, exponential times in months, administrative censoring: time, status, features.
fn cohort() -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(632);
    let mut uniform = || ((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    let mut text = String::from("time,status");
    for j in 0..FEATURES {
        let _ = write!(text, ",x{j}");
    }
    for _ in 0..PATIENTS {
        let x: Vec<f64> = (0..FEATURES)
            .map(|_| normal_quantile(uniform()).unwrap_or_default())
            .collect();
        let effect = 0.8 * x[0] - 0.6 * x[1] + 0.4 * x[2] * x[3] + 0.4 * x[4];
        let event = -80.0 * libm::log(uniform()) * libm::exp(-effect);
        let censored = 12.0 + 84.0 * uniform();
        let (time, seen) = (event.min(censored), event <= censored);
        let tenths = ((time * 10.0).floor() / 10.0).max(0.1);
        let _ = write!(text, "\n{tenths},{}", u8::from(seen));
        for v in x {
            let _ = write!(text, ",{v}");
        }
    }
    text.push('\n');
    text
}
