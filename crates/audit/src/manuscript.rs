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
}

/// A printed number, or words like `<0.001`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
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
#[serde(untagged)]
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
#[serde(untagged)]
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
    /// None of the sections that an audit knows is in it.
    #[error("no section to audit; known are {known}")]
    NothingKnown {
        /// The sections that are known.
        known: &'static str,
    },
}

const KNOWN: &str =
    "study, table1, features, auc, best, clinical_radiomics_model, table4, radiogenomics";

impl Manuscript {
    /// Reads the printed numbers.
    ///
    /// # Errors
    /// [`ManuscriptError`] with the line, when a known entry has another form, or when nothing known is there.
    pub fn read(text: &str) -> Result<Manuscript, ManuscriptError> {
        let manuscript: Manuscript =
            toml::from_str(text).map_err(|error| ManuscriptError::Toml {
                line: error.span().map_or(1, |span| {
                    1 + text[..span.start.min(text.len())].matches('\n').count()
                }),
                message: error.message().to_owned(),
            })?;
        if manuscript == Manuscript::default() {
            return Err(ManuscriptError::NothingKnown { known: KNOWN });
        }
        Ok(manuscript)
    }
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
}
