//! What only the shell can tell of a run: who ran what when, where numbers came from.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use digest::Digest;
use pipeline_defs::params::{RadscoreParams, RadscoreTraining};
use pipeline_defs::plan::{Entry, Origin, Plan, PlannedStep, Published, TaskIdx};
use report::RunStory;
use report::story::{
    ArtefactRow, DagStep, InputRow, ProvenanceRow, SpanRow, StepSetting, ValueRow, value_key,
};
use report::values::Leak;
use serde::{Serialize, Serializer};

use crate::finish::{Finished, phase_counts};
use crate::state::Span;

/// What a record tells besides the run itself.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'r> {
    /// The digest that is equal on any number of workers.
    pub data_digest: Digest,
    /// Digest of the list of tasks and recipes.
    pub manifest: Digest,
    /// What the study publishes and the run did not give.
    pub unpublished: &'r [String],
    /// What the command line changed in the study.
    pub overrides: &'r [String],
}

/// The run's record: versions, seeds, sites, counts, pins, timeline, as canonical JSON.
///
/// Keys stand in alphabetical order here, so that a hundred thousand spans are written without a tree of values.
///
/// # Errors
/// None that this type of value can have.
pub fn tell(run: &Finished, beside: &Beside) -> serde_json::Result<Vec<u8>> {
    let pins = run.pins.iter().map(|(task, digests)| Pin {
        inputs: digests.iter().map(ToString::to_string).collect(),
        task: run.plan.address(*task),
    });
    serde_json::to_vec(&Record {
        counts: phase_counts(&run.tasks),
        data_digest: beside.data_digest.to_string(),
        files: run
            .plan
            .published()
            .iter()
            .map(|p| file_record(run, p))
            .collect(),
        manifest: beside.manifest.to_string(),
        overrides: beside.overrides,
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
        steps: run
            .plan
            .steps()
            .iter()
            .map(|step| step_record(&run.plan, step))
            .collect(),
        study: &run.study.name,
        study_digest: run.study.text_digest.to_string(),
        timeline: Timeline(run),
        unpublished: beside.unpublished,
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
    files: Vec<FileRecord>,
    manifest: String,
    overrides: &'r [String],
    pins: Vec<Pin>,
    problems: &'r [String],
    profile: &'r str,
    published: Vec<&'r str>,
    run: &'r str,
    seed: u64,
    sites: &'r [String],
    snapshot: String,
    steps: Vec<StepRecord>,
    study: &'r str,
    study_digest: String,
    timeline: Timeline<'r>,
    unpublished: &'r [String],
    versions: Versions,
}

/// A step of the study.
#[derive(Serialize)]
struct StepRecord {
    inputs: Vec<String>,
    kind: String,
    name: String,
    role: String,
    tasks: usize,
}

/// A published file and what made it.
#[derive(Serialize)]
struct FileRecord {
    file: String,
    inputs: Vec<String>,
    recipe: String,
    task: String,
}

fn step_record(plan: &Plan, step: &PlannedStep) -> StepRecord {
    let step = dag_step(plan, step);
    StepRecord {
        inputs: step.inputs,
        kind: step.kind,
        name: step.name,
        role: step.role,
        tasks: step.n_tasks,
    }
}

fn file_record(run: &Finished, published: &Published) -> FileRecord {
    let row = provenance(run, published);
    FileRecord {
        file: row.file,
        inputs: row.inputs,
        recipe: row.recipe,
        task: row.task,
    }
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

/// Fills the places that the report step left for the shell: the graph, the timeline, where every file came from, and
/// what tasks were `refused` for: how many, and the reason.
#[must_use]
pub fn into_page(
    page: &str,
    run: &Finished,
    data_digest: &Digest,
    refused: Vec<(u64, String)>,
) -> String {
    let evaluations = evaluations(run);
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
        artefacts: lineage(run, &report::story::mentioned(page), &evaluations),
        values: values(run, &evaluations),
        refused,
        settings: run
            .plan
            .steps()
            .iter()
            .flat_map(|s| settings(&run.plan, s))
            .collect(),
        leaks: run
            .plan
            .leaks()
            .iter()
            .map(leak)
            .chain(in_sample(&run.plan))
            .collect(),
        counts,
    };
    report::fill(page, &story)
}

fn leak(leak: &pipeline_defs::plan::Leak) -> Leak {
    Leak {
        step: leak.step.clone(),
        port: leak.port.clone(),
        reason: format!("receives {}: {}", leak.receives, leak.reason),
    }
}

/// Steps whose scores of training patients come from a model that learned from these patients.
fn in_sample(plan: &Plan) -> Vec<Leak> {
    let mut found: Vec<Leak> = Vec::new();
    for step in plan.steps() {
        let apparent: Vec<TaskIdx> = (step.tasks.clone())
            .filter(|task| plan.kind_of(*task).name == "radscore")
            .filter(|task| {
                let params = serde_json::from_str::<RadscoreParams>(plan.params_of(*task));
                params.is_ok_and(|p| p.training == RadscoreTraining::Apparent)
            })
            .collect();
        if apparent.is_empty() {
            continue;
        }
        let at = common_axes(plan, &apparent);
        let at = if at.is_empty() {
            at
        } else {
            format!(" ({at})")
        };
        found.push(Leak {
            step: step.name.clone(),
            port: "train_risk".to_owned(),
            reason: format!(
                "the score of a training patient is in-sample{at}, what the model says of a patient it was fitted on. Cut-points, hazard ratios, nomogram, calibration and net benefit of training patients that use this score are too good"
            ),
        });
    }
    found
}

/// An evaluation that a comparison was made from: whose values they are, what tells it from the others, where it is.
struct Evaluation {
    key: String,
    name: String,
    task: TaskIdx,
    port: u8,
}

/// What every comparison of the run was made from, with the set that each evaluation is of.
fn evaluations(run: &Finished) -> Vec<Evaluation> {
    let plan = &run.plan;
    let compares = (0..run.tasks.len() as TaskIdx).filter(|t| plan.kind_of(*t).name == "compare");
    let mut found = Vec::new();
    for compare in compares {
        let own: serde_json::Value =
            serde_json::from_str(plan.params_of(compare)).unwrap_or_default();
        let metrics = plan.ports(compare).iter().find(|p| p.name == "metrics");
        for entry in metrics.into_iter().flat_map(|port| plan.entries(port)) {
            let Origin::Output { task, port } = entry.origin else {
                continue;
            };
            let axes: BTreeMap<&str, &str> = plan.axes_of(task).collect();
            let axis = |name: &str| axes.get(name).copied();
            let params: serde_json::Value =
                serde_json::from_str(plan.params_of(task)).unwrap_or_default();
            let rows = axis("rows")
                .or(axis("fitted_rows"))
                .or(params["rows"].as_str());
            let split = axis("split").unwrap_or("external");
            let rows = rows.unwrap_or("test");
            let Some(set) = artefact::comparison::set_of(split, rows) else {
                continue;
            };
            let profile = axis("profile").or(own["profile"].as_str());
            let of = |name: &str| axis(name).unwrap_or_default();
            found.push(Evaluation {
                key: value_key(
                    profile.unwrap_or_default(),
                    of("endpoint"),
                    of("roi_set"),
                    of("learner"),
                    set,
                ),
                name: split.to_owned(),
                task,
                port,
            });
        }
    }
    found
}

/// The evaluations by whose values they are.
fn values(run: &Finished, evaluations: &[Evaluation]) -> Vec<ValueRow> {
    let mut rows: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    for of in evaluations {
        if let Some(digest) = run.output(of.task, of.port) {
            let row = rows.entry(&of.key).or_default();
            row.push((digest.to_string(), of.name.clone()));
        }
    }
    let row = |(key, artefacts): (&str, Vec<(String, String)>)| ValueRow {
        key: key.to_owned(),
        artefacts,
    };
    rows.into_iter().map(row).collect()
}

/// Tasks that the lineage of a page tells of at most; those that are nearest to the page come first.
const LINEAGE_MAX: usize = 4_000;
/// Inputs of one port that are named one by one.
const NAMED_MAX: usize = 400;

/// Where the named artefacts came from, and theirs in turn, down to what is made patient by patient.
fn lineage(run: &Finished, named: &[String], evaluations: &[Evaluation]) -> Vec<ArtefactRow> {
    let plan = &run.plan;
    let wanted: BTreeSet<&str> = named.iter().map(String::as_str).collect();
    let mut queue: VecDeque<(TaskIdx, u8)> = VecDeque::new();
    for task in 0..run.tasks.len() as TaskIdx {
        for port in 0..plan.kind_of(task).outputs.len() as u8 {
            let digest = run.output(task, port).map(|d| d.to_string());
            if digest.is_some_and(|d| wanted.contains(d.as_str())) {
                queue.push_back((task, port));
            }
        }
    }
    let mut seen: BTreeSet<(TaskIdx, u8)> = queue.iter().copied().collect();
    for of in evaluations {
        if seen.len() < LINEAGE_MAX && seen.insert((of.task, of.port)) {
            queue.push_back((of.task, of.port));
        }
    }
    let mut rows = Vec::new();
    while let Some((task, port)) = queue.pop_front() {
        let Some(digest) = run.output(task, port) else {
            continue;
        };
        let mut inputs = Vec::new();
        for p in plan.ports(task) {
            let entries = plan.entries(p);
            let above = entries.iter().filter_map(|e| match e.origin {
                Origin::Output { task, port } if plan.patient_of(task).is_none() => {
                    Some((task, port))
                }
                _ => None,
            });
            let above: Vec<(TaskIdx, u8)> = above.collect();
            if above.len() < entries.len() && entries.len() > 1 || above.len() > NAMED_MAX {
                inputs.push(InputRow {
                    port: p.name.to_owned(),
                    from: format!(
                        "{} artefacts of {}",
                        entries.len(),
                        producers(plan, entries)
                    ),
                    digest: String::new(),
                });
                continue;
            }
            inputs.extend(entries.iter().map(|e| input_row(run, p.name, e)));
            for output in above {
                if seen.len() < LINEAGE_MAX && seen.insert(output) {
                    queue.push_back(output);
                }
            }
        }
        rows.push(ArtefactRow {
            digest: digest.to_string(),
            port: plan.kind_of(task).outputs[usize::from(port)]
                .name
                .to_owned(),
            task: plan.address(task),
            recipe: recipe(run, task),
            inputs,
        });
    }
    rows
}

fn input_row(run: &Finished, port: &str, entry: &Entry) -> InputRow {
    let (from, digest) = match entry.origin {
        Origin::Source(source) => (run.plan.source(source).name.clone(), None),
        Origin::Output { task, port } => (run.plan.address(task), run.output(task, port)),
    };
    InputRow {
        port: port.to_owned(),
        from,
        digest: digest.map(|d| d.to_string()).unwrap_or_default(),
    }
}

fn recipe(run: &Finished, task: TaskIdx) -> String {
    let recipe = run.tasks[task as usize].recipe;
    recipe.map(|r| r.to_string()).unwrap_or_default()
}

/// Choices of settings of one step that are told one by one.
const CHOICES_MAX: usize = 8;

/// The settings of a step: one entry for each kind and text of parameters, with the axis values for which they hold. Of a
/// step that is set anew for many tasks, as one split after the other is, the first settings stand for all.
fn settings(plan: &Plan, step: &PlannedStep) -> Vec<StepSetting> {
    let mut found: BTreeMap<(&str, &str), Vec<TaskIdx>> = BTreeMap::new();
    for task in step.tasks.clone() {
        let choice = (plan.kind_of(task).name, plan.params_of(task));
        found.entry(choice).or_default().push(task);
    }
    let mut all: Vec<((&str, &str), Vec<TaskIdx>)> = found.into_iter().collect();
    all.sort_by_key(|(_, tasks)| tasks.first().copied());
    let n = all.len();
    let at = |tasks: &[TaskIdx]| match n {
        1 => String::new(),
        n if n > CHOICES_MAX => format!("one of {n}: {}", common_axes(plan, tasks)),
        _ => common_axes(plan, tasks),
    };
    if n > CHOICES_MAX {
        all.truncate(1);
    }
    let setting = |((kind, params), tasks): &((&str, &str), Vec<TaskIdx>)| {
        let mut parameters = Vec::new();
        if let Ok(value) = serde_json::from_str::<serde_json::Value>(params) {
            flat("", &value, &mut parameters);
        }
        StepSetting {
            step: step.name.clone(),
            kind: (*kind).to_owned(),
            at: at(tasks),
            n_tasks: tasks.len(),
            parameters,
        }
    };
    all.iter().map(setting).collect()
}

/// Axis values that all of these tasks share: `profile=careful`.
fn common_axes(plan: &Plan, tasks: &[TaskIdx]) -> String {
    let Some((first, rest)) = tasks.split_first() else {
        return String::new();
    };
    let mut common: Vec<(&str, &str)> = plan.axes_of(*first).collect();
    for task in rest {
        let of: Vec<(&str, &str)> = plan.axes_of(*task).collect();
        common.retain(|pair| of.contains(pair));
    }
    let said: Vec<String> = common.iter().map(|(a, v)| format!("{a}={v}")).collect();
    said.join(", ")
}

/// Names with dots and values as JSON.
fn flat(name: &str, value: &serde_json::Value, out: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let inner = if name.is_empty() {
                    key.clone()
                } else {
                    format!("{name}.{key}")
                };
                flat(&inner, value, out);
            }
        }
        value => out.push((name.to_owned(), value.to_string())),
    }
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
        recipe: recipe(run, published.task),
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
    fn the_page_says_how_each_step_was_set() {
        let mark = "<!--radloom:methods-->x<!--/radloom:methods-->";
        let page = into_page(mark, &finished(), &Digest::of(b"data"), Vec::new());
        assert!(page.contains("<td>s</td><td>no-op</td>"), "{page}");
        assert!(
            page.contains("<code>value</code></td><td><code>null</code>"),
            "{page}"
        );
    }

    #[test]
    fn the_lineage_names_the_task_of_an_artefact_once() {
        let mut run = finished();
        for (i, task) in run.tasks.iter_mut().enumerate() {
            task.outputs_at = i as u32;
        }
        run.outputs = vec![Digest::of(b"one"), Digest::of(b"two")];
        let rows = lineage(&run, &[Digest::of(b"two").to_string()], &[]);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].task.as_str(), rows[0].inputs.len()), ("s[a=y]", 0));
        assert_eq!(rows[0].recipe, Digest::of(b"recipe").to_string());
        assert!(lineage(&run, &[], &[]).is_empty());
    }

    #[test]
    fn the_record_is_canonical_and_tells_who_ran_what_when() {
        let unpublished = ["nothing".to_owned()];
        let beside = Beside {
            data_digest: Digest::of(b"data"),
            manifest: Digest::of(b"tasks"),
            unpublished: &unpublished,
            overrides: &[],
        };
        let bytes = tell(&finished(), &beside).unwrap();
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
