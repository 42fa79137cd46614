//! How a pattern of bits on a sphere becomes one number per level of spherical harmonics.
//!
//! # Formula
//! Y_nm(azimuth, polar) with the Condon–Shortley phase, at azimuth arccos(z / r) and polar angle atan2(y, x) of each point: the two
//! angles are exchanged, as in PyRadiomics. The associated Legendre function takes cos(polar) and the *positive* root of 1 − cos².
//!
//! c_m = Σ_v b_v Y_nm(v),  F(v) = Σ_m c_m Y_nm(v),  value of level n: Re √(Σ_v F(v)²), with F² and not |F|².
//!
//! Σ_v F(v)² = Σ_mm' c_m c_m' G_mm' with G_mm' = Σ_v Y_nm(v) Y_nm'(v), made once. Level 0 depends on the number of ones only and is
//! summed as its definition says; higher levels are rounded to 2^−36, far above their error and far below any difference between
//! patterns that differ.

/// One complex number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Complex {
    re: f64,
    im: f64,
}

impl Complex {
    const ZERO: Complex = Complex { re: 0.0, im: 0.0 };

    fn plus(self, other: Complex) -> Complex {
        Complex {
            re: self.re + other.re,
            im: self.im + other.im,
        }
    }

    fn times(self, other: Complex) -> Complex {
        Complex {
            re: self.re * other.re - self.im * other.im,
            im: self.re * other.im + self.im * other.re,
        }
    }

    /// Real part of the root with the positive real part.
    fn root_re(self) -> f64 {
        let length = libm::hypot(self.re, self.im);
        if length == 0.0 {
            0.0
        } else if self.re >= 0.0 {
            ((self.re + length) / 2.0).sqrt()
        } else {
            self.im.abs() / (2.0 * ((length - self.re) / 2.0).sqrt())
        }
    }
}

/// The harmonics of one level at the points.
#[derive(Debug, Clone)]
pub(crate) struct Harmonics {
    /// Per order m from −n to n: real parts at the points, then imaginary parts.
    at_points: Vec<[Vec<f64>; 2]>,
    /// G, row by row.
    products: Vec<Complex>,
    /// Level 0 only: the value for each number of ones.
    of_count: Vec<f64>,
}

impl Harmonics {
    /// Level `n` at points of a sphere of `radius`.
    pub(crate) fn new(n: usize, points: &[[f64; 3]], radius: f64) -> Harmonics {
        let order = n as i32;
        let at_points: Vec<Vec<Complex>> = (-order..=order)
            .map(|m| {
                points
                    .iter()
                    .map(|&[x, y, z]| {
                        let azimuth = libm::acos((z / radius).clamp(-1.0, 1.0));
                        harmonic(n, m, azimuth, libm::atan2(y, x))
                    })
                    .collect()
            })
            .collect();
        let products = at_points
            .iter()
            .flat_map(|a| at_points.iter().map(|b| dot(a, b)))
            .collect();
        let parts = |values: &Vec<Complex>| {
            [
                values.iter().map(|value| value.re).collect(),
                values.iter().map(|value| value.im).collect(),
            ]
        };
        let of_count = match at_points.as_slice() {
            [constants] => (0..=points.len())
                .map(|n_ones| norm_of_constants(constants, n_ones))
                .collect(),
            _ => Vec::new(),
        };
        Harmonics {
            at_points: at_points.iter().map(parts).collect(),
            products,
            of_count,
        }
    }

    /// The value of the level for one pattern of zeros and ones; `coefficients` is scratch.
    pub(crate) fn norm(&self, bits: &[f64], coefficients: &mut Vec<Complex>) -> f64 {
        if !self.of_count.is_empty() {
            let n_ones = bits.iter().fold(0.0, |sum, bit| sum + bit);
            return self.of_count[n_ones as usize];
        }
        coefficients.clear();
        coefficients.extend(self.at_points.iter().map(|[re, im]| Complex {
            re: chosen(re, bits),
            im: chosen(im, bits),
        }));
        let mut sum = Complex::ZERO;
        for (row, &a) in self
            .products
            .chunks_exact(coefficients.len())
            .zip(coefficients.iter())
        {
            for (&product, &b) in row.iter().zip(coefficients.iter()) {
                sum = sum.plus(a.times(b).times(product));
            }
        }
        (sum.root_re() * GRID).round_ties_even() / GRID
    }
}

