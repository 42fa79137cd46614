//! The benchmark: `cargo run --release -p tests --bin radloom-bench -- [all|coordinator|warm|store|imaging|radiomics|learners|planning]`.
//!
//! Prints a Markdown table a room: figure, target, how it was taken. CPU seconds where a machine may be shared, ratios
//! taken in turns where a disk has moods. `docs/benchmarks.md` keeps what it printed.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod coordinator;
mod imaging;
mod learners;
mod line;
mod planning;
mod process;
mod radiomics;
mod store;
mod study;
mod warm;

use std::process::ExitCode;

/// A room and what measures it.
const ROOMS: [(&str, fn()); 7] = [
    ("coordinator", coordinator::run),
    ("warm", warm::run),
    ("store", store::run),
    ("imaging", imaging::run),
    ("radiomics", radiomics::run),
    ("learners", learners::run),
    ("planning", planning::run),
];

fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    if let Some((radiomics::ours::MEASURE, work)) = asked.split_first().map(|(a, b)| (&a[..], b)) {
        radiomics::ours::measure(work);
        return ExitCode::SUCCESS;
    }
    if let Some((learners::ours::MEASURE, work)) = asked.split_first().map(|(a, b)| (&a[..], b)) {
        learners::ours::measure(work);
        return ExitCode::SUCCESS;
    }
    let all = asked.is_empty() || asked.iter().any(|a| a == "all");
    if let Some(unknown) = asked
        .iter()
        .find(|a| *a != "all" && ROOMS.iter().all(|(name, _)| name != a))
    {
        let names: Vec<&str> = ROOMS.iter().map(|(name, _)| *name).collect();
        eprintln!(
            "radloom-bench: no `{unknown}`; there are all, {}",
            names.join(", ")
        );
        return ExitCode::from(2);
    }
    if cfg!(debug_assertions) {
        eprintln!("radloom-bench: this build is not optimised; add --release");
    }
    println!("machine: {}", process::machine());
    for (name, run) in ROOMS {
        if all || asked.iter().any(|a| a == name) {
            line::head(name);
            run();
        }
    }
    ExitCode::SUCCESS
}
