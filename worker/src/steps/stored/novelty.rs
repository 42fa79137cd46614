//! The reference of `apply-novelty`.

use artefact::models::{NoveltyModel, StoredModel};
use ndarray::Array2;
use stats::novelty::{Novelty, Shape};
use stats::standardise::{ScaledColumn, Standardiser};

use super::same_length;
use crate::step::StepError;

pub(in crate::steps) fn from_novelty(fitted: Novelty) -> NoveltyModel {
    let Novelty {
        shape,
        distances,
        outside,
    } = fitted;
    let columns = &shape.standardiser.columns;
    NoveltyModel {
        varying: columns.iter().map(|c| c.feature.clone()).collect(),
        mean: columns.iter().map(|c| c.mean).collect(),
        std_dev: columns.iter().map(|c| c.std_dev).collect(),
        loadings: shape
            .loadings
            .rows()
            .into_iter()
            .map(|r| r.to_vec())
            .collect(),
        variances: shape.variances,
        noise_variance: shape.noise_variance,
        features: shape.features,
        lower: shape.lower,
        upper: shape.upper,
        distances,
        outside: outside.into_iter().map(|n| n as u64).collect(),
    }
}

pub(in crate::steps) fn to_novelty(bytes: &[u8]) -> Result<Novelty, StepError> {
    let model = NoveltyModel::decode(bytes)?;
    same_length(&[model.features.len(), model.lower.len(), model.upper.len()])?;
    let p = model.varying.len();
    same_length(&[p, model.mean.len(), model.std_dev.len()])?;
    same_length(&[model.loadings.len(), model.variances.len()])?;
    for row in &model.loadings {
        same_length(&[p, row.len()])?;
    }
    let column = |((feature, mean), std_dev)| ScaledColumn {
        feature,
        mean,
        std_dev,
    };
    let columns = model.varying.into_iter().zip(model.mean).zip(model.std_dev);
    Ok(Novelty {
        shape: Shape {
            standardiser: Standardiser {
                columns: columns.map(column).collect(),
                constant: Vec::new(),
            },
            loadings: Array2::from_shape_fn((model.loadings.len(), p), |(i, j)| {
                model.loadings[i][j]
            }),
            variances: model.variances,
            noise_variance: model.noise_variance,
            features: model.features,
            lower: model.lower,
            upper: model.upper,
        },
        distances: model.distances,
        outside: model.outside.into_iter().map(|n| n as usize).collect(),
    })
}
