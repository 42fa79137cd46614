//! `run` and `demo`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use proto::{RunRef, RunResult, RunStatus, SubmitRequest};

use super::client::{Client, link_broke, patiently, told};
use super::embedded::Embedded;
use super::progress::Progress;
use super::{Place, bundle, output, settings, synth, truth};
use crate::grpc::ended;

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The study file
    study: PathBuf,
    /// Where results go; replaced as a whole (default: radloom-out/NAME)
    #[arg(long)]
    out: Option<PathBuf>,
    /// Cores to use at once (default: all)
    #[arg(long)]
    workers: Option<u32>,
    #[command(flatten)]
    place: Place,
    /// Change the study for this run: dotted.key=TOML value
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Make new splits, although pinned ones exist
    #[arg(long)]
    repin: bool,
    /// No progress
    #[arg(long)]
    quiet: bool,
    /// The result as JSON on stdout
    #[arg(long)]
    json: bool,
    /// Where the run's bundle goes; of `demo`
    #[arg(skip)]
    bundle: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// How large a cohort
    #[arg(long, default_value = "tiny", value_parser = ["tiny", "demo"])]
    size: String,
    /// Where results go; the cohort goes beside it, into OUT-cohort
    #[arg(long, default_value = "radloom-demo")]
    out: PathBuf,
    /// Cores to use at once (default: all)
    #[arg(long)]
    workers: Option<u32>,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn demo(args: DemoArgs) -> anyhow::Result<u8> {
    let name = args.out.file_name().map_or_else(
        || "radloom-demo".to_owned(),
        |n| n.to_string_lossy().into_owned(),
    );
    let cohort = args.out.with_file_name(format!("{name}-cohort"));
    eprintln!("making the {} cohort in {}", args.size, cohort.display());
    synth::make(&args.size, None, &cohort)?;
    let run_args = RunArgs {
        study: cohort.join("study.toml"),
        bundle: Some(args.out.with_file_name(format!("{name}.zip"))),
        out: Some(args.out),
        workers: args.workers,
        place: args.place,
        sets: Vec::new(),
        repin: false,
        quiet: false,
        json: false,
    };
    let (done, out) = work(&run_args).await?;
    if let Some(zip) = run_args.bundle.as_ref().filter(|zip| zip.exists()) {
        out!("bundle {}   (radloom verify it)", zip.display());
    }
    if done.phase == "done" && out.join("comparison.csv").exists() {
        truth::print(&truth::write(&cohort, &out)?);
    }
    conclude(&run_args, &done, &out)
}

pub(super) async fn run(args: RunArgs) -> anyhow::Result<u8> {
    let (done, out) = work(&args).await?;
    conclude(&args, &done, &out)
}

/// Runs the study; gives how it ended and where its output is.
async fn work(args: &RunArgs) -> anyhow::Result<(RunStatus, PathBuf)> {
    let request = read_study(&args.study, &args.sets, args.repin)?;
    let study = pipeline_defs::study::parse(&request.study_toml, &request.file, &request.sets)?;
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| Path::new("radloom-out").join(&study.name));
    let cache = match &args.place.coordinator {
        Some(_) => None,
        None => Some(args.place.cache()?),
    };
    output::check(&out, cache.as_deref())?;
    let done = match &args.place.coordinator {
        Some(url) => {
            let client = Client::served(url)?;
            let (result, status) = follow(&client, request, args.quiet, &mut None).await?;
            write_out(&client, result.as_ref(), &out, args.bundle.as_deref()).await?;
            status
        }
        None => run_embedded(args, &study, request, &out).await?,
    };
    Ok((done, out))
}

async fn run_embedded(
    args: &RunArgs,
    study: &pipeline_defs::Study,
    request: SubmitRequest,
    out: &Path,
) -> anyhow::Result<RunStatus> {
    let cache = args.place.cache()?;
    let embedded = open_for(&cache, &args.study, study, args.workers).await?;
    let client = embedded.client.clone();
    let mut held = Some(embedded);
    let followed = async {
        let followed = tokio::select! {
            followed = follow(&client, request, args.quiet, &mut held) => followed,
            _ = tokio::signal::ctrl_c() => {
                Err(anyhow::anyhow!("stopped; what is finished is kept: the same command goes on from there"))
            }
        };
        let (result, status) = followed?;
        write_out(&client, result.as_ref(), out, args.bundle.as_deref()).await?;
        Ok::<_, anyhow::Error>(status)
    }
    .await;
    if let Some(embedded) = held {
        embedded.stop().await;
    }
    followed
}

