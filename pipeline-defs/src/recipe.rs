//! The recipe of a task: everything that its result depends on, in canonical bytes.
//!
//! A task's key is the digest of these bytes. They hold the kind and its semantic version, every parameter, the seed
//! of a seeded kind, and the digest of each input with the axis values along which it was gathered. They never hold a
//! path, a time, a host, a number of threads, the step's name or the axis values the task shares with its inputs: two
//! tasks that do the same work on the same bytes have one key.
//!
//! Canonical form: JSON, keys sorted, no spaces, numbers in the shortest form that reads back:
//! `{"inputs":{"image":[{"axes":{},"digest":"k3:…"}]},"kind":"n4-bias-correction","params":{…},"recipe":1,"version":1}`.

use std::collections::BTreeMap;

use digest::Digest;
use serde_json::{Map, Value, json};

use crate::canonical::canonical;

/// Version of the layout described above.
pub const RECIPE_FORMAT: u32 = 1;

/// A decoded recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Step kind.
    pub kind: String,
    /// Semantic version of the kind.
    pub version: u32,
    /// Every parameter, an object.
    pub params: Value,
    /// Seed of a seeded kind.
    pub seed: Option<u64>,
    /// Port → artefacts, in the order of their axis values.
    pub inputs: BTreeMap<String, Vec<RecipeInput>>,
}

/// One artefact at a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipeInput {
    /// The axis values along which it was gathered, sorted by axis; a gathered `patient` brings its `site`.
    pub axes: Vec<(String, String)>,
    /// Digest of the bytes; of the refusal when `refused`.
    pub digest: Digest,
    /// The task that should have made it refused its input.
    pub refused: bool,
}

/// One component in which two recipes differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `kind`, `version`, `seed`, `params.shrink_factor` or `inputs.image[patient=c1-003]`.
    pub component: String,
    /// The old value, `(absent)` when there was none.
    pub old: String,
    /// The new value, `(absent)` when there is none.
    pub new: String,
}

/// Why bytes are not a recipe.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// Not JSON.
    #[error("not a recipe")]
    Json(#[from] serde_json::Error),
    /// A field is missing or has another type.
    #[error("recipe field `{field}` is missing or malformed")]
    Field {
        /// The field.
        field: &'static str,
    },
    /// Written by a later version.
    #[error("recipe format {found} is not known, this build reads {RECIPE_FORMAT}")]
    Format {
        /// The format in the bytes.
        found: u64,
    },
}

impl Recipe {
    /// Canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let inputs: Map<String, Value> = self
            .inputs
            .iter()
            .map(|(port, entries)| (port.clone(), entries.iter().map(input_value).collect()))
            .collect();
        let mut recipe = json!({
            "inputs": inputs,
            "kind": self.kind,
            "params": self.params,
            "recipe": RECIPE_FORMAT,
            "version": self.version,
        });
        if let Some(seed) = self.seed {
            recipe["seed"] = json!(seed);
        }
        canonical(&recipe).into_bytes()
    }

    /// Reads canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Recipe, RecipeError> {
        let value: Value = serde_json::from_slice(bytes)?;
        let format = value["recipe"]
            .as_u64()
            .ok_or(RecipeError::Field { field: "recipe" })?;
        if format != u64::from(RECIPE_FORMAT) {
            return Err(RecipeError::Format { found: format });
        }
        let text = |field: &'static str| {
            value[field]
                .as_str()
                .map(str::to_string)
                .ok_or(RecipeError::Field { field })
        };
        let version = value["version"]
            .as_u64()
            .and_then(|v| u32::try_from(v).ok());
        let ports = value["inputs"]
            .as_object()
            .ok_or(RecipeError::Field { field: "inputs" })?;
        let seed = match &value["seed"] {
            Value::Null => None,
            seed => Some(seed.as_u64().ok_or(RecipeError::Field { field: "seed" })?),
        };
        if !value["params"].is_object() {
            return Err(RecipeError::Field { field: "params" });
        }
        Ok(Recipe {
            kind: text("kind")?,
            version: version.ok_or(RecipeError::Field { field: "version" })?,
            params: value["params"].clone(),
            seed,
            inputs: ports
                .iter()
                .map(|(port, entries)| Ok((port.clone(), decode_entries(entries)?)))
                .collect::<Result<_, RecipeError>>()?,
        })
    }
}

