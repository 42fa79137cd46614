//! Sums over rows of products of two columns.

use pulp::{Simd, WithSimd};

use super::{per_column, registers};
use crate::net::batch::{Batch, LANES, sum};

/// gradient\[o, i\] = Σ_r delta\[r, o\] · input\[r, i\]; the padding of `delta` is 0.
pub(crate) struct WeightGradient<'a> {
    pub(crate) delta: &'a Batch,
    pub(crate) input: &'a Batch,
    /// Row-major \[outputs, inputs\].
    pub(crate) gradient: &'a mut [f64],
}

impl WithSimd for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // as many sums at once as fit into the registers
        if S::REGISTER_COUNT >= 32 {
            self.tiles::<S, 4, 4>(simd);
        } else {
            self.tiles::<S, 4, 2>(simd);
        }
    }
}

impl WeightGradient<'_> {
    #[inline(always)]
    fn tiles<S: Simd, const O: usize, const I: usize>(self, simd: S) {
        let (outputs, inputs) = (self.delta.width(), self.input.width());
        for first in (0..outputs).step_by(O) {
            for second in (0..inputs).step_by(I) {
                // beyond the edge stands the last once more: the same sum is written twice
                let (mut o, mut i) = ([0; O], [0; I]);
                for a in 0..O {
                    o[a] = (first + a).min(outputs - 1);
                }
                for b in 0..I {
                    i[b] = (second + b).min(inputs - 1);
                }
                let sums = self.tile::<S, O, I>(simd, o, i);
                for a in 0..O {
                    for b in 0..I {
                        self.gradient[o[a] * inputs + i[b]] = sum(sums[a][b]);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const O: usize, const I: usize>(
        &self,
        simd: S,
        o: [usize; O],
        i: [usize; I],
    ) -> [[[f64; LANES]; I]; O] {
        let per = per_column::<S>();
        let mut lanes = [[[0.0; LANES]; I]; O];
        for part in 0..per {
            let mut sums = [[simd.splat_f64s(0.0); I]; O];
            for (delta, input) in self.delta.blocks().zip(self.input.blocks()) {
                let (delta, input) = (registers::<S>(delta), registers::<S>(input));
                let mut columns = [simd.splat_f64s(0.0); I];
                for b in 0..I {
                    columns[b] = input[i[b] * per + part];
                }
                for a in 0..O {
                    let d = delta[o[a] * per + part];
                    for b in 0..I {
                        sums[a][b] = simd.add_f64s(sums[a][b], simd.mul_f64s(d, columns[b]));
                    }
                }
            }
            for a in 0..O {
                for b in 0..I {
                    super::registers_mut::<S>(std::slice::from_mut(&mut lanes[a][b]))[part] =
                        sums[a][b];
                }
            }
        }
        lanes
    }
}
