//! XGBoost models and their stored twin, which is XGBoost's own model file.

use artefact::models::{
    self, NO_PARENT, NoEntries, XgboostBooster, XgboostCounts, XgboostLearner, XgboostNoise,
    XgboostStart, XgboostTreeSizes, XgboostTrees,
};
use survival::{AftDistribution, XgboostModel, XgboostObjective, XgboostTree};

use super::gbm::{from_baseline, to_baseline, unknown};
use super::same_length;
use crate::step::StepError;

/// XGBoost whose form is written.
const VERSION: [u32; 3] = [3, 2, 0];

pub(super) fn from_xgboost(model: XgboostModel) -> models::XgboostModel {
    let features = model.feature_names.len();
    let rounds = model.trees.len() as u32;
    let trees = model.trees.iter().enumerate();
    models::XgboostModel {
        baseline: from_baseline(model.baseline),
        learner: XgboostLearner {
            attributes: NoEntries {},
            feature_types: Vec::new(),
            gradient_booster: XgboostBooster {
                model: XgboostTrees {
                    gbtree_model_param: XgboostCounts {
                        num_parallel_tree: "1".to_owned(),
                        num_trees: rounds.to_string(),
                    },
                    iteration_indptr: (0..=rounds).collect(),
                    tree_info: vec![0; model.trees.len()],
                    trees: trees
                        .map(|(id, tree)| from_tree(tree, id, features))
                        .collect(),
                },
                name: "gbtree".to_owned(),
            },
            learner_model_param: XgboostStart {
                base_score: model.base_score.to_string(),
                boost_from_average: "1".to_owned(),
                num_class: "0".to_owned(),
                num_feature: features.to_string(),
                num_target: "1".to_owned(),
            },
            objective: from_objective(model.objective),
            feature_names: model.feature_names,
        },
        version: VERSION,
    }
}

pub(super) fn to_xgboost(model: models::XgboostModel) -> Result<XgboostModel, StepError> {
    let learner = model.learner;
    let trees = learner.gradient_booster.model.trees;
    Ok(XgboostModel {
        feature_names: learner.feature_names,
        objective: to_objective(&learner.objective)?,
        base_score: number("base_score", &learner.learner_model_param.base_score)?,
        trees: trees.into_iter().map(to_tree).collect::<Result<_, _>>()?,
        baseline: to_baseline(model.baseline),
    })
}

fn from_objective(objective: XgboostObjective) -> models::XgboostObjective {
    let (name, noise) = match objective {
        XgboostObjective::Cox => ("survival:cox", None),
        XgboostObjective::Aft {
            distribution,
            scale,
        } => {
            let distribution = match distribution {
                AftDistribution::Normal => "normal",
                AftDistribution::Logistic => "logistic",
                AftDistribution::Extreme => "extreme",
            };
            let noise = XgboostNoise {
                aft_loss_distribution: distribution.to_owned(),
                aft_loss_distribution_scale: scale.to_string(),
            };
            ("survival:aft", Some(noise))
        }
    };
    models::XgboostObjective {
        aft_loss_param: noise,
        name: name.to_owned(),
    }
}

fn to_objective(objective: &models::XgboostObjective) -> Result<XgboostObjective, StepError> {
    match (objective.name.as_str(), &objective.aft_loss_param) {
        ("survival:cox", _) => Ok(XgboostObjective::Cox),
        ("survival:aft", Some(noise)) => Ok(XgboostObjective::Aft {
            distribution: match noise.aft_loss_distribution.as_str() {
                "normal" => AftDistribution::Normal,
                "logistic" => AftDistribution::Logistic,
                "extreme" => AftDistribution::Extreme,
                other => return Err(unknown("aft_loss_distribution", other)),
            },
            scale: number(
                "aft_loss_distribution_scale",
                &noise.aft_loss_distribution_scale,
            )?,
        }),
        (other, _) => Err(unknown("objective", other)),
    }
}

fn number<T: std::str::FromStr>(field: &str, text: &str) -> Result<T, StepError> {
    text.parse().map_err(|_| unknown(field, text))
}

fn from_tree(tree: &XgboostTree, id: usize, features: usize) -> models::XgboostTree {
    let nodes = tree.left.len();
    let mut parents = vec![NO_PARENT; nodes];
    let child = |left: u32, step: i32| if left == 0 { -1 } else { left as i32 + step };
    for (node, &left) in tree.left.iter().enumerate().filter(|(_, left)| **left != 0) {
        parents[left as usize] = node as u32;
        parents[left as usize + 1] = node as u32;
    }
    models::XgboostTree {
        base_weights: tree.weight.clone(),
        default_left: vec![0; nodes],
        id: id as u32,
        left_children: tree.left.iter().map(|&left| child(left, 0)).collect(),
        loss_changes: tree.gain.clone(),
        parents,
        right_children: tree.left.iter().map(|&left| child(left, 1)).collect(),
        split_conditions: tree.threshold.clone(),
        split_indices: tree.feature.clone(),
        split_type: vec![0; nodes],
        sum_hessian: tree.cover.clone(),
        tree_param: XgboostTreeSizes {
            num_deleted: "0".to_owned(),
            num_feature: features.to_string(),
            num_nodes: nodes.to_string(),
            size_leaf_vector: "1".to_owned(),
        },
        ..models::XgboostTree::default()
    }
}

