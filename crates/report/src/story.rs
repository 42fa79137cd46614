//! What only the shell around a run knows, put into a finished page.
//!
//! The page carries pairs of comments, `<!--radloom:dag-->…<!--/radloom:dag-->`; what stands between says that it was made outside of
//! a run, and [`fill`] replaces it. Text from studies can never look like such a comment, since its `<` is escaped.

pub use crate::figure::dag::DagStep;
pub use crate::figure::timeline::SpanRow;
pub use crate::methods::StepSetting;

use crate::escape::{markup, slug};
use crate::figure::{dag, localise, timeline};
use crate::values::Leak;
use crate::words::Language;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Where one file of the output came from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProvenanceRow {
    /// The file, relative to the output directory.
    pub file: String,
    /// The address of the task that made it.
    pub task: String,
    /// The digest of that task's recipe.
    pub recipe: String,
    /// Its inputs, as `port: digest` or as task addresses.
    pub inputs: Vec<String>,
}

/// One input of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InputRow {
    /// The port.
    pub port: String,
    /// The address of the task that made it, or the name of what was given; `632 artefacts of features` for many.
    pub from: String,
    /// Its digest; empty for many.
    pub digest: String,
}

/// Where one artefact came from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArtefactRow {
    /// The digest of its bytes.
    pub digest: String,
    /// The output of the task: `metrics`.
    pub port: String,
    /// The address of the task that made it.
    pub task: String,
    /// The digest of that task's recipe.
    pub recipe: String,
    /// What the task was given.
    pub inputs: Vec<InputRow>,
}

/// The evaluations behind the values of one model on one set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValueRow {
    /// [`value_key`] of the model and the set.
    pub key: String,
    /// The digest of each evaluation, and what tells it from the others of the set: the folds of a cross-validation, else one.
    pub artefacts: Vec<(String, String)>,
}

/// A run as its shell tells it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunStory {
    /// The run's id.
    pub run_id: String,
    /// The study's name.
    pub study: String,
    /// Its profile.
    pub profile: String,
    /// Its seed.
    pub seed: u64,
    /// The digest of the run's data, equal on any number of workers.
    pub data_digest: String,
    /// Program and its version.
    pub versions: Vec<(String, String)>,
    /// Sites that took part.
    pub sites: Vec<String>,
    /// The steps.
    pub dag: Vec<DagStep>,
    /// The tasks as they ran.
    pub spans: Vec<SpanRow>,
    /// Where every file came from.
    pub provenance: Vec<ProvenanceRow>,
    /// Where the artefacts that the page names came from, and theirs in turn.
    pub artefacts: Vec<ArtefactRow>,
    /// The evaluations behind the values of every model on every set.
    pub values: Vec<ValueRow>,
    /// Why tasks were refused: how many, and the reason in words.
    pub refused: Vec<(u64, String)>,
    /// Every step as it was resolved.
    pub settings: Vec<StepSetting>,
    /// Leaks that the study allows by name.
    pub leaks: Vec<Leak>,
    /// Counts of tasks: `reused`, 14212; `ran`, 37.
    pub counts: Vec<(String, u64)>,
}

