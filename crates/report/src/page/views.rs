//! The figures and tables of a report under the names of the paper's.

use super::Report;
use crate::escape::slug;
use crate::figure::{comparison_forest, flow, heat_map, kaplan_meier, roc};
use crate::table::{Cell, Table};
use crate::values::{ComparisonRow, display_name};

/// The sets that the report knows, in the order in which optimism falls.
const SETS: [&str; 4] = ["apparent", "oob", "cv", "external"];

/// What is distinct in `rows`, in order of appearance.
pub(super) fn distinct<'a>(
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

/// The honest sets that the comparison holds: `cv` and `external`, or whatever else there is.
pub(super) fn judged_sets(report: &Report) -> Vec<&str> {
    let there = distinct(&report.comparison, |r| &r.set);
    let honest: Vec<&str> = there
        .iter()
        .copied()
        .filter(|s| *s == "cv" || *s == "external")
        .collect();
    if honest.is_empty() { there } else { honest }
}

/// Heat map of one endpoint: one panel per honest set.
pub(super) fn heat_map_of(report: &Report, endpoint: &str) -> String {
    let metric = &report.primary_metric;
    let panels: Vec<heat_map::Panel> = judged_sets(report)
        .into_iter()
        .map(|set| heat_map::panel(&report.comparison, endpoint, set, metric))
        .collect();
    let title = format!(
        "{}: {} by learner and ROI set",
        display_name(endpoint),
        display_name(metric)
    );
    heat_map::draw(
        &title,
        &panels,
        report.primary_scale.0,
        report.primary_scale.1,
    )
}

/// Forest of one endpoint: one column per honest set.
pub(super) fn forest_of(report: &Report, endpoint: &str) -> String {
    let sets = judged_sets(report);
    let rows = comparison_forest::rows(&report.comparison, endpoint, &report.primary_metric, &sets);
    let metric = display_name(&report.primary_metric);
    let title = format!(
        "{}: {metric} of every model, highest first",
        display_name(endpoint)
    );
    comparison_forest::draw(&title, &metric, &sets, &rows, report.primary_chance)
}

/// ROC curves of one endpoint.
pub(super) fn roc_of(endpoint: &str, panels: &[roc::Panel]) -> String {
    roc::draw(
        &format!(
            "{}: time-dependent ROC of the chosen model",
            display_name(endpoint)
        ),
        panels,
    )
}

/// Risk groups of one endpoint.
pub(super) fn kaplan_meier_of(endpoint: &str, panels: &[kaplan_meier::Panel]) -> String {
    kaplan_meier::draw(
        &format!(
            "{}: risk groups of the chosen model",
            display_name(endpoint)
        ),
        panels,
    )
}

/// Every figure as (file name, SVG): `fig2_flow.svg`; per endpoint a heat map, a forest and the ROC curves under the letters of the
/// paper's figure 3 (a, b, c for the first endpoint, d, e, f for the second …); `km_<endpoint>.svg`; then the further figures.
pub fn figures(report: &Report) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    if let Some(flow) = &report.flow {
        out.push((
            "fig2_flow.svg".to_owned(),
            flow::draw("Flow of patients", flow),
        ));
    }
    for (i, endpoint) in distinct(&report.comparison, |r| &r.endpoint)
        .into_iter()
        .enumerate()
    {
        let name = |k: usize, what: &str| {
            format!("fig3{}_{}_{what}.svg", letter(3 * i + k), slug(endpoint))
        };
        out.push((name(0, "heat_map"), heat_map_of(report, endpoint)));
        out.push((name(1, "models"), forest_of(report, endpoint)));
        if let Some((_, panels)) = report.roc.iter().find(|(e, _)| e == endpoint) {
            out.push((name(2, "roc"), roc_of(endpoint, panels)));
        }
    }
    for (endpoint, panels) in &report.kaplan_meier {
        out.push((
            format!("km_{}.svg", slug(endpoint)),
            kaplan_meier_of(endpoint, panels),
        ));
    }
    out.extend(report.further_figures.iter().cloned());
    out
}

/// `a`, `b` … `z`, then `z1`, `z2` …
fn letter(i: usize) -> String {
    match u8::try_from(i) {
        Ok(i) if i < 26 => char::from(b'a' + i).to_string(),
        _ => format!("z{}", i - 25),
    }
}

