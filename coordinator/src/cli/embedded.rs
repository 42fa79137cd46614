//! A coordinator and its workers inside this process: the served code, over an in-process transport.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::client::{Client, socket_of};
use crate::serve::{Coordinator, Settings, open_store};
use crate::state::{HUB, Rules};

/// A coordinator with a hub worker and, for a study with a cohort, a worker a site.
pub(super) struct Embedded {
    pub client: Client,
    pub coordinator: Coordinator,
    connect: worker::session::Connector,
    permits: Arc<Semaphore>,
    cores: u32,
    cache: PathBuf,
    stop: watch::Sender<bool>,
    workers: Vec<JoinHandle<Result<(), worker::session::SessionError>>>,
    socket: Option<PathBuf>,
}

/// Memory that in-process workers offer, MiB: what the machine has, or a cautious guess.
fn memory_mb() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = text.lines().find_map(|l| {
        l.strip_prefix("MemTotal:")?
            .trim()
            .strip_suffix("kB")?
            .trim()
            .parse::<u64>()
            .ok()
    });
    kib.map_or(4096, |k| k / 1024 * 3 / 4)
}

impl Embedded {
    /// Opens the cache and starts the coordinator and its hub worker.
    pub async fn start(cache: &Path, cores: u32) -> anyhow::Result<Embedded> {
        std::fs::create_dir_all(cache)
            .with_context(|| format!("cannot make cache folder {}", cache.display()))?;
        let settings = Settings {
            state: cache.join("coordinator"),
            rules: Rules::production(),
            heartbeat_ms: 1_000,
        };
        let coordinator = Coordinator::start(&settings)?;
        let connect = coordinator.serve_in_process();
        let (stop, _) = watch::channel(false);
        let mut embedded = Embedded {
            client: Client::new(connect()),
            connect,
            permits: Arc::new(Semaphore::new(cores as usize)),
            cores,
            cache: cache.to_owned(),
            stop,
            workers: Vec::new(),
            socket: None,
            coordinator,
        };
        embedded.listen(&socket_of(cache));
        embedded.add_worker(HUB, embedded.coordinator.hub.store.clone(), None, true);
        Ok(embedded)
    }

    /// Lets `plan`, `why` and `status` of other processes ask this one.
    fn listen(&mut self, path: &Path) {
        // We hold the store's lock, so a socket that is there is left over from a process that died.
        let _ = std::fs::remove_file(path);
        match tokio::net::UnixListener::bind(path) {
            Ok(listener) => {
                self.socket = Some(path.to_owned());
                let router = crate::serve::router(&self.coordinator.hub);
                tokio::spawn(router.serve_with_incoming(
                    tokio_stream::wrappers::UnixListenerStream::new(listener),
                ));
            }
            Err(error) => tracing::warn!(%error, "other processes cannot ask this one"),
        }
    }

    /// Starts one worker for each site of a cohort file.
    pub fn add_sites(&mut self, cohort: &Path, sites: &[String]) -> anyhow::Result<()> {
        for site in sites {
            let dir = self.cache.join("sites").join(site);
            let store =
                open_store(&dir, None, true).with_context(|| format!("store of site {site}"))?;
            self.add_worker(site, store, Some(cohort.to_owned()), false);
        }
        Ok(())
    }

    fn add_worker(
        &mut self,
        site: &str,
        store: cas::Store,
        cohort: Option<PathBuf>,
        shares_store: bool,
    ) {
        let config = worker::session::Config {
            name: format!("{site}@{}", std::process::id()),
            site: site.to_owned(),
            store,
            cohort,
            shares_store,
            cores: self.cores,
            memory_mb: memory_mb(),
            permits: Arc::clone(&self.permits),
        };
        self.workers.push(tokio::spawn(worker::session::run(
            config,
            Arc::clone(&self.connect),
            self.stop.subscribe(),
        )));
    }

    /// Fails when a worker gave up.
    pub async fn check(&mut self) -> anyhow::Result<()> {
        if let Some(at) = self.workers.iter().position(JoinHandle::is_finished) {
            self.workers.remove(at).await??;
        }
        Ok(())
    }

    /// Stops the workers, then the coordinator.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        for worker in self.workers.drain(..) {
            let _ = worker.await;
        }
        if let Some(path) = &self.socket {
            let _ = std::fs::remove_file(path);
        }
        self.coordinator.stop().await;
    }
}
