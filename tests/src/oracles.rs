//! Reference data outside the tree: real images and tables under other people's licences.

use std::path::{Path, PathBuf};

/// The folder of reference data: `RADLOOM_ORACLES`, else `../shared/oracles` beside the workspace. Says on stderr that
/// a test is skipped where it is absent.
#[must_use]
pub fn folder(below: &str) -> Option<PathBuf> {
    let root = std::env::var_os("RADLOOM_ORACLES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/oracles"),
        PathBuf::from,
    );
    let found = root.join(below);
    if found.is_dir() {
        return Some(found);
    }
    eprintln!("skipped: oracles absent");
    None
}
