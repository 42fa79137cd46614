//! Canonical JSON: sorted keys, no spaces, shortest numbers.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ArtefactError;

/// Canonical bytes of a value. Object keys are sorted because they pass through [`serde_json::Value`], whose map is
/// ordered; a non-finite number becomes `null`.
///
/// # Errors
/// A map key that is not text.
pub fn encode<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>, ArtefactError> {
    let bad = |e: serde_json::Error| ArtefactError::Json {
        what,
        problem: e.to_string(),
    };
    serde_json::to_vec(&serde_json::to_value(value).map_err(bad)?).map_err(bad)
}

/// Reads a value.
///
/// # Errors
/// The text is not JSON, or not of that shape.
pub fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, ArtefactError> {
    serde_json::from_slice(bytes).map_err(|e| ArtefactError::Json {
        what,
        problem: e.to_string(),
    })
}
