//! The measures of `evaluate`.

use std::collections::BTreeMap;

use artefact::metrics::{FoldValues, Measure, Metrics, Support, WholeSet};
use cohort::FollowUp;
use evaluation::{
    AucConvention, Bootstrap, BrierConvention, Estimate, Estimated, MetricError, NotEstimable,
    auc_with_censoring, brier, estimate_auc, estimate_brier, estimate_c_index,
    estimate_integrated_brier, estimate_uno_c, horizon_guard, integrated_brier, uno_c,
};
use ndarray::{Array2, Axis};
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
            EvaluatedRows::Oob => "oob",
        }
        .to_owned(),
        weights: match judged.train {
            Some(_) => "train",
            None => "evaluated",
        }
        .to_owned(),
        tau: tau(judged),
        horizons: horizons.clone(),
        n_followup_left_aside: judged.n_left_aside as u64,
        null_model: all_equal(judged),
        harrell_c: ranked(judged, measure(judged, harrell)?),
        uno_c: counted(ranked(judged, uno(judged)?), before_tau(judged)),
        auc: by_horizon(&|i| {
            let found = ranked(judged, guarded_auc(judged, horizons[i])?);
            Ok(counted(
                found,
                cases_by(&judged.follow_up, horizons[i], judged.convention),
            ))
        })?,
        composite_auc: ranked(judged, composite(judged)?),
        brier: by_horizon(&|i| {
            let n_events = events_by(&judged.follow_up, horizons[i]);
            Ok(counted(brier_at(judged, i)?, n_events))
        })?,
        ibs: counted(
            integrated(judged)?,
            horizons
                .last()
                .map_or(0, |last| events_by(&judged.follow_up, *last)),
        ),
        whole: whole_set(judged)?,
        fold: fold_values(judged)?,
    })
}

/// The measure with the events that it can see.
fn counted(found: Measure, n_events: u64) -> Measure {
    Measure { n_events, ..found }
}

/// Events by a horizon.
pub(super) fn events_by(follow_up: &FollowUp, horizon: f64) -> u64 {
    count(follow_up, |time| time <= horizon)
}

/// Cases of an AUC at a horizon.
fn cases_by(follow_up: &FollowUp, horizon: f64, convention: AucConvention) -> u64 {
    match convention {
        AucConvention::Score | AucConvention::Uno => events_by(follow_up, horizon),
        AucConvention::TimeRoc => count(follow_up, |time| time < horizon),
    }
}

/// Events that Uno's index can see.
fn before_tau(judged: &Judged) -> u64 {
    let tau = tau(judged).unwrap_or(f64::INFINITY);
    count(&judged.follow_up, |time| time < tau)
}

fn count(follow_up: &FollowUp, seen: impl Fn(f64) -> bool) -> u64 {
    let rows = follow_up.time().iter().zip(follow_up.event());
    rows.filter(|&(&time, &event)| event && seen(time)).count() as u64
}

/// A measure of how risks rank patients. Where all risks are equal, as those of a model without features are, it is ½ in
/// every resample: an interval without width would pass for certainty, so there is none.
fn ranked(judged: &Judged, found: Measure) -> Measure {
    if found.value.is_none() || !all_equal(judged) {
        return found;
    }
    let without = "no interval: all patients have the same risk";
    let reason = match found.reason {
        Some(reason) if !reason.starts_with("no interval") => format!("{reason}; {without}"),
        _ => without.to_owned(),
    };
    Measure {
        lower: None,
        upper: None,
        reason: Some(reason),
        ..found
    }
}

fn all_equal(judged: &Judged) -> bool {
    let risk = judged.risk.values();
    risk.len() > 1 && risk.iter().all(|r| *r == risk[0])
}

/// An estimate with its bootstrap interval. Where too few resamples have a value, the value stays and the interval is left
/// out with the reason.
fn measure(
    judged: &Judged,
    estimate: impl Fn(Option<&Bootstrap>) -> Result<Estimate, MetricError>,
) -> Result<Measure, StepError> {
    measured(judged.bootstrap.as_ref(), estimate)
}