/// Steps per unit to which values are rounded.
const GRID: f64 = (1_u64 << 36) as f64;

/// Level 0: all harmonics are one real number, so only the number of ones counts. Terms are added one by one, as NumPy does.
fn norm_of_constants(constants: &[Complex], n_ones: usize) -> f64 {
    let sum = |terms: &mut dyn Iterator<Item = f64>| terms.fold(0.0, |sum, term| sum + term);
    let coefficient = sum(&mut constants.iter().take(n_ones).map(|constant| constant.re));
    let squares = constants.iter().map(|constant| {
        let field = coefficient * constant.re;
        field * field
    });
    sum(&mut { squares }).sqrt()
}

/// Sum of the values whose bit is 1, in four running sums.
fn chosen(values: &[f64], bits: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let (values, bits) = (values.chunks_exact(4), bits.chunks_exact(4));
    let left = values.remainder().iter().zip(bits.remainder());
    for (values, bits) in values.zip(bits) {
        for lane in 0..4 {
            lanes[lane] += values[lane] * bits[lane];
        }
    }
    let joined = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
    left.fold(joined, |sum, (value, bit)| sum + value * bit)
}

fn dot(a: &[Complex], b: &[Complex]) -> Complex {
    a.iter()
        .zip(b)
        .fold(Complex::ZERO, |sum, (&a, &b)| sum.plus(a.times(b)))
}

fn harmonic(n: usize, m: i32, azimuth: f64, polar: f64) -> Complex {
    let order = m.unsigned_abs() as usize;
    // (n − |m|)! / (n + |m|)!
    let ratio = (n - order + 1..=n + order).fold(1.0, |ratio, k| ratio / k as f64);
    let scale = ((2 * n + 1) as f64 / (4.0 * std::f64::consts::PI) * ratio).sqrt();
    let radial = scale * legendre(n, order, libm::cos(polar));
    let angle = order as f64 * azimuth;
    let (re, im) = (radial * libm::cos(angle), radial * libm::sin(angle));
    match (m < 0, order % 2) {
        (false, _) => Complex { re, im },
        (true, 0) => Complex { re, im: -im },
        (true, _) => Complex { re: -re, im },
    }
}

/// Associated Legendre function with the Condon–Shortley phase.
fn legendre(n: usize, m: usize, x: f64) -> f64 {
    let root = (1.0 - x * x).max(0.0).sqrt();
    let mut previous = 0.0;
    let mut value = (1..=m).fold(1.0, |value, k| -value * (2 * k - 1) as f64 * root);
    for l in m + 1..=n {
        let next =
            ((2 * l - 1) as f64 * x * value - (l - 1 + m) as f64 * previous) / (l - m) as f64;
        (previous, value) = (value, next);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmonics_are_those_of_the_textbook() {
        let (azimuth, polar) = (0.7, 1.1);
        let y = harmonic(1, 1, azimuth, polar);
        let expected = -(3.0 / (8.0 * std::f64::consts::PI)).sqrt() * libm::sin(polar);
        assert!((y.re - expected * libm::cos(azimuth)).abs() < 1e-15);
        assert!((y.im - expected * libm::sin(azimuth)).abs() < 1e-15);
        let opposite = harmonic(1, -1, azimuth, polar);
        assert!((opposite.re + y.re).abs() < 1e-15 && (opposite.im - y.im).abs() < 1e-15);
    }

    #[test]
    fn roots_have_a_positive_real_part() {
        assert_eq!(Complex { re: 4.0, im: 0.0 }.root_re(), 2.0);
        assert_eq!(Complex { re: -4.0, im: 0.0 }.root_re(), 0.0);
        assert_eq!(Complex { re: 0.0, im: 2.0 }.root_re(), 1.0);
        assert_eq!(Complex::ZERO.root_re(), 0.0);
    }
}
