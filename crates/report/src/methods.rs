//! The methods, written from what the steps of a run were really set to.
//!
//! A kind of step that this crate knows becomes a sentence with its settings in it; every setting of every step, known or
//! not, stands in the table below the sentences. Two steps of one kind with the same settings are one sentence.

use crate::values::MethodFact;
use crate::words::Language;

/// One step as it was resolved, at one choice of its axes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepSetting {
    /// Its name in the study.
    pub step: String,
    /// Its kind.
    pub kind: String,
    /// For which axis values these settings hold: `profile=careful`; empty for all.
    pub at: String,
    /// Tasks with these settings.
    pub n_tasks: usize,
    /// Name and value, nested names with dots: `lasso.folds`, 10.
    pub parameters: Vec<(String, String)>,
}

impl StepSetting {
    /// A parameter, without quotes around a word; a dash when it is not set.
    fn get(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(n, _)| n == name);
        match found.map(|(_, v)| v.trim_matches('"')) {
            None | Some("" | "null") => "–",
            Some(v) => v,
        }
    }
}

/// A topic, and the sentence with numbered parts and the parameters that fill them.
type Pattern = (&'static str, &'static str, &'static [&'static str]);

/// What a kind's sentence is; kinds that only move data have none.
fn pattern(s: &StepSetting) -> Option<Pattern> {
    Some(match s.kind.as_str() {
        "n4-bias-correction" => (
            "Bias field",
            "N4 correction of the bias field: shrink factor {0}, iterations {1}, convergence {2}, {3} histogram bins, mask {4}.",
            &["shrink_factor", "iterations", "convergence", "bins", "mask"],
        ),
        "peritumoural-ring" => (
            "Peritumoural region",
            "A margin of {0} mm around the tumour ({1}), clipped to the {2}; tumour left out: {3}.",
            &["margin_mm", "mode", "clip_to", "exclude_tumour"],
        ),
        "extract-features" => extraction(s),
        "make-splits" => (
            "Splits",
            "{0}-fold cross-validation repeated {1} times, stratified by {2}; the external centre is {3}.",
            &[
                "scheme.kfold",
                "scheme.repeats",
                "scheme.stratify",
                "scheme.external",
            ],
        ),
        "fit-impute" => (
            "Missing values",
            "Missing values are replaced by the {0} of the training patients; features with more than {1} missing are left out.",
            &["strategy", "max_undefined"],
        ),
        "fit-standardise" => (
            "Standardisation",
            "Features are centred at the {0} and divided by the {1} of the training patients.",
            &["centre", "scale"],
        ),
        "fit-combat" | "combat" => (
            "Harmonisation",
            "ComBat over {0}: parametric priors {1}, location only {2}, reference batch {3}.",
            &["batch", "parametric", "mean_only", "reference"],
        ),
        "fit-reliability" => (
            "Reliability",
            "Features are kept when the {0} of their intraclass correlation is at least {1}, within a reader ({2}) and between readers ({3}).",
            &["judged", "threshold", "intra.form", "inter.form"],
        ),
        "fit-selection" => selection(s),
        "evaluate" => (
            "Evaluation",
            "AUC(t) by the convention of {0} at {1} months; {2} bootstrap samples.",
            &["auc", "horizons", "bootstrap"],
        ),
        "calibration" => (
            "Calibration",
            "Calibration at {0} months in {1} groups, and along a smooth curve.",
            &["horizon", "groups"],
        ),
        "decision-curve" => (
            "Net benefit",
            "Net benefit at {0} months, censoring by Kaplan–Meier.",
            &["horizon"],
        ),
        "reclassification" => (
            "Reclassification",
            "NRI and IDI at {0} months, censoring by {1}, {2} bootstrap samples.",
            &["horizon", "censoring", "bootstrap"],
        ),
        "cut-point" => (
            "Cut-points",
            "The cut of {0} that parts survival best, with at least {1} of the patients on each side; P adjusted for the search.",
            &["column", "minprop"],
        ),
        "radscore" => (
            "Radiomics score",
            "The score of a training patient is {0}.",
            &["training"],
        ),
        "rank-models" => (
            "Comparison of models",
            "Models are compared in joint bootstrap samples of patients ({0}), with intervals that hold for all of them together.",
            &["bootstrap"],
        ),
        "differential-expression" => (
            "Expression",
            "Genes between risk groups by {0}: called where {1} is below {2} and |log2 fold change| above {3}.",
            &["method", "judged", "p", "abs_logfc"],
        ),
        "enrichment" => (
            "Gene sets",
            "Gene sets by {0} against {1}, sizes {2} to {3}; P adjusted over all sets.",
            &["method", "universe", "min_size", "max_size"],
        ),
        _ => return None,
    })
}

