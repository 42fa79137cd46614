//! How far new patients lie from those that a model was trained on.

use std::collections::BTreeSet;

use super::{Figure, Item, Part, Subject, digests, grouped, only};
use crate::figure::chart::{self, Axis, Chart, Guide, Series, Shape};
use crate::number::count;
use crate::page::Report;
use crate::table::{Cell, Table};

/// A patient's distance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Novelty {
    /// Pseudonym.
    pub patient_id: String,
    /// Distance from the training patients.
    pub distance: Option<f64>,
    /// Share of training patients that lie nearer, %.
    pub percentile: Option<f64>,
    /// Features outside the training range.
    pub n_outside: Option<usize>,
    /// The warning, if there is one.
    pub warning: String,
}

/// The part.
pub(crate) fn part(report: &Report) -> Option<Part> {
    if report.novelty.is_empty() {
        return None;
    }
    let language = report.language;
    let mut part = Part::new("novelty", language.say("Unfamiliar patients"));
    let mut warned = Table::new(
        "novelty_warned",
        language.say("Patients unlike those of the training"),
        &[
            "subject",
            "patient",
            "percentile",
            "features outside",
            "warning",
        ],
    );
    for one in &report.novelty {
        let Ok(rows) = &one.value else { continue };
        let subject = one.subject.words(language, &[]);
        for r in rows.iter().filter(|r| !r.warning.is_empty()) {
            let line = vec![
                Cell::text(&subject),
                Cell::text(&r.patient_id),
                number(r.percentile),
                r.n_outside.map_or_else(Cell::none, Cell::Count),
                Cell::text(&r.warning),
            ];
            warned.push_from(line, &one.artefact);
        }
    }
    let from = digests(report.novelty.iter().map(|a| a.artefact.as_str()));
    let groups = grouped(&report.novelty, |s| only(s, &OF_FIGURE));
    if !groups.is_empty() {
        for (subject, group) in &groups {
            part.items.push(figure(report, subject, group));
        }
        // A patient is seen by every model: each counts once.
        let judged = report.novelty.iter().filter_map(|n| n.value.as_ref().ok());
        let judged: Vec<&Novelty> = judged.flatten().collect();
        let patients = |all: &mut dyn Iterator<Item = &&Novelty>| {
            let ids: BTreeSet<&str> = all.map(|r| r.patient_id.as_str()).collect();
            count(ids.len())
        };
        let n_warned = patients(&mut judged.iter().filter(|r| !r.warning.is_empty()));
        part.items.push(Item::Note(language.fill(
            "{0} of {1} patients carry a warning from at least one model: a prediction for them is an extrapolation.",
            &[&n_warned, &patients(&mut judged.iter())],
        )));
        if !warned.rows.is_empty() {
            part.items.push(Item::Folded(warned, from));
        }
    }
    part.say_absent(
        language,
        language.say("distance of new patients"),
        &report.novelty,
    );
    Some(part)
}

/// What a figure is of; its panels are of what else there is.
const OF_FIGURE: [&str; 2] = ["endpoint", "profile"];

fn number(v: Option<f64>) -> Cell {
    v.map_or_else(Cell::none, |v| Cell::Number(v, 1))
}

fn figure(report: &Report, of: &Subject, group: &[(&Subject, &Vec<Novelty>, &str)]) -> Item {
    let stem = format!("novelty{}", of.stem(&[]));
    let head = [
        "subject",
        "patient_id",
        "distance",
        "percentile",
        "n_outside",
        "warning",
    ];
    let mut numbers = Table::new(&stem, "", &head);
    let mut charts = Vec::new();
    for (subject, rows, _) in group {
        let panel = subject.words(report.language, &OF_FIGURE);
        charts.push(chart_of(report, &panel, rows));
        numbers.rows.extend(rows.iter().map(|r| {
            vec![
                Cell::text(&subject.words(report.language, &[])),
                Cell::text(&r.patient_id),
                number(r.distance),
                number(r.percentile),
                r.n_outside.map_or_else(Cell::none, Cell::Count),
                Cell::text(&r.warning),
            ]
        }));
    }
    let title = report.titled("Distance from the training patients", of);
    Item::Figure(Figure {
        file: format!("{stem}.svg"),
        svg: chart::draw(&title, &charts),
        caption: title,
        numbers: Some(numbers),
        artefacts: digests(group.iter().map(|(_, _, digest)| *digest)),
    })
}

/// Patients by percentile. If training and new patients were alike, all columns were equally high.
fn chart_of(report: &Report, subject: &str, rows: &[Novelty]) -> Chart {
    let language = report.language;
    let known: Vec<f64> = rows
        .iter()
        .filter_map(|r| r.percentile)
        .filter(|p| p.is_finite())
        .collect();
    let mut n = [0_usize; 10];
    for p in &known {
        n[(libm::floor(p.clamp(0.0, 100.0) / 10.0) as usize).min(9)] += 1;
    }
    let most = n.iter().copied().max().unwrap_or(1).max(1) as f64;
    let bar = |(i, n): (usize, &usize)| (10.0 * i as f64, 10.0 * (i + 1) as f64, *n as f64);
    Chart {
        title: subject.to_owned(),
        x: Axis::new(
            language.say("percentile among the training patients"),
            0.0,
            100.0,
        ),
        y: Axis::new(language.say("patients"), 0.0, most * 1.1),
        series: vec![Series::new(
            "",
            0,
            Shape::Columns(n.iter().enumerate().map(bar).collect()),
        )],
        guides: vec![Guide::Level(known.len() as f64 / 10.0)],
        notes: vec![
            language
                .say("dotted level: patients like those of the training")
                .to_owned(),
        ],
    }
}
