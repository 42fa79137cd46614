//! The sections of the page, in the order in which they are read.

use super::{Report, views};
use crate::escape::markup;
use crate::figure::flow;
use crate::story::{came_from, place};
use crate::values::{Estimate, Headline, display_name};
use std::fmt::Write as _;

fn figure(svg: &str) -> String {
    format!("<div class=\"figure\">{svg}</div>\n")
}

fn note(text: &str) -> String {
    format!("<p class=\"note\">{}</p>\n", markup(text))
}

/// Where the numbers of a section are as a file.
fn source(file: &str) -> String {
    format!(
        "<p class=\"note\">Numbers: <code>{}</code>; <a {}>where they came from</a>.</p>\n",
        markup(file),
        came_from(file)
    )
}

pub(super) fn banner(report: &Report) -> String {
    let mut out = format!(
        "<header id=\"top\">\n<h1>{}</h1>\n<p><span class=\"profile\">profile: {}</span></p>\n",
        markup(&report.title),
        markup(&report.profile)
    );
    if !report.leaks.is_empty() {
        out.push_str(
            "<div class=\"leaks\" role=\"note\"><strong>This analysis leaks on purpose.</strong> Its estimates are optimistic and are \
             not evidence of performance. Steps that learn from rows they must not see:\n<ul>\n",
        );
        for leak in &report.leaks {
            let _ = writeln!(
                out,
                "<li><code>{}.{}</code>: {}</li>",
                markup(&leak.step),
                markup(&leak.port),
                markup(&leak.reason)
            );
        }
        out.push_str("</ul></div>\n");
    }
    out.push_str(&place(
        "run",
        "Run, seed and versions are told by the run that publishes this page.",
    ));
    out.push_str("</header>\n<nav aria-label=\"sections\">");
    let sections = [
        ("best", "Best models"),
        ("models", "All models"),
        ("heat-maps", "Heat maps"),
        ("forests", "Intervals"),
        ("roc", "ROC"),
        ("risk-groups", "Risk groups"),
        ("patients", "Patients"),
        ("methods", "Methods"),
        ("steps", "Steps"),
        ("timeline", "Timeline"),
        ("provenance", "Provenance"),
    ];
    for (id, name) in sections {
        let _ = write!(out, "<a href=\"#{id}\">{name}</a>");
    }
    out.push_str("</nav>\n");
    out
}

pub(super) fn headlines(report: &Report) -> String {
    let mut out = String::from("<h2 id=\"best\">Best models</h2>\n");
    if report.headlines.is_empty() {
        return out + &note("No model was chosen.");
    }
    out.push_str("<div class=\"headlines\">\n");
    for headline in &report.headlines {
        out.push_str(&card(headline));
    }
    out.push_str("</div>\n");
    if !report.interval_note.is_empty() {
        out.push_str(&note(&report.interval_note));
    }
    out + &source("comparison.csv")
}

fn card(h: &Headline) -> String {
    let mut out = format!(
        "<div class=\"headline\"><h3>{}: {}, {}</h3>\n<p class=\"rule\">{}; judged by {}</p>\n<dl>\n",
        markup(&display_name(&h.endpoint)),
        markup(&display_name(&h.learner)),
        markup(&display_name(&h.roi_set)),
        markup(&h.rule),
        markup(&display_name(&h.metric))
    );
    out.push_str(&entry("Cross-validated", Some(&h.cv), ""));
    out.push_str(&entry("External centre", h.external.as_ref(), ""));
    if h.apparent.is_some() {
        out.push_str(&entry(
            "On its own training rows (optimistic)",
            h.apparent.as_ref(),
            " class=\"minor\"",
        ));
    }
    out + "</dl></div>\n"
}

fn entry(name: &str, estimate: Option<&Estimate>, class: &str) -> String {
    let body = match estimate {
        None => "<span class=\"absent\">not judged</span>".to_owned(),
        Some(e) if e.finite().is_none() => {
            format!(
                "<span class=\"value\">NE</span> {} <br><span class=\"note\">{}</span>",
                markup(&e.reason_text()),
                markup(&e.n_text())
            )
        }
        Some(e) => format!(
            "<a class=\"value\" {}>{}</a> ({})<br><span class=\"note\">{}{}</span>",
            came_from("comparison.csv"),
            e.value_text(3),
            markup(&e.interval_text(3)),
            markup(&e.n_text()),
            e.reason
                .as_deref()
                .map_or_else(String::new, |r| format!("; {}", markup(r)))
        ),
    };
    format!(
        "<div{class}><dt>{}</dt><dd>{body}</dd></div>\n",
        markup(name)
    )
}

