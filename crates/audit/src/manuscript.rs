//! The numbers of a paper as they are written down for an audit.

use serde::Deserialize;
use std::collections::BTreeMap;
use thiserror::Error;
use toml::value::Datetime;

/// Printed numbers by section; every section and entry may be absent, and then nothing is said about it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Manuscript {
    pub(crate) study: Study,
    pub(crate) table1: Table1,
    pub(crate) features: Features,
    pub(crate) auc: Auc,
    pub(crate) best: BTreeMap<String, Best>,
    pub(crate) clinical_radiomics_model: Combined,
    /// endpoint → factor → \[hazard ratio, lower, upper, P\]
    pub(crate) table4: BTreeMap<String, BTreeMap<String, Vec<Printed>>>,
    pub(crate) radiogenomics: Radiogenomics,
    /// Entries that no rule reads.
    #[serde(skip)]
    ignored: Vec<String>,
}

/// A printed number, or words like `<0.001`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected a number, or words such as \"<0.001\"")]
pub(crate) enum Printed {
    Number(f64),
    Words(String),
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Study {
    pub n: Option<u32>,
    pub train: Option<String>,
    pub validation: Option<String>,
    pub age_median: Option<f64>,
    pub age_range: Option<[f64; 2]>,
    pub followup_median_months: Option<f64>,
    pub followup_range_months: Option<[f64; 2]>,
    pub cutoff_date: Option<Datetime>,
    /// centre → first and last day of recruitment
    pub accrual: BTreeMap<String, [Datetime; 2]>,
    pub recurrence: Option<BTreeMap<String, f64>>,
    pub death: Option<BTreeMap<String, f64>>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Table1 {
    pub n: BTreeMap<String, u32>,
    /// n, %, n, %, P
    pub binary: BTreeMap<String, [f64; 5]>,
    /// mean, SD, mean, SD, P
    pub continuous: BTreeMap<String, [f64; 5]>,
    /// every other table: a category's n, %, n, %, and the table's `p`
    #[serde(flatten)]
    pub categorical: BTreeMap<String, BTreeMap<String, Cell>>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected the table's `p`, a number, or a category's four numbers [n, %, n, %]"
)]
pub(crate) enum Cell {
    P(f64),
    Counts([f64; 4]),
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Features {
    pub per_roi: Option<u32>,
    pub peritumour_margin_printed_cm: Option<f64>,
    pub tumour: Option<Funnel>,
    pub peritumour: Option<Funnel>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Funnel {
    pub extracted: u32,
    pub robust: u32,
    pub decorrelated: u32,
    pub selected: u32,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Auc {
    pub learners: Vec<String>,
    pub horizons_years: Vec<f64>,
    /// endpoint → region → sets
    #[serde(flatten)]
    pub endpoints: BTreeMap<String, BTreeMap<String, Sets>>,
}

/// A row a horizon, a column a learner.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Sets {
    pub train: Vec<Vec<f64>>,
    pub validation: Vec<Vec<f64>>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Best {
    pub learner: String,
    pub roi: String,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Combined {
    /// `independent_<endpoint>`, `univariable_<endpoint>`, and the endpoints themselves
    #[serde(flatten)]
    pub entries: BTreeMap<String, CombinedEntry>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a list of factors, a number, or a model: train_auc, validation_auc, c_index, nri5, nri_p, idi5, idi_p"
)]
pub(crate) enum CombinedEntry {
    Factors(Vec<String>),
    Model(Box<CombinedModel>),
    Number(f64),
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct CombinedModel {
    pub train_auc: Vec<f64>,
    pub validation_auc: Vec<f64>,
    pub c_index: Option<f64>,
    pub nri5: Option<[f64; 2]>,
    pub nri_p: Option<Printed>,
    pub idi5: Option<[f64; 2]>,
    pub idi_p: Option<Printed>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Radiogenomics {
    pub n: Option<u32>,
    pub p_max: Option<f64>,
    /// endpoint → counts
    #[serde(flatten)]
    pub endpoints: BTreeMap<String, toml::Value>,
}

/// Why a file cannot be audited.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ManuscriptError {
    /// It is not the TOML that an audit reads.
    #[error("line {line}: {message}")]
    Toml {
        /// Line, from 1.
        line: usize,
        /// What the reader says.
        message: String,
    },
    /// A number that nothing can be computed with.
    #[error("{entry} is {value}: {repair}")]
    Number {
        /// Which entry.
        entry: String,
        /// What it is.
        value: String,
        /// What to do.
        repair: &'static str,
    },
    /// None of the sections that an audit knows is in it.
    #[error("no section to audit; known are {known}")]
    NothingKnown {
        /// The sections that are known.
        known: &'static str,
    },
}

const KNOWN: &str =
    "study, table1, features, auc, best, clinical_radiomics_model, table4, radiogenomics";

/// Entries of sections whose names are all given; the others are named by the paper.
const ENTRIES: &[(&str, &[&str])] = &[
    (
        "study",
        &[
            "n",
            "train",
            "validation",
            "age_median",
            "age_range",
            "followup_median_months",
            "followup_range_months",
            "cutoff_date",
            "accrual",
            "recurrence",
            "death",
        ],
    ),
    (
        "features",
        &[
            "per_roi",
            "peritumour_margin_printed_cm",
            "tumour",
            "peritumour",
        ],
    ),
];

impl Manuscript {
    /// Reads the printed numbers.
    ///
    /// # Errors
    /// [`ManuscriptError`] with the line, when a known entry has another form, or when nothing known is there.
    pub fn read(text: &str) -> Result<Manuscript, ManuscriptError> {
        let told = |error: toml::de::Error| ManuscriptError::Toml {
            line: error.span().map_or(1, |span| {
                1 + text.get(..span.start).unwrap_or(text).matches('\n').count()
            }),
            message: error.message().to_owned(),
        };
        let mut manuscript: Manuscript = toml::from_str(text).map_err(told)?;
        if manuscript == Manuscript::default() {
            return Err(ManuscriptError::NothingKnown { known: KNOWN });
        }
        let written: toml::Table = text.parse().map_err(told)?;
        written
            .iter()
            .try_for_each(|(name, value)| finite(name, value))?;
        nobody(&manuscript)?;
        manuscript.ignored = ignored(&written);
        Ok(manuscript)
    }

    /// Entries of the file that no rule reads, in its order: a misspelt name is among them.
    #[must_use]
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// The sections that rules read.
    #[must_use]
    pub fn sections() -> &'static str {
        KNOWN
    }
}

/// TOML has infinities and numbers that are none; a paper has not.
fn finite(entry: &str, value: &toml::Value) -> Result<(), ManuscriptError> {
    match value {
        toml::Value::Float(number) if !number.is_finite() => Err(ManuscriptError::Number {
            entry: entry.to_owned(),
            value: number.to_string(),
            repair: "write the number as printed, or leave the entry out",
        }),
        toml::Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(i, item)| finite(&format!("{entry}[{i}]"), item)),
        toml::Value::Table(fields) => fields
            .iter()
            .try_for_each(|(name, field)| finite(&format!("{entry}.{name}"), field)),
        _ => Ok(()),
    }
}

/// Of nobody there is no percentage.
fn nobody(manuscript: &Manuscript) -> Result<(), ManuscriptError> {
    let centres = manuscript.table1.n.iter();
    let centres = centres.map(|(name, n)| (format!("table1.n.{name}"), Some(*n)));
    let whole = [
        ("study.n".to_owned(), manuscript.study.n),
        ("radiogenomics.n".to_owned(), manuscript.radiogenomics.n),
    ];
    match whole
        .into_iter()
        .chain(centres)
        .find(|(_, n)| *n == Some(0))
    {
        Some((entry, _)) => Err(ManuscriptError::Number {
            entry,
            value: "0".to_owned(),
            repair: "write how many patients there are, or leave the entry out",
        }),
        None => Ok(()),
    }
}

fn ignored(written: &toml::Table) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in written {
        if !KNOWN.split(", ").any(|known| known == name) {
            found.push(name.clone());
            continue;
        }
        let entries = ENTRIES.iter().find(|(section, _)| section == name);
        let fields = value.as_table().into_iter().flatten();
        if let Some((_, known)) = entries {
            let strange = fields.filter(|(field, _)| !known.contains(&field.as_str()));
            found.extend(strange.map(|(field, _)| format!("{name}.{field}")));
        }
    }
    found
}

impl Study {
    /// Months from the first recruitment in a centre to the cut-off: the longest follow-up there can be.
    pub(crate) fn longest_follow_up_months(&self, centre: &str) -> Option<f64> {
        let cutoff = days(self.cutoff_date.as_ref()?)?;
        let first = days(self.accrual.get(centre)?.first()?)?;
        Some((cutoff - first) / DAYS_PER_MONTH)
    }
}

const DAYS_PER_MONTH: f64 = 365.25 / 12.0;

/// Days since 1 March of year 0 of the Gregorian calendar.
fn days(date: &Datetime) -> Option<f64> {
    let date = date.date?;
    let (year, month, day) = (
        f64::from(date.year),
        f64::from(date.month),
        f64::from(date.day),
    );
    let (year, month) = if month > 2.0 {
        (year, month - 3.0)
    } else {
        (year - 1.0, month + 9.0)
    };
    let leaps = (year / 4.0).floor() - (year / 100.0).floor() + (year / 400.0).floor();
    Some(365.0 * year + leaps + ((153.0 * month + 2.0) / 5.0).floor() + day - 1.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_longest_follow_up_is_from_first_recruitment_to_cut_off() {
        let text =
            "[study]\ncutoff_date = 2024-01-01\n[study.accrual]\nc2 = [2020-01-01, 2022-10-01]";
        let study = Manuscript::read(text).unwrap().study;
        let months = study.longest_follow_up_months("c2").unwrap();
        assert!((months - 48.0).abs() < 0.01, "{months}");
        assert_eq!(study.longest_follow_up_months("c9"), None);
    }

    #[test]
    fn errors_name_the_line() {
        let error = Manuscript::read("[study]\nn = \"many\"").unwrap_err();
        assert!(error.to_string().starts_with("line 2:"), "{error}");
        assert!(matches!(
            Manuscript::read("[other]\na = 1").unwrap_err(),
            ManuscriptError::NothingKnown { .. }
        ));
    }

    #[test]
    fn what_no_rule_reads_is_named() {
        let text = "title = \"x\"\n[study]\nn = 5\nn_sites = 2\n[tabel1]\na = 1\n";
        let manuscript = Manuscript::read(text).unwrap();
        assert_eq!(manuscript.ignored(), ["study.n_sites", "tabel1", "title"]);
    }

    #[test]
    fn nobody_and_infinity_are_refused_by_name() {
        let said = |text: &str| Manuscript::read(text).unwrap_err().to_string();
        assert!(said("[study]\nn = 0").starts_with("study.n is 0"));
        assert!(said("[table1.n]\nc1 = 3\nc2 = 0").starts_with("table1.n.c2 is 0"));
        let infinite = said("[study]\nn = 3\n[table4.dfs]\nscca = [inf, 1, 2, 0.5]");
        assert!(
            infinite.starts_with("table4.dfs.scca[0] is inf"),
            "{infinite}"
        );
    }

    #[test]
    fn another_form_is_said_in_words() {
        let said = |text: &str| Manuscript::read(text).unwrap_err().to_string();
        let printed = said("[table4.dfs]\nscca = [1.5, [1], 2, 0.5]");
        assert!(printed.contains("expected a number, or words"), "{printed}");
        let cell = said("[table1.figo]\nI = \"many\"");
        assert!(cell.contains("a category's four numbers"), "{cell}");
        let entry = said("[clinical_radiomics_model]\ndfs = \"good\"");
        assert!(entry.contains("a list of factors"), "{entry}");
    }
}
