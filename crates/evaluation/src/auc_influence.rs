//! Large-sample standard errors of AUC(t), and of the difference of two of them.

use cohort::{FollowUp, RiskScores};
use stats::censored::censoring_distribution;
use stats::special::{normal_quantile, normal_two_sided};

use crate::auc::{AucConvention, auc, case_weights};
use crate::estimate::{Interval, MetricError, check_length};
use crate::pairs::dense_ranks;

/// AUC(t) and how much each patient moves it.
#[derive(Debug, Clone, PartialEq)]
pub struct AucInfluence {
    /// The area.
    pub value: f64,
    /// Influence of each patient; they sum to 0 up to rounding.
    pub influence: Vec<f64>,
}

impl AucInfluence {
    /// The large-sample standard error √( Σ influence² / (n (n − 1)) ); compare with normal quantiles.
    pub fn std_err(&self) -> f64 {
        // a case and a control make n at least 2
        let n = self.influence.len() as f64;
        let squares: f64 = self.influence.iter().map(|v| v * v).sum();
        (squares / (n * (n - 1.0))).sqrt()
    }

    /// The symmetric interval value ± z · standard error at confidence `level` (0.95 for 95 %), not cut off at 0 and 1;
    /// `None` for a level outside (0, 1).
    pub fn interval(&self, level: f64) -> Option<Interval> {
        let z = normal_quantile(0.5 + level / 2.0).filter(|z| *z > 0.0)?;
        let half = z * self.std_err();
        Some(Interval {
            lower: self.value - half,
            upper: self.value + half,
        })
    }

    /// This area minus another of the same patients, and the standard error of the difference.
    ///
    /// # Errors
    /// [`MetricError::Length`] when the two are of different sets.
    pub fn minus(&self, other: &AucInfluence) -> Result<AucInfluence, MetricError> {
        check_length(self.influence.len(), other.influence.len())?;
        let pairs = self.influence.iter().zip(&other.influence);
        Ok(AucInfluence {
            value: self.value - other.value,
            influence: pairs.map(|(a, b)| a - b).collect(),
        })
    }
}

/// A paired comparison of two models in the same patients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedTest {
    /// AUC of the first minus AUC of the second.
    pub difference: f64,
    /// Its standard error.
    pub std_err: f64,
    /// Its interval.
    pub interval: Interval,
    /// Two-sided p-value of no difference; 1 where the two rank all patients alike.
    pub p: f64,
}

/// Compares AUC(t) of two models in the same patients: large-sample interval at `level` and p-value of the difference.
///
/// # Formula
/// z = (AUC₁ − AUC₂)/SE, SE from the difference of the influence functions; p = P(|Z| > |z|)
///
/// # Undefined
/// as [`crate::auc()`]
/// # Errors
/// lengths differ; the horizon is no time; a level outside (0, 1)
/// # Reference
/// Blanche et al., Stat. Med. 32 (2013) 5381–5397
/// # Agrees with
/// riskRegression 2022.11.28 `Score` (contrasts) and timeROC 0.4.1 `compare`: p-values within 1 % of themselves,
/// tests/metrics_oracle.rs
pub fn compare_auc(
    first: &RiskScores,
    second: &RiskScores,
    follow_up: &FollowUp,
    horizon: f64,
    convention: AucConvention,
    level: f64,
) -> Result<PairedTest, MetricError> {
    let of = |risk| auc_influence(risk, follow_up, horizon, convention);
    let apart = of(first)?.minus(&of(second)?)?;
    let std_err = apart.std_err();
    let interval = (apart.interval(level)).ok_or(MetricError::Level { value: level })?;
    Ok(PairedTest {
        difference: apart.value,
        std_err,
        interval,
        p: if std_err > 0.0 {
            normal_two_sided(apart.value / std_err)
        } else {
            1.0
        },
    })
}

