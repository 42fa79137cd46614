//! `bundle` and `verify`: a run as one file that others can check.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use clap::Args;
use proto::RunRef;
use serde_json::Value;

use super::client::{Client, told};
use super::{Place, output, runs};
use crate::archive::{self, Files};
use crate::ro_crate::{self, RECIPES, RECORD, TASKS};

#[derive(Debug, Args)]
pub(super) struct BundleArgs {
    /// The run, as `radloom runs` lists it, or its output folder
    run: String,
    /// The file to write
    #[arg(short, long)]
    out: PathBuf,
    #[command(flatten)]
    place: Place,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The bundle
    file: PathBuf,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn bundle(args: BundleArgs) -> anyhow::Result<u8> {
    let folder = Path::new(&args.run);
    let (mut files, reached) = match folder.is_dir() {
        true => (read_folder(folder)?, runs::reach(&args.place).await.ok()),
        false => {
            let reached = runs::reach(&args.place).await?;
            let files = fetched(&reached.0, &args.run).await;
            match files {
                Ok(files) => (files, Some(reached)),
                Err(error) => {
                    runs::done(reached.1).await;
                    return Err(error);
                }
            }
        }
    };
    let mut without = None;
    match reached {
        None => without = Some("no store was reached".to_owned()),
        Some((client, held)) => {
            if let Err(error) = add_recipes(&client, &mut files).await {
                without = Some(error.to_string());
            }
            runs::done(held).await;
        }
    }
    let files = ro_crate::complete(files, &today());
    let packed = archive::pack(&files)?;
    std::fs::write(&args.out, &packed)
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    let verdict = crate::verify::verify(&files);
    if args.json {
        let out = args.out.display().to_string();
        out!(
            "{}",
            serde_json::json!({"out": out, "bytes": packed.len(), "files": files.len(), "recipes": verdict.n_recipes,
                "digest": verdict.digest, "without_recipes": without, "altered": verdict.altered})
        );
    } else {
        out!(
            "{}: {} files, {} recipes, {} bytes",
            args.out.display(),
            files.len(),
            verdict.n_recipes,
            packed.len()
        );
        out!("digest {}", verdict.digest);
    }
    if let Some(reason) = without {
        eprintln!(
            "radloom: the recipes are not in it ({reason}); name the --cache of the run to have them"
        );
    }
    for problem in &verdict.altered {
        eprintln!("radloom: {problem}");
    }
    Ok(u8::from(!verdict.altered.is_empty()))
}

pub(super) fn verify(args: &VerifyArgs) -> anyhow::Result<u8> {
    let file = args.file.display();
    let bytes = std::fs::read(&args.file).with_context(|| format!("cannot read {file}"))?;
    let files = archive::unpack(&bytes).with_context(|| unreadable(&file.to_string(), &bytes))?;
    let verdict = crate::verify::verify(&files);
    let repacked = archive::pack(&files)? != bytes;
    if args.json {
        out!(
            "{}",
            serde_json::json!({"files": verdict.n_files, "recipes": verdict.n_recipes, "fits": verdict.n_fits,
                "models": verdict.n_models, "digest": verdict.digest, "altered": verdict.altered, "repacked": repacked})
        );
    } else {
        for problem in &verdict.altered {
            out!("{problem}");
        }
        out!(
            "{}: {} files, {} recipes, {} fits and {} models agree with their digests; {} do not",
            file,
            verdict.n_files,
            verdict.n_recipes,
            verdict.n_fits,
            verdict.n_models,
            verdict.altered.len()
        );
        out!("digest {}", verdict.digest);
        if repacked {
            out!(
                "note: the zip around the files is not as radloom writes it: bytes outside the files were changed or added, or another program or version packed it; the lines above are about the files in it"
            );
        }
    }
    Ok(u8::from(!verdict.altered.is_empty()))
}

/// What keeps a file from being read as a bundle, as far as its beginning tells.
fn unreadable(file: &str, bytes: &[u8]) -> String {
    match bytes.starts_with(b"PK\x03\x04") {
        true => format!(
            "{file} begins as a bundle and does not read to its end: bytes were changed, or are missing, in a file or in the list of files at the end; get it again"
        ),
        false => format!("{file} is no zip file, and so no bundle"),
    }
}

/// Bundles an output folder, with its recipes where the store has them; fails when they do not agree.
pub(super) async fn write(client: &Client, folder: &Path, zip: &Path) -> anyhow::Result<()> {
    let mut files = read_folder(folder)?;
    add_recipes(client, &mut files).await?;
    let files = ro_crate::complete(files, &today());
    let verdict = crate::verify::verify(&files);
    ensure!(
        verdict.altered.is_empty(),
        "{}: {}",
        folder.display(),
        verdict.altered.join("; ")
    );
    std::fs::write(zip, archive::pack(&files)?)
        .with_context(|| format!("cannot write {}", zip.display()))
}

/// What a run published, from where it is stored.
async fn fetched(client: &Client, run: &str) -> anyhow::Result<Files> {
    let run = run.to_owned();
    let result = client.control().result(RunRef { run }).await;
    let result = result.map_err(told)?.into_inner();
    output::files(client, &result).await
}

/// Address and recipe of every task, with the recipes: as the record names them.
async fn add_recipes(client: &Client, files: &mut Files) -> anyhow::Result<()> {
    let record: Value = serde_json::from_slice(files.get(RECORD).map_or(&[], Vec::as_slice))?;
    let manifest = record["manifest"]
        .as_str()
        .context("run.json names no tasks")?;
    let tasks = client.fetch(manifest.parse()?).await?;
    let recipes = crate::finish::read_manifest(&String::from_utf8_lossy(&tasks));
    let recipes: BTreeSet<digest::Digest> = recipes.into_values().collect();
    let mut lines = Vec::new();
    for recipe in recipes {
        lines.extend(client.fetch(recipe).await?);
        lines.push(b'\n');
    }
    files.insert(TASKS.to_owned(), tasks);
    files.insert(RECIPES.to_owned(), lines);
    Ok(())
}

/// The output of a run, without what else lies in its folder.
fn read_folder(folder: &Path) -> anyhow::Result<Files> {
    let record = std::fs::read(folder.join(RECORD)).with_context(|| {
        format!(
            "{} has no {RECORD}: it is no output folder of a run",
            folder.display()
        )
    })?;
    let record: Value = serde_json::from_slice(&record)?;
    let published = record["published"].as_array().into_iter().flatten();
    let mut known: Vec<String> = published
        .filter_map(|path| path.as_str().map(str::to_owned))
        .collect();
    known.extend([RECORD, ro_crate::STUDY, "leakage.json", "models/"].map(str::to_owned));
    let is_known = |path: &str| {
        known
            .iter()
            .any(|k| path == k || k.ends_with('/') && path.starts_with(k.as_str()))
    };
    let mut files = Files::new();
    for (name, path) in all_below(folder)? {
        if is_known(&name) {
            let bytes =
                std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.insert(name, bytes);
        } else {
            eprintln!("radloom: `{name}` is left out: the run did not write it");
        }
    }
    Ok(files)
}

/// Files of a folder and of those in it; links to folders are not followed.
fn all_below(folder: &Path) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    let mut open = vec![(folder.to_owned(), String::new())];
    while let Some((at, prefix)) = open.pop() {
        let entries =
            std::fs::read_dir(&at).with_context(|| format!("cannot read {}", at.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                open.push((entry.path(), format!("{name}/")));
            } else {
                files.insert(name, entry.path());
            }
        }
    }
    Ok(files)
}

/// The day in UTC, as 2026-01-31.
fn today() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    day((seconds / 86_400) as i64)
}

/// Days since 1970 → date of the Gregorian calendar (Hinnant's `civil_from_days`).
fn day(days: i64) -> String {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::day;

    #[test]
    fn days_are_dates() {
        let known = [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_454, "2026-01-01"),
            (-1, "1969-12-31"),
        ];
        for (days, date) in known {
            assert_eq!(day(days), date);
        }
    }
}
