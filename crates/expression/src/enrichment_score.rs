//! Gene sets along a ranking of all genes (GSEA on a given ranking).

use crate::error::ExpressionError;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

/// A gene set's place in a ranking.
#[derive(Debug, Clone, PartialEq)]
pub struct Enrichment {
    /// Genes of the set in the ranking.
    pub size: usize,
    /// Largest deviation of the running sum from 0.
    pub score: f64,
    /// Score over the mean of permuted scores of its sign; `None` where no permutation had that sign.
    pub normalised: Option<f64>,
    /// Share of permuted scores of its sign that are at least as far out, the observed one counted in; `None` likewise.
    pub p: Option<f64>,
    /// Place, from 0, of the largest deviation: the leading edge ends (or, for a negative score, begins) there.
    pub peak: usize,
}

/// Scores a gene set along a ranking.
///
/// # Formula
/// going down the ranking a gene of the set adds |r|^w / Σ_set |r|^w, any other takes 1 / (N − size)
///
/// # Arguments
/// `ranking`: metric of every gene, descending; `members`: places in it, ascending, at least one and not all;
/// `weight` w, at least 0
/// # Ties and edges
/// all members at metric 0 with w > 0 count alike
/// # Errors
/// No member or no other gene; a place beyond the ranking; a metric that is not finite.
/// # Reference
/// Subramanian et al., PNAS 102 (2005) 15545–15550
/// # Agrees with
/// gseapy 1.3.1 `prerank` scores, 1e-6, tests/parity.rs
pub fn enrichment_score(
    ranking: &[f64],
    members: &[usize],
    weight: f64,
) -> Result<(f64, usize), ExpressionError> {
    check(ranking, members)?;
    Ok(running(&powers(ranking, weight), members))
}

/// [`enrichment_score`] with its permutation test: sets of the same size drawn at random, one keyed stream per permutation.
///
/// # Errors
/// As [`enrichment_score`].
pub fn enrichment(
    ranking: &[f64],
    members: &[usize],
    weight: f64,
    permutations: u32,
    seed: u64,
) -> Result<Enrichment, ExpressionError> {
    check(ranking, members)?;
    let powers = powers(ranking, weight);
    let (score, peak) = running(&powers, members);
    let drawn: Vec<f64> = (0..permutations)
        .into_par_iter()
        .map(|permutation| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(u64::from(permutation));
            running(&powers, &sample(ranking.len(), members.len(), &mut rng)).0
        })
        .collect();
    let same: Vec<f64> = drawn
        .into_iter()
        .filter(|s| (*s >= 0.0) == (score >= 0.0))
        .map(f64::abs)
        .collect();
    let mean = same.iter().sum::<f64>() / same.len() as f64;
    let beyond = same.iter().filter(|s| **s >= score.abs()).count();
    let known = !same.is_empty() && mean > 0.0;
    Ok(Enrichment {
        size: members.len(),
        score,
        normalised: known.then(|| score / mean),
        p: known.then(|| (beyond + 1) as f64 / (same.len() + 1) as f64),
        peak,
    })
}

fn check(ranking: &[f64], members: &[usize]) -> Result<(), ExpressionError> {
    if let Some(gene) = ranking.iter().position(|r| !r.is_finite()) {
        return Err(ExpressionError::Value {
            gene,
            sample: 0,
            value: ranking[gene],
            rule: "finite",
        });
    }
    if members.is_empty() {
        return Err(ExpressionError::TooFew {
            what: "genes of the set",
            n: 0,
            at_least: 1,
        });
    }
    if members.len() >= ranking.len() || members.iter().any(|m| *m >= ranking.len()) {
        return Err(ExpressionError::Size {
            what: "genes of the set",
            len: members.len(),
            expected: ranking.len().saturating_sub(1),
        });
    }
    Ok(())
}

fn powers(ranking: &[f64], weight: f64) -> Vec<f64> {
    ranking
        .iter()
        .map(|r| {
            if weight == 1.0 {
                r.abs()
            } else {
                libm::pow(r.abs(), weight)
            }
        })
        .collect()
}

/// The largest deviation and its place; the sum between two members falls in a straight line.
fn running(powers: &[f64], members: &[usize]) -> (f64, usize) {
    let n_other = (powers.len() - members.len()) as f64;
    let mut total: f64 = members.iter().map(|&m| powers[m]).sum();
    let even = total <= 0.0;
    if even {
        total = members.len() as f64;
    }
    let (mut hits, mut best, mut peak) = (0.0, 0.0_f64, 0);
    for (passed, &at) in members.iter().enumerate() {
        let misses = (at - passed) as f64 / n_other;
        let before = hits / total - misses;
        if before.abs() > best.abs() {
            (best, peak) = (before, at.saturating_sub(1));
        }
        hits += if even { 1.0 } else { powers[at] };
        let after = hits / total - misses;
        if after.abs() > best.abs() {
            (best, peak) = (after, at);
        }
    }
    (best, peak)
}

/// `k` of `n` places, ascending (Floyd's way).
fn sample(n: usize, k: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut chosen = std::collections::BTreeSet::new();
    for j in n - k..n {
        let at = below(j as u64 + 1, rng) as usize;
        if !chosen.insert(at) {
            chosen.insert(j);
        }
    }
    chosen.into_iter().collect()
}

/// A number below `n`, every one equally likely.
fn below(n: u64, rng: &mut ChaCha8Rng) -> u64 {
    let limit = u64::MAX - u64::MAX % n;
    loop {
        let drawn = rng.next_u64();
        if drawn < limit {
            return drawn % n;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn by_hand() {
        let ranking = [4.0, 3.0, 1.0, -1.0, -2.0];
        // +4/5, +0 …: after the first 0.8, then −1/3, +1/5 …
        assert_eq!(enrichment_score(&ranking, &[0, 2], 1.0).unwrap(), (0.8, 0));
        let (score, peak) = enrichment_score(&ranking, &[4], 1.0).unwrap();
        assert!((score + 1.0).abs() < 1e-15 && peak == 3);
    }

    #[test]
    fn a_set_at_the_top_is_enriched_and_a_seed_says_all() {
        let ranking: Vec<f64> = (0..500).map(|i| 3.0 - f64::from(i) * 0.012).collect();
        let top: Vec<usize> = (0..30).map(|i| i * 2).collect();
        let found = enrichment(&ranking, &top, 1.0, 500, 7).unwrap();
        assert!(found.p.unwrap() < 0.01 && found.normalised.unwrap() > 1.5);
        assert_eq!(found, enrichment(&ranking, &top, 1.0, 500, 7).unwrap());
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(enrichment_score(&[1.0, 0.0], &[], 1.0).is_err());
        assert!(enrichment_score(&[1.0, 0.0], &[0, 1], 1.0).is_err());
        assert!(enrichment_score(&[f64::NAN, 0.0], &[0], 1.0).is_err());
    }
}
