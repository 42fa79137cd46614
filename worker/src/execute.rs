//! One lease: fetch → run → store → report.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use artefact::refusal::Refusal;
use bytes::Bytes;
use cas::{Batch, Naming};
use digest::Digest;
use pipeline_defs::kinds::{self, Class, KindSpec};
use pipeline_defs::recipe::Recipe;
use proto::loom_client::LoomClient;
use proto::{
    INLINE_BYTES, Lease, MissingInputs, Outputs, SliceOf, TaskResult, from_wire,
    task_result::Outcome, to_wire,
};
use tokio::sync::SemaphorePermit;
use tonic::transport::Channel;

use crate::keeper::Keeper;
use crate::local::Local;
use crate::step::{Content, Context, Input, Inputs, Produced, StepError};
use crate::transfer::{self, TransferError};

/// What every execution of a worker shares.
#[derive(Debug)]
pub struct Crew {
    /// Store and source files.
    pub local: Local,
    /// The worker's unique name.
    pub worker: String,
    /// Its site.
    pub site: String,
    /// Makes small outputs durable.
    pub keeper: Keeper,
    /// Whether its store is the coordinator's own: then nothing is sent.
    pub shares_store: bool,
    /// One download at a time: two tasks often want the same bytes.
    pub downloading: tokio::sync::Mutex<()>,
}

/// Carries out a lease. Always gives a result: a failure is one. The permit is for computing: it is given back while
/// outputs become durable and travel.
pub async fn execute(
    crew: Arc<Crew>,
    bulk: LoomClient<Channel>,
    lease: Lease,
    permit: SemaphorePermit<'_>,
) -> TaskResult {
    let started = Instant::now();
    let (fence, recipe) = (lease.fence, lease.recipe.clone());
    let outcome = match work(&crew, bulk, lease, permit).await {
        Ok(outcome) => outcome,
        Err(fate) => fate.into_outcome(),
    };
    TaskResult {
        fence,
        recipe,
        outcome: Some(outcome),
        wall_ms: started.elapsed().as_millis() as u64,
        started_ms_ago: started.elapsed().as_millis() as u64,
    }
}

/// An attempt that gave no result to keep.
enum Fate {
    Retry(String),
    Bug(String),
    Missing(Vec<Digest>),
}

impl Fate {
    fn into_outcome(self) -> Outcome {
        let failure = |bug, code: &str, message| {
            Outcome::Failure(proto::Failure {
                bug,
                code: code.to_owned(),
                message,
            })
        };
        match self {
            Fate::Retry(message) => failure(false, "retry", message),
            Fate::Bug(message) => failure(true, "bug", message),
            Fate::Missing(digests) => Outcome::Missing(MissingInputs {
                digests: digests.iter().map(to_wire).collect(),
            }),
        }
    }
}

impl From<cas::StoreError> for Fate {
    fn from(error: cas::StoreError) -> Fate {
        tracing::warn!(%error, "the store failed");
        Fate::Retry(without_paths(&error))
    }
}

impl From<TransferError> for Fate {
    fn from(error: TransferError) -> Fate {
        match error {
            TransferError::Absent(digest) => Fate::Missing(vec![digest]),
            TransferError::Store(error) => error.into(),
            other => Fate::Retry(other.to_string()),
        }
    }
}

/// What may be said of it outside the site: file names stay in the site's own log.
pub(crate) fn without_paths(error: &cas::StoreError) -> String {
    use cas::StoreError::{
        Absent, Io, NoSiteKey, RangeOutside, UploadBusy, UploadContent, UploadLength, UploadOffset,
    };
    match error {
        Io { doing, source, .. } => {
            format!(
                "the worker's store cannot {doing} a file: {}",
                source.kind()
            )
        }
        Absent { .. }
        | NoSiteKey
        | RangeOutside { .. }
        | UploadBusy { .. }
        | UploadContent { .. }
        | UploadLength { .. }
        | UploadOffset { .. } => error.to_string(),
        _ => "the worker's store failed; its log says why".to_owned(),
    }
}

/// How the local part ended.
enum Local1 {
    Done(Done),
    Need(Vec<Digest>),
}

/// What a step gave, and what is left to do about it.
struct Done {
    outcome: Outcome,
    /// To be sent.
    uploads: Vec<Digest>,
    /// Not durable yet.
    unsaved: Option<Batch<'static>>,
}

/// Outputs beyond this many bytes become durable before the next task may compute: they shall not pile up in memory.
const UNSAVED_MAX: usize = 256 << 10;

