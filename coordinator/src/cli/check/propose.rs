//! `check --propose`: a cohort file for a folder of images, as a proposal to be read and corrected.
//!
//! File names are cut at every separator. The cut that leaves one name pattern for most images, and for masks of the same
//! pseudonyms, is taken. Files that fit no pattern are listed, never guessed.

mod clinical;
mod pattern;
mod walk;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use imaging::doctor::{Severity, examine};
use imaging::formats::{self, Choice};

use clinical::Clinical;
use pattern::Layout;

/// Pairs that are opened to see whether masks lie on images.
const N_OPENED: usize = 3;

pub(super) fn propose(dir: &Path, clinical: Option<&Path>) -> anyhow::Result<u8> {
    let target = dir.join("cohort.toml");
    ensure!(
        !target.exists(),
        "{} exists already; move it away, or edit it",
        target.display()
    );
    let files = walk::entries(dir)?;
    ensure!(
        !files.is_empty(),
        "{} holds no image files (.nii, .nii.gz, .nrrd, .mha, .mhd, DICOM)",
        dir.display()
    );
    let clinical = clinical.map(Clinical::read).transpose()?;
    let layout = pattern::find(&files, clinical.as_ref().map(Clinical::cells));
    let Some(layout) = layout else {
        anyhow::bail!(
            "{} files in {}, but no name pattern that holds for images and masks of the same patients; write cohort.toml by hand (radloom new shows one)",
            files.len(),
            dir.display()
        );
    };
    let (table, note) = match &clinical {
        Some(clinical) => (clinical.path_from(dir), None),
        None => {
            let path = dir.join("patients.csv");
            ensure!(
                !path.exists(),
                "{} exists already; give it with --clinical",
                path.display()
            );
            std::fs::write(&path, bare_table(&layout))?;
            ("patients.csv".to_owned(), Some(path))
        }
    };
    let text = cohort_toml(dir, &layout, &table, clinical.as_ref());
    std::fs::write(&target, text).with_context(|| format!("cannot write {}", target.display()))?;
    out!("{}", target.display());
    if let Some(path) = note {
        out!("{}", path.display());
    }
    out!(
        "{} patients with image and mask, {} files fit no pattern; read the comments, correct, then: radloom check STUDY",
        layout.patients.len(),
        layout.strangers.len()
    );
    Ok(0)
}

/// Pseudonyms with one site, for somebody to complete.
fn bare_table(layout: &Layout) -> String {
    let mut text = "patient_id,site\n".to_owned();
    layout
        .patients
        .iter()
        .for_each(|id| text.push_str(&format!("{id},site1\n")));
    text
}

fn cohort_toml(dir: &Path, layout: &Layout, table: &str, clinical: Option<&Clinical>) -> String {
    let mut text = String::from(
        "# Proposed by `radloom check --propose`. Read every line: names were matched, nobody was asked.\n\n",
    );
    // Writing to a String cannot fail.
    let _ = writeln!(text, "table = {}", quoted(table));
    if clinical.is_none() {
        text.push_str("# No clinical table was given: patients.csv has pseudonyms and one site; add follow-up.\n");
    }
    if let Some(clinical) = clinical {
        clinical.columns(&layout.patients, &mut text);
    }
    text.push_str("\n[items]\n");
    let _ = writeln!(
        text,
        "t2w = {{ pattern = {} }}   # {} files",
        quoted(&layout.image.0),
        layout.image.1
    );
    for (name, pattern, n) in &layout.masks {
        let _ = writeln!(
            text,
            "{name} = {{ pattern = {} }}   # {n} files",
            quoted(pattern)
        );
    }
    for line in geometry(dir, layout) {
        let _ = writeln!(text, "# {line}");
    }
    for stranger in layout.strangers.iter().take(20) {
        let _ = writeln!(text, "# fits no pattern: {stranger}");
    }
    if layout.strangers.len() > 20 {
        let _ = writeln!(text, "# … and {} more", layout.strangers.len() - 20);
    }
    text.push_str("\n[share]                 # what may reach the coordinator; nothing unless it stands here\n");
    let shared: Vec<String> = clinical.map_or_else(Vec::new, |c| {
        c.outcome_columns().iter().map(|n| quoted(n)).collect()
    });
    let _ = writeln!(text, "columns = [{}]", shared.join(", "));
    text
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// What the first pairs say: whether masks lie on images, and which labels they have.
fn geometry(dir: &Path, layout: &Layout) -> Vec<String> {
    let Some((_, mask, _)) = layout.masks.first() else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    for id in layout.patients.iter().take(N_OPENED) {
        let path = |pattern: &str| -> PathBuf { dir.join(pattern.replace("{patient_id}", id)) };
        let load = |path: PathBuf| Some(worker::sources::load(&path, &Choice::default()).ok()?.1);
        let read = |bytes: Bytes| formats::read_bytes(&bytes);
        let (Some(image), Some(mask)) = (load(path(&layout.image.0)), load(path(mask))) else {
            lines.push(format!("{id}: image or mask does not read"));
            continue;
        };
        let image = match read(image) {
            Ok(image) => image,
            Err(error) => {
                lines.push(format!("{id}: the image does not read: {error}"));
                continue;
            }
        };
        let Ok(mask) = read(mask) else {
            lines.push(format!(
                "{id}: the mask is no label image; of a structure set or segmentation name the region in the step import-mask: with = {{ region = \"GTV\" }}"
            ));
            continue;
        };
        let found = examine(&image, &mask, 1, imaging::mask::TOLERANCE_MM);
        let labels: Vec<String> = found
            .labels
            .iter()
            .take(9)
            .map(|l| l.label.to_string())
            .collect();
        let grave: Vec<&str> = found
            .findings
            .iter()
            .filter(|f| f.severity() == Severity::Refuse)
            .map(|f| f.code().as_str())
            .collect();
        let told = if grave.is_empty() {
            "mask lies on its image".to_owned()
        } else {
            grave.join(", ")
        };
        lines.push(format!("{id}: {told}; labels {}", labels.join(", ")));
    }
    lines
}
