//! Numbers by which a table is suspected before anything is learned from it: a column that separates the outcome beyond
//! belief, follow-up that cannot carry a horizon, two quantities that are one.

use cohort::FollowUp;
use stats::spearman::mid_ranks;

use crate::auc::{AucConvention, horizon_guard};
use crate::estimate::MetricError;

/// How well a quantity tells two groups apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Separation {
    /// Probability that a member of the group has the higher value, ties counted one half.
    pub auc: f64,
    /// Its distance from ½ in standard deviations of a quantity that tells nothing; 0 where all values are equal.
    pub z: f64,
    /// Members of the group.
    pub n_in: usize,
    /// The others.
    pub n_out: usize,
}

impl Separation {
    /// The area of the better direction, ½ to 1.
    #[must_use]
    pub fn strength(&self) -> f64 {
        self.auc.max(1.0 - self.auc)
    }
}

/// How well `values` tell the members of `group` from the others; `None` if one side is empty.
///
/// # Formula
/// U = Σ ranks of the group − n₁ (n₁ + 1) / 2, auc = U / (n₁ n₂),
/// z = (U − n₁ n₂ / 2) / √( n₁ n₂ / 12 · ( n + 1 − Σ (t³ − t) / (n (n − 1)) ) ), t the sizes of ties
///
/// # Arguments
/// `values`: finite; `group`: as many.
///
/// # Reference
/// Mann, Whitney, Ann. Math. Stat. 18 (1947) 50–60; Hanley, McNeil, Radiology 143 (1982) 29–36
///
/// # Differs from
/// R `wilcox.test`: no continuity correction
#[must_use]
pub fn separation(values: &[f64], group: &[bool]) -> Option<Separation> {
    let n_in = group.iter().filter(|&&member| member).count();
    let n_out = group.len() - n_in;
    if values.len() != group.len() || n_in == 0 || n_out == 0 {
        return None;
    }
    let ranks = mid_ranks(values);
    let of_group = ranks.iter().zip(group).filter(|(_, member)| **member);
    let sum: f64 = of_group.map(|(rank, _)| rank).sum();
    let (n1, n2) = (n_in as f64, n_out as f64);
    let u = sum - n1 * (n1 + 1.0) / 2.0;
    let n = n1 + n2;
    let spread = n + 1.0 - ties(values) / (n * (n - 1.0));
    let deviation = (n1 * n2 / 12.0 * spread).max(0.0).sqrt();
    let z = if deviation > 0.0 {
        (u - n1 * n2 / 2.0) / deviation
    } else {
        0.0
    };
    Some(Separation {
        auc: u / (n1 * n2),
        z,
        n_in,
        n_out,
    })
}

/// Σ (t³ − t) over the groups of equal values.
fn ties(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut sum = 0.0;
    for run in sorted.chunk_by(|a, b| a == b) {
        let t = run.len() as f64;
        sum += t * t * t - t;
    }
    sum
}

/// Spearman's ρ of two quantities, ties with averaged ranks; `None` if one of them is constant or the lengths differ.
///
/// # Reference
/// Spearman, Am. J. Psychol. 15 (1904) 72–101
#[must_use]
pub fn rank_correlation(first: &[f64], second: &[f64]) -> Option<f64> {
    if first.len() != second.len() {
        return None;
    }
    let middle = (first.len() as f64 + 1.0) / 2.0;
    let (a, b) = (mid_ranks(first), mid_ranks(second));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(&b) {
        let (a, b) = (a - middle, b - middle);
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    (aa > 0.0 && bb > 0.0).then(|| ab / (aa * bb).sqrt())
}

/// What follow-up offers at a horizon.
#[derive(Debug, Clone, PartialEq)]
pub struct Support {
    /// Patients followed beyond it.
    pub n_at_risk: usize,
    /// Patients with the event by then.
    pub n_cases: usize,
    /// The longest follow-up.
    pub last: f64,
    /// Why AUC(t) would not be reported, by [`horizon_guard`]; `None` if it would.
    pub refused: Option<MetricError>,
}

/// What follow-up offers at a horizon, and whether AUC(t) would be reported there.
#[must_use]
pub fn horizon_support(follow_up: &FollowUp, horizon: f64) -> Support {
    let rows = || follow_up.time().iter().zip(follow_up.event());
    Support {
        n_at_risk: rows().filter(|(time, _)| **time > horizon).count(),
        n_cases: rows()
            .filter(|(time, event)| **event && **time <= horizon)
            .count(),
        last: rows().map(|(time, _)| *time).fold(0.0, f64::max),
        refused: horizon_guard(follow_up, horizon, AucConvention::Score).err(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_worked_example_of_mann_and_whitney() {
        // Group 1, 4, 5 against 2, 3: of six pairs four have the group above.
        let found = separation(
            &[1.0, 2.0, 3.0, 4.0, 5.0],
            &[true, false, false, true, true],
        )
        .unwrap();
        assert!((found.auc - 4.0 / 6.0).abs() < 1e-15);
        // √(3 · 2 / 12 · 6) = √3
        assert!((found.z - 1.0 / 3.0_f64.sqrt()).abs() < 1e-15);
        assert_eq!((found.n_in, found.n_out), (3, 2));
    }

    #[test]
    fn ties_count_one_half_and_shrink_the_spread() {
        let values = [1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 4.0];
        let group = [true, true, true, false, false, false, false];
        let found = separation(&values, &group).unwrap();
        assert!((found.auc - 1.0 / 12.0).abs() < 1e-15);
        // n₁ n₂ / 12 · (8 − (24 + 6) / 42) = 7.2857…
        assert!((found.z + 5.0 / (8.0_f64 - 30.0 / 42.0).sqrt()).abs() < 1e-12);
        assert!((found.strength() - 11.0 / 12.0).abs() < 1e-15);
        let equal = separation(&[2.0; 4], &[true, false, true, false]).unwrap();
        assert_eq!((equal.auc, equal.z), (0.5, 0.0));
        assert_eq!(separation(&[1.0, 2.0], &[true, true]), None);
    }

    #[test]
    fn rank_correlation_of_what_is_the_same_but_for_its_scale() {
        let a: [f64; 4] = [1.0, 2.0, 5.0, 9.0];
        let b = a.map(|v| v * v);
        assert_eq!(rank_correlation(&a, &b), Some(1.0));
        assert_eq!(rank_correlation(&a, &b.map(|v| -v)), Some(-1.0));
        assert_eq!(rank_correlation(&a, &[1.0; 4]), None);
    }

    #[test]
    fn support_at_a_horizon_has_its_numbers() {
        let time: Vec<f64> = (1..=20).map(f64::from).collect();
        let event = (1..=20).map(|i| i % 2 == 0).collect();
        let follow_up = FollowUp::new(time, event).unwrap();
        let at = |horizon| horizon_support(&follow_up, horizon);
        assert_eq!(
            (at(12.0).n_at_risk, at(12.0).n_cases, at(12.0).last),
            (8, 6, 20.0)
        );
        assert_eq!(at(12.0).refused, None);
        assert!(at(4.0).refused.unwrap().to_string().contains("2 cases"));
        assert!(at(17.0).refused.unwrap().to_string().contains("3 controls"));
        assert!(
            at(24.0)
                .refused
                .unwrap()
                .to_string()
                .contains("nobody is at risk")
        );
    }
}
