//! Conformance to the Image Biomarker Standardisation Initiative (IBSI), on its digital phantom.
//!
//! Every feature that has an IBSI code is computed with bins of one grey level and compared with the consensus, in each way of
//! bringing directions and slices together that the settings can express:
//!
//! | IBSI | settings |
//! |---|---|
//! | 3D, averaged | the defaults |
//! | 3D, merged | `weightingNorm: no_weighting` |
//! | 2.5D, direction-merged | `force2D: true` |
//! | 2.5D, merged | both |
//!
//! Classes without directions have 3D and 2.5D. A value conforms if it differs from the consensus by at most the stated tolerance and
//! half a unit of the third digit, to which the source rounds.
//!
//! # Reference
//! Zwanenburg et al., Radiology 295 (2020) 328–338; values from the reference manual, arXiv:1612.07003 (CC BY 4.0).

use crate::dictionary::{Entry, dictionary, extended_dictionary};
use crate::error::{ExtractError, Undefined};
use crate::extract::{features_of, selected_shape_features};
use crate::roi::CroppedRoi;
use crate::selection::FeatureClass;
use crate::settings::{Bin, Settings, WeightingNorm};
use std::collections::BTreeMap;

/// One feature in one aggregation against the consensus.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// The feature.
    pub entry: &'static Entry,
    /// IBSI's name of it.
    pub ibsi_name: &'static str,
    /// IBSI's code of it.
    pub code: &'static str,
    /// How directions and slices were brought together, in IBSI's words.
    pub aggregation: &'static str,
    /// The consensus as printed.
    pub printed: &'static str,
    /// The consensus.
    pub reference: f64,
    /// Largest difference that conforms.
    pub tolerance: f64,
    /// Strength of the consensus, in IBSI's words.
    pub consensus: &'static str,
    /// This build's value.
    pub ours: Result<f64, Undefined>,
    /// What the comparison says.
    pub outcome: Outcome,
}

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// Within the tolerance.
    Conforms,
    /// Outside the tolerance by a known convention of PyRadiomics, which is kept.
    Convention {
        /// What differs.
        reason: &'static str,
        /// The value by IBSI's convention.
        by_ibsi: f64,
        /// Whether that is within the tolerance.
        conforms: bool,
    },
    /// Outside the tolerance, or without value.
    Differs,
}

impl Check {
    /// Whether nothing but a known convention stands between the value and the consensus.
    #[must_use]
    pub fn is_explained(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::Conforms | Outcome::Convention { conforms: true, .. }
        )
    }
}

/// Voxels of the digital phantom along x, y, z.
const DIMS: [usize; 3] = [5, 4, 4];
/// Their distance, mm.
const SPACING_MM: [f64; 3] = [2.0; 3];
/// Grey levels, x fastest; those outside the region of interest are primed out below.
const LEVELS: [u8; 80] = [
    1, 4, 4, 1, 1, 1, 4, 6, 1, 1, 4, 1, 6, 4, 1, 4, 4, 6, 4, 1, // z = 0
    1, 4, 4, 1, 1, 1, 1, 6, 1, 1, 1, 1, 3, 1, 1, 4, 4, 6, 1, 1, // z = 1
    1, 4, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 9, 1, 1, 1, 1, 6, 1, 1, // z = 2
    1, 4, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 6, 1, 1, // z = 3
];
/// Positions outside the region of interest.
const OUTSIDE: [usize; 6] = [30, 43, 44, 52, 63, 64];

/// Consensus values, see the file's first lines.
const TABLE: &str = include_str!("ibsi.tsv");

/// Every feature with an IBSI code, in every aggregation that settings can express, in the order of the dictionary.
///
/// # Errors
/// [`ExtractError`] never, unless the phantom is changed.
pub fn conformance() -> Result<Vec<Check>, ExtractError> {
    let references: Vec<Reference> = TABLE.lines().filter_map(reference).collect();
    let mut checks = Vec::new();
    let mut computed = Vec::new();
    for force_2d in [false, true] {
        for norm in [None, Some(WeightingNorm::NoWeighting)] {
            computed.push((force_2d, norm, values(force_2d, norm)?));
        }
    }
    for entry in dictionary().iter().chain(extended_dictionary()) {
        for reference in &references {
            if entry.ibsi != Some(reference.code) {
                continue;
            }
            for (force_2d, norm, values) in &computed {
                let is_directional = ["glcm", "glrlm"].contains(&entry.class);
                let told = aggregation(is_directional, *force_2d, norm.is_some());
                if told == Some(reference.aggregation) {
                    let ours = values.get(&(entry.class, entry.name)).copied();
                    checks.push(check(
                        entry,
                        reference,
                        ours.unwrap_or(Err(Undefined::Overflow)),
                    ));
                }
            }
        }
    }
    Ok(checks)
}

/// IBSI's word for what the settings do; `None` where they repeat another row.
fn aggregation(is_directional: bool, force_2d: bool, is_merged: bool) -> Option<&'static str> {
    match (is_directional, force_2d, is_merged) {
        (true, false, false) => Some("3D, averaged"),
        (true, false, true) => Some("3D, merged"),
        (true, true, false) => Some("2.5D, direction-merged"),
        (true, true, true) => Some("2.5D, merged"),
        (false, false, false) => Some("3D"),
        (false, true, false) => Some("2.5D"),
        (false, _, true) => None,
    }
}

struct Reference {
    code: &'static str,
    name: &'static str,
    aggregation: &'static str,
    printed: &'static str,
    value: f64,
    tolerance: f64,
    consensus: &'static str,
}

