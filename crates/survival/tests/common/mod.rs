//! Reading the reference numbers, and a concordance count that shares no code with the house.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::path::PathBuf;

use cohort::FollowUp;
use ndarray::{Array2, Axis};
use serde_json::Value;
use survival::Learner;

/// The folder of survival reference numbers, or `None` (with a word on stderr) where there is none.
pub fn oracles() -> Option<PathBuf> {
    let root = std::env::var_os("RADLOOM_ORACLES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/oracles"),
        PathBuf::from,
    );
    let folder = root.join("survival");
    if folder.is_dir() {
        Some(folder)
    } else {
        eprintln!("skipped: oracles absent");
        None
    }
}

/// A reference data set with its five folds.
pub struct Data {
    pub names: Vec<String>,
    pub x: Array2<f64>,
    pub follow_up: FollowUp,
    pub fold: Vec<usize>,
}

impl Data {
    pub fn read(name: &str) -> Option<Data> {
        let folder = oracles()?.join("data");
        let (header, rows) = csv(&folder.join(format!("{name}.csv")));
        let (_, folds) = csv(&folder.join(format!("{name}.folds.csv")));
        let p = header.len() - 2;
        let x = Array2::from_shape_fn((rows.len(), p), |(i, j)| rows[i][j + 2]);
        Some(Data {
            names: header[2..].to_vec(),
            x,
            follow_up: FollowUp::new(
                rows.iter().map(|r| r[0]).collect(),
                rows.iter().map(|r| r[1] == 1.0).collect(),
            )
            .unwrap(),
            fold: folds.iter().map(|r| r[1] as usize).collect(),
        })
    }

    /// Training and test rows of fold `k` (1 to 5).
    pub fn split(&self, k: usize) -> (Vec<usize>, Vec<usize>) {
        (0..self.fold.len()).partition(|&i| self.fold[i] != k)
    }

    pub fn rows(&self, rows: &[usize]) -> Array2<f64> {
        self.x.select(Axis(0), rows)
    }
}

pub fn json(path: &str) -> Option<Value> {
    let text = std::fs::read_to_string(oracles()?.join(path)).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

pub fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

/// Harrell's C by counting every pair.
pub fn harrell(risk: &[f64], follow_up: &FollowUp) -> f64 {
    let (time, event) = (follow_up.time(), follow_up.event());
    let (mut won, mut pairs) = (0.0, 0.0);
    for i in 0..risk.len() {
        for j in 0..risk.len() {
            if event[i] && (time[i] < time[j] || (time[i] == time[j] && !event[j])) {
                pairs += 1.0;
                if risk[i] > risk[j] {
                    won += 1.0;
                } else if risk[i] == risk[j] {
                    won += 0.5;
                }
            }
        }
    }
    won / pairs
}

#[track_caller]
pub fn close(seen: f64, expected: f64, tolerance: f64, what: &str) {
    assert!(
        (seen - expected).abs() <= tolerance,
        "{what}: {seen} against {expected}"
    );
}

fn csv(path: &PathBuf) -> (Vec<String>, Vec<Vec<f64>>) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let header = lines
        .next()
        .unwrap()
        .split(',')
        .map(|s| s.trim_matches('"').to_owned())
        .collect();
    let rows = lines
        .map(|line| line.split(',').map(|v| v.parse().unwrap()).collect())
        .collect();
    (header, rows)
}

/// Mean C-index over the five given folds.
pub fn cross_validated_c(data: &Data, learner: &dyn Learner, seed: u64) -> f64 {
    let mut sum = 0.0;
    for k in 1..=5 {
        let (train, test) = data.split(k);
        let follow_up = data.follow_up.select(&train);
        let model = learner
            .fit(data.rows(&train).view(), &data.names, &follow_up, seed)
            .unwrap();
        let risk = model.risk(data.rows(&test).view()).unwrap();
        sum += harrell(risk.values(), &data.follow_up.select(&test));
    }
    sum / 5.0
}

/// Our mean over `seeds` seeds is the reference's, to two standard errors of the difference or 0.005, and never more than
/// 0.015 below.
#[track_caller]
pub fn with_reference(what: &str, theirs: &[f64], seeds: u64, ours: impl Fn(u64) -> f64) {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let squared_error = |v: &[f64]| {
        let n = v.len() as f64;
        v.iter().map(|x| (x - mean(v)) * (x - mean(v))).sum::<f64>() / (n - 1.0) / n
    };
    let per_seed: Vec<f64> = (0..seeds).map(ours).collect();
    let (seen, expected) = (mean(&per_seed), mean(theirs));
    let two_errors = 2.0 * (squared_error(theirs) + squared_error(&per_seed)).sqrt();
    eprintln!("{what}: C {seen:.4}, theirs {expected:.4}, two standard errors {two_errors:.4}");
    close(seen, expected, two_errors.max(0.005), what);
    assert!(
        seen >= expected - 0.015,
        "{what}: {seen} against {expected}"
    );
}

/// The reference's single draw is one of ours: within two standard deviations over seeds of our mean, or 0.005.
#[track_caller]
pub fn with_one_draw(what: &str, expected: f64, seeds: u64, ours: impl Fn(u64) -> f64) {
    let per_seed: Vec<f64> = (0..seeds).map(ours).collect();
    let n = per_seed.len() as f64;
    let mean = per_seed.iter().sum::<f64>() / n;
    let square: f64 = per_seed.iter().map(|x| (x - mean) * (x - mean)).sum();
    let two_deviations = 2.0 * (square / (n - 1.0)).sqrt();
    eprintln!(
        "{what}: C {mean:.4}, theirs {expected:.4}, two standard deviations {two_deviations:.4}"
    );
    close(mean, expected, two_deviations.max(0.005), what);
    assert!(
        mean >= expected - 0.015,
        "{what}: {mean} against {expected}"
    );
}
