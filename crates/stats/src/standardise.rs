//! Centring features and dividing them by their spread in the training rows.

use ndarray::{Array2, ArrayView2};

use crate::columns::{self, ColumnError};

/// Why features could not be standardised.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StandardiseError {
    /// The columns do not fit.
    #[error("columns of the table")]
    Columns(#[from] ColumnError),
    /// One row has no spread.
    #[error("{n_rows} training rows, at least 2 are needed")]
    TooFewRows {
        /// Training rows.
        n_rows: usize,
    },
    /// A value is not a finite number.
    #[error("feature {feature} in row {row} is {value}")]
    NotFinite {
        /// Zero-based row.
        row: usize,
        /// Feature.
        feature: String,
        /// What was found.
        value: f64,
    },
}

/// Centre and spread of one feature.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaledColumn {
    /// Feature.
    pub feature: String,
    /// Mean of the training rows.
    pub mean: f64,
    /// Sample standard deviation (n − 1) of the training rows.
    pub std_dev: f64,
}

/// What standardisation learned from the training rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Standardiser {
    /// Features that stay, in the order of the training table.
    pub columns: Vec<ScaledColumn>,
    /// Features with one value in all training rows: dropped.
    pub constant: Vec<String>,
}

/// Learns mean and sample standard deviation of every feature.
///
/// # Formula
/// z = (x − mean) / SD, SD² = Σ (x − mean)² / (n − 1)
///
/// # Ties and edges   constant features are dropped and named
/// # Errors           see [`StandardiseError`]: undefined values are refused, impute first
/// # Agrees with      R 4.2 `scale`, 1e-10 of a standard deviation, tests/parity_spearman.rs
/// # Differs from     R, which gives NaN for a constant column
pub fn fit_standardise(
    x: ArrayView2<f64>,
    names: &[String],
) -> Result<Standardiser, StandardiseError> {
    columns::find(x.ncols(), names, std::iter::empty())?;
    if x.nrows() < 2 {
        return Err(StandardiseError::TooFewRows { n_rows: x.nrows() });
    }
    let mut fitted = Standardiser {
        columns: Vec::new(),
        constant: Vec::new(),
    };
    for (j, feature) in names.iter().enumerate() {
        refuse_undefined(x, j, feature)?;
        let feature = feature.clone();
        match spread(&x.column(j).to_vec()) {
            Some((mean, std_dev)) => fitted.columns.push(ScaledColumn {
                feature,
                mean,
                std_dev,
            }),
            None => fitted.constant.push(feature),
        }
    }
    Ok(fitted)
}

/// Mean and sample SD; `None` where all values are equal or their spread is lost in rounding.
fn spread(values: &[f64]) -> Option<(f64, f64)> {
    if values.iter().all(|&v| v == values[0]) {
        return None;
    }
    let n = values.len() as f64;
    let rough = values.iter().sum::<f64>() / n;
    let mean = rough + values.iter().map(|v| v - rough).sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    let std_dev = (squares / (n - 1.0)).sqrt();
    (std_dev > 0.0 && std_dev.is_finite()).then_some((mean, std_dev))
}

fn refuse_undefined(x: ArrayView2<f64>, j: usize, feature: &str) -> Result<(), StandardiseError> {
    match x.column(j).iter().position(|v| !v.is_finite()) {
        Some(row) => {
            let value = x[[row, j]];
            Err(StandardiseError::NotFinite {
                row,
                feature: feature.to_string(),
                value,
            })
        }
        None => Ok(()),
    }
}

impl Standardiser {
    /// Names of the features that stay.
    pub fn feature_names(&self) -> Vec<String> {
        self.columns.iter().map(|c| c.feature.clone()).collect()
    }

    /// The features that stay, found by name, centred and scaled.
    pub fn apply(
        &self,
        x: ArrayView2<f64>,
        names: &[String],
    ) -> Result<Array2<f64>, StandardiseError> {
        let place = columns::find(x.ncols(), names, self.columns.iter().map(|c| &c.feature))?;
        for (&j, column) in place.iter().zip(&self.columns) {
            refuse_undefined(x, j, &column.feature)?;
        }
        Ok(Array2::from_shape_fn((x.nrows(), place.len()), |(i, k)| {
            (x[[i, place[k]]] - self.columns[k].mean) / self.columns[k].std_dev
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use ndarray::array;

    #[test]
    fn new_rows_are_measured_with_the_training_rows() {
        let names = ["a", "k"].map(String::from);
        let fitted = fit_standardise(array![[1.0, 7.0], [3.0, 7.0]].view(), &names).unwrap();
        assert_eq!(fitted.constant, ["k"]);
        assert_eq!(fitted.columns[0].std_dev, f64::sqrt(2.0));
        let z = fitted
            .apply(array![[2.0, 0.0], [4.0, 0.0]].view(), &names)
            .unwrap();
        assert_eq!(z, array![[0.0], [2.0 / f64::sqrt(2.0)]]);
    }

    #[test]
    fn undefined_values_are_refused() {
        let names = ["a".to_string()];
        let hole = array![[1.0], [f64::NAN]];
        assert!(matches!(
            fit_standardise(hole.view(), &names),
            Err(StandardiseError::NotFinite { row: 1, .. })
        ));
        assert_eq!(
            fit_standardise(array![[1.0]].view(), &names),
            Err(StandardiseError::TooFewRows { n_rows: 1 })
        );
    }
}
