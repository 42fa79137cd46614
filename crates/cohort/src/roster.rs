//! Who is in the study, in the one order that all rooms use.

use thiserror::Error;

/// A patient's place in the study.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RosterRow {
    /// Centre, such as `c1`.
    pub site: String,
    /// Pseudonym, unique within its site.
    pub patient_id: String,
}

/// Patients in ascending order of (site, patient_id) as bytes, each once. Row numbers everywhere are positions in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    rows: Vec<RosterRow>,
}

/// Why rows are not a roster.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RosterError {
    /// One patient stands in two rows.
    #[error("patient {patient_id} of site {site} is in row {} and row {row}", row - 1)]
    Twice {
        /// The later row, counted from 0.
        row: usize,
        /// Centre.
        site: String,
        /// Pseudonym.
        patient_id: String,
    },
    /// A row stands after one that it precedes by (site, patient_id) bytes.
    #[error(
        "row {row} ({site}, {patient_id}) is out of order: rows go by site and patient id as bytes"
    )]
    Order {
        /// Row, counted from 0.
        row: usize,
        /// Centre.
        site: String,
        /// Pseudonym.
        patient_id: String,
    },
}

impl Roster {
    /// Checks that `rows` ascend by (site, patient_id) bytes.
    ///
    /// # Errors
    /// The first row that repeats its predecessor or should stand before it.
    pub fn new(rows: Vec<RosterRow>) -> Result<Roster, RosterError> {
        for (before, pair) in rows.windows(2).enumerate() {
            let RosterRow { site, patient_id } = pair[1].clone();
            let row = before + 1;
            match pair[0].cmp(&pair[1]) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => {
                    return Err(RosterError::Twice {
                        row,
                        site,
                        patient_id,
                    });
                }
                std::cmp::Ordering::Greater => {
                    return Err(RosterError::Order {
                        row,
                        site,
                        patient_id,
                    });
                }
            }
        }
        Ok(Roster { rows })
    }

    /// The rows in order.
    pub fn rows(&self) -> &[RosterRow] {
        &self.rows
    }

    /// Number of patients.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no patient.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn roster(rows: &[(&str, &str)]) -> Result<Roster, RosterError> {
        let row = |(site, id): &(&str, &str)| RosterRow {
            site: site.to_string(),
            patient_id: id.to_string(),
        };
        Roster::new(rows.iter().map(row).collect())
    }

    #[test]
    fn order_and_uniqueness_are_checked() {
        assert_eq!(
            roster(&[("c1", "a"), ("c1", "b"), ("c2", "a")])
                .unwrap()
                .len(),
            3
        );
        assert_eq!(
            roster(&[("c1", "a"), ("c1", "a")]).unwrap_err().to_string(),
            "patient a of site c1 is in row 0 and row 1"
        );
        assert_eq!(
            roster(&[("c2", "a"), ("c1", "b")]).unwrap_err().to_string(),
            "row 1 (c1, b) is out of order: rows go by site and patient id as bytes"
        );
    }
}
