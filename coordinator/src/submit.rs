//! From a submitted text to a running plan: parse, wait for the sites, pin the cohort, plan, start. Also after a restart.

use std::collections::BTreeMap;
use std::sync::Arc;

use cas::Naming;
use digest::Digest;
use pipeline_defs::plan::Plan;
use pipeline_defs::snapshot::Snapshot;
use pipeline_defs::study::Study;
use serde::{Deserialize, Serialize};

use crate::hub::{Hub, Message, SnapshotError};
use crate::run_loop::{Outside, Question, Start};

/// What is kept of a submission: with the cache and the artefacts, all that a restart needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Submission {
    /// The study as written.
    pub study_toml: String,
    /// Its file name, for messages.
    pub file: String,
    /// Overrides.
    pub sets: Vec<String>,
    /// The study's own tables.
    pub tables: BTreeMap<String, String>,
    /// Whether pins are made anew. Only at first: a restart keeps what it made.
    pub repin: bool,
    /// The pinned cohort, once all sites have announced.
    pub snapshot: Option<String>,
}

/// The end of a run that never started, as it is kept: a restart does not try it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unstarted {
    /// Whether a person dropped it; otherwise it was refused.
    pub cancelled: bool,
    /// Why it was refused.
    pub problems: Vec<String>,
}

impl Unstarted {
    /// Keeps it for a run.
    ///
    /// # Errors
    /// The store failed.
    pub fn save(&self, store: &cas::Store, id: &str) -> Result<(), cas::StoreError> {
        let json = serde_json::json!(self).to_string();
        store.set_note(&format!("unstarted:{id}"), json.as_bytes())
    }

    /// Finds it again.
    ///
    /// # Errors
    /// The store failed.
    pub fn of(store: &cas::Store, id: &str) -> Result<Option<Unstarted>, cas::StoreError> {
        let note = store.note(&format!("unstarted:{id}"))?;
        Ok(note.and_then(|json| serde_json::from_slice(&json).ok()))
    }
}

/// Why a study does not start.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The study is refused.
    #[error("{0}")]
    Problems(#[from] pipeline_defs::Problems),
    /// The cohort is not there, or contradicts itself.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A table of the study was not sent along.
    #[error("the study's table `{0}` was not sent along")]
    NoTable(String),
    /// A person dropped the run before it started, or the coordinator stops.
    #[error("the run was dropped before it started")]
    Dropped,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] cas::StoreError),
    /// A stored submission or snapshot does not read.
    #[error("stored submission of run {run} does not read: {problem}")]
    Stored {
        /// Which.
        run: String,
        /// Why.
        problem: String,
    },
}

/// Parses the study and stores its tables.
///
/// # Errors
/// See [`SubmitError`].
pub fn prepare(
    hub: &Hub,
    text: &str,
    file: &str,
    sets: &[String],
    tables: &BTreeMap<String, bytes::Bytes>,
) -> Result<(Study, BTreeMap<String, Digest>), SubmitError> {
    let study = pipeline_defs::study::parse(text, file, sets)?;
    let mut digests = BTreeMap::new();
    for name in study.tables.keys() {
        let bytes = tables
            .get(name)
            .ok_or_else(|| SubmitError::NoTable(name.clone()))?;
        digests.insert(name.clone(), hub.store.put(bytes, Naming::Plain)?);
    }
    Ok((study, digests))
}

/// Stores a submission under a new run id.
///
/// # Errors
/// See [`SubmitError`].
pub fn accept(hub: &Hub, study: &Study, submission: &Submission) -> Result<String, SubmitError> {
    let _one_at_a_time = hub.naming();
    let taken = hub.store.notes("submit:")?;
    let prefix = format!("{}-", study.name);
    let numbers = taken.iter().filter_map(|(key, _)| {
        key.strip_prefix("submit:")?
            .strip_prefix(&prefix)?
            .parse::<u32>()
            .ok()
    });
    let id = format!("{prefix}{}", numbers.max().unwrap_or(0) + 1);
    save(hub, &id, submission)?;
    Ok(id)
}

fn save(hub: &Hub, id: &str, submission: &Submission) -> Result<(), SubmitError> {
    let json = serde_json::to_vec(submission).map_err(|e| SubmitError::Stored {
        run: id.to_owned(),
        problem: e.to_string(),
    })?;
    Ok(hub.store.set_note(&format!("submit:{id}"), &json)?)
}

/// Waits for the sites, then plans and starts. Problems end up in the run's status.
pub async fn launch(hub: Hub, id: String, submission: Submission) {
    let outcome = launch_inner(&hub, &id, &submission).await;
    match outcome {
        Ok(start) => hub.tell(Message::Start(start)),
        Err(SubmitError::Dropped) => {}
        Err(error) => {
            let for_good = matches!(error, SubmitError::Problems(_) | SubmitError::Snapshot(_));
            let problems: Vec<String> = match error {
                SubmitError::Problems(problems) => {
                    problems.0.iter().map(ToString::to_string).collect()
                }
                other => vec![other.to_string()],
            };
            if for_good {
                let end = Unstarted {
                    cancelled: false,
                    problems: problems.clone(),
                };
                let (store, of) = (hub.store.clone(), id.clone());
                let kept = blocking(&id, move || Ok(end.save(&store, &of)?)).await;
                if let Err(error) = kept {
                    tracing::error!(run = id, %error, "the end of a refused run could not be kept");
                }
            }
            hub.tell(Message::Phase {
                run: id,
                phase: Outside::Refused(problems),
            });
        }
    }
}

