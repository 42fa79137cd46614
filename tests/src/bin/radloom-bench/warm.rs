//! A second run of a study of 5,000 tasks that has nothing to do.

use std::process::Command;

use tests::{Radloom, bin};

use crate::line::{at_most, beside};
use crate::process::cpu_seconds_of_children;
use crate::study;

const CPU_S_MAX: f64 = 0.1;
const TIMES: usize = 10;

pub fn run() {
    let dir = tempfile::tempdir().unwrap();
    let text = study::no_ops(2).replace("\"a99\"", &more_values());
    let path = dir.path().join("no-ops.toml");
    std::fs::write(&path, text).unwrap();
    let radloom = Radloom::on(&dir.path().join("cache"));
    let out = dir.path().join("out");
    let first = radloom.run(&path, &out, &[]).done();
    let start = mean_cpu(|| {
        drop(
            Command::new(bin("radloom"))
                .arg("--version")
                .output()
                .unwrap(),
        )
    });
    let warm = mean_cpu(|| {
        let again = radloom.run(&path, &out, &[]).done();
        assert_eq!((again.reused, again.ran), (first.total, 0));
    });
    let what = format!(
        "CPU of a warm rerun beyond process start, {} tasks, mean of {TIMES}",
        first.total
    );
    at_most(&what, warm - start, CPU_S_MAX, "s");
    beside(
        "what it says",
        &format!("reused {} · ran 0", first.total),
        &format!("process start {start:.3} s"),
    );
}

/// Fills the study up to 5,000 tasks: 2 × 20 × 124 of them below 40 roots.
fn more_values() -> String {
    let values: Vec<String> = (99..124).map(|i| format!("\"a{i}\"")).collect();
    values.join(", ")
}

/// Mean over several calls, because the kernel counts in hundredths of a second.
fn mean_cpu(work: impl Fn()) -> f64 {
    let before = cpu_seconds_of_children();
    (0..TIMES).for_each(|_| work());
    (cpu_seconds_of_children() - before) / TIMES as f64
}
