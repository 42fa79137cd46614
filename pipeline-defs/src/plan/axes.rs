//! The axes of a study with the values that a snapshot gives them, and how they belong together.

use std::collections::BTreeMap;

use super::PlannedAxis;
use crate::canonical::quoted;
use crate::problem::{Place, Problem, Problems};
use crate::snapshot::Snapshot;
use crate::study::{AxisKind, Reference, SITE, Study, is_word};

/// How an axis belongs to another.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Relation {
    /// To none.
    #[default]
    Plain,
    /// Each value is a set of values of `of`; members ascending.
    Group { of: usize, members: Vec<Vec<u32>> },
    /// A value exists for some values of `of`: `exists[parent]` ascending.
    Sparse { of: usize, exists: Vec<Vec<u32>> },
    /// Training and test rows.
    Split,
    /// Folds within the training rows of `of`.
    Nested { of: usize },
}

/// The axes, `site` first, then as in the study.
pub(super) fn resolve(
    study: &Study,
    snapshot: &Snapshot,
    problems: &mut Problems,
) -> Vec<PlannedAxis> {
    check_patients(study, snapshot, problems);
    let sites = site_names(study, snapshot);
    let mut axes = vec![axis(SITE, sites, Relation::Plain)];
    for defined in &study.axes {
        let values = match &defined.kind {
            AxisKind::Cohort => snapshot
                .patients
                .iter()
                .map(|p| p.patient_id.clone())
                .collect(),
            _ => crate::study::static_values(study, &defined.name).unwrap_or_default(),
        };
        let mut planned = axis(&defined.name, values, Relation::Plain);
        planned.patients = defined.kind == AxisKind::Cohort;
        axes.push(planned);
    }
    let relations: Vec<Relation> = study
        .axes
        .iter()
        .map(|a| relation(&a.kind, &axes, snapshot))
        .collect();
    for (axis, relation) in axes[1..].iter_mut().zip(relations) {
        axis.relation = relation;
    }
    if let Some(patients) = axes.iter().position(|a| a.patients) {
        axes[0].relation = Relation::Group {
            of: patients,
            members: patients_by_site(&axes[0].values, snapshot),
        };
    }
    let held = held_splits(study, &axes);
    axes.extend(held);
    axes
}

/// One axis without values for each value of a split at which a reference holds it: what was learned there belongs to
/// that split alone.
fn held_splits(study: &Study, axes: &[PlannedAxis]) -> Vec<PlannedAxis> {
    let inputs = study.steps.iter().flat_map(|s| &s.inputs);
    let references = inputs.flat_map(|i| i.from.options().flatten());
    let mut names = std::collections::BTreeSet::new();
    for (reference, _) in references {
        let Reference::Step { at, .. } = reference else {
            continue;
        };
        for (name, value) in at {
            let of = find(axes, name).map(|i| &axes[i].relation);
            if matches!(of, Some(Relation::Split | Relation::Nested { .. })) {
                names.insert(held_name(name, value));
            }
        }
    }
    let plain = |name: &String| axis(name, Vec::new(), Relation::Plain);
    names.iter().map(plain).collect()
}

/// The name of the axis that stands for a split held at a value. No axis of a study can be called so.
pub(super) fn held_name(axis: &str, value: &str) -> String {
    format!("{axis}={value}")
}

/// The axis of that name.
pub(super) fn find(axes: &[PlannedAxis], name: &str) -> Option<usize> {
    axes.iter().position(|a| a.name == name)
}

fn axis(name: &str, values: Vec<String>, relation: Relation) -> PlannedAxis {
    PlannedAxis {
        name: name.to_string(),
        name_json: quoted(name),
        values_json: values.iter().map(|v| quoted(v)).collect(),
        values,
        patients: false,
        relation,
    }
}

fn site_names(study: &Study, snapshot: &Snapshot) -> Vec<String> {
    if !study.sites.is_empty() {
        return study.sites.clone();
    }
    let mut sites: Vec<String> = snapshot.patients.iter().map(|p| p.site.clone()).collect();
    sites.extend(snapshot.site_tables.keys().cloned());
    sites.sort();
    sites.dedup();
    sites
}

fn patients_by_site(sites: &[String], snapshot: &Snapshot) -> Vec<Vec<u32>> {
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); sites.len()];
    let index: BTreeMap<&str, usize> = sites
        .iter()
        .enumerate()
        .map(|(i, s)| (s.as_str(), i))
        .collect();
    for (patient, p) in snapshot.patients.iter().enumerate() {
        if let Some(&site) = index.get(p.site.as_str()) {
            members[site].push(patient as u32);
        }
    }
    members
}

