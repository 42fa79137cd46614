//! Cox regression with a baseline hazard of its own in each stratum, and with case weights.

use cohort::FollowUp;
use ndarray::{Array2, ArrayView2};

use super::CoxParams;
use super::design::Design;
use super::error::CoxError;
use super::fit::{Peak, TestResult, climb, factor, predictor};
use super::partial_likelihood::Derivatives;
use crate::censored::{StepFunction, Ties};
use crate::linalg::{Cholesky, quadratic_form};

/// The baseline hazard of one stratum.
#[derive(Debug, Clone, PartialEq)]
pub struct StratumBaseline {
    /// Label as given.
    pub stratum: usize,
    /// Cumulative hazard of a patient at the means.
    pub hazard: StepFunction,
}

/// A stratified, weighted Cox model.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedCox {
    /// Features, in the order of the coefficients.
    pub names: Vec<String>,
    /// β, per unit of each feature.
    pub coefficients: Vec<f64>,
    /// I⁻¹: right where weights are counts of identical patients.
    pub covariance: Array2<f64>,
    /// Sandwich I⁻¹ (Σ w_i² U_i U_iᵀ) I⁻¹: right where weights are sampling or balancing weights.
    pub robust_covariance: Array2<f64>,
    /// Column means: where the linear predictor is zero.
    pub means: Vec<f64>,
    /// One baseline per stratum, by ascending label.
    pub baselines: Vec<StratumBaseline>,
    /// ℓ at β = 0.
    pub loglik_null: f64,
    /// ℓ at the maximum.
    pub loglik: f64,
    /// Score test of β = 0.
    pub score_test: TestResult,
    /// Newton iterations made.
    pub iterations: usize,
}

impl WeightedCox {
    /// Likelihood-ratio test of β = 0, 2(ℓ − ℓ₀): right where weights are counts of identical patients.
    pub fn likelihood_ratio_test(&self) -> TestResult {
        let statistic = 2.0 * (self.loglik - self.loglik_null);
        TestResult::new(statistic.max(0.0), self.names.len())
    }

    /// Wald test of β = 0, βᵀ V⁻¹ β, with the sandwich or the model's covariance; `None` where it cannot be inverted.
    pub fn wald_test(&self, robust: bool) -> Option<TestResult> {
        let covariance = if robust {
            &self.robust_covariance
        } else {
            &self.covariance
        };
        let factor = Cholesky::new(covariance, 1e-14).ok()?;
        let statistic = quadratic_form(&factor, &self.coefficients);
        Some(TestResult::new(statistic, self.names.len()))
    }
}

/// Fits Cox's model with strata (one label per patient; all equal: none) and weights (all 1: none).
///
/// # Formula
/// ℓ = Σ_strata Σ_k [ Σ_{i∈D_k} w_i η_i − w̄_k Σ_{j<d_k} log( Σ_{R_k} w e^η − (j/d_k) Σ_{D_k} w e^η ) ], w̄_k the mean weight of the
/// events at t_k (Efron; Breslow: j/d_k is 0)
///
/// # Arguments
/// | argument | shape | |
/// |---|---|---|
/// | `x` | patients × features | no undefined value |
/// | `strata` | patients | any labels |
/// | `weights` | patients | at least 0; a patient of weight 0 is not there |
///
/// # Errors           see [`CoxError`]
/// # Reference        Therneau & Grambsch 2000, 3.3 and 7.3; Lin & Wei, JASA 84 (1989) 1074–1078
/// # Agrees with      R survival 3.5-3 `coxph` with `strata`, `weights` and `robust = TRUE` on a generated cohort, Efron and Breslow:
/// coefficients, both covariances, ℓ and the score test, relative 1e-8, tests/parity_generated.rs
/// # Differs from     nothing
pub fn fit_weighted_cox(
    x: ArrayView2<f64>,
    names: &[String],
    follow_up: &FollowUp,
    strata: &[usize],
    weights: &[f64],
    params: &CoxParams,
) -> Result<WeightedCox, CoxError> {
    check_rows(follow_up, strata, weights)?;
    if let Some(row) = weights.iter().position(|w| !(*w >= 0.0 && w.is_finite())) {
        return Err(CoxError::Weight {
            row,
            value: weights[row],
        });
    }
    let design = Design::new(x, names, follow_up)?;
    let sets = Strata::new(follow_up, strata, weights);
    if sets.is_without_event() {
        return Err(CoxError::NoEvent {
            n_rows: follow_up.len(),
        });
    }
    let at = |beta: &[f64]| sets.derivatives(&design.x, &predictor(&design.x, beta), params.ties);
    let start = at(&vec![0.0; names.len()]);
    let score = quadratic_form(&factor(&start, names, None)?, &start.score);
    let loglik_null = start.log_likelihood;
    let peak = climb(start, names, &design, params, at)?;
    Ok(finish(
        &peak,
        &design,
        names,
        &sets,
        params.ties,
        loglik_null,
        score,
    ))
}

