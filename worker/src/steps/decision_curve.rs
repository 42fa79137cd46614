//! `decision-curve`: net benefit of acting on a predicted risk.

use evaluation::{DecisionPoint, decision_curve};
use pipeline_defs::params::DecisionCurveParams;
use serde_json::{Value, json};

use super::probabilities::{Predicted, or_reason, with_counts};
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: DecisionCurveParams = context.params()?;
    let predicted = Predicted::read(inputs, "survival", params.horizon)?;
    let follow_up = predicted.follow_up(inputs)?;
    let points = decision_curve(
        &predicted.probability,
        &follow_up,
        params.horizon,
        &params.thresholds,
    );
    let answer = or_reason(
        points,
        |points| json!({"points": points.iter().map(point).collect::<Vec<_>>()}),
    )?;
    let answer = with_counts(answer, &follow_up, params.horizon);
    let bytes = artefact::json::encode("decision curve", &answer)?;
    Ok(vec![Produced::bytes("decision-curve", bytes)])
}

fn point(point: &DecisionPoint) -> Value {
    json!({
        "threshold": point.threshold,
        "net_benefit": point.net_benefit,
        "net_benefit_all": point.net_benefit_all,
        "net_benefit_none": 0.0,
        "high_risk": point.high_risk,
        "true_positive": point.true_positive,
        "false_positive": point.false_positive,
    })
}
