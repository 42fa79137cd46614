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
                "{}{}",
                provenance(language, &story.provenance),
                lineage(language, &story.artefacts)
            ),
        ),
    ];
    linked(&filled(page, &parts), story)
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

/// What stands before the name of a file or the digest of an artefact in a link that is not known yet.
const UNKNOWN: &str = "href=\"#provenance\" data-";

/// Sends links of files and artefacts to their rows, in one pass: the page is large and they are many. Those without a row
/// go on pointing at the section.
fn linked(page: &str, story: &RunStory) -> String {
    let files: BTreeSet<String> = story.provenance.iter().map(|r| slug(&r.file)).collect();
    let artefacts: BTreeMap<String, String> = story
        .artefacts
        .iter()
        .map(|r| (markup(&r.digest), slug(&r.digest)))
        .collect();
    let mut out = String::with_capacity(page.len());
    let mut rest = page;
    while let Some(at) = rest.find(UNKNOWN) {
        let (before, link) = rest.split_at(at);
        out.push_str(before);
        let named = &link[UNKNOWN.len()..];
        let place = ["file", "artefact"].into_iter().find_map(|kind| {
            let value = named.strip_prefix(kind)?.strip_prefix("=\"")?;
            let value = &value[..value.find('"')?];
            let row = match kind {
                "file" => format!("from-{}", files.get(value)?),
                _ => format!("artefact-{}", artefacts.get(value)?),
            };
            Some(format!("href=\"#{row}\" data-"))
        });
        out.push_str(place.as_deref().unwrap_or(UNKNOWN));
        rest = named;
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
    for leak in leaks {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            out,
            "<li><code>{}.{}</code>: {}</li>",
            markup(&leak.step),
            markup(&leak.port),
            markup(&leak.reason)
        );
    }
    out.push_str("</ul></div>\n");
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
    let known: std::collections::BTreeSet<&str> = rows.iter().map(|r| r.digest.as_str()).collect();
    let mut written: std::collections::BTreeSet<&str> = std::collections::BTreeSet::new();
    for row in rows {
        // two tasks may make the same bytes; the first carries the anchor
        let id = if written.insert(&row.digest) {
            format!(" id=\"artefact-{}\"", slug(&row.digest))
        } else {
            String::new()
        };
        let lines: Vec<String> = row
            .inputs
            .iter()
            .map(|input| {
                let from = markup(&input.from);
                let from = match known.contains(input.digest.as_str()) {
                    true => format!("<a href=\"#artefact-{}\">{from}</a>", slug(&input.digest)),
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
    for (name, n) in &story.counts {
        put(
            name,
            &crate::number::count(usize::try_from(*n).unwrap_or(usize::MAX)),
        );
    }
    for (name, version) in &story.versions {
        put(name, version);
    }
    put("data digest", &story.data_digest);
    out.push_str("</dl>\n");
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
