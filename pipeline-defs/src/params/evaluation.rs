//! Parameters of prediction, judgement and reporting.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{OutOfRange, Params, ParamsError, rising, within};

/// Parameters of `predict`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PredictParams {
    /// Times at which survival is predicted, in the unit of the follow-up (months in a study), rising from above 0.
    pub horizons: Vec<f64>,
    /// Predicts each training patient from the trees that did not see them, which only a forest can; `table` is then the one
    /// that it was fitted on. Source: false.
    #[serde(default)]
    pub out_of_bag: bool,
}

impl Params for PredictParams {
    const KINDS: &'static [&'static str] = &["predict"];
    fn presets() -> Vec<(&'static str, PredictParams)> {
        vec![(
            "paper",
            PredictParams {
                horizons: vec![12.0, 36.0, 60.0],
                out_of_bag: false,
            },
        )]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        rising("horizons", &self.horizons)
    }
}

/// Parameters of `evaluate`. Where `train_followup` is connected, the censoring weights of Uno's index, the Brier scores
/// and their integral come from it, as in scikit-survival; otherwise from the evaluated rows. `metrics.json` says which
/// in `weights`, and in `tau` where Uno's index stops: at the last horizon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluateParams {
    /// Times of the AUC and Brier scores, in the unit of the follow-up (months in a study), rising from above 0.
    pub horizons: Vec<f64>,
    /// Convention of the cumulative/dynamic AUC; it alone decides whether `train_followup` weighs the AUC.
    pub auc: AucConvention,
    /// Bootstrap draws of the intervals: 0 for none, else 20 to 100000. Source: 500.
    pub bootstrap: u32,
    /// Which rows the predictions are of: names the set in the comparison.
    pub rows: EvaluatedRows,
}

/// Convention of the cumulative/dynamic AUC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AucConvention {
    /// Cases T ≤ t weighted by 1/G(T−), G from the evaluated rows.
    Score,
    /// As `score` with G from the training rows where `train_followup` is connected (Uno et al., JASA 2007).
    Uno,
    /// As R's `timeROC` (Blanche et al., Stat Med 2013).
    Timeroc,
}

/// Which rows predictions are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EvaluatedRows {
    /// Rows the model has not seen.
    Test,
    /// Rows the model was fitted on.
    Train,
    /// Rows the model was fitted on, each predicted by the parts of the model that did not see it.
    Oob,
}

impl Params for EvaluateParams {
    const KINDS: &'static [&'static str] = &["evaluate"];
    fn presets() -> Vec<(&'static str, EvaluateParams)> {
        let house = EvaluateParams {
            horizons: vec![12.0, 36.0, 60.0],
            auc: AucConvention::Score,
            bootstrap: 500,
            rows: EvaluatedRows::Test,
        };
        vec![("house", house)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            self.bootstrap == 0 || (20..=100_000).contains(&self.bootstrap),
            "bootstrap",
            self.bootstrap,
            "0 for no interval, or from 20 to 100000",
        )?;
        rising("horizons", &self.horizons)
    }
}

/// Parameters of `compare`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompareParams {
    /// The profile of what was made along no axis `profile`. With `paper` an endpoint's model is the one that the external
    /// patients put first, otherwise the one that cross-validation does.
    pub profile: String,
}

impl Params for CompareParams {
    const KINDS: &'static [&'static str] = &["compare"];
    fn presets() -> Vec<(&'static str, CompareParams)> {
        vec![(
            "careful",
            CompareParams {
                profile: "careful".into(),
            },
        )]
    }
}

/// Parameters of `report`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportParams {
    /// The report's title.
    pub title: String,
    /// The profile as the report names it.
    pub profile: String,
    /// The language of headings, captions, legends and headers: `en` or `zh`.
    #[serde(default)]
    pub language: ReportLanguage,
}

/// The language of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReportLanguage {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

impl Params for ReportParams {
    const KINDS: &'static [&'static str] = &["report"];
    fn presets() -> Vec<(&'static str, ReportParams)> {
        vec![(
            "careful",
            ReportParams {
                title: "Radiomics survival study".into(),
                profile: "careful".into(),
                language: ReportLanguage::En,
            },
        )]
    }
}

