//! Maximum partial likelihood by Newton's method.

use cohort::FollowUp;
use ndarray::{Array2, ArrayView2};

use super::design::Design;
use super::error::CoxError;
use super::partial_likelihood::{Derivatives, derivatives};
use crate::censored::{RiskSets, StepFunction, Ties, baseline_hazard};
use crate::concordance::{self, ConcordanceCounts};
use crate::linalg::{Cholesky, quadratic_form};
use crate::special::{chi_square_upper_tail, normal_quantile, normal_two_sided};

/// A column whose information, given the columns before it, falls below this share of its own is a combination of them.
const COLLINEAR_REL: f64 = 1e-10;
/// A Newton step of this size (in standard deviations) after the likelihood stopped rising means it rises for ever.
const STILL_MOVING: f64 = 1e-4;

/// How to fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CoxParams {
    /// Ties of events.
    pub ties: Ties,
    /// Newton iterations at most.
    pub max_iterations: usize,
    /// Converged when ℓ changes by less than this share.
    pub tolerance_rel: f64,
}

impl CoxParams {
    /// Efron's ties, 50 iterations, 1e-11: R's `coxph` with a tighter end (R: 20, 1e-9).
    pub fn efron() -> CoxParams {
        CoxParams {
            ties: Ties::Efron,
            max_iterations: 50,
            tolerance_rel: 1e-11,
        }
    }

    /// As [`CoxParams::efron`] with Breslow's ties.
    pub fn breslow() -> CoxParams {
        CoxParams {
            ties: Ties::Breslow,
            ..CoxParams::efron()
        }
    }
}

/// A chi-square test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestResult {
    /// Statistic.
    pub chi_square: f64,
    /// Degrees of freedom.
    pub df: usize,
    /// Upper tail.
    pub p: f64,
}

impl TestResult {
    pub(super) fn new(chi_square: f64, df: usize) -> TestResult {
        TestResult {
            chi_square,
            df,
            p: chi_square_upper_tail(chi_square, df),
        }
    }
}

/// One row of a coefficient table.
#[derive(Debug, Clone, PartialEq)]
pub struct CoefficientRow {
    /// Feature.
    pub feature: String,
    /// Log hazard ratio per unit.
    pub coefficient: f64,
    /// Its standard error.
    pub std_err: f64,
    /// Hazard ratio (infinite beyond a coefficient of 709).
    pub hazard_ratio: f64,
    /// Lower limit of the hazard ratio.
    pub lower: f64,
    /// Upper limit of the hazard ratio.
    pub upper: f64,
    /// Wald statistic.
    pub z: f64,
    /// Two-sided p-value.
    pub p: f64,
}

/// A fitted Cox model. Holds no training rows, but the baseline's times are those of the training patients.
#[derive(Debug, Clone, PartialEq)]
pub struct CoxFit {
    /// Features, in the order of the coefficients.
    pub names: Vec<String>,
    /// β, per unit of each feature.
    pub coefficients: Vec<f64>,
    /// I⁻¹.
    pub covariance: Array2<f64>,
    /// Column means of the training rows: where the linear predictor is zero.
    pub means: Vec<f64>,
    /// Cumulative hazard of a patient at the means.
    pub baseline: StepFunction,
    /// Ties of events.
    pub ties: Ties,
    /// ℓ at β = 0.
    pub loglik_null: f64,
    /// ℓ at the maximum.
    pub loglik: f64,
    /// Score test of β = 0.
    pub score_test: TestResult,
    /// Wald test of β = 0.
    pub wald_test: TestResult,
    /// Likelihood-ratio test of β = 0.
    pub likelihood_ratio_test: TestResult,
    /// Pairs in the training rows.
    pub concordance: ConcordanceCounts,
    /// Patients.
    pub n: usize,
    /// Events.
    pub n_events: usize,
    /// Newton iterations made.
    pub iterations: usize,
}

