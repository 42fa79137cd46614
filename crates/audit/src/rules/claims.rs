//! What the text says against what the tables say.

use crate::finding::{Finding, Severity};
use crate::manuscript::{CombinedEntry, Manuscript, Printed, Sets};

/// Events a candidate feature below which a selection is noise; 10 is the old rule of thumb, Riley's criteria ask for more.
const EVENTS_PER_CANDIDATE: f64 = 1.0;
/// An apparent AUC from which a model has learnt its patients by heart.
const NEAR_PERFECT: f64 = 0.98;
/// Apparent minus validated mean AUC that says the same.
const OPTIMISM: f64 = 0.15;

pub(super) fn check(manuscript: &Manuscript) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (endpoint, best) in &manuscript.best {
        let Some(regions) = manuscript.auc.endpoints.get(endpoint) else {
            continue;
        };
        let Some(chosen) = regions.get(&best.roi) else {
            continue;
        };
        let learners = &manuscript.auc.learners;
        findings.extend(choice(endpoint, &best.learner, chosen, learners));
        for (at, learner) in learners.iter().enumerate() {
            for (region, sets) in regions.iter().filter(|(r, _)| **r != best.roi) {
                findings.extend(beaten(
                    endpoint,
                    learner,
                    (&best.roi, chosen),
                    (region, sets),
                    at,
                ));
            }
        }
        findings.extend(by_heart(endpoint, regions, learners));
    }
    findings.extend(independence(manuscript));
    findings.extend(features(manuscript));
    findings.extend(others(manuscript));
    findings
}

/// Mean over horizons of one learner's column.
fn mean(rows: &[Vec<f64>], learner: usize) -> Option<f64> {
    let values: Option<Vec<f64>> = rows.iter().map(|row| row.get(learner).copied()).collect();
    let values = values.filter(|v| !v.is_empty())?;
    Some(values.iter().sum::<f64>() / values.len() as f64)
}

/// The learner with the largest mean.
fn largest(rows: &[Vec<f64>], n: usize) -> Option<(usize, f64)> {
    (0..n).filter_map(|l| mean(rows, l).map(|m| (l, m))).fold(
        None,
        |best: Option<(usize, f64)>, next| match best {
            Some(best) if best.1 >= next.1 => Some(best),
            _ => Some(next),
        },
    )
}

/// The chosen learner leads on the validation set but not on the training set: it was chosen there.
fn choice(endpoint: &str, chosen: &str, sets: &Sets, learners: &[String]) -> Option<Finding> {
    let (validated, best) = largest(&sets.validation, learners.len())?;
    let (trained, _) = largest(&sets.train, learners.len())?;
    let name = |at: usize| learners.get(at).map_or("", String::as_str);
    if name(validated) != chosen {
        return Some(Finding {
            code: "best-model",
            severity: Severity::Major,
            place: format!("best.{endpoint}"),
            printed: chosen.to_owned(),
            recomputed: format!("{} with mean validation AUC {best:.3}", name(validated)),
            message: "the model called best is not the best of the table".to_owned(),
        });
    }
    (name(trained) != chosen).then(|| Finding {
        code: "chosen-on-validation",
        severity: Severity::Fatal,
        place: format!("best.{endpoint}"),
        printed: format!("{chosen}, validation AUC {best:.3}"),
        recomputed: format!("training AUC puts {} first", name(trained)),
        message: format!(
            "the winner of {} was picked by the set that then reports it; choose by nested cross-validation",
            learners.len()
        ),
    })
}

/// The favoured region loses for one learner.
fn beaten(
    endpoint: &str,
    learner: &str,
    (favoured, chosen): (&str, &Sets),
    (region, sets): (&str, &Sets),
    at: usize,
) -> Option<Finding> {
    let (ours, theirs) = (mean(&chosen.validation, at)?, mean(&sets.validation, at)?);
    (ours < theirs).then(|| Finding {
        code: "claim-best-region",
        severity: Severity::Minor,
        place: format!("auc.{endpoint}, {learner}"),
        printed: format!("{favoured} is best"),
        recomputed: format!("{favoured} {ours:.3} < {region} {theirs:.3} (mean validation AUC)"),
        message: "the claim does not hold for this learner".to_owned(),
    })
}

