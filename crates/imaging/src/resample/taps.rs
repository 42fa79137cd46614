//! Which source voxels make a value, and their weights.

use super::{Block, Interpolator, Window};

/// The most voxels along one axis that make a value.
const N_TAPS_MAX: usize = 10;
/// Voxels to each side under the window of a sinc, as SimpleITK has it.
const SINC_RADIUS: usize = 5;
/// Standard deviation of the Gaussian, voxels, and where it is cut, in standard deviations; SimpleITK's.
const GAUSSIAN_SIGMA: f64 = 0.8;
const GAUSSIAN_CUT: f64 = 4.0;

/// The voxels of a box, along one axis, that make a value there; none for a place outside the source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tap {
    indices: [usize; N_TAPS_MAX],
    weights: [f64; N_TAPS_MAX],
    n: usize,
}

impl Tap {
    const OUTSIDE: Tap = Tap {
        indices: [0; N_TAPS_MAX],
        weights: [0.0; N_TAPS_MAX],
        n: 0,
    };

    /// Adds a voxel; there are never more than the most.
    fn push(&mut self, index: usize, weight: f64) {
        if let (Some(i), Some(w)) = (self.indices.get_mut(self.n), self.weights.get_mut(self.n)) {
            (*i, *w) = (index, weight);
            self.n += 1;
        }
    }

    pub(super) fn is_outside(&self) -> bool {
        self.n == 0
    }

    /// Σ weight · value, in order; 0 outside.
    pub(super) fn sum(&self, value: impl Fn(usize) -> f64) -> f64 {
        let taps = self.indices.iter().zip(&self.weights).take(self.n);
        taps.fold(0.0, |sum, (&index, weight)| sum + weight * value(index))
    }

    /// The weighted sum of slabs of `width` values; false outside.
    pub(super) fn gather(&self, values: &[f64], width: usize, out: &mut [f64]) -> bool {
        out.fill(0.0);
        let taps = self.indices.iter().zip(&self.weights).take(self.n);
        for (&index, weight) in taps {
            let slab = &values[index * width..(index + 1) * width];
            for (out, value) in out.iter_mut().zip(slab) {
                *out += weight * value;
            }
        }
        self.n > 0
    }
}

/// Makes taps into a box of the source.
pub(super) struct Taps<'a> {
    pub(super) block: &'a Block,
    pub(super) interpolator: Interpolator,
    /// Voxels of the whole source.
    pub(super) dims: [usize; 3],
}

impl Taps<'_> {
    /// Taps of all places along an axis.
    pub(super) fn along(&self, axis: usize, places: &[f64]) -> Vec<Tap> {
        places.iter().map(|&at| self.of(axis, at)).collect()
    }

    /// Taps of one place along an axis.
    pub(super) fn of(&self, axis: usize, at: f64) -> Tap {
        let n = self.dims[axis];
        let Some(index) = nearest(at, n) else {
            return Tap::OUTSIDE;
        };
        let here = |index: usize| index - self.block.lower[axis];
        let mut tap = Tap::OUTSIDE;
        match self.interpolator {
            Interpolator::NearestNeighbour => {
                tap.push(here(index), 1.0);
            }
            Interpolator::Linear => {
                let low = at.floor();
                let clamped = |index: f64| here((index.max(0.0) as usize).min(n - 1));
                tap.push(clamped(low), 1.0 - (at - low));
                tap.push(clamped(low + 1.0), at - low);
            }
            Interpolator::BSpline => {
                let low = at.floor();
                for (k, weight) in (0..).zip(spline_weights(at - low)) {
                    tap.push(here(mirrored(low as isize - 1 + k, n)), weight);
                }
            }
            Interpolator::Gaussian => {
                gaussian(at, n, |index, weight| tap.push(here(index), weight))
            }
            Interpolator::WindowedSinc(window) => {
                let low = at.floor();
                let last = n as isize - 1;
                for (k, weight) in (0..).zip(sinc_weights(window, at - low)) {
                    let index = low as isize + 1 - SINC_RADIUS as isize + k;
                    tap.push(here(index.clamp(0, last) as usize), weight);
                }
            }
        }
        tap
    }
}

/// The voxel nearest to a place, of two the higher one; `None` outside [−½, n − ½).
pub(super) fn nearest(at: f64, n: usize) -> Option<usize> {
    (-0.5 <= at && at < n as f64 - 0.5).then(|| (at + 0.5).floor() as usize)
}

/// Cubic B-spline at distances 1 + w, w, 1 − w and 2 − w, in ITK's order of operations.
pub(super) fn spline_weights(w: f64) -> [f64; 4] {
    let last = (1.0 / 6.0) * w * w * w;
    let first = 1.0 / 6.0 + 0.5 * w * (w - 1.0) - last;
    let third = w + first - 2.0 * last;
    [first, 1.0 - first - third - last, third, last]
}

/// The voxels within the cut, with the part of the Gaussian that falls on each, divided by their sum.
fn gaussian(at: f64, n: usize, mut push: impl FnMut(usize, f64)) {
    let cut = GAUSSIAN_SIGMA * GAUSSIAN_CUT;
    let scale = 1.0 / (2.0_f64.sqrt() * GAUSSIAN_SIGMA);
    // Edges of voxels lie half a voxel below their centres.
    let place = at + 0.5;
    let begin = (place - cut).floor().max(0.0) as usize;
    let end = ((place + cut).ceil() as usize).min(n);
    let edge = |k: usize| libm::erf((k as f64 - place) * scale);
    let whole = edge(end) - edge(begin);
    for k in begin..end {
        push(k, (edge(k + 1) - edge(k)) / whole);
    }
}

/// Weights of the ten voxels around a place, `w` beyond the fifth.
fn sinc_weights(window: Window, w: f64) -> [f64; 2 * SINC_RADIUS] {
    let mut weights = [0.0; 2 * SINC_RADIUS];
    if w == 0.0 {
        weights[SINC_RADIUS - 1] = 1.0;
        return weights;
    }
    let radius = SINC_RADIUS as f64;
    for (k, weight) in weights.iter_mut().enumerate() {
        let d = w + radius - 1.0 - k as f64;
        *weight = windowed(window, d, radius) * sinc(d);
    }
    weights
}

fn sinc(d: f64) -> f64 {
    let x = std::f64::consts::PI * d;
    if x == 0.0 { 1.0 } else { libm::sin(x) / x }
}

fn windowed(window: Window, d: f64, radius: f64) -> f64 {
    let x = std::f64::consts::PI * d / radius;
    match window {
        Window::Cosine => libm::cos(0.5 * x),
        Window::Hamming => 0.54 + 0.46 * libm::cos(x),
        Window::Welch => 1.0 - d * d / (radius * radius),
        Window::Lanczos => sinc(d / radius),
        Window::Blackman => 0.42 + 0.5 * libm::cos(x) + 0.08 * libm::cos(2.0 * x),
    }
}

/// An index mirrored at the first and the last voxel.
pub(super) fn mirrored(index: isize, n: usize) -> usize {
    if n == 1 {
        return 0;
    }
    let period = 2 * (n - 1);
    let index = index.rem_euclid(period as isize) as usize;
    index.min(period - index)
}
