//! The patients: flow, baseline table, missing values, acquisition, exclusions.

use super::{Figure, Item, Part, Sourced, digests};
use crate::figure::bars::{self, Bar};
use crate::figure::flow;
use crate::number::fixed;
use crate::page::Report;
use crate::table::{Cell, Table};
use crate::values::Estimate;

/// A table that another step has made: its cells as they were written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    /// Names of its columns.
    pub columns: Vec<String>,
    /// Its rows, as long as there are columns.
    pub rows: Vec<Vec<String>>,
}

impl Sheet {
    /// The place of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c == name)
    }

    fn table(&self, name: &str, caption: &str) -> Table {
        let columns: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let mut table = Table::new(name, caption, &columns);
        let cell = |text: &String| match text.parse::<f64>() {
            Ok(v) if v.is_finite() => Cell::Written(text.clone(), v),
            _ => Cell::text(text),
        };
        table.rows = self
            .rows
            .iter()
            .map(|r| r.iter().map(cell).collect())
            .collect();
        table
    }
}

/// How long patients were followed for an endpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Followed {
    /// The group; empty for all patients.
    pub group: String,
    /// Patients and events.
    pub counts: (Option<usize>, Option<usize>),
    /// Median follow-up by reverse Kaplan–Meier, months.
    pub reverse: Estimate,
    /// Median, least and greatest of the times as they are, months.
    pub observed: Option<(f64, f64, f64)>,
}

/// The part.
pub(crate) fn part(report: &Report) -> Part {
    let language = report.language;
    let say = |text| language.say(text);
    let mut part = Part::new("patients", say("Patients"));
    match &report.flow {
        Some(flow) => part.items.push(Item::Figure(Figure {
            file: "fig2_flow.svg".to_owned(),
            svg: crate::figure::localise(flow::draw(say("Flow of patients"), flow), language),
            caption: say("Flow of patients").to_owned(),
            numbers: Some(flow_numbers(flow)),
            artefacts: Vec::new(),
        })),
        None => part.items.push(Item::Note(
            say("The flow of patients was not counted.").to_owned(),
        )),
    }
    sheets(
        report,
        &mut part,
        &report.baseline,
        "table1",
        "Baseline characteristics by centre",
    );
    followed(report, &mut part);
    missing(report, &mut part);
    sheets(
        report,
        &mut part,
        &report.acquisition,
        "acquisition",
        "Acquisition by centre",
    );
    if report.exclusions.is_empty() {
        part.items
            .push(Item::Note(say("No patient was left out.").to_owned()));
    } else {
        let mut table = exclusions(report);
        table.tall = true;
        part.items.push(Item::Table(table, Vec::new()));
    }
    part
}

/// Median follow-up as it should be told, and as it often is.
fn followed(report: &Report, part: &mut Part) {
    let language = report.language;
    let head = [
        "endpoint",
        "group",
        "n",
        "events",
        "median follow-up (reverse Kaplan–Meier)",
        "median time observed (range)",
    ];
    let mut table = Table::new("follow_up", language.say("Follow-up, months"), &head);
    for one in &report.followed {
        let Ok(rows) = &one.value else { continue };
        for f in rows {
            let whole = |n: Option<usize>| n.map_or_else(Cell::none, Cell::Count);
            let group = match f.group.as_str() {
                "" => language.say("all patients"),
                name => name,
            };
            let observed = f
                .observed
                .map_or_else(Cell::none, |(median, least, greatest)| {
                    Cell::text(&format!(
                        "{} ({}–{})",
                        fixed(median, 1),
                        fixed(least, 1),
                        fixed(greatest, 1)
                    ))
                });
            let line = vec![
                Cell::text(&one.subject.words(language, &[])),
                Cell::text(group),
                whole(f.counts.0),
                whole(f.counts.1),
                Cell::Estimate(f.reverse.clone(), 1),
                observed,
            ];
            table.push_from(line, &one.artefact);
        }
    }
    if !table.rows.is_empty() {
        table.note(language.say("Reverse Kaplan–Meier asks how long patients would have been followed without the event; the times as they are end at it, and are shorter."));
        table.note(language.say("What a visit finds has happened since the visit before: such times are late by up to that interval, in this analysis as in any that counts from visits."));
        let from = digests(report.followed.iter().map(|f| f.artefact.as_str()));
        part.items.push(Item::Table(table, from));
    }
}

fn sheets(report: &Report, part: &mut Part, all: &[Sourced<Sheet>], name: &str, caption: &str) {
    for (i, one) in all.iter().enumerate() {
        let Ok(sheet) = &one.value else { continue };
        let name = if i == 0 {
            name.to_owned()
        } else {
            format!("{name}{}", one.subject.stem(&[]))
        };
        let table = sheet.table(&name, &report.titled(caption, &one.subject));
        part.items
            .push(Item::Table(table, digests([one.artefact.as_str()])));
    }
    part.say_absent(report.language, report.language.say(caption), all);
}

