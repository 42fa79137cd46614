//! All models: tables 2 and 3, figure 3a, b, d, e, sorted forests, heat maps, and every number.

use super::performance::{SETS, distinct, file_figure, horizon_cell, suffix};
use super::{Item, Part, letter};
use crate::escape::slug;
use crate::figure::{arms, comparison_forest, heat_map};
use crate::page::Report;
use crate::story::value_key;
use crate::table::{Cell, Link, Table};
use crate::values::{ComparisonRow, display_name};

/// Tables of all models.
pub(crate) fn part(report: &Report) -> Part {
    let language = report.language;
    let mut part = Part::new("models", language.say("All models"));
    if report.comparison.is_empty() {
        part.items.push(Item::Note(
            language.say("No model was compared.").to_owned(),
        ));
        return part;
    }
    let from = report.comparison_artefact();
    for table in paper_tables(report)
        .into_iter()
        .filter(|t| !t.rows.is_empty())
    {
        part.items.push(Item::Folded(table, from.clone()));
    }
    let mut side_by_side = optimism(report);
    side_by_side.tall = true;
    part.items.push(Item::Table(side_by_side, from.clone()));
    part.items.push(Item::Note(language.say("An estimate's n and events are its tooltip; NE: not estimable, with the reason as its tooltip.").to_owned()));
    part.items
        .push(Item::Heading(language.say("Every number").to_owned()));
    let mut all = comparison(report);
    all.tall = true;
    part.items.push(Item::Table(all, from));
    part
}

/// Figures of all models by endpoint and profile.
pub(crate) fn figures(report: &Report) -> Part {
    let language = report.language;
    let mut part = Part::new("figures", language.say("Models by region and by learner"));
    if report.comparison.is_empty() {
        part.items.push(Item::Note(
            language.say("No model was compared.").to_owned(),
        ));
        return part;
    }
    part.items.push(Item::Note(
        language.say("The first rows of a sorted list of many models are partly there by luck: read the intervals, and the external column.").to_owned(),
    ));
    let from = report.comparison_artefact();
    let from: Vec<&str> = from.iter().map(String::as_str).collect();
    for profile in report.profiles() {
        let rows = of_profile(report, &profile);
        for endpoint in distinct(&rows, |r| &r.endpoint) {
            let (i, end) = (report.endpoint_place(endpoint), suffix(report, &profile));
            let stem = |k: usize, what: &str| {
                format!("fig3{}_{}_{what}{end}", letter(3 * i + k), slug(endpoint))
            };
            for (k, what, by) in [(0, "arms", By::Arm), (1, "learners", By::Learner)] {
                let heading = title(report, endpoint, by.title(), &profile);
                let svg = grouped_forest(report, &rows, endpoint, by, &heading);
                let numbers = numbers_of(&rows, endpoint, &report.primary_metric);
                part.items.push(file_figure(
                    report,
                    &stem(k, what),
                    heading,
                    svg,
                    Some(numbers),
                    &from,
                ));
            }
            let heading = title(report, endpoint, "every model, highest first", &profile);
            let svg = sorted_forest(report, &rows, endpoint, &heading);
            part.items.push(file_figure(
                report,
                &format!("models_{}{end}", slug(endpoint)),
                heading,
                svg,
                None,
                &from,
            ));
            let heading = title(report, endpoint, "learner by region", &profile);
            let svg = heat(report, &rows, endpoint, &heading);
            part.items.push(file_figure(
                report,
                &format!("heat_map_{}{end}", slug(endpoint)),
                heading,
                svg,
                None,
                &from,
            ));
        }
    }
    part
}

fn of_profile(report: &Report, profile: &str) -> Vec<ComparisonRow> {
    report
        .comparison
        .iter()
        .filter(|r| r.profile == profile)
        .cloned()
        .collect()
}

/// `DFS: what (paper)`.
fn title(report: &Report, endpoint: &str, what: &str, profile: &str) -> String {
    let base = format!(
        "{}: {}",
        report.language.say(&display_name(endpoint)),
        report.language.say(what)
    );
    match suffix(report, profile).is_empty() {
        true => base,
        false => format!("{base} ({})", report.language.say(profile)),
    }
}

#[derive(Clone, Copy)]
enum By {
    Arm,
    Learner,
}

impl By {
    fn title(self) -> &'static str {
        match self {
            By::Arm => "composite AUC by region",
            By::Learner => "composite AUC by learner",
        }
    }
}

