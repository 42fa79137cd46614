//! `step`: one step by hand, without a coordinator.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{settings, usage};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use pipeline_defs::kinds::{self, ArtefactType, KindSpec};
use pipeline_defs::problem::Place;
use serde_json::Value;
use worker::step::{Content, Context, Input, Inputs};

#[derive(Debug, Subcommand)]
pub(super) enum StepCommand {
    /// List step kinds
    Ls {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Inputs, outputs, parameters with defaults and presets of a kind
    Schema {
        /// The kind
        kind: String,
    },
    /// Run a step
    #[command(
        after_help = "Examples:\n  radloom step run peritumoural-ring --in mask=mask.nii.gz --set margin_mm=10.0 --set clip_to=image --out ring\n  radloom step run fit-rsf --in table=train.csv --in followup=followup.csv --set num_trees=500 --set seed=1 --out model\n  radloom step run extract-features --in image=image.nii.gz --in mask=mask.nii.gz --set settings=Params.yaml --out features"
    )]
    Run(RunArgs),
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The kind
    kind: String,
    /// An input: port and file; more than once for a port that gathers, with axis values like features[patient=p1]=f.csv
    #[arg(long = "in", value_name = "PORT=PATH")]
    inputs: Vec<String>,
    /// A parameter: dotted key and TOML value; a bare word is text
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Folder for the outputs, each as PORT.EXT
    #[arg(long)]
    out: PathBuf,
}

pub(super) fn step(command: StepCommand) -> anyhow::Result<u8> {
    match command {
        StepCommand::Ls { json } => list(json),
        StepCommand::Schema { kind } => schema(find(&kind)?),
        StepCommand::Run(args) => run(&args),
    }
}

fn find(name: &str) -> anyhow::Result<&'static KindSpec> {
    kinds::kind(name).ok_or_else(|| {
        let close = |k: &&str| distance(k, name) <= 3;
        let mut near: Vec<&str> = kinds::all()
            .iter()
            .map(|k| k.name)
            .filter(|k| k.contains(name) || name.contains(*k) || close(k))
            .collect();
        if near.is_empty() {
            near = kinds::all().iter().map(|k| k.name).collect();
        }
        usage(format!(
            "there is no step kind `{name}`; did you mean {}?",
            near.join(", ")
        ))
    })
}

/// Letters to change, add or drop to come from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn list(json: bool) -> anyhow::Result<u8> {
    for kind in kinds::all() {
        if json {
            out!(
                "{}",
                serde_json::json!({"kind": kind.name, "version": kind.version, "role": kind.role.to_string(), "about": kind.about})
            );
        } else {
            out!(
                "{:24} {:10} {}",
                kind.name,
                kind.role.to_string(),
                kind.about
            );
        }
    }
    Ok(0)
}

fn schema(kind: &KindSpec) -> anyhow::Result<u8> {
    let ports = |gathers: bool, optional: bool| {
        if gathers {
            "gathers"
        } else if optional {
            "optional"
        } else {
            "one"
        }
    };
    let inputs: Vec<Value> = kind
        .inputs
        .iter()
        .map(|p| serde_json::json!({"port": p.name, "takes": ports(p.gathers, p.optional)}))
        .collect();
    let outputs: Vec<Value> = kind
        .outputs
        .iter()
        .map(
            |p| serde_json::json!({"port": p.name, "file": p.file(), "class": p.class.to_string()}),
        )
        .collect();
    let presets: BTreeMap<&str, Value> = pipeline_defs::params::presets_of(kind)
        .into_iter()
        .map(|(n, text)| (n, serde_json::from_str(&text).unwrap_or(Value::Null)))
        .collect();
    let place = Place {
        file: "defaults".into(),
        line: 1,
        column: 1,
    };
    let defaults = pipeline_defs::params::resolve_params(kind, &serde_json::json!({}), &place);
    // A kind with a required parameter has no complete defaults.
    let defaults: Value = defaults
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or(Value::Null);
    let all = serde_json::json!({
        "kind": kind.name, "version": kind.version, "role": kind.role.to_string(), "about": kind.about, "seeded": kind.seeded,
        "inputs": inputs, "outputs": outputs, "defaults": defaults, "presets": presets, "parameters": pipeline_defs::params::schema_of(kind),
    });
    out!("{}", serde_json::to_string_pretty(&all)?);
    Ok(0)
}

