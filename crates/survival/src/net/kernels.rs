//! The two loops a dense layer spends its time in.

use super::batch::{Batch, Lanes, sum};

/// out\[r, o\] = bias_o + Σ_i weights\[o, i\] · input\[r, i\], the sum in the order of `i`.
///
/// `weights` is row-major \[outputs, inputs\]; an empty `bias` is none.
pub(crate) fn affine(
    weights: &[f64],
    bias: &[f64],
    outputs: usize,
    input: &Batch,
    out: &mut Batch,
) {
    let inputs = input.width();
    out.reshape(input.rows(), outputs);
    let bias_of = |o: usize| bias.get(o).copied().unwrap_or(0.0);
    for (block, to) in out.blocks_mut().enumerate() {
        let from = &input.lanes()[block * inputs..(block + 1) * inputs];
        for (pair, to) in to.chunks_mut(2).enumerate() {
            let o = 2 * pair;
            let first = &weights[o * inputs..(o + 1) * inputs];
            match to {
                [a, b] => {
                    let second = &weights[(o + 1) * inputs..(o + 2) * inputs];
                    (*a, *b) = two_sums(from, first, second, bias_of(o), bias_of(o + 1));
                }
                _ => to[0] = one_sum(from, first, bias_of(o)),
            }
        }
    }
}

fn two_sums(from: &[Lanes], first: &[f64], second: &[f64], a: f64, b: f64) -> (Lanes, Lanes) {
    let (mut a, mut b) = ([a; 8], [b; 8]);
    for ((v, &p), &q) in from.iter().zip(first).zip(second) {
        for k in 0..8 {
            a[k] += p * v[k];
            b[k] += q * v[k];
        }
    }
    (a, b)
}

fn one_sum(from: &[Lanes], weights: &[f64], start: f64) -> Lanes {
    let mut a = [start; 8];
    for (v, &p) in from.iter().zip(weights) {
        for k in 0..8 {
            a[k] += p * v[k];
        }
    }
    a
}

/// gradient\[o, i\] = Σ_r delta\[r, o\] · input\[r, i\]; the padding of `delta` is 0.
pub(crate) fn weight_gradient(delta: &Batch, input: &Batch, gradient: &mut [f64]) {
    let (outputs, inputs) = (delta.width(), input.width());
    let (delta, input) = (delta.lanes(), input.lanes());
    for o in (0..outputs).step_by(2) {
        for i in (0..inputs).step_by(2) {
            let (o2, i2) = ((o + 1).min(outputs - 1), (i + 1).min(inputs - 1));
            let tile = tile(delta, input, [o, o2], [i, i2], outputs, inputs);
            // at an odd edge the second is the first again: the same sum is written twice
            gradient[o * inputs + i] = tile[0];
            gradient[o * inputs + i2] = tile[1];
            gradient[o2 * inputs + i] = tile[2];
            gradient[o2 * inputs + i2] = tile[3];
        }
    }
}

/// The four sums of two outputs and two inputs.
fn tile(
    delta: &[Lanes],
    input: &[Lanes],
    o: [usize; 2],
    i: [usize; 2],
    outputs: usize,
    inputs: usize,
) -> [f64; 4] {
    let mut sums = [[0.0; 4]; 4];
    for (d, v) in delta.chunks_exact(outputs).zip(input.chunks_exact(inputs)) {
        let (d, v) = ([&d[o[0]], &d[o[1]]], [&v[i[0]], &v[i[1]]]);
        for k in 0..4 {
            sums[0][k] += d[0][k] * v[0][k] + d[0][k + 4] * v[0][k + 4];
            sums[1][k] += d[0][k] * v[1][k] + d[0][k + 4] * v[1][k + 4];
            sums[2][k] += d[1][k] * v[0][k] + d[1][k + 4] * v[0][k + 4];
            sums[3][k] += d[1][k] * v[1][k] + d[1][k + 4] * v[1][k + 4];
        }
    }
    sums.map(|s| (s[0] + s[2]) + (s[1] + s[3]))
}

/// sums\[c\] = Σ_r batch\[r, c\]; the padding is 0.
pub(crate) fn column_sums(batch: &Batch, sums: &mut [f64]) {
    let mut lanes = vec![[0.0; 8]; batch.width()];
    for block in batch.blocks() {
        for (total, v) in lanes.iter_mut().zip(block) {
            for k in 0..8 {
                total[k] += v[k];
            }
        }
    }
    for (to, total) in sums.iter_mut().zip(lanes) {
        *to = sum(total);
    }
}

/// Row-major \[columns, rows\] of a row-major \[rows, columns\].
pub(crate) fn transpose(from: &[f64], rows: usize, columns: usize, to: &mut Vec<f64>) {
    to.clear();
    to.resize(from.len(), 0.0);
    for row in 0..rows {
        for column in 0..columns {
            to[column * rows + row] = from[row * columns + column];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn numbers(rows: usize, columns: usize, step: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(i, j)| {
            ((i * step + j * 5) % 13) as f64 - 6.0
        })
    }

    fn batch(x: &Array2<f64>) -> Batch {
        Batch::gather(x.view(), &(0..x.nrows()).collect::<Vec<_>>())
    }

    // small whole numbers: every order of summation is exact
    #[test]
    fn sums_are_those_of_the_definition_at_odd_edges_too() {
        for (n, inputs, outputs) in [(1, 1, 1), (9, 3, 5), (16, 4, 2), (21, 7, 3)] {
            let (x, w, d) = (
                numbers(n, inputs, 3),
                numbers(outputs, inputs, 7),
                numbers(n, outputs, 11),
            );
            let weights: Vec<f64> = w.iter().copied().collect();
            let bias: Vec<f64> = (0..outputs).map(|o| o as f64).collect();
            let mut out = Batch::default();
            affine(&weights, &bias, outputs, &batch(&x), &mut out);
            let mut gradient = vec![0.0; outputs * inputs];
            weight_gradient(&batch(&d), &batch(&x), &mut gradient);
            let mut sums = vec![0.0; outputs];
            column_sums(&batch(&d), &mut sums);
            for o in 0..outputs {
                for r in 0..n {
                    let expected: f64 = (0..inputs).map(|i| w[[o, i]] * x[[r, i]]).sum();
                    assert_eq!(out.get(r, o), expected + bias[o]);
                }
                for i in 0..inputs {
                    let expected: f64 = (0..n).map(|r| d[[r, o]] * x[[r, i]]).sum();
                    assert_eq!(gradient[o * inputs + i], expected);
                }
                assert_eq!(sums[o], d.column(o).sum());
            }
        }
    }

    #[test]
    fn transposed_twice_is_the_same() {
        let (mut once, mut twice) = (Vec::new(), Vec::new());
        let from = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        transpose(&from, 2, 3, &mut once);
        assert_eq!(once, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        transpose(&once, 3, 2, &mut twice);
        assert_eq!(twice, from);
    }
}
