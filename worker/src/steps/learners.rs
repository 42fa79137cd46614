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
    use super::*;
    use pipeline_defs::kinds;

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