/// Every table as (file name, CSV): `table2.csv`, `table3.csv` … in the paper's layout (rows ROI set × set × horizon, columns learners), one
/// per endpoint; `optimism.csv`; the figures' numbers; then the further tables.
pub fn tables(report: &Report) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    for table in paper_tables(report) {
        out.push((format!("{}.csv", table.name), table.csv()));
    }
    if !report.comparison.is_empty() {
        out.push(("optimism.csv".to_owned(), optimism(report).csv()));
    }
    out.extend(
        report
            .roc
            .iter()
            .map(|(e, panels)| (format!("roc_{}.csv", slug(e)), roc_numbers(panels).csv())),
    );
    out.extend(
        report
            .kaplan_meier
            .iter()
            .map(|(e, panels)| (format!("km_{}.csv", slug(e)), km_numbers(panels).csv())),
    );
    out.extend(
        report
            .further_tables
            .iter()
            .map(|t| (format!("{}.csv", slug(&t.name)), t.csv())),
    );
    out
}

/// The paper's tables 2 and 3 (and on): AUC by ROI set, set and horizon down, learners across.
pub(super) fn paper_tables(report: &Report) -> Vec<Table> {
    let endpoints = distinct(&report.comparison, |r| &r.endpoint);
    endpoints
        .iter()
        .enumerate()
        .map(|(i, e)| paper_table(report, e, &format!("table{}", i + 2)))
        .collect()
}

