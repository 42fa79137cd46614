//! The end of a run: what it publishes, the leakage certificate, its record. On a thread of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use cas::Naming;
use digest::Digest;
use pipeline_defs::plan::{Plan, TaskIdx};
use pipeline_defs::study::Study;
use proto::RunStatus;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::hub::{Hub, Message};
use crate::state::{Ms, Phase, RunNo, Span, TaskState, WorkerNo};

/// A run whose tasks have all ended.
#[derive(Debug)]
pub struct Finished {
    /// Its number.
    pub no: RunNo,
    /// Its id.
    pub id: String,
    /// Its study.
    pub study: Arc<Study>,
    /// Its cohort.
    pub snapshot: Digest,
    /// Its plan.
    pub plan: Arc<Plan>,
    /// How each task ended.
    pub tasks: Vec<TaskState>,
    /// Output digests.
    pub outputs: Vec<Digest>,
    /// Work done.
    pub spans: Vec<Span>,
    /// Pinned inputs.
    pub pins: BTreeMap<TaskIdx, Vec<Digest>>,
    /// Root causes.
    pub failures: Vec<(TaskIdx, String)>,
    /// Dropped by a person.
    pub cancelled: bool,
    /// Name and site of each worker.
    pub workers: BTreeMap<WorkerNo, (String, String)>,
    /// Counts.
    pub status: RunStatus,
    /// When it was submitted.
    pub submitted_ms: Ms,
}

/// What a run gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// Digest of the record.
    pub record: String,
    /// Files: path, digest, whether it is a bundle.
    pub published: Vec<(String, String, bool)>,
    /// What the study publishes and the run did not give, each with the reason.
    #[serde(default)]
    pub unpublished: Vec<String>,
    /// Whether everything that the study publishes is there.
    pub complete: bool,
    /// The digest that is equal on any number of workers.
    pub data_digest: String,
}

impl Finished {
    pub(crate) fn output(&self, task: TaskIdx, port: u8) -> Option<Digest> {
        let state = self.tasks.get(task as usize).filter(|s| s.phase.done())?;
        self.outputs
            .get(state.outputs_at as usize + port as usize)
            .copied()
    }
}

/// Runs until the loop is gone.
pub fn run(hub: &Hub, finished: &Receiver<Finished>) {
    while let Ok(run) = finished.recv() {
        let no = run.no;
        let result = finish(hub, &run);
        if let Err(error) = &result {
            tracing::error!(run = run.id, %error, "the record of a run could not be written");
        }
        hub.tell(match result {
            Err(FinishError::Damaged { .. }) => Message::Damaged { run: no },
            result => Message::Recorded {
                run: no,
                result: result.map_err(|e| e.to_string()),
            },
        });
    }
}

/// What keeps a record from being written.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] cas::StoreError),
    /// An artefact does not read.
    #[error(transparent)]
    Artefact(#[from] artefact::ArtefactError),
    /// Bytes of what the run publishes are not what their name promises; the store has set them aside.
    #[error("{path}: {digest} was damaged in the store")]
    Damaged {
        /// Where it would have gone.
        path: String,
        /// Its name.
        digest: Digest,
    },
}

