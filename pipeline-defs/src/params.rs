//! The parameters of every step kind: one structure each, with unit, range and source of every value.
//!
//! A kind runs with one named preset unless another is chosen (`preset = "slicer"`), completed by what is set. The
//! recipe carries every value and never the preset's name. A parameter added to a kind later is left out of the
//! canonical text while it has the value that behaves as before (see [`ADDED_LATER`]), so that old results stay found.

mod added_later;
mod analyses;
mod boosting;
mod clinical;
mod conclusions;
mod evaluation;
mod features;
mod findings;
mod harmonise;
mod imaging;
mod learners;
mod networks;
mod novelty;
mod readings;
mod svm;
mod tables;
mod tune;
mod words;

pub use added_later::ADDED_LATER;
pub use analyses::{
    AucComparisonParams, CompetingRisksParams, DoseCourse, Eqd2Params, KaplanMeierParams,
    StabilityParams,
};
pub use boosting::{
    AftDistribution, BestIteration, GbmMethod, GbmParams, TreeMethod, XgboostObjective,
    XgboostParams,
};
pub use clinical::{
    CalibrationParams, ClinicalImpactParams, DecisionCurveParams, NriCensoring,
    ReclassificationParams,
};
pub use conclusions::{
    ColumnTransform, ModelColumnsParams, RadscoreChoice, RadscoreParams, RadscoreTraining,
    RankModelsParams, RankedSet, UnivariableTableParams,
};
pub use evaluation::{
    AucConvention, BootstrapOptimismParams, CompareParams, CrossValidateParams, EvaluateParams,
    EvaluatedRows, NoOpParams, PredictParams, ReportLanguage, ReportParams,
};
pub use features::{
    CustomSettings, ExtractParams, FeatureClasses, FeatureSettings, ImageTypes, Interpolator,
    Lbp2dMethod, N_DEFAULT_FEATURES, NormalizeMask, OwnSettings, ResegmentMode, Unheeded,
    WeightingNorm,
};
pub use findings::{
    BaselineTableParams, CutPointParams, EnrichmentMethod, EnrichmentParams, EnrichmentUniverse,
    ExpressionJudged, ExpressionMethod, ExpressionParams, NomogramParams,
};
pub use harmonise::{ApplyCombatParams, CombatParams, IccForm, IccJudged, IccParams};
pub use imaging::{ImportMaskParams, N4Mask, N4Params, RingClip, RingMode, RingParams};
pub use learners::{
    CoxParams, CoxRegressionParams, ImportanceParams, LassoCoxParams, LassoMeasure, RsfConvention,
    RsfParams, SplitRule, Ties, ZphTransform,
};
pub use networks::{Activation, CutRule, DeepSurvParams, DnnSurvParams, NetworkTies, Optimizer};
pub use novelty::{ApplyNoveltyParams, FitNoveltyParams};
pub use readings::{
    AcquisitionParams, JoinPrefix, JoinTablesParams, NoiseFeaturesParams, ReadingRule,
    ReliabilityJudged, ReliabilityParams, SelectRowsParams, SelectSiteParams, ShuffleMaskParams,
    WhenFew,
};
pub use svm::{Kernel, Scaling, SvmLoss, SvmParams, TiedTimes};
pub use tables::{
    Centre, EligibleParams, FollowUpParams, ImputeParams, Lasso, LassoChoice, Scale,
    SelectionParams, Spearman, SpearmanRule, SplitParams, SplitParamsScheme, StandardiseParams,
    Strategy, TimeUnit,
};
pub use tune::{Tune, TuneScheme};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::canonical::canonical;
use crate::kinds::KindSpec;
use crate::problem::{Place, Problem, list, suggest};

/// The parameters of a kind.
pub trait Params: Serialize + DeserializeOwned + JsonSchema {
    /// The kinds that take them.
    const KINDS: &'static [&'static str];
    /// Named presets; the first is the default.
    fn presets() -> Vec<(&'static str, Self)>;
    /// Brings what was set into the form of the structure, before anything is checked.
    ///
    /// # Errors
    /// What was set has no such form.
    fn gather(set: Map<String, Value>) -> Result<Map<String, Value>, ParamsError> {
        Ok(set)
    }
    /// The same parameters in their shortest form, so that what means the same has one text.
    #[must_use]
    fn shorten(self) -> Self {
        self
    }
    /// Refuses values outside their range.
    fn check(&self) -> Result<(), OutOfRange> {
        Ok(())
    }
}