fn sets_of(rows: &[ComparisonRow]) -> Vec<&str> {
    let there = distinct(rows, |r| &r.set);
    let mut sets: Vec<&str> = SETS.iter().copied().filter(|s| there.contains(s)).collect();
    sets.extend(there.iter().filter(|s| !SETS.contains(s)));
    sets
}

/// All sets of all models, grouped by region or by learner: training and external never share an axis.
fn grouped_forest(
    report: &Report,
    rows: &[ComparisonRow],
    endpoint: &str,
    by: By,
    heading: &str,
) -> String {
    let of = |r: &&ComparisonRow| {
        r.endpoint == endpoint && r.metric == report.primary_metric && r.horizon_months.is_none()
    };
    let mine: Vec<ComparisonRow> = rows.iter().filter(of).cloned().collect();
    let (sets, arms) = (sets_of(&mine), distinct(&mine, |r| &r.roi_set));
    let mut learners = distinct(&mine, |r| &r.learner);
    learners.sort_unstable();
    let name = |s: &str| report.language.say(&display_name(s)).to_owned();
    let row = |(tone, inner): (usize, &&str), outer: &str| arms::Row {
        label: name(inner),
        tone,
        estimates: sets
            .iter()
            .map(|set| {
                let (arm, learner) = match by {
                    By::Arm => (outer, *inner),
                    By::Learner => (*inner, outer),
                };
                let is =
                    |r: &&ComparisonRow| r.set == *set && r.roi_set == arm && r.learner == learner;
                mine.iter().find(is).map(|r| r.estimate.clone())
            })
            .collect(),
    };
    let (outer, inner) = match by {
        By::Arm => (&arms, &learners),
        By::Learner => (&learners, &arms),
    };
    let group = |o: &&str| arms::Group {
        label: name(o),
        rows: inner.iter().enumerate().map(|i| row(i, o)).collect(),
    };
    let groups: Vec<arms::Group> = outer.iter().map(group).collect();
    let names: Vec<String> = sets.iter().map(|s| name(s)).collect();
    let metric = name(&report.primary_metric);
    arms::draw(heading, &metric, &names, &groups, report.primary_chance)
}

/// The honest sets that the comparison holds: `cv` and `external`, or whatever else there is.
fn judged_sets(rows: &[ComparisonRow]) -> Vec<&str> {
    let there = sets_of(rows);
    let honest: Vec<&str> = there
        .iter()
        .copied()
        .filter(|s| *s == "cv" || *s == "external")
        .collect();
    if honest.is_empty() { there } else { honest }
}

fn sorted_forest(report: &Report, rows: &[ComparisonRow], endpoint: &str, heading: &str) -> String {
    let sets = judged_sets(rows);
    let sorted = comparison_forest::rows(rows, endpoint, &report.primary_metric, &sets);
    let metric = display_name(&report.primary_metric);
    comparison_forest::draw(heading, &metric, &sets, &sorted, report.primary_chance)
}

fn heat(report: &Report, rows: &[ComparisonRow], endpoint: &str, heading: &str) -> String {
    let sets = judged_sets(rows);
    let panel = |set: &&str| heat_map::panel(rows, endpoint, set, &report.primary_metric);
    let panels: Vec<heat_map::Panel> = sets.iter().map(panel).collect();
    heat_map::draw(
        heading,
        &panels,
        report.primary_scale.0,
        report.primary_scale.1,
    )
}

fn numbers_of(rows: &[ComparisonRow], endpoint: &str, metric: &str) -> Table {
    let mut table = Table::new(
        "",
        "",
        &[
            "roi_set", "learner", "set", "value", "lower", "upper", "n", "n_events", "reason",
        ],
    );
    for r in rows
        .iter()
        .filter(|r| r.endpoint == endpoint && r.metric == metric && r.horizon_months.is_none())
    {
        let e = &r.estimate;
        let number = |v: Option<f64>| v.map_or_else(Cell::none, |v| Cell::Number(v, 4));
        let whole = |n: Option<usize>| n.map_or_else(Cell::none, Cell::Count);
        table.rows.push(vec![
            Cell::text(&r.roi_set),
            Cell::text(&r.learner),
            Cell::text(&r.set),
            number(e.finite()),
            number(e.lower),
            number(e.upper),
            whole(e.n),
            whole(e.n_events),
            Cell::text(e.reason.as_deref().unwrap_or("")),
        ]);
    }
    table
}

