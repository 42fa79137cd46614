//! The leakage certificate: which rows every fit learned from, in hashes that anyone can check.
//!
//! For each fit and each of its inputs: the selections (`select-rows` tasks and their output) that its rows come from,
//! with the digest of the selected bytes and of the split. Whoever has the artefacts can read the names of the rows of a
//! selection and those of its split, and see that they are the training rows.

use std::collections::{BTreeMap, BTreeSet};

use digest::Digest;
use pipeline_defs::kinds::{ArtefactType, Role};
use pipeline_defs::plan::{Origin, Plan, TaskIdx};
use serde_json::{Value, json};

use crate::finish::Finished;

/// An output of a task.
type Output = (TaskIdx, u8);

/// A selection of rows: the output of a `select-rows` task.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Selection {
    output: Output,
    part: &'static str,
    split: Option<Output>,
}

/// The certificate of a run.
pub(crate) fn certificate(run: &Finished) -> Value {
    let plan = &run.plan;
    let mut selections: BTreeMap<String, Value> = BTreeMap::new();
    let mut fits = Vec::new();
    let mut honest = true;
    let mut known: BTreeMap<Output, Vec<Selection>> = BTreeMap::new();
    for (i, state) in run.tasks.iter().enumerate() {
        let task = i as TaskIdx;
        if plan.step_of(task).role != Role::Fit || !state.phase.done() {
            continue;
        }
        let mut inputs = Vec::new();
        for port in plan.ports(task) {
            for entry in plan.entries(port) {
                let Some(digest) = digest_of(run, entry.origin) else {
                    continue;
                };
                let rows = match entry.origin {
                    Origin::Output {
                        task: above,
                        port: out,
                    } => rows_from(plan, (above, out), &mut known),
                    Origin::Source(_) => Vec::new(),
                };
                let training = !rows.is_empty() && rows.iter().all(|s| s.part == "train");
                honest &= training;
                let names: Vec<String> = rows
                    .iter()
                    .map(|s| describe(run, s, &mut selections))
                    .collect();
                inputs.push(json!({"port": port.name, "digest": digest.to_string(), "rows": names, "training_only": training}));
            }
        }
        fits.push(json!({"task": plan.address(task), "recipe": state.recipe.map(|r| r.to_string()), "inputs": inputs}));
    }
    let adapts: Vec<String> = (0..run.tasks.len() as TaskIdx)
        .filter(|t| plan.step_of(*t).role == Role::Adapt)
        .map(|t| plan.address(t))
        .collect();
    let leaks: Vec<Value> = plan
        .leaks()
        .iter()
        .map(
            |l| json!({"step": l.step, "port": l.port, "receives": l.receives, "reason": l.reason}),
        )
        .collect();
    let claim = if honest && leaks.is_empty() {
        "every fit received training rows of its split only"
    } else {
        "NOT every fit received training rows only: see `leaks` and `training_only`"
    };
    json!({
        "certificate": 1,
        "claim": claim,
        "fits": fits,
        "selections": selections,
        "adapts": adapts,
        "leaks": leaks,
        "study": run.study.name,
        "profile": run.study.profile,
    })
}

/// Name of a selection; its hashes are written down once.
fn describe(
    run: &Finished,
    selection: &Selection,
    written: &mut BTreeMap<String, Value>,
) -> String {
    let (task, port) = selection.output;
    let name = format!("{}.{}", run.plan.address(task), selection.part);
    let hash = |output: Output| run.output(output.0, output.1).map(|d| d.to_string());
    written.entry(name.clone()).or_insert_with(|| {
        json!({
            "rows": hash((task, port)),
            "split": selection.split.and_then(hash),
            "split_task": selection.split.map(|(t, _)| run.plan.address(t)),
        })
    });
    name
}

/// The selections that the rows of an artefact come from, following tables and models through what was applied to them.
fn rows_from(
    plan: &Plan,
    output: Output,
    known: &mut BTreeMap<Output, Vec<Selection>>,
) -> Vec<Selection> {
    if let Some(found) = known.get(&output) {
        return found.clone();
    }
    let (task, port) = output;
    let kind = plan.kind_of(task);
    let mut found = BTreeSet::new();
    if kind.role == Role::Select {
        let part = kind.outputs.get(usize::from(port)).map_or("?", |p| p.name);
        found.insert(Selection {
            output,
            part,
            split: split_of(plan, task),
        });
    } else {
        for p in plan.ports(task) {
            for entry in plan.entries(p) {
                let Origin::Output {
                    task: above,
                    port: out,
                } = entry.origin
                else {
                    continue;
                };
                let ty = plan.kind_of(above).outputs[usize::from(out)].ty;
                if matches!(
                    ty,
                    ArtefactType::Table | ArtefactType::FollowUp | ArtefactType::Model
                ) {
                    found.extend(rows_from(plan, (above, out), known));
                }
            }
        }
    }
    let found: Vec<Selection> = found.into_iter().collect();
    known.insert(output, found.clone());
    found
}

/// The split that a selection was made by.
fn split_of(plan: &Plan, select: TaskIdx) -> Option<Output> {
    let port = plan.ports(select).iter().find(|p| p.name == "split")?;
    match plan.entries(port).first()?.origin {
        Origin::Output { task, port } => Some((task, port)),
        Origin::Source(_) => None,
    }
}

fn digest_of(run: &Finished, origin: Origin) -> Option<Digest> {
    match origin {
        Origin::Source(source) => Some(run.plan.source(source).digest),
        Origin::Output { task, port } => run.output(task, port),
    }
}
