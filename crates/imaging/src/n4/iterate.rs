//! The iterations on the sub-sampled grid.

use super::lattice::{GridWeights, Lattice};
use super::sharpen::Sharpener;
use super::{CHUNK, N4Error, N4Params, PARALLEL_VOXELS_MIN, check_axes, check_lengths};
use rayon::prelude::*;

/// One iteration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Iteration {
    /// Level, from 0.
    pub level: usize,
    /// Iteration within the level, from 1.
    pub iteration: usize,
    /// SD / mean of exp(old − new log field) over the mask, SD with n − 1.
    pub convergence: f64,
}

/// What a progress callback answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Go on.
    Continue,
    /// End with [`N4Error::Stopped`].
    Stop,
}

/// A fitted log field.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The field as a spline; sample it on any grid that covers the same extent.
    pub lattice: Lattice,
    /// Natural log of the field at every voxel of the fitted grid, inside the mask and outside, x fastest.
    pub log_field: Vec<f64>,
    /// Every iteration in order.
    pub trace: Vec<Iteration>,
    /// Voxels of the mask.
    pub n_fitted: usize,
    /// Those of them whose intensity is not positive.
    pub n_unlogged: usize,
}

/// Fits the log field to the values as given: `params.shrink_factor` plays no part here.
///
/// # Arguments
/// | argument | shape | unit |
/// | `values` | [nx·ny·nz], x fastest | intensity, finite |
/// | `mask`   | [nx·ny·nz], x fastest | |
/// | `dims`   | nx, ny, nz, at least 2 each | voxels |
///
/// # Errors, Agrees with, Differs from
/// As [`correct`](super::correct).
pub fn log_field_shrunken(
    values: &[f64],
    mask: &[bool],
    dims: [usize; 3],
    params: &N4Params,
    progress: &mut dyn FnMut(&Iteration) -> Progress,
) -> Result<Fit, N4Error> {
    let weights: Vec<f64> = mask.iter().map(|&m| f64::from(u8::from(m))).collect();
    log_field_weighted(values, &weights, dims, params, progress)
}

/// [`log_field_shrunken`] with a weight a voxel in place of a mask: how much its residual counts in the spline's fit.
///
/// A voxel of weight 0 is outside; the histogram and the convergence count every voxel above 0 alike, as ITK's
/// confidence image does. A common factor on all weights changes nothing.
///
/// # Errors
/// As [`log_field_shrunken`], and [`N4Error::Weight`] for a weight that is negative or not finite.
pub fn log_field_weighted(
    values: &[f64],
    weights: &[f64],
    dims: [usize; 3],
    params: &N4Params,
    progress: &mut dyn FnMut(&Iteration) -> Progress,
) -> Result<Fit, N4Error> {
    params.check()?;
    let mut state = State::new(values, weights, dims)?;
    let sharpener = Sharpener::new(params.bins, params.fwhm, params.wiener_noise);
    let mut lattice = Lattice::zeros(params.control_points);
    let mut trace = Vec::new();
    for (level, &iterations) in params.iterations.iter().enumerate() {
        if level > 0 {
            lattice = lattice.refined();
        }
        let grid = GridWeights::new(dims, lattice.dims);
        let denominators = grid.squared_weights(weights);
        for iteration in 1..=iterations {
            let convergence = state.step(&sharpener, &grid, &denominators, &mut lattice)?;
            if !convergence.is_finite() {
                return Err(N4Error::Diverged { level, iteration });
            }
            let done = Iteration {
                level,
                iteration,
                convergence,
            };
            trace.push(done);
            if progress(&done) == Progress::Stop {
                return Err(N4Error::Stopped { level, iteration });
            }
            if convergence <= params.convergence {
                break;
            }
        }
    }
    Ok(Fit {
        lattice,
        log_field: state.field,
        trace,
        n_fitted: state.inside.len(),
        n_unlogged: state.n_unlogged,
    })
}

/// What an iteration changes, and the voxels it works on.
struct State {
    /// positions of the mask's voxels, ascending
    inside: Vec<usize>,
    /// log intensity of those voxels
    log_values: Vec<f64>,
    /// what each of those voxels counts in the fit, above 0
    weights: Vec<f64>,
    /// log field at every voxel
    field: Vec<f64>,
    /// what sharpening took away times the weight, at every voxel; 0 outside the mask
    residual: Vec<f64>,
    n_unlogged: usize,
    threads: bool,
}

