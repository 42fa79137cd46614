//! `fit-xgboost`: boosted trees as XGBoost grows them; the booster beside the model is a file that XGBoost loads.

use pipeline_defs::params::{
    AftDistribution as Noise, TreeMethod as Cuts, XgboostObjective as Objective, XgboostParams,
};
use serde_json::Value;
use survival::{
    AftDistribution, Learner, TreeMethod, Xgboost, XgboostObjective, XgboostParams as Settings,
};

use super::learn;
use super::refuse::refuse;
use crate::step::{Content, Context, Inputs, Produced, StepError};

/// What the model has beyond XGBoost's own file.
const OURS: [&str; 4] = ["model", "format", "baseline", "tuning"];

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let mut produced = learn::fit(learner, context, inputs)?;
    let Some(Content::Bytes(bytes)) = produced.first().map(|p| &p.content) else {
        return Err(StepError::Bug("a fit gave no model".to_owned()));
    };
    let mut booster: Value = artefact::json::decode("model", bytes)?;
    if let Some(fields) = booster.as_object_mut() {
        fields.retain(|name, _| !OURS.contains(&name.as_str()));
    }
    let booster = artefact::json::encode("booster", &booster)?;
    produced.push(Produced::bytes("booster", booster));
    Ok(produced)
}

/// The learner with these parameters.
pub(super) fn learner(context: &Context) -> Result<Box<dyn Learner>, StepError> {
    let params: XgboostParams = context.params()?;
    let settings = Settings {
        objective: match params.objective {
            Objective::Cox => XgboostObjective::Cox,
            Objective::Aft => XgboostObjective::Aft {
                distribution: match params.aft_loss_distribution {
                    Noise::Normal => AftDistribution::Normal,
                    Noise::Logistic => AftDistribution::Logistic,
                    Noise::Extreme => AftDistribution::Extreme,
                },
                scale: params.aft_loss_distribution_scale,
            },
        },
        tree_method: match params.tree_method {
            Cuts::Exact => TreeMethod::Exact,
            Cuts::Hist => TreeMethod::Hist {
                max_bin: params.max_bin as usize,
            },
        },
        n_rounds: params.num_boost_round as usize,
        eta: params.eta,
        max_depth: params.max_depth as usize,
        min_child_weight: params.min_child_weight,
        lambda: params.lambda,
        alpha: params.alpha,
        gamma: params.gamma,
        subsample: params.subsample,
        colsample_bytree: params.colsample_bytree,
        colsample_bylevel: params.colsample_bylevel,
        colsample_bynode: params.colsample_bynode,
        base_score: params.base_score,
    };
    Ok(Box::new(
        Xgboost::new(settings).map_err(|e| refuse("xgboost-parameter", &e))?,
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, learnable, run};
    use pipeline_defs::params::XgboostParams;
    use serde_json::Value;

    #[test]
    fn the_booster_is_the_model_without_what_is_ours() {
        let (table, followup) = learnable(60);
        let ports = [("table", table), ("followup", followup)];
        let params = serde_json::to_value(XgboostParams {
            num_boost_round: 5,
            ..XgboostParams::xgboost()
        });
        let out = run("fit-xgboost", params.unwrap(), &ports).unwrap();
        let json = |port| -> Value { serde_json::from_slice(&content(&out, port)).unwrap() };
        let (model, booster) = (json("model"), json("booster"));
        let keys: Vec<&String> = booster.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["learner", "version"]);
        assert_eq!(model["learner"], booster["learner"]);
    }
}