/// Parameters of `cross-validate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CrossValidateParams {
    /// The learner's kind without `fit-`: `cox`, `deepsurv`, `dnnsurv`, `gbm`, `rsf`, `svm` or `xgboost`.
    pub learner: String,
    /// Its parameters; they may also be set beside `learner`, as in `num_trees = 500`.
    pub settings: Map<String, Value>,
}

impl Params for CrossValidateParams {
    const KINDS: &'static [&'static str] = &["cross-validate"];
    fn presets() -> Vec<(&'static str, CrossValidateParams)> {
        vec![(
            "cox",
            CrossValidateParams {
                learner: "cox".into(),
                settings: Map::new(),
            },
        )]
    }
    fn gather(set: Map<String, Value>) -> Result<Map<String, Value>, ParamsError> {
        Ok(settings_beside(set, &["learner"]))
    }
    fn check(&self) -> Result<(), OutOfRange> {
        is_learner(&self.learner)
    }
}

/// What is set beside a step's own parameters goes into `settings`, as in `num_trees = 500`.
fn settings_beside(set: Map<String, Value>, own: &[&str]) -> Map<String, Value> {
    let own = |name: &str| matches!(name, "preset" | "settings") || own.contains(&name);
    let (mut kept, beside): (Vec<_>, Vec<_>) = set.into_iter().partition(|(name, _)| own(name));
    if !beside.is_empty() {
        let at = kept.iter().position(|(name, _)| name == "settings");
        let mut settings = match at.map(|at| kept.remove(at).1) {
            Some(Value::Object(settings)) => settings,
            _ => Map::new(),
        };
        settings.extend(beside);
        kept.push(("settings".to_string(), Value::Object(settings)));
    }
    kept.into_iter().collect()
}

fn is_learner(name: &str) -> Result<(), OutOfRange> {
    let kind = crate::kinds::kind(&format!("fit-{name}"));
    let learner = kind.is_some_and(|k| k.inputs.iter().any(|p| p.name == "followup"));
    within(
        learner,
        "learner",
        name,
        "the name of a `fit-…` kind that takes follow-up, without `fit-`",
    )
}

/// Parameters of `bootstrap-optimism` (Harrell, Lee & Mark, Stat Med 1996; Efron & Tibshirani, JASA 1997).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BootstrapOptimismParams {
    /// The learner's kind without `fit-`: `cox`, `deepsurv`, `dnnsurv`, `gbm`, `rsf`, `svm` or `xgboost`.
    pub learner: String,
    /// Its parameters; they may also be set beside `learner`, as in `num_trees = 500`.
    pub settings: Map<String, Value>,
    /// Times of the AUC and Brier scores, in the unit of the follow-up (months in a study), rising from above 0; the slope
    /// of calibration is taken at the last.
    pub horizons: Vec<f64>,
    /// Resamples in which the whole fit is repeated, 20 to 100000. Source: rms, 40; Steyerberg 2009, 200 and more.
    pub resamples: u32,
}

impl Params for BootstrapOptimismParams {
    const KINDS: &'static [&'static str] = &["bootstrap-optimism"];
    fn presets() -> Vec<(&'static str, BootstrapOptimismParams)> {
        let harrell = BootstrapOptimismParams {
            learner: "cox".into(),
            settings: Map::new(),
            horizons: vec![12.0, 36.0, 60.0],
            resamples: 200,
        };
        vec![("harrell", harrell)]
    }
    fn gather(set: Map<String, Value>) -> Result<Map<String, Value>, ParamsError> {
        Ok(settings_beside(set, &["learner", "horizons", "resamples"]))
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            (20..=100_000).contains(&self.resamples),
            "resamples",
            self.resamples,
            "from 20 to 100000",
        )?;
        rising("horizons", &self.horizons)?;
        is_learner(&self.learner)
    }
}

/// Parameters of `no-op`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoOpParams {
    /// Anything; written to the output.
    pub value: Value,
}

impl Params for NoOpParams {
    const KINDS: &'static [&'static str] = &["no-op"];
    fn presets() -> Vec<(&'static str, NoOpParams)> {
        vec![("null", NoOpParams { value: Value::Null })]
    }
}
