//! `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use clap::Args;
use tokio::sync::{Semaphore, watch};

use crate::serve::{Coordinator, Settings};
use crate::state::{HUB, Rules};

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// State folder: submissions, action cache, artefacts that are not site-bound
    #[arg(long)]
    state: PathBuf,
    /// Address for workers and commands
    #[arg(long, default_value = "127.0.0.1:7411")]
    listen: SocketAddr,
    /// Cores of the hub worker that this process runs; 0 for none (then join one: radloom-worker join URL --site hub)
    #[arg(long)]
    hub_cores: Option<u32>,
    /// Accept connections from other machines without certificates
    #[arg(long)]
    insecure: bool,
    /// Life of a lease without a heartbeat, seconds
    #[arg(long, default_value_t = 30)]
    lease_seconds: u64,
}

pub(super) async fn serve(args: ServeArgs) -> anyhow::Result<u8> {
    ensure!(
        args.insecure || args.listen.ip().is_loopback(),
        "{} can be reached from other machines and this build has no certificates yet; listen on 127.0.0.1 behind a tunnel, or write --insecure",
        args.listen
    );
    ensure!(
        (1..=86_400).contains(&args.lease_seconds),
        "--lease-seconds must be within 1 and 86400"
    );
    let rules = Rules {
        lease_ms: args.lease_seconds * 1000,
        ..Rules::production()
    };
    let heartbeat_ms = (rules.lease_ms / 5).clamp(100, 5_000);
    // The socket first: who asks during the start waits instead of being turned away.
    let listener = tokio::net::TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    let coordinator = Coordinator::start(&Settings {
        state: args.state.clone(),
        rules,
        heartbeat_ms,
    })?;
    let resumed = coordinator.resume()?;
    let address = listener.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let cores = args
        .hub_cores
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get() as u32));
    let hub_worker = (cores > 0).then(|| {
        let config = worker::session::Config {
            name: format!("{HUB}@{}", std::process::id()),
            site: HUB.to_owned(),
            store: coordinator.hub.store.clone(),
            cohort: None,
            shares_store: true,
            cores,
            memory_mb: 4096,
            permits: Arc::new(Semaphore::new(cores as usize)),
        };
        tokio::spawn(worker::session::run(
            config,
            coordinator.serve_in_process(),
            stopped.clone(),
        ))
    });
    out!(
        "listening on http://{address} · state {} · {resumed} unfinished runs taken up",
        args.state.display()
    );
    coordinator
        .serve_on(listener, async {
            interrupted().await;
            let _ = stop.send(true);
        })
        .await?;
    if let Some(worker) = hub_worker {
        let _ = tokio::time::timeout(std::time::Duration::from_secs(2), worker).await;
    }
    coordinator.stop().await;
    Ok(0)
}

/// Ctrl-C or a polite kill.
async fn interrupted() {
    let mut terminate =
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(signal) => signal,
            Err(_) => {
                let _ = tokio::signal::ctrl_c().await;
                return;
            }
        };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
