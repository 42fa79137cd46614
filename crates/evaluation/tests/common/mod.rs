//! Reading the reference numbers.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::path::PathBuf;

use cohort::FollowUp;
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

/// Follow-up of a reference data set.
pub fn follow_up(name: &str) -> Option<FollowUp> {
    let (_, rows) = csv(&oracles()?.join(format!("data/{name}.csv")));
    let time = rows.iter().map(|r| r[0]).collect();
    Some(FollowUp::new(time, rows.iter().map(|r| r[1] == 1.0).collect()).unwrap())
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
