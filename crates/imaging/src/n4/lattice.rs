//! Cubic B-spline lattices on a regular voxel grid: approximation, evaluation and refinement (Lee et al. 1997).
//!
//! # Symbols
//! N voxels and n control points along an axis; voxel i lies at p = (n − 3)·i/(N − 1) in knot spans.
//! The last voxel lies on the upper edge, where no span begins: it is moved inwards by 1e-3 of a voxel, as in ITK.
//! B_ia is the weight of control point a at voxel i. The grid is regular, so the weight of a lattice point at a voxel
//! is a product of three axis weights, and every sum over voxels below is taken one axis at a time.

use super::{N4Error, check_axes};
use rayon::prelude::*;

/// Upper-edge displacement in voxels (ITK `BSplineEpsilon`).
const EDGE_EPSILON: f64 = 1e-3;

/// Weights of the four control points that reach a voxel, per voxel of one axis.
#[derive(Debug, Clone)]
struct AxisWeights {
    control_points: usize,
    /// first of the four control points, per voxel
    first: Vec<usize>,
    /// B
    value: Vec<[f64; 4]>,
    /// B²
    square: Vec<[f64; 4]>,
    /// B³ / Σ_a B²
    cube: Vec<[f64; 4]>,
}

/// Weights of a lattice on a grid of voxels.
#[derive(Debug, Clone)]
pub(crate) struct GridWeights {
    axes: [AxisWeights; 3],
    dims: [usize; 3],
    threads: bool,
}

/// A cubic B-spline in space: control values on a lattice stretched over a grid, of natural log intensity.
#[derive(Debug, Clone, PartialEq)]
pub struct Lattice {
    /// at least 4 each
    pub(super) dims: [usize; 3],
    /// x fastest
    pub(super) values: Vec<f64>,
}

impl Lattice {
    /// A lattice of zeros; `dims` are at least 4.
    pub(super) fn zeros(dims: [usize; 3]) -> Lattice {
        Lattice {
            dims,
            values: vec![0.0; dims[0] * dims[1] * dims[2]],
        }
    }

    /// Control points along x, y, z.
    pub fn dims(&self) -> [usize; 3] {
        self.dims
    }

    /// Control values, x fastest.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The same function on spans of half the length: n control points become 2n − 3 per axis.
    ///
    /// # Formula
    /// q_2j = (p_j + p_{j+1}) / 2, q_{2j+1} = (p_j + 6·p_{j+1} + p_{j+2}) / 8
    pub(super) fn refined(&self) -> Lattice {
        (0..3).fold(self.clone(), |lattice, axis| lattice.refined_along(axis))
    }

    fn refined_along(&self, axis: usize) -> Lattice {
        let n = self.dims[axis];
        let mut dims = self.dims;
        dims[axis] = 2 * n - 3;
        let stride: usize = self.dims[..axis].iter().product();
        let outer: usize = self.dims[axis + 1..].iter().product();
        let mut values = Vec::with_capacity(outer * dims[axis] * stride);
        for o in 0..outer {
            let old = |j: usize, s: usize| self.values[(o * n + j) * stride + s];
            for q in 0..dims[axis] {
                let j = q / 2;
                for s in 0..stride {
                    values.push(if q % 2 == 0 {
                        (old(j, s) + old(j + 1, s)) / 2.0
                    } else {
                        (old(j, s) + 6.0 * old(j + 1, s) + old(j + 2, s)) / 8.0
                    });
                }
            }
        }
        Lattice { dims, values }
    }

    /// The spline at every voxel of a grid of `dims` that spans the lattice, first voxel to first and last to last, x fastest.
    ///
    /// # Errors
    /// [`N4Error::AxisTooShort`] if an axis has fewer than 2 voxels.
    pub fn sample(&self, dims: [usize; 3]) -> Result<Vec<f64>, N4Error> {
        check_axes(dims)?;
        Ok(GridWeights::new(dims, self.dims).evaluate(self))
    }
}

