//! The measures of `evaluate`.

use std::collections::BTreeMap;

use artefact::metrics::{Measure, Metrics, Part, WholeSet};
use cohort::{FollowUp, RiskScores};
use evaluation::{
    AucConvention, Bootstrap, BrierConvention, Estimate, Estimated, MetricError, NotEstimable,
    auc_with_censoring, estimate_auc, estimate_brier, estimate_c_index, estimate_integrated_brier,
    estimate_uno_c, horizon_guard, uno_c,
};
use ndarray::Array2;
use pipeline_defs::params::EvaluatedRows;

use super::evaluate::{Judged, key};
use super::refuse::refuse;
use crate::step::StepError;

/// All of them.
pub(super) fn all(judged: &Judged) -> Result<Metrics, StepError> {
    let horizons = &judged.params.horizons;
    let by_horizon = |one: &dyn Fn(usize) -> Result<Measure, StepError>| -> Result<BTreeMap<String, Measure>, StepError> {
        (0..horizons.len()).map(|i| Ok((key(horizons[i]), one(i)?))).collect()
    };
    let harrell = |bootstrap: Option<&Bootstrap>| {
        estimate_c_index(&judged.risk, &judged.follow_up, bootstrap)
    };
    Ok(Metrics {
        rows: match judged.params.rows {
            EvaluatedRows::Test => "test",
            EvaluatedRows::Train => "train",
        }
        .to_owned(),
        harrell_c: ranked(judged, measure(judged, harrell)?),
        uno_c: ranked(judged, uno(judged)?),
        auc: by_horizon(&|i| Ok(ranked(judged, guarded_auc(judged, horizons[i])?)))?,
        composite_auc: ranked(judged, composite(judged)?),
        brier: by_horizon(&|i| brier_at(judged, i))?,
        ibs: integrated(judged)?,
        whole: judged
            .whole
            .as_ref()
            .map(|whole| whole_set(judged, whole))
            .transpose()?,
    })
}

/// A measure of how risks rank patients. Where all risks are equal, as those of a model without features are, it is ½ in
/// every resample: an interval without width would pass for certainty, so there is none.
fn ranked(judged: &Judged, found: Measure) -> Measure {
    let risk = judged.risk.values();
    if found.value.is_none() || risk.iter().any(|r| *r != risk[0]) {
        return found;
    }
    Measure {
        lower: None,
        upper: None,
        reason: Some("no interval: all patients have the same risk".to_owned()),
        ..found
    }
}

/// An estimate with its bootstrap interval. Where too few resamples have a value, the value stays and the interval is left
/// out with the reason.
fn measure(
    judged: &Judged,
    estimate: impl Fn(Option<&Bootstrap>) -> Result<Estimate, MetricError>,
) -> Result<Measure, StepError> {
    let found = estimate(judged.bootstrap.as_ref()).map_err(|e| refuse("metric", &e))?;
    let few = match found.reason() {
        Some(NotEstimable::FewResamples { .. }) => found.reason().map(ToString::to_string),
        _ => None,
    };
    let Some(few) = few else {
        return Ok(settled(&found));
    };
    let plain = estimate(None).map_err(|e| refuse("metric", &e))?;
    Ok(Measure {
        reason: Some(format!("no interval: {few}")),
        ..settled(&plain)
    })
}

fn settled(estimate: &Estimate) -> Measure {
    match estimate {
        Estimate::Estimated(Estimated {
            value,
            interval,
            n,
            n_events,
        }) => Measure {
            value: Some(*value),
            lower: interval.map(|i| i.lower),
            upper: interval.map(|i| i.upper),
            n: *n as u64,
            n_events: *n_events as u64,
            reason: None,
        },
        Estimate::NotEstimable {
            reason,
            n,
            n_events,
        } => Measure {
            n: *n as u64,
            n_events: *n_events as u64,
            reason: Some(format!("NE: {reason}")),
            ..Measure::default()
        },
    }
}

/// No value, for a reason.
fn nothing(judged: &Judged, reason: impl Into<String>) -> Measure {
    let follow_up = &judged.follow_up;
    Measure {
        n: follow_up.len() as u64,
        n_events: follow_up.n_events() as u64,
        reason: Some(reason.into()),
        ..Measure::default()
    }
}

/// A value with its bootstrap interval; the interval of a metric that few resamples have is left out with the reason.
fn resampled(
    judged: &Judged,
    value: f64,
    statistic: impl Fn(&RiskScores, &FollowUp) -> Option<f64> + Sync,
) -> Measure {
    let follow_up = &judged.follow_up;
    let of = |copies: &[u32]| {
        let counted = copies.iter().enumerate();
        let rows: Vec<usize> = counted
            .flat_map(|(row, &copies)| std::iter::repeat_n(row, copies as usize))
            .collect();
        statistic(&judged.risk.select(&rows), &follow_up.select(&rows))
    };
    let interval = judged
        .bootstrap
        .as_ref()
        .map(|bootstrap| bootstrap.interval(follow_up.len(), of));
    let (interval, reason) = match interval {
        None => (None, None),
        Some(Ok(interval)) => (Some(interval), None),
        Some(Err(reason)) => (None, Some(format!("no interval: {reason}"))),
    };
    Measure {
        value: Some(value),
        lower: interval.map(|i| i.lower),
        upper: interval.map(|i| i.upper),
        reason,
        n: follow_up.len() as u64,
        n_events: follow_up.n_events() as u64,
    }
}

/// The metric where it can be estimated; what stands in the way otherwise.
fn settle<T>(result: Result<T, MetricError>) -> Result<Result<T, String>, StepError> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(MetricError::NotEstimable(reason)) => Ok(Err(format!("NE: {reason}"))),
        Err(other) => Err(refuse("metric", &other)),
    }
}

