//! Filters of one voxel: square, square root, logarithm, exponential.
//!
//! # Formula
//! With m = max |x| over the whole image:
//!
//! | name | f(x) |
//! |---|---|
//! | `square` | (x / √m)², without a sign |
//! | `squareroot` | sign(x) · √(\|x\| · m) |
//! | `logarithm` | sign(x) · log(\|x\| + 1) · m / log(m + 1) |
//! | `exponential` | exp(x · log(m) / m), of x and not of \|x\| |
//!
//! # Errors
//! An image of zeros cannot be scaled, except by the square root, which leaves it as it is.
//!
//! # Agrees with
//! PyRadiomics 3.1.0, relative 1e-12, tests/filters.rs.
//!
//! # Differs from
//! PyRadiomics' documents, which give the square the sign of x: its program does not, nor does this.

use super::error::FilterError;
use super::view::{ImageView, Window};

/// Which of the four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PointFilter {
    Square,
    SquareRoot,
    Logarithm,
    Exponential,
}

impl PointFilter {
    pub(crate) fn name(self) -> &'static str {
        match self {
            PointFilter::Square => "square",
            PointFilter::SquareRoot => "squareroot",
            PointFilter::Logarithm => "logarithm",
            PointFilter::Exponential => "exponential",
        }
    }

    /// Values in the window, `maximum` being the largest magnitude of the whole image.
    pub(crate) fn values(
        self,
        maximum: f64,
        view: &ImageView,
        window: &Window,
    ) -> Result<Vec<f64>, FilterError> {
        if maximum == 0.0 && self != PointFilter::SquareRoot {
            return Err(FilterError::AllZero {
                filter: self.name(),
            });
        }
        let mut values = cropped(view, window);
        match self {
            PointFilter::Square => {
                let factor = 1.0 / maximum.sqrt();
                apply(&mut values, |x| (factor * x) * (factor * x));
            }
            PointFilter::SquareRoot => {
                apply(&mut values, |x| (x.abs() * maximum).sqrt().copysign(x));
            }
            PointFilter::Logarithm => {
                let factor = maximum / libm::log(maximum + 1.0);
                apply(&mut values, |x| {
                    libm::log(x.abs() + 1.0).copysign(x) * factor
                });
            }
            PointFilter::Exponential => {
                let factor = libm::log(maximum) / maximum;
                apply(&mut values, |x| libm::exp(factor * x));
            }
        }
        Ok(values)
    }
}

/// The image in the window.
pub(crate) fn cropped(view: &ImageView, window: &Window) -> Vec<f64> {
    let ([x, y, z], [nx, ny, nz]) = (window.lower, window.size);
    let mut values = Vec::with_capacity(window.n_voxels());
    for z in z..z + nz {
        for y in y..y + ny {
            values.extend_from_slice(&view.row(y, z)[x..x + nx]);
        }
    }
    values
}

/// max |x| over the whole image.
pub(crate) fn largest_magnitude(view: &ImageView) -> Result<f64, FilterError> {
    const LANES: usize = 8;
    let mut largest = [0.0_f64; LANES];
    let mut is_nan = [false; LANES];
    let chunks = view.values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for lane in 0..LANES {
            let magnitude = chunk[lane].abs();
            largest[lane] = if magnitude > largest[lane] {
                magnitude
            } else {
                largest[lane]
            };
            is_nan[lane] |= magnitude.is_nan();
        }
    }
    for (lane, value) in rest.iter().enumerate() {
        largest[lane] = largest[lane].max(value.abs());
        is_nan[lane] |= value.is_nan();
    }
    let largest = largest.into_iter().fold(0.0, f64::max);
    if largest.is_finite() && is_nan == [false; LANES] {
        return Ok(largest);
    }
    let at = view.values.iter().position(|value| !value.is_finite());
    Err(FilterError::NotFinite {
        voxel: coordinates(at.unwrap_or(0), view.dims),
    })
}

fn coordinates(at: usize, dims: [usize; 3]) -> [usize; 3] {
    [at % dims[0], at / dims[0] % dims[1], at / dims[0] / dims[1]]
}

fn apply(values: &mut [f64], f: impl Fn(f64) -> f64) {
    for value in values {
        *value = f(*value);
    }
}
