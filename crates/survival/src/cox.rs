//! Cox's proportional-hazards model as a learner.

use cohort::{FollowUp, RiskScores};
use ndarray::{Array2, ArrayView2};
use stats::censored::Ties;
use stats::cox::{CoxFit, CoxParams, fit_cox};

use crate::learner::{
    FitError, Learner, Model, ModelParts, PartsError, PredictError, check_prediction, check_times,
    check_training, finite, in_range, same_length,
};

/// Cox's proportional-hazards model: the yardstick for every other learner.
///
/// # Formula
/// risk η(x) = Σ_j β_j (x_j − mean_j), β at the maximum of the partial likelihood;
/// S(t | x) = exp( −H0(t) exp η ), H0 the baseline cumulative hazard at the training means
///
/// # Ties and edges
/// Without features it is the null model: risk 0 for everybody, survival from the events alone. Nothing is drawn at
/// random, so the seed has no effect.
///
/// # Errors
/// [`FitError::TooManyFeatures`] unless there are fewer features than events; [`FitError::Cox`] for a constant or
/// collinear column and for events that a feature separates: the column is named, no coefficient is invented.
///
/// # Reference
/// Cox, JRSS B 34 (1972) 187–220; Efron, JASA 72 (1977) 557–565.
///
/// # Agrees with
/// R survival 3.5-3 `coxph` and `survfit` on veteran, pbc and gbsg: `tests/cox_oracle.rs` here for the learner,
/// the parity tests of crate `stats` for the regression.
///
/// # Differs from
/// R drops a collinear column and warns of separation; here both are errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cox {
    /// Tied event times, in the partial likelihood and in the baseline.
    pub ties: Ties,
}

impl Cox {
    /// Efron's ties: R's default.
    pub fn efron() -> Cox {
        Cox { ties: Ties::Efron }
    }

    /// Breslow's ties.
    pub fn breslow() -> Cox {
        Cox {
            ties: Ties::Breslow,
        }
    }
}

/// A fitted Cox model as plain data. Holds distinct training times, no training row.
#[derive(Debug, Clone, PartialEq)]
pub struct CoxModel {
    /// Columns expected, in order.
    pub feature_names: Vec<String>,
    /// Log hazard ratio β per unit of each column.
    pub coefficients: Vec<f64>,
    /// Mean of each column in training, where the linear predictor is 0.
    pub means: Vec<f64>,
    /// Times at which the baseline may rise, ascending, in the unit of the training follow-up.
    pub baseline_times: Vec<f64>,
    /// Cumulative baseline hazard H0 from each of these times on, not falling; 0 before the first.
    pub baseline_hazard: Vec<f64>,
}

impl Learner for Cox {
    fn fit(
        &self,
        x: ArrayView2<f64>,
        names: &[String],
        follow_up: &FollowUp,
        _seed: u64,
    ) -> Result<Box<dyn Model>, FitError> {
        check_training(x, names, follow_up)?;
        let (features, events) = (x.ncols(), follow_up.n_events());
        if features >= events {
            return Err(FitError::TooManyFeatures { features, events });
        }
        let params = match self.ties {
            Ties::Efron => CoxParams::efron(),
            Ties::Breslow => CoxParams::breslow(),
        };
        let fit = fit_cox(x, names, follow_up, &params).map_err(FitError::Cox)?;
        Ok(Box::new(FittedCox {
            model: CoxModel::from(fit),
        }))
    }
}

impl From<CoxFit> for CoxModel {
    fn from(fit: CoxFit) -> CoxModel {
        CoxModel {
            feature_names: fit.names,
            coefficients: fit.coefficients,
            means: fit.means,
            baseline_times: fit.baseline.times().to_vec(),
            baseline_hazard: fit.baseline.values().to_vec(),
        }
    }
}

/// A Cox model ready to predict.
#[derive(Debug)]
pub(crate) struct FittedCox {
    model: CoxModel,
}