/// A coordinator of our own, with a worker for each site of the study.
pub(super) async fn open_for(
    cache: &Path,
    study_path: &Path,
    study: &pipeline_defs::Study,
    workers: Option<u32>,
) -> anyhow::Result<Embedded> {
    let cores = workers
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get() as u32))
        .max(1);
    let mut embedded = Embedded::start(cache, cores).await?;
    if !study.sites.is_empty() {
        let Some(file) = study.cohort.as_ref().and_then(|c| c.file.clone()) else {
            bail!(
                "the study names sites but no cohort file; add `[cohort] file = \"cohort.toml\"`, or run it on a served coordinator with --coordinator URL"
            );
        };
        let path = study_path.parent().unwrap_or(Path::new(".")).join(file);
        worker::cohort::read_file(&path)?;
        embedded.add_sites(&path, &study.sites)?;
        for (site, rows) in worker::cohort::rows_by_site(&path)? {
            if !study.sites.contains(&site) {
                eprintln!(
                    "radloom: note: {rows} rows of the patient table have site `{site}`, which the study does not name; they are left out"
                );
            }
        }
    }
    Ok(embedded)
}

/// The request for a study file, with its tables.
pub(super) fn read_study(
    path: &Path,
    sets: &[String],
    repin: bool,
) -> anyhow::Result<SubmitRequest> {
    let study_toml = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the study {}", path.display()))?;
    let file = path.display().to_string();
    let study = pipeline_defs::study::parse(&study_toml, &file, sets)?;
    let mut sets = sets.to_vec();
    sets.extend(settings::overrides(&study, path)?);
    let mut tables = HashMap::new();
    for (name, table) in &study.tables {
        let at = path.parent().unwrap_or(Path::new(".")).join(&table.file);
        let bytes = std::fs::read(&at)
            .with_context(|| {
                let at = at.display();
                format!("cannot read table `{name}` at {at}: put it there, or take `{name}` and what asks for it out of the study")
            })?;
        tables.insert(name.clone(), bytes.into());
    }
    Ok(SubmitRequest {
        study_toml,
        file,
        sets,
        tables,
        repin,
        why: false,
    })
}

/// Submits and follows to the end, over restarts of a served coordinator.
async fn follow(
    client: &Client,
    request: SubmitRequest,
    quiet: bool,
    held: &mut Option<Embedded>,
) -> anyhow::Result<(Option<RunResult>, RunStatus)> {
    let mut control = client.control();
    let run = control
        .submit(request)
        .await
        .map_err(told)?
        .into_inner()
        .run;
    let mut progress = Progress::new(quiet);
    loop {
        let status = watch_to_end(client, &run, &mut progress, held).await?;
        progress.end();
        if matches!(status.phase.as_str(), "refused" | "cancelled") {
            return Ok((None, status));
        }
        let asked = patiently(|| {
            let (mut control, run) = (client.control(), run.clone());
            async move { control.result(RunRef { run }).await }
        });
        match asked.await {
            Ok(result) => return Ok((Some(result.into_inner()), status)),
            // The coordinator restarted before it had written the record down: it is at it again.
            Err(early) if early.code() == tonic::Code::FailedPrecondition => {
                tokio::time::sleep(Duration::from_millis(100)).await
            }
            Err(error) => return Err(told(error)),
        }
    }
}

async fn watch_to_end(
    client: &Client,
    run: &str,
    progress: &mut Progress,
    held: &mut Option<Embedded>,
) -> anyhow::Result<RunStatus> {
    let open = || {
        let (mut control, run) = (client.control(), run.to_owned());
        async move { control.watch(RunRef { run }).await }
    };
    let away = |error| {
        told(error).context(format!("the run `{run}` goes on when the coordinator is back: radloom watch {run} --coordinator URL"))
    };
    let mut watching = patiently(open).await.map_err(away)?.into_inner();
    let mut status = RunStatus::default();
    loop {
        let next = tokio::time::timeout(Duration::from_millis(500), watching.message()).await;
        if let Some(embedded) = held {
            embedded.check().await?;
        }
        match next {
            Err(_) => continue,
            Ok(Ok(Some(now))) => {
                progress.show(&now);
                status = now;
            }
            Ok(Ok(None)) if ended(&status.phase) => return Ok(status),
            Ok(Ok(None)) => watching = patiently(open).await.map_err(away)?.into_inner(),
            Ok(Err(broken)) if link_broke(&broken) => {
                watching = patiently(open).await.map_err(away)?.into_inner()
            }
            Ok(Err(broken)) => return Err(told(broken)),
        }
        if ended(&status.phase) {
            return Ok(status);
        }
    }
}

