//! The reference numbers: where they are, and how to read them.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use std::path::PathBuf;

use cohort::FollowUp;
use ndarray::Array2;
use serde_json::Value;

/// Folder of the survival oracles, or `None` (with a word on standard error) where they are absent.
pub fn oracles() -> Option<PathBuf> {
    let root = std::env::var_os("RADLOOM_ORACLES")
        .map(PathBuf::from)
        .unwrap_or_else(|| {
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/oracles")
        });
    let folder = root.join("survival");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: oracles absent");
    None
}

/// A reference file as JSON; bare `NaN` and `Infinity`, which JSON lacks, become null.
pub fn json(path: &str) -> Option<Value> {
    let text = std::fs::read_to_string(oracles()?.join(path)).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

/// Names, features and follow-up of a data set.
pub struct Data {
    pub names: Vec<String>,
    pub x: Array2<f64>,
    pub follow_up: FollowUp,
}

/// `data/<name>.csv`: time, status, then the features.
pub fn data(name: &str) -> Option<Data> {
    let text = std::fs::read_to_string(oracles()?.join(format!("data/{name}.csv"))).unwrap();
    let mut lines = text.lines();
    let names: Vec<String> = lines
        .next()
        .unwrap()
        .split(',')
        .skip(2)
        .map(|s| s.trim_matches('"').to_string())
        .collect();
    let rows: Vec<Vec<f64>> = lines
        .map(|l| l.split(',').map(|v| v.parse().unwrap()).collect())
        .collect();
    let x = Array2::from_shape_fn((rows.len(), names.len()), |(i, j)| rows[i][j + 2]);
    let follow_up = FollowUp::new(
        rows.iter().map(|r| r[0]).collect(),
        rows.iter().map(|r| r[1] == 1.0).collect(),
    )
    .unwrap();
    Some(Data {
        names,
        x,
        follow_up,
    })
}

/// `data/<name>.folds.csv`, from 0.
pub fn folds(name: &str) -> Option<Vec<usize>> {
    let text = std::fs::read_to_string(oracles()?.join(format!("data/{name}.folds.csv"))).unwrap();
    Some(
        text.lines()
            .skip(1)
            .map(|l| l.split(',').nth(1).unwrap().parse::<usize>().unwrap() - 1)
            .collect(),
    )
}

/// Numbers of an array; null, "Inf" and "-Inf" are `None`.
pub fn numbers(v: &Value) -> Vec<Option<f64>> {
    v.as_array()
        .expect("an array")
        .iter()
        .map(Value::as_f64)
        .collect()
}

/// Values of an array or of an object in its order of `names`.
pub fn by_name(v: &Value, names: &[String]) -> Vec<f64> {
    names
        .iter()
        .map(|n| v[n.as_str()].as_f64().unwrap_or_else(|| panic!("no {n}")))
        .collect()
}

/// |got − want| ≤ tolerance · max(|want|, 1e-12).
#[track_caller]
pub fn close(what: &str, got: f64, want: f64, tolerance_rel: f64) {
    let room = tolerance_rel * want.abs().max(1e-12);
    assert!(
        (got - want).abs() <= room,
        "{what}: got {got:.17e}, want {want:.17e}"
    );
}

/// [`close`] for each pair, with equal lengths.
#[track_caller]
pub fn all_close(what: &str, got: &[f64], want: &[f64], tolerance_rel: f64) {
    assert_eq!(got.len(), want.len(), "{what}: lengths");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        close(&format!("{what}[{i}]"), *g, *w, tolerance_rel);
    }
}
