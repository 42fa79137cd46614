//! Shift and scale of one site, shrunk towards what the features have in common.

use rayon::prelude::*;

use super::fit::Prior;

/// Iterations at most; sva has no limit, and needs a few dozen.
const MAX_ITERATIONS: usize = 10_000;
/// A site is at rest when no feature's effect changes by more than this share of itself: sva's `conv`.
const AT_REST_REL: f64 = 1e-4;

/// Count, mean and variance of a standardised feature at a site.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    pub(super) n: f64,
    /// γ̂
    pub(super) mean: f64,
    /// δ̂, divisor n − 1 (1 in the mean-only form).
    pub(super) variance: f64,
    /// Σ (z − mean)².
    pub(super) squares: f64,
}

impl Moments {
    pub(super) fn of(values: impl Iterator<Item = f64> + Clone, mean_only: bool) -> Moments {
        let n = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / n;
        let squares = values.map(|v| (v - mean) * (v - mean)).sum::<f64>();
        Moments {
            n,
            mean,
            variance: if mean_only { 1.0 } else { squares / (n - 1.0) },
            squares,
        }
    }

    /// Σ (z − shift)².
    fn squares_about(&self, shift: f64) -> f64 {
        self.squares + self.n * (self.mean - shift) * (self.mean - shift)
    }
}

/// (γ*, δ*) of every feature; at least two features.
pub(super) fn shrink(site: &[Moments], prior: Prior, mean_only: bool) -> Vec<(f64, f64)> {
    match prior {
        Prior::None => site.iter().map(|m| (m.mean, m.variance)).collect(),
        Prior::Parametric => parametric(site, mean_only),
        Prior::NonParametric => (0..site.len())
            .into_par_iter()
            .map(|j| {
                let (shift, scale) = weighted_by_likelihood(site, j);
                (shift, if mean_only { 1.0 } else { scale })
            })
            .collect(),
    }
}

fn mean_and_variance(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let squares: f64 = values.map(|v| (v - mean) * (v - mean)).sum();
    (mean, squares / (n - 1.0))
}

fn parametric(site: &[Moments], mean_only: bool) -> Vec<(f64, f64)> {
    let (centre, spread) = mean_and_variance(site.iter().map(|m| m.mean));
    if mean_only {
        // one observation's worth of information against the prior, as the reference implementation has it
        return site
            .iter()
            .map(|m| ((spread * m.mean + centre) / (spread + 1.0), 1.0))
            .collect();
    }
    let (mean, variance) = mean_and_variance(site.iter().map(|m| m.variance));
    let posterior = Posterior {
        centre,
        spread,
        // variances that are all equal are a prior of certainty
        shape_scale: (variance > 0.0).then(|| {
            let shape = (2.0 * variance + mean * mean) / variance;
            (shape, mean * (shape - 1.0))
        }),
        certain: mean,
    };
    posterior.solve(site)
}

struct Posterior {
    /// γ̄ and τ².
    centre: f64,
    spread: f64,
    /// λ and θ.
    shape_scale: Option<(f64, f64)>,
    certain: f64,
}

impl Posterior {
    /// The two conditional posterior means in turn, all features of the site together, until no shift or scale grows by more
    /// than [`AT_REST_REL`] of what it was. As in sva the divisor is the effect with its sign, so a negative shift holds
    /// nothing up.
    fn solve(&self, site: &[Moments]) -> Vec<(f64, f64)> {
        let mut effects: Vec<(f64, f64)> = site.iter().map(|m| (m.mean, m.variance)).collect();
        for _ in 0..MAX_ITERATIONS {
            let mut change = f64::NEG_INFINITY;
            for (m, (shift, scale)) in site.iter().zip(&mut effects) {
                let next = self.step(m, *scale);
                change = change.max(share(next.0, *shift)).max(share(next.1, *scale));
                (*shift, *scale) = next;
            }
            if change <= AT_REST_REL {
                break;
            }
        }
        effects
    }

    /// (γ*, δ*) from the scale before.
    fn step(&self, m: &Moments, scale: f64) -> (f64, f64) {
        let weight = m.n * self.spread;
        let shift = (weight * m.mean + scale * self.centre) / (weight + scale);
        let scale = self.shape_scale.map_or(self.certain, |(shape, rate)| {
            (0.5 * m.squares_about(shift) + rate) / (0.5 * m.n + shape - 1.0)
        });
        (shift, scale)
    }
}

/// Change as a share of the value before, whose sign it keeps; no change is none whatever the value.
fn share(next: f64, before: f64) -> f64 {
    let change = (next - before).abs();
    if change == 0.0 { 0.0 } else { change / before }
}

/// Means of the other features' (γ̂, δ̂), each weighted by the likelihood it gives feature `j`.
fn weighted_by_likelihood(site: &[Moments], j: usize) -> (f64, f64) {
    let own = &site[j];
    let log_likelihood = |other: &Moments| {
        -0.5 * own.n * libm::log(2.0 * std::f64::consts::PI * other.variance)
            - 0.5 * own.squares_about(other.mean) / other.variance
    };
    let others = || (0..site.len()).filter(|&l| l != j);
    let logs: Vec<f64> = others().map(|l| log_likelihood(&site[l])).collect();
    let highest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (mut sum, mut shift, mut scale) = (0.0, 0.0, 0.0);
    for (l, log) in others().zip(logs) {
        // below e^-40 of the highest a term is lost in the sum's last bit
        if log > highest - 40.0 {
            let weight = libm::exp(log - highest);
            sum += weight;
            shift += weight * site[l].mean;
            scale += weight * site[l].variance;
        }
    }
    (shift / sum, scale / sum)
}
