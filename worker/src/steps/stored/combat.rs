//! ComBat's estimates and their stored twin.

use artefact::models::{CombatModel, CombatSite, StoredModel};
use ndarray::Array2;
use stats::combat::{Combat, CombatParams, Prior, SiteEffect};

use super::same_length;
use crate::step::StepError;

/// Estimates and the names of the covariates that they were learned with.
pub(in crate::steps) struct NamedCombat {
    pub combat: Combat,
    pub covariates: Vec<String>,
}

pub(in crate::steps) fn from_combat(named: NamedCombat) -> CombatModel {
    let NamedCombat { combat, covariates } = named;
    let effects = combat.covariate_effects.rows();
    CombatModel {
        prior: prior_name(combat.params.prior).to_owned(),
        mean_only: combat.params.mean_only,
        reference: combat.params.reference,
        features: combat.features,
        unchanged: combat.unchanged,
        location: combat.location,
        std_dev: combat.std_dev,
        covariates,
        covariate_means: combat.covariate_means,
        covariate_effects: effects.into_iter().map(|row| row.to_vec()).collect(),
        sites: combat
            .sites
            .into_iter()
            .map(|s| CombatSite {
                note: (s.n_patients == 1 && !combat.params.mean_only)
                    .then(|| "one patient: shifted only".to_owned()),
                site: s.site,
                n_patients: s.n_patients as u64,
                shift: s.shift,
                scale: s.scale,
            })
            .collect(),
    }
}

pub(in crate::steps) fn to_combat(bytes: &[u8]) -> Result<NamedCombat, StepError> {
    let model = CombatModel::decode(bytes)?;
    let n = model.features.len();
    let mut lengths = vec![n, model.location.len(), model.std_dev.len()];
    lengths.extend(
        model
            .sites
            .iter()
            .flat_map(|s| [s.shift.len(), s.scale.len()]),
    );
    lengths.extend(model.covariate_effects.iter().map(Vec::len));
    same_length(&lengths)?;
    same_length(&[
        model.covariates.len(),
        model.covariate_means.len(),
        model.covariate_effects.len(),
    ])?;
    let prior = [Prior::Parametric, Prior::NonParametric, Prior::None]
        .into_iter()
        .find(|p| prior_name(*p) == model.prior)
        .ok_or_else(|| {
            let text = format!("model combat: prior `{}` is unknown", model.prior);
            StepError::refuse("model-damaged", text)
        })?;
    let effects = &model.covariate_effects;
    let combat = Combat {
        params: CombatParams {
            prior,
            mean_only: model.mean_only,
            reference: model.reference,
        },
        covariate_effects: Array2::from_shape_fn((effects.len(), n), |(i, j)| effects[i][j]),
        features: model.features,
        unchanged: model.unchanged,
        location: model.location,
        std_dev: model.std_dev,
        covariate_means: model.covariate_means,
        sites: model
            .sites
            .into_iter()
            .map(|s| SiteEffect {
                site: s.site,
                n_patients: s.n_patients as usize,
                shift: s.shift,
                scale: s.scale,
            })
            .collect(),
    };
    Ok(NamedCombat {
        combat,
        covariates: model.covariates,
    })
}

fn prior_name(prior: Prior) -> &'static str {
    match prior {
        Prior::Parametric => "parametric",
        Prior::NonParametric => "non-parametric",
        Prior::None => "none",
    }
}
