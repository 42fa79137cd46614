//! The page around the parts: head, banner, navigation, the parts as HTML, and the places that the run fills.

use super::Report;
use crate::escape::{markup, slug};
use crate::part::{Figure, Item, Part, performance};
use crate::story::{came_from, place};
use crate::table::Table;
use std::fmt::Write as _;

/// Nothing from outside: no fetch, no frame, no image but inline ones.
const POLICY: &str = "default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;; script-src &#39;unsafe-inline&#39;; base-uri &#39;none&#39;; form-action &#39;none&#39;";

/// Sections that only the run's shell can fill: anchor, heading, name of its place.
const OF_RUN: [(&str, &str, &str); 3] = [
    ("steps", "Steps", "dag"),
    ("timeline", "Timeline", "timeline"),
    ("provenance", "Where every number came from", "provenance"),
];

pub(super) fn page(report: &Report, parts: &[Part]) -> String {
    let title = markup(&report.title);
    let body: String = parts.iter().map(|p| section(report, p)).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n<title>{title}</title>\n<style>\n{}</style>\n</head>\n<body>\n{}\
         <main>\n{body}{}{}</main>\n<script>\n{}{}</script>\n</body>\n</html>\n",
        report.language.tag(),
        include_str!("style.css"),
        header(report, parts),
        methods(report),
        run(report),
        include_str!("table.js"),
        include_str!("nomogram.js"),
    )
}

fn header(report: &Report, parts: &[Part]) -> String {
    let language = report.language;
    let profiles = report.profiles();
    let names: Vec<String> = profiles.iter().map(|p| markup(language.say(p))).collect();
    let mut out = format!(
        "<header id=\"top\">\n<h1>{}</h1>\n<p><span class=\"profile\">{}: {}</span></p>\n",
        markup(&report.title),
        markup(language.say("profile")),
        names.join(" | ")
    );
    out.push_str(&leaks(report));
    out.push_str(&performance::problems(report));
    out.push_str("<!--radloom:leaks-->\n<!--/radloom:leaks-->\n");
    out.push_str(&place(
        "run",
        language.say("Run, seed and versions are told by the run that publishes this page."),
    ));
    let _ = write!(
        out,
        "</header>\n<nav aria-label=\"{}\">",
        markup(language.say("sections"))
    );
    for part in parts {
        let _ = write!(
            out,
            "<a href=\"#{}\">{}</a>",
            part.id,
            markup(&part.heading)
        );
    }
    let _ = write!(
        out,
        "<a href=\"#methods\">{}</a>",
        markup(language.say("Methods"))
    );
    for (id, heading, _) in OF_RUN {
        let _ = write!(
            out,
            "<a href=\"#{id}\">{}</a>",
            markup(language.say(heading))
        );
    }
    out + "</nav>\n"
}

fn leaks(report: &Report) -> String {
    if report.leaks.is_empty() {
        return String::new();
    }
    crate::story::leaks(report.language, &report.leaks)
}

fn section(report: &Report, part: &Part) -> String {
    let mut out = format!(
        "<section id=\"{}\">\n<h2>{}</h2>\n",
        part.id,
        markup(&part.heading)
    );
    for item in &part.items {
        match item {
            Item::Heading(text) => {
                let _ = writeln!(out, "<h3>{}</h3>", markup(text));
            }
            Item::Figure(f) => out.push_str(&figure(report, f)),
            Item::Table(t, from) => out.push_str(&table(report, t, from)),
            Item::Folded(t, from) => {
                let inner = table(report, t, from);
                let _ = write!(
                    out,
                    "<details{}><summary>{}</summary>\n{inner}</details>\n",
                    // the paper's tables are read on paper too
                    match t.name.starts_with("table") || t.name.starts_with("auc_") {
                        true => " class=\"printed\"",
                        false => "",
                    },
                    markup(&t.caption)
                );
            }
            Item::Note(text) => {
                let _ = writeln!(out, "<p class=\"note\">{}</p>", markup(text));
            }
            Item::Warning(text) => {
                let _ = writeln!(
                    out,
                    "<p class=\"warning\" role=\"note\">{}</p>",
                    markup(text)
                );
            }
            Item::Markup(html) => out.push_str(html),
        }
    }
    out + "</section>\n"
}

fn figure(report: &Report, f: &Figure) -> String {
    let numbers = f
        .numbers
        .as_ref()
        .map(|t| format!("tables/{}.csv", slug(&t.name)));
    format!(
        "<figure id=\"figure-{}\">\n<div class=\"figure\" tabindex=\"0\" role=\"group\" aria-label=\"{}\">{}</div>\n<figcaption>{}{}</figcaption>\n</figure>\n",
        slug(f.file.trim_end_matches(".svg")),
        markup(&f.caption),
        f.svg,
        markup(&f.caption),
        source(
            report,
            &format!("figures/{}", f.file),
            numbers.as_deref(),
            &f.artefacts
        )
    )
}

fn table(report: &Report, t: &Table, from: &[String]) -> String {
    let file = match t.name.as_str() {
        "comparison" | "exclusions" => format!("{}.csv", t.name),
        name => format!("tables/{}.csv", slug(name)),
    };
    // rows that say where they came from need no list of all artefacts
    let from = if t.tells_origins() && from.len() > 1 {
        format!(
            " <span class=\"source\"><code>{}</code></span>",
            markup(&file)
        )
    } else {
        source(report, &file, None, from)
    };
    format!(
        "{}<p class=\"note source\">{from}</p>\n",
        t.html(report.language)
    )
}

/// Files of an item, and the artefacts that it was made from; the run turns each digest into a link to its task.
fn source(report: &Report, file: &str, numbers: Option<&str>, artefacts: &[String]) -> String {
    let mut out = format!(" <span class=\"source\"><code>{}</code>", markup(file));
    if let Some(numbers) = numbers {
        let _ = write!(out, " · <code>{}</code>", markup(numbers));
    }
    let why = markup(report.language.say("where it came from"));
    match artefacts {
        [] => {
            let _ = write!(out, " · <a {}>{why}</a>", came_from(file));
        }
        [digest] => {
            let _ = write!(out, " · <a {}>{why}</a>", crate::story::artefact(digest));
        }
        many => {
            let _ = write!(out, " · {why}:");
            for (i, digest) in many.iter().enumerate() {
                let _ = write!(out, " <a {}>{}</a>", crate::story::artefact(digest), i + 1);
            }
        }
    }
    out + "</span>"
}

fn methods(report: &Report) -> String {
    let language = report.language;
    let mut out = format!(
        "<section id=\"methods\">\n<h2>{}</h2>\n",
        markup(language.say("Methods"))
    );
    out.push_str(&place(
        "methods",
        language.say("How each step was set is told by the run that publishes this page."),
    ));
    if !report.methods.is_empty() {
        out.push_str("<dl class=\"methods\">\n");
        for fact in &report.methods {
            let _ = writeln!(
                out,
                "<dt>{}</dt><dd>{}</dd>",
                markup(language.say(&fact.topic)),
                markup(language.say(&fact.text))
            );
        }
        out.push_str("</dl>\n");
    }
    out + "</section>\n"
}

fn run(report: &Report) -> String {
    let alone = report
        .language
        .say("Not recorded: this page was made by one step, outside of a run.");
    let part = |(id, heading, name): &(&str, &str, &str)| {
        format!(
            "<section id=\"{id}\">\n<h2>{}</h2>\n{}</section>\n",
            markup(report.language.say(heading)),
            place(name, alone)
        )
    };
    OF_RUN.iter().map(part).collect()
}
