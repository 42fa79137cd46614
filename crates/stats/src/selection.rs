//! Feature selection as one fitted thing: constants, redundancy, LASSO-Cox, with a reason for every feature that went.

use cohort::FollowUp;
use ndarray::{Array2, ArrayView2, Axis};

use crate::columns::{ColumnError, pick_columns};
use crate::folds::event_stratified_folds;
use crate::lasso_cox::{
    Choice, LassoCoxCv, LassoCoxError, LassoCoxParams, cross_validate_lasso_cox_to_minimum,
};
use crate::redundancy::{KeepRule, RedundancyError, redundancy_filter};

/// Which of two correlated features stays; see [`KeepRule`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedundancyRule {
    /// The one with the larger univariable |C − ½|.
    UnivariableC,
    /// The one whose column comes first.
    FirstKept,
    /// caret `findCorrelation(exact = TRUE)`.
    FindCorrelation,
    /// caret `findCorrelation(exact = FALSE)`.
    FindCorrelationFast,
    /// The most correlated pair first, the one with the larger mean |ρ| goes.
    MaxPair,
    /// The medoid of each complete-linkage cluster.
    ClusterMedoid,
}

/// How to select.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SelectionParams {
    /// Features with |ρ| above this are redundant, 0 to 1.
    pub spearman_threshold: f64,
    /// Which of two redundant features stays.
    pub redundancy_rule: RedundancyRule,
    /// The path.
    pub lasso: LassoCoxParams,
    /// Which λ.
    pub choice: Choice,
    /// Event-stratified folds, at least 3.
    pub n_folds: usize,
    /// Below the λ chosen the path goes on until this many coefficients are not zero (or it ends); 0 takes the λ chosen.
    pub at_least: usize,
}

impl SelectionParams {
    /// |ρ| ≤ 0.8 by univariable C, glmnet's path, λ.min over 10 folds.
    pub fn lambda_min_of_ten_folds() -> SelectionParams {
        SelectionParams {
            spearman_threshold: 0.8,
            redundancy_rule: RedundancyRule::UnivariableC,
            lasso: LassoCoxParams::glmnet_defaults(),
            choice: Choice::Min,
            n_folds: 10,
            at_least: 0,
        }
    }
}

/// Why nothing could be selected for a technical cause; selecting nothing for a statistical one is [`Selection::empty`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SelectionError {
    /// Rows and follow-up differ in number.
    #[error("{n_rows} rows of features for {n_follow_up} patients")]
    Rows {
        /// Rows.
        n_rows: usize,
        /// Patients.
        n_follow_up: usize,
    },
    /// Fewer events than folds.
    #[error("{n_events} events for {n_folds} folds")]
    TooFewEvents {
        /// Events.
        n_events: usize,
        /// Folds.
        n_folds: usize,
    },
    /// A name occurs twice: apply could not tell the columns apart.
    #[error("feature {feature} occurs twice")]
    DuplicateName {
        /// Feature.
        feature: String,
    },
    /// The redundancy filter refused.
    #[error("redundancy filter")]
    Redundancy(#[from] RedundancyError),
    /// The penalised regression refused.
    #[error("penalised regression")]
    Lasso(#[from] LassoCoxError),
}

/// A stage of the selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Features with one value.
    Constant,
    /// Features correlated with a kept one.
    Redundancy,
    /// Features with coefficient zero.
    Lasso,
}

/// Counts before and after a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunnelStage {
    /// Stage.
    pub stage: Stage,
    /// Features that came in.
    pub n_in: usize,
    /// Features that went on.
    pub n_out: usize,
}

/// Why a feature went.
#[derive(Debug, Clone, PartialEq)]
pub enum DropReason {
    /// One value in all training rows.
    Constant,
    /// Correlated with a feature that stays at this stage.
    Redundant {
        /// That feature.
        kept: String,
        /// Their ρ.
        rho: f64,
    },
    /// Coefficient zero at the chosen λ, or no path at all.
    NotSelected,
}

