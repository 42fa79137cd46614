//! Dropping features that say in ranks what another one says.

use cohort::FollowUp;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::censored::RiskSets;
use crate::concordance;
use crate::spearman::{RankTable, SpearmanError};

mod rules;

/// Which of two correlated features stays.
#[derive(Debug, Clone, Copy)]
pub enum KeepRule<'a> {
    /// `univariable-c`: the one with the larger |C − ½|, C being Harrell's index of the feature alone in these rows;
    /// of equals the one whose name comes first (bytes), then the one whose column does.
    UnivariableC(&'a FollowUp),
    /// `first-kept`: the one whose column comes first.
    FirstKept,
    /// `find-correlation`: caret's rule with `exact = TRUE`. Features are visited in descending mean |ρ| with all others; of a
    /// correlated pair the first visited goes if its mean |ρ| with those left exceeds the mean over all those left, else the second.
    FindCorrelation,
    /// `find-correlation-fast`: caret's rule with `exact = FALSE`. Of every correlated pair, whoever else goes, the one with the
    /// larger mean |ρ| with all features goes; of equals the one whose column comes first.
    FindCorrelationFast,
    /// `max-pair`: of the most correlated pair left (of equals the one whose columns come first) the one with the larger mean |ρ|
    /// with those left goes, of equals the later column; again until no pair is correlated.
    MaxPair,
    /// `cluster-medoid`: complete-linkage clusters of 1 − |ρ| cut at 1 − threshold, so that all pairs within a cluster have |ρ| of
    /// at least the threshold; of each the one with the largest mean |ρ| with its cluster stays, of equals the one whose column comes
    /// first. Medoids of two clusters may still be correlated above the threshold.
    ClusterMedoid,
}

/// A feature that was dropped, and for which other.
#[derive(Debug, Clone, PartialEq)]
pub struct Redundant {
    /// Column dropped.
    pub column: usize,
    /// Column kept that correlates most with it (of equals the one kept first).
    ///
    /// With caret's fast rule their |ρ| may be below the threshold: the feature it was dropped for went as well.
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

/// Drops features until few say in ranks what another one says.
///
/// With `univariable-c` and `first-kept` features are visited in the order of the rule, and one stays when its |ρ| with every
/// feature that already stays is at most `threshold`; the other rules are told at [`KeepRule`].
///
/// # Ties and edges   |ρ| equal to the threshold stays; a constant column correlates with nothing and stays (drop it before)
/// # Errors           see [`RedundancyError`]
/// # Agrees with      caret 6.0-93 `findCorrelation` with `exact` TRUE and FALSE, and the reference script's `greedy_maxpair` and
/// `sequential_keep_first`: the same columns on two radiomics tables, tests/parity_spearman.rs
/// # Differs from     nothing
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
    match rule {
        KeepRule::UnivariableC(_) | KeepRule::FirstKept => {
            let order = visiting_order(x, names, rule)?;
            Ok(greedy(&ranks, &order, threshold))
        }
        KeepRule::FindCorrelation => Ok(by_matrix(&ranks, x.ncols(), |rho| {
            rules::find_correlation(rho, threshold)
        })),
        KeepRule::FindCorrelationFast => Ok(by_matrix(&ranks, x.ncols(), |rho| {
            rules::find_correlation_fast(rho, threshold)
        })),
        KeepRule::MaxPair => Ok(by_matrix(&ranks, x.ncols(), |rho| {
            rules::max_pair(rho, threshold)
        })),
        KeepRule::ClusterMedoid => Ok(by_matrix(&ranks, x.ncols(), |rho| {
            rules::cluster_medoids(rho, threshold)
        })),
    }
}

fn greedy(ranks: &RankTable, order: &[usize], threshold: f64) -> RedundancyFilter {
    let mut kept: Vec<usize> = Vec::new();
    let mut dropped = Vec::new();
    for &column in order {
        match closest(ranks, column, &kept) {
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
    RedundancyFilter { kept, dropped }
}

/// A rule on the matrix of |ρ| that says which columns stay.
fn by_matrix(
    ranks: &RankTable,
    n_columns: usize,
    stays: impl Fn(&Array2<f64>) -> Vec<bool>,
) -> RedundancyFilter {
    let rows: Vec<Vec<f64>> = (0..n_columns)
        .into_par_iter()
        .map(|j| (0..j).map(|l| ranks.rho(j, l).abs()).collect())
        .collect();
    let size = Array2::from_shape_fn((n_columns, n_columns), |(j, l)| match j.cmp(&l) {
        std::cmp::Ordering::Greater => rows[j][l],
        std::cmp::Ordering::Less => rows[l][j],
        std::cmp::Ordering::Equal => 1.0,
    });
    let stays = stays(&size);
    let kept: Vec<usize> = (0..n_columns).filter(|&j| stays[j]).collect();
    let dropped = (0..n_columns)
        .filter(|&j| !stays[j])
        .filter_map(|column| {
            let (kept, rho) = closest(ranks, column, &kept)?;
            Some(Redundant { column, kept, rho })
        })
        .collect();
    RedundancyFilter { kept, dropped }
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
    fn a_chain_is_cut_as_each_rule_says() {
        // in |ρ| a – b 0.9, b – c 0.9, a – c 0.7, d alone
        let rho = array![
            [1.0, 0.9, 0.7, 0.1],
            [0.9, 1.0, 0.9, 0.1],
            [0.7, 0.9, 1.0, 0.1],
            [0.1, 0.1, 0.1, 1.0]
        ];
        // b is in both pairs and has the larger mean
        assert_eq!(
            rules::find_correlation(&rho, 0.8),
            [true, false, true, true]
        );
        assert_eq!(
            rules::find_correlation_fast(&rho, 0.8),
            [true, false, true, true]
        );
        // first pair a – b: b goes, nothing is left to do
        assert_eq!(rules::max_pair(&rho, 0.8), [true, false, true, true]);
        // {a, b} is one cluster, c is too far from a; of equals a stays
        assert_eq!(rules::cluster_medoids(&rho, 0.8), [true, false, true, true]);
        assert_eq!(
            rules::cluster_medoids(&rho, 0.6),
            [false, true, false, true]
        );
        for rule in [
            rules::max_pair,
            rules::cluster_medoids,
            rules::find_correlation,
        ] {
            assert_eq!(rule(&Array2::zeros((0, 0)), 0.8), [false; 0]);
            assert_eq!(rule(&Array2::ones((1, 1)), 0.8), [true]);
        }
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
