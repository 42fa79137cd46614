//! `clinical-impact`: how many of a population would be treated at a threshold, and how many of them have the event.

use evaluation::{DecisionBounds, DecisionPoint, decision_curve};
use pipeline_defs::params::ClinicalImpactParams;
use serde_json::{Value, json};

use super::decision_curve::Bounds;
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
    let curve = (params.horizon, params.thresholds.as_slice());
    let bounds = Bounds::of(context, params.bootstrap, &predicted, &follow_up, curve)?;
    let mut answer = or_reason(points, |points| {
        let points = points.iter().enumerate();
        let points: Vec<Value> = points
            .map(|(k, p)| point(p, bounds.at(k), population))
            .collect();
        json!({"population": params.population, "points": points})
    })?;
    bounds.tell(&mut answer);
    let answer = with_counts(answer, &follow_up, params.horizon);
    let bytes = artefact::json::encode("clinical impact", &answer)?;
    Ok(vec![Produced::bytes("clinical-impact", bytes)])
}

fn point(point: &DecisionPoint, bounds: Option<&DecisionBounds>, population: f64) -> Value {
    let of = |share: &dyn Fn(&DecisionBounds) -> f64| bounds.map(|b| population * share(b));
    json!({
        "threshold": point.threshold,
        "n_high_risk": population * point.high_risk,
        "n_high_risk_lower": of(&|b| b.high_risk.lower),
        "n_high_risk_upper": of(&|b| b.high_risk.upper),
        "n_high_risk_with_event": population * point.true_positive,
        "n_high_risk_with_event_lower": of(&|b| b.true_positive.lower),
        "n_high_risk_with_event_upper": of(&|b| b.true_positive.upper),
    })
}
