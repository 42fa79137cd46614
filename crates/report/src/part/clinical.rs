//! Clinical variables: cut-points, univariable and multivariable Cox regression (table 4).

use super::{Figure, Item, Part, Subject, digests, grouped, only, p_text, short};
use crate::figure::chart::{self, Axis, Chart, Guide, Series, Shape};
use crate::figure::forest::{self, Forest};
use crate::figure::kaplan_meier;
use crate::number::{count, fixed};
use crate::page::Report;
use crate::table::{Cell, Table, in_short};
use crate::values::Estimate;

/// One line of the univariable table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Univariable {
    /// The variable.
    pub variable: String,
    /// Its level, empty for a number.
    pub level: String,
    /// Patients and events.
    pub counts: (Option<usize>, Option<usize>),
    /// Hazard ratio.
    pub hazard_ratio: Estimate,
    /// P of the Wald test.
    pub p_wald: Option<f64>,
    /// P of the log-rank test.
    pub p_log_rank: Option<f64>,
    /// P corrected for the search of a cut-point, or for the number of variables.
    pub p_adjusted: Option<f64>,
    /// What must be known.
    pub note: String,
}

/// A cut-point.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cut {
    /// The variable.
    pub variable: String,
    /// Where it is cut.
    pub cut: Estimate,
    /// P of the split as if it had been chosen beforehand.
    pub p_unadjusted: Option<f64>,
    /// P that allows for the search.
    pub p_adjusted: Option<f64>,
    /// P by permutation.
    pub p_permutation: Option<f64>,
    /// Patients at or below the cut.
    pub n_below: Option<usize>,
    /// Cut and statistic, along the search.
    pub search: Vec<(f64, f64)>,
}

/// One coefficient of a multivariable model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coefficient {
    /// The variable.
    pub variable: String,
    /// Hazard ratio with its interval.
    pub hazard_ratio: Estimate,
    /// P of the Wald test.
    pub p: Option<f64>,
    /// P recomputed from the printed interval: (ln upper − ln lower) / 2·1.96 as standard error.
    pub p_of_interval: Option<f64>,
    /// Between which P that of the interval lies, for all numbers that are printed alike.
    pub p_of_interval_range: Option<(f64, f64)>,
    /// P of the test of proportional hazards.
    pub p_proportional: Option<f64>,
    /// Variance inflation.
    pub vif: Option<f64>,
}

/// A multivariable model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cox {
    /// Its coefficients.
    pub coefficients: Vec<Coefficient>,
    /// Patients and events.
    pub counts: (Option<usize>, Option<usize>),
    /// Events per variable.
    pub events_per_variable: Option<f64>,
    /// Harrell's index on its own patients.
    pub concordance: Option<f64>,
    /// P of the global test of proportional hazards.
    pub p_global: Option<f64>,
}

/// The part.
pub(crate) fn part(report: &Report) -> Option<Part> {
    let r = report;
    if r.cuts.is_empty() && r.univariable.is_empty() && r.cox.is_empty() && r.survival.is_empty() {
        return None;
    }
    let say = |text| r.language.say(text);
    let mut part = Part::new("clinical", say("Clinical variables"));
    if !r.cuts.is_empty() {
        part.items.push(cut_table(report));
        part.items.extend(cut_figures(report));
        part.say_absent(r.language, say("cut-point"), &r.cuts);
    }
    for (subject, group) in grouped(&r.univariable, |s| s.clone()) {
        for (_, rows, digest) in group {
            part.items
                .push(univariable_table(report, &subject, rows, digest));
            part.items
                .push(univariable_figure(report, &subject, rows, digest));
        }
    }
    part.say_absent(r.language, say("univariable table"), &r.univariable);
    if !r.cox.is_empty() {
        part.items.push(table4(report));
        part.items.extend(cox_figures(report));
        part.say_absent(r.language, say("multivariable model"), &r.cox);
    }
    survival(report, &mut part);
    Some(part)
}

