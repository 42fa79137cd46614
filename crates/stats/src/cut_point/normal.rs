//! The largest of many standardised statistics at successive cuts, as a Gaussian process.

use crate::special::{normal_two_sided, normal_upper_tail};

/// Steps from one cut to the next at most; a cohort of more cuts would take minutes.
const CUTS_MAX: usize = 10_000;
/// Where the normal density is lost in the last bit.
const FAR: f64 = 9.0;

/// P( max_k |Z_k| > b ) of normal Z_k with the correlations that rank statistics at successive cuts have under exchangeable
/// scores: corr² = m_k(n − m_l)/((n − m_k) m_l), k < l. `None` above 10,000 cuts.
///
/// The correlations are products of those of neighbours, so Z is a Markov chain, and the integral over all cuts is a row of
/// integrals over one: f_{k+1}(z′) = ∫_{−b}^{b} f_k(z) φ((z′ − ρ z)/s)/s dz. What leaves [−b, b] at each cut is added up, so
/// a small P keeps its leading digits. Gauss–Legendre on [0, b], Z being symmetric; the nodes stand denser than the
/// narrowest kernel needs.
pub(super) fn exceedance(b: f64, n: f64, sizes: &[f64]) -> Option<f64> {
    if sizes.len() > CUTS_MAX {
        return None;
    }
    if sizes.is_empty() || b <= 0.0 {
        return Some(1.0);
    }
    let steps: Vec<(f64, f64)> = sizes.windows(2).map(|w| step(n, w[0], w[1])).collect();
    let narrowest = steps.iter().map(|(_, s)| *s).fold(1.0, f64::min);
    let (nodes, weights) = gauss_legendre(32 + (2.5 * b / narrowest) as usize, b);
    let density = |z: f64| libm::exp(-0.5 * z * z) / (2.0 * std::f64::consts::PI).sqrt();
    // of |Z|, times the weight of its node
    let mut inside: Vec<f64> = nodes.iter().map(|&z| 2.0 * density(z)).collect();
    let mut out = normal_two_sided(b);
    for (rho, s) in steps {
        let mass: Vec<f64> = inside.iter().zip(&weights).map(|(f, w)| f * w).collect();
        out += leaving(&nodes, &mass, b, rho, s);
        inside = nodes
            .iter()
            .map(|&to| {
                let from = |at: f64| nodes.partition_point(|z| rho * z < at);
                let near = from(to - FAR * s)..from(to + FAR * s);
                let mirrored = 0..from(FAR * s - to);
                let straight = near.map(|i| mass[i] * density((to - rho * nodes[i]) / s));
                let across = mirrored.map(|i| mass[i] * density((to + rho * nodes[i]) / s));
                (straight.sum::<f64>() + across.sum::<f64>()) / s
            })
            .collect();
    }
    Some(out.clamp(0.0, 1.0))
}

/// ρ between neighbouring cuts, and √(1 − ρ²), which is not taken as a difference.
fn step(n: f64, low: f64, high: f64) -> (f64, f64) {
    let product = (n - low) * high;
    (
        (low * (n - high) / product).sqrt(),
        (n * (high - low) / product).sqrt(),
    )
}

/// Probability to be beyond ±b at the next cut.
fn leaving(nodes: &[f64], mass: &[f64], b: f64, rho: f64, s: f64) -> f64 {
    let tail = |z: f64| if z < FAR { normal_upper_tail(z) } else { 0.0 };
    nodes
        .iter()
        .zip(mass)
        .map(|(z, m)| m * (tail((b - rho * z) / s) + tail((b + rho * z) / s)))
        .sum()
}

/// Nodes, ascending, and weights of Gauss–Legendre quadrature on [0, b].
fn gauss_legendre(n: usize, b: f64) -> (Vec<f64>, Vec<f64>) {
    let mut pairs: Vec<(f64, f64)> = (0..n)
        .map(|i| {
            // Tricomi's guess, then Newton on the three-term recurrence
            let mut x = libm::cos(std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5));
            let mut slope = 1.0;
            for _ in 0..20 {
                let (value, derivative) = legendre(n, x);
                slope = derivative;
                let change = value / derivative;
                x -= change;
                if change.abs() < 1e-15 {
                    break;
                }
            }
            let weight = 2.0 / ((1.0 - x * x) * slope * slope);
            (0.5 * b * (1.0 - x), 0.5 * b * weight)
        })
        .collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    pairs.into_iter().unzip()
}

/// P_n(x) and its derivative, |x| < 1.
fn legendre(n: usize, x: f64) -> (f64, f64) {
    let (mut before, mut here) = (1.0, x);
    for k in 2..=n {
        let k = k as f64;
        let next = ((2.0 * k - 1.0) * x * here - (k - 1.0) * before) / k;
        (before, here) = (here, next);
    }
    (here, n as f64 * (x * here - before) / (x * x - 1.0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_cut_is_a_two_sided_test_and_far_cuts_are_two() {
        let one = exceedance(2.0, 100.0, &[30.0]).unwrap();
        assert!((one - normal_two_sided(2.0)).abs() < 1e-15);
        // 1 of 10⁹ and all but 1: correlation 1e-9
        let two = exceedance(2.0, 1e9, &[1.0, 1e9 - 1.0]).unwrap();
        let apart = 1.0 - (1.0 - one) * (1.0 - one);
        assert!((two - apart).abs() < 1e-12, "{two} {apart}");
        assert_eq!(exceedance(2.0, 1e5, &vec![1.0; 10_001]), None);
    }

    #[test]
    fn two_cuts_are_a_bivariate_integral() {
        // Sheppard: P(Z1 > 0, Z2 > 0) = 1/4 + asin ρ / 2π, and by symmetry of the plane's parts
        let (n, low, high) = (40.0, 10.0, 25.0);
        let (rho, s) = step(n, low, high);
        assert!((rho * rho + s * s - 1.0).abs() < 1e-15);
        // an integral over the first by Simpson's rule on a fine grid, the second in closed form
        let (b, parts) = (1.3, 20_000);
        let h = 2.0 * b / f64::from(parts);
        let inside = |z: f64| {
            let within =
                1.0 - normal_upper_tail((b - rho * z) / s) - normal_upper_tail((b + rho * z) / s);
            within * libm::exp(-0.5 * z * z) / (2.0 * std::f64::consts::PI).sqrt()
        };
        let mut sum = inside(-b) + inside(b);
        for i in 1..parts {
            sum += inside(-b + h * f64::from(i)) * if i % 2 == 1 { 4.0 } else { 2.0 };
        }
        let expected = 1.0 - sum * h / 3.0;
        let seen = exceedance(b, n, &[low, high]).unwrap();
        assert!((seen - expected).abs() < 1e-12, "{seen} {expected}");
    }

    #[test]
    fn nodes_integrate_polynomials_exactly() {
        let (x, w) = gauss_legendre(40, 3.0);
        let power: f64 = x.iter().zip(&w).map(|(x, w)| w * x * x * x * x * x).sum();
        assert!((power - 121.5).abs() < 1e-11, "{power}");
        assert!(x.windows(2).all(|p| p[0] < p[1]));
    }
}
