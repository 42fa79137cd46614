//! Fitted things as JSON: `{"model":"rsf","format":1,…}`.
//!
//! The structures here are twins of those in the numeric rooms, which know nothing of files; whoever decodes one hands its
//! fields over. Numbers are the shortest that read back to the same bits, so a model that was stored predicts the same bits.

mod combat;
mod gbm;
mod network;
mod novelty;
mod svm;
mod xgboost;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{ArtefactError, json};

pub use combat::{CombatModel, CombatSite};
pub use gbm::{BoostedTree, GbmModel};
pub use network::{BatchNorm, DeepSurvModel, DenseLayer, DnnSurvModel, Network};
pub use novelty::NoveltyModel;
pub use svm::{SvmKernel, SvmModel};
pub use xgboost::{
    NO_PARENT, NoEntries, XgboostBooster, XgboostCounts, XgboostLearner, XgboostModel,
    XgboostNoise, XgboostObjective, XgboostStart, XgboostTree, XgboostTreeSizes, XgboostTrees,
};

/// A model that can be stored.
pub trait StoredModel: Serialize + DeserializeOwned {
    /// What stands in `model`.
    const NAME: &'static str;
    /// What stands in `format`.
    const FORMAT: u32 = 1;

    /// Canonical bytes.
    ///
    /// # Errors
    /// None for structures of texts, numbers and lists.
    fn encode(&self) -> Result<Vec<u8>, ArtefactError> {
        json::encode(
            Self::NAME,
            &Outer {
                model: Self::NAME,
                format: Self::FORMAT,
                body: self,
            },
        )
    }

    /// Reads a model.
    ///
    /// # Errors
    /// Another kind of model, another format, or not the JSON that it should be.
    fn decode(bytes: &[u8]) -> Result<Self, ArtefactError> {
        let head = head(bytes)?;
        if head.model != Self::NAME {
            let problem = format!("it is a model `{}`, wanted is `{}`", head.model, Self::NAME);
            return Err(ArtefactError::Json {
                what: "model",
                problem,
            });
        }
        if head.format != Self::FORMAT {
            return Err(ArtefactError::Format {
                what: Self::NAME,
                found: head.format,
                expected: Self::FORMAT,
            });
        }
        json::decode(Self::NAME, bytes)
    }
}

/// The name in a model's bytes: `impute`, `standardise`, `selection`, or that of a learner.
///
/// # Errors
/// Bytes that are no model.
pub fn name_of(bytes: &[u8]) -> Result<String, ArtefactError> {
    Ok(head(bytes)?.model)
}

#[derive(Serialize)]
struct Outer<'a, T: Serialize> {
    model: &'static str,
    format: u32,
    #[serde(flatten)]
    body: &'a T,
}

struct Head {
    model: String,
    format: u32,
}

#[derive(Deserialize)]
struct MaybeHead {
    model: Option<String>,
    format: Option<u32>,
}

fn head(bytes: &[u8]) -> Result<Head, ArtefactError> {
    if bytes.trim_ascii().is_empty() {
        return Err(ArtefactError::Empty { what: "model" });
    }
    match json::decode("model", bytes)? {
        MaybeHead {
            model: Some(model),
            format: Some(format),
        } => Ok(Head { model, format }),
        _ => Err(ArtefactError::NotAModel),
    }
}

/// What to put where a value is missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImputeModel {
    /// Columns that stay, in order.
    pub features: Vec<String>,
    /// What fills each of them; a category by the index of its level.
    pub values: Vec<f64>,
    /// Training rows in which each of them was undefined.
    pub n_undefined: Vec<u64>,
    /// Columns that were undefined too often.
    pub dropped: Vec<UndefinedFeature>,
    /// Columns with one value in all training rows, where those go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constant: Vec<String>,
    /// Levels of the columns of categories, in the order of their indices.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub levels: BTreeMap<String, Vec<String>>,
}

/// A column that was undefined too often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UndefinedFeature {
    /// Its name.
    pub feature: String,
    /// Training rows in which it was undefined.
    pub n_undefined: u64,
    /// Training rows.
    pub n_rows: u64,
}

/// Location and scale of columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StandardiseModel {
    /// Columns that vary, in order.
    pub features: Vec<String>,
    /// Their means.
    pub mean: Vec<f64>,
    /// Their standard deviations (n − 1).
    pub std_dev: Vec<f64>,
    /// Columns that do not vary: dropped.
    pub constant: Vec<String>,
}

/// Which columns were selected, and why the others were not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelectionModel {
    /// Columns selected, in order.
    pub features: Vec<String>,
    /// Their coefficients in the penalised model; empty when none was fitted.
    pub coefficients: Vec<f64>,
    /// Why no column was selected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty: Option<String>,
    /// What else is to be known about the choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Counts stage by stage.
    pub funnel: Vec<FunnelStage>,
    /// The other columns.
    pub dropped: Vec<DroppedFeature>,
    /// The penalty chosen, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda: Option<f64>,
}

