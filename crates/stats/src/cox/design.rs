//! Covariates, checked, centred and scaled, so that one tolerance fits all units.

use cohort::FollowUp;
use ndarray::{Array2, ArrayView2};

use super::CoxError;

/// Centred and scaled covariates.
pub(crate) struct Design {
    /// (x − mean) / scale, patients × features.
    pub(crate) x: Array2<f64>,
    /// Column means.
    pub(crate) means: Vec<f64>,
    /// Column standard deviations (1/n).
    pub(crate) scales: Vec<f64>,
}

impl Design {
    pub(crate) fn new(
        x: ArrayView2<f64>,
        names: &[String],
        follow_up: &FollowUp,
    ) -> Result<Design, CoxError> {
        check(x, names, follow_up)?;
        let n = x.nrows() as f64;
        let mut scaled = Array2::zeros(x.raw_dim());
        let (mut means, mut scales) = (Vec::new(), Vec::new());
        for (j, name) in names.iter().enumerate() {
            let column = x.column(j);
            let first = column[0];
            if column.iter().all(|&v| v == first) {
                return Err(CoxError::ConstantFeature {
                    feature: name.clone(),
                });
            }
            let mean = column.iter().sum::<f64>() / n;
            let scale = (column.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt();
            if !(scale > 0.0 && scale.is_finite()) {
                return Err(CoxError::ConstantFeature {
                    feature: name.clone(),
                });
            }
            scaled
                .column_mut(j)
                .iter_mut()
                .zip(column)
                .for_each(|(s, v)| *s = (v - mean) / scale);
            means.push(mean);
            scales.push(scale);
        }
        Ok(Design {
            x: scaled,
            means,
            scales,
        })
    }
}

fn check(x: ArrayView2<f64>, names: &[String], follow_up: &FollowUp) -> Result<(), CoxError> {
    if x.nrows() != follow_up.len() {
        return Err(CoxError::Rows {
            n_rows: x.nrows(),
            n_follow_up: follow_up.len(),
        });
    }
    if x.ncols() != names.len() {
        return Err(CoxError::Columns {
            n_columns: x.ncols(),
            n_names: names.len(),
        });
    }
    if follow_up.n_events() == 0 {
        return Err(CoxError::NoEvent { n_rows: x.nrows() });
    }
    for ((row, column), value) in x.indexed_iter() {
        if !value.is_finite() {
            return Err(CoxError::NotFinite {
                row,
                feature: names[column].clone(),
                value: *value,
            });
        }
    }
    Ok(())
}
