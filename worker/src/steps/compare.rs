//! `compare`: all learners, regions, endpoints and profiles side by side.
//!
//! Sets: `external` is the test of the split `external` (or of a study without splits), with its bootstrap interval;
//! `apparent` the training rows of the same fit and `oob` these rows predicted out of bag; `cv` the mean over the folds of a
//! repeat, then over the repeats, with the Nadeau–Bengio interval. What a horizon supports is decided once, on the whole
//! set. Folds without a value are left out of the mean and counted in the reason, and so are the horizons that a composite
//! AUC cannot cover. An endpoint's model is chosen among those that have a value in the most folds: means over different
//! folds do not compare. The profile `paper` chooses as the paper did, by the external patients; every other by
//! cross-validation.

mod best;

use std::collections::{BTreeMap, BTreeSet};

use artefact::comparison::{self, ComparisonRow};
use artefact::metrics::{Measure, Metrics};
use pipeline_defs::params::CompareParams;

use super::average::{Fold, average};
use super::measures::partial_mean;
use super::risks::repeat_of;
use crate::step::{Context, Input, Inputs, Produced, StepError};

/// What is compared.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Subject {
    profile: String,
    endpoint: String,
    roi_set: String,
    learner: String,
}

/// One evaluation of a subject.
struct Evaluated {
    split: String,
    rows: String,
    metrics: Result<Metrics, String>,
}

/// Sets in the order of the table.
const SETS: [&str; 4] = ["apparent", "oob", "cv", "external"];

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let profile = context.params::<CompareParams>()?.profile;
    let subjects = subjects(&profile, inputs)?;
    let horizons = horizons(subjects.values().flatten());
    let mut rows = Vec::new();
    for (subject, all) in &subjects {
        for set in SETS {
            let of_set: Vec<&Evaluated> = all.iter().filter(|e| set_of(e) == Some(set)).collect();
            if !of_set.is_empty() {
                rows.extend(rows_of(subject, set, &of_set, &horizons));
            }
        }
    }
    let folds_used = subjects
        .iter()
        .map(|(subject, all)| (subject.clone(), folds_used(all)))
        .collect();
    let summary = best::summary(&profile, &rows, &folds_used);
    Ok(vec![
        Produced::bytes("comparison", comparison::encode(&rows)),
        Produced::bytes("summary", artefact::json::encode("summary", &summary)?),
    ])
}

/// The evaluations of every subject; each split and set of rows once.
fn subjects(
    profile: &str,
    inputs: &Inputs,
) -> Result<BTreeMap<Subject, Vec<Evaluated>>, StepError> {
    let mut subjects: BTreeMap<Subject, Vec<Evaluated>> = BTreeMap::new();
    for input in inputs.all("metrics") {
        let axis = |name| input.axis(name).unwrap_or_default().to_owned();
        let subject = Subject {
            profile: input.axis("profile").unwrap_or(profile).to_owned(),
            endpoint: axis("endpoint"),
            roi_set: axis("roi_set"),
            learner: axis("learner"),
        };
        let evaluated = evaluated(input)?;
        let of_subject = subjects.entry(subject).or_default();
        let is_same = |e: &Evaluated| (&e.split, &e.rows) == (&evaluated.split, &evaluated.rows);
        if of_subject.iter().any(is_same) {
            return Err(twice(input));
        }
        of_subject.push(evaluated);
    }
    if subjects.is_empty() {
        return Err(StepError::refuse(
            "input-missing",
            "there is nothing to compare",
        ));
    }
    Ok(subjects)
}

/// Two results for one row of the table: which of them would it be?
fn twice(input: &Input) -> StepError {
    let axes: Vec<String> = input.axes.iter().map(|(a, v)| format!("{a}={v}")).collect();
    StepError::refuse(
        "evaluated-twice",
        format!(
            "`metrics` has two results for one row of the comparison, the second at {}; a model is told by profile, endpoint, \
             roi_set and learner, and judged once per split and rows: give any further axis a step of its own",
            axes.join(", ")
        ),
    )
}