/// Patient → the number of its site.
pub(super) fn patient_sites(axes: &[PlannedAxis], snapshot: &Snapshot) -> Vec<u32> {
    let site = |name: &String| axes[0].values.iter().position(|v| v == name);
    snapshot
        .patients
        .iter()
        .map(|p| site(&p.site).unwrap_or(0) as u32)
        .collect()
}

fn relation(kind: &AxisKind, axes: &[PlannedAxis], snapshot: &Snapshot) -> Relation {
    match kind {
        AxisKind::List(_) | AxisKind::Cohort => Relation::Plain,
        AxisKind::Split(_) => Relation::Split,
        AxisKind::Nested { of, .. } => {
            find(axes, of).map_or(Relation::Plain, |of| Relation::Nested { of })
        }
        AxisKind::Group { of, members } => find(axes, of).map_or(Relation::Plain, |of| {
            let place = |value: &String| {
                axes[of]
                    .values
                    .iter()
                    .position(|v| v == value)
                    .map(|i| i as u32)
            };
            let members = members.iter().map(|(_, values)| {
                let mut found: Vec<u32> = values.iter().filter_map(place).collect();
                found.sort_unstable();
                found
            });
            Relation::Group {
                of,
                members: members.collect(),
            }
        }),
        AxisKind::Sparse { of, values, item } => find(axes, of).map_or(Relation::Plain, |of| {
            // The item's template has one placeholder: the axis itself.
            let items: Vec<String> = values.iter().map(|v| fill_any(item, v)).collect();
            let exists = snapshot.patients.iter().map(|p| {
                let has = |i: &usize| p.items.contains_key(&items[*i]);
                (0..items.len()).filter(has).map(|i| i as u32).collect()
            });
            Relation::Sparse {
                of,
                exists: exists.collect(),
            }
        }),
    }
}

fn fill_any(template: &str, value: &str) -> String {
    match (template.find('{'), template.find('}')) {
        (Some(start), Some(end)) if start < end => {
            format!("{}{value}{}", &template[..start], &template[end + 1..])
        }
        _ => template.to_string(),
    }
}

fn check_patients(study: &Study, snapshot: &Snapshot, problems: &mut Problems) {
    let place = study.cohort.as_ref().map_or(&study.place, |c| &c.place);
    let uses_patients = study.axes.iter().any(|a| a.kind == AxisKind::Cohort);
    for site in study.sites.iter().filter(|_| uses_patients) {
        if !snapshot.patients.iter().any(|p| p.site == *site) {
            let message = format!("site `{site}` announced no patient");
            problems.push(Problem::new(
                "site",
                place,
                message,
                "start its worker, or leave it out of `sites`",
            ));
        }
    }
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for patient in &snapshot.patients {
        check_patient(study, patient, place, problems);
        if let Some(other) = seen.insert(&patient.patient_id, &patient.site) {
            let message = format!(
                "patient `{}` is announced by `{other}` and `{}`",
                patient.patient_id, patient.site
            );
            problems.push(Problem::new(
                "patient-id",
                place,
                message,
                "give each patient one pseudonym",
            ));
        }
    }
    let order = |p: &crate::snapshot::SnapshotPatient| {
        (
            p.site.clone().into_bytes(),
            p.patient_id.clone().into_bytes(),
        )
    };
    if !snapshot.patients.is_sorted_by_key(order) {
        problems.push(Problem::new(
            "snapshot",
            place,
            "the snapshot's patients are not in order",
            "call `sorted` on it",
        ));
    }
}

fn check_patient(
    study: &Study,
    patient: &crate::snapshot::SnapshotPatient,
    place: &Place,
    problems: &mut Problems,
) {
    if !is_word(&patient.patient_id) {
        let message = format!(
            "pseudonym `{}` of site `{}` is not a word",
            patient.patient_id, patient.site
        );
        problems.push(Problem::new(
            "patient-id",
            place,
            message,
            "use letters, digits, `-`, `_`, `.`",
        ));
    }
    if !study.sites.is_empty() && !study.sites.contains(&patient.site) {
        let message = format!(
            "patient `{}` is of site `{}`, which the study does not name",
            patient.patient_id, patient.site
        );
        problems.push(Problem::new(
            "site",
            place,
            message,
            format!("add \"{}\" to `sites`", patient.site),
        ));
    }
}