/// Digests of the artefacts that a page names, each once.
pub fn mentioned(page: &str) -> Vec<String> {
    const DOOR: &str = "data-artefact=\"";
    let mut out: Vec<String> = Vec::new();
    for (at, _) in page.match_indices(DOOR) {
        let rest = &page[at + DOOR.len()..];
        if let Some(end) = rest.find('"') {
            out.push(rest[..end].to_owned());
        }
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// The attributes of a link to where an artefact came from: to the section, until [`fill`] knows its task.
pub(crate) fn artefact(digest: &str) -> String {
    format!("href=\"#provenance\" data-artefact=\"{}\"", markup(digest))
}

/// The name that page and run have in common for the values of a model on a set.
pub fn value_key(profile: &str, endpoint: &str, roi_set: &str, learner: &str, set: &str) -> String {
    [profile, endpoint, roi_set, learner, set].join("/")
}

/// The attributes of a link to the evaluations of [`value_key`].
pub(crate) fn value(key: &str) -> String {
    format!("href=\"#provenance\" data-value=\"{}\"", markup(key))
}

/// Puts the run's story into a page made by [`crate::report_page`]; a page without the marks comes back as it was.
pub fn fill(page: &str, story: &RunStory) -> String {
    let language = Language::of_page(page);
    let parts = [
        (
            "leaks",
            if story.leaks.is_empty() {
                String::new()
            } else {
                leaks(language, &story.leaks)
            },
        ),
        ("run", facts(language, story)),
        ("methods", methods(language, &story.settings)),
        (
            "dag",
            format!(
                "<div class=\"figure\">{}</div>\n",
                localise(
                    dag::draw(language.say("Steps of the study"), &story.dag),
                    language
                )
            ),
        ),
        (
            "timeline",
            format!(
                "<div class=\"figure\">{}</div>\n",
                localise(
                    timeline::draw(language.say("Tasks by worker"), &story.spans),
                    language
                )
            ),
        ),
        (
            "provenance",
            format!(
                "{}{}{}",
                provenance(language, &story.provenance),
                values(language, &story.values, &story.artefacts),
                lineage(language, &story.artefacts)
            ),
        ),
    ];
    relinked(&filled(page, &parts), &targets(story))
}

/// The page with the contents of its places, in one pass.
fn filled(page: &str, parts: &[(&str, String)]) -> String {
    let mut places: Vec<(usize, usize, &str)> = parts
        .iter()
        .filter_map(|(name, content)| {
            let open = format!("<!--radloom:{name}-->");
            let after = page.find(&open)? + open.len();
            let close = page[after..].find(&format!("<!--/radloom:{name}-->"));
            Some((
                after,
                close.map_or(after, |at| after + at),
                content.as_str(),
            ))
        })
        .collect();
    places.sort_unstable();
    let mut out =
        String::with_capacity(page.len() + parts.iter().map(|p| p.1.len()).sum::<usize>());
    let mut written = 0;
    for (after, end, content) in places {
        out.push_str(&page[written..after]);
        out.push('\n');
        out.push_str(content);
        written = end;
    }
    out.push_str(&page[written..]);
    out
}

/// The anchor of an artefact: the end of its digest tells it from the others of a page.
fn anchor(digest: &str) -> String {
    let name = slug(digest);
    let end = name.len().checked_sub(24).and_then(|at| name.get(at..));
    format!("artefact-{}", end.unwrap_or(&name))
}

/// Attribute and its value, as they stand on the page → the anchor that tells of it.
fn targets(story: &RunStory) -> BTreeMap<(&'static str, String), String> {
    let mut targets = BTreeMap::new();
    for row in &story.provenance {
        let file = slug(&row.file);
        targets.insert(("file", file.clone()), format!("from-{file}"));
    }
    let known: BTreeSet<&str> = story.artefacts.iter().map(|r| r.digest.as_str()).collect();
    for digest in &known {
        targets.insert(("artefact", markup(digest)), anchor(digest));
    }
    for (i, row) in story.values.iter().enumerate() {
        let to = match row.artefacts.as_slice() {
            [(digest, _)] if known.contains(digest.as_str()) => anchor(digest),
            _ => format!("value-{i}"),
        };
        targets.insert(("value", markup(&row.key)), to);
    }
    targets
}

/// The page with every link to something that has an anchor now led there; what has none stays as it is.
fn relinked(page: &str, targets: &BTreeMap<(&'static str, String), String>) -> String {
    const DOOR: &str = "href=\"#";
    let mut out = String::with_capacity(page.len() + page.len() / 16);
    let mut rest = page;
    while let Some(at) = rest.find(DOOR) {
        let (before, after) = rest.split_at(at + DOOR.len());
        out.push_str(before);
        rest = after;
        let Some((old, behind)) = after.split_once('"') else {
            break;
        };
        let of = ["file", "artefact", "value"].into_iter().find_map(|kind| {
            let marked = behind.strip_prefix(" data-")?.strip_prefix(kind)?;
            let (value, _) = marked.strip_prefix("=\"")?.split_once('"')?;
            targets.get(&(kind, value.to_owned()))
        });
        out.push_str(of.map_or(old, String::as_str));
        rest = &after[old.len()..];
    }
    out.push_str(rest);
    out
}

/// The attributes of a link to where a file came from: to the section, until [`fill`] knows the file's row.
pub(crate) fn came_from(file: &str) -> String {
    format!("href=\"#provenance\" data-file=\"{}\"", slug(file))
}

/// A place to be filled, with what stands there until then.
pub(crate) fn place(name: &str, until_then: &str) -> String {
    format!(
        "<!--radloom:{name}-->\n<p class=\"note\">{}</p>\n<!--/radloom:{name}-->\n",
        markup(until_then)
    )
}

/// The banner of leaks made on purpose.
pub(crate) fn leaks(language: Language, leaks: &[Leak]) -> String {
    let mut out = format!(
        "<div class=\"leaks\" role=\"note\"><strong>{}</strong> {}\n<ul>\n",
        markup(language.say("This analysis leaks on purpose.")),
        markup(language.say("Its estimates are optimistic and are not evidence of performance. Steps that learn from rows they must not see:"))
    );
    // steps that leak for one reason stand together
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for leak in leaks {
        let reason = leak
            .reason
            .rsplit_once(": ")
            .map_or(leak.reason.as_str(), |(_, why)| why);
        let place = format!("<code>{}.{}</code>", markup(&leak.step), markup(&leak.port));
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, places)) => places.push(place),
            None => reasons.push((reason, vec![place])),
        }
    }
    for (reason, places) in reasons {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(out, "<li>{}: {}</li>", places.join(", "), markup(reason));
    }
    let _ = writeln!(
        out,
        "</ul><p class=\"note\">{}</p></div>",
        markup(language.say("What each of them receives is told in leakage.json."))
    );
    out
}

