//! Parameters of cut-points, baseline tables, nomograms and expression.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{OutOfRange, Params, ParamsError, rising, within};

/// Parameters of `cut-point`: maximally selected rank statistics (Lausen & Schumacher 1992).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CutPointParams {
    /// The column to cut; empty where the table has one.
    pub column: String,
    /// Smallest share of patients on each side, above 0 and below 0.5. Source: survminer, 0.1.
    pub minprop: f64,
    /// Shuffles for the conditional P, 0 for none, to 1000000. Source: 10000.
    pub permutations: u32,
    /// Resamples for the interval of the cut: 0 for none, else 20 to 100000. Source: 500.
    pub bootstrap: u32,
    /// Also the P of Hothorn and Lausen (2003), as R's maxstat has it; null above some 450 patients. Source: false.
    #[serde(default)]
    pub hothorn_lausen: bool,
}

impl Params for CutPointParams {
    const KINDS: &'static [&'static str] = &["cut-point"];
    fn presets() -> Vec<(&'static str, CutPointParams)> {
        let survminer = CutPointParams {
            column: String::new(),
            minprop: 0.1,
            permutations: 10_000,
            bootstrap: 500,
            hothorn_lausen: false,
        };
        vec![("survminer", survminer)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            self.minprop > 0.0 && self.minprop < 0.5,
            "minprop",
            self.minprop,
            "above 0 and below 0.5",
        )?;
        within(
            self.permutations <= 1_000_000,
            "permutations",
            self.permutations,
            "at most 1000000",
        )?;
        within(
            self.bootstrap == 0 || (20..=100_000).contains(&self.bootstrap),
            "bootstrap",
            self.bootstrap,
            "0 for no interval, or from 20 to 100000",
        )
    }
}

/// Parameters of `baseline-table`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineTableParams {
    /// The column that divides patients; `site` for their centre. Source: site.
    pub group: String,
    /// Columns that are not told; empty for none.
    pub leave_out: Vec<String>,
}

impl Params for BaselineTableParams {
    const KINDS: &'static [&'static str] = &["baseline-table"];
    fn presets() -> Vec<(&'static str, BaselineTableParams)> {
        let by_site = BaselineTableParams {
            group: "site".to_owned(),
            leave_out: Vec::new(),
        };
        vec![("by-site", by_site)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(!self.group.is_empty(), "group", "\"\"", "a column's name")
    }
}

/// Parameters of `nomogram`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NomogramParams {
    /// Times at which survival is read off, in the unit of the follow-up (months in a study), rising from above 0.
    pub horizons: Vec<f64>,
}

impl Params for NomogramParams {
    const KINDS: &'static [&'static str] = &["nomogram"];
    fn presets() -> Vec<(&'static str, NomogramParams)> {
        let paper = NomogramParams {
            horizons: vec![12.0, 36.0, 60.0],
        };
        vec![("paper", paper)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        rising("horizons", &self.horizons)
    }
}

/// Parameters of `differential-expression`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpressionParams {
    /// How genes are tested.
    pub method: ExpressionMethod,
    /// A gene is called at this P or below, above 0 to 1. Source: the paper, 0.05.
    pub p: f64,
    /// What is held against `p`.
    pub judged: ExpressionJudged,
    /// A gene is called when its fold change is at least this, log2, ≥ 0. Source: the paper, 1.
    pub abs_logfc: f64,
    /// The group that the other is compared with; empty for `low`, `control`, `untreated` or `0` where there is one, else the
    /// first by name.
    pub reference: String,
    /// Columns of `groups` that are held constant, such as a pair or a batch.
    pub covariates: Vec<String>,
    /// The column of the groups; empty for `group`, else the first. A marker cut in two is found by its name.
    #[serde(default)]
    pub group: String,
}

/// How genes are tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExpressionMethod {
    /// Weights by the mean–variance trend, moderated t (limma).
    Voom,
    /// Log counts per million with a variance trend, moderated t (limma).
    Trend,
    /// Negative binomial likelihood ratio (edgeR).
    Nb,
}

