//! `fit-rsf`: a random survival forest.

use pipeline_defs::params::{RsfConvention, RsfParams};
use survival::{Learner, Mtry, Resampling, RiskTimes, Rsf, RsfParams as Settings};

use super::learn;
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    learn::fit(learner, context, inputs)
}

/// The learner with these parameters.
pub(super) fn learner(context: &Context) -> Result<Box<dyn Learner>, StepError> {
    let params: RsfParams = context.params()?;
    let whole = params.sample_fraction == 1.0;
    let resampling = match (params.replace, whole) {
        (true, true) => Resampling::Bootstrap,
        (true, false) => Resampling::BootstrapFraction {
            fraction: params.sample_fraction,
        },
        (false, true) => Resampling::None,
        (false, false) => Resampling::Subsample {
            fraction: params.sample_fraction,
        },
    };
    let settings = Settings {
        n_trees: params.num_trees as usize,
        mtry: match (params.mtry, params.convention) {
            (Some(mtry), _) => Mtry::Count(mtry as usize),
            (None, RsfConvention::Ranger) => Mtry::SqrtUp,
            (None, RsfConvention::Sksurv) => Mtry::SqrtDown,
        },
        min_node_size: params.min_node_size as usize,
        max_depth: params.max_depth.map(|depth| depth as usize),
        resampling,
        risk_times: match params.convention {
            RsfConvention::Ranger => RiskTimes::All,
            RsfConvention::Sksurv => RiskTimes::Events,
        },
        importance: params.importance,
    };
    Ok(Box::new(
        Rsf::new(settings).map_err(|e| refuse("rsf-parameter", &e))?,
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, learnable, refusal, run};
    use pipeline_defs::params::RsfParams;
    use serde_json::Value;

    fn params(mtry: Option<u32>) -> Value {
        serde_json::to_value(RsfParams {
            num_trees: 25,
            mtry,
            ..RsfParams::ranger_defaults()
        })
        .unwrap()
    }

    #[test]
    fn a_forest_has_its_trees_and_the_same_seed_gives_the_same_bytes() {
        let (table, followup) = learnable(60);
        let ports = [("table", table), ("followup", followup)];
        let first = content(&run("fit-rsf", params(None), &ports).unwrap(), "model");
        let model: Value = serde_json::from_slice(&first).unwrap();
        assert_eq!(model["trees"].as_array().unwrap().len(), 25);
        assert_eq!(
            first,
            content(&run("fit-rsf", params(None), &ports).unwrap(), "model")
        );
    }

    #[test]
    fn the_order_of_the_rows_does_not_matter() {
        let (table, followup) = learnable(60);
        let text = String::from_utf8(table.clone()).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines[1..].reverse();
        let turned = (lines.join("\n") + "\n").into_bytes();
        let fitted = |table: Vec<u8>| {
            let ports = [("table", table), ("followup", followup.clone())];
            content(&run("fit-rsf", params(None), &ports).unwrap(), "model")
        };
        assert_eq!(fitted(table), fitted(turned));
    }

    #[test]
    fn a_fraction_is_drawn_with_and_without_replacement() {
        let (table, followup) = learnable(60);
        let fitted = |replace: bool| {
            let params = serde_json::to_value(RsfParams {
                num_trees: 25,
                replace,
                sample_fraction: 0.6,
                ..RsfParams::ranger_defaults()
            });
            let ports = [("table", table.clone()), ("followup", followup.clone())];
            content(&run("fit-rsf", params.unwrap(), &ports).unwrap(), "model")
        };
        assert_ne!(fitted(true), fitted(false));
    }

    #[test]
    fn more_candidates_than_features_are_refused_with_both_numbers() {
        let (table, followup) = learnable(60);
        let (code, message) = refusal(run(
            "fit-rsf",
            params(Some(9)),
            &[("table", table), ("followup", followup)],
        ));
        assert_eq!(code, "mtry");
        assert!(
            message.contains('9') && message.contains("at most 4"),
            "{message}"
        );
    }

    #[test]
    fn a_follow_up_that_lacks_a_patient_is_refused_with_the_pseudonym() {
        let (table, followup) = learnable(60);
        let short = String::from_utf8(followup)
            .unwrap()
            .lines()
            .take(60)
            .map(|l| format!("{l}\n"))
            .collect::<String>();
        let (code, message) = refusal(run(
            "fit-rsf",
            params(None),
            &[("table", table), ("followup", short.into_bytes())],
        ));
        assert_eq!(code, "follow-up-missing");
        assert!(message.contains("`p059`"), "{message}");
    }
}