fn to_tree(tree: models::XgboostTree) -> Result<XgboostTree, StepError> {
    same_length(&[tree.left_children.len(), tree.right_children.len()])?;
    let mut lefts = Vec::with_capacity(tree.left_children.len());
    for (&left, &right) in tree.left_children.iter().zip(&tree.right_children) {
        lefts.push(match (left, right) {
            (-1, -1) => 0,
            (left, right) if left > 0 && left.checked_add(1) == Some(right) => left as u32,
            (left, right) => {
                return Err(unknown("pair of children", &format!("{left}, {right}")));
            }
        });
    }
    Ok(XgboostTree {
        left: lefts,
        feature: tree.split_indices,
        threshold: tree.split_conditions,
        weight: tree.base_weights,
        gain: tree.loss_changes,
        cover: tree.sum_hessian,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{decode, encode};
    use cohort::FollowUp;
    use ndarray::Array2;
    use std::process::Command;
    use survival::{Learner, Model, TreeMethod, Xgboost, XgboostParams};

    fn matrix() -> Array2<f64> {
        Array2::from_shape_fn((80, 3), |(i, j)| ((i * 7 + j * 13) % 31) as f64 / 3.0)
    }

    fn fitted(params: XgboostParams) -> Box<dyn Model> {
        let names: Vec<String> = (0..3).map(|j| format!("f{j}")).collect();
        let time = (0..80).map(|i| f64::from(1 + (i * 11) % 37)).collect();
        let f = FollowUp::new(time, (0..80).map(|i| i % 3 > 0).collect()).unwrap();
        let learner = Xgboost::new(params).unwrap();
        learner.fit(matrix().view(), &names, &f, 3).unwrap()
    }

    fn both() -> [XgboostParams; 2] {
        let exact = XgboostParams {
            tree_method: TreeMethod::Exact,
            ..XgboostParams::cox()
        };
        [exact, XgboostParams::aft()]
    }

    #[test]
    fn models_come_back_from_bytes_with_the_same_bits() {
        for params in both() {
            let model = fitted(params);
            let bytes = encode(model.as_ref()).unwrap();
            let again = decode(&bytes).unwrap();
            assert!(again.parts() == model.parts());
            assert_eq!(encode(again.as_ref()).unwrap(), bytes);
        }
    }

    #[test]
    fn children_apart_are_refused() {
        let bytes = encode(fitted(XgboostParams::cox()).as_ref()).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let damaged = text.replacen(r#""left_children":[1,"#, r#""left_children":[2,"#, 1);
        assert_ne!(damaged, text);
        let refused = decode(damaged.as_bytes()).unwrap_err().to_string();
        assert!(refused.contains("pair of children is `2, 2`"), "{refused}");
    }

    /// Margins that XGBoost itself predicts from our bytes.
    const PREDICT: &str = "
import sys
try:
    import numpy, xgboost
except ImportError:
    sys.exit(77)
booster = xgboost.Booster(model_file=sys.argv[1])
rows = [[float(v) for v in line.split()] for line in sys.stdin]
matrix = xgboost.DMatrix(numpy.array(rows), feature_names=booster.feature_names)
for margin in booster.predict(matrix, output_margin=True):
    print(repr(float(margin)))
";

    #[test]
    fn xgboost_loads_the_file_and_predicts_the_same() {
        let python = std::env::var("RADLOOM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let folder = tempfile::tempdir().unwrap();
        let rows: Vec<String> = matrix()
            .rows()
            .into_iter()
            .map(|row| format!("{} {} {}\n", row[0], row[1], row[2]))
            .collect();
        let (script, table) = (folder.path().join("predict.py"), folder.path().join("rows"));
        std::fs::write(&script, PREDICT).unwrap();
        std::fs::write(&table, rows.concat()).unwrap();
        for (params, sign) in both().into_iter().zip([1.0, -1.0]) {
            let model = fitted(params);
            let file = folder.path().join("model.json");
            std::fs::write(&file, encode(model.as_ref()).unwrap()).unwrap();
            let run = Command::new(&python)
                .args([&script, &file])
                .stdin(std::fs::File::open(&table).unwrap())
                .output();
            let Ok(run) = run else {
                eprintln!("skipped: no {python}");
                return;
            };
            if run.status.code() == Some(77) {
                eprintln!("skipped: {python} has no xgboost");
                return;
            }
            let said = String::from_utf8_lossy(&run.stderr);
            assert!(run.status.success(), "{said}");
            let risk = model.risk(matrix().view()).unwrap();
            let printed = String::from_utf8(run.stdout).unwrap();
            let margins: Vec<f64> = printed.lines().map(|l| l.parse().unwrap()).collect();
            assert_eq!(margins.len(), 80);
            for (ours, theirs) in risk.values().iter().zip(margins) {
                assert!(
                    (sign * ours - theirs).abs() <= 1e-6,
                    "{ours} against {theirs}"
                );
            }
            eprintln!("xgboost predicts the same margins");
        }
    }
}
