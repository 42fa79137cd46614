//! Learners of survival: one trait [`Learner`], one file per learner, every fitted model a [`Model`].
//!
//! A learner takes a feature matrix (rows are patients, columns are named features), a follow-up and a seed, and
//! gives a model that scores new patients; a higher risk is worse. Every model can be taken apart into plain data
//! ([`ModelParts`]) and put together again, and then predicts the same bits.
//!
//! What never lives here: metrics (they take predictions, in `evaluation`), file formats, clocks.
//!
//! | learner | file | model |
//! |---|---|---|
//! | random survival forest | `rsf.rs`, `rsf/`, `tree/` | [`RsfModel`] |
//! | gradient boosting | `gbm.rs`, `gbm/` | [`GbmModel`] |
//! | support vector machine | `svm.rs`, `svm/` | [`SvmModel`] |
//! | Cox proportional hazards | `cox.rs` | [`CoxModel`] |

mod baseline;
mod cox;
mod gbm;
mod keyed;
mod learner;
mod rsf;
mod settings;
mod svm;
mod tree;

pub use baseline::Baseline;
pub use cox::{Cox, CoxModel};
pub use gbm::{BestIteration, BoostedTree, Comparison, Gbm, GbmGrowth, GbmModel, GbmParams};
pub use learner::{FitError, Learner, Model, ModelParts, PartsError, PredictError};
pub use rsf::{ForestTree, Mtry, ParamsError, Resampling, RiskTimes, Rsf, RsfModel, RsfParams};
pub use settings::SettingsError;
pub use svm::{
    Kernel, Svm, SvmDecision, SvmKernel, SvmLoss, SvmModel, SvmParams, SvmScaling, TiedTimes,
};
