//! XGBoost's boosted trees, written here.

mod aft;
mod columns;
mod grow;
mod model;
mod objective;
mod params;

use cohort::FollowUp;
use ndarray::ArrayView2;

use crate::baseline::Baseline;
use crate::keyed::Draws;
use crate::learner::{FitError, Learner, Model, check_training};
use crate::settings::SettingsError;
use columns::Columns;
use grow::grow;
use objective::{Gradient, Objective};

pub(crate) use model::FittedXgboost;
pub use model::{XgboostModel, XgboostTree};
pub use params::{AftDistribution, TreeMethod, XgboostObjective, XgboostParams};

/// Boosted trees with penalised Newton steps, as XGBoost grows them.
///
/// # Formula
/// margin_0 = log base_score; margin_m(x) = margin_{m−1}(x) + η · leaf_m(x). With first and second derivatives g, h of the
/// loss and sums G, H over a node, a leaf is w = −T(G) / (H + λ), T soft-thresholding at α, and a cut gains
/// T(G_l)² / (H_l + λ) + T(G_r)² / (H_r + λ) − T(G)² / (H + λ); `x < cut` goes left.
/// Cox: risk = margin, S(t | x) = exp( −H0(t) exp margin ), H0 Breslow's on the training margins.
/// AFT: log t = margin + σ ε, risk = −margin, S(t | x) = 1 − F( (log t − margin) / σ ).
///
/// # Ties and edges
/// Tied times are Breslow's, but among tied rows the sums of 1 / risk set grow row by row, as in XGBoost. Of equal gains
/// the first feature wins, then the larger value (exact) or the smaller (hist). A cut must gain more than 1e-6. Without
/// features, or where no cut is allowed, everybody has one risk.
///
/// # Precision
/// Values, derivatives, gains and leaves are single precision, sums double, as there.
///
/// # Randomness
/// Patients and features of tree m are drawn from stream m of ChaCha8 seeded with the fit's seed. With all shares 1 the
/// seed has no effect.
///
/// # Errors
/// [`FitError::TimeNotPositive`] for a time of 0 with AFT.
///
/// # Reference
/// Chen and Guestrin, KDD 2016, 785–794; Barnwal, Cho, Hocking, J. Comput. Graph. Stat. 31 (2022) 1292–1302.
///
/// # Agrees with
/// XGBoost 3.2.0: margins after 1, 10 and 100 rounds to the last bit for `survival:cox` and `survival:aft`, `exact` and `hist`, on
/// five data sets (`tests/xgboost_oracle.rs`); the stored model is a file that XGBoost loads and predicts the same from.
///
/// # Differs from
/// Its generator: fits with shares below 1 differ as fits with other seeds do. `hist` sketches a column of more than
/// 8 `max_bin` distinct values, or of more rows than 16 `max_bin`, approximately; here quantiles are exact. Cox risk sets are
/// what repeated subtraction leaves; once margins spread over some 20, as after 60 rounds of depth 6 and step 0.3 or after a
/// few without penalty, the last bit of an exponential decides what is left for the last patients, and margins can differ by
/// more than 1. Here a risk set of which subtraction lost more than half is summed anew.
/// An event at time 0 counts as one; its label cannot say so. Missing values
/// are refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Xgboost {
    params: XgboostParams,
}

impl Xgboost {
    /// Takes the parameters after checking their ranges.
    ///
    /// # Errors
    /// [`SettingsError`] names the parameter and its limit.
    pub fn new(params: XgboostParams) -> Result<Xgboost, SettingsError> {
        params.check()?;
        Ok(Xgboost { params })
    }

    /// The parameters as given.
    pub fn params(&self) -> &XgboostParams {
        &self.params
    }

    /// Where boosting starts, on the scale of predictions.
    fn base_score(&self, objective: &Objective, n: usize) -> f32 {
        match (self.params.base_score, objective) {
            (Some(given), _) => given as f32,
            (None, Objective::Aft { .. }) => 0.5,
            (None, Objective::Cox { .. }) => {
                let (mut first, mut second) = (0.0, 0.0);
                for Gradient {
                    first: g,
                    second: h,
                } in objective.gradients(&vec![0.0; n])
                {
                    first += f64::from(g);
                    second += f64::from(h);
                }
                libm::expf((-first / second.max(1e-6)) as f32)
            }
        }
    }

    /// Rows that tree `m` sees, ascending.
    fn rows(&self, n: usize, draws: &mut Draws) -> Vec<u32> {
        let all = 0..n as u32;
        if self.params.subsample == 1.0 {
            return all.collect();
        }
        let scale = 1u32 << 30;
        let below = (self.params.subsample * f64::from(scale)) as u32;
        all.filter(|_| draws.below(scale) < below).collect()
    }
}

impl Learner for Xgboost {
    fn fit(
        &self,
        x: ArrayView2<f64>,
        names: &[String],
        follow_up: &FollowUp,
        seed: u64,
    ) -> Result<Box<dyn Model>, FitError> {
        check_training(x, names, follow_up)?;
        crate::gbm::check_size(x)?;
        if let XgboostObjective::Aft { .. } = self.params.objective {
            crate::svm::positive_times(follow_up)?;
        }
        let objective = Objective::new(self.params.objective, follow_up);
        let columns = Columns::new(x, self.params.tree_method);
        let base_score = self.base_score(&objective, x.nrows());
        let mut margin = vec![libm::logf(base_score) + 0.0; x.nrows()];
        let mut trees = Vec::with_capacity(self.params.n_rounds);
        for m in 0..self.params.n_rounds {
            let mut draws = Draws::new(seed, m as u64);
            let gradients = objective.gradients(&margin);
            let rows = self.rows(x.nrows(), &mut draws);
            let tree = grow(&columns, &self.params, &gradients, rows, &mut draws);
            for (row, margin) in margin.iter_mut().enumerate() {
                *margin += tree.predict(|feature| columns.values[feature][row]);
            }
            trees.push(tree);
        }
        let baseline = match objective {
            Objective::Cox { .. } => {
                let margin: Vec<f64> = margin.iter().map(|m| f64::from(*m)).collect();
                Baseline::breslow(follow_up, &margin)?
            }
            Objective::Aft { .. } => Baseline::default(),
        };
        let model = XgboostModel {
            feature_names: names.to_vec(),
            objective: self.params.objective,
            base_score,
            trees,
            baseline,
        };
        let fitted = FittedXgboost::new(model).map_err(FitError::Unfit)?;
        Ok(Box::new(fitted))
    }
}
