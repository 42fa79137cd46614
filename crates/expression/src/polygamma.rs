//! Digamma, trigamma and the inverse of the latter.

/// ψ(x) for x > 0: recurrence up to 12, then the asymptotic series.
pub(crate) fn digamma(mut x: f64) -> f64 {
    let mut below = 0.0;
    while x < 12.0 {
        below -= 1.0 / x;
        x += 1.0;
    }
    let u = 1.0 / (x * x);
    let series = u
        * (1.0 / 12.0
            - u * (1.0 / 120.0
                - u * (1.0 / 252.0 - u * (1.0 / 240.0 - u * (1.0 / 132.0 - u * 691.0 / 32760.0)))));
    below + libm::log(x) - 0.5 / x - series
}

/// ψ′(x) for x > 0.
pub(crate) fn trigamma(mut x: f64) -> f64 {
    let mut below = 0.0;
    while x < 12.0 {
        below += 1.0 / (x * x);
        x += 1.0;
    }
    let u = 1.0 / (x * x);
    let series = u
        * (1.0 / 6.0
            - u * (1.0 / 30.0
                - u * (1.0 / 42.0 - u * (1.0 / 30.0 - u * (5.0 / 66.0 - u * 691.0 / 2730.0)))));
    below + 1.0 / x + 0.5 * u + series / x
}

/// ψ″(x) for x > 0.
fn tetragamma(mut x: f64) -> f64 {
    let mut below = 0.0;
    while x < 12.0 {
        below -= 2.0 / (x * x * x);
        x += 1.0;
    }
    let u = 1.0 / (x * x);
    let series = u
        * (0.5
            - u * (1.0 / 6.0 - u * (1.0 / 6.0 - u * (0.3 - u * (5.0 / 6.0 - u * 691.0 / 210.0)))));
    below - u - u / x - u * series
}

/// The y with ψ′(y) = x, x > 0, by Newton on 1/ψ′ (convex, so it converges from below; Smyth 2004).
pub(crate) fn trigamma_inverse(x: f64) -> f64 {
    if x > 1e7 {
        return 1.0 / x.sqrt();
    }
    if x < 1e-6 {
        return 1.0 / x;
    }
    let mut y = 0.5 + 1.0 / x;
    for _ in 0..60 {
        let value = trigamma(y);
        let step = value * (1.0 - value / x) / tetragamma(y);
        y += step;
        if -step / y < 1e-14 {
            break;
        }
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // ψ(1) = −γ, ψ′(1) = π²/6, ψ″(1) = −2ζ(3)
        assert!((digamma(1.0) + 0.577_215_664_901_532_9).abs() < 1e-14);
        assert!((trigamma(1.0) - std::f64::consts::PI * std::f64::consts::PI / 6.0).abs() < 1e-13);
        assert!((tetragamma(1.0) + 2.404_113_806_319_188_5).abs() < 1e-12);
        assert!((trigamma(0.5) - std::f64::consts::PI * std::f64::consts::PI / 2.0).abs() < 1e-12);
    }

    #[test]
    fn the_inverse_is_one() {
        for y in [0.01, 0.3, 1.0, 4.0, 250.0] {
            assert!(
                (trigamma_inverse(trigamma(y)) / y - 1.0).abs() < 1e-9,
                "{y}"
            );
        }
    }
}
