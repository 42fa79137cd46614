//! `cox-regression`: hazard ratios with intervals and tests.

use pipeline_defs::params::{CoxParams, Ties};
use serde_json::{Map, Value, json};
use stats::cox::{
    CoefficientRow, CoxError, CoxFit, CoxParams as Settings, Proportionality, TestResult,
    TimeTransform, fit_cox, proportional_hazards_test,
};

use super::learn::{Training, cox_code};
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let settings = match context.params::<CoxParams>()?.ties {
        Ties::Efron => Settings::efron(),
        Ties::Breslow => Settings::breslow(),
    };
    let Training {
        matrix,
        follow_up,
        n_left_aside,
    } = Training::read(inputs)?;
    let x = matrix.x.view();
    let fit =
        fit_cox(x, &matrix.names, &follow_up, &settings).map_err(|e| refuse(cox_code(&e), &e))?;
    let zph = proportional_hazards_test(&fit, x, &follow_up, TimeTransform::KaplanMeier);
    let mut json = report(&fit, &matrix.names, zph)?;
    json["n_followup_left_aside"] = json!(n_left_aside);
    Ok(vec![Produced::bytes(
        "cox",
        artefact::json::encode("cox regression", &json)?,
    )])
}

fn report(
    fit: &CoxFit,
    names: &[String],
    zph: Result<Proportionality, CoxError>,
) -> Result<Value, StepError> {
    let rows = fit
        .table(0.95)
        .ok_or_else(|| StepError::Bug("95 % is no confidence level".to_owned()))?;
    let by_name = |pick: fn(&CoefficientRow) -> f64| {
        rows.iter()
            .map(|r| (r.feature.clone(), json!(pick(r))))
            .collect::<Map<_, _>>()
    };
    let concordance = fit.concordance;
    Ok(json!({
        "coef": by_name(|r| r.coefficient),
        "se": by_name(|r| r.std_err),
        "hr": by_name(|r| r.hazard_ratio),
        "lower": by_name(|r| r.lower),
        "upper": by_name(|r| r.upper),
        "z": by_name(|r| r.z),
        "p": by_name(|r| r.p),
        "features": names,
        "n": fit.n,
        "n_events": fit.n_events,
        "loglik": [fit.loglik_null, fit.loglik],
        "lr_test": test(&fit.likelihood_ratio_test),
        "wald_test": test(&fit.wald_test),
        "score_test": test(&fit.score_test),
        "concordance": concordance.index(),
        "concordance_pairs": {
            "concordant": concordance.concordant, "discordant": concordance.discordant,
            "tied_score": concordance.tied_score, "tied_time": concordance.tied_time,
        },
        "zph": match zph {
            Ok(zph) => tests(names, &zph),
            Err(why) => json!({"reason": why.to_string()}),
        },
    }))
}

fn tests(names: &[String], zph: &Proportionality) -> Value {
    let mut by_name: Map<String, Value> = names
        .iter()
        .cloned()
        .zip(zph.features.iter().map(test))
        .collect();
    by_name.insert("GLOBAL".to_owned(), test(&zph.global));
    Value::Object(by_name)
}

fn test(result: &TestResult) -> Value {
    json!({"chi_square": result.chi_square, "df": result.df, "p": result.p})
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, learnable, only, oracle, refusal, run};
    use serde_json::{Value, json};

    #[test]
    fn the_regression_of_veteran_is_that_of_r() {
        let (Some(data), Some(wanted)) = (
            oracle("survival/data/veteran.csv"),
            oracle("survival/e_cox/veteran.json"),
        ) else {
            return;
        };
        let (table, followup) = split_data(&data);
        for ties in ["efron", "breslow"] {
            let ports = [("table", table.clone()), ("followup", followup.clone())];
            let out = run("cox-regression", json!({"ties": ties}), &ports).unwrap();
            let got: Value = serde_json::from_slice(&content(&out, "cox")).unwrap();
            let r: Value = serde_json::from_slice(&wanted).unwrap();
            let close = |a: &Value, b: &Value| {
                let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
                assert!((a - b).abs() <= 1e-7 * b.abs().max(1e-6), "{a} {b}");
            };
            for name in ["trt", "smallcell", "karno", "prior"] {
                close(&got["coef"][name], &r[ties]["coef"][name]);
                close(&got["se"][name], &r[ties]["se"][name]);
                close(&got["hr"][name], &r[ties]["HR"][name]);
                close(&got["upper"][name], &r[ties]["HR_upper95"][name]);
            }
            close(&got["loglik"][1], &r[ties]["loglik"][1]);
            close(&got["lr_test"]["chi_square"], &r[ties]["LR"][0]);
            close(&got["score_test"]["p"], &r[ties]["score"][2]);
            close(&got["concordance"], &r[ties]["concordance"][0]);
        }
    }

    /// `time,status,…` as a table and a follow-up of numbered patients.
    fn split_data(data: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let text = String::from_utf8(data.to_vec()).unwrap().replace('"', "");
        let (mut table, mut followup) = (String::new(), String::from("patient_id,time,status\n"));
        for (i, line) in text.lines().enumerate() {
            let cells: Vec<&str> = line.split(',').collect();
            let id = if i == 0 {
                "patient_id".to_owned()
            } else {
                format!("p{i:04}")
            };
            table.push_str(&format!("{id},{}\n", cells[2..].join(",")));
            if i > 0 {
                followup.push_str(&format!("{id},{},{}\n", cells[0], cells[1]));
            }
        }
        (table.into_bytes(), followup.into_bytes())
    }

    #[test]
    fn proportionality_is_tested_for_each_feature_and_together() {
        let (table, followup) = learnable(60);
        let ports = [
            ("table", only(&table, &["signal", "noise"])),
            ("followup", followup),
        ];
        let out = run("cox-regression", json!({"ties": "efron"}), &ports).unwrap();
        let cox: Value = serde_json::from_slice(&content(&out, "cox")).unwrap();
        assert_eq!(cox["zph"]["GLOBAL"]["df"], json!(2));
        assert_eq!(cox["n_followup_left_aside"], json!(0));
        assert!(cox["lower"]["signal"].as_f64().unwrap() < cox["hr"]["signal"].as_f64().unwrap());
    }

    #[test]
    fn no_event_is_refused() {
        let followup = b"patient_id,time_months,event\na,1,0\nb,2,0\n".to_vec();
        let ports = [
            ("table", b"patient_id,x\na,1\nb,2\n".to_vec()),
            ("followup", followup),
        ];
        assert_eq!(
            refusal(run("cox-regression", json!({"ties": "efron"}), &ports)).0,
            "no-event"
        );
    }
}
