//! Tests of location on ranks: Mann–Whitney of two samples, Kruskal–Wallis of several.

use super::error::{CompareError, check};
use crate::spearman::mid_ranks;
use crate::special::{chi_square_upper_tail, normal_two_sided};

/// How the p-value of a rank sum is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RankSumMethod {
    /// From the distribution of W over all orders; no ties, and at most 1,000 values in each group.
    Exact,
    /// From the normal approximation, variance corrected for ties; `continuity` moves W half a step to its mean.
    Normal {
        /// Continuity correction.
        continuity: bool,
    },
    /// Exact below 50 values in each group and without ties, else normal with continuity: R's rule.
    Auto,
}

/// A Mann–Whitney test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankSum {
    /// Pairs in which the first group's value is larger, ties one half (R's W).
    pub w: f64,
    /// Two-sided p-value.
    pub p: f64,
    /// Whether the p-value is exact.
    pub exact: bool,
}

/// A Kruskal–Wallis test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KruskalWallis {
    /// H, corrected for ties.
    pub chi_square: f64,
    /// Groups − 1.
    pub df: usize,
    /// Upper tail.
    pub p: f64,
}

/// Largest group for which all orders are counted.
const EXACT_MAX: usize = 1000;

/// Mann–Whitney (Wilcoxon rank-sum) test of two samples.
///
/// # Formula
/// W = R₁ − n₁(n₁+1)/2; normal: z = (W − n₁n₂/2 ∓ ½)/σ, σ² = n₁n₂/12·(N + 1 − Σ(t³ − t)/(N(N − 1)));
/// exact: 2·min(P(W ≤ w), P(W ≥ w)), cut at 1
///
/// # Errors           an empty group; `Exact` with ties or with too large groups; all values equal
/// # Reference        Mann & Whitney, Ann. Math. Stat. 18 (1947) 50–60
/// # Agrees with      R 4.2 `wilcox.test` (exact, and normal with and without continuity), relative 1e-9, tests/parity_compare.rs
pub fn rank_sum_test(a: &[f64], b: &[f64], method: RankSumMethod) -> Result<RankSum, CompareError> {
    check(0, a, 1)?;
    check(1, b, 1)?;
    let all = [a, b].concat();
    let ranks = mid_ranks(&all);
    let (n_a, n_b) = (a.len() as f64, b.len() as f64);
    let w = ranks[..a.len()].iter().sum::<f64>() - n_a * (n_a + 1.0) / 2.0;
    let tied = first_tied(&all);
    let few = a.len() < 50 && b.len() < 50;
    let exact = match method {
        RankSumMethod::Exact => true,
        RankSumMethod::Auto => few && tied.is_none(),
        RankSumMethod::Normal { .. } => false,
    };
    if exact {
        if let Some(value) = tied {
            return Err(CompareError::Tied { value });
        }
        let n = a.len().max(b.len());
        if n > EXACT_MAX {
            return Err(CompareError::TooMany {
                n,
                at_most: EXACT_MAX,
            });
        }
        let p = exact_p(w as usize, a.len(), b.len());
        return Ok(RankSum { w, p, exact });
    }
    let n = n_a + n_b;
    let variance = n_a * n_b / 12.0 * (n + 1.0 - tie_sum(&all) / (n * (n - 1.0)));
    if variance <= 0.0 {
        return Err(CompareError::NoVariation { value: a[0] });
    }
    let continuity = method != RankSumMethod::Normal { continuity: false };
    let off = w - n_a * n_b / 2.0;
    let shrunk = if continuity && off != 0.0 {
        off - 0.5 * off.signum()
    } else {
        off
    };
    Ok(RankSum {
        w,
        p: normal_two_sided(shrunk / variance.sqrt()),
        exact,
    })
}

