//! For each profile and endpoint the model that its rule puts first, with what it reaches in every set.

use std::collections::{BTreeMap, BTreeSet};

use artefact::comparison::ComparisonRow;
use serde_json::{Value, json};

use super::{SETS, Subject};

/// The metric that models are chosen by.
const METRIC: &str = "composite_auc";

/// The record beside the table. `profile` is that of a comparison with one profile, empty with several.
pub(super) fn summary(
    profile: &str,
    rows: &[ComparisonRow],
    folds_used: &BTreeMap<Subject, usize>,
) -> Value {
    let questions: BTreeSet<(&str, &str)> = rows
        .iter()
        .map(|r| (r.profile.as_str(), r.endpoint.as_str()))
        .collect();
    let best: Vec<Value> = questions
        .iter()
        .filter_map(|(profile, endpoint)| best(profile, endpoint, rows, folds_used))
        .collect();
    let profiles: BTreeSet<&str> = questions.iter().map(|(profile, _)| *profile).collect();
    let models: BTreeSet<Subject> = rows.iter().map(subject).collect();
    let one = match profiles.len() {
        0 => profile,
        1 => profiles.first().copied().unwrap_or(profile),
        _ => "",
    };
    json!({"profile": one, "profiles": profiles, "n_models": models.len(), "best": best})
}

fn best(
    profile: &str,
    endpoint: &str,
    rows: &[ComparisonRow],
    folds_used: &BTreeMap<Subject, usize>,
) -> Option<Value> {
    let composite = |set: &str| -> Vec<&ComparisonRow> {
        let is = |r: &&ComparisonRow| {
            (r.profile.as_str(), r.endpoint.as_str()) == (profile, endpoint)
                && r.set == set
                && r.metric == METRIC
        };
        rows.iter().filter(is).collect()
    };
    // The paper looked at the validation centre to choose. A careful study does so only where it has nothing else, and not
    // because its cross-validation has no value.
    let has_value = composite("external").iter().any(|row| row.value.is_some());
    let order = match profile {
        "paper" if has_value => ["external", "cv"],
        _ => ["cv", "external"],
    };
    let by = order.into_iter().find(|set| !composite(set).is_empty())?;
    let candidates = composite(by);
    let used = |row: &ComparisonRow| match by {
        "cv" => folds_used.get(&subject(row)).copied().unwrap_or_default(),
        _ => 0,
    };
    let most = candidates.iter().map(|row| used(row)).max();
    let scored = candidates
        .into_iter()
        .filter(|row| Some(used(row)) == most)
        .filter_map(|row| Some((row.value?, row)));
    // Of equals the first in the order of the table.
    let (_, first) = scored.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
    let mut answer = json!({
        "profile": profile, "endpoint": endpoint, "chosen_by": by, "metric": METRIC,
        "roi_set": first.roi_set, "learner": first.learner,
    });
    for set in SETS {
        let found = composite(set)
            .into_iter()
            .find(|r| subject(r) == subject(first));
        if found.is_some() || set == "external" {
            answer[set] = found.map_or(Value::Null, number);
        }
    }
    Some(answer)
}

fn subject(row: &ComparisonRow) -> Subject {
    Subject {
        profile: row.profile.clone(),
        endpoint: row.endpoint.clone(),
        roi_set: row.roi_set.clone(),
        learner: row.learner.clone(),
    }
}

fn number(row: &ComparisonRow) -> Value {
    json!({"value": row.value, "lower": row.lower, "upper": row.upper, "n": row.n, "n_events": row.n_events, "reason": row.reason})
}