async fn work(
    crew: &Arc<Crew>,
    mut bulk: LoomClient<Channel>,
    lease: Lease,
    permit: SemaphorePermit<'_>,
) -> Result<Outcome, Fate> {
    let lease = Arc::new(lease);
    let mut fetched = false;
    let Done {
        outcome,
        uploads,
        unsaved,
    } = loop {
        let (crew_here, lease_here) = (Arc::clone(crew), Arc::clone(&lease));
        let step = tokio::task::spawn_blocking(move || run_locally(&crew_here, &lease_here));
        match step.await.map_err(|e| Fate::Bug(e.to_string()))?? {
            Local1::Done(done) => break done,
            Local1::Need(digests) if fetched => return Err(Fate::Missing(digests)),
            Local1::Need(digests) => fetch(crew, &mut bulk, &digests).await?,
        }
        fetched = true;
    };
    drop(permit);
    if let Some(unsaved) = unsaved {
        crew.keeper.keep(unsaved).await.map_err(Fate::Retry)?;
    }
    for digest in uploads {
        send(crew, &mut bulk, digest).await?;
    }
    Ok(outcome)
}

/// Site-bound inputs are here or nowhere; the others are fetched.
async fn fetch(
    crew: &Crew,
    bulk: &mut LoomClient<Channel>,
    digests: &[Digest],
) -> Result<(), Fate> {
    let bound: Vec<Digest> = digests.iter().copied().filter(Digest::is_keyed).collect();
    if !bound.is_empty() || crew.shares_store {
        return Err(Fate::Missing(if bound.is_empty() {
            digests.to_vec()
        } else {
            bound
        }));
    }
    let _one_at_a_time = crew.downloading.lock().await;
    for digest in digests {
        transfer::download(bulk, &crew.local.store, *digest, &crew.worker).await?;
    }
    Ok(())
}

