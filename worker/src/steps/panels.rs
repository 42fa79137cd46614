//! The panels of the report's curves.

use std::collections::BTreeMap;

use artefact::comparison::ComparisonRow;
use artefact::curves::{Curves, Group};
use report::Language;
use report::figure::{kaplan_meier as km, roc};
use report::part::cohort::{Followed, Sheet};
use report::part::performance::Measured;
use report::part::{Sourced, Subject};
use report::values::{Estimate, display_name};

use super::report::{Best, SetCurves, estimate, read};
use crate::step::{Inputs, StepError};

/// Distance of the ticks of a time axis, months, and the most of them.
const TICK_MONTHS: f64 = 12.0;
const TICKS_MAX: f64 = 12.0;

/// One panel a set, one curve a horizon.
pub(super) fn roc(best: &Best, curves: &[SetCurves], rows: &[ComparisonRow]) -> Vec<roc::Panel> {
    let panel = |SetCurves { set, curves, .. }: &SetCurves| {
        let of_set = |r: &&ComparisonRow| best.is_of(r) && r.set == *set && r.metric == "auc";
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
pub(super) fn kaplan_meier(best: &Best, curves: &[SetCurves]) -> Vec<km::Panel> {
    let panel = |SetCurves { set, curves, .. }: &SetCurves| {
        let ticks = ticks(&curves.km.groups);
        km::Panel {
            title: title(best, set),
            outcome: outcome(&best.endpoint).to_owned(),
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

fn outcome(endpoint: &str) -> &'static str {
    match endpoint {
        "dfs" => "disease-free survival",
        "os" => "overall survival",
        _ => "survival",
    }
}

/// One panel a model and set: ROC curves with the areas that its metrics tell.
pub(super) fn clinical(
    language: Language,
    curves: Vec<Sourced<Curves>>,
    metrics: &[Sourced<Measured>],
) -> Vec<Sourced<roc::Panel>> {
    let panel = |subject: &Subject, curves: &Curves| {
        let of = metrics.iter().find(|m| m.subject == *subject);
        let measured = of.and_then(|m| m.value.as_ref().ok());
        let curve = |(horizon, points): (&String, &artefact::curves::Roc)| {
            let at = horizon.parse::<f64>().ok();
            let auc = measured.and_then(|m| {
                let is = |m: &&(String, Option<f64>, Estimate)| m.0 == "auc" && m.1 == at;
                m.measures.iter().find(is).map(|m| m.2.clone())
            });
            let points = points.false_positive.iter().zip(&points.true_positive);
            roc::Curve {
                label: language.fill("{0} months", &[horizon]),
                points: points.map(|(x, y)| (*x, *y)).collect(),
                auc: auc.unwrap_or_else(|| Estimate::absent("its area was not given")),
            }
        };
        roc::Panel {
            title: subject.words(language, &["endpoint", "profile"]),
            curves: by_number(&curves.roc).into_iter().map(curve).collect(),
        }
    };
    let of = |one: Sourced<Curves>| Sourced {
        value: one
            .value
            .as_ref()
            .map(|c| panel(&one.subject, c))
            .map_err(Clone::clone),
        subject: one.subject,
        artefact: one.artefact,
    };
    curves.into_iter().map(of).collect()
}

/// Entries by their horizon as a number: `12` before `120` and after `6`.
fn by_number<T>(of: &BTreeMap<String, T>) -> Vec<(&String, &T)> {
    let mut out: Vec<(&String, &T)> = of.iter().collect();
    let key = |h: &str| h.parse::<f64>().unwrap_or(f64::INFINITY);
    out.sort_by(|a, b| key(a.0).total_cmp(&key(b.0)));
    out
}

/// Survival curves by group. The step gives curves as CSV and tests as JSON; either may be connected, and those of the same
/// axis values belong together.
pub(super) fn survival(
    language: Language,
    inputs: &Inputs,
) -> Result<Vec<Sourced<km::Panel>>, StepError> {
    let is_json = |bytes: &[u8]| bytes.first() == Some(&b'{');
    let told = read::all(inputs, "km", |_, b| match is_json(b) {
        true => read::json("survival curves", b).map(Some),
        false => Ok(None),
    })?;
    let lines = read::all(inputs, "km", |_, b| match is_json(b) {
        true => Ok(None),
        false => read::sheet("km", b).map(Some),
    })?;
    let mut out = Vec::new();
    for one in lines {
        let sheet = match one.value {
            Ok(Some(sheet)) => sheet,
            Ok(None) => continue,
            Err(reason) => {
                out.push(Sourced {
                    value: Err(reason),
                    ..empty(one.subject, one.artefact)
                });
                continue;
            }
        };
        let with = told
            .iter()
            .find(|t| t.subject == one.subject && matches!(t.value, Ok(Some(_))));
        let test = with
            .and_then(|t| t.value.as_ref().ok())
            .and_then(Option::as_ref);
        let panel = survival_panel(language, &one.subject, &sheet, test)?;
        out.push(Sourced {
            value: Ok(panel),
            ..empty(one.subject, one.artefact)
        });
    }
    Ok(out)
}

/// How long patients were followed, as the survival curves' step tells.
pub(super) fn followed(inputs: &Inputs) -> Result<Vec<Sourced<Vec<Followed>>>, StepError> {
    let told = read::all(inputs, "km", |_, b| match b.first() == Some(&b'{') {
        true => read::json("survival curves", b).map(Some),
        false => Ok(None),
    })?;
    let one = |of: &serde_json::Value| {
        let (reverse, observed) = (&of["follow_up"], &of["observed"]);
        let bounds = &reverse["loglog"];
        let value = read::number(reverse, "value");
        let reason = value
            .is_none()
            .then(|| "half of the patients were not followed so long".to_owned());
        let at = |key: &str| read::number(observed, key);
        Followed {
            group: read::word(of, "label"),
            counts: (read::count(of, "n"), read::count(of, "n_events")),
            reverse: Estimate {
                value,
                lower: read::number(bounds, "lower"),
                upper: read::number(bounds, "upper"),
                n: read::count(of, "n"),
                n_events: read::count(of, "n_events"),
                reason,
            },
            observed: at("median")
                .zip(at("least"))
                .zip(at("greatest"))
                .map(|((m, l), g)| (m, l, g)),
        }
    };
    let of = |told: Sourced<Option<serde_json::Value>>| {
        let told_of = told.value.ok()??;
        let mut rows = vec![one(&told_of)];
        rows.extend(read::list(&told_of, "groups").iter().map(one));
        Some(Sourced {
            subject: told.subject,
            artefact: told.artefact,
            value: Ok(rows),
        })
    };
    Ok(told.into_iter().filter_map(of).collect())
}

fn empty(subject: Subject, artefact: String) -> Sourced<km::Panel> {
    Sourced {
        subject,
        artefact,
        value: Err(String::new()),
    }
}

fn survival_panel(
    language: Language,
    subject: &Subject,
    sheet: &Sheet,
    test: Option<&serde_json::Value>,
) -> Result<km::Panel, StepError> {
    let columns = read::Columns::of("km", sheet, &["group", "time", "n_risk", "survival"])?;
    let mut groups: Vec<Group> = Vec::new();
    for row in columns.rows() {
        let name = row.text("group");
        if groups.last().is_none_or(|g| g.group != name) {
            groups.push(Group {
                group: name.to_owned(),
                ..Group::default()
            });
        }
        let (Some(group), Some(time), Some(survival)) = (
            groups.last_mut(),
            row.number("time"),
            row.number("survival"),
        ) else {
            continue;
        };
        let at_risk = row.count("n_risk").unwrap_or(0) as u64;
        if group.time.is_empty() {
            group.n = at_risk;
        }
        group.time.push(time);
        group.survival.push(survival);
        group.lower.push(row.number("lower_loglog"));
        group.upper.push(row.number("upper_loglog"));
        group.n_risk.push(at_risk);
        group
            .n_censored
            .push(row.count("n_censored").unwrap_or(0) as u64);
        group.n_events += row.count("n_events").unwrap_or(0) as u64;
    }
    // the curve of all patients is drawn where there are no groups
    if groups.len() > 1 {
        groups.retain(|g| !g.group.is_empty());
    }
    let ticks = ticks(&groups);
    let shown = |g: &Group| km::Group {
        label: match g.group.as_str() {
            "" => language.say("all patients").to_owned(),
            name => name.to_owned(),
        },
        ..group(g, &ticks)
    };
    Ok(km::Panel {
        title: subject.words(language, &["endpoint", "profile"]),
        outcome: outcome(subject.get("endpoint")).to_owned(),
        unit: "months".to_owned(),
        groups: groups.iter().map(shown).collect(),
        ticks,
        log_rank_p: test.and_then(|t| t["log_rank"]["rho_0"]["p"].as_f64()),
        cut: test.map(|t| read::word(t, "group")).unwrap_or_default(),
    })
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
