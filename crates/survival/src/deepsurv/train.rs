//! Epochs, batches and when to stop.

use cohort::FollowUp;
use ndarray::ArrayView2;
use stats::folds::event_stratified_folds;

use super::loss::{Groups, descending};
use super::{DeepSurvParams, HoldOut, RiskSetTies, Streams};
use crate::hold_out::hold_out;
use crate::keyed::Draws;
use crate::learner::FitError;
use crate::net::{Batch, DenseLayer, STREAM_DROPOUT, STREAM_ORDER, Training, predict};

/// A network after training.
pub(crate) struct Trained {
    pub(crate) layers: Vec<DenseLayer>,
    /// Epochs in the weights.
    pub(crate) epochs: usize,
    /// Mean loss over the batches of each epoch.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(crate) losses: Vec<f64>,
}

/// Trains `layers` on those of the standardised rows `z` that are not `held_out` (empty: on all).
pub(crate) fn train(
    z: ArrayView2<f64>,
    follow_up: &FollowUp,
    held_out: &[bool],
    layers: Vec<DenseLayer>,
    params: &DeepSurvParams,
    streams: Streams,
) -> Result<Trained, FitError> {
    let order = descending(follow_up.time());
    let is_held_out = |row: &usize| held_out.get(*row).copied().unwrap_or(false);
    let (apart, used): (Vec<usize>, Vec<usize>) = order.into_iter().partition(is_held_out);
    let mut epochs = Epochs::new(z, follow_up, used, params, layers, streams);
    let mut judge = (!apart.is_empty()).then(|| Judge::new(z, follow_up, &apart, params));
    let mut losses = Vec::new();
    for epoch in 1..=params.max_epochs {
        losses.push(epochs.run(params).ok_or(FitError::Diverged { epoch })?);
        if let Some(judge) = &mut judge
            && judge.stops(epoch, &epochs.training.layers)?
        {
            break;
        }
    }
    let all = (epochs.training.layers, params.max_epochs);
    let (layers, epochs) = judge.and_then(|judge| judge.best).unwrap_or(all);
    Ok(Trained {
        layers,
        epochs,
        losses,
    })
}

/// Of each network to be trained: per row whether it is held out, or nothing without early stopping.
pub(crate) fn hold_outs(
    follow_up: &FollowUp,
    params: &DeepSurvParams,
    seed: u64,
) -> Result<Vec<Vec<bool>>, FitError> {
    let Some(stop) = params.early_stopping else {
        return Ok(vec![Vec::new()]);
    };
    let events = follow_up.n_events();
    if events < 2 {
        return Err(FitError::TooFewEvents {
            events,
            at_least: 2,
        });
    }
    Ok(match stop.hold_out {
        HoldOut::Share(share) => vec![hold_out(follow_up, share, seed)],
        HoldOut::Folds(folds) => {
            let folds = folds.min(events);
            let fold = event_stratified_folds(follow_up, folds, seed).unwrap_or_default();
            let of = |k: usize| fold.iter().map(|f| *f == k).collect();
            (0..folds).map(of).collect()
        }
    })
}

/// The rows that are learnt from, in descending time, and the network.
struct Epochs {
    training: Training,
    all: Batch,
    follow_up: FollowUp,
    order: Vec<u32>,
    /// For a batch that is everybody, made once.
    whole: Groups,
    input: Batch,
    gradient: Vec<f64>,
    order_draws: Draws,
    dropout: Draws,
}

impl Epochs {
    fn new(
        z: ArrayView2<f64>,
        follow_up: &FollowUp,
        used: Vec<usize>,
        params: &DeepSurvParams,
        layers: Vec<DenseLayer>,
        streams: Streams,
    ) -> Epochs {
        let follow_up = follow_up.select(&used);
        let places: Vec<usize> = (0..used.len()).collect();
        Epochs {
            training: Training::new(layers, &params.layers(), params.optimiser),
            all: Batch::gather(z, &used),
            whole: Groups::new(&follow_up, &places, params.ties),
            follow_up,
            order: (0..used.len() as u32).collect(),
            input: Batch::default(),
            gradient: Vec::new(),
            order_draws: streams.draws(STREAM_ORDER),
            dropout: streams.draws(STREAM_DROPOUT),
        }
    }

    /// One pass over the rows: the mean loss of its batches, `None` when one is not finite.
    fn run(&mut self, params: &DeepSurvParams) -> Option<f64> {
        let n = self.order.len();
        if n <= params.batch_size {
            let scores = self
                .training
                .forward(&self.all, &mut self.dropout)
                .column(0);
            if !enough(n, self.follow_up.n_events(), params) {
                return Some(0.0);
            }
            let loss = self.whole.gradient(&scores, &mut self.gradient)?;
            self.training.backward(&self.all, &self.gradient);
            return Some(loss);
        }
        self.order_draws.choose_front(&mut self.order, n);
        let (mut sum, mut batches) = (0.0, 0.0);
        for start in (0..n).step_by(params.batch_size) {
            let rows = &self.order[start..(start + params.batch_size).min(n)];
            let mut rows = rows.to_vec();
            // rows are numbered in descending time
            rows.sort_unstable();
            let places: Vec<usize> = rows.iter().map(|&row| row as usize).collect();
            let events = places
                .iter()
                .filter(|&&row| self.follow_up.event()[row])
                .count();
            if !enough(rows.len(), events, params) {
                continue;
            }
            self.input.take(&self.all, &rows);
            let scores = self
                .training
                .forward(&self.input, &mut self.dropout)
                .column(0);
            let mut groups = Groups::new(&self.follow_up, &places, params.ties);
            sum += groups.gradient(&scores, &mut self.gradient)?;
            batches += 1.0;
            self.training.backward(&self.input, &self.gradient);
        }
        Some(if batches > 0.0 { sum / batches } else { 0.0 })
    }
}