/// Sends an output until it is there: the coordinator may be away for a while, the work is done already.
async fn send(crew: &Crew, bulk: &mut LoomClient<Channel>, digest: Digest) -> Result<(), Fate> {
    let mut pause = Duration::from_millis(100);
    loop {
        match transfer::upload(bulk, &crew.local.store, digest).await {
            Ok(()) => return Ok(()),
            Err(TransferError::Link(message)) => {
                tracing::debug!(%digest, message, "upload will be tried again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(10));
            }
            // Gone from the own store meanwhile: made again by another attempt.
            Err(TransferError::Absent(digest)) => {
                return Err(Fate::Retry(format!("{digest} is not here any more")));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Everything that needs no network: read the inputs, run the step, store what it gave.
fn run_locally(crew: &Crew, lease: &Lease) -> Result<Local1, Fate> {
    let recipe = Recipe::decode(&lease.recipe_json)
        .map_err(|e| Fate::Bug(format!("recipe does not read: {e}")))?;
    let claimed = from_wire(&lease.recipe).map_err(|e| Fate::Retry(e.to_string()))?;
    if Digest::of(&lease.recipe_json) != claimed {
        return Err(Fate::Retry(
            "the recipe's bytes are not what its digest says".to_owned(),
        ));
    }
    let spec = kinds::kind(&recipe.kind).filter(|spec| spec.version == recipe.version);
    let spec = spec.ok_or_else(|| {
        Fate::Retry(format!(
            "this worker has no {} version {}",
            recipe.kind, recipe.version
        ))
    })?;
    let inputs = match read_inputs(crew, &recipe)? {
        Ok(inputs) => inputs,
        Err(absent) => return Ok(Local1::Need(absent)),
    };
    let context = Context {
        params: recipe.params.clone(),
        seed: recipe.seed,
    };
    let ran = catch_unwind(AssertUnwindSafe(|| {
        crate::steps::run(&recipe.kind, &context, &inputs)
    }));
    match ran {
        Ok(Ok(produced)) => store_outputs(crew, spec, &recipe, &inputs, produced),
        Ok(Err(StepError::Refuse { code, message })) => {
            log_files(crew, &recipe, &code);
            refusal(&Refusal {
                code,
                message,
                kind: recipe.kind,
            })
        }
        Ok(Err(StepError::Retry(message))) => Err(Fate::Retry(message)),
        Ok(Err(StepError::Bug(message))) => {
            Err(Fate::Bug(format!("{} ({})", message, lease.address)))
        }
        Err(panic) => Err(Fate::Bug(format!(
            "{} panicked: {}",
            lease.address,
            panic_text(panic.as_ref())
        ))),
    }
}

/// Tells the site's own log which files a refusal is about: their names go nowhere else.
fn log_files(crew: &Crew, recipe: &Recipe, code: &str) {
    for entry in recipe.inputs.values().flatten() {
        if let Some(path) = crew.local.path_of(&entry.digest) {
            tracing::info!(kind = recipe.kind, code, path = %path.display(), "refused");
        }
    }
}

fn refusal(refusal: &Refusal) -> Result<Local1, Fate> {
    let json = refusal.encode().map_err(|e| Fate::Bug(e.to_string()))?;
    let digest = to_wire(&Digest::of(&json));
    let outcome = Outcome::Refusal(proto::Refusal {
        digest,
        json: json.into(),
    });
    Ok(Local1::Done(Done {
        outcome,
        uploads: Vec::new(),
        unsaved: None,
    }))
}

/// The inputs, or the digests that are not here.
fn read_inputs(crew: &Crew, recipe: &Recipe) -> Result<Result<Inputs, Vec<Digest>>, Fate> {
    let mut inputs = Inputs::default();
    let mut absent = Vec::new();
    for (port, entries) in &recipe.inputs {
        let mut read = Vec::with_capacity(entries.len());
        for entry in entries {
            let Some(bytes) = crew.local.get(&entry.digest)? else {
                absent.push(entry.digest);
                continue;
            };
            let content = if entry.refused {
                Err(Refusal::decode(&bytes).map_err(|e| Fate::Bug(e.to_string()))?)
            } else {
                Ok(bytes)
            };
            read.push(Input {
                axes: entry.axes.clone(),
                content,
            });
        }
        inputs.ports.insert(port.clone(), read);
    }
    Ok(if absent.is_empty() {
        Ok(inputs)
    } else {
        Err(absent)
    })
}

/// Stores the outputs under names that fit their class, and says which must be sent.
fn store_outputs(
    crew: &Crew,
    spec: &KindSpec,
    recipe: &Recipe,
    inputs: &Inputs,
    produced: Vec<Produced>,
) -> Result<Local1, Fate> {
    let mut batch = crew.local.store.batch();
    let mut outputs = Vec::new();
    let mut uploads = Vec::new();
    let mut produced: Vec<Option<Produced>> = produced.into_iter().map(Some).collect();
    for port in spec.outputs {
        let found = produced
            .iter_mut()
            .find(|p| p.as_ref().is_some_and(|p| p.port == port.name))
            .and_then(Option::take);
        let Some(Produced { content, .. }) = found else {
            return Err(Fate::Bug(format!(
                "{} gave nothing at port `{}`",
                spec.name, port.name
            )));
        };
        let naming = if port.class == Class::Site {
            Naming::Keyed
        } else {
            Naming::Plain
        };
        let mut output = proto::Output {
            port: port.name.to_owned(),
            ..proto::Output::default()
        };
        match content {
            Content::Bytes(bytes) => {
                let bytes = Bytes::from(bytes);
                let digest = batch.put(bytes.to_vec(), naming)?;
                (output.digest, output.len) = (to_wire(&digest), bytes.len() as u64);
                if naming == Naming::Plain && !crew.shares_store {
                    if bytes.len() <= INLINE_BYTES {
                        (output.inline, output.has_inline) = (bytes, true);
                    } else {
                        uploads.push(digest);
                    }
                }
            }
            Content::Rows { of, ranges } => {
                let base = recipe
                    .inputs
                    .get(of)
                    .and_then(|e| e.first())
                    .map(|e| e.digest);
                let base = base.ok_or_else(|| {
                    Fate::Bug(format!(
                        "{} gave rows of port `{of}`, which has no input",
                        spec.name
                    ))
                })?;
                if naming == Naming::Keyed || base.is_keyed() {
                    return Err(Fate::Bug(format!(
                        "{}: a view on a site-bound artefact",
                        spec.name
                    )));
                }
                let digest = crew.local.store.put_slices(&base, &ranges)?;
                let whole = inputs.one(of).map_err(|e| Fate::Bug(e.to_string()))?.len() as u64;
                output.digest = to_wire(&digest);
                output.len = ranges
                    .iter()
                    .map(|r| r.end.min(whole).saturating_sub(r.start))
                    .sum();
                output.slice = Some(SliceOf {
                    base: to_wire(&base),
                    ranges: ranges.iter().flat_map(|r| [r.start, r.end]).collect(),
                });
            }
        }
        outputs.push(output);
    }
    let unsaved = match batch.len_bytes() {
        len if len <= UNSAVED_MAX => Some(batch),
        _ => {
            crew.local.store.commit(batch)?;
            None
        }
    };
    Ok(Local1::Done(Done {
        outcome: Outcome::Outputs(Outputs { outputs }),
        uploads,
        unsaved,
    }))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_name_leaves_the_site_with_a_failure_of_its_store() {
        let path = std::path::PathBuf::from("/data/Miller_Anna/cache");
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        let errors = [
            cas::StoreError::Io {
                doing: "write to",
                path: path.clone(),
                source: full(),
            },
            cas::StoreError::Stopped {
                cause: format!("cannot sync {}", path.display()),
            },
            cas::StoreError::Locked {
                dir: path,
                pid: None,
            },
        ];
        for error in errors {
            assert!(error.to_string().contains("Miller"));
            let told = without_paths(&error);
            assert!(!told.contains("Miller"), "{told}");
        }
    }
}
