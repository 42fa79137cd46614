//! The curves of `evaluate`: ROC by horizon, Kaplan–Meier by risk group.

use cohort::FollowUp;
use evaluation::roc_curve;
use serde_json::{Map, Value, json};
use stats::censored::{ConfidenceScale, kaplan_meier, log_rank};

use super::evaluate::{Judged, key};
use super::refuse::refuse;
use crate::step::StepError;

/// All of them; a curve that does not exist is left out.
pub(super) fn all(judged: &Judged) -> Result<Value, StepError> {
    let mut roc = Map::new();
    for &horizon in &judged.params.horizons {
        match roc_curve(&judged.risk, &judged.follow_up, horizon, judged.convention) {
            Ok(points) => {
                let true_positive: Vec<f64> = points.iter().map(|p| p.sensitivity).collect();
                let false_positive: Vec<f64> = points.iter().map(|p| 1.0 - p.specificity).collect();
                roc.insert(key(horizon), json!({"true_positive": true_positive, "false_positive": false_positive}));
            }
            Err(evaluation::MetricError::NotEstimable(_)) => {}
            Err(error) => return Err(refuse("metric", &error)),
        }
    }
    Ok(json!({"roc": roc, "km": by_risk(judged)}))
}

/// Two groups: above the median risk of the training rows, or of these rows where the training risks are not known.
fn by_risk(judged: &Judged) -> Value {
    let risk = judged.risk.values();
    let (from, cut) = match &judged.train_risk {
        Some(train) if !train.is_empty() => ("train", median(train)),
        _ => ("evaluated", median(risk)),
    };
    let high: Vec<usize> = risk.iter().map(|r| usize::from(*r > cut)).collect();
    let group = |label: usize, name: &str| {
        let rows: Vec<usize> = (0..high.len()).filter(|&i| high[i] == label).collect();
        (!rows.is_empty()).then(|| curve(name, &judged.follow_up.select(&rows)))
    };
    let groups: Vec<Value> = [group(0, "low"), group(1, "high")].into_iter().flatten().collect();
    let mut km = json!({"cut": cut, "cut_from": from, "groups": groups});
    match log_rank(&judged.follow_up, &high, 0.0) {
        Ok(test) => km["log_rank"] = json!({"chi_square": test.chi_square, "df": test.df, "p": test.p}),
        Err(why) => km["log_rank"] = json!({"reason": why.to_string()}),
    }
    km
}

fn curve(name: &str, follow_up: &FollowUp) -> Value {
    let km = kaplan_meier(follow_up);
    let table = km.table();
    let limits = km.intervals(ConfidenceScale::LogLog, 0.95);
    json!({
        "group": name,
        "n": follow_up.len(),
        "n_events": follow_up.n_events(),
        "time": table.time,
        "survival": km.survival(),
        "lower": limits.iter().map(|l| l.map(|l| l.lower)).collect::<Vec<_>>(),
        "upper": limits.iter().map(|l| l.map(|l| l.upper)).collect::<Vec<_>>(),
        "n_risk": table.n_risk,
        "n_censored": table.n_censored,
    })
}

/// The mean of the middle two; 0 of nothing, which no risk table is.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match (sorted.get(sorted.len().saturating_sub(1) / 2), sorted.get(sorted.len() / 2)) {
        (Some(low), Some(high)) => low + (high - low) / 2.0,
        _ => 0.0,
    }
}
