//! The frame of a study: profile, overrides, and the tables at the top.

use std::collections::{BTreeMap, BTreeSet};

use digest::Digest;

use super::{CohortRef, Publish, Study, TableKind, TableRef, axes, choice, names, steps, values};
use crate::canonical::{canonical, quoted};
use crate::node::{self, Field, Node, NodeValue};
use crate::problem::{Place, Problem, Problems, list, suggest};

/// The keys at the top of a study.
pub(crate) const TOP_KEYS: &[&str] = &[
    "name", "profile", "seed", "sites", "cohort", "tables", "axes", "values", "steps", "publish",
    "profiles",
];

/// Reads a study: `file` is only named in messages, `sets` are overrides `dotted.key=TOMLVALUE` applied after the
/// profile.
///
/// # Errors
/// Everything that is wrong with the text alone: syntax, unknown keys, kinds, axes, steps and ports.
pub fn parse(text: &str, file: &str, sets: &[String]) -> Result<Study, Problems> {
    let mut root = node::read(text, file)?;
    let values_elsewhere = values_elsewhere(&root);
    let mut asked = values::asked_for(&root);
    let mut problems = Problems::default();
    apply_overrides(&mut root, sets, &mut asked, &mut problems)?;
    values::check(&root, &asked, &mut problems);
    let mut study = read(&root, &mut problems);
    study.values_elsewhere = values_elsewhere;
    problems.into_result()?;
    let mut problems = Problems::default();
    names::check_names(&study, &mut problems);
    problems.into_result()?;
    Ok(study)
}

/// Profile first, then `--set`: of named values before they are filled in, of steps thereafter, so that a step's own
/// parameter can be set whether it was named or not.
fn apply_overrides(
    root: &mut Node,
    sets: &[String],
    asked: &mut BTreeSet<String>,
    problems: &mut Problems,
) -> Result<(), Problem> {
    let sets = sets
        .iter()
        .map(|set| node::read_override(set))
        .collect::<Result<Vec<_>, _>>()?;
    let chosen = sets
        .iter()
        .rev()
        .find(|(path, _)| path.as_slice() == ["profile"])
        .map(|(_, node)| node.clone());
    if let Some(profile) = chosen.or_else(|| root.field("profile").cloned()) {
        let name = profile.as_str().unwrap_or("").to_string();
        let known = root
            .field("profiles")
            .and_then(Node::as_table)
            .unwrap_or_default();
        let over = known
            .iter()
            .find(|f| f.name == name)
            .map(|f| f.node.clone());
        let axis = profile_axis(root);
        let built_in = ["careful", "paper"]
            .into_iter()
            .chain(axis.is_some().then_some("both"));
        if over.is_none() && !built_in.clone().any(|known| known == name) {
            let names = known.iter().map(|f| f.name.as_str()).chain(built_in);
            let message = format!("unknown profile `{name}`");
            return Err(Problem::new(
                "profile",
                &profile.place,
                message,
                suggest(&name, names),
            ));
        }
        if let Some(over) = over {
            root.merge(&over);
        }
    }
    let named = |path: &[String]| path.first().is_some_and(|first| first == values::VALUES);
    let (of_values, others): (Vec<_>, Vec<_>) = sets.into_iter().partition(|(path, _)| named(path));
    for (path, node) in of_values {
        root.set(&path, node);
    }
    values::fill_in(root, problems);
    for (path, node) in others {
        root.set(&path, node);
    }
    asked.extend(values::asked_for(root));
    values::fill_in(root, problems);
    keep_profile(root);
    Ok(())
}

/// The values of an axis that holds the profiles side by side.
fn profile_axis(root: &Node) -> Option<Vec<String>> {
    let values = root.field("axes")?.field(super::PROFILE)?.as_array()?;
    Some(
        values
            .iter()
            .filter_map(Node::as_str)
            .map(str::to_string)
            .collect(),
    )
}

/// A profile other than `both` keeps its value of the axis alone.
fn keep_profile(root: &mut Node) {
    let Some(values) = profile_axis(root) else {
        return;
    };
    let Some(profile) = root.field("profile").cloned() else {
        return;
    };
    let name = profile.as_str().unwrap_or_default();
    if values.iter().any(|v| v == name) {
        let one = Node {
            value: NodeValue::Array(vec![profile.clone()]),
            place: profile.place.clone(),
        };
        root.set(&["axes".to_string(), super::PROFILE.to_string()], one);
    }
}

/// The values of every axis, in the text as it stands and under each of its profiles.
fn values_elsewhere(root: &Node) -> BTreeMap<String, Vec<String>> {
    let profiles = root.field("profiles").and_then(Node::as_table);
    let laid_over = profiles.into_iter().flatten().map(|profile| {
        let mut root = root.clone();
        root.merge(&profile.node);
        root
    });
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for root in std::iter::once(root.clone()).chain(laid_over) {
        let mut said_later = Problems::default();
        for axis in axes::read(root.field("axes"), 0, &mut said_later) {
            let known = values.entry(axis.name).or_default();
            known.extend(choice::values_of(&axis.kind).unwrap_or_default());
        }
        let sites = root.field("sites").and_then(Node::as_array);
        let names = sites.into_iter().flatten().filter_map(Node::as_str);
        let known = values.entry(axes::SITE.to_string()).or_default();
        known.extend(names.map(str::to_string));
    }
    values
}

