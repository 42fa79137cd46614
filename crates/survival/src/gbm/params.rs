//! Parameters of gradient boosting.

use crate::settings::{SettingsError, at_least, share, within};

/// How trees are boosted. Start from a named preset and write every change at the call site.
#[derive(Debug, Clone, PartialEq)]
pub struct GbmParams {
    /// Number of trees, at least 1 (gbm `n.trees`, scikit-survival `n_estimators`).
    pub n_trees: usize,
    /// Share of each tree's step that is taken, above 0 and at most 1 (gbm `shrinkage`, scikit-survival
    /// `learning_rate`).
    pub learning_rate: f64,
    /// Share of the patients each tree is grown on, drawn without replacement, above 0 and at most 1 (gbm
    /// `bag.fraction`, scikit-survival `subsample`); rounded down, at least one patient.
    pub bag_fraction: f64,
    /// How one tree is grown and what its leaves hold.
    pub growth: GbmGrowth,
    /// Which of the trees are kept.
    pub best_iteration: BestIteration,
}

/// How one tree is grown and what its leaves hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GbmGrowth {
    /// R's gbm: the leaf with the best cut is cut first, until there are enough cuts; the leaves take one joint Newton
    /// step on the partial likelihood, every row a time of its own.
    BestFirstNewton {
        /// Cuts per tree, at least 1 (gbm `interaction.depth`).
        n_splits: usize,
        /// Fewest patients of the bag in a leaf, at least 1 (gbm `n.minobsinnode`).
        min_node_size: usize,
    },
    /// scikit-survival: every node is cut down to a depth; a leaf holds the mean of the negative gradient of Breslow's
    /// partial likelihood. Values are compared in single precision.
    DepthFirstMean {
        /// Deepest level of a leaf, the root being 0; at least 1 (`max_depth`).
        max_depth: usize,
        /// Fewest patients of the bag in a node that is cut, at least 2 (`min_samples_split`).
        min_samples_split: usize,
        /// Fewest patients of the bag in a leaf, at least 1 (`min_samples_leaf`).
        min_samples_leaf: usize,
    },
}

/// Which of the trees are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BestIteration {
    /// All of them.
    All,
    /// As many as give the largest sum of improvements of the partial likelihood among patients outside the bag;
    /// needs a bag fraction below 1. It tends to stop early.
    OutOfBag,
    /// As many as give the largest cross-validated partial likelihood Σ_k ( ℓ(all; F_−k) − ℓ(train_k; F_−k) ) over
    /// event-stratified folds (Verweij and van Houwelingen 1993).
    CrossValidated {
        /// Folds, at least 2 and at most the number of patients.
        n_folds: usize,
    },
}

impl GbmParams {
    /// R gbm 2.1.8's way: 100 trees of 3 cuts, shrinkage 0.1, leaves of 10, half of the patients per tree. All trees
    /// are kept, as `gbm` does; `gbm.perf` is [`GbmParams::best_iteration`].
    pub fn gbm() -> GbmParams {
        GbmParams {
            n_trees: 100,
            learning_rate: 0.1,
            bag_fraction: 0.5,
            growth: GbmGrowth::BestFirstNewton {
                n_splits: 3,
                min_node_size: 10,
            },
            best_iteration: BestIteration::All,
        }
    }

    /// scikit-survival 0.28's defaults of `GradientBoostingSurvivalAnalysis` (`loss = "coxph"`): 100 trees of depth 3,
    /// learning rate 0.1, leaves of 1, every patient in every tree.
    pub fn sksurv() -> GbmParams {
        GbmParams {
            n_trees: 100,
            learning_rate: 0.1,
            bag_fraction: 1.0,
            growth: GbmGrowth::DepthFirstMean {
                max_depth: 3,
                min_samples_split: 2,
                min_samples_leaf: 1,
            },
            best_iteration: BestIteration::All,
        }
    }

    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        at_least("n_trees", self.n_trees, 1)?;
        share("learning_rate", self.learning_rate)?;
        share("bag_fraction", self.bag_fraction)?;
        match self.growth {
            GbmGrowth::BestFirstNewton {
                n_splits,
                min_node_size,
            } => {
                at_least("n_splits", n_splits, 1)?;
                // a joint Newton step solves a system of this size for every tree
                within("n_splits", n_splits as f64, n_splits <= 256, "at most 256")?;
                at_least("min_node_size", min_node_size, 1)?;
            }
            GbmGrowth::DepthFirstMean {
                max_depth,
                min_samples_split,
                min_samples_leaf,
            } => {
                at_least("max_depth", max_depth, 1)?;
                at_least("min_samples_split", min_samples_split, 2)?;
                at_least("min_samples_leaf", min_samples_leaf, 1)?;
            }
        }
        match self.best_iteration {
            BestIteration::OutOfBag if self.bag_fraction == 1.0 => Err(SettingsError::Needs {
                name: "best_iteration out of bag",
                needs: "a bag_fraction below 1",
            }),
            BestIteration::CrossValidated { n_folds } => at_least("n_folds", n_folds, 2),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn presets_are_legal_and_nonsense_is_named() {
        assert!(GbmParams::gbm().check().is_ok());
        assert!(GbmParams::sksurv().check().is_ok());
        let said = |change: fn(&mut GbmParams)| {
            let mut params = GbmParams::sksurv();
            change(&mut params);
            params.check().unwrap_err().to_string()
        };
        assert_eq!(
            said(|p| p.learning_rate = f64::NAN),
            "learning_rate is NaN, must be above 0 and at most 1"
        );
        assert_eq!(said(|p| p.n_trees = 0), "n_trees is 0, must be at least 1");
        assert_eq!(
            said(|p| p.best_iteration = BestIteration::OutOfBag),
            "best_iteration out of bag needs a bag_fraction below 1"
        );
    }
}