fn evaluated(input: &Input) -> Result<Evaluated, StepError> {
    let metrics = match &input.content {
        Ok(bytes) => Ok(artefact::json::decode::<Metrics>("metrics", bytes)?),
        Err(refusal) => Err(format!("{}: {}", refusal.code, refusal.message)),
    };
    // `fitted_rows` are those of the external split's training rows: as fitted, or out of bag.
    let said = input.axis("rows").or(input.axis("fitted_rows"));
    let said = said.map(str::to_owned);
    let rows = said
        .or_else(|| metrics.as_ref().ok().map(|m| m.rows.clone()))
        .unwrap_or_else(|| "test".to_owned());
    Ok(Evaluated {
        split: input.axis("split").unwrap_or("external").to_owned(),
        rows,
        metrics,
    })
}

fn set_of(evaluated: &Evaluated) -> Option<&'static str> {
    comparison::set_of(&evaluated.split, &evaluated.rows)
}

/// All horizons by value.
fn horizons<'a>(all: impl Iterator<Item = &'a Evaluated>) -> Vec<(String, f64)> {
    let keys: BTreeSet<&String> = all
        .filter_map(|e| e.metrics.as_ref().ok())
        .flat_map(|m| m.auc.keys())
        .collect();
    let mut horizons: Vec<(String, f64)> = keys
        .into_iter()
        .filter_map(|k| Some((k.clone(), k.parse().ok()?)))
        .collect();
    horizons.sort_by(|a, b| a.1.total_cmp(&b.1));
    horizons
}

fn rows_of(
    subject: &Subject,
    set: &str,
    all: &[&Evaluated],
    horizons: &[(String, f64)],
) -> Vec<ComparisonRow> {
    let mut wanted: Vec<(&str, Option<&(String, f64)>)> =
        horizons.iter().map(|h| ("auc", Some(h))).collect();
    wanted.extend([
        ("composite_auc", None),
        ("harrell_c", None),
        ("uno_c", None),
    ]);
    wanted.extend(horizons.iter().map(|h| ("brier", Some(h))));
    wanted.push(("ibs", None));
    let row = |(metric, horizon): (&str, Option<&(String, f64)>)| {
        let at = horizon.map(|(key, _)| key.as_str());
        let mut found = match set {
            "cv" => over_folds(all, metric, at),
            _ => all
                .first()
                .map(|one| alone(one, metric, at))
                .unwrap_or_default(),
        };
        if found.value.is_some() {
            // A set that was judged once says itself which horizons its composite is over.
            let composite_of_folds = metric == "composite_auc" && set == "cv";
            let horizons = composite_of_folds
                .then(|| left_out(all, horizons))
                .flatten();
            let notes = [null_models(all, set), horizons, found.reason.take()];
            found.reason = Some(notes.into_iter().flatten().collect::<Vec<_>>().join("; "));
        }
        ComparisonRow {
            profile: subject.profile.clone(),
            endpoint: subject.endpoint.clone(),
            roi_set: subject.roi_set.clone(),
            learner: subject.learner.clone(),
            set: set.to_owned(),
            metric: metric.to_owned(),
            horizon_months: horizon.map(|(_, h)| *h),
            value: found.value,
            lower: found.lower,
            upper: found.upper,
            n: (found.n > 0).then_some(found.n),
            n_events: (found.n > 0).then_some(found.n_events),
            reason: found
                .reason
                .filter(|r| !r.is_empty())
                .or(found.value.is_none().then(|| "not evaluated".to_owned()))
                .unwrap_or_default(),
        }
    };
    wanted.into_iter().map(row).collect()
}

/// The horizons that a composite AUC of folds leaves out: composites over different horizons do not compare.
fn left_out(all: &[&Evaluated], horizons: &[(String, f64)]) -> Option<String> {
    let metrics = all.iter().find_map(|e| e.metrics.as_ref().ok())?;
    let covered = |key: &String| match &metrics.whole {
        Some(whole) => whole.horizons.get(key).is_some_and(|s| s.reason.is_none()),
        None => metrics.auc.get(key).is_some_and(|m| m.value.is_some()),
    };
    let keys: Vec<String> = horizons.iter().map(|(key, _)| key.clone()).collect();
    let used: Vec<String> = keys.iter().filter(|key| covered(key)).cloned().collect();
    partial_mean(&keys, &used)
}

