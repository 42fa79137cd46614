//! The boosted trees: plain data, checks, prediction.

use cohort::RiskScores;
use ndarray::{Array2, ArrayView1, ArrayView2};
use rayon::prelude::*;

use crate::baseline::Baseline;
use crate::learner::{
    Model, ModelParts, PartsError, PredictError, check_prediction, check_times, finite, in_range,
    same_length,
};

/// Boosted trees as plain data. Holds distinct training times, no training row.
#[derive(Debug, Clone, PartialEq)]
pub struct GbmModel {
    /// Columns expected, in order.
    pub feature_names: Vec<String>,
    /// Which values go left at a cut.
    pub comparison: Comparison,
    /// The trees kept, in the order they were grown; the score is the sum of their leaves.
    pub trees: Vec<BoostedTree>,
    /// Share of each column in the improvements of all cuts; all 0 where nothing was cut.
    pub importance: Vec<f64>,
    /// Cumulative hazard at score 0.
    pub baseline: Baseline,
}

/// Which values go left at a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `x < cut`, as gbm.
    Below,
    /// `x <= cut` with x rounded to single precision, as scikit-learn.
    AtMostSingle,
}

/// One tree; the root is node 0, children come in pairs after their parent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BoostedTree {
    /// Per node: number of the left child (the right one is next to it), 0 for a leaf.
    pub left: Vec<u32>,
    /// Per node: column compared, 0 for a leaf.
    pub feature: Vec<u32>,
    /// Per node: where it cuts, 0 for a leaf.
    pub threshold: Vec<f64>,
    /// Per node: what a leaf adds to the score, learning rate included; 0 for an inner node.
    pub value: Vec<f64>,
}

impl Comparison {
    /// The value as it is compared; −0 is 0.
    pub(super) fn value(self, x: f64) -> f64 {
        match self {
            Comparison::Below => x + 0.0,
            // beyond single precision is as far as single precision goes
            Comparison::AtMostSingle => f64::from((x as f32).clamp(f32::MIN, f32::MAX)) + 0.0,
        }
    }

    pub(super) fn goes_left(self, value: f64, threshold: f64) -> bool {
        match self {
            Comparison::Below => value < threshold,
            Comparison::AtMostSingle => value <= threshold,
        }
    }

    /// Whether a cut fits between two values of [`Comparison::value`], `low <= high`.
    pub(super) fn differ(self, low: f64, high: f64) -> bool {
        match self {
            Comparison::Below => low != high,
            // scikit-learn takes single-precision values within 1e-7 for one
            Comparison::AtMostSingle => high as f32 > low as f32 + 1e-7,
        }
    }

    /// Halfway, or the end that keeps both apart where halfway rounds to the other.
    pub(super) fn threshold(self, low: f64, high: f64) -> f64 {
        let middle = low / 2.0 + high / 2.0;
        match self {
            Comparison::Below if middle > low => middle,
            Comparison::Below => high,
            Comparison::AtMostSingle if middle < high => middle,
            Comparison::AtMostSingle => low,
        }
    }
}

impl BoostedTree {
    pub(super) fn push_leaf(&mut self) {
        self.left.push(0);
        self.feature.push(0);
        self.threshold.push(0.0);
        self.value.push(0.0);
    }

    /// Gives a leaf two children; returns the left one.
    pub(super) fn split(&mut self, node: u32, feature: u32, threshold: f64) -> u32 {
        let left = self.left.len() as u32;
        self.push_leaf();
        self.push_leaf();
        self.left[node as usize] = left;
        self.feature[node as usize] = feature;
        self.threshold[node as usize] = threshold;
        left
    }

    /// What the leaf adds in which `value(feature)` ends.
    pub(super) fn predict(&self, comparison: Comparison, value: impl Fn(usize) -> f64) -> f64 {
        let mut node = 0;
        while self.left[node] != 0 {
            let seen = comparison.value(value(self.feature[node] as usize));
            let left = comparison.goes_left(seen, self.threshold[node]);
            node = self.left[node] as usize + usize::from(!left);
        }
        self.value[node]
    }

    fn check(&self, features: usize) -> Result<(), PartsError> {
        let nodes = self.left.len();
        same_length("feature", self.feature.len(), nodes)?;
        same_length("threshold", self.threshold.len(), nodes)?;
        same_length("value", self.value.len(), nodes)?;
        in_range("left", 0, nodes > 0)?;
        finite("threshold", &self.threshold)?;
        finite("value", &self.value)?;
        for (index, &left) in self.left.iter().enumerate().filter(|(_, l)| **l != 0) {
            // children come after their parent, so every walk ends
            let left = left as usize;
            in_range("left", index, left > index && left + 1 < nodes)?;
            in_range("feature", index, (self.feature[index] as usize) < features)?;
        }
        Ok(())
    }
}

