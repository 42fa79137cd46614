//! What is done to every value of a batch, column by column.

use pulp::{Simd, WithSimd};

use super::{per_column, registers, registers_mut};
use crate::net::batch::{Batch, LANES, Lanes, sum};

/// Σ_r batch\[r, c\] by lanes; the padding is 0.
pub(crate) struct Totals<'a>(pub(crate) &'a Batch);

impl WithSimd for Totals<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f64> {
        let mut totals = vec![[0.0; LANES]; self.0.width()];
        for block in self.0.blocks() {
            let values = registers::<S>(block);
            for (total, v) in registers_mut::<S>(&mut totals).iter_mut().zip(values) {
                *total = simd.add_f64s(*total, *v);
            }
        }
        added(&totals)
    }
}

/// The sum of each column from the sums of its lanes.
fn added(totals: &[Lanes]) -> Vec<f64> {
    totals.iter().map(|lanes| sum(*lanes)).collect()
}

/// centred ← values − mean, 0 in the padding; gives Σ centred² of each column.
pub(crate) struct Centre<'a> {
    pub(crate) values: &'a Batch,
    pub(crate) mean: &'a [f64],
    pub(crate) centred: &'a mut Batch,
}

impl WithSimd for Centre<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f64> {
        let (rows, width) = (self.values.rows(), self.values.width());
        self.centred.reshape(rows, width);
        let mut squares = vec![[0.0; LANES]; width];
        let blocks = self.values.blocks().zip(self.centred.blocks_mut());
        for (block, (from, to)) in blocks.enumerate() {
            let used = rows - (block * LANES).min(rows);
            let kept: Lanes = std::array::from_fn(|k| if k < used { 1.0 } else { 0.0 });
            let kept = registers::<S>(std::slice::from_ref(&kept));
            let columns = from.iter().zip(to).zip(&mut squares).zip(self.mean);
            for (((from, to), squares), mean) in columns {
                let from = registers::<S>(std::slice::from_ref(from));
                let to = registers_mut::<S>(std::slice::from_mut(to));
                let squares = registers_mut::<S>(std::slice::from_mut(squares));
                for part in 0..per_column::<S>() {
                    let centred = simd.sub_f64s(from[part], simd.splat_f64s(*mean));
                    let centred = simd.mul_f64s(centred, kept[part]);
                    to[part] = centred;
                    squares[part] = simd.add_f64s(squares[part], simd.mul_f64s(centred, centred));
                }
            }
        }
        added(&squares)
    }
}

/// normal ← normal · by; out ← normal · scale + shift.
pub(crate) struct Scale<'a> {
    pub(crate) normal: &'a mut Batch,
    pub(crate) by: &'a [f64],
    pub(crate) scale: &'a [f64],
    pub(crate) shift: &'a [f64],
    pub(crate) out: &'a mut Batch,
}

impl WithSimd for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.out.reshape(self.normal.rows(), self.normal.width());
        let factors = self.by.iter().zip(self.scale).zip(self.shift);
        for (normal, out) in self.normal.blocks_mut().zip(self.out.blocks_mut()) {
            let columns = normal.iter_mut().zip(out).zip(factors.clone());
            for ((normal, out), ((by, scale), shift)) in columns {
                let normal = registers_mut::<S>(std::slice::from_mut(normal));
                let out = registers_mut::<S>(std::slice::from_mut(out));
                for (x, y) in normal.iter_mut().zip(out) {
                    *x = simd.mul_f64s(*x, simd.splat_f64s(*by));
                    let scaled = simd.mul_f64s(*x, simd.splat_f64s(*scale));
                    *y = simd.add_f64s(scaled, simd.splat_f64s(*shift));
                }
            }
        }
    }
}

/// Σ delta and Σ delta · normal of each column; the padding of `delta` is 0.
pub(crate) struct NormSums<'a> {
    pub(crate) delta: &'a Batch,
    pub(crate) normal: &'a Batch,
}

impl WithSimd for NormSums<'_> {
    type Output = (Vec<f64>, Vec<f64>);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (Vec<f64>, Vec<f64>) {
        let width = self.delta.width();
        let (mut plain, mut by_normal) = (vec![[0.0; LANES]; width], vec![[0.0; LANES]; width]);
        for (delta, normal) in self.delta.blocks().zip(self.normal.blocks()) {
            let values = registers::<S>(delta).iter().zip(registers::<S>(normal));
            let sums = registers_mut::<S>(&mut plain)
                .iter_mut()
                .zip(registers_mut::<S>(&mut by_normal));
            for ((d, x), (plain, by_normal)) in values.zip(sums) {
                *plain = simd.add_f64s(*plain, *d);
                *by_normal = simd.add_f64s(*by_normal, simd.mul_f64s(*d, *x));
            }
        }
        (added(&plain), added(&by_normal))
    }
}

/// delta ← factor · ( n delta − Σ delta − normal · Σ delta normal ), column by column.
pub(crate) struct NormBack<'a> {
    pub(crate) delta: &'a mut Batch,
    pub(crate) normal: &'a Batch,
    pub(crate) factor: &'a [f64],
    pub(crate) sum: &'a [f64],
    pub(crate) sum_by_normal: &'a [f64],
}

impl WithSimd for NormBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let n = simd.splat_f64s(self.delta.rows() as f64);
        let factors = self.factor.iter().zip(self.sum).zip(self.sum_by_normal);
        for (delta, normal) in self.delta.blocks_mut().zip(self.normal.blocks()) {
            let columns = delta.iter_mut().zip(normal).zip(factors.clone());
            for ((delta, normal), ((factor, sum), sum_by_normal)) in columns {
                let delta = registers_mut::<S>(std::slice::from_mut(delta));
                let normal = registers::<S>(std::slice::from_ref(normal));
                for (d, x) in delta.iter_mut().zip(normal) {
                    let rest = simd.sub_f64s(simd.mul_f64s(n, *d), simd.splat_f64s(*sum));
                    let along = simd.mul_f64s(*x, simd.splat_f64s(*sum_by_normal));
                    *d = simd.mul_f64s(simd.splat_f64s(*factor), simd.sub_f64s(rest, along));
                }
            }
        }
    }
}

/// to ← to · by
pub(crate) struct Multiply<'a> {
    pub(crate) to: &'a mut Batch,
    pub(crate) by: &'a Batch,
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let by = registers::<S>(self.by.lanes());
        for (x, y) in registers_mut::<S>(self.to.lanes_mut()).iter_mut().zip(by) {
            *x = simd.mul_f64s(*x, *y);
        }
    }
}

/// value ← max(value, 0)
pub(crate) struct Relu<'a>(pub(crate) &'a mut Batch);

impl WithSimd for Relu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let zero = simd.splat_f64s(0.0);
        for x in registers_mut::<S>(self.0.lanes_mut()) {
            *x = simd.select_f64s(simd.greater_than_f64s(*x, zero), *x, zero);
        }
    }
}

/// delta ← delta where value > 0, else 0
pub(crate) struct ReluBack<'a> {
    pub(crate) delta: &'a mut Batch,
    pub(crate) value: &'a Batch,
}

impl WithSimd for ReluBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let zero = simd.splat_f64s(0.0);
        let value = registers::<S>(self.value.lanes());
        for (d, y) in registers_mut::<S>(self.delta.lanes_mut())
            .iter_mut()
            .zip(value)
        {
            *d = simd.select_f64s(simd.greater_than_f64s(*y, zero), *d, zero);
        }
    }
}
