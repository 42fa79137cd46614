//! The output directory: everything that a run published, put in place in one step.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use proto::RunResult;

use super::client::Client;
use crate::archive::Files;

/// Whether `out` may be replaced by the output of a run: before the work, and again before the replacement.
pub(super) fn check(out: &Path, cache: Option<&Path>) -> anyhow::Result<()> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let name_of = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned());
    ensure!(
        name_of(out).is_some_and(|n| n != "." && n != ".."),
        "--out {}: name a folder of its own, which each run replaces as a whole",
        out.display()
    );
    if let Some(cache) = cache {
        let (out_at, cache_at) = (absolute(out), absolute(cache));
        ensure!(
            !out_at.starts_with(&cache_at) && !cache_at.starts_with(&out_at),
            "--out {} and the cache {} lie in one another, and --out is replaced as a whole; choose another",
            out.display(),
            cache.display()
        );
    }
    if !out.exists() {
        return Ok(());
    }
    ensure!(
        out.is_dir(),
        "--out {}: it is a file; name a folder",
        out.display()
    );
    let entries: Vec<String> = std::fs::read_dir(out)
        .with_context(|| format!("--out {}", out.display()))?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    if entries.is_empty() {
        return Ok(());
    }
    let record = std::fs::read(out.join("run.json")).unwrap_or_default();
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap_or_default();
    ensure!(
        record["data_digest"].is_string() && record["run"].is_string(),
        "--out {} holds something else than the output of a run (no run.json of Radloom); choose another folder",
        out.display()
    );
    // What that run wrote, by its record; anything else was put there by somebody.
    let published = record["published"].as_array().cloned().unwrap_or_default();
    let first_part = |path: &serde_json::Value| path.as_str()?.split('/').next().map(str::to_owned);
    let mut written: Vec<String> = published.iter().filter_map(first_part).collect();
    let beside = [
        "run.json",
        "leakage.json",
        "study.toml",
        "models",
        super::truth::FILE,
    ];
    written.extend(beside.map(str::to_owned));
    let known = |name: &String| written.contains(name);
    if let Some(stranger) = entries.iter().find(|name| !known(name)) {
        bail!(
            "--out {} holds `{stranger}`, which no run wrote; move it away or choose another folder",
            out.display()
        );
    }
    Ok(())
}

