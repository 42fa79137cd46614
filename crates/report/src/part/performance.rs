//! How good the chosen models are: their values, ROC curves (figure 3c, f) and risk groups; models with clinical variables.

use super::{Figure, Item, Part, digests, grouped, letter, only};
use crate::escape::{markup, slug};
use crate::figure::{kaplan_meier, localise, roc};
use crate::page::Report;
use crate::story::value_key;
use crate::table::{Cell, Link, Table};
use crate::values::{ComparisonRow, Estimate, Headline, display_name};
use crate::words::Language;
use std::fmt::Write as _;

/// The sets that the report knows, in the order in which optimism falls.
pub(super) const SETS: [&str; 4] = ["apparent", "oob", "cv", "external"];

/// Measures of a model with clinical variables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Name, months where it has a horizon, and estimate: `auc`, 12.
    pub measures: Vec<(String, Option<f64>, Estimate)>,
}

/// What is distinct in `rows`, in order of appearance.
pub(crate) fn distinct<'a>(
    rows: &'a [ComparisonRow],
    of: impl Fn(&'a ComparisonRow) -> &'a str,
) -> Vec<&'a str> {
    let mut out: Vec<&str> = Vec::new();
    for row in rows {
        if !out.contains(&of(row)) {
            out.push(of(row));
        }
    }
    out
}

/// `_paper` where there are several profiles, nothing where there is one.
pub(super) fn suffix(report: &Report, profile: &str) -> String {
    match report.profiles().len() {
        0 | 1 => String::new(),
        _ => format!("_{}", slug(profile)),
    }
}

pub(super) fn file_figure(
    report: &Report,
    stem: &str,
    title: String,
    svg: String,
    numbers: Option<Table>,
    from: &[&str],
) -> Item {
    let numbers = numbers.map(|t| Table {
        name: stem.to_owned(),
        ..t
    });
    Item::Figure(Figure {
        file: format!("{stem}.svg"),
        caption: title,
        svg: localise(svg, report.language),
        numbers,
        artefacts: digests(from.iter().copied()),
    })
}

/// The chosen models: cards, one column a profile.
pub(crate) fn chosen(report: &Report) -> Part {
    let language = report.language;
    let mut part = Part::new("best", language.say("Best models"));
    if report.headlines.is_empty() {
        part.items
            .push(Item::Note(language.say("No model was chosen.").to_owned()));
        return part;
    }
    // what belongs together stands together: the profiles of an endpoint
    let mut headlines: Vec<&Headline> = report.headlines.iter().collect();
    headlines.sort_by_key(|h| report.endpoint_place(&h.endpoint));
    let cards: String = headlines.iter().map(|h| card(report, h)).collect();
    let class = match report.profiles().len() {
        2 => "headlines two",
        _ => "headlines",
    };
    part.items.push(Item::Markup(format!(
        "<div class=\"{class}\">\n{cards}</div>\n"
    )));
    if report.profiles().len() > 1 {
        part.items.push(Item::Table(
            side_by_side(report),
            report.comparison_artefact(),
        ));
    }
    if !report.interval_note.is_empty() {
        part.items.push(Item::Note(report.interval_note.clone()));
    }
    part
}