/// What is held against `p`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExpressionJudged {
    /// P as it is, what the paper printed.
    Raw,
    /// The false discovery rate.
    Fdr,
}

impl Params for ExpressionParams {
    const KINDS: &'static [&'static str] = &["differential-expression"];
    fn presets() -> Vec<(&'static str, ExpressionParams)> {
        let voom = ExpressionParams {
            method: ExpressionMethod::Voom,
            p: 0.05,
            judged: ExpressionJudged::Fdr,
            abs_logfc: 1.0,
            reference: String::new(),
            covariates: Vec::new(),
            group: String::new(),
        };
        let paper = ExpressionParams {
            judged: ExpressionJudged::Raw,
            ..voom.clone()
        };
        vec![("voom", voom), ("paper", paper)]
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(
            self.p > 0.0 && self.p <= 1.0,
            "p",
            self.p,
            "above 0, at most 1",
        )?;
        within(
            self.abs_logfc.is_finite() && self.abs_logfc >= 0.0,
            "abs_logfc",
            self.abs_logfc,
            "at least 0",
        )
    }
}

/// Parameters of `enrichment`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrichmentParams {
    /// Over-representation among called genes, or a score along the ranking by t.
    pub method: EnrichmentMethod,
    /// The genes that could be found: those measured.
    pub universe: EnrichmentUniverse,
    /// Fewest measured genes of a set that is tested, ≥ 1. Source: 5.
    pub min_size: u32,
    /// Most measured genes of a set that is tested, ≥ `min_size`. Source: 500. Where one of the two is set alone beyond the
    /// other's value in the preset, the other gives way: no upper limit, or a lower one of 1.
    pub max_size: u32,
    /// With `gsea`: permutations, 1 to 1000000. Source: 1000.
    pub permutations: u32,
}

/// How a gene set is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EnrichmentMethod {
    /// Hypergeometric, among called genes.
    Ora,
    /// Running sum along the ranking by t (Subramanian et al. 2005).
    Gsea,
}

/// The genes that could be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EnrichmentUniverse {
    /// All genes of the table.
    Measured,
    /// Those of them that are in any gene set.
    Annotated,
}

impl Params for EnrichmentParams {
    const KINDS: &'static [&'static str] = &["enrichment"];
    fn presets() -> Vec<(&'static str, EnrichmentParams)> {
        let ora = EnrichmentParams {
            method: EnrichmentMethod::Ora,
            universe: EnrichmentUniverse::Measured,
            min_size: 5,
            max_size: 500,
            permutations: 1000,
        };
        let gsea = EnrichmentParams {
            method: EnrichmentMethod::Gsea,
            ..ora.clone()
        };
        vec![("ora", ora), ("gsea", gsea)]
    }
    fn gather(mut set: Map<String, Value>) -> Result<Map<String, Value>, ParamsError> {
        let given = |name: &str| set.get(name).and_then(Value::as_u64);
        let usual = EnrichmentParams::presets().remove(0).1;
        match (given("min_size"), given("max_size")) {
            (Some(least), None) if least > u64::from(usual.max_size) => {
                set.insert("max_size".to_owned(), Value::from(u32::MAX));
            }
            (None, Some(most)) if most < u64::from(usual.min_size) => {
                set.insert("min_size".to_owned(), Value::from(1));
            }
            _ => {}
        }
        Ok(set)
    }
    fn check(&self) -> Result<(), OutOfRange> {
        within(self.min_size >= 1, "min_size", self.min_size, "at least 1")?;
        within(
            self.max_size >= self.min_size,
            "max_size",
            self.max_size,
            "at least min_size",
        )?;
        within(
            (1..=1_000_000).contains(&self.permutations),
            "permutations",
            self.permutations,
            "from 1 to 1000000",
        )
    }
}
