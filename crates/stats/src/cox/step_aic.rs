//! Backward elimination by Akaike's criterion.

use cohort::FollowUp;
use ndarray::{ArrayView2, Axis};

use super::{CoxError, CoxFit, CoxParams, fit_cox};

/// One step of an elimination.
#[derive(Debug, Clone, PartialEq)]
pub struct AicStep {
    /// Feature that went; `None` for the model that was begun with.
    pub dropped: Option<String>,
    /// AIC after it.
    pub aic: f64,
}

/// An elimination and the model it ends in.
#[derive(Debug, Clone, PartialEq)]
pub struct StepAic {
    /// Steps, the full model first.
    pub steps: Vec<AicStep>,
    /// The model of the features that are left.
    pub fit: CoxFit,
}

/// Drops features from a Cox model one by one as long as Akaike's criterion falls.
///
/// # Formula
/// AIC = −2ℓ + 2p; each step drops the feature whose absence gives the smallest AIC, if it is below that of the model before
///
/// # Ties and edges   of equals the feature first in the table goes; the null model may be the end
/// # Errors           the full model cannot be fitted ([`CoxError`]); a smaller one that cannot is not considered
/// # Reference        Akaike, IEEE Trans. Autom. Control 19 (1974) 716–723; p-values after selection are too small (Harrell 2015, 4.3)
/// # Agrees with      R 4.2 `step(direction = "backward")` on `coxph`: the same path, AIC to a relative 1e-9, tests/parity_cox.rs
pub fn backward_aic(
    x: ArrayView2<f64>,
    names: &[String],
    follow_up: &FollowUp,
    params: &CoxParams,
) -> Result<StepAic, CoxError> {
    let aic = |fit: &CoxFit| -2.0 * fit.loglik + 2.0 * fit.names.len() as f64;
    let fit_of = |columns: &[usize]| {
        let own: Vec<String> = columns.iter().map(|&j| names[j].clone()).collect();
        fit_cox(x.select(Axis(1), columns).view(), &own, follow_up, params)
    };
    let mut fit = fit_cox(x, names, follow_up, params)?;
    let mut left: Vec<usize> = (0..names.len()).collect();
    let mut steps = vec![AicStep {
        dropped: None,
        aic: aic(&fit),
    }];
    loop {
        let mut best = (aic(&fit), None);
        for place in 0..left.len() {
            let mut fewer = left.clone();
            fewer.remove(place);
            match fit_of(&fewer) {
                Ok(smaller) if aic(&smaller) < best.0 => {
                    best = (aic(&smaller), Some((place, smaller)));
                }
                _ => {}
            }
        }
        let (aic, Some((place, smaller))) = best else {
            return Ok(StepAic { steps, fit });
        };
        let gone = left.remove(place);
        steps.push(AicStep {
            dropped: Some(names[gone].clone()),
            aic,
        });
        fit = smaller;
    }
}
