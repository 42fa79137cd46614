//! Studies that tests run.

use std::path::{Path, PathBuf};

/// The way through every room with two learners, one profile and few steps: what tests of the corridor itself need.
const SMALL: &str = include_str!("../it/studies/small.toml");

/// Writes the small study beside the cohort file in a folder that `radloom synth` made.
///
/// # Panics
/// The file cannot be written.
#[must_use]
#[track_caller]
pub fn small_study(cohort: &Path) -> PathBuf {
    let path = cohort.join("small.toml");
    std::fs::write(&path, SMALL).unwrap();
    path
}
