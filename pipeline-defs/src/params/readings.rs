//! Parameters of what is done with repeated readings, and of tables put side by side.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{IccForm, OutOfRange, Params, within};

/// Parameters of `fit-reliability`. A feature is kept when its correlation reaches the threshold in every reading that is
/// asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReliabilityParams {
    /// The same reader again; none to ask for no such reading. Source: two-way fixed readers, consistency.
    pub intra: Option<ReadingRule>,
    /// Another reader; none to ask for no such reading. Source: two-way random readers, absolute agreement.
    pub inter: Option<ReadingRule>,
    /// A feature is kept when its correlations are at least this, −1 to 1. Source: the paper, 0.75.
    pub threshold: f64,
    /// Confidence of the intervals, above 0 and below 1. Source: 0.95.
    pub level: f64,
    /// What is held against the threshold. Source: the estimate.
    pub judged: ReliabilityJudged,
    /// Patients read twice that a correlation needs, at least 3. Source: 10, where the interval of an
    /// ICC(3,1) of 0.75 still goes down to 0.27.
    pub min_patients: u32,
    /// What is done where a reading has fewer.
    pub when_few: WhenFew,
}

/// One repeated reading and how it is judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadingRule {
    /// Its value on the axis `reading`.
    pub reading: String,
    /// Which intraclass correlation (Shrout & Fleiss 1979).
    pub form: IccForm,
}

/// What is held against the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReliabilityJudged {
    /// The estimate.
    Value,
    /// The lower end of its interval.
    Lower,
}

/// What is done where too few patients were read twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhenFew {
    /// The step refuses and names the reading.
    Refuse,
    /// All features stay, and the model says why.
    KeepAll,
}

impl Params for ReliabilityParams {
    const KINDS: &'static [&'static str] = &["fit-reliability"];
    fn presets() -> Vec<(&'static str, ReliabilityParams)> {
        let rule = |reading: &str, form| {
            Some(ReadingRule {
                reading: reading.to_owned(),
                form,
            })
        };
        let paper = ReliabilityParams {
            intra: rule("r1s2", IccForm::Consistency),
            inter: rule("r2s1", IccForm::Agreement),
            threshold: 0.75,
            level: 0.95,
            judged: ReliabilityJudged::Value,
            min_patients: 10,
            when_few: WhenFew::Refuse,
        };
        vec![("paper", paper)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        let both = [&self.intra, &self.inter];
        let mut names = both.iter().filter_map(|r| r.as_ref().map(|r| &r.reading));
        let (first, second) = (names.next(), names.next());
        within(
            first.is_some() && first != second,
            "inter",
            second.or(first).map_or("none", String::as_str),
            "another reading than `intra`, and one of the two must be asked for",
        )?;
        within(
            (-1.0..=1.0).contains(&self.threshold),
            "threshold",
            self.threshold,
            "from -1 to 1",
        )?;
        within(
            self.level > 0.0 && self.level < 1.0,
            "level",
            self.level,
            "above 0 and below 1",
        )?;
        within(
            self.min_patients >= 3,
            "min_patients",
            self.min_patients,
            "at least 3",
        )
    }
}

/// Parameters of `join-tables`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinTablesParams {
    /// When a column is named by its table's place on the gathered axes too: `tumour.original_firstorder_Mean`.
    pub prefix: JoinPrefix,
}

/// When columns carry the name of their table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum JoinPrefix {
    /// Where tables of several places are joined. Never of some columns only, so that a feature has one name in all splits.
    Several,
    /// Also where there is one table.
    Always,
    /// Never: the same name twice is refused.
    Never,
}

impl Params for JoinTablesParams {
    const KINDS: &'static [&'static str] = &["join-tables"];
    fn presets() -> Vec<(&'static str, JoinTablesParams)> {
        let several = JoinTablesParams {
            prefix: JoinPrefix::Several,
        };
        vec![("several", several)]
    }
}

/// Parameters of `select-rows`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SelectRowsParams {
    /// A side without rows is a table without rows, where it is refused otherwise: repeated readings are of some training
    /// patients only. Source: false.
    #[serde(default)]
    pub allow_empty: bool,
}

impl Params for SelectRowsParams {
    const KINDS: &'static [&'static str] = &["select-rows"];
    fn presets() -> Vec<(&'static str, SelectRowsParams)> {
        vec![("none", SelectRowsParams { allow_empty: false })]
    }
}

/// Parameters of `noise-features`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoiseFeaturesParams {
    /// Numbers drawn for each patient, 1 to 100000. Source: as many as the paper has features, 1409.
    pub n: u32,
}

impl Params for NoiseFeaturesParams {
    const KINDS: &'static [&'static str] = &["noise-features"];
    fn presets() -> Vec<(&'static str, NoiseFeaturesParams)> {
        vec![("paper", NoiseFeaturesParams { n: 1409 })]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            (1..=100_000).contains(&self.n),
            "n",
            self.n,
            "from 1 to 100000",
        )
    }
}

/// Parameters of `shuffle-mask`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShuffleMaskParams {
    /// Share of the region's voxels that may be common to the new place and the old, 0 to 1. Source: 0.25, so that large
    /// tumours find a place in a small field of view.
    pub max_overlap: f64,
}

impl Params for ShuffleMaskParams {
    const KINDS: &'static [&'static str] = &["shuffle-mask"];
    fn presets() -> Vec<(&'static str, ShuffleMaskParams)> {
        vec![("elsewhere", ShuffleMaskParams { max_overlap: 0.25 })]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            (0.0..=1.0).contains(&self.max_overlap),
            "max_overlap",
            self.max_overlap,
            "from 0 to 1",
        )
    }
}

/// Parameters of `select-site`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SelectSiteParams {
    /// Centres whose rows stay; empty for all.
    pub sites: Vec<String>,
    /// Centres whose rows go.
    pub leave_out: Vec<String>,
}

impl Params for SelectSiteParams {
    const KINDS: &'static [&'static str] = &["select-site"];
    fn presets() -> Vec<(&'static str, SelectSiteParams)> {
        let all = SelectSiteParams {
            sites: Vec::new(),
            leave_out: Vec::new(),
        };
        vec![("all", all)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        let both = self.sites.iter().find(|s| self.leave_out.contains(s));
        within(
            both.is_none(),
            "leave_out",
            both.map_or("", String::as_str),
            "no centre that `sites` names",
        )
    }
}

/// Parameters of `acquisition-table`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcquisitionParams {
    /// A spacing deviates when it is further than this share from its centre's median, ≥ 0. Source: 0.05.
    pub tolerance: f64,
    /// Fewer grey levels in a region deviate. Source: PyRadiomics' advice, 16.
    pub grey_levels_min: u32,
    /// More grey levels deviate. Source: PyRadiomics' advice, 128.
    pub grey_levels_max: u32,
}

impl Params for AcquisitionParams {
    const KINDS: &'static [&'static str] = &["acquisition-table"];
    fn presets() -> Vec<(&'static str, AcquisitionParams)> {
        let protocol = AcquisitionParams {
            tolerance: 0.05,
            grey_levels_min: 16,
            grey_levels_max: 128,
        };
        vec![("protocol", protocol)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            self.tolerance >= 0.0 && self.tolerance.is_finite(),
            "tolerance",
            self.tolerance,
            "at least 0",
        )?;
        within(
            self.grey_levels_min <= self.grey_levels_max,
            "grey_levels_min",
            self.grey_levels_min,
            "at most `grey_levels_max`",
        )
    }
}
