//! The parts of a report: each takes values and gives headings, figures, tables and notes, from which the page and the
//! files are both written, so that neither shows what the other lacks.

pub mod agreement;
pub mod biology;
pub mod checklist;
pub mod clinical;
pub mod cohort;
pub mod limits;
pub(crate) mod models;
pub mod nomogram;
pub mod novelty;
pub mod performance;
pub mod ranking;
pub mod selection;
pub mod utility;
pub mod waterfall;

use crate::escape::slug;
use crate::number::plain;
use crate::table::Table;
use crate::values::display_name;
use crate::words::Language;

/// What a value is about: the axis values of the artefact it was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Axis and value, in the order of the study.
    pub axes: Vec<(String, String)>,
}

impl Subject {
    /// A subject of these axes.
    pub fn of(axes: &[(&str, &str)]) -> Subject {
        let own = |(a, v): &(&str, &str)| ((*a).to_owned(), (*v).to_owned());
        Subject {
            axes: axes.iter().map(own).collect(),
        }
    }

    /// The value of an axis; empty when it has none.
    pub fn get(&self, axis: &str) -> &str {
        let found = self.axes.iter().find(|(a, _)| a == axis);
        found.map_or("", |(_, v)| v)
    }

    /// In words, without the axes `but`: `DFS, combined, external`.
    pub fn words(&self, language: Language, but: &[&str]) -> String {
        let kept = self
            .axes
            .iter()
            .filter(|(a, v)| !but.contains(&a.as_str()) && !v.is_empty());
        let said: Vec<String> = kept.map(|(a, v)| axis_words(language, a, v)).collect();
        said.join(", ")
    }

    /// As a part of a file name, with a leading `_`; empty when nothing is left.
    pub fn stem(&self, but: &[&str]) -> String {
        let kept = self
            .axes
            .iter()
            .filter(|(a, v)| !but.contains(&a.as_str()) && !v.is_empty());
        kept.map(|(_, v)| format!("_{}", slug(v))).collect()
    }
}

/// One axis value in words.
pub fn axis_words(language: Language, axis: &str, value: &str) -> String {
    match axis {
        "horizon" => language.fill("{0} months", &[value]),
        "model" => match value {
            "clinical" => language.say("clinical model").to_owned(),
            "radiomics" => language.say("radiomics model").to_owned(),
            "combined" => language.say("clinical and radiomics model").to_owned(),
            other => other.to_owned(),
        },
        "rows" => match value {
            "train" => language.say("training patients").to_owned(),
            "test" => language.say("test patients").to_owned(),
            "oob" => language.say("out of bag").to_owned(),
            other => other.to_owned(),
        },
        "split" if value == "external" => language.say("external split").to_owned(),
        "reading" => match value {
            "r1s2" => language.say("same reader, second session").to_owned(),
            "r2s1" => language.say("second reader").to_owned(),
            other => other.to_owned(),
        },
        _ => language.say(&display_name(value)).to_owned(),
    }
}

/// A value with what it is about and the artefact it was read from; or why there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Sourced<T> {
    /// What it is about.
    pub subject: Subject,
    /// Digest of the artefact; empty when it is not known.
    pub artefact: String,
    /// The value, or the reason that was given for its absence.
    pub value: Result<T, String>,
}

impl<T> Sourced<T> {
    /// A value of a subject, from nowhere in particular.
    pub fn of(axes: &[(&str, &str)], value: T) -> Sourced<T> {
        Sourced {
            subject: Subject::of(axes),
            artefact: String::new(),
            value: Ok(value),
        }
    }
}

/// A figure: shown on the page and written as a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// `fig4b_dfs_calibration.svg`.
    pub file: String,
    /// What stands below it.
    pub caption: String,
    /// The drawing.
    pub svg: String,
    /// Its numbers, written as `tables/<name>.csv`.
    pub numbers: Option<Table>,
    /// Digests of the artefacts that it was drawn from.
    pub artefacts: Vec<String>,
}

/// One thing of a part.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A smaller heading.
    Heading(String),
    /// A figure.
    Figure(Figure),
    /// A table, and the digests of the artefacts that it was made from.
    Table(Table, Vec<String>),
    /// A table behind a line that opens it.
    Folded(Table, Vec<String>),
    /// A quiet sentence.
    Note(String),
    /// A sentence that must not be overlooked.
    Warning(String),
    /// Markup that this crate made.
    Markup(String),
}

/// One part of the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its anchor.
    pub id: &'static str,
    /// Its heading, in the report's language.
    pub heading: String,
    /// What it holds, in the order it is read.
    pub items: Vec<Item>,
}

impl Part {
    /// An empty part.
    pub fn new(id: &'static str, heading: &str) -> Part {
        Part {
            id,
            heading: heading.to_owned(),
            items: Vec::new(),
        }
    }

    /// Adds a sentence for values that are not there, one a reason.
    pub fn say_absent<T>(&mut self, language: Language, what: &str, all: &[Sourced<T>]) {
        let mut reasons: Vec<(&str, Vec<&Subject>)> = Vec::new();
        for one in all {
            let Err(reason) = &one.value else { continue };
            match reasons.iter_mut().find(|(known, _)| known == reason) {
                Some((_, subjects)) => subjects.push(&one.subject),
                None => reasons.push((reason, vec![&one.subject])),
            }
        }
        for (reason, subjects) in reasons {
            let subjects = together(language, &subjects);
            let reason = crate::table::in_short(reason);
            let text = language.fill("{0} ({1}) is not there: {2}", &[what, &subjects, &reason]);
            self.items.push(Item::Note(text));
        }
    }
}

