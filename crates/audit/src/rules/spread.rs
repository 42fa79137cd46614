//! Standard deviations and means against ranges.

use crate::finding::{Finding, Severity};
use crate::manuscript::Manuscript;

pub(super) fn check(manuscript: &Manuscript) -> Vec<Finding> {
    let study = &manuscript.study;
    let Some(range) = study.age_range else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for (name, row) in &manuscript.table1.continuous {
        if !name.starts_with("age") {
            continue;
        }
        for (at, centre) in manuscript.table1.n.keys().enumerate().take(2) {
            let (mean, sd) = (row[2 * at], row[2 * at + 1]);
            let other = row[3 - 2 * at];
            let place = format!("table1.continuous.{name}.{centre}");
            findings.extend(deviation(place, mean, sd, other, range));
        }
        findings.extend(median(manuscript, name, row));
    }
    findings
}

/// Within a range \[a, b\] with mean m no SD exceeds √((m − a)(b − m)); a flat spread over it has (b − a)/√12.
fn deviation(
    place: String,
    mean: f64,
    sd: f64,
    other: f64,
    [low, high]: [f64; 2],
) -> Option<Finding> {
    let limit = ((mean - low) * (high - mean)).max(0.0).sqrt();
    let flat = (high - low) / 12.0_f64.sqrt();
    let (code, severity, bound, what) = if sd > limit {
        (
            "sd-impossible",
            Severity::Major,
            limit,
            "the largest possible",
        )
    } else if sd > flat {
        (
            "sd-range",
            Severity::Minor,
            flat,
            "that of an even spread over the whole range",
        )
    } else {
        return None;
    };
    Some(Finding {
        code,
        severity,
        place,
        printed: format!("{mean} ± {sd}"),
        recomputed: format!("SD at most about {bound:.1} within {low} to {high}"),
        message: format!(
            "the SD exceeds {what}; the other centre has {other}, so a digit may be wrong"
        ),
    })
}

/// The whole cohort's mean against its printed median: a gap of 0.2 SD or more says that one of them is of other patients.
fn median(manuscript: &Manuscript, name: &str, row: &[f64; 5]) -> Option<Finding> {
    let median = manuscript.study.age_median?;
    let n: Vec<f64> = manuscript
        .table1
        .n
        .values()
        .map(|n| f64::from(*n))
        .collect();
    let [n1, n2] = n[..] else { return None };
    let mean = (n1 * row[0] + n2 * row[2]) / (n1 + n2);
    let sd = row[1].min(row[3]);
    ((mean - median).abs() > 0.2 * sd).then(|| Finding {
        code: "mean-median",
        severity: Severity::Minor,
        place: format!("study.age_median, table1.continuous.{name}"),
        printed: format!("median {median}"),
        recomputed: format!("mean of all {mean:.2}"),
        message: format!(
            "mean and median are {:.1} SD apart; print both, and of which patients each is",
            (mean - median).abs() / sd
        ),
    })
}
