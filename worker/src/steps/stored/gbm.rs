//! Boosted trees and their stored twin.

use artefact::models;
use survival::{Baseline, BoostedTree, Comparison, GbmModel};

use crate::step::StepError;

pub(super) fn from_gbm(model: GbmModel) -> models::GbmModel {
    models::GbmModel {
        features: model.feature_names,
        comparison: match model.comparison {
            Comparison::Below => "below",
            Comparison::AtMostSingle => "at-most-single",
        }
        .to_owned(),
        trees: model.trees.into_iter().map(from_tree).collect(),
        importance: model.importance,
        baseline: from_baseline(model.baseline),
    }
}

pub(super) fn to_gbm(model: models::GbmModel) -> Result<GbmModel, StepError> {
    Ok(GbmModel {
        feature_names: model.features,
        comparison: match model.comparison.as_str() {
            "below" => Comparison::Below,
            "at-most-single" => Comparison::AtMostSingle,
            other => return Err(unknown("comparison", other)),
        },
        trees: model.trees.into_iter().map(to_tree).collect(),
        importance: model.importance,
        baseline: to_baseline(model.baseline),
    })
}

pub(super) fn from_baseline(baseline: Baseline) -> models::Baseline {
    let Baseline { times, hazard } = baseline;
    models::Baseline { times, hazard }
}

pub(super) fn to_baseline(baseline: models::Baseline) -> Baseline {
    let models::Baseline { times, hazard } = baseline;
    Baseline { times, hazard }
}

/// A word that this program does not know.
pub(super) fn unknown(field: &str, word: &str) -> StepError {
    StepError::refuse(
        "model-damaged",
        format!("the model's {field} is `{word}`, which this program does not know"),
    )
}

fn from_tree(tree: BoostedTree) -> models::BoostedTree {
    let BoostedTree {
        left,
        feature,
        threshold,
        value,
    } = tree;
    models::BoostedTree {
        left,
        feature,
        threshold,
        value,
    }
}

fn to_tree(tree: models::BoostedTree) -> BoostedTree {
    let models::BoostedTree {
        left,
        feature,
        threshold,
        value,
    } = tree;
    BoostedTree {
        left,
        feature,
        threshold,
        value,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{decode, encode};
    use cohort::FollowUp;
    use ndarray::Array2;
    use survival::{Gbm, GbmParams, Learner};

    #[test]
    fn boosted_trees_come_back_from_bytes_with_the_same_bits() {
        let x = Array2::from_shape_fn((60, 3), |(i, j)| ((i * 7 + j * 13) % 17) as f64 / 3.0);
        let names: Vec<String> = (0..3).map(|j| format!("f{j}")).collect();
        let time = (0..60).map(|i| f64::from((i * 11) % 23)).collect();
        let f = FollowUp::new(time, (0..60).map(|i| i % 3 > 0).collect()).unwrap();
        for params in [GbmParams::gbm(), GbmParams::sksurv()] {
            let learner = Gbm::new(params).unwrap();
            let model = learner.fit(x.view(), &names, &f, 3).unwrap();
            let bytes = encode(model.as_ref()).unwrap();
            let again = decode(&bytes).unwrap();
            assert!(again.parts() == model.parts());
            assert_eq!(encode(again.as_ref()).unwrap(), bytes);
            let unknown = String::from_utf8(bytes).unwrap();
            let unknown = unknown.replace(r#""comparison":""#, r#""comparison":"about-"#);
            let refused = decode(unknown.as_bytes()).unwrap_err().to_string();
            assert!(
                refused.contains("which this program does not know"),
                "{refused}"
            );
        }
    }
}
