//! The IBSI digital phantom with bins of one grey level: every feature that has an IBSI code against the consensus values.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use imaging::Mask;
use radiomics::{Bin, Settings, dictionary, extract};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Conventions of PyRadiomics that differ from IBSI's: name, and what is known.
const CONVENTIONS: [(&str, &str); 3] = [
    ("firstorder_Kurtosis", "not minus 3"),
    ("shape_MinorAxisLength", "covariance divided by N"),
    ("shape_LeastAxisLength", "covariance divided by N"),
];

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

/// Half a unit of the last printed digit: 0.005 of `1.27`, 5 of `1.49e3`.
fn half_of_last_digit(printed: &str) -> f64 {
    let (digits, exponent) = printed.split_once('e').unwrap_or((printed, "0"));
    let n_decimals = digits
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    let exponent = exponent.parse::<i32>().unwrap() - n_decimals as i32;
    format!("0.5e{exponent}").parse().unwrap()
}

/// Value and tolerance by code, of the digital phantom in three dimensions, averaged over directions where there are any.
fn consensus(path: &Path) -> BTreeMap<String, (f64, f64)> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut values = BTreeMap::new();
    for row in text.lines().skip(1).map(fields) {
        let [_, name, code, data, aggregation, value, tolerance, ..] = &row[..] else {
            panic!("{row:?}")
        };
        if data == "digital phantom" && ["", "3D", "3D, averaged"].contains(&aggregation.as_str()) {
            // the source leaves this code out
            let code = if name == "Small zone emphasis" {
                "5QRC"
            } else {
                code
            };
            let rounding = half_of_last_digit(value);
            let stated = tolerance.parse().unwrap_or(0.0);
            values.insert(
                code.to_owned(),
                (value.parse().unwrap(), rounding * 1.000_001 + stated),
            );
        }
    }
    values
}

#[test]
fn the_digital_phantom_has_the_consensus_values() {
    let Some(folder) = oracles() else { return };
    let consensus = consensus(&folder.join("ibsi/ibsi1_reference_values.csv"));
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
    let extraction = extract(&image, &mask, &settings).unwrap();
    let (mut n_agreeing, mut wrong) = (0, Vec::new());
    for (entry, feature) in dictionary().iter().zip(&extraction.features) {
        let name = format!("{}_{}", entry.class, entry.name);
        let Some(code) = entry.ibsi else { continue };
        let (expected, tolerance) = consensus[code];
        let value = feature.value.unwrap();
        let agrees = (value - expected).abs() <= tolerance;
        let is_convention = CONVENTIONS.iter().any(|(known, _)| *known == name);
        n_agreeing += usize::from(agrees);
        if agrees == is_convention {
            wrong.push(format!(
                "{name} {code}: {value}, consensus {expected} ± {tolerance}"
            ));
        }
    }
    eprintln!(
        "{n_agreeing} features agree with the consensus, {} differ by convention",
        CONVENTIONS.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(n_agreeing, 99);
}
