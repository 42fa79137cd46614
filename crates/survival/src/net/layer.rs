//! A dense layer as plain data, its prediction and its checks.

use super::batch::Batch;
use super::kernels::{Affine, Relu, ReluBack, Weights, widest};
use crate::learner::{PartsError, finite, in_range, same_length};

/// What is added to the variance of a batch-normalised column (PyTorch's `eps`).
pub(crate) const BATCH_NORM_EPSILON: f64 = 1e-5;

/// The function after a layer's sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// z
    Identity,
    /// max(z, 0)
    Relu,
    /// λ z above 0, λ α (exp z − 1) below (Klambauer et al. 2017)
    Selu,
    /// tanh z
    Tanh,
    /// 1 / (1 + exp −z)
    Sigmoid,
}

const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;

impl Activation {
    fn of(self, z: f64) -> f64 {
        match self {
            Activation::Identity => z,
            Activation::Relu => z.max(0.0),
            Activation::Selu if z > 0.0 => SELU_SCALE * z,
            Activation::Selu => SELU_SCALE * SELU_ALPHA * libm::expm1(z),
            Activation::Tanh => libm::tanh(z),
            Activation::Sigmoid => 1.0 / (1.0 + libm::exp(-z)),
        }
    }

    /// Applies the function to every value.
    pub(crate) fn apply(self, batch: &mut Batch) {
        match self {
            Activation::Identity => {}
            Activation::Relu => widest(Relu(batch)),
            _ => {
                for v in batch.lanes_mut().as_flattened_mut() {
                    *v = self.of(*v);
                }
            }
        }
    }

    /// Multiplies `delta` with the derivative, which each of these functions tells from its value.
    pub(crate) fn chain(self, value: &Batch, delta: &mut Batch) {
        let slope = |y: f64| match self {
            Activation::Identity => 1.0,
            Activation::Relu => f64::from(u8::from(y > 0.0)),
            Activation::Selu if y > 0.0 => SELU_SCALE,
            Activation::Selu => y + SELU_SCALE * SELU_ALPHA,
            Activation::Tanh => 1.0 - y * y,
            Activation::Sigmoid => y * (1.0 - y),
        };
        match self {
            Activation::Identity => return,
            Activation::Relu => return widest(ReluBack { delta, value }),
            _ => {}
        }
        for (d, y) in delta.lanes_mut().iter_mut().zip(value.lanes()) {
            for k in 0..d.len() {
                d[k] *= slope(y[k]);
            }
        }
    }
}

/// Batch normalisation of a layer's outputs, after its activation.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNorm {
    /// Learnt factor γ of each output.
    pub scale: Vec<f64>,
    /// Learnt addend β of each output.
    pub shift: Vec<f64>,
    /// Running mean of each output.
    pub running_mean: Vec<f64>,
    /// Running variance (n − 1) of each output.
    pub running_variance: Vec<f64>,
}

/// A fitted dense layer: y = norm( activation( W x + b ) ).
#[derive(Debug, Clone, PartialEq)]
pub struct DenseLayer {
    /// Columns that come in.
    pub inputs: usize,
    /// Columns that go out.
    pub outputs: usize,
    /// W, row-major \[outputs, inputs\].
    pub weights: Vec<f64>,
    /// b; empty for none.
    pub bias: Vec<f64>,
    /// The function after the sums.
    pub activation: Activation,
    /// Normalisation after the activation, if any.
    pub batch_norm: Option<BatchNorm>,
}

impl DenseLayer {
    /// W and b as the forward pass reads them.
    pub(crate) fn pack(&self, to: &mut Weights) {
        let weight = |o: usize, i: usize| self.weights[o * self.inputs + i];
        let bias = |o: usize| self.bias.get(o).copied().unwrap_or(0.0);
        to.set(self.outputs, self.inputs, weight, bias);
    }

    /// Wᵀ as the backward pass reads it.
    pub(crate) fn pack_transposed(&self, to: &mut Weights) {
        let weight = |i: usize, o: usize| self.weights[o * self.inputs + i];
        to.set(self.inputs, self.outputs, weight, |_| 0.0);
    }

