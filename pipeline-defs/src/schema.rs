//! The JSON Schema of study files, for editors: made from the registry of kinds and their parameters.

use serde_json::{Map, Value, json};

use crate::kinds::{self, KindSpec};
use crate::params;

/// The JSON Schema of a study file.
pub fn study_schema() -> Value {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Radloom study",
        "description": "Steps repeated along axes; the planner makes the tasks.",
        "type": "object",
        "required": ["name", "seed"],
        "additionalProperties": false,
        "properties": top(),
        "$defs": { "reference": reference(), "step": step(), "axis": axis() },
    });
    schema.sort_all_objects();
    schema
}

fn top() -> Value {
    json!({
        "name": text("The study's name."),
        "profile": text("`careful`, `paper` or one of [profiles]. Default: careful."),
        "seed": { "type": "integer", "minimum": 0, "description": "Every random draw is keyed by it." },
        "sites": { "type": "array", "items": { "type": "string" }, "description": "The run waits until all have announced their patients." },
        "cohort": {
            "type": "object",
            "additionalProperties": false,
            "properties": { "file": text("The cohort file, relative to the study.") },
            "description": "Where patients come from.",
        },
        "tables": { "type": "object", "additionalProperties": table(), "description": "Tables given with the study." },
        "axes": { "type": "object", "additionalProperties": { "$ref": "#/$defs/axis" }, "description": "Along what steps are repeated. `site` is built in." },
        "values": { "type": "object", "description": "Parameters that several steps share, asked for by { value = \"NAME\" }." },
        "steps": { "type": "object", "additionalProperties": { "$ref": "#/$defs/step" }, "description": "What is done." },
        "publish": {
            "type": "object",
            "additionalProperties": { "type": "string", "pattern": "^[^.]+\\.[^.]+$" },
            "description": "Path in the output directory → step.port. `{axis}` stands for a value; a trailing `/` unpacks a bundle.",
        },
        "profiles": {
            "type": "object",
            "additionalProperties": { "type": "object" },
            "description": "What is laid over the study when `profile` names it. Tables are merged; a quoted key with dots replaces what it names.",
        },
    })
}

fn table() -> Value {
    json!({
        "type": "object",
        "required": ["file"],
        "additionalProperties": false,
        "properties": {
            "file": text("A file, relative to the study."),
            "kind": { "enum": ["table", "followup", "folds", "csv", "gmt"], "description": "Default: table, a row a patient. `csv` has other rows, such as genes; `gmt` holds gene sets." },
        },
    })
}

fn axis() -> Value {
    let words = || json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 });
    let object = |required: &[&str], properties: Value| json!({ "type": "object", "required": required, "additionalProperties": false, "properties": properties });
    let count = |least: u32, what: &str| json!({ "type": "integer", "minimum": least, "maximum": 999, "description": what });
    json!({ "anyOf": [
        words(),
        object(&["from"], json!({ "from": { "const": "cohort", "description": "A value per patient." } })),
        object(&["of", "values", "where"], json!({
            "of": text("The axis of patients."),
            "values": words(),
            "where": text("`cohort has it` (the item `mask_{axis}`) or `cohort has ITEM_{axis}`."),
        })),
        object(&["of", "kfold"], json!({
            "of": text("A split axis."),
            "kfold": count(2, "Folds within the training rows; values i1, i2, …"),
            "seed": { "type": "integer", "minimum": 0 },
        })),
        object(&[], json!({
            "kfold": count(2, "Folds; values r1f1, r1f2, … repeat by repeat."),
            "repeats": count(1, "Default: 1."),
            "external": text("The site held out whole, for the value `external`."),
            "stratify": { "type": "array", "items": { "enum": ["event", "site"] } },
            "seed": { "type": "integer", "minimum": 0, "description": "Default: the study's." },
            "folds": { "type": "string", "pattern": "^tables\\.", "description": "Given folds; values f1, f2, …" },
        })),
        { "type": "object", "additionalProperties": words(), "description": "Groups of the values of another axis." },
    ] })
}

