//! Puts the parts together: a store, the three threads, the services; in a process or on a port.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::Duration;

use cas::{Store, StoreConfig};
use hyper_util::rt::TokioIo;
use proto::control_server::ControlServer;
use proto::loom_server::LoomServer;
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, oneshot};
use tonic::transport::{Channel, Endpoint, Server, Uri};

use crate::finish::RunResult;
use crate::grpc::Service;
use crate::hub::{Hub, Message};
use crate::run_loop::{Loop, Outside};
use crate::state::{Rules, State};
use crate::submit::{Submission, Unstarted};

/// HTTP/2 window of a stream and of a connection: volumes cross wide-area links.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
/// A link that is silent this long is asked; without it a partition is never noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// How long a stop waits for what is being made durable.
const STOP_MAX: Duration = Duration::from_secs(10);

/// How a coordinator is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its state folder.
    pub state: PathBuf,
    /// How it behaves.
    pub rules: Rules,
    /// How often workers beat.
    pub heartbeat_ms: u64,
}

/// A running coordinator.
pub struct Coordinator {
    /// What its parts share.
    pub hub: Hub,
    threads: Vec<JoinHandle<()>>,
}

/// Why a coordinator does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] cas::StoreError),
    /// A folder or a thread cannot be made.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was tried.
        doing: String,
        /// Why not.
        source: std::io::Error,
    },
}

impl Coordinator {
    /// Opens the store and starts the threads; unfinished runs go on.
    ///
    /// # Errors
    /// The store does not open, or a thread does not start.
    pub fn start(settings: &Settings) -> Result<Coordinator, ServeError> {
        let store = open_store(&settings.state, None, false)?;
        let (to_loop, messages) = channel();
        let (to_intake, deliveries) = channel();
        let (to_finisher, finished) = channel();
        let hub = Hub::new(store, to_loop, to_intake);
        let state = State::new(settings.rules.clone(), first_fence(&hub)?);
        let mut threads = Vec::new();
        let heartbeat_ms = settings.heartbeat_ms;
        let h = hub.clone();
        threads.push(spawn("loop", move || {
            Loop::new(h, state, heartbeat_ms, to_finisher).run(&messages)
        })?);
        let h = hub.clone();
        threads.push(spawn("intake", move || {
            crate::intake::run(&h, &deliveries)
        })?);
        let h = hub.clone();
        threads.push(spawn("finish", move || crate::finish::run(&h, &finished))?);
        Ok(Coordinator { hub, threads })
    }

    /// Takes up the runs that an earlier life left: ended ones can be asked about, the others go on.
    ///
    /// # Errors
    /// The store failed.
    pub fn resume(&self) -> Result<usize, ServeError> {
        let mut resumed = 0;
        for (key, value) in self.hub.store.notes("submit:")? {
            let id = key.trim_start_matches("submit:").to_owned();
            if let Some(phase) = self.ended(&id)? {
                self.hub.tell(Message::Phase { run: id, phase });
                continue;
            }
            match serde_json::from_slice::<Submission>(&value) {
                Ok(submission) => {
                    resumed += 1;
                    self.hub.tell(Message::Phase {
                        run: id.clone(),
                        phase: Outside::Waiting(Vec::new()),
                    });
                    tokio::spawn(crate::submit::launch(self.hub.clone(), id, submission));
                }
                Err(error) => {
                    tracing::error!(run = id, %error, "a stored submission does not read; the run is left alone")
                }
            }
        }
        Ok(resumed)
    }

    /// Makes ended runs known without taking up the others: for questions about a cache that nobody runs on.
    ///
    /// # Errors
    /// The store failed.
    pub fn list_ended(&self) -> Result<(), ServeError> {
        for (key, _) in self.hub.store.notes("submit:")? {
            let id = key.trim_start_matches("submit:").to_owned();
            if let Some(phase) = self.ended(&id)? {
                self.hub.tell(Message::Phase { run: id, phase });
            }
        }
        Ok(())
    }

