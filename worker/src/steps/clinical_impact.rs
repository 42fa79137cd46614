//! `clinical-impact`: how many of a population would be treated at a threshold, and how many of them have the event.

use evaluation::{DecisionPoint, decision_curve};
use pipeline_defs::params::ClinicalImpactParams;
use serde_json::{Value, json};

use super::probabilities::{Predicted, or_reason, with_counts};
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: ClinicalImpactParams = context.params()?;
    let predicted = Predicted::read(inputs, "survival", params.horizon)?;
    let follow_up = predicted.follow_up(inputs)?;
    let population = f64::from(params.population);
    let points = decision_curve(
        &predicted.probability,
        &follow_up,
        params.horizon,
        &params.thresholds,
    );
    let answer = or_reason(points, |points| {
        let points: Vec<Value> = points.iter().map(|p| point(p, population)).collect();
        json!({"population": params.population, "points": points})
    })?;
    let answer = with_counts(answer, &follow_up, params.horizon);
    let bytes = artefact::json::encode("clinical impact", &answer)?;
    Ok(vec![Produced::bytes("clinical-impact", bytes)])
}

fn point(point: &DecisionPoint, population: f64) -> Value {
    json!({
        "threshold": point.threshold,
        "n_high_risk": population * point.high_risk,
        "n_high_risk_with_event": population * point.true_positive,
    })
}