/// Learners whose apparent AUC is nearly 1 and falls on validation.
fn by_heart(
    endpoint: &str,
    regions: &std::collections::BTreeMap<String, Sets>,
    learners: &[String],
) -> Option<Finding> {
    let mut told = Vec::new();
    for (region, sets) in regions {
        for (at, learner) in learners.iter().enumerate() {
            if let (Some(train), Some(validated)) =
                (mean(&sets.train, at), mean(&sets.validation, at))
                && train >= NEAR_PERFECT
                && train - validated >= OPTIMISM
            {
                told.push(format!("{learner}/{region} {train:.3} → {validated:.3}"));
            }
        }
    }
    (!told.is_empty()).then(|| Finding {
        code: "apparent-near-perfect",
        severity: Severity::Major,
        place: format!("auc.{endpoint}"),
        printed: format!("training AUC of {} models at least {NEAR_PERFECT}", told.len()),
        recomputed: told.join("; "),
        message: "selection, fit and evaluation on the same patients; show out-of-bag or cross-validated values beside them".to_owned(),
    })
}

/// The interval of a table row leaves out 1.
fn significant(row: &[Printed]) -> Option<bool> {
    match row {
        [_, Printed::Number(low), Printed::Number(high), _] => Some(*low > 1.0 || *high < 1.0),
        _ => None,
    }
}

/// Factors that the text calls independent against the intervals of the multivariable table.
fn independence(manuscript: &Manuscript) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (endpoint, rows) in &manuscript.table4 {
        let key = format!("independent_{endpoint}");
        let Some(CombinedEntry::Factors(claimed)) =
            manuscript.clinical_radiomics_model.entries.get(&key)
        else {
            continue;
        };
        let of = |row: &str| {
            claimed
                .iter()
                .find(|f| row == f.as_str() || row.starts_with(&format!("{f}_")))
        };
        for (row, values) in rows {
            if of(row).is_none() && significant(values) == Some(true) {
                findings.push(Finding {
                    code: "claim-not-independent",
                    severity: Severity::Major,
                    place: format!("clinical_radiomics_model.{key}"),
                    printed: format!("{row} is not among {}", claimed.join(", ")),
                    recomputed: format!("table4.{endpoint}.{row}: {}", told(values)),
                    message: "its interval leaves out 1, so the table calls it independent"
                        .to_owned(),
                });
            }
        }
        for factor in claimed {
            let of_factor: Vec<(&String, &Vec<Printed>)> = rows
                .iter()
                .filter(|(row, _)| of(row) == Some(factor))
                .collect();
            let none = of_factor.iter().all(|(_, v)| significant(v) == Some(false));
            if !of_factor.is_empty() && none {
                let rows: Vec<String> = of_factor
                    .iter()
                    .map(|(r, v)| format!("{r} {}", told(v)))
                    .collect();
                findings.push(Finding {
                    code: "claim-independent",
                    severity: Severity::Major,
                    place: format!("clinical_radiomics_model.{key}"),
                    printed: format!("{factor} is independent"),
                    recomputed: rows.join("; "),
                    message: "no interval of this factor leaves out 1".to_owned(),
                });
            }
        }
    }
    findings
}

fn told(row: &[Printed]) -> String {
    match row {
        [
            Printed::Number(ratio),
            Printed::Number(low),
            Printed::Number(high),
            _,
        ] => {
            format!("{ratio} ({low} to {high})")
        }
        _ => String::new(),
    }
}

