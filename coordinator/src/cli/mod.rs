//! The command line. Errors go to stderr, one cause first; exit 0 done, 1 failed or refused, 2 wrong command line.

/// Prints a line; a reader that has seen enough (`| head`) ends the program quietly.
macro_rules! out {
    ($($arg:tt)*) => {{
        use std::io::Write as _;
        if writeln!(std::io::stdout(), $($arg)*).is_err() {
            std::process::exit(0);
        }
    }};
}

mod audit;
mod bundle;
mod cache;
mod check;
mod client;
mod embedded;
mod features;
mod ibsi;
mod output;
mod plan;
mod predict;
mod progress;
mod run;
mod runs;
mod serve;
mod settings;
mod step;
mod synth;
mod truth;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Weaves a radiomics survival study from many hospitals.
#[derive(Debug, Parser)]
#[command(
    name = "radloom",
    version,
    about,
    after_help = "First look:  radloom demo\nYour study:  radloom new my-study; radloom plan my-study/study.toml; radloom run my-study/study.toml"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the synthetic cohort, run the whole study on it, write the report
    #[command(after_help = "Example:  radloom demo --size tiny --out radloom-demo")]
    Demo(run::DemoArgs),
    /// Write a commented study to start from
    #[command(after_help = "Example:  radloom new my-study --from cervical-ccrt")]
    New(NewArgs),
    /// Make the synthetic cohort with known truth
    #[command(
        after_help = "Example:  radloom synth --size tiny --out cohort; radloom run cohort/study.toml"
    )]
    Synth(synth::SynthArgs),
    /// What is wrong with a study and its data: definition, cohort, images, masks, dates, outcomes, horizons
    #[command(
        after_help = "Examples:\n  radloom check study.toml --overlays pictures\n  radloom check --propose data --clinical clinical.csv"
    )]
    Check(check::CheckArgs),
    /// What a run would do, and why; nothing runs
    #[command(
        after_help = "Examples:\n  radloom plan study.toml\n  radloom plan study.toml --why --set values.margin_mm.careful=10.0"
    )]
    Plan(plan::PlanArgs),
    /// Run a study, here or on a served coordinator
    #[command(
        after_help = "Examples:\n  radloom run study.toml --out results\n  radloom run study.toml --coordinator http://hub:7411 --out results"
    )]
    Run(run::RunArgs),
    /// Serve as coordinator; workers dial in
    #[command(after_help = "Example:  radloom serve --state /srv/radloom --listen 127.0.0.1:7411")]
    Serve(serve::ServeArgs),
    /// List runs
    Runs(runs::ListArgs),
    /// How a run stands
    Status(runs::OneArgs),
    /// Follow a run until it ends
    Watch(runs::OneArgs),
    /// Drop what has not started; what runs is finished and kept
    Cancel(runs::OneArgs),
    /// Give no new work
    Pause(runs::OneArgs),
    /// Give work again
    Resume(runs::OneArgs),
    /// Why a task ran or did not: the component of its recipe that differs, old → new
    #[command(after_help = "Example:  radloom why demo-2 'ring[patient=c1-003]'")]
    Why(runs::WhyArgs),
    /// Look into the store
    #[command(subcommand)]
    Cache(cache::CacheCommand),
    /// Recompute what the printed numbers of a paper say about each other
    #[command(
        after_help = "Examples:\n  radloom audit paper.toml\n  radloom audit paper.toml --json\nExit code 0 whatever is found; 1 when the file cannot be read."
    )]
    Audit(audit::AuditArgs),
    /// What each feature is called, measures and is in
    #[command(after_help = "Examples:\n  radloom features --class glcm\n  radloom features --json")]
    Features(features::FeaturesArgs),
    /// This build against the consensus values of the Image Biomarker Standardisation Initiative
    #[command(
        after_help = "Example:  radloom ibsi\nExit code 0 if nothing but the known conventions differs, else 1."
    )]
    Ibsi(ibsi::IbsiArgs),
    /// Risk and survival of a new patient, by the model file of a run
    #[command(
        after_help = "Examples:\n  radloom predict results/models/dfs.radloom --image t2w.nii.gz --mask mask.nii.gz\n  radloom predict results/models/dfs.radloom --image t2w --mask mask.nrrd --site c2 --json"
    )]
    Predict(predict::PredictArgs),
    /// A run as one file that others can check: a Workflow Run RO-Crate
    #[command(
        after_help = "Examples:\n  radloom bundle demo-1 -o demo.zip\n  radloom bundle results -o results.zip"
    )]
    Bundle(bundle::BundleArgs),
    /// Recompute every hash of a bundle
    #[command(
        after_help = "Example:  radloom verify results.zip\nExit code 0 if all agrees, 1 if anything was altered."
    )]
    Verify(bundle::VerifyArgs),
    /// How near a run on a synthetic cohort came to what can be known of its patients
    #[command(after_help = "Example:  radloom truth radloom-demo-cohort radloom-demo")]
    Truth(truth::TruthArgs),
    /// Run one step by hand, without a coordinator
    #[command(subcommand)]
    Step(step::StepCommand),
}

#[derive(Debug, Args)]
struct NewArgs {
    /// Folder to make
    dir: PathBuf,
    /// Which study
    #[arg(long, default_value = "cervical-ccrt")]
    from: String,
}