impl GridWeights {
    /// Weights for `dims` ≥ 2 voxels and `control_points` ≥ 4 per axis.
    pub fn new(dims: [usize; 3], control_points: [usize; 3]) -> GridWeights {
        let axis = |a: usize| AxisWeights::new(dims[a], control_points[a]);
        GridWeights {
            axes: [axis(0), axis(1), axis(2)],
            dims,
            threads: dims[0] * dims[1] * dims[2] >= super::PARALLEL_VOXELS_MIN,
        }
    }

    /// Denominators of the approximation: Σ over voxels of weight·ω², per control point.
    pub fn squared_weights(&self, weights: &[f64]) -> Lattice {
        self.gather(weights, |axis| &axis.square)
    }

    /// One-level approximation of scattered residuals.
    ///
    /// # Formula
    /// φ_c = Σ_v ω_vc³·r_v / Σ_a ω_va²  divided by  Σ_v ω_vc², and 0 where no masked voxel reaches c
    ///
    /// `residual` is multiplied by the weights already; `denominators` comes from `squared_weights` of the same weights.
    pub fn approximate(&self, residual: &[f64], denominators: &Lattice) -> Lattice {
        let mut lattice = self.gather(residual, |axis| &axis.cube);
        for (value, denominator) in lattice.values.iter_mut().zip(&denominators.values) {
            *value = if *denominator == 0.0 {
                0.0
            } else {
                *value / denominator
            };
        }
        lattice
    }

    /// The spline at every voxel, x fastest.
    pub fn evaluate(&self, lattice: &Lattice) -> Vec<f64> {
        let [nx, ny, _] = self.dims;
        let [ax, ay, az] = &self.axes;
        let (mx, my) = (ax.control_points, ay.control_points);
        let mut field = vec![0.0; self.dims.iter().product()];
        let slice = |(z, out): (usize, &mut [f64])| {
            let mut plane = vec![0.0; mx * my];
            let mut row = vec![0.0; mx];
            combine(&mut plane, &lattice.values, az.first[z], &az.value[z]);
            for (y, out) in out.chunks_mut(nx).enumerate() {
                combine(&mut row, &plane, ay.first[y], &ay.value[y]);
                for ((out, &k), w) in out.iter_mut().zip(&ax.first).zip(&ax.value) {
                    let p = &row[k..k + 4];
                    *out = w[0] * p[0] + w[1] * p[1] + w[2] * p[2] + w[3] * p[3];
                }
            }
        };
        if self.threads {
            field.par_chunks_mut(nx * ny).enumerate().for_each(slice);
        } else {
            field.chunks_mut(nx * ny).enumerate().for_each(slice);
        }
        field
    }

    /// Σ_v value_v · wx(v)·wy(v)·wz(v) per control point: x within rows, y within slices, z last, each in voxel order.
    fn gather(&self, values: &[f64], weights: fn(&AxisWeights) -> &[[f64; 4]]) -> Lattice {
        let [nx, ny, _] = self.dims;
        let [ax, ay, az] = &self.axes;
        let (mx, my, mz) = (ax.control_points, ay.control_points, az.control_points);
        let (wx, wy, wz) = (weights(ax), weights(ay), weights(az));
        let slice = |values: &[f64]| {
            let mut plane = vec![0.0; mx * my];
            let mut row = vec![0.0; mx];
            for (y, values) in values.chunks(nx).enumerate() {
                row.fill(0.0);
                for ((value, &k), w) in values.iter().zip(&ax.first).zip(wx) {
                    for (sum, weight) in row[k..k + 4].iter_mut().zip(w) {
                        *sum += weight * value;
                    }
                }
                spread(&mut plane, &row, ay.first[y], &wy[y]);
            }
            plane
        };
        let planes: Vec<Vec<f64>> = if self.threads {
            values.par_chunks(nx * ny).map(slice).collect()
        } else {
            values.chunks(nx * ny).map(slice).collect()
        };
        let mut lattice = Lattice::zeros([mx, my, mz]);
        for (z, plane) in planes.iter().enumerate() {
            spread(&mut lattice.values, plane, az.first[z], &wz[z]);
        }
        lattice
    }
}

