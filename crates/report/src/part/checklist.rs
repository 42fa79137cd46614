//! Checklists by which reviewers judge: METRICS with its weights, and the demands of CLEAR that values can meet.
//!
//! An item is ticked when the report shows what it asks for, and the tick leads there. What a run records beside the page
//! (settings, splits, seeds, certificate) is ticked as such. What only people can say stays open.

use super::{Item, Part};
use crate::escape::markup;
use crate::number::fixed;
use crate::page::Report;
use crate::words::Language;
use std::fmt::Write as _;

/// How an item is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Met {
    /// By a part of the page.
    Shown(&'static str),
    /// By what the run records.
    Recorded(&'static str),
    /// By people alone.
    Asks,
    /// Does not apply.
    NotApplicable,
    /// By nothing here.
    Open,
}

/// METRICS 2024: number, item in short, weight.
const METRICS: [(&str, &str, f64); 30] = [
    ("1", "Adherence to reporting guidelines", 0.0368),
    ("2", "Eligibility criteria", 0.0735),
    ("3", "Reference standard", 0.0919),
    ("4", "More than one centre", 0.0438),
    ("5", "Imaging that others can do", 0.0292),
    ("6", "Acquisition described", 0.0438),
    ("7", "Time between imaging and outcome", 0.0292),
    ("8", "Delineation described", 0.0337),
    ("9", "Automatic delineation evaluated", 0.0225),
    ("10", "Test masks by a single reader", 0.0112),
    ("11", "Suitable pre-processing", 0.0622),
    ("12", "Standardised software", 0.0311),
    ("13", "Extraction parameters", 0.0415),
    ("14", "Non-robust features removed", 0.0200),
    ("15", "Redundant features removed", 0.0200),
    ("16", "Dimensionality against sample size", 0.0300),
    ("17", "Robustness of deep learning", 0.0200),
    ("18", "Partitioning of data", 0.0599),
    ("19", "Confounders", 0.0300),
    ("20", "Performance metrics", 0.0352),
    ("21", "Uncertainty", 0.0234),
    ("22", "Calibration", 0.0176),
    ("23", "Analysis of single variables", 0.0117),
    ("24", "Comparison with non-radiomic models", 0.0293),
    ("25", "Comparison with simple baselines", 0.0176),
    ("26", "Internal testing", 0.0375),
    ("27", "External testing", 0.0749),
    ("28", "Data available", 0.0075),
    ("29", "Code available", 0.0075),
    ("30", "Model available", 0.0075),
];

/// Demands of CLEAR by their numbers.
const CLEAR: [(&str, &str); 16] = [
    ("15", "Split method and safeguards against leakage"),
    ("16", "Imaging protocol"),
    (
        "21–24",
        "Pre-processing, resampling, discretisation, image types",
    ),
    ("25–28", "Feature classes and number"),
    ("29", "Missing data"),
    ("31", "Reliability of features"),
    ("33", "Reduction of features"),
    ("34–35", "Algorithms and tuning"),
    ("36", "Confounders"),
    ("37", "Choice of the model"),
    ("40", "Uncertainty"),
    ("41", "Statistical comparison of models"),
    ("44", "Flow and baseline"),
    ("46", "Performance on every set"),
    ("47", "Comparison with clinical models"),
    ("53–58", "Sharing of data, code and model"),
];

/// The part; `there` are the anchors of the other parts.
pub(crate) fn part(report: &Report, there: &[&'static str]) -> Part {
    let language = report.language;
    let mut part = Part::new("checklists", language.say("Checklists"));
    let (mut shown, mut recorded, mut applies) = (0.0, 0.0, 0.0);
    let mut rows = String::new();
    for (number, item, weight) in METRICS {
        let met = metrics(report, there, number);
        match met {
            Met::Shown(_) => shown += weight,
            Met::Recorded(_) => recorded += weight,
            _ => {}
        }
        if met != Met::NotApplicable {
            applies += weight;
        }
        let _ = writeln!(
            rows,
            "<tr><td class=\"num\">{number}</td><td>{}</td><td class=\"num\">{}</td>{}</tr>",
            markup(language.say(item)),
            fixed(weight, 4),
            cell(language, met)
        );
    }
    let share = |v: f64| fixed(100.0 * v / applies, 0);
    let summary = language.fill(
        "Of the weight that applies, {0} % is shown on this page and {1} % in the run's record; the rest is for people to say, or is missing. This is no score: whether what is shown is good enough is for the reader to judge.",
        &[&share(shown), &share(recorded)],
    );
    part.items.push(Item::Note(summary));
    part.items.push(Item::Markup(table(
        language, "metrics", "METRICS", true, &rows,
    )));
    let mut rows = String::new();
    for (number, item) in CLEAR {
        let _ = writeln!(
            rows,
            "<tr><td class=\"num\">{number}</td><td>{}</td>{}</tr>",
            markup(language.say(item)),
            cell(language, clear(report, there, number))
        );
    }
    part.items.push(Item::Markup(table(
        language, "clear", "CLEAR", false, &rows,
    )));
    part
}

fn table(language: Language, id: &str, name: &str, weighted: bool, rows: &str) -> String {
    let weight = match weighted {
        true => format!("<th scope=\"col\">{}</th>", markup(language.say("weight"))),
        false => String::new(),
    };
    format!(
        "<details><summary>{name}</summary>\n<div class=\"table\"><table class=\"three-line\" id=\"checklist-{id}\">\n<thead><tr><th scope=\"col\">{}</th>\
         <th scope=\"col\">{}</th>{weight}<th scope=\"col\">{}</th></tr></thead>\n<tbody>\n{rows}</tbody></table></div></details>\n",
        markup(language.say("no.")),
        markup(language.say("item")),
        markup(language.say("where"))
    )
}

fn cell(language: Language, met: Met) -> String {
    match met {
        Met::Shown(at) => format!(
            "<td>✓ <a href=\"#{at}\">{}</a></td>",
            markup(language.say("shown"))
        ),
        Met::Recorded(at) => format!(
            "<td>✓ <a href=\"#{at}\">{}</a></td>",
            markup(language.say("in the run's record"))
        ),
        Met::Asks => format!(
            "<td class=\"absent\">{}</td>",
            markup(language.say("for people to say"))
        ),
        Met::NotApplicable => format!(
            "<td class=\"absent\">{}</td>",
            markup(language.say("does not apply"))
        ),
        Met::Open => format!(
            "<td class=\"absent\">✗ {}</td>",
            markup(language.say("not shown"))
        ),
    }
}

fn when(there: &[&'static str], at: &'static str) -> Met {
    if there.contains(&at) {
        Met::Shown(at)
    } else {
        Met::Open
    }
}

fn if_so(yes: bool, at: &'static str) -> Met {
    if yes { Met::Shown(at) } else { Met::Open }
}

fn metrics(report: &Report, there: &[&'static str], number: &str) -> Met {
    let set = |name: &str| {
        report
            .comparison
            .iter()
            .any(|r| r.set == name && r.estimate.finite().is_some())
    };
    let interval = report
        .comparison
        .iter()
        .any(|r| r.estimate.interval().is_some());
    match number {
        "1" => Met::Shown("checklists"),
        "2" | "3" | "5" | "7" | "8" | "10" | "28" | "29" | "30" => Met::Asks,
        "4" | "27" => if_so(set("external"), "models"),
        "6" => if_so(super::utility::there(&report.acquisition) > 0, "patients"),
        "9" | "17" => Met::NotApplicable,
        "11" | "13" => Met::Recorded("methods"),
        "12" | "18" => Met::Recorded("provenance"),
        "14" => if_so(super::utility::there(&report.icc) > 0, "features"),
        "15" => if_so(super::utility::there(&report.funnel) > 0, "features"),
        "16" => if_so(
            super::utility::there(&report.funnel) > 0 || report.cox.iter().any(|c| c.value.is_ok()),
            "limitations",
        ),
        "19" => if_so(volume(report), "controls"),
        "20" => if_so(!report.comparison.is_empty(), "models"),
        "21" => if_so(interval, "models"),
        "22" => if_so(super::utility::there(&report.calibration) > 0, "utility"),
        "23" => if_so(super::utility::there(&report.univariable) > 0, "clinical"),
        "24" => when(there, "clinical-models"),
        "25" => if_so(judged_control(report, |_| true), "controls"),
        "26" => if_so(set("cv"), "models"),
        _ => Met::Open,
    }
}

/// What the volume of the tumour alone can do is shown.
fn volume(report: &Report) -> bool {
    judged_control(report, |control| control == "volume")
}

/// A negative control was judged with an interval: one that tells no patient from another shows nothing.
fn judged_control(report: &Report, is_it: impl Fn(&str) -> bool) -> bool {
    let rankings = report.controls.iter().filter_map(|c| c.value.as_ref().ok());
    rankings
        .flat_map(|r| &r.models)
        .any(|m| m.simultaneous.is_some() && is_it(&m.control))
}

fn clear(report: &Report, there: &[&'static str], number: &str) -> Met {
    match number {
        "15" => Met::Recorded("provenance"),
        "21–24" | "25–28" | "34–35" => Met::Recorded("methods"),
        "16" => if_so(super::utility::there(&report.acquisition) > 0, "patients"),
        "29" => if_so(super::utility::there(&report.missing) > 0, "patients"),
        "31" => if_so(super::utility::there(&report.icc) > 0, "features"),
        "33" => if_so(super::utility::there(&report.funnel) > 0, "features"),
        "36" => if_so(volume(report), "controls"),
        "37" => if_so(!report.headlines.is_empty(), "best"),
        "40" | "46" => if_so(!report.comparison.is_empty(), "models"),
        "41" => when(there, "ranks"),
        "44" => if_so(
            report.flow.is_some() && super::utility::there(&report.baseline) > 0,
            "patients",
        ),
        "47" => when(there, "clinical-models"),
        "53–58" => Met::Asks,
        _ => Met::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_are_those_of_the_guideline() {
        let sum: f64 = METRICS.iter().map(|m| m.2).sum();
        assert!((sum - 1.0).abs() < 0.002, "{sum}");
    }

    #[test]
    fn nothing_is_ticked_for_an_empty_report_but_what_is_there() {
        let report = Report::default();
        let ticked: Vec<&str> = METRICS
            .iter()
            .filter(|m| matches!(metrics(&report, &[], m.0), Met::Shown(_)))
            .map(|m| m.0)
            .collect();
        assert_eq!(ticked, ["1"]);
    }
}
