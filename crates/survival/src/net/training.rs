//! One network in training: forward with memory, backward, step.

use super::batch::{Batch, LANES};
use super::init::LayerSpec;
use super::kernels::{
    Affine, Centre, Multiply, NormBack, NormSums, Scale, Totals, WeightGradient, Weights, widest,
};
use super::layer::{BATCH_NORM_EPSILON, BatchNorm, DenseLayer};
use super::optimiser::{Optimiser, Steps};
use crate::keyed::Draws;

/// Weight of a new batch in the running mean and variance (PyTorch's `momentum`).
const MOMENTUM: f64 = 0.1;

/// Outputs whose fate is drawn at once.
const DRAWN: usize = 512;

/// A network in training.
pub(crate) struct Training {
    pub(crate) layers: Vec<DenseLayer>,
    specs: Vec<LayerSpec>,
    memory: Vec<Memory>,
    /// Gradient of every layer: weights, bias, scale, shift.
    gradient: Vec<f64>,
    steps: Steps,
    weights: Weights,
    delta: Batch,
    passed: Batch,
}

/// What a layer remembers of a batch.
#[derive(Default)]
struct Memory {
    /// After the activation.
    active: Batch,
    /// After centring and scaling, before γ and β; with its 1 / SD.
    normal: Batch,
    inverse_sd: Vec<f64>,
    /// After γ and β, or after dropout: what goes on, where it differs from `active`.
    out: Batch,
    /// 0 or 1 / (1 − dropout).
    mask: Batch,
}

impl Training {
    pub(crate) fn new(
        layers: Vec<DenseLayer>,
        specs: &[LayerSpec],
        optimiser: Optimiser,
    ) -> Training {
        let n_weights = layers.iter().map(n_weights).sum();
        Training {
            memory: layers.iter().map(|_| Memory::default()).collect(),
            layers,
            specs: specs.to_vec(),
            gradient: vec![0.0; n_weights],
            steps: Steps::new(optimiser, n_weights),
            weights: Weights::default(),
            delta: Batch::default(),
            passed: Batch::default(),
        }
    }

    /// The last layer's output for a batch, with this batch's means and variances and outputs dropped at random.
    pub(crate) fn forward(&mut self, input: &Batch, dropout: &mut Draws) -> &Batch {
        for index in 0..self.layers.len() {
            let (before, here) = self.memory.split_at_mut(index);
            let input = match before.last() {
                Some(last) => last.output(&self.specs[index - 1]),
                None => input,
            };
            let layer = &mut self.layers[index];
            layer.pack(&mut self.weights);
            widest(Affine::new(&self.weights, input, &mut here[0].active));
            here[0].forward(layer, &self.specs[index], dropout);
        }
        let last = self.layers.len() - 1;
        self.memory[last].output(&self.specs[last])
    }

    /// One step from the loss's derivative by each row's output; the penalty's is added here.
    pub(crate) fn backward(&mut self, input: &Batch, loss_by_output: &[f64]) {
        self.delta.resize(loss_by_output.len(), 1);
        for (row, d) in loss_by_output.iter().enumerate() {
            self.delta.set(row, 0, *d);
        }
        let mut end = self.gradient.len();
        for index in (0..self.layers.len()).rev() {
            let start = end - n_weights(&self.layers[index]);
            self.backward_layer(index, input, start, end);
            end = start;
        }
        self.steps.begin();
        let mut at = 0;
        for layer in &mut self.layers {
            for weights in parameters(layer) {
                let run = at..at + weights.len();
                self.steps.walk(at, weights, &self.gradient[run]);
                at += weights.len();
            }
        }
    }