fn finish(hub: &Hub, run: &Finished) -> Result<RunResult, FinishError> {
    let store = &hub.store;
    look_at_published(store, run)?;
    let certificate = crate::certificate::certificate(store, run)?;
    let certificate = artefact::json::encode("leakage certificate", &certificate)?;
    let certificate = keep(store, &certificate)?;
    let mut published = vec![("leakage.json".to_owned(), certificate, false)];
    let mut missing = Vec::new();
    for p in run.plan.published() {
        match run.output(p.task, p.port) {
            Some(digest) => published.push((p.path.clone(), digest, p.bundle)),
            None => missing.push(format!(
                "{} is not there: {}",
                p.path,
                why_absent(hub, run, p.task)
            )),
        }
    }
    let data_digest = data_digest(hub, &published)?;
    let submission = submission(store, &run.id)?;
    if let Some(submission) = &submission {
        let text = keep(store, submission.study_toml.as_bytes())?;
        published.push(("study.toml".to_owned(), text, false));
    }
    published.extend(models(store, run)?);
    for (path, digest, _) in &mut published {
        if path.ends_with(".html")
            && let Some(page) = store.get(digest)?
        {
            let page = String::from_utf8_lossy(&page);
            let refused = refused(store, run)?;
            let page = crate::story::into_page(&page, run, &data_digest, refused);
            *digest = keep(store, page.as_bytes())?;
        }
    }
    let manifest = keep(store, manifest(run).as_bytes())?;
    let beside = crate::story::Beside {
        data_digest,
        manifest,
        unpublished: &missing,
        overrides: submission.as_ref().map_or(&[], |s| &s.sets),
    };
    let record = crate::story::tell(run, &beside).map_err(|e| artefact::ArtefactError::Json {
        what: "run record",
        problem: e.to_string(),
    })?;
    let record = keep(store, &record)?;
    let result = RunResult {
        record: record.to_string(),
        published: published
            .iter()
            .map(|(path, digest, bundle)| (path.clone(), digest.to_string(), *bundle))
            .collect(),
        unpublished: missing.clone(),
        complete: missing.is_empty() && run.failures.is_empty() && !run.cancelled,
        data_digest: data_digest.to_string(),
    };
    let note = json!({"result": result, "manifest": manifest.to_string(), "study": run.study.name, "status": status_json(&run.status)});
    store.set_note(&format!("result:{}", run.id), note.to_string().as_bytes())?;
    store.set_note(
        &format!("manifest:{}", run.study.name),
        manifest.to_string().as_bytes(),
    )?;
    Ok(result)
}

