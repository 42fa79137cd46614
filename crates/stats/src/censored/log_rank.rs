//! The log-rank test and its Fleming–Harrington family.

use cohort::FollowUp;
use ndarray::Array2;

use super::RiskSets;
use crate::linalg::{Cholesky, quadratic_form};
use crate::special::chi_square_upper_tail;

/// Why a log-rank test could not be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LogRankError {
    /// Group labels and follow-up differ in length.
    #[error("{n_labels} group labels for {n_rows} patients")]
    Length {
        /// Labels given.
        n_labels: usize,
        /// Patients in the follow-up.
        n_rows: usize,
    },
    /// Fewer than two groups have patients.
    #[error("{n_groups} group with patients, at least 2 are needed")]
    OneGroup {
        /// Groups with patients.
        n_groups: usize,
    },
    /// Nobody has an event.
    #[error("no event among {n_rows} patients")]
    NoEvent {
        /// Patients in the follow-up.
        n_rows: usize,
    },
    /// The groups are never at risk together at an event.
    #[error("no event while patients of two groups are at risk")]
    NeverTogether,
}

/// One group of a log-rank test.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRankGroup {
    /// Label as given.
    pub label: usize,
    /// Patients.
    pub n: usize,
    /// Weighted events observed.
    pub observed: f64,
    /// Weighted events expected under equal hazards.
    pub expected: f64,
}

/// Result of a log-rank test.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRank {
    /// Groups with patients, by ascending label.
    pub groups: Vec<LogRankGroup>,
    /// Covariance of observed − expected, groups × groups.
    pub covariance: Array2<f64>,
    /// Chi-square statistic.
    pub chi_square: f64,
    /// Degrees of freedom, groups at risk at an event − 1.
    pub df: usize,
    /// Upper tail of the statistic.
    pub p: f64,
}

/// k-sample log-rank test (`rho = 0`), or the G^rho family with weights S(t−)^rho (`rho = 1`: Peto & Peto).
///
/// # Formula
/// With w_k = S(t_k−)^ρ: O_g − E_g = Σ_k w_k (d_kg − d_k n_kg/n_k);
/// V_gh = Σ_k w_k² d_k (n_k − d_k)/(n_k − 1) · n_kg/n_k (1(g=h) − n_kh/n_k); χ² = (O−E)ᵀ V⁻ (O−E), one group left out
///
/// # Arguments        `group`: a label per patient, any numbers; S is the pooled Kaplan–Meier estimate
/// # Ties and edges   a group that nobody is left of at the first event is listed and not compared
/// # Errors           see [`LogRankError`]
/// # Reference        Mantel 1966; Harrington & Fleming, Biometrika 69 (1982) 553–566
/// # Agrees with      R survival 3.5-3 `survdiff` with rho 0 and 1, relative 1e-10, tests/parity_censored.rs
/// # Differs from     nothing but R's `timefix`, as [`super::kaplan_meier`]
pub fn log_rank(follow_up: &FollowUp, group: &[usize], rho: f64) -> Result<LogRank, LogRankError> {
    let (labels, member) = check(follow_up, group)?;
    let sums = accumulate(follow_up, &member, labels.len(), rho);
    // whoever was gone before the first event says nothing
    let compared: Vec<usize> = (0..labels.len())
        .filter(|&g| sums.expected[g] > 0.0)
        .collect();
    let df = compared.len().saturating_sub(1);
    if df == 0 {
        return Err(LogRankError::NeverTogether);
    }
    let difference: Vec<f64> = compared[..df]
        .iter()
        .map(|&g| sums.observed[g] - sums.expected[g])
        .collect();
    let reduced = Array2::from_shape_fn((df, df), |(g, h)| {
        sums.covariance[[compared[g], compared[h]]]
    });
    let factor = Cholesky::new(&reduced, 1e-12).map_err(|_| LogRankError::NeverTogether)?;
    let chi_square = quadratic_form(&factor, &difference);
    let groups = labels
        .iter()
        .enumerate()
        .map(|(g, &label)| LogRankGroup {
            label,
            n: member.iter().filter(|&&m| m == g).count(),
            observed: sums.observed[g],
            expected: sums.expected[g],
        })
        .collect();
    Ok(LogRank {
        groups,
        covariance: sums.covariance,
        chi_square,
        df,
        p: chi_square_upper_tail(chi_square, df),
    })
}

