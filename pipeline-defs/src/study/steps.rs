//! `[steps]`: what is done.

use super::read::{known_keys, table, text, wrong};
use super::{Choice, Missing, Parameter, ParameterValue, Reference, Step, StepInput};
use crate::kinds::{self, KindSpec};
use crate::node::{Field, Node};
use crate::problem::{Place, Problem, Problems, suggest};

/// The keys of a step.
pub(crate) const STEP_KEYS: &[&str] = &["kind", "per", "in", "with", "missing", "allow_leak"];

/// Reads all steps.
pub(super) fn read(node: Option<&Node>, problems: &mut Problems) -> Vec<Step> {
    let fields = node.map_or(&[][..], |n| table(n, "steps", problems));
    let mut steps = Vec::new();
    for field in fields {
        let before = problems.0.len();
        if let Some(step) = read_one(field, problems) {
            steps.push(step);
        }
        for problem in &mut problems.0[before..] {
            problem
                .step
                .get_or_insert_with(|| field.name.as_str().into());
        }
    }
    steps
}

fn read_one(field: &Field, problems: &mut Problems) -> Option<Step> {
    let node = &field.node;
    let fields = table(node, &field.name, problems);
    known_keys(fields, STEP_KEYS, "a step", problems);
    if ["cohort", "tables"].contains(&field.name.as_str())
        || !super::axes::is_word(&field.name)
        || field.name.contains('.')
    {
        let message = format!("a step cannot be named `{}`", field.name);
        problems.push(Problem::new(
            "step-name",
            &field.place,
            message,
            "use letters, digits, `-` and `_`",
        ));
    }
    let Some(kind) = node.field("kind") else {
        let message = format!("step `{}` has no kind", field.name);
        problems.push(Problem::new(
            "missing-key",
            &field.place,
            message,
            "write kind = \"…\"; `radloom step ls` lists them",
        ));
        return None;
    };
    let kind = choice(kind, problems, read_kind)?;
    Some(Step {
        name: field.name.clone(),
        kind,
        per: node
            .field("per")
            .map_or_else(Vec::new, |n| per(n, problems)),
        inputs: node
            .field("in")
            .map_or_else(Vec::new, |n| inputs(n, problems)),
        with: node
            .field("with")
            .map_or(Some(Choice::One(Vec::new())), |n| {
                choice(n, problems, |n, p| Some(parameters(n, p)))
            })?,
        missing: node
            .field("missing")
            .map_or(Missing::Fail, |n| missing(n, problems)),
        allow_leak: node.field("allow_leak").and_then(|n| {
            choice(n, problems, |n, p| {
                Some((text(n, "allow_leak", p), n.place.clone()))
            })
        }),
        place: field.place.clone(),
    })
}

fn read_kind(node: &Node, problems: &mut Problems) -> Option<&'static KindSpec> {
    let name = text(node, "kind", problems);
    let found = kinds::kind(&name);
    match found {
        None => {
            let known = kinds::all()
                .iter()
                .filter(|k| !k.by_hand_only)
                .map(|k| k.name);
            problems.push(Problem::new(
                "unknown-kind",
                &node.place,
                format!("unknown kind `{name}`"),
                suggest(&name, known),
            ));
        }
        Some(kind) if kind.by_hand_only => {
            let message = format!(
                "`{name}` fits and applies on one table and is for `radloom step run` only"
            );
            let repair = match kind.name {
                "spearman-filter" => "use `fit-selection` and `apply-selection`",
                _ => {
                    "use a split axis with `select-rows`, a `fit-…` kind, `predict` and `evaluate`"
                }
            };
            problems.push(Problem::new("by-hand-only", &node.place, message, repair));
        }
        Some(_) => {}
    }
    found
}

fn per(node: &Node, problems: &mut Problems) -> Vec<(String, Place)> {
    match node.as_array() {
        Some(items) => items
            .iter()
            .map(|n| (text(n, "per", problems), n.place.clone()))
            .collect(),
        None => {
            wrong(&node.place, "per", "a list of axes", problems);
            Vec::new()
        }
    }
}

fn missing(node: &Node, problems: &mut Problems) -> Missing {
    match node.as_str() {
        Some("exclude") => Missing::Exclude,
        Some("fail") => Missing::Fail,
        _ => {
            wrong(&node.place, "missing", "\"exclude\" or \"fail\"", problems);
            Missing::Fail
        }
    }
}