fn read(root: &Node, problems: &mut Problems) -> Study {
    let fields = root.as_table().unwrap_or_default();
    known_keys(fields, TOP_KEYS, "a study", problems);
    let seed = required(root, "seed", "an integer such as 20250308", problems)
        .and_then(|n| integer(n, "seed", problems))
        .unwrap_or(0);
    let sites = root
        .field("sites")
        .map_or_else(Vec::new, |n| texts(n, "sites", problems));
    let axes = axes::read(root.field("axes"), seed, problems);
    let text_digest = Digest::of(canonical_study(fields, problems).as_bytes());
    check_frame(root, &sites, problems);
    Study {
        name: required(root, "name", "a word", problems)
            .map_or(String::new(), |n| study_name(n, problems)),
        profile: root
            .field("profile")
            .and_then(Node::as_str)
            .unwrap_or_else(|| profile_axis(root).map_or("careful", |_| "both"))
            .to_string(),
        seed,
        sites,
        cohort: root.field("cohort").map(|n| cohort(n, problems)),
        tables: root
            .field("tables")
            .map_or_else(BTreeMap::new, |n| tables(n, problems)),
        axes,
        steps: steps::read(root.field("steps"), problems),
        publish: root
            .field("publish")
            .map_or_else(Vec::new, |n| publish(n, problems)),
        values_elsewhere: BTreeMap::new(),
        text_digest,
        place: root.place.clone(),
    }
}

/// The name becomes part of folder names and run ids.
fn study_name(node: &Node, problems: &mut Problems) -> String {
    let name = text(node, "name", problems);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let starts_plain = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if node.as_str().is_some() && !(starts_plain && name.chars().all(plain) && name.len() <= 64) {
        problems.push(Problem::new(
            "name",
            &node.place,
            format!("the study's name `{name}` is not a plain word"),
            "use letters a-z, digits, `-` and `_`, at most 64, a letter or digit first",
        ));
    }
    name
}

/// A study does something, and somewhere.
fn check_frame(root: &Node, sites: &[String], problems: &mut Problems) {
    let mut say = |code, place: &Place, message: String, repair: &str| {
        problems.push(Problem::new(code, place, message, repair))
    };
    let steps = root.field("steps");
    if steps.is_none_or(|n| n.as_table().is_some_and(<[Field]>::is_empty)) {
        let place = steps.map_or(&root.place, |n| &n.place);
        let repair = "write [steps.NAME] with a `kind`; `radloom step ls` lists the kinds";
        say("no-steps", place, "a study without steps".into(), repair);
    }
    let named = root.field("sites");
    let place = named.map_or(&root.place, |n| &n.place);
    if let (Some(cohort), true) = (root.field("cohort"), sites.is_empty())
        && named.is_none_or(|n| n.as_array().is_some())
    {
        let place = named.map_or(&cohort.place, |n| &n.place);
        let repair = "write sites = [\"SITE\"], the centres that hold the patients of [cohort]";
        say("sites", place, "no sites hold the cohort".into(), repair);
    }
    for (i, site) in sites.iter().enumerate() {
        if !axes::is_word(site) {
            let repair = "use letters, digits, `-`, `_`, `.`";
            say(
                "sites",
                place,
                format!("site `{site}` is not a word"),
                repair,
            );
        }
        if sites[..i].contains(site) {
            say(
                "sites",
                place,
                format!("site `{site}` is named twice"),
                "name it once",
            );
        }
    }
}

fn cohort(node: &Node, problems: &mut Problems) -> CohortRef {
    known_keys(
        table(node, "cohort", problems),
        &["file"],
        "[cohort]",
        problems,
    );
    CohortRef {
        file: node.field("file").map(|n| text(n, "file", problems)),
        place: node.place.clone(),
    }
}

fn tables(node: &Node, problems: &mut Problems) -> BTreeMap<String, TableRef> {
    let mut tables = BTreeMap::new();
    for field in table(node, "tables", problems) {
        known_keys(
            table(&field.node, &field.name, problems),
            &["file", "kind"],
            "a table",
            problems,
        );
        let kind = field
            .node
            .field("kind")
            .map_or("table", |n| n.as_str().unwrap_or(""));
        let kind = match kind {
            "table" => TableKind::Table,
            "followup" => TableKind::FollowUp,
            "folds" => TableKind::Folds,
            "csv" => TableKind::Csv,
            "gmt" => TableKind::GeneSets,
            other => {
                let repair = suggest(other, ["table", "followup", "folds", "csv", "gmt"]);
                problems.push(Problem::new(
                    "table",
                    &field.place,
                    format!("unknown kind of table `{other}`"),
                    repair,
                ));
                TableKind::Table
            }
        };
        let file = required(&field.node, "file", "the path of a file", problems);
        let file = file.map_or(String::new(), |n| text(n, "file", problems));
        tables.insert(
            field.name.clone(),
            TableRef {
                file,
                kind,
                place: field.place.clone(),
            },
        );
    }
    tables
}