impl State {
    fn new(values: &[f64], weights: &[f64], dims: [usize; 3]) -> Result<State, N4Error> {
        check_lengths(values.len(), weights.len(), dims)?;
        check_axes(dims)?;
        let voxels = values.len();
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            let value = values[index];
            return Err(N4Error::NotFinite { index, value });
        }
        let usable = |weight: &f64| weight.is_finite() && *weight >= 0.0;
        if let Some(index) = weights.iter().position(|weight| !usable(weight)) {
            let value = weights[index];
            return Err(N4Error::Weight { index, value });
        }
        let inside: Vec<usize> = (0..voxels).filter(|&index| weights[index] > 0.0).collect();
        if inside.is_empty() {
            return Err(N4Error::EmptyMask { voxels });
        }
        let n_unlogged = inside.iter().filter(|&&index| values[index] <= 0.0).count();
        if n_unlogged == inside.len() {
            return Err(N4Error::NoPositiveVoxel { voxels: n_unlogged });
        }
        let log_values = inside.iter().map(|&index| log_positive(values[index]));
        Ok(State {
            log_values: log_values.collect(),
            weights: inside.iter().map(|&index| weights[index]).collect(),
            field: vec![0.0; voxels],
            residual: vec![0.0; voxels],
            threads: inside.len() >= PARALLEL_VOXELS_MIN,
            inside,
            n_unlogged,
        })
    }

    /// Sharpens, adds the smoothed residual to `lattice` and to the field, and returns the change.
    fn step(
        &mut self,
        sharpener: &Sharpener,
        grid: &GridWeights,
        denominators: &Lattice,
        lattice: &mut Lattice,
    ) -> Result<f64, N4Error> {
        let uncorrected: Vec<f64> = self
            .inside
            .iter()
            .zip(&self.log_values)
            .map(|(&index, value)| value - self.field[index])
            .collect();
        let sharpened = sharpener.sharpen(&uncorrected, self.threads)?;
        let estimates = uncorrected.iter().zip(&sharpened).zip(&self.weights);
        for (&index, ((observed, expected), weight)) in self.inside.iter().zip(estimates) {
            self.residual[index] = (observed - expected) * weight;
        }
        let addition = grid.approximate(&self.residual, denominators);
        for (value, addition) in lattice.values.iter_mut().zip(&addition.values) {
            *value += addition;
        }
        let field = grid.evaluate(lattice);
        let convergence = self.change(&field);
        self.field = field;
        Ok(convergence)
    }

    /// SD / mean of exp(old − new) over the mask.
    fn change(&self, field: &[f64]) -> f64 {
        let ratio = |&index: &usize| libm::exp(self.field[index] - field[index]);
        let ratios: Vec<f64> = if self.threads {
            let inside = self.inside.par_iter().with_min_len(CHUNK);
            inside.map(ratio).collect()
        } else {
            self.inside.iter().map(ratio).collect()
        };
        let n = ratios.len() as f64;
        let mean = ratios.iter().sum::<f64>() / n;
        let squares: f64 = ratios.iter().map(|r| (r - mean) * (r - mean)).sum();
        (squares / (n - 1.0)).sqrt() / mean
    }
}

