//! A run as a Workflow Run RO-Crate: `ro-crate-metadata.json` for its files.
//!
//! Profiles: RO-Crate 1.1, Workflow RO-Crate 1.0, and of Workflow Run RO-Crate 0.5 the parts Process, Workflow and Provenance.
//! Every file has its BLAKE3 digest as `identifier`. The workflow is `study.toml`, which with the overrides in
//! `run.json` gives the study digest; its steps are those of the study, their tools the step kinds of this program. Tasks stand in `tasks.tsv` and
//! their recipes in `recipes.jsonl`, a line each: a graph of a hundred thousand tasks in JSON-LD serves nobody.

use std::collections::BTreeSet;

use digest::Digest;
use serde_json::{Value, json};

use crate::archive::Files;

/// The description of all files.
pub const METADATA: &str = "ro-crate-metadata.json";
/// Digest and path of every other file, a line each.
pub const MANIFEST: &str = "manifest-b3.txt";
/// Address, recipe and end of each task.
pub const TASKS: &str = "tasks.tsv";
/// Canonical recipes, a line each.
pub const RECIPES: &str = "recipes.jsonl";
/// The study as it was written.
pub const STUDY: &str = "study.toml";
/// The record of the run.
pub const RECORD: &str = "run.json";

const PROFILES: [&str; 4] = [
    "https://w3id.org/ro/wfrun/process/0.5",
    "https://w3id.org/ro/wfrun/workflow/0.5",
    "https://w3id.org/ro/wfrun/provenance/0.5",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
];

/// The files with their description and the manifest; `date` is the day it is made, as 2026-01-31.
#[must_use]
pub fn complete(mut files: Files, date: &str) -> Files {
    let metadata = metadata(&files, date);
    files.insert(METADATA.to_owned(), pretty(&metadata));
    let manifest: String = files
        .iter()
        .map(|(path, bytes)| format!("{}  {path}\n", Digest::of(bytes)))
        .collect();
    files.insert(MANIFEST.to_owned(), manifest.into_bytes());
    files
}