fn extraction(s: &StepSetting) -> Pattern {
    let set = |name: &str| s.get(name) != "–";
    match (
        set("settings.binCount"),
        set("settings.resampledPixelSpacing"),
    ) {
        (true, true) => (
            "Features",
            "Radiomic features with {0} grey levels; resampled to {2} mm, intensities normalised: {1}.",
            &[
                "settings.binCount",
                "settings.normalize",
                "settings.resampledPixelSpacing",
            ],
        ),
        (false, true) => (
            "Features",
            "Radiomic features with grey levels {0} wide; resampled to {2} mm, intensities normalised: {1}.",
            &[
                "settings.binWidth",
                "settings.normalize",
                "settings.resampledPixelSpacing",
            ],
        ),
        (true, false) => (
            "Features",
            "Radiomic features with {0} grey levels; voxels as they were acquired, intensities normalised: {1}.",
            &["settings.binCount", "settings.normalize"],
        ),
        (false, false) => (
            "Features",
            "Radiomic features with grey levels {0} wide; voxels as they were acquired, intensities normalised: {1}.",
            &["settings.binWidth", "settings.normalize"],
        ),
    }
}

fn selection(s: &StepSetting) -> Pattern {
    match (
        s.get("spearman.threshold") != "–",
        s.get("lasso.folds") != "–",
    ) {
        (true, false) => (
            "Selection",
            "Of features with |Spearman ρ| above {0} one is kept ({1}).",
            &["spearman.threshold", "spearman.rule"],
        ),
        (false, true) => (
            "Selection",
            "LASSO-Cox with the penalty at the {1} of {0}-fold cross-validated deviance.",
            &["lasso.folds", "lasso.choose"],
        ),
        _ => (
            "Selection",
            "Of features with |Spearman ρ| above {0} one is kept ({1}); then LASSO-Cox with the penalty at the {3} of {2}-fold cross-validated deviance.",
            &[
                "spearman.threshold",
                "spearman.rule",
                "lasso.folds",
                "lasso.choose",
            ],
        ),
    }
}

/// Parameters of a learner that are told in its sentence; the rest is in the table.
const TOLD: usize = 8;

fn learner(language: Language, s: &StepSetting) -> Option<MethodFact> {
    let learner = s.kind.strip_prefix("fit-")?;
    let known = ["cox", "deepsurv", "dnnsurv", "gbm", "rsf", "svm", "xgboost"];
    if !known.contains(&learner) {
        return None;
    }
    let plain = |(name, value): &&(String, String)| {
        !matches!(value.as_str(), "null" | "\"\"") && !name.starts_with("tune.")
    };
    let mut told: Vec<String> = s
        .parameters
        .iter()
        .filter(plain)
        .take(TOLD)
        .map(|(n, v)| format!("{n} = {}", v.trim_matches('"')))
        .collect();
    let tuned: Vec<&str> = s
        .parameters
        .iter()
        .filter_map(|(n, _)| n.strip_prefix("tune.grid."))
        .collect();
    if !tuned.is_empty() {
        told.push(language.fill(
            "tuned inside the training patients: {0}",
            &[&tuned.join(", ")],
        ));
    }
    let name = crate::values::display_name(learner);
    Some(MethodFact {
        topic: language.say("Learners").to_owned(),
        text: format!("{name}: {}.", told.join(", ")),
    })
}

