//! `fit-selection`: features that are not redundant and carry prognosis, learned from training rows.

use artefact::models::{FunnelStage, SelectionModel, StoredModel};
use cohort::FollowUp;
use pipeline_defs::params::{Lasso, LassoChoice, SelectionParams, Spearman, SpearmanRule};
use stats::lasso_cox::{Choice, LassoCoxError, LassoCoxParams};
use stats::redundancy::{KeepRule, RedundancyError, redundancy_filter};
use stats::selection::{
    RedundancyRule, SelectionError, SelectionParams as Settings, fit_selection,
};

use super::learn::Training;
use super::matrix::Matrix;
use super::refuse::refuse;
use super::stored;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: SelectionParams = context.params()?;
    let Training {
        matrix, follow_up, ..
    } = Training::read(inputs)?;
    let model = match (&params.spearman, &params.lasso) {
        (spearman, Some(lasso)) => both(
            &matrix,
            &follow_up,
            spearman.as_ref(),
            lasso,
            params.at_least as usize,
            context.seed()?,
        )?,
        (Some(spearman), None) => redundancy(&matrix, &follow_up, spearman)?,
        (None, None) => all(matrix),
    };
    Ok(vec![Produced::bytes("model", model.encode()?)])
}

fn both(
    x: &Matrix,
    follow_up: &FollowUp,
    spearman: Option<&Spearman>,
    lasso: &Lasso,
    at_least: usize,
    seed: u64,
) -> Result<SelectionModel, StepError> {
    let redundancy_rule = match spearman.map(|s| s.rule) {
        Some(SpearmanRule::UnivariableC) => RedundancyRule::UnivariableC,
        Some(SpearmanRule::First) | None => RedundancyRule::FirstKept,
        Some(SpearmanRule::FindCorrelation) => RedundancyRule::FindCorrelation,
        Some(SpearmanRule::FindCorrelationFast) => RedundancyRule::FindCorrelationFast,
        Some(SpearmanRule::MaxPair) => RedundancyRule::MaxPair,
        Some(SpearmanRule::ClusterMedoid) => RedundancyRule::ClusterMedoid,
    };
    let settings = Settings {
        // No rank correlation is above 1: nothing is redundant.
        spearman_threshold: spearman.map_or(1.0, |s| s.threshold),
        redundancy_rule,
        lasso: path_params(lasso),
        choice: choice(lasso.choose),
        n_folds: lasso.folds as usize,
        at_least,
    };
    let selection = fit_selection(x.x.view(), &x.names, follow_up, &settings, seed)
        .map_err(|e| refuse(code(&e), &e))?;
    Ok(stored::from_selection(selection, at_least))
}

fn redundancy(
    x: &Matrix,
    follow_up: &FollowUp,
    spearman: &Spearman,
) -> Result<SelectionModel, StepError> {
    let rule = keep_rule(spearman.rule, Some(follow_up))?;
    let filter = redundancy_filter(x.x.view(), &x.names, spearman.threshold, rule)
        .map_err(|e| refuse(redundancy_code(&e), &e))?;
    let name = |j: usize| x.names[j].clone();
    let dropped = filter
        .dropped
        .iter()
        .map(|d| stored::dropped(name(d.column), "redundant", Some((name(d.kept), d.rho))));
    let funnel = FunnelStage {
        stage: "redundancy".to_owned(),
        n_in: x.names.len() as u64,
        n_out: filter.kept.len() as u64,
    };
    Ok(SelectionModel {
        features: filter.kept.iter().map(|&j| name(j)).collect(),
        coefficients: Vec::new(),
        empty: None,
        note: None,
        funnel: vec![funnel],
        dropped: dropped.collect(),
        lambda: None,
    })
}

fn all(x: Matrix) -> SelectionModel {
    SelectionModel {
        features: x.names,
        coefficients: Vec::new(),
        empty: None,
        note: None,
        funnel: Vec::new(),
        dropped: Vec::new(),
        lambda: None,
    }
}