    /// How a run of an earlier life ended, if it did.
    fn ended(&self, id: &str) -> Result<Option<Outside>, ServeError> {
        if let Some((status, result)) = self.recorded(id)? {
            return Ok(Some(Outside::Ended(Box::new(status), result)));
        }
        let unstarted = Unstarted::of(&self.hub.store, id)?;
        Ok(unstarted.map(|end| match end.cancelled {
            true => Outside::Cancelled,
            false => Outside::Refused(end.problems),
        }))
    }

    fn recorded(&self, id: &str) -> Result<Option<(proto::RunStatus, RunResult)>, ServeError> {
        let Some(bytes) = self.hub.store.note(&format!("result:{id}"))? else {
            return Ok(None);
        };
        let Ok(note) = serde_json::from_slice::<serde_json::Value>(&bytes) else {
            return Ok(None);
        };
        let Ok(result) = serde_json::from_value::<RunResult>(note["result"].clone()) else {
            return Ok(None);
        };
        let mut status = crate::finish::status_from_json(&note["status"]);
        status.run = id.to_owned();
        status.problems.extend(result.unpublished.iter().cloned());
        status.phase = if result.complete {
            "done"
        } else {
            "incomplete"
        }
        .to_owned();
        Ok(Some((status, result)))
    }

    /// Serves in-process callers; the connector opens channels to it.
    #[must_use]
    pub fn serve_in_process(&self) -> worker::session::Connector {
        let (tx, rx) = mpsc::unbounded_channel::<Result<DuplexStream, std::io::Error>>();
        let router = router(&self.hub);
        tokio::spawn(async move {
            let incoming = tokio_stream::wrappers::UnboundedReceiverStream::new(rx);
            if let Err(error) = router.serve_with_incoming(incoming).await {
                tracing::error!(%error, "the in-process service ended");
            }
        });
        Arc::new(move || in_process_channel(tx.clone()))
    }

    /// Serves on a socket until `stop` resolves.
    ///
    /// # Errors
    /// The socket cannot be bound.
    pub async fn serve_on(
        &self,
        listener: tokio::net::TcpListener,
        stop: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        // Sessions are streams without end, so nobody waits for them: broken calls are resumed by their callers.
        let served = tokio::select! {
            served = router(&self.hub).serve_with_incoming(incoming) => served,
            () = stop => Ok(()),
        };
        served.map_err(|e| ServeError::Io {
            doing: "serve".to_owned(),
            source: std::io::Error::other(e),
        })
    }

    /// Ends the threads after what they hold is done.
    pub async fn stop(self) {
        let (tx, rx) = oneshot::channel();
        self.hub.tell(Message::Stop(tx));
        let _ = rx.await;
        self.hub.stop_intake();
        let threads = self.threads;
        let ended =
            tokio::task::spawn_blocking(|| threads.into_iter().for_each(|t| drop(t.join())));
        let _ = tokio::time::timeout(STOP_MAX, ended).await;
    }
}

pub(crate) fn router(hub: &Hub) -> tonic::transport::server::Router {
    let service = Service::new(hub.clone());
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .add_service(LoomServer::new(service.clone()).max_decoding_message_size(64 << 20))
        .add_service(ControlServer::new(service).max_decoding_message_size(256 << 20))
}

fn in_process_channel(
    server: mpsc::UnboundedSender<Result<DuplexStream, std::io::Error>>,
) -> Channel {
    let connector = tower::service_fn(move |_: Uri| {
        let server = server.clone();
        async move {
            let (ours, theirs) = tokio::io::duplex(1 << 20);
            server
                .send(Ok(theirs))
                .map_err(|_| std::io::Error::other("the coordinator stopped"))?;
            Ok::<_, std::io::Error>(TokioIo::new(ours))
        }
    });
    Endpoint::from_static("http://in-process")
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .connect_with_connector_lazy(connector)
}

