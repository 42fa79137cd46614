//! The fitted XGBoost model: plain data, checks, prediction.

use cohort::RiskScores;
use ndarray::{Array2, ArrayView1, ArrayView2};
use rayon::prelude::*;

use super::columns::single;
use super::params::XgboostObjective;
use crate::baseline::Baseline;
use crate::learner::{
    Model, ModelParts, PartsError, PredictError, check_prediction, check_times, finite, in_range,
    same_length,
};

/// An XGBoost model as plain data. Holds distinct training times (Cox), no training row.
#[derive(Debug, Clone, PartialEq)]
pub struct XgboostModel {
    /// Columns expected, in order.
    pub feature_names: Vec<String>,
    /// What the margin means.
    pub objective: XgboostObjective,
    /// Where boosting started, on the scale of predictions: the margin there is its logarithm.
    pub base_score: f32,
    /// The trees, in the order they were grown; the margin is the sum of their leaves and that of the start, in single
    /// precision.
    pub trees: Vec<XgboostTree>,
    /// Cumulative hazard at margin 0 for Cox; empty for AFT, whose distribution gives the curve.
    pub baseline: Baseline,
}

/// One tree; the root is node 0, children come in pairs after their parent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct XgboostTree {
    /// Per node: number of the left child (the right one is next to it), 0 for a leaf.
    pub left: Vec<u32>,
    /// Per node: column compared, 0 for a leaf.
    pub feature: Vec<u32>,
    /// Per node: `x < threshold` goes left, x in single precision; for a leaf, what it adds to the margin.
    pub threshold: Vec<f32>,
    /// Per node: the leaf's value it would have, before the learning rate.
    pub weight: Vec<f32>,
    /// Per node: gain of its cut, 0 for a leaf.
    pub gain: Vec<f32>,
    /// Per node: sum of second derivatives.
    pub cover: Vec<f32>,
}

impl XgboostTree {
    /// What the leaf adds in which `value(feature)` ends.
    pub(super) fn predict(&self, value: impl Fn(usize) -> f32) -> f32 {
        let mut node = 0;
        while self.left[node] != 0 {
            let right = value(self.feature[node] as usize) >= self.threshold[node];
            node = self.left[node] as usize + usize::from(right);
        }
        self.threshold[node]
    }

    fn check(&self, features: usize) -> Result<(), PartsError> {
        let nodes = self.left.len();
        in_range("left", 0, nodes > 0)?;
        same_length("feature", self.feature.len(), nodes)?;
        for (what, list) in [
            ("threshold", &self.threshold),
            ("weight", &self.weight),
            ("gain", &self.gain),
            ("cover", &self.cover),
        ] {
            same_length(what, list.len(), nodes)?;
            if let Some(index) = list.iter().position(|v| !v.is_finite()) {
                return Err(PartsError::NotFinite { what, index });
            }
        }
        for (index, &left) in self.left.iter().enumerate().filter(|(_, l)| **l != 0) {
            // children come after their parent, so every walk ends
            let left = left as usize;
            in_range("left", index, left > index && left + 1 < nodes)?;
            in_range("feature", index, (self.feature[index] as usize) < features)?;
        }
        Ok(())
    }
}

/// An XGBoost model ready to predict.
#[derive(Debug)]
pub(crate) struct FittedXgboost {
    model: XgboostModel,
}

impl FittedXgboost {
    /// Checks plain data.
    pub(crate) fn new(model: XgboostModel) -> Result<FittedXgboost, PartsError> {
        let start = f64::from(model.base_score);
        finite("base_score", &[start])?;
        in_range("base_score", 0, start > 0.0)?;
        if let XgboostObjective::Aft { scale, .. } = model.objective {
            finite("scale", &[scale])?;
            in_range("scale", 0, scale > 0.0)?;
        }
        model.baseline.check()?;
        for tree in &model.trees {
            tree.check(model.feature_names.len())?;
        }
        Ok(FittedXgboost { model })
    }

    fn margin(&self, patient: ArrayView1<f64>) -> f64 {
        let values: Vec<f32> = patient.iter().map(|v| single(*v)).collect();
        let start = libm::logf(self.model.base_score) + 0.0;
        let add = |sum: f32, tree: &XgboostTree| sum + tree.predict(|f| values[f]);
        f64::from(self.model.trees.iter().fold(start, add))
    }

    fn margins(&self, x: ArrayView2<f64>) -> Result<Vec<f64>, PredictError> {
        check_prediction(x, &self.model.feature_names)?;
        let x = x.as_standard_layout();
        Ok((0..x.nrows())
            .into_par_iter()
            .with_min_len(64)
            .map(|row| self.margin(x.row(row)))
            .collect())
    }
}

