//! `decision-curve`: net benefit of acting on a predicted risk.

use cohort::FollowUp;
use evaluation::{
    Bootstrap, DecisionBounds, DecisionPoint, MetricError, decision_bounds, decision_curve,
};
use pipeline_defs::params::DecisionCurveParams;
use serde_json::{Value, json};

use super::probabilities::{Predicted, or_reason, with_counts};
use super::refuse::refuse;
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
    let curve = (params.horizon, params.thresholds.as_slice());
    let bounds = Bounds::of(context, params.bootstrap, &predicted, &follow_up, curve)?;
    let mut answer = or_reason(points, |points| {
        let points = points.iter().enumerate();
        json!({"points": points.map(|(k, p)| point(p, bounds.at(k))).collect::<Vec<_>>()})
    })?;
    bounds.tell(&mut answer);
    let answer = with_counts(answer, &follow_up, params.horizon);
    let bytes = artefact::json::encode("decision curve", &answer)?;
    Ok(vec![Produced::bytes("decision-curve", bytes)])
}

/// Coverage of the bounds.
const LEVEL: f64 = 0.95;

/// The bounds of a curve, or why there are none.
pub(super) struct Bounds {
    draws: u32,
    found: Result<Vec<DecisionBounds>, String>,
}

impl Bounds {
    /// Of `draws` resamples of the patients; none where nobody asked, or where the curve itself cannot be drawn.
    pub fn of(
        context: &Context,
        draws: u32,
        predicted: &Predicted,
        follow_up: &FollowUp,
        (horizon, thresholds): (f64, &[f64]),
    ) -> Result<Bounds, StepError> {
        if draws == 0 {
            let found = Ok(Vec::new());
            return Ok(Bounds { draws, found });
        }
        let bootstrap = Bootstrap::new(draws as usize, LEVEL, context.seed()?)
            .map_err(|e| refuse("bootstrap", &e))?;
        let risk = &predicted.probability;
        let found = match decision_bounds(risk, follow_up, horizon, thresholds, &bootstrap) {
            Ok(found) => Ok(found),
            Err(MetricError::NotEstimable(reason)) => Err(format!("NE: {reason}")),
            Err(other) => return Err(refuse("metric", &other)),
        };
        Ok(Bounds { draws, found })
    }

    /// Those of a point.
    pub fn at(&self, k: usize) -> Option<&DecisionBounds> {
        self.found.as_ref().ok()?.get(k)
    }

    /// What they are of, beside the points.
    pub fn tell(&self, answer: &mut Value) {
        answer["resamples"] = json!(self.draws);
        answer["level"] = json!(LEVEL);
        if let Err(reason) = &self.found {
            answer["no_bounds"] = json!(reason);
        }
    }
}

fn point(point: &DecisionPoint, bounds: Option<&DecisionBounds>) -> Value {
    json!({
        "threshold": point.threshold,
        "net_benefit": point.net_benefit,
        "lower": bounds.map(|b| b.net_benefit.lower),
        "upper": bounds.map(|b| b.net_benefit.upper),
        "net_benefit_all": point.net_benefit_all,
        "net_benefit_none": 0.0,
        "high_risk": point.high_risk,
        "true_positive": point.true_positive,
        "false_positive": point.false_positive,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, run};
    use serde_json::{Value, json};

    /// Forty patients whose risk says something, followed to 39 months.
    fn judged() -> [(&'static str, Vec<u8>); 2] {
        let mut risk = "patient_id,risk\n".to_owned();
        let mut outcome = "patient_id,time,event\n".to_owned();
        for i in 0..40 {
            let hazard = (i * 7) % 40;
            risk += &format!("p{i:02},0.{}\n", 10 + hazard * 2);
            outcome += &format!("p{i:02},{},{}\n", 41 - hazard, u8::from(i % 3 > 0));
        }
        [
            ("survival", risk.into_bytes()),
            ("followup", outcome.into_bytes()),
        ]
    }

    fn drawn(kind: &str, output: &str, mut set: Value) -> Value {
        set["thresholds"] = json!([0.1, 0.3, 0.5]);
        if kind == "clinical-impact" {
            set["population"] = json!(1000);
        }
        let out = run(kind, set, &judged()).unwrap();
        serde_json::from_slice(&content(&out, output)).unwrap()
    }

    #[test]
    fn a_curve_lies_within_its_bounds_and_none_are_drawn_where_nobody_asked() {
        let set = |draws: u32| json!({"horizon": 24.0, "bootstrap": draws});
        let found = drawn("decision-curve", "decision-curve", set(200));
        let point = &found["points"][1];
        let at = |name: &str| point[name].as_f64().unwrap();
        assert!(at("lower") < at("net_benefit") && at("net_benefit") < at("upper"));
        assert_eq!(
            (&found["resamples"], &found["level"]),
            (&json!(200), &json!(0.95))
        );
        let without = drawn("decision-curve", "decision-curve", set(0));
        assert_eq!(without["points"][1]["lower"], Value::Null);
        assert_eq!(without["points"][1]["net_benefit"], point["net_benefit"]);
        let impact = drawn("clinical-impact", "clinical-impact", set(200));
        let point = &impact["points"][1];
        let at = |name: &str| point[name].as_f64().unwrap();
        for count in ["n_high_risk", "n_high_risk_with_event"] {
            let [lower, upper] = ["lower", "upper"].map(|end| at(&format!("{count}_{end}")));
            assert!(lower < at(count) && at(count) < upper, "{count}");
        }
    }

    #[test]
    fn a_curve_without_bounds_says_why() {
        // at 41 months one of forty is left: a third of the resamples miss that patient
        let found = drawn(
            "decision-curve",
            "decision-curve",
            json!({"horizon": 41.0, "bootstrap": 100}),
        );
        assert!(found["points"][0]["net_benefit"].is_number());
        assert_eq!(found["points"][0]["lower"], Value::Null);
        let why = found["no_bounds"].as_str().unwrap();
        assert!(why.starts_with("NE: undefined in "), "{why}");
    }
}
