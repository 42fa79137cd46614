//! Library errors as refusals.

use std::error::Error;

use crate::step::StepError;

/// A refusal with the whole chain of causes in its message.
pub(super) fn refuse(code: &str, error: &dyn Error) -> StepError {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.ends_with(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = error.source();
    }
    StepError::refuse(code, message)
}
