//! Ranks of models with intervals that hold for all of them together, and the negative controls.

use super::{Figure, Item, Part, Sourced, digests};
use crate::figure::forest::{self, Forest};
use crate::number::fixed;
use crate::page::Report;
use crate::table::{Cell, Table};
use crate::values::{Estimate, display_name};
use crate::words::Language;

/// A model among the ranked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranked {
    /// Regions.
    pub roi_set: String,
    /// Learner.
    pub learner: String,
    /// Negative control, empty for a model proper.
    pub control: String,
    /// Value with its own interval.
    pub estimate: Estimate,
    /// Interval that holds for all models together.
    pub simultaneous: Option<(f64, f64)>,
    /// How often it was the best of all in the bootstrap.
    pub p_best: Option<f64>,
    /// Ranks that the bootstrap does not exclude.
    pub rank: Option<(usize, usize)>,
    /// Difference to the clinical model, P adjusted for all comparisons.
    pub vs_clinical: Option<(Estimate, Option<f64>)>,
    /// The simultaneous interval lies above chance.
    pub above_chance: bool,
}

/// A ranking on one set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    /// The set: `external`, `cv`.
    pub set: String,
    /// The metric.
    pub metric: String,
    /// Models, best first.
    pub models: Vec<Ranked>,
    /// Value of the chosen model corrected for the choice.
    pub bias_corrected: Option<Estimate>,
    /// Why there is no ranking.
    pub reason: String,
}

impl Ranked {
    fn name(&self, language: Language) -> String {
        let of = [&self.control, &self.learner, &self.roi_set];
        let said: Vec<String> = of
            .iter()
            .filter(|name| !name.is_empty())
            .map(|name| language.say(&display_name(name)).to_owned())
            .collect();
        said.join(", ")
    }
}

/// The ranks.
pub(crate) fn part(report: &Report) -> Option<Part> {
    if report.rank.is_empty() {
        return None;
    }
    let language = report.language;
    let mut part = Part::new(
        "ranks",
        language.say("Which model is best, and how sure that is"),
    );
    part.items.push(Item::Note(language.say("All models of a list are judged on the same resamples of the same patients, so that they compare; the intervals are of these resamples, and differ in the last decimals from those of the tables.").to_owned()));
    for one in &report.rank {
        let Ok(r) = &one.value else { continue };
        put(report, &mut part, one, r, "rank");
        if let Some(e) = &r.bias_corrected {
            let leader = r
                .models
                .first()
                .map_or_else(String::new, |m| m.name(language));
            let n = crate::number::count(r.models.iter().filter(|m| m.rank.is_some()).count());
            let text = language.fill(
                "{0} leads here; its value corrected for having been the best of {1}: {2}; {3}.",
                &[
                    &leader,
                    &n,
                    &e.text(3),
                    &e.reason.clone().unwrap_or_default(),
                ],
            );
            part.items.push(Item::Note(text.replace("; .", ".")));
        }
        if let Some(other) = chosen_otherwise(report, one, r) {
            part.items.push(Item::Note(other));
        }
    }
    part.say_absent(language, language.say("ranking"), &report.rank);
    Some(part)
}

/// Says of a ranking by cross-validation why its leader is not the model that was chosen by it, where it is another.
fn chosen_otherwise(report: &Report, one: &Sourced<Ranking>, r: &Ranking) -> Option<String> {
    let of = |axis: &str| one.subject.get(axis);
    let chosen = report.headlines.iter().find(|h| {
        h.endpoint == of("endpoint") && (h.profile.is_empty() || h.profile == of("profile"))
    })?;
    let leader = r.models.first()?;
    let same = (&leader.learner, &leader.roi_set) == (&chosen.learner, &chosen.roi_set);
    if r.set != "cv" || same || !chosen.rule.contains("cross-validated") {
        return None;
    }
    let language = report.language;
    let name =
        [&chosen.learner, &chosen.roi_set].map(|n| language.say(&display_name(n)).to_owned());
    Some(language.fill(
        "{0} was chosen: its mean over the folds is highest. Here every pair of patients of one fold counts alike, whatever the fold, and values so near each other change places.",
        &[&name.join(", ")],
    ))
}

