//! A worker's life: dial out, say who is there, take leases, beat, report, and dial again when the link breaks.
//!
//! Work goes on without a link. What is finished is kept until the coordinator says that it is durable there; what is
//! held is named again in the next session. Heartbeats travel on the session's stream, artefacts on a channel of
//! their own, so that a beat never waits behind an upload.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cas::{Naming, Store};
use proto::loom_client::LoomClient;
use proto::{
    AnnouncedPatient, Announcement, FromWorker, Heartbeat, Hello, Inventory, Item, Lease, Results,
    Running, StepKind, TaskResult, ToWorker, from_worker, to_wire, to_worker,
};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tonic::transport::Channel;

use crate::cohort;
use crate::execute::{Crew, execute};
use crate::keeper::Keeper;
use crate::local::Local;

/// While there is more to do, results wait this long for each other: small ones travel, and become durable, together.
const LINGER: Duration = Duration::from_millis(20);
/// Results in one message.
const RESULTS_A_MESSAGE: usize = 256;

/// How a worker is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Unique name of the process; stable over reconnects.
    pub name: String,
    /// Its site; `hub` for the coordinator's own.
    pub site: String,
    /// Its store.
    pub store: Store,
    /// Its cohort file, when it has patients.
    pub cohort: Option<PathBuf>,
    /// Whether the store is the coordinator's own.
    pub shares_store: bool,
    /// Cores that tasks may use at once.
    pub cores: u32,
    /// Memory that tasks may use, MiB.
    pub memory_mb: u64,
    /// Cores shared with other workers of this process.
    pub permits: Arc<Semaphore>,
}

/// Why a worker gives up. A broken link is none: it dials again.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The cohort file does not read.
    #[error(transparent)]
    Cohort(#[from] cohort::CohortError),
    /// The coordinator does not want this worker.
    #[error("the coordinator refused this worker: {message} ({code})")]
    Denied {
        /// For programs.
        code: String,
        /// For people.
        message: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] cas::StoreError),
    /// A thread died.
    #[error("worker stopped: {0}")]
    Stopped(String),
}

/// Opens channels to the coordinator. Called again for each session.
pub type Connector = Arc<dyn Fn() -> Channel + Send + Sync>;

/// What is held and what is finished but not yet safe.
#[derive(Debug, Default)]
struct Desk {
    held: BTreeMap<u64, bytes::Bytes>,
    finished: BTreeMap<u64, TaskResult>,
}

#[derive(Clone)]
struct Worker {
    config: Config,
    crew: Arc<Crew>,
    desk: Arc<Mutex<Desk>>,
    done: mpsc::UnboundedSender<TaskResult>,
    bulk: LoomClient<Channel>,
}

