//! DeepSurv: a network's output as the log relative hazard of Cox's model.

mod loss;
mod model;
mod params;
mod train;

use cohort::FollowUp;
use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::baseline::Baseline;
use crate::keyed::Draws;
use crate::learner::{FitError, Learner, Model, check_training};
use crate::net::{STREAM_INIT, Scaling, draw_layers};
use crate::settings::SettingsError;

pub use loss::{RiskSetTies, cox_loss};
pub(crate) use model::FittedDeepSurv;
pub use model::{DeepSurvModel, DeepSurvNetwork};
pub use params::{DeepSurvParams, EarlyStopping, HoldOut};

/// DeepSurv: Cox's partial likelihood of the scores of a dense network, or of a committee of them.
///
/// # Formula
/// risk = g(z), z the standardised features, g the network; loss: [`cox_loss`] of each batch, plus c Σ W² of the hidden
/// layers; S(t | x) = exp( −H0(t) exp g ), H0 Breslow's baseline with the scores of all training patients.
///
/// Epochs walk all training rows in a new order, `batch_size` at a time. With [`EarlyStopping`] patients are held out; their
/// loss (weights as they are, running means, nothing dropped) is taken after each epoch, training ends when it has not
/// fallen for `patience` epochs, and the weights of the best epoch are kept. Held out is a share of the patients, or
/// ([`HoldOut::Folds`]) each of k folds in turn: k networks, each stopped by another fold, whose scores are averaged,
/// g = (1/k) Σ g_m (a cross-validation committee). Shares and folds are drawn apart among events and censored.
///
/// # Ties and edges
/// Folds are no more than events, so that each has one. A constant column is 0 for everybody. A batch without an event, or
/// of one row under batch normalisation, is passed over. Without features everybody has one risk.
///
/// # Randomness
/// Weights, orders and dropped outputs of network m (from 0) come from streams 3m, 3m + 1 and 3m + 2 of ChaCha8 seeded with
/// the fit's seed, hold-out and folds from the seed itself. Each network trains on one thread: the same bits on any number.
///
/// # Errors
/// [`FitError::TooFewEvents`] when early stopping has fewer than two events to share; [`FitError::Diverged`].
///
/// # Reference
/// Katzman et al., BMC Med. Res. Methodol. 18 (2018) 24; Kvamme, Borgan, Scheel, JMLR 20 (2019) 129; committees: Krogh &
/// Vedelsby, NIPS 7 (1995) 231–238; Parmanto, Munro & Doyle, NIPS 8 (1996) 882–888.
///
/// # Agrees with
/// pycox 0.3.0: 50 Adam steps from given weights on veteran and pbc, losses, weights and scores to 1e-4 (seen: 3.4e-7);
/// cross-validated C-index of [`DeepSurvParams::pycox`] to two standard errors, and of [`DeepSurvParams::tuned`] at
/// most 0.005 lower on any (`tests/net_oracle.rs`, figures in `docs/parity-learners.md`).
///
/// # Differs from
/// pycox trains one network, whom one small hold-out stops by chance. The hold-out is stratified by event; pycox leaves it
/// to the caller. Tied times enter the risk set together unless [`RiskSetTies::RowOrder`] is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct DeepSurv {
    params: DeepSurvParams,
}

/// The random numbers of one network of a fit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Streams {
    seed: u64,
    first: u64,
}

impl Streams {
    fn of(seed: u64, member: u64) -> Streams {
        Streams {
            seed,
            first: 3 * member,
        }
    }

    fn draws(self, stream: u64) -> Draws {
        Draws::new(self.seed, self.first + stream)
    }
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
        let held_out = train::hold_outs(follow_up, &self.params, seed)?;
        let specs = self.params.layers();
        let networks = held_out
            .par_iter()
            .enumerate()
            .map(|(member, held_out)| {
                let streams = Streams::of(seed, member as u64);
                let layers = draw_layers(&specs, z.ncols(), &mut streams.draws(STREAM_INIT));
                train::train(z.view(), follow_up, held_out, layers, &self.params, streams)
            })
            .collect::<Vec<_>>();
        let networks = networks
            .into_iter()
            .map(|trained| {
                let train::Trained { layers, epochs, .. } = trained?;
                Ok(DeepSurvNetwork { layers, epochs })
            })
            .collect::<Result<Vec<_>, FitError>>()?;
        let scores = model::mean_scores(&networks, z.view());
        Ok(Box::new(
            FittedDeepSurv::new(DeepSurvModel {
                feature_names: names.to_vec(),
                scaling,
                networks,
                baseline: Baseline::breslow(follow_up, &scores)?,
            })
            .map_err(FitError::Unfit)?,
        ))
    }
}