/// The sentences, in the order of the steps; what differs between profiles names them.
pub fn sentences(language: Language, settings: &[StepSetting]) -> Vec<MethodFact> {
    let mut out: Vec<(MethodFact, Vec<String>)> = Vec::new();
    for s in settings {
        let fact = match pattern(s) {
            Some((topic, text, names)) => {
                let parts: Vec<&str> = names.iter().map(|n| said(language, s, n)).collect();
                MethodFact {
                    topic: language.say(topic).to_owned(),
                    text: language.fill(text, &parts),
                }
            }
            None => match learner(language, s) {
                Some(fact) => fact,
                None => continue,
            },
        };
        match out.iter_mut().find(|(f, _)| *f == fact) {
            Some((_, at)) => at.push(s.at.clone()),
            None => out.push((fact, vec![s.at.clone()])),
        }
    }
    // a sentence that is not the only one of its topic says for what it holds
    let topics: Vec<String> = out.iter().map(|(f, _)| f.topic.clone()).collect();
    out.into_iter()
        .map(|(mut fact, mut at)| {
            let alone = topics.iter().filter(|t| **t == fact.topic).count() == 1;
            at.retain(|a| !a.is_empty());
            at.dedup();
            if !alone && !at.is_empty() {
                fact.text = format!("{} ({})", fact.text.trim_end_matches('.'), at.join("; "));
            }
            fact
        })
        .collect()
}

fn said<'a>(language: Language, s: &'a StepSetting, name: &str) -> &'a str {
    match s.get(name) {
        "true" => {
            if language == Language::Chinese {
                "是"
            } else {
                "yes"
            }
        }
        "false" => {
            if language == Language::Chinese {
                "否"
            } else {
                "no"
            }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(kind: &str, at: &str, parameters: &[(&str, &str)]) -> StepSetting {
        let own = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
        StepSetting {
            kind: kind.into(),
            at: at.into(),
            parameters: parameters.iter().map(own).collect(),
            ..StepSetting::default()
        }
    }

    #[test]
    fn sentences_hold_the_settings_and_say_for_which_profile() {
        let ring = |at: &str, mm: &str| {
            setting(
                "peritumoural-ring",
                at,
                &[
                    ("margin_mm", mm),
                    ("mode", "\"in-plane\""),
                    ("exclude_tumour", "true"),
                ],
            )
        };
        let all = [
            ring("profile=careful", "5.0"),
            ring("profile=paper", "50.0"),
            setting(
                "fit-rsf",
                "",
                &[
                    ("num_trees", "500"),
                    ("tune.grid.mtry", "[1,2]"),
                    ("weights", "null"),
                ],
            ),
            setting(
                "fit-rsf",
                "endpoint=os",
                &[
                    ("num_trees", "500"),
                    ("tune.grid.mtry", "[1,2]"),
                    ("weights", "null"),
                ],
            ),
            setting("gather-table", "", &[]),
        ];
        let facts = sentences(Language::English, &all);
        assert_eq!(facts.len(), 3);
        assert_eq!(
            facts[0].text,
            "A margin of 5.0 mm around the tumour (in-plane), clipped to the –; tumour left out: yes (profile=careful)"
        );
        assert!(facts[1].text.contains("50.0 mm") && facts[1].text.contains("profile=paper"));
        assert_eq!(
            facts[2].text,
            "RSF: num_trees = 500, tuned inside the training patients: mtry."
        );
    }

    #[test]
    fn every_pattern_has_its_chinese() {
        let kinds = [
            "n4-bias-correction",
            "peritumoural-ring",
            "extract-features",
            "make-splits",
            "fit-impute",
            "fit-standardise",
            "fit-combat",
            "fit-reliability",
            "fit-selection",
            "evaluate",
            "calibration",
            "decision-curve",
            "reclassification",
            "cut-point",
            "radscore",
            "rank-models",
            "differential-expression",
            "enrichment",
        ];
        let choices: [&[(&str, &str)]; 5] = [
            &[],
            &[("settings.resampledPixelSpacing", "[1,1,1]")],
            &[("settings.binCount", "32")],
            &[("spearman.threshold", "0.8")],
            &[("lasso.folds", "10")],
        ];
        for kind in kinds {
            for parameters in choices {
                let Some((topic, text, names)) = pattern(&setting(kind, "", parameters)) else {
                    panic!("{kind}")
                };
                for sentence in [topic, text] {
                    assert_ne!(Language::Chinese.say(sentence), sentence, "{kind}");
                }
                assert!(
                    (0..names.len()).all(|i| text.contains(&format!("{{{i}}}"))),
                    "{kind}"
                );
            }
        }
    }
}