/// A parameter outside its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfRange {
    /// The parameter.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// What it must be.
    pub limit: &'static str,
}

/// Why parameters were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParamsError {
    /// The parameter at fault, when it is one.
    pub name: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub repair: String,
}

/// A kind that takes no parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

impl Params for NoParams {
    const KINDS: &'static [&'static str] = &[
        "import-image",
        "gather-table",
        "gather-cohort",
        "roster",
        "apply-impute",
        "apply-standardise",
        "apply-selection",
        "exclusions",
        "compare-masks",
        "permute-outcome",
        "missing-table",
        "optimism-waterfall",
        "funnel",
    ];
    fn presets() -> Vec<(&'static str, NoParams)> {
        vec![("none", NoParams {})]
    }
}

/// The canonical JSON of all parameters of a kind: its preset completed by what is set. `set` is an object.
///
/// # Errors
/// An unknown parameter, a value of another type or outside its range, said at `place`.
pub fn resolve_params(kind: &KindSpec, set: &Value, place: &Place) -> Result<String, Problem> {
    resolve(kind.name, set).map_err(|error| {
        Problem::new(
            "parameter",
            place,
            format!("`{}`: {}", kind.name, error.message),
            error.repair,
        )
    })
}

/// The JSON Schema of a kind's parameters.
pub fn schema_of(kind: &KindSpec) -> Value {
    entry(kind.name).map_or(Value::Bool(true), |entry| (entry.schema)())
}

/// The presets of a kind with their canonical JSON; the first is the default.
pub fn presets_of(kind: &KindSpec) -> Vec<(&'static str, String)> {
    let presets = entry(kind.name)
        .map(|entry| (entry.presets)())
        .unwrap_or_default();
    presets
        .into_iter()
        .map(|(name, mut value)| {
            omit_added_later(kind.name, &mut value, ADDED_LATER);
            (name, canonical(&value))
        })
        .collect()
}

/// Reads canonical parameters back into their structure, as a step does.
///
/// # Errors
/// Text that is not what [`resolve_params`] wrote.
pub fn decode<P: Params>(canonical: &str) -> Result<P, ParamsError> {
    let set: Value = serde_json::from_str(canonical).map_err(|error| plain(error.to_string()))?;
    let (_, preset) = P::presets()
        .into_iter()
        .next()
        .ok_or_else(|| plain("no preset"))?;
    let mut value = to_value(&preset);
    // Parameters added later are absent from old recipes and behave as they did then.
    for (kind, name, old) in ADDED_LATER {
        if P::KINDS.contains(kind) {
            value[*name] = serde_json::from_str(old).unwrap_or_default();
        }
    }
    overlay(&mut value, &set);
    typed::<P>(&value)
}

