//! Making samples of different depth and composition comparable.

use crate::error::ExpressionError;
use ndarray::{Array2, ArrayView2, Axis};

/// Share of log ratios cut off at each end.
const TRIM_RATIO: f64 = 0.3;
/// Share of mean expressions cut off at each end.
const TRIM_MEAN: f64 = 0.05;

/// Sum of counts of every sample, of \[genes, samples\] counts.
///
/// # Errors
/// A count that is negative or not finite, a sample without counts, no gene.
pub fn library_sizes(counts: ArrayView2<f64>) -> Result<Vec<f64>, ExpressionError> {
    if counts.nrows() == 0 {
        return Err(ExpressionError::TooFew {
            what: "genes",
            n: 0,
            at_least: 1,
        });
    }
    for ((gene, sample), &value) in counts.indexed_iter() {
        if !(value.is_finite() && value >= 0.0) {
            return Err(ExpressionError::Value {
                gene,
                sample,
                value,
                rule: "finite and at least 0",
            });
        }
    }
    let sizes: Vec<f64> = counts
        .axis_iter(Axis(1))
        .map(|sample| sample.iter().sum())
        .collect();
    match sizes.iter().position(|size| *size <= 0.0) {
        Some(sample) => Err(ExpressionError::EmptySample { sample }),
        None => Ok(sizes),
    }
}

/// Trimmed mean of M values: what a sample's library size is to be multiplied by. Their product is 1.
///
/// # Formula
/// against the sample whose upper quartile of count/size is nearest to the mean one:
/// M = log2 ratio, A = mean log2, both of count/size; genes within the inner 40 % of M and 90 % of A;
/// factor = 2^( Σ M/v / Σ 1/v ), v the binomial variance of M
///
/// # Errors
/// As [`library_sizes`].
/// # Reference
/// Robinson, Oshlack, Genome Biol. 11 (2010) R25
/// # Agrees with
/// edgeR 3.40.2 `calcNormFactors`, 1e-12, tests/parity.rs
pub fn normalisation_factors(counts: ArrayView2<f64>) -> Result<Vec<f64>, ExpressionError> {
    let sizes = library_sizes(counts)?;
    let expressed: Vec<usize> = (0..counts.nrows())
        .filter(|&g| counts.row(g).iter().any(|c| *c > 0.0))
        .collect();
    let sample = |s: usize| -> Vec<f64> { expressed.iter().map(|&g| counts[[g, s]]).collect() };
    let upper: Vec<f64> = (0..sizes.len())
        .map(|s| {
            let mut shares: Vec<f64> = sample(s).iter().map(|c| c / sizes[s]).collect();
            shares.sort_by(f64::total_cmp);
            quantile(&shares, 0.75)
        })
        .collect();
    let mean = upper.iter().sum::<f64>() / upper.len() as f64;
    let reference = (0..upper.len()).fold(0, |best, s| {
        if (upper[s] - mean).abs() < (upper[best] - mean).abs() {
            s
        } else {
            best
        }
    });
    let (at, size) = (sample(reference), sizes[reference]);
    let logs: Vec<f64> = (0..sizes.len())
        .map(|s| trimmed_mean(&sample(s), sizes[s], &at, size))
        .collect();
    let centre = logs.iter().sum::<f64>() / logs.len() as f64;
    Ok(logs.iter().map(|log| libm::exp2(log - centre)).collect())
}

/// log2 of the factor of one sample against the reference.
fn trimmed_mean(counts: &[f64], size: f64, reference: &[f64], reference_size: f64) -> f64 {
    let (mut ratio, mut mean, mut weight) = (Vec::new(), Vec::new(), Vec::new());
    for (&c, &r) in counts.iter().zip(reference) {
        if c > 0.0 && r > 0.0 {
            // equal ratios tie in the ranks below, so they are computed as ratios
            let (c_share, r_share) = (c / size, r / reference_size);
            ratio.push(libm::log2(c_share / r_share));
            mean.push((libm::log2(c_share) + libm::log2(r_share)) / 2.0);
            let variance = (size - c) / size / c + (reference_size - r) / reference_size / r;
            weight.push(1.0 / variance);
        }
    }
    let largest = ratio.iter().fold(0.0_f64, |m, r: &f64| m.max(r.abs()));
    if largest < 1e-6 {
        return 0.0;
    }
    let n = ratio.len() as f64;
    let bounds = |trim: f64| {
        let low = (n * trim).floor() + 1.0;
        low..=n + 1.0 - low
    };
    let (by_ratio, by_mean) = (bounds(TRIM_RATIO), bounds(TRIM_MEAN));
    let (ratio_rank, mean_rank) = (ranks(&ratio), ranks(&mean));
    let (mut sum, mut total) = (0.0, 0.0);
    for i in 0..ratio.len() {
        if by_ratio.contains(&ratio_rank[i]) && by_mean.contains(&mean_rank[i]) {
            sum += ratio[i] * weight[i];
            total += weight[i];
        }
    }
    if total > 0.0 { sum / total } else { 0.0 }
}

/// One size above 0 for each sample.
pub(crate) fn check_sizes(sizes: &[f64], n_samples: usize) -> Result<(), ExpressionError> {
    if sizes.len() != n_samples {
        return Err(ExpressionError::Size {
            what: "library sizes",
            len: sizes.len(),
            expected: n_samples,
        });
    }
    let usable = |size: &f64| size.is_finite() && *size > 0.0;
    match sizes.iter().position(|size| !usable(size)) {
        Some(sample) => Err(ExpressionError::EmptySample { sample }),
        None => Ok(()),
    }
}

/// Ranks from 1, ties sharing their mean.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    while from < order.len() {
        let mut to = from;
        while to + 1 < order.len() && values[order[to + 1]] == values[order[from]] {
            to += 1;
        }
        for &at in &order[from..=to] {
            ranks[at] = (from + to) as f64 / 2.0 + 1.0;
        }
        from = to + 1;
    }
    ranks
}

/// Type 7 quantile of sorted values.
pub(crate) fn quantile(sorted: &[f64], p: f64) -> f64 {
    let at = p * (sorted.len() - 1) as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (at - at.floor()) * (sorted[above] - sorted[below])
}

/// log2 counts per million with a prior count in proportion to the library, \[genes, samples\].
///
/// # Formula
/// log2( (c + p_s) / (L_s + 2 p_s) · 10⁶ ),  p_s = prior · L_s / mean(L),  L_s = effective library size
///
/// # Errors
/// One effective size per sample, above 0.
/// # Agrees with
/// edgeR 3.40.2 `cpm(log = TRUE)`, 1e-9, tests/parity.rs
pub fn log_counts_per_million(
    counts: ArrayView2<f64>,
    effective_sizes: &[f64],
    prior_count: f64,
) -> Result<Array2<f64>, ExpressionError> {
    check_sizes(effective_sizes, counts.ncols())?;
    let mean = effective_sizes.iter().sum::<f64>() / effective_sizes.len() as f64;
    Ok(Array2::from_shape_fn(counts.dim(), |(gene, sample)| {
        let size = effective_sizes[sample];
        let prior = prior_count * size / mean;
        libm::log2((counts[[gene, sample]] + prior) / (size + 2.0 * prior) * 1e6)
    }))
}