fn run(args: &RunArgs) -> anyhow::Result<u8> {
    let kind = find(&args.kind)?;
    let (mut set, seed) = parameters(&args.sets)?;
    if let Some(Value::String(file)) = set.get("settings")
        && kind.name == "extract-features"
        && !settings::is_shipped(file)
    {
        set["settings"] = settings::content(Path::new(file))?;
    }
    let place = Place {
        file: "--set".into(),
        line: 1,
        column: 1,
    };
    let params = pipeline_defs::params::resolve_params(kind, &set, &place).map_err(|p| {
        let repair = if p.repair.is_empty() {
            String::new()
        } else {
            format!("; {}", p.repair)
        };
        usage(format!("--set: {}{repair}", p.message))
    })?;
    let context = Context {
        params: serde_json::from_str(&params)?,
        seed: kind.seeded.then_some(seed),
    };
    let inputs = read_inputs(kind, &args.inputs)?;
    let produced = worker::steps::run(kind.name, &context, &inputs)
        .map_err(|e| anyhow::anyhow!("{}: {e}\n  read: {}", kind.name, args.inputs.join(", ")))?;
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make {}", args.out.display()))?;
    for output in produced {
        let (_, port) = kind
            .output(output.port)
            .with_context(|| format!("{} gave an unknown port `{}`", kind.name, output.port))?;
        let bytes = match output.content {
            Content::Bytes(bytes) => bytes,
            Content::Rows { of, ranges } => {
                let base = inputs.one(of).map_err(|e| anyhow::anyhow!("{e}"))?;
                artefact::lines::materialise(base, &ranges)
            }
        };
        if port.ty == ArtefactType::Survival && without_times(&bytes)? {
            continue;
        }
        let path = args.out.join(port.file());
        let bytes = for_people(port.ty, bytes)?;
        write(&path, port.ext, &bytes)?;
        out!("{}", path.display());
    }
    Ok(0)
}

/// A table of survival at no time, which learners without survival give, is no file for people.
fn without_times(bytes: &[u8]) -> anyhow::Result<bool> {
    Ok(artefact::predictions::SurvivalTable::decode(bytes)?
        .times
        .is_empty())
}

/// `--set` values as one JSON object; `seed` goes apart.
fn parameters(sets: &[String]) -> anyhow::Result<(Value, u64)> {
    let mut object = serde_json::Map::new();
    let mut seed = 1;
    for set in sets {
        let (key, text) = set
            .split_once('=')
            .ok_or_else(|| usage(format!("--set {set}: write KEY=VALUE")))?;
        let parsed = toml::from_str::<toml::Table>(&format!("v = {text}"))
            .ok()
            .and_then(|mut t| t.remove("v"));
        let value = match parsed {
            Some(value) => serde_json::to_value(value)?,
            None => Value::String(text.to_owned()),
        };
        if key == "seed" {
            seed = text.trim().parse().map_err(|_| {
                usage(format!(
                    "--set seed={text}: a seed is a whole number from 0 to 2^64 − 1"
                ))
            })?;
            continue;
        }
        insert(&mut object, key, value)?;
    }
    Ok((Value::Object(object), seed))
}

fn insert(
    object: &mut serde_json::Map<String, Value>,
    key: &str,
    value: Value,
) -> anyhow::Result<()> {
    match key.split_once('.') {
        None => {
            object.insert(key.to_owned(), value);
        }
        Some((first, rest)) => match object
            .entry(first)
            .or_insert_with(|| Value::Object(serde_json::Map::new()))
        {
            Value::Object(inner) => insert(inner, rest, value)?,
            _ => {
                return Err(usage(format!(
                    "--set {key}: `{first}` is a value already, not a group"
                )));
            }
        },
    }
    Ok(())
}

