//! Predictions: `patient_id,site,risk` (higher is worse) and `patient_id,site,<t1>,<t2>…` (survival probabilities).

use crate::rows::{RowId, Sheet, has_sites, id_header, push_id};
use crate::{ArtefactError, number};

/// Risks by patient; higher is worse.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct RiskTable {
    /// Who.
    pub rows: Vec<RowId>,
    /// How bad.
    pub risk: Vec<f64>,
}

impl RiskTable {
    /// Canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let sites = has_sites(self.rows.iter());
        let mut out = format!("{},risk\n", id_header(sites));
        for (id, risk) in self.rows.iter().zip(&self.risk) {
            push_id(&mut out, id, sites);
            out.push(',');
            number::push(&mut out, *risk);
            out.push('\n');
        }
        out.into_bytes()
    }

    /// Reads risks.
    ///
    /// # Errors
    /// A missing column or a risk that is no finite number.
    pub fn decode(bytes: &[u8]) -> Result<RiskTable, ArtefactError> {
        let sheet = Sheet::read("risk", bytes)?;
        let column = sheet.need(&["risk"])?;
        let rows = sheet.ids()?;
        let mut risk = Vec::with_capacity(rows.len());
        for row in 0..rows.len() {
            let value = sheet.number(row, column)?;
            if value.is_nan() {
                return Err(sheet.bad(row, column, "a finite number"));
            }
            risk.push(value);
        }
        Ok(RiskTable { rows, risk })
    }
}

/// Survival probabilities by patient at given times.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SurvivalTable {
    /// Who.
    pub rows: Vec<RowId>,
    /// Times of the header.
    pub times: Vec<f64>,
    /// One row a patient, one column a time.
    pub survival: Vec<Vec<f64>>,
}

impl SurvivalTable {
    /// Canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let sites = has_sites(self.rows.iter());
        let mut out = id_header(sites).to_owned();
        for time in &self.times {
            out.push(',');
            number::push(&mut out, *time);
        }
        out.push('\n');
        for (id, row) in self.rows.iter().zip(&self.survival) {
            push_id(&mut out, id, sites);
            for value in row {
                out.push(',');
                number::push(&mut out, *value);
            }
            out.push('\n');
        }
        out.into_bytes()
    }

    /// Reads survival probabilities; every column but the names is a time.
    ///
    /// # Errors
    /// A header that is no time, a value outside 0…1.
    pub fn decode(bytes: &[u8]) -> Result<SurvivalTable, ArtefactError> {
        let sheet = Sheet::read("survival", bytes)?;
        let rows = sheet.ids()?;
        let columns: Vec<usize> = (0..sheet.header.len())
            .filter(|c| !matches!(sheet.header[*c].as_str(), "patient_id" | "site"))
            .collect();
        let mut table = SurvivalTable {
            rows,
            ..SurvivalTable::default()
        };
        for c in &columns {
            let name = &sheet.header[*c];
            let time = name
                .parse::<f64>()
                .ok()
                .filter(|t| t.is_finite() && *t >= 0.0);
            table
                .times
                .push(time.ok_or_else(|| ArtefactError::NoColumn {
                    what: "survival",
                    column: "a time".to_owned(),
                    found: name.clone(),
                })?);
        }
        for row in 0..table.rows.len() {
            let mut values = Vec::with_capacity(columns.len());
            for c in &columns {
                let value = sheet.number(row, *c)?;
                if !(0.0..=1.0).contains(&value) {
                    return Err(sheet.bad(row, *c, "a probability"));
                }
                values.push(value);
            }
            table.survival.push(values);
        }
        Ok(table)
    }
}