/// A feature that went.
#[derive(Debug, Clone, PartialEq)]
pub struct DroppedFeature {
    /// Feature.
    pub feature: String,
    /// Why.
    pub reason: DropReason,
}

/// Why no feature was selected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum EmptyReason {
    /// Every feature is constant, or there is none.
    NoVaryingFeature,
    /// No feature moves the partial likelihood.
    NoInformation,
    /// The null model has the best cross-validated deviance.
    NullModelBest {
        /// λ chosen.
        lambda: f64,
    },
}

/// A fitted selection.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// Features selected, in the order of the training table.
    pub features: Vec<String>,
    /// Their LASSO coefficients, per unit of each feature.
    pub coefficients: Vec<f64>,
    /// Set when `features` is empty: the caller fits a null model or refuses; nothing is put in its place.
    pub empty: Option<EmptyReason>,
    /// Counts stage by stage.
    pub funnel: Vec<FunnelStage>,
    /// Every other feature, by stage, then in the order of the table.
    pub dropped: Vec<DroppedFeature>,
    /// Features that entered the LASSO, in the order of its coefficients.
    pub candidates: Vec<String>,
    /// The path and its cross-validation as far as the choice needed them, with the folds; none where no path exists.
    pub lasso: Option<LassoCoxCv>,
    /// λ whose coefficients these are; none where no path exists.
    pub lambda: Option<f64>,
    /// λ that cross-validation chose, where fewer than [`SelectionParams::at_least`] coefficients stood there.
    pub lambda_lowered_from: Option<f64>,
}

/// Learns which features to keep from training rows: drops constants, then redundant ones, then those whose coefficient in
/// a cross-validated LASSO-Cox is zero.
///
/// # Arguments
/// | argument | shape | meaning |
/// |---|---|---|
/// | `x` | n × p, no undefined value | training rows; the LASSO scales them itself |
/// | `seed` | | of the event-stratified folds |
///
/// # Ties and edges   an empty selection is a result with a reason, not an error
/// # Errors           see [`SelectionError`]
/// # Reference        Spearman filter and LASSO-Cox as in the radiomics literature; parts: [`redundancy_filter`],
/// [`cross_validate_lasso_cox_to_minimum`]
/// # Differs from     nothing: the parts carry the comparisons
pub fn fit_selection(
    x: ArrayView2<f64>,
    names: &[String],
    follow_up: &FollowUp,
    params: &SelectionParams,
    seed: u64,
) -> Result<Selection, SelectionError> {
    check(x, names, follow_up, params)?;
    let mut selection = Selection {
        features: Vec::new(),
        coefficients: Vec::new(),
        empty: None,
        funnel: Vec::new(),
        dropped: Vec::new(),
        candidates: Vec::new(),
        lasso: None,
        lambda: None,
        lambda_lowered_from: None,
    };
    let varying = drop_constants(&mut selection, x, names);
    let candidates = drop_redundant(&mut selection, x, names, follow_up, params, varying)?;
    select_by_lasso(
        &mut selection,
        x,
        names,
        follow_up,
        params,
        seed,
        &candidates,
    )?;
    Ok(selection)
}

fn check(
    x: ArrayView2<f64>,
    names: &[String],
    follow_up: &FollowUp,
    params: &SelectionParams,
) -> Result<(), SelectionError> {
    if x.nrows() != follow_up.len() {
        return Err(SelectionError::Rows {
            n_rows: x.nrows(),
            n_follow_up: follow_up.len(),
        });
    }
    if x.ncols() != names.len() {
        let count = RedundancyError::Columns {
            n_columns: x.ncols(),
            n_names: names.len(),
        };
        return Err(count.into());
    }
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(SelectionError::DuplicateName {
            feature: pair[0].clone(),
        });
    }
    if follow_up.n_events() < params.n_folds {
        let n_folds = params.n_folds;
        return Err(SelectionError::TooFewEvents {
            n_events: follow_up.n_events(),
            n_folds,
        });
    }
    if params.n_folds < 3 {
        return Err(LassoCoxError::TooFewFolds {
            n_folds: params.n_folds,
        }
        .into());
    }
    if let Some(((row, column), value)) = x.indexed_iter().find(|(_, v)| !v.is_finite()) {
        return Err(LassoCoxError::NotFinite {
            row,
            column,
            value: *value,
        }
        .into());
    }
    Ok(())
}