fn cut_table(report: &Report) -> Item {
    let head = [
        "subject",
        "variable",
        "cut",
        "n at most",
        "P unadjusted",
        "P adjusted",
        "P by permutation",
    ];
    let mut table = Table::new("cut_points", report.language.say("Cut-points"), &head);
    for one in &report.cuts {
        let Ok(c) = &one.value else { continue };
        let line = vec![
            Cell::text(&one.subject.words(report.language, &["marker"])),
            Cell::text(&c.variable),
            Cell::Estimate(c.cut.clone(), 2),
            c.n_below.map_or_else(Cell::none, Cell::Count),
            Cell::text(&p_text(c.p_unadjusted)),
            Cell::text(&p_text(c.p_adjusted)),
            Cell::text(&p_text(c.p_permutation)),
        ];
        table.push_from(line, &one.artefact);
    }
    table.note(report.language.say("P unadjusted is of the standardised log-rank score of the search; it is near the log-rank P of the univariable table, and the nearer the more events there are. The interval of a cut is of cuts searched anew in resamples."));
    table.note(report.language.say("A cut that was searched for makes its own P too small; read the adjusted one (Lausen and Schumacher 1994) or that by permutation."));
    Item::Table(
        table,
        digests(report.cuts.iter().map(|c| c.artefact.as_str())),
    )
}

fn cut_figures(report: &Report) -> Vec<Item> {
    let groups = grouped(&report.cuts, |s| only(s, &["endpoint", "profile"]));
    let figures = groups
        .iter()
        .filter_map(|(subject, group)| cut_figure(report, subject, group));
    figures.map(Item::Figure).collect()
}

/// The searches of one analysis.
fn cut_figure(
    report: &Report,
    subject: &Subject,
    group: &[(&Subject, &Cut, &str)],
) -> Option<Figure> {
    let language = report.language;
    let searched = group.iter().filter(|(_, c, _)| !c.search.is_empty());
    let charts: Vec<Chart> = searched
        .map(|(of, c, _)| Chart {
            title: [
                c.variable.clone(),
                of.words(language, &["marker", "endpoint", "profile"]),
            ]
            .iter()
            .filter(|words| !words.is_empty())
            .cloned()
            .collect::<Vec<_>>()
            .join(" · "),
            x: Axis::over(&c.variable, c.search.iter().map(|s| s.0)),
            y: Axis::over(
                language.say("log-rank statistic"),
                c.search.iter().map(|s| s.1),
            ),
            series: vec![Series::new("", 0, Shape::Line(c.search.clone()))],
            guides: c.cut.finite().map(Guide::Vertical).into_iter().collect(),
            ..Chart::default()
        })
        .collect();
    if charts.is_empty() {
        return None;
    }
    let stem = format!("cut_search{}", subject.stem(&[]));
    let mut numbers = Table::new(&stem, "", &["variable", "cut", "statistic"]);
    for (_, c, _) in group {
        let line = |s: &(f64, f64)| {
            vec![
                Cell::text(&c.variable),
                Cell::Number(s.0, 4),
                Cell::Number(s.1, 4),
            ]
        };
        numbers.rows.extend(c.search.iter().map(line));
    }
    let title = report.titled("Search for cut-points", subject);
    Some(Figure {
        file: format!("{stem}.svg"),
        svg: chart::draw(&title, &charts),
        caption: title,
        numbers: Some(numbers),
        artefacts: digests(group.iter().map(|(_, _, digest)| *digest)),
    })
}

/// The level that the others are compared with.
fn is_reference(u: &Univariable) -> bool {
    u.note.starts_with("reference")
}

fn named(variable: &str, level: &str) -> String {
    in_short(&if level.is_empty() {
        variable.to_owned()
    } else {
        format!("{variable}: {level}")
    })
}