    /// Outputs for new rows: running means and variances, nothing dropped.
    fn predict(&self, input: &Batch) -> Batch {
        let (mut weights, mut out) = (Weights::default(), Batch::default());
        self.pack(&mut weights);
        widest(Affine::new(&weights, input, &mut out));
        self.activation.apply(&mut out);
        if let Some(norm) = &self.batch_norm {
            let (factor, addend): (Vec<f64>, Vec<f64>) = (0..self.outputs)
                .map(|o| {
                    let factor =
                        norm.scale[o] / (norm.running_variance[o] + BATCH_NORM_EPSILON).sqrt();
                    (factor, norm.shift[o] - norm.running_mean[o] * factor)
                })
                .unzip();
            for block in out.blocks_mut() {
                for ((v, f), a) in block.iter_mut().zip(&factor).zip(&addend) {
                    for x in v {
                        *x = *x * f + a;
                    }
                }
            }
        }
        out
    }

    fn check(&self) -> Result<(), PartsError> {
        let (inputs, outputs) = (self.inputs, self.outputs);
        in_range("outputs", 0, outputs > 0)?;
        let n_weights = inputs.saturating_mul(outputs);
        same_length("weights", self.weights.len(), n_weights)?;
        if !self.bias.is_empty() {
            same_length("bias", self.bias.len(), outputs)?;
        }
        finite("weights", &self.weights)?;
        finite("bias", &self.bias)?;
        let Some(norm) = &self.batch_norm else {
            return Ok(());
        };
        for (what, values) in [
            ("batch norm scale", &norm.scale),
            ("batch norm shift", &norm.shift),
            ("batch norm mean", &norm.running_mean),
            ("batch norm variance", &norm.running_variance),
        ] {
            same_length(what, values.len(), outputs)?;
            finite(what, values)?;
        }
        match norm.running_variance.iter().position(|v| *v < 0.0) {
            Some(index) => in_range("batch norm variance", index, false),
            None => Ok(()),
        }
    }
}

/// Layers that follow each other agree, and the last has one output.
pub(crate) fn check_layers(layers: &[DenseLayer], inputs: usize) -> Result<(), PartsError> {
    in_range("layers", 0, !layers.is_empty())?;
    let mut width = inputs;
    for (index, layer) in layers.iter().enumerate() {
        same_length("layer input", layer.inputs, width)?;
        layer.check()?;
        width = layer.outputs;
        in_range("layers", index, index + 1 < layers.len() || width == 1)?;
    }
    Ok(())
}

/// The last layer's output, one value a row.
pub(crate) fn predict(layers: &[DenseLayer], input: &Batch) -> Vec<f64> {
    let mut layers = layers.iter();
    let Some(first) = layers.next() else {
        return vec![0.0; input.rows()];
    };
    let out = layers.fold(first.predict(input), |out, layer| layer.predict(&out));
    out.column(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn slopes_are_the_limits_of_differences() {
        let all = [
            Activation::Identity,
            Activation::Relu,
            Activation::Selu,
            Activation::Tanh,
            Activation::Sigmoid,
        ];
        for activation in all {
            for z in [-2.0, -0.3, 0.4, 1.7] {
                let h = 1e-6;
                let expected = (activation.of(z + h) - activation.of(z - h)) / (2.0 * h);
                let x = ndarray::array![[activation.of(z)]];
                let value = Batch::gather(x.view(), &[0]);
                let mut delta = Batch::gather(ndarray::array![[1.0]].view(), &[0]);
                activation.chain(&value, &mut delta);
                assert!(
                    (delta.get(0, 0) - expected).abs() < 1e-8,
                    "{activation:?} at {z}"
                );
            }
        }
    }

    #[test]
    fn damaged_layers_are_refused() {
        let layer = || DenseLayer {
            inputs: 2,
            outputs: 1,
            weights: vec![1.0, 2.0],
            bias: Vec::new(),
            activation: Activation::Identity,
            batch_norm: Some(BatchNorm {
                scale: vec![1.0],
                shift: vec![0.0],
                running_mean: vec![0.0],
                running_variance: vec![1.0],
            }),
        };
        assert!(check_layers(&[layer()], 2).is_ok());
        assert!(check_layers(&[], 2).is_err());
        assert!(check_layers(&[layer()], 3).is_err());
        let mut damaged = layer();
        damaged.weights[1] = f64::NAN;
        assert_eq!(
            check_layers(&[damaged], 2).unwrap_err().to_string(),
            "weights entry 1 is not finite"
        );
        let mut damaged = layer();
        damaged.batch_norm.as_mut().unwrap().running_variance[0] = -1.0;
        assert!(check_layers(&[damaged], 2).is_err());
        let mut wide = layer();
        wide.outputs = usize::MAX;
        assert!(check_layers(&[wide], 2).is_err());
    }
}
