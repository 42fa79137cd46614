//! The audit of the paper that the shipped study reproduces; its printed numbers lie beside the workspace.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use audit::{Finding, Manuscript, audit};
use std::path::PathBuf;

fn paper() -> Option<Vec<Finding>> {
    let shared = std::env::var_os("RADLOOM_ORACLES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        |oracles| PathBuf::from(oracles).join(".."),
    );
    let path = shared.join("study/paper.toml");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: the paper's numbers are absent");
        return None;
    };
    Some(audit(&Manuscript::read(&text).unwrap()))
}

fn at<'a>(findings: &'a [Finding], code: &str, place: &str) -> &'a Finding {
    findings
        .iter()
        .find(|f| f.code == code && f.place.contains(place))
        .unwrap_or_else(|| panic!("no {code} at {place}"))
}

#[test]
fn what_is_known_to_be_wrong_is_found() {
    let Some(findings) = paper() else { return };
    for f in &findings {
        eprintln!(
            "{} | {} | {} | {}",
            f.code, f.place, f.printed, f.recomputed
        );
    }
    assert!(findings.len() >= 20, "{}", findings.len());
    for region in ["tumour", "peritumour", "combined"] {
        for endpoint in ["dfs", "os"] {
            let place = format!("auc.{endpoint}.{region}.validation");
            assert!(
                at(&findings, "horizon-follow-up", &place)
                    .recomputed
                    .contains("48.0")
            );
        }
    }
    for (row, p) in [
        ("recurrence", "0.366"),
        ("death", "0.571"),
        ("radiosensitiser", "0.402"),
    ] {
        let place = format!("table1.binary.{row}");
        assert!(at(&findings, "p-counts", &place).recomputed.contains(p));
    }
    assert!(
        at(&findings, "p-counts", "table1.figo2018")
            .recomputed
            .contains("0.996")
    );
    assert!(
        at(&findings, "p-counts", "table1.pathology")
            .recomputed
            .contains("0.92")
    );
    for row in ["age_years", "scca_ng_ml", "tumour_diameter_mm"] {
        at(&findings, "p-means", row);
    }
    at(&findings, "sd-range", "age_years.c2");
    at(&findings, "mean-median", "age");
    let p_against_interval = findings
        .iter()
        .filter(|f| matches!(f.code, "p-interval" | "p-floor") && f.place.starts_with("table4"));
    // nine, and the two that the paper prints as <0.001 and the file as 0.001
    assert_eq!(p_against_interval.count(), 11);
    for count in ["8 (1.5 %)", "49 (8.8 %)"] {
        assert!(
            findings
                .iter()
                .any(|f| f.code == "percentage" && f.printed == count)
        );
    }
    for count in ["1 (1.2 %)", "31 (38.7 %)"] {
        assert!(
            findings
                .iter()
                .any(|f| f.code == "rounding-rule" && f.printed == count)
        );
    }
    assert!(
        at(&findings, "claim-not-independent", "independent_os")
            .printed
            .starts_with("eqd2")
    );
    for learner in ["xgboost", "svm"] {
        at(
            &findings,
            "claim-best-region",
            &format!("auc.os, {learner}"),
        );
    }
    at(&findings, "chosen-on-validation", "best.dfs");
    at(&findings, "hr-extreme", "table4.os.radscore");
    at(&findings, "events-per-candidate", "features");
    at(&findings, "one-selection", "features.tumour");
    at(&findings, "margin", "peritumour_margin");
    at(&findings, "competing-deaths", "study.death");
    at(&findings, "interval-without-estimate", "nri5");
    at(&findings, "unadjusted-p", "radiogenomics.dfs");
}

#[test]
fn what_adds_up_is_not_a_finding() {
    let Some(findings) = paper() else { return };
    assert!(
        findings
            .iter()
            .all(|f| f.code != "sum" && f.code != "funnel")
    );
    assert!(findings.iter().all(|f| f.place != "table4.os.figo_ii"));
}
