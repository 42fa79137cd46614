//! Baseline cumulative hazard of a proportional-hazards model.

use cohort::FollowUp;

use super::{RiskSets, StepFunction};

/// How events tied at one time enter the partial likelihood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// Efron's approximation: the risk set shrinks by the mean of the tied events.
    Efron,
    /// Breslow's approximation: every tied event sees the full risk set.
    Breslow,
}

/// Why a baseline hazard could not be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BaselineError {
    /// Linear predictor and follow-up differ in length.
    #[error("{n_linear_predictors} linear predictors for {n_rows} patients")]
    Length {
        /// Values given.
        n_linear_predictors: usize,
        /// Patients in the follow-up.
        n_rows: usize,
    },
    /// A linear predictor is not a finite number.
    #[error("linear predictor in row {row} is {value}")]
    NotFinite {
        /// Zero-based row.
        row: usize,
        /// What was found.
        value: f64,
    },
    /// The spread of the linear predictor is beyond what exponentials can hold.
    #[error("linear predictors from {lowest} to {highest} overflow the baseline hazard")]
    Overflow {
        /// Smallest linear predictor.
        lowest: f64,
        /// Largest linear predictor.
        highest: f64,
    },
}

/// Breslow's baseline cumulative hazard: [`baseline_hazard`] with [`Ties::Breslow`].
pub fn breslow_baseline(
    follow_up: &FollowUp,
    linear_predictor: &[f64],
) -> Result<StepFunction, BaselineError> {
    baseline_hazard(follow_up, linear_predictor, Ties::Breslow)
}

/// Baseline cumulative hazard at linear predictor 0.
///
/// # Formula
/// Breslow: H0(t) = Σ_{t_k ≤ t} d_k / R_k, with R_k = Σ_{time ≥ t_k} exp(η_i).
/// Efron: H0(t) = Σ_{t_k ≤ t} Σ_{j<d_k} 1 / (R_k − (j/d_k)·D_k), with D_k = Σ over the events at t_k of exp(η_i)
///
/// # Arguments
/// | symbol | argument | shape | unit |
/// |---|---|---|---|
/// | η | `linear_predictor` | n | none, higher is worse |
///
/// # Errors           lengths that differ; a value that is not finite; a spread beyond what exp can hold
/// # Reference        Breslow, JRSS B 34 (1972) 216–217; Efron, JASA 72 (1977) 557–565
/// # Agrees with      R survival 3.5-3 `basehaz(centered = FALSE)` for both, relative 1e-8, tests/parity_cox.rs
/// # Differs from     nothing
pub fn baseline_hazard(
    follow_up: &FollowUp,
    linear_predictor: &[f64],
    ties: Ties,
) -> Result<StepFunction, BaselineError> {
    let (lowest, highest) = range(follow_up, linear_predictor)?;
    // scaled by exp(−max η): no sum can overflow
    let weight: Vec<f64> = linear_predictor
        .iter()
        .map(|&eta| libm::exp(eta - highest))
        .collect();
    let scale = libm::exp(-highest);
    let jumps = hazard_jumps(follow_up, &weight, ties);
    let mut hazard = 0.0;
    let mut values = Vec::with_capacity(jumps.len());
    for (_, jump) in &jumps {
        hazard += jump * scale;
        values.push(hazard);
    }
    if values.iter().any(|h| !h.is_finite()) {
        return Err(BaselineError::Overflow { lowest, highest });
    }
    Ok(StepFunction::new(
        jumps.into_iter().map(|(time, _)| time).collect(),
        values,
        0.0,
    ))
}

fn range(follow_up: &FollowUp, eta: &[f64]) -> Result<(f64, f64), BaselineError> {
    if eta.len() != follow_up.len() {
        return Err(BaselineError::Length {
            n_linear_predictors: eta.len(),
            n_rows: follow_up.len(),
        });
    }
    if let Some(row) = eta.iter().position(|v| !v.is_finite()) {
        return Err(BaselineError::NotFinite {
            row,
            value: eta[row],
        });
    }
    let lowest = eta.iter().copied().fold(0.0, f64::min);
    let highest = eta.iter().copied().fold(f64::MIN, f64::max);
    Ok((lowest, if eta.is_empty() { 0.0 } else { highest }))
}

/// One jump per distinct time, ascending; zero at times with censorings only.
fn hazard_jumps(follow_up: &FollowUp, weight: &[f64], ties: Ties) -> Vec<(f64, f64)> {
    let sets = RiskSets::new(follow_up);
    let mut jumps = Vec::with_capacity(sets.len());
    let mut risk = 0.0;
    for k in (0..sets.len()).rev() {
        let rows = sets.at(k);
        let (mut d, mut tied) = (0usize, 0.0);
        for &i in rows {
            risk += weight[i];
            if follow_up.event()[i] {
                d += 1;
                tied += weight[i];
            }
        }
        let jump = match ties {
            Ties::Breslow if d > 0 => d as f64 / risk,
            Ties::Breslow => 0.0,
            Ties::Efron => (0..d)
                .map(|j| 1.0 / (risk - tied * j as f64 / d as f64))
                .sum(),
        };
        jumps.push((follow_up.time()[rows[0]], jump));
    }
    jumps.reverse();
    jumps
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::censored::{HazardTies, nelson_aalen};

    #[test]
    fn without_risk_it_is_nelson_aalen() {
        let f = FollowUp::new(vec![1.0, 1.0, 2.0, 3.0], vec![true, true, false, true]).unwrap();
        for (ties, same) in [
            (Ties::Breslow, HazardTies::NelsonAalen),
            (Ties::Efron, HazardTies::FlemingHarrington),
        ] {
            let got = baseline_hazard(&f, &[0.0; 4], ties).unwrap();
            let want = nelson_aalen(&f, same).hazard;
            assert!(
                got.values()
                    .iter()
                    .zip(want.values())
                    .all(|(a, b)| (a - b).abs() < 1e-15)
            );
        }
    }

    #[test]
    fn a_constant_in_the_predictor_divides_the_hazard() {
        let f = FollowUp::new(vec![1.0, 2.0, 3.0], vec![true, false, true]).unwrap();
        let base = breslow_baseline(&f, &[0.0, 1.0, 2.0]).unwrap();
        let moved = breslow_baseline(&f, &[5.0, 6.0, 7.0]).unwrap();
        assert!((base.at(3.0) / moved.at(3.0) / libm::exp(5.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn bad_predictors_are_named() {
        let f = FollowUp::new(vec![1.0, 2.0], vec![true, true]).unwrap();
        assert_eq!(
            breslow_baseline(&f, &[0.0]),
            Err(BaselineError::Length {
                n_linear_predictors: 1,
                n_rows: 2
            })
        );
        assert!(matches!(
            breslow_baseline(&f, &[0.0, f64::NAN]),
            Err(BaselineError::NotFinite { row: 1, .. })
        ));
        assert!(matches!(
            breslow_baseline(&f, &[-900.0, -900.0]),
            Err(BaselineError::Overflow { .. })
        ));
    }
}
