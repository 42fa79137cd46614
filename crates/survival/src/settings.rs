//! Why the parameters of a learner are refused.

use thiserror::Error;

/// A parameter outside its range.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SettingsError {
    /// A count is below its smallest value.
    #[error("{name} is {value}, must be at least {at_least}")]
    TooSmall {
        /// Name of the parameter.
        name: &'static str,
        /// Value given.
        value: usize,
        /// Smallest value accepted.
        at_least: usize,
    },
    /// A number is outside its interval.
    #[error("{name} is {value}, must be {range}")]
    Range {
        /// Name of the parameter.
        name: &'static str,
        /// Value given.
        value: f64,
        /// The interval in words.
        range: &'static str,
    },
    /// Two parameters do not go together.
    #[error("{name} needs {needs}")]
    Needs {
        /// Name of the parameter.
        name: &'static str,
        /// What it cannot do without.
        needs: &'static str,
    },
}

pub(crate) fn at_least(
    name: &'static str,
    value: usize,
    at_least: usize,
) -> Result<(), SettingsError> {
    if value >= at_least {
        Ok(())
    } else {
        Err(SettingsError::TooSmall {
            name,
            value,
            at_least,
        })
    }
}

/// Above 0 and at most 1.
pub(crate) fn share(name: &'static str, value: f64) -> Result<(), SettingsError> {
    within(
        name,
        value,
        value > 0.0 && value <= 1.0,
        "above 0 and at most 1",
    )
}

/// Above 0 and finite.
pub(crate) fn positive(name: &'static str, value: f64) -> Result<(), SettingsError> {
    within(name, value, value > 0.0 && value.is_finite(), "above 0")
}

/// At least 0 and finite.
pub(crate) fn not_negative(name: &'static str, value: f64) -> Result<(), SettingsError> {
    within(name, value, value >= 0.0 && value.is_finite(), "at least 0")
}

pub(crate) fn within(
    name: &'static str,
    value: f64,
    ok: bool,
    range: &'static str,
) -> Result<(), SettingsError> {
    if ok {
        Ok(())
    } else {
        Err(SettingsError::Range { name, value, range })
    }
}