/// The paper's tables 2 and 3 (and on): AUC by ROI set, set and horizon down, learners across.
fn paper_tables(report: &Report) -> Vec<Table> {
    let endpoints = report.endpoints();
    let one = |(i, e): (usize, &String)| paper_table(report, e, &format!("table{}", i + 2));
    // table 4 is the multivariable regression
    endpoints
        .iter()
        .take(2)
        .enumerate()
        .map(one)
        .chain(
            endpoints
                .iter()
                .skip(2)
                .map(|e| paper_table(report, e, &format!("auc_{}", slug(e)))),
        )
        .collect()
}

fn paper_table(report: &Report, endpoint: &str, name: &str) -> Table {
    let of = |r: &&ComparisonRow| r.endpoint == endpoint && r.metric == "auc";
    let rows: Vec<&ComparisonRow> = report.comparison.iter().filter(of).collect();
    let mut learners: Vec<&str> = rows.iter().map(|r| r.learner.as_str()).collect();
    learners.sort_unstable();
    learners.dedup();
    type Key<'a> = (&'a str, &'a str, &'a str, Option<f64>);
    let mut keys: Vec<Key<'_>> = Vec::new();
    for row in &rows {
        let key = (
            row.profile.as_str(),
            row.roi_set.as_str(),
            row.set.as_str(),
            row.horizon_months,
        );
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let place = |s: &str| SETS.iter().position(|k| *k == s).unwrap_or(SETS.len());
    let (roi_sets, profiles) = (
        distinct(&report.comparison, |r| &r.roi_set),
        report.profiles(),
    );
    keys.sort_by(|a, b| {
        let arm = |s: &str| roi_sets.iter().position(|r| *r == s);
        let profile = |s: &str| profiles.iter().position(|p| p == s);
        let horizon = |h: Option<f64>| h.unwrap_or(0.0);
        (profile(a.0), arm(a.1), place(a.2))
            .cmp(&(profile(b.0), arm(b.1), place(b.2)))
            .then(horizon(a.3).total_cmp(&horizon(b.3)))
    });
    let many = profiles.len() > 1;
    let mut head: Vec<String> = if many {
        vec!["profile".to_owned()]
    } else {
        Vec::new()
    };
    head.extend(["ROI set", "set", "months"].map(str::to_owned));
    head.extend(learners.iter().map(|l| display_name(l)));
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let caption = report.language.fill(
        "AUC of every model for {0}, with its interval",
        &[report.language.say(&display_name(endpoint))],
    );
    let mut table = Table::new(name, &caption, &head);
    for (profile, roi_set, set, horizon) in keys {
        let mut line = if many {
            vec![Cell::text(profile)]
        } else {
            Vec::new()
        };
        line.extend([
            Cell::text(&display_name(roi_set)),
            Cell::text(&display_name(set)),
            horizon_cell(horizon),
        ]);
        line.extend(learners.iter().map(|learner| {
            let is = |r: &&&ComparisonRow| {
                r.profile == profile
                    && r.roi_set == roi_set
                    && r.set == set
                    && r.horizon_months == horizon
                    && r.learner == *learner
            };
            rows.iter().find(is).map_or_else(Cell::none, |r| {
                Cell::Estimate(r.estimate.clone(), 3).from(evaluated(r))
            })
        }));
        table.rows.push(line);
    }
    if !report.interval_note.is_empty() {
        table.notes.push(report.interval_note.clone());
    }
    table
}