impl FittedCox {
    /// Checks plain data.
    pub(crate) fn new(model: CoxModel) -> Result<FittedCox, PartsError> {
        let p = model.feature_names.len();
        same_length("coefficients", model.coefficients.len(), p)?;
        same_length("means", model.means.len(), p)?;
        let (times, hazard) = (&model.baseline_times, &model.baseline_hazard);
        same_length("baseline_hazard", hazard.len(), times.len())?;
        finite("coefficients", &model.coefficients)?;
        finite("means", &model.means)?;
        finite("baseline_times", times)?;
        finite("baseline_hazard", hazard)?;
        for index in 0..times.len() {
            let (after, lowest) = match index.checked_sub(1) {
                Some(before) => (times[before] < times[index], hazard[before]),
                None => (true, 0.0),
            };
            in_range("baseline_times", index, after)?;
            in_range("baseline_hazard", index, hazard[index] >= lowest)?;
        }
        Ok(FittedCox { model })
    }

    fn predictor(&self, x: ArrayView2<f64>) -> Vec<f64> {
        let model = &self.model;
        x.rows()
            .into_iter()
            .map(|row| {
                let terms = row.iter().zip(&model.coefficients).zip(&model.means);
                // starts from +0, so the null model's risk is 0 and not −0
                terms.fold(0.0, |sum, ((v, b), mean)| sum + b * (v - mean))
            })
            .collect()
    }

    fn hazard_at(&self, time: f64) -> f64 {
        let seen = self.model.baseline_times.partition_point(|t| *t <= time);
        match seen {
            0 => 0.0,
            seen => self.model.baseline_hazard[seen - 1],
        }
    }
}

impl Model for FittedCox {
    fn feature_names(&self) -> &[String] {
        &self.model.feature_names
    }

    fn risk(&self, x: ArrayView2<f64>) -> Result<RiskScores, PredictError> {
        check_prediction(x, &self.model.feature_names)?;
        Ok(RiskScores::higher_is_worse(self.predictor(x))?)
    }

    fn survival(
        &self,
        x: ArrayView2<f64>,
        times: &[f64],
    ) -> Option<Result<Array2<f64>, PredictError>> {
        let checked = check_times(times).and_then(|()| self.risk(x));
        let hazard: Vec<f64> = times.iter().map(|t| self.hazard_at(*t)).collect();
        Some(checked.map(|risk| {
            let eta = risk.values();
            Array2::from_shape_fn((eta.len(), times.len()), |(i, k)| {
                // no hazard, no product: 0 · exp(η) would be undefined where exp overflows
                if hazard[k] > 0.0 {
                    libm::exp(-hazard[k] * libm::exp(eta[i]))
                } else {
                    1.0
                }
            })
        }))
    }

    fn last_time(&self) -> Option<f64> {
        self.model.baseline_times.last().copied()
    }

    fn holds_training_rows(&self) -> bool {
        false
    }

    fn parts(&self) -> ModelParts {
        ModelParts::Cox(self.model.clone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn model() -> CoxModel {
        CoxModel {
            feature_names: vec!["a".into()],
            coefficients: vec![2.0],
            means: vec![1.0],
            baseline_times: vec![3.0, 5.0],
            baseline_hazard: vec![0.1, 0.4],
        }
    }

    #[test]
    fn prediction_by_hand() {
        let fitted = FittedCox::new(model()).unwrap();
        let x = ndarray::array![[1.0], [1.5]];
        assert_eq!(fitted.risk(x.view()).unwrap().values(), [0.0, 1.0]);
        let s = fitted
            .survival(x.view(), &[2.9, 3.0, 7.0])
            .unwrap()
            .unwrap();
        assert_eq!(s[[1, 0]], 1.0);
        assert_eq!(s[[0, 1]], libm::exp(-0.1));
        assert_eq!(s[[1, 2]], libm::exp(-0.4 * libm::exp(1.0)));
    }

    #[test]
    fn damaged_data_is_refused() {
        let refused = |change: fn(&mut CoxModel)| {
            let mut damaged = model();
            change(&mut damaged);
            FittedCox::new(damaged).unwrap_err().to_string()
        };
        assert_eq!(
            refused(|m| m.means.clear()),
            "means has 0 entries, must be 1"
        );
        assert_eq!(
            refused(|m| m.coefficients[0] = f64::NAN),
            "coefficients entry 0 is not finite"
        );
        assert_eq!(
            refused(|m| m.baseline_times[1] = 3.0),
            "baseline_times entry 1 is out of range"
        );
        assert_eq!(
            refused(|m| m.baseline_hazard[1] = 0.05),
            "baseline_hazard entry 1 is out of range"
        );
    }
}
