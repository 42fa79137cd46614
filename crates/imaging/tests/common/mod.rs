//! Where the reference images and numbers are.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

/// The reference folder: `RADLOOM_ORACLES`, else `shared/oracles` beside the workspace; `None` (said on stderr) if absent.
pub fn oracles() -> Option<PathBuf> {
    let root = std::env::var_os("RADLOOM_ORACLES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/oracles"),
        PathBuf::from,
    );
    let radiomics = root.join("radiomics");
    if radiomics.is_dir() {
        Some(radiomics)
    } else {
        eprintln!("skipped: oracles absent");
        None
    }
}

/// The text after `"key": ` in a flat JSON file, without quotes and brackets, up to the end of the line.
pub fn value<'a>(json: &'a str, key: &str) -> &'a str {
    let quoted = format!("\"{key}\": ");
    let start = json
        .find(&quoted)
        .unwrap_or_else(|| panic!("{key} is absent"))
        + quoted.len();
    let line = json[start..].lines().next().unwrap_or_default();
    line.trim_end_matches(',')
        .trim_matches(|c| "\"()[]".contains(c))
}

/// Numbers separated by commas.
pub fn numbers(text: &str) -> Vec<f64> {
    text.split(',')
        .map(|number| number.trim().parse().unwrap())
        .collect()
}
