//! Why expression cannot be analysed.

use thiserror::Error;

/// Refusals of this room.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ExpressionError {
    /// Two inputs that go together have different sizes.
    #[error("{what}: {len}, must be {expected}")]
    Size {
        /// What was counted.
        what: &'static str,
        /// Found.
        len: usize,
        /// Expected.
        expected: usize,
    },
    /// A count or expression is no usable number.
    #[error("gene {gene}, sample {sample} is {value}, must be {rule}")]
    Value {
        /// Row, from 0.
        gene: usize,
        /// Column, from 0.
        sample: usize,
        /// The value.
        value: f64,
        /// What it must be.
        rule: &'static str,
    },
    /// A sample without any count.
    #[error("sample {sample} has no counts")]
    EmptySample {
        /// Column, from 0.
        sample: usize,
    },
    /// Too few samples or genes.
    #[error("{n} {what}, must be at least {at_least}")]
    TooFew {
        /// What was counted.
        what: &'static str,
        /// Found.
        n: usize,
        /// Fewest accepted.
        at_least: usize,
    },
    /// Columns of the design say the same.
    #[error("column {column} of the design is a combination of the ones before it")]
    Collinear {
        /// Column, from 0.
        column: usize,
    },
    /// No gene varies.
    #[error("no gene has a residual variance above 0")]
    NoVariance,
}
