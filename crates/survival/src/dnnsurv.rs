//! DNNSurv: a network's output as the probability of surviving an interval, learnt from pseudo-values.

mod model;
mod params;
mod pseudo;

use cohort::FollowUp;
use ndarray::{Array2, ArrayView2};

use crate::keyed::Draws;
use crate::learner::{FitError, Learner, Model, check_training};
use crate::net::{
    Batch, DenseLayer, STREAM_DROPOUT, STREAM_INIT, STREAM_ORDER, Scaling, Training, draw_layers,
};
use crate::settings::SettingsError;

pub use model::DnnSurvModel;
pub(crate) use model::FittedDnnSurv;
pub use params::{Cutpoints, DnnSurvParams, HiddenLayer};
pub use pseudo::{PseudoValue, conditional_pseudo_values};

/// DNNSurv: conditional pseudo-values of survival by a dense network with time as an input.
///
/// # Formula
/// p_j(x) = sigmoid( g(z, e_j) ), z the standardised features, e_j one column an interval; loss: mean of
/// (p_j(x_i) − value_ij)² over a batch of pseudo-values ([`conditional_pseudo_values`]), plus Σ_layers c Σ W²;
/// S(c_j | x) = Π_{l ≤ j} p_l(x), constant from a cutpoint to the next; risk = Σ_j −log S(c_j | x)
///
/// # Ties and edges
/// Cutpoints not above 0, equal ones and those at whose interval's start nobody is at risk are left out. A constant
/// column is 0 for everybody. Without features everybody has one risk. Before the first cutpoint S is 1, after the last
/// it stays.
///
/// # Randomness
/// Weights, orders and dropped outputs come from streams 0, 1 and 2 of ChaCha8 seeded with the fit's seed. Training runs
/// on one thread.
///
/// # Errors
/// [`FitError::NoInterval`] when no cutpoint is left; [`FitError::Diverged`].
///
/// # Reference
/// Zhao and Feng, IEEE J. Biomed. Health Inform. 24 (2020) 3308–3314.
///
/// # Agrees with
/// A PyTorch DNNSurv after the paper's description: cross-validated C-index of [`DnnSurvParams::paper`] on five data sets
/// (`tests/net_oracle.rs`, figures in `docs/parity-learners.md`); pseudo-values see [`conditional_pseudo_values`].
///
/// # Differs from
/// survivalmodels rounds S to four digits and then scores S = 0 as no risk at all; here it is the highest risk. The
/// program that goes with the paper fails where an interval has no event; here the pseudo-value is 1 there.
#[derive(Debug, Clone, PartialEq)]
pub struct DnnSurv {
    params: DnnSurvParams,
}

impl DnnSurv {
    /// Takes the parameters after checking their ranges.
    ///
    /// # Errors
    /// [`SettingsError`] names the parameter and its limit.
    pub fn new(params: DnnSurvParams) -> Result<DnnSurv, SettingsError> {
        params.check()?;
        Ok(DnnSurv { params })
    }

    /// The parameters as given.
    pub fn params(&self) -> &DnnSurvParams {
        &self.params
    }

    fn train(
        &self,
        z: &Array2<f64>,
        values: &[PseudoValue],
        intervals: usize,
        seed: u64,
    ) -> Result<Vec<DenseLayer>, FitError> {
        let params = &self.params;
        let input = inputs(z, values, intervals);
        let specs = params.layers();
        let layers = draw_layers(&specs, input.width(), &mut Draws::new(seed, STREAM_INIT));
        let mut training = Training::new(layers, &specs, params.optimiser);
        let mut order_draws = Draws::new(seed, STREAM_ORDER);
        let mut dropout = Draws::new(seed, STREAM_DROPOUT);
        let mut order: Vec<u32> = (0..values.len() as u32).collect();
        let mut batch = Batch::default();
        for epoch in 1..=params.epochs {
            order_draws.choose_front(&mut order, values.len());
            for rows in order.chunks(params.batch_size) {
                batch.take(&input, rows);
                let logits = training.forward(&batch, &mut dropout).column(0);
                let gradient = squared_error_gradient(&logits, rows, values);
                if gradient.iter().any(|g| !g.is_finite()) {
                    return Err(FitError::Diverged { epoch });
                }
                training.backward(&batch, &gradient);
            }
        }
        Ok(training.layers)
    }
}