    fn backward_layer(&mut self, index: usize, input: &Batch, start: usize, end: usize) {
        let (layer, spec) = (&self.layers[index], &self.specs[index]);
        let (before, here) = self.memory.split_at_mut(index);
        let memory = &mut here[0];
        let gradient = &mut self.gradient[start..end];
        let (of_weights, rest) = gradient.split_at_mut(layer.weights.len());
        let (of_bias, of_norm) = rest.split_at_mut(layer.bias.len());
        if spec.dropout > 0.0 {
            widest(Multiply {
                to: &mut self.delta,
                by: &memory.mask,
            });
        }
        if let Some(norm) = &layer.batch_norm {
            memory.backward_norm(norm, &mut self.delta, of_norm);
        }
        layer.activation.chain(&memory.active, &mut self.delta);
        let input = match before.last() {
            Some(last) => last.output(&self.specs[index - 1]),
            None => input,
        };
        widest(WeightGradient {
            delta: &self.delta,
            input,
            gradient: of_weights,
        });
        if spec.l2 > 0.0 {
            for (g, w) in of_weights.iter_mut().zip(&layer.weights) {
                *g += 2.0 * spec.l2 * w;
            }
        }
        if !of_bias.is_empty() {
            of_bias.copy_from_slice(&widest(Totals(&self.delta)));
        }
        if index > 0 {
            layer.pack_transposed(&mut self.weights);
            widest(Affine::new(&self.weights, &self.delta, &mut self.passed));
            std::mem::swap(&mut self.delta, &mut self.passed);
        }
    }
}

impl Memory {
    fn output(&self, spec: &LayerSpec) -> &Batch {
        if spec.batch_norm || spec.dropout > 0.0 {
            &self.out
        } else {
            &self.active
        }
    }

    /// What follows on the sums, which stand in `active`.
    fn forward(&mut self, layer: &mut DenseLayer, spec: &LayerSpec, dropout: &mut Draws) {
        layer.activation.apply(&mut self.active);
        self.active.clear_padding();
        match &mut layer.batch_norm {
            Some(norm) => self.forward_norm(norm),
            None if spec.dropout > 0.0 => self.out.clone_from(&self.active),
            None => {}
        }
        if spec.dropout > 0.0 {
            self.draw_mask(spec.dropout, dropout);
            widest(Multiply {
                to: &mut self.out,
                by: &self.mask,
            });
        }
    }

    /// Centres and scales by this batch and moves the running values.
    fn forward_norm(&mut self, norm: &mut BatchNorm) {
        let rows = self.active.rows();
        let n = rows as f64;
        let mut mean = widest(Totals(&self.active));
        mean.iter_mut().for_each(|m| *m /= n);
        let squares = widest(Centre {
            values: &self.active,
            mean: &mean,
            centred: &mut self.normal,
        });
        let inverse = |s: &f64| 1.0 / (s / n + BATCH_NORM_EPSILON).sqrt();
        self.inverse_sd = squares.iter().map(inverse).collect();
        for (o, (m, s)) in mean.iter().zip(&squares).enumerate() {
            let unbiased = if rows > 1 { s / (n - 1.0) } else { 0.0 };
            norm.running_mean[o] += MOMENTUM * (m - norm.running_mean[o]);
            norm.running_variance[o] += MOMENTUM * (unbiased - norm.running_variance[o]);
        }
        widest(Scale {
            normal: &mut self.normal,
            by: &self.inverse_sd,
            scale: &norm.scale,
            shift: &norm.shift,
            out: &mut self.out,
        });
    }

    /// ∂/∂γ = Σ δ x̂, ∂/∂β = Σ δ; δ ← γ / (n SD) · ( n δ − Σ δ − x̂ Σ δ x̂ ).
    fn backward_norm(&self, norm: &BatchNorm, delta: &mut Batch, gradient: &mut [f64]) {
        let n = delta.rows() as f64;
        let (of_scale, of_shift) = gradient.split_at_mut(norm.scale.len());
        let (sum, sum_by_normal) = widest(NormSums {
            delta,
            normal: &self.normal,
        });
        of_shift.copy_from_slice(&sum);
        of_scale.copy_from_slice(&sum_by_normal);
        let factor: Vec<f64> = norm
            .scale
            .iter()
            .zip(&self.inverse_sd)
            .map(|(scale, inverse)| scale * inverse / n)
            .collect();
        widest(NormBack {
            delta,
            normal: &self.normal,
            factor: &factor,
            sum: &sum,
            sum_by_normal: &sum_by_normal,
        });
        delta.clear_padding();
    }

    fn draw_mask(&mut self, dropout: f64, draws: &mut Draws) {
        let (rows, width) = (self.out.rows(), self.out.width());
        self.mask.reshape(rows, width);
        // an output stays with probability 1 − dropout, to 2⁻¹⁶
        let below = (dropout * 65_536.0).round() as u16;
        let kept = 1.0 / (1.0 - dropout);
        for lanes in self.mask.lanes_mut().chunks_mut(DRAWN / LANES) {
            let drawn: [u16; DRAWN] = draws.halves();
            for (m, drawn) in lanes.as_flattened_mut().iter_mut().zip(drawn) {
                *m = if drawn < below { 0.0 } else { kept };
            }
        }
    }
}

