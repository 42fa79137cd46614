//! One file a step kind: decode the inputs, call one library function, encode the outputs.
//!
//! A new kind: its row in `pipeline-defs`' registry and parameters, a file here, its line in [`STEPS`], a golden digest in
//! `golden.rs`. The registry and this table are held together by a test, both ways.

mod acquisition_table;
mod apply_impute;
mod apply_selection;
mod apply_standardise;
mod auc_comparison;
mod average;
mod baseline_table;
mod bootstrap_optimism;
mod calibration;
mod clinical_impact;
mod combat;
mod compare;
mod compare_masks;
mod competing_risks;
mod cox_regression;
mod cross_validate;
mod curves;
mod cut_point;
mod cuts;
mod decision_curve;
mod differential_expression;
mod eligible;
mod enrichment;
mod eqd2;
mod evaluate;
mod exclusions;
mod extract_features;
mod extract_settings;
mod fit_cox;
mod fit_deepsurv;
mod fit_dnnsurv;
mod fit_gbm;
mod fit_impute;
mod fit_reliability;
mod fit_rsf;
mod fit_selection;
mod fit_standardise;
mod fit_svm;
mod fit_xgboost;
#[cfg(test)]
mod fixture;
mod follow_up;
mod funnel;
mod gather_cohort;
mod gather_table;
#[cfg(test)]
mod golden;
mod icc;
mod import_image;
mod import_mask;
mod importance;
mod join_tables;
mod kaplan_meier;
mod labels;
mod lasso_cox;
mod learn;
mod learners;
mod make_splits;
mod matrix;
mod measures;
mod missing_table;
mod model_columns;
mod n4_bias_correction;
mod no_op;
mod noise_features;
mod nomogram;
mod novelty;
mod optimism_waterfall;
mod panels;
mod patients;
mod peritumoural_ring;
mod permute_outcome;
mod pixels;
mod predict;
mod probabilities;
mod radscore;
mod rank_models;
mod reclassification;
mod refuse;
mod report;
mod risks;
mod roster;
mod select_rows;
mod select_site;
mod shuffle_mask;
mod spearman_filter;
mod stability_selection;
mod stored;
mod tuned;
mod univariable_table;

use crate::step::{Context, Inputs, Produced, StepError};

/// What every step file offers.
type Run = fn(&Context, &Inputs) -> Result<Vec<Produced>, StepError>;

/// Runs a step.
///
/// # Errors
/// As the step says; an unknown kind is a bug, for the planner knows them all.
pub fn run(kind: &str, context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let at = KINDS.iter().position(|known| *known == kind);
    match at.and_then(|at| STEPS.get(at)) {
        Some((_, run)) => run(context, inputs),
        None => Err(StepError::Bug(format!(
            "step kind `{kind}` has no code in this build"
        ))),
    }
}

/// The kinds that [`run`] knows.
pub const KINDS: &[&str] = &names(STEPS);

const STEPS: &[(&str, Run); 73] = &[
    ("acquisition-table", acquisition_table::run),
    ("adapt-combat", combat::adapt),
    ("apply-combat", combat::apply),
    ("apply-impute", apply_impute::run),
    ("apply-novelty", novelty::apply),
    ("apply-selection", apply_selection::run),
    ("apply-standardise", apply_standardise::run),
    ("auc-comparison", auc_comparison::run),
    ("baseline-table", baseline_table::run),
    ("bootstrap-optimism", bootstrap_optimism::run),
    ("calibration", calibration::run),
    ("clinical-impact", clinical_impact::run),
    ("combat", combat::run),
    ("compare", compare::run),
    ("compare-masks", compare_masks::run),
    ("competing-risks", competing_risks::run),
    ("cox-regression", cox_regression::run),
    ("cross-validate", cross_validate::run),
    ("cut-point", cut_point::run),
    ("decision-curve", decision_curve::run),
    ("differential-expression", differential_expression::run),
    ("eligible", eligible::run),
    ("enrichment", enrichment::run),
    ("eqd2", eqd2::run),
    ("evaluate", evaluate::run),
    ("exclusions", exclusions::run),
    ("extract-features", extract_features::run),
    ("fit-combat", combat::fit),
    ("fit-cox", fit_cox::run),
    ("fit-deepsurv", fit_deepsurv::run),
    ("fit-dnnsurv", fit_dnnsurv::run),
    ("fit-gbm", fit_gbm::run),
    ("fit-impute", fit_impute::run),
    ("fit-novelty", novelty::fit),
    ("fit-reliability", fit_reliability::run),
    ("fit-rsf", fit_rsf::run),
    ("fit-selection", fit_selection::run),
    ("fit-standardise", fit_standardise::run),
    ("fit-svm", fit_svm::run),
    ("fit-xgboost", fit_xgboost::run),
    ("follow-up", follow_up::run),
    ("funnel", funnel::run),
    ("gather-cohort", gather_cohort::run),
    ("gather-table", gather_table::run),
    ("icc", icc::run),
    ("import-image", import_image::run),
    ("import-mask", import_mask::run),
    ("importance", importance::run),
    ("join-tables", join_tables::run),
    ("kaplan-meier", kaplan_meier::run),
    ("lasso-cox", lasso_cox::run),
    ("make-splits", make_splits::run),
    ("missing-table", missing_table::run),
    ("model-columns", model_columns::run),
    ("n4-bias-correction", n4_bias_correction::run),
    ("no-op", no_op::run),
    ("noise-features", noise_features::run),
    ("nomogram", nomogram::run),
    ("optimism-waterfall", optimism_waterfall::run),
    ("peritumoural-ring", peritumoural_ring::run),
    ("permute-outcome", permute_outcome::run),
    ("predict", predict::run),
    ("radscore", radscore::run),
    ("rank-models", rank_models::run),
    ("reclassification", reclassification::run),
    ("report", report::run),
    ("roster", roster::run),
    ("select-rows", select_rows::run),
    ("select-site", select_site::run),
    ("shuffle-mask", shuffle_mask::run),
    ("spearman-filter", spearman_filter::run),
    ("stability-selection", stability_selection::run),
    ("univariable-table", univariable_table::run),
];

const fn names<const N: usize>(steps: &[(&'static str, Run); N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut i = 0;
    while i < N {
        names[i] = steps[i].0;
        i += 1;
    }
    names
}
