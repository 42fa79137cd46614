//! Learners of survival: one trait [`Learner`], one file per learner, every fitted model a [`Model`].
//!
//! A learner takes a feature matrix (rows are patients, columns are named features), a follow-up and a seed, and
//! gives a model that scores new patients; a higher risk is worse. Every model can be taken apart into plain data
//! ([`ModelParts`]) and put together again, and then predicts the same bits.
//!
//! `tune.rs` chooses among learners inside training rows; `importance.rs` permutes columns of any model.
//!
//! What never lives here: metrics (they take predictions, in `evaluation`), file formats, clocks.
//!
//! | learner | file | model |
//! |---|---|---|
//! | random survival forest | `rsf.rs`, `rsf/`, `tree/` | [`RsfModel`] |
//! | gradient boosting | `gbm.rs`, `gbm/` | [`GbmModel`] |
//! | XGBoost | `xgboost.rs`, `xgboost/` | [`XgboostModel`] |
//! | support vector machine | `svm.rs`, `svm/` | [`SvmModel`] |
//! | DeepSurv | `deepsurv.rs`, `deepsurv/`, `net/` | [`DeepSurvModel`] |
//! | DNNSurv | `dnnsurv.rs`, `dnnsurv/`, `net/` | [`DnnSurvModel`] |
//! | Cox proportional hazards | `cox.rs` | [`CoxModel`] |

// the shared test helpers call the crate by its name
#[cfg(test)]
extern crate self as survival;

mod baseline;
#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod common;
mod cox;
mod deepsurv;
mod dnnsurv;
mod gbm;
mod hold_out;
mod importance;
mod keyed;
mod learner;
mod net;
mod rsf;
mod settings;
mod svm;
mod tree;
mod tune;
mod xgboost;

pub use baseline::Baseline;
pub use cox::{Cox, CoxModel};
pub use deepsurv::{
    DeepSurv, DeepSurvModel, DeepSurvNetwork, DeepSurvParams, EarlyStopping, HoldOut, RiskSetTies,
    cox_loss,
};
pub use dnnsurv::{
    Cutpoints, DnnSurv, DnnSurvModel, DnnSurvParams, HiddenLayer, PseudoValue,
    conditional_pseudo_values,
};
pub use gbm::{BestIteration, BoostedTree, Comparison, Gbm, GbmGrowth, GbmModel, GbmParams};
pub use importance::{FeatureImportance, ImportanceError, permutation_importance};
pub use learner::{FitError, Learner, Model, ModelParts, PartsError, PredictError};
pub use net::{Activation, BatchNorm, DenseLayer, Init, Optimiser, Scaling};
pub use rsf::{ForestTree, Mtry, ParamsError, Resampling, RiskTimes, Rsf, RsfModel, RsfParams};
pub use settings::SettingsError;
pub use svm::{
    Kernel, Svm, SvmDecision, SvmKernel, SvmLoss, SvmModel, SvmParams, SvmScaling, TiedTimes,
};
pub use tune::{
    CandidateScore, TuneError, TuneFailure, TuneMetric, TuneScheme, TuneSettings, Tuned, tune,
};
pub use xgboost::{
    AftDistribution, TreeMethod, Xgboost, XgboostModel, XgboostObjective, XgboostParams,
    XgboostTree,
};