/// Fits Cox's proportional-hazards model by Newton's method with step halving.
///
/// # Formula
/// h(t | x) = h0(t) exp(xᵀβ); β maximises ℓ ([`super::partial_log_likelihood`]); var β = I⁻¹;
/// LR = 2(ℓ(β) − ℓ(0)), Wald = βᵀ I β, score = U(0)ᵀ I(0)⁻¹ U(0), each on p degrees of freedom
///
/// # Arguments
/// | symbol | argument | shape | unit |
/// |---|---|---|---|
/// | x | `x` | n × p, no undefined value | as given |
///
/// # Ties and edges   `params.ties`; no feature at all gives the null model (constant risk)
/// # Errors           see [`CoxError`]: a likelihood without maximum is refused by name, never returned
/// # Reference        Cox, JRSS B 34 (1972) 187–220; Therneau & Grambsch 2000
/// # Agrees with      R survival 3.5-3 `coxph` (Efron and Breslow): coefficients, covariance, tests and baseline, relative 1e-8,
/// tests/parity_cox.rs
/// # Differs from     R returns a warning and a number for separation, and drops collinear columns; here both are errors. Columns are
/// scaled before anything is solved, so tests do not depend on their units: R's Wald test inverts the covariance as it is, and with
/// columns of 1e6 and 1e-4 loses one of them (62.7 where the same columns scaled give 84.5 there too). R merges times closer than
/// about 1.5e-8 (`timefix`), here times are equal only when they are the same number
pub fn fit_cox(
    x: ArrayView2<f64>,
    names: &[String],
    follow_up: &FollowUp,
    params: &CoxParams,
) -> Result<CoxFit, CoxError> {
    let design = Design::new(x, names, follow_up)?;
    let sets = RiskSets::new(follow_up);
    let at = |beta: &[f64]| {
        derivatives(
            &design.x,
            &predictor(&design.x, beta),
            &sets,
            follow_up.event(),
            params.ties,
        )
    };
    let start = at(&vec![0.0; names.len()]);
    let score_test = TestResult::new(
        quadratic_form(&factor(&start, names, None)?, &start.score),
        names.len(),
    );
    let loglik_null = start.log_likelihood;
    let peak = climb(start, names, &design, params, at)?;
    finish(
        peak,
        &design,
        names,
        follow_up,
        params.ties,
        &sets,
        loglik_null,
        score_test,
    )
}

/// Where the likelihood is highest.
pub(crate) struct Peak {
    pub(crate) beta: Vec<f64>,
    pub(crate) derivatives: Derivatives,
    pub(crate) factor: Cholesky,
    pub(crate) iterations: usize,
}

/// Newton's method from β = 0, whose derivatives are `start`.
pub(crate) fn climb(
    start: Derivatives,
    names: &[String],
    design: &Design,
    params: &CoxParams,
    at: impl Fn(&[f64]) -> Derivatives,
) -> Result<Peak, CoxError> {
    let mut beta = vec![0.0; names.len()];
    let mut here = start;
    let raw = |beta: &[f64]| -> Vec<f64> {
        beta.iter()
            .zip(&design.scales)
            .map(|(b, s)| b / s)
            .collect()
    };
    for iteration in 0..=params.max_iterations {
        let factor = factor(&here, names, (iteration > 0).then(|| raw(&beta)))?;
        let step = factor.solve(&here.score);
        let (next_beta, next) = halve_until_higher(&beta, &step, &here, &at);
        let rise = (next.log_likelihood - here.log_likelihood).abs();
        let converged = rise <= params.tolerance_rel * (here.log_likelihood.abs() + 1.0);
        if converged {
            let (largest, size) = widest(&step);
            if size > STILL_MOVING {
                let coefficient = raw(&beta)[largest];
                return Err(CoxError::Separation {
                    feature: names[largest].clone(),
                    coefficient,
                });
            }
            let factor = self::factor(&next, names, Some(raw(&next_beta)))?;
            return Ok(Peak {
                beta: next_beta,
                derivatives: next,
                factor,
                iterations: iteration + 1,
            });
        }
        (beta, here) = (next_beta, next);
    }
    Err(CoxError::NoConvergence {
        iterations: params.max_iterations,
    })
}

/// The full step, or the first of its halves that does not lower ℓ.
fn halve_until_higher(
    beta: &[f64],
    step: &[f64],
    here: &Derivatives,
    at: impl Fn(&[f64]) -> Derivatives,
) -> (Vec<f64>, Derivatives) {
    let room = 1e-13 * (here.log_likelihood.abs() + 1.0);
    let mut share = 1.0;
    loop {
        let next: Vec<f64> = beta.iter().zip(step).map(|(b, s)| b + share * s).collect();
        let there = at(&next);
        if there.log_likelihood >= here.log_likelihood - room || share < 1e-6 {
            return (next, there);
        }
        share /= 2.0;
    }
}