fn read_inputs(kind: &KindSpec, given: &[String]) -> anyhow::Result<Inputs> {
    let mut inputs = Inputs::default();
    for text in given {
        let (name, axes, path) = split_input(text)?;
        let known: Vec<&str> = kind.inputs.iter().map(|p| p.name).collect();
        let port = kind.input(&name).ok_or_else(|| {
            usage(format!(
                "{} has no input `{name}`; it has {}",
                kind.name,
                known.join(", ")
            ))
        })?;
        let pixels = |ty: &ArtefactType| {
            matches!(
                ty,
                ArtefactType::Source | ArtefactType::Volume | ArtefactType::Mask
            )
        };
        let read = if port.types.iter().any(pixels) {
            worker::sources::load_by_hand(Path::new(&path))
        } else {
            std::fs::read(&path).map(Into::into)
        };
        let bytes = read.with_context(|| format!("cannot read input `{name}` at {path}"))?;
        let entries = inputs.ports.entry(port.name.to_owned()).or_default();
        if !port.gathers && !entries.is_empty() {
            return Err(usage(format!("{} takes one `{name}`", kind.name)));
        }
        let axes = if axes.is_empty() && port.gathers {
            vec![("file".to_owned(), path.clone())]
        } else {
            axes
        };
        entries.push(Input {
            axes,
            content: Ok(bytes),
        });
    }
    if let Some(port) = kind
        .inputs
        .iter()
        .find(|p| !p.optional && !inputs.ports.contains_key(p.name))
    {
        return Err(usage(format!(
            "{} needs --in {}=PATH",
            kind.name, port.name
        )));
    }
    Ok(inputs)
}

type AxisValues = Vec<(String, String)>;

/// `port=path` or `port[axis=value,…]=path`.
fn split_input(text: &str) -> anyhow::Result<(String, AxisValues, String)> {
    let wrong = || usage(format!("--in {text}: write PORT=PATH"));
    let end = text.find(['=', '[']).ok_or_else(wrong)?;
    let (name, rest) = text.split_at(end);
    if let Some(path) = rest.strip_prefix('=') {
        return Ok((name.to_owned(), Vec::new(), path.to_owned()));
    }
    let (axes, path) = rest[1..].split_once("]=").ok_or_else(wrong)?;
    let axes = axes
        .split(',')
        .map(|pair| {
            pair.split_once('=')
                .map(|(a, v)| (a.to_owned(), v.to_owned()))
                .ok_or_else(wrong)
        })
        .collect::<Result<_, _>>()?;
    Ok((name.to_owned(), axes, path.to_owned()))
}

/// Predictions by hand have the patient alone in front, as other programs write them.
fn for_people(ty: ArtefactType, bytes: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let without_site = |rows: &mut Vec<artefact::RowId>| {
        let patients: BTreeSet<&String> = rows.iter().map(|r| &r.patient_id).collect();
        if patients.len() == rows.len() {
            rows.iter_mut().for_each(|r| r.site.clear());
        }
    };
    Ok(match ty {
        ArtefactType::Risk => {
            let mut table = artefact::predictions::RiskTable::decode(&bytes)?;
            without_site(&mut table.rows);
            table.encode()
        }
        ArtefactType::Survival => {
            let mut table = artefact::predictions::SurvivalTable::decode(&bytes)?;
            without_site(&mut table.rows);
            table.encode()
        }
        _ => bytes,
    })
}

fn write(path: &Path, ext: &str, bytes: &[u8]) -> anyhow::Result<()> {
    if ext == "nii.gz" {
        let volume = imaging::nifti::read_bytes(bytes, "")
            .map_err(|e| anyhow::anyhow!("the step's own output does not read: {e}"))?;
        return imaging::nifti::write_gz(path, &volume)
            .with_context(|| format!("cannot write {}", path.display()));
    }
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
