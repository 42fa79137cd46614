//! Gaussian random fields as sums of plane waves.
//!
//! # Formula
//! `f(p) = √(2/M) Σ_m cos(k_m · p + φ_m)`, `p` in mm, φ uniform, `k` drawn from the covariance's spectrum: mean 0, variance 1, and the
//! wanted covariance over draws (Rahimi and Recht 2007). Normal: `k ~ N(0, 1/ℓ²)` per axis gives `exp(−r²/2ℓ²)`. Matérn ν = 3/2:
//! `k` is a multivariate t with 3 degrees of freedom over ℓ, which gives `(1 + √3 r/ℓ) exp(−√3 r/ℓ)`.
//!
//! A field is a function of position and knows no grid. On a grid the waves factorise over the axes, so a voxel costs two products a wave.

use crate::keyed::Keyed;

/// Covariance of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Covariance {
    Normal,
    Matern,
}

/// One plane wave: wave vector (rad/mm) and phase (rad).
type Wave = ([f64; 3], f64);

/// A field of mean 0 and variance 1.
pub(crate) struct Field {
    waves: Vec<Wave>,
    amplitude: f64,
}

impl Field {
    /// Draws a field of `n_waves` waves with correlation length `length_mm`.
    pub(crate) fn draw(
        keyed: &mut Keyed,
        covariance: Covariance,
        length_mm: f64,
        n_waves: usize,
    ) -> Field {
        let mut wave = || {
            let mut normal = || keyed.normal();
            let direction = [normal(), normal(), normal()];
            let spread = match covariance {
                Covariance::Normal => 1.0,
                Covariance::Matern => {
                    let parts = [normal(), normal(), normal()];
                    let chi_squared: f64 = parts.iter().map(|part| part * part).sum();
                    (3.0 / chi_squared).sqrt()
                }
            };
            let phase = std::f64::consts::TAU * keyed.uniform();
            (direction.map(|part| part * spread / length_mm), phase)
        };
        Field {
            waves: (0..n_waves).map(|_| wave()).collect(),
            amplitude: (2.0 / n_waves as f64).sqrt(),
        }
    }

    /// The field at a point, mm.
    pub(crate) fn at(&self, point_mm: [f64; 3]) -> f64 {
        let [x, y, z] = point_mm;
        let sum: f64 = self
            .waves
            .iter()
            .map(|([kx, ky, kz], phase)| libm::cos(kx * x + ky * y + kz * z + phase))
            .sum();
        self.amplitude * sum
    }

    /// The field on the grid of the axes' coordinates (mm), x fastest.
    pub(crate) fn on_grid(&self, axes_mm: [&[f64]; 3]) -> Vec<f64> {
        let [xs, ys, zs] = axes_mm;
        let mut values = vec![0.0; xs.len() * ys.len() * zs.len()];
        if xs.is_empty() || ys.is_empty() {
            return values;
        }
        let turn = |angle: f64| {
            let (sine, cosine) = libm::sincos(angle);
            [cosine, sine]
        };
        let product = |[a, b]: [f64; 2], [c, d]: [f64; 2]| [a * c - b * d, a * d + b * c];
        for ([kx, ky, kz], phase) in &self.waves {
            let along_x: Vec<[f64; 2]> = xs.iter().map(|x| turn(kx * x)).collect();
            let along_y: Vec<[f64; 2]> = ys.iter().map(|y| turn(ky * y)).collect();
            for (z, slice) in zs.iter().zip(values.chunks_exact_mut(xs.len() * ys.len())) {
                let at_z = turn(kz * z + phase);
                for (at_y, row) in along_y.iter().zip(slice.chunks_exact_mut(xs.len())) {
                    let [real, imaginary] = product(at_z, *at_y);
                    for (at_x, value) in along_x.iter().zip(row) {
                        *value += real * at_x[0] - imaginary * at_x[1];
                    }
                }
            }
        }
        values.iter_mut().for_each(|value| *value *= self.amplitude);
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_is_its_points() {
        let field = Field::draw(&mut Keyed::new(1, "f", &[]), Covariance::Matern, 5.0, 40);
        let (xs, ys, zs) = ([0.0, 2.5, 5.0], [-4.0, 1.0], [0.0, 7.0]);
        let grid = field.on_grid([&xs, &ys, &zs]);
        for (z, z_mm) in zs.iter().enumerate() {
            for (y, y_mm) in ys.iter().enumerate() {
                for (x, x_mm) in xs.iter().enumerate() {
                    let point = field.at([*x_mm, *y_mm, *z_mm]);
                    assert!((grid[x + 3 * (y + 2 * z)] - point).abs() < 1e-12);
                }
            }
        }
    }

    #[track_caller]
    fn check_covariance(covariance: Covariance, at_length: f64) {
        let draws = 4000_u32;
        let (mut variance, mut product) = (0.0, 0.0);
        for draw in 0..draws {
            let mut keyed = Keyed::new(u64::from(draw), "covariance", &[]);
            let field = Field::draw(&mut keyed, covariance, 8.0, 32);
            let (here, there) = (field.at([1.0, 2.0, 3.0]), field.at([1.0, 10.0, 3.0]));
            variance += here * here / f64::from(draws);
            product += here * there / f64::from(draws);
        }
        assert!((variance - 1.0).abs() < 0.09, "{variance}");
        assert!((product - at_length).abs() < 0.07, "{product} {at_length}");
    }

    #[test]
    fn covariances_at_one_correlation_length() {
        check_covariance(Covariance::Normal, 0.6065); // exp(-1/2)
        check_covariance(Covariance::Matern, 0.4834); // (1 + sqrt 3) exp(-sqrt 3)
    }
}
