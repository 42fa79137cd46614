//! The fitted network: plain data, checks, prediction.

use cohort::RiskScores;
use ndarray::{Array2, ArrayView2};

use crate::learner::{
    Model, ModelParts, PartsError, PredictError, check_prediction, check_times, finite, in_range,
};
use crate::net::{Batch, DenseLayer, Scaling, check_layers, predict};

/// A fitted DNNSurv as plain data. Holds cutpoints and summaries, no row of the training matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct DnnSurvModel {
    /// Columns expected, in order.
    pub feature_names: Vec<String>,
    /// Location and scale of the columns.
    pub scaling: Scaling,
    /// Ends of the intervals, ascending, above 0, in the unit of the training follow-up.
    pub cutpoints: Vec<f64>,
    /// The network, first layer first. It takes the columns and one column an interval, 1 for the interval asked for;
    /// its one output is the logit of the probability of surviving the interval.
    pub layers: Vec<DenseLayer>,
}

/// A network ready to predict.
#[derive(Debug)]
pub(crate) struct FittedDnnSurv {
    model: DnnSurvModel,
}

impl FittedDnnSurv {
    /// Checks plain data.
    pub(crate) fn new(model: DnnSurvModel) -> Result<FittedDnnSurv, PartsError> {
        let features = model.feature_names.len();
        model.scaling.check(features)?;
        let cutpoints = &model.cutpoints;
        finite("cutpoints", cutpoints)?;
        in_range("cutpoints", 0, !cutpoints.is_empty())?;
        let mut before = 0.0;
        for (index, &time) in cutpoints.iter().enumerate() {
            in_range("cutpoints", index, time > before)?;
            before = time;
        }
        check_layers(&model.layers, features + cutpoints.len())?;
        Ok(FittedDnnSurv { model })
    }

    /// Cumulative hazard −log S of each row \[n, cutpoints\]: sums of −log sigmoid, so finite where S is not above 0.
    fn hazard(&self, x: ArrayView2<f64>) -> Result<Array2<f64>, PredictError> {
        check_prediction(x, &self.model.feature_names)?;
        let z = self.model.scaling.apply(x);
        let (n, intervals) = (z.nrows(), self.model.cutpoints.len());
        let mut hazard = Array2::zeros((n, intervals));
        let mut sum = vec![0.0; n];
        let mut input = Batch::default();
        for interval in 0..intervals {
            input.resize(n, z.ncols() + intervals);
            for (row, values) in z.rows().into_iter().enumerate() {
                for (column, value) in values.iter().enumerate() {
                    input.set(row, column, *value);
                }
                input.set(row, z.ncols() + interval, 1.0);
            }
            let logits = predict(&self.model.layers, &input);
            for (row, logit) in logits.into_iter().enumerate() {
                sum[row] += softplus(-logit);
                hazard[[row, interval]] = sum[row];
            }
        }
        Ok(hazard)
    }
}

/// log(1 + exp z), without overflow.
fn softplus(z: f64) -> f64 {
    z.max(0.0) + libm::log1p(libm::exp(-z.abs()))
}

impl Model for FittedDnnSurv {
    fn feature_names(&self) -> &[String] {
        &self.model.feature_names
    }

    fn risk(&self, x: ArrayView2<f64>) -> Result<RiskScores, PredictError> {
        let hazard = self.hazard(x)?;
        let sum = |row: ndarray::ArrayView1<f64>| row.iter().fold(0.0, |sum, h| sum + h);
        Ok(RiskScores::higher_is_worse(
            hazard.rows().into_iter().map(sum).collect(),
        )?)
    }

    fn survival(
        &self,
        x: ArrayView2<f64>,
        times: &[f64],
    ) -> Option<Result<Array2<f64>, PredictError>> {
        let hazard = check_times(times).and_then(|()| self.hazard(x));
        let cutpoints = &self.model.cutpoints;
        Some(hazard.map(|hazard| {
            Array2::from_shape_fn((hazard.nrows(), times.len()), |(row, k)| {
                match cutpoints.partition_point(|cut| *cut <= times[k]) {
                    0 => 1.0,
                    passed => libm::exp(-hazard[[row, passed - 1]]),
                }
            })
        }))
    }

    fn survival_times(&self) -> Option<&[f64]> {
        Some(&self.model.cutpoints)
    }

    fn holds_training_rows(&self) -> bool {
        false
    }

    fn parts(&self) -> ModelParts {
        ModelParts::DnnSurv(self.model.clone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::net::Activation;

    /// No hidden layer: the logit of interval j is x + b_j.
    fn model(b: [f64; 2]) -> DnnSurvModel {
        DnnSurvModel {
            feature_names: vec!["a".into()],
            scaling: Scaling {
                means: vec![0.0],
                std_devs: vec![1.0],
            },
            cutpoints: vec![2.0, 5.0],
            layers: vec![DenseLayer {
                inputs: 3,
                outputs: 1,
                weights: vec![1.0, b[0], b[1]],
                bias: Vec::new(),
                activation: Activation::Identity,
                batch_norm: None,
            }],
        }
    }

    #[test]
    fn survival_is_the_product_of_the_intervals() {
        let fitted = FittedDnnSurv::new(model([0.0, libm::log(3.0)])).unwrap();
        let x = ndarray::array![[0.0]];
        let times = [1.9, 2.0, 5.0, 9.0];
        let s = fitted.survival(x.view(), &times).unwrap().unwrap();
        for (seen, expected) in s.iter().zip([1.0, 0.5, 0.375, 0.375]) {
            assert!((seen - expected).abs() < 1e-15, "{seen} against {expected}");
        }
        let risk = fitted.risk(x.view()).unwrap().values()[0];
        assert!((risk + libm::log(0.5) + libm::log(0.375)).abs() < 1e-14);
    }

    #[test]
    fn who_cannot_survive_has_the_highest_risk() {
        let fitted = FittedDnnSurv::new(model([-5000.0, 0.0])).unwrap();
        let x = ndarray::array![[0.0], [-1000.0], [5001.0]];
        let risk = fitted.risk(x.view()).unwrap();
        assert!(risk.values()[1] > risk.values()[0] && risk.values()[0] > risk.values()[2]);
        let s = fitted.survival(x.view(), &[2.0]).unwrap().unwrap();
        assert_eq!(s[[1, 0]], 0.0);
    }

    #[test]
    fn damaged_data_is_refused() {
        let mut damaged = model([0.0, 0.0]);
        damaged.cutpoints[1] = 1.0;
        assert_eq!(
            FittedDnnSurv::new(damaged).unwrap_err().to_string(),
            "cutpoints entry 1 is out of range"
        );
        let mut damaged = model([0.0, 0.0]);
        damaged.cutpoints.pop();
        assert!(FittedDnnSurv::new(damaged).is_err());
    }
}