async fn launch_inner(hub: &Hub, id: &str, submission: &Submission) -> Result<Start, SubmitError> {
    let study =
        pipeline_defs::study::parse(&submission.study_toml, &submission.file, &submission.sets)?;
    let announced = match submission.snapshot {
        Some(_) => None,
        None => Some(wait_for_sites(hub, id, &study, tables_of(id, submission)?).await?),
    };
    let (hub_here, run, mut submission) = (hub.clone(), id.to_owned(), submission.clone());
    blocking(id, move || {
        let repin = submission.repin;
        let snapshot = pin_snapshot(&hub_here, &run, &mut submission, announced)?;
        let plan = pipeline_defs::plan::plan(&study, &snapshot)?;
        store_absences(&hub_here, &plan)?;
        Ok(Start {
            id: run,
            plan: Arc::new(plan),
            study: Arc::new(study),
            snapshot: Digest::of(&snapshot.encode()),
            repin,
        })
    })
    .await
}

/// The run's cohort: what was pinned before, or what the sites announced now, pinned with the submission.
fn pin_snapshot(
    hub: &Hub,
    id: &str,
    submission: &mut Submission,
    announced: Option<Snapshot>,
) -> Result<Snapshot, SubmitError> {
    let snapshot = match (announced, &submission.snapshot) {
        (Some(snapshot), _) => snapshot,
        (None, Some(text)) => stored_snapshot(hub, id, text)?,
        (None, None) => return Err(SubmitError::Dropped),
    };
    if submission.snapshot.is_none() || submission.repin {
        let digest = hub.store.put(&snapshot.encode(), Naming::Plain)?;
        submission.snapshot = Some(digest.to_string());
        submission.repin = false;
        save(hub, id, submission)?;
    }
    Ok(snapshot)
}

/// Work with the store, off the async threads.
async fn blocking<T: Send + 'static>(
    id: &str,
    work: impl FnOnce() -> Result<T, SubmitError> + Send + 'static,
) -> Result<T, SubmitError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| SubmitError::Stored {
        run: id.to_owned(),
        problem: e.to_string(),
    })?
}

fn tables_of(id: &str, submission: &Submission) -> Result<BTreeMap<String, Digest>, SubmitError> {
    let parse = |text: &String| {
        text.parse::<Digest>().map_err(|e| SubmitError::Stored {
            run: id.to_owned(),
            problem: e.to_string(),
        })
    };
    submission
        .tables
        .iter()
        .map(|(name, text)| Ok((name.clone(), parse(text)?)))
        .collect()
}

fn stored_snapshot(hub: &Hub, id: &str, text: &str) -> Result<Snapshot, SubmitError> {
    let bad = |problem: String| SubmitError::Stored {
        run: id.to_owned(),
        problem,
    };
    let digest = text
        .parse()
        .map_err(|_| bad(format!("`{text}` is no digest")))?;
    let bytes = hub
        .store
        .get(&digest)?
        .ok_or_else(|| bad(format!("snapshot {digest} is gone")))?;
    Snapshot::decode(&bytes).map_err(|e| bad(e.to_string()))
}

async fn wait_for_sites(
    hub: &Hub,
    id: &str,
    study: &Study,
    tables: BTreeMap<String, Digest>,
) -> Result<Snapshot, SubmitError> {
    loop {
        match hub.snapshot(&study.sites, tables.clone()) {
            Ok(snapshot) => return Ok(snapshot),
            Err(SnapshotError::Waiting(sites)) => hub.tell(Message::Phase {
                run: id.to_owned(),
                phase: Outside::Waiting(sites),
            }),
            Err(error) => return Err(error.into()),
        }
        hub.board_change().await;
        let status = hub.ask(|tx| Question::Status(id.to_owned(), tx)).await;
        // Nobody answers when the coordinator stops.
        if status.is_none_or(|s| s.is_some_and(|s| s.phase == "cancelled")) {
            return Err(SubmitError::Dropped);
        }
    }
}

/// Refusals of items that patients do not have are artefacts too: gathers read them.
///
/// # Errors
/// The store failed.
pub fn store_absences(hub: &Hub, plan: &Plan) -> Result<(), cas::StoreError> {
    let mut batch = hub.store.batch();
    let mut some = false;
    for record in plan
        .sources()
        .iter()
        .filter_map(|source| source.absent.as_ref())
    {
        batch.put(record.as_bytes(), Naming::Plain)?;
        some = true;
    }
    if some {
        hub.store.commit(batch)?;
    }
    Ok(())
}
