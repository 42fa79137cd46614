//! A bundle looked at again: every hash in it recomputed, from the files alone.

use std::collections::{BTreeMap, BTreeSet};

use digest::Digest;
use pipeline_defs::recipe::Recipe;
use serde_json::Value;

use crate::archive::Files;
use crate::frozen::Frozen;
use crate::ro_crate::{MANIFEST, METADATA, RECIPES, RECORD, STUDY, TASKS};

/// What was recomputed, and what does not agree.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Files whose digest was recomputed.
    pub n_files: usize,
    /// Recipes whose digest was recomputed.
    pub n_recipes: usize,
    /// Fits of the leakage certificate that were held against their recipes.
    pub n_fits: usize,
    /// Models whose parts were recomputed.
    pub n_models: usize,
    /// Digest of the manifest: of everything.
    pub digest: String,
    /// What was altered, or is missing; empty where all agrees.
    pub altered: Vec<String>,
}

/// Recomputes every hash of a bundle.
#[must_use]
pub fn verify(files: &Files) -> Verdict {
    let mut verdict = Verdict::default();
    manifest(files, &mut verdict);
    described(files, &mut verdict);
    let record: Value = json_of(files, RECORD, &mut verdict);
    digests_of_record(files, &record, &mut verdict);
    let recipes = recipes(files, &record, &mut verdict);
    certificate(files, &recipes, &mut verdict);
    for (path, bytes) in files.iter().filter(|(path, _)| path.ends_with(".radloom")) {
        match Frozen::decode(bytes) {
            Ok(_) => verdict.n_models += 1,
            Err(error) => verdict.altered.push(format!("{path}: {error}")),
        }
    }
    verdict
}

/// Each file against its line, and no file without one.
fn manifest(files: &Files, verdict: &mut Verdict) {
    let Some(bytes) = files.get(MANIFEST) else {
        verdict
            .altered
            .push(format!("{MANIFEST} is not there: no bundle of radloom"));
        return;
    };
    verdict.digest = Digest::of(bytes).to_string();
    let text = String::from_utf8_lossy(bytes);
    let mut listed = BTreeSet::from([MANIFEST]);
    for line in text.lines() {
        let Some((digest, path)) = line.split_once("  ") else {
            verdict
                .altered
                .push(format!("{MANIFEST}: `{line}` is no digest and path"));
            continue;
        };
        listed.insert(path);
        match files.get(path) {
            None => verdict.altered.push(format!("{path} is not there")),
            Some(bytes) if Digest::of(bytes).to_string() == digest => verdict.n_files += 1,
            Some(bytes) => verdict.altered.push(format!(
                "{path} was altered: its digest is {}, written down is {digest}",
                Digest::of(bytes)
            )),
        }
    }
    let more = files.keys().filter(|path| !listed.contains(path.as_str()));
    verdict
        .altered
        .extend(more.map(|path| format!("{path} was added: {MANIFEST} does not have it")));
}

/// The description names each file with its digest.
fn described(files: &Files, verdict: &mut Verdict) {
    let metadata = json_of(files, METADATA, verdict);
    let graph = metadata["@graph"].as_array().into_iter().flatten();
    let known: BTreeMap<&str, &str> = graph
        .filter_map(|entity| Some((entity["@id"].as_str()?, entity["identifier"].as_str()?)))
        .collect();
    for (path, bytes) in files {
        if path == MANIFEST || path == METADATA {
            continue;
        }
        let digest = Digest::of(bytes).to_string();
        match known.get(path.as_str()) {
            Some(said) if *said == digest => {}
            Some(said) => verdict.altered.push(format!(
                "{path}: {METADATA} gives it the digest {said}, it has {digest}"
            )),
            None => verdict.altered.push(format!("{path} is not in {METADATA}")),
        }
    }
}

