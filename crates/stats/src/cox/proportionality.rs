//! Testing whether hazard ratios change with time.

use cohort::FollowUp;
use ndarray::{Array2, ArrayView2};

use super::design::Design;
use super::error::CoxError;
use super::fit::{CoxFit, TestResult};
use super::partial_likelihood::for_each_event_time;
use crate::censored::{RiskSets, kaplan_meier};
use crate::linalg::{Cholesky, quadratic_form};

/// The time g(t) with which the coefficients may drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeTransform {
    /// 1 − S(t−), S by Kaplan–Meier: R's default.
    KaplanMeier,
    /// t itself.
    Identity,
    /// Rank among all times of follow-up, ties averaged.
    Rank,
}

/// Score tests of proportional hazards.
#[derive(Debug, Clone, PartialEq)]
pub struct Proportionality {
    /// One test per feature, in the order of the fit.
    pub features: Vec<TestResult>,
    /// All features together.
    pub global: TestResult,
}

/// Score test of proportional hazards: would β_j(t) = β_j + θ_j g(t) fit better?
///
/// # Formula
/// At the fitted β: U = Σ_k g_k U_k, A = Σ I_k, B = Σ g_k I_k, C = Σ g_k² I_k over the event times;
/// feature j: U_j² / (C_jj − B_j A⁻¹ B_jᵀ); global: Uᵀ (C − B A⁻¹ B)⁻¹ U
///
/// # Arguments        the rows the model was fitted on, in the order of the fit's features
/// # Errors           [`CoxError::Collinear`] where a feature has no information left
/// # Reference        Grambsch & Therneau, Biometrika 81 (1994) 515–526
/// # Agrees with      R survival 3.5-3 `cox.zph(terms = FALSE)` with km, identity and rank, relative 1e-7, tests/parity_cox.rs
/// # Differs from     R before 3.0, which approximated I_k by its mean
pub fn proportional_hazards_test(
    fit: &CoxFit,
    x: ArrayView2<f64>,
    follow_up: &FollowUp,
    transform: TimeTransform,
) -> Result<Proportionality, CoxError> {
    let design = Design::new(x, &fit.names, follow_up)?;
    let eta = fit.linear_predictor(x)?;
    let sets = RiskSets::new(follow_up);
    let g = centred_transform(follow_up, &sets, transform);
    let p = fit.names.len();
    let mut drift = vec![0.0; p];
    let (mut a, mut b, mut c) = (
        Array2::<f64>::zeros((p, p)),
        Array2::<f64>::zeros((p, p)),
        Array2::<f64>::zeros((p, p)),
    );
    for_each_event_time(&design.x, &eta, &sets, follow_up.event(), fit.ties, |at| {
        let g = g[at.k];
        drift
            .iter_mut()
            .zip(at.score)
            .for_each(|(u, s)| *u += g * s);
        for (((a, b), c), v) in a
            .iter_mut()
            .zip(b.iter_mut())
            .zip(c.iter_mut())
            .zip(at.information)
        {
            *a += v;
            *b += g * v;
            *c += g * g * v;
        }
    });
    test_of(&drift, &a, &b, &c, &fit.names)
}

/// The tests from U, A, B and C.
pub(super) fn test_of(
    drift: &[f64],
    a: &Array2<f64>,
    b: &Array2<f64>,
    c: &Array2<f64>,
    names: &[String],
) -> Result<Proportionality, CoxError> {
    let p = drift.len();
    let collinear = |j: usize| CoxError::Collinear {
        feature: names[j].clone(),
    };
    let factor = Cholesky::new(a, 1e-12).map_err(collinear)?;
    let mut left = c.clone();
    for j in 0..p {
        let column: Vec<f64> = (0..p).map(|i| b[[i, j]]).collect();
        let solved = factor.solve(&column);
        for i in 0..p {
            left[[i, j]] -= (0..p).map(|l| b[[i, l]] * solved[l]).sum::<f64>();
        }
    }
    let features = (0..p)
        .map(|j| TestResult::new(drift[j] * drift[j] / left[[j, j]], 1))
        .collect();
    let global = quadratic_form(&Cholesky::new(&left, 1e-12).map_err(collinear)?, drift);
    Ok(Proportionality {
        features,
        global: TestResult::new(global, p),
    })
}

/// g at each distinct time, minus its mean over the events (the tests do not depend on it; rounding does).
pub(super) fn centred_transform(
    follow_up: &FollowUp,
    sets: &RiskSets,
    transform: TimeTransform,
) -> Vec<f64> {
    let event = follow_up.event();
    let events: Vec<usize> = (0..sets.len())
        .map(|k| sets.at(k).iter().filter(|&&i| event[i]).count())
        .collect();
    let km = kaplan_meier(follow_up);
    let mut before = 0;
    let mut g = Vec::with_capacity(sets.len());
    for k in 0..sets.len() {
        g.push(match transform {
            TimeTransform::Identity => km.table().time[k],
            TimeTransform::KaplanMeier => 1.0 - km.curve().before(km.table().time[k]),
            TimeTransform::Rank => before as f64 + (sets.at(k).len() as f64 + 1.0) / 2.0,
        });
        before += sets.at(k).len();
    }
    let n_events = follow_up.n_events() as f64;
    let mean = g
        .iter()
        .zip(&events)
        .map(|(g, &d)| g * d as f64)
        .sum::<f64>()
        / n_events;
    g.iter_mut().for_each(|g| *g -= mean);
    g
}
