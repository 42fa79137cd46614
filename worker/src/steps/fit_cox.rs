//! `fit-cox`: Cox's proportional hazards as a learner.

use pipeline_defs::params::{CoxParams, Ties};
use survival::{Cox, Learner};

use super::learn;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    learn::fit(learner, context, inputs)
}

/// The learner with these parameters.
pub(super) fn learner(context: &Context) -> Result<Box<dyn Learner>, StepError> {
    let params: CoxParams = context.params()?;
    Ok(Box::new(match params.ties {
        Ties::Efron => Cox::efron(),
        Ties::Breslow => Cox::breslow(),
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, learnable, refusal, run};
    use serde_json::{Value, json};

    #[test]
    fn the_signal_has_a_positive_coefficient() {
        let (table, followup) = learnable(60);
        let table = super::super::fixture::only(&table, &["signal", "noise"]);
        let out = run(
            "fit-cox",
            json!({"ties": "efron"}),
            &[("table", table), ("followup", followup)],
        )
        .unwrap();
        let model: Value = serde_json::from_slice(&content(&out, "model")).unwrap();
        assert_eq!(model["features"], json!(["signal", "noise"]));
        assert!(
            model["coefficients"][0].as_f64().unwrap() > 0.1,
            "{}",
            model["coefficients"]
        );
    }

    #[test]
    fn breslow_s_ties_are_fitted_and_predicted() {
        let (table, followup) = learnable(60);
        let table = super::super::fixture::only(&table, &["signal"]);
        // Months in whole numbers have ties.
        let text = String::from_utf8(followup).unwrap();
        let tied: String = text
            .lines()
            .map(|line| {
                let cells: Vec<&str> = line.split(',').collect();
                let time = cells[2].split('.').next().unwrap();
                format!("{},{},{time},{}\n", cells[0], cells[1], cells[3])
            })
            .collect();
        let fitted = |ties: &str| {
            let ports = [
                ("table", table.clone()),
                ("followup", tied.clone().into_bytes()),
            ];
            content(
                &run("fit-cox", json!({"ties": ties}), &ports).unwrap(),
                "model",
            )
        };
        assert_ne!(fitted("breslow"), fitted("efron"));
        let ports = [("model", fitted("breslow")), ("table", table.clone())];
        let out = run("predict", json!({"horizons": [12.0]}), &ports).unwrap();
        assert_eq!(
            String::from_utf8(content(&out, "survival"))
                .unwrap()
                .lines()
                .count(),
            61
        );
    }

    #[test]
    fn a_collinear_feature_is_refused_by_name() {
        let (table, followup) = learnable(60);
        let text = String::from_utf8(super::super::fixture::only(&table, &["signal"])).unwrap();
        let doubled: String = text
            .lines()
            .enumerate()
            .map(|(i, line)| {
                format!(
                    "{line},{}\n",
                    if i == 0 {
                        "copy"
                    } else {
                        line.rsplit(',').next().unwrap()
                    }
                )
            })
            .collect();
        let ports = [("table", doubled.into_bytes()), ("followup", followup)];
        let (code, message) = refusal(run("fit-cox", json!({"ties": "efron"}), &ports));
        assert_eq!(code, "features-collinear");
        assert!(message.contains("feature copy"), "{message}");
    }
}
