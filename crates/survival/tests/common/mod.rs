//! Reading the reference numbers, and a concordance count that shares no code with the house.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::path::PathBuf;

use cohort::FollowUp;
use ndarray::{Array2, Axis};
use serde_json::Value;

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
