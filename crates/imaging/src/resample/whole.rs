//! Values that are whole numbers but for rounding.
//!
//! An image of whole numbers loses the fractions of what is interpolated, so that 99.999 999 999 999 9 is 99: where a new voxel falls on
//! an old one, or its neighbours are equal, the last digit decides a grey value. Such values are made again in ITK's order of
//! operations, and then fall to the number that ITK takes.

use super::place::Placement;
use super::taps::{Taps, mirrored, spline_weights};
use super::{Block, Interpolator};
use crate::geometry::Geometry;
use rayon::prelude::*;

/// How far from a whole number a value is made again, relative to its magnitude (at least 1); rounding reaches 1e-12.
const NEAR: f64 = 1e-9;

/// Makes values near a whole number again, except 0 itself. `values` are the voxels of the taps' box, for a spline its coefficients; those of
/// other interpolators than linear and spline stay.
pub(super) fn settle(
    out: &mut [f64],
    values: &[f64],
    placement: &Placement,
    target: &Geometry,
    taps: &Taps<'_>,
) {
    let again: fn(&[f64], &Taps<'_>, [f64; 3]) -> f64 = match taps.interpolator {
        Interpolator::Linear => linear,
        Interpolator::BSpline => spline,
        _ => return,
    };
    let [nx, ny, _] = target.dims;
    out.par_chunks_mut(nx).enumerate().for_each(|(row, out)| {
        for (x, value) in out.iter_mut().enumerate() {
            let is_near = (*value - value.round()).abs() <= NEAR * value.abs().max(1.0);
            // 0 itself is the mean of zeros, the background of many images
            if is_near && *value != 0.0 {
                *value = again(values, taps, placement.at([x, row % ny, row / ny]));
            }
        }
    });
}

/// Along x, then y, then z, each time lower + (upper − lower)·distance.
fn linear(values: &[f64], taps: &Taps<'_>, at: [f64; 3]) -> f64 {
    let low = at.map(|at| at.floor().max(0.0));
    let distance = [0, 1, 2].map(|axis| (at[axis] - low[axis]).max(0.0));
    let value = |corner: [usize; 3]| {
        let voxel = [0, 1, 2].map(|axis| {
            let index = low[axis] as usize + corner[axis];
            index.min(taps.dims[axis] - 1)
        });
        values[position(taps.block, voxel)]
    };
    let between = |lower: f64, upper: f64, axis: usize| lower + (upper - lower) * distance[axis];
    let along_x = |y, z| between(value([0, y, z]), value([1, y, z]), 0);
    let along_y = |z| between(along_x(0, z), along_x(1, z), 1);
    between(along_y(0), along_y(1), 2)
}

/// Σ (w_x·w_y)·w_z·c over 64 coefficients, x fastest; the first of them is found in single precision.
fn spline(coefficients: &[f64], taps: &Taps<'_>, at: [f64; 3]) -> f64 {
    let low = at.map(|at| f64::from(at as f32).floor());
    let weights = [0, 1, 2].map(|axis| spline_weights(at[axis] - low[axis]));
    let index =
        |axis: usize, k: usize| mirrored(low[axis] as isize - 1 + k as isize, taps.dims[axis]);
    let mut sum = 0.0;
    for k in 0..64 {
        let step = [k % 4, k / 4 % 4, k / 16];
        let weight = weights[0][step[0]] * weights[1][step[1]] * weights[2][step[2]];
        let voxel = [0, 1, 2].map(|axis| index(axis, step[axis]));
        sum += weight * coefficients[position(taps.block, voxel)];
    }
    sum
}

/// Where a voxel of the source that is inside the box stands in it.
fn position(block: &Block, voxel: [usize; 3]) -> usize {
    let [x, y, z] = [0, 1, 2].map(|axis| voxel[axis] - block.lower[axis]);
    x + block.size[0] * (y + block.size[1] * z)
}
