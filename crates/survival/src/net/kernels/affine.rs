//! Sums over the columns of each row.

use pulp::{Simd, WithSimd};

use super::{per_column, registers, registers_mut};
use crate::net::batch::{Batch, Lanes};

/// Outputs whose sums are carried at once: what fits into sixteen registers.
const TILE: usize = 8;

/// A matrix and a vector as [`Affine`] reads them.
#[derive(Default)]
pub(crate) struct Weights {
    inputs: usize,
    outputs: usize,
    /// For every eight outputs their biases, then their weights of input 0, of input 1, …; 0 beyond the last output.
    tiles: Vec<[f64; TILE]>,
}

impl Weights {
    /// Takes `weight(o, i)` and `bias(o)`.
    pub(crate) fn set(
        &mut self,
        outputs: usize,
        inputs: usize,
        weight: impl Fn(usize, usize) -> f64,
        bias: impl Fn(usize) -> f64,
    ) {
        (self.outputs, self.inputs) = (outputs, inputs);
        self.tiles.clear();
        for first in (0..outputs).step_by(TILE) {
            let of = |value: &dyn Fn(usize) -> f64| {
                std::array::from_fn(|t| {
                    if first + t < outputs {
                        value(first + t)
                    } else {
                        0.0
                    }
                })
            };
            self.tiles.push(of(&bias));
            self.tiles
                .extend((0..inputs).map(|i| of(&|o| weight(o, i))));
        }
    }
}

/// out\[r, o\] = bias_o + Σ_i weights\[o, i\] · input\[r, i\], the sum in the order of `i`.
pub(crate) struct Affine<'a> {
    weights: &'a Weights,
    input: &'a [Lanes],
    out: &'a mut [Lanes],
}

impl<'a> Affine<'a> {
    pub(crate) fn new(weights: &'a Weights, input: &'a Batch, out: &'a mut Batch) -> Affine<'a> {
        out.reshape(input.rows(), weights.outputs);
        Affine {
            weights,
            input: input.lanes(),
            out: out.lanes_mut(),
        }
    }
}

impl WithSimd for Affine<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let inputs = self.weights.inputs;
        let outputs = self.weights.outputs.max(1);
        for (block, out) in self.out.chunks_exact_mut(outputs).enumerate() {
            let input = registers::<S>(&self.input[block * inputs..(block + 1) * inputs]);
            let tiles = self.weights.tiles.chunks_exact(inputs + 1);
            for (tile, out) in tiles.zip(out.chunks_mut(TILE)) {
                for part in 0..per_column::<S>() {
                    sums(simd, tile, input, part, registers_mut::<S>(out));
                }
            }
        }
    }
}

#[inline(always)]
fn sums<S: Simd>(
    simd: S,
    tile: &[[f64; TILE]],
    input: &[S::f64s],
    part: usize,
    out: &mut [S::f64s],
) {
    let mut sums = [simd.splat_f64s(0.0); TILE];
    for t in 0..TILE {
        sums[t] = simd.splat_f64s(tile[0][t]);
    }
    for (weights, column) in tile[1..].iter().zip(input.chunks_exact(per_column::<S>())) {
        for t in 0..TILE {
            let product = simd.mul_f64s(simd.splat_f64s(weights[t]), column[part]);
            sums[t] = simd.add_f64s(sums[t], product);
        }
    }
    for (column, sum) in out.chunks_exact_mut(per_column::<S>()).zip(sums) {
        column[part] = sum;
    }
}