/// Where the running or stored coordinator is.
#[derive(Clone, Debug, Args)]
pub(crate) struct Place {
    /// Cache folder (default: RADLOOM_CACHE, else radloom under XDG_CACHE_HOME or ~/.cache)
    #[arg(long, env = "RADLOOM_CACHE")]
    cache: Option<PathBuf>,
    /// A served coordinator instead, like http://hub:7411
    #[arg(long, env = "RADLOOM_COORDINATOR")]
    coordinator: Option<String>,
}

impl Place {
    /// The cache folder.
    pub(crate) fn cache(&self) -> anyhow::Result<PathBuf> {
        if let Some(dir) = &self.cache {
            return Ok(dir.clone());
        }
        if let Some(dir) = std::env::var_os("XDG_CACHE_HOME").filter(|d| !d.is_empty()) {
            return Ok(PathBuf::from(dir).join("radloom"));
        }
        let home = std::env::var_os("HOME").ok_or_else(|| {
            anyhow::anyhow!(
                "no cache folder: neither --cache, RADLOOM_CACHE, XDG_CACHE_HOME nor HOME is set"
            )
        })?;
        Ok(PathBuf::from(home).join(".cache/radloom"))
    }
}

/// Parses the command line and does it.
#[must_use]
pub fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    init_logs(if matches!(cli.command, Command::Serve(_)) {
        "info"
    } else {
        "warn"
    });
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("radloom: cannot start: {error}");
            return std::process::ExitCode::from(1);
        }
    };
    let done = runtime.block_on(dispatch(cli.command));
    // Blocked threads of a broken link must not hold the exit.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    match done {
        Ok(code) => std::process::ExitCode::from(code),
        Err(error) => {
            let text = told_once(&error);
            let usage = error.chain().any(|cause| cause.is::<Usage>()) || of_override(&text);
            eprintln!("radloom: {text}");
            std::process::ExitCode::from(if usage { 2 } else { 1 })
        }
    }
}

/// Whether a problem is one of `--set`: then the command line is wrong, not the study.
pub(crate) fn of_override(problem: &str) -> bool {
    problem.starts_with("--set ")
}

/// An error with its causes; a cause that the message above it says already is not said again.
fn told_once(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// The command line itself is wrong: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub String);

/// An error of the command line.
pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}

async fn dispatch(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Demo(args) => run::demo(args).await,
        Command::New(args) => new(&args),
        Command::Synth(args) => synth::synth(&args).map(|()| 0),
        Command::Check(args) => check::check(&args),
        Command::Plan(args) => plan::plan(args).await,
        Command::Run(args) => run::run(args).await,
        Command::Serve(args) => serve::serve(args).await,
        Command::Runs(args) => runs::list(args).await,
        Command::Status(args) => runs::status(args).await,
        Command::Watch(args) => runs::watch(args).await,
        Command::Cancel(args) => runs::act(args, runs::Act::Cancel).await,
        Command::Pause(args) => runs::act(args, runs::Act::Pause).await,
        Command::Resume(args) => runs::act(args, runs::Act::Resume).await,
        Command::Why(args) => runs::why(args).await,
        Command::Cache(command) => cache::cache(command).await,
        Command::Audit(args) => audit::audit(&args),
        Command::Features(args) => features::features(&args),
        Command::Ibsi(args) => ibsi::ibsi(&args),
        Command::Bundle(args) => bundle::bundle(args).await,
        Command::Verify(args) => bundle::verify(&args),
        Command::Predict(args) => predict::predict(&args),
        Command::Truth(args) => truth::truth(&args),
        Command::Step(command) => step::step(command),
    }
}

/// Logs go to stderr; `RADLOOM_LOG` chooses what, `RADLOOM_LOG_FORMAT=json` how.
fn init_logs(level: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("RADLOOM_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr);
    let set = if std::env::var("RADLOOM_LOG_FORMAT").is_ok_and(|f| f == "json") {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
    // Only a second initialisation fails, and then the first one stands.
    drop(set);
}

fn new(args: &NewArgs) -> anyhow::Result<u8> {
    let shipped = pipeline_defs::shipped();
    let Some((name, text)) = shipped.iter().find(|(name, _)| *name == args.from) else {
        let names: Vec<&str> = shipped.iter().map(|(name, _)| *name).collect();
        anyhow::bail!(
            "there is no study `{}` to start from; there are {}",
            args.from,
            names.join(", ")
        );
    };
    let study = args.dir.join("study.toml");
    anyhow::ensure!(
        !study.exists(),
        "{} exists already; choose another folder",
        study.display()
    );
    std::fs::create_dir_all(&args.dir)?;
    std::fs::write(&study, text)?;
    out!("{}", study.display());
    if text.contains("[cohort]") {
        let cohort = args.dir.join("cohort.toml");
        std::fs::write(&cohort, COHORT)?;
        out!("{}", cohort.display());
    }
    out!(
        "study `{name}` is ready to edit; then: radloom plan {}",
        study.display()
    );
    Ok(0)
}

const COHORT: &str = r#"# Which patients there are, where their files lie, and what may reach the coordinator.
# Each centre has its own; rows of other sites in the table are ignored.

table = "patients.csv"          # a row a patient: patient_id (a pseudonym), site, and the columns named below

[items]                         # files of a patient, relative to this file: from a column, or by pattern
t2w  = { pattern = "{patient_id}/t2w.nii.gz" }
mask = { pattern = "{patient_id}/mask.nii.gz" }
# mask_r1s2 = { column = "mask_r1s2" }     # a second delineation, for the patients that have one

[share]                         # columns that may reach the coordinator; nothing else does
columns = ["dfs_months", "dfs_event", "os_months", "os_event"]
"#;
