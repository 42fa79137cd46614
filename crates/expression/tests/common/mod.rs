//! Reference tables and the design of the airway samples.
#![allow(clippy::unwrap_used, dead_code)]

use expression::{normalisation_factors, normalise};
use ndarray::Array2;
use std::path::PathBuf;

pub fn oracle(name: &str) -> Option<Vec<u8>> {
    let root = std::env::var_os("RADLOOM_ORACLES").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/oracles"
            ))
        },
        PathBuf::from,
    );
    let found = std::fs::read(root.join("survival").join(name)).ok();
    if found.is_none() {
        eprintln!("skipped: oracles absent ({name})");
    }
    found
}

pub struct Sheet {
    pub names: Vec<String>,
    pub genes: Vec<String>,
    pub values: Array2<f64>,
}

impl Sheet {
    pub fn read(name: &str) -> Option<Sheet> {
        let bytes = oracle(&format!("o_expression/{name}"))?;
        let mut reader = csv::Reader::from_reader(&bytes[..]);
        let names = reader
            .headers()
            .unwrap()
            .iter()
            .skip(1)
            .map(str::to_owned)
            .collect::<Vec<_>>();
        let (mut genes, mut values) = (Vec::new(), Vec::new());
        for record in reader.records() {
            let record = record.unwrap();
            genes.push(record[0].to_owned());
            values.extend(
                record
                    .iter()
                    .skip(1)
                    .map(|v| v.parse::<f64>().unwrap_or(f64::NAN)),
            );
        }
        let values = Array2::from_shape_vec((genes.len(), names.len()), values).unwrap();
        Some(Sheet {
            names,
            genes,
            values,
        })
    }

    pub fn column(&self, name: &str) -> Vec<f64> {
        let at = self.names.iter().position(|n| n == name).unwrap();
        self.values.column(at).to_vec()
    }
}

/// Treatment alone, and beside the four cell lines; the last column is the treatment.
pub fn design(paired: bool) -> Array2<f64> {
    let columns = if paired { 5 } else { 2 };
    Array2::from_shape_fn((8, columns), |(i, j)| match j {
        0 => 1.0,
        j if j == columns - 1 => f64::from(u8::from(i % 2 == 1)),
        // N052611, N061011, N080611, N61311 in R's order of levels
        j => f64::from(u8::from(
            ["N61311", "N052611", "N080611", "N061011"][i / 2]
                == ["N061011", "N080611", "N61311"][j - 1],
        )),
    })
}

pub fn effective(counts: &Array2<f64>) -> Vec<f64> {
    let sizes = normalise::library_sizes(counts.view()).unwrap();
    let factors = normalisation_factors(counts.view()).unwrap();
    sizes.iter().zip(factors).map(|(s, f)| s * f).collect()
}
