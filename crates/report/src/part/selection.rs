//! From all features to the few: agreement between readings, the funnel, and how often a feature is chosen.

use super::{Figure, Item, Part, Subject, digests, grouped, only, short};
use crate::figure::bars::{self, Bar};
use crate::figure::chart::{self, Axis, Chart, Guide, Series, Shape};
use crate::number::count;
use crate::page::Report;
use crate::table::{Cell, Table};
use crate::values::display_name;

/// Agreement of one feature between two readings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reliability {
    /// The feature.
    pub feature: String,
    /// The pair of readings: `r1s2`.
    pub reading: String,
    /// The form: `icc2_1`.
    pub form: String,
    /// Intraclass correlation.
    pub icc: Option<f64>,
    /// It was kept.
    pub kept: bool,
}

/// Features left after a stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stage {
    /// Profile, endpoint, region and split.
    pub subject: Subject,
    /// `extracted`, `robust`, `decorrelated`, `selected`.
    pub stage: String,
    /// How many.
    pub n: usize,
}

/// How often a feature was chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frequency {
    /// Profile, endpoint and region.
    pub subject: Subject,
    /// The feature.
    pub feature: String,
    /// Splits in which it could be chosen.
    pub n_splits: usize,
    /// Splits in which it was.
    pub n_selected: usize,
}

/// Columns of a histogram of agreement.
const BINS: usize = 20;
/// Features named by frequency.
const SHOWN: usize = 20;

/// The part.
pub(crate) fn part(report: &Report) -> Option<Part> {
    let r = report;
    if r.icc.is_empty() && r.funnel.is_empty() && r.frequency.is_empty() {
        return None;
    }
    let say = |text| r.language.say(text);
    let mut part = Part::new("features", say("Features"));
    reliability(report, &mut part);
    part.say_absent(r.language, say("agreement of features"), &r.icc);
    for one in &r.funnel {
        let Ok(stages) = &one.value else { continue };
        part.items.push(funnel(report, stages, &one.artefact));
    }
    let several = |stages: &Vec<Stage>| {
        stages
            .iter()
            .any(|s| !matches!(s.subject.get("split"), "" | "external"))
    };
    if r.funnel
        .iter()
        .any(|one| one.value.as_ref().is_ok_and(several))
    {
        part.items.push(Item::Note(say("Each split's own selection is counted. Where a profile lets all folds share one selection, as the banner then says, that of the split `external` is the one its models received.").to_owned()));
    }
    part.say_absent(r.language, say("funnel"), &r.funnel);
    for one in &r.frequency {
        let Ok(rows) = &one.value else { continue };
        frequency(report, &mut part, rows, &one.artefact);
    }
    part.say_absent(r.language, say("frequency of selection"), &r.frequency);
    Some(part)
}

fn reliability(report: &Report, part: &mut Part) {
    let language = report.language;
    let mut counts = Table::new(
        "icc_kept",
        language.say("Features that agree between readings"),
        &["subject", "features", "kept"],
    );
    let mut from = Vec::new();
    for (subject, group) in grouped(&report.icc, |s| only(s, &["endpoint", "profile"])) {
        let mut charts = Vec::new();
        let mut numbers = Table::new(
            "",
            "",
            &["subject", "feature", "reading", "form", "icc", "kept"],
        );
        for (of, rows, digest) in &group {
            from.push((*digest).to_owned());
            // fits are repeated in every fold: the whole training set is shown
            let split = of.get("split");
            if !split.is_empty() && split != "external" {
                continue;
            }
            charts.extend(histograms(report, of, rows));
            let words = of.words(language, &[]);
            let (n, kept) = kept(rows);
            let line = vec![Cell::text(&words), Cell::Count(n), Cell::Count(kept)];
            counts.push_from(line, digest);
            for r in *rows {
                let icc = r.icc.map_or_else(Cell::none, |v| Cell::Number(v, 4));
                let yes = if r.kept { "true" } else { "false" };
                numbers.rows.push(vec![
                    Cell::text(&words),
                    Cell::text(&r.feature),
                    Cell::text(&r.reading),
                    Cell::text(&r.form),
                    icc,
                    Cell::text(yes),
                ]);
            }
        }
        if charts.is_empty() {
            continue;
        }
        let stem = format!("icc{}", subject.stem(&[]));
        let title = report.titled("Agreement of features between readings", &subject);
        numbers.name = stem.clone();
        part.items.push(Item::Figure(Figure {
            file: format!("{stem}.svg"),
            svg: chart::draw(&title, &charts),
            caption: title,
            numbers: Some(numbers),
            artefacts: digests(group.iter().map(|(_, _, d)| *d)),
        }));
    }
    if !counts.rows.is_empty() {
        part.items.push(Item::Table(
            counts,
            digests(from.iter().map(String::as_str)),
        ));
    }
}