fn inputs(node: &Node, problems: &mut Problems) -> Vec<StepInput> {
    let mut inputs = Vec::new();
    for field in table(node, "in", problems) {
        if let Some(from) = choice(&field.node, problems, |n, p| {
            Some(references(n, &field.name, p))
        }) {
            inputs.push(StepInput {
                port: field.name.clone(),
                place: field.place.clone(),
                from,
            });
        }
    }
    inputs
}

fn references(node: &Node, port: &str, problems: &mut Problems) -> Vec<(Reference, Place)> {
    let nodes = node.as_array().unwrap_or(std::slice::from_ref(node));
    let read = |node: &Node| {
        let name = text(node, port, problems);
        let (name, at) = match held(&name) {
            Some(found) => found,
            None => {
                let message = format!("`{name}` holds no axis at a value");
                let repair = "write \"step[axis=value].port\", as a task's address";
                problems
                    .push(Problem::new("reference", &node.place, message, repair).of_port(port));
                return None;
            }
        };
        let reference = match name.split_once('.') {
            _ if name.is_empty() => return None,
            Some(("cohort", "table")) => Reference::SiteTable,
            Some(("cohort", item)) => Reference::Item(item.to_string()),
            Some(("tables", table)) => Reference::Table(table.to_string()),
            Some((step, port)) => Reference::Step {
                step: step.to_string(),
                port: port.to_string(),
                at,
            },
            None => {
                let message = format!("`{name}` names no output");
                let repair = format!("write \"{name}.PORT\", \"cohort.ITEM\" or \"tables.NAME\"");
                problems
                    .push(Problem::new("reference", &node.place, message, repair).of_port(port));
                return None;
            }
        };
        Some((reference, node.place.clone()))
    };
    nodes.iter().filter_map(read).collect()
}

/// `step[axis=value,…].port` as `step.port` and what is held; `None` where the brackets are wrong.
fn held(name: &str) -> Option<(String, Vec<(String, String)>)> {
    let Some((step, rest)) = name.split_once('[') else {
        return Some((name.to_string(), Vec::new()));
    };
    let (inside, port) = rest.split_once("].")?;
    let pair = |text: &str| {
        let (axis, value) = text.split_once('=')?;
        let (axis, value) = (axis.trim(), value.trim());
        (!axis.is_empty() && !value.is_empty()).then(|| (axis.to_string(), value.to_string()))
    };
    let at = inside.split(',').map(pair).collect::<Option<Vec<_>>>()?;
    (!["cohort", "tables"].contains(&step)).then(|| (format!("{step}.{port}"), at))
}

fn parameters(node: &Node, problems: &mut Problems) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    for field in table(node, "with", problems) {
        if let Some(value) = choice(&field.node, problems, parameter_value) {
            parameters.push(Parameter {
                name: field.name.clone(),
                place: field.place.clone(),
                value_place: field.node.place.clone(),
                value,
            });
        }
    }
    parameters
}

fn parameter_value(node: &Node, problems: &mut Problems) -> Option<ParameterValue> {
    if let Some([only]) = node.as_table()
        && only.name == "axis"
    {
        return Some(ParameterValue::Axis(text(&only.node, "axis", problems)));
    }
    node.to_json()
        .map(ParameterValue::Literal)
        .map_err(|problem| problems.push(problem))
        .ok()
}

/// A value, or `{ by = "axis", VALUE = … }`.
fn choice<T>(
    node: &Node,
    problems: &mut Problems,
    mut read: impl FnMut(&Node, &mut Problems) -> Option<T>,
) -> Option<Choice<T>> {
    let (Some(fields), Some(by)) = (node.as_table(), node.field("by")) else {
        return read(node, problems).map(Choice::One);
    };
    let axis = text(by, "by", problems);
    let mut options = Vec::new();
    for field in fields.iter().filter(|f| f.name != "by") {
        options.push((field.name.clone(), read(&field.node, problems)?));
    }
    if options.is_empty() {
        problems.push(Problem::new(
            "by",
            &node.place,
            "a choice without alternatives",
            "write one for each value of the axis",
        ));
        return None;
    }
    Some(Choice::By {
        axis,
        options,
        place: by.place.clone(),
    })
}