impl AxisWeights {
    fn new(voxels: usize, control_points: usize) -> AxisWeights {
        let spans = (control_points - 3) as f64;
        let epsilon = spans / (voxels - 1) as f64 * EDGE_EPSILON;
        let mut axis = AxisWeights {
            control_points,
            first: Vec::with_capacity(voxels),
            value: Vec::with_capacity(voxels),
            square: Vec::with_capacity(voxels),
            cube: Vec::with_capacity(voxels),
        };
        for voxel in 0..voxels {
            let mut position = spans * voxel as f64 / (voxels - 1) as f64;
            if (position - spans).abs() <= epsilon {
                position = spans - epsilon;
            }
            // position < spans, so the four control points exist
            let first = position as usize;
            let value = cubic_weights(position - first as f64);
            let square = value.map(|w| w * w);
            let sum = square[0] + square[1] + square[2] + square[3];
            axis.first.push(first);
            axis.value.push(value);
            axis.square.push(square);
            axis.cube.push(value.map(|w| w * w * w / sum));
        }
        axis
    }
}

/// Uniform cubic B-spline weights at `t` ∈ [0, 1) within a span.
fn cubic_weights(t: f64) -> [f64; 4] {
    let s = 1.0 - t;
    [
        s * s * s / 6.0,
        (4.0 - 6.0 * t * t + 3.0 * t * t * t) / 6.0,
        (4.0 - 6.0 * s * s + 3.0 * s * s * s) / 6.0,
        t * t * t / 6.0,
    ]
}

/// `out` = Σ_i weight_i · block (first + i) of `blocks`, blocks of `out`'s length.
fn combine(out: &mut [f64], blocks: &[f64], first: usize, weights: &[f64; 4]) {
    let n = out.len();
    let block = |i: usize| &blocks[(first + i) * n..(first + i + 1) * n];
    let (b0, b1, b2, b3) = (block(0), block(1), block(2), block(3));
    for ((((out, p0), p1), p2), p3) in out.iter_mut().zip(b0).zip(b1).zip(b2).zip(b3) {
        *out = weights[0] * p0 + weights[1] * p1 + weights[2] * p2 + weights[3] * p3;
    }
}

