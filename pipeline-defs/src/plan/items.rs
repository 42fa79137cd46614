//! Items that a study asks of its cohort, against those that its patients have.

use std::collections::BTreeSet;

use super::PlannedAxis;
use super::axes::{Relation, find};
use crate::problem::{Problem, Problems, list, suggest};
use crate::snapshot::Snapshot;
use crate::study::{Reference, Study, placeholders};

/// Refuses an item that not one patient has: a slip of the pen, where a patient without it is an exclusion. A snapshot
/// without patients says nothing about items.
pub(super) fn check(
    study: &Study,
    snapshot: &Snapshot,
    axes: &[PlannedAxis],
    problems: &mut Problems,
) {
    let patients = snapshot.patients.iter();
    let known: BTreeSet<&str> = patients
        .flat_map(|p| p.items.keys().map(String::as_str))
        .collect();
    if snapshot.patients.is_empty() {
        return;
    }
    for step in &study.steps {
        for input in &step.inputs {
            for (reference, place) in input.from.options().flatten() {
                let Reference::Item(template) = reference else {
                    continue;
                };
                for item in asked_for(template, axes) {
                    if known.contains(item.as_str()) {
                        continue;
                    }
                    let message = format!("no site's cohort has an item `{item}`");
                    let problem =
                        Problem::new("unknown-item", place, message, repair(&item, &known));
                    problems.push(problem.of_step(&step.name).of_port(&input.port));
                }
            }
        }
    }
}

fn repair(item: &str, known: &BTreeSet<&str>) -> String {
    let names: Vec<&str> = known.iter().copied().collect();
    let items = format!("items are {}", list(&names));
    match suggest(item, names.iter().copied()) {
        near if near.starts_with("did") => format!("{items}; {near}"),
        _ => items,
    }
}

/// The names that a template stands for, without the values of a sparse axis that no patient has.
fn asked_for(template: &str, axes: &[PlannedAxis]) -> Vec<String> {
    let mut filled = vec![template.to_string()];
    for name in placeholders(template) {
        let Some(axis) = find(axes, name) else {
            return Vec::new();
        };
        let exists = |v: usize| match &axes[axis].relation {
            Relation::Sparse { exists, .. } => exists
                .iter()
                .any(|patient| patient.binary_search(&(v as u32)).is_ok()),
            _ => true,
        };
        let values = axes[axis].values.iter().enumerate();
        let values: Vec<&String> = values.filter(|(v, _)| exists(*v)).map(|(_, v)| v).collect();
        let hole = format!("{{{name}}}");
        filled = filled
            .iter()
            .flat_map(|text| values.iter().map(|value| text.replace(&hole, value)))
            .collect();
    }
    filled
}