pub(crate) fn resolve(kind: &str, set: &Value) -> Result<String, ParamsError> {
    let entry = entry(kind).ok_or_else(|| plain(format!("kind `{kind}` has no parameters")))?;
    let set = (entry.gather)(set.as_object().cloned().unwrap_or_default())?;
    let presets = (entry.presets)();
    let preset = chosen_preset(&presets, set.get("preset"))?;
    let mut value = preset.clone();
    let settings = || set.iter().filter(|(name, _)| *name != "preset");
    let mut together = preset.clone();
    let all = settings().map(|(name, setting)| (name.clone(), setting.clone()));
    overlay(&mut together, &Value::Object(all.collect()));
    let fits_together = (entry.canonical)(&together).is_ok();
    for (name, setting) in settings() {
        let known: Vec<&str> = preset
            .as_object()
            .into_iter()
            .flatten()
            .map(|(n, _)| n.as_str())
            .collect();
        if !known.contains(&name.as_str()) {
            return Err(unknown(kind, name, &known));
        }
        // Each alone first, so that the message names the one at fault.
        let alone = |setting: &Value| {
            let mut single = preset.clone();
            overlay(
                &mut single,
                &Value::Object(Map::from_iter([(name.clone(), setting.clone())])),
            );
            (entry.canonical)(&single).map_err(|e| named(name, e))
        };
        // TOML has no null: `"none"` switches an optional parameter off.
        let setting = match alone(setting) {
            Err(_) if setting == "none" && alone(&Value::Null).is_ok() => &Value::Null,
            // A limit of one parameter by another is of what is set, not of what the preset has in its place.
            Err(_) if fits_together => setting,
            Err(error)
                if (error.name.as_deref()).is_some_and(|at| at != name && known.contains(&at)) =>
            {
                setting
            }
            Err(error) => return Err(inner(name, setting, alone).unwrap_or(error)),
            Ok(_) => setting,
        };
        overlay(
            &mut value,
            &Value::Object(Map::from_iter([(name.clone(), setting.clone())])),
        );
    }
    let mut value = (entry.canonical)(&value)?;
    check_grid(kind, &entry, &value)?;
    if matches!(kind, "bootstrap-optimism" | "cross-validate") {
        let learner = value["learner"].as_str().unwrap_or_default();
        resolve(&format!("fit-{learner}"), &value["settings"])?;
    }
    omit_added_later(kind, &mut value, ADDED_LATER);
    Ok(canonical(&value))
}

/// Every candidate of a grid must be what could be set by hand.
fn check_grid(kind: &str, entry: &ParamsEntry, value: &Value) -> Result<(), ParamsError> {
    let Some(grid) = value.get("tune").filter(|t| !t.is_null()) else {
        return Ok(());
    };
    let tune: Tune = serde_json::from_value(grid.clone())
        .map_err(|e| named("tune", plain(words::of(&e.to_string()))))?;
    let known: Vec<&str> = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .filter(|name| *name != "tune")
        .collect();
    if let Some(name) = tune
        .grid
        .keys()
        .find(|name| !known.contains(&name.as_str()))
    {
        return Err(unknown(kind, name, &known));
    }
    for candidate in tune.candidates() {
        let mut one = value.clone();
        overlay(&mut one, &Value::Object(candidate));
        (entry.canonical)(&one).map_err(|e| named("tune.grid", e))?;
    }
    Ok(())
}

/// The error with the parameter that it is about.
fn named(name: &str, error: ParamsError) -> ParamsError {
    match error.name {
        Some(_) => error,
        None => ParamsError {
            name: Some(name.to_string()),
            message: format!("`{name}` {}", error.message),
            ..error
        },
    }
}

/// The one entry of an object that is at fault alone, named as it is set: `settings.binWidth`.
fn inner(
    name: &str,
    setting: &Value,
    alone: impl Fn(&Value) -> Result<Value, ParamsError>,
) -> Option<ParamsError> {
    setting.as_object()?.iter().find_map(|(key, value)| {
        let single = Value::Object(Map::from_iter([(key.clone(), value.clone())]));
        let error = alone(&single).err()?;
        if error.message.contains(&format!("has no `{key}`")) {
            return Some(error);
        }
        let name_here = format!("{name}.{key}");
        let message = match error.message.strip_prefix(&format!("`{name}` ")) {
            Some(rest) => format!("`{name_here}` {rest}"),
            None => error.message,
        };
        Some(ParamsError {
            name: Some(name_here),
            message,
            ..error
        })
    })
}

fn chosen_preset<'a>(
    presets: &'a [(&'static str, Value)],
    chosen: Option<&Value>,
) -> Result<&'a Value, ParamsError> {
    let names: Vec<&str> = presets.iter().map(|(name, _)| *name).collect();
    let name = match chosen {
        None => names.first().copied(),
        Some(name) => name.as_str(),
    };
    presets
        .iter()
        .find(|(n, _)| Some(*n) == name)
        .map(|(_, value)| value)
        .ok_or_else(|| ParamsError {
            name: Some("preset".to_string()),
            message: format!("unknown preset {}", chosen.unwrap_or(&Value::Null)),
            repair: format!("presets are {}", list(&names)),
        })
}

