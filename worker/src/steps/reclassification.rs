//! `reclassification`: whether a new model moves patients to the right side of the old one.

use artefact::metrics::Measure;
use cohort::FollowUp;
use evaluation::{
    AucConvention, Bootstrap, Estimate, MetricError, Movement, NotEstimable, Reclassified,
    Reweighting, horizon_guard,
};
use pipeline_defs::params::{NriCensoring, ReclassificationParams};
use serde_json::json;

use super::measures::{events_by, measured};
use super::probabilities::{Predicted, with_counts};
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: ReclassificationParams = context.params()?;
    let old = Predicted::read(inputs, "old_risk", params.horizon)?;
    let new = Predicted::read(inputs, "new_risk", params.horizon)?.of(&old.rows, "new_risk")?;
    let follow_up = old.follow_up(inputs)?;
    let pair = Reclassified::new(&old.probability, &new, &follow_up, params.horizon)
        .map_err(|e| refuse("metric", &e))?;
    let bootstrap = match params.bootstrap {
        0 => None,
        n => Some(
            Bootstrap::new(n as usize, 0.95, context.seed()?)
                .map_err(|e| refuse("bootstrap", &e))?,
        ),
    };
    let movement = match params.cuts.is_empty() {
        true => Movement::Change(params.change),
        false => Movement::Category(&params.cuts),
    };
    let reweighting = match params.censoring {
        NriCensoring::Km => Reweighting::KaplanMeier,
        NriCensoring::Ipw => Reweighting::Ipcw,
        NriCensoring::Survidinri => Reweighting::FlemingHarrington,
    };
    let without = unsupported(&follow_up, params.horizon)?;
    let n_events = events_by(&follow_up, params.horizon);
    let measure = |estimate: &dyn Fn(Option<&Bootstrap>) -> Result<Estimate, MetricError>| {
        let found = match &without {
            Some(reason) => Measure {
                n: follow_up.len() as u64,
                reason: Some(format!("NE: {reason}")),
                ..Measure::default()
            },
            None => measured(bootstrap.as_ref(), estimate)?,
        };
        Ok::<Measure, StepError>(Measure { n_events, ..found })
    };
    let nri = |part: usize| -> Result<Measure, StepError> {
        measure(&|bootstrap| {
            let parts = pair.estimate_nri(movement, reweighting, bootstrap)?;
            Ok(parts[part].clone())
        })
    };
    let answer = json!({
        "nri": nri(0)?,
        "nri_events": nri(1)?,
        "nri_nonevents": nri(2)?,
        "idi": measure(&|bootstrap| pair.estimate_idi(reweighting, bootstrap))?,
    });
    let answer = with_counts(answer, &follow_up, params.horizon);
    let bytes = artefact::json::encode("reclassification", &answer)?;
    Ok(vec![Produced::bytes("reclassification", bytes)])
}

/// Why the follow-up supports no statement at the horizon, by the rule of AUC(t): a handful of cases moves anywhere.
fn unsupported(follow_up: &FollowUp, horizon: f64) -> Result<Option<NotEstimable>, StepError> {
    match horizon_guard(follow_up, horizon, AucConvention::Score) {
        Ok(()) => Ok(None),
        Err(MetricError::NotEstimable(reason)) => Ok(Some(reason)),
        Err(other) => Err(refuse("metric", &other)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, learnable, refusal, run};
    use serde_json::{Value, json};

    fn risks(scale: f64) -> Vec<u8> {
        let rows = (0..80).map(|i| format!("p{i:03},{}\n", scale * f64::from((i * 37) % 101)));
        format!("patient_id,risk\n{}", rows.collect::<String>()).into_bytes()
    }

    fn params(horizon: f64) -> Value {
        json!({"horizon": horizon, "cuts": [], "change": 0.0, "censoring": "km", "bootstrap": 100})
    }

    #[test]
    fn a_sharper_model_improves_and_a_late_horizon_has_a_reason() {
        let (_, followup) = learnable(80);
        let flat: String = (0..80).map(|i| format!("p{i:03},0.4\n")).collect();
        let old = format!("patient_id,risk\n{flat}").into_bytes();
        let ports = [
            ("old_risk", old),
            ("new_risk", risks(0.0099)),
            ("followup", followup),
        ];
        let at = |horizon: f64| -> Value {
            let out = run("reclassification", params(horizon), &ports).unwrap();
            serde_json::from_slice(&content(&out, "reclassification")).unwrap()
        };
        let found = at(36.0);
        for name in ["nri", "nri_events", "idi"] {
            let m = &found[name];
            let number = |key: &str| m[key].as_f64().unwrap();
            assert!(number("value") > 0.0, "{name}: {m}");
            assert!(number("lower") <= number("value") && number("value") <= number("upper"));
        }
        let late = at(500.0);
        assert!(
            late["nri"]["reason"].as_str().unwrap().starts_with("NE"),
            "{late}"
        );
        let early = at(12.0);
        assert_eq!(
            early["idi"]["reason"], "NE: 2 cases at 12, must be at least 5",
            "{early}"
        );
        assert_eq!(early["idi"]["n_events"], json!(2));
    }

    #[test]
    fn a_risk_that_is_no_probability_is_named() {
        let (_, followup) = learnable(80);
        let ports = [
            ("old_risk", risks(1.0)),
            ("new_risk", risks(0.001)),
            ("followup", followup),
        ];
        let (code, message) = refusal(run("reclassification", params(36.0), &ports));
        assert_eq!(code, "not-a-probability");
        assert!(
            message.contains("`old_risk`: the risk of patient `p001` is 37"),
            "{message}"
        );
    }
}