impl Learner for DnnSurv {
    fn fit(
        &self,
        x: ArrayView2<f64>,
        names: &[String],
        follow_up: &FollowUp,
        seed: u64,
    ) -> Result<Box<dyn Model>, FitError> {
        check_training(x, names, follow_up)?;
        let cutpoints = cutpoints(&self.params.cutpoints, follow_up);
        if cutpoints.is_empty() {
            return Err(FitError::NoInterval);
        }
        let values = conditional_pseudo_values(follow_up, &cutpoints);
        let scaling = Scaling::fit(x);
        let layers = self.train(&scaling.apply(x), &values, cutpoints.len(), seed)?;
        let model = DnnSurvModel {
            feature_names: names.to_vec(),
            scaling,
            cutpoints,
            layers,
        };
        Ok(Box::new(
            FittedDnnSurv::new(model).map_err(FitError::Unfit)?,
        ))
    }
}

/// One row a pseudo-value: the patient's columns, then one column an interval.
fn inputs(z: &Array2<f64>, values: &[PseudoValue], intervals: usize) -> Batch {
    let mut input = Batch::default();
    input.resize(values.len(), z.ncols() + intervals);
    for (place, pseudo) in values.iter().enumerate() {
        for (column, value) in z.row(pseudo.row).iter().enumerate() {
            input.set(place, column, *value);
        }
        input.set(place, z.ncols() + pseudo.interval, 1.0);
    }
    input
}

/// ∂/∂logit of the mean of (p − value)²: 2 (p − value) p (1 − p) / n.
fn squared_error_gradient(logits: &[f64], rows: &[u32], values: &[PseudoValue]) -> Vec<f64> {
    let n = rows.len() as f64;
    logits
        .iter()
        .zip(rows)
        .map(|(logit, &row)| {
            let p = 1.0 / (1.0 + libm::exp(-logit));
            2.0 * (p - values[row as usize].value) * p * (1.0 - p) / n
        })
        .collect()
}

/// Ascending, above 0, each with somebody at risk at the start of its interval.
fn cutpoints(kind: &Cutpoints, follow_up: &FollowUp) -> Vec<f64> {
    let time = follow_up.time();
    let mut cuts = match kind {
        Cutpoints::Given(times) => times.clone(),
        Cutpoints::EventQuantiles { k } => {
            let event = follow_up.event();
            let rows = (0..time.len()).filter(|&row| event[row]);
            let mut times: Vec<f64> = rows.map(|row| time[row]).collect();
            times.sort_by(f64::total_cmp);
            (1..*k).filter_map(|j| quantile(&times, j, *k)).collect()
        }
        Cutpoints::EquallySpaced { n } => {
            let first = time.iter().copied().fold(f64::INFINITY, f64::min);
            let last = time.iter().copied().fold(0.0, f64::max);
            let width = (last - first) / (*n as f64 - 1.0);
            let between = |j: usize| first + j as f64 * width;
            (0..n - 1).map(between).chain([last]).collect()
        }
    };
    let last = time.iter().copied().fold(0.0, f64::max);
    let mut before = 0.0;
    cuts.retain(|&cut| {
        let kept = cut > before && before < last;
        if kept {
            before = cut;
        }
        kept
    });
    cuts
}

/// R's type 7 quantile j / k of ascending values.
fn quantile(values: &[f64], j: usize, k: usize) -> Option<f64> {
    let at = (values.len().checked_sub(1)? * j) as f64 / k as f64;
    let below = at.floor();
    let low = *values.get(below as usize)?;
    let high = values.get(below as usize + 1).copied().unwrap_or(low);
    Some(low + (at - below) * (high - low))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn time_is_cut_where_it_was_asked_to_be() {
        let f = FollowUp::new(
            vec![0.0, 4.0, 2.0, 10.0, 8.0],
            vec![true, true, true, false, true],
        )
        .unwrap();
        let cut = |kind| cutpoints(&kind, &f);
        // event times 0, 2, 4, 8: R's quantile(c(0, 2, 4, 8), 1:3 / 4) is 1.5, 3, 5
        assert_eq!(cut(Cutpoints::EventQuantiles { k: 4 }), [1.5, 3.0, 5.0]);
        assert_eq!(cut(Cutpoints::EquallySpaced { n: 3 }), [5.0, 10.0]);
        // nobody is at risk after 10
        assert_eq!(cut(Cutpoints::Given(vec![3.0, 12.0, 15.0])), [3.0, 12.0]);
        let zero = FollowUp::new(vec![0.0, 0.0], vec![true, true]).unwrap();
        assert!(cutpoints(&Cutpoints::EventQuantiles { k: 10 }, &zero).is_empty());
    }
}
