//! Runs from outside: `runs`, `status`, `watch`, `cancel`, `pause`, `resume`, `why`.

use clap::Args;
use comfy_table::{Table, presets};
use proto::{RunRef, RunStatus, RunsRequest, WhyRequest};

use super::Place;
use super::client::{Client, told};
use super::embedded::Embedded;
use super::progress::Progress;

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    place: Place,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct OneArgs {
    /// The run, as `radloom runs` lists it
    run: String,
    #[command(flatten)]
    place: Place,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct WhyArgs {
    /// The run, as `radloom runs` lists it
    run: String,
    /// The task: step[axis=value,…]
    task: String,
    #[command(flatten)]
    place: Place,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Cancel,
    Pause,
    Resume,
}

/// The coordinator to ask: served, beside us, or the cache opened by ourselves for as long as the question lasts.
pub(super) async fn reach(place: &Place) -> anyhow::Result<(Client, Option<Embedded>)> {
    if let Some(url) = &place.coordinator {
        return Ok((Client::served(url)?, None));
    }
    let cache = place.cache()?;
    if let Some(client) = Client::beside(&cache).await {
        return Ok((client, None));
    }
    anyhow::ensure!(
        cache.join("coordinator").exists(),
        "there is no run in cache {}; run a study first, or name another --cache",
        cache.display()
    );
    let embedded = Embedded::start(&cache, 1).await?;
    embedded.coordinator.list_ended()?;
    Ok((embedded.client.clone(), Some(embedded)))
}

pub(super) async fn done(held: Option<Embedded>) {
    if let Some(embedded) = held {
        embedded.stop().await;
    }
}

pub(super) async fn list(args: ListArgs) -> anyhow::Result<u8> {
    let (client, held) = reach(&args.place).await?;
    let runs = client.control().runs(RunsRequest {}).await.map_err(told);
    done(held).await;
    let mut runs = runs?.into_inner().runs;
    runs.sort_by(|a, b| a.run.cmp(&b.run));
    if args.json {
        out!(
            "{}",
            serde_json::Value::from(
                runs.iter()
                    .map(crate::finish::status_json)
                    .collect::<Vec<_>>()
            )
        );
        return Ok(0);
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header([
        "run", "phase", "tasks", "done", "reused", "refused", "failed", "excluded", "took",
    ]);
    for r in &runs {
        let numbers =
            [r.total, r.done, r.reused, r.refused, r.failed, r.excluded].map(|n| n.to_string());
        let took = format!("{:.1} s", r.elapsed_ms as f64 / 1000.0);
        table.add_row(
            [r.run.clone(), r.phase.clone()]
                .into_iter()
                .chain(numbers)
                .chain([took]),
        );
    }
    out!("{table}");
    Ok(0)
}

pub(super) async fn status(args: OneArgs) -> anyhow::Result<u8> {
    let (client, held) = reach(&args.place).await?;
    let status = client
        .control()
        .status(RunRef { run: args.run })
        .await
        .map_err(told);
    done(held).await;
    show(&status?.into_inner(), args.json);
    Ok(0)
}

pub(super) async fn watch(args: OneArgs) -> anyhow::Result<u8> {
    let (client, held) = reach(&args.place).await?;
    let mut stream = client
        .control()
        .watch(RunRef { run: args.run })
        .await
        .map_err(told)?
        .into_inner();
    let mut progress = Progress::new(args.json);
    let mut last = RunStatus::default();
    while let Some(status) = stream.message().await.map_err(told)? {
        progress.show(&status);
        last = status;
    }
    progress.end();
    done(held).await;
    show(&last, args.json);
    Ok(u8::from(last.phase != "done"))
}

pub(super) async fn act(args: OneArgs, act: Act) -> anyhow::Result<u8> {
    let (client, held) = reach(&args.place).await?;
    let mut control = client.control();
    let run = RunRef { run: args.run };
    let status = match act {
        Act::Cancel => control.cancel(run).await,
        Act::Pause => control.pause(run).await,
        Act::Resume => control.resume(run).await,
    };
    done(held).await;
    show(&status.map_err(told)?.into_inner(), args.json);
    Ok(0)
}

pub(super) async fn why(args: WhyArgs) -> anyhow::Result<u8> {
    let (client, held) = reach(&args.place).await?;
    let reply = client
        .control()
        .why(WhyRequest {
            run: args.run,
            task: args.task.clone(),
        })
        .await
        .map_err(told);
    done(held).await;
    let reply = reply?.into_inner();
    if args.json {
        let differences: Vec<serde_json::Value> = reply
            .differences
            .iter()
            .map(|d| serde_json::json!({"component": d.component, "old": d.old, "new": d.new}))
            .collect();
        out!(
            "{}",
            serde_json::json!({"task": args.task, "verdict": reply.verdict, "differences": differences, "recipe": reply.recipe, "waits_for": reply.waits_for})
        );
        return Ok(0);
    }
    out!("{}: {}", args.task, reply.verdict);
    for d in &reply.differences {
        out!("  {}: {} → {}", d.component, d.old, d.new);
    }
    for task in &reply.waits_for {
        out!("  waits for {task}");
    }
    if !reply.recipe.is_empty() {
        out!(
            "  recipe {}   (radloom cache show {})",
            reply.recipe,
            reply.recipe
        );
    }
    Ok(0)
}

fn show(status: &RunStatus, json: bool) {
    if json {
        out!("{}", crate::finish::status_json(status));
        return;
    }
    out!(
        "{}: {} · {}/{} done · reused {} · ran {} · cut off {} · refused {} · failed {} · excluded {}",
        status.run,
        status.phase,
        status.done,
        status.total,
        status.reused,
        status.ran,
        status.cut_off,
        status.refused,
        status.failed,
        status.excluded
    );
    for site in &status.missing_sites {
        out!("  waits for site {site}");
    }
    for step in status
        .steps
        .iter()
        .filter(|s| s.done + s.refused + s.failed < s.total)
    {
        out!(
            "  {}: {}/{}, {} running",
            step.step,
            step.done,
            step.total,
            step.running
        );
    }
    for problem in &status.problems {
        out!("  {problem}");
    }
}
