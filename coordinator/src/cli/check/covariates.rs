//! Columns that know the outcome.

use std::collections::{BTreeMap, BTreeSet};

use cohort::{FollowUp, RiskScores};
use evaluation::doctor::separation;

use super::finding::{Code, Finding, Severity};
use super::outcome::Followed;
use super::sheet::Sheet;

/// No covariate that is known before treatment separates an outcome like this.
const STRENGTH_MAX: f64 = 0.95;
/// Fewer than this with or without the event: a column separates them by chance.
const SIDE_MIN: usize = 5;
/// Fewer ways than this to deal the events to the patients: two values may agree with them by chance.
const DEALS_MIN: f64 = 400.0;
/// So far from chance that looking at hundreds of columns does not bring it about.
const Z_MIN: f64 = 4.0;
/// A nominal column of more levels than one in this many patients fits anything.
const PATIENTS_PER_LEVEL: usize = 10;

/// Looks at every column that is no outcome, no date, no file and no name, in all patients and at each site.
pub(super) fn examine(sheet: &Sheet, followed: &[Followed], findings: &mut Vec<Finding>) {
    let outcomes: BTreeSet<&str> = followed
        .iter()
        .flat_map(|f| [f.endpoint.time.as_str(), f.endpoint.event.as_str()])
        .collect();
    let row_of: BTreeMap<&str, usize> = sheet
        .patients
        .iter()
        .enumerate()
        .map(|(i, r)| (r.patient_id.as_str(), i))
        .collect();
    for (column, name) in sheet.table.header.iter().enumerate() {
        if sheet.taken.contains(&column) || outcomes.contains(name.as_str()) {
            continue;
        }
        for followed in followed {
            let cells: Vec<&str> = followed
                .patients
                .iter()
                .map(|p| {
                    row_of
                        .get(p.as_str())
                        .map_or("", |&i| sheet.cell(&sheet.patients[i], column))
                })
                .collect();
            if cohort::dates::date_column(&cells).is_some() {
                continue;
            }
            if let Some(finding) = worst(sheet, column, followed, &cells) {
                let graded = if sheet.shared.contains(name) {
                    finding
                } else {
                    // It stays at the site: no model sees it.
                    finding.graded(Severity::Warn)
                };
                findings.push(graded);
            }
        }
    }
}

/// The gravest of what all patients and each site say.
fn worst(sheet: &Sheet, column: usize, followed: &Followed, cells: &[&str]) -> Option<Finding> {
    let sites: BTreeSet<&str> = followed.sites.iter().map(String::as_str).collect();
    let groups = std::iter::once(None).chain(sites.into_iter().map(Some));
    let mut separates = None;
    for site in groups {
        let rows: Vec<usize> = (0..cells.len())
            .filter(|&row| !cells[row].is_empty() && site.is_none_or(|s| followed.sites[row] == s))
            .collect();
        let event: Vec<bool> = rows.iter().map(|&row| followed.event[row]).collect();
        let n_events = event.iter().filter(|e| **e).count();
        let cells: Vec<&str> = rows.iter().map(|&row| cells[row]).collect();
        let tell = |code, message: String| {
            let repair = "it is known only after the outcome: leave it out of `share`, covariates and batches";
            Finding::new(code, sheet.column_place(column), message, repair)
                .at_site(site.unwrap_or(""))
        };
        let (name, of) = (&sheet.table.header[column], &followed.endpoint.name);
        if is_outcome(&cells, &event) && deals(event.len(), n_events) >= DEALS_MIN {
            let message = format!(
                "`{name}` says for each of {} patients whether `{of}` has an event ({n_events} do)",
                event.len()
            );
            return Some(tell(Code::CovariateIsOutcome, message));
        }
        if n_events < SIDE_MIN || event.len() - n_events < SIDE_MIN {
            continue;
        }
        let time: Vec<f64> = rows.iter().map(|&row| followed.time_months[row]).collect();
        if let Some(how) = separates_beyond_belief(&cells, &event, &time) {
            separates = separates.or(Some(tell(
                Code::CovariateSeparates,
                format!("`{name}` and `{of}`: {how}"),
            )));
        }
    }
    separates
}

/// Whether two values of a column stand for event and no event, without exception.
fn is_outcome(cells: &[&str], event: &[bool]) -> bool {
    let levels = |with: bool| -> BTreeSet<&str> {
        let rows = cells.iter().zip(event).filter(|(_, event)| **event == with);
        rows.map(|(cell, _)| *cell).collect()
    };
    let (with, without) = (levels(true), levels(false));
    with.len() == 1 && without.len() == 1 && with != without
}

