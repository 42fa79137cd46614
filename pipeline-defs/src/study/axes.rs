//! `[axes]`: along what steps are repeated.

use super::read::{integer, known_keys, text, texts, wrong};
use super::{Axis, AxisKind, SplitScheme};
use crate::node::{Field, Node};
use crate::problem::{Place, Problem, Problems, suggest};

/// The built-in axis of sites.
pub(crate) const SITE: &str = "site";

/// The keys of a split axis.
pub(crate) const SPLIT_KEYS: &[&str] =
    &["kfold", "repeats", "external", "stratify", "seed", "folds"];

/// Reads all axes and finds out which axis each group belongs to.
pub(super) fn read(node: Option<&Node>, seed: u64, problems: &mut Problems) -> Vec<Axis> {
    let fields = node.map_or(&[][..], |n| super::read::table(n, "axes", problems));
    let mut axes = Vec::new();
    for field in fields {
        if field.name == SITE {
            let repair = "leave it out; its values are `sites`";
            problems.push(Problem::new(
                "axis",
                &field.place,
                "the axis `site` is built in",
                repair,
            ));
            continue;
        }
        if let Some(kind) = read_one(field, seed, problems) {
            axes.push(Axis {
                name: field.name.clone(),
                kind,
                place: field.place.clone(),
            });
        }
    }
    place_groups(&mut axes, problems);
    for axis in &axes {
        check_values(axis, problems);
    }
    axes
}

fn read_one(field: &Field, seed: u64, problems: &mut Problems) -> Option<AxisKind> {
    let node = &field.node;
    if node.as_array().is_some() {
        return Some(AxisKind::List(texts(node, &field.name, problems)));
    }
    let Some(fields) = node.as_table() else {
        wrong(
            &node.place,
            &field.name,
            "a list of values or a table",
            problems,
        );
        return None;
    };
    let has = |name: &str| fields.iter().any(|f| f.name == name);
    if has("from") {
        known_keys(fields, &["from"], "an axis from the cohort", problems);
        if node.field("from").and_then(Node::as_str) != Some("cohort") {
            wrong(&node.place, "from", "\"cohort\"", problems);
        }
        return Some(AxisKind::Cohort);
    }
    if has("of") {
        return Some(if has("kfold") {
            nested(node, fields, seed, problems)
        } else {
            sparse(field, fields, problems)
        });
    }
    if fields.iter().any(|f| SPLIT_KEYS.contains(&f.name.as_str())) {
        return Some(split(node, fields, seed, problems));
    }
    let members = fields
        .iter()
        .map(|f| (f.name.clone(), texts(&f.node, &f.name, problems)))
        .collect();
    Some(AxisKind::Group {
        of: String::new(),
        members,
    })
}

fn nested(node: &Node, fields: &[Field], seed: u64, problems: &mut Problems) -> AxisKind {
    known_keys(fields, &["of", "kfold", "seed"], "a nested axis", problems);
    AxisKind::Nested {
        of: node
            .field("of")
            .map_or(String::new(), |n| text(n, "of", problems)),
        kfold: count(node, "kfold", 2, problems).unwrap_or(2),
        seed: node
            .field("seed")
            .and_then(|n| integer(n, "seed", problems))
            .unwrap_or(seed),
    }
}

fn sparse(field: &Field, fields: &[Field], problems: &mut Problems) -> AxisKind {
    let node = &field.node;
    known_keys(
        fields,
        &["of", "values", "where"],
        "a sparse axis",
        problems,
    );
    let has = node
        .field("where")
        .map_or(String::new(), |n| text(n, "where", problems));
    let item = match has.strip_prefix("cohort has ") {
        Some("it") => format!("mask_{{{}}}", field.name),
        Some(item) if item.contains(&format!("{{{}}}", field.name)) => item.to_string(),
        _ => {
            let message = format!("axis `{}` does not say where its values exist", field.name);
            let repair = format!(
                "write where = \"cohort has it\", which asks for the item `mask_{{{}}}`",
                field.name
            );
            problems.push(Problem::new("axis", &node.place, message, repair));
            String::new()
        }
    };
    AxisKind::Sparse {
        of: node
            .field("of")
            .map_or(String::new(), |n| text(n, "of", problems)),
        values: node
            .field("values")
            .map_or_else(Vec::new, |n| texts(n, "values", problems)),
        item,
    }
}

