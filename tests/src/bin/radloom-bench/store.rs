//! The store against plain files with the same durability, taking turns in one run.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use cas::{Naming, Store, StoreConfig};

use crate::line::{at_least, median};

const RATIO_MIN: f64 = 0.9;
const ROUNDS: u64 = 7;

pub fn run() {
    large();
    small();
}

/// 150 × 1 MiB, stored in one batch and read back; beside a file each, written, synced and read back.
fn large() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store"));
    let (mut puts, mut gets) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let contents = contents(round, 150, 1 << 20);
        let mut digests = Vec::new();
        let put = seconds(|| {
            let items: Vec<_> = contents.iter().map(|c| (&c[..], Naming::Plain)).collect();
            digests = store.put_batch(&items).unwrap();
        });
        let got = seconds(|| {
            digests
                .iter()
                .for_each(|d| assert_eq!(store.get(d).unwrap().unwrap().len(), 1 << 20))
        });
        let plain = dir.path().join(format!("plain{round}"));
        std::fs::create_dir(&plain).unwrap();
        let names: Vec<_> = (0..contents.len())
            .map(|i| plain.join(i.to_string()))
            .collect();
        let written = seconds(|| {
            for (name, content) in names.iter().zip(&contents) {
                let mut file = File::create(name).unwrap();
                file.write_all(content).unwrap();
                file.sync_data().unwrap();
            }
        });
        // The store verifies what it reads; so does the plain reader.
        let read = seconds(|| {
            names
                .iter()
                .zip(&digests)
                .for_each(|(n, d)| assert_eq!(digest::Digest::of(&std::fs::read(n).unwrap()), *d))
        });
        puts.push(written / put);
        gets.push(read / got);
    }
    at_least(
        "put 150 × 1 MiB, plain write + fdatasync ÷ store",
        median(puts),
        RATIO_MIN,
        "×",
    );
    at_least(
        "get 150 × 1 MiB, plain read + hash ÷ store",
        median(gets),
        RATIO_MIN,
        "×",
    );
}

/// 10,000 × 300 B in batches of 100; beside one file with a sync after every hundred.
fn small() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store"));
    let (mut puts, mut gets) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let contents = contents(round, 10_000, 300);
        let mut digests = Vec::new();
        let put = seconds(|| {
            for batch in contents.chunks(100) {
                let items: Vec<_> = batch.iter().map(|c| (&c[..], Naming::Plain)).collect();
                digests.extend(store.put_batch(&items).unwrap());
            }
        });
        let got = seconds(|| {
            digests
                .iter()
                .for_each(|d| assert_eq!(store.get(d).unwrap().unwrap().len(), 300))
        });
        let mut file = File::create(dir.path().join(format!("plain{round}"))).unwrap();
        let written = seconds(|| {
            for batch in contents.chunks(100) {
                batch
                    .iter()
                    .for_each(|content| file.write_all(content).unwrap());
                file.sync_data().unwrap();
            }
        });
        puts.push(written / put);
        gets.push(1e6 * got / 10_000.0);
    }
    at_least(
        "put 10,000 × 300 B in batches of 100, plain write + fdatasync ÷ store",
        median(puts),
        RATIO_MIN,
        "×",
    );
    crate::line::beside(
        "get 300 B, verified",
        &format!("{} µs", crate::line::short(median(gets))),
        "",
    );
}

fn open(dir: &Path) -> Store {
    Store::open(StoreConfig {
        dir: dir.to_owned(),
        shared: None,
        create_key: true,
    })
    .unwrap()
    .0
}

/// Bytes that no round shares with another.
fn contents(round: u64, n: u64, len: usize) -> Vec<Vec<u8>> {
    (0..n).map(|i| bytes(round * n + i, len)).collect()
}

fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        out.extend_from_slice(&(state ^ (state >> 29)).to_le_bytes());
    }
    out.truncate(len);
    out
}

fn seconds(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64()
}
