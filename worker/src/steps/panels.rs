//! The panels of the report's curves.

use artefact::comparison::ComparisonRow;
use artefact::curves::{Curves, Group};
use report::figure::{kaplan_meier as km, roc};
use report::values::{Estimate, display_name};

use super::report::{Best, estimate};

/// Distance of the ticks of a time axis, months, and the most of them.
const TICK_MONTHS: f64 = 12.0;
const TICKS_MAX: f64 = 12.0;

/// One panel a set, one curve a horizon.
pub(super) fn roc(
    best: &Best,
    curves: &[(&'static str, Curves)],
    rows: &[ComparisonRow],
) -> Vec<roc::Panel> {
    let panel = |(set, curves): &(&'static str, Curves)| {
        let of_set = |r: &&ComparisonRow| {
            (r.set.as_str(), &r.endpoint, &r.roi_set, &r.learner)
                == (*set, &best.endpoint, &best.roi_set, &best.learner)
                && r.metric == "auc"
        };
        let curve = |row: &ComparisonRow| {
            let horizon = artefact::number::text(row.horizon_months.unwrap_or_default());
            let points = curves.roc.get(&horizon).filter(|_| row.value.is_some());
            let points = points.map(|c| {
                c.false_positive
                    .iter()
                    .copied()
                    .zip(c.true_positive.iter().copied())
                    .collect()
            });
            roc::Curve {
                label: format!("{horizon} months"),
                points: points.unwrap_or_default(),
                auc: estimate(row),
            }
        };
        let mut found: Vec<roc::Curve> = rows.iter().filter(of_set).map(curve).collect();
        if found.is_empty() {
            found.push(roc::Curve {
                label: "no horizon".to_owned(),
                points: Vec::new(),
                auc: Estimate::absent("not evaluated"),
            });
        }
        roc::Panel {
            title: title(best, set),
            curves: found,
        }
    };
    curves.iter().map(panel).collect()
}

/// One panel a set.
pub(super) fn kaplan_meier(best: &Best, curves: &[(&'static str, Curves)]) -> Vec<km::Panel> {
    let panel = |(set, curves): &(&'static str, Curves)| {
        let ticks = ticks(&curves.km.groups);
        km::Panel {
            title: title(best, set),
            outcome: match best.endpoint.as_str() {
                "dfs" => "disease-free survival",
                "os" => "overall survival",
                _ => "survival",
            }
            .to_owned(),
            unit: "months".to_owned(),
            groups: curves.km.groups.iter().map(|g| group(g, &ticks)).collect(),
            ticks,
            log_rank_p: curves.km.log_rank.as_ref().map(|test| test.p),
            cut: match curves.km.cut_from.as_str() {
                "train" => "cut at the median risk of the training rows",
                _ => "cut at the median risk of these patients",
            }
            .to_owned(),
        }
    };
    curves.iter().map(panel).collect()
}

fn title(best: &Best, set: &str) -> String {
    let regions = if best.roi_set.is_empty() {
        String::new()
    } else {
        format!(", {}", best.roi_set)
    };
    format!(
        "{}{regions} · {}",
        display_name(&best.learner),
        display_name(set)
    )
}

/// From 0 to beyond the last time.
fn ticks(groups: &[Group]) -> Vec<f64> {
    let last = groups
        .iter()
        .flat_map(|g| &g.time)
        .copied()
        .fold(0.0, f64::max);
    let years = (last / TICK_MONTHS).ceil().max(1.0);
    let step = (years / TICKS_MAX).ceil();
    let n = (years / step).ceil() as u32;
    (0..=n).map(|i| f64::from(i) * step * TICK_MONTHS).collect()
}

fn group(g: &Group, ticks: &[f64]) -> km::Group {
    let at_risk = |tick: &f64| {
        let next = g.time.partition_point(|t| t < tick);
        g.n_risk.get(next).map_or(0, |n| *n as usize)
    };
    // A limit is undefined where survival is 0 or 1: there the band has no width.
    let limits = |limits: &[Option<f64>]| {
        limits
            .iter()
            .zip(&g.survival)
            .map(|(limit, s)| limit.unwrap_or(*s))
            .collect()
    };
    km::Group {
        label: format!("{} risk", g.group),
        n: g.n as usize,
        n_events: g.n_events as usize,
        time: g.time.clone(),
        survival: g.survival.clone(),
        lower: limits(&g.lower),
        upper: limits(&g.upper),
        censored: g
            .time
            .iter()
            .zip(&g.n_censored)
            .filter(|(_, n)| **n > 0)
            .map(|(t, _)| *t)
            .collect(),
        at_risk: ticks.iter().map(at_risk).collect(),
    }
}
