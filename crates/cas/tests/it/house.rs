//! What the other tests need: a store in a fresh folder, bytes to put into it.

use cas::{OpenReport, Store, StoreConfig};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub fn fresh() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub fn config(dir: &Path) -> StoreConfig {
    StoreConfig {
        dir: dir.join("own"),
        shared: None,
        create_key: true,
    }
}

pub fn open(dir: &Path) -> Store {
    open_told(dir).0
}

pub fn open_told(dir: &Path) -> (Store, OpenReport) {
    Store::open(config(dir)).unwrap()
}

/// Bytes without a pattern, different for every seed.
pub fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect()
}

/// Every file below a folder, in order.
pub fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path)
            } else {
                found.push(path)
            }
        }
    }
    found.sort();
    found
}

/// The blob files (with 64 digits as name) below a folder.
pub fn blob_files(dir: &Path) -> Vec<PathBuf> {
    let is_blob = |path: &PathBuf| path.file_name().is_some_and(|name| name.len() == 64);
    files_below(dir).into_iter().filter(is_blob).collect()
}

/// The only log file of a store.
pub fn log_file(dir: &Path) -> PathBuf {
    let logs = files_below(&dir.join("own/log"));
    assert_eq!(logs.len(), 1, "{logs:?}");
    logs[0].clone()
}