/// Columns shown of those with missing values.
const SHOWN: usize = 30;

fn missing(report: &Report, part: &mut Part) {
    let language = report.language;
    for (i, one) in report.missing.iter().enumerate() {
        let Ok(sheet) = &one.value else { continue };
        let stem = if i == 0 {
            "missing".to_owned()
        } else {
            format!("missing{}", one.subject.stem(&[]))
        };
        let at = |names: &[&str]| names.iter().find_map(|n| sheet.column(n));
        let title = report.titled("Missing values", &one.subject);
        let places = (
            at(&["site"]),
            at(&["column", "variable", "feature"]),
            at(&["missing", "n_missing"]),
            at(&["n"]),
        );
        let numbers = sheet.table(&stem, &title);
        let (Some(site), Some(column), Some(absent), Some(n)) = places else {
            part.items
                .push(Item::Table(numbers, digests([one.artefact.as_str()])));
            continue;
        };
        let mut bars: Vec<Bar> = Vec::new();
        for row in &sheet.rows {
            let number = |k: usize| {
                row.get(k)
                    .and_then(|t| t.parse::<f64>().ok())
                    .unwrap_or(0.0)
            };
            if number(absent) > 0.0 && number(n) > 0.0 {
                let share = 100.0 * number(absent) / number(n);
                let word = |k: usize| row.get(k).map_or("", String::as_str);
                bars.push(Bar {
                    label: format!("{} · {}", word(column), word(site)),
                    value: Some(share),
                    note: format!("{}/{} ({} %)", word(absent), word(n), fixed(share, 1)),
                    ..Bar::default()
                });
            }
        }
        if bars.is_empty() {
            part.items.push(Item::Note(format!(
                "{title}: {}",
                language.say("no value is missing.")
            )));
            part.items
                .push(Item::Folded(numbers, digests([one.artefact.as_str()])));
            continue;
        }
        bars.sort_by(|a, b| {
            b.value
                .unwrap_or(0.0)
                .total_cmp(&a.value.unwrap_or(0.0))
                .then_with(|| a.label.cmp(&b.label))
        });
        let rest = bars.len().saturating_sub(SHOWN);
        bars.truncate(SHOWN);
        part.items.push(Item::Figure(Figure {
            file: format!("{stem}.svg"),
            svg: bars::draw(&title, language.say("missing, %"), &bars),
            caption: title,
            numbers: Some(numbers),
            artefacts: digests([one.artefact.as_str()]),
        }));
        if rest > 0 {
            part.items.push(Item::Note(language.fill(
                "{0} further columns have missing values; they are in the table.",
                &[&rest.to_string()],
            )));
        }
    }
    part.say_absent(language, language.say("missing values"), &report.missing);
}

fn flow_numbers(flow: &flow::Flow) -> Table {
    let mut table = Table::new("fig2_flow", "", &["endpoint", "stage", "what", "n"]);
    let mut put = |endpoint: &str, stage: &str, what: &str, n: usize| {
        table.rows.push(vec![
            Cell::text(endpoint),
            Cell::text(stage),
            Cell::text(what),
            Cell::Count(n),
        ]);
    };
    put("", "announced", "", flow.announced);
    flow.sites
        .iter()
        .for_each(|(site, n)| put("", "announced", site, *n));
    put("", "left out", "", flow.left_out.n);
    flow.left_out
        .reasons
        .iter()
        .for_each(|(why, n)| put("", "left out", why, *n));
    for b in &flow.branches {
        put(&b.endpoint, "left out", "", b.left_out.n);
        b.left_out
            .reasons
            .iter()
            .for_each(|(why, n)| put(&b.endpoint, "left out", why, *n));
        put(&b.endpoint, "analysed", "", b.n);
        put(&b.endpoint, "analysed", "events", b.n_events);
        b.sets
            .iter()
            .for_each(|(set, n)| put(&b.endpoint, "analysed", set, *n));
    }
    table
}

/// Who was left out, in rows.
fn exclusions(report: &Report) -> Table {
    let head = ["site", "patient", "endpoint", "step", "code", "reason"];
    let mut table = Table::new(
        "exclusions",
        report.language.say("Patients left out, and why"),
        &head,
    )
    .filtered_by(&["site", "endpoint", "step", "code"]);
    for x in &report.exclusions {
        let endpoint = if x.endpoint.is_empty() {
            "all".to_owned()
        } else {
            crate::values::display_name(&x.endpoint)
        };
        table.rows.push(
            [
                &x.site,
                &x.patient_id,
                &endpoint,
                &x.step,
                &x.code,
                &x.message,
            ]
            .map(|t| Cell::text(t))
            .to_vec(),
        );
    }
    table
}
