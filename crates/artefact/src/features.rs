//! Features of one region of one patient: CSV `feature,value`; an undefined value is empty.

use crate::rows::{Sheet, push_field};
use crate::{ArtefactError, number};

/// Names and values in order; NaN is undefined.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Features {
    /// PyRadiomics names.
    pub names: Vec<String>,
    /// Their values.
    pub values: Vec<f64>,
}

impl Features {
    /// Canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = String::from("feature,value\n");
        for (name, value) in self.names.iter().zip(&self.values) {
            push_field(&mut out, name);
            out.push(',');
            number::push(&mut out, *value);
            out.push('\n');
        }
        out.into_bytes()
    }

    /// Reads a feature file.
    ///
    /// # Errors
    /// A missing column or a value that is no number.
    pub fn decode(bytes: &[u8]) -> Result<Features, ArtefactError> {
        let sheet = Sheet::read("feature file", bytes)?;
        let (name, value) = (sheet.need(&["feature"])?, sheet.need(&["value"])?);
        let mut features = Features::default();
        for row in 0..sheet.records.len() {
            features.names.push(sheet.cell(row, name).to_owned());
            features.values.push(sheet.number(row, value)?);
        }
        Ok(features)
    }
}