/// `None` for the lines of comment and titles; a test counts the rest.
fn reference(line: &'static str) -> Option<Reference> {
    let mut columns = line.split('\t');
    let (code, name, aggregation) = (columns.next()?, columns.next()?, columns.next()?);
    let (printed, tolerance, consensus) = (columns.next()?, columns.next()?, columns.next()?);
    Some(Reference {
        code,
        name,
        aggregation,
        printed,
        value: printed.parse().ok()?,
        // a hair of room for the decimal fractions' own rounding
        tolerance: tolerance.parse().unwrap_or(0.0) + half_of_last_digit(printed)? * 1.000_001,
        consensus,
    })
}

/// Half a unit of the third digit, 0.005 of `1.27` and of `1`, or of the last printed one where more are printed: the source rounds to
/// three digits and leaves zeros at the end away.
fn half_of_last_digit(printed: &str) -> Option<f64> {
    let (digits, exponent) = printed.split_once('e').unwrap_or((printed, "0"));
    let n_decimals = digits
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    let last = exponent.parse::<i32>().ok()? - n_decimals as i32;
    let n_significant = digits
        .trim_start_matches(['-', '0', '.'])
        .chars()
        .filter(char::is_ascii_digit)
        .count() as i32;
    let third = if n_significant == 0 {
        last
    } else {
        last + n_significant - 3
    };
    format!("0.5e{}", last.min(third)).parse().ok()
}

type Values = BTreeMap<(&'static str, &'static str), Result<f64, Undefined>>;

/// All features of the phantom, by class and name.
fn values(force_2d: bool, weighting_norm: Option<WeightingNorm>) -> Result<Values, ExtractError> {
    let mut settings = Settings {
        bin: Bin::Width(1.0),
        force_2d,
        weighting_norm,
        ..Settings::pyradiomics_defaults()
    };
    let mut values = Values::new();
    let inside: Vec<bool> = (0..LEVELS.len())
        .map(|cell| !OUTSIDE.contains(&cell))
        .collect();
    let roi = CroppedRoi::new(&inside, DIMS, SPACING_MM, &settings)?;
    for entry in extended_dictionary()
        .iter()
        .filter(|entry| entry.ibsi.is_some())
    {
        for class in FeatureClass::ALL
            .into_iter()
            .filter(|class| class.name() == entry.class)
        {
            // the entry is the class's own
            let known = settings.features.enable_feature(class, entry.name);
            debug_assert!(known.is_ok());
        }
    }
    let mut features = selected_shape_features(&roi, "", &settings)?;
    features.extend(features_of(&roi.crop(&LEVELS)?, &roi, "", &settings)?.features);
    for feature in features {
        if let Some(entry) = crate::dictionary::entry_of(&feature.name) {
            values.insert((entry.class, entry.name), feature.value);
        }
    }
    Ok(values)
}

fn check(entry: &'static Entry, reference: &Reference, ours: Result<f64, Undefined>) -> Check {
    let agrees = |value: f64| (value - reference.value).abs() <= reference.tolerance;
    let outcome = match ours {
        Ok(value) if agrees(value) => Outcome::Conforms,
        Ok(value) => match by_convention(entry, value) {
            Some((reason, by_ibsi)) => Outcome::Convention {
                reason,
                by_ibsi,
                conforms: agrees(by_ibsi),
            },
            None => Outcome::Differs,
        },
        Err(_) => Outcome::Differs,
    };
    Check {
        entry,
        ibsi_name: reference.name,
        code: reference.code,
        aggregation: reference.aggregation,
        printed: reference.printed,
        reference: reference.value,
        tolerance: reference.tolerance,
        consensus: reference.consensus,
        ours,
        outcome,
    }
}

/// Conventions of PyRadiomics that differ from IBSI's, and the value by IBSI's.
fn by_convention(entry: &Entry, value: f64) -> Option<(&'static str, f64)> {
    let n = (LEVELS.len() - OUTSIDE.len()) as f64;
    match (entry.class, entry.name) {
        ("firstorder", "Kurtosis") => Some(("not minus 3", value - 3.0)),
        ("shape", "MinorAxisLength" | "LeastAxisLength") => Some((
            "covariance of the voxel centres divided by N; the consensus is met with N − 1",
            value * (n / (n - 1.0)).sqrt(),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_phantom_is_the_published_one() {
        let inside = |level: u8| {
            let levels = LEVELS.iter().enumerate();
            levels
                .filter(|(cell, l)| **l == level && !OUTSIDE.contains(cell))
                .count()
        };
        // counts of the reference manual's intensity histogram
        assert_eq!([1, 3, 4, 6, 9].map(inside), [50, 1, 16, 7, 0]);
    }

    #[test]
    fn every_feature_conforms_but_for_the_conventions() {
        let checks = conformance().unwrap();
        let count = |what: fn(&Check) -> bool| checks.iter().filter(|check| what(check)).count();
        let differing: Vec<_> = checks
            .iter()
            .filter(|check| !check.is_explained())
            .collect();
        assert!(differing.is_empty(), "{differing:#?}");
        let n_conventions = count(|check| check.outcome != Outcome::Conforms);
        assert_eq!((checks.len(), n_conventions), (277, 3));
    }

    #[test]
    fn half_digits() {
        let half = |printed| half_of_last_digit(printed).unwrap();
        assert!((half("1.27") - 0.005).abs() < 1e-18);
        assert_eq!(
            (half("1.49e3"), half("556"), half("1.2e3")),
            (5.0, 0.5, 5.0)
        );
        assert_eq!((half("1"), half("-0.355"), half("0")), (0.005, 0.0005, 0.5));
        assert_eq!(half_of_last_digit("1ex"), None);
    }
}
