use ndarray::Array2;
use pulp::Scalar;

use super::*;
use crate::keyed::Draws;
use crate::net::batch::Batch;

fn numbers(rows: usize, columns: usize, step: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(i, j)| {
        ((i * step + j * 5) % 13) as f64 - 6.0
    })
}

fn batch(x: &Array2<f64>) -> Batch {
    Batch::gather(x.view(), &(0..x.nrows()).collect::<Vec<_>>())
}

fn weights(w: &Array2<f64>, bias: impl Fn(usize) -> f64) -> Weights {
    let mut weights = Weights::default();
    weights.set(w.nrows(), w.ncols(), |o, i| w[[o, i]], bias);
    weights
}

// small whole numbers: every order of summation is exact
#[test]
fn sums_are_those_of_the_definition_at_odd_edges_too() {
    for (n, inputs, outputs) in [(1, 1, 1), (9, 3, 5), (16, 4, 2), (21, 7, 3), (40, 9, 17)] {
        let (x, w, d) = (
            numbers(n, inputs, 3),
            numbers(outputs, inputs, 7),
            numbers(n, outputs, 11),
        );
        let mut out = Batch::default();
        let input = batch(&x);
        widest(Affine::new(&weights(&w, |o| o as f64), &input, &mut out));
        let mut gradient = vec![0.0; outputs * inputs];
        let delta = batch(&d);
        widest(WeightGradient {
            delta: &delta,
            input: &input,
            gradient: &mut gradient,
        });
        let sums = widest(Totals(&delta));
        for o in 0..outputs {
            for r in 0..n {
                let expected: f64 = (0..inputs).map(|i| w[[o, i]] * x[[r, i]]).sum();
                assert_eq!(out.get(r, o), expected + o as f64);
            }
            for i in 0..inputs {
                let expected: f64 = (0..n).map(|r| d[[r, o]] * x[[r, i]]).sum();
                assert_eq!(gradient[o * inputs + i], expected);
            }
            assert_eq!(sums[o], d.column(o).sum());
        }
    }
}

/// Every loop once, by the registers that `run` takes: the bits of all that they write.
fn everything(run: &impl Registers, rows: usize, inputs: usize, outputs: usize) -> Vec<u64> {
    let mut draws = Draws::new(7, 0);
    let mut normal =
        |rows, columns| batch(&Array2::from_shape_fn((rows, columns), |_| draws.normal()));
    let (input, mut delta, mask) = (
        normal(rows, inputs),
        normal(rows, outputs),
        normal(rows, outputs),
    );
    let w = normal(outputs, inputs);
    let per_output = |row: usize| (0..outputs).map(|o| mask.get(row, o)).collect::<Vec<_>>();
    let (scale, shift) = (per_output(0), per_output(rows - 1));
    let mut packed = Weights::default();
    packed.set(outputs, inputs, |o, i| w.get(o, i), |o| shift[o]);
    let (mut values, mut centred, mut out) = (Batch::default(), Batch::default(), Batch::default());
    let mut gradient = vec![0.0; outputs * inputs];

    run.run(Affine::new(&packed, &input, &mut values));
    run.run(Relu(&mut values));
    values.clear_padding();
    let mean = run.run(Totals(&values));
    let squares = run.run(Centre {
        values: &values,
        mean: &mean,
        centred: &mut centred,
    });
    run.run(Scale {
        normal: &mut centred,
        by: &squares,
        scale: &scale,
        shift: &shift,
        out: &mut out,
    });
    run.run(Multiply {
        to: &mut out,
        by: &mask,
    });
    let (sum, sum_by_normal) = run.run(NormSums {
        delta: &delta,
        normal: &centred,
    });
    run.run(NormBack {
        delta: &mut delta,
        normal: &centred,
        factor: &scale,
        sum: &sum,
        sum_by_normal: &sum_by_normal,
    });
    delta.clear_padding();
    run.run(ReluBack {
        delta: &mut delta,
        value: &values,
    });
    run.run(WeightGradient {
        delta: &delta,
        input: &input,
        gradient: &mut gradient,
    });
    let batches = [&values, &centred, &out, &delta].map(|b| b.lanes().as_flattened());
    let vectors = [&mean[..], &squares, &sum, &sum_by_normal, &gradient];
    let all = batches.into_iter().chain(vectors).flatten();
    all.map(|v| v.to_bits()).collect()
}

trait Registers {
    fn run<W: WithSimd>(&self, work: W) -> W::Output;
}

struct One;
struct Widest;
#[cfg(target_arch = "x86_64")]
struct Four(pulp::x86::V3);

impl Registers for One {
    fn run<W: WithSimd>(&self, work: W) -> W::Output {
        Scalar.vectorize(work)
    }
}

impl Registers for Widest {
    fn run<W: WithSimd>(&self, work: W) -> W::Output {
        widest(work)
    }
}

#[cfg(target_arch = "x86_64")]
impl Registers for Four {
    fn run<W: WithSimd>(&self, work: W) -> W::Output {
        Simd::vectorize(self.0, work)
    }
}

#[test]
fn bits_are_the_same_in_registers_of_any_width() {
    for (rows, inputs, outputs) in [(1, 1, 1), (8, 3, 8), (13, 26, 32), (64, 35, 9), (257, 5, 4)] {
        let one = everything(&One, rows, inputs, outputs);
        assert_eq!(one, everything(&Widest, rows, inputs, outputs));
        #[cfg(target_arch = "x86_64")]
        match pulp::x86::V3::try_new() {
            Some(four) => assert_eq!(one, everything(&Four(four), rows, inputs, outputs)),
            None => eprintln!("skipped: no registers of four numbers here"),
        }
    }
}