impl Model for FittedXgboost {
    fn feature_names(&self) -> &[String] {
        &self.model.feature_names
    }

    fn risk(&self, x: ArrayView2<f64>) -> Result<RiskScores, PredictError> {
        let margins = self.margins(x)?;
        let risk = match self.model.objective {
            XgboostObjective::Cox => margins,
            XgboostObjective::Aft { .. } => margins.iter().map(|m| 0.0 - m).collect(),
        };
        Ok(RiskScores::higher_is_worse(risk)?)
    }

    fn survival(
        &self,
        x: ArrayView2<f64>,
        times: &[f64],
    ) -> Option<Result<Array2<f64>, PredictError>> {
        let margins = check_times(times).and_then(|()| self.margins(x));
        Some(margins.map(|margins| match self.model.objective {
            XgboostObjective::Cox => self.model.baseline.survival(&margins, times),
            XgboostObjective::Aft {
                distribution,
                scale,
            } => Array2::from_shape_fn((margins.len(), times.len()), |(i, k)| {
                distribution.survival(times[k], margins[i], scale)
            }),
        }))
    }

    fn importance(&self) -> Option<Vec<f64>> {
        let mut gain = vec![0.0; self.model.feature_names.len()];
        for tree in &self.model.trees {
            for node in (0..tree.left.len()).filter(|&node| tree.left[node] != 0) {
                gain[tree.feature[node] as usize] += f64::from(tree.gain[node]);
            }
        }
        let total: f64 = gain.iter().sum();
        if total > 0.0 {
            gain.iter_mut().for_each(|g| *g /= total);
        }
        Some(gain)
    }

    fn last_time(&self) -> Option<f64> {
        match self.model.objective {
            XgboostObjective::Cox => self.model.baseline.times.last().copied(),
            XgboostObjective::Aft { .. } => None,
        }
    }

    fn holds_training_rows(&self) -> bool {
        false
    }

    fn parts(&self) -> ModelParts {
        ModelParts::Xgboost(self.model.clone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::xgboost::AftDistribution;

    fn stump() -> XgboostModel {
        XgboostModel {
            feature_names: vec!["a".into()],
            objective: XgboostObjective::Cox,
            base_score: 1.0,
            trees: vec![XgboostTree {
                left: vec![1, 0, 0],
                feature: vec![0, 0, 0],
                threshold: vec![0.5, -0.25, 1.0],
                weight: vec![0.0, -0.25, 1.0],
                gain: vec![3.0, 0.0, 0.0],
                cover: vec![4.0, 2.0, 2.0],
            }],
            baseline: Baseline {
                times: vec![2.0],
                hazard: vec![0.5],
            },
        }
    }

    #[test]
    fn a_stump_by_hand() {
        let x = ndarray::array![[0.5], [0.4]];
        let cox = FittedXgboost::new(stump()).unwrap();
        assert_eq!(cox.risk(x.view()).unwrap().values(), [1.0, -0.25]);
        assert_eq!(cox.importance().unwrap(), [1.0]);
        let s = cox.survival(x.view(), &[3.0]).unwrap().unwrap();
        assert_eq!(s[[1, 0]], libm::exp(-0.5 * libm::exp(-0.25)));
        let objective = XgboostObjective::Aft {
            distribution: AftDistribution::Logistic,
            scale: 0.5,
        };
        let aft = XgboostModel {
            objective,
            ..stump()
        };
        let aft = FittedXgboost::new(aft).unwrap();
        assert_eq!(aft.risk(x.view()).unwrap().values(), [-1.0, 0.25]);
        // half survive to the time the margin says
        let half = libm::exp(1.0);
        let s = aft.survival(x.view(), &[0.0, half]).unwrap().unwrap();
        assert_eq!(s[[0, 0]], 1.0);
        assert!((s[[0, 1]] - 0.5).abs() < 1e-15);
    }

    #[test]
    fn damaged_data_is_refused() {
        let refused = |change: fn(&mut XgboostModel)| {
            let mut model = stump();
            change(&mut model);
            FittedXgboost::new(model).unwrap_err().to_string()
        };
        assert_eq!(
            refused(|m| m.trees[0].left[0] = 2),
            "left entry 0 is out of range"
        );
        assert_eq!(
            refused(|m| m.trees[0].threshold[2] = f32::NAN),
            "threshold entry 2 is not finite"
        );
        assert_eq!(
            refused(|m| m.base_score = 0.0),
            "base_score entry 0 is out of range"
        );
    }
}
