//! Quantile grids: columns whose distribution, mean and standard deviation hold in the sample itself.
//!
//! A column of `n` values is `Q((i + ½)/n)`, shuffled; an affine map (a lognormal's two parameters for antigen) gives it the wanted
//! moments. All inverses are bisections of closed forms or of a continued fraction, so the bits do not hang on starting values.

use super::spec::Moments;

/// The points (i + ½)/n.
pub(crate) fn midpoints(n: usize) -> impl Iterator<Item = f64> {
    (0..n).map(move |i| (i as f64 + 0.5) / n as f64)
}

/// Standard normal quantile, from Φ(x) = erfc(−x/√2)/2.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    let cdf = |x: f64| 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
    invert(p, -40.0, 40.0, cdf)
}

/// Quantile of the gamma distribution of whole shape `k` and scale 1: F(x) = 1 − e^{−x} Σ_{j<k} x^j / j!.
pub(crate) fn gamma_quantile(p: f64, shape: u32) -> f64 {
    let cdf = |x: f64| {
        let mut term = 1.0;
        let mut sum = 1.0;
        for j in 1..shape {
            term *= x / f64::from(j);
            sum += term;
        }
        1.0 - libm::exp(-x) * sum
    };
    invert(p, 0.0, 40.0 + 10.0 * f64::from(shape), cdf)
}

/// Quantile of Beta(a, b): bisection of the regularised incomplete beta function.
pub(crate) fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    invert(p, 0.0, 1.0, |x| regularised_beta(x, a, b))
}

/// `values` moved and stretched, rounded to `unit` and clipped to `range`, so that mean and SD are as wanted.
/// `fixed` values come first, are neither moved nor stretched, and count in the moments.
pub(crate) fn with_moments(
    fixed: &[f64],
    values: &[f64],
    wanted: Moments,
    range: [f64; 2],
    unit: f64,
) -> Vec<f64> {
    let (mut shift, mut stretch) = (wanted.mean, wanted.sd);
    let standard = standardised(values);
    let column = |shift: f64, stretch: f64| -> Vec<f64> {
        let moved = standard
            .iter()
            .map(|z| (shift + stretch * z).clamp(range[0], range[1]));
        fixed.iter().copied().chain(moved).collect()
    };
    for _ in 0..200 {
        let Moments { mean, sd } = moments_of(&column(shift, stretch));
        shift += wanted.mean - mean;
        stretch *= wanted.sd / sd;
    }
    let rounded = |x: f64| (x / unit).round() * unit;
    column(shift, stretch).into_iter().map(rounded).collect()
}

/// Lognormal grid of `n` values whose sample mean and SD are as wanted: sigma by bisection of the coefficient of variation.
pub(crate) fn lognormal(n: usize, wanted: Moments) -> Vec<f64> {
    let normals: Vec<f64> = midpoints(n).map(normal_quantile).collect();
    let grid = |sigma: f64| -> Vec<f64> { normals.iter().map(|z| libm::exp(sigma * z)).collect() };
    let variation = |sigma: f64| {
        let Moments { mean, sd } = moments_of(&grid(sigma));
        sd / mean
    };
    let sigma = invert(wanted.sd / wanted.mean, 1e-3, 8.0, variation);
    let values = grid(sigma);
    let factor = wanted.mean / moments_of(&values).mean;
    values.into_iter().map(|x| x * factor).collect()
}

/// Mean and standard deviation (n − 1).
pub(crate) fn moments_of(values: &[f64]) -> Moments {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    Moments {
        mean,
        sd: (squares / (n - 1.0)).sqrt(),
    }
}

/// Values less their mean over their standard deviation; all 0 where they do not vary.
pub(crate) fn standardised(values: &[f64]) -> Vec<f64> {
    let Moments { mean, sd } = moments_of(values);
    let z = |x: &f64| if sd > 0.0 { (x - mean) / sd } else { 0.0 };
    values.iter().map(z).collect()
}

/// The x in [low, high] where the ascending `f` reaches `wanted`, to the last bit but one.
fn invert(wanted: f64, mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if f(middle) < wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// I_x(a, b) by its continued fraction (Abramowitz and Stegun 26.5.8, evaluated after Lentz), on the side where it converges fast.
fn regularised_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - regularised_beta(1.0 - x, b, a);
    }
    let log_front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b)
        + a * libm::log(x)
        + b * libm::log1p(-x);
    libm::exp(log_front) * beta_fraction(x, a, b) / a
}

fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    let away_from_0 = |value: f64| {
        if value.abs() < 1e-300 { 1e-300 } else { value }
    };
    let mut d = 1.0 / away_from_0(1.0 - (a + b) * x / (a + 1.0));
    let mut c = 1.0;
    let mut fraction = d;
    for m in 1..300 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for numerator in [even, odd] {
            d = 1.0 / away_from_0(1.0 + numerator * d);
            c = away_from_0(1.0 + numerator / c);
            change = c * d;
            fraction *= change;
        }
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(got: f64, wanted: f64) {
        assert!((got - wanted).abs() < 1e-9, "{got} {wanted}");
    }

    #[test]
    fn quantiles_agree_with_closed_forms() {
        near(normal_quantile(0.975), 1.959_963_984_540_054);
        near(gamma_quantile(0.5, 1), std::f64::consts::LN_2);
        near(gamma_quantile(0.95, 3), 6.295_793_622_131_9); // half of the chi-squared quantile with 6 degrees, 12.591587243743977
        near(beta_quantile(0.3, 1.0, 1.0), 0.3);
        near(beta_quantile(0.3, 2.0, 1.0), 0.3_f64.sqrt());
        near(beta_quantile(0.3, 1.0, 3.0), 1.0 - libm::cbrt(0.7));
        near(beta_quantile(0.3, 0.5, 0.5), {
            let sine = libm::sin(std::f64::consts::FRAC_PI_2 * 0.3);
            sine * sine
        });
    }

    #[test]
    fn columns_have_the_wanted_moments() {
        let wanted = Moments {
            mean: 57.07,
            sd: 10.16,
        };
        let gamma: Vec<f64> = midpoints(550).map(|p| gamma_quantile(p, 3)).collect();
        let ages = with_moments(&[26.0, 91.0], &gamma, wanted, [26.0, 91.0], 1.0);
        let got = moments_of(&ages);
        assert!(
            (got.mean - 57.07).abs() < 0.05 && (got.sd - 10.16).abs() < 0.05,
            "{got:?}"
        );
        let wanted = Moments {
            mean: 2.607,
            sd: 8.621,
        };
        let got = moments_of(&lognormal(552, wanted));
        near(got.mean, 2.607);
        near(got.sd, 8.621);
    }
}
