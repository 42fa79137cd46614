//! The carried consensus values and the carried digital phantom against the published ones.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use imaging::Mask;
use radiomics::ibsi::conformance;
use radiomics::{Bin, Settings, extract};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn oracles() -> Option<PathBuf> {
    let folder = std::env::var_os("RADLOOM_ORACLES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/oracles"),
        PathBuf::from,
    );
    let found = folder.join("radiomics");
    if found.is_dir() {
        return Some(found);
    }
    eprintln!("skipped: oracles absent");
    None
}

/// Fields of a line of CSV; quotes keep commas.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut is_quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(String::new()),
            _ => fields.last_mut().unwrap().push(letter),
        }
    }
    fields
}

/// Printed value and tolerance of the digital phantom by code and aggregation.
fn consensus(path: &Path) -> BTreeMap<(String, String), (String, String)> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut values = BTreeMap::new();
    for row in text.lines().skip(1).map(fields) {
        let [_, name, code, data, aggregation, value, tolerance, ..] = &row[..] else {
            panic!("{row:?}")
        };
        if data == "digital phantom" {
            // the source leaves this code out
            let code = if name == "Small zone emphasis" {
                "5QRC"
            } else {
                code
            };
            let aggregation = if aggregation.is_empty() {
                "3D"
            } else {
                aggregation
            };
            let key = (code.to_owned(), aggregation.to_owned());
            values.insert(key, (value.clone(), tolerance.clone()));
        }
    }
    values
}

#[test]
fn the_carried_values_are_the_published_ones() {
    let Some(folder) = oracles() else { return };
    let published = consensus(&folder.join("ibsi/ibsi1_reference_values.csv"));
    let checks = conformance().unwrap();
    for check in &checks {
        let key = (check.code.to_owned(), check.aggregation.to_owned());
        let (printed, tolerance) = &published[&key];
        assert_eq!(check.printed, printed, "{key:?}");
        let stated: f64 = tolerance.parse().unwrap_or(0.0);
        assert!(check.tolerance >= stated, "{key:?}");
        // the rest is half of the last digit
        assert!(
            check.tolerance <= stated + 0.06 * check.reference.abs().max(10.0),
            "{key:?}"
        );
    }
    // a feature is checked in every aggregation that its code has here
    let is_expressible = |aggregation: &str| !aggregation.starts_with("2D");
    for (code, aggregation) in published.keys() {
        if is_expressible(aggregation) && checks.iter().any(|check| check.code == code) {
            assert!(
                checks
                    .iter()
                    .any(|check| check.code == code && check.aggregation == aggregation),
                "{code} {aggregation}"
            );
        }
    }
}

#[test]
fn the_carried_phantom_is_the_published_one() {
    let Some(folder) = oracles() else { return };
    let read = |what: &str| {
        imaging::nifti::read(&folder.join(format!("images/ibsi_digital_{what}.nii.gz"))).unwrap()
    };
    let (image, labels) = (read("image"), read("mask"));
    let mask = Mask::new(
        labels.geometry,
        labels.to_f64().iter().map(|&label| label == 1.0).collect(),
    )
    .unwrap();
    let settings = Settings {
        bin: Bin::Width(1.0),
        ..Settings::pyradiomics_defaults()
    };
    let features = extract(&image, &mask, &settings).unwrap().features;
    let checks = conformance().unwrap();
    let mut n_compared = 0;
    for feature in features {
        let told = checks.iter().find(|check| {
            let entry = check.entry;
            feature.name == format!("original_{}_{}", entry.class, entry.name)
                && ["3D", "3D, averaged"].contains(&check.aggregation)
        });
        if let Some(check) = told {
            assert_eq!(check.ours, feature.value, "{}", feature.name);
            n_compared += 1;
        }
    }
    assert_eq!(n_compared, 102);
}