fn finish(
    peak: &Peak,
    design: &Design,
    names: &[String],
    sets: &Strata,
    ties: Ties,
    loglik_null: f64,
    score: f64,
) -> WeightedCox {
    let p = names.len();
    let eta = predictor(&design.x, &peak.beta);
    let inverse = peak.factor.inverse();
    let (residuals, baselines) = sets.residuals(&design.x, &eta, ties);
    // rows of D = w_i U_i I⁻¹, robust = DᵀD
    let moved = residuals.dot_plain(&inverse);
    let robust = Array2::from_shape_fn((p, p), |(a, b)| {
        moved.rows.iter().map(|row| row[a] * row[b]).sum::<f64>()
    });
    let scales = &design.scales;
    let raw = |m: &Array2<f64>| {
        Array2::from_shape_fn((p, p), |(a, b)| m[[a, b]] / (scales[a] * scales[b]))
    };
    WeightedCox {
        names: names.to_vec(),
        coefficients: peak.beta.iter().zip(scales).map(|(b, s)| b / s).collect(),
        covariance: raw(&inverse),
        robust_covariance: raw(&robust),
        means: design.means.clone(),
        baselines,
        loglik_null,
        loglik: peak.derivatives.log_likelihood,
        score_test: TestResult::new(score, p),
        iterations: peak.iterations,
    }
}

/// One stratum and one weight a patient.
pub(super) fn check_rows(
    follow_up: &FollowUp,
    strata: &[usize],
    weights: &[f64],
) -> Result<(), CoxError> {
    let n_rows = follow_up.len();
    if strata.len() == n_rows && weights.len() == n_rows {
        return Ok(());
    }
    Err(CoxError::WeightedRows {
        n_weights: weights.len(),
        n_strata: strata.len(),
        n_rows,
    })
}

/// One row per patient.
struct Rows {
    rows: Vec<Vec<f64>>,
}

impl Rows {
    fn dot_plain(&self, m: &Array2<f64>) -> Rows {
        let times = |row: &Vec<f64>| -> Vec<f64> {
            (0..m.ncols())
                .map(|b| row.iter().enumerate().map(|(a, v)| v * m[[a, b]]).sum())
                .collect()
        };
        Rows {
            rows: self.rows.iter().map(times).collect(),
        }
    }
}

/// Patients of positive weight, by stratum, then by descending time in groups of one time.
pub(super) struct Strata<'a> {
    follow_up: &'a FollowUp,
    weights: &'a [f64],
    labels: Vec<usize>,
    groups: Vec<Vec<Vec<usize>>>,
}

/// The tied events of one time, with the sums of their risk set.
struct Tied {
    d: usize,
    /// Sum of the events' weights.
    weight: f64,
    risk: f64,
    risk_x: Vec<f64>,
    own: f64,
    own_x: Vec<f64>,
}

impl Tied {
    /// (share j/d, denominator, weighted mean of the covariates) for each of the tied events.
    fn each(&self, ties: Ties) -> impl Iterator<Item = (f64, f64, Vec<f64>)> + '_ {
        (0..self.d).map(move |j| {
            let share = match ties {
                Ties::Efron => j as f64 / self.d as f64,
                Ties::Breslow => 0.0,
            };
            let left = self.risk - share * self.own;
            let mean = self.risk_x.iter().zip(&self.own_x);
            (
                share,
                left,
                mean.map(|(r, o)| (r - share * o) / left).collect(),
            )
        })
    }
}