/// [`measure`] of anything that has a bootstrap.
pub(super) fn measured(
    bootstrap: Option<&Bootstrap>,
    estimate: impl Fn(Option<&Bootstrap>) -> Result<Estimate, MetricError>,
) -> Result<Measure, StepError> {
    let found = estimate(bootstrap).map_err(|e| refuse("metric", &e))?;
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

/// A value with its bootstrap interval over evaluated rows, given by their numbers; the interval of a metric that few
/// resamples have is left out with the reason.
fn resampled(
    judged: &Judged,
    value: f64,
    statistic: impl Fn(&[usize]) -> Option<f64> + Sync,
) -> Measure {
    let follow_up = &judged.follow_up;
    let of = |copies: &[u32]| {
        let counted = copies.iter().enumerate();
        let rows: Vec<usize> = counted
            .flat_map(|(row, &copies)| std::iter::repeat_n(row, copies as usize))
            .collect();
        statistic(&rows)
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

/// A metric whose weights are those of the training rows, which no resample draws anew.
fn weighed_by_training(
    judged: &Judged,
    metric: impl Fn(&[usize]) -> Result<f64, MetricError> + Sync,
) -> Result<Measure, StepError> {
    let all: Vec<usize> = (0..judged.follow_up.len()).collect();
    Ok(match settle(metric(&all))? {
        Ok(value) => resampled(judged, value, |rows| metric(rows).ok()),
        Err(reason) => nothing(judged, reason),
    })
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
    let (AucConvention::Uno, Some(train)) = (judged.convention, &judged.train) else {
        return measure(judged, |bootstrap| {
            estimate_auc(
                &judged.risk,
                &judged.follow_up,
                horizon,
                judged.convention,
                bootstrap,
            )
        });
    };
    if let Err(reason) = settle(horizon_guard(&judged.follow_up, horizon, judged.convention))? {
        return Ok(nothing(judged, reason));
    }
    weighed_by_training(judged, |rows| {
        let (risk, follow_up) = (judged.risk.select(rows), judged.follow_up.select(rows));
        auc_with_censoring(&risk, &follow_up, train, horizon, judged.convention).map(|a| a.value)
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

/// The mean over the horizons that the set supports; those that it leaves out are told, for it is another measure then.
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
    let found = resampled(judged, mean(&values), |rows| {
        let (risk, follow_up) = (judged.risk.select(rows), judged.follow_up.select(rows));
        let at = |horizon: &f64| {
            let censoring = match (judged.convention, &judged.train) {
                (AucConvention::Uno, Some(train)) => train,
                _ => &follow_up,
            };
            auc_with_censoring(&risk, &follow_up, censoring, *horizon, judged.convention)
                .ok()
                .map(|a| a.value)
        };
        let values: Option<Vec<f64>> = supported.iter().map(at).collect();
        values.map(|values| mean(&values))
    });
    let all: Vec<String> = judged.params.horizons.iter().map(|h| key(*h)).collect();
    let used: Vec<String> = supported.iter().map(|h| key(*h)).collect();
    let notes = [partial_mean(&all, &used), found.reason.clone()];
    let notes: Vec<String> = notes.into_iter().flatten().collect();
    let n_events = supported.last().map_or(0, |last| {
        cases_by(&judged.follow_up, *last, judged.convention)
    });
    Ok(Measure {
        reason: (!notes.is_empty()).then(|| notes.join("; ")),
        n_events,
        ..found
    })
}

/// Which horizons a composite AUC is the mean over, where these are not all.
pub(super) fn partial_mean(all: &[String], used: &[String]) -> Option<String> {
    let left_out: Vec<String> = all
        .iter()
        .filter(|h| !used.contains(h))
        .map(|h| format!("{h}: NE"))
        .collect();
    (!left_out.is_empty()).then(|| {
        format!(
            "mean over horizons {}; {}",
            used.join(", "),
            left_out.join(", ")
        )
    })
}

fn guarded_auc_value(judged: &Judged, horizon: f64) -> Result<Option<f64>, StepError> {
    match settle(horizon_guard(&judged.follow_up, horizon, judged.convention))? {
        Ok(()) => Ok(plain_auc(judged, horizon)?.ok()),
        Err(_) => Ok(None),
    }
}

/// Uno's index looks at events before the last horizon.
fn tau(judged: &Judged) -> Option<f64> {
    judged.params.horizons.last().copied()
}

/// Uno's index where the rows support `tau`, by the rule of AUC(t): beyond the end of follow-up it would be the index at
/// another time.
fn uno(judged: &Judged) -> Result<Measure, StepError> {
    let tau = tau(judged);
    if let Some(tau) = tau {
        let guard = horizon_guard(&judged.follow_up, tau, judged.convention);
        if let Err(reason) = settle(guard)? {
            return Ok(nothing(judged, reason));
        }
    }
    let Some(train) = &judged.train else {
        return measure(judged, |bootstrap| {
            estimate_uno_c(&judged.risk, &judged.follow_up, tau, bootstrap)
        });
    };
    weighed_by_training(judged, |rows| {
        let (risk, follow_up) = (judged.risk.select(rows), judged.follow_up.select(rows));
        uno_c(&risk, &follow_up, train, tau).map(|c| c.value)
    })
}

/// With the weights of training rows as scikit-survival does it.
fn brier_convention(judged: &Judged) -> BrierConvention {
    match (judged.convention, &judged.train) {
        (_, Some(_)) | (AucConvention::Uno, None) => BrierConvention::Sksurv,
        (AucConvention::Score | AucConvention::TimeRoc, None) => BrierConvention::Score,
    }
}

fn brier_at(judged: &Judged, i: usize) -> Result<Measure, StepError> {
    let horizon = judged.params.horizons[i];
    let convention = brier_convention(judged);
    let Some(survival) = &judged.survival[i] else {
        return Ok(nothing(
            judged,
            format!("no survival was predicted at {}", key(horizon)),
        ));
    };
    let Some(train) = &judged.train else {
        return measure(judged, |bootstrap| {
            estimate_brier(survival, &judged.follow_up, horizon, convention, bootstrap)
        });
    };
    weighed_by_training(judged, |rows| {
        let drawn: Vec<f64> = rows.iter().map(|&row| survival[row]).collect();
        let follow_up = judged.follow_up.select(rows);
        brier(&drawn, &follow_up, train, horizon, convention)
    })
}

fn integrated(judged: &Judged) -> Result<Measure, StepError> {
    let horizons = &judged.params.horizons;
    let convention = brier_convention(judged);
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
    let Some(train) = &judged.train else {
        return measure(judged, |bootstrap| {
            estimate_integrated_brier(
                survival.view(),
                &judged.follow_up,
                horizons,
                convention,
                bootstrap,
            )
        });
    };
    weighed_by_training(judged, |rows| {
        let drawn = survival.select(Axis(0), rows);
        let follow_up = judged.follow_up.select(rows);
        integrated_brier(drawn.view(), &follow_up, train, horizons, convention)
    })
}

fn whole_set(judged: &Judged) -> Result<Option<WholeSet>, StepError> {
    let Some(whole) = &judged.whole else {
        return Ok(None);
    };
    let mut horizons = BTreeMap::new();
    for &horizon in &judged.params.horizons {
        let support = Support {
            n_events: cases_by(whole, horizon, judged.convention),
            reason: settle(horizon_guard(whole, horizon, judged.convention))?.err(),
        };
        horizons.insert(key(horizon), support);
    }
    Ok(Some(WholeSet {
        n: whole.len() as u64,
        n_events: whole.n_events() as u64,
        n_train: judged.train.as_ref().map_or(0, FollowUp::len) as u64,
        horizons,
    }))
}

/// What the evaluated rows give where the whole set supports it.
fn fold_values(judged: &Judged) -> Result<Option<FoldValues>, StepError> {
    let (Some(whole), Some(train)) = (&judged.whole, &judged.train) else {
        return Ok(None);
    };
    let supports = |horizon: f64| -> Result<bool, StepError> {
        Ok(settle(horizon_guard(whole, horizon, judged.convention))?.is_ok())
    };
    let mut auc = BTreeMap::new();
    for &horizon in &judged.params.horizons {
        let value = match supports(horizon)? {
            true => plain_auc(judged, horizon)?.ok(),
            false => None,
        };
        auc.insert(key(horizon), value);
    }
    let uno_c = match tau(judged) {
        Some(last) if !supports(last)? => None,
        last => settle(uno_c(&judged.risk, &judged.follow_up, train, last))?.ok(),
    };
    Ok(Some(FoldValues {
        auc,
        uno_c: uno_c.map(|c| c.value),
    }))
}
