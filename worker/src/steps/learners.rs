//! Learners by name, as `cross-validate` and `fit-…` know them.

use std::sync::Arc;

use pipeline_defs::kinds::kind;
use pipeline_defs::params::resolve_params;
use pipeline_defs::problem::Place;
use serde_json::Value;
use survival::Learner;

use super::learn::Make;
use super::{fit_cox, fit_deepsurv, fit_dnnsurv, fit_gbm, fit_rsf, fit_svm, fit_xgboost};
use crate::step::{Context, StepError};

/// Every learner, by its kind without `fit-`.
const LEARNERS: &[(&str, Make)] = &[
    ("cox", fit_cox::learner),
    ("deepsurv", fit_deepsurv::learner),
    ("dnnsurv", fit_dnnsurv::learner),
    ("gbm", fit_gbm::learner),
    ("rsf", fit_rsf::learner),
    ("svm", fit_svm::learner),
    ("xgboost", fit_xgboost::learner),
];

/// The learner with its settings, completed by its default preset.
pub(super) fn named(name: &str, settings: &Value) -> Result<Box<dyn Learner>, StepError> {
    let known = LEARNERS.iter().find(|(known, _)| *known == name);
    let (Some((_, make)), Some(spec)) = (known, kind(&format!("fit-{name}"))) else {
        let names: Vec<&str> = LEARNERS.iter().map(|(name, _)| *name).collect();
        return Err(StepError::refuse(
            "learner-unknown",
            format!(
                "learner `{name}` is not built; built are {}",
                names.join(", ")
            ),
        ));
    };
    let place = Place {
        file: Arc::from("settings"),
        line: 0,
        column: 0,
    };
    let canonical = resolve_params(spec, settings, &place)
        .map_err(|p| StepError::refuse("learner-settings", p.message))?;
    make(&Context {
        params: artefact::json::decode("settings", canonical.as_bytes())?,
        seed: None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, learnable, run};
    use super::super::stored::{decode, encode};
    use super::*;
    use pipeline_defs::kinds;
    use pipeline_defs::params::presets_of;
    use serde_json::json;
    use survival::Model;

    /// The bytes of a fit on `learnable` rows.
    fn fitted(kind: &str, params: Value) -> Vec<u8> {
        let (mut table, followup) = learnable(60);
        if kind == "fit-cox" {
            table = super::super::fixture::only(&table, &["signal", "noise"]);
        }
        let ports = [("table", table), ("followup", followup)];
        content(&run(kind, params, &ports).unwrap(), "model")
    }

    /// Bits of risks and curves of some patients.
    fn predicted(model: &dyn Model) -> Vec<u64> {
        let p = model.feature_names().len();
        let x = ndarray::Array2::from_shape_fn((40, p), |(i, j)| {
            ((i * 37 + j * 11) % 101) as f64 + 0.25
        });
        let risk = model.risk(x.view()).unwrap();
        let survival = model.survival(x.view(), &[6.0, 30.0]).map(|s| s.unwrap());
        let curves = survival.iter().flatten();
        (risk.values().iter().chain(curves).map(|v| v.to_bits())).collect()
    }

    #[test]
    fn every_preset_of_every_learner_fits_and_predicts_the_same_bits_from_its_bytes() {
        for (name, _) in LEARNERS {
            let spec = kind(&format!("fit-{name}")).unwrap();
            for (preset, params) in presets_of(spec) {
                let params: Value = serde_json::from_str(&params).unwrap();
                let bytes = fitted(spec.name, params.clone());
                let model = decode(&bytes).unwrap();
                let again = model.parts().into_model().unwrap();
                assert_eq!(predicted(again.as_ref()), predicted(model.as_ref()));
                let told = decode(&encode(model.as_ref()).unwrap()).unwrap();
                assert!(told.parts() == model.parts(), "{name} {preset}");
                assert!(!model.holds_training_rows(), "{name} {preset}");
                assert_eq!(fitted(spec.name, params), bytes, "{name} {preset}");
            }
        }
    }

    /// A grid of two values of one setting, and what fails in it.
    #[test]
    fn every_learner_but_cox_is_tuned_on_folds_of_the_training_rows() {
        let grids = [
            ("rsf", "mtry", json!([1, 9])),
            ("gbm", "n_trees", json!([5, 20])),
            ("svm", "alpha", json!([0.01, 1.0])),
            ("xgboost", "max_depth", json!([1, 3])),
            ("deepsurv", "dropout", json!([0.0, 0.4])),
            ("dnnsurv", "epochs", json!([2, 10])),
        ];
        for (name, setting, values) in grids {
            let spec = kind(&format!("fit-{name}")).unwrap();
            let (_, params) = presets_of(spec).remove(0);
            let mut params: Value = serde_json::from_str(&params).unwrap();
            params["tune"] = json!({"grid": {setting: values}, "folds": 3});
            let model: Value = serde_json::from_slice(&fitted(spec.name, params)).unwrap();
            let tuning = &model["tuning"];
            let candidates = tuning["candidates"].as_array().unwrap();
            assert_eq!(candidates.len(), 2, "{name}");
            let failed: Vec<bool> = candidates.iter().map(|c| !c["failed"].is_null()).collect();
            // four features: nine candidates a cut are too many, and the record says so
            assert_eq!(failed, [false, name == "rsf"], "{name}: {tuning}");
            assert!(values_hold(&values, &tuning["chosen"][setting]), "{name}");
        }
    }

    fn values_hold(values: &Value, chosen: &Value) -> bool {
        values.as_array().unwrap().contains(chosen)
    }

    #[test]
    fn every_kind_that_fits_a_learner_is_here() {
        // A learner takes a table and follow-up and gives a model that predicts.
        let fits = kinds::all().iter().filter(|k| {
            k.name.starts_with("fit-")
                && k.name != "fit-selection"
                && k.inputs.iter().any(|p| p.name == "followup")
        });
        let mut registered: Vec<&str> = fits.filter_map(|k| k.name.strip_prefix("fit-")).collect();
        registered.sort_unstable();
        let built: Vec<&str> = LEARNERS.iter().map(|(name, _)| *name).collect();
        assert_eq!(registered, built);
    }
}
