//! Risks of many models, told apart by the axes they were gathered along.

use artefact::predictions::RiskTable;

use crate::step::{Input, StepError};

/// The split that is fitted on all training rows and tested on the site held out.
pub(super) const EXTERNAL: &str = "external";

/// The predictions of one fitted model.
pub(super) struct Labelled {
    pub roi_set: String,
    pub learner: String,
    /// The negative control that the model was fitted on; empty for the study's own.
    pub control: String,
    /// `external` in a study without splits.
    pub split: String,
    /// The risks, or why there are none.
    pub risk: Result<RiskTable, String>,
}

impl Labelled {
    /// Reads one entry of a port.
    ///
    /// # Errors
    /// Bytes that are no risks.
    pub fn read(input: &Input) -> Result<Labelled, StepError> {
        let axis = |name| input.axis(name).unwrap_or_default().to_owned();
        let risk = match &input.content {
            Ok(bytes) => Ok(RiskTable::decode(bytes)?),
            Err(refusal) => Err(format!("{}: {}", refusal.code, refusal.message)),
        };
        Ok(Labelled {
            roi_set: axis("roi_set"),
            learner: axis("learner"),
            control: axis("control"),
            split: input.axis("split").unwrap_or(EXTERNAL).to_owned(),
            risk,
        })
    }

    /// Of the test rows of all training rows' model.
    pub fn is_external(&self) -> bool {
        self.split == EXTERNAL
    }

    /// The repeat of a fold: `r3f1` is of repeat 3; folds that were given are one repeat.
    pub fn repeat(&self) -> u32 {
        repeat_of(&self.split)
    }
}

/// See [`Labelled::repeat`].
pub(super) fn repeat_of(split: &str) -> u32 {
    split
        .strip_prefix('r')
        .and_then(|rest| rest.split('f').next())
        .and_then(|n| n.parse().ok())
        .unwrap_or(1)
}

/// Two entries where one is meant.
pub(super) fn twice(port: &str, what: &str) -> StepError {
    StepError::refuse(
        "given-twice",
        format!(
            "`{port}` has two entries of {what}; give every axis along which it is gathered, other than roi_set, learner, \
             control and split, to the step itself"
        ),
    )
}