/// Kruskal–Wallis test of two or more samples.
///
/// # Formula
/// H = (12/(N(N+1)) Σ R_g²/n_g − 3(N+1)) / (1 − Σ(t³ − t)/(N³ − N)), χ² on groups − 1
///
/// # Errors           fewer than two groups, an empty group, all values equal
/// # Agrees with      R 4.2 `kruskal.test`, relative 1e-9, tests/parity_compare.rs
pub fn kruskal_wallis(groups: &[&[f64]]) -> Result<KruskalWallis, CompareError> {
    if groups.len() < 2 {
        return Err(CompareError::TooFew {
            group: groups.len(),
            n: 0,
            at_least: 1,
        });
    }
    for (g, values) in groups.iter().enumerate() {
        check(g, values, 1)?;
    }
    let all = groups.concat();
    let n = all.len() as f64;
    let ties = 1.0 - tie_sum(&all) / (n * n * n - n);
    if ties <= 0.0 {
        return Err(CompareError::NoVariation { value: all[0] });
    }
    let ranks = mid_ranks(&all);
    let mut start = 0;
    let mut between = 0.0;
    for group in groups {
        let sum: f64 = ranks[start..start + group.len()].iter().sum();
        // about the mean rank, so that nothing cancels
        let off = sum / group.len() as f64 - (n + 1.0) / 2.0;
        between += group.len() as f64 * off * off;
        start += group.len();
    }
    let chi_square = 12.0 / (n * (n + 1.0)) * between / ties;
    let df = groups.len() - 1;
    Ok(KruskalWallis {
        chi_square,
        df,
        p: chi_square_upper_tail(chi_square, df),
    })
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn first_tied(values: &[f64]) -> Option<f64> {
    sorted(values)
        .windows(2)
        .find(|w| w[0] == w[1])
        .map(|w| w[0])
}

/// Σ (t³ − t) over runs of equal values.
fn tie_sum(values: &[f64]) -> f64 {
    sorted(values)
        .chunk_by(|a, b| a == b)
        .map(|run| {
            let t = run.len() as f64;
            t * t * t - t
        })
        .sum()
}

/// Twice the smaller tail of W, by counting orders: those with the largest value in the first group, and the others.
fn exact_p(w: usize, n_a: usize, n_b: usize) -> f64 {
    // share[s] of the orders of i and j values with W = s; generating function Π (1 − x^(n_b+i))/(1 − x^i)
    let most = n_a * n_b;
    let mut share = vec![0.0; most + 1];
    share[0] = 1.0;
    for i in 1..=n_a {
        // times (1 − x^(n_b+i)), then over (1 − x^i), then scaled to a distribution
        for s in (n_b + i..=most).rev() {
            share[s] -= share[s - n_b - i];
        }
        for s in i..=most {
            share[s] += share[s - i];
        }
        let scale = i as f64 / (n_b + i) as f64;
        share.iter_mut().for_each(|v| *v *= scale);
    }
    let lower: f64 = share[..=w.min(most)].iter().sum();
    let upper: f64 = share[w.min(most)..].iter().sum();
    (2.0 * lower.min(upper)).min(1.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn two_and_two_by_paper_and_pencil() {
        // W = 0 is one order of six
        let r = rank_sum_test(&[1.0, 2.0], &[3.0, 4.0], RankSumMethod::Exact).unwrap();
        assert!((r.p - 1.0 / 3.0).abs() < 1e-15 && r.w == 0.0);
        let tied = rank_sum_test(&[1.0, 2.0], &[2.0, 4.0], RankSumMethod::Exact);
        assert_eq!(tied, Err(CompareError::Tied { value: 2.0 }));
        assert!(
            !rank_sum_test(&[1.0, 2.0], &[2.0, 4.0], RankSumMethod::Auto)
                .unwrap()
                .exact
        );
    }

    #[test]
    fn the_exact_tails_are_those_of_all_orders() {
        for (n_a, n_b) in [(3, 4), (5, 2), (4, 4)] {
            let n = n_a + n_b;
            let mut of = vec![0u32; n_a * n_b + 1];
            for set in (0u32..1 << n).filter(|s| s.count_ones() == n_a as u32) {
                let rank: usize = (0..n).filter(|k| set >> k & 1 == 1).sum();
                of[rank - n_a * (n_a - 1) / 2] += 1;
            }
            let all: u32 = of.iter().sum();
            for w in 0..of.len() {
                let (low, high): (u32, u32) = (of[..=w].iter().sum(), of[w..].iter().sum());
                let want = (2.0 * f64::from(low.min(high)) / f64::from(all)).min(1.0);
                assert!(
                    (exact_p(w, n_a, n_b) - want).abs() < 1e-14,
                    "{n_a} {n_b} {w}"
                );
            }
        }
    }
}
