//! The study that comes with the program, as `radloom demo` makes it: both profiles, every model, every table and figure,
//! on the tiny cohort.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use tests::{CsvTable, Radloom};

const LEARNERS: [&str; 6] = ["deepsurv", "dnnsurv", "gbm", "rsf", "svm", "xgboost"];

#[test]
fn the_demo_shows_all_models_in_both_profiles_and_runs_once() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let radloom = Radloom::on(&at("cache"));
    let cohort = at("cohort");
    radloom
        .say(&["synth", "--size", "tiny", "--out", cohort.to_str().unwrap()])
        .ok();
    let study = cohort.join("study.toml");
    let cold = radloom.run(&study, &at("out"), &["--workers", "2"]).done();
    // Some tasks have the recipe of another and reuse its result at once.
    assert_eq!(
        cold.ran + cold.refused + cold.reused,
        cold.total,
        "{cold:#?}"
    );
    compared(&at("out"));
    published(&at("out"));
    certified(&at("out"));
    let warm = radloom.run(&study, &at("out"), &[]).done();
    assert_eq!(warm.ran, 0, "{warm:#?}");

    // The careful half alone is what it was beside the other.
    let careful = radloom
        .run(&study, &at("careful"), &["--set", "profile=careful"])
        .done();
    let rows = |out: &Path| -> BTreeSet<Vec<String>> {
        let table = CsvTable::read(&out.join("comparison.csv"));
        let rows = table.where_all(&[("profile", "careful")]);
        rows.into_iter().cloned().collect()
    };
    assert_eq!(rows(&at("out")), rows(&at("careful")));
    assert!(careful.ran < 20, "{careful:#?}");
}

/// Every model in both profiles and all sets.
fn compared(out: &Path) {
    let comparison = CsvTable::read(&out.join("comparison.csv"));
    let (value, reason) = (comparison.column("value"), comparison.column("reason"));
    for profile in ["careful", "paper"] {
        for endpoint in ["dfs", "os"] {
            for roi_set in ["tumour", "peritumour", "combined"] {
                for (learner, set) in LEARNERS
                    .iter()
                    .flat_map(|l| ["apparent", "oob", "cv", "external"].map(|s| (*l, s)))
                {
                    let rows = comparison.where_all(&[
                        ("profile", profile),
                        ("endpoint", endpoint),
                        ("roi_set", roi_set),
                        ("learner", learner),
                        ("set", set),
                        ("metric", "composite_auc"),
                    ]);
                    let [row] = rows.as_slice() else {
                        panic!("{profile} {endpoint} {roi_set} {learner} {set}: {rows:?}")
                    };
                    assert!(!row[value].is_empty() || !row[reason].is_empty(), "{row:?}");
                }
            }
        }
    }
}

/// The paper's tables and figures are there, and the page needs no network.
fn published(out: &Path) {
    for n in 1..=4 {
        let path = out.join(format!("tables/table{n}.csv"));
        assert!(path.is_file(), "{}", path.display());
    }
    let figures: Vec<String> = std::fs::read_dir(out.join("figures"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for letter in ["fig2", "fig3a", "fig4a", "fig5a"] {
        let found = figures.iter().any(|name| name.starts_with(letter));
        assert!(found, "{letter} is not among {figures:?}");
    }
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(!page.contains("src=\"http") && page.len() < 15 << 20);
}

/// Leaks are of the paper's profile, and named.
fn certified(out: &Path) {
    let text = std::fs::read_to_string(out.join("leakage.json")).unwrap();
    let certificate: Value = serde_json::from_str(&text).unwrap();
    let leaks = certificate["leaks"].as_array().unwrap();
    let steps: BTreeSet<&str> = leaks
        .iter()
        .map(|leak| leak["step"].as_str().unwrap())
        .collect();
    for step in ["pooled_combat", "selected_test", "robust_test"] {
        assert!(steps.contains(step), "{steps:?}");
    }
    let fits = certificate["fits"].as_array().unwrap();
    let honest = |fit: &&Value| fit["training_only"] == true && fit["disjoint"] == true;
    let of = |what: &str| -> Vec<&Value> {
        let task = |fit: &&Value| fit["task"].as_str().unwrap().contains(what);
        fits.iter().filter(task).collect()
    };
    assert!(of("profile=careful").iter().all(honest) && !of("profile=careful").is_empty());
    // Whatever was made with the pooled ComBat, or from the model that the validation centre chose, in every fold.
    for step in [
        "pooled_combat",
        "standardise",
        "selection",
        "fit",
        "novelty_model",
        "cut",
        "cox",
        "clinical_fit",
        "nomogram",
        "univariable",
    ] {
        let tasks: Vec<&Value> = match step {
            "pooled_combat" => of("pooled_combat["),
            _ => of("profile=paper")
                .into_iter()
                .filter(|fit| {
                    let task = fit["task"].as_str().unwrap();
                    task.starts_with(&format!("{step}[")) && !task.contains("model=clinical")
                })
                .collect(),
        };
        // Of forty patients a marker may have no cut, and what waits for it is refused.
        let may_be_refused = ["cox", "clinical_fit", "nomogram", "univariable"].contains(&step);
        assert!(may_be_refused || !tasks.is_empty(), "{step}");
        for fit in tasks {
            let never = fit["training_only"] == false && fit["disjoint"] == false;
            assert!(never, "{step}: {fit}");
            let behind = fit["leaks_behind"].as_array().unwrap();
            assert!(!behind.is_empty(), "{step}: {fit}");
        }
    }
    // Everybody's rows come through no selection, and what they taught is applied to the external split too.
    let undivided = |what: &str| of(what).iter().all(|fit| fit["undivided"] == true);
    assert!(undivided("pooled_combat[") && undivided("profile=paper,split=external,learner"));
    assert!(!undivided("profile=careful"));
    // What needs neither is the paper's and honest.
    let alone: Vec<&Value> = of("profile=paper")
        .into_iter()
        .filter(|fit| fit["task"].as_str().unwrap().starts_with("reliability["))
        .collect();
    assert!(alone.iter().all(honest) && !alone.is_empty());
    let chosen = leaks
        .iter()
        .any(|leak| leak["step"] == "radscore" && leak["port"] == "summary");
    assert!(chosen, "{steps:?}");
    let opened = certificate["external_outcomes_opened"].as_array().unwrap();
    let by: BTreeSet<&str> = opened
        .iter()
        .flat_map(|of| of["by"].as_object().unwrap().keys().map(String::as_str))
        .collect();
    for step in [
        "evaluate", "rank", "rank_cv", "controls", "survival", "splits", "baseline", "eligible",
    ] {
        assert!(by.contains(step), "{step} is not in {by:?}");
    }
    assert!(
        !by.contains("divided_outcome")
            && !by.contains("roster")
            && !by.contains("evaluate_fitted"),
        "{by:?}"
    );
}