/// The primary metric of every model with its sets side by side.
fn optimism(report: &Report) -> Table {
    let sets = sets_of(&report.comparison);
    let names: Vec<String> = sets.iter().map(|s| display_name(s)).collect();
    let many = report.profiles().len() > 1;
    let mut head: Vec<&str> = if many { vec!["profile"] } else { Vec::new() };
    head.extend(["endpoint", "ROI set", "learner"]);
    head.extend(names.iter().map(String::as_str));
    let caption = report.language.fill(
        "{0} of every model, set by set",
        &[&capital(
            report.language.say(&display_name(&report.primary_metric)),
        )],
    );
    let mut table = Table::new("optimism", &caption, &head)
        .filtered_by(&["profile", "endpoint", "ROI set", "learner"]);
    type Key<'a> = (&'a str, &'a str, &'a str, &'a str);
    let key = |r: &ComparisonRow| -> [String; 4] {
        [
            r.profile.clone(),
            r.endpoint.clone(),
            r.roi_set.clone(),
            r.learner.clone(),
        ]
    };
    let mine: Vec<&ComparisonRow> = report
        .comparison
        .iter()
        .filter(|r| r.metric == report.primary_metric && r.horizon_months.is_none())
        .collect();
    let mut keys: Vec<Key<'_>> = Vec::new();
    for r in &mine {
        let key = (
            r.profile.as_str(),
            r.endpoint.as_str(),
            r.roi_set.as_str(),
            r.learner.as_str(),
        );
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    for (profile, endpoint, roi_set, learner) in keys {
        let mut line = if many {
            vec![Cell::text(profile)]
        } else {
            Vec::new()
        };
        line.extend([endpoint, roi_set, learner].map(|s| Cell::text(&display_name(s))));
        line.extend(sets.iter().map(|set| {
            let is = |r: &&&ComparisonRow| {
                key(r) == [profile, endpoint, roi_set, learner] && r.set == *set
            };
            mine.iter().find(is).map_or_else(Cell::none, |r| {
                Cell::Estimate(r.estimate.clone(), 3).from(evaluated(r))
            })
        }));
        table.rows.push(line);
    }
    table
}

/// The evaluations that a row of the comparison was made from.
fn evaluated(r: &ComparisonRow) -> Link {
    let key = value_key(&r.profile, &r.endpoint, &r.roi_set, &r.learner, &r.set);
    Link::Value(key)
}

/// Every row of the comparison.
fn comparison(report: &Report) -> Table {
    let head = [
        "profile", "endpoint", "ROI set", "learner", "set", "metric", "months", "value", "lower",
        "upper", "n", "events", "reason",
    ];
    let filters = [
        "profile", "endpoint", "ROI set", "learner", "set", "metric", "months",
    ];
    let mut table = Table::new(
        "comparison",
        report
            .language
            .say("Every model, on every set, by every metric"),
        &head,
    )
    .filtered_by(&filters);
    let mut shown = Vec::new();
    for rows in report.comparison.chunk_by(same_set) {
        table.rows.extend(rows.iter().map(whole_row));
        let without = |r: &ComparisonRow| r.estimate.finite().is_none();
        if let [first, _, ..] = rows
            && rows
                .iter()
                .all(|r| without(r) && r.estimate.reason == first.estimate.reason)
        {
            shown.push(nothing(first));
        } else {
            shown.extend(rows.iter().map(whole_row));
        }
    }
    table.shown = Some(shown);
    table
}

fn same_set(a: &ComparisonRow, b: &ComparisonRow) -> bool {
    (&a.profile, &a.endpoint, &a.roi_set, &a.learner, &a.set)
        == (&b.profile, &b.endpoint, &b.roi_set, &b.learner, &b.set)
}

/// One line for a set of which a model has no value at all, for one reason.
fn nothing(r: &ComparisonRow) -> Vec<Cell> {
    let names = [&r.profile, &r.endpoint, &r.roi_set, &r.learner, &r.set];
    let mut line: Vec<Cell> = names.iter().map(|s| Cell::text(&display_name(s))).collect();
    line.extend([Cell::text("all metrics"), Cell::none()]);
    line.push(Cell::Absent("NE".into()).from(evaluated(r)));
    line.extend([Cell::none(), Cell::none(), Cell::none(), Cell::none()]);
    line.push(Cell::text(&r.estimate.reason_text()));
    line
}

fn whole_row(row: &ComparisonRow) -> Vec<Cell> {
    let e = &row.estimate;
    let number = |v: Option<f64>| v.map_or_else(Cell::none, |v| Cell::Number(v, 3));
    let whole = |n: Option<usize>| n.map_or_else(Cell::none, Cell::Count);
    let value = e
        .finite()
        .map_or_else(|| Cell::Absent("NE".into()), |v| Cell::Number(v, 3))
        .from(evaluated(row));
    let names = [
        &row.profile,
        &row.endpoint,
        &row.roi_set,
        &row.learner,
        &row.set,
        &row.metric,
    ];
    let mut line: Vec<Cell> = names.iter().map(|s| Cell::text(&display_name(s))).collect();
    line.extend([
        horizon_cell(row.horizon_months),
        value,
        number(e.lower),
        number(e.upper),
        whole(e.n),
        whole(e.n_events),
    ]);
    line.push(match (e.finite(), &e.reason) {
        (None, _) => Cell::text(&e.reason_text()),
        (Some(_), Some(reason)) => Cell::text(reason),
        (Some(_), None) if e.interval().is_none() => Cell::text("no interval"),
        (Some(_), None) => Cell::text(""),
    });
    line
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}
