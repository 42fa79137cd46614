//! What only the shell can tell of a run: who ran what when, where numbers came from.

use std::collections::BTreeSet;

use digest::Digest;
use pipeline_defs::plan::{Entry, Origin, Plan, PlannedStep, Published};
use report::RunStory;
use report::story::{DagStep, ProvenanceRow, SpanRow};
use serde_json::{Value, json};

use crate::finish::{Finished, phase_counts};
use crate::state::Span;

/// The run's record: versions, seeds, sites, counts, pins, timeline.
#[must_use]
pub fn tell(run: &Finished, data_digest: &Digest, missing: &[String]) -> Value {
    let timeline: Vec<Value> = run
        .spans
        .iter()
        .map(|span| {
            let (worker, site) = run.workers.get(&span.worker).cloned().unwrap_or_default();
            json!({
                "task": run.plan.address(span.task), "worker": worker, "site": site,
                "start_ms": span.started_ms.saturating_sub(run.submitted_ms), "wall_ms": span.wall_ms,
            })
        })
        .collect();
    let pins: Vec<Value> = run
        .pins
        .iter()
        .map(|(task, digests)| json!({"task": run.plan.address(*task), "inputs": digests.iter().map(ToString::to_string).collect::<Vec<_>>()}))
        .collect();
    json!({
        "run": run.id,
        "study": run.study.name,
        "study_digest": run.study.text_digest.to_string(),
        "profile": run.study.profile,
        "seed": run.study.seed,
        "sites": run.study.sites,
        "snapshot": run.snapshot.to_string(),
        "data_digest": data_digest.to_string(),
        "versions": {"radloom": env!("CARGO_PKG_VERSION"), "protocol": proto::PROTOCOL},
        "counts": phase_counts(&run.tasks),
        "unpublished": missing,
        "problems": run.status.problems,
        "pins": pins,
        "timeline": timeline,
    })
}

/// Fills the places that the report step left for the shell: the graph, the timeline, where every file came from.
#[must_use]
pub fn into_page(page: &str, run: &Finished, data_digest: &Digest) -> String {
    let counts = phase_counts(&run.tasks)
        .into_iter()
        .map(|(name, n)| (name.to_owned(), n))
        .collect();
    let story = RunStory {
        run_id: run.id.clone(),
        study: run.study.name.clone(),
        profile: run.study.profile.clone(),
        seed: run.study.seed,
        data_digest: data_digest.to_string(),
        versions: vec![("radloom".to_owned(), env!("CARGO_PKG_VERSION").to_owned())],
        sites: run.study.sites.clone(),
        dag: run
            .plan
            .steps()
            .iter()
            .map(|step| dag_step(&run.plan, step))
            .collect(),
        spans: run.spans.iter().map(|span| span_row(run, span)).collect(),
        provenance: run
            .plan
            .published()
            .iter()
            .map(|p| provenance(run, p))
            .collect(),
        counts,
    };
    report::fill(page, &story)
}

fn dag_step(plan: &Plan, step: &PlannedStep) -> DagStep {
    let first = step.tasks.start;
    let mut inputs = BTreeSet::new();
    let mut kinds = BTreeSet::new();
    // Tasks of one step differ in what `by` chooses, so all of them are asked, but each producer is named once.
    for task in step.tasks.clone() {
        kinds.insert(plan.kind_of(task).name);
        for port in plan.ports(task) {
            inputs.extend(
                plan.entries(port)
                    .iter()
                    .take(64)
                    .map(|entry| match entry.origin {
                        Origin::Source(source) => plan.source(source).name.clone(),
                        Origin::Output { task, .. } => plan.step_of(task).name.clone(),
                    }),
            );
        }
    }
    DagStep {
        name: step.name.clone(),
        kind: kinds.into_iter().collect::<Vec<_>>().join(", "),
        role: step.role.to_string(),
        n_tasks: (step.tasks.end - first) as usize,
        inputs: inputs.into_iter().collect(),
    }
}

fn span_row(run: &Finished, span: &Span) -> SpanRow {
    let (worker, _) = run.workers.get(&span.worker).cloned().unwrap_or_default();
    SpanRow {
        lane: worker,
        label: run.plan.address(span.task),
        start_ms: span.started_ms.saturating_sub(run.submitted_ms),
        wall_ms: span.wall_ms,
    }
}

fn provenance(run: &Finished, published: &Published) -> ProvenanceRow {
    let inputs = run.plan.ports(published.task).iter().map(|port| {
        let entries = run.plan.entries(port);
        match entries {
            [one] => match one.origin {
                Origin::Source(source) => {
                    format!("{}: {}", port.name, run.plan.source(source).name)
                }
                Origin::Output { task, .. } => format!("{}: {}", port.name, run.plan.address(task)),
            },
            many => format!(
                "{}: {} artefacts of {}",
                port.name,
                many.len(),
                producers(&run.plan, many)
            ),
        }
    });
    ProvenanceRow {
        file: published.path.clone(),
        task: run.plan.address(published.task),
        recipe: run.tasks[published.task as usize]
            .recipe
            .map(|r| r.to_string())
            .unwrap_or_default(),
        inputs: inputs.collect(),
    }
}

fn producers(plan: &Plan, entries: &[Entry]) -> String {
    let names: BTreeSet<&str> = entries
        .iter()
        .map(|entry| match entry.origin {
            Origin::Source(source) => plan.source(source).name.as_str(),
            Origin::Output { task, .. } => plan.step_of(task).name.as_str(),
        })
        .collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}