/// In how many ways k events can be dealt to n patients.
fn deals(n: usize, k: usize) -> f64 {
    (0..k.min(n - k)).fold(1.0, |ways, i| ways * (n - i) as f64 / (i + 1) as f64)
}

fn separates_beyond_belief(cells: &[&str], event: &[bool], time: &[f64]) -> Option<String> {
    let values = scores(cells, event)?;
    let found = separation(&values, event)?;
    if found.strength() >= STRENGTH_MAX && found.z.abs() >= Z_MIN {
        return Some(format!(
            "AUC of the event {:.3} ({} with, {} without)",
            found.strength(),
            found.n_in,
            found.n_out
        ));
    }
    // A nominal column is scored by the events of its levels; only a number can be a time in disguise.
    cells.first()?.parse::<f64>().ok()?;
    let follow_up = FollowUp::new(time.to_vec(), event.to_vec()).ok()?;
    let risk = RiskScores::higher_is_worse(values).ok()?;
    let c = evaluation::c_index(&risk, &follow_up).ok()?;
    let strength = c.value.max(1.0 - c.value);
    (strength >= STRENGTH_MAX && found.n_in >= 2 * SIDE_MIN)
        .then(|| format!("C-index {strength:.3} over {} pairs", c.n_pairs))
}

/// Numbers as they are; the levels of a nominal column by their share of events. `None` for a column of free text, or of
/// one value.
fn scores(cells: &[&str], event: &[bool]) -> Option<Vec<f64>> {
    let numbers: Option<Vec<f64>> = cells
        .iter()
        .map(|cell| cell.parse().ok().filter(|v: &f64| v.is_finite()))
        .collect();
    let values = match numbers {
        Some(numbers) => numbers,
        None => {
            let mut levels: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
            for (cell, event) in cells.iter().zip(event) {
                let level = levels.entry(cell).or_default();
                level.0 += usize::from(*event);
                level.1 += 1;
            }
            if levels.len() * PATIENTS_PER_LEVEL > cells.len() {
                return None;
            }
            cells
                .iter()
                .map(|cell| levels.get(cell).map_or(0.0, |(e, n)| *e as f64 / *n as f64))
                .collect()
        }
    };
    let first = *values.first()?;
    values.iter().any(|v| *v != first).then_some(values)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn column(n: usize, f: impl Fn(usize) -> String) -> Vec<String> {
        (0..n).map(f).collect()
    }

    fn event(n: usize) -> Vec<bool> {
        (0..n).map(|i| i % 3 == 0).collect()
    }

    fn how(cells: &[String]) -> Option<String> {
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        let time: Vec<f64> = (0..cells.len())
            .map(|i| 1.0 + (i * 37 % 101) as f64)
            .collect();
        separates_beyond_belief(&cells, &event(cells.len()), &time)
    }

    #[test]
    fn a_column_that_is_the_outcome_is_known_in_any_words() {
        let event = event(30);
        let words: Vec<&str> = event
            .iter()
            .map(|e| if *e { "yes" } else { "no" })
            .collect();
        assert!(is_outcome(&words, &event));
        let mut nearly = words.clone();
        nearly[4] = "yes";
        assert!(!is_outcome(&nearly, &event));
        assert!(!is_outcome(&["a"; 30], &event));
        assert_eq!(
            (deals(12, 8), deals(12, 4), deals(5, 0)),
            (495.0, 495.0, 1.0)
        );
    }

    #[test]
    fn what_separates_beyond_belief_is_told_from_what_predicts() {
        let noise = |i: usize| (i * 7919 % 1000) as f64 / 1000.0;
        let leak = column(60, |i| {
            format!("{}", noise(i) + 2.0 * f64::from(u8::from(i % 3 == 0)))
        });
        assert!(how(&leak).unwrap().starts_with("AUC of the event 1.000"));
        let good = column(60, |i| {
            format!("{}", noise(i) + 0.4 * f64::from(u8::from(i % 3 == 0)))
        });
        assert_eq!(how(&good), None);
        let time_in_disguise = column(60, |i| format!("{}", -((i * 37 % 101) as f64)));
        assert!(how(&time_in_disguise).unwrap().starts_with("C-index 1.000"));
    }

    #[test]
    fn names_and_constants_separate_nothing() {
        assert_eq!(how(&column(60, |i| format!("note {i}"))), None);
        assert_eq!(how(&column(60, |_| "5".to_owned())), None);
        let levels = column(60, |i| {
            if i % 3 == 0 {
                format!("late {}", i % 2)
            } else {
                "none".to_owned()
            }
        });
        assert!(how(&levels).unwrap().starts_with("AUC of the event 1.000"));
    }
}
