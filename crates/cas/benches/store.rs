//! The store against plain files, in one run: `cargo bench -p cas`.
//!
//! Each line: seconds of the store, seconds of plain writing with the same durability, and plain ÷ store (more is better).
//! The two take turns and the median of the rounds counts, because disks have moods.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use cas::{Naming, Outcome, Output, Store, StoreConfig};
use digest::Digest;
use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

const ROUNDS: u64 = 5;

fn main() {
    large_blobs(true);
    large_blobs(false);
    small_values();
    threads();
    warm();
    opening();
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

fn folder() -> tempfile::TempDir {
    match std::env::var_os("BENCH_DIR") {
        Some(dir) => tempfile::tempdir_in(dir).unwrap(),
        None => tempfile::tempdir().unwrap(),
    }
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
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

fn compare(name: &str, mut store: impl FnMut(u64) -> f64, mut plain: impl FnMut(u64) -> f64) {
    let mut pairs: Vec<(f64, f64)> = (0..ROUNDS)
        .map(|round| (store(round), plain(round)))
        .collect();
    pairs.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
    let ratio = pairs[pairs.len() / 2].1 / pairs[pairs.len() / 2].0;
    let mut times: Vec<f64> = pairs.iter().map(|pair| pair.0).collect();
    let mut plains: Vec<f64> = pairs.iter().map(|pair| pair.1).collect();
    times.sort_by(f64::total_cmp);
    plains.sort_by(f64::total_cmp);
    let (time, base) = (times[times.len() / 2], plains[plains.len() / 2]);
    println!("{name:<52} store {time:8.3} s   plain {base:8.3} s   ratio {ratio:5.2}");
}

fn large_blobs(one_batch: bool) {
    const N: u64 = 150;
    let dir = folder();
    let store = open(&dir.path().join("store"));
    let contents = |round: u64| {
        (0..N)
            .map(|n| bytes(round * N + n, 1 << 20))
            .collect::<Vec<_>>()
    };
    let name = if one_batch {
        "150 x 1 MiB, one batch"
    } else {
        "150 x 1 MiB, put one by one"
    };
    compare(
        name,
        |round| {
            let contents = contents(round);
            seconds(|| {
                if one_batch {
                    let items: Vec<_> = contents
                        .iter()
                        .map(|content| (&content[..], Naming::Plain))
                        .collect();
                    store.put_batch(&items).unwrap();
                } else {
                    contents
                        .iter()
                        .for_each(|content| _ = store.put(content, Naming::Plain).unwrap());
                }
            })
        },
        |round| {
            let contents = contents(round + 1000);
            let plain = dir.path().join(format!("plain{round}"));
            std::fs::create_dir(&plain).unwrap();
            seconds(|| {
                for (n, content) in contents.iter().enumerate() {
                    let mut file = File::create(plain.join(n.to_string())).unwrap();
                    file.write_all(content).unwrap();
                    file.sync_data().unwrap();
                }
            })
        },
    );
}

fn small_values() {
    const N: u64 = 10_000;
    let dir = folder();
    let store = open(&dir.path().join("store"));
    let contents = |round: u64| {
        (0..N)
            .map(|n| bytes(round * N + n, 300))
            .collect::<Vec<_>>()
    };
    compare(
        "10,000 x 300 B in batches of 100",
        |round| {
            let contents = contents(round);
            seconds(|| {
                for batch in contents.chunks(100) {
                    let items: Vec<_> = batch
                        .iter()
                        .map(|content| (&content[..], Naming::Plain))
                        .collect();
                    store.put_batch(&items).unwrap();
                }
            })
        },
        |round| {
            let contents = contents(round + 1000);
            let mut file = File::create(dir.path().join(format!("plain{round}"))).unwrap();
            seconds(|| {
                for batch in contents.chunks(100) {
                    for content in batch {
                        file.write_all(content).unwrap();
                    }
                    file.sync_data().unwrap();
                }
            })
        },
    );
}

/// Eight threads that each commit alone: they share syncs; the plain writer syncs once per value.
fn threads() {
    const N: u64 = 1000;
    let dir = folder();
    let store = open(&dir.path().join("store"));
    compare(
        "8 threads x 125 single values of 300 B",
        |round| {
            seconds(|| {
                std::thread::scope(|scope| {
                    for thread in 0..8 {
                        let store = &store;
                        scope.spawn(move || {
                            for n in 0..N / 8 {
                                store
                                    .put(&bytes((round * 8 + thread) * N + n, 300), Naming::Plain)
                                    .unwrap();
                            }
                        });
                    }
                });
            })
        },
        |round| {
            let mut file = File::create(dir.path().join(format!("plain{round}"))).unwrap();
            seconds(|| {
                for n in 0..N {
                    file.write_all(&bytes(n, 300)).unwrap();
                    file.sync_data().unwrap();
                }
            })
        },
    );
}

fn recipe(n: u64) -> Digest {
    Digest::of(&n.to_le_bytes())
}

/// 50,000 actions and 50,000 small values, and how long a question about them takes.
fn warm() {
    const N: u64 = 50_000;
    let dir = folder();
    let store = open(dir.path());
    let mut names = Vec::new();
    for begin in (0..N).step_by(1000) {
        let mut batch = store.batch();
        for n in begin..begin + 1000 {
            let digest = batch.put(bytes(n, 300), Naming::Plain).unwrap();
            batch.record_action(
                recipe(n),
                Outcome::Outputs(vec![Output {
                    port: "out".into(),
                    digest,
                    len: 300,
                }]),
            );
            names.push(digest);
        }
        store.commit(batch).unwrap();
    }
    let large = store.put(&bytes(1, 1 << 20), Naming::Plain).unwrap();
    let per = |work: &dyn Fn(u64)| 1e6 * seconds(|| (0..N).for_each(work)) / N as f64;
    let name = |n: u64| &names[(n * 7919 % N) as usize];
    println!(
        "has (small)      {:6.2} us",
        per(&|n| _ = black_box(store.has(name(n)).unwrap()))
    );
    println!(
        "has (1 MiB file) {:6.2} us",
        per(&|_| _ = black_box(store.has(&large).unwrap()))
    );
    println!(
        "get (300 B)      {:6.2} us",
        per(&|n| drop(black_box(store.get(name(n)).unwrap())))
    );
    println!(
        "action           {:6.2} us",
        per(&|n| drop(black_box(store.action(&recipe(n * 7919 % N)).unwrap())))
    );
}

/// A store of 100,000 records, opened with a good index and without one.
fn opening() {
    let dir = folder();
    let store = open(dir.path());
    for begin in (0..100_000).step_by(1000) {
        let contents: Vec<_> = (begin..begin + 1000).map(|n| bytes(n, 300)).collect();
        let items: Vec<_> = contents
            .iter()
            .map(|content| (&content[..], Naming::Plain))
            .collect();
        store.put_batch(&items).unwrap();
    }
    println!(
        "close, 100,000 records       {:8.1} ms",
        1e3 * seconds(|| drop(store))
    );
    for _ in 0..3 {
        println!(
            "open with a good index       {:8.1} ms",
            1e3 * seconds(|| drop(black_box(open(dir.path()))))
        );
    }
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    println!(
        "open, index made again       {:8.1} ms",
        1e3 * seconds(|| drop(black_box(open(dir.path()))))
    );
}
