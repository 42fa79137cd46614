//! Parameters of the steps between predictions and conclusions: scores of patients, the columns of a clinical model, one
//! variable at a time, which model is the best.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::evaluation::AucConvention;
use super::{OutOfRange, Params, rising, within};

/// Parameters of `radscore`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RadscoreParams {
    /// The profile whose model is taken, `{ axis = "profile" }` in a study with several; empty where `summary` has one.
    pub profile: String,
    /// The endpoint whose model is taken, `{ axis = "endpoint" }` in a study with several; empty where `summary` has one.
    pub endpoint: String,
    /// Where the scores of the patients come from whom the model was fitted on.
    pub training: RadscoreTraining,
    /// By whose outcomes the model may have been chosen.
    #[serde(default)]
    pub chosen_by: RadscoreChoice,
}

/// Whose outcomes chose the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RadscoreChoice {
    /// Those of the folds: another choice is refused.
    #[default]
    Cv,
    /// Those of the external patients too, as the paper did. Who learns from such a score learns from them: the step needs
    /// `allow_leak`.
    External,
}

/// Whose risks the training patients have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RadscoreTraining {
    /// From the folds' models that did not see them, brought to the scale of the model of all training rows by percentiles.
    CrossFitted,
    /// From the model that was fitted on them, as the paper has it: too good.
    Apparent,
}

impl Params for RadscoreParams {
    const KINDS: &'static [&'static str] = &["radscore"];
    fn presets() -> Vec<(&'static str, RadscoreParams)> {
        let of = |training, chosen_by| RadscoreParams {
            profile: String::new(),
            endpoint: String::new(),
            training,
            chosen_by,
        };
        vec![
            (
                "careful",
                of(RadscoreTraining::CrossFitted, RadscoreChoice::Cv),
            ),
            (
                "paper",
                of(RadscoreTraining::Apparent, RadscoreChoice::External),
            ),
        ]
    }
}

/// Parameters of `model-columns`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelColumnsParams {
    /// The columns, in their order: of `table`, or of `scores` where it has one of that name. Empty: all of `table`, then
    /// all of `scores`.
    pub columns: Vec<String>,
    /// How columns of numbers are transformed; such a column is called `log(scca)`. What is said here and below of a column
    /// that is not taken changes nothing, so that models with other columns can share it.
    pub transform: BTreeMap<String, ColumnTransform>,
    /// The reference level of columns that become one column of 0 and 1 for each other level, called `figo=II`. A nominal
    /// column without an entry has its first level as reference; an ordinal one stays the number of its level.
    pub reference: BTreeMap<String, String>,
    /// Levels that are put together before: `{ figo = { IB1 = "I", IB2 = "I" } }`. Levels that nobody has are passed over.
    pub merge: BTreeMap<String, BTreeMap<String, String>>,
    /// Columns with a cut among `cuts` become 1 above it and 0 up to it, called `scca>4.7`, and are not transformed.
    pub dichotomise: bool,
}

/// A transformation of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ColumnTransform {
    /// Natural logarithm, of numbers above 0.
    Log,
    /// Logarithm to base 2, of numbers above 0: a hazard ratio is that of a doubling.
    Log2,
    /// Logarithm to base 10, of numbers above 0.
    Log10,
    /// Square root, of numbers of at least 0.
    Sqrt,
}

impl ColumnTransform {
    /// As it stands before the column's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ColumnTransform::Log => "log",
            ColumnTransform::Log2 => "log2",
            ColumnTransform::Log10 => "log10",
            ColumnTransform::Sqrt => "sqrt",
        }
    }
}

impl Params for ModelColumnsParams {
    const KINDS: &'static [&'static str] = &["model-columns"];
    fn presets() -> Vec<(&'static str, ModelColumnsParams)> {
        let all = ModelColumnsParams {
            columns: Vec::new(),
            transform: BTreeMap::new(),
            reference: BTreeMap::new(),
            merge: BTreeMap::new(),
            dichotomise: false,
        };
        vec![("all", all)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        let repeated = |name: &&String| self.columns.iter().filter(|c| c == name).count() > 1;
        let twice = self.columns.iter().find(repeated);
        within(
            twice.is_none(),
            "columns",
            format!("`{}` twice", twice.map_or("", String::as_str)),
            "every column once",
        )
    }
}

/// Parameters of `univariable-table`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnivariableTableParams {
    /// Confidence of the intervals, above 0 and below 1. Source: 0.95.
    pub level: f64,
}

impl Params for UnivariableTableParams {
    const KINDS: &'static [&'static str] = &["univariable-table"];
    fn presets() -> Vec<(&'static str, UnivariableTableParams)> {
        vec![("usual", UnivariableTableParams { level: 0.95 })]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        level(self.level)
    }
}

/// Parameters of `rank-models`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RankModelsParams {
    /// The profile, for the record; empty where there is none.
    pub profile: String,
    /// The endpoint, for the record; empty where there is none.
    pub endpoint: String,
    /// On whose predictions the models are ranked.
    pub set: RankedSet,
    /// Times of the composite AUC, in the unit of the follow-up (months in a study), rising from above 0. Source: the paper.
    pub horizons: Vec<f64>,
    /// Convention of the AUC; censoring is that of the judged rows.
    pub auc: AucConvention,
    /// Joint resamples of the patients, 100 to 100000. Source: 1000.
    pub bootstrap: u32,
    /// Confidence of the intervals, above 0 and below 1. Source: 0.95.
    pub level: f64,
}

/// Predictions of whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RankedSet {
    /// The patients of the split `external`, or of a study without splits.
    External,
    /// The out-of-fold patients of all other splits.
    Cv,
}

impl Params for RankModelsParams {
    const KINDS: &'static [&'static str] = &["rank-models"];
    fn presets() -> Vec<(&'static str, RankModelsParams)> {
        let of = |set| RankModelsParams {
            profile: String::new(),
            endpoint: String::new(),
            set,
            horizons: vec![12.0, 36.0, 60.0],
            auc: AucConvention::Score,
            bootstrap: 1000,
            level: 0.95,
        };
        vec![
            ("external", of(RankedSet::External)),
            ("cv", of(RankedSet::Cv)),
        ]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            (100..=100_000).contains(&self.bootstrap),
            "bootstrap",
            self.bootstrap,
            "from 100 to 100000",
        )?;
        level(self.level)?;
        rising("horizons", &self.horizons)
    }
}

fn level(value: f64) -> Result<(), OutOfRange> {
    within(
        value > 0.0 && value < 1.0,
        "level",
        value,
        "above 0 and below 1",
    )
}
