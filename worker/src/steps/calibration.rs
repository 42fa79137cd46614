//! `calibration`: predicted against observed risk.

use evaluation::{CalibrationGroup, calibration};
use pipeline_defs::params::CalibrationParams;
use serde_json::{Value, json};

use super::probabilities::{Predicted, or_reason, with_counts};
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: CalibrationParams = context.params()?;
    let predicted = Predicted::read(inputs, "survival", params.horizon)?;
    let follow_up = predicted.follow_up(inputs)?;
    let groups = calibration(
        &predicted.probability,
        &follow_up,
        params.horizon,
        params.groups as usize,
    );
    let answer = or_reason(
        groups,
        |groups| json!({"groups": groups.iter().map(group).collect::<Vec<_>>()}),
    )?;
    let answer = with_counts(answer, &follow_up, params.horizon);
    let bytes = artefact::json::encode("calibration", &answer)?;
    Ok(vec![Produced::bytes("calibration", bytes)])
}

fn group(group: &CalibrationGroup) -> Value {
    json!({
        "n": group.n,
        "predicted": group.predicted,
        "observed": group.observed,
        "std_err": group.std_err,
        "lower": group.interval.map(|i| i.lower),
        "upper": group.interval.map(|i| i.upper),
    })
}
