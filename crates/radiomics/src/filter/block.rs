//! A box of values cut out of an image that goes on by a rule, and weighted sums along its axes.

use super::view::ImageView;

/// Values over a box of voxels, x fastest. Indices may lie outside the image.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    /// First index along x, y, z.
    pub lower: [isize; 3],
    /// Values along x, y, z.
    pub size: [usize; 3],
    /// The values.
    pub values: Vec<f64>,
}

impl Block {
    /// The box at `lower`; `source(axis, index)` says which voxel of the image an index along an axis stands for.
    pub(crate) fn load(
        view: &ImageView,
        lower: [isize; 3],
        size: [usize; 3],
        source: impl Fn(usize, isize) -> usize,
    ) -> Block {
        let [columns, rows, slices] =
            [0, 1, 2].map(|axis| sources(axis, lower[axis], size[axis], &source));
        let mut values = Vec::with_capacity(size[0] * size[1] * size[2]);
        let straight = columns.windows(2).all(|pair| pair[1] == pair[0] + 1);
        for &z in &slices {
            for &y in &rows {
                let row = view.row(y, z);
                if straight {
                    values.extend_from_slice(&row[columns[0]..columns[0] + size[0]]);
                } else {
                    values.extend(columns.iter().map(|&x| row[x]));
                }
            }
        }
        Block {
            lower,
            size,
            values,
        }
    }

    /// Σ over taps k of `taps[k]` · self(… `source(n, k)` …) along one axis, for `n` from `lower` for `size` values.
    ///
    /// `source` gives indices counted from the start of this block and must depend on n − k only. Taps are added in order, so the
    /// bits do not depend on the box.
    pub(crate) fn convolved(
        &self,
        axis: usize,
        lower: isize,
        size: usize,
        taps: &[f64],
        source: impl Fn(isize, usize) -> usize,
    ) -> Block {
        let mut out_lower = self.lower;
        let mut out_size = self.size;
        out_lower[axis] = lower;
        out_size[axis] = size;
        let mut values = vec![0.0; out_size[0] * out_size[1] * out_size[2]];
        if axis == 0 {
            self.along_x(&mut values, lower, size, taps, source);
        } else {
            self.along_rows(axis, &mut values, lower, size, taps, source);
        }
        Block {
            lower: out_lower,
            size: out_size,
            values,
        }
    }

    fn along_x(
        &self,
        values: &mut [f64],
        lower: isize,
        size: usize,
        taps: &[f64],
        source: impl Fn(isize, usize) -> usize,
    ) {
        // one scratch row in which the last tap of output 0 comes first and neighbours differ by one
        let n_taps = taps.len();
        let from: Vec<usize> = (0..size + n_taps - 1)
            .map(|at| {
                let n = at.saturating_sub(n_taps - 1);
                source(lower + n as isize, n_taps - 1 - (at - n))
            })
            .collect();
        let mut scratch = vec![0.0; from.len()];
        for (out, row) in values
            .chunks_exact_mut(size)
            .zip(self.values.chunks_exact(self.size[0]))
        {
            for (cell, &at) in scratch.iter_mut().zip(&from) {
                *cell = row[at];
            }
            weighted_sum(out, taps, |k| {
                &scratch[n_taps - 1 - k..n_taps - 1 - k + size]
            });
        }
    }

    /// Along y each output row sums rows; along z each output slice sums slices.
    fn along_rows(
        &self,
        axis: usize,
        values: &mut [f64],
        lower: isize,
        size: usize,
        taps: &[f64],
        source: impl Fn(isize, usize) -> usize,
    ) {
        let run = if axis == 1 {
            self.size[0]
        } else {
            self.size[0] * self.size[1]
        };
        for (outer, out) in values.chunks_exact_mut(run * size).enumerate() {
            let input = &self.values[outer * run * self.size[axis]..];
            for (n, out) in out.chunks_exact_mut(run).enumerate() {
                weighted_sum(out, taps, |k| {
                    let at = run * source(lower + n as isize, k);
                    &input[at..at + run]
                });
            }
        }
    }
}

/// out[i] = Σ_k taps[k] · row(k)[i], taps in order; all rows are as long as `out`.
pub(crate) fn weighted_sum<'a>(out: &mut [f64], taps: &[f64], row: impl Fn(usize) -> &'a [f64]) {
    const LANES: usize = 8;
    let rows: Vec<&[f64]> = (0..taps.len()).map(row).collect();
    let n_blocks = out.len() / LANES;
    let (blocks, rest) = out.split_at_mut(n_blocks * LANES);
    for (block, out) in blocks.chunks_exact_mut(LANES).enumerate() {
        let mut sums = [0.0; LANES];
        for (&tap, row) in taps.iter().zip(&rows) {
            let values = &row[block * LANES..block * LANES + LANES];
            for lane in 0..LANES {
                sums[lane] += tap * values[lane];
            }
        }
        out.copy_from_slice(&sums);
    }
    for (i, out) in rest.iter_mut().enumerate() {
        *out = taps.iter().zip(&rows).fold(0.0, |sum, (&tap, row)| {
            sum + tap * row[n_blocks * LANES + i]
        });
    }
}

fn sources(
    axis: usize,
    lower: isize,
    size: usize,
    source: impl Fn(usize, isize) -> usize,
) -> Vec<usize> {
    (0..size)
        .map(|offset| source(axis, lower + offset as isize))
        .collect()
}