/// The chosen models of the profiles, one column each.
fn side_by_side(report: &Report) -> Table {
    let language = report.language;
    let profiles = report.profiles();
    let head: Vec<&str> = ["endpoint", "set"]
        .into_iter()
        .chain(profiles.iter().map(String::as_str))
        .collect();
    let mut table = Table::new(
        "profiles",
        language.say("The same study, two ways of analysing it"),
        &head,
    );
    for endpoint in report.endpoints() {
        let of = |profile: &str| {
            report
                .headlines
                .iter()
                .find(|h| h.endpoint == endpoint && (h.profile == profile || h.profile.is_empty()))
        };
        let mut model = vec![
            Cell::text(&display_name(&endpoint)),
            Cell::text(language.say("chosen model")),
        ];
        model.extend(
            profiles
                .iter()
                .map(|p| of(p).map_or_else(Cell::none, |h| Cell::text(&model_name(h)))),
        );
        table.rows.push(model);
        for set in SETS {
            let cell = |p: &String| {
                of(p)
                    .and_then(|h| Some((value_of(report, h, p, set)?, h)))
                    .map_or_else(Cell::none, |(e, h)| {
                        let key = value_key(p, &h.endpoint, &h.roi_set, &h.learner, set);
                        Cell::Estimate(e, 3).from(Link::Value(key))
                    })
            };
            let mut line = vec![
                Cell::text(&display_name(&endpoint)),
                Cell::text(language.say(&display_name(set))),
            ];
            line.extend(profiles.iter().map(cell));
            if line[2..]
                .iter()
                .any(|c| matches!(c.bare(), Cell::Estimate(..)))
            {
                table.rows.push(line);
            }
        }
    }
    table.note(language.say("Each profile chose its own model. The sets stand by whom they judge: the rows that taught the model; the same rows, each by trees that did not see it (its features were selected with it, so this is no honest estimate); in other folds; at another centre. Chance may turn their order round."));
    table
}

fn value_of(report: &Report, h: &Headline, profile: &str, set: &str) -> Option<Estimate> {
    let is = |r: &&ComparisonRow| {
        r.profile == profile
            && r.endpoint == h.endpoint
            && r.roi_set == h.roi_set
            && r.learner == h.learner
            && r.set == set
            && r.metric == h.metric
    };
    report
        .comparison
        .iter()
        .find(is)
        .map(|r| r.estimate.clone())
}

fn model_name(h: &Headline) -> String {
    format!("{}, {}", display_name(&h.learner), display_name(&h.roi_set))
}

fn card(report: &Report, h: &Headline) -> String {
    let language = report.language;
    let profile = match h.profile.as_str() {
        "" => String::new(),
        p if report.profiles().len() > 1 => format!(
            " <span class=\"profile\">{}</span>",
            markup(language.say(p))
        ),
        _ => String::new(),
    };
    let mut out = format!(
        "<div class=\"headline\"><h3>{}: {}, {}{profile}</h3>\n<p class=\"rule\">{}; {}</p>\n<dl>\n",
        markup(language.say(&display_name(&h.endpoint))),
        markup(&display_name(&h.learner)),
        markup(language.say(&display_name(&h.roi_set))),
        markup(&h.rule),
        markup(&language.fill("judged by {0}", &[language.say(&display_name(&h.metric))]))
    );
    let key = |set: &str| {
        let profiles = report.profiles();
        let profile = match h.profile.as_str() {
            "" => profiles.first().map_or("", String::as_str),
            named => named,
        };
        value_key(profile, &h.endpoint, &h.roi_set, &h.learner, set)
    };
    let cv = ("Cross-validated", key("cv"));
    out.push_str(&entry(report, (cv.0, &cv.1), Some(&h.cv), ""));
    let external = ("External centre", key("external"));
    out.push_str(&entry(
        report,
        (external.0, &external.1),
        h.external.as_ref(),
        "",
    ));
    if h.apparent.is_some() {
        out.push_str(&entry(
            report,
            ("On its own training rows (optimistic)", &key("apparent")),
            h.apparent.as_ref(),
            " class=\"minor\"",
        ));
    }
    out + "</dl></div>\n"
}

