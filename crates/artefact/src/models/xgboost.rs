//! XGBoost's boosted trees, in the form XGBoost itself writes and loads (JSON, version 3), with the baseline hazard beside
//! it. Numbers that are texts are texts there. XGBoost passes over what it does not know.

use serde::{Deserialize, Serialize};

use super::{Baseline, StoredModel};

/// XGBoost's parent of a root.
pub const NO_PARENT: u32 = 2_147_483_647;

/// An XGBoost model; the bytes are a model file that XGBoost loads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct XgboostModel {
    /// Cumulative hazard at margin 0: ours, not XGBoost's; empty for `survival:aft`.
    pub baseline: Baseline,
    /// The model proper.
    pub learner: XgboostLearner,
    /// Version of XGBoost whose form this is.
    pub version: [u32; 3],
}

/// The model proper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct XgboostLearner {
    /// Free texts; none.
    pub attributes: NoEntries,
    /// Columns, in order.
    pub feature_names: Vec<String>,
    /// Types of columns; empty for numbers.
    pub feature_types: Vec<String>,
    /// The trees.
    pub gradient_booster: XgboostBooster,
    /// Where boosting started.
    pub learner_model_param: XgboostStart,
    /// What was minimised.
    pub objective: XgboostObjective,
}

/// An object without entries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoEntries {}

/// The kind of booster and its trees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct XgboostBooster {
    /// The trees.
    pub model: XgboostTrees,
    /// `gbtree`.
    pub name: String,
}

/// The trees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct XgboostTrees {
    /// How many there are.
    pub gbtree_model_param: XgboostCounts,
    /// Where the trees of each round begin, and their number.
    pub iteration_indptr: Vec<u32>,
    /// Output of each tree: 0.
    pub tree_info: Vec<u32>,
    /// The trees.
    pub trees: Vec<XgboostTree>,
}

/// How many trees there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct XgboostCounts {
    /// `1`.
    pub num_parallel_tree: String,
    /// Their number.
    pub num_trees: String,
}

/// One tree; lists have one entry a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct XgboostTree {
    /// Weight before the learning rate.
    pub base_weights: Vec<f32>,
    /// Of categorical cuts: none.
    pub categories: Vec<u32>,
    /// Of categorical cuts: none.
    pub categories_nodes: Vec<u32>,
    /// Of categorical cuts: none.
    pub categories_segments: Vec<u32>,
    /// Of categorical cuts: none.
    pub categories_sizes: Vec<u32>,
    /// Whether a missing value goes left: 0, as none was seen.
    pub default_left: Vec<u8>,
    /// Number of the tree.
    pub id: u32,
    /// Left child, −1 for a leaf.
    pub left_children: Vec<i32>,
    /// Gain of the cut.
    pub loss_changes: Vec<f32>,
    /// Parent, [`NO_PARENT`] for the root.
    pub parents: Vec<u32>,
    /// Right child, −1 for a leaf.
    pub right_children: Vec<i32>,
    /// Below which values go left; for a leaf, what it adds to the margin.
    pub split_conditions: Vec<f32>,
    /// Column compared.
    pub split_indices: Vec<u32>,
    /// 0: a number is compared.
    pub split_type: Vec<u8>,
    /// Sum of second derivatives.
    pub sum_hessian: Vec<f32>,
    /// Sizes.
    pub tree_param: XgboostTreeSizes,
}

/// Sizes of a tree.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct XgboostTreeSizes {
    /// `0`.
    pub num_deleted: String,
    /// Columns.
    pub num_feature: String,
    /// Nodes.
    pub num_nodes: String,
    /// `1`.
    pub size_leaf_vector: String,
}

/// Where boosting started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct XgboostStart {
    /// On the scale of predictions.
    pub base_score: String,
    /// `1`.
    pub boost_from_average: String,
    /// `0`.
    pub num_class: String,
    /// Columns.
    pub num_feature: String,
    /// `1`.
    pub num_target: String,
}

/// What was minimised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct XgboostObjective {
    /// Noise of `survival:aft`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aft_loss_param: Option<XgboostNoise>,
    /// `survival:cox` or `survival:aft`.
    pub name: String,
}

/// Noise in log time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct XgboostNoise {
    /// `normal`, `logistic` or `extreme`.
    pub aft_loss_distribution: String,
    /// Its scale.
    pub aft_loss_distribution_scale: String,
}

impl StoredModel for XgboostModel {
    const NAME: &'static str = "xgboost";
}