fn n_weights(layer: &DenseLayer) -> usize {
    let norm = layer.batch_norm.as_ref().map_or(0, |_| 2 * layer.outputs);
    layer.weights.len() + layer.bias.len() + norm
}

/// What is learnt, in the order of the gradient.
fn parameters(layer: &mut DenseLayer) -> impl Iterator<Item = &mut [f64]> {
    let (scale, shift) = match &mut layer.batch_norm {
        Some(norm) => (&mut norm.scale[..], &mut norm.shift[..]),
        None => (&mut [][..], &mut [][..]),
    };
    [&mut layer.weights[..], &mut layer.bias[..], scale, shift].into_iter()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::net::{Activation, Init, draw_layers};
    use ndarray::Array2;

    fn spec(outputs: usize, activation: Activation) -> LayerSpec {
        LayerSpec {
            outputs,
            activation,
            init: Init::TorchLinear,
            bias: true,
            batch_norm: outputs > 1,
            dropout: 0.0,
            l2: if outputs > 1 { 0.01 } else { 0.0 },
        }
    }

    /// Σ_r c_r out_r + penalty, and its gradient by the backward pass.
    fn loss(
        layers: &[DenseLayer],
        specs: &[LayerSpec],
        input: &Batch,
        c: &[f64],
    ) -> (f64, Vec<f64>) {
        let mut training = Training::new(layers.to_vec(), specs, Optimiser::adam(1e-3));
        let out = training.forward(input, &mut Draws::new(0, 2)).column(0);
        training.backward(input, c);
        let penalty: f64 = layers
            .iter()
            .zip(specs)
            .map(|(l, s)| s.l2 * l.weights.iter().map(|w| w * w).sum::<f64>())
            .sum();
        let value = out.iter().zip(c).map(|(o, c)| o * c).sum::<f64>() + penalty;
        (value, training.gradient)
    }

    #[test]
    fn the_gradient_is_the_limit_of_differences() {
        for activation in [Activation::Tanh, Activation::Selu, Activation::Sigmoid] {
            let specs = [
                spec(5, activation),
                spec(3, activation),
                spec(1, Activation::Identity),
            ];
            let mut draws = Draws::new(5, 0);
            let layers = draw_layers(&specs, 4, &mut draws);
            let x = Array2::from_shape_fn((11, 4), |_| draws.normal());
            let c: Vec<f64> = (0..11).map(|_| draws.normal()).collect();
            let input = Batch::gather(x.view(), &(0..11).collect::<Vec<_>>());
            let (_, gradient) = loss(&layers, &specs, &input, &c);
            let mut at = 0;
            for index in 0..layers.len() {
                let lengths: Vec<usize> = parameters(&mut layers[index].clone())
                    .map(|p| p.len())
                    .collect();
                for (part, len) in lengths.into_iter().enumerate() {
                    for entry in 0..len {
                        let moved = |h: f64| {
                            let mut layers = layers.clone();
                            parameters(&mut layers[index]).nth(part).unwrap()[entry] += h;
                            loss(&layers, &specs, &input, &c).0
                        };
                        let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                        assert!(
                            (gradient[at] - expected).abs() < 1e-6 * expected.abs().max(1.0),
                            "{activation:?} layer {index} part {part} entry {entry}: {} against {expected}",
                            gradient[at]
                        );
                        at += 1;
                    }
                }
            }
            assert_eq!(at, gradient.len());
        }
    }

    #[test]
    fn a_share_of_outputs_is_dropped_and_the_rest_made_up_for() {
        let mut memory = Memory::default();
        memory.out.resize(1000, 4);
        memory.draw_mask(0.4, &mut Draws::new(1, 2));
        let values: Vec<f64> = (0..4).flat_map(|o| memory.mask.column(o)).collect();
        let dropped = values.iter().filter(|v| **v == 0.0).count();
        // 1600 expected, standard deviation 31
        assert!((1450..1750).contains(&dropped), "{dropped}");
        assert!(values.iter().all(|v| *v == 0.0 || *v == 1.0 / 0.6));
    }
}