pub(super) fn comparison(report: &Report) -> String {
    let mut out = String::from("<h2 id=\"models\">All models</h2>\n");
    if report.comparison.is_empty() {
        return out + &note("No model was compared.");
    }
    out.push_str(&views::optimism(report).html());
    out.push_str(&note("An estimate's n and events are its tooltip; NE: not estimable, with the reason as its tooltip."));
    out.push_str(&source("tables/optimism.csv"));
    for table in views::paper_tables(report)
        .iter()
        .filter(|t| !t.rows.is_empty())
    {
        let _ = write!(
            out,
            "<details><summary>{}</summary>\n{}</details>\n",
            markup(&table.caption),
            table.html()
        );
    }
    out.push_str("<h3>Every number</h3>\n");
    out.push_str(&views::comparison(report).html().replacen(
        "class=\"table\"",
        "class=\"table tall\"",
        1,
    ));
    out + &source("comparison.csv")
}

pub(super) fn heat_maps(report: &Report) -> String {
    let mut out = String::from("<h2 id=\"heat-maps\">Heat maps</h2>\n");
    let endpoints = views::distinct(&report.comparison, |r| &r.endpoint);
    if endpoints.is_empty() {
        return out + &note("No model was compared.");
    }
    for endpoint in endpoints {
        out.push_str(&figure(&views::heat_map_of(report, endpoint)));
    }
    out
}

pub(super) fn forests(report: &Report) -> String {
    let mut out = String::from("<h2 id=\"forests\">Intervals of every model</h2>\n");
    let endpoints = views::distinct(&report.comparison, |r| &r.endpoint);
    if endpoints.is_empty() {
        return out + &note("No model was compared.");
    }
    out.push_str(&note(
        "The first rows of a sorted list of many models are partly there by luck: read the intervals, and the external column.",
    ));
    for endpoint in endpoints {
        out.push_str(&figure(&views::forest_of(report, endpoint)));
    }
    out
}

pub(super) fn roc(report: &Report) -> String {
    let mut out = String::from("<h2 id=\"roc\">ROC curves</h2>\n");
    if report.roc.is_empty() {
        return out + &note("No curves were computed.");
    }
    for (endpoint, panels) in &report.roc {
        out.push_str(&figure(&views::roc_of(endpoint, panels)));
    }
    out + &source("tables/roc_*.csv")
}

pub(super) fn kaplan_meier(report: &Report) -> String {
    let mut out = String::from("<h2 id=\"risk-groups\">Risk groups</h2>\n");
    if report.kaplan_meier.is_empty() {
        return out + &note("No risk groups were computed.");
    }
    for (endpoint, panels) in &report.kaplan_meier {
        out.push_str(&figure(&views::kaplan_meier_of(endpoint, panels)));
    }
    out + &source("tables/km_*.csv")
}

pub(super) fn further(report: &Report) -> String {
    if report.further_tables.is_empty() {
        return String::new();
    }
    let tables: String = report
        .further_tables
        .iter()
        .map(crate::table::Table::html)
        .collect();
    format!("<h2 id=\"further\">Further tables</h2>\n{tables}")
}

pub(super) fn patients(report: &Report) -> String {
    let mut out = String::from("<h2 id=\"patients\">Patients</h2>\n");
    match &report.flow {
        Some(flow) => out.push_str(&figure(&flow::draw("Flow of patients", flow))),
        None => out.push_str(&note("The flow of patients was not counted.")),
    }
    if report.exclusions.is_empty() {
        return out + &note("No patient was left out.");
    }
    out.push_str(&views::exclusions(report).html().replacen(
        "class=\"table\"",
        "class=\"table tall\"",
        1,
    ));
    out + &source("exclusions.csv")
}

pub(super) fn methods(report: &Report) -> String {
    let mut out = String::from("<h2 id=\"methods\">Methods</h2>\n");
    if report.methods.is_empty() {
        return out + &note("No methods were recorded.");
    }
    out.push_str("<dl class=\"methods\">\n");
    for fact in &report.methods {
        let _ = writeln!(
            out,
            "<dt>{}</dt><dd>{}</dd>",
            markup(&fact.topic),
            markup(&fact.text)
        );
    }
    out + "</dl>\n"
}

pub(super) fn run() -> String {
    let alone = "Not recorded: this page was made by one step, outside of a run.";
    format!(
        "<h2 id=\"steps\">Steps</h2>\n{}<h2 id=\"timeline\">Timeline</h2>\n{}<h2 id=\"provenance\">Where every number came from</h2>\n{}",
        place("dag", alone),
        place("timeline", alone),
        place("provenance", alone)
    )
}