/// Counts before and after a stage of the selection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunnelStage {
    /// `reliability`, `constant`, `redundancy` or `lasso`.
    pub stage: String,
    /// Columns that came in.
    pub n_in: u64,
    /// Columns that went on.
    pub n_out: u64,
}

/// A column that was not selected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DroppedFeature {
    /// Its name.
    pub feature: String,
    /// `unreliable`, `constant`, `redundant` or `not-selected`.
    pub reason: String,
    /// For a redundant one: the column that says the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    /// For a redundant one: their rank correlation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rho: Option<f64>,
}

/// A Cox model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoxModel {
    /// Columns, in order.
    pub features: Vec<String>,
    /// Log hazard ratio of each.
    pub coefficients: Vec<f64>,
    /// Mean of each in training.
    pub means: Vec<f64>,
    /// Times of the baseline.
    pub baseline_times: Vec<f64>,
    /// Cumulative hazard from each of them on.
    pub baseline_hazard: Vec<f64>,
}

/// A random survival forest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RsfModel {
    /// Columns, in order.
    pub features: Vec<String>,
    /// Distinct times of the training rows.
    pub times: Vec<f64>,
    /// Places in `times` at which an event was seen.
    pub event_times: Vec<u32>,
    /// Times over which hazards are summed: `all` or `events`.
    pub risk_times: String,
    /// The trees.
    pub trees: Vec<Tree>,
    /// Risk of each training row from the trees that did not see it; `null` where there is none.
    pub out_of_bag: Vec<Option<f64>>,
    /// 1 − Harrell's C of `out_of_bag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_bag_error: Option<f64>,
    /// What each column adds by permutation on the rows a tree did not see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance: Option<Vec<f64>>,
}

/// A tree; nodes breadth first, leaves have `left` 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    /// Left child of each node; the right one is next to it.
    pub left: Vec<u32>,
    /// Column that each inner node compares.
    pub feature: Vec<u32>,
    /// Where each inner node cuts.
    pub threshold: Vec<f64>,
    /// Where the jumps of each leaf end.
    pub leaf_end: Vec<u32>,
    /// Place of each jump in the times.
    pub jump_time: Vec<u32>,
    /// Events at each jump.
    pub jump_events: Vec<u32>,
    /// Rows at risk at each jump.
    pub jump_at_risk: Vec<u32>,
}

/// The baseline of a learner that gives a log relative hazard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Times at which it may rise.
    pub times: Vec<f64>,
    /// Cumulative hazard from each of them on.
    pub hazard: Vec<f64>,
}

impl StoredModel for ImputeModel {
    const NAME: &'static str = "impute";
}

impl StoredModel for StandardiseModel {
    const NAME: &'static str = "standardise";
}

impl StoredModel for SelectionModel {
    const NAME: &'static str = "selection";
}

impl StoredModel for CoxModel {
    const NAME: &'static str = "cox";
}

impl StoredModel for RsfModel {
    const NAME: &'static str = "rsf";
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn cox() -> CoxModel {
        CoxModel {
            features: vec!["a".to_owned()],
            coefficients: vec![0.1 + 0.2],
            means: vec![1e-300],
            baseline_times: vec![1.0],
            baseline_hazard: vec![1.0 / 3.0],
        }
    }

    #[test]
    fn a_model_reads_back_to_the_bit_and_says_what_it_is() {
        let bytes = cox().encode().unwrap();
        assert!(
            String::from_utf8_lossy(&bytes)
                .contains(r#""format":1,"means":[1e-300],"model":"cox""#)
        );
        let back = CoxModel::decode(&bytes).unwrap();
        assert_eq!(back.coefficients[0].to_bits(), (0.1_f64 + 0.2).to_bits());
        assert_eq!(back, cox());
        assert_eq!(name_of(&bytes).unwrap(), "cox");
    }

    #[test]
    fn an_other_model_or_format_is_named() {
        let bytes = cox().encode().unwrap();
        assert!(
            RsfModel::decode(&bytes)
                .unwrap_err()
                .to_string()
                .contains("it is a model `cox`, wanted is `rsf`")
        );
        let newer = String::from_utf8(bytes)
            .unwrap()
            .replace(r#""format":1"#, r#""format":2"#);
        assert_eq!(
            CoxModel::decode(newer.as_bytes()).unwrap_err().to_string(),
            "cox has format 2, this program reads 1"
        );
    }

    #[test]
    fn json_of_something_else_is_no_model() {
        let said = name_of(br#"{"coef":{"age":0.1}}"#).unwrap_err().to_string();
        assert_eq!(
            said,
            "the file is not a fitted model (no `model` field); give the model.json of a fit step"
        );
        assert_eq!(name_of(b"").unwrap_err().to_string(), "model is empty");
    }
}