/// Several subjects in words: `DFS, 12 months / 36 months, test patients` where they are all that these values make, else one
/// by one.
fn together(language: Language, subjects: &[&Subject]) -> String {
    let mut axes: Vec<(&str, Vec<&str>)> = Vec::new();
    for (axis, value) in subjects.iter().flat_map(|subject| &subject.axes) {
        match axes.iter_mut().find(|(known, _)| known == axis) {
            Some((_, values)) if values.contains(&value.as_str()) => {}
            Some((_, values)) => values.push(value),
            None => axes.push((axis, vec![value])),
        }
    }
    let made: usize = axes.iter().map(|(_, values)| values.len()).product();
    let whole = subjects.iter().all(|s| s.axes.len() == axes.len());
    if made != subjects.len() || !whole {
        let each: Vec<String> = subjects.iter().map(|s| s.words(language, &[])).collect();
        return each.join("; ");
    }
    let said = axes.iter().filter_map(|(axis, values)| {
        let there = values.iter().filter(|value| !value.is_empty());
        let words: Vec<String> = there.map(|v| axis_words(language, axis, v)).collect();
        (!words.is_empty()).then(|| words.join(" / "))
    });
    said.collect::<Vec<_>>().join(", ")
}

/// Values with a common key; each with its subject and the digest of its artefact.
pub type Group<'a, T> = (Subject, Vec<(&'a Subject, &'a T, &'a str)>);

/// Values of the subjects by `key`, in order of appearance; values that are not there are left out.
pub fn grouped<'a, T>(
    all: &'a [Sourced<T>],
    key: impl Fn(&Subject) -> Subject,
) -> Vec<Group<'a, T>> {
    let mut out: Vec<Group<'a, T>> = Vec::new();
    for one in all {
        let Ok(value) = &one.value else { continue };
        let (of, entry) = (
            key(&one.subject),
            (&one.subject, value, one.artefact.as_str()),
        );
        match out.iter_mut().find(|(k, _)| *k == of) {
            Some((_, group)) => group.push(entry),
            None => out.push((of, vec![entry])),
        }
    }
    out
}

/// The subject that keeps these axes alone.
pub fn only(subject: &Subject, axes: &[&str]) -> Subject {
    let kept = subject
        .axes
        .iter()
        .filter(|(a, _)| axes.contains(&a.as_str()));
    Subject {
        axes: kept.cloned().collect(),
    }
}

/// Digests that are known, each once.
pub fn digests<'a>(of: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for digest in of {
        if !digest.is_empty() && !out.iter().any(|d| d == digest) {
            out.push(digest.to_owned());
        }
    }
    out
}

/// `a`, `b` … `z`, then `z1`, `z2` …
pub fn letter(i: usize) -> String {
    match u8::try_from(i) {
        Ok(i) if i < 26 => char::from(b'a' + i).to_string(),
        _ => format!("z{}", i - 25),
    }
}

/// A P value for a cell: `<0.001`, `0.031`.
pub fn p_text(p: Option<f64>) -> String {
    match p {
        Some(p) if (0.0..0.001).contains(&p) => "<0.001".to_owned(),
        Some(p) if (0.0..=1.0).contains(&p) => format!("{p:.3}"),
        _ => "–".to_owned(),
    }
}

/// A number with four significant digits at most.
pub fn short(v: f64) -> String {
    let size = v.abs();
    if !v.is_finite() || size >= 1e4 || size == 0.0 {
        return plain(v);
    }
    let decimals = match size {
        s if s >= 100.0 => 1,
        s if s >= 10.0 => 2,
        s if s >= 0.01 => 3,
        _ => 5,
    };
    plain((v * libm::pow(10.0, f64::from(decimals))).round() / libm::pow(10.0, f64::from(decimals)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_for_one_reason_is_said_once() {
        let absent = |model: &str, months: &str, reason: &str| Sourced::<()> {
            subject: Subject::of(&[("model", model), ("horizon", months), ("endpoint", "")]),
            artefact: String::new(),
            value: Err(reason.to_owned()),
        };
        let said = |all: &[Sourced<()>]| {
            let mut part = Part::new("p", "P");
            part.say_absent(Language::English, "curve", all);
            let note = |item: Item| match item {
                Item::Note(text) => text,
                _ => String::new(),
            };
            part.items.into_iter().map(note).collect::<Vec<_>>()
        };
        let all = [
            absent("clinical", "12", "no fit"),
            absent("radiomics", "12", "no fit"),
            absent("clinical", "60", "no fit"),
            absent("radiomics", "60", "no fit"),
            absent("combined", "60", "too late"),
        ];
        let wanted = [
            "curve (clinical model / radiomics model, 12 months / 60 months) is not there: no fit",
            "curve (clinical and radiomics model, 60 months) is not there: too late",
        ];
        assert_eq!(said(&all), wanted);
        let three = "curve (clinical model, 12 months; radiomics model, 12 months; clinical model, 60 months) is not there: no fit";
        assert_eq!(said(&all[..3]), [three]);
    }
}