fn check(follow_up: &FollowUp, group: &[usize]) -> Result<(Vec<usize>, Vec<usize>), LogRankError> {
    let n_rows = follow_up.len();
    if group.len() != n_rows {
        return Err(LogRankError::Length {
            n_labels: group.len(),
            n_rows,
        });
    }
    let mut labels = group.to_vec();
    labels.sort_unstable();
    labels.dedup();
    if labels.len() < 2 {
        return Err(LogRankError::OneGroup {
            n_groups: labels.len(),
        });
    }
    if follow_up.n_events() == 0 {
        return Err(LogRankError::NoEvent { n_rows });
    }
    let member = group
        .iter()
        .map(|g| labels.partition_point(|l| l < g))
        .collect();
    Ok((labels, member))
}

struct Sums {
    observed: Vec<f64>,
    expected: Vec<f64>,
    covariance: Array2<f64>,
}

fn accumulate(follow_up: &FollowUp, member: &[usize], n_groups: usize, rho: f64) -> Sums {
    let sets = RiskSets::new(follow_up);
    let mut left = vec![0.0; n_groups];
    member.iter().for_each(|&g| left[g] += 1.0);
    let mut sums = Sums {
        observed: vec![0.0; n_groups],
        expected: vec![0.0; n_groups],
        covariance: Array2::zeros((n_groups, n_groups)),
    };
    let mut survival = 1.0;
    for k in 0..sets.len() {
        let rows = sets.at(k);
        let mut events = vec![0.0; n_groups];
        rows.iter()
            .filter(|&&i| follow_up.event()[i])
            .for_each(|&i| events[member[i]] += 1.0);
        let weight = if rho == 0.0 {
            1.0
        } else {
            libm::pow(survival, rho)
        };
        let (n, d) = (left.iter().sum::<f64>(), events.iter().sum::<f64>());
        if d > 0.0 {
            add_time(&mut sums, &left, &events, weight);
            survival *= (n - d) / n;
        }
        rows.iter().for_each(|&i| left[member[i]] -= 1.0);
    }
    sums
}

fn add_time(sums: &mut Sums, left: &[f64], events: &[f64], weight: f64) {
    let (n, d) = (left.iter().sum::<f64>(), events.iter().sum::<f64>());
    let spread = if n > 1.0 {
        weight * weight * d * (n - d) / (n - 1.0)
    } else {
        0.0
    };
    for g in 0..left.len() {
        let share = left[g] / n;
        sums.observed[g] += weight * events[g];
        sums.expected[g] += weight * d * share;
        for h in 0..left.len() {
            sums.covariance[[g, h]] += spread * share * (f64::from(u8::from(g == h)) - left[h] / n);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn two_groups_by_paper_and_pencil() {
        // at t = 1: n = 4, 2 in group 7, event there; at t = 2: n = 3, 1 in group 7, event in group 9
        let f = FollowUp::new(vec![1.0, 2.0, 3.0, 4.0], vec![true, true, false, false]).unwrap();
        let test = log_rank(&f, &[7, 9, 7, 9], 0.0).unwrap();
        assert!((test.groups[0].expected - (0.5 + 1.0 / 3.0)).abs() < 1e-15);
        assert!((test.covariance[[0, 0]] - (0.25 + 2.0 / 9.0)).abs() < 1e-15);
        assert!((test.chi_square - (1.0f64 / 6.0) * (1.0 / 6.0) / (17.0 / 36.0)).abs() < 1e-14);
    }

    #[test]
    fn a_group_gone_before_the_first_event_is_not_compared() {
        // R survival 3.5-3: survdiff(Surv(time, event) ~ group) has χ² 0.2 on one degree of freedom
        let time = [2.0, 7.0, 9.0, 10.0, 11.0, 11.0, 16.0, 18.0].to_vec();
        let event = (0..8).map(|i| i == 2 || i == 6).collect();
        let f = FollowUp::new(time, event).unwrap();
        let test = log_rank(&f, &[2, 0, 1, 1, 0, 1, 1, 1], 0.0).unwrap();
        assert!((test.chi_square - 0.2).abs() < 1e-14 && test.df == 1);
        assert_eq!((test.groups.len(), test.groups[2].expected), (3, 0.0));
    }

    #[test]
    fn refusals_have_names() {
        let f = FollowUp::new(vec![1.0, 2.0], vec![false, false]).unwrap();
        assert_eq!(
            log_rank(&f, &[0], 0.0),
            Err(LogRankError::Length {
                n_labels: 1,
                n_rows: 2
            })
        );
        assert_eq!(
            log_rank(&f, &[0, 0], 0.0),
            Err(LogRankError::OneGroup { n_groups: 1 })
        );
        assert_eq!(
            log_rank(&f, &[0, 1], 0.0),
            Err(LogRankError::NoEvent { n_rows: 2 })
        );
        let f = FollowUp::new(vec![1.0, 2.0], vec![false, true]).unwrap();
        assert_eq!(log_rank(&f, &[0, 1], 0.0), Err(LogRankError::NeverTogether));
    }
}