/// Factor of the information. A failure at the start is collinearity; later (`moved`: raw coefficients) it is separation.
pub(crate) fn factor(
    at: &Derivatives,
    names: &[String],
    moved: Option<Vec<f64>>,
) -> Result<Cholesky, CoxError> {
    Cholesky::new(&at.information, COLLINEAR_REL).map_err(|column| match moved {
        None => CoxError::Collinear {
            feature: names[column].clone(),
        },
        Some(raw) => CoxError::Separation {
            feature: names[column].clone(),
            coefficient: raw[column],
        },
    })
}

fn widest(step: &[f64]) -> (usize, f64) {
    step.iter()
        .enumerate()
        .fold((0, 0.0), |(at, size), (j, s)| {
            if s.abs() > size {
                (j, s.abs())
            } else {
                (at, size)
            }
        })
}

pub(crate) fn predictor(x: &Array2<f64>, beta: &[f64]) -> Vec<f64> {
    x.rows()
        .into_iter()
        .map(|row| row.iter().zip(beta).map(|(v, b)| v * b).sum())
        .collect()
}

#[allow(clippy::too_many_arguments)]
fn finish(
    peak: Peak,
    design: &Design,
    names: &[String],
    follow_up: &FollowUp,
    ties: Ties,
    sets: &RiskSets,
    loglik_null: f64,
    score_test: TestResult,
) -> Result<CoxFit, CoxError> {
    let p = names.len();
    let eta = predictor(&design.x, &peak.beta);
    let inverse = peak.factor.inverse();
    let scales = &design.scales;
    let information = &peak.derivatives.information;
    let wald: f64 = (0..p)
        .map(|a| {
            (0..p)
                .map(|b| peak.beta[a] * information[[a, b]] * peak.beta[b])
                .sum::<f64>()
        })
        .sum();
    let loglik = peak.derivatives.log_likelihood;
    Ok(CoxFit {
        names: names.to_vec(),
        coefficients: peak.beta.iter().zip(scales).map(|(b, s)| b / s).collect(),
        covariance: Array2::from_shape_fn((p, p), |(a, b)| {
            inverse[[a, b]] / (scales[a] * scales[b])
        }),
        means: design.means.clone(),
        baseline: baseline_hazard(follow_up, &eta, ties)?,
        ties,
        loglik_null,
        loglik,
        score_test,
        wald_test: TestResult::new(wald, p),
        likelihood_ratio_test: TestResult::new(2.0 * (loglik - loglik_null), p),
        concordance: concordance::count(&eta, sets, follow_up.event()),
        n: follow_up.len(),
        n_events: follow_up.n_events(),
        iterations: peak.iterations,
    })
}

impl CoxFit {
    /// Standard errors of the coefficients.
    pub fn std_err(&self) -> Vec<f64> {
        (0..self.names.len())
            .map(|j| self.covariance[[j, j]].sqrt())
            .collect()
    }

    /// Coefficients with hazard ratios, limits at confidence `level` (0.95 for 95 %; `None` outside (0, 1)), z and p.
    pub fn table(&self, level: f64) -> Option<Vec<CoefficientRow>> {
        let width = normal_quantile(0.5 + level / 2.0).filter(|w| *w > 0.0)?;
        let row = |((feature, &coefficient), std_err): ((&String, &f64), f64)| CoefficientRow {
            feature: feature.clone(),
            coefficient,
            std_err,
            hazard_ratio: libm::exp(coefficient),
            lower: libm::exp(coefficient - width * std_err),
            upper: libm::exp(coefficient + width * std_err),
            z: coefficient / std_err,
            p: normal_two_sided(coefficient / std_err),
        };
        Some(
            self.names
                .iter()
                .zip(&self.coefficients)
                .zip(self.std_err())
                .map(row)
                .collect(),
        )
    }