/// Whether a batch can be learnt from.
fn enough(rows: usize, events: usize, params: &DeepSurvParams) -> bool {
    events > 0 && (rows > 1 || !params.batch_norm)
}

/// The held-out rows, in descending time, and the best weights so far.
struct Judge {
    input: Batch,
    groups: Groups,
    patience: usize,
    least: f64,
    best: Option<(Vec<DenseLayer>, usize)>,
}

impl Judge {
    fn new(
        z: ArrayView2<f64>,
        follow_up: &FollowUp,
        rows: &[usize],
        params: &DeepSurvParams,
    ) -> Judge {
        Judge {
            input: Batch::gather(z, rows),
            groups: Groups::new(follow_up, rows, RiskSetTies::Breslow),
            patience: params
                .early_stopping
                .map_or(usize::MAX, |stop| stop.patience),
            least: f64::INFINITY,
            best: None,
        }
    }

    fn stops(&mut self, epoch: usize, layers: &[DenseLayer]) -> Result<bool, FitError> {
        let scores = predict(layers, &self.input);
        let loss = self
            .groups
            .loss(&scores)
            .ok_or(FitError::Diverged { epoch })?;
        if loss < self.least {
            self.least = loss;
            self.best = Some((layers.to_vec(), epoch));
        }
        let best = self.best.as_ref().map_or(0, |(_, epoch)| *epoch);
        Ok(epoch - best >= self.patience)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::common::{Data, close, json, numbers};
    use crate::net::{Activation, Optimiser, Scaling};
    use serde_json::Value;

    fn layer(weights: &Value, bias: &Value, activation: Activation) -> DenseLayer {
        let rows: Vec<Vec<f64>> = weights.as_array().unwrap().iter().map(numbers).collect();
        DenseLayer {
            inputs: rows[0].len(),
            outputs: rows.len(),
            weights: rows.concat(),
            bias: if bias.is_null() {
                Vec::new()
            } else {
                numbers(bias)
            },
            activation,
            batch_norm: None,
        }
    }

    fn layers(state: &Value) -> Vec<DenseLayer> {
        let of = |i: usize, part: &str, suffix: &str| &state[format!("net.{i}{part}.{suffix}")];
        let hidden = |i| {
            layer(
                of(i, ".linear", "weight"),
                of(i, ".linear", "bias"),
                Activation::Tanh,
            )
        };
        vec![
            hidden(0),
            hidden(1),
            layer(of(2, "", "weight"), &Value::Null, Activation::Identity),
        ]
    }

    #[test]
    fn fifty_steps_from_given_weights_are_pycoxs() {
        for name in ["veteran", "pbc"] {
            let Some(data) = Data::read(name) else { return };
            let oracle = &json("k_deep/deepsurv_fullbatch_trajectory.json").unwrap()[name];
            let params = DeepSurvParams {
                hidden: vec![8, 4],
                activation: Activation::Tanh,
                batch_norm: false,
                dropout: 0.0,
                optimiser: Optimiser::adam(0.01),
                batch_size: 10_000,
                max_epochs: 50,
                early_stopping: None,
                ties: RiskSetTies::RowOrder,
                ..DeepSurvParams::tuned()
            };
            let z = Scaling::fit(data.x.view()).apply(data.x.view());
            let start = layers(&oracle["init"]);
            let streams = Streams::of(0, 0);
            let trained = train(z.view(), &data.follow_up, &[], start, &params, streams).unwrap();
            let mut worst: f64 = 0.0;
            let mut check = |seen: &[f64], expected: &[f64], what: &str| {
                assert_eq!(seen.len(), expected.len());
                for (s, e) in seen.iter().zip(expected) {
                    worst = worst.max((s - e).abs());
                    close(*s, *e, 1e-4, &format!("{name} {what}"));
                }
            };
            check(&trained.losses, &numbers(&oracle["loss_per_epoch"]), "loss");
            for (seen, expected) in trained.layers.iter().zip(layers(&oracle["final"])) {
                check(&seen.weights, &expected.weights, "weights");
                check(&seen.bias, &expected.bias, "bias");
            }
            let all: Vec<usize> = (0..z.nrows()).collect();
            let scores = predict(&trained.layers, &Batch::gather(z.view(), &all));
            let expected = numbers(&oracle["pred_final_original_row_order"]);
            check(&scores, &expected, "scores");
            eprintln!("{name}: largest difference {worst:.1e}");
        }
    }

    #[test]
    fn folds_hold_out_everybody_once_and_each_has_an_event() {
        let f = FollowUp::new(vec![1.0; 40], (0..40).map(|i| i % 10 == 0).collect()).unwrap();
        let outs = hold_outs(&f, &DeepSurvParams::tuned(), 3).unwrap();
        // four events: no fifth fold
        assert_eq!(outs.len(), 4);
        for row in 0..40 {
            assert_eq!(outs.iter().filter(|out| out[row]).count(), 1);
        }
        assert!(
            outs.iter()
                .all(|out| (0..40).any(|i| out[i] && f.event()[i]))
        );
        let none = hold_outs(&f, &DeepSurvParams::survivalmodels(), 3).unwrap();
        assert_eq!(none, [Vec::<bool>::new()]);
    }
}
