//! What a task costs the coordinator when the task itself costs nothing: 100,000 no-ops over gRPC on a loopback socket,
//! a coordinator without a worker of its own, two worker processes.

use std::process::Command;
use std::time::{Duration, Instant};

use tests::bin;

use crate::line::{at_most, beside};
use crate::process::{Held, cpu_seconds, memory_kib, start};
use crate::study;

const CPU_US_MAX: f64 = 20.0;
const MEMORY_KB_MAX: f64 = 0.5;

pub fn run() {
    let dir = tempfile::tempdir().unwrap();
    let n = 50;
    let (tasks, _) = study::counts(n);
    let study = dir.path().join("no-ops.toml");
    std::fs::write(&study, study::no_ops(n)).unwrap();
    let served = tests::Served::start(&dir.path().join("state"), &["--hub-cores", "0"]);
    let _workers = [
        join(&served.url, &dir.path().join("w1")),
        join(&served.url, &dir.path().join("w2")),
    ];
    std::thread::sleep(Duration::from_secs(1));
    let id = served.id();
    let (cpu, rss) = (cpu_seconds(id), memory_kib(id, "VmRSS"));
    let began = Instant::now();
    let mut run = Command::new(bin("radloom"));
    run.arg("run")
        .arg(&study)
        .args(["--quiet", "--json", "--coordinator", &served.url, "--out"])
        .arg(dir.path().join("out"));
    let output = run.output().unwrap();
    let wall = began.elapsed().as_secs_f64();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let told: serde_json::Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!(told["total"], tasks, "{told}");
    let spent = cpu_seconds(id) - cpu;
    at_most(
        &format!("coordinator CPU a task, {tasks} no-op tasks, 2 workers over TCP"),
        1e6 * spent / tasks as f64,
        CPU_US_MAX,
        "µs",
    );
    let grown = |name: &str| (memory_kib(id, name) - rss) * 1.024 / tasks as f64;
    at_most(
        "resident memory a task when the run has ended",
        grown("VmRSS"),
        MEMORY_KB_MAX,
        "kB",
    );
    at_most(
        "resident memory a task at its peak",
        grown("VmHWM"),
        MEMORY_KB_MAX,
        "kB",
    );
    beside(
        "tasks a second",
        &format!("{:.0}", tasks as f64 / wall),
        &format!("idle coordinator {:.1} MB", rss * 1.024e-3),
    );
}

fn join(url: &str, cache: &std::path::Path) -> Held {
    let mut command = Command::new(bin("radloom-worker"));
    command
        .args(["join", url, "--site", "hub", "--slots", "2", "--cache"])
        .arg(cache);
    start(&mut command)
}