/// Block (first + i) of `blocks` += weight_i · `values`, blocks of `values`' length.
fn spread(blocks: &mut [f64], values: &[f64], first: usize, weights: &[f64; 4]) {
    let n = values.len();
    for (i, weight) in weights.iter().enumerate() {
        let block = &mut blocks[(first + i) * n..(first + i + 1) * n];
        for (sum, value) in block.iter_mut().zip(values) {
            *sum += weight * value;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ones(mask: &[bool]) -> Vec<f64> {
        mask.iter().map(|&m| f64::from(u8::from(m))).collect()
    }

    fn wavy(dims: [usize; 3]) -> Lattice {
        let n = dims.iter().product::<usize>();
        let values = (0..n)
            .map(|i| ((i * 29 + 3) % 17) as f64 / 8.0 - 1.0)
            .collect();
        Lattice { dims, values }
    }

    /// φ by the double sum over voxels and control points, as Lee et al. print it.
    fn approximate_directly(
        residual: &[f64],
        mask: &[bool],
        dims: [usize; 3],
        control: [usize; 3],
    ) -> Vec<f64> {
        let grid = GridWeights::new(dims, control);
        let mut delta = vec![0.0; control.iter().product()];
        let mut omega = delta.clone();
        for (v, r) in residual.iter().enumerate().filter(|(v, _)| mask[*v]) {
            let at = [v % dims[0], v / dims[0] % dims[1], v / (dims[0] * dims[1])];
            let mut weights = Vec::new();
            for i in 0..64 {
                let (mut w, mut c, mut stride) = (1.0, 0, 1);
                for (a, j) in [i % 4, i / 4 % 4, i / 16].into_iter().enumerate() {
                    w *= grid.axes[a].value[at[a]][j];
                    c += (grid.axes[a].first[at[a]] + j) * stride;
                    stride *= control[a];
                }
                weights.push((c, w));
            }
            let total: f64 = weights.iter().map(|(_, w)| w * w).sum();
            for (c, w) in weights {
                delta[c] += w * w * (w * r / total);
                omega[c] += w * w;
            }
        }
        let pairs = delta.iter().zip(&omega);
        pairs
            .map(|(d, o)| if *o == 0.0 { 0.0 } else { d / o })
            .collect()
    }

    #[test]
    fn weights_sum_to_one_and_the_last_voxel_stays_inside() {
        for (voxels, control) in [(2, 4), (6, 4), (56, 7), (3, 11), (64, 19)] {
            let axis = AxisWeights::new(voxels, control);
            for (first, w) in axis.first.iter().zip(&axis.value) {
                assert!(first + 4 <= control);
                assert!((w.iter().sum::<f64>() - 1.0).abs() < 1e-15);
            }
        }
    }

    #[test]
    fn separable_sums_equal_the_voxelwise_definition() {
        let dims = [9, 7, 5];
        let n = 9 * 7 * 5;
        let mask: Vec<bool> = (0..n).map(|i| (i * 7) % 5 != 0 && i % 9 < 6).collect();
        let residual: Vec<f64> = (0..n)
            .map(|i| {
                if mask[i] {
                    ((i * 31) % 13) as f64 - 6.0
                } else {
                    0.0
                }
            })
            .collect();
        for control in [[4, 4, 4], [5, 7, 4], [11, 5, 7]] {
            let grid = GridWeights::new(dims, control);
            let fitted = grid.approximate(&residual, &grid.squared_weights(&ones(&mask)));
            let direct = approximate_directly(&residual, &mask, dims, control);
            for (a, b) in fitted.values.iter().zip(&direct) {
                assert!((a - b).abs() < 1e-12, "{a} {b}");
            }
        }
    }

    #[test]
    fn refinement_leaves_the_function_unchanged() {
        let coarse = wavy([4, 5, 6]);
        let fine = coarse.refined();
        assert_eq!(fine.dims, [5, 7, 9]);
        // the edge voxel is moved by 1e-3 of a voxel in both, so the samples are at the same places
        let dims = [23, 17, 9];
        let (a, b) = (coarse.sample(dims).unwrap(), fine.sample(dims).unwrap());
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() < 1e-13, "{a} {b}");
        }
    }

    #[test]
    fn a_constant_lattice_is_a_constant_function() {
        let mut lattice = Lattice::zeros([4, 7, 5]);
        lattice.values.fill(0.25);
        for value in lattice.sample([31, 2, 6]).unwrap() {
            assert!((value - 0.25).abs() < 1e-15);
        }
    }

    #[test]
    fn slices_in_parallel_give_the_same_bits() {
        let dims = [21, 19, 8];
        let mut grid = GridWeights::new(dims, [5, 5, 5]);
        let residual: Vec<f64> = (0..21 * 19 * 8)
            .map(|i| ((i * 31) % 113) as f64 / 7.0)
            .collect();
        let mask = vec![true; residual.len()];
        let mut outcomes = Vec::new();
        for threads in [false, true] {
            grid.threads = threads;
            let fitted = grid.approximate(&residual, &grid.squared_weights(&ones(&mask)));
            outcomes.push((grid.evaluate(&fitted), fitted));
        }
        assert_eq!(outcomes[0], outcomes[1]);
    }
}
