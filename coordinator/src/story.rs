//! What only the shell can tell of a run: who ran what when, where numbers came from.

use std::collections::{BTreeMap, BTreeSet};

use digest::Digest;
use pipeline_defs::plan::{Entry, Origin, Plan, PlannedStep, Published};
use report::RunStory;
use report::story::{DagStep, ProvenanceRow, SpanRow};
use serde::{Serialize, Serializer};

use crate::finish::{Finished, phase_counts};
use crate::state::Span;

/// The run's record: versions, seeds, sites, counts, pins, timeline, as canonical JSON.
///
/// Keys stand in alphabetical order here, so that a hundred thousand spans are written without a tree of values.
///
/// # Errors
/// None that this type of value can have.
pub fn tell(
    run: &Finished,
    data_digest: &Digest,
    missing: &[String],
) -> serde_json::Result<Vec<u8>> {
    let pins = run.pins.iter().map(|(task, digests)| Pin {
        inputs: digests.iter().map(ToString::to_string).collect(),
        task: run.plan.address(*task),
    });
    serde_json::to_vec(&Record {
        counts: phase_counts(&run.tasks),
        data_digest: data_digest.to_string(),
        pins: pins.collect(),
        problems: &run.status.problems,
        profile: &run.study.profile,
        published: run
            .plan
            .published()
            .iter()
            .map(|p| p.path.as_str())
            .collect(),
        run: &run.id,
        seed: run.study.seed,
        sites: &run.study.sites,
        snapshot: run.snapshot.to_string(),
        study: &run.study.name,
        study_digest: run.study.text_digest.to_string(),
        timeline: Timeline(run),
        unpublished: missing,
        versions: Versions {
            protocol: proto::PROTOCOL,
            radloom: env!("CARGO_PKG_VERSION"),
        },
    })
}

#[derive(Serialize)]
struct Record<'r> {
    counts: BTreeMap<&'static str, u64>,
    data_digest: String,
    pins: Vec<Pin>,
    problems: &'r [String],
    profile: &'r str,
    published: Vec<&'r str>,
    run: &'r str,
    seed: u64,
    sites: &'r [String],
    snapshot: String,
    study: &'r str,
    study_digest: String,
    timeline: Timeline<'r>,
    unpublished: &'r [String],
    versions: Versions,
}

#[derive(Serialize)]
struct Versions {
    protocol: u32,
    radloom: &'static str,
}

#[derive(Serialize)]
struct Pin {
    inputs: Vec<String>,
    task: String,
}

/// The work of a run; each span is made when it is written.
struct Timeline<'r>(&'r Finished);

#[derive(Serialize)]
struct TimelineSpan<'r> {
    site: &'r str,
    start_ms: u64,
    task: String,
    wall_ms: u64,
    worker: &'r str,
}

impl Serialize for Timeline<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let run = self.0;
        to.collect_seq(run.spans.iter().map(|span| {
            let who = run.workers.get(&span.worker);
            let (worker, site) = who.map_or(("", ""), |(worker, site)| (worker, site));
            TimelineSpan {
                site,
                start_ms: span.started_ms.saturating_sub(run.submitted_ms),
                task: run.plan.address(span.task),
                wall_ms: span.wall_ms,
                worker,
            }
        }))
    }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use std::sync::Arc;

    use pipeline_defs::snapshot::Snapshot;

    use crate::state::{Phase, TaskState};

    fn finished() -> Finished {
        let text = "name = \"two\"\nseed = 7\n[axes]\na = [\"x\", \"y\"]\n[steps.s]\nkind = \"no-op\"\nper = [\"a\"]\n";
        let study = pipeline_defs::study::parse(text, "two.toml", &[]).unwrap();
        let plan = pipeline_defs::plan::plan(&study, &Snapshot::default()).unwrap();
        let task = TaskState {
            recipe: Some(Digest::of(b"recipe")),
            outputs_at: 0,
            waiting: 0,
            phase: Phase::Ran,
        };
        let span = |task| Span {
            task,
            worker: 3,
            started_ms: 1_005,
            wall_ms: 2,
        };
        Finished {
            no: 0,
            id: "two-1".to_owned(),
            study: Arc::new(study),
            snapshot: Digest::of(b"snapshot"),
            plan: Arc::new(plan),
            tasks: vec![task.clone(), task],
            outputs: vec![Digest::of(b"output")],
            spans: vec![span(1), span(0)],
            pins: [(0, vec![Digest::of(b"pin")])].into(),
            failures: Vec::new(),
            cancelled: false,
            workers: [(3, ("w3".to_owned(), "hub".to_owned()))].into(),
            status: proto::RunStatus::default(),
            submitted_ms: 1_000,
        }
    }

    #[test]
    fn the_record_is_canonical_and_tells_who_ran_what_when() {
        let bytes = tell(&finished(), &Digest::of(b"data"), &["nothing".to_owned()]).unwrap();
        let value: serde_json::Value = artefact::json::decode("record", &bytes).unwrap();
        assert_eq!(artefact::json::encode("record", &value).unwrap(), bytes);
        let expected = serde_json::json!({"site": "hub", "start_ms": 5, "task": "s[a=y]", "wall_ms": 2, "worker": "w3"});
        assert_eq!(value["timeline"][0], expected);
        assert_eq!(value["counts"], serde_json::json!({"ran": 2}));
        assert_eq!(
            (&value["seed"], &value["unpublished"][0]),
            (&7.into(), &"nothing".into())
        );
    }
}