fn split(node: &Node, fields: &[Field], seed: u64, problems: &mut Problems) -> AxisKind {
    known_keys(fields, SPLIT_KEYS, "a split axis", problems);
    let folds = node.field("folds").map(|n| text(n, "folds", problems));
    let folds = folds.map(|name| match name.strip_prefix("tables.") {
        Some(table) => table.to_string(),
        None => {
            wrong(&node.place, "folds", "\"tables.NAME\"", problems);
            name
        }
    });
    let scheme = SplitScheme {
        kfold: node
            .field("kfold")
            .and_then(|_| count(node, "kfold", 0, problems))
            .unwrap_or(0),
        repeats: node
            .field("repeats")
            .and_then(|_| count(node, "repeats", 1, problems))
            .unwrap_or(1),
        external: node
            .field("external")
            .map(|n| text(n, "external", problems)),
        stratify: node
            .field("stratify")
            .map_or_else(Vec::new, |n| texts(n, "stratify", problems)),
        seed: node
            .field("seed")
            .and_then(|n| integer(n, "seed", problems))
            .unwrap_or(seed),
        folds,
    };
    let mut say = |message: &str, repair: &str| {
        problems.push(Problem::new("split", &node.place, message, repair))
    };
    if scheme.kfold == 1 {
        say("one fold leaves nothing to train on", "write kfold = 5");
    }
    // A number that was refused has been said.
    if scheme.kfold == 0 && node.field("kfold").is_none_or(is_zero) {
        if scheme.external.is_none() {
            say(
                "a split needs folds or an external site",
                "write kfold = 5 or external = \"SITE\"",
            );
        }
        if scheme.folds.is_some() {
            say(
                "given folds need their number",
                "write kfold = 5, or how many there are",
            );
        }
        if scheme.repeats > 1 {
            say(
                "`repeats` repeats folds, and there are none",
                "write kfold = 5, or leave `repeats` out",
            );
        }
    }
    if scheme.folds.is_some() && scheme.repeats > 1 {
        say("given folds have no repeats", "leave `repeats` out");
    }
    if let Some(other) = scheme
        .stratify
        .iter()
        .find(|s| !["event", "site"].contains(&s.as_str()))
    {
        say(
            &format!("cannot stratify by `{other}`"),
            "write \"event\", \"site\" or both",
        );
    }
    AxisKind::Split(scheme)
}

fn is_zero(node: &Node) -> bool {
    node.as_integer() == Some(0)
}

/// A whole number from `least`, below a thousand.
fn count(node: &Node, name: &str, least: u64, problems: &mut Problems) -> Option<u32> {
    let field = node.field(name)?;
    let number = integer(field, name, problems)?;
    if number < least || 1000 <= number {
        wrong(
            &field.place,
            name,
            &format!("from {least} to 999"),
            problems,
        );
        return None;
    }
    Some(number as u32)
}

/// Gives each group the one list axis that has all its members.
fn place_groups(axes: &mut [Axis], problems: &mut Problems) {
    let lists: Vec<(String, Vec<String>)> = axes
        .iter()
        .filter_map(|axis| match &axis.kind {
            AxisKind::List(values) => Some((axis.name.clone(), values.clone())),
            _ => None,
        })
        .collect();
    for axis in axes {
        let AxisKind::Group { of, members } = &mut axis.kind else {
            continue;
        };
        let all: Vec<&String> = members.iter().flat_map(|(_, m)| m).collect();
        let fits: Vec<&String> = lists
            .iter()
            .filter(|(_, values)| all.iter().all(|m| values.contains(m)))
            .map(|(name, _)| name)
            .collect();
        match fits.as_slice() {
            [one] if !all.is_empty() => *of = one.to_string(),
            [] => problems.push(lonely_group(&axis.name, &axis.place, &all, &lists)),
            _ => {
                let message = format!(
                    "the groups of `{}` fit the axes {}",
                    axis.name,
                    listed(&fits)
                );
                problems.push(Problem::new(
                    "axis",
                    &axis.place,
                    message,
                    "give the axes different values",
                ));
            }
        }
    }
}

fn lonely_group(
    name: &str,
    place: &Place,
    all: &[&String],
    lists: &[(String, Vec<String>)],
) -> Problem {
    let values: Vec<&str> = lists
        .iter()
        .flat_map(|(_, v)| v.iter().map(String::as_str))
        .collect();
    let stranger = all.iter().find(|m| !values.contains(&m.as_str()));
    let (message, repair) = match stranger {
        Some(stranger) => (
            format!("`{stranger}` in the groups of `{name}` is a value of no axis"),
            suggest(stranger, values.iter().copied()),
        ),
        None => (
            format!("the members of the groups of `{name}` are values of different axes"),
            "group the values of one axis".to_string(),
        ),
    };
    Problem::new("axis", place, message, repair)
}

fn listed(names: &[&String]) -> String {
    crate::problem::list(&names.iter().map(|n| n.as_str()).collect::<Vec<_>>())
}

/// Values are words that can stand in a task's address, each once.
fn check_values(axis: &Axis, problems: &mut Problems) {
    let values: Vec<&String> = match &axis.kind {
        AxisKind::List(values) | AxisKind::Sparse { values, .. } => values.iter().collect(),
        AxisKind::Group { members, .. } => members.iter().map(|(name, _)| name).collect(),
        _ => return,
    };
    let mut say = |message: String, repair: &str| {
        problems.push(Problem::new("axis", &axis.place, message, repair))
    };
    if values.is_empty() {
        say(
            format!("axis `{}` has no values", axis.name),
            "write at least one",
        );
    }
    for (i, value) in values.iter().enumerate() {
        if !is_word(value) {
            say(
                format!("value `{value}` of axis `{}` is not a word", axis.name),
                "use letters, digits, `-`, `_`, `.`",
            );
        }
        if values[..i].contains(value) {
            say(
                format!("value `{value}` of axis `{}` is given twice", axis.name),
                "write it once",
            );
        }
    }
}

/// Letters, digits, `-`, `_`, `.`, `+`: nothing that an address or a path template uses.
#[must_use]
pub fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text != "."
        && text != ".."
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || "-_.+".contains(c))
}