/// Sentences, and every setting below them.
fn methods(language: Language, settings: &[StepSetting]) -> String {
    let mut out = String::from("<dl class=\"methods\">\n");
    let mut last = String::new();
    for fact in crate::methods::sentences(language, settings) {
        if fact.topic != last {
            let _ = write!(out, "<dt>{}</dt>", markup(&fact.topic));
        }
        let _ = writeln!(out, "<dd>{}</dd>", markup(&fact.text));
        last = fact.topic;
    }
    let head = ["step", "kind", "at", "tasks", "setting", "value"]
        .map(|h| format!("<th scope=\"col\">{}</th>", markup(language.say(h))));
    let _ = write!(
        out,
        "</dl>\n<details><summary>{}</summary>\n<div class=\"table tall\"><table class=\"three-line live\" id=\"settings\">\n<thead><tr>{}</tr></thead>\n<tbody>\n",
        markup(language.say("Every setting of every step")),
        head.concat()
    );
    for s in settings {
        for (name, value) in &s.parameters {
            let _ = writeln!(
                out,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"num\" data-v=\"{}\">{}</td><td><code>{}</code></td><td><code>{}</code></td></tr>",
                markup(&s.step),
                markup(&s.kind),
                markup(&s.at),
                s.n_tasks,
                s.n_tasks,
                markup(name),
                markup(value)
            );
        }
    }
    out.push_str("</tbody></table></div></details>\n");
    out
}

