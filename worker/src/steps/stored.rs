//! Between the numeric rooms' models and their stored twins.

pub(super) mod combat;
mod gbm;
mod network;
pub(super) mod novelty;
mod svm;
mod xgboost;

use std::collections::BTreeMap;

use artefact::models::{self, StoredModel, Tree};
use stats::impute::{ImputedColumn, Imputer, UndefinedColumn};
use stats::selection::{DropReason, EmptyReason, Selection, Stage};
use stats::standardise::{ScaledColumn, Standardiser};
use survival::{CoxModel, ForestTree, Model, ModelParts, RiskTimes, RsfModel};

use super::refuse::refuse;
use crate::step::StepError;

pub(super) fn from_imputer(fitted: Imputer) -> models::ImputeModel {
    models::ImputeModel {
        features: fitted.columns.iter().map(|c| c.feature.clone()).collect(),
        values: fitted.columns.iter().map(|c| c.value).collect(),
        n_undefined: fitted
            .columns
            .iter()
            .map(|c| c.n_undefined as u64)
            .collect(),
        dropped: fitted.dropped.into_iter().map(from_undefined).collect(),
        constant: Vec::new(),
        levels: BTreeMap::new(),
    }
}

fn from_undefined(column: UndefinedColumn) -> models::UndefinedFeature {
    models::UndefinedFeature {
        feature: column.feature,
        n_undefined: column.n_undefined as u64,
        n_rows: column.n_rows as u64,
    }
}

/// The imputer, and the levels of its columns of categories.
pub(super) fn to_imputer(
    bytes: &[u8],
) -> Result<(Imputer, BTreeMap<String, Vec<String>>), StepError> {
    let model = models::ImputeModel::decode(bytes)?;
    same_length(&[
        model.features.len(),
        model.values.len(),
        model.n_undefined.len(),
    ])?;
    let column = |((feature, value), n): ((String, f64), u64)| ImputedColumn {
        feature,
        value,
        n_undefined: n as usize,
    };
    let dropped = |d: models::UndefinedFeature| UndefinedColumn {
        feature: d.feature,
        n_undefined: d.n_undefined as usize,
        n_rows: d.n_rows as usize,
    };
    let imputer = Imputer {
        columns: model
            .features
            .into_iter()
            .zip(model.values)
            .zip(model.n_undefined)
            .map(column)
            .collect(),
        dropped: model.dropped.into_iter().map(dropped).collect(),
    };
    Ok((imputer, model.levels))
}

pub(super) fn from_standardiser(fitted: Standardiser) -> models::StandardiseModel {
    models::StandardiseModel {
        features: fitted.columns.iter().map(|c| c.feature.clone()).collect(),
        mean: fitted.columns.iter().map(|c| c.mean).collect(),
        std_dev: fitted.columns.iter().map(|c| c.std_dev).collect(),
        constant: fitted.constant,
    }
}

pub(super) fn to_standardiser(bytes: &[u8]) -> Result<Standardiser, StepError> {
    let model = models::StandardiseModel::decode(bytes)?;
    same_length(&[model.features.len(), model.mean.len(), model.std_dev.len()])?;
    let column = |((feature, mean), std_dev)| ScaledColumn {
        feature,
        mean,
        std_dev,
    };
    Ok(Standardiser {
        columns: model
            .features
            .into_iter()
            .zip(model.mean)
            .zip(model.std_dev)
            .map(column)
            .collect(),
        constant: model.constant,
    })
}

pub(super) fn from_selection(fitted: Selection, at_least: usize) -> models::SelectionModel {
    let note = fitted.lambda_lowered_from.map(|chosen| {
        format!("fewer than {at_least} features at the λ chosen ({chosen:.3e}): the path was followed to the first λ with as many")
    });
    let stage = |s: &stats::selection::FunnelStage| models::FunnelStage {
        stage: match s.stage {
            Stage::Constant => "constant",
            Stage::Redundancy => "redundancy",
            Stage::Lasso => "lasso",
        }
        .to_owned(),
        n_in: s.n_in as u64,
        n_out: s.n_out as u64,
    };
    let dropped = |d: stats::selection::DroppedFeature| match d.reason {
        DropReason::Constant => dropped(d.feature, "constant", None),
        DropReason::Redundant { kept, rho } => dropped(d.feature, "redundant", Some((kept, rho))),
        DropReason::NotSelected => dropped(d.feature, "not-selected", None),
    };
    models::SelectionModel {
        features: fitted.features,
        coefficients: fitted.coefficients,
        empty: fitted.empty.map(why_empty),
        note,
        funnel: fitted.funnel.iter().map(stage).collect(),
        dropped: fitted.dropped.into_iter().map(dropped).collect(),
        lambda: fitted.lambda,
    }
}

pub(super) fn dropped(
    feature: String,
    reason: &str,
    like: Option<(String, f64)>,
) -> models::DroppedFeature {
    let (kept, rho) = like.unzip();
    models::DroppedFeature {
        feature,
        reason: reason.to_owned(),
        kept,
        rho,
    }
}

fn why_empty(reason: EmptyReason) -> String {
    match reason {
        EmptyReason::NoVaryingFeature => "no feature varies".to_owned(),
        EmptyReason::NoInformation => "no feature moves the partial likelihood".to_owned(),
        EmptyReason::NullModelBest { lambda } => {
            format!("no feature is best by cross-validation (lambda {lambda})")
        }
    }
}