impl Selection {
    fn close_stage(&mut self, stage: Stage, n_in: usize, n_out: usize) {
        self.funnel.push(FunnelStage { stage, n_in, n_out });
    }

    fn drop_feature(&mut self, feature: &str, reason: DropReason) {
        self.dropped.push(DroppedFeature {
            feature: feature.to_string(),
            reason,
        });
    }

    /// The selected columns of any table that has them, found by name.
    pub fn apply(&self, x: ArrayView2<f64>, names: &[String]) -> Result<Array2<f64>, ColumnError> {
        pick_columns(x, names, &self.features)
    }
}

fn drop_constants(selection: &mut Selection, x: ArrayView2<f64>, names: &[String]) -> Vec<usize> {
    let varies = |j: &usize| x.column(*j).iter().any(|v| *v != x[[0, *j]]);
    let varying: Vec<usize> = (0..names.len()).filter(varies).collect();
    for (j, name) in names.iter().enumerate() {
        if varying.binary_search(&j).is_err() {
            selection.drop_feature(name, DropReason::Constant);
        }
    }
    selection.close_stage(Stage::Constant, names.len(), varying.len());
    varying
}

fn drop_redundant(
    selection: &mut Selection,
    x: ArrayView2<f64>,
    names: &[String],
    follow_up: &FollowUp,
    params: &SelectionParams,
    varying: Vec<usize>,
) -> Result<Vec<usize>, SelectionError> {
    let rule = match params.redundancy_rule {
        RedundancyRule::UnivariableC => KeepRule::UnivariableC(follow_up),
        RedundancyRule::FirstKept => KeepRule::FirstKept,
        RedundancyRule::FindCorrelation => KeepRule::FindCorrelation,
        RedundancyRule::FindCorrelationFast => KeepRule::FindCorrelationFast,
        RedundancyRule::MaxPair => KeepRule::MaxPair,
        RedundancyRule::ClusterMedoid => KeepRule::ClusterMedoid,
    };
    let sub_names: Vec<String> = varying.iter().map(|&j| names[j].clone()).collect();
    let table = x.select(Axis(1), &varying);
    let filter = redundancy_filter(table.view(), &sub_names, params.spearman_threshold, rule)?;
    for drop in &filter.dropped {
        let kept = sub_names[drop.kept].clone();
        selection.drop_feature(
            &sub_names[drop.column],
            DropReason::Redundant {
                kept,
                rho: drop.rho,
            },
        );
    }
    selection.close_stage(Stage::Redundancy, varying.len(), filter.kept.len());
    Ok(filter.kept.iter().map(|&j| varying[j]).collect())
}

