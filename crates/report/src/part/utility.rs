//! Calibration, net benefit, clinical impact and reclassification of the models with clinical variables.

use super::{Figure, Item, Part, Sourced, Subject, digests, grouped, letter, only, short};
use crate::figure::chart::{self, Axis, Chart, Dot, Guide, Series, Shape};
use crate::page::Report;
use crate::table::{Cell, Table};
use crate::values::{Estimate, display_name};
use crate::words::Language;

/// A group of patients with similar predictions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CalibrationGroup {
    /// Mean predicted risk.
    pub predicted: f64,
    /// Observed risk.
    pub observed: f64,
    /// Its interval.
    pub interval: Option<(f64, f64)>,
}

/// Predicted against observed risk at a horizon.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calibration {
    /// Groups by predicted risk.
    pub groups: Vec<CalibrationGroup>,
    /// Smooth curve: predicted, observed.
    pub curve: Vec<(f64, f64)>,
    /// Observed over expected.
    pub ratio: Estimate,
    /// Calibration in the large.
    pub intercept: Estimate,
    /// Calibration slope.
    pub slope: Estimate,
    /// Mean absolute distance of the smooth curve from the diagonal.
    pub ici: Option<f64>,
    /// Its 90th percentile.
    pub e90: Option<f64>,
    /// Patients and events by the horizon.
    pub counts: (Option<usize>, Option<usize>),
    /// Why something is missing.
    pub reason: String,
}

/// Net benefit along thresholds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// Threshold, net benefit of the model, net benefit of treating all.
    pub points: Vec<(f64, f64, f64)>,
    /// Threshold, lower, upper of the model's net benefit.
    pub band: Vec<(f64, f64, f64)>,
    /// Resamples of patients that the band is of.
    pub resamples: usize,
    /// Why there is no band, though one was asked for.
    pub no_band: String,
    /// Why there is none.
    pub reason: String,
}

/// Patients above a threshold, and those among them who have the event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Impact {
    /// Of how many patients.
    pub population: f64,
    /// Threshold, called high risk, called high risk with the event.
    pub points: Vec<(f64, f64, f64)>,
    /// Threshold, lower, upper of both counts.
    pub bands: [Vec<(f64, f64, f64)>; 2],
    /// Resamples of patients that the bands are of.
    pub resamples: usize,
    /// Why there are no bands, though they were asked for.
    pub no_band: String,
    /// Why there is none.
    pub reason: String,
}

/// Movement of patients from an old model to a new one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reclassification {
    /// Name and estimate: `nri`, `nri_events`, `nri_nonevents`, `idi`.
    pub measures: Vec<(String, Estimate)>,
}

const OF_FIGURE: [&str; 2] = ["endpoint", "profile"];
const BUT: [&str; 3] = ["endpoint", "profile", "model"];

/// The part.
pub(crate) fn part(report: &Report) -> Option<Part> {
    let say = |text| report.language.say(text);
    let r = report;
    if r.calibration.is_empty()
        && r.decision.is_empty()
        && r.impact.is_empty()
        && r.reclassification.is_empty()
    {
        return None;
    }
    let mut part = Part::new("utility", say("Calibration and usefulness"));
    for (subject, group) in grouped(&r.calibration, |s| only(s, &OF_FIGURE)) {
        part.items
            .push(calibration_figure(report, &subject, &group));
        part.items.push(calibration_table(report, &subject, &group));
    }
    part.say_absent(r.language, say("calibration"), &r.calibration);
    for (subject, group) in grouped(&r.decision, |s| only(s, &OF_FIGURE)) {
        part.items.push(decision_figure(report, &subject, &group));
    }
    part.say_absent(r.language, say("decision curve"), &r.decision);
    // a figure a model where there are several: a page holds no more
    let several = r.impact.first().is_some_and(|first| {
        let model = first.subject.get("model");
        r.impact.iter().any(|one| one.subject.get("model") != model)
    });
    let of_impact = match several {
        true => &BUT[..],
        false => &OF_FIGURE[..],
    };
    for (subject, group) in grouped(&r.impact, |s| only(s, of_impact)) {
        part.items.push(impact_figure(report, &subject, &group));
    }
    part.say_absent(r.language, say("clinical impact"), &r.impact);
    if !r.reclassification.is_empty() {
        part.items.push(reclassification(report));
        part.say_absent(r.language, say("reclassification"), &r.reclassification);
        part.items.push(Item::Note(
            r.language
                .say("NRI and IDI can be positive for a useless marker when a model is badly calibrated: read them with the calibration and the net benefit above.")
                .to_owned(),
        ));
    }
    Some(part)
}

