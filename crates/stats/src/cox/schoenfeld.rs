//! Schoenfeld residuals: how each event's covariates differ from what the model expected of its risk set.

use cohort::FollowUp;
use ndarray::ArrayView2;

use super::design::Design;
use super::fit::predictor;
use super::weighted::{Strata, check_rows};
use super::{CoxError, CoxParams};

/// The residual of one event.
#[derive(Debug, Clone, PartialEq)]
pub struct SchoenfeldResidual {
    /// Zero-based row of the patient.
    pub row: usize,
    /// One value per feature, in its unit.
    pub values: Vec<f64>,
}

/// Schoenfeld residuals of every event, by ascending time and then by row.
///
/// # Formula
/// r_i = x_i − x̄(t_i), x̄ the mean of the covariates over the risk set of the patient's stratum with weights w e^η; with Efron's
/// ties the mean over the d steps in which the tied events leave
///
/// # Arguments        the rows, strata, weights and ties the model was fitted with (all 0 and all 1: none), and its coefficients
/// # Ties and edges   a patient of weight 0 has none; their sum, weighted, is the score: zero at the maximum
/// # Errors           see [`CoxError`]
/// # Reference        Schoenfeld, Biometrika 69 (1982) 239–241
/// # Agrees with      R survival 3.5-3 `residuals(fit, "schoenfeld")`, Efron and Breslow, relative 1e-7, tests/parity_cox.rs
/// # Differs from     R, which orders them by stratum first
pub fn schoenfeld_residuals(
    names: &[String],
    coefficients: &[f64],
    x: ArrayView2<f64>,
    follow_up: &FollowUp,
    strata: &[usize],
    weights: &[f64],
    params: &CoxParams,
) -> Result<Vec<SchoenfeldResidual>, CoxError> {
    check_rows(follow_up, strata, weights)?;
    if coefficients.len() != names.len() {
        return Err(CoxError::Coefficients {
            n_coefficients: coefficients.len(),
            n_features: names.len(),
        });
    }
    let design = Design::new(x, names, follow_up)?;
    let scaled = coefficients.iter().zip(&design.scales);
    let beta: Vec<f64> = scaled.map(|(b, s)| b * s).collect();
    let eta = predictor(&design.x, &beta);
    let sets = Strata::new(follow_up, strata, weights);
    let mut found = Vec::new();
    sets.each_event_time(&design.x, &eta, params.ties, |group, score, _| {
        let events = || group.iter().filter(|&&i| follow_up.event()[i]);
        let weight: f64 = events().map(|&i| weights[i]).sum();
        // the score of this time is Σ w x of the events minus their weight times the mean
        let mean = |j: usize| {
            let sum: f64 = events().map(|&i| weights[i] * design.x[[i, j]]).sum();
            (sum - score[j]) / weight
        };
        let means: Vec<f64> = (0..names.len()).map(mean).collect();
        for &row in events() {
            let values = (means.iter().zip(&design.scales).enumerate())
                .map(|(j, (mean, scale))| (design.x[[row, j]] - mean) * scale)
                .collect();
            found.push(SchoenfeldResidual { row, values });
        }
    });
    let time = follow_up.time();
    found.sort_by(|a, b| time[a.row].total_cmp(&time[b.row]).then(a.row.cmp(&b.row)));
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::{fit_weighted_cox, schoenfeld_residuals};
    use super::*;
    use ndarray::array;

    #[test]
    fn three_patients_without_effect_differ_from_the_mean_of_who_is_left() {
        let x = array![[1.0], [4.0], [7.0], [0.0]];
        let f = FollowUp::new(vec![1.0, 2.0, 2.0, 3.0], vec![true, true, false, false]).unwrap();
        let names = ["x".to_string()];
        let (none, all) = ([0; 4], [1.0; 4]);
        let params = CoxParams::efron();
        let found =
            schoenfeld_residuals(&names, &[0.0], x.view(), &f, &none, &all, &params).unwrap();
        let rows: Vec<usize> = found.iter().map(|r| r.row).collect();
        assert_eq!(rows, [0, 1]);
        assert!((found[0].values[0] - (1.0 - 3.0)).abs() < 1e-12);
        assert!((found[1].values[0] - (4.0 - 11.0 / 3.0)).abs() < 1e-12);
    }

    #[test]
    fn at_the_maximum_they_add_to_nothing() {
        let n = 40;
        let x = ndarray::Array2::from_shape_fn((n, 2), |(i, j)| libm::sin((5 * i + 3 * j) as f64));
        let time = (0..n).map(|i| f64::from((i as u32 * 7) % 9 + 1)).collect();
        let f = FollowUp::new(time, (0..n).map(|i| i % 3 > 0).collect()).unwrap();
        let names = ["a".to_string(), "b".to_string()];
        let strata: Vec<usize> = (0..n).map(|i| i % 2).collect();
        let weights: Vec<f64> = (0..n).map(|i| (i % 4) as f64).collect();
        for params in [CoxParams::efron(), CoxParams::breslow()] {
            let fit = fit_weighted_cox(x.view(), &names, &f, &strata, &weights, &params).unwrap();
            let beta = &fit.coefficients;
            let found =
                schoenfeld_residuals(&names, beta, x.view(), &f, &strata, &weights, &params)
                    .unwrap();
            let seen = (0..n).filter(|&i| f.event()[i] && weights[i] > 0.0).count();
            assert_eq!(found.len(), seen);
            for j in 0..2 {
                let sum: f64 = found.iter().map(|r| weights[r.row] * r.values[j]).sum();
                assert!(sum.abs() < 1e-8, "{sum}");
            }
        }
    }
}
