//! The curves of `evaluate`: ROC by horizon, Kaplan–Meier by risk group.

use std::collections::BTreeMap;

use artefact::curves::{Curves, Group, LogRank, RiskGroups, Roc};
use cohort::FollowUp;
use evaluation::{MetricError, roc_curve};
use stats::censored::{ConfidenceScale, kaplan_meier, log_rank};

use super::evaluate::{Judged, key};
use super::refuse::refuse;
use crate::step::StepError;

/// All of them; a curve that does not exist is left out.
pub(super) fn all(judged: &Judged) -> Result<Curves, StepError> {
    let mut roc = BTreeMap::new();
    for &horizon in &judged.params.horizons {
        match roc_curve(&judged.risk, &judged.follow_up, horizon, judged.convention) {
            Ok(points) => {
                let true_positive = points.iter().map(|p| p.sensitivity).collect();
                let false_positive = points.iter().map(|p| 1.0 - p.specificity).collect();
                roc.insert(
                    key(horizon),
                    Roc {
                        false_positive,
                        true_positive,
                    },
                );
            }
            Err(MetricError::NotEstimable(_)) => {}
            Err(error) => return Err(refuse("metric", &error)),
        }
    }
    Ok(Curves {
        roc,
        km: by_risk(judged),
    })
}

/// Two groups: above the median risk of the training rows, or of these rows where the training risks are not known.
fn by_risk(judged: &Judged) -> RiskGroups {
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
    // One group alone, or none with an event while the other is at risk, has no test.
    let test = log_rank(&judged.follow_up, &high, 0.0).ok();
    RiskGroups {
        cut,
        cut_from: from.to_owned(),
        groups: [group(0, "low"), group(1, "high")]
            .into_iter()
            .flatten()
            .collect(),
        log_rank: test.map(|test| LogRank {
            chi_square: test.chi_square,
            df: test.df as u64,
            p: test.p,
        }),
    }
}

fn curve(name: &str, follow_up: &FollowUp) -> Group {
    let km = kaplan_meier(follow_up);
    let table = km.table();
    let limits = km.intervals(ConfidenceScale::LogLog, 0.95);
    let counts = |counts: &[usize]| counts.iter().map(|n| *n as u64).collect();
    Group {
        group: name.to_owned(),
        n: follow_up.len() as u64,
        n_events: follow_up.n_events() as u64,
        time: table.time.clone(),
        survival: km.survival().to_vec(),
        lower: limits.iter().map(|l| l.map(|l| l.lower)).collect(),
        upper: limits.iter().map(|l| l.map(|l| l.upper)).collect(),
        n_risk: counts(&table.n_risk),
        n_censored: counts(&table.n_censored),
    }
}

/// The mean of the middle two; 0 of nothing, which no risk table is.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match (
        sorted.get(sorted.len().saturating_sub(1) / 2),
        sorted.get(sorted.len() / 2),
    ) {
        (Some(low), Some(high)) => low + (high - low) / 2.0,
        _ => 0.0,
    }
}
