//! The limitations that the values themselves show.

use super::{Item, Part, Subject, clinical, grouped, only};
use crate::number::{count, fixed};
use crate::page::Report;
use crate::values::{ComparisonRow, RATIO_LIMITS, display_name};

/// The part.
pub(crate) fn part(report: &Report) -> Part {
    let language = report.language;
    let mut part = Part::new("limitations", language.say("Limitations"));
    let mut facts = Vec::new();
    external(report, &mut facts);
    horizons(report, &mut facts);
    choice(report, &mut facts);
    variables(report, &mut facts);
    calibration(report, &mut facts);
    let cuts = clinical::searched(report);
    if !cuts.is_empty() {
        facts.push(language.fill(
            "Cut-points were searched for in the same patients: {0}.",
            &[&cuts.join("; ")],
        ));
    }
    if !report.exclusions.is_empty() {
        let mut who: Vec<(&str, &str)> = report
            .exclusions
            .iter()
            .map(|x| (x.site.as_str(), x.patient_id.as_str()))
            .collect();
        who.sort_unstable();
        who.dedup();
        facts.push(language.fill(
            "{0} patients were left out of at least one analysis.",
            &[&count(who.len())],
        ));
    }
    if report.icc.is_empty() {
        facts.push(
            language
                .say("Whether features depend on who draws the tumour was not examined.")
                .to_owned(),
        );
    }
    if report.calibration.is_empty() {
        facts.push(language.say("Calibration was not examined.").to_owned());
    }
    match facts.is_empty() {
        true => part.items.push(Item::Note(
            language
                .say(
                    "Nothing was found by counting; what counting cannot find stays to be written.",
                )
                .to_owned(),
        )),
        false => {
            let text: Vec<String> = facts.iter().map(|f| crate::escape::markup(f)).collect();
            part.items.push(Item::Markup(format!(
                "<ul class=\"facts-list\">\n<li>{}</li>\n</ul>\n",
                text.join("</li>\n<li>")
            )));
            part.items.push(Item::Note(language.say("Found by counting in the values of this report. What counting cannot find (who was asked to take part, how endpoints were assessed, what was measured elsewhere) stays to be written.").to_owned()));
        }
    }
    part
}

fn external(report: &Report, facts: &mut Vec<String>) {
    let language = report.language;
    if report.comparison.is_empty() {
        return;
    }
    for endpoint in report.endpoints() {
        let of = |r: &&ComparisonRow| r.endpoint == endpoint && r.set == "external";
        let rows: Vec<&ComparisonRow> = report.comparison.iter().filter(of).collect();
        let name = language.say(&display_name(&endpoint)).to_owned();
        if rows.is_empty() {
            facts.push(language.fill("{0}: no external centre judged any model.", &[&name]));
            continue;
        }
        let n = rows.iter().filter_map(|r| r.estimate.n).max();
        let events = rows.iter().filter_map(|r| r.estimate.n_events).max();
        if let (Some(n), Some(events)) = (n, events) {
            let pattern = match events < 100 {
                // Vergouwe 2005, Collins 2016: at least 100 events to judge a model elsewhere
                true => {
                    "{0}: one external set judges all models, with {1} patients and {2} events; at least 100 events are advised."
                }
                false => {
                    "{0}: one external set judges all models, with {1} patients and {2} events."
                }
            };
            facts.push(language.fill(pattern, &[&name, &count(n), &count(events)]));
        }
    }
}

fn horizons(report: &Report, facts: &mut Vec<String>) {
    let mut said: Vec<String> = Vec::new();
    for r in &report.comparison {
        // what one model cannot and another can is said beside its number
        let can = |o: &&ComparisonRow| {
            (&o.endpoint, &o.set, &o.metric, o.horizon_months)
                == (&r.endpoint, &r.set, &r.metric, r.horizon_months)
                && o.estimate.finite().is_some()
        };
        if r.metric == "auc"
            && r.estimate.finite().is_none()
            && let Some(months) = r.horizon_months
            && !report.comparison.iter().any(|o| can(&o))
        {
            let text = report.language.fill(
                "{0}, {1}: nothing can be said at {2} months ({3}).",
                &[
                    &crate::page::name(report, &r.endpoint),
                    &crate::page::name(report, &r.set),
                    &crate::number::plain(months),
                    &r.estimate.reason_text(),
                ],
            );
            if !said.contains(&text) && said.len() < 8 {
                said.push(text);
            }
        }
    }
    facts.extend(said);
}

/// Models with clinical variables whose probabilities are far from what happened to test patients.
fn calibration(report: &Report, facts: &mut Vec<String>) {
    let language = report.language;
    let of_test = |s: &Subject| s.get("rows") == "test";
    for (subject, group) in grouped(&report.calibration, |s| only(s, &["endpoint", "profile"])) {
        let ratios = group.iter().filter(|(of, _, _)| of_test(of));
        let ratios: Vec<f64> = ratios.filter_map(|(_, c, _)| c.ratio.finite()).collect();
        let (low, high) = RATIO_LIMITS;
        let far = ratios.iter().filter(|r| !(low..=high).contains(*r)).count();
        if far == 0 {
            continue;
        }
        let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        facts.push(language.fill(
            "{0}: {1} of {2} calibrations in test patients have observed over expected events outside 0.8 to 1.25 (from {3} to {4}): such probabilities are not to be read as they stand.",
            &[
                &subject.words(language, &[]),
                &count(far),
                &count(ratios.len()),
                &fixed(lowest, 2),
                &fixed(highest, 2),
            ],
        ));
    }
}

fn choice(report: &Report, facts: &mut Vec<String>) {
    let mut models: Vec<(&str, &str)> = report
        .comparison
        .iter()
        .map(|r| (r.roi_set.as_str(), r.learner.as_str()))
        .collect();
    models.sort_unstable();
    models.dedup();
    if models.len() > 1 {
        facts.push(report.language.fill(
            "{0} models were compared for each endpoint; the chosen one is partly the luckiest.",
            &[&count(models.len())],
        ));
    }
}

fn variables(report: &Report, facts: &mut Vec<String>) {
    let language = report.language;
    for one in &report.cox {
        let Ok(cox) = &one.value else { continue };
        if let Some(ratio) = cox.events_per_variable.filter(|r| *r < 10.0) {
            facts.push(language.fill(
                "{0}: {1} events per variable, fewer than 10.",
                &[&one.subject.words(language, &[]), &fixed(ratio, 1)],
            ));
        }
        if let Some(p) = cox.p_global.filter(|p| *p < 0.05) {
            facts.push(language.fill(
                "{0}: hazards are not proportional (global test P {1}).",
                &[&one.subject.words(language, &[]), &super::p_text(Some(p))],
            ));
        }
    }
    let extracted = report
        .funnel
        .iter()
        .filter_map(|f| f.value.as_ref().ok())
        .flatten()
        .filter(|s| s.stage == "extracted")
        .map(|s| s.n)
        .max();
    let events = report
        .comparison
        .iter()
        .filter(|r| r.set == "apparent")
        .filter_map(|r| r.estimate.n_events)
        .max();
    if let (Some(n), Some(events)) = (extracted, events)
        && n > events
    {
        facts.push(language.fill(
            "{0} features of a region stand against {1} events in the training.",
            &[&count(n), &count(events)],
        ));
    }
}