/// Opens channels to a served coordinator, with keep-alive, so that a broken path is noticed.
///
/// # Errors
/// The address is no URL.
pub fn connector_to(url: &str) -> Result<worker::session::Connector, String> {
    worker::session::connector_to(url)
}

/// Opens the store of a coordinator or a worker under `dir`.
///
/// # Errors
/// See [`cas::StoreError`].
pub fn open_store(
    dir: &Path,
    shared: Option<PathBuf>,
    create_key: bool,
) -> Result<Store, cas::StoreError> {
    let (store, report) = Store::open(StoreConfig {
        dir: dir.to_owned(),
        shared,
        create_key,
    })?;
    if report.index_rebuilt || report.log_bytes_cut > 0 || report.log_bytes_damaged > 0 {
        tracing::warn!(?report, "the store was repaired while opening");
    }
    Ok(store)
}

/// Leases of this life are younger than all before.
fn first_fence(hub: &Hub) -> Result<u64, ServeError> {
    let note = hub.store.note("epoch")?;
    let epoch = note
        .and_then(|b| String::from_utf8_lossy(&b).parse::<u64>().ok())
        .unwrap_or(0)
        + 1;
    hub.store.set_note("epoch", epoch.to_string().as_bytes())?;
    Ok(epoch << 40)
}

/// A thread without which the coordinator is deaf: when it panics, the process ends, and the next life plans again.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, ServeError> {
    let thread = name.to_owned();
    let guarded = move || {
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
            eprintln!(
                "radloom: bug: the {thread} thread panicked; start again, what is finished is kept"
            );
            std::process::exit(70);
        }
    };
    let built = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(guarded);
    built.map_err(|source| ServeError::Io {
        doing: format!("start thread {name}"),
        source,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use proto::control_server::Control;
    use proto::{RunRef, SubmitRequest};
    use tonic::Request;

    fn coordinator(dir: &Path) -> Coordinator {
        let settings = Settings {
            state: dir.to_owned(),
            rules: Rules::production(),
            heartbeat_ms: 1_000,
        };
        Coordinator::start(&settings).unwrap()
    }

    async fn phase(service: &Service, run: &str) -> String {
        let run = run.to_owned();
        service
            .status(Request::new(RunRef { run }))
            .await
            .unwrap()
            .into_inner()
            .phase
    }

    #[tokio::test]
    async fn a_run_that_waits_for_its_sites_is_dropped_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let first = coordinator(dir.path());
        let service = Service::new(first.hub.clone());
        let request = SubmitRequest {
            study_toml: pipeline_defs::without_biology(pipeline_defs::shipped()[0].1),
            file: "study.toml".to_owned(),
            ..SubmitRequest::default()
        };
        let run = service.submit(Request::new(request)).await.unwrap();
        let run = run.into_inner().run;
        assert_eq!(phase(&service, &run).await, "waiting-for-sites");
        let dropped = RunRef { run: run.clone() };
        let status = service.cancel(Request::new(dropped)).await.unwrap();
        assert_eq!(status.into_inner().phase, "cancelled");
        // It has noticed, and says no more that it waits.
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(phase(&service, &run).await, "cancelled");
        drop(service);
        first.stop().await;

        let second = coordinator(dir.path());
        assert_eq!(second.resume().unwrap(), 0);
        let service = Service::new(second.hub.clone());
        assert_eq!(phase(&service, &run).await, "cancelled");
    }

    #[tokio::test]
    async fn a_refused_run_is_refused_after_a_restart_too() {
        let dir = tempfile::tempdir().unwrap();
        let first = coordinator(dir.path());
        let end = Unstarted {
            cancelled: false,
            problems: vec!["two workers contradict each other".to_owned()],
        };
        end.save(&first.hub.store, "s-1").unwrap();
        first.hub.store.set_note("submit:s-1", b"{}").unwrap();
        assert_eq!(first.resume().unwrap(), 0);
        let service = Service::new(first.hub.clone());
        assert_eq!(phase(&service, "s-1").await, "refused");
    }
}