/// Every artefact that the page names, and those it was made from, each with its task, recipe and inputs.
fn lineage(language: Language, rows: &[ArtefactRow]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let head = ["artefact", "task", "recipe", "inputs"]
        .map(|h| format!("<th scope=\"col\">{}</th>", markup(language.say(h))));
    let mut out = format!(
        "<div class=\"table tall\"><table class=\"three-line live\" id=\"lineage\">\n<caption>{}</caption>\n<thead><tr>{}</tr></thead>\n<tbody>\n",
        markup(language.say("Artefacts behind this page: task, recipe, inputs")),
        head.concat()
    );
    let known: BTreeSet<&str> = rows.iter().map(|r| r.digest.as_str()).collect();
    let mut written: BTreeSet<&str> = BTreeSet::new();
    for row in rows {
        // two tasks may make the same bytes; the first carries the anchor
        let id = if written.insert(&row.digest) {
            format!(" id=\"{}\"", anchor(&row.digest))
        } else {
            String::new()
        };
        let lines: Vec<String> = row
            .inputs
            .iter()
            .map(|input| {
                let from = markup(&input.from);
                let from = match known.contains(input.digest.as_str()) {
                    true => format!("<a href=\"#{}\">{from}</a>", anchor(&input.digest)),
                    false => from,
                };
                format!("<code>{}: {from}</code>", markup(&input.port))
            })
            .collect();
        let _ = write!(
            out,
            "<tr{id}><td><code class=\"digest\">{}</code></td><td><code>{}.{}</code></td><td><code class=\"digest\">{}</code></td><td>",
            markup(&row.digest),
            markup(&row.task),
            markup(&row.port),
            markup(&row.recipe)
        );
        folded(&mut out, language, &lines);
        out.push_str("</td></tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

/// The values that several evaluations were averaged to, each with these.
fn values(language: Language, rows: &[ValueRow], artefacts: &[ArtefactRow]) -> String {
    let known: BTreeSet<&str> = artefacts.iter().map(|r| r.digest.as_str()).collect();
    let many = |row: &&(usize, &ValueRow)| !matches!(row.1.artefacts.as_slice(), [(digest, _)] if known.contains(digest.as_str()));
    let rows: Vec<(usize, &ValueRow)> = rows.iter().enumerate().collect();
    let rows: Vec<&(usize, &ValueRow)> = rows.iter().filter(many).collect();
    if rows.is_empty() {
        return String::new();
    }
    let head = ["values of", "evaluations"]
        .map(|h| format!("<th scope=\"col\">{}</th>", markup(language.say(h))));
    let mut out = format!(
        "<div class=\"table tall\"><table class=\"three-line live\" id=\"values\">\n<caption>{}</caption>\n<thead><tr>{}</tr></thead>\n<tbody>\n",
        markup(language.say("Evaluations behind the values of each model and set")),
        head.concat()
    );
    for (i, row) in rows {
        let lines: Vec<String> = row
            .artefacts
            .iter()
            .map(|(digest, from)| match known.contains(digest.as_str()) {
                true => format!("<a href=\"#{}\">{}</a>", anchor(digest), markup(from)),
                false => markup(from),
            })
            .collect();
        let _ = write!(
            out,
            "<tr id=\"value-{i}\"><td>{}</td><td>",
            markup(&row.key.replace('/', " · "))
        );
        out.push_str(&lines.join(" "));
        out.push_str("</td></tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

fn facts(language: Language, story: &RunStory) -> String {
    let mut out = String::from("<dl class=\"facts\">\n");
    let mut put = |name: &str, value: &str| {
        let value = if value.is_empty() {
            language.say("not recorded")
        } else {
            value
        };
        let _ = writeln!(
            out,
            "<div><dt>{}</dt><dd>{}</dd></div>",
            markup(language.say(name)),
            markup(value)
        );
    };
    put("study", &story.study);
    put("profile", &story.profile);
    put("run", &story.run_id);
    put("seed", &story.seed.to_string());
    put("sites", &story.sites.join(", "));
    let whole = |n: u64| crate::number::count(usize::try_from(n).unwrap_or(usize::MAX));
    for (name, n) in &story.counts {
        put(name, &whole(*n));
    }
    for (name, version) in &story.versions {
        put(name, version);
    }
    put("data digest", &story.data_digest);
    out.push_str("</dl>\n");
    if !story.refused.is_empty() {
        let why: Vec<String> = story
            .refused
            .iter()
            .map(|(n, reason)| format!("{} × {}", whole(*n), crate::table::in_short(reason)))
            .collect();
        let said = language.fill("Refused were: {0}.", &[&why.join("; ")]);
        let _ = writeln!(out, "<p class=\"note\">{}</p>", markup(&said));
    }
    out
}

fn provenance(language: Language, rows: &[ProvenanceRow]) -> String {
    if rows.is_empty() {
        return format!(
            "<p class=\"note\">{}</p>\n",
            markup(language.say("No file was recorded."))
        );
    }
    let head = ["file", "task", "recipe", "inputs"]
        .map(|h| format!("<th scope=\"col\">{}</th>", markup(language.say(h))));
    let mut out = format!(
        "<div class=\"table\"><table class=\"three-line live\" id=\"provenance-table\">\n<caption>{}</caption>\n<thead><tr>{}</tr></thead>\n<tbody>\n",
        markup(language.say("Every file of this run and the task that made it")),
        head.concat()
    );
    for (i, row) in rows.iter().enumerate() {
        // The first row of a file carries its anchor; ids stay unique when a file is named twice.
        let first = rows.iter().position(|r| slug(&r.file) == slug(&row.file)) == Some(i);
        let id = if first {
            format!(" id=\"from-{}\"", slug(&row.file))
        } else {
            String::new()
        };
        let _ = write!(
            out,
            "<tr{id}><td><code>{}</code></td><td><code>{}</code></td><td><code class=\"digest\">{}</code></td><td>",
            markup(&row.file),
            markup(&row.task),
            markup(&row.recipe)
        );
        let lines: Vec<String> = row
            .inputs
            .iter()
            .map(|i| format!("<code>{}</code>", markup(i)))
            .collect();
        folded(&mut out, language, &lines);
        out.push_str("</td></tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

/// Lines of markup, behind one that opens them when they are many.
fn folded(out: &mut String, language: Language, lines: &[String]) {
    if lines.len() > 6 {
        let n = language.fill("{0} inputs", &[&lines.len().to_string()]);
        let _ = write!(
            out,
            "<details><summary>{n}</summary>{}</details>",
            lines.join("<br>")
        );
    } else {
        out.push_str(&lines.join("<br>"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::well_formed;

    #[test]
    fn a_page_is_filled_once_and_again() {
        let page = format!(
            "<p>a</p><a {}>1</a>{}{}{}{}",
            came_from("comparison.csv"),
            place("run", "x"),
            place("dag", "x"),
            place("timeline", "x"),
            place("provenance", "x")
        );
        let row = ProvenanceRow {
            file: "comparison.csv".into(),
            task: "compare[<b>]".into(),
            recipe: "b3:00".into(),
            inputs: (0..9).map(|i| format!("metrics: b3:{i}")).collect(),
        };
        let story = RunStory {
            run_id: "r1".into(),
            provenance: vec![row.clone(), row],
            ..RunStory::default()
        };
        let full = fill(&page, &story);
        assert_eq!(well_formed(&full), Ok(()));
        assert!(
            full.contains("compare[&lt;b&gt;]")
                && full.contains("9 inputs")
                && !full.contains("<p class=\"note\">x</p>")
        );
        assert_eq!(full.matches("id=\"from-comparison.csv\"").count(), 1);
        assert!(full.contains("<a href=\"#from-comparison.csv\""));
        assert_eq!(fill(&full, &story), full);
        assert_eq!(fill("<p>no marks</p>", &story), "<p>no marks</p>");
    }

    #[test]
    fn a_value_of_one_evaluation_leads_to_it_and_a_mean_to_its_folds() {
        let key = |set| value_key("careful", "dfs", "tumour", "rsf", set);
        let page = format!(
            "<a {}>0.7</a><a {}>0.6</a><a {}>?</a>{}",
            value(&key("external")),
            value(&key("cv")),
            value(&key("oob")),
            place("provenance", "x")
        );
        let one = |digest: &str| (digest.to_owned(), format!("f{}", &digest[3..]));
        let artefact = |digest: &str| ArtefactRow {
            digest: digest.into(),
            ..ArtefactRow::default()
        };
        let story = RunStory {
            values: vec![
                ValueRow {
                    key: key("cv"),
                    artefacts: vec![one("b3:1a"), one("b3:1b")],
                },
                ValueRow {
                    key: key("external"),
                    artefacts: vec![one("b3:2a")],
                },
            ],
            artefacts: ["b3:1a", "b3:1b", "b3:2a"].map(artefact).to_vec(),
            refused: vec![(2, "no such thing".to_owned())],
            ..RunStory::default()
        };
        let full = fill(&page, &story);
        assert_eq!(well_formed(&full), Ok(()));
        let led = |to: &str, set| format!("<a href=\"#{to}\" data-value=\"{}\">", key(set));
        assert!(full.contains(&led("artefact-b3-2a", "external")), "{full}");
        assert!(full.contains(&led("value-0", "cv")), "{full}");
        assert!(full.contains(&led("provenance", "oob")), "{full}");
        assert!(full.contains("<tr id=\"value-0\"><td>careful · dfs · tumour · rsf · cv</td>"));
        assert!(full.contains("<a href=\"#artefact-b3-1b\">f1b</a>"));
        assert!(!full.contains("id=\"value-1\""));
        assert_eq!(fill(&full, &story), full);
    }

    #[test]
    fn a_number_leads_to_its_task_and_from_there_to_its_inputs() {
        let page = format!(
            "<a {}>where</a>{}",
            artefact("b3:0a"),
            place("provenance", "x")
        );
        assert_eq!(mentioned(&page), ["b3:0a"]);
        let row = |digest: &str, input: &str| ArtefactRow {
            digest: digest.into(),
            port: "metrics".into(),
            task: format!("evaluate[of={digest}]"),
            recipe: "b3:ff".into(),
            inputs: vec![InputRow {
                port: "risk".into(),
                from: "predict[<b>]".into(),
                digest: input.into(),
            }],
        };
        let story = RunStory {
            artefacts: vec![row("b3:0a", "b3:0b"), row("b3:0b", "b3:0c")],
            ..RunStory::default()
        };
        let full = fill(&page, &story);
        assert_eq!(well_formed(&full), Ok(()));
        assert!(full.contains("<a href=\"#artefact-b3-0a\""));
        assert!(full.contains("<tr id=\"artefact-b3-0a\""));
        assert!(full.contains("<a href=\"#artefact-b3-0b\">predict[&lt;b&gt;]</a>"));
        assert!(!full.contains("href=\"#artefact-b3-0c\""));
        assert_eq!(mentioned(&full), ["b3:0a"]);
        assert_eq!(fill(&full, &story), full);
    }
}