fn step() -> Value {
    let names: Vec<&str> = in_studies().map(|k| k.name).collect();
    json!({
        "type": "object",
        "required": ["kind"],
        "additionalProperties": false,
        "properties": {
            "kind": chosen(json!({ "enum": names, "description": "What it does." })),
            "per": { "type": "array", "items": { "type": "string" }, "description": "The axes along which it is repeated." },
            "in": { "type": "object", "description": "Port → step.port, cohort.item, cohort.table or tables.name." },
            "with": { "type": "object", "description": "Parameters; `preset` names a set of them." },
            "missing": { "enum": ["exclude", "fail"], "description": "What happens when an input was refused. Default: fail." },
            "allow_leak": chosen(text("Why it may learn from rows it should not see; legal with profile = \"paper\" only.")),
        },
        "allOf": in_studies().map(kind_rule).collect::<Vec<Value>>(),
    })
}

/// If the kind is this one, then its ports and parameters.
fn kind_rule(kind: &KindSpec) -> Value {
    let ports: Map<String, Value> = kind
        .inputs
        .iter()
        .map(|port| {
            let reference = json!({ "$ref": "#/$defs/reference" });
            let many = json!({ "anyOf": [reference, { "type": "array", "items": reference }] });
            (
                port.name.to_string(),
                chosen(if port.gathers { many } else { reference }),
            )
        })
        .collect();
    let required: Vec<&str> = kind
        .inputs
        .iter()
        .filter(|p| !p.optional)
        .map(|p| p.name)
        .collect();
    let mut ports = json!({ "additionalProperties": false, "properties": ports });
    if !required.is_empty() {
        ports["required"] = json!(required);
    }
    let inputs = if required.is_empty() {
        json!([])
    } else {
        json!(["in"])
    };
    json!({
        "if": { "properties": { "kind": { "const": kind.name } }, "required": ["kind"] },
        "then": {
            "description": kind.about,
            "required": inputs,
            "properties": { "in": ports, "with": { "anyOf": [parameters(kind), by()] } },
        },
    })
}

/// The parameters of a kind: none is required, each may be chosen by an axis, and the preset may be named.
fn parameters(kind: &KindSpec) -> Value {
    let schema = params::schema_of(kind);
    let known = schema["properties"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let mut properties: Map<String, Value> = Map::new();
    for (name, mut value) in known {
        relax(&mut value);
        let axis = json!({ "type": "object", "required": ["axis"], "properties": { "axis": { "type": "string" } } });
        let named = json!({ "type": "object", "required": ["value"], "properties": { "value": text("A name in [values].") } });
        let mut options = vec![value, axis, named, by()];
        if options[0].to_string().contains("\"null\"") {
            options.push(json!({ "const": "none" }));
        }
        if (kind.name, name.as_str()) == ("extract-features", "settings") {
            options.push(text(
                "Settings that come with the program, or a settings file relative to the study.",
            ));
        }
        properties.insert(name, json!({ "anyOf": options }));
    }
    let presets: Vec<&str> = params::presets_of(kind)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    properties.insert("preset".to_string(), chosen(json!({ "enum": presets })));
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

/// Nothing is required inside an object either: the preset completes it.
fn relax(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.remove("required");
            fields.values_mut().for_each(relax);
        }
        Value::Array(items) => items.iter_mut().for_each(relax),
        _ => {}
    }
}

fn in_studies() -> impl Iterator<Item = &'static KindSpec> {
    kinds::all().iter().filter(|kind| !kind.by_hand_only)
}

fn reference() -> Value {
    json!({ "type": "string", "pattern": "^[^.]+\\..+$", "description": "step.port, cohort.item, cohort.table or tables.name" })
}

/// A value, or one chosen by an axis.
fn chosen(value: Value) -> Value {
    json!({ "anyOf": [value, by()] })
}

fn by() -> Value {
    json!({ "type": "object", "required": ["by"], "properties": { "by": { "type": "string", "description": "The axis that chooses." } } })
}

fn text(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::{SPLIT_KEYS, STEP_KEYS, TOP_KEYS};

    fn keys(schema: &Value) -> Vec<&str> {
        let mut keys: Vec<&str> = schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(k, _)| k.as_str())
            .collect();
        keys.sort_unstable();
        keys
    }

    fn sorted(known: &[&'static str]) -> Vec<&'static str> {
        let mut known = known.to_vec();
        known.sort_unstable();
        known
    }

    #[test]
    fn the_schema_knows_the_keys_that_the_reader_knows() {
        let schema = study_schema();
        assert_eq!(keys(&schema), sorted(TOP_KEYS));
        assert_eq!(keys(&schema["$defs"]["step"]), sorted(STEP_KEYS));
        assert_eq!(
            keys(&schema["$defs"]["axis"]["anyOf"][4]),
            sorted(SPLIT_KEYS)
        );
    }
}