fn entry(
    report: &Report,
    (name, key): (&str, &str),
    estimate: Option<&Estimate>,
    class: &str,
) -> String {
    let language = report.language;
    let body = match estimate {
        None => format!(
            "<span class=\"absent\">{}</span>",
            markup(language.say("not judged"))
        ),
        Some(e) if e.finite().is_none() => format!(
            "<span class=\"value\">NE</span> {} <br><span class=\"note\">{}</span>",
            markup(&e.reason_text()),
            markup(&e.n_text())
        ),
        Some(e) => format!(
            "<a class=\"value\" {}>{}</a> ({})<br><span class=\"note\">{}{}</span>",
            crate::story::value(key),
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
        markup(language.say(name))
    )
}

/// ROC curves and risk groups of the chosen models.
pub(crate) fn curves(report: &Report) -> Part {
    let language = report.language;
    let mut part = Part::new("roc", language.say("ROC curves"));
    if report.roc.is_empty() {
        part.items.push(Item::Note(
            language.say("No curves were computed.").to_owned(),
        ));
    }
    for (subject, groups) in grouped(&report.roc, |s| only(s, &["endpoint", "profile"])) {
        let panels: Vec<roc::Panel> = groups
            .iter()
            .flat_map(|(_, p, _)| p.iter().cloned())
            .collect();
        let heading = report.titled("Time-dependent ROC of the chosen model", &subject);
        let endpoint = subject.get("endpoint");
        let stem = format!(
            "fig3{}_{}_roc{}",
            letter(3 * report.endpoint_place(endpoint) + 2),
            slug(endpoint),
            suffix(report, subject.get("profile"))
        );
        let from: Vec<&str> = groups.iter().map(|(_, _, d)| *d).collect();
        let svg = roc::draw(&heading, &panels);
        part.items.push(file_figure(
            report,
            &stem,
            heading,
            svg,
            Some(roc_numbers(&panels)),
            &from,
        ));
    }
    part
}

/// Risk groups of the chosen models.
pub(crate) fn risk_groups(report: &Report) -> Part {
    let language = report.language;
    let mut part = Part::new("risk-groups", language.say("Risk groups"));
    if report.kaplan_meier.is_empty() {
        part.items.push(Item::Note(
            language.say("No risk groups were computed.").to_owned(),
        ));
    }
    for (subject, groups) in grouped(&report.kaplan_meier, |s| only(s, &["endpoint", "profile"])) {
        let panels: Vec<kaplan_meier::Panel> = groups
            .iter()
            .flat_map(|(_, p, _)| p.iter().cloned())
            .collect();
        let heading = report.titled("Risk groups of the chosen model", &subject);
        let stem = format!(
            "km_{}{}",
            slug(subject.get("endpoint")),
            suffix(report, subject.get("profile"))
        );
        let from: Vec<&str> = groups.iter().map(|(_, _, d)| *d).collect();
        let svg = kaplan_meier::draw(&heading, &panels);
        part.items.push(file_figure(
            report,
            &stem,
            heading,
            svg,
            Some(km_numbers(&panels)),
            &from,
        ));
    }
    part
}

/// Measures of the models with clinical variables, and their ROC curves.
pub(crate) fn clinical_models(report: &Report) -> Option<Part> {
    let language = report.language;
    if report.clinical_metrics.is_empty() && report.clinical_curves.is_empty() {
        return None;
    }
    let mut part = Part::new(
        "clinical-models",
        language.say("Clinical, radiomics and combined models"),
    );
    let mut table = Table::new(
        "clinical_models",
        language.say("Measures of the clinical, radiomics and combined models"),
        &[
            "endpoint",
            "profile",
            "model",
            "rows",
            "metric",
            "months",
            "value (interval)",
            "n",
        ],
    );
    for one in &report.clinical_metrics {
        let Ok(m) = &one.value else { continue };
        let named = |axis: &&str| {
            let said = super::axis_words(Language::English, axis, one.subject.get(axis));
            Cell::text(&said)
        };
        for (name, horizon, e) in &m.measures {
            let axes = ["endpoint", "profile", "model", "rows"];
            let mut line: Vec<Cell> = axes.iter().map(named).collect();
            line.extend([
                Cell::text(&display_name(name)),
                horizon_cell(*horizon),
                Cell::Estimate(e.clone(), 3),
                e.n.map_or_else(Cell::none, Cell::Count),
            ]);
            table.push_from(line, &one.artefact);
        }
    }
    if !table.rows.is_empty() {
        table = table.filtered_by(&["endpoint", "profile", "model", "rows", "metric", "months"]);
        table.tall = true;
        part.items.push(Item::Table(
            table,
            digests(report.clinical_metrics.iter().map(|m| m.artefact.as_str())),
        ));
    }
    part.say_absent(
        language,
        language.say("measures of a clinical model"),
        &report.clinical_metrics,
    );
    for (subject, groups) in grouped(&report.clinical_curves, |s| {
        only(s, &["endpoint", "profile"])
    }) {
        let panels: Vec<roc::Panel> = groups.iter().map(|(_, p, _)| (*p).clone()).collect();
        let heading = report.titled(
            "ROC of the clinical, radiomics and combined models",
            &subject,
        );
        let stem = format!("roc_clinical{}", subject.stem(&[]));
        let from: Vec<&str> = groups.iter().map(|(_, _, d)| *d).collect();
        let svg = roc::draw(&heading, &panels);
        part.items.push(file_figure(
            report,
            &stem,
            heading,
            svg,
            Some(roc_numbers(&panels)),
            &from,
        ));
    }
    Some(part)
}

fn roc_numbers(panels: &[roc::Panel]) -> Table {
    let mut table = Table::new(
        "roc",
        "",
        &[
            "panel",
            "curve",
            "false_positive_rate",
            "true_positive_rate",
        ],
    );
    for panel in panels {
        for curve in &panel.curves {
            let line = |(x, y): &(f64, f64)| {
                vec![
                    Cell::text(&panel.title),
                    Cell::text(&curve.label),
                    Cell::Number(*x, 4),
                    Cell::Number(*y, 4),
                ]
            };
            table.rows.extend(curve.points.iter().map(line));
        }
    }
    table
}

/// The steps of survival curves.
pub(crate) fn km_numbers(panels: &[kaplan_meier::Panel]) -> Table {
    let mut table = Table::new(
        "km",
        "",
        &["panel", "group", "time", "survival", "lower", "upper"],
    );
    let bound = |v: Option<&f64>| v.map_or_else(Cell::none, |v| Cell::Number(*v, 4));
    for panel in panels {
        for group in &panel.groups {
            for (i, (t, s)) in group.time.iter().zip(&group.survival).enumerate() {
                let mut line = vec![
                    Cell::text(&panel.title),
                    Cell::text(&group.label),
                    Cell::Number(*t, 2),
                    Cell::Number(*s, 4),
                ];
                line.extend([bound(group.lower.get(i)), bound(group.upper.get(i))]);
                table.rows.push(line);
            }
        }
    }
    table
}

pub(super) fn horizon_cell(horizon: Option<f64>) -> Cell {
    match horizon {
        Some(h) if h == h.trunc() => Cell::Number(h, 0),
        Some(h) => Cell::Number(h, 1),
        None => Cell::none(),
    }
}

/// The banner of leaks and problems of every profile.
pub(crate) fn problems(report: &Report) -> String {
    let language = report.language;
    let mut out = String::new();
    for profile in report.profiles() {
        let of: Vec<&crate::values::Problem> = report
            .problems
            .iter()
            .filter(|p| p.profile == profile)
            .collect();
        if of.is_empty() {
            continue;
        }
        let _ = write!(
            out,
            "<div class=\"leaks\" role=\"note\"><strong>{}</strong>\n<ul>\n",
            markup(&language.fill(
                "Profile {0} flatters its own numbers; they are no evidence of performance.",
                &[language.say(&profile)]
            ))
        );
        for problem in of {
            let _ = writeln!(out, "<li>{}</li>", markup(language.say(&problem.text)));
        }
        out.push_str("</ul></div>\n");
    }
    out
}