fn select_by_lasso(
    selection: &mut Selection,
    x: ArrayView2<f64>,
    names: &[String],
    follow_up: &FollowUp,
    params: &SelectionParams,
    seed: u64,
    candidates: &[usize],
) -> Result<(), SelectionError> {
    selection.candidates = candidates.iter().map(|&j| names[j].clone()).collect();
    let mut coefficients = vec![0.0; candidates.len()];
    if candidates.is_empty() {
        selection.empty = Some(EmptyReason::NoVaryingFeature);
    } else {
        // at least 3 folds: checked
        let fold = event_stratified_folds(follow_up, params.n_folds, seed).unwrap_or_default();
        let table = x.select(Axis(1), candidates);
        match cross_validate_lasso_cox_to_minimum(table.view(), follow_up, &fold, &params.lasso) {
            Ok(cv) => {
                let chosen = cv.index(params.choice);
                let taken = with_at_least(&cv, chosen, params.at_least);
                coefficients = cv.path.coefficients.row(taken).to_vec();
                let lambda = cv.path.lambda[taken];
                if coefficients.iter().all(|&b| b == 0.0) {
                    selection.empty = Some(EmptyReason::NullModelBest { lambda });
                }
                selection.lambda = Some(lambda);
                selection.lambda_lowered_from = (taken != chosen).then(|| cv.path.lambda[chosen]);
                selection.lasso = Some(cv);
            }
            Err(LassoCoxError::NoInformation { .. }) => {
                selection.empty = Some(EmptyReason::NoInformation);
            }
            Err(other) => return Err(other.into()),
        }
    }
    for (&j, &b) in candidates.iter().zip(&coefficients) {
        if b == 0.0 {
            selection.drop_feature(&names[j], DropReason::NotSelected);
        } else {
            selection.features.push(names[j].clone());
            selection.coefficients.push(b);
        }
    }
    selection.close_stage(Stage::Lasso, candidates.len(), selection.features.len());
    Ok(())
}