/// Says where a model tells no patient from another: its ½ is no finding.
fn null_models(all: &[&Evaluated], set: &str) -> Option<String> {
    let is_null = |e: &&&Evaluated| e.metrics.as_ref().is_ok_and(|m| m.null_model);
    let n = all.iter().filter(is_null).count();
    let folds = match set {
        "cv" => format!(" in {n} of {} folds", all.len()),
        _ => String::new(),
    };
    (n > 0).then(|| format!("null model (all risks equal, as without a feature){folds}"))
}

/// Folds in which a subject has a composite AUC.
fn folds_used(all: &[Evaluated]) -> usize {
    let has_value = |e: &Evaluated| {
        let metrics = e.metrics.as_ref().ok();
        metrics.is_some_and(|m| in_fold(m, "composite_auc", None).is_ok())
    };
    all.iter()
        .filter(|e| set_of(e) == Some("cv") && has_value(e))
        .count()
}

/// A set that was judged once.
fn alone(evaluated: &Evaluated, metric: &str, horizon: Option<&str>) -> Measure {
    match &evaluated.metrics {
        Err(reason) => Measure {
            reason: Some(reason.clone()),
            ..Measure::default()
        },
        Ok(metrics) => measure(metrics, metric, horizon)
            .cloned()
            .unwrap_or_else(|| Measure {
                reason: Some("not evaluated".to_owned()),
                ..Measure::default()
            }),
    }
}

fn measure<'a>(metrics: &'a Metrics, metric: &str, horizon: Option<&str>) -> Option<&'a Measure> {
    match (metric, horizon) {
        ("auc", Some(horizon)) => metrics.auc.get(horizon),
        ("brier", Some(horizon)) => metrics.brier.get(horizon),
        ("composite_auc", None) => Some(&metrics.composite_auc),
        ("harrell_c", None) => Some(&metrics.harrell_c),
        ("uno_c", None) => Some(&metrics.uno_c),
        ("ibs", None) => Some(&metrics.ibs),
        _ => None,
    }
}

fn over_folds(all: &[&Evaluated], metric: &str, horizon: Option<&str>) -> Measure {
    let fold = |evaluated: &&Evaluated| {
        let value = match &evaluated.metrics {
            Ok(metrics) => in_fold(metrics, metric, horizon),
            Err(reason) => Err(reason.clone()),
        };
        Fold {
            repeat: repeat_of(&evaluated.split),
            value,
            n_test: evaluated.metrics.as_ref().map_or(0, |m| m.harrell_c.n),
            n_events: evaluated
                .metrics
                .as_ref()
                .map_or(0, |m| m.harrell_c.n_events),
            whole: evaluated.metrics.as_ref().ok().and_then(|m| {
                let whole = m.whole.as_ref()?;
                Some((whole.n, events_seen(m, metric, horizon)?, whole.n_train))
            }),
        }
    };
    average(&all.iter().map(fold).collect::<Vec<_>>())
}

/// Events of the whole set that a metric can see: those by its last horizon, or all.
fn events_seen(metrics: &Metrics, metric: &str, horizon: Option<&str>) -> Option<u64> {
    let whole = metrics.whole.as_ref()?;
    let supported = || {
        let mut known = metrics.horizons.iter().rev();
        known.find_map(|h| {
            whole
                .horizons
                .get(&artefact::number::text(*h))
                .filter(|s| s.reason.is_none())
        })
    };
    Some(match (metric, horizon) {
        (_, Some(horizon)) => whole.horizons.get(horizon)?.n_events,
        ("harrell_c", None) => whole.n_events,
        (_, None) => supported().map_or(0, |s| s.n_events),
    })
}