impl<'a> Strata<'a> {
    pub(super) fn new(follow_up: &'a FollowUp, strata: &[usize], weights: &'a [f64]) -> Strata<'a> {
        let mut labels = strata.to_vec();
        labels.sort_unstable();
        labels.dedup();
        let time = follow_up.time();
        let groups = labels
            .iter()
            .map(|label| {
                let mut rows: Vec<usize> = (0..time.len())
                    .filter(|&i| strata[i] == *label && weights[i] > 0.0)
                    .collect();
                rows.sort_by(|&a, &b| time[b].total_cmp(&time[a]).then(a.cmp(&b)));
                rows.chunk_by(|&a, &b| time[a] == time[b])
                    .map(<[usize]>::to_vec)
                    .collect()
            })
            .collect();
        Strata {
            follow_up,
            weights,
            labels,
            groups,
        }
    }

    fn is_without_event(&self) -> bool {
        let events = self.follow_up.event().iter().zip(self.weights);
        !events.into_iter().any(|(e, w)| *e && *w > 0.0)
    }

    /// Visits each event time of a stratum, latest first, with the sums Σ w e^η x xᵀ of the risk set and of the events.
    fn visit(
        &self,
        stratum: usize,
        x: &Array2<f64>,
        eta: &[f64],
        highest: f64,
        mut at: impl FnMut(&[usize], &Tied, &Array2<f64>, &Array2<f64>),
    ) {
        let p = x.ncols();
        let (mut risk, mut risk_x, mut risk_xx) = (0.0, vec![0.0; p], Array2::<f64>::zeros((p, p)));
        for group in &self.groups[stratum] {
            let (mut own, mut own_x, mut own_xx) =
                (0.0, vec![0.0; p], Array2::<f64>::zeros((p, p)));
            let (mut d, mut weight) = (0, 0.0);
            for &i in group {
                let v = self.weights[i] * libm::exp(eta[i] - highest);
                let event = self.follow_up.event()[i];
                risk += v;
                if event {
                    own += v;
                    weight += self.weights[i];
                    d += 1;
                }
                for a in 0..p {
                    risk_x[a] += v * x[[i, a]];
                    own_x[a] += if event { v * x[[i, a]] } else { 0.0 };
                    for b in 0..p {
                        let product = v * x[[i, a]] * x[[i, b]];
                        risk_xx[[a, b]] += product;
                        own_xx[[a, b]] += if event { product } else { 0.0 };
                    }
                }
            }
            if d > 0 {
                let tied = Tied {
                    d,
                    weight,
                    risk,
                    risk_x: risk_x.clone(),
                    own,
                    own_x,
                };
                at(group, &tied, &risk_xx, &own_xx);
            }
        }
    }

    fn derivatives(&self, x: &Array2<f64>, eta: &[f64], ties: Ties) -> Derivatives {
        let highest = eta.iter().copied().fold(f64::MIN, f64::max);
        let mut sum = Derivatives::zero(x.ncols());
        for stratum in 0..self.labels.len() {
            self.visit(stratum, x, eta, highest, |group, tied, risk_xx, own_xx| {
                self.add(
                    &mut sum,
                    x,
                    eta,
                    highest,
                    ties,
                    (group, tied, risk_xx, own_xx),
                );
            });
        }
        sum
    }

    /// Patients, score and information of each event time of each stratum.
    pub(super) fn each_event_time(
        &self,
        x: &Array2<f64>,
        eta: &[f64],
        ties: Ties,
        mut at: impl FnMut(&[usize], &[f64], &Array2<f64>),
    ) {
        let highest = eta.iter().copied().fold(f64::MIN, f64::max);
        for stratum in 0..self.labels.len() {
            self.visit(stratum, x, eta, highest, |group, tied, risk_xx, own_xx| {
                let mut here = Derivatives::zero(x.ncols());
                self.add(
                    &mut here,
                    x,
                    eta,
                    highest,
                    ties,
                    (group, tied, risk_xx, own_xx),
                );
                at(group, &here.score, &here.information);
            });
        }
    }

    /// Adds what one event time says.
    fn add(
        &self,
        sum: &mut Derivatives,
        x: &Array2<f64>,
        eta: &[f64],
        highest: f64,
        ties: Ties,
        (group, tied, risk_xx, own_xx): (&[usize], &Tied, &Array2<f64>, &Array2<f64>),
    ) {
        let p = x.ncols();
        for &i in group.iter().filter(|&&i| self.follow_up.event()[i]) {
            sum.log_likelihood += self.weights[i] * (eta[i] - highest);
            for a in 0..p {
                sum.score[a] += self.weights[i] * x[[i, a]];
            }
        }
        let each = tied.weight / tied.d as f64;
        for (share, left, mean) in tied.each(ties) {
            sum.log_likelihood -= each * libm::log(left);
            for a in 0..p {
                sum.score[a] -= each * mean[a];
                for b in 0..p {
                    let square = (risk_xx[[a, b]] - share * own_xx[[a, b]]) / left;
                    sum.information[[a, b]] += each * (square - mean[a] * mean[b]);
                }
            }
        }
    }

    /// w_i U_i of each patient, and the baselines.
    fn residuals(&self, x: &Array2<f64>, eta: &[f64], ties: Ties) -> (Rows, Vec<StratumBaseline>) {
        let p = x.ncols();
        let time = self.follow_up.time();
        let highest = eta.iter().copied().fold(f64::MIN, f64::max);
        let mut rows = vec![vec![0.0; p]; eta.len()];
        let mut baselines = Vec::new();
        for (stratum, &label) in self.labels.iter().enumerate() {
            let members: Vec<usize> = self.groups[stratum].iter().flatten().copied().collect();
            let mut jumps: Vec<(f64, f64)> = Vec::new();
            self.visit(stratum, x, eta, highest, |group, tied, _, _| {
                let now = time[group[0]];
                let each = tied.weight / tied.d as f64;
                let is_event = |i: usize| time[i] == now && self.follow_up.event()[i];
                let mut jump = 0.0;
                for (share, left, mean) in tied.each(ties) {
                    let hazard = each / left;
                    jump += hazard;
                    for &i in members.iter().filter(|&&i| time[i] >= now) {
                        let part = if is_event(i) { 1.0 - share } else { 1.0 };
                        let expected = part * hazard * libm::exp(eta[i] - highest);
                        let seen = f64::from(u8::from(is_event(i))) / tied.d as f64;
                        for a in 0..p {
                            rows[i][a] +=
                                self.weights[i] * (seen - expected) * (x[[i, a]] - mean[a]);
                        }
                    }
                }
                jumps.push((now, jump * libm::exp(-highest)));
            });
            jumps.reverse();
            let mut hazard = 0.0;
            let (times, values) = jumps
                .into_iter()
                .map(|(t, jump)| {
                    hazard += jump;
                    (t, hazard)
                })
                .unzip();
            baselines.push(StratumBaseline {
                stratum: label,
                hazard: StepFunction::new(times, values, 0.0),
            });
        }
        (Rows { rows }, baselines)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::fit_cox;
    use super::*;

    fn cohort() -> (Array2<f64>, Vec<String>, FollowUp) {
        let n = 60;
        let x = Array2::from_shape_fn((n, 2), |(i, j)| libm::sin((i * (7 + 4 * j)) as f64));
        let time = (0..n)
            .map(|i| f64::from(((i * 37) % 23) as u32) + 1.0)
            .collect();
        let event = (0..n).map(|i| i % 3 != 1).collect();
        (
            x,
            vec!["a".into(), "b".into()],
            FollowUp::new(time, event).unwrap(),
        )
    }

    #[test]
    fn one_stratum_and_weights_of_one_are_the_plain_model() {
        let (x, names, f) = cohort();
        for params in [CoxParams::efron(), CoxParams::breslow()] {
            let plain = fit_cox(x.view(), &names, &f, &params).unwrap();
            let w = fit_weighted_cox(x.view(), &names, &f, &[4; 60], &[1.0; 60], &params).unwrap();
            for j in 0..2 {
                assert!((plain.coefficients[j] - w.coefficients[j]).abs() < 1e-12);
            }
            assert!((plain.loglik - w.loglik).abs() < 1e-10);
            let (a, b) = (plain.baseline.at(12.0), w.baselines[0].hazard.at(12.0));
            assert!((a - b).abs() < 1e-12 * a, "{a} {b}");
        }
    }

    #[test]
    fn a_weight_of_two_is_the_patient_twice_and_of_zero_none() {
        let (x, names, f) = cohort();
        let weights: Vec<f64> = (0..60).map(|i| f64::from(i % 3)).collect();
        let rows: Vec<usize> = (0..60)
            .flat_map(|i| std::iter::repeat_n(i, i % 3))
            .collect();
        let copies = x.select(ndarray::Axis(0), &rows);
        let params = CoxParams::breslow();
        let twice = fit_cox(copies.view(), &names, &f.select(&rows), &params).unwrap();
        let w = fit_weighted_cox(x.view(), &names, &f, &[0; 60], &weights, &params).unwrap();
        for j in 0..2 {
            assert!((twice.coefficients[j] - w.coefficients[j]).abs() < 1e-10);
            assert!((twice.covariance[[j, j]] / w.covariance[[j, j]] - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn refusals_are_named() {
        let (x, names, f) = cohort();
        let p = CoxParams::efron();
        let fit = |s: &[usize], w: &[f64]| fit_weighted_cox(x.view(), &names, &f, s, w, &p);
        assert!(matches!(
            fit(&[0; 59], &[1.0; 60]),
            Err(CoxError::WeightedRows { n_strata: 59, .. })
        ));
        assert!(matches!(
            fit(&[0; 60], &[-1.0; 60]),
            Err(CoxError::Weight { row: 0, .. })
        ));
        assert!(matches!(
            fit(&[0; 60], &[0.0; 60]),
            Err(CoxError::NoEvent { .. })
        ));
    }
}