/// The first place of the path from `chosen` on with at least so many coefficients; the one with most of them where there is
/// none (the first such).
fn with_at_least(cv: &LassoCoxCv, chosen: usize, at_least: usize) -> usize {
    let n_kept = |k: usize| {
        let row = cv.path.coefficients.row(k);
        row.iter().filter(|b| **b != 0.0).count()
    };
    let mut most = chosen;
    for k in chosen..cv.path.coefficients.nrows() {
        if n_kept(k) >= at_least {
            return k;
        }
        if n_kept(k) > n_kept(most) {
            most = k;
        }
    }
    most
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    /// 150 patients, exponential times; features: signal, its monotone copy, noise × 6, one constant.
    fn study(effect: f64) -> (Array2<f64>, Vec<String>, FollowUp) {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut uniform = || ((rng.next_u64() >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0;
        let n = 150;
        let mut x = Array2::from_shape_fn((n, 9), |_| uniform() - 0.5);
        for i in 0..n {
            x[[i, 1]] = libm::exp(x[[i, 0]]);
            x[[i, 8]] = 3.0;
        }
        let raw: Vec<f64> = (0..n)
            .map(|i| -libm::log(uniform()) * libm::exp(-effect * x[[i, 0]]))
            .collect();
        let limit = 1.5;
        let event = raw.iter().map(|&t| t < limit).collect();
        let f = FollowUp::new(raw.iter().map(|&t| t.min(limit)).collect(), event).unwrap();
        let names = ["signal", "copy", "n0", "n1", "n2", "n3", "n4", "n5", "flat"];
        (x, names.map(String::from).to_vec(), f)
    }

    #[test]
    fn the_signal_stays_its_copy_and_the_constant_go_with_a_reason() {
        let (x, names, f) = study(3.0);
        let params = SelectionParams {
            choice: Choice::OneSe,
            ..SelectionParams::lambda_min_of_ten_folds()
        };
        let s = fit_selection(x.view(), &names, &f, &params, 17).unwrap();
        // equal ranks, equal C: "copy" comes first by name
        assert_eq!(s.features, ["copy"]);
        assert_eq!(s.empty, None);
        let reason = |n: &str| {
            s.dropped
                .iter()
                .find(|d| d.feature == n)
                .unwrap()
                .reason
                .clone()
        };
        assert_eq!(reason("flat"), DropReason::Constant);
        assert_eq!(
            reason("signal"),
            DropReason::Redundant {
                kept: "copy".into(),
                rho: 1.0
            }
        );
        assert_eq!(reason("n3"), DropReason::NotSelected);
        let counts: Vec<_> = s.funnel.iter().map(|f| (f.n_in, f.n_out)).collect();
        assert_eq!(counts, [(9, 8), (8, 7), (7, 1)]);
        assert_eq!(s.dropped.len() + s.features.len(), 9);
        assert_eq!(s.apply(x.view(), &names).unwrap().column(0), x.column(1));
    }

    #[test]
    fn the_seed_is_the_result() {
        let (x, names, f) = study(1.0);
        let params = SelectionParams::lambda_min_of_ten_folds();
        let run = |seed| fit_selection(x.view(), &names, &f, &params, seed).unwrap();
        assert_eq!(run(3), run(3));
        assert_ne!(run(3).lasso.unwrap().fold, run(4).lasso.unwrap().fold);
    }

    #[test]
    fn selecting_nothing_has_a_reason() {
        let (x, names, f) = study(0.0);
        let params = SelectionParams {
            choice: Choice::OneSe,
            ..SelectionParams::lambda_min_of_ten_folds()
        };
        let s = fit_selection(x.view(), &names, &f, &params, 1).unwrap();
        assert!(s.features.is_empty());
        assert!(matches!(s.empty, Some(EmptyReason::NullModelBest { lambda }) if lambda > 0.0));
        assert_eq!(s.apply(x.view(), &names).unwrap().dim(), (150, 0));
        let flat = Array2::ones((150, 9));
        let s = fit_selection(flat.view(), &names, &f, &params, 1).unwrap();
        assert_eq!(s.empty, Some(EmptyReason::NoVaryingFeature));
    }

    #[test]
    fn the_path_is_followed_until_enough_is_left() {
        let (x, names, f) = study(0.0);
        let with = |at_least| {
            let params = SelectionParams {
                choice: Choice::OneSe,
                at_least,
                ..SelectionParams::lambda_min_of_ten_folds()
            };
            fit_selection(x.view(), &names, &f, &params, 1).unwrap()
        };
        let none = with(0);
        assert!(none.features.is_empty() && none.lambda_lowered_from.is_none());
        let two = with(2);
        assert_eq!(two.features.len(), 2);
        assert_eq!(two.empty, None);
        assert_eq!(two.lambda_lowered_from, none.lambda);
        let path = &two.lasso.as_ref().unwrap().path;
        let k = path
            .lambda
            .iter()
            .position(|l| Some(*l) == two.lambda)
            .unwrap();
        let n_kept = |k: usize| {
            path.coefficients
                .row(k)
                .iter()
                .filter(|b| **b != 0.0)
                .count()
        };
        assert!(n_kept(k - 1) < 2 && n_kept(k) == 2);
        // more than the path ever has: where it has most
        let all = with(1000);
        assert_eq!(
            Some(all.features.len()),
            (0..path.lambda.len()).map(n_kept).max()
        );
        // what is enough already stays
        let (x, names, f) = study(3.0);
        let of = |at_least| {
            let params = SelectionParams {
                at_least,
                ..SelectionParams::lambda_min_of_ten_folds()
            };
            fit_selection(x.view(), &names, &f, &params, 17).unwrap()
        };
        assert_eq!(of(0), of(1));
    }

    #[test]
    fn refusals_are_named() {
        let (x, mut names, f) = study(0.0);
        let params = SelectionParams::lambda_min_of_ten_folds();
        let few = FollowUp::new(f.time().to_vec(), (0..150).map(|i| i < 4).collect()).unwrap();
        assert_eq!(
            fit_selection(x.view(), &names, &few, &params, 1),
            Err(SelectionError::TooFewEvents {
                n_events: 4,
                n_folds: 10
            })
        );
        names[1] = "n3".into();
        assert_eq!(
            fit_selection(x.view(), &names, &f, &params, 1),
            Err(SelectionError::DuplicateName {
                feature: "n3".into()
            })
        );
    }
}