fn univariable_table(
    report: &Report,
    subject: &Subject,
    rows: &[Univariable],
    digest: &str,
) -> Item {
    let head = [
        "variable",
        "level",
        "n",
        "events",
        "HR (95 % CI)",
        "P Wald",
        "P log-rank",
        "P adjusted",
        "note",
    ];
    let caption = report.titled("Univariable analysis", subject);
    let mut table = Table::new(
        &format!("univariable{}", subject.stem(&[])),
        &caption,
        &head,
    );
    for u in rows {
        table.rows.push(vec![
            Cell::Label(u.variable.clone()),
            Cell::Label(u.level.clone()),
            u.counts.0.map_or_else(Cell::none, Cell::Count),
            u.counts.1.map_or_else(Cell::none, Cell::Count),
            match is_reference(u) {
                true => Cell::Written("1".to_owned(), 1.0),
                false => Cell::Estimate(u.hazard_ratio.clone(), 2),
            },
            Cell::text(&p_text(u.p_wald)),
            Cell::text(&p_text(u.p_log_rank)),
            Cell::text(&p_text(u.p_adjusted)),
            Cell::text(&u.note),
        ]);
    }
    if rows.iter().any(|u| u.p_adjusted.is_some()) {
        table.note(report.language.say("P log-rank takes the groups as if they had been fixed beforehand; P adjusted pays for the search of the cut (Lausen and Schumacher 1994), and is the one to read where it stands. It stands for variables that were cut alone."));
    } else {
        table.note(report.language.say("No variable was cut by a search, so that no P is adjusted for one; P log-rank is of the levels of a variable, in the row of its reference."));
    }
    Item::Table(table, digests([digest]))
}

fn univariable_figure(
    report: &Report,
    subject: &Subject,
    rows: &[Univariable],
    digest: &str,
) -> Item {
    let language = report.language;
    let row = |u: &Univariable| forest::Row {
        label: named(&u.variable, &u.level),
        value: u.hazard_ratio.finite(),
        interval: u.hazard_ratio.interval(),
        columns: match is_reference(u) {
            true => vec![language.say("reference").to_owned(), String::new()],
            false => vec![u.hazard_ratio.text(2), p_text(u.p_wald)],
        },
        ..forest::Row::default()
    };
    let title = report.titled("Univariable hazard ratios", subject);
    let forest = Forest {
        axis: language.say("hazard ratio").to_owned(),
        log: true,
        reference: Some(1.0),
        columns: vec!["HR (95 % CI)".to_owned(), "P".to_owned()],
        rows: rows.iter().map(row).collect(),
        notes: Vec::new(),
    };
    Item::Figure(Figure {
        file: format!("univariable{}.svg", subject.stem(&[])),
        svg: forest::draw(&title, &forest),
        caption: title,
        numbers: None,
        artefacts: digests([digest]),
    })
}

/// The paper's table 4, with what tells whether its numbers fit together.
fn table4(report: &Report) -> Item {
    let language = report.language;
    let head = [
        "model",
        "variable",
        "HR (95 % CI)",
        "P",
        "P from the interval",
        "check",
        "P of proportional hazards",
        "VIF",
    ];
    let mut table = Table::new(
        "table4",
        language.say("Multivariable Cox regression"),
        &head,
    );
    for one in &report.cox {
        let Ok(cox) = &one.value else { continue };
        let subject = one.subject.words(language, &[]);
        for c in &cox.coefficients {
            let line = vec![
                Cell::text(&subject),
                Cell::Label(c.variable.clone()),
                Cell::Estimate(c.hazard_ratio.clone(), 3),
                Cell::text(&p_text(c.p)),
                Cell::text(&p_text(c.p_of_interval)),
                Cell::text(language.say(agrees(c.p, c.p_of_interval_range))),
                Cell::text(&p_text(c.p_proportional)),
                c.vif.map_or_else(Cell::none, |v| Cell::Number(v, 2)),
            ];
            table.push_from(line, &one.artefact);
        }
        table.notes.push(summary(report, &subject, cox));
    }
    Item::Table(
        table,
        digests(report.cox.iter().map(|c| c.artefact.as_str())),
    )
}