/// The rule, with the follow-up that one of them needs.
pub(super) fn keep_rule(
    rule: SpearmanRule,
    follow_up: Option<&FollowUp>,
) -> Result<KeepRule<'_>, StepError> {
    match (rule, follow_up) {
        (SpearmanRule::UnivariableC, Some(follow_up)) => Ok(KeepRule::UnivariableC(follow_up)),
        (SpearmanRule::UnivariableC, None) => Err(StepError::refuse(
            "input-missing",
            "rule `univariable-c` needs `followup`",
        )),
        (SpearmanRule::First, _) => Ok(KeepRule::FirstKept),
        (SpearmanRule::FindCorrelation, _) => Ok(KeepRule::FindCorrelation),
        (SpearmanRule::FindCorrelationFast, _) => Ok(KeepRule::FindCorrelationFast),
        (SpearmanRule::MaxPair, _) => Ok(KeepRule::MaxPair),
        (SpearmanRule::ClusterMedoid, _) => Ok(KeepRule::ClusterMedoid),
    }
}

pub(super) fn path_params(lasso: &Lasso) -> LassoCoxParams {
    LassoCoxParams {
        alpha: lasso.alpha,
        n_lambda: lasso.n_lambda as usize,
        lambda_min_ratio: lasso.lambda_min_ratio,
        ..LassoCoxParams::glmnet_defaults()
    }
}

pub(super) fn choice(choose: LassoChoice) -> Choice {
    match choose {
        LassoChoice::Min => Choice::Min,
        LassoChoice::OneSe => Choice::OneSe,
    }
}

fn code(error: &SelectionError) -> &'static str {
    match error {
        SelectionError::Rows { .. } => "rows-differ",
        SelectionError::TooFewEvents { .. } => "too-few-events",
        SelectionError::DuplicateName { .. } => "feature-twice",
        SelectionError::Redundancy(e) => redundancy_code(e),
        SelectionError::Lasso(e) => lasso_code(e),
    }
}

pub(super) fn redundancy_code(error: &RedundancyError) -> &'static str {
    match error {
        RedundancyError::Threshold { .. } => "threshold",
        RedundancyError::Columns { .. } => "columns-differ",
        RedundancyError::Rows { .. } => "rows-differ",
        RedundancyError::Spearman(_) => "values-undefined",
    }
}

pub(super) fn lasso_code(error: &LassoCoxError) -> &'static str {
    match error {
        LassoCoxError::Parameter { .. } => "lasso-parameter",
        LassoCoxError::Rows { .. } | LassoCoxError::FoldIds { .. } => "rows-differ",
        LassoCoxError::NotFinite { .. } => "values-undefined",
        LassoCoxError::NoEvent { .. } => "no-event",
        LassoCoxError::NoInformation { .. } => "no-information",
        LassoCoxError::TooFewFolds { .. } => "too-few-folds",
        LassoCoxError::FoldWithoutEvent { .. } => "fold-without-event",
        LassoCoxError::FoldWithoutPair { .. } => "fold-without-pair",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, learnable, refusal, run, text};
    use serde_json::{Value, json};

    fn params(folds: u32) -> Value {
        json!({"spearman": {"threshold": 0.8, "rule": "univariable-c"},
            "lasso": {"alpha": 1.0, "n_lambda": 50, "lambda_min_ratio": null, "choose": "min", "folds": folds}})
    }

    #[test]
    fn the_prognostic_feature_stays_and_its_copy_goes() {
        let (table, followup) = learnable(80);
        let ports = [("table", table.clone()), ("followup", followup)];
        let out = run("fit-selection", params(5), &ports).unwrap();
        let model: Value = serde_json::from_slice(&content(&out, "model")).unwrap();
        assert!(
            model["features"]
                .as_array()
                .unwrap()
                .contains(&json!("signal")),
            "{model}"
        );
        let copy = model["dropped"]
            .as_array()
            .unwrap()
            .iter()
            .find(|d| d["feature"] == "twin")
            .unwrap();
        assert_eq!(
            (&copy["reason"], &copy["kept"]),
            (&json!("redundant"), &json!("signal"))
        );
        let applied = run(
            "apply-selection",
            json!({}),
            &[("model", content(&out, "model")), ("table", table)],
        )
        .unwrap();
        assert!(text(&applied, "table").starts_with("patient_id,site,signal"));
        let none = json!({"spearman": null, "lasso": null});
        let out = run("fit-selection", none, &ports).unwrap();
        assert!(text(&out, "model").contains(r#""features":["signal","twin","noise","shadow"]"#));
    }

    #[test]
    fn more_folds_than_events_are_refused() {
        let (table, followup) = learnable(12);
        let (code, message) = refusal(run(
            "fit-selection",
            params(10),
            &[("table", table), ("followup", followup)],
        ));
        assert_eq!(code, "too-few-events");
        assert!(message.contains("10 folds"), "{message}");
    }
}
