//! How long 1,000 resamples take in a study of 632 patients: of AUC(t), and of 36 models side by side.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use cohort::{FollowUp, RiskScores};
use evaluation::{
    AucConvention, Bootstrap, Contest, Part, bootstrap_auc, bootstrap_c_index, compare_auc,
    rank_models,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

fn main() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut uniform = || ((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    let risk: Vec<f64> = (0..632).map(|_| uniform()).collect();
    let drawn: Vec<(f64, bool)> = risk
        .iter()
        .map(|r| {
            let event = -60.0 * libm::log(uniform()) * libm::exp(1.0 - 2.0 * r);
            let censored = 12.0 + 84.0 * uniform();
            (
                (event.min(censored) * 10.0).floor() / 10.0,
                event <= censored,
            )
        })
        .collect();
    let time = drawn.iter().map(|d| d.0).collect();
    let f = FollowUp::new(time, drawn.iter().map(|d| d.1).collect()).unwrap();
    let scores = RiskScores::higher_is_worse(risk).unwrap();
    let bootstrap = Bootstrap::new(1000, 0.95, 7).unwrap();
    let clock = |what: &str, run: &dyn Fn()| {
        let start = std::time::Instant::now();
        run();
        println!("{what}: {:.4} s", start.elapsed().as_secs_f64());
    };
    clock("1,000 resamples of AUC(36)", &|| {
        bootstrap_auc(&scores, &f, 36.0, AucConvention::Score, &bootstrap).unwrap();
    });
    clock("1,000 resamples of Harrell's C", &|| {
        bootstrap_c_index(&scores, &f, &bootstrap).unwrap();
    });
    clock("one paired test", &|| {
        compare_auc(&scores, &scores, &f, 36.0, AucConvention::Score, 0.95).unwrap();
    });
    let folds = |repeat: usize, fold: usize| -> Part {
        let rows: Vec<usize> = (0..632)
            .filter(|i| (i * (repeat + 1)) % 5 == fold)
            .collect();
        Part {
            risk: rows.iter().map(|&i| scores.values()[i]).collect(),
            rows,
        }
    };
    let whole = vec![Part {
        rows: (0..632).collect(),
        risk: scores.values().to_vec(),
    }];
    let folds: Vec<Part> = (0..25).map(|k| folds(k / 5 % 4, k % 5)).collect();
    for (what, parts) in [("a test set", whole), ("5 × 5 folds", folds)] {
        clock(&format!("36 models ranked on {what}"), &|| {
            let models = vec![parts.clone(); 36];
            let horizons = [12.0, 36.0, 60.0];
            let contest = Contest::new(&models, &f, &horizons, AucConvention::Score).unwrap();
            rank_models(&contest, &bootstrap, Some(0));
        });
    }
}
