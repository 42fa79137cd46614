//! What only the shell around a run knows, put into a finished page.
//!
//! The page carries pairs of comments, `<!--radloom:dag-->…<!--/radloom:dag-->`; what stands between says that it was made outside of
//! a run, and [`fill`] replaces it. Text from studies can never look like such a comment, since its `<` is escaped.

pub use crate::figure::dag::DagStep;
pub use crate::figure::timeline::SpanRow;

use crate::escape::{markup, slug};
use crate::figure::{dag, timeline};
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
    /// Counts of tasks: `reused`, 14212; `ran`, 37.
    pub counts: Vec<(String, u64)>,
}

/// Puts the run's story into a page made by [`crate::report_page`]; a page without the marks comes back as it was.
pub fn fill(page: &str, story: &RunStory) -> String {
    let parts = [
        ("run", facts(story)),
        (
            "dag",
            format!(
                "<div class=\"figure\">{}</div>\n",
                dag::draw("Steps of the study", &story.dag)
            ),
        ),
        (
            "timeline",
            format!(
                "<div class=\"figure\">{}</div>\n",
                timeline::draw("Tasks by worker", &story.spans)
            ),
        ),
        ("provenance", provenance(&story.provenance)),
    ];
    let mut out = page.to_owned();
    for (name, content) in parts {
        out = replace(&out, name, &content);
    }
    for row in &story.provenance {
        let file = slug(&row.file);
        out = out.replace(
            &came_from(&row.file),
            &format!("href=\"#from-{file}\" data-file=\"{file}\""),
        );
    }
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

fn replace(page: &str, name: &str, content: &str) -> String {
    let (open, close) = (
        format!("<!--radloom:{name}-->"),
        format!("<!--/radloom:{name}-->"),
    );
    let Some(start) = page.find(&open) else {
        return page.to_owned();
    };
    let after = start + open.len();
    let end = page[after..].find(&close).map_or(after, |e| after + e);
    format!("{}\n{content}{}", &page[..after], &page[end..])
}

fn facts(story: &RunStory) -> String {
    let mut out = String::from("<dl class=\"facts\">\n");
    let mut put = |name: &str, value: &str| {
        let value = if value.is_empty() {
            "not recorded"
        } else {
            value
        };
        let _ = writeln!(
            out,
            "<div><dt>{}</dt><dd>{}</dd></div>",
            markup(name),
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

fn provenance(rows: &[ProvenanceRow]) -> String {
    if rows.is_empty() {
        return "<p class=\"note\">No file was recorded.</p>\n".to_owned();
    }
    let mut out = String::from(
        "<div class=\"table\"><table class=\"three-line live\" id=\"provenance-table\">\n<caption>Every file of this run and the \
         task that made it</caption>\n<thead><tr><th scope=\"col\">file</th><th scope=\"col\">task</th><th scope=\"col\">recipe</th>\
         <th scope=\"col\">inputs</th></tr></thead>\n<tbody>\n",
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
        inputs(&mut out, &row.inputs);
        out.push_str("</td></tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

fn inputs(out: &mut String, inputs: &[String]) {
    let lines: Vec<String> = inputs
        .iter()
        .map(|i| format!("<code>{}</code>", markup(i)))
        .collect();
    if lines.len() > 6 {
        let _ = write!(
            out,
            "<details><summary>{} inputs</summary>{}</details>",
            lines.len(),
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
}