/// ITK takes the logarithm of positive intensities only and leaves the others as they are.
fn log_positive(value: f64) -> f64 {
    if value > 0.0 { libm::log(value) } else { value }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const DIMS: [usize; 3] = [12, 10, 6];

    fn values() -> Vec<f64> {
        (0..720)
            .map(|i| 50.0 + ((i * 617) % 101) as f64 + (i % 12) as f64 * 4.0)
            .collect()
    }

    fn fit(values: &[f64], mask: &[bool], dims: [usize; 3]) -> Result<Fit, N4Error> {
        let params = N4Params::slicer();
        log_field_shrunken(values, mask, dims, &params, &mut |_| Progress::Continue)
    }

    #[test]
    fn the_lattice_at_the_grid_is_the_field() {
        let fit = fit(&values(), &[true; 720], DIMS).unwrap();
        assert_eq!(fit.lattice.sample(DIMS).unwrap(), fit.log_field);
        assert_eq!(fit.lattice.dims, [7, 7, 7]);
    }

    #[test]
    fn a_factor_on_the_intensities_leaves_the_field_unchanged() {
        let scaled: Vec<f64> = values().iter().map(|v| v * 64.0).collect();
        let (a, b) = (
            fit(&values(), &[true; 720], DIMS).unwrap(),
            fit(&scaled, &[true; 720], DIMS).unwrap(),
        );
        for (a, b) in a.log_field.iter().zip(&b.log_field) {
            assert!((a - b).abs() < 1e-9, "{a} {b}");
        }
    }

    fn fit_weighted(weights: &[f64]) -> Result<Fit, N4Error> {
        let params = N4Params::slicer();
        log_field_weighted(&values(), weights, DIMS, &params, &mut |_| {
            Progress::Continue
        })
    }

    #[test]
    fn weights_say_what_a_voxel_counts() {
        let even = fit_weighted(&[1.0; 720]).unwrap();
        assert_eq!(even, fit(&values(), &[true; 720], DIMS).unwrap());
        // a power of two scales numerator and denominator exactly
        assert_eq!(fit_weighted(&[4.0; 720]).unwrap().log_field, even.log_field);
        let left: Vec<f64> = (0..720)
            .map(|i| if i % 12 < 6 { 1.0 } else { 0.1 })
            .collect();
        let uneven = fit_weighted(&left).unwrap();
        assert_eq!(uneven.n_fitted, 720);
        assert!(
            uneven
                .log_field
                .iter()
                .zip(&even.log_field)
                .any(|(a, b)| (a - b).abs() > 1e-4)
        );
    }

    #[test]
    fn a_weight_of_zero_is_outside_and_a_negative_one_is_refused() {
        let mask: Vec<bool> = (0..720).map(|i| i % 7 != 0).collect();
        let mut weights: Vec<f64> = mask.iter().map(|&m| f64::from(u8::from(m))).collect();
        assert_eq!(
            fit_weighted(&weights).unwrap(),
            fit(&values(), &mask, DIMS).unwrap()
        );
        weights[5] = -0.5;
        assert_eq!(
            fit_weighted(&weights).unwrap_err().to_string(),
            "weight of voxel 5 is -0.5, must be finite and at least 0"
        );
    }

    #[test]
    fn values_outside_the_mask_do_not_matter() {
        let mask: Vec<bool> = (0..720).map(|i| i % 7 != 0).collect();
        let mut other = values();
        for i in (0..720).step_by(7) {
            other[i] = -1e6;
        }
        assert_eq!(
            fit(&values(), &mask, DIMS).unwrap(),
            fit(&other, &mask, DIMS).unwrap()
        );
    }

    #[test]
    fn voxels_without_logarithm_are_counted() {
        let mut some = values();
        some[100] = 0.0;
        some[200] = -3.0;
        assert_eq!(fit(&some, &[true; 720], DIMS).unwrap().n_unlogged, 2);
    }

    #[test]
    fn a_field_that_leaves_the_numbers_is_refused() {
        let params = N4Params {
            fwhm: 1e-300,
            ..N4Params::slicer()
        };
        let on = |_: &Iteration| Progress::Continue;
        let run = log_field_shrunken(&values(), &[true; 720], DIMS, &params, &mut { on });
        let (level, iteration) = (0, 1);
        assert_eq!(run, Err(N4Error::Diverged { level, iteration }));
    }

    #[test]
    fn progress_hears_every_iteration_and_may_stop() {
        let params = N4Params::slicer();
        let mut heard = Vec::new();
        let run = log_field_shrunken(&values(), &[true; 720], DIMS, &params, &mut |iteration| {
            heard.push(*iteration);
            if heard.len() == 3 {
                Progress::Stop
            } else {
                Progress::Continue
            }
        });
        assert_eq!(
            run,
            Err(N4Error::Stopped {
                level: 0,
                iteration: 3
            })
        );
        assert_eq!(heard.len(), 3);
    }

    #[test]
    fn what_cannot_be_fitted_is_refused() {
        let v = values();
        let all = [true; 720];
        #[track_caller]
        fn check(fit: Result<Fit, N4Error>, expected: N4Error) {
            assert_eq!(fit, Err(expected));
        }
        check(
            fit(&v, &[false; 720], DIMS),
            N4Error::EmptyMask { voxels: 720 },
        );
        check(
            fit(&[-1.0; 720], &all, DIMS),
            N4Error::NoPositiveVoxel { voxels: 720 },
        );
        check(
            fit(&[1.0; 720], &all, DIMS),
            N4Error::ConstantIntensity { log_intensity: 0.0 },
        );
        check(
            fit(&v, &all, [72, 10, 1]),
            N4Error::AxisTooShort {
                axis: 2,
                voxels: 1,
                limit: 2,
            },
        );
        check(
            fit(&v, &all, [12, 10, 5]),
            N4Error::Length {
                values: 720,
                mask: 720,
                voxels: 600,
            },
        );
        let mut infinite = v.clone();
        infinite[5] = f64::INFINITY;
        check(
            fit(&infinite, &all, DIMS),
            N4Error::NotFinite {
                index: 5,
                value: f64::INFINITY,
            },
        );
    }
}