fn guarded_auc(judged: &Judged, horizon: f64) -> Result<Measure, StepError> {
    let from_training = judged.convention == AucConvention::Uno && judged.train.is_some();
    if !from_training {
        return measure(judged, |bootstrap| {
            estimate_auc(
                &judged.risk,
                &judged.follow_up,
                horizon,
                judged.convention,
                bootstrap,
            )
        });
    }
    if let Err(reason) = settle(horizon_guard(&judged.follow_up, horizon, judged.convention))? {
        return Ok(nothing(judged, reason));
    }
    let one = |risk: &RiskScores, follow_up: &FollowUp| {
        auc_with_censoring(
            risk,
            follow_up,
            judged.censoring(),
            horizon,
            judged.convention,
        )
    };
    Ok(match settle(one(&judged.risk, &judged.follow_up))? {
        Ok(found) => resampled(judged, found.value, |risk, follow_up| {
            one(risk, follow_up).ok().map(|a| a.value)
        }),
        Err(reason) => nothing(judged, reason),
    })
}

/// AUC of these rows without a guard of their own.
fn plain_auc(judged: &Judged, horizon: f64) -> Result<Result<f64, String>, StepError> {
    let found = auc_with_censoring(
        &judged.risk,
        &judged.follow_up,
        judged.censoring(),
        horizon,
        judged.convention,
    );
    Ok(settle(found)?.map(|auc| auc.value))
}

fn composite(judged: &Judged) -> Result<Measure, StepError> {
    let mut supported = Vec::new();
    let mut values = Vec::new();
    for &horizon in &judged.params.horizons {
        if let Some(value) = guarded_auc_value(judged, horizon)? {
            supported.push(horizon);
            values.push(value);
        }
    }
    if values.is_empty() {
        return Ok(nothing(judged, "NE: no horizon has an AUC"));
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let statistic = |risk: &RiskScores, follow_up: &FollowUp| {
        let values: Option<Vec<f64>> = supported
            .iter()
            .map(|&h| {
                let censoring = match (judged.convention, &judged.train) {
                    (AucConvention::Uno, Some(train)) => train,
                    _ => follow_up,
                };
                auc_with_censoring(risk, follow_up, censoring, h, judged.convention)
                    .ok()
                    .map(|a| a.value)
            })
            .collect();
        values.map(|values| mean(&values))
    };
    Ok(resampled(judged, mean(&values), statistic))
}

fn guarded_auc_value(judged: &Judged, horizon: f64) -> Result<Option<f64>, StepError> {
    match settle(horizon_guard(&judged.follow_up, horizon, judged.convention))? {
        Ok(()) => Ok(plain_auc(judged, horizon)?.ok()),
        Err(_) => Ok(None),
    }
}

fn uno(judged: &Judged) -> Result<Measure, StepError> {
    let tau = judged.params.horizons.last().copied();
    if judged.convention != AucConvention::Uno || judged.train.is_none() {
        return measure(judged, |bootstrap| {
            estimate_uno_c(&judged.risk, &judged.follow_up, tau, bootstrap)
        });
    }
    let one =
        |risk: &RiskScores, follow_up: &FollowUp| uno_c(risk, follow_up, judged.censoring(), tau);
    Ok(match settle(one(&judged.risk, &judged.follow_up))? {
        Ok(found) => resampled(judged, found.value, |risk, follow_up| {
            one(risk, follow_up).ok().map(|c| c.value)
        }),
        Err(reason) => nothing(judged, reason),
    })
}

fn brier_convention(judged: &Judged) -> BrierConvention {
    match judged.convention {
        AucConvention::Uno => BrierConvention::Sksurv,
        AucConvention::Score | AucConvention::TimeRoc => BrierConvention::Score,
    }
}

fn brier_at(judged: &Judged, i: usize) -> Result<Measure, StepError> {
    let horizon = judged.params.horizons[i];
    let Some(survival) = &judged.survival[i] else {
        return Ok(nothing(
            judged,
            format!("no survival was predicted at {}", key(horizon)),
        ));
    };
    measure(judged, |bootstrap| {
        estimate_brier(
            survival,
            &judged.follow_up,
            horizon,
            brier_convention(judged),
            bootstrap,
        )
    })
}

fn integrated(judged: &Judged) -> Result<Measure, StepError> {
    let horizons = &judged.params.horizons;
    let columns: Option<Vec<&Vec<f64>>> = judged.survival.iter().map(Option::as_ref).collect();
    let Some(columns) = columns else {
        return Ok(nothing(
            judged,
            "survival was not predicted at every horizon",
        ));
    };
    if horizons.len() < 2 {
        return Ok(nothing(judged, "one horizon has no integral"));
    }
    let survival = Array2::from_shape_fn((judged.follow_up.len(), horizons.len()), |(i, j)| {
        columns[j][i]
    });
    measure(judged, |bootstrap| {
        estimate_integrated_brier(
            survival.view(),
            &judged.follow_up,
            horizons,
            brier_convention(judged),
            bootstrap,
        )
    })
}

fn whole_set(judged: &Judged, whole: &FollowUp) -> Result<WholeSet, StepError> {
    let mut parts = BTreeMap::new();
    for &horizon in &judged.params.horizons {
        let part = match settle(horizon_guard(whole, horizon, judged.convention))? {
            Ok(()) => Part {
                value: plain_auc(judged, horizon)?.ok(),
                reason: None,
            },
            Err(reason) => Part {
                value: None,
                reason: Some(reason),
            },
        };
        parts.insert(key(horizon), part);
    }
    let n_train = judged.train.as_ref().map_or(0, FollowUp::len) as u64;
    Ok(WholeSet {
        n: whole.len() as u64,
        n_events: whole.n_events() as u64,
        n_train,
        auc: parts,
    })
}
