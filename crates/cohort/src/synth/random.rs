//! Gamma and Poisson variates from a keyed stream.

use crate::keyed::Keyed;

/// Above this mean a Poisson variate is drawn by rejection instead of by counting.
const COUNTED_BELOW: f64 = 30.0;

/// Gamma variate of scale 1 (Marsaglia and Tsang 2000); `shape` is at least 1.
pub(crate) fn gamma(keyed: &mut Keyed, shape: f64) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = keyed.normal();
        let v = 1.0 + c * x;
        if v <= 0.0 {
            continue;
        }
        let v = v * v * v;
        let accepted = 0.5 * x * x + d - d * v + d * libm::log(v);
        if libm::log(keyed.uniform()) < accepted {
            return d * v;
        }
    }
}

/// Poisson variate: products of uniforms below a mean of 30, else transformed rejection (Hörmann 1993, PTRS). A mean that is not above 0
/// gives 0; counts end at the largest `u32`.
pub(crate) fn poisson(keyed: &mut Keyed, mean: f64) -> u32 {
    if mean.is_nan() || mean <= 0.0 {
        return 0;
    }
    if mean < COUNTED_BELOW {
        let limit = libm::exp(-mean);
        let (mut count, mut product) = (0, keyed.uniform());
        while product > limit {
            product *= keyed.uniform();
            count += 1;
        }
        return count;
    }
    let b = 0.931 + 2.53 * mean.sqrt();
    let a = -0.059 + 0.02483 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    let squeeze = 0.9277 - 3.6224 / (b - 2.0);
    let log_mean = libm::log(mean);
    loop {
        let u = keyed.uniform() - 0.5;
        let v = keyed.uniform();
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + mean + 0.43).floor();
        if us >= 0.07 && v <= squeeze {
            return k as u32;
        }
        if k < 0.0 || (us < 0.013 && v > us) {
            continue;
        }
        let height = libm::log(v * inverse_alpha / (a / (us * us) + b));
        if height <= k * log_mean - mean - libm::lgamma(k + 1.0) {
            return k as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(mut draw: impl FnMut() -> f64) -> (f64, f64) {
        let draws: Vec<f64> = (0..40_000).map(|_| draw()).collect();
        let mean = draws.iter().sum::<f64>() / 4e4;
        let squares: f64 = draws.iter().map(|x| (x - mean) * (x - mean)).sum();
        (mean, squares / 4e4)
    }

    #[test]
    fn poisson_has_mean_and_variance_alike() {
        for wanted in [0.5, 12.0, 29.0, 31.0, 400.0, 90_000.0] {
            let mut keyed = Keyed::new(1, "poisson", &[]);
            let (mean, variance) = moments(|| f64::from(poisson(&mut keyed, wanted)));
            // standard errors: √(m/n), and about m √(2/n)
            assert!(
                (mean - wanted).abs() < 5.0 * (wanted / 4e4).sqrt(),
                "{wanted}: {mean}"
            );
            assert!(
                (variance / wanted - 1.0).abs() < 0.05,
                "{wanted}: {variance}"
            );
        }
        assert_eq!(poisson(&mut Keyed::new(1, "poisson", &[]), f64::NAN), 0);
    }

    #[test]
    fn gamma_has_its_shape_as_mean_and_variance() {
        for shape in [1.0, 4.0, 12.5] {
            let mut keyed = Keyed::new(1, "gamma", &[]);
            let (mean, variance) = moments(|| gamma(&mut keyed, shape));
            assert!((mean / shape - 1.0).abs() < 0.03, "{shape}: {mean}");
            assert!((variance / shape - 1.0).abs() < 0.08, "{shape}: {variance}");
        }
    }
}
