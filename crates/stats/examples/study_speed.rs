//! CPU seconds of every fit between features and learners on a table of the size of a two-centre radiomics study: 552 training
//! patients (440 in a fold), 1,409 features in correlated blocks, 50 patients read three times.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use cohort::FollowUp;
use ndarray::{Array2, ArrayView2, s};
use stats::combat::{CombatParams, fit_combat};
use stats::controls::normal_noise;
use stats::icc::IccForm;
use stats::impute::{ColumnKind, fit_impute};
use stats::redundancy::{KeepRule, redundancy_filter};
use stats::reliability::{ReliabilityParams, Repeated, reliability};
use stats::selection::{RedundancyRule, SelectionParams, fit_selection};
use stats::standardise::fit_standardise;

const N: usize = 552;
const N_FOLD: usize = 440;
const P: usize = 1409;
/// Features that share a factor, ρ about 0.93 among them.
const BLOCK: usize = 4;

fn main() {
    let x = features();
    let names: Vec<String> = (0..P).map(|j| format!("f{j:04}")).collect();
    let follow_up = follow_up(&x);
    let site = |c1: usize, n: usize| -> Vec<String> {
        let name = |i| if i < c1 { "c1" } else { "c2" };
        (0..n).map(|i| name(i).to_string()).collect()
    };
    let (both, one) = (site(N_FOLD, N), site(N_FOLD, N_FOLD));
    let fold = x.slice(s![..N_FOLD, ..]);
    let none = |n: usize| Array2::<f64>::zeros((n, 0));

    timed("fit-reliability, 50 patients, 2 readings", || {
        reliable(x.view())
    });
    let kinds = vec![ColumnKind::Numeric; P];
    timed("fit-impute", || {
        fit_impute(x.view(), &names, &kinds, 0.2)
            .unwrap()
            .columns
            .len()
    });
    timed("fit-combat, two sites pooled", || {
        let params = CombatParams::parametric();
        fit_combat(x.view(), &names, &both, none(N).view(), &params)
            .unwrap()
            .sites
            .len()
    });
    let towards = CombatParams::towards("c1");
    timed("fit-combat, the reference alone", || {
        fit_combat(fold, &names, &one, none(N_FOLD).view(), &towards)
            .unwrap()
            .sites
            .len()
    });
    let fitted = fit_combat(fold, &names, &one, none(N_FOLD).view(), &towards).unwrap();
    let unseen = x.slice(s![N_FOLD.., ..]);
    timed("adapt-combat, 112 patients of an unseen site", || {
        fitted
            .adapt(unseen, &names, "c2", none(N - N_FOLD).view())
            .unwrap()
            .sites
            .len()
    });
    timed("fit-standardise", || {
        fit_standardise(x.view(), &names).unwrap().columns.len()
    });
    let train = follow_up.select(&(0..N_FOLD).collect::<Vec<_>>());
    for (name, rule, keep) in [
        (
            "univariable-c",
            RedundancyRule::UnivariableC,
            KeepRule::UnivariableC(&train),
        ),
        (
            "find-correlation",
            RedundancyRule::FindCorrelation,
            KeepRule::FindCorrelation,
        ),
    ] {
        timed(&format!("  Spearman filter, {name}, 440 rows"), || {
            redundancy_filter(fold, &names, 0.8, keep)
                .unwrap()
                .kept
                .len()
        });
        let params = SelectionParams {
            redundancy_rule: rule,
            ..SelectionParams::lambda_min_of_ten_folds()
        };
        timed(&format!("fit-selection, {name}, 440 rows"), || {
            let found = fit_selection(fold, &names, &train, &params, 7).unwrap();
            println!("    {:?}", found.funnel);
            found.features.len()
        });
    }
}

/// Four features a block share a factor; the last block's follow nobody.
fn features() -> Array2<f64> {
    let own = normal_noise(N * P, 1);
    let n_blocks = P.div_ceil(BLOCK);
    let shared = normal_noise(N * n_blocks, 2);
    let (a, b) = (0.93_f64.sqrt(), 0.07_f64.sqrt());
    Array2::from_shape_fn((N, P), |(i, j)| {
        let site = f64::from(u8::from(i >= N_FOLD));
        let z = a * shared[i * n_blocks + j / BLOCK] + b * own[i * P + j];
        z * (1.0 + 0.3 * site) + site * (j % 7) as f64
    })
}

/// Ten blocks are prognostic; about a third have an event.
fn follow_up(x: &Array2<f64>) -> FollowUp {
    let (u, v) = (normal_noise(N, 3), normal_noise(N, 4));
    let lifetime = |z: f64| -libm::log(1.0 - libm::erfc(-z / 2.0_f64.sqrt()) / 2.0);
    let (mut time, mut event) = (Vec::new(), Vec::new());
    for i in 0..N {
        let eta: f64 = (0..10).map(|k| 0.25 * x[[i, k * 40]]).sum();
        let failure = 60.0 * lifetime(u[i]) * libm::exp(-eta);
        let censored = 10.0 + 25.0 * lifetime(v[i]);
        time.push(failure.min(censored));
        event.push(failure <= censored);
    }
    FollowUp::new(time, event).unwrap()
}

fn reliable(x: ArrayView2<f64>) -> usize {
    let first = x.slice(s![..50, ..]);
    let error = normal_noise(50 * P, 5);
    let again = Array2::from_shape_fn((50, P), |(i, j)| {
        first[[i, j]] + 0.8 * (j as f64 / P as f64) * error[i * P + j]
    });
    let reading = |name, form| Repeated {
        name,
        form,
        first,
        again: again.view(),
    };
    let params = ReliabilityParams {
        threshold: 0.75,
        level: 0.95,
        judge_lower: false,
        min_patients: 10,
    };
    let both = [
        reading("r1s2", IccForm::Consistency),
        reading("r2s1", IccForm::Agreement),
    ];
    reliability(&both, &params).unwrap().kept.len()
}

fn timed(name: &str, run: impl Fn() -> usize) {
    let (cpu, start) = (cpu_seconds(), std::time::Instant::now());
    let found = run();
    println!(
        "{name}: {:.3} CPU s, {:.3} s, result {found}",
        cpu_seconds() - cpu,
        start.elapsed().as_secs_f64()
    );
}

/// User time of this process on Linux, in hundredths of a second; 0 elsewhere.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().nth(11);
    ticks.and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0) / 100.0
}