type Group<'a, T> = [(&'a Subject, &'a T, &'a str)];

/// Panels by what distinguishes them besides `but`, in order of appearance.
fn panels<'a, T>(group: &Group<'a, T>, but: &[&str]) -> Vec<(Subject, Vec<(&'a Subject, &'a T)>)> {
    let mut out: Vec<(Subject, Vec<(&Subject, &T)>)> = Vec::new();
    for (subject, value, _) in group {
        let mut key = (*subject).clone();
        key.axes.retain(|(a, _)| !but.contains(&a.as_str()));
        match out.iter_mut().find(|(k, _)| *k == key) {
            Some((_, panel)) => panel.push((subject, value)),
            None => out.push((key, vec![(subject, value)])),
        }
    }
    out
}

fn name_of(report: &Report, subject: &Subject) -> String {
    match subject.get("model") {
        "" => report.language.say("model").to_owned(),
        model => super::axis_words(report.language, "model", model),
    }
}

fn figure<T>(
    report: &Report,
    subject: &Subject,
    group: &Group<'_, T>,
    (k, what, title): (usize, &str, &str),
    charts: &[Chart],
    numbers: Table,
) -> Item {
    let endpoint = subject.get("endpoint");
    let i = report.endpoint_place(endpoint);
    let stem = format!("fig4{}{}_{what}", letter(4 * i + k), subject.stem(&[]));
    let heading = report.titled(title, subject);
    let numbers = Table {
        name: stem.clone(),
        ..numbers
    };
    Item::Figure(Figure {
        file: format!("{stem}.svg"),
        caption: heading.clone(),
        svg: chart::draw(&heading, charts),
        numbers: Some(numbers),
        artefacts: digests(group.iter().map(|(_, _, d)| *d)),
    })
}

fn calibration_figure(report: &Report, subject: &Subject, group: &Group<'_, Calibration>) -> Item {
    let language = report.language;
    let mut numbers = Table::new(
        "",
        "",
        &[
            "panel",
            "model",
            "kind",
            "predicted",
            "observed",
            "lower",
            "upper",
        ],
    );
    let mut charts = Vec::new();
    for (key, models) in panels(group, &BUT) {
        let mut chart = Chart {
            title: key.words(language, &[]),
            x: Axis::new(language.say("predicted risk"), 0.0, 1.0),
            y: Axis::new(language.say("observed risk"), 0.0, 1.0),
            guides: vec![Guide::Diagonal],
            ..Chart::default()
        };
        for (tone, (of, c)) in models.iter().enumerate() {
            let name = name_of(report, of);
            if !c.reason.is_empty() {
                chart.notes.push(format!("{name}: {}", c.reason));
            }
            let dots = c.groups.iter().map(|g| Dot {
                x: g.predicted,
                y: g.observed,
                ends: g.interval,
                ..Dot::default()
            });
            chart
                .series
                .push(Series::new(&name, tone, Shape::Line(c.curve.clone())));
            chart
                .series
                .push(Series::new("", tone, Shape::Dots(dots.collect())));
            let panel = key.words(crate::words::Language::English, &[]);
            let mut row = |kind: &str, x: f64, y: f64, ends: Option<(f64, f64)>| {
                let mut line = vec![
                    Cell::text(&panel),
                    Cell::text(of.get("model")),
                    Cell::text(kind),
                    Cell::Number(x, 4),
                    Cell::Number(y, 4),
                ];
                line.extend(ends.map_or_else(
                    || [Cell::none(), Cell::none()],
                    |(a, b)| [Cell::Number(a, 4), Cell::Number(b, 4)],
                ));
                numbers.rows.push(line);
            };
            c.groups
                .iter()
                .for_each(|g| row("group", g.predicted, g.observed, g.interval));
            c.curve.iter().for_each(|(x, y)| row("curve", *x, *y, None));
        }
        charts.push(chart);
    }
    figure(
        report,
        subject,
        group,
        (1, "calibration", "Calibration"),
        &charts,
        numbers,
    )
}

