//! Gather and broadcast against their definition, for every pair of axis sets.
//!
//! The planner multiplies out candidate values; here each pair of tasks is judged on its own: a consumer receives a
//! producer's artefact when no axis speaks against it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;

use pipeline_defs::{Digest, Origin, Plan, TaskIdx, parse, plan};

const AXES: [&str; 6] = ["roi", "roi_set", "patient", "site", "reading", "split"];

const HEAD: &str = r#"
name = "wiring"
seed = 1
sites = ["c1", "c2"]
[cohort]
[axes]
patient = { from = "cohort" }
roi = ["tumour", "rim", "node"]
roi_set = { one = ["rim"], two = ["tumour", "node"], all = ["tumour", "rim", "node"] }
reading = { of = "patient", values = ["r1", "r2"], where = "cohort has it" }
split = { kfold = 2 }
"#;

/// Every set of axes that may stand in `per`, in two orders.
fn axis_sets() -> Vec<Vec<&'static str>> {
    let mut sets = Vec::new();
    for mask in 0..1 << AXES.len() {
        let set: Vec<&str> = (0..AXES.len())
            .filter(|i| mask & (1 << i) != 0)
            .map(|i| AXES[i])
            .collect();
        if set.contains(&"reading") && !set.contains(&"patient") {
            continue;
        }
        sets.push(if mask % 3 == 0 {
            set.into_iter().rev().collect()
        } else {
            set
        });
    }
    sets
}

fn wired() -> (Plan, usize) {
    let sets = axis_sets();
    let mut text = HEAD.to_string();
    let inputs: Vec<String> = (0..sets.len())
        .map(|i| format!("\"p{i}.output\""))
        .collect();
    for (i, set) in sets.iter().enumerate() {
        text.push_str(&format!("[steps.p{i}]\nkind = \"no-op\"\nper = {set:?}\n"));
    }
    for (i, set) in sets.iter().enumerate() {
        text.push_str(&format!(
            "[steps.c{i}]\nkind = \"no-op\"\nper = {set:?}\nin = {{ input = [{}] }}\n",
            inputs.join(",")
        ));
    }
    let study = parse(&text, "wiring.toml", &[]).unwrap_or_else(|p| panic!("{p}"));
    let mut snapshot = common::snapshot(&[("c1", 2), ("c2", 1)], &[]);
    for (patient, reading) in [(0, "r1"), (0, "r2"), (2, "r2")] {
        snapshot.patients[patient]
            .items
            .insert(format!("mask_{reading}"), Digest::of(reading.as_bytes()));
    }
    (
        plan(&study, &snapshot).unwrap_or_else(|p| panic!("{p}")),
        sets.len(),
    )
}

/// Whether a group has a member.
type Member = fn(&str, &str) -> bool;

/// Whether the definition gives an artefact at one set of axis values to a task at another.
fn receives(consumer: &BTreeMap<&str, &str>, producer: &BTreeMap<&str, &str>) -> bool {
    let shared = producer
        .iter()
        .all(|(axis, value)| consumer.get(axis).is_none_or(|v| v == value));
    let groups: [(&str, &str, Member); 2] = [
        ("roi_set", "roi", |set, roi| match set {
            "one" => roi == "rim",
            "two" => roi != "rim",
            _ => true,
        }),
        ("site", "patient", |site, patient| patient.starts_with(site)),
    ];
    let consistent = groups.iter().all(|(group, base, member)| {
        let down = match (consumer.get(group), producer.get(base)) {
            (Some(g), Some(b)) if !consumer.contains_key(base) => member(g, b),
            _ => true,
        };
        let up = match (producer.get(group), consumer.get(base)) {
            (Some(g), Some(b)) if !consumer.contains_key(group) => member(g, b),
            _ => true,
        };
        down && up
    });
    shared && consistent
}

#[test]
fn every_task_receives_what_the_definition_gives_it_and_in_order() {
    let (plan, n_sets) = wired();
    let mut n_entries = 0;
    let values: Vec<BTreeMap<&str, &str>> = (0..plan.n_tasks() as TaskIdx)
        .map(|t| plan.axes_of(t).collect())
        .collect();
    let producers: Vec<TaskIdx> = plan.steps()[..n_sets]
        .iter()
        .flat_map(|s| s.tasks.clone())
        .collect();
    for consumer in plan.steps()[n_sets..].iter().flat_map(|s| s.tasks.clone()) {
        let given: Vec<TaskIdx> = producers
            .iter()
            .copied()
            .filter(|&p| receives(&values[consumer as usize], &values[p as usize]))
            .collect();
        let entries = plan.entries(&plan.ports(consumer)[0]);
        let received: Vec<TaskIdx> = entries
            .iter()
            .map(|entry| match entry.origin {
                Origin::Output { task, .. } => task,
                Origin::Source(_) => unreachable!("no sources here"),
            })
            .collect();
        assert_eq!(received, given, "{}", plan.address(consumer));
        for (entry, &task) in entries.iter().zip(&given) {
            labels_are_what_is_not_shared(&plan, entry, consumer, task);
        }
        n_entries += given.len();
    }
    assert!(n_entries > 10_000, "{n_entries}");
}

fn labels_are_what_is_not_shared(
    plan: &Plan,
    entry: &pipeline_defs::Entry,
    consumer: TaskIdx,
    producer: TaskIdx,
) {
    let own: Vec<&str> = plan.axes_of(consumer).map(|(axis, _)| axis).collect();
    let mut expected: BTreeMap<&str, &str> = plan
        .axes_of(producer)
        .filter(|(axis, _)| !own.contains(axis))
        .collect();
    if own.contains(&"patient") {
        expected.remove("site"); // a patient has one site: that is no gather
    }
    if let Some(patient) = expected.get("patient").copied() {
        expected.insert("site", &patient[..2]);
    }
    let labels = plan.entry_axes(entry);
    assert!(labels.is_sorted());
    assert_eq!(
        labels.into_iter().collect::<BTreeMap<_, _>>(),
        expected,
        "{} ← {}",
        plan.address(consumer),
        plan.address(producer)
    );
}
