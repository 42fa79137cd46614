//! Why groups could not be compared.

/// Why groups could not be compared.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CompareError {
    /// A sample is too small.
    #[error("group {group} has {n} values, at least {at_least} are needed")]
    TooFew {
        /// Zero-based group.
        group: usize,
        /// Its values.
        n: usize,
        /// Fewest allowed.
        at_least: usize,
    },
    /// A sample is larger than the approximation reaches.
    #[error("{n} values, the approximation holds to {at_most}")]
    TooMany {
        /// Values.
        n: usize,
        /// Most allowed.
        at_most: usize,
    },
    /// A value is not a finite number.
    #[error("value {row} of group {group} is {value}: leave it out")]
    NotFinite {
        /// Zero-based group.
        group: usize,
        /// Zero-based place in the group.
        row: usize,
        /// What was found.
        value: f64,
    },
    /// There is no variation.
    #[error("all values are {value}")]
    NoVariation {
        /// The value.
        value: f64,
    },
    /// The exact distribution needs distinct values.
    #[error("value {value} occurs more than once: use the normal approximation")]
    Tied {
        /// The value.
        value: f64,
    },
    /// A table needs at least two rows and two columns that are not empty.
    #[error("{n_rows} rows and {n_columns} columns have patients, at least 2 of both are needed")]
    SmallTable {
        /// Rows with patients.
        n_rows: usize,
        /// Columns with patients.
        n_columns: usize,
    },
    /// The exact test would visit too many tables.
    #[error("more than {at_most} tables have these margins: use the chi-square test")]
    TooManyTables {
        /// Tables that are visited at most.
        at_most: u64,
    },
    /// Odds ratios are of 2 × 2 tables.
    #[error("a table of {n_rows} by {n_columns}, an odds ratio is of 2 by 2")]
    NotTwoByTwo {
        /// Rows.
        n_rows: usize,
        /// Columns.
        n_columns: usize,
    },
    /// A level of confidence is not between 0 and 1.
    #[error("confidence level is {level}, must be between 0 and 1")]
    Level {
        /// What was given.
        level: f64,
    },
}

/// Refuses values that are not finite, and fewer than `at_least` of them.
pub(super) fn check(group: usize, values: &[f64], at_least: usize) -> Result<(), CompareError> {
    if let Some(row) = values.iter().position(|v| !v.is_finite()) {
        return Err(CompareError::NotFinite {
            group,
            row,
            value: values[row],
        });
    }
    if values.len() < at_least {
        return Err(CompareError::TooFew {
            group,
            n: values.len(),
            at_least,
        });
    }
    Ok(())
}
