//! Percentages against counts, parts against wholes.

use crate::finding::{Finding, Severity};
use crate::manuscript::{Cell, Manuscript};
use crate::rounding::{decimals, stands_for};

pub(super) fn check(manuscript: &Manuscript) -> Vec<Finding> {
    let mut findings = cohort(manuscript);
    findings.extend(centres(manuscript));
    for (place, whole, count, percent) in shares(manuscript) {
        findings.extend(percentage(&place, count, whole, percent));
    }
    findings.extend(halves(manuscript));
    findings.extend(categories(manuscript));
    findings
}

/// The events of the whole cohort and their parts.
fn cohort(manuscript: &Manuscript) -> Vec<Finding> {
    let study = &manuscript.study;
    let mut findings = Vec::new();
    for (name, entry) in [("recurrence", &study.recurrence), ("death", &study.death)] {
        let Some(entry) = entry else { continue };
        let Some(n) = entry.get("n") else { continue };
        if let (Some(percent), Some(whole)) = (entry.get("pct"), study.n) {
            let place = format!("study.{name}");
            findings.extend(percentage(&place, *n, f64::from(whole), *percent));
        }
        let parts: Vec<(&String, &f64)> = entry
            .iter()
            .filter(|(part, _)| !matches!(part.as_str(), "n" | "pct"))
            .collect();
        let sum: f64 = parts.iter().map(|(_, count)| **count).sum();
        if !parts.is_empty() && sum != *n {
            let names: Vec<&str> = parts.iter().map(|(part, _)| part.as_str()).collect();
            findings.push(Finding {
                code: "sum",
                severity: Severity::Minor,
                place: format!("study.{name}"),
                printed: format!("{n}"),
                recomputed: format!("{sum}"),
                message: format!("{} do not add up to the total", names.join(" + ")),
            });
        }
        if let Some([c1, _, c2, _, _]) = manuscript.table1.binary.get(name)
            && c1 + c2 != *n
        {
            findings.push(Finding {
                code: "sum",
                severity: Severity::Minor,
                place: format!("table1.binary.{name}"),
                printed: format!("{c1} + {c2}"),
                recomputed: format!("{n}"),
                message: format!("the centres' counts do not add up to study.{name}.n"),
            });
        }
    }
    findings
}

fn centres(manuscript: &Manuscript) -> Option<Finding> {
    let n = manuscript.study.n?;
    let counts = &manuscript.table1.n;
    let sum: u32 = counts.values().sum();
    (!counts.is_empty() && sum != n).then(|| Finding {
        code: "sum",
        severity: Severity::Minor,
        place: "table1.n".to_owned(),
        printed: format!("{n}"),
        recomputed: format!("{sum}"),
        message: "the centres' patients do not add up to study.n".to_owned(),
    })
}

/// Every count with its whole and its percentage: place, whole, count, percent.
fn shares(manuscript: &Manuscript) -> Vec<(String, f64, f64, f64)> {
    let table = &manuscript.table1;
    let centres: Vec<(&String, f64)> = table
        .n
        .iter()
        .map(|(name, n)| (name, f64::from(*n)))
        .collect();
    let [(first, n1), (second, n2)] = centres[..] else {
        return Vec::new();
    };
    let mut shares = Vec::new();
    let mut push = |place: String, [a, pa, b, pb]: [f64; 4]| {
        shares.push((format!("{place}.{first}"), n1, a, pa));
        shares.push((format!("{place}.{second}"), n2, b, pb));
    };
    for (name, [a, pa, b, pb, _]) in &table.binary {
        push(format!("table1.binary.{name}"), [*a, *pa, *b, *pb]);
    }
    for (variable, cells) in &table.categorical {
        for (category, cell) in cells {
            if let Cell::Counts(counts) = cell {
                push(format!("table1.{variable}.{category}"), *counts);
            }
        }
    }
    shares
}

fn percentage(place: &str, count: f64, whole: f64, printed: f64) -> Option<Finding> {
    let exact = 100.0 * count / whole;
    let places = decimals(printed).max(1);
    (!stands_for(printed, places, exact, exact)).then(|| Finding {
        code: "percentage",
        severity: Severity::Minor,
        place: place.to_owned(),
        printed: format!("{count} ({printed} %)"),
        recomputed: format!("{count}/{whole} = {exact:.3} %"),
        message: "the percentage is not that of the count".to_owned(),
    })
}

/// Exact halves that are rounded down in one cell and up in another of the same table.
fn halves(manuscript: &Manuscript) -> Vec<Finding> {
    let mut down = Vec::new();
    let mut n_up = 0;
    for (place, whole, count, printed) in shares(manuscript) {
        let tenths = 1000.0 * count / whole;
        if (tenths - tenths.floor() - 0.5).abs() > 1e-9 {
            continue;
        }
        if printed * 10.0 < tenths {
            down.push((place, whole, count, printed));
        } else {
            n_up += 1;
        }
    }
    if n_up == 0 {
        return Vec::new();
    }
    let finding = |(place, whole, count, printed): (String, f64, f64, f64)| Finding {
        code: "rounding-rule",
        severity: Severity::Minor,
        place,
        printed: format!("{count} ({printed} %)"),
        recomputed: format!("{count}/{whole} = {:.2} %", 100.0 * count / whole),
        message: format!("an exact half rounded down; {n_up} others of this table are rounded up"),
    };
    down.into_iter().map(finding).collect()
}

/// Categories of a variable against the centre's patients.
fn categories(manuscript: &Manuscript) -> Vec<Finding> {
    let table = &manuscript.table1;
    let wholes: Vec<(&String, u32)> = table.n.iter().map(|(name, n)| (name, *n)).collect();
    let mut findings = Vec::new();
    for (variable, cells) in &table.categorical {
        let counts: Vec<&[f64; 4]> = cells
            .values()
            .filter_map(|cell| match cell {
                Cell::Counts(counts) => Some(counts),
                Cell::P(_) => None,
            })
            .collect();
        for (at, (centre, n)) in wholes.iter().enumerate().take(2) {
            let sum: f64 = counts.iter().map(|c| c[2 * at]).sum();
            if !counts.is_empty() && sum != f64::from(*n) {
                findings.push(Finding {
                    code: "sum",
                    severity: Severity::Minor,
                    place: format!("table1.{variable}.{centre}"),
                    printed: format!("{n}"),
                    recomputed: format!("{sum}"),
                    message: "the categories do not add up to the centre's patients".to_owned(),
                });
            }
        }
    }
    findings
}
