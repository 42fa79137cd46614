//! Filling undefined values with what the training rows say.

use ndarray::{Array2, ArrayView2};

use crate::columns::{self, ColumnError};

/// How a column is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Median (the mean of the middle two).
    Numeric,
    /// Mean.
    NumericMean,
    /// Lower median: always a level that occurs.
    Ordinal,
    /// Most frequent value, the smallest of equals. For nominal columns as well.
    Binary,
    /// As [`ColumnKind::Binary`], for codes without order.
    Nominal,
}

/// Why values could not be filled.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ImputeError {
    /// The columns do not fit.
    #[error("columns of the table")]
    Columns(#[from] ColumnError),
    /// Kinds and columns differ in number.
    #[error("{n_kinds} column kinds for {n_columns} columns")]
    Kinds {
        /// Kinds given.
        n_kinds: usize,
        /// Columns.
        n_columns: usize,
    },
    /// The share that may be undefined is not in [0, 1).
    #[error("largest undefined share is {share}, must be at least 0 and below 1")]
    Share {
        /// What was given.
        share: f64,
    },
    /// There are no training rows.
    #[error("no training rows")]
    NoRows,
    /// A value is infinite: neither defined nor undefined.
    #[error("feature {feature} in row {row} is infinite")]
    Infinite {
        /// Zero-based row.
        row: usize,
        /// Feature.
        feature: String,
    },
}

/// A column that stays, and what fills it.
#[derive(Debug, Clone, PartialEq)]
pub struct ImputedColumn {
    /// Feature.
    pub feature: String,
    /// Value for undefined cells.
    pub value: f64,
    /// Undefined training rows.
    pub n_undefined: usize,
}

/// A column that is undefined too often.
#[derive(Debug, Clone, PartialEq)]
pub struct UndefinedColumn {
    /// Feature.
    pub feature: String,
    /// Undefined training rows.
    pub n_undefined: usize,
    /// Training rows.
    pub n_rows: usize,
}

/// What imputation learned from the training rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Imputer {
    /// Columns that stay, in the order of the training table.
    pub columns: Vec<ImputedColumn>,
    /// Columns dropped.
    pub dropped: Vec<UndefinedColumn>,
}

/// The largest share of undefined training rows that a feature may have: 5 %.
pub const UNDEFINED_SHARE_MAX: f64 = 0.05;

/// Learns a fill value per column from training rows (NaN = undefined), and drops columns undefined in more than
/// `undefined_share_max` of them.
///
/// # Ties and edges   exactly at the share stays; see [`ColumnKind`] for ties
/// # Errors           see [`ImputeError`]; infinite values are refused
pub fn fit_impute(
    x: ArrayView2<f64>,
    names: &[String],
    kinds: &[ColumnKind],
    undefined_share_max: f64,
) -> Result<Imputer, ImputeError> {
    columns::find(x.ncols(), names, std::iter::empty())?;
    if kinds.len() != x.ncols() {
        return Err(ImputeError::Kinds {
            n_kinds: kinds.len(),
            n_columns: x.ncols(),
        });
    }
    if !(0.0..1.0).contains(&undefined_share_max) {
        return Err(ImputeError::Share {
            share: undefined_share_max,
        });
    }
    if x.nrows() == 0 {
        return Err(ImputeError::NoRows);
    }
    let mut imputer = Imputer {
        columns: Vec::new(),
        dropped: Vec::new(),
    };
    for (j, feature) in names.iter().enumerate() {
        refuse_infinite(x, j, feature)?;
        let mut defined: Vec<f64> = x
            .column(j)
            .iter()
            .copied()
            .filter(|v| !v.is_nan())
            .collect();
        defined.sort_by(f64::total_cmp);
        let (n_rows, n_undefined) = (x.nrows(), x.nrows() - defined.len());
        let feature = feature.clone();
        if n_undefined as f64 > undefined_share_max * n_rows as f64 {
            imputer.dropped.push(UndefinedColumn {
                feature,
                n_undefined,
                n_rows,
            });
        } else {
            // not empty: fewer than all rows are undefined, the share being below 1
            let value = fill_value(&defined, kinds[j]);
            imputer.columns.push(ImputedColumn {
                feature,
                value,
                n_undefined,
            });
        }
    }
    Ok(imputer)
}