/// What the run's record says of the study and of the results.
fn digests_of_record(files: &Files, record: &Value, verdict: &mut Verdict) {
    let study = files.get(STUDY).and_then(|bytes| {
        let overrides = record["overrides"].as_array().into_iter().flatten();
        let overrides: Vec<String> = overrides
            .filter_map(|o| o.as_str().map(str::to_owned))
            .collect();
        let study =
            pipeline_defs::study::parse(std::str::from_utf8(bytes).ok()?, STUDY, &overrides);
        Some(study.ok()?.text_digest.to_string())
    });
    let results = crate::finish::digest_of_data(
        files
            .iter()
            .map(|(path, bytes)| (path.clone(), Digest::of(bytes)))
            .collect(),
    );
    let computed = [
        ("study_digest", study, STUDY),
        ("data_digest", Some(results.to_string()), "the results"),
    ];
    for (field, computed, of) in computed {
        let said = record[field].as_str().unwrap_or_default();
        if computed.as_deref() != Some(said) {
            verdict.altered.push(format!(
                "{RECORD}: `{field}` is {said}, {of} give {}",
                computed
                    .as_deref()
                    .unwrap_or("none: it is not there, or does not read")
            ));
        }
    }
}

/// The recipes by digest; those that tasks name must be there.
fn recipes(files: &Files, record: &Value, verdict: &mut Verdict) -> BTreeMap<String, Recipe> {
    let (Some(lines), Some(tasks)) = (files.get(RECIPES), files.get(TASKS)) else {
        return BTreeMap::new();
    };
    let mut recipes = BTreeMap::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|l| !l.is_empty()) {
        match Recipe::decode(line) {
            Ok(recipe) => {
                recipes.insert(Digest::of(line).to_string(), recipe);
            }
            Err(error) => verdict.altered.push(format!("{RECIPES}: {error}")),
        }
    }
    verdict.n_recipes = recipes.len();
    let said = record["manifest"].as_str().unwrap_or_default();
    let found = Digest::of(tasks).to_string();
    if said != found {
        verdict.altered.push(format!(
            "{TASKS} has the digest {found}, {RECORD} says {said}"
        ));
    }
    for (task, recipe) in crate::finish::read_manifest(&String::from_utf8_lossy(tasks)) {
        if !recipes.contains_key(&recipe.to_string()) {
            verdict
                .altered
                .push(format!("{RECIPES} has no {recipe}, the recipe of {task}"));
        }
    }
    recipes
}

/// Each fit of the certificate against its recipe: what it learned from is what it says.
fn certificate(files: &Files, recipes: &BTreeMap<String, Recipe>, verdict: &mut Verdict) {
    if recipes.is_empty() {
        return;
    }
    let certificate = json_of(files, "leakage.json", verdict);
    for fit in certificate["fits"].as_array().into_iter().flatten() {
        let task = fit["task"].as_str().unwrap_or_default();
        let Some(recipe) = fit["recipe"].as_str().and_then(|r| recipes.get(r)) else {
            verdict
                .altered
                .push(format!("leakage.json: the recipe of {task} is not there"));
            continue;
        };
        let took: BTreeSet<String> = recipe
            .inputs
            .values()
            .flatten()
            .map(|input| input.digest.to_string())
            .collect();
        let mut agrees = true;
        for input in fit["inputs"].as_array().into_iter().flatten() {
            let digest = input["digest"].as_str().unwrap_or_default();
            agrees &= took.contains(digest);
        }
        match agrees {
            true => verdict.n_fits += 1,
            false => verdict.altered.push(format!(
                "leakage.json: {task} has an input that its recipe does not have"
            )),
        }
    }
}

fn json_of(files: &Files, path: &str, verdict: &mut Verdict) -> Value {
    let Some(bytes) = files.get(path) else {
        verdict.altered.push(format!("{path} is not there"));
        return Value::Null;
    };
    serde_json::from_slice(bytes).unwrap_or_else(|error| {
        verdict.altered.push(format!("{path}: {error}"));
        Value::Null
    })
}