    /// η = Σ β_j (x_j − mean_j) of new patients; columns in the order of `names`.
    pub fn linear_predictor(&self, x: ArrayView2<f64>) -> Result<Vec<f64>, CoxError> {
        if x.ncols() != self.names.len() {
            return Err(CoxError::Columns {
                n_columns: x.ncols(),
                n_names: self.names.len(),
            });
        }
        for ((row, column), value) in x.indexed_iter() {
            if !value.is_finite() {
                let feature = self.names[column].clone();
                return Err(CoxError::NotFinite {
                    row,
                    feature,
                    value: *value,
                });
            }
        }
        let terms = || self.coefficients.iter().zip(&self.means);
        Ok(x.rows()
            .into_iter()
            .map(|row| {
                row.iter()
                    .zip(terms())
                    .map(|(v, (b, mean))| b * (v - mean))
                    .sum()
            })
            .collect())
    }

    /// S(t | x) = exp(−H(t) exp η), patients × times.
    pub fn survival(&self, x: ArrayView2<f64>, times: &[f64]) -> Result<Array2<f64>, CoxError> {
        let eta = self.linear_predictor(x)?;
        let hazard: Vec<f64> = times.iter().map(|&t| self.baseline.at(t)).collect();
        Ok(Array2::from_shape_fn((eta.len(), times.len()), |(i, t)| {
            // 0·∞ cannot arise: before the first event the survival is 1 whatever the risk
            if hazard[t] == 0.0 {
                1.0
            } else {
                libm::exp(-hazard[t] * libm::exp(eta[i]))
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use ndarray::{Axis, array};

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|j| format!("f{j}")).collect()
    }

    fn six() -> FollowUp {
        FollowUp::new(
            vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            vec![true, true, false, true, true, false],
        )
        .unwrap()
    }

    #[test]
    fn no_feature_is_the_null_model() {
        let x = Array2::zeros((6, 0));
        let fit = fit_cox(x.view(), &[], &six(), &CoxParams::efron()).unwrap();
        assert_eq!(fit.loglik, fit.loglik_null);
        assert_eq!(fit.linear_predictor(x.view()).unwrap(), [0.0; 6]);
        assert!((fit.baseline.at(1.0) - 1.0 / 6.0).abs() < 1e-15);
    }

    #[test]
    fn a_feature_that_orders_the_events_is_separation() {
        let x = array![[6.0], [5.0], [4.0], [3.0], [2.0], [1.0]];
        let error = fit_cox(x.view(), &names(1), &six(), &CoxParams::efron()).unwrap_err();
        assert!(
            matches!(&error, CoxError::Separation { feature, coefficient } if feature == "f0" && *coefficient > 3.0)
        );
    }

    #[test]
    fn a_group_without_events_is_separation_and_is_named() {
        let x = array![
            [0.1, 0.0],
            [-0.3, 0.0],
            [0.2, 1.0],
            [0.5, 0.0],
            [-0.1, 0.0],
            [0.3, 1.0]
        ];
        let error = fit_cox(x.view(), &names(2), &six(), &CoxParams::efron()).unwrap_err();
        assert!(
            matches!(&error, CoxError::Separation { feature, .. } if feature == "f1"),
            "{error:?}"
        );
    }

    #[test]
    fn copies_constants_and_bad_values_are_named() {
        let p = CoxParams::efron();
        let one = array![1.0, 0.0, 1.0, 0.0, 1.0, 1.0].insert_axis(Axis(1));
        let twice = ndarray::concatenate![Axis(1), one, one];
        let fit = |x: &Array2<f64>, n| fit_cox(x.view(), &names(n), &six(), &p).unwrap_err();
        assert_eq!(
            fit(&twice, 2),
            CoxError::Collinear {
                feature: "f1".into()
            }
        );
        assert_eq!(
            fit(&Array2::ones((6, 1)), 1),
            CoxError::ConstantFeature {
                feature: "f0".into()
            }
        );
        let mut hole = one.clone();
        hole[[2, 0]] = f64::NAN;
        assert!(matches!(fit(&hole, 1), CoxError::NotFinite { row: 2, .. }));
        let nobody = FollowUp::new(vec![1.0; 6], vec![false; 6]).unwrap();
        assert_eq!(
            fit_cox(one.view(), &names(1), &nobody, &p).unwrap_err(),
            CoxError::NoEvent { n_rows: 6 }
        );
    }

    #[test]
    fn more_features_than_patients_are_refused() {
        let x = Array2::from_shape_fn((6, 8), |(i, j)| libm::sin((i * 8 + j * j) as f64));
        let error = fit_cox(x.view(), &names(8), &six(), &CoxParams::efron()).unwrap_err();
        assert!(matches!(error, CoxError::Collinear { .. }));
    }
}