fn calibration_table(report: &Report, subject: &Subject, group: &Group<'_, Calibration>) -> Item {
    let caption = report.titled("Calibration in numbers", subject);
    let head = [
        "model",
        "rows",
        "months",
        "observed / expected",
        "intercept",
        "slope",
        "ICI",
        "E90",
    ];
    let name = format!("calibration{}", subject.stem(&[]));
    let mut table = Table::new(&name, &caption, &head);
    for (of, c, digest) in group {
        let number = |v: Option<f64>| v.map_or_else(Cell::none, |v| Cell::Number(v, 3));
        let line = vec![
            Cell::text(&display_name(of.get("model"))),
            Cell::text(of.get("rows")),
            Cell::text(of.get("horizon")),
            Cell::Estimate(c.ratio.clone(), 2),
            Cell::Estimate(c.intercept.clone(), 2),
            Cell::Estimate(c.slope.clone(), 2),
            number(c.ici),
            number(c.e90),
        ];
        table.push_from(line, digest);
    }
    table.note(report.language.say("Perfect: ratio 1, intercept 0, slope 1. ICI and E90: mean and 90th percentile of the distance between smooth curve and diagonal."));
    Item::Table(table, digests(group.iter().map(|(_, _, d)| *d)))
}

fn decision_figure(report: &Report, subject: &Subject, group: &Group<'_, Decision>) -> Item {
    let language = report.language;
    let mut numbers = Table::new(
        "",
        "",
        &[
            "panel",
            "model",
            "threshold",
            "net_benefit",
            "lower",
            "upper",
            "net_benefit_all",
        ],
    );
    // a curve without bounds has no empty columns for them
    let bounded = group.iter().any(|(_, d, _)| !d.band.is_empty());
    if !bounded {
        numbers
            .columns
            .retain(|c| !matches!(c.name.as_str(), "lower" | "upper"));
    }
    let mut charts = Vec::new();
    for (key, models) in panels(group, &BUT) {
        let values = models.iter().flat_map(|(_, d)| {
            let lines = d.points.iter().map(|p| p.1);
            lines.chain(d.band.iter().map(|b| b.2))
        });
        let top = values.filter(|v| v.is_finite()).fold(0.05, f64::max);
        let last = models
            .iter()
            .flat_map(|(_, d)| d.points.iter().map(|p| p.0))
            .fold(0.0, f64::max);
        let mut chart = Chart {
            title: key.words(language, &[]),
            x: Axis::new(language.say("threshold probability"), 0.0, last.max(0.1)),
            y: Axis::new(language.say("net benefit"), -0.05, top * 1.15),
            guides: vec![Guide::Level(0.0)],
            ..Chart::default()
        };
        if let Some((_, first)) = models.iter().find(|(_, d)| !d.points.is_empty()) {
            let all = first
                .points
                .iter()
                .filter(|p| p.2 >= -0.05)
                .map(|p| (p.0, p.2))
                .collect();
            chart
                .series
                .push(Series::new(language.say("treat all"), 4, Shape::Line(all)));
        }
        for (tone, (of, d)) in models.iter().enumerate() {
            let name = name_of(report, of);
            if !d.reason.is_empty() {
                chart.notes.push(format!("{name}: {}", d.reason));
            }
            chart
                .series
                .push(Series::new("", tone, Shape::Band(d.band.clone())));
            let line = d.points.iter().map(|p| (p.0, p.1)).collect();
            chart
                .series
                .push(Series::new(&name, tone, Shape::Line(line)));
            for p in &d.points {
                let band = d.band.iter().find(|b| b.0 == p.0);
                let end = |v: Option<f64>| v.map_or_else(Cell::none, |v| Cell::Number(v, 4));
                let panel = key.words(crate::words::Language::English, &[]);
                let mut line = vec![
                    Cell::text(&panel),
                    Cell::text(of.get("model")),
                    Cell::Number(p.0, 3),
                    Cell::Number(p.1, 4),
                ];
                if bounded {
                    line.extend([end(band.map(|b| b.1)), end(band.map(|b| b.2))]);
                }
                line.push(Cell::Number(p.2, 4));
                numbers.rows.push(line);
            }
        }
        chart
            .notes
            .push(language.say("dotted level: treat none").to_owned());
        let bands = models.iter().filter(|(_, d)| !d.points.is_empty());
        let bands = bands.map(|(_, d)| (d.band.is_empty(), d.resamples, d.no_band.as_str()));
        chart.notes.extend(band_notes(language, bands.collect()));
        charts.push(chart);
    }
    figure(
        report,
        subject,
        group,
        (2, "decision_curve", "Decision curve"),
        &charts,
        numbers,
    )
}