/// The influence function of AUC(t), the estimation of the censoring distribution included.
///
/// # Formula
/// With case weights W_i = 1/G at cases, control indicators D_j, h_ij = 1(r_i > r_j) + ½·1(r_i = r_j),
/// A = n⁻² Σ W_i D_j h_ij, B = n⁻¹ Σ W_i, C = n⁻¹ Σ D_j and AUC = A / (B C):
///
/// IF_i = ( W_i (a_i − AUC·C) + D_i (b_i − AUC·B) + κ_i ) / (B C),
/// a_i = n⁻¹ Σ_j D_j h_ij,  b_i = n⁻¹ Σ_k W_k h_ki,
///
/// κ_i = 1(e_i = 0) Q(T_i)/Y(T_i) − Σ_{s <= T_i} c(s) Q(s)/Y(s)²,  Q(s) = Σ_{k : T_k > s} W_k (a_k − AUC·C),
/// s over censoring times at which i is at risk, c(s) censored of Y(s) at risk once the events at s have left
/// (T_k >= s in Q where the convention weighs by G(T)).
///
/// # Undefined
/// as [`crate::auc()`]
/// # Reference
/// Blanche et al., Stat. Med. 32 (2013) 5381–5397; Hung and Chiang, Can. J. Stat. 38 (2010) 8–26
/// # Agrees with
/// timeROC 0.4.1 (`iid = TRUE`) and riskRegression 2022.11.28 `Score`: standard errors of areas and of their
/// differences within 2e-4 of themselves, limits within 1e-4, tests/metrics_oracle.rs
/// # Differs from
/// both tools where times tie, from the fourth or fifth digit of the standard error on (the largest seen is 1.2e-4, against
/// timeROC), by about as much as they differ from each other; without ties they agree to 1e-14. The areas are equal. The exact
/// derivative of the area in a patient's weight has Y(s) − c(s) in place of one Y(s): errors differ by 1e-9 of themselves
pub fn auc_influence(
    risk: &RiskScores,
    follow_up: &FollowUp,
    horizon: f64,
    convention: AucConvention,
) -> Result<AucInfluence, MetricError> {
    let value = auc(risk, follow_up, horizon, convention)?.value;
    let time = follow_up.time();
    let n = time.len() as f64;
    let censoring = censoring_distribution(follow_up);
    let case = case_weights(follow_up, &censoring, horizon, convention)?;
    let control: Vec<f64> = time
        .iter()
        .map(|t| f64::from(u8::from(*t > horizon)))
        .collect();
    let (beaten, beating) = shares(risk.values(), &case, &control);
    let (b, c) = (
        case.iter().sum::<f64>() / n,
        control.iter().sum::<f64>() / n,
    );
    let case_part: Vec<f64> = (0..time.len())
        .map(|i| case[i] * (beaten[i] - value * c))
        .collect();
    let kappa = censoring_part(follow_up, &case_part, convention);
    let influence = (0..time.len())
        .map(|i| (case_part[i] + control[i] * (beating[i] - value * b) + kappa[i]) / (b * c))
        .collect();
    Ok(AucInfluence { value, influence })
}

/// Per patient: n⁻¹ Σ_j D_j h_ij (controls beaten) and n⁻¹ Σ_k W_k h_ki (cases beating).
fn shares(risk: &[f64], case: &[f64], control: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let n = risk.len() as f64;
    let (rank, _) = dense_ranks(risk);
    let mut order: Vec<usize> = (0..risk.len()).collect();
    order.sort_by_key(|&row| rank[row]);
    let mut beaten = vec![0.0; risk.len()];
    let mut beating = vec![0.0; risk.len()];
    let all_cases: f64 = case.iter().sum();
    let (mut controls_below, mut cases_below) = (0.0, 0.0);
    for group in order.chunk_by(|&a, &b| rank[a] == rank[b]) {
        let controls_here: f64 = group.iter().map(|&row| control[row]).sum();
        let cases_here: f64 = group.iter().map(|&row| case[row]).sum();
        for &row in group {
            beaten[row] = (controls_below + 0.5 * controls_here) / n;
            beating[row] = (all_cases - cases_below - 0.5 * cases_here) / n;
        }
        controls_below += controls_here;
        cases_below += cases_here;
    }
    (beaten, beating)
}

