//! Dropping features that say in ranks what another one says.

use cohort::FollowUp;
use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::censored::RiskSets;
use crate::concordance;
use crate::spearman::{RankTable, SpearmanError};

/// Which of two correlated features stays.
#[derive(Debug, Clone, Copy)]
pub enum KeepRule<'a> {
    /// `univariable-c`: the one with the larger |C − ½|, C being Harrell's index of the feature alone in these rows;
    /// of equals the one whose name comes first (bytes), then the one whose column does.
    UnivariableC(&'a FollowUp),
    /// `first-kept`: the one whose column comes first.
    FirstKept,
}

/// A feature that was dropped, and for which other.
#[derive(Debug, Clone, PartialEq)]
pub struct Redundant {
    /// Column dropped.
    pub column: usize,
    /// Column kept that correlates most with it (of equals the one kept first).
    pub kept: usize,
    /// Their ρ.
    pub rho: f64,
}

/// What a redundancy filter kept.
#[derive(Debug, Clone, PartialEq)]
pub struct RedundancyFilter {
    /// Columns kept, ascending.
    pub kept: Vec<usize>,
    /// Columns dropped, ascending.
    pub dropped: Vec<Redundant>,
}

/// Why features could not be filtered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RedundancyError {
    /// The threshold is not in [0, 1].
    #[error("threshold is {threshold}, must be from 0 to 1")]
    Threshold {
        /// What was given.
        threshold: f64,
    },
    /// Columns and names differ in number.
    #[error("{n_columns} columns for {n_names} feature names")]
    Columns {
        /// Columns.
        n_columns: usize,
        /// Names.
        n_names: usize,
    },
    /// Rows and follow-up differ in number.
    #[error("{n_rows} rows of features for {n_follow_up} patients")]
    Rows {
        /// Rows.
        n_rows: usize,
        /// Patients.
        n_follow_up: usize,
    },
    /// The ranks cannot be correlated.
    #[error("rank correlation of the features")]
    Spearman(#[from] SpearmanError),
}

/// Greedy filter: features are visited in the order of `rule`, and one stays when its |ρ| with every feature that already
/// stays is at most `threshold`.
///
/// # Ties and edges   |ρ| equal to the threshold stays; a constant column correlates with nothing and stays (drop it before)
/// # Errors           see [`RedundancyError`]
/// # Agrees with      `sequential_keep_first` of the reference script on two radiomics tables, same columns (`FirstKept`),
/// tests/parity_spearman.rs
/// # Differs from     caret `findCorrelation`, which drops by the mean |ρ| of a feature and never asks the outcome
pub fn redundancy_filter(
    x: ArrayView2<f64>,
    names: &[String],
    threshold: f64,
    rule: KeepRule,
) -> Result<RedundancyFilter, RedundancyError> {
    if !(0.0..=1.0).contains(&threshold) {
        return Err(RedundancyError::Threshold { threshold });
    }
    if x.ncols() != names.len() {
        return Err(RedundancyError::Columns {
            n_columns: x.ncols(),
            n_names: names.len(),
        });
    }
    let ranks = RankTable::new(x)?;
    let mut kept: Vec<usize> = Vec::new();
    let mut dropped = Vec::new();
    for column in visiting_order(x, names, rule)? {
        match closest(&ranks, column, &kept) {
            Some((other, rho)) if rho.abs() > threshold => {
                dropped.push(Redundant {
                    column,
                    kept: other,
                    rho,
                });
            }
            _ => kept.push(column),
        }
    }
    kept.sort_unstable();
    dropped.sort_by_key(|d| d.column);
    Ok(RedundancyFilter { kept, dropped })
}

/// Harrell's C of every column taken as a risk score; ½ where no pair is comparable.
///
/// Undefined values must have been refused or filled before.
pub(crate) fn univariable_c(x: ArrayView2<f64>, follow_up: &FollowUp) -> Vec<f64> {
    let sets = RiskSets::new(follow_up);
    (0..x.ncols())
        .into_par_iter()
        .map(|j| {
            let counts = concordance::count(&x.column(j).to_vec(), &sets, follow_up.event());
            counts.index().unwrap_or(0.5)
        })
        .collect()
}

fn visiting_order(
    x: ArrayView2<f64>,
    names: &[String],
    rule: KeepRule,
) -> Result<Vec<usize>, RedundancyError> {
    let mut order: Vec<usize> = (0..x.ncols()).collect();
    if let KeepRule::UnivariableC(follow_up) = rule {
        if x.nrows() != follow_up.len() {
            return Err(RedundancyError::Rows {
                n_rows: x.nrows(),
                n_follow_up: follow_up.len(),
            });
        }
        let strength: Vec<f64> = univariable_c(x, follow_up)
            .iter()
            .map(|c| (c - 0.5).abs())
            .collect();
        order.sort_by(|&a, &b| {
            let stronger = strength[b].total_cmp(&strength[a]);
            stronger
                .then_with(|| names[a].as_bytes().cmp(names[b].as_bytes()))
                .then(a.cmp(&b))
        });
    }
    Ok(order)
}

fn closest(ranks: &RankTable, column: usize, kept: &[usize]) -> Option<(usize, f64)> {
    kept.iter()
        .map(|&k| (k, ranks.rho(column, k)))
        .reduce(|best, next| {
            if next.1.abs() > best.1.abs() {
                next
            } else {
                best
            }
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use ndarray::array;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| s.to_string()).collect()
    }

    #[test]
    fn the_stronger_of_two_copies_stays_and_names_break_ties() {
        let f = FollowUp::new(vec![1.0, 2.0, 3.0, 4.0, 5.0], vec![true; 5]).unwrap();
        // "weak" is "strong" with one inversion; "a" and "strong" are copies
        let x = array![
            [4.0, 5.0, 5.0, 1.0],
            [5.0, 4.0, 4.0, -1.0],
            [3.0, 3.0, 3.0, 1.0],
            [2.0, 2.0, 2.0, -1.0],
            [1.0, 1.0, 1.0, 1.0]
        ];
        let names = names(&["weak", "strong", "a", "other"]);
        let by_c = redundancy_filter(x.view(), &names, 0.8, KeepRule::UnivariableC(&f)).unwrap();
        assert_eq!(by_c.kept, [2, 3]);
        assert_eq!(
            by_c.dropped[1],
            Redundant {
                column: 1,
                kept: 2,
                rho: 1.0
            }
        );
        let first = redundancy_filter(x.view(), &names, 0.8, KeepRule::FirstKept).unwrap();
        assert_eq!(first.kept, [0, 3]);
    }

    #[test]
    fn a_correlation_at_the_threshold_stays() {
        let x = array![[1.0, 10.0], [2.0, 30.0], [3.0, 20.0], [4.0, 40.0]];
        let two = names(&["a", "b"]);
        let kept = |t| {
            redundancy_filter(x.view(), &two, t, KeepRule::FirstKept)
                .unwrap()
                .kept
        };
        assert_eq!((kept(0.8), kept(0.79)), (vec![0, 1], vec![0]));
        assert!(matches!(
            redundancy_filter(x.view(), &two, 1.5, KeepRule::FirstKept),
            Err(RedundancyError::Threshold { .. })
        ));
    }
}