fn refuse_infinite(x: ArrayView2<f64>, column: usize, feature: &str) -> Result<(), ImputeError> {
    match x.column(column).iter().position(|v| v.is_infinite()) {
        Some(row) => Err(ImputeError::Infinite {
            row,
            feature: feature.to_string(),
        }),
        None => Ok(()),
    }
}

fn fill_value(sorted: &[f64], kind: ColumnKind) -> f64 {
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    match kind {
        ColumnKind::Numeric => low + (high - low) / 2.0,
        ColumnKind::NumericMean => {
            // around the median, so that the sum of large values loses nothing
            low + sorted.iter().map(|v| v - low).sum::<f64>() / sorted.len() as f64
        }
        ColumnKind::Ordinal => low,
        ColumnKind::Binary | ColumnKind::Nominal => {
            let runs = sorted.chunk_by(|a, b| a == b);
            let longest = runs.reduce(|best, run| if run.len() > best.len() { run } else { best });
            longest.and_then(|run| run.first()).copied().unwrap_or(low)
        }
    }
}

impl Imputer {
    /// Names of the columns that stay.
    pub fn feature_names(&self) -> Vec<String> {
        self.columns.iter().map(|c| c.feature.clone()).collect()
    }

    /// The columns that stay, found by name, without undefined values.
    pub fn apply(&self, x: ArrayView2<f64>, names: &[String]) -> Result<Array2<f64>, ImputeError> {
        let place = columns::find(x.ncols(), names, self.columns.iter().map(|c| &c.feature))?;
        for (&j, column) in place.iter().zip(&self.columns) {
            refuse_infinite(x, j, &column.feature)?;
        }
        Ok(Array2::from_shape_fn((x.nrows(), place.len()), |(i, k)| {
            let value = x[[i, place[k]]];
            if value.is_nan() {
                self.columns[k].value
            } else {
                value
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use ndarray::array;

    const NAN: f64 = f64::NAN;

    #[test]
    fn columns_are_filled_by_kind_and_found_by_name() {
        let names = ["size", "stage", "sex", "gone"].map(String::from);
        let x = array![
            [1.0, 1.0, 0.0, NAN],
            [2.0, 2.0, 1.0, NAN],
            [4.0, 3.0, 1.0, 1.0],
            [9.0, 4.0, 0.0, 2.0],
            [NAN, NAN, NAN, 3.0]
        ];
        let kinds = [
            ColumnKind::Numeric,
            ColumnKind::Ordinal,
            ColumnKind::Binary,
            ColumnKind::Numeric,
        ];
        let imputer = fit_impute(x.view(), &names, &kinds, 0.2).unwrap();
        let values: Vec<f64> = imputer.columns.iter().map(|c| c.value).collect();
        assert_eq!(values, [3.0, 2.0, 0.0]);
        let gone = UndefinedColumn {
            feature: "gone".into(),
            n_undefined: 2,
            n_rows: 5,
        };
        assert_eq!(imputer.dropped, [gone]);
        let other = ["sex", "stage", "size"].map(String::from);
        let filled = imputer
            .apply(array![[NAN, 4.0, 7.0]].view(), &other)
            .unwrap();
        assert_eq!(filled, array![[7.0, 4.0, 0.0]]);
    }

    #[test]
    fn a_mean_fills_where_it_is_asked_for() {
        let names = ["size".to_string()];
        let x = array![[1.0], [2.0], [NAN], [6.0]];
        let imputer = fit_impute(x.view(), &names, &[ColumnKind::NumericMean], 0.5).unwrap();
        assert_eq!(imputer.columns[0].value, 3.0);
    }

    #[test]
    fn infinities_and_wrong_tables_are_refused() {
        let names = ["a".to_string()];
        let kinds = [ColumnKind::Numeric];
        let fit = |x: Array2<f64>| fit_impute(x.view(), &names, &kinds, UNDEFINED_SHARE_MAX);
        assert!(matches!(
            fit(array![[1.0], [f64::INFINITY]]),
            Err(ImputeError::Infinite { row: 1, .. })
        ));
        assert_eq!(fit(Array2::zeros((0, 1))), Err(ImputeError::NoRows));
        let imputer = fit(array![[1.0], [2.0]]).unwrap();
        let lost = imputer.apply(array![[1.0]].view(), &["b".to_string()]);
        assert!(matches!(
            lost,
            Err(ImputeError::Columns(ColumnError::Missing { .. }))
        ));
    }
}
