//! The fitted network: plain data, checks, prediction.

use cohort::RiskScores;
use ndarray::{Array2, ArrayView2};

use crate::baseline::Baseline;
use crate::learner::{
    Model, ModelParts, PartsError, PredictError, check_prediction, check_times, in_range,
};
use crate::net::{Batch, DenseLayer, Scaling, check_layers, predict};

/// A fitted DeepSurv as plain data. Holds distinct event times and summaries, no row of the training matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct DeepSurvModel {
    /// Columns expected, in order.
    pub feature_names: Vec<String>,
    /// Location and scale of the columns.
    pub scaling: Scaling,
    /// One network, or a committee whose scores are averaged.
    pub networks: Vec<DeepSurvNetwork>,
    /// Cumulative hazard at score 0.
    pub baseline: Baseline,
}

/// One trained network.
#[derive(Debug, Clone, PartialEq)]
pub struct DeepSurvNetwork {
    /// First layer first; the last has one output, the score.
    pub layers: Vec<DenseLayer>,
    /// Epochs whose steps are in the weights: fewer than were run where training was stopped.
    pub epochs: usize,
}

/// Mean score of the networks, row by row of standardised features.
pub(super) fn mean_scores(networks: &[DeepSurvNetwork], z: ArrayView2<f64>) -> Vec<f64> {
    let all: Vec<usize> = (0..z.nrows()).collect();
    let batch = Batch::gather(z, &all);
    let mut sums = vec![0.0; z.nrows()];
    for network in networks {
        let scores = predict(&network.layers, &batch);
        sums.iter_mut().zip(scores).for_each(|(sum, s)| *sum += s);
    }
    let n = networks.len() as f64;
    sums.iter_mut().for_each(|sum| *sum /= n);
    sums
}

/// A network ready to predict.
#[derive(Debug)]
pub(crate) struct FittedDeepSurv {
    model: DeepSurvModel,
}

impl FittedDeepSurv {
    /// Checks plain data.
    pub(crate) fn new(model: DeepSurvModel) -> Result<FittedDeepSurv, PartsError> {
        let features = model.feature_names.len();
        model.scaling.check(features)?;
        in_range("networks", 0, !model.networks.is_empty())?;
        for network in &model.networks {
            check_layers(&network.layers, features)?;
        }
        model.baseline.check()?;
        Ok(FittedDeepSurv { model })
    }
}

impl Model for FittedDeepSurv {
    fn feature_names(&self) -> &[String] {
        &self.model.feature_names
    }

    fn risk(&self, x: ArrayView2<f64>) -> Result<RiskScores, PredictError> {
        check_prediction(x, &self.model.feature_names)?;
        let z = self.model.scaling.apply(x);
        let scores = mean_scores(&self.model.networks, z.view());
        Ok(RiskScores::higher_is_worse(scores)?)
    }

    fn survival(
        &self,
        x: ArrayView2<f64>,
        times: &[f64],
    ) -> Option<Result<Array2<f64>, PredictError>> {
        let scores = check_times(times).and_then(|()| self.risk(x));
        Some(scores.map(|scores| self.model.baseline.survival(scores.values(), times)))
    }

    fn last_time(&self) -> Option<f64> {
        self.model.baseline.times.last().copied()
    }

    fn holds_training_rows(&self) -> bool {
        false
    }

    fn parts(&self) -> ModelParts {
        ModelParts::DeepSurv(self.model.clone())
    }
}