async fn write_out(
    client: &Client,
    result: Option<&RunResult>,
    out: &Path,
    zip: Option<&Path>,
) -> anyhow::Result<()> {
    let Some(result) = result else { return Ok(()) };
    output::write(client, result, out).await?;
    match zip {
        Some(zip) => bundle::write(client, out, zip).await,
        None => Ok(()),
    }
}

/// Files that are not there for one reason are named together, and so are tasks that failed alike.
fn one_cause_once(problems: &[String]) -> Vec<String> {
    let mut files: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut tasks: Vec<(&str, Vec<&str>)> = Vec::new();
    for problem in problems {
        if let Some((file, cause)) = problem.split_once(" is not there: ") {
            let root = cause
                .rsplit_once(" was refused: ")
                .map_or(cause, |(_, root)| root);
            group(&mut files, root, file);
        } else {
            let (task, cause) = problem.split_once(": ").unwrap_or(("", problem));
            group(&mut tasks, cause, task);
        }
    }
    let failed = tasks
        .into_iter()
        .map(|(cause, tasks)| match tasks.as_slice() {
            [""] => cause.to_owned(),
            [one] => format!("{one}: {cause}"),
            many => format!("{}, and {} more tasks: {cause}", many[0], many.len() - 1),
        });
    let unwritten = files.into_iter().map(|(cause, files)| {
        format!(
            "{} {} not there: {cause}",
            files.join(", "),
            if files.len() == 1 { "is" } else { "are" }
        )
    });
    failed.chain(unwritten).collect()
}

fn group<'a>(groups: &mut Vec<(&'a str, Vec<&'a str>)>, cause: &'a str, member: &'a str) {
    match groups.iter_mut().find(|(known, _)| *known == cause) {
        Some((_, members)) => members.push(member),
        None => groups.push((cause, vec![member])),
    }
}

/// Patients left out of any analysis, by the run's own list.
fn excluded_patients(path: &Path) -> Option<u64> {
    let exclusions = artefact::exclusions::decode(&std::fs::read(path).ok()?).ok()?;
    let patients: std::collections::BTreeSet<_> = exclusions
        .iter()
        .map(|e| (&e.site, &e.patient_id))
        .collect();
    Some(patients.len() as u64)
}

/// What a person reads last.
fn conclude(args: &RunArgs, status: &RunStatus, out: &Path) -> anyhow::Result<u8> {
    for problem in one_cause_once(&status.problems) {
        eprintln!("radloom: {problem}");
    }
    let excluded = excluded_patients(&out.join("exclusions.csv")).unwrap_or(status.excluded);
    if status.phase == "refused" {
        let usage = status.problems.iter().any(|p| super::of_override(p));
        return Ok(if usage { 2 } else { 1 });
    }
    if args.json {
        let mut value = crate::finish::status_json(status);
        value["excluded"] = serde_json::json!(excluded);
        value["out"] = serde_json::json!(out.display().to_string());
        out!("{value}");
    } else {
        if out.join("comparison.csv").exists() {
            output::print_comparison(&out.join("comparison.csv"))?;
        }
        let report = out.join("report.html");
        let mut models: Vec<PathBuf> = std::fs::read_dir(out.join("models"))
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        models.sort();
        for model in models {
            if model.extension().is_some_and(|ext| ext == "radloom") {
                out!("model {}   (radloom predict it)", model.display());
            }
        }
        out!(
            "{}",
            if report.exists() {
                report.display().to_string()
            } else {
                out.display().to_string()
            }
        );
        out!(
            "reused {} · ran {} · cut off {} · excluded {}",
            status.reused,
            status.ran,
            status.cut_off,
            excluded
        );
    }
    Ok(u8::from(status.phase != "done"))
}