/// Fetches what a run published and replaces `out` with it. Another folder that is no output of a run is left alone.
pub(super) async fn write(client: &Client, result: &RunResult, out: &Path) -> anyhow::Result<()> {
    let parent = out
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    check(out, None)?;
    let name = out
        .file_name()
        .map_or_else(|| "out".to_owned(), |n| n.to_string_lossy().into_owned());
    let fresh = parent.join(format!(".{name}.new-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&fresh);
    let filled = fill(client, result, &fresh).await;
    if let Err(error) = filled {
        let _ = std::fs::remove_dir_all(&fresh);
        return Err(error);
    }
    let old = parent.join(format!(".{name}.old-{}", std::process::id()));
    if out.exists() {
        std::fs::rename(out, &old)
            .with_context(|| format!("cannot move {} aside", out.display()))?;
    }
    std::fs::rename(&fresh, out)
        .with_context(|| format!("cannot put {} in place", out.display()))?;
    let _ = std::fs::remove_dir_all(&old);
    Ok(())
}

async fn fill(client: &Client, result: &RunResult, dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir)?;
    for (path, bytes) in files(client, result).await? {
        put(dir, &path, &bytes)?;
    }
    Ok(())
}

/// Everything that a run published, by path, with its record.
pub(super) async fn files(client: &Client, result: &RunResult) -> anyhow::Result<Files> {
    let mut files = Files::new();
    for file in &result.published {
        let digest = proto::from_wire(&file.digest)?;
        let bytes = client
            .fetch(digest)
            .await
            .with_context(|| format!("cannot fetch {}", file.path))?;
        if file.bundle {
            for (name, text) in artefact::bundle::decode(&bytes)? {
                files.insert(format!("{}{name}", file.path), text.into_bytes());
            }
        } else {
            files.insert(file.path.clone(), bytes);
        }
    }
    let record = client.fetch(proto::from_wire(&result.record)?).await?;
    let record: serde_json::Value = serde_json::from_slice(&record)?;
    files.insert("run.json".to_owned(), serde_json::to_vec_pretty(&record)?);
    Ok(files)
}

fn put(dir: &Path, path: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let relative = PathBuf::from(path);
    if !relative
        .components()
        .all(|c| matches!(c, Component::Normal(_)))
    {
        bail!("`{path}` leaves the output directory");
    }
    let full = dir.join(relative);
    if let Some(parent) = full.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(&full, bytes).with_context(|| format!("cannot write {}", full.display()))
}

/// What the terminal shows of one model: by (set, metric).
type Shown = BTreeMap<(String, String), String>;

/// The comparison on the terminal: composite AUC and C-index of each model, and on whom they were judged.
pub(super) fn print_comparison(csv_path: &Path) -> anyhow::Result<()> {
    let mut reader = csv::Reader::from_path(csv_path)?;
    let header = reader.headers()?.clone();
    let at = |name: &str| {
        header
            .iter()
            .position(|h| h == name)
            .with_context(|| format!("comparison.csv has no column {name}"))
    };
    let columns = [
        "profile", "endpoint", "roi_set", "learner", "set", "metric", "value", "lower", "upper",
        "reason", "n", "n_events",
    ]
    .map(at);
    let columns = columns.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut models: BTreeMap<[String; 4], Shown> = BTreeMap::new();
    let mut sizes: BTreeMap<[String; 3], String> = BTreeMap::new();
    // of each code one text: the others stand in the file
    let mut reasons: BTreeMap<String, String> = BTreeMap::new();
    for record in reader.records() {
        let record = record?;
        let cell = |i: usize| record.get(columns[i]).unwrap_or("").to_owned();
        if cell(5) == "composite_auc" || cell(5) == "harrell_c" {
            let shown = estimate(&cell(6), &cell(7), &cell(8), &cell(9));
            if let (true, Some((code, why))) = (cell(6).is_empty(), cell(9).split_once(": ")) {
                reasons.entry(code.to_owned()).or_insert(why.to_owned());
            }
            models
                .entry([cell(0), cell(1), cell(2), cell(3)])
                .or_default()
                .insert((cell(4), cell(5)), shown);
        }
        if cell(5) == "harrell_c" && !cell(10).is_empty() {
            sizes.insert(
                [cell(0), cell(1), cell(4)],
                format!("{} patients, {} events", cell(10), cell(11)),
            );
        }
    }
    // A study of one profile is not told its name in every row.
    let first = models.keys().next().map(|[profile, ..]| profile.clone());
    let several = models
        .keys()
        .any(|[profile, ..]| Some(profile) != first.as_ref());
    let named = usize::from(!several);
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    let header = [
        "profile",
        "endpoint",
        "region",
        "learner",
        "AUC, cross-validated",
        "AUC, external",
        "C, cross-validated",
        "C, external",
        "AUC, apparent",
    ];
    table.set_header(&header[named..]);
    for (model, shown) in models {
        let get = |(set, metric): (&str, &str)| {
            shown
                .get(&(set.to_owned(), metric.to_owned()))
                .cloned()
                .unwrap_or_default()
        };
        let values = [
            ("cv", "composite_auc"),
            ("external", "composite_auc"),
            ("cv", "harrell_c"),
            ("external", "harrell_c"),
            ("apparent", "composite_auc"),
        ];
        table.add_row(model.into_iter().skip(named).chain(values.map(get)));
    }
    out!("{table}");
    out!("AUC: mean over the horizons that a set supports. In brackets 95 % intervals.");
    for (code, why) in reasons {
        out!("{code}: {why}");
    }
    for (place, size) in sizes {
        let place: Vec<&str> = (place[named..].iter().map(String::as_str))
            .filter(|name| !name.is_empty())
            .collect();
        out!("{}: {size}", place.join(", "));
    }
    Ok(())
}

/// A value with its interval, or why there is none; the details of the reason stand in the file.
fn estimate(value: &str, lower: &str, upper: &str, reason: &str) -> String {
    let short = |text: &str| {
        text.parse::<f64>()
            .map_or_else(|_| text.to_owned(), |v| format!("{v:.3}"))
    };
    match (value.is_empty(), lower.is_empty() || upper.is_empty()) {
        (true, _) => reason.split(':').next().unwrap_or_default().to_owned(),
        (false, true) if reason.starts_with("null model") => {
            format!("{}, null model", short(value))
        }
        (false, true) => format!("{} (no interval)", short(value)),
        (false, false) => format!("{} ({}–{})", short(value), short(lower), short(upper)),
    }
}
