//! The parameters of every step kind: one structure each, with unit, range and source of every value.

use serde_json::Value;

use crate::kinds::KindSpec;
use crate::problem::{Place, Problem};

/// The canonical JSON of all parameters of a kind: its preset completed by what is set.
///
/// # Errors
/// An unknown parameter or a value outside its range.
pub fn resolve_params(kind: &KindSpec, set: &Value, place: &Place) -> Result<String, Problem> {
    let _ = set;
    Err(Problem::new(
        "unfinished",
        place,
        format!("this build has no parameters for `{}` yet", kind.name),
        "",
    ))
}

/// The JSON Schema of a kind's parameters.
pub fn schema_of(kind: &KindSpec) -> Option<Value> {
    let _ = kind;
    None
}