/// The funnel of features: its order, one funnel for two endpoints, events for candidates, the margin.
fn features(manuscript: &Manuscript) -> Vec<Finding> {
    let features = &manuscript.features;
    let funnels = [
        ("tumour", &features.tumour),
        ("peritumour", &features.peritumour),
    ];
    let mut findings = Vec::new();
    let mut candidates = 0;
    for (region, funnel) in funnels {
        let Some(f) = funnel else { continue };
        candidates += f.extracted;
        let steps = [f.extracted, f.robust, f.decorrelated, f.selected];
        if steps.windows(2).any(|w| w[1] > w[0]) {
            findings.push(Finding {
                code: "funnel",
                severity: Severity::Major,
                place: format!("features.{region}"),
                printed: format!("{steps:?}"),
                recomputed: "each step keeps at most what it was given".to_owned(),
                message: "a filter cannot add features".to_owned(),
            });
        }
        if manuscript.auc.endpoints.len() > 1 {
            findings.push(Finding {
                code: "one-selection",
                severity: Severity::Major,
                place: format!("features.{region}"),
                printed: format!("{} selected", f.selected),
                recomputed: format!("{} endpoints", manuscript.auc.endpoints.len()),
                message: "a selection by outcome belongs to one endpoint; print one for each"
                    .to_owned(),
            });
        }
    }
    if let Some(row) = manuscript.table1.binary.get("recurrence")
        && candidates > 0
        && row[0] / f64::from(candidates) < EVENTS_PER_CANDIDATE
    {
        findings.push(Finding {
            code: "events-per-candidate",
            severity: Severity::Major,
            place: "features, table1.binary.recurrence".to_owned(),
            printed: format!("{} events, {candidates} candidate features", row[0]),
            recomputed: format!("{:.2} events a candidate", row[0] / f64::from(candidates)),
            message: "far too few events to select from so many; plan the sample size and show a learning curve".to_owned(),
        });
    }
    findings.extend(margin(manuscript));
    findings
}

fn margin(manuscript: &Manuscript) -> Option<Finding> {
    let margin_mm = manuscript.features.peritumour_margin_printed_cm? * 10.0;
    let diameter_mm = manuscript.table1.continuous.get("tumour_diameter_mm")?[0];
    (margin_mm > diameter_mm).then(|| {
        let ratio = (2.0 * margin_mm + diameter_mm) / diameter_mm;
        Finding {
            code: "margin",
            severity: Severity::Major,
            place: "features.peritumour_margin_printed_cm".to_owned(),
            printed: format!("{} cm", margin_mm / 10.0),
            recomputed: format!(
                "tumour {diameter_mm} mm wide: the shell has {:.0} times the tumour's volume",
                ratio * ratio * ratio - 1.0
            ),
            message: "such a ring holds most of the pelvis; millimetres may have been meant"
                .to_owned(),
        }
    })
}

/// Competing deaths and P without adjustment.
fn others(manuscript: &Manuscript) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(death) = &manuscript.study.death
        && let (Some(n), Some(other)) = (death.get("n"), death.get("other"))
        && *other > 0.05 * n
    {
        findings.push(Finding {
            code: "competing-deaths",
            severity: Severity::Major,
            place: "study.death".to_owned(),
            printed: format!("{other} of {n} deaths of other causes"),
            recomputed: format!("{:.1} %", 100.0 * other / n),
            message:
                "deaths of other causes compete with the event; add Aalen–Johansen and Fine–Gray"
                    .to_owned(),
        });
    }
    let genes = &manuscript.radiogenomics;
    for (endpoint, counts) in &genes.endpoints {
        let count = |name: &str| counts.get(name).and_then(toml::Value::as_integer);
        let (Some(all), Some(up), Some(down)) = (count("de"), count("up"), count("down")) else {
            continue;
        };
        let place = format!("radiogenomics.{endpoint}");
        if up + down != all {
            findings.push(Finding {
                code: "sum",
                severity: Severity::Minor,
                place: place.clone(),
                printed: format!("{all}"),
                recomputed: format!("{up} + {down} = {}", up + down),
                message: "up and down do not add up to the genes".to_owned(),
            });
        }
        if let (Some(p), Some(n)) = (genes.p_max, genes.n) {
            findings.push(Finding {
                code: "unadjusted-p",
                severity: Severity::Major,
                place,
                printed: format!("{all} genes at P < {p}, {n} samples"),
                recomputed: format!("{p} of all tested genes pass by chance"),
                message: "with 20,000 genes a thousand pass without any effect; print the false discovery rate beside".to_owned(),
            });
        }
    }
    findings
}
