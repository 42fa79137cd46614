//! How good predictions are: discrimination, prediction error, and the intervals around them.
//!
//! | question | function |
//! |---|---|
//! | are patients ranked well? | [`c_index()`], [`uno_c`] |
//! | are patients ranked well at a horizon? | [`auc()`], [`roc_curve`] |
//! | are survival probabilities right? | [`brier()`], [`integrated_brier`] |
//! | do predicted risks come true? | [`calibration()`], [`calibration_curve()`], [`calibration_slope`] |
//! | is acting on them worth it? | [`decision_curve()`] |
//! | does a new model move patients to the right side? | [`Reclassified`] |
//! | how sure is that? | [`estimate_auc`], [`estimate_c_index`], [`estimate_uno_c`], [`estimate_brier`], [`decision_bounds()`] (bootstrap), [`auc_influence()`] (large samples), [`corrected_interval`] (repeated cross-validation) |
//! | are two models apart? | [`compare_auc`] (large samples), a [`Bootstrap`] of one seed for both |
//! | what would new patients see? | [`correct_optimism`], [`point_632_plus`] |
//! | is the table to be believed? | [`doctor`] |
//! | is the best of many better than chance? | [`max_t()`] |
//! | which of many models is the best, and what is the choice worth? | [`Contest`], [`rank_models`] |
//! | what is the risk of a patient whom the model was fitted on? | [`cross_fitted_percentiles`] |
//!
//! It takes predictions and follow-up, never models. Whatever cannot be estimated is an [`Estimate::NotEstimable`]
//! with its reason, never NaN. Times are in the unit of the follow-up (months inside the house).
//!
//! What never lives here: models, files, drawing.

mod auc;
mod auc_influence;
mod bootstrap;
mod brier;
mod c_index;
mod calibration;
mod calibration_curve;
mod contest;
mod cross_fit;
mod decision_bounds;
mod decision_curve;
pub mod doctor;
mod estimate;
mod keyed;
mod max_t;
mod nadeau_bengio;
mod optimism;
mod pairs;
mod ranking;
mod reclassification;
mod roc;

pub use auc::{
    Auc, AucConvention, auc, auc_with_censoring, bootstrap_auc, estimate_auc, horizon_guard,
};
pub use auc_influence::{AucInfluence, PairedTest, auc_influence, compare_auc};
pub use bootstrap::{Bootstrap, BootstrapError, resample_copies};
pub use brier::{
    BrierConvention, brier, estimate_brier, estimate_integrated_brier, integrated_brier,
    no_information_brier,
};
pub use c_index::{
    CIndex, UnoC, bootstrap_c_index, c_index, estimate_c_index, estimate_uno_c, uno_c,
};
pub use calibration::{CalibrationGroup, calibration};
pub use calibration_curve::{
    CalibrationCurve, CalibrationSlope, Coefficient, calibration_curve, calibration_slope,
};
pub use contest::{Contest, Part};
pub use cross_fit::{FoldRisks, at_percentile, cross_fitted_percentiles, percentile, ranked_anew};
pub use decision_bounds::{DecisionBounds, decision_bounds};
pub use decision_curve::{DecisionPoint, decision_curve};
pub use estimate::{Estimate, Estimated, Interval, MetricError, NotEstimable};
pub use max_t::{MaxT, MaxTError, Simultaneous, max_t};
pub use nadeau_bengio::{CorrectedError, CorrectedMean, corrected_interval};
pub use optimism::{
    OptimismCorrected, OptimismDraw, OptimismError, Point632Plus, correct_optimism, point_632_plus,
};
pub use ranking::{AgainstReference, BiasCorrected, NotRanked, Ranked, Ranking, rank_models};
pub use reclassification::{Movement, Nri, Reclassified, Reweighting};
pub use roc::{RocPoint, roc_curve};