/// Negative controls: whatever beats chance here is leakage, or luck.
pub(crate) fn controls(report: &Report) -> Option<Part> {
    if report.controls.is_empty() {
        return None;
    }
    let language = report.language;
    let mut part = Part::new("controls", language.say("Negative controls"));
    let (mut found, mut silent, mut n) = (Vec::new(), Vec::new(), 0);
    let mut shape = Vec::new();
    for one in &report.controls {
        let Ok(r) = &one.value else { continue };
        put(report, &mut part, one, r, "controls");
        // the size of a tumour may well tell of survival, and a shuffled mask keeps it; noise and permuted outcomes may not
        let may = |m: &Ranked| matches!(m.control.as_str(), "" | "volume" | "shuffled-mask");
        let beats = |m: &&Ranked| m.above_chance && !may(m);
        let of_shape = |m: &&Ranked| m.above_chance && m.control == "shuffled-mask";
        shape.extend(r.models.iter().filter(of_shape).map(|m| m.name(language)));
        found.extend(r.models.iter().filter(beats).map(|m| m.name(language)));
        n += r.models.len();
        let mute = r.models.iter().filter(|m| m.simultaneous.is_none());
        let subject = one.subject.words(language, &[]);
        silent.extend(mute.map(|m| format!("{subject}: {}", m.name(language))));
    }
    part.items.insert(0, Item::Note(language.say("In the shipped study permuted outcomes meet the tumour's features as the careful profile prepares them: reliable, harmonised, standardised. Noise, the mask elsewhere and the volume were delineated once and are imputed only. All are selected from and learned by a forest tuned as the careful one, fold by fold.").to_owned()));
    if !shape.is_empty() {
        let text = "Above chance with the mask elsewhere: {0}. The mask keeps the tumour's shape and size; compare it with the volume alone.";
        part.items
            .insert(0, Item::Note(language.fill(text, &[&shape.join("; ")])));
    }
    if !silent.is_empty() && silent.len() < n {
        let text =
            "Some negative controls say nothing, for they tell no patient from another: {0}.";
        part.items
            .insert(0, Item::Note(language.fill(text, &[&silent.join("; ")])));
    }
    let verdict = match found.is_empty() {
        true if silent.len() == n => Item::Warning(language.say("The negative controls say nothing: none of them has an interval, for each tells no patient from another.").to_owned()),
        true => Item::Note(language.say("No negative control lies above chance by its simultaneous interval.").to_owned()),
        false => Item::Warning(language.fill("Above chance by the simultaneous interval, where nothing can be learned: {0}. Look for leakage.", &[&found.join("; ")])),
    };
    part.items.insert(0, verdict);
    part.say_absent(language, language.say("negative control"), &report.controls);
    Some(part)
}

fn put(report: &Report, part: &mut Part, one: &Sourced<Ranking>, r: &Ranking, what: &str) {
    let language = report.language;
    let stem = format!(
        "{what}{}{}",
        one.subject.stem(&["set"]),
        if r.set.is_empty() {
            String::new()
        } else {
            format!("_{}", crate::escape::slug(&r.set))
        }
    );
    let subject = one.subject.words(language, &[]);
    let title = format!(
        "{subject} · {} · {}",
        language.say(&display_name(&r.set)),
        language.say(&display_name(&r.metric))
    );
    let title = title.trim_matches([' ', '·']).to_owned();
    if !r.reason.is_empty() {
        part.items
            .push(Item::Note(format!("{title}: {}", r.reason)));
    }
    if r.models.is_empty() {
        return;
    }
    let ranks = |m: &Ranked| {
        m.rank
            .map_or_else(|| "–".to_owned(), |(a, b)| format!("{a}–{b}"))
    };
    let row = |m: &Ranked| forest::Row {
        label: m.name(language),
        value: m.estimate.finite(),
        interval: m.estimate.interval(),
        wider: m.simultaneous,
        columns: vec![
            m.estimate.text(3),
            m.p_best.map_or_else(|| "–".to_owned(), |p| fixed(p, 2)),
            ranks(m),
        ],
    };
    let forest = Forest {
        axis: language.say(&display_name(&r.metric)).to_owned(),
        reference: Some(report.primary_chance),
        columns: ["value (interval)", "probability of being best", "ranks"].map(|c| language.say(c).to_owned()).to_vec(),
        rows: r.models.iter().map(row).collect(),
        notes: vec![language.say("thick: interval of one model; thin: interval that holds for all models together, cut at 0 and 1").to_owned()],
        ..Forest::default()
    };
    part.items.push(Item::Figure(Figure {
        file: format!("{stem}.svg"),
        svg: forest::draw(&title, &forest),
        caption: title.clone(),
        numbers: Some(table(report, &stem, &title, r)),
        artefacts: digests([one.artefact.as_str()]),
    }));
}

fn table(report: &Report, stem: &str, title: &str, r: &Ranking) -> Table {
    let head = [
        "control",
        "roi_set",
        "learner",
        "value",
        "lower",
        "upper",
        "lower_simultaneous",
        "upper_simultaneous",
        "p_best",
        "rank_lower",
        "rank_upper",
        "difference_to_clinical",
        "p_adjusted",
        "above_chance",
    ];
    let mut table = Table::new(stem, title, &head);
    let number = |v: Option<f64>| v.map_or_else(Cell::none, |v| Cell::Number(v, 4));
    for m in &r.models {
        let versus = m.vs_clinical.as_ref();
        table.rows.push(vec![
            Cell::text(&m.control),
            Cell::text(&m.roi_set),
            Cell::text(&m.learner),
            number(m.estimate.finite()),
            number(m.estimate.lower),
            number(m.estimate.upper),
            number(m.simultaneous.map(|s| s.0)),
            number(m.simultaneous.map(|s| s.1)),
            number(m.p_best),
            m.rank.map_or_else(Cell::none, |r| Cell::Count(r.0)),
            m.rank.map_or_else(Cell::none, |r| Cell::Count(r.1)),
            number(versus.and_then(|(e, _)| e.finite())),
            number(versus.and_then(|(_, p)| *p)),
            Cell::text(
                report
                    .language
                    .say(if m.above_chance { "yes" } else { "no" }),
            ),
        ]);
    }
    table
}