/// Features, and those kept by all of their readings.
fn kept(rows: &[Reliability]) -> (usize, usize) {
    let mut names: Vec<&str> = rows.iter().map(|r| r.feature.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut lost: Vec<&str> = rows
        .iter()
        .filter(|r| !r.kept)
        .map(|r| r.feature.as_str())
        .collect();
    lost.sort_unstable();
    lost.dedup();
    (names.len(), names.len() - lost.len())
}

fn histograms(report: &Report, subject: &Subject, rows: &[Reliability]) -> Vec<Chart> {
    let language = report.language;
    let mut readings: Vec<&str> = Vec::new();
    for r in rows {
        if !readings.contains(&r.reading.as_str()) {
            readings.push(&r.reading);
        }
    }
    let chart = |reading: &&str| {
        let of: Vec<&Reliability> = rows.iter().filter(|r| r.reading == **reading).collect();
        let mut n = [0_usize; BINS];
        for v in of.iter().filter_map(|r| r.icc).filter(|v| v.is_finite()) {
            let at = libm::floor(v.clamp(0.0, 1.0) * BINS as f64) as usize;
            n[at.min(BINS - 1)] += 1;
        }
        let most = n.iter().copied().max().unwrap_or(1).max(1) as f64;
        let bar = |(i, n): (usize, &usize)| {
            (
                i as f64 / BINS as f64,
                (i + 1) as f64 / BINS as f64,
                *n as f64,
            )
        };
        let form = of.first().map_or("", |r| r.form.as_str());
        let who = super::axis_words(language, "reading", reading);
        let undefined = of.iter().filter(|r| r.icc.is_none()).count();
        let mut notes = vec![language.fill(
            "{0} of {1} features kept",
            &[
                &count(of.iter().filter(|r| r.kept).count()),
                &count(of.len()),
            ],
        )];
        if undefined > 0 {
            notes.push(language.fill("{0} features have no value", &[&count(undefined)]));
        }
        notes.push(language.say("values below 0 stand at 0").to_owned());
        let rest = subject.words(language, &["endpoint", "profile"]);
        Chart {
            title: [rest, who, form.to_owned()]
                .into_iter()
                .filter(|s| !s.is_empty())
                .collect::<Vec<_>>()
                .join(" · "),
            x: Axis::new(language.say("intraclass correlation"), 0.0, 1.0),
            y: Axis::new(language.say("features"), 0.0, most * 1.05),
            series: vec![Series::new(
                "",
                0,
                Shape::Columns(n.iter().enumerate().map(bar).collect()),
            )],
            guides: vec![Guide::Vertical(threshold(&of))],
            notes,
        }
    };
    readings.iter().map(chart).collect()
}

/// The lowest value that was kept.
fn threshold(rows: &[&Reliability]) -> f64 {
    let kept = rows.iter().filter(|r| r.kept).filter_map(|r| r.icc);
    kept.fold(1.0, f64::min)
}

fn funnel(report: &Report, stages: &[Stage], digest: &str) -> Item {
    let language = report.language;
    let mut bars: Vec<Bar> = Vec::new();
    let mut seen: Vec<Subject> = Vec::new();
    let of = |s: &Stage| {
        let mut key = s.subject.clone();
        key.axes.retain(|(a, _)| a != "split");
        key
    };
    for stage in stages {
        let key = of(stage);
        if seen.contains(&key) {
            continue;
        }
        bars.push(Bar {
            label: key.words(language, &[]),
            ..Bar::default()
        });
        bars.extend(stage_bars(
            report,
            &stages.iter().filter(|s| of(s) == key).collect::<Vec<_>>(),
        ));
        seen.push(key);
    }
    let mut numbers = Table::new(
        "funnel",
        "",
        &["profile", "endpoint", "roi", "split", "stage", "n"],
    );
    for s in stages {
        let mut line: Vec<Cell> = ["profile", "endpoint", "roi", "split"]
            .map(|a| Cell::text(s.subject.get(a)))
            .to_vec();
        line.extend([Cell::text(&s.stage), Cell::Count(s.n)]);
        numbers.rows.push(line);
    }
    let title = language.say("From all features to the few").to_owned();
    Item::Figure(Figure {
        file: "funnel.svg".to_owned(),
        svg: bars::draw(
            &title,
            language.say("features; whisker: range over the splits"),
            &bars,
        ),
        caption: title,
        numbers: Some(numbers),
        artefacts: digests([digest]),
    })
}

/// One bar a stage: the whole training set, its range over the splits as a whisker.
fn stage_bars(report: &Report, stages: &[&Stage]) -> Vec<Bar> {
    let mut names: Vec<&str> = Vec::new();
    for s in stages {
        if !names.contains(&s.stage.as_str()) {
            names.push(&s.stage);
        }
    }
    let counts = |name: &str| -> Vec<usize> {
        let of = stages.iter().filter(|s| s.stage == name);
        of.map(|s| s.n).collect()
    };
    let bar = |(tone, name): (usize, &&str)| {
        let before = tone.checked_sub(1).and_then(|i| names.get(i));
        // the same in every split: the last stage was not asked to choose
        let untouched = *name == "selected" && before.is_some_and(|b| counts(b) == counts(name));
        let all: Vec<&&Stage> = stages.iter().filter(|s| s.stage == **name).collect();
        let whole = all
            .iter()
            .find(|s| matches!(s.subject.get("split"), "external" | ""))
            .or(all.first());
        let n = whole.map_or(0, |s| s.n);
        let low = all.iter().map(|s| s.n).min().unwrap_or(n);
        let high = all.iter().map(|s| s.n).max().unwrap_or(n);
        Bar {
            label: report.language.say(name).to_owned(),
            value: Some(n as f64),
            range: (low < high).then_some((low as f64, high as f64)),
            note: {
                let n = match low < high {
                    true => format!("{} ({}–{})", count(n), count(low), count(high)),
                    false => count(n),
                };
                match untouched {
                    true => format!("{n}, {}", report.language.say("all that were left")),
                    false => n,
                }
            },
            tone,
        }
    };
    names.iter().enumerate().map(bar).collect()
}

fn frequency(report: &Report, part: &mut Part, rows: &[Frequency], digest: &str) {
    let language = report.language;
    let mut numbers = Table::new(
        "selection_frequency",
        "",
        &[
            "profile",
            "endpoint",
            "roi",
            "feature",
            "n_splits",
            "n_selected",
        ],
    );
    let mut subjects: Vec<&Subject> = Vec::new();
    for row in rows {
        if !subjects.contains(&&row.subject) {
            subjects.push(&row.subject);
        }
        let mut line: Vec<Cell> = ["profile", "endpoint", "roi"]
            .map(|a| Cell::text(row.subject.get(a)))
            .to_vec();
        line.extend([
            Cell::text(&row.feature),
            Cell::Count(row.n_splits),
            Cell::Count(row.n_selected),
        ]);
        numbers.rows.push(line);
    }
    for (i, subject) in subjects.into_iter().enumerate() {
        let mut of: Vec<&Frequency> = rows
            .iter()
            .filter(|r| r.subject == *subject && r.n_selected > 0)
            .collect();
        of.sort_by(|a, b| {
            b.n_selected
                .cmp(&a.n_selected)
                .then_with(|| a.feature.cmp(&b.feature))
        });
        let share = |r: &Frequency| 100.0 * r.n_selected as f64 / r.n_splits.max(1) as f64;
        let bar = |r: &&Frequency| Bar {
            label: display_name(&r.feature),
            value: Some(share(r)),
            note: format!("{}/{}", r.n_selected, r.n_splits),
            ..Bar::default()
        };
        let bars: Vec<Bar> = of.iter().take(SHOWN).map(bar).collect();
        let title = report.titled("How often a feature is chosen", subject);
        part.items.push(Item::Figure(Figure {
            file: format!("selection_frequency{}.svg", subject.stem(&[])),
            svg: bars::draw(
                &title,
                language.say("splits in which it is chosen, %"),
                &bars,
            ),
            caption: title,
            numbers: (i == 0).then(|| numbers.clone()),
            artefacts: digests([digest]),
        }));
        if of.len() > SHOWN {
            let text = language.fill(
                "{0} further features were chosen at least once, the last in {1} % of the splits.",
                &[
                    &count(of.len() - SHOWN),
                    &of.last().map_or_else(String::new, |r| short(share(r))),
                ],
            );
            part.items.push(Item::Note(text));
        }
    }
}