/// What the bands of a panel are, or why there are none: for each curve whether it has none, its resamples, the reason.
fn band_notes(language: Language, bands: Vec<(bool, usize, &str)>) -> Vec<String> {
    let drawn = bands.iter().find(|(empty, ..)| !empty);
    let mut notes: Vec<String> = match drawn {
        Some((_, resamples, _)) => vec![language.fill(
            "bands: 95 % of {0} resamples of the patients",
            &[&resamples.to_string()],
        )],
        None if bands.is_empty() => Vec::new(),
        None => vec![language.say("no intervals were computed").to_owned()],
    };
    for (.., why) in bands {
        if !why.is_empty() && !notes.iter().any(|note| note == why) {
            notes.push(why.to_owned());
        }
    }
    notes
}

fn impact_figure(report: &Report, subject: &Subject, group: &Group<'_, Impact>) -> Item {
    let language = report.language;
    let mut numbers = Table::new(
        "",
        "",
        &[
            "panel",
            "threshold",
            "population",
            "n_high_risk",
            "n_high_risk_with_event",
        ],
    );
    let bounded = group
        .iter()
        .any(|(_, i, _)| i.bands.iter().any(|band| !band.is_empty()));
    if bounded {
        let ends = [
            "n_high_risk_lower",
            "n_high_risk_upper",
            "n_high_risk_with_event_lower",
            "n_high_risk_with_event_upper",
        ];
        let empty = Table::new("", "", &ends);
        numbers.columns.extend(empty.columns);
    }
    let mut charts = Vec::new();
    for (of, impact, _) in group {
        let title = of.words(language, &BUT);
        let last = impact.points.iter().map(|p| p.0).fold(0.1, f64::max);
        let label = language.fill("patients of {0}", &[&short(impact.population)]);
        let mut chart = Chart {
            title: title.clone(),
            x: Axis::new(language.say("threshold probability"), 0.0, last),
            y: Axis::new(&label, 0.0, impact.population.max(1.0)),
            ..Chart::default()
        };
        if !impact.reason.is_empty() {
            chart.notes.push(impact.reason.clone());
        }
        let line = |k: usize| {
            impact
                .points
                .iter()
                .map(|p| (p.0, if k == 0 { p.1 } else { p.2 }))
                .collect()
        };
        for (tone, band) in impact.bands.iter().enumerate() {
            let band = Shape::Band(band.clone());
            chart.series.push(Series::new("", tone, band));
        }
        let bands = (!impact.points.is_empty()).then(|| {
            let none = impact.bands.iter().all(Vec::is_empty);
            (none, impact.resamples, impact.no_band.as_str())
        });
        let notes = band_notes(language, bands.into_iter().collect());
        chart.notes.extend(notes);
        chart.series.push(Series::new(
            language.say("called high risk"),
            0,
            Shape::Line(line(0)),
        ));
        chart.series.push(Series::new(
            language.say("called high risk, with the event"),
            1,
            Shape::Line(line(1)),
        ));
        for p in &impact.points {
            let panel = of.words(Language::English, &BUT);
            let mut line = vec![
                Cell::text(&panel),
                Cell::Number(p.0, 3),
                Cell::Number(impact.population, 0),
                Cell::Number(p.1, 1),
                Cell::Number(p.2, 1),
            ];
            for band in impact.bands.iter().filter(|_| bounded) {
                let at = band.iter().find(|b| b.0 == p.0);
                let end = |v: Option<f64>| v.map_or_else(Cell::none, |v| Cell::Number(v, 1));
                line.extend([end(at.map(|b| b.1)), end(at.map(|b| b.2))]);
            }
            numbers.rows.push(line);
        }
        charts.push(chart);
    }
    figure(
        report,
        subject,
        group,
        (3, "clinical_impact", "Clinical impact"),
        &charts,
        numbers,
    )
}

fn reclassification(report: &Report) -> Item {
    let say = |text| report.language.say(text);
    let head = ["subject", "NRI", "NRI, events", "NRI, non-events", "IDI"];
    let mut table = Table::new("reclassification", say("Reclassification"), &head);
    let mut from = Vec::new();
    for one in &report.reclassification {
        let Ok(r) = &one.value else { continue };
        from.push(one.artefact.as_str());
        let cell = |name: &str| match r.measures.iter().find(|(n, _)| n == name) {
            Some((_, e)) => Cell::Estimate(e.clone(), 3),
            None => Cell::none(),
        };
        let mut line = vec![Cell::text(&one.subject.words(report.language, &[]))];
        line.extend(["nri", "nri_events", "nri_nonevents", "idi"].map(cell));
        table.push_from(line, &one.artefact);
    }
    Item::Table(table, digests(from))
}

/// How many values are there.
pub(crate) fn there<T>(all: &[Sourced<T>]) -> usize {
    all.iter().filter(|one| one.value.is_ok()).count()
}
