//! `radloom-worker`: joins a coordinator and runs the tasks of one site.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

/// Runs the tasks of one site; dials out only.
#[derive(Debug, Parser)]
#[command(
    name = "radloom-worker",
    version,
    about,
    after_help = "Example:  radloom-worker join http://hub:7411 --site c1 --cohort cohort.toml --cache /data/radloom"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Join a coordinator and work until stopped
    Join(JoinArgs),
}

#[derive(Debug, Args)]
struct JoinArgs {
    /// The coordinator, like http://hub:7411
    url: String,
    /// The site whose patients are here; `hub` for pooled work
    #[arg(long)]
    site: String,
    /// The site's cohort file; another worker of the site may have it
    #[arg(long)]
    cohort: Option<PathBuf>,
    /// This worker's folder: log, index, artefacts
    #[arg(long)]
    cache: PathBuf,
    /// Folder that the workers of the site share (default: inside --cache)
    #[arg(long)]
    site_store: Option<PathBuf>,
    /// Cores to use at once (default: all)
    #[arg(long)]
    slots: Option<u32>,
    /// Memory to use, MiB
    #[arg(long, default_value_t = 4096)]
    memory_mb: u64,
    /// Name of this worker (default: site, host and process)
    #[arg(long)]
    name: Option<String>,
}

fn main() -> ExitCode {
    let Cli {
        command: Command::Join(args),
    } = Cli::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("RADLOOM_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr);
    let set = if std::env::var("RADLOOM_LOG_FORMAT").is_ok_and(|f| f == "json") {
        logs.json().try_init()
    } else {
        logs.try_init()
    };
    // Only a second initialisation fails, and then the first one stands.
    drop(set);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("radloom-worker: cannot start: {error}");
            return ExitCode::from(1);
        }
    };
    let ended = runtime.block_on(join(args));
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("radloom-worker: {error:#}");
            ExitCode::from(1)
        }
    }
}

async fn join(args: JoinArgs) -> anyhow::Result<()> {
    let cores = args
        .slots
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get() as u32))
        .max(1);
    let is_hub = args.site == "hub";
    let site_store = args
        .site_store
        .clone()
        .unwrap_or_else(|| args.cache.join("site-store"));
    let own = args.cache.join("worker");
    for dir in [&own, &site_store] {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    let opened = cas::Store::open(cas::StoreConfig {
        dir: own,
        shared: (!is_hub).then_some(site_store),
        create_key: !is_hub,
    });
    let (store, report) = opened.context(
        "cannot open the worker's store; give each worker of a machine a --cache of its own",
    )?;
    if report.index_rebuilt || report.log_bytes_cut > 0 || report.log_bytes_damaged > 0 {
        tracing::warn!(?report, "the store was repaired while opening");
    }
    let host = std::fs::read_to_string("/etc/hostname")
        .map_or_else(|_| "host".to_owned(), |h| h.trim().to_owned());
    let config = worker::session::Config {
        name: args
            .name
            .unwrap_or_else(|| format!("{}@{host}-{}", args.site, std::process::id())),
        site: args.site,
        store,
        cohort: args.cohort,
        shares_store: false,
        cores,
        memory_mb: args.memory_mb,
        permits: Arc::new(tokio::sync::Semaphore::new(cores as usize)),
    };
    let connect = worker::session::connector_to(&args.url).map_err(anyhow::Error::msg)?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
        let terminated = async {
            match &mut terminate {
                Some(signal) => {
                    signal.recv().await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = terminated => {}
        }
        let _ = stop.send(true);
    });
    tracing::info!(
        name = config.name,
        site = config.site,
        cores,
        url = args.url,
        "joining"
    );
    Ok(worker::session::run(config, connect, stopped).await?)
}
