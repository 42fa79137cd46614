//! Location and scale of a network's inputs, kept in the model.

use ndarray::{Array2, ArrayView2};

use crate::learner::{PartsError, finite, in_range, same_length};

/// Columns as a network sees them: (x − mean) / SD.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling {
    /// Mean of each column in training.
    pub means: Vec<f64>,
    /// Standard deviation (denominator n) of each column in training; 0 for a constant column, which is then 0 for
    /// every patient, new ones too.
    pub std_devs: Vec<f64>,
}

impl Scaling {
    pub(crate) fn fit(x: ArrayView2<f64>) -> Scaling {
        let n = x.nrows() as f64;
        let (means, std_devs) = x
            .columns()
            .into_iter()
            .map(|column| {
                // halves first: a sum of finite values may overflow, a mean of them does not
                let mean = column.iter().map(|v| v / n).sum::<f64>();
                let square = |v: &f64| (v - mean) * (v - mean) / n;
                let std_dev = column.iter().map(square).sum::<f64>().sqrt();
                let constant = column.iter().all(|v| *v == column[0]);
                (mean, if constant { 0.0 } else { std_dev })
            })
            .unzip();
        Scaling { means, std_devs }
    }

    pub(crate) fn apply(&self, x: ArrayView2<f64>) -> Array2<f64> {
        Array2::from_shape_fn(x.dim(), |(i, j)| {
            if self.std_devs[j] > 0.0 {
                (x[[i, j]] - self.means[j]) / self.std_devs[j]
            } else {
                0.0
            }
        })
    }

    pub(crate) fn check(&self, features: usize) -> Result<(), PartsError> {
        same_length("means", self.means.len(), features)?;
        same_length("standard deviations", self.std_devs.len(), features)?;
        finite("means", &self.means)?;
        finite("standard deviations", &self.std_devs)?;
        match self.std_devs.iter().position(|s| *s < 0.0) {
            Some(index) => in_range("standard deviations", index, false),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_column_is_zero_for_new_patients_too() {
        let scaling = Scaling::fit(ndarray::array![[1.0, 7.0], [3.0, 7.0]].view());
        assert_eq!(
            (&scaling.means[..], &scaling.std_devs[..]),
            (&[2.0, 7.0][..], &[1.0, 0.0][..])
        );
        let x = scaling.apply(ndarray::array![[4.0, 9.0]].view());
        assert_eq!(x, ndarray::array![[2.0, 0.0]]);
    }
}