/// What was submitted: the study as written, and what was changed on the command line.
fn submission(
    store: &cas::Store,
    run: &str,
) -> Result<Option<crate::submit::Submission>, FinishError> {
    let note = store.note(&format!("submit:{run}"))?;
    Ok(note.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// The chosen models as files, with a card; nothing of a study that chooses none.
fn models(store: &cas::Store, run: &Finished) -> Result<Vec<(String, Digest, bool)>, FinishError> {
    let key = models_key(run);
    if let Some(known) = known_models(store, &key)? {
        return Ok(known);
    }
    let exports = crate::frozen::freeze(store, run);
    let mut files = Vec::new();
    let mut taken = BTreeSet::new();
    for export in &exports {
        let Ok(frozen) = &export.frozen else { continue };
        let subject = &export.subject;
        // The first profile of an endpoint has the plain name.
        let plain = format!("models/{}.radloom", subject.endpoint);
        let path = if taken.insert(plain.clone()) {
            plain
        } else {
            format!("models/{}-{}.radloom", subject.endpoint, subject.profile)
        };
        match frozen.encode() {
            Ok(bytes) => files.push((path, keep(store, &bytes)?, false)),
            Err(error) => tracing::error!(run = run.id, path, %error, "a model was not written"),
        }
    }
    if !exports.is_empty() {
        let card = crate::frozen::page(&run.study.name, &exports);
        let card = keep(store, card.as_bytes())?;
        files.push(("models/model_card.md".to_owned(), card, false));
        let named: Vec<(&str, String)> = files
            .iter()
            .map(|(path, digest, _)| (path.as_str(), digest.to_string()))
            .collect();
        store.set_note(&key, json!(named).to_string().as_bytes())?;
    }
    Ok(files)
}

/// Counts the ways in which model files were made: 2, novelty looks at the features of all regions; 3, they tell how true
/// probabilities were.
const FREEZE: u32 = 3;

/// What the model files follow from: study, cohort, and what was compared.
fn models_key(run: &Finished) -> String {
    let mut text = format!(
        "{FREEZE} {} {} {}",
        env!("CARGO_PKG_VERSION"),
        run.study.text_digest,
        run.snapshot
    );
    for (task, state) in run.tasks.iter().enumerate() {
        if run.plan.kind_of(task as TaskIdx).name == "compare"
            && let Some(recipe) = state.recipe
        {
            text.push_str(&format!(" {recipe}"));
        }
    }
    format!("models:{}", Digest::of(text.as_bytes()))
}

/// Path, content, and whether the file is new, of each model.
type ModelFiles = Vec<(String, Digest, bool)>;

/// The model files of an equal run before, if they are all there still.
fn known_models(store: &cas::Store, key: &str) -> Result<Option<ModelFiles>, FinishError> {
    let Some(note) = store.note(key)? else {
        return Ok(None);
    };
    let named: Vec<(String, String)> = serde_json::from_slice(&note).unwrap_or_default();
    let mut files = Vec::new();
    for (path, digest) in named {
        match digest.parse::<Digest>() {
            Ok(digest) if store.get(&digest)?.is_some() => files.push((path, digest, false)),
            _ => return Ok(None),
        }
    }
    Ok((!files.is_empty()).then_some(files))
}

/// Reads all that the run publishes, so that whatever is damaged is set aside before anything is made again.
fn look_at_published(store: &cas::Store, run: &Finished) -> Result<(), FinishError> {
    let mut damaged = None;
    for p in run.plan.published() {
        if let Some(digest) = run.output(p.task, p.port)
            && store.get(&digest)?.is_none()
        {
            damaged.get_or_insert(FinishError::Damaged {
                path: p.path.clone(),
                digest,
            });
        }
    }
    damaged.map_or(Ok(()), Err)
}

/// Why a task has no outputs, in words.
fn why_absent(hub: &Hub, run: &Finished, task: TaskIdx) -> String {
    let address = run.plan.address(task);
    let Some(state) = run.tasks.get(task as usize) else {
        return address;
    };
    match state.phase {
        Phase::Refused => match run
            .outputs
            .get(state.outputs_at as usize)
            .and_then(|d| crate::why::refusal_in_words(hub, d))
        {
            Some(why) => format!("{address} was refused: {why}"),
            None => format!("{address} was refused"),
        },
        phase => format!("{address} is {}", format!("{phase:?}").to_lowercase()),
    }
}

/// Why tasks were refused, the most frequent reason first: how many, the reason in words, and the steps.
fn refused(store: &cas::Store, run: &Finished) -> Result<Vec<(u64, String)>, FinishError> {
    /// Tasks, the first message, whether all say the same, steps.
    type Counted<'p> = (u64, String, bool, BTreeSet<&'p str>);
    let mut by_code: BTreeMap<String, Counted<'_>> = BTreeMap::new();
    let mut known: BTreeMap<Digest, Option<artefact::refusal::Refusal>> = BTreeMap::new();
    for (task, state) in run.tasks.iter().enumerate() {
        let digest = run.outputs.get(state.outputs_at as usize);
        let (Phase::Refused, Some(digest)) = (state.phase, digest) else {
            continue;
        };
        if !known.contains_key(digest) {
            let bytes = store.get(digest)?;
            let refusal = bytes.and_then(|b| artefact::refusal::Refusal::decode(&b).ok());
            known.insert(*digest, refusal);
        }
        let Some(Some(refusal)) = known.get(digest) else {
            continue;
        };
        let step = run.plan.step_of(task as TaskIdx).name.as_str();
        let (n, first, alike, steps) = by_code
            .entry(refusal.code.clone())
            .or_insert_with(|| (0, refusal.message.clone(), true, BTreeSet::new()));
        *n += 1;
        *alike &= *first == refusal.message;
        steps.insert(step);
    }
    let mut told: Vec<(u64, String)> = by_code
        .into_iter()
        .map(|(code, (n, first, alike, steps))| {
            let such = if alike { "" } else { "such as: " };
            let steps: Vec<&str> = steps.into_iter().collect();
            (n, format!("{code}, {such}{first} ({})", steps.join(", ")))
        })
        .collect();
    told.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
    Ok(told)
}

/// Stores bytes that will be read back soon. A store trusts bytes that it has; reading them sets damaged ones aside.
fn keep(store: &cas::Store, bytes: &[u8]) -> Result<Digest, FinishError> {
    let digest = store.put(bytes, Naming::Plain)?;
    if store.get(&digest)?.is_none() {
        store.put(bytes, Naming::Plain)?;
    }
    Ok(digest)
}

/// Equal whatever computed it: tables, comparison, exclusions and certificate; neither hosts nor times.
fn data_digest(hub: &Hub, published: &[(String, Digest, bool)]) -> Result<Digest, FinishError> {
    let mut lines = Vec::new();
    for (path, digest, bundle) in published {
        if *bundle {
            let Some(bytes) = hub.store.get(digest)? else {
                continue;
            };
            for (name, text) in artefact::bundle::decode(&bytes)? {
                lines.push((format!("{path}{name}"), Digest::of(text.as_bytes())));
            }
        } else {
            lines.push((path.clone(), *digest));
        }
    }
    Ok(digest_of_data(lines))
}

/// The data digest of files with their digests; those that tell of hosts or times have no part in it.
#[must_use]
pub fn digest_of_data(mut files: Vec<(String, Digest)>) -> Digest {
    files.sort_unstable();
    let counts = |path: &str| {
        path == "comparison.csv"
            || path == "exclusions.csv"
            || path == "leakage.json"
            || path.starts_with("tables/")
    };
    let text: String = files
        .iter()
        .filter(|(path, _)| counts(path))
        .map(|(path, digest)| format!("{path} {digest}\n"))
        .collect();
    Digest::of(text.as_bytes())
}

/// One line a task: address, recipe (`-` for one that never had one), how it ended, and the refusal behind that, if any.
/// What the next run's `why` compares with.
fn manifest(run: &Finished) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for (i, state) in run.tasks.iter().enumerate() {
        let task = i as TaskIdx;
        let recipe = state
            .recipe
            .map_or("-".to_owned(), |recipe| recipe.to_string());
        let refusal = Some(state.outputs_at as usize)
            .filter(|_| state.phase == Phase::Refused)
            .and_then(|at| run.outputs.get(at));
        let refusal = refusal.map_or(String::new(), |refusal| format!("\t{refusal}"));
        let address = run.plan.address(task);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{address}\t{recipe}\t{:?}{refusal}", state.phase);
    }
    text
}

