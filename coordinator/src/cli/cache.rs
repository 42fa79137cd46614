//! `cache`: look into the store.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use digest::Digest;

use super::Place;
use super::client::Client;

#[derive(Debug, Subcommand)]
pub(super) enum CacheCommand {
    /// List artefacts
    Ls(ListArgs),
    /// What an artefact is; a recipe is shown whole
    Show(OneArgs),
    /// Write an artefact to a file
    #[command(after_help = "Example:  radloom cache get b3:4f… -o features.csv")]
    Get(GetArgs),
    /// Read everything and compare with its digest; what does not match is set aside
    Verify(ListArgs),
    /// Remove what no finished or waiting run needs
    Gc(GcArgs),
}

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
    /// Its digest
    digest: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct GetArgs {
    /// Its digest
    digest: String,
    /// Where to
    #[arg(short, long)]
    output: PathBuf,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct GcArgs {
    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
    /// Go on although runs were interrupted: what they computed goes, what they start from stays
    #[arg(long)]
    drop_unfinished: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn cache(command: CacheCommand) -> anyhow::Result<u8> {
    match command {
        CacheCommand::Ls(args) => list(&args),
        CacheCommand::Show(args) => show(&args).await,
        CacheCommand::Get(args) => {
            let bytes = fetch(&args.place, &args.digest).await?;
            std::fs::write(&args.output, bytes)
                .with_context(|| format!("cannot write {}", args.output.display()))?;
            Ok(0)
        }
        CacheCommand::Verify(args) => verify(&args),
        CacheCommand::Gc(args) => gc(&args),
    }
}

/// Every store of a cache folder: the coordinator's and those of its sites.
fn stores(place: &Place) -> anyhow::Result<Vec<(String, cas::Store)>> {
    let cache = place.cache()?;
    let mut found = Vec::new();
    if cache.join("coordinator").exists() {
        found.push((
            "coordinator".to_owned(),
            crate::serve::open_store(&cache.join("coordinator"), None, false)?,
        ));
    }
    let mut sites: Vec<PathBuf> = std::fs::read_dir(cache.join("sites"))
        .map(|d| d.flatten().map(|e| e.path()).collect())
        .unwrap_or_default();
    sites.sort();
    for dir in sites {
        let name = dir
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        found.push((name, crate::serve::open_store(&dir, None, false)?));
    }
    anyhow::ensure!(
        !found.is_empty(),
        "there is no store in {}",
        cache.display()
    );
    Ok(found)
}

fn list(args: &ListArgs) -> anyhow::Result<u8> {
    let mut out = std::io::stdout().lock();
    for (name, store) in stores(&args.place)? {
        for entry in store.list() {
            let entry = entry?;
            let line = if args.json {
                serde_json::json!({"store": name, "digest": entry.digest.to_string(), "bytes": entry.len, "kept_as": format!("{:?}", entry.kind)}).to_string()
            } else {
                format!("{name}\t{}\t{}\t{:?}", entry.digest, entry.len, entry.kind)
            };
            if writeln!(out, "{line}").is_err() {
                return Ok(0); // the reader of a pipe has seen enough
            }
        }
    }
    Ok(0)
}

async fn fetch(place: &Place, text: &str) -> anyhow::Result<Vec<u8>> {
    let digest: Digest = text.parse().map_err(|_| {
        anyhow::anyhow!("`{text}` is no digest; one looks like b3: and 64 hexadecimal digits")
    })?;
    if let Some(url) = &place.coordinator {
        return Client::served(url)?.fetch(digest).await;
    }
    let cache = place.cache()?;
    if let Some(client) = Client::beside(&cache).await {
        return client.fetch(digest).await;
    }
    for (_, store) in stores(place)? {
        if digest.is_keyed() && store.site_key().is_none() {
            continue;
        }
        if let Some(bytes) = store.get(&digest)? {
            return Ok(bytes.to_vec());
        }
    }
    anyhow::bail!("{digest} is not in cache {}", cache.display())
}

async fn show(args: &OneArgs) -> anyhow::Result<u8> {
    let bytes = fetch(&args.place, &args.digest).await?;
    match serde_json::from_slice::<serde_json::Value>(&bytes) {
        Ok(value) => out!("{}", serde_json::to_string_pretty(&value)?),
        Err(_) if std::str::from_utf8(&bytes).is_ok() => std::io::stdout().write_all(&bytes)?,
        Err(_) => out!(
            "{} bytes; radloom cache get {} -o FILE",
            bytes.len(),
            args.digest
        ),
    }
    Ok(0)
}

fn verify(args: &ListArgs) -> anyhow::Result<u8> {
    let mut bad = 0;
    for (name, store) in stores(&args.place)? {
        let report = store.verify()?;
        out!("{name}: {report:?}");
        bad += store.quarantined();
    }
    Ok(u8::from(bad > 0))
}

/// Roots: records, published files and manifests of ended runs, with every recipe and result they name; of runs that have not ended only what they start from.
fn gc(args: &GcArgs) -> anyhow::Result<u8> {
    for (name, store) in stores(&args.place)? {
        if name != "coordinator" {
            continue; // site-bound artefacts are kept until their site removes them
        }
        let unfinished: Vec<String> = store
            .notes("submit:")?
            .into_iter()
            .map(|(key, _)| key.trim_start_matches("submit:").to_owned())
            .filter(|id| {
                let recorded = store.note(&format!("result:{id}"));
                let unstarted = crate::submit::Unstarted::of(&store, id);
                !recorded.is_ok_and(|n| n.is_some()) && !unstarted.is_ok_and(|n| n.is_some())
            })
            .collect();
        anyhow::ensure!(
            unfinished.is_empty() || args.drop_unfinished,
            "runs {} have not ended; finish or cancel them first, or write --drop-unfinished to lose what they computed",
            unfinished.join(", ")
        );
        let report = store.gc(&roots(&store)?, args.dry_run)?;
        out!("{name}: {report:?}");
    }
    Ok(0)
}

fn roots(store: &cas::Store) -> anyhow::Result<BTreeSet<Digest>> {
    let mut roots = BTreeSet::new();
    for (_, value) in store.notes("result:")? {
        let note: serde_json::Value = serde_json::from_slice(&value)?;
        let result = &note["result"];
        roots.extend(
            [&result["record"], &note["manifest"]]
                .into_iter()
                .filter_map(|v| v.as_str()?.parse::<Digest>().ok()),
        );
        let published = result["published"].as_array().cloned().unwrap_or_default();
        roots.extend(
            published
                .iter()
                .filter_map(|p| p[1].as_str()?.parse::<Digest>().ok()),
        );
        let Some(manifest) = note["manifest"].as_str().and_then(|m| m.parse().ok()) else {
            continue;
        };
        let Some(text) = store.get(&manifest)? else {
            continue;
        };
        for recipe in crate::finish::read_manifest(&String::from_utf8_lossy(&text)).into_values() {
            roots.insert(recipe);
            if let Some(outcome) = store.action_unchecked(&recipe)? {
                roots.extend(outcome.digests());
            }
            if let Some(bytes) = store.get(&recipe)?
                && let Ok(decoded) = pipeline_defs::recipe::Recipe::decode(&bytes)
            {
                roots.extend(decoded.inputs.values().flatten().map(|input| input.digest));
            }
        }
    }
    for (_, value) in store.notes("submit:")? {
        let note: serde_json::Value = serde_json::from_slice(&value)?;
        roots.extend(
            note["snapshot"]
                .as_str()
                .and_then(|s| s.parse::<Digest>().ok()),
        );
        let tables = note["tables"].as_object().cloned().unwrap_or_default();
        roots.extend(
            tables
                .values()
                .filter_map(|v| v.as_str()?.parse::<Digest>().ok()),
        );
    }
    for (_, value) in store.notes("pin:")? {
        roots.extend(
            value
                .chunks(digest::WIRE_LEN)
                .filter_map(|c| proto::from_wire(c).ok()),
        );
    }
    Ok(roots)
}