/// Runs a worker until `stop` says so or the coordinator refuses it.
///
/// # Errors
/// See [`SessionError`].
pub async fn run(
    config: Config,
    connect: Connector,
    mut stop: tokio::sync::watch::Receiver<bool>,
) -> Result<(), SessionError> {
    let local = Local::new(config.store.clone());
    let announcement = announce(&config, &local).await?;
    let crew = Arc::new(Crew {
        keeper: Keeper::start(config.store.clone()),
        local,
        worker: config.name.clone(),
        site: config.site.clone(),
        shares_store: config.shares_store,
        downloading: tokio::sync::Mutex::new(()),
    });
    let (done, mut results) = mpsc::unbounded_channel();
    let worker = Worker {
        config,
        crew,
        desk: Arc::default(),
        done,
        bulk: LoomClient::new(connect()),
    };
    let mut pause = Duration::from_millis(50);
    loop {
        let began = std::time::Instant::now();
        match worker
            .session(&connect, &announcement, &mut results, &mut stop)
            .await
        {
            Ok(()) => return Ok(()),
            Err(End::Denied { code, message }) => {
                return Err(SessionError::Denied { code, message });
            }
            Err(End::Store(error)) => return Err(error.into()),
            Err(End::Link(message)) => {
                tracing::info!(message, "the link to the coordinator broke; dialling again")
            }
        }
        if began.elapsed() > Duration::from_secs(5) {
            pause = Duration::from_millis(50);
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => return Ok(()),
        }
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

/// Why a session ended.
enum End {
    Link(String),
    Denied { code: String, message: String },
    Store(cas::StoreError),
}

impl From<tonic::Status> for End {
    fn from(status: tonic::Status) -> End {
        End::Link(format!("{:?}: {}", status.code(), status.message()))
    }
}

impl Worker {
    async fn session(
        &self,
        connect: &Connector,
        announcement: &[Announcement],
        results: &mut mpsc::UnboundedReceiver<TaskResult>,
        stop: &mut tokio::sync::watch::Receiver<bool>,
    ) -> Result<(), End> {
        let opening = self.opening(announcement).await?;
        // Room for the whole opening, in order, before anybody reads.
        let (out, outbox) = mpsc::channel::<FromWorker>(opening.len() + 64);
        for message in opening {
            out.send(message)
                .await
                .map_err(|_| End::Link("the stream is closed".to_owned()))?;
        }
        // Leases of a gather over a whole cohort hold long recipes.
        let mut client = LoomClient::new(connect()).max_decoding_message_size(64 << 20);
        let mut inbox = client
            .session(tokio_stream::wrappers::ReceiverStream::new(outbox))
            .await
            .map_err(denied_or_link)?
            .into_inner();
        let mut beat = tokio::time::interval(Duration::from_secs(1));
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut waiting, mut last_sent) = (Vec::new(), Instant::now());
        loop {
            tokio::select! {
                message = inbox.message() => match message? {
                    Some(message) => self.take(message, &mut beat)?,
                    None => return Err(End::Link("the coordinator closed the session".to_owned())),
                },
                _ = beat.tick() => send(&out, from_worker::Body::Heartbeat(Heartbeat { fences: self.fences() })).await?,
                Some(result) = results.recv() => waiting.push(result),
                () = tokio::time::sleep_until(last_sent + LINGER), if !waiting.is_empty() => {}
                _ = stop.changed() => {
                    let _ = send(&out, from_worker::Body::Goodbye(proto::Goodbye {})).await;
                    // Give the goodbye a moment on the wire; without it the leases end by themselves, later.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    return Ok(());
                }
            }
            while waiting.len() < RESULTS_A_MESSAGE
                && let Ok(more) = results.try_recv()
            {
                waiting.push(more);
            }
            let due = waiting.len() >= RESULTS_A_MESSAGE
                || last_sent.elapsed() >= LINGER
                || self.is_idle();
            if !waiting.is_empty() && due {
                last_sent = Instant::now();
                send(
                    &out,
                    from_worker::Body::Results(Results {
                        results: std::mem::take(&mut waiting),
                    }),
                )
                .await?;
            }
        }
    }

    /// Who is here, what it has, what it holds, and results that nobody confirmed.
    async fn opening(&self, announcement: &[Announcement]) -> Result<Vec<FromWorker>, End> {
        let store = self.config.store.clone();
        let inventory = tokio::task::spawn_blocking(move || store.keyed_inventory())
            .await
            .map_err(|e| End::Link(e.to_string()))?;
        let inventory = if self.config.site == "hub" {
            Vec::new()
        } else {
            inventory.map_err(End::Store)?
        };
        let desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running: Vec<Running> = desk
            .held
            .iter()
            .map(|(fence, recipe)| Running {
                recipe: recipe.clone(),
                fence: *fence,
            })
            .collect();
        running.extend(desk.finished.values().map(|r| Running {
            recipe: r.recipe.clone(),
            fence: r.fence,
        }));
        let hello = Hello {
            protocol: proto::PROTOCOL,
            software: env!("CARGO_PKG_VERSION").to_owned(),
            worker: self.config.name.clone(),
            site: self.config.site.clone(),
            place: self.config.store.place_id(),
            cores: self.config.cores,
            memory_mb: self.config.memory_mb,
            kinds: kinds(),
            running,
        };
        let mut bodies = vec![from_worker::Body::Hello(hello)];
        bodies.extend(inventory.chunks(4096).map(|part| {
            from_worker::Body::Inventory(Inventory {
                digests: part.iter().map(to_wire).collect(),
                last: false,
            })
        }));
        bodies.push(from_worker::Body::Inventory(Inventory {
            digests: Vec::new(),
            last: true,
        }));
        bodies.extend(
            announcement
                .iter()
                .cloned()
                .map(from_worker::Body::Announcement),
        );
        let unconfirmed: Vec<TaskResult> = desk.finished.values().cloned().collect();
        bodies.extend(unconfirmed.chunks(16).map(|part| {
            from_worker::Body::Results(Results {
                results: part.to_vec(),
            })
        }));
        Ok(bodies
            .into_iter()
            .map(|body| FromWorker { body: Some(body) })
            .collect())
    }

    fn fences(&self) -> Vec<u64> {
        let desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        desk.held
            .keys()
            .chain(desk.finished.keys())
            .copied()
            .collect()
    }

    fn take(&self, message: ToWorker, beat: &mut tokio::time::Interval) -> Result<(), End> {
        match message.body {
            Some(to_worker::Body::Welcome(welcome)) => {
                *beat = tokio::time::interval(Duration::from_millis(
                    welcome.heartbeat_ms.clamp(50, 60_000),
                ));
                beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            }
            Some(to_worker::Body::Leases(leases)) => leases
                .leases
                .into_iter()
                .for_each(|lease| self.start(lease)),
            Some(to_worker::Body::Acks(acks)) => {
                let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
                for fence in acks.fences {
                    if let Some(safe) = desk.finished.remove(&fence) {
                        tracing::debug!(target: "radloom_worker::lease", recipe = %digest_text(&safe.recipe), fence, "safe");
                    }
                }
            }
            Some(to_worker::Body::Cancels(cancels)) => {
                let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
                for fence in cancels.fences {
                    desk.held.remove(&fence);
                    desk.finished.remove(&fence);
                }
            }
            Some(to_worker::Body::Denied(denied)) => {
                return Err(End::Denied {
                    code: denied.code,
                    message: denied.message,
                });
            }
            None => {}
        }
        Ok(())
    }

    fn start(&self, lease: Lease) {
        let worker = self.clone();
        tracing::debug!(target: "radloom_worker::lease", recipe = %digest_text(&lease.recipe), fence = lease.fence, address = lease.address, "leased");
        worker
            .desk
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .held
            .insert(lease.fence, lease.recipe.clone());
        tokio::spawn(async move {
            let wanted = lease.cores.clamp(1, worker.config.cores.max(1));
            let Ok(permit) = worker.config.permits.acquire_many(wanted).await else {
                return;
            };
            let fence = lease.fence;
            if !worker.holds(fence) {
                return; // cancelled while it waited
            }
            tracing::debug!(target: "radloom_worker::lease", recipe = %digest_text(&lease.recipe), fence, address = lease.address, "start");
            let result =
                execute(Arc::clone(&worker.crew), worker.bulk.clone(), lease, permit).await;
            let mut desk = worker.desk.lock().unwrap_or_else(PoisonError::into_inner);
            if desk.held.remove(&fence).is_some() {
                desk.finished.insert(fence, result.clone());
            }
            // A cancelled result is sent all the same: right bytes are welcome.
            let _ = worker.done.send(result);
        });
    }

    /// Whether nothing is left to work on.
    fn is_idle(&self) -> bool {
        self.desk
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .held
            .is_empty()
    }

    fn holds(&self, fence: u64) -> bool {
        self.desk
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .held
            .contains_key(&fence)
    }
}

/// A recipe's digest as text, for logs.
fn digest_text(wire: &[u8]) -> String {
    proto::from_wire(wire).map_or_else(|e| e.to_string(), |d| d.to_string())
}

async fn send(out: &mpsc::Sender<FromWorker>, body: from_worker::Body) -> Result<(), End> {
    out.send(FromWorker { body: Some(body) })
        .await
        .map_err(|_| End::Link("the stream is closed".to_owned()))
}

fn denied_or_link(status: tonic::Status) -> End {
    if status.code() == tonic::Code::FailedPrecondition {
        return End::Denied {
            code: "incompatible".to_owned(),
            message: status.message().to_owned(),
        };
    }
    status.into()
}

fn kinds() -> Vec<StepKind> {
    let known = pipeline_defs::kinds::all()
        .iter()
        .filter(|spec| crate::steps::KINDS.contains(&spec.name));
    known
        .map(|spec| StepKind {
            name: spec.name.to_owned(),
            version: spec.version,
        })
        .collect()
}

/// Scans the cohort and says what may be said about it.
async fn announce(config: &Config, local: &Local) -> Result<Vec<Announcement>, SessionError> {
    let Some(path) = config.cohort.clone() else {
        return Ok(Vec::new());
    };
    let (store, site) = (config.store.clone(), config.site.clone());
    let scan = tokio::task::spawn_blocking(move || cohort::scan(&path, &site, &store))
        .await
        .map_err(|e| SessionError::Stopped(e.to_string()))??;
    tracing::info!(
        patients = scan.patients.len(),
        files = scan.sources.len(),
        read = scan.n_read,
        "cohort scanned"
    );
    local.set_sources(scan.sources);
    let shared_table = if scan.shared_csv.is_empty() {
        bytes::Bytes::new()
    } else {
        to_wire(&config.store.name(&scan.shared_csv, Naming::Plain)?)
    };
    let patients: Vec<AnnouncedPatient> = scan
        .patients
        .into_iter()
        .map(|(patient_id, items)| AnnouncedPatient {
            patient_id,
            items: items
                .into_iter()
                .map(|(name, digest)| Item {
                    name,
                    digest: to_wire(&digest),
                })
                .collect(),
        })
        .collect();
    let mut parts: Vec<Announcement> = patients
        .chunks(1024)
        .map(|part| Announcement {
            patients: part.to_vec(),
            ..Announcement::default()
        })
        .collect();
    parts.push(Announcement {
        patients: Vec::new(),
        shared_table,
        shared_table_csv: scan.shared_csv.into(),
        last: true,
    });
    Ok(parts)
}

/// Opens channels to a served coordinator, with keep-alive on this side too: after a partition a channel without it never recovers.
///
/// # Errors
/// The address is no URL.
pub fn connector_to(url: &str) -> Result<Connector, String> {
    if let Some((scheme, rest)) = url.split_once("://")
        && scheme != "http"
    {
        return Err(format!(
            "`{url}`: this build has no certificates, so it would speak in clear; write http://{rest} on a trusted network or through a tunnel"
        ));
    }
    let text = if url.contains("://") {
        url.to_owned()
    } else {
        format!("http://{url}")
    };
    let endpoint = tonic::transport::Endpoint::from_shared(text.clone())
        .map_err(|e| {
            format!("`{url}` is no address of a coordinator ({e}); write http://HOST:7411")
        })?
        .connect_timeout(Duration::from_secs(10))
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(16 << 20)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true);
    Ok(Arc::new(move || endpoint.connect_lazy()))
}