/// Address and recipe of each task of a manifest.
#[must_use]
pub fn read_manifest(text: &str) -> BTreeMap<String, Digest> {
    text.lines()
        .filter_map(|line| {
            let mut parts = line.split('\t');
            Some((parts.next()?.to_owned(), parts.next()?.parse().ok()?))
        })
        .collect()
}

/// Counts of a status, for the record.
#[must_use]
pub fn status_json(status: &RunStatus) -> Value {
    json!({
        "run": status.run, "study": status.study, "phase": status.phase, "total": status.total, "done": status.done,
        "reused": status.reused, "ran": status.ran, "cut_off": status.cut_off, "refused": status.refused, "failed": status.failed,
        "excluded": status.excluded, "elapsed_ms": status.elapsed_ms, "problems": status.problems,
    })
}

/// Reads back what [`status_json`] wrote.
#[must_use]
pub fn status_from_json(value: &Value) -> RunStatus {
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let number = |key: &str| value[key].as_u64().unwrap_or_default();
    RunStatus {
        run: text("run"),
        study: text("study"),
        phase: text("phase"),
        total: number("total"),
        done: number("done"),
        reused: number("reused"),
        ran: number("ran"),
        cut_off: number("cut_off"),
        refused: number("refused"),
        failed: number("failed"),
        excluded: number("excluded"),
        elapsed_ms: number("elapsed_ms"),
        problems: value["problems"]
            .as_array()
            .map(|a| {
                a.iter()
                    .filter_map(|p| p.as_str().map(str::to_owned))
                    .collect()
            })
            .unwrap_or_default(),
        ..RunStatus::default()
    }
}

/// How often each phase occurs; for the story of a run.
#[must_use]
pub fn phase_counts(tasks: &[TaskState]) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for task in tasks {
        let name = match task.phase {
            Phase::Ran => "ran",
            Phase::Reused => "reused",
            Phase::Refused => "refused",
            Phase::Failed => "failed",
            Phase::Blocked => "blocked",
            Phase::Cancelled => "cancelled",
            _ => "open",
        };
        *counts.entry(name).or_default() += 1;
    }
    counts
}