/// The components in which two recipes differ: kind, version, parameters, inputs, seed.
pub fn diff(old: &Recipe, new: &Recipe) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut compare = |component: String, old: Option<String>, new: Option<String>| {
        if old != new {
            let absent = || "(absent)".to_string();
            found.push(Difference {
                component,
                old: old.unwrap_or_else(absent),
                new: new.unwrap_or_else(absent),
            });
        }
    };
    compare(
        "kind".into(),
        Some(old.kind.clone()),
        Some(new.kind.clone()),
    );
    compare(
        "version".into(),
        Some(old.version.to_string()),
        Some(new.version.to_string()),
    );
    let (mut before, mut after) = (components(old), components(new));
    let names: std::collections::BTreeSet<String> =
        before.keys().chain(after.keys()).cloned().collect();
    for name in names {
        let (old, new) = (before.remove(&name), after.remove(&name));
        compare(name, old, new);
    }
    compare(
        "seed".into(),
        old.seed.map(|s| s.to_string()),
        new.seed.map(|s| s.to_string()),
    );
    found
}

/// Parameters and inputs by component name.
fn components(recipe: &Recipe) -> BTreeMap<String, String> {
    let mut named = BTreeMap::new();
    for (name, value) in recipe.params.as_object().into_iter().flatten() {
        flatten(&format!("params.{name}"), value, &mut named);
    }
    for (port, entries) in &recipe.inputs {
        for entry in entries {
            let axes: Vec<String> = entry.axes.iter().map(|(a, v)| format!("{a}={v}")).collect();
            let label = if axes.is_empty() {
                String::new()
            } else {
                format!("[{}]", axes.join(","))
            };
            let value = match entry.refused {
                true => format!("refused {}", entry.digest),
                false => entry.digest.to_string(),
            };
            let mut name = format!("inputs.{port}{label}");
            for i in 2.. {
                if !named.contains_key(&name) {
                    break;
                }
                name = format!("inputs.{port}{label}#{i}");
            }
            named.insert(name, value);
        }
    }
    named
}

/// Objects by dotted name, everything else as its JSON.
fn flatten(name: &str, value: &Value, named: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (field, value) in fields {
                flatten(&format!("{name}.{field}"), value, named);
            }
        }
        other => {
            named.insert(name.to_string(), other.to_string());
        }
    }
}

fn input_value(input: &RecipeInput) -> Value {
    let axes: Map<String, Value> = input
        .axes
        .iter()
        .map(|(axis, value)| (axis.clone(), json!(value)))
        .collect();
    let mut entry = json!({ "axes": axes, "digest": input.digest.to_string() });
    if input.refused {
        entry["refused"] = json!(true);
    }
    entry
}

fn decode_entries(entries: &Value) -> Result<Vec<RecipeInput>, RecipeError> {
    let malformed = || RecipeError::Field { field: "inputs" };
    let decode = |entry: &Value| {
        let axes = entry["axes"].as_object().ok_or_else(malformed)?;
        let axes = axes
            .iter()
            .map(|(axis, value)| Some((axis.clone(), value.as_str()?.to_string())));
        Ok(RecipeInput {
            axes: axes.collect::<Option<_>>().ok_or_else(malformed)?,
            digest: entry["digest"]
                .as_str()
                .and_then(|d| d.parse().ok())
                .ok_or_else(malformed)?,
            refused: entry["refused"].as_bool().unwrap_or(false),
        })
    };
    entries
        .as_array()
        .ok_or_else(malformed)?
        .iter()
        .map(decode)
        .collect()
}
