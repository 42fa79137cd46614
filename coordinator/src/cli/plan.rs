//! `plan`.

use std::path::PathBuf;

use clap::Args;
use comfy_table::{Cell, CellAlignment, Table, presets};
use proto::PlanReply;

use super::client::{Client, told};
use super::{Place, run, settings};

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// The study file
    study: PathBuf,
    /// For each task that would run: the component of its recipe that differs, old → new
    #[arg(long)]
    why: bool,
    /// Change the study: dotted.key=TOML value
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    place: Place,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn plan(args: PlanArgs) -> anyhow::Result<u8> {
    let mut request = run::read_study(&args.study, &args.sets, false)?;
    request.why = args.why;
    let (study_toml, file) = (request.study_toml.clone(), request.file.clone());
    let study = pipeline_defs::study::parse(&study_toml, &file, &request.sets)?;
    let reply = if let Some(url) = &args.place.coordinator {
        Client::served(url)?
            .control()
            .plan(request)
            .await
            .map_err(told)?
            .into_inner()
    } else {
        let cache = args.place.cache()?;
        if let Some(client) = Client::beside(&cache).await {
            client
                .control()
                .plan(request)
                .await
                .map_err(told)?
                .into_inner()
        } else {
            let mut embedded = run::open_for(&cache, &args.study, &study, None).await?;
            let reply = wait_and_plan(&mut embedded, request).await;
            embedded.stop().await;
            reply?
        }
    };
    if args.json {
        print_json(&reply)
    } else {
        print(&reply);
        let written = pipeline_defs::study::parse(&study_toml, &file, &args.sets)?;
        for line in settings::told(&written, &args.study)? {
            out!("{line}");
        }
    }
    Ok(0)
}

/// Our own workers announce their cohorts first.
async fn wait_and_plan(
    embedded: &mut super::embedded::Embedded,
    request: proto::SubmitRequest,
) -> anyhow::Result<PlanReply> {
    loop {
        embedded.check().await?;
        match embedded.client.control().plan(request.clone()).await {
            Ok(reply) => return Ok(reply.into_inner()),
            Err(status)
                if status.code() == tonic::Code::FailedPrecondition
                    && status.message().starts_with("no cohort announced") =>
            {
                embedded.coordinator.hub.board_change().await;
            }
            Err(status) => return Err(told(status)),
        }
    }
}

fn print(reply: &PlanReply) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header([
        "step", "site", "cached", "to run", "depends", "refused", "about",
    ]);
    let number = |n: u64| {
        Cell::new(if n == 0 {
            "·".to_owned()
        } else {
            n.to_string()
        })
        .set_alignment(CellAlignment::Right)
    };
    for row in &reply.rows {
        let seconds = if row.seconds > 0.0 {
            format!("{:.1} s", row.seconds)
        } else {
            String::new()
        };
        table.add_row([
            Cell::new(&row.step),
            Cell::new(&row.site),
            number(row.cached),
            number(row.to_run),
            number(row.unknown),
            number(row.refused),
            Cell::new(seconds).set_alignment(CellAlignment::Right),
        ]);
    }
    out!("{table}");
    let sum = |f: fn(&proto::PlanRow) -> u64| reply.rows.iter().map(f).sum::<u64>();
    out!(
        "{} tasks: {} cached, {} to run, {} depend on what those give, {} refused · about {:.0} core-seconds · planned in {:.1} ms",
        reply.total,
        sum(|r| r.cached),
        sum(|r| r.to_run),
        sum(|r| r.unknown),
        sum(|r| r.refused),
        reply.rows.iter().map(|r| r.seconds).sum::<f64>(),
        reply.planning_us as f64 / 1000.0
    );
    for leaving in &reply.leaving {
        let bytes = if leaving.bytes_known {
            format!("{} bytes", leaving.bytes)
        } else {
            "size known after the run".to_owned()
        };
        out!(
            "leaves {}: {} × {} ({bytes})",
            leaving.site,
            leaving.artefacts,
            leaving.kind
        );
    }
    for note in &reply.notes {
        out!("{note}");
    }
    for why in &reply.whys {
        out!("{why}");
    }
}

fn print_json(reply: &PlanReply) {
    let rows: Vec<serde_json::Value> = reply
        .rows
        .iter()
        .map(|r| serde_json::json!({"step": r.step, "site": r.site, "cached": r.cached, "to_run": r.to_run, "unknown": r.unknown, "refused": r.refused, "seconds": r.seconds}))
        .collect();
    let leaving: Vec<serde_json::Value> = reply
        .leaving
        .iter()
        .map(|l| serde_json::json!({"site": l.site, "kind": l.kind, "artefacts": l.artefacts, "bytes": l.bytes_known.then_some(l.bytes)}))
        .collect();
    out!(
        "{}",
        serde_json::json!({"total": reply.total, "planning_us": reply.planning_us, "rows": rows, "leaving": leaving, "notes": reply.notes, "why": reply.whys})
    );
}