/// The bytes of a fitted learner.
pub(super) fn encode(model: &dyn Model) -> Result<Vec<u8>, StepError> {
    Ok(match model.parts() {
        ModelParts::Cox(cox) => from_cox(cox).encode()?,
        ModelParts::Rsf(forest) => from_forest(forest).encode()?,
        ModelParts::Gbm(model) => gbm::from_gbm(model).encode()?,
        ModelParts::Svm(model) => svm::from_svm(model).encode()?,
        ModelParts::DnnSurv(model) => network::from_dnnsurv(model).encode()?,
        ModelParts::DeepSurv(model) => network::from_deepsurv(model).encode()?,
        ModelParts::Xgboost(model) => xgboost::from_xgboost(model).encode()?,
    })
}

/// A fitted learner, checked.
pub(super) fn decode(bytes: &[u8]) -> Result<Box<dyn Model>, StepError> {
    let parts = match models::name_of(bytes)?.as_str() {
        "cox" => ModelParts::Cox(to_cox(models::CoxModel::decode(bytes)?)),
        "rsf" => ModelParts::Rsf(to_forest(models::RsfModel::decode(bytes)?)?),
        "xgboost" => {
            let stored = models::XgboostModel::decode(bytes)?;
            ModelParts::Xgboost(xgboost::to_xgboost(stored)?)
        }
        "svm" => ModelParts::Svm(svm::to_svm(models::SvmModel::decode(bytes)?)),
        "dnnsurv" => {
            ModelParts::DnnSurv(network::to_dnnsurv(models::DnnSurvModel::decode(bytes)?)?)
        }
        "deepsurv" => {
            ModelParts::DeepSurv(network::to_deepsurv(models::DeepSurvModel::decode(bytes)?)?)
        }
        "gbm" => ModelParts::Gbm(gbm::to_gbm(models::GbmModel::decode(bytes)?)?),
        other => {
            return Err(StepError::refuse(
                "model-kind",
                format!("a model `{other}` makes no predictions"),
            ));
        }
    };
    parts.into_model().map_err(|e| refuse("model-damaged", &e))
}

fn from_cox(model: CoxModel) -> models::CoxModel {
    let CoxModel {
        feature_names: features,
        coefficients,
        means,
        baseline_times,
        baseline_hazard,
    } = model;
    models::CoxModel {
        features,
        coefficients,
        means,
        baseline_times,
        baseline_hazard,
    }
}

fn to_cox(model: models::CoxModel) -> CoxModel {
    let models::CoxModel {
        features: feature_names,
        coefficients,
        means,
        baseline_times,
        baseline_hazard,
    } = model;
    CoxModel {
        feature_names,
        coefficients,
        means,
        baseline_times,
        baseline_hazard,
    }
}

fn from_forest(model: RsfModel) -> models::RsfModel {
    let event_times = model
        .time_has_event
        .iter()
        .enumerate()
        .filter(|(_, seen)| **seen)
        .map(|(i, _)| i as u32);
    models::RsfModel {
        features: model.feature_names,
        event_times: event_times.collect(),
        times: model.times,
        risk_times: match model.risk_times {
            RiskTimes::All => "all",
            RiskTimes::Events => "events",
        }
        .to_owned(),
        trees: model.trees.into_iter().map(from_tree).collect(),
        out_of_bag: model.out_of_bag,
        out_of_bag_error: model.out_of_bag_error,
        importance: model.importance,
    }
}

fn to_forest(model: models::RsfModel) -> Result<RsfModel, StepError> {
    let mut time_has_event = vec![false; model.times.len()];
    for &index in &model.event_times {
        let Some(seen) = time_has_event.get_mut(index as usize) else {
            return Err(gbm::unknown("event time", &index.to_string()));
        };
        *seen = true;
    }
    Ok(RsfModel {
        time_has_event,
        risk_times: match model.risk_times.as_str() {
            "all" => RiskTimes::All,
            "events" => RiskTimes::Events,
            other => return Err(gbm::unknown("risk times", other)),
        },
        feature_names: model.features,
        times: model.times,
        trees: model.trees.into_iter().map(to_tree).collect(),
        out_of_bag: model.out_of_bag,
        out_of_bag_error: model.out_of_bag_error,
        importance: model.importance,
    })
}

fn from_tree(tree: ForestTree) -> Tree {
    let ForestTree {
        left,
        feature,
        threshold,
        leaf_end,
        jump_time,
        jump_events,
        jump_at_risk,
    } = tree;
    Tree {
        left,
        feature,
        threshold,
        leaf_end,
        jump_time,
        jump_events,
        jump_at_risk,
    }
}

fn to_tree(tree: Tree) -> ForestTree {
    let Tree {
        left,
        feature,
        threshold,
        leaf_end,
        jump_time,
        jump_events,
        jump_at_risk,
    } = tree;
    ForestTree {
        left,
        feature,
        threshold,
        leaf_end,
        jump_time,
        jump_events,
        jump_at_risk,
    }
}

/// Lists of a model that go together.
fn same_length(lengths: &[usize]) -> Result<(), StepError> {
    if lengths.windows(2).all(|pair| pair[0] == pair[1]) {
        return Ok(());
    }
    Err(StepError::refuse(
        "model-damaged",
        format!("the model's lists have lengths {lengths:?}, must be equal"),
    ))
}
