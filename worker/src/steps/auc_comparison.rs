//! `auc-comparison`: whether two models rank the same patients apart at a horizon.

use artefact::follow_up::FollowUpTable;
use artefact::predictions::RiskTable;
use cohort::{FollowUp, RiskScores};
use evaluation::{
    AucConvention, AucInfluence, PairedTest, auc_influence, compare_auc, horizon_guard,
};
use pipeline_defs::params::{AucComparisonParams, AucConvention as Named};
use serde_json::{Value, json};

use super::patients::{Patients, follow_up_of};
use super::probabilities::or_reason;
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: AucComparisonParams = context.params()?;
    let first = RiskTable::decode(inputs.one("first")?)?;
    let second = of_same(&first, &RiskTable::decode(inputs.one("second")?)?)?;
    let outcome = FollowUpTable::decode(inputs.one("followup")?)?;
    let follow_up = follow_up_of(&first.rows, &outcome)?;
    let scores = |v| RiskScores::higher_is_worse(v).map_err(|e| refuse("risk-not-finite", &e));
    let pair = [scores(first.risk)?, scores(second)?];
    let at = |t: &f64| at(&pair, &follow_up, *t, &params);
    let horizons = params
        .horizons
        .iter()
        .map(at)
        .collect::<Result<Vec<_>, _>>()?;
    let answer = json!({
        "horizons": horizons,
        "level": params.level,
        "n": follow_up.len(),
        "n_events": follow_up.n_events(),
    });
    let bytes = artefact::json::encode("comparison of AUCs", &answer)?;
    Ok(vec![Produced::bytes("comparison", bytes)])
}

/// The second model's risks of the first's patients; each must have the other's.
fn of_same(first: &RiskTable, second: &RiskTable) -> Result<Vec<f64>, StepError> {
    let patients = Patients::new(&second.rows);
    let mut risk = Vec::with_capacity(first.rows.len());
    for row in &first.rows {
        match patients.find(row)? {
            Some(at) => risk.push(second.risk[at]),
            None => return Err(unpaired(&row.patient_id, "second")),
        }
    }
    let known = Patients::new(&first.rows);
    for row in &second.rows {
        if !known.contains(row)? {
            return Err(unpaired(&row.patient_id, "first"));
        }
    }
    Ok(risk)
}

fn unpaired(patient: &str, port: &str) -> StepError {
    StepError::refuse(
        "risk-missing",
        format!("patient `{patient}` has no risk at `{port}`; give both models the same patients"),
    )
}

fn at(
    pair: &[RiskScores; 2],
    follow_up: &FollowUp,
    horizon: f64,
    params: &AucComparisonParams,
) -> Result<Value, StepError> {
    let convention = match params.auc {
        Named::Score => AucConvention::Score,
        Named::Uno => AucConvention::Uno,
        Named::Timeroc => AucConvention::TimeRoc,
    };
    let [first, second] = pair;
    // large-sample errors of a handful of cases or controls would be false
    let guard = horizon_guard(follow_up, horizon, convention);
    let auc = |risk| {
        let found =
            (guard.clone()).and_then(|()| auc_influence(risk, follow_up, horizon, convention));
        or_reason(found, |found| area(&found, params.level))
    };
    let apart = (guard.clone())
        .and_then(|()| compare_auc(first, second, follow_up, horizon, convention, params.level));
    Ok(json!({
        "horizon": horizon,
        "first": auc(first)?,
        "second": auc(second)?,
        "difference": or_reason(apart, |found| difference(&found))?,
    }))
}

fn area(auc: &AucInfluence, level: f64) -> Value {
    let interval = auc.interval(level);
    json!({
        "value": auc.value, "std_err": auc.std_err(),
        "lower": interval.map(|i| i.lower), "upper": interval.map(|i| i.upper),
    })
}

fn difference(test: &PairedTest) -> Value {
    json!({
        "value": test.difference, "std_err": test.std_err,
        "lower": test.interval.lower, "upper": test.interval.upper, "p": test.p,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, oracle, refusal, run, survival_data};
    use super::*;

    fn params(horizons: &Value) -> Value {
        json!({"horizons": horizons, "auc": "score", "level": 0.95})
    }

    fn risks(values: &Value) -> Vec<u8> {
        let rows = values.as_array().unwrap().iter().enumerate();
        // Rows are numbered from 1.
        let lines: String = rows.map(|(i, v)| format!("p{:04},{v}\n", i + 1)).collect();
        format!("patient_id,risk\n{lines}").into_bytes()
    }

    #[test]
    fn the_contrasts_of_veteran_are_those_of_risk_regression() {
        let (Some(data), Some(wanted)) = (
            oracle("survival/data/veteran.csv"),
            oracle("survival/l_metrics/R_veteran.json"),
        ) else {
            return;
        };
        let (_, followup) = survival_data(&data);
        let r: Value = serde_json::from_slice(&wanted).unwrap();
        let want = &r["Score_AUC_contrasts"];
        let ports = [
            ("first", risks(&r["lp_new"])),
            ("second", risks(&r["lp_std"])),
            ("followup", followup),
        ];
        let out = run("auc-comparison", params(&want["times"]), &ports).unwrap();
        let got: Value = serde_json::from_slice(&content(&out, "comparison")).unwrap();
        for (k, at) in got["horizons"].as_array().unwrap().iter().enumerate() {
            let number = |v: &Value| v.as_f64().unwrap();
            let apart = &at["difference"];
            assert!((number(&apart["value"]) - number(&want["delta.AUC"][k])).abs() < 1e-9);
            let p = number(&want["p"][k]);
            assert!((number(&apart["p"]) - p).abs() <= 0.01 * p, "{apart} {p}");
            let both = number(&at["first"]["value"]) - number(&at["second"]["value"]);
            assert!((both - number(&apart["value"])).abs() < 1e-12);
        }
    }

    #[test]
    fn other_patients_are_refused_and_an_empty_horizon_has_a_reason() {
        let followup: String = (1..=30)
            .map(|i| format!("p{i:04},{i},{}\n", i % 2))
            .collect();
        let followup = format!("patient_id,time,event\n{followup}").into_bytes();
        let risk = |n: u32| risks(&json!((0..n).map(|i| (i * 7) % 31).collect::<Vec<_>>()));
        let ports = |n| {
            [
                ("first", risk(30)),
                ("second", risk(n)),
                ("followup", followup.clone()),
            ]
        };
        let (code, message) = refusal(run("auc-comparison", params(&json!([10.0])), &ports(29)));
        assert_eq!(code, "risk-missing");
        assert!(message.contains("`p0030`"), "{message}");
        let out = run(
            "auc-comparison",
            params(&json!([10.0, 99.0, 3.0])),
            &ports(30),
        )
        .unwrap();
        let got: Value = serde_json::from_slice(&content(&out, "comparison")).unwrap();
        assert_eq!(got["horizons"][0]["difference"]["p"], 1.0);
        let reason = got["horizons"][1]["first"]["reason"].as_str().unwrap();
        assert!(reason.starts_with("NE: "), "{reason}");
        let few = &got["horizons"][2]["difference"]["reason"];
        assert_eq!(*few, "NE: 2 cases at 3, must be at least 5");
    }
}
