//! What a step sees: parameters, a seed, inputs by port; and what it gives: bytes by port, or a refusal.

use std::collections::BTreeMap;
use std::ops::Range;

use artefact::refusal::Refusal;
use bytes::Bytes;
use serde::de::DeserializeOwned;

/// One artefact at a port.
#[derive(Clone, Debug)]
pub struct Input {
    /// Axis values along which it was gathered; empty for a port with one artefact.
    pub axes: Vec<(String, String)>,
    /// The bytes, or why there are none.
    pub content: Result<Bytes, Refusal>,
}

impl Input {
    /// Value of a gathered axis.
    #[must_use]
    pub fn axis(&self, name: &str) -> Option<&str> {
        self.axes
            .iter()
            .find(|(axis, _)| axis == name)
            .map(|(_, value)| value.as_str())
    }
}

/// All inputs of a task, by port, in the order of the plan.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Artefacts by port.
    pub ports: BTreeMap<String, Vec<Input>>,
}

impl Inputs {
    /// Everything at a port; empty when the port is not connected.
    #[must_use]
    pub fn all(&self, port: &str) -> &[Input] {
        self.ports.get(port).map_or(&[], Vec::as_slice)
    }

    /// The one artefact of a port, if it is connected.
    ///
    /// # Errors
    /// A refused artefact where one is needed: the planner never lets that happen in a study.
    pub fn optional(&self, port: &'static str) -> Result<Option<&Bytes>, StepError> {
        match self.all(port).first().map(|input| &input.content) {
            None => Ok(None),
            Some(Ok(bytes)) => Ok(Some(bytes)),
            Some(Err(refusal)) => Err(StepError::refuse(&refusal.code, refusal.message.clone())),
        }
    }

    /// The one artefact of a port.
    ///
    /// # Errors
    /// Nothing is connected: refused by name.
    pub fn one(&self, port: &'static str) -> Result<&Bytes, StepError> {
        self.optional(port)?.ok_or_else(|| {
            StepError::refuse(
                "input-missing",
                format!("input `{port}` is not connected; give it with --in {port}=PATH"),
            )
        })
    }
}

/// What a step is told besides its inputs.
#[derive(Clone, Debug)]
pub struct Context {
    /// Parameters, complete.
    pub params: serde_json::Value,
    /// Seed of a seeded kind.
    pub seed: Option<u64>,
}

impl Context {
    /// The parameters in their type.
    ///
    /// # Errors
    /// They do not fit: a bug of the planner, which checks them first.
    pub fn params<T: DeserializeOwned>(&self) -> Result<T, StepError> {
        serde_json::from_value(self.params.clone())
            .map_err(|e| StepError::Bug(format!("parameters do not fit: {e}")))
    }

    /// The seed.
    ///
    /// # Errors
    /// None was given: a bug of the planner.
    pub fn seed(&self) -> Result<u64, StepError> {
        self.seed
            .ok_or_else(|| StepError::Bug("a seeded step got no seed".to_owned()))
    }
}

/// One output.
#[derive(Clone, Debug, PartialEq)]
pub struct Produced {
    /// Its port.
    pub port: &'static str,
    /// What it holds.
    pub content: Content,
}

impl Produced {
    /// Bytes at a port.
    #[must_use]
    pub fn bytes(port: &'static str, bytes: Vec<u8>) -> Produced {
        Produced {
            port,
            content: Content::Bytes(bytes),
        }
    }
}

/// What an output holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Byte ranges of the input at port `of`: stored as a view.
    Rows {
        /// Input port.
        of: &'static str,
        /// Ranges of its bytes, ascending.
        ranges: Vec<Range<u64>>,
    },
}

/// Why a step gave nothing. Each has one fate.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The input is bad: refused, cached, never tried again.
    #[error("{message} ({code})")]
    Refuse {
        /// For programs.
        code: String,
        /// For people; pseudonyms and numbers only.
        message: String,
    },
    /// The machine failed: tried again, elsewhere if possible.
    #[error("{0}")]
    Retry(String),
    /// The program failed.
    #[error("bug: {0}")]
    Bug(String),
}

impl StepError {
    /// A refusal.
    pub fn refuse(code: &str, message: impl Into<String>) -> StepError {
        StepError::Refuse {
            code: code.to_owned(),
            message: message.into(),
        }
    }
}

impl From<artefact::ArtefactError> for StepError {
    /// An artefact that does not read is a bad input.
    fn from(error: artefact::ArtefactError) -> StepError {
        StepError::refuse("malformed-input", error.to_string())
    }
}
