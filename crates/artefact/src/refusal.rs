//! Why a step refused its input.

use serde::{Deserialize, Serialize};

use crate::{ArtefactError, json};

/// A refusal: a result like any other. It carries a code, a pseudonym and numbers; never a path or a file name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// What kind of trouble, for programs: `mask-empty`.
    pub code: String,
    /// What is wrong, with the values, and what to do.
    pub message: String,
    /// The step kind that refused.
    pub kind: String,
}

impl Refusal {
    /// Canonical bytes.
    ///
    /// # Errors
    /// None for text.
    pub fn encode(&self) -> Result<Vec<u8>, ArtefactError> {
        json::encode("refusal", self)
    }

    /// Reads one.
    ///
    /// # Errors
    /// Not a refusal.
    pub fn decode(bytes: &[u8]) -> Result<Refusal, ArtefactError> {
        json::decode("refusal", bytes)
    }
}
