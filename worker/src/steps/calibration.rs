//! `calibration`: predicted against observed risk, in groups, along a smooth curve, and by intercept and slope.

use evaluation::{
    CalibrationCurve, CalibrationGroup, CalibrationSlope, Coefficient, calibration,
    calibration_curve, calibration_slope,
};
use pipeline_defs::params::CalibrationParams;
use serde_json::{Value, json};

use super::probabilities::{Predicted, or_reason, with_counts};
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: CalibrationParams = context.params()?;
    let predicted = Predicted::read(inputs, "survival", params.horizon)?;
    let follow_up = predicted.follow_up(inputs)?;
    let (risk, horizon) = (&predicted.probability, params.horizon);
    let groups = calibration(risk, &follow_up, horizon, params.groups as usize);
    let mut answer = or_reason(
        groups,
        |groups| json!({"groups": groups.iter().map(group).collect::<Vec<_>>()}),
    )?;
    answer["slope"] = or_reason(calibration_slope(risk, &follow_up, horizon), |s| slope(&s))?;
    answer["curve"] = or_reason(calibration_curve(risk, &follow_up, horizon), |c| {
        curve(&c, risk)
    })?;
    let answer = with_counts(answer, &follow_up, horizon);
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

fn slope(slope: &CalibrationSlope) -> Value {
    let ratio = slope.observed_over_expected_interval;
    json!({
        "observed_over_expected": {
            "value": slope.observed_over_expected,
            "lower": ratio.map(|i| i.lower),
            "upper": ratio.map(|i| i.upper),
        },
        "intercept": coefficient(&slope.intercept),
        "slope": coefficient(&slope.slope),
        "cox_slope": coefficient(&slope.cox_slope),
    })
}

fn coefficient(of: &Coefficient) -> Value {
    json!({"value": of.value, "std_err": of.std_err, "lower": of.interval.lower, "upper": of.interval.upper})
}

/// Points in the order of the predicted risk, equal risks once.
fn curve(curve: &CalibrationCurve, risk: &[f64]) -> Value {
    let mut points: Vec<(f64, f64)> = risk
        .iter()
        .copied()
        .zip(curve.observed.iter().copied())
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points.dedup_by(|a, b| a.0 == b.0);
    let points: Vec<Value> = points
        .iter()
        .map(|(predicted, observed)| json!({"predicted": predicted, "observed": observed}))
        .collect();
    json!({
        "ici": curve.ici, "e50": curve.e50, "e90": curve.e90, "e_max": curve.e_max,
        "points": points,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, learnable, run};
    use super::*;
    use cohort::FollowUp;

    fn judged(risk: &[f64], followup: Vec<u8>) -> Value {
        let rows: String = (risk.iter().enumerate())
            .map(|(i, r)| format!("p{i:03},{r}\n"))
            .collect();
        let risk = format!("patient_id,risk\n{rows}").into_bytes();
        let params = json!({"horizon": 30.0, "groups": 3});
        let ports = [("survival", risk), ("followup", followup)];
        let out = run("calibration", params, &ports).unwrap();
        serde_json::from_slice(&content(&out, "calibration")).unwrap()
    }

    #[test]
    fn slope_and_curve_stand_beside_the_groups_and_are_the_library_s() {
        let (_, followup) = learnable(80);
        let risk: Vec<f64> = (0..80)
            .map(|i: u32| 0.05 + 0.9 * f64::from((i * 37) % 101) / 101.0)
            .collect();
        let rows = String::from_utf8(followup.clone()).unwrap();
        let cells: Vec<Vec<&str>> = rows
            .lines()
            .skip(1)
            .map(|l| l.split(',').collect())
            .collect();
        let time = cells.iter().map(|c| c[2].parse().unwrap()).collect();
        let follow_up = FollowUp::new(time, cells.iter().map(|c| c[3] == "1").collect()).unwrap();
        let wanted = calibration_slope(&risk, &follow_up, 30.0).unwrap();
        let got = judged(&risk, followup);
        assert_eq!(got["slope"]["slope"], coefficient(&wanted.slope));
        assert_eq!(got["slope"]["cox_slope"], coefficient(&wanted.cox_slope));
        let number = |v: &Value| v.as_f64().unwrap();
        let ratio = &got["slope"]["observed_over_expected"];
        assert_eq!(number(&ratio["value"]), wanted.observed_over_expected);
        assert!(number(&ratio["lower"]) < number(&ratio["value"]));
        let curve = &got["curve"];
        assert!(number(&curve["e50"]) <= number(&curve["e90"]));
        assert!(number(&curve["ici"]) <= number(&curve["e_max"]));
        let points = curve["points"].as_array().unwrap();
        assert_eq!(points.len(), 80);
        let rising = |w: &[Value]| number(&w[0]["predicted"]) < number(&w[1]["predicted"]);
        assert!(points.windows(2).all(rising));
    }

    #[test]
    fn risks_that_are_all_alike_have_groups_and_a_reason() {
        let (_, followup) = learnable(40);
        let got = judged(&[0.4; 40], followup);
        assert!(got["groups"].is_array(), "{got}");
        for part in ["slope", "curve"] {
            let reason = got[part]["reason"].as_str().unwrap();
            assert!(reason.starts_with("NE: observed risk"), "{reason}");
        }
    }
}
