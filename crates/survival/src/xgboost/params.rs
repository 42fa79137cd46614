//! Parameters of XGBoost.

use crate::settings::{SettingsError, at_least, not_negative, positive, share, within};

/// How trees are boosted; names are XGBoost's. Start from a named preset and write every change at the call site.
#[derive(Debug, Clone, PartialEq)]
pub struct XgboostParams {
    /// What is minimised (`objective`).
    pub objective: XgboostObjective,
    /// Which cuts are tried (`tree_method`).
    pub tree_method: TreeMethod,
    /// Number of trees, at least 1 (`num_boost_round`).
    pub n_rounds: usize,
    /// Share of each step that is taken, above 0 and at most 1 (`eta`).
    pub eta: f64,
    /// Deepest level of a leaf, the root being 0; 1 to 30 (`max_depth`).
    pub max_depth: usize,
    /// Smallest sum of second derivatives in a child, at least 0 (`min_child_weight`).
    pub min_child_weight: f64,
    /// Ridge penalty on leaves, at least 0 (`lambda`).
    pub lambda: f64,
    /// Lasso penalty on leaves, at least 0 (`alpha`).
    pub alpha: f64,
    /// Smallest gain of a cut, at least 0 (`gamma`).
    pub gamma: f64,
    /// Share of the patients each tree sees, each drawn by itself, above 0 and at most 1 (`subsample`).
    pub subsample: f64,
    /// Share of the features of a tree, above 0 and at most 1 (`colsample_bytree`).
    pub colsample_bytree: f64,
    /// Share of those for each level, above 0 and at most 1 (`colsample_bylevel`).
    pub colsample_bylevel: f64,
    /// Share of those for each node, above 0 and at most 1 (`colsample_bynode`).
    pub colsample_bynode: f64,
    /// Where boosting starts, on the scale of predictions (hazard ratio, or time), above 0; `None` is what XGBoost does:
    /// one unpenalised Newton step from margin 0 for Cox, 0.5 for AFT (`base_score`).
    pub base_score: Option<f64>,
}

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum XgboostObjective {
    /// Cox's partial likelihood with Breslow's ties (`survival:cox`); the margin is a log hazard ratio.
    Cox,
    /// Accelerated failure time (`survival:aft`): log time is the margin plus noise; the margin is a log time.
    Aft {
        /// Distribution of the noise (`aft_loss_distribution`).
        distribution: AftDistribution,
        /// Its scale σ, above 0 (`aft_loss_distribution_scale`).
        scale: f64,
    },
}

/// Distribution of the noise in log time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AftDistribution {
    /// Log-normal times.
    Normal,
    /// Log-logistic times.
    Logistic,
    /// Weibull times: the smallest extreme value.
    Extreme,
}

/// Which cuts are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeMethod {
    /// Every cut between two values of a node, halfway (`exact`).
    Exact,
    /// Cuts at quantiles of the whole column (`hist`).
    Hist {
        /// Most bins a column has, 2 to 65 535 (`max_bin`).
        max_bin: usize,
    },
}

impl XgboostParams {
    /// XGBoost 3.2's defaults for `survival:cox`, but 100 rounds, which it leaves to the caller: η 0.3, depth 6, λ 1,
    /// `min_child_weight` 1, `hist` with 256 bins.
    pub fn cox() -> XgboostParams {
        XgboostParams {
            objective: XgboostObjective::Cox,
            tree_method: TreeMethod::Hist { max_bin: 256 },
            n_rounds: 100,
            eta: 0.3,
            max_depth: 6,
            min_child_weight: 1.0,
            lambda: 1.0,
            alpha: 0.0,
            gamma: 0.0,
            subsample: 1.0,
            colsample_bytree: 1.0,
            colsample_bylevel: 1.0,
            colsample_bynode: 1.0,
            base_score: None,
        }
    }

    /// As [`XgboostParams::cox`] for `survival:aft` with normal noise of scale 1.
    pub fn aft() -> XgboostParams {
        XgboostParams {
            objective: XgboostObjective::Aft {
                distribution: AftDistribution::Normal,
                scale: 1.0,
            },
            ..XgboostParams::cox()
        }
    }

    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        at_least("n_rounds", self.n_rounds, 1)?;
        share("eta", self.eta)?;
        let depth = self.max_depth;
        within(
            "max_depth",
            depth as f64,
            (1..=30).contains(&depth),
            "from 1 to 30",
        )?;
        not_negative("min_child_weight", self.min_child_weight)?;
        not_negative("lambda", self.lambda)?;
        not_negative("alpha", self.alpha)?;
        not_negative("gamma", self.gamma)?;
        share("subsample", self.subsample)?;
        share("colsample_bytree", self.colsample_bytree)?;
        share("colsample_bylevel", self.colsample_bylevel)?;
        share("colsample_bynode", self.colsample_bynode)?;
        if let Some(base_score) = self.base_score {
            // in single precision, as it is used
            positive("base_score", f64::from(base_score as f32))?;
        }
        if let XgboostObjective::Aft { scale, .. } = self.objective {
            positive("scale", scale)?;
        }
        if let TreeMethod::Hist { max_bin } = self.tree_method {
            let ok = (2..=65_535).contains(&max_bin);
            within("max_bin", max_bin as f64, ok, "from 2 to 65535")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn presets_are_legal_and_nonsense_is_named() {
        assert!(XgboostParams::cox().check().is_ok());
        assert!(XgboostParams::aft().check().is_ok());
        let said = |change: fn(&mut XgboostParams)| {
            let mut params = XgboostParams::cox();
            change(&mut params);
            params.check().unwrap_err().to_string()
        };
        assert_eq!(
            said(|p| p.lambda = -1.0),
            "lambda is -1, must be at least 0"
        );
        assert_eq!(
            said(|p| p.max_depth = 0),
            "max_depth is 0, must be from 1 to 30"
        );
        assert_eq!(
            said(|p| p.base_score = Some(0.0)),
            "base_score is 0, must be above 0"
        );
        assert_eq!(
            said(|p| p.tree_method = TreeMethod::Hist { max_bin: 1 }),
            "max_bin is 1, must be from 2 to 65535"
        );
    }
}
