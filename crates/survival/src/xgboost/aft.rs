//! Gradients of the accelerated failure time loss, and its survival function.
//!
//! # Symbols
//! | symbol | meaning |
//! |---|---|
//! | z | ( log t − margin ) / σ |
//! | f, F | density and distribution function of the noise |
//!
//! loss = −log( f(z) / (σ t) ) for an event, −log( 1 − F(z) ) for a censored time.
//!
//! Where a quotient is undefined far from the data its limit is taken; first derivatives are held to ±15, second ones to
//! 1e-16 … 15, as XGBoost does.
//!
//! # Reference
//! Barnwal, Cho, Hocking, J. Comput. Graph. Stat. 31 (2022) 1292–1302.

use std::f64::consts::{PI, SQRT_2};

use super::params::AftDistribution;

const LARGEST_GRADIENT: f64 = 15.0;
const SMALLEST_HESSIAN: f64 = 1e-16;
const LARGEST_HESSIAN: f64 = 15.0;

/// Density, distribution function, and first and second derivative of the density.
struct Noise {
    density: f64,
    below: f64,
    slope: f64,
    curvature: f64,
}

impl AftDistribution {
    fn at(self, z: f64) -> Noise {
        match self {
            AftDistribution::Normal => {
                let density = libm::exp(-z * z / 2.0) / (2.0 * PI).sqrt();
                Noise {
                    density,
                    below: 0.5 * (1.0 + libm::erf(z / SQRT_2)),
                    slope: -z * density,
                    curvature: (z * z - 1.0) * density,
                }
            }
            AftDistribution::Logistic => logistic(z),
            AftDistribution::Extreme => extreme(z),
        }
    }

    /// First derivative where the loss is flat or a straight line; `above`: z > 0.
    fn gradient_limit(self, event: bool, above: bool, scale: f64) -> f64 {
        let (up, down) = match self {
            AftDistribution::Normal => (LARGEST_GRADIENT, LARGEST_GRADIENT),
            AftDistribution::Logistic => (1.0 / scale, 1.0 / scale),
            AftDistribution::Extreme => (1.0 / scale, LARGEST_GRADIENT),
        };
        match (above, event) {
            (true, _) => -down,
            (false, true) => up,
            (false, false) => 0.0,
        }
    }

    fn hessian_limit(self, event: bool, above: bool, scale: f64) -> f64 {
        match self {
            AftDistribution::Normal if event || above => 1.0 / (scale * scale),
            AftDistribution::Extreme if above => LARGEST_HESSIAN,
            _ => SMALLEST_HESSIAN,
        }
    }

    /// First and second derivative of the loss in the margin.
    pub(super) fn derivatives(
        self,
        log_time: f64,
        event: bool,
        margin: f64,
        scale: f64,
    ) -> (f64, f64) {
        let z = (log_time - margin) / scale;
        let Noise {
            density: f,
            below,
            slope,
            curvature,
        } = self.at(z);
        let (first, first_below, second, second_below) = if event {
            let below = scale * scale * f * f;
            (slope, scale * f, -(f * curvature - slope * slope), below)
        } else {
            let (survival, root) = (1.0 - below, scale * (1.0 - below));
            (-f, root, survival * slope + f * f, root * root)
        };
        let gradient = quotient(first, first_below, || {
            self.gradient_limit(event, z > 0.0, scale)
        });
        let hessian = quotient(second, second_below, || {
            self.hessian_limit(event, z > 0.0, scale)
        });
        (
            gradient.clamp(-LARGEST_GRADIENT, LARGEST_GRADIENT),
            hessian.clamp(SMALLEST_HESSIAN, LARGEST_HESSIAN),
        )
    }

    /// S(t) = 1 − F(z), without cancellation.
    pub(super) fn survival(self, time: f64, margin: f64, scale: f64) -> f64 {
        if time <= 0.0 {
            return 1.0;
        }
        let z = (libm::log(time) - margin) / scale;
        match self {
            AftDistribution::Normal => 0.5 * libm::erfc(z / SQRT_2),
            AftDistribution::Logistic => 1.0 / (1.0 + libm::exp(z)),
            AftDistribution::Extreme => libm::exp(-libm::exp(z)),
        }
    }
}

fn quotient(numerator: f64, denominator: f64, limit: impl Fn() -> f64) -> f64 {
    let value = numerator / denominator;
    if value.is_finite() { value } else { limit() }
}

fn logistic(z: f64) -> Noise {
    let w = libm::exp(z);
    let square = (1.0 + w) * (1.0 + w);
    let density = if (w * w).is_infinite() {
        0.0
    } else {
        w / square
    };
    Noise {
        density,
        below: if w.is_infinite() { 1.0 } else { w / (1.0 + w) },
        slope: if w.is_infinite() {
            0.0
        } else {
            density * (1.0 - w) / (1.0 + w)
        },
        curvature: if (w * w).is_infinite() {
            0.0
        } else {
            density * (w * w - 4.0 * w + 1.0) / square
        },
    }
}

fn extreme(z: f64) -> Noise {
    let w = libm::exp(z);
    let density = if w.is_infinite() {
        0.0
    } else {
        w * libm::exp(-w)
    };
    Noise {
        density,
        below: 1.0 - libm::exp(-w),
        slope: if w.is_infinite() {
            0.0
        } else {
            (1.0 - w) * density
        },
        curvature: if (w * w).is_infinite() {
            0.0
        } else {
            (w * w - 3.0 * w + 1.0) * density
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [AftDistribution; 3] = [
        AftDistribution::Normal,
        AftDistribution::Logistic,
        AftDistribution::Extreme,
    ];

    fn loss(of: AftDistribution, log_time: f64, event: bool, margin: f64, scale: f64) -> f64 {
        if event {
            -libm::log(of.at((log_time - margin) / scale).density / scale)
        } else {
            -libm::log(of.survival(libm::exp(log_time), margin, scale))
        }
    }

    #[test]
    fn derivatives_are_those_of_the_loss() {
        for of in ALL {
            for (log_time, event, margin) in
                [(1.0, true, 0.3), (1.0, false, 0.3), (0.2, false, 1.5)]
            {
                for scale in [0.7, 1.2] {
                    let at = |m: f64| loss(of, log_time, event, m, scale);
                    let h = 1e-4;
                    let first = (at(margin + h) - at(margin - h)) / (2.0 * h);
                    let second = (at(margin + h) - 2.0 * at(margin) + at(margin - h)) / (h * h);
                    let (gradient, hessian) = of.derivatives(log_time, event, margin, scale);
                    assert!((gradient - first).abs() < 1e-6, "{of:?} {gradient} {first}");
                    assert!((hessian - second).abs() < 1e-5, "{of:?} {hessian} {second}");
                }
            }
        }
    }

    #[test]
    fn far_from_the_data_derivatives_stay_in_their_range() {
        for of in ALL {
            for event in [true, false] {
                for margin in [-1e6, -800.0, -40.0, 40.0, 800.0, 1e6] {
                    let (gradient, hessian) = of.derivatives(2.0, event, margin, 1.0);
                    assert!((-15.0..=15.0).contains(&gradient), "{of:?} {margin}");
                    assert!((1e-16..=15.0).contains(&hessian), "{of:?} {margin}");
                    // too short a margin is pushed up, too long a one of an event down
                    assert!(margin > 2.0 || gradient < 0.0, "{of:?} {event} {margin}");
                    assert!(!event || margin < 2.0 || gradient > 0.0, "{of:?} {margin}");
                }
            }
        }
    }
}
