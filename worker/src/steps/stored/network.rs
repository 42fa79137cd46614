//! Networks and their stored twins.

use artefact::models;
use survival::{
    Activation, BatchNorm, DeepSurvModel, DeepSurvNetwork, DenseLayer, DnnSurvModel, Scaling,
};

use super::gbm::{from_baseline, to_baseline, unknown};
use crate::step::StepError;

pub(super) fn from_deepsurv(model: DeepSurvModel) -> models::DeepSurvModel {
    let mut networks = model.networks.into_iter().map(from_network);
    // a model without a network is not made
    let first = networks.next().unwrap_or(models::Network {
        layers: Vec::new(),
        epochs: 0,
    });
    models::DeepSurvModel {
        features: model.feature_names,
        means: model.scaling.means,
        std_devs: model.scaling.std_devs,
        layers: first.layers,
        epochs: first.epochs,
        others: networks.collect(),
        baseline: from_baseline(model.baseline),
    }
}

fn from_network(network: DeepSurvNetwork) -> models::Network {
    models::Network {
        layers: network.layers.into_iter().map(from_layer).collect(),
        epochs: network.epochs as u64,
    }
}

fn to_network(network: models::Network) -> Result<DeepSurvNetwork, StepError> {
    Ok(DeepSurvNetwork {
        layers: to_layers(network.layers)?,
        epochs: size("epochs", network.epochs)?,
    })
}

pub(super) fn to_deepsurv(model: models::DeepSurvModel) -> Result<DeepSurvModel, StepError> {
    let first = models::Network {
        layers: model.layers,
        epochs: model.epochs,
    };
    let networks = std::iter::once(first).chain(model.others);
    Ok(DeepSurvModel {
        feature_names: model.features,
        scaling: Scaling {
            means: model.means,
            std_devs: model.std_devs,
        },
        networks: networks.map(to_network).collect::<Result<_, _>>()?,
        baseline: to_baseline(model.baseline),
    })
}

pub(super) fn from_dnnsurv(model: DnnSurvModel) -> models::DnnSurvModel {
    models::DnnSurvModel {
        features: model.feature_names,
        means: model.scaling.means,
        std_devs: model.scaling.std_devs,
        cutpoints: model.cutpoints,
        between_cutpoints: models::DnnSurvModel::CONSTANT.to_owned(),
        layers: model.layers.into_iter().map(from_layer).collect(),
    }
}

pub(super) fn to_dnnsurv(model: models::DnnSurvModel) -> Result<DnnSurvModel, StepError> {
    Ok(DnnSurvModel {
        feature_names: model.features,
        scaling: Scaling {
            means: model.means,
            std_devs: model.std_devs,
        },
        cutpoints: model.cutpoints,
        layers: to_layers(model.layers)?,
    })
}

fn from_layer(layer: DenseLayer) -> models::DenseLayer {
    models::DenseLayer {
        inputs: layer.inputs as u64,
        outputs: layer.outputs as u64,
        weights: layer.weights,
        bias: layer.bias,
        activation: match layer.activation {
            Activation::Identity => "identity",
            Activation::Relu => "relu",
            Activation::Selu => "selu",
            Activation::Tanh => "tanh",
            Activation::Sigmoid => "sigmoid",
        }
        .to_owned(),
        batch_norm: layer.batch_norm.map(|norm| models::BatchNorm {
            scale: norm.scale,
            shift: norm.shift,
            running_mean: norm.running_mean,
            running_variance: norm.running_variance,
        }),
    }
}

fn to_layers(layers: Vec<models::DenseLayer>) -> Result<Vec<DenseLayer>, StepError> {
    layers.into_iter().map(to_layer).collect()
}

fn to_layer(layer: models::DenseLayer) -> Result<DenseLayer, StepError> {
    Ok(DenseLayer {
        inputs: size("inputs", layer.inputs)?,
        outputs: size("outputs", layer.outputs)?,
        weights: layer.weights,
        bias: layer.bias,
        activation: match layer.activation.as_str() {
            "identity" => Activation::Identity,
            "relu" => Activation::Relu,
            "selu" => Activation::Selu,
            "tanh" => Activation::Tanh,
            "sigmoid" => Activation::Sigmoid,
            other => return Err(unknown("activation", other)),
        },
        batch_norm: layer.batch_norm.map(|norm| BatchNorm {
            scale: norm.scale,
            shift: norm.shift,
            running_mean: norm.running_mean,
            running_variance: norm.running_variance,
        }),
    })
}

fn size(field: &str, value: u64) -> Result<usize, StepError> {
    usize::try_from(value).map_err(|_| unknown(field, &value.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{decode, encode};
    use cohort::FollowUp;
    use ndarray::Array2;
    use survival::{DeepSurv, DeepSurvParams, DnnSurv, DnnSurvParams, Learner};

    fn come_back(learner: &dyn Learner) {
        let x = Array2::from_shape_fn((60, 3), |(i, j)| ((i * 7 + j * 13) % 17) as f64 / 3.0);
        let names: Vec<String> = (0..3).map(|j| format!("f{j}")).collect();
        let time = (0..60).map(|i| f64::from((i * 11) % 23)).collect();
        let f = FollowUp::new(time, (0..60).map(|i| i % 3 > 0).collect()).unwrap();
        let model = learner.fit(x.view(), &names, &f, 3).unwrap();
        let bytes = encode(model.as_ref()).unwrap();
        let again = decode(&bytes).unwrap();
        assert!(again.parts() == model.parts());
        assert_eq!(encode(again.as_ref()).unwrap(), bytes);
        let odd = String::from_utf8(bytes).unwrap();
        let odd = odd.replace(r#""activation":""#, r#""activation":"nearly-"#);
        let refused = decode(odd.as_bytes()).unwrap_err().to_string();
        assert!(
            refused.contains("which this program does not know"),
            "{refused}"
        );
    }

    #[test]
    fn a_network_comes_back_from_bytes_with_the_same_bits() {
        come_back(&DeepSurv::new(DeepSurvParams::tuned()).unwrap());
        come_back(&DnnSurv::new(DnnSurvParams::paper()).unwrap());
    }
}