fn paper_table(report: &Report, endpoint: &str, name: &str) -> Table {
    let rows: Vec<&ComparisonRow> = report
        .comparison
        .iter()
        .filter(|r| r.endpoint == endpoint && r.metric == "auc")
        .collect();
    let mut learners: Vec<&str> = Vec::new();
    let mut keys: Vec<(&str, &str, Option<f64>)> = Vec::new();
    for row in &rows {
        let key = (row.roi_set.as_str(), row.set.as_str(), row.horizon_months);
        if !learners.contains(&row.learner.as_str()) {
            learners.push(&row.learner);
        }
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let place = |s: &str| SETS.iter().position(|k| *k == s).unwrap_or(SETS.len());
    let roi_sets = distinct(&report.comparison, |r| &r.roi_set);
    keys.sort_by(|a, b| {
        let arm = |s: &str| roi_sets.iter().position(|r| *r == s);
        let horizon = |h: Option<f64>| h.unwrap_or(0.0);
        arm(a.0)
            .cmp(&arm(b.0))
            .then(place(a.1).cmp(&place(b.1)))
            .then(horizon(a.2).total_cmp(&horizon(b.2)))
    });
    let head: Vec<String> = ["ROI set", "set", "months"]
        .iter()
        .map(|s| (*s).to_owned())
        .chain(learners.iter().map(|l| display_name(l)))
        .collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let caption = format!(
        "AUC of every model for {}, with its interval",
        display_name(endpoint)
    );
    let mut table = Table::new(name, &caption, &head);
    for (roi_set, set, horizon) in keys {
        let mut line = vec![
            Cell::text(&display_name(roi_set)),
            Cell::text(&display_name(set)),
            horizon_cell(horizon),
        ];
        line.extend(learners.iter().map(|learner| {
            let found = rows.iter().find(|r| {
                r.roi_set == roi_set
                    && r.set == set
                    && r.horizon_months == horizon
                    && r.learner == *learner
            });
            found.map_or_else(
                || Cell::Absent(String::new()),
                |r| Cell::Estimate(r.estimate.clone(), 3),
            )
        }));
        table.rows.push(line);
    }
    if !report.interval_note.is_empty() {
        table.notes.push(report.interval_note.clone());
    }
    table
}

/// The primary metric of every model with its sets side by side.
pub(super) fn optimism(report: &Report) -> Table {
    let there = distinct(&report.comparison, |r| &r.set);
    let mut sets: Vec<&str> = SETS.iter().copied().filter(|s| there.contains(s)).collect();
    sets.extend(there.iter().filter(|s| !SETS.contains(s)));
    let names: Vec<String> = sets.iter().map(|s| display_name(s)).collect();
    let head: Vec<&str> = ["endpoint", "ROI set", "learner"]
        .into_iter()
        .chain(names.iter().map(String::as_str))
        .collect();
    let caption = format!(
        "{} of every model, from the most optimistic set to the least",
        capital(&display_name(&report.primary_metric))
    );
    let mut table =
        Table::new("optimism", &caption, &head).filtered_by(&["endpoint", "ROI set", "learner"]);
    let mut keys: Vec<(&str, &str, &str)> = Vec::new();
    let mine = || {
        report
            .comparison
            .iter()
            .filter(|r| r.metric == report.primary_metric && r.horizon_months.is_none())
    };
    for row in mine() {
        let key = (
            row.endpoint.as_str(),
            row.roi_set.as_str(),
            row.learner.as_str(),
        );
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    for (endpoint, roi_set, learner) in keys {
        let mut line = vec![
            Cell::text(&display_name(endpoint)),
            Cell::text(&display_name(roi_set)),
            Cell::text(&display_name(learner)),
        ];
        line.extend(sets.iter().map(|set| {
            let found = mine().find(|r| {
                r.endpoint == endpoint
                    && r.roi_set == roi_set
                    && r.learner == learner
                    && r.set == *set
            });
            found.map_or_else(
                || Cell::Absent(String::new()),
                |r| Cell::Estimate(r.estimate.clone(), 3),
            )
        }));
        table.rows.push(line);
    }
    table
}

/// Every row of the comparison.
pub(super) fn comparison(report: &Report) -> Table {
    let head = [
        "endpoint", "ROI set", "learner", "set", "metric", "months", "value", "lower", "upper",
        "n", "events", "reason",
    ];
    let filters = ["endpoint", "ROI set", "learner", "set", "metric", "months"];
    let mut table = Table::new(
        "comparison",
        "Every model, on every set, by every metric",
        &head,
    )
    .filtered_by(&filters);
    for row in &report.comparison {
        let e = &row.estimate;
        let number =
            |v: Option<f64>| v.map_or_else(|| Cell::Absent(String::new()), |v| Cell::Number(v, 3));
        let whole = |n: Option<usize>| n.map_or_else(|| Cell::Absent(String::new()), Cell::Count);
        let value = e
            .finite()
            .map_or_else(|| Cell::Absent("NE".into()), |v| Cell::Number(v, 3));
        let mut line: Vec<Cell> = [
            &row.endpoint,
            &row.roi_set,
            &row.learner,
            &row.set,
            &row.metric,
        ]
        .iter()
        .map(|s| Cell::text(&display_name(s)))
        .collect();
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
        table.rows.push(line);
    }
    table
}

/// Who was left out, in rows.
pub(super) fn exclusions(report: &Report) -> Table {
    let head = ["site", "patient", "endpoint", "step", "code", "reason"];
    let mut table = Table::new("exclusions", "Patients left out, and why", &head)
        .filtered_by(&["site", "endpoint", "step", "code"]);
    for x in &report.exclusions {
        let endpoint = if x.endpoint.is_empty() {
            "all".to_owned()
        } else {
            display_name(&x.endpoint)
        };
        table.rows.push(vec![
            Cell::text(&x.site),
            Cell::text(&x.patient_id),
            Cell::text(&endpoint),
            Cell::text(&x.step),
            Cell::text(&x.code),
            Cell::text(&x.message),
        ]);
    }
    table
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
            for (x, y) in &curve.points {
                let line = vec![
                    Cell::text(&panel.title),
                    Cell::text(&curve.label),
                    Cell::Number(*x, 4),
                    Cell::Number(*y, 4),
                ];
                table.rows.push(line);
            }
        }
    }
    table
}

fn km_numbers(panels: &[kaplan_meier::Panel]) -> Table {
    let mut table = Table::new(
        "km",
        "",
        &["panel", "group", "time", "survival", "lower", "upper"],
    );
    let bound =
        |v: Option<&f64>| v.map_or_else(|| Cell::Absent(String::new()), |v| Cell::Number(*v, 4));
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

fn horizon_cell(horizon: Option<f64>) -> Cell {
    match horizon {
        Some(h) if h == h.trunc() => Cell::Number(h, 0),
        Some(h) => Cell::Number(h, 1),
        None => Cell::Absent(String::new()),
    }
}

pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}
