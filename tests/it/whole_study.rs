//! A small study from images to report on the tiny cohort: embedded, again, with another forest, and through served
//! worker processes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use tests::{CsvTable, Radloom, Served, WorkerProcess, small_study};

/// With fewer folds, trees and draws.
const SMALLER: [&str; 10] = [
    "--set",
    "axes.split.repeats=1",
    "--set",
    "axes.split.kfold=3",
    "--set",
    "steps.fit.with.rsf.num_trees=50",
    "--set",
    "steps.evaluate.with.bootstrap=50",
    "--set",
    "steps.selection.with.lasso.folds=4",
];

fn record(out: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(out.join("run.json")).unwrap()).unwrap()
}

#[test]
fn a_study_gives_one_result_embedded_and_served() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let radloom = Radloom::on(&at("cache"));
    let cohort = at("cohort");
    radloom
        .say(&["synth", "--size", "tiny", "--out", cohort.to_str().unwrap()])
        .ok();
    let study = small_study(&cohort);

    let cold = radloom.run(&study, &at("out"), &SMALLER).done();
    assert_eq!(
        (cold.ran + cold.refused, cold.excluded),
        (cold.total, 0),
        "{cold:#?}"
    );
    complete(&at("out"));
    let digest = record(&at("out"))["data_digest"].clone();
    assert!(digest.as_str().unwrap().starts_with("b3:"));

    let warm = radloom.run(&study, &at("out"), &SMALLER).done();
    assert_eq!(
        (warm.ran, warm.reused + warm.refused),
        (0, warm.total),
        "{warm:#?}"
    );
    assert_eq!(record(&at("out"))["data_digest"], digest);

    let mut other = SMALLER;
    other[5] = "steps.fit.with.rsf.num_trees=60";
    radloom.run(&study, &at("other"), &other).done();
    let record_of_other = record(&at("other"));
    let spans = record_of_other["timeline"].as_array().unwrap().iter();
    let ran: BTreeSet<&str> = spans.map(|span| span["task"].as_str().unwrap()).collect();
    let pooled = ["compare", "exclusions", "report"];
    assert!(
        ran.iter()
            .all(|task| task.contains("learner=rsf") || pooled.contains(task)),
        "{ran:?}"
    );
    assert_ne!(record_of_other["data_digest"], digest);

    let served = Served::start(&at("state"), &[]);
    let join = |site: &str| {
        WorkerProcess::join(
            &served.url,
            site,
            &cohort.join(site).join("cohort.toml"),
            &at(site),
        )
    };
    let _workers = [join("c1"), join("c2")];
    let more = [&SMALLER[..], &["--coordinator", &served.url]].concat();
    let through = radloom.run(&study, &at("served"), &more).done();
    assert_eq!(through.ran + through.refused, through.total, "{through:#?}");
    assert_eq!(
        record(&at("served"))["data_digest"],
        digest,
        "served and embedded runs differ"
    );
}

/// Every model is scored within, across and apparently; what cannot be estimated says why.
fn complete(out: &Path) {
    let comparison = CsvTable::read(&out.join("comparison.csv"));
    let (value, reason) = (comparison.column("value"), comparison.column("reason"));
    for endpoint in ["dfs", "os"] {
        for roi_set in ["tumour", "peritumour", "combined"] {
            for learner in ["rsf", "cox"] {
                for set in ["apparent", "cv", "external"] {
                    let key = [
                        ("endpoint", endpoint),
                        ("roi_set", roi_set),
                        ("learner", learner),
                        ("set", set),
                    ];
                    let c = comparison.where_all(&[&key[..], &[("metric", "harrell_c")]].concat());
                    assert_eq!(c.len(), 1, "{key:?}");
                    // Of so few patients a Cox model may separate the events; then its row says so.
                    let given = c[0][value]
                        .parse()
                        .is_ok_and(|c: f64| (0.0..=1.0).contains(&c));
                    assert!(
                        given || learner == "cox" && !c[0][reason].is_empty(),
                        "{:?}",
                        c[0]
                    );
                }
                let key = [
                    ("endpoint", endpoint),
                    ("roi_set", roi_set),
                    ("learner", learner),
                    ("set", "external"),
                ];
                let late = comparison.where_all(
                    &[&key[..], &[("metric", "auc"), ("horizon_months", "60")]].concat(),
                );
                assert_eq!(late.len(), 1, "{key:?}");
                // Follow-up of the second centre ends after 48 months.
                assert!(
                    late[0][value].is_empty() && late[0][reason].contains("NE"),
                    "{:?}",
                    late[0]
                );
            }
        }
    }
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(
        page.len() > 10_000 && !page.contains("src=\"http") && !page.contains("href=\"http"),
        "{} bytes",
        page.len()
    );
    assert_eq!(CsvTable::read(&out.join("exclusions.csv")).rows.len(), 0);
}