/// Boosted trees ready to predict.
#[derive(Debug)]
pub(crate) struct FittedGbm {
    model: GbmModel,
}

impl FittedGbm {
    /// Checks plain data.
    pub(crate) fn new(model: GbmModel) -> Result<FittedGbm, PartsError> {
        let features = model.feature_names.len();
        same_length("importance", model.importance.len(), features)?;
        finite("importance", &model.importance)?;
        model.baseline.check()?;
        for tree in &model.trees {
            tree.check(features)?;
        }
        Ok(FittedGbm { model })
    }

    fn score(&self, patient: ArrayView1<f64>) -> f64 {
        let add = |tree: &BoostedTree| tree.predict(self.model.comparison, |f| patient[f]);
        // starts from +0, so the null model's risk is 0 and not −0
        self.model
            .trees
            .iter()
            .fold(0.0, |sum, tree| sum + add(tree))
    }
}

impl Model for FittedGbm {
    fn feature_names(&self) -> &[String] {
        &self.model.feature_names
    }

    fn risk(&self, x: ArrayView2<f64>) -> Result<RiskScores, PredictError> {
        check_prediction(x, &self.model.feature_names)?;
        let x = x.as_standard_layout();
        let risk = (0..x.nrows())
            .into_par_iter()
            .with_min_len(64)
            .map(|row| self.score(x.row(row)))
            .collect();
        Ok(RiskScores::higher_is_worse(risk)?)
    }

    fn survival(
        &self,
        x: ArrayView2<f64>,
        times: &[f64],
    ) -> Option<Result<Array2<f64>, PredictError>> {
        let checked = check_times(times).and_then(|()| self.risk(x));
        Some(checked.map(|risk| self.model.baseline.survival(risk.values(), times)))
    }

    fn importance(&self) -> Option<Vec<f64>> {
        Some(self.model.importance.clone())
    }

    fn last_time(&self) -> Option<f64> {
        self.model.baseline.times.last().copied()
    }

    fn holds_training_rows(&self) -> bool {
        false
    }

    fn parts(&self) -> ModelParts {
        ModelParts::Gbm(self.model.clone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn stump() -> GbmModel {
        GbmModel {
            feature_names: vec!["a".into()],
            comparison: Comparison::Below,
            trees: vec![BoostedTree {
                left: vec![1, 0, 0],
                feature: vec![0, 0, 0],
                threshold: vec![0.5, 0.0, 0.0],
                value: vec![0.0, -0.25, 1.0],
            }],
            importance: vec![1.0],
            baseline: Baseline {
                times: vec![2.0],
                hazard: vec![0.5],
            },
        }
    }

    #[test]
    fn a_stump_by_hand() {
        let x = ndarray::array![[0.5], [0.4]];
        let below = FittedGbm::new(stump()).unwrap();
        assert_eq!(below.risk(x.view()).unwrap().values(), [1.0, -0.25]);
        let s = below.survival(x.view(), &[1.0, 3.0]).unwrap().unwrap();
        assert_eq!(s[[0, 0]], 1.0);
        assert_eq!(s[[1, 1]], libm::exp(-0.5 * libm::exp(-0.25)));
        let comparison = Comparison::AtMostSingle;
        let single = GbmModel {
            comparison,
            ..stump()
        };
        // 0.5 + 1e-12 is 0.5 in single precision
        let x = ndarray::array![[0.5 + 1e-12], [0.6]];
        let single = FittedGbm::new(single).unwrap();
        assert_eq!(single.risk(x.view()).unwrap().values(), [-0.25, 1.0]);
    }

    #[test]
    fn damaged_data_is_refused() {
        let refused = |change: fn(&mut GbmModel)| {
            let mut model = stump();
            change(&mut model);
            FittedGbm::new(model).unwrap_err().to_string()
        };
        assert_eq!(
            refused(|m| m.trees[0].left[0] = 2),
            "left entry 0 is out of range"
        );
        assert_eq!(
            refused(|m| m.trees[0].feature[0] = 1),
            "feature entry 0 is out of range"
        );
        assert_eq!(
            refused(|m| m.trees[0].value[2] = f64::NAN),
            "value entry 2 is not finite"
        );
        assert_eq!(
            refused(|m| m.importance.clear()),
            "importance has 0 entries, must be 1"
        );
        assert_eq!(
            refused(|m| m.baseline.hazard[0] = -1.0),
            "baseline hazard entry 0 is out of range"
        );
    }
}
