//! The loops that training spends its time in, each for the widest registers of the machine.
//!
//! A register holds the same column of 1, 2, 4 or 8 rows. How many changes no bit: every sum is one row's, or one lane's
//! of the eight in [`Lanes`], in one order; products and sums are rounded one by one (no fused multiply-add); and lanes
//! are added to each other in one tree after the loop ([`super::batch::sum`]).

mod affine;
mod columns;
mod weight_gradient;

use pulp::{Arch, Simd, WithSimd};

use super::batch::{LANES, Lanes};

pub(crate) use affine::{Affine, Weights};
pub(crate) use columns::{Centre, Multiply, NormBack, NormSums, Relu, ReluBack, Scale, Totals};
pub(crate) use weight_gradient::WeightGradient;

/// Runs a loop in the widest registers that the machine has.
pub(crate) fn widest<W: WithSimd>(work: W) -> W::Output {
    Arch::new().dispatch(work)
}

/// The registers that hold `lanes`, [`per_column`] for each.
#[inline(always)]
fn registers<S: Simd>(lanes: &[Lanes]) -> &[S::f64s] {
    S::as_simd_f64s(lanes.as_flattened()).0
}

#[inline(always)]
fn registers_mut<S: Simd>(lanes: &mut [Lanes]) -> &mut [S::f64s] {
    S::as_mut_simd_f64s(lanes.as_flattened_mut()).0
}

/// Registers to eight rows of a column.
#[inline(always)]
const fn per_column<S: Simd>() -> usize {
    LANES / S::F64_LANES
}

#[cfg(test)]
mod tests;
