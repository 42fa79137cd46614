//! The fitted support vector machine: plain data, checks, prediction.

use cohort::RiskScores;
use ndarray::{Array2, ArrayView1, ArrayView2};
use rayon::prelude::*;

use super::kernel::Kernel;
use super::newton::dot;
use crate::learner::{
    Model, ModelParts, PartsError, PredictError, check_prediction, finite, in_range, same_length,
};

/// A survival support vector machine as plain data. With a kernel it holds scaled rows of the training matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct SvmModel {
    /// Columns expected, in order.
    pub feature_names: Vec<String>,
    /// What is taken from each column.
    pub centre: Vec<f64>,
    /// By what each column is then divided.
    pub scale: Vec<f64>,
    /// The score from the scaled columns.
    pub decision: SvmDecision,
    /// Added to the score: 0 for a machine that ranks; otherwise score + intercept is log time.
    pub intercept: f64,
}

/// The score of a patient; higher is longer.
#[derive(Debug, Clone, PartialEq)]
pub enum SvmDecision {
    /// Σ_j w_j x_j.
    Linear {
        /// One weight a column.
        coefficients: Vec<f64>,
    },
    /// Σ_i β_i k(x, x_i).
    Kernel {
        /// The kernel.
        kernel: Kernel,
        /// Training patients x_i, scaled.
        rows: Vec<Vec<f64>>,
        /// Their weights β.
        dual: Vec<f64>,
    },
}

/// A support vector machine ready to predict.
#[derive(Debug)]
pub(crate) struct FittedSvm {
    model: SvmModel,
}

impl FittedSvm {
    /// Checks plain data.
    pub(crate) fn new(model: SvmModel) -> Result<FittedSvm, PartsError> {
        let p = model.feature_names.len();
        same_length("centre", model.centre.len(), p)?;
        same_length("scale", model.scale.len(), p)?;
        finite("centre", &model.centre)?;
        finite("scale", &model.scale)?;
        finite("intercept", &[model.intercept])?;
        for (index, scale) in model.scale.iter().enumerate() {
            in_range("scale", index, *scale > 0.0)?;
        }
        match &model.decision {
            SvmDecision::Linear { coefficients } => {
                same_length("coefficients", coefficients.len(), p)?;
                finite("coefficients", coefficients)?;
            }
            SvmDecision::Kernel { kernel, rows, dual } => {
                in_range("kernel", 0, kernel.is_sound(p))?;
                same_length("dual", dual.len(), rows.len())?;
                finite("dual", dual)?;
                for row in rows {
                    same_length("row", row.len(), p)?;
                    finite("row", row)?;
                }
            }
        }
        Ok(FittedSvm { model })
    }

    fn risk_of(&self, patient: ArrayView1<f64>) -> f64 {
        let model = &self.model;
        let columns = patient.iter().zip(&model.centre).zip(&model.scale);
        let scaled: Vec<f64> = columns.map(|((v, c), s)| (v - c) / s).collect();
        let score = match &model.decision {
            SvmDecision::Linear { coefficients } => dot(&scaled, coefficients),
            SvmDecision::Kernel { kernel, rows, dual } => rows
                .iter()
                .zip(dual)
                .fold(0.0, |sum, (row, b)| sum + b * kernel.at(&scaled, row)),
        };
        // 0 − x, so that the null model's risk is 0 and not −0
        0.0 - (score + model.intercept)
    }
}

impl Model for FittedSvm {
    fn feature_names(&self) -> &[String] {
        &self.model.feature_names
    }

    fn risk(&self, x: ArrayView2<f64>) -> Result<RiskScores, PredictError> {
        check_prediction(x, &self.model.feature_names)?;
        let x = x.as_standard_layout();
        let risk = (0..x.nrows())
            .into_par_iter()
            .with_min_len(16)
            .map(|row| self.risk_of(x.row(row)))
            .collect();
        Ok(RiskScores::higher_is_worse(risk)?)
    }

    fn survival(
        &self,
        _x: ArrayView2<f64>,
        _times: &[f64],
    ) -> Option<Result<Array2<f64>, PredictError>> {
        None
    }

    fn importance(&self) -> Option<Vec<f64>> {
        match &self.model.decision {
            SvmDecision::Linear { coefficients } => {
                Some(coefficients.iter().map(|w| w.abs()).collect())
            }
            SvmDecision::Kernel { .. } => None,
        }
    }

    fn holds_training_rows(&self) -> bool {
        matches!(self.model.decision, SvmDecision::Kernel { .. })
    }

    fn parts(&self) -> ModelParts {
        ModelParts::Svm(self.model.clone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn model() -> SvmModel {
        SvmModel {
            feature_names: vec!["a".into()],
            centre: vec![1.0],
            scale: vec![2.0],
            decision: SvmDecision::Linear {
                coefficients: vec![3.0],
            },
            intercept: 0.5,
        }
    }

    #[test]
    fn prediction_by_hand() {
        let x = ndarray::array![[1.0], [3.0]];
        let linear = FittedSvm::new(model()).unwrap();
        assert_eq!(linear.risk(x.view()).unwrap().values(), [-0.5, -3.5]);
        assert!(!linear.holds_training_rows());
        let decision = SvmDecision::Kernel {
            kernel: Kernel::Polynomial {
                degree: 2,
                gamma: 1.0,
                coef0: 1.0,
            },
            rows: vec![vec![1.0], vec![0.0]],
            dual: vec![2.0, -1.0],
        };
        let kernel = FittedSvm::new(SvmModel {
            decision,
            ..model()
        })
        .unwrap();
        // x = 3 is 1 scaled: 2 · (1 + 1)² − 1
        assert_eq!(kernel.risk(x.view()).unwrap().values()[1], -7.5);
        assert!(kernel.holds_training_rows());
    }

    #[test]
    fn damaged_data_is_refused() {
        let refused = |change: fn(&mut SvmModel)| {
            let mut damaged = model();
            change(&mut damaged);
            FittedSvm::new(damaged).unwrap_err().to_string()
        };
        assert_eq!(
            refused(|m| m.scale[0] = 0.0),
            "scale entry 0 is out of range"
        );
        assert_eq!(
            refused(|m| m.intercept = f64::NAN),
            "intercept entry 0 is not finite"
        );
        let no_weights = |m: &mut SvmModel| {
            m.decision = SvmDecision::Linear {
                coefficients: Vec::new(),
            }
        };
        assert_eq!(refused(no_weights), "coefficients has 0 entries, must be 1");
    }
}
