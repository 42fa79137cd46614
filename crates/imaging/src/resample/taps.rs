//! Which source voxels make a value, and their weights.

use super::{Block, Interpolator};

/// The voxels of a box, along one axis, that make a value there; none for a place outside the source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tap {
    indices: [usize; 4],
    weights: [f64; 4],
    n: usize,
}

impl Tap {
    const OUTSIDE: Tap = Tap {
        indices: [0; 4],
        weights: [0.0; 4],
        n: 0,
    };

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
                tap.n = 1;
                tap.weights[0] = 1.0;
                tap.indices[0] = here(index);
            }
            Interpolator::Linear => {
                let low = at.floor();
                let clamped = |index: f64| here((index.max(0.0) as usize).min(n - 1));
                tap.n = 2;
                tap.weights = [1.0 - (at - low), at - low, 0.0, 0.0];
                tap.indices = [clamped(low), clamped(low + 1.0), 0, 0];
            }
            Interpolator::BSpline => {
                let low = at.floor();
                tap.n = 4;
                tap.weights = spline_weights(at - low);
                tap.indices = [0, 1, 2, 3].map(|k| here(mirrored(low as isize - 1 + k, n)));
            }
        }
        tap
    }
}

/// The voxel nearest to a place, of two the higher one; `None` outside [−½, n − ½).
pub(super) fn nearest(at: f64, n: usize) -> Option<usize> {
    (-0.5 <= at && at < n as f64 - 0.5).then(|| (at + 0.5).floor() as usize)
}

/// Cubic B-spline at distances 1 + w, w, 1 − w and 2 − w.
fn spline_weights(w: f64) -> [f64; 4] {
    let last = w * w * w / 6.0;
    let first = 1.0 / 6.0 + 0.5 * w * (w - 1.0) - last;
    let third = w + first - 2.0 * last;
    [first, 1.0 - first - third - last, third, last]
}

/// An index mirrored at the first and the last voxel.
fn mirrored(index: isize, n: usize) -> usize {
    if n == 1 {
        return 0;
    }
    let period = 2 * (n - 1);
    let index = index.rem_euclid(period as isize) as usize;
    index.min(period - index)
}
