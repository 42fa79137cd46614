//! `no-op`: gives back its parameter. For benchmarks and tests of the plumbing.

use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, _inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    Ok(vec![Produced::bytes(
        "output",
        artefact::json::encode("no-op", &context.params)?,
    )])
}