fn unknown(kind: &str, name: &str, known: &[&str]) -> ParamsError {
    let repair = match known {
        [] => format!("`{kind}` takes no parameters"),
        _ => {
            let near = suggest(name, known.iter().copied());
            match near.starts_with("did") {
                true => format!("{near} its parameters are {}", list(known)),
                false => format!("its parameters are {}", list(known)),
            }
        }
    };
    ParamsError {
        name: Some(name.to_string()),
        message: format!("unknown parameter `{name}`"),
        repair,
    }
}

/// Lays objects over objects, everything else replaces. `binCount` and `binWidth` exclude each other, so setting one
/// removes the other.
fn overlay(base: &mut Value, set: &Value) {
    match (base, set) {
        (Value::Object(base), Value::Object(set)) => {
            if set.get("binCount").is_some_and(|v| !v.is_null()) {
                base.insert("binWidth".to_string(), Value::Null);
            }
            for (name, value) in set {
                overlay(base.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (base, set) => *base = set.clone(),
    }
}

fn omit_added_later(kind: &str, value: &mut Value, added: &[(&str, &str, &str)]) {
    let Some(fields) = value.as_object_mut() else {
        return;
    };
    for (of, name, old) in added {
        if *of == kind && fields.get(*name).is_some_and(|v| canonical(v) == *old) {
            fields.remove(*name);
        }
    }
}

/// Brings what was set into the form of a structure.
type Gather = fn(Map<String, Value>) -> Result<Map<String, Value>, ParamsError>;

struct ParamsEntry {
    presets: fn() -> Vec<(&'static str, Value)>,
    gather: Gather,
    canonical: fn(&Value) -> Result<Value, ParamsError>,
    schema: fn() -> Value,
}

fn entry(kind: &str) -> Option<ParamsEntry> {
    fn of<P: Params>(kind: &str) -> Option<ParamsEntry> {
        P::KINDS.contains(&kind).then_some(ParamsEntry {
            presets: || {
                P::presets()
                    .iter()
                    .map(|(name, p)| (*name, to_value(p)))
                    .collect()
            },
            gather: P::gather,
            canonical: |value| typed::<P>(value).map(|p| to_value(&p.shorten())),
            schema: schema_of_type::<P>,
        })
    }
    None.or_else(|| of::<NoParams>(kind))
        .or_else(|| of::<ImportMaskParams>(kind))
        .or_else(|| of::<N4Params>(kind))
        .or_else(|| of::<RingParams>(kind))
        .or_else(|| of::<ExtractParams>(kind))
        .or_else(|| of::<FollowUpParams>(kind))
        .or_else(|| of::<BootstrapOptimismParams>(kind))
        .or_else(|| of::<EligibleParams>(kind))
        .or_else(|| of::<SplitParams>(kind))
        .or_else(|| of::<ImputeParams>(kind))
        .or_else(|| of::<StandardiseParams>(kind))
        .or_else(|| of::<IccParams>(kind))
        .or_else(|| of::<CombatParams>(kind))
        .or_else(|| of::<ApplyCombatParams>(kind))
        .or_else(|| of::<SelectionParams>(kind))
        .or_else(|| of::<Spearman>(kind))
        .or_else(|| of::<LassoCoxParams>(kind))
        .or_else(|| of::<CoxParams>(kind))
        .or_else(|| of::<CoxRegressionParams>(kind))
        .or_else(|| of::<RsfParams>(kind))
        .or_else(|| of::<GbmParams>(kind))
        .or_else(|| of::<SvmParams>(kind))
        .or_else(|| of::<XgboostParams>(kind))
        .or_else(|| of::<DeepSurvParams>(kind))
        .or_else(|| of::<DnnSurvParams>(kind))
        .or_else(|| of::<ImportanceParams>(kind))
        .or_else(|| of::<KaplanMeierParams>(kind))
        .or_else(|| of::<CompetingRisksParams>(kind))
        .or_else(|| of::<Eqd2Params>(kind))
        .or_else(|| of::<StabilityParams>(kind))
        .or_else(|| of::<AucComparisonParams>(kind))
        .or_else(|| of::<CutPointParams>(kind))
        .or_else(|| of::<BaselineTableParams>(kind))
        .or_else(|| of::<NomogramParams>(kind))
        .or_else(|| of::<ExpressionParams>(kind))
        .or_else(|| of::<EnrichmentParams>(kind))
        .or_else(|| of::<PredictParams>(kind))
        .or_else(|| of::<EvaluateParams>(kind))
        .or_else(|| of::<ReclassificationParams>(kind))
        .or_else(|| of::<CalibrationParams>(kind))
        .or_else(|| of::<DecisionCurveParams>(kind))
        .or_else(|| of::<ClinicalImpactParams>(kind))
        .or_else(|| of::<CompareParams>(kind))
        .or_else(|| of::<RadscoreParams>(kind))
        .or_else(|| of::<ModelColumnsParams>(kind))
        .or_else(|| of::<UnivariableTableParams>(kind))
        .or_else(|| of::<RankModelsParams>(kind))
        .or_else(|| of::<ReportParams>(kind))
        .or_else(|| of::<CrossValidateParams>(kind))
        .or_else(|| of::<NoOpParams>(kind))
        .or_else(|| of::<ReliabilityParams>(kind))
        .or_else(|| of::<FitNoveltyParams>(kind))
        .or_else(|| of::<ApplyNoveltyParams>(kind))
        .or_else(|| of::<JoinTablesParams>(kind))
        .or_else(|| of::<SelectRowsParams>(kind))
        .or_else(|| of::<NoiseFeaturesParams>(kind))
        .or_else(|| of::<ShuffleMaskParams>(kind))
        .or_else(|| of::<SelectSiteParams>(kind))
        .or_else(|| of::<AcquisitionParams>(kind))
}

/// The schema without references, so that it can stand inside another.
fn schema_of_type<P: Params>() -> Value {
    let settings =
        schemars::generate::SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    to_value(&settings.into_generator().into_root_schema_for::<P>())
}

fn typed<P: Params>(value: &Value) -> Result<P, ParamsError> {
    let params: P =
        serde_json::from_value(value.clone()).map_err(|e| plain(words::of(&e.to_string())))?;
    params.check().map_err(|out| ParamsError {
        name: Some(out.name.to_string()),
        message: format!("`{}` is {}, must be {}", out.name, out.value, out.limit),
        repair: String::new(),
    })?;
    Ok(params)
}

fn to_value<T: Serialize>(value: &T) -> Value {
    // Structures of numbers, texts and lists cannot fail to serialise.
    serde_json::to_value(value).unwrap_or_default()
}

fn plain(message: impl Into<String>) -> ParamsError {
    ParamsError {
        name: None,
        message: message.into(),
        repair: String::new(),
    }
}

/// `Err` unless `ok`.
fn within(
    ok: bool,
    name: &'static str,
    value: impl ToString,
    limit: &'static str,
) -> Result<(), OutOfRange> {
    match ok {
        true => Ok(()),
        false => Err(OutOfRange {
            name,
            value: value.to_string(),
            limit,
        }),
    }
}

/// A value that may be absent, as a person writes it.
fn shown<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "none".to_string(), |v| v.to_string())
}

/// Horizons must rise from above zero.
fn rising(name: &'static str, horizons: &[f64]) -> Result<(), OutOfRange> {
    let ok =
        horizons.first().is_some_and(|&first| first > 0.0) && horizons.is_sorted_by(|a, b| a < b);
    let texts: Vec<String> = horizons.iter().map(ToString::to_string).collect();
    within(
        ok,
        name,
        format!("[{}]", texts.join(", ")),
        "times above 0, each later than the one before",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::kinds;
    use serde_json::json;

    #[test]
    fn every_kind_has_parameters_a_schema_and_a_preset() {
        for kind in kinds::all() {
            assert!(entry(kind.name).is_some(), "{}", kind.name);
            let (name, text) = presets_of(kind).remove(0);
            assert!(!name.is_empty());
            if kind.name != "make-splits" {
                let mut preset: Value = serde_json::from_str(&text).unwrap();
                omit_added_later(kind.name, &mut preset, ADDED_LATER);
                assert_eq!(resolve(kind.name, &json!({})).unwrap(), canonical(&preset));
            }
        }
    }

    #[test]
    fn a_parameter_added_later_can_be_set() {
        let text = resolve("n4-bias-correction", &json!({"spline_distance_mm": 40.0})).unwrap();
        assert!(text.contains(r#""spline_distance_mm":40"#), "{text}");
    }

    #[test]
    fn a_setting_completes_the_preset_and_the_preset_is_not_in_the_text() {
        let text = resolve(
            "n4-bias-correction",
            &json!({"preset": "slicer", "shrink_factor": 2}),
        )
        .unwrap();
        assert_eq!(
            text,
            r#"{"bins":200,"control_points":[4,4,4],"convergence":0.0001,"fwhm":0.15,"iterations":[50,40,30],"mask":"otsu","shrink_factor":2,"wiener":0.01}"#
        );
    }

    #[test]
    fn an_unknown_parameter_is_named_with_the_known_ones() {
        let error = resolve("peritumoural-ring", &json!({"margin": 5})).unwrap_err();
        assert_eq!(error.message, "unknown parameter `margin`");
        assert!(
            error
                .repair
                .starts_with("did you mean `margin_mm`? its parameters are `clip_to`"),
            "{}",
            error.repair
        );
    }

    #[test]
    fn a_value_of_another_type_or_range_names_its_parameter() {
        let error = resolve("fit-rsf", &json!({"num_trees": 0})).unwrap_err();
        assert_eq!(error.message, "`num_trees` is 0, must be from 1 to 100000");
        let error = resolve("fit-rsf", &json!({"num_trees": 10, "mtry": "all"})).unwrap_err();
        assert_eq!(error.name.as_deref(), Some("mtry"));
    }

    #[test]
    fn what_is_wrong_is_said_in_words_under_its_own_name() {
        for (kind, set, wanted) in [
            (
                "fit-rsf",
                json!({"num_trees": "many"}),
                "`num_trees` is \"many\", must be a whole number of at least 0",
            ),
            (
                "fit-rsf",
                json!({"num_trees": -1}),
                "`num_trees` is -1, must be a whole number of at least 0",
            ),
            (
                "fit-rsf",
                json!({"replace": 1}),
                "`replace` is 1, must be true or false",
            ),
            (
                "extract-features",
                json!({"settings": {"binWidth": 0.0}}),
                "`settings.binWidth` is 0, must be above 0",
            ),
            (
                "extract-features",
                json!({"settings": {"gldm_a": 1.5}}),
                "`settings.gldm_a` is 1.5, must be a whole number of at least 0",
            ),
            (
                "predict",
                json!({"horizons": 12}),
                "`horizons` is 12, must be a list",
            ),
            (
                "fit-selection",
                json!({"spearman": {"rule": "mean-correlation"}}),
                "`spearman.rule` is `mean-correlation`, must be one of `univariable-c`, `first`, `find-correlation`, `find-correlation-fast`, `max-pair`, \
                 `cluster-medoid`",
            ),
            (
                "evaluate",
                json!({"bootstrap": 10}),
                "`bootstrap` is 10, must be 0 for no interval, or from 20 to 100000",
            ),
        ] {
            assert_eq!(resolve(kind, &set).unwrap_err().message, wanted);
        }
    }

    #[test]
    fn one_limit_of_set_sizes_alone_moves_the_other_out_of_its_way() {
        let limits = |set: Value| {
            let text = resolve("enrichment", &set).unwrap();
            let value: Value = serde_json::from_str(&text).unwrap();
            (
                value["min_size"].as_u64().unwrap(),
                value["max_size"].as_u64().unwrap(),
            )
        };
        assert_eq!(limits(json!({})), (5, 500));
        assert_eq!(limits(json!({"min_size": 15})), (15, 500));
        assert_eq!(limits(json!({"max_size": 3})), (1, 3));
        assert_eq!(limits(json!({"min_size": 600})), (600, u64::from(u32::MAX)));
        assert_eq!(
            limits(json!({"min_size": 600, "max_size": 800})),
            (600, 800)
        );
        let range = json!({"min_size": 600, "max_size": 800, "permutations": 0});
        assert_eq!(
            resolve("enrichment", &range).unwrap_err().message,
            "`permutations` is 0, must be from 1 to 1000000"
        );
        let crossed = resolve("enrichment", &json!({"min_size": 20, "max_size": 10}));
        assert_eq!(
            crossed.unwrap_err().message,
            "`max_size` is 10, must be at least min_size"
        );
    }

    #[test]
    fn a_learner_s_settings_stand_beside_it_or_in_a_table() {
        let flat = json!({"learner": "rsf", "num_trees": 5, "mtry": 1});
        let table = json!({"learner": "rsf", "settings": {"num_trees": 5, "mtry": 1}});
        let text = resolve("cross-validate", &flat).unwrap();
        assert_eq!(text, resolve("cross-validate", &table).unwrap());
        assert_eq!(
            text,
            r#"{"learner":"rsf","settings":{"mtry":1,"num_trees":5}}"#
        );
        let flat = json!({"learner": "rsf", "resamples": 50, "num_trees": 300});
        let table = json!({"learner": "rsf", "resamples": 50, "settings": {"num_trees": 300}});
        assert_eq!(
            resolve("bootstrap-optimism", &flat).unwrap(),
            resolve("bootstrap-optimism", &table).unwrap()
        );
        assert!(resolve("bootstrap-optimism", &json!({"learner": "rsf", "trees": 5})).is_err());
        let wrong = resolve("cross-validate", &json!({"learner": "rsf", "trees": 5}));
        let wrong = wrong.unwrap_err();
        assert_eq!(wrong.message, "unknown parameter `trees`");
        assert!(wrong.repair.contains("`num_trees`"), "{}", wrong.repair);
        let wrong = resolve("cross-validate", &json!({"learner": "rsf", "num_trees": 0}));
        assert_eq!(
            wrong.unwrap_err().message,
            "`num_trees` is 0, must be from 1 to 100000"
        );
    }

    #[test]
    fn a_bin_count_and_a_bin_width_together_are_refused() {
        let set = json!({"settings": {"binCount": 32, "binWidth": 25.0}});
        assert_eq!(
            resolve("extract-features", &set).unwrap_err().message,
            "`settings` is binWidth 25, binCount 32, must be one of the two"
        );
    }

    #[test]
    fn none_switches_an_optional_parameter_off() {
        let text = resolve("fit-selection", &json!({"lasso": "none"})).unwrap();
        assert!(text.contains(r#""lasso":null,"spearman":{"#), "{text}");
        assert_eq!(
            resolve("fit-rsf", &json!({"num_trees": "none"}))
                .unwrap_err()
                .name
                .as_deref(),
            Some("num_trees")
        );
    }

    #[test]
    fn a_bin_count_replaces_the_bin_width() {
        let text = resolve("extract-features", &json!({"settings": {"binCount": 32}})).unwrap();
        assert!(
            text.contains(r#""binCount":32"#) && !text.contains("binWidth"),
            "{text}"
        );
    }

    #[test]
    fn a_parameter_added_later_is_left_out_while_it_behaves_as_before() {
        let added: &[(&str, &str, &str)] = &[("no-op", "value", "null")];
        let mut value = json!({"value": null});
        omit_added_later("no-op", &mut value, added);
        assert_eq!(value, json!({}));
        let mut value = json!({"value": 1});
        omit_added_later("no-op", &mut value, added);
        assert_eq!(value, json!({"value": 1}));
    }

    #[test]
    fn canonical_parameters_read_back() {
        let text = resolve("fit-rsf", &json!({"preset": "ranger"})).unwrap();
        assert_eq!(
            decode::<RsfParams>(&text).unwrap(),
            RsfParams::ranger_defaults()
        );
    }
}
