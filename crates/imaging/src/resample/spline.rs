//! Coefficients of the cubic B-spline that takes given values at the voxels.
//!
//! # Formula
//! c = values filtered along each axis by 6 / ((1 − z₁·q)(1 − z₁·q⁻¹)), z₁ = √3 − 2, mirrored at both ends: a causal and an
//! anticausal recursion (Unser, Aldroubi & Eden, IEEE Trans Signal Process 1993; Thévenaz, Blu & Unser, IEEE Trans Med Imaging 2000).
//!
//! # Agrees with
//! ITK 5.4 `BSplineDecompositionImageFilter`, whose initial sum ends where the pole's power falls below 1e-10, in its order of
//! operations.

use rayon::prelude::*;

/// Terms of the initial sum: the first power of the pole below 1e-10.
const HORIZON: usize = 18;

/// The coefficients, in place of the values.
pub(super) fn coefficients(mut values: Vec<f64>, size: [usize; 3]) -> Vec<f64> {
    let [sx, sy, sz] = size;
    let plane = (sx * sy).max(1);
    values.par_chunks_mut(plane).for_each(|plane| {
        for row in plane.chunks_exact_mut(sx) {
            filter(row, 1, sx);
        }
        filter(plane, sx, sy);
    });
    filter(&mut values, plane, sz);
    values
}

/// Filters along the slowest axis of an array of `n` slabs of `width` values each, all lines at once.
fn filter(values: &mut [f64], width: usize, n: usize) {
    if n < 2 {
        return;
    }
    let pole = 3.0_f64.sqrt() - 2.0;
    let gain = (1.0 - pole) * (1.0 - 1.0 / pole);
    values.iter_mut().for_each(|value| *value *= gain);
    let mut first = vec![0.0; width];
    initial(values, width, n, pole, &mut first);
    values[..width].copy_from_slice(&first);
    for k in 1..n {
        let (before, rest) = values.split_at_mut(k * width);
        let before = &before[(k - 1) * width..];
        for (value, before) in rest[..width].iter_mut().zip(before) {
            *value += pole * before;
        }
    }
    let (rest, last) = values.split_at_mut((n - 1) * width);
    for (last, before) in last.iter_mut().zip(&rest[(n - 2) * width..]) {
        *last = (pole / (pole * pole - 1.0)) * (pole * before + *last);
    }
    for k in (0..n - 1).rev() {
        let (rest, after) = values.split_at_mut((k + 1) * width);
        for (value, after) in rest[k * width..].iter_mut().zip(&after[..width]) {
            *value = pole * (after - *value);
        }
    }
}

/// First coefficient of the causal recursion, as if the values were mirrored without end.
fn initial(values: &[f64], width: usize, n: usize, pole: f64, first: &mut [f64]) {
    let add = |first: &mut [f64], k: usize, factor: f64| {
        for (sum, value) in first.iter_mut().zip(&values[k * width..(k + 1) * width]) {
            *sum += factor * value;
        }
    };
    add(first, 0, 1.0);
    let mut power = pole;
    if HORIZON < n {
        for k in 1..HORIZON {
            add(first, k, power);
            power *= pole;
        }
        return;
    }
    let inverse = 1.0 / pole;
    let mut back = libm::pow(pole, (n - 1) as f64);
    add(first, n - 1, back);
    let over_pole = back * inverse;
    back *= over_pole;
    for k in 1..n - 1 {
        add(first, k, power + back);
        power *= pole;
        back *= inverse;
    }
    // power is now poleⁿ⁻¹
    first.iter_mut().for_each(|sum| *sum /= 1.0 - power * power);
}