fn publish(node: &Node, problems: &mut Problems) -> Vec<Publish> {
    let mut published = Vec::new();
    for field in table(node, "publish", problems) {
        let from = text(&field.node, &field.name, problems);
        match from.split_once('.') {
            Some((step, port)) => published.push(Publish {
                path: field.name.clone(),
                step: step.to_string(),
                port: port.to_string(),
                place: field.place.clone(),
            }),
            None => problems.push(Problem::new(
                "reference",
                &field.node.place,
                format!("`{from}` names no output"),
                "write \"step.port\"",
            )),
        }
    }
    published
}

/// The resolved study as canonical text. The order inside an axis matters (it orders groups), all other is sorted. Named
/// values stand where they are used, so that naming them makes no other study.
fn canonical_study(fields: &[Field], problems: &mut Problems) -> String {
    let mut parts: Vec<(String, String)> = Vec::new();
    let laid_in = ["profiles", values::VALUES];
    for field in fields
        .iter()
        .filter(|f| !laid_in.contains(&f.name.as_str()))
    {
        let text = match (field.name.as_str(), field.node.as_table()) {
            ("axes", Some(axes)) => ordered(axes, problems, true),
            _ => json(&field.node, problems),
        };
        parts.push((field.name.clone(), text));
    }
    parts.sort();
    parts
        .iter()
        .map(|(name, text)| format!("{}:{text}\n", quoted(name)))
        .collect()
}

/// Pairs in a list; the axes themselves sorted, what is in them as written.
fn ordered(fields: &[Field], problems: &mut Problems, sort: bool) -> String {
    let mut parts: Vec<String> = Vec::new();
    for field in fields {
        let text = match &field.node.value {
            NodeValue::Table(inner) => ordered(inner, problems, false),
            _ => json(&field.node, problems),
        };
        parts.push(format!("[{},{text}]", quoted(&field.name)));
    }
    if sort {
        parts.sort();
    }
    format!("[{}]", parts.join(","))
}

fn json(node: &Node, problems: &mut Problems) -> String {
    match node.to_json() {
        Ok(value) => canonical(&value),
        Err(problem) => {
            problems.push(problem);
            String::new()
        }
    }
}

/// Says every key that is not known.
pub(super) fn known_keys(fields: &[Field], known: &[&str], what: &str, problems: &mut Problems) {
    for field in fields.iter().filter(|f| !known.contains(&f.name.as_str())) {
        let near = suggest(&field.name, known.iter().copied());
        let repair = if near.starts_with("did") {
            near
        } else {
            format!("it may have {}", list(known))
        };
        problems.push(Problem::new(
            "unknown-key",
            &field.place,
            format!("unknown key `{}` in {what}", field.name),
            repair,
        ));
    }
}

/// The fields of a table, or none with a problem.
pub(super) fn table<'a>(node: &'a Node, name: &str, problems: &mut Problems) -> &'a [Field] {
    node.as_table().unwrap_or_else(|| {
        wrong(&node.place, name, "a table", problems);
        &[]
    })
}

/// A text.
pub(super) fn text(node: &Node, name: &str, problems: &mut Problems) -> String {
    node.as_str().map(str::to_string).unwrap_or_else(|| {
        wrong(&node.place, name, "a text in quotes", problems);
        String::new()
    })
}

/// A list of texts.
pub(super) fn texts(node: &Node, name: &str, problems: &mut Problems) -> Vec<String> {
    match node.as_array() {
        Some(items) => items
            .iter()
            .map(|item| text(item, name, problems))
            .collect(),
        None => {
            wrong(&node.place, name, "a list of texts", problems);
            Vec::new()
        }
    }
}

/// A whole number from 0.
pub(super) fn integer(node: &Node, name: &str, problems: &mut Problems) -> Option<u64> {
    let number = node.as_integer().and_then(|n| u64::try_from(n).ok());
    if number.is_none() {
        wrong(&node.place, name, "a whole number, at least 0", problems);
    }
    number
}

fn required<'a>(
    root: &'a Node,
    name: &str,
    what: &str,
    problems: &mut Problems,
) -> Option<&'a Node> {
    let found = root.field(name);
    if found.is_none() {
        let message = format!("`{name}` is missing");
        problems.push(Problem::new(
            "missing-key",
            &root.place,
            message,
            format!("write `{name} = …`, {what}"),
        ));
    }
    found
}

pub(super) fn wrong(place: &Place, name: &str, what: &str, problems: &mut Problems) {
    problems.push(Problem::new(
        "value",
        place,
        format!("`{name}` must be {what}"),
        "",
    ));
}
