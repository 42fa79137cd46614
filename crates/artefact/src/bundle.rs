//! A folder of text files as one artefact: canonical JSON, path → content.

use std::collections::BTreeMap;

use crate::{ArtefactError, json};

/// Files by path.
pub type Bundle = BTreeMap<String, String>;

/// Canonical bytes.
///
/// # Errors
/// None for text.
pub fn encode(bundle: &Bundle) -> Result<Vec<u8>, ArtefactError> {
    json::encode("bundle", bundle)
}

/// Reads a bundle; a path that leaves its folder is refused.
///
/// # Errors
/// Not a map of texts, or an absolute path or one with `..`.
pub fn decode(bytes: &[u8]) -> Result<Bundle, ArtefactError> {
    let bundle: Bundle = json::decode("bundle", bytes)?;
    for path in bundle.keys() {
        let safe = !path.is_empty()
            && path
                .split('/')
                .all(|part| !part.is_empty() && part != "." && part != "..")
            && !path.contains('\\');
        if !safe {
            return Err(ArtefactError::Json {
                what: "bundle",
                problem: format!("path `{path}` leaves its folder"),
            });
        }
    }
    Ok(bundle)
}