fn pretty(value: &Value) -> Vec<u8> {
    // Maps with text keys cannot fail to serialise.
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn metadata(files: &Files, date: &str) -> Value {
    let record: Value = files
        .get(RECORD)
        .and_then(|bytes| serde_json::from_slice(bytes).ok())
        .unwrap_or_default();
    let mut graph = vec![
        json!({
            "@id": METADATA, "@type": "CreativeWork", "about": id("./"),
            "conformsTo": [id("https://w3id.org/ro/crate/1.1"), id(PROFILES[3])],
        }),
        root(files, &record, date),
    ];
    graph.extend(PROFILES.map(|profile| {
        json!({"@id": profile, "@type": "CreativeWork", "name": profile.rsplit_once("org/").map_or(profile, |(_, name)| name)})
    }));
    graph.extend(program(&record));
    graph.extend(workflow(files, &record));
    graph.extend(actions(files, &record));
    graph.extend(
        files
            .iter()
            .filter(|(path, _)| path.as_str() != STUDY)
            .map(|(path, bytes)| file(path, bytes)),
    );
    json!({"@context": ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"], "@graph": graph})
}

fn root(files: &Files, record: &Value, date: &str) -> Value {
    let study = text(record, "study");
    json!({
        "@id": "./", "@type": "Dataset",
        "name": format!("Run {} of the study {study}", text(record, "run")),
        "description": format!(
            "Predictions, figures, tables and their provenance. Data digest {}, study digest {}. Holds no image and no other artefact that is bound to a site.",
            text(record, "data_digest"), text(record, "study_digest")
        ),
        "datePublished": date,
        "license": "All rights reserved by whoever made the run, unless they say otherwise",
        "conformsTo": PROFILES.map(id),
        "hasPart": files.keys().map(|path| id(path)).collect::<Vec<_>>(),
        "mainEntity": id(STUDY),
        "mentions": [id("#run")],
    })
}

/// The program as language and as engine.
fn program(record: &Value) -> Vec<Value> {
    let version = text(&record["versions"], "radloom");
    vec![
        json!({"@id": "#radloom-study", "@type": "ComputerLanguage", "name": "Radloom study", "version": version}),
        json!({"@id": "#radloom", "@type": "SoftwareApplication", "name": "radloom", "softwareVersion": version, "version": version}),
    ]
}

/// The study, its steps and their tools.
fn workflow(files: &Files, record: &Value) -> Vec<Value> {
    let steps: Vec<&Value> = record["steps"].as_array().into_iter().flatten().collect();
    let kinds: BTreeSet<&str> = steps.iter().flat_map(|step| kinds_of(step)).collect();
    let mut found = vec![json!({
        "@id": STUDY, "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
        "name": text(record, "study"),
        "encodingFormat": "application/toml",
        "identifier": files.get(STUDY).map(|bytes| Digest::of(bytes).to_string()),
        "programmingLanguage": id("#radloom-study"),
        "step": steps.iter().map(|step| id(&step_id(step))).collect::<Vec<_>>(),
        "hasPart": kinds.iter().map(|kind| id(&format!("#kind-{kind}"))).collect::<Vec<_>>(),
    })];
    for (position, step) in steps.iter().enumerate() {
        found.push(json!({
            "@id": step_id(step), "@type": "HowToStep", "position": (position + 1).to_string(), "name": text(step, "name"),
            "description": format!("{}, {} tasks", text(step, "role"), step["tasks"]),
            "workExample": kinds_of(step).map(|kind| id(&format!("#kind-{kind}"))).collect::<Vec<_>>(),
        }));
    }
    for kind in kinds {
        let spec = pipeline_defs::kinds::kind(kind);
        found.push(json!({
            "@id": format!("#kind-{kind}"), "@type": "SoftwareApplication", "name": kind,
            "description": spec.map(|s| s.about), "version": spec.map(|s| s.version.to_string()),
        }));
    }
    found
}

/// What happened: the run, the engine that ordered it, each step, and what made each file.
fn actions(files: &Files, record: &Value) -> Vec<Value> {
    let made: Vec<&Value> = record["files"].as_array().into_iter().flatten().collect();
    let results = |pattern: &str| -> Vec<Value> {
        let folder = pattern.ends_with('/');
        files
            .keys()
            .filter(|path| *path == pattern || folder && path.starts_with(pattern))
            .map(|path| id(path))
            .collect()
    };
    let all: Vec<Value> = made.iter().flat_map(|f| results(text(f, "file"))).collect();
    let mut found = vec![json!({
        "@id": "#run", "@type": "CreateAction", "name": format!("Run {}", text(record, "run")), "instrument": id(STUDY),
        "result": all, "identifier": text(record, "data_digest"), "actionStatus": "http://schema.org/CompletedActionStatus",
    })];
    let steps: Vec<&Value> = record["steps"].as_array().into_iter().flatten().collect();
    let control = |step: &Value| format!("#control-{}", text(step, "name"));
    found.push(json!({
        "@id": "#orchestration", "@type": "OrganizeAction", "instrument": id("#radloom"), "result": id("#run"),
        "object": steps.iter().map(|step| id(&control(step))).collect::<Vec<_>>(),
    }));
    for step in &steps {
        let of_step = |file: &&&Value| {
            let task = text(file, "task");
            task.split('[').next() == Some(text(step, "name"))
        };
        let objects = made.iter().filter(of_step).map(|file| id(&action_id(file)));
        found.push(json!({
            "@id": control(step), "@type": "ControlAction", "instrument": id(&step_id(step)),
            "object": objects.collect::<Vec<_>>(),
        }));
    }
    for file in &made {
        let name = text(file, "task").split('[').next().unwrap_or_default();
        let step = steps.iter().find(|step| text(step, "name") == name);
        let kind = step
            .and_then(|step| kinds_of(step).next())
            .unwrap_or("unknown");
        found.push(json!({
            "@id": action_id(file), "@type": "CreateAction", "name": text(file, "task"), "instrument": id(&format!("#kind-{kind}")),
            "identifier": text(file, "recipe"), "result": results(text(file, "file")), "description": file["inputs"],
        }));
    }
    found
}

fn file(path: &str, bytes: &[u8]) -> Value {
    let format = match path.rsplit_once('.').map(|(_, ext)| ext) {
        Some("json") => "application/json",
        Some("jsonl") => "application/jsonl",
        Some("csv") => "text/csv",
        Some("tsv") => "text/tab-separated-values",
        Some("html") => "text/html",
        Some("svg") => "image/svg+xml",
        Some("md") => "text/markdown",
        Some("toml") => "application/toml",
        Some("radloom") => "application/zip",
        _ => "application/octet-stream",
    };
    json!({
        "@id": path, "@type": "File", "name": path, "encodingFormat": format, "contentSize": bytes.len().to_string(),
        "identifier": Digest::of(bytes).to_string(),
    })
}

fn id(of: &str) -> Value {
    json!({"@id": of})
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn step_id(step: &Value) -> String {
    format!("{STUDY}#{}", text(step, "name"))
}

fn action_id(file: &Value) -> String {
    format!(
        "#made-{}",
        text(file, "file").trim_end_matches('/').replace('/', "-")
    )
}

/// A step may have a kind for each value of an axis: `fit-cox, fit-rsf`.
fn kinds_of(step: &Value) -> impl Iterator<Item = &str> {
    text(step, "kind")
        .split(", ")
        .filter(|kind| !kind.is_empty())
}
