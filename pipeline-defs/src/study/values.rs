//! `[values]`: a parameter that several steps share is written once and asked for by name.

use std::collections::BTreeSet;

use super::axes::is_word;
use super::read::wrong;
use crate::node::{Field, Node};
use crate::problem::{Place, Problem, Problems, suggest};

/// The table at the top of a study, and the key of what asks for an entry of it.
pub(super) const VALUES: &str = "values";
const VALUE: &str = "value";

/// Puts the named values where parameters ask for them: `{ value = "NAME" }` as a whole parameter or as one alternative
/// of it. An entry may itself be chosen by an axis, and then stands for a whole parameter only.
pub(super) fn fill_in(root: &mut Node, problems: &mut Problems) {
    let Some(values) = entries(root, problems) else {
        return;
    };
    each_parameter(root, &mut |step, node, alternative| {
        let Some(name) = asked_by(node).map(str::to_string) else {
            return;
        };
        let place = node.place.clone();
        let mut say = |code, message: String, repair: String| {
            problems.push(Problem::new(code, &place, message, repair).of_step(step))
        };
        match values.iter().find(|entry| entry.name == name) {
            None => {
                let repair = match suggest(&name, values.iter().map(|entry| entry.name.as_str())) {
                    near if near.starts_with("did") => near,
                    _ => format!("write `{name} = …` under [values]"),
                };
                say("unknown-value", format!("unknown value `{name}`"), repair);
            }
            Some(entry) if alternative && entry.node.field("by").is_some() => {
                let message =
                    format!("value `{name}` is chosen by an axis, and so is what asks for it");
                let repair = format!("let the whole parameter be {{ value = \"{name}\" }}");
                say("value-choice", message, repair);
            }
            Some(entry) if asks(&entry.node) => {} // `check` says so
            Some(entry) => *node = as_asked(entry, &place),
        }
    });
}

/// The entry, whose choice is made where it was asked for: that is where an axis may be lacking.
fn as_asked(entry: &Field, place: &Place) -> Node {
    let mut node = entry.node.clone();
    if let Some(by) = node.field_mut("by") {
        by.place = place.clone();
    }
    node
}

/// The names that parameters ask for, in the text as it stands and under each of its profiles.
pub(super) fn asked_for(root: &Node) -> BTreeSet<String> {
    let profiles = root.field("profiles").and_then(Node::as_table);
    let laid_over = profiles.into_iter().flatten().map(|profile| {
        let mut root = root.clone();
        root.merge(&profile.node);
        root
    });
    let mut names = BTreeSet::new();
    for mut root in std::iter::once(root.clone()).chain(laid_over) {
        each_parameter(&mut root, &mut |_, node, _| {
            names.extend(asked_by(node).map(str::to_string));
        });
    }
    names
}

/// Every entry has a name, is no other entry, and some step asks for it.
pub(super) fn check(root: &Node, asked: &BTreeSet<String>, problems: &mut Problems) {
    for entry in entries(root, &mut Problems::default()).unwrap_or_default() {
        let mut say = |code, message: String, repair: String| {
            problems.push(Problem::new(code, &entry.place, message, repair))
        };
        let name = &entry.name;
        if !is_word(name) || name.contains('.') {
            let repair = "use letters, digits, `-` and `_`".to_string();
            say(
                "value-name",
                format!("a value cannot be named `{name}`"),
                repair,
            );
        } else if asks(&entry.node) {
            let message = format!("value `{name}` asks for another value");
            say("value-choice", message, "write it out".to_string());
        } else if !asked.contains(name) {
            let repair = match suggest(name, asked.iter().map(String::as_str)) {
                near if near.starts_with("did") => near,
                _ => format!("ask for it with {{ value = \"{name}\" }}, or take it out"),
            };
            say(
                "unused-value",
                format!("no step asks for value `{name}`"),
                repair,
            );
        }
    }
}

/// The entries of `[values]`; `None` where it is no table.
fn entries(root: &Node, problems: &mut Problems) -> Option<Vec<Field>> {
    match root.field(VALUES) {
        None => Some(Vec::new()),
        Some(node) => match node.as_table() {
            Some(fields) => Some(fields.to_vec()),
            None => {
                wrong(&node.place, VALUES, "a table", problems);
                None
            }
        },
    }
}

/// The name that a parameter asks for.
fn asked_by(node: &Node) -> Option<&str> {
    match node.as_table() {
        Some([only]) if only.name == VALUE => only.node.as_str(),
        _ => None,
    }
}

/// Whether an entry, or an alternative of it, asks for an entry.
fn asks(node: &Node) -> bool {
    let alternatives = node.field("by").and(node.as_table()).unwrap_or_default();
    asked_by(node).is_some() || alternatives.iter().any(|f| asked_by(&f.node).is_some())
}

/// Visits every parameter of every step, whole and then alternative by alternative, with the step's name and whether it
/// is an alternative.
fn each_parameter(root: &mut Node, visit: &mut impl FnMut(&str, &mut Node, bool)) {
    for step in root
        .field_mut("steps")
        .map(Node::fields_mut)
        .into_iter()
        .flatten()
    {
        let Some(with) = step.node.field_mut("with") else {
            continue;
        };
        let chosen = with.field("by").is_some();
        for field in with.fields_mut() {
            if !chosen {
                visit_parameter(&step.name, field, visit);
                continue;
            }
            for field in field.node.fields_mut() {
                visit_parameter(&step.name, field, visit);
            }
        }
    }
}

fn visit_parameter(step: &str, field: &mut Field, visit: &mut impl FnMut(&str, &mut Node, bool)) {
    visit(step, &mut field.node, false);
    if field.node.field("by").is_some() {
        for alternative in field.node.fields_mut() {
            visit(step, &mut alternative.node, true);
        }
    }
}
