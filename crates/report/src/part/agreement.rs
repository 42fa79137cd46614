//! How far two delineations of the same tumour agree.

use super::{Figure, Item, Part, digests};
use crate::figure::chart::{self, Axis, Chart, Dot, Series, Shape};
use crate::page::Report;
use crate::table::{Cell, Table};

/// One comparison of delineations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Agreement {
    /// The pair of readings: `r1s2`.
    pub reading: String,
    /// Patient, Dice, 95th percentile of the surface distance, mm; what is undefined is not there.
    pub patients: Vec<(String, Option<f64>, Option<f64>)>,
    /// Measure, median and quartiles, number of patients.
    pub summary: Vec<(String, f64, f64, f64, usize)>,
}

/// The part.
pub(crate) fn part(report: &Report) -> Option<Part> {
    if report.agreement.is_empty() {
        return None;
    }
    let language = report.language;
    let mut part = Part::new("delineation", language.say("Delineation"));
    let mut table = Table::new(
        "delineation_summary",
        language.say("Agreement of delineations"),
        &[
            "reading",
            "measure",
            "median",
            "lower quartile",
            "upper quartile",
            "n",
        ],
    );
    let mut numbers = Table::new(
        "delineation",
        "",
        &["reading", "patient_id", "dice", "hd95_mm"],
    );
    let mut charts = Vec::new();
    for one in &report.agreement {
        let Ok(all) = &one.value else { continue };
        for a in all {
            let who = super::axis_words(language, "reading", &a.reading);
            for (measure, median, low, high, n) in &a.summary {
                table.rows.push(vec![
                    Cell::text(&who),
                    Cell::text(language.say(measure)),
                    Cell::Number(*median, 3),
                    Cell::Number(*low, 3),
                    Cell::Number(*high, 3),
                    Cell::Count(*n),
                ]);
            }
            charts.push(chart_of(report, &who, a));
            for (patient, dice, hd95) in &a.patients {
                let number = |v: &Option<f64>| v.map_or_else(Cell::none, |v| Cell::Number(v, 4));
                numbers.rows.push(vec![
                    Cell::text(&a.reading),
                    Cell::text(patient),
                    number(dice),
                    number(hd95),
                ]);
            }
        }
    }
    let from = digests(report.agreement.iter().map(|a| a.artefact.as_str()));
    if !charts.is_empty() {
        let title = language
            .say("Overlap and distance of delineations")
            .to_owned();
        part.items.push(Item::Figure(Figure {
            file: "delineation.svg".to_owned(),
            svg: chart::draw(&title, &charts),
            caption: title,
            numbers: Some(numbers),
            artefacts: from.clone(),
        }));
        part.items.push(Item::Table(table, from));
    }
    part.say_absent(
        language,
        language.say("agreement of delineations"),
        &report.agreement,
    );
    Some(part)
}

/// Dice across, distance up: one dot a patient.
fn chart_of(report: &Report, who: &str, a: &Agreement) -> Chart {
    let language = report.language;
    let both = a
        .patients
        .iter()
        .filter_map(|(p, d, h)| Some((p, (*d)?, (*h)?)));
    let dots: Vec<Dot> = both
        .map(|(p, x, y)| Dot {
            x,
            y,
            name: p.clone(),
            ..Dot::default()
        })
        .collect();
    let furthest = dots.iter().map(|d| d.y).fold(1.0, f64::max);
    Chart {
        title: who.to_owned(),
        x: Axis::new(language.say("Dice coefficient"), 0.0, 1.0),
        y: Axis::new(language.say("HD95, mm"), 0.0, furthest * 1.05),
        series: vec![Series::new("", 0, Shape::Dots(dots))],
        ..Chart::default()
    }
}