/// Whether a P, printed at three decimals, lies where the printed interval allows it to.
fn agrees(p: Option<f64>, range: Option<(f64, f64)>) -> &'static str {
    match (p, range) {
        (Some(p), Some((low, high))) if low - 0.0005 <= p && p <= high + 0.0005 => "agrees",
        (Some(_), Some(_)) => "differs",
        _ => "–",
    }
}

fn summary(report: &Report, subject: &str, cox: &Cox) -> String {
    let whole = |n: Option<usize>| n.map_or_else(|| "–".to_owned(), count);
    let number = |v: Option<f64>, d| v.map_or_else(|| "–".to_owned(), |v| fixed(v, d));
    report.language.fill(
        "{0}: {1} patients, {2} events, {3} events per variable, Harrell's C {4} on its own patients, global test of proportional hazards P {5}.",
        &[
            subject,
            &whole(cox.counts.0),
            &whole(cox.counts.1),
            &number(cox.events_per_variable, 1),
            &number(cox.concordance, 3),
            &p_text(cox.p_global),
        ],
    )
}

fn cox_figures(report: &Report) -> Vec<Item> {
    let language = report.language;
    let mut out = Vec::new();
    for one in &report.cox {
        let Ok(cox) = &one.value else { continue };
        let row = |c: &Coefficient| forest::Row {
            label: in_short(&c.variable),
            value: c.hazard_ratio.finite(),
            interval: c.hazard_ratio.interval(),
            columns: vec![c.hazard_ratio.text(2), p_text(c.p)],
            ..forest::Row::default()
        };
        let title = report.titled("Multivariable hazard ratios", &one.subject);
        let forest = Forest {
            axis: language.say("hazard ratio").to_owned(),
            log: true,
            reference: Some(1.0),
            columns: vec!["HR (95 % CI)".to_owned(), "P".to_owned()],
            rows: cox.coefficients.iter().map(row).collect(),
            notes: Vec::new(),
        };
        out.push(Item::Figure(Figure {
            file: format!("cox{}.svg", one.subject.stem(&[])),
            svg: forest::draw(&title, &forest),
            caption: title,
            numbers: None,
            artefacts: digests([one.artefact.as_str()]),
        }));
    }
    out
}

/// Kaplan–Meier curves of groups that a step was asked for.
fn survival(report: &Report, part: &mut Part) {
    for (subject, group) in grouped(&report.survival, |s| only(s, &["endpoint", "profile"])) {
        let panels: Vec<kaplan_meier::Panel> = group.iter().map(|(_, p, _)| (*p).clone()).collect();
        let title = report.titled("Survival by group", &subject);
        let stem = format!("survival{}", subject.stem(&[]));
        let mut numbers = crate::part::performance::km_numbers(&panels);
        numbers.name = stem.clone();
        part.items.push(Item::Figure(Figure {
            file: format!("{stem}.svg"),
            svg: crate::figure::localise(kaplan_meier::draw(&title, &panels), report.language),
            caption: title,
            numbers: Some(numbers),
            artefacts: digests(group.iter().map(|(_, _, d)| *d)),
        }));
    }
    part.say_absent(
        report.language,
        report.language.say("survival by group"),
        &report.survival,
    );
}

/// `eqd2 at 83.75 (DFS, careful)`, for the limitations.
pub(crate) fn searched(report: &Report) -> Vec<String> {
    let said = |one: &super::Sourced<Cut>| {
        let cut = one.value.as_ref().ok()?;
        let at = short(cut.cut.finite()?);
        let subject = one.subject.words(report.language, &[]);
        Some(match subject.is_empty() {
            true => format!("{} {at}", cut.variable),
            false => format!("{} {at} ({subject})", cut.variable),
        })
    };
    report.cuts.iter().filter_map(said).collect()
}