/// κ_i of the formula: what patient i does to the case weights through G.
fn censoring_part(follow_up: &FollowUp, case_part: &[f64], convention: AucConvention) -> Vec<f64> {
    let (time, event) = (follow_up.time(), follow_up.event());
    let mut order: Vec<usize> = (0..time.len()).collect();
    order.sort_by(|&a, &b| time[a].total_cmp(&time[b]));
    let mut kappa = vec![0.0; time.len()];
    let mut later: f64 = case_part.iter().sum();
    let mut at_risk = time.len() as f64;
    let mut compensator = 0.0;
    for group in order.chunk_by(|&a, &b| time[a] == time[b]) {
        let (censored, events): (Vec<usize>, Vec<usize>) =
            group.iter().copied().partition(|&row| !event[row]);
        let here: f64 = events.iter().map(|&row| case_part[row]).sum();
        let q = match convention {
            AucConvention::Uno => later,
            AucConvention::Score | AucConvention::TimeRoc => later - here,
        };
        later -= here;
        at_risk -= events.len() as f64;
        for &row in &events {
            kappa[row] = -compensator;
        }
        if !censored.is_empty() {
            compensator += censored.len() as f64 * q / (at_risk * at_risk);
            for &row in &censored {
                kappa[row] = q / at_risk - compensator;
            }
            at_risk -= censored.len() as f64;
        }
    }
    kappa
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::bootstrap::Bootstrap;

    fn cohort() -> (RiskScores, FollowUp) {
        let time: Vec<f64> = (0..200).map(|i| f64::from((i * 37) % 101)).collect();
        let risk = (0..200)
            .map(|i| f64::from((i * 61) % 47) - time[i as usize] / 3.0)
            .collect();
        let event = (0..200).map(|i| i % 3 != 0).collect();
        let risk = RiskScores::higher_is_worse(risk).unwrap();
        (risk, FollowUp::new(time, event).unwrap())
    }

    #[test]
    fn influences_sum_to_zero() {
        let (risk, f) = cohort();
        for convention in [
            AucConvention::Score,
            AucConvention::Uno,
            AucConvention::TimeRoc,
        ] {
            let sum: f64 = auc_influence(&risk, &f, 40.0, convention)
                .unwrap()
                .influence
                .iter()
                .sum();
            assert!(sum.abs() < 1e-9, "{sum}");
        }
    }

    #[test]
    fn the_standard_error_is_the_bootstraps() {
        let (risk, f) = cohort();
        let seen = auc_influence(&risk, &f, 40.0, AucConvention::Score)
            .unwrap()
            .std_err();
        let values = Bootstrap::new(2000, 0.95, 3)
            .unwrap()
            .values(200, |copies| {
                let rows: Vec<usize> = (0..200)
                    .flat_map(|row| std::iter::repeat_n(row, copies[row] as usize))
                    .collect();
                let area = auc(
                    &risk.select(&rows),
                    &f.select(&rows),
                    40.0,
                    AucConvention::Score,
                );
                area.ok().map(|a| a.value)
            });
        let values: Vec<f64> = values.into_iter().flatten().collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let square: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
        let bootstrap = (square / (values.len() - 1) as f64).sqrt();
        assert!((seen / bootstrap - 1.0).abs() < 0.1, "{seen} {bootstrap}");
    }

    #[test]
    fn an_area_minus_itself_is_nothing() {
        let (risk, f) = cohort();
        let a = auc_influence(&risk, &f, 40.0, AucConvention::Score).unwrap();
        let none = a.minus(&a).unwrap();
        assert_eq!((none.value, none.std_err()), (0.0, 0.0));
    }
}
