//! Weights before the first step.

use super::layer::{Activation, BatchNorm, DenseLayer};
use crate::keyed::Draws;

/// How weights W \[outputs, inputs\] and biases are drawn.
///
/// # Reference
/// Glorot and Bengio, AISTATS 2010; He et al., ICCV 2015.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Init {
    /// W and b uniform on ± 1/√inputs: what PyTorch's `Linear` draws (its `kaiming_uniform` with a = √5).
    TorchLinear,
    /// W normal with variance 2 / inputs, b uniform on ± 1/√inputs: torchtuples' hidden layers.
    HeNormal,
    /// W uniform on ± √(6 / (inputs + outputs)), b = 0: Keras' `Dense`.
    GlorotUniform,
}

/// A layer to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LayerSpec {
    pub(crate) outputs: usize,
    pub(crate) activation: Activation,
    pub(crate) init: Init,
    pub(crate) bias: bool,
    pub(crate) batch_norm: bool,
    /// Share of outputs set to 0 while training.
    pub(crate) dropout: f64,
    /// Penalty c Σ W² added to the loss.
    pub(crate) l2: f64,
}

/// Draws all layers, weights before biases, first layer first.
pub(crate) fn draw_layers(
    specs: &[LayerSpec],
    inputs: usize,
    draws: &mut Draws,
) -> Vec<DenseLayer> {
    let mut width = inputs;
    specs
        .iter()
        .map(|spec| {
            let layer = draw(spec, width, draws);
            width = spec.outputs;
            layer
        })
        .collect()
}

fn draw(spec: &LayerSpec, inputs: usize, draws: &mut Draws) -> DenseLayer {
    let outputs = spec.outputs;
    let bound = 1.0 / (inputs.max(1) as f64).sqrt();
    let mut weight = || match spec.init {
        Init::TorchLinear => bound * (2.0 * draws.uniform() - 1.0),
        Init::HeNormal => (2.0 / inputs.max(1) as f64).sqrt() * draws.normal(),
        Init::GlorotUniform => {
            (6.0 / (inputs + outputs) as f64).sqrt() * (2.0 * draws.uniform() - 1.0)
        }
    };
    let weights = (0..outputs * inputs).map(|_| weight()).collect();
    let mut bias = || match spec.init {
        Init::GlorotUniform => 0.0,
        Init::TorchLinear | Init::HeNormal => bound * (2.0 * draws.uniform() - 1.0),
    };
    let bias = if spec.bias {
        (0..outputs).map(|_| bias()).collect()
    } else {
        Vec::new()
    };
    DenseLayer {
        inputs,
        outputs,
        weights,
        bias,
        activation: spec.activation,
        batch_norm: spec.batch_norm.then(|| BatchNorm {
            scale: vec![1.0; outputs],
            shift: vec![0.0; outputs],
            running_mean: vec![0.0; outputs],
            running_variance: vec![1.0; outputs],
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(init: Init) -> (f64, f64) {
        let spec = LayerSpec {
            outputs: 100,
            activation: Activation::Relu,
            init,
            bias: true,
            batch_norm: false,
            dropout: 0.0,
            l2: 0.0,
        };
        let layers = draw_layers(&[spec], 50, &mut Draws::new(4, 0));
        let w = &layers[0].weights;
        let largest = w.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        (
            largest,
            w.iter().map(|v| v * v).sum::<f64>() / w.len() as f64,
        )
    }

    #[test]
    fn weights_have_the_variance_of_their_kind() {
        let (largest, variance) = spread(Init::TorchLinear);
        assert!(largest <= 1.0 / 50f64.sqrt());
        // 5000 draws: the standard error is below 2 % of each variance
        assert!((variance * 150.0 - 1.0).abs() < 0.06, "{variance}");
        let (_, variance) = spread(Init::HeNormal);
        assert!((variance * 25.0 - 1.0).abs() < 0.08, "{variance}");
        let (largest, variance) = spread(Init::GlorotUniform);
        assert!(largest <= 0.2 && (variance * 75.0 - 1.0).abs() < 0.06);
    }
}
