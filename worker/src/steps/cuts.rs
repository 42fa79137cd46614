//! Cut-points that `cut-point` found, by column.

use std::collections::BTreeMap;

use artefact::refusal::Refusal;
use serde::Deserialize;

use crate::step::{Inputs, StepError};

/// A cut and what the search for it is worth.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Cut {
    /// The column that is cut.
    pub column: String,
    /// Values above are on one side, values up to it on the other.
    pub cut: f64,
    /// P of the best of all cuts looked at.
    #[serde(default)]
    pub p_adjusted: Option<f64>,
}

/// The cuts of the port `cuts` by column. A refused search stands under the marker that it was of.
///
/// # Errors
/// A refused search of nobody knows which column, a record without column and cut, two cuts of a column.
pub(super) fn read(inputs: &Inputs) -> Result<BTreeMap<String, Result<Cut, Refusal>>, StepError> {
    let mut cuts = BTreeMap::new();
    for input in inputs.all("cuts") {
        let (column, cut) = match (&input.content, input.axis("marker")) {
            (Ok(bytes), _) => {
                let cut: Cut = artefact::json::decode("cut-point", bytes)?;
                (cut.column.clone(), Ok(cut))
            }
            (Err(refusal), Some(marker)) => (marker.to_owned(), Err(refusal.clone())),
            (Err(refusal), None) => {
                return Err(StepError::refuse(&refusal.code, refusal.message.clone()));
            }
        };
        if cuts.insert(column.clone(), cut).is_some() {
            return Err(StepError::refuse(
                "cut-twice",
                format!("`cuts` has two cuts of `{column}`; give one"),
            ));
        }
    }
    Ok(cuts)
}
