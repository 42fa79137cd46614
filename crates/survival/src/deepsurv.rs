//! DeepSurv: a network's output as the log relative hazard of Cox's model.

mod loss;
mod model;
mod params;
mod train;

use cohort::FollowUp;
use ndarray::ArrayView2;

use crate::baseline::Baseline;
use crate::keyed::Draws;
use crate::learner::{FitError, Learner, Model, check_training};
use crate::net::{Batch, STREAM_INIT, Scaling, draw_layers, predict};
use crate::settings::SettingsError;

pub use loss::{RiskSetTies, cox_loss};
pub use model::DeepSurvModel;
pub(crate) use model::FittedDeepSurv;
pub use params::{DeepSurvParams, EarlyStopping};

/// DeepSurv: Cox's partial likelihood of a dense network's scores.
///
/// # Formula
/// risk = g(z), z the standardised features, g the network; loss: [`cox_loss`] of each batch, plus c Σ W² of the hidden
/// layers; S(t | x) = exp( −H0(t) exp g ), H0 Breslow's baseline with the scores of all training patients.
///
/// Epochs walk all training rows in a new order, `batch_size` at a time. With [`EarlyStopping`] a share of the patients,
/// drawn apart among events and censored, is held out; their loss (weights as they are, running means, nothing dropped)
/// is taken after each epoch, training ends when it has not fallen for `patience` epochs, and the weights of the best
/// epoch are kept.
///
/// # Ties and edges
/// A constant column is 0 for everybody. A batch without an event, or of one row under batch normalisation, is passed
/// over. Without features everybody has one risk.
///
/// # Randomness
/// Weights, orders and dropped outputs come from streams 0, 1 and 2 of ChaCha8 seeded with the fit's seed, the hold-out
/// from the seed itself. Training runs on one thread.
///
/// # Errors
/// [`FitError::TooFewEvents`] when early stopping has fewer than two events to share; [`FitError::Diverged`].
///
/// # Reference
/// Katzman et al., BMC Med. Res. Methodol. 18 (2018) 24; Kvamme, Borgan, Scheel, JMLR 20 (2019) 129.
///
/// # Agrees with
/// pycox 0.3.0: 50 Adam steps from given weights on veteran and pbc, losses, weights and scores to 1e-4 (seen: 3.4e-7);
/// cross-validated C-index of [`DeepSurvParams::tuned`] (`tests/net_oracle.rs`, figures in `docs/parity-learners.md`).
///
/// # Differs from
/// The hold-out is stratified by event; pycox leaves it to the caller. Tied times enter the risk set together unless
/// [`RiskSetTies::RowOrder`] is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct DeepSurv {
    params: DeepSurvParams,
}

impl DeepSurv {
    /// Takes the parameters after checking their ranges.
    ///
    /// # Errors
    /// [`SettingsError`] names the parameter and its limit.
    pub fn new(params: DeepSurvParams) -> Result<DeepSurv, SettingsError> {
        params.check()?;
        Ok(DeepSurv { params })
    }

    /// The parameters as given.
    pub fn params(&self) -> &DeepSurvParams {
        &self.params
    }
}

impl Learner for DeepSurv {
    fn fit(
        &self,
        x: ArrayView2<f64>,
        names: &[String],
        follow_up: &FollowUp,
        seed: u64,
    ) -> Result<Box<dyn Model>, FitError> {
        check_training(x, names, follow_up)?;
        let scaling = Scaling::fit(x);
        let z = scaling.apply(x);
        let specs = self.params.layers();
        let layers = draw_layers(&specs, z.ncols(), &mut Draws::new(seed, STREAM_INIT));
        let trained = train::train(z.view(), follow_up, layers, &self.params, seed)?;
        let all: Vec<usize> = (0..z.nrows()).collect();
        let scores = predict(&trained.layers, &Batch::gather(z.view(), &all));
        Ok(Box::new(
            FittedDeepSurv::new(DeepSurvModel {
                feature_names: names.to_vec(),
                scaling,
                layers: trained.layers,
                epochs: trained.epochs,
                baseline: Baseline::breslow(follow_up, &scores)?,
            })
            .map_err(FitError::Unfit)?,
        ))
    }
}