/// The value of a fold; an AUC and Uno's index are judged by what the whole set supports.
fn in_fold(metrics: &Metrics, metric: &str, horizon: Option<&str>) -> Result<f64, String> {
    let plain = |m: Option<&Measure>| match m {
        Some(Measure {
            value: Some(value), ..
        }) => Ok(*value),
        Some(Measure { reason, .. }) => {
            Err(reason.clone().unwrap_or_else(|| "not evaluated".to_owned()))
        }
        None => Err("not evaluated".to_owned()),
    };
    let (Some(whole), Some(fold)) = (&metrics.whole, &metrics.fold) else {
        return plain(measure(metrics, metric, horizon));
    };
    let empty = || "NE: no case or no control in a fold".to_owned();
    let at = |horizon: &str, value: Option<f64>| match whole.horizons.get(horizon) {
        None => Err("not evaluated".to_owned()),
        Some(support) => match &support.reason {
            Some(reason) => Err(reason.clone()),
            None => value.ok_or_else(empty),
        },
    };
    let auc = |horizon: &str| fold.auc.get(horizon).copied().flatten();
    match (metric, horizon) {
        ("auc", Some(horizon)) => at(horizon, auc(horizon)),
        ("uno_c", None) => match metrics.tau {
            Some(tau) => at(&artefact::number::text(tau), fold.uno_c),
            None => fold.uno_c.ok_or_else(empty),
        },
        ("composite_auc", None) => {
            let supported = whole.horizons.iter().filter(|(_, s)| s.reason.is_none());
            let supported: Vec<Option<f64>> = supported.map(|(key, _)| auc(key)).collect();
            if supported.is_empty() {
                return Err("NE: no horizon has an AUC".to_owned());
            }
            let values: Option<Vec<f64>> = supported.into_iter().collect();
            values
                .map(|v| v.iter().sum::<f64>() / v.len() as f64)
                .ok_or_else(empty)
        }
        _ => plain(measure(metrics, metric, horizon)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, gathered, ports, refusal, run, run_on};
    use artefact::comparison::{ComparisonRow, decode};
    use artefact::metrics::{FoldValues, Measure, Metrics, Support, WholeSet};
    use artefact::refusal::Refusal;
    use serde_json::{Value, json};

    fn metrics(auc_12: f64, c: f64) -> Vec<u8> {
        let measure = |value| Measure {
            value: Some(value),
            lower: Some(0.1),
            upper: Some(0.9),
            n: 20,
            n_events: 8,
            reason: None,
        };
        let ne = "NE: nobody is at risk at 60, follow-up ends at 48";
        let support = |n_events, reason: Option<&str>| Support {
            n_events,
            reason: reason.map(str::to_owned),
        };
        let metrics = Metrics {
            rows: "test".to_owned(),
            harrell_c: measure(c),
            auc: [
                ("12".to_owned(), measure(auc_12)),
                (
                    "60".to_owned(),
                    Measure {
                        reason: Some(ne.to_owned()),
                        n: 20,
                        ..Measure::default()
                    },
                ),
            ]
            .into(),
            composite_auc: measure(auc_12),
            horizons: vec![12.0, 60.0],
            whole: Some(WholeSet {
                n: 100,
                n_events: 40,
                n_train: 80,
                horizons: [
                    ("12".to_owned(), support(25, None)),
                    ("60".to_owned(), support(40, Some(ne))),
                ]
                .into(),
            }),
            fold: Some(FoldValues {
                auc: [("12".to_owned(), Some(auc_12)), ("60".to_owned(), None)].into(),
                uno_c: None,
            }),
            ..Metrics::default()
        };
        serde_json::to_vec(&metrics).unwrap()
    }

    /// Split, rows and what was evaluated.
    type Entry<'a> = (&'a str, &'a str, Result<Vec<u8>, Refusal>);

    fn rows(splits: &[Entry]) -> (Vec<ComparisonRow>, Value) {
        let label = |split, rows| {
            vec![
                ("endpoint", "dfs"),
                ("learner", "rsf"),
                ("roi_set", "tumour"),
                ("rows", rows),
                ("split", split),
            ]
        };
        let entries = splits
            .iter()
            .map(|(split, rows, content)| (label(split, rows), content.clone()))
            .collect();
        let out = run_on(
            "compare",
            json!({"profile": "careful"}),
            &ports(vec![("metrics", gathered(entries))]),
        )
        .unwrap();
        (
            decode(&content(&out, "comparison")).unwrap(),
            serde_json::from_slice(&content(&out, "summary")).unwrap(),
        )
    }

    fn find<'a>(
        rows: &'a [ComparisonRow],
        set: &str,
        metric: &str,
        horizon: Option<f64>,
    ) -> &'a ComparisonRow {
        rows.iter()
            .find(|r| r.set == set && r.metric == metric && r.horizon_months == horizon)
            .unwrap()
    }

    #[test]
    fn folds_are_averaged_within_repeats_and_the_external_set_stands_alone() {
        let (rows, summary) = rows(&[
            ("r1f1", "test", Ok(metrics(0.6, 0.5))),
            ("r1f2", "test", Ok(metrics(0.8, 0.7))),
            ("r2f1", "test", Ok(metrics(0.9, 0.9))),
            ("r1f1", "train", Ok(metrics(1.0, 1.0))),
            ("external", "test", Ok(metrics(0.65, 0.6))),
            ("external", "train", Ok(metrics(0.99, 0.98))),
        ]);
        let cv = find(&rows, "cv", "auc", Some(12.0));
        assert!(
            (cv.value.unwrap() - 0.8).abs() < 1e-12,
            "mean of 0.7 and 0.9: {cv:?}"
        );
        assert!(cv.lower < cv.value && cv.value < cv.upper);
        assert_eq!((cv.n, cv.n_events), (Some(100), Some(25)), "by 12 months");
        let all = find(&rows, "cv", "harrell_c", None);
        assert_eq!((all.n, all.n_events), (Some(100), Some(40)));
        let late = find(&rows, "cv", "auc", Some(60.0));
        assert_eq!(
            (late.value, late.reason.as_str()),
            (None, "NE: nobody is at risk at 60, follow-up ends at 48")
        );
        assert_eq!(find(&rows, "external", "harrell_c", None).value, Some(0.6));
        assert_eq!(find(&rows, "apparent", "harrell_c", None).value, Some(0.98));
        assert!(
            rows.iter()
                .all(|r| r.value.is_some() || !r.reason.is_empty()),
            "an empty value has a reason"
        );
        assert_eq!(summary["best"][0]["learner"], "rsf");
        assert_eq!(summary["best"][0]["external"]["value"], json!(0.65));
    }

    #[test]
    fn a_refused_fit_is_a_row_with_its_reason() {
        let refused = Refusal {
            code: "too-many-features".to_owned(),
            message: "9 features but 8 events".to_owned(),
            kind: "fit-cox".to_owned(),
        };
        let (rows, _) = rows(&[
            ("r1f1", "test", Ok(metrics(0.6, 0.5))),
            ("r1f2", "test", Ok(metrics(0.7, 0.6))),
            ("r1f3", "test", Err(refused.clone())),
            ("external", "test", Err(refused)),
        ]);
        let external = find(&rows, "external", "harrell_c", None);
        assert_eq!(
            (external.value, external.reason.as_str()),
            (None, "too-many-features: 9 features but 8 events")
        );
        let cv = find(&rows, "cv", "harrell_c", None);
        assert!((cv.value.unwrap() - 0.55).abs() < 1e-12);
        assert!(
            cv.reason
                .starts_with("1 of 3 folds without a value, the first: too-many-features"),
            "{}",
            cv.reason
        );
    }

    #[test]
    fn a_model_that_failed_in_a_fold_is_not_chosen_over_one_that_did_not() {
        let label = |learner, split| {
            vec![
                ("endpoint", "dfs"),
                ("learner", learner),
                ("roi_set", "tumour"),
                ("rows", "test"),
                ("split", split),
            ]
        };
        let refused = Refusal {
            code: "no-convergence".to_owned(),
            message: "after 30 steps".to_owned(),
            kind: "fit-cox".to_owned(),
        };
        let entries = vec![
            (label("cox", "r1f1"), Ok(metrics(0.9, 0.9))),
            (label("cox", "r1f2"), Err(refused)),
            (label("rsf", "r1f1"), Ok(metrics(0.8, 0.8))),
            (label("rsf", "r1f2"), Ok(metrics(0.4, 0.4))),
        ];
        let out = run_on(
            "compare",
            json!({"profile": "careful"}),
            &ports(vec![("metrics", gathered(entries))]),
        )
        .unwrap();
        let summary: Value = serde_json::from_slice(&content(&out, "summary")).unwrap();
        assert_eq!(summary["best"][0]["learner"], "rsf");
        let rows = decode(&content(&out, "comparison")).unwrap();
        let rsf = rows
            .iter()
            .find(|r| r.learner == "rsf" && r.metric == "composite_auc")
            .unwrap();
        // two folds that differ: their interval is wider than the metric's range
        assert_eq!(
            rsf.reason,
            "mean over horizons 12; 60: NE; the interval is cut at 0; the interval is cut at 1"
        );
    }

    #[test]
    fn null_models_are_counted_in_the_reason() {
        let null = |auc| {
            let mut metrics: Metrics = serde_json::from_slice(&metrics(auc, 0.5)).unwrap();
            metrics.null_model = true;
            serde_json::to_vec(&metrics).unwrap()
        };
        let (rows, _) = rows(&[
            ("r1f1", "test", Ok(null(0.5))),
            ("r1f2", "test", Ok(metrics(0.8, 0.7))),
            ("external", "test", Ok(null(0.5))),
        ]);
        let cv = find(&rows, "cv", "harrell_c", None);
        assert!(cv.value.is_some_and(|c| (c - 0.6).abs() < 1e-12));
        assert!(
            cv.reason
                .starts_with("null model (all risks equal, as without a feature) in 1 of 2 folds"),
            "{cv:?}"
        );
        let external = find(&rows, "external", "harrell_c", None);
        assert_eq!(
            external.reason,
            "null model (all risks equal, as without a feature)"
        );
    }

    /// Axis values and bytes.
    type Gathered<'a> = (Vec<(&'a str, &'a str)>, Result<Vec<u8>, Refusal>);

    /// A label and metrics of a profile's model.
    fn of_profile<'a>(
        profile: &'a str,
        learner: &'a str,
        split: &'a str,
        rows: &'a str,
        auc: f64,
    ) -> Gathered<'a> {
        let label = vec![
            ("endpoint", "dfs"),
            ("learner", learner),
            ("profile", profile),
            ("roi_set", "tumour"),
            ("rows", rows),
            ("split", split),
        ];
        (label, Ok(metrics(auc, auc)))
    }

    #[test]
    fn each_profile_chooses_by_its_own_rule() {
        let mut entries = Vec::new();
        for profile in ["careful", "paper"] {
            for (learner, cv, external) in [("gbm", 0.8, 0.6), ("rsf", 0.7, 0.9)] {
                entries.push(of_profile(profile, learner, "r1f1", "test", cv));
                entries.push(of_profile(profile, learner, "r1f1", "oob", 0.1));
                entries.push(of_profile(profile, learner, "external", "test", external));
                entries.push(of_profile(profile, learner, "external", "train", 0.99));
                entries.push(of_profile(profile, learner, "external", "oob", 0.75));
            }
        }
        let out = run_on(
            "compare",
            json!({"profile": "ignored"}),
            &ports(vec![("metrics", gathered(entries))]),
        )
        .unwrap();
        let summary: Value = serde_json::from_slice(&content(&out, "summary")).unwrap();
        let chosen: Vec<[&str; 3]> = summary["best"]
            .as_array()
            .unwrap()
            .iter()
            .map(|b| ["profile", "chosen_by", "learner"].map(|key| b[key].as_str().unwrap()))
            .collect();
        assert_eq!(
            chosen,
            [["careful", "cv", "gbm"], ["paper", "external", "rsf"]]
        );
        assert_eq!(summary["best"][0]["oob"]["value"], json!(0.75));
        assert_eq!(summary["best"][1]["cv"]["value"], json!(0.7));
        assert_eq!(summary["profiles"], json!(["careful", "paper"]));
        assert_eq!(summary["n_models"], json!(4));
        let rows = decode(&content(&out, "comparison")).unwrap();
        assert_eq!(find(&rows, "oob", "harrell_c", None).value, Some(0.75));
        assert_eq!(
            rows.iter().filter(|r| r.profile == "paper").count(),
            rows.len() / 2
        );
    }

    #[test]
    fn two_results_for_one_row_are_refused() {
        let entries = vec![
            of_profile("careful", "gbm", "r1f1", "test", 0.6),
            of_profile("careful", "gbm", "r1f1", "test", 0.7),
        ];
        let (code, message) = refusal(run_on(
            "compare",
            json!({"profile": "careful"}),
            &ports(vec![("metrics", gathered(entries))]),
        ));
        assert_eq!(code, "evaluated-twice");
        assert!(message.contains("split=r1f1"), "{message}");
    }

    #[test]
    fn nothing_to_compare_is_refused() {
        assert_eq!(
            refusal(run("compare", json!({"profile": "careful"}), &[])).0,
            "input-missing"
        );
    }
}
