//! One file a step kind: decode the inputs, call one library function, encode the outputs.
//!
//! A new kind: its row in `pipeline-defs`' registry and parameters, a file here, its arm in [`run`], a golden digest in
//! `tests/it/golden.rs`. The registry and this table are held together by a test, both ways.

mod no_op;

use crate::step::{Context, Inputs, Produced, StepError};

/// Runs a step.
///
/// # Errors
/// As the step says; an unknown kind is a bug, for the planner knows them all.
pub fn run(kind: &str, context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    match kind {
        "no-op" => no_op::run(context, inputs),
        other => Err(StepError::Bug(format!("step kind `{other}` has no code in this build"))),
    }
}

/// The kinds that [`run`] knows.
pub const KINDS: &[&str] = &["no-op"];
