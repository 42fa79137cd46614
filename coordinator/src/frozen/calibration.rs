//! How true a model's probabilities were of patients whom it had not seen: what a new patient's are to be read with.

use std::collections::BTreeMap;

use artefact::follow_up::FollowUpTable;
use artefact::predictions::SurvivalTable;
use bytes::Bytes;
use pipeline_defs::kinds;
use pipeline_defs::plan::TaskIdx;
use report::values::RATIO_LIMITS;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use worker::step::{Content, Context, Input, Inputs};

use super::freeze::{Source, defaults, who_is_judged};
use super::{Frozen, Subject};

/// A slope within these bounds is not warned of; 1 is ideal.
pub const SLOPE_LIMITS: (f64, f64) = (0.7, 1.0 / 0.7);
/// A mean distance between predicted and observed risk up to this one is not warned of.
pub const ICI_LIMIT: f64 = 0.05;

/// How predicted probabilities agreed with what happened by one horizon, in patients whom the model had not seen.
///
/// Of cross-validation the out-of-fold predictions of all folds of a repeat are judged together, each made by its own
/// fold's model; with several repeats values and bounds are means over them. What is judged at the external site is the
/// model itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// `cv` or `external`.
    pub set: String,
    /// The horizon.
    pub months: f64,
    /// Patients.
    pub n: u64,
    /// Events by the horizon.
    pub n_events: u64,
    /// Observed over mean predicted risk; 1 is ideal, above 1 risks are too low.
    pub observed_over_expected: Option<Bounded>,
    /// On the complementary log-log scale; 1 is ideal, below 1 risks are too extreme.
    pub slope: Option<Bounded>,
    /// Mean distance between predicted and smoothed observed risk.
    pub ici: Option<f64>,
    /// Why something is not there; empty where all is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// A number with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounded {
    /// Estimate.
    pub value: f64,
    /// Lower bound.
    pub lower: Option<f64>,
    /// Upper bound.
    pub upper: Option<f64>,
}

impl Calibration {
    /// What a reader of these probabilities must mind, in words; `None` where every number is within its limits.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let months = artefact::number::text(self.months);
        let mut said = Vec::new();
        if let Some(ratio) = self
            .observed_over_expected
            .filter(|r| outside(r.value, RATIO_LIMITS))
        {
            let percent = 100.0 * (ratio.value - 1.0).abs();
            let more = if ratio.value > 1.0 { "more" } else { "fewer" };
            said.push(format!(
                "{percent:.0} % {more} patients had an event than predicted ({})",
                ratio.told("observed/expected")
            ));
        }
        if let Some(slope) = self.slope.filter(|s| outside(s.value, SLOPE_LIMITS)) {
            let way = if slope.value < 1.0 {
                "risks are spread too far: high ones are too high and low ones too low"
            } else {
                "risks are spread too little: high ones are too low and low ones too high"
            };
            said.push(format!("{way} ({})", slope.told("slope")));
        }
        if let Some(ici) = self.ici.filter(|ici| *ici > ICI_LIMIT) {
            said.push(format!(
                "predicted and observed risk are {:.0} percentage points apart on average (ICI {ici:.3})",
                100.0 * ici
            ));
        }
        let place = self.place();
        (!said.is_empty()).then(|| {
            format!(
                "probabilities at {months} months were not true {place}, {} patients with {} events: {}",
                self.n,
                self.n_events,
                said.join("; ")
            )
        })
    }
}

impl Calibration {
    /// Where the patients were whom the model had not seen.
    #[must_use]
    pub fn place(&self) -> &'static str {
        match self.set.as_str() {
            "cv" => "in cross-validation",
            _ => "at the external site",
        }
    }
}

impl Bounded {
    fn told(&self, name: &str) -> String {
        match (self.lower, self.upper) {
            (Some(lower), Some(upper)) => {
                let within = if (lower..=upper).contains(&1.0) {
                    ", which has 1 in it"
                } else {
                    ""
                };
                format!(
                    "{name} {:.2}, 95 % interval {lower:.2} to {upper:.2}{within}",
                    self.value
                )
            }
            _ => format!("{name} {:.2}", self.value),
        }
    }
}

fn outside(value: f64, (low, high): (f64, f64)) -> bool {
    value < low || high < value
}

impl Frozen {
    /// What must be minded of this model's probabilities, horizon by horizon.
    #[must_use]
    pub fn calibration_warnings(&self) -> Vec<String> {
        let seen = self.manifest.calibration.iter();
        seen.filter_map(Calibration::warning).collect()
    }
}

/// Calibration of a chosen model's probabilities out of fold and at the external site, set by set and horizon by horizon.
pub(super) fn seen(
    source: &Source,
    compare: TaskIdx,
    subject: &Subject,
    horizons: &[f64],
) -> Vec<Calibration> {
    let mut repeats: BTreeMap<String, Vec<TaskIdx>> = BTreeMap::new();
    let mut external = Vec::new();
    for (split, task) in who_is_judged(source, compare, subject) {
        match split.rsplit_once('f') {
            _ if split == "external" => external.push(task),
            Some((repeat, _)) => repeats.entry(repeat.to_owned()).or_default().push(task),
            None => {}
        }
    }
    let groups = [
        ("cv", repeats.into_values().collect::<Vec<_>>()),
        ("external", vec![external]),
    ];
    let mut found = Vec::new();
    for (set, groups) in groups {
        let pooled: Vec<Result<Pooled, String>> = groups
            .iter()
            .filter(|tasks| !tasks.is_empty())
            .map(|tasks| Pooled::of(source, tasks))
            .collect();
        if !pooled.is_empty() {
            found.extend(horizons.iter().map(|months| judged(set, *months, &pooled)));
        }
    }
    found
}

/// Predictions of several folds side by side, with what they are held against.
struct Pooled {
    survival: Bytes,
    followup: Bytes,
}

impl Pooled {
    /// Nothing, and why, where a fold has no model: of the others alone the patients would be others.
    fn of(source: &Source, tasks: &[TaskIdx]) -> Result<Pooled, String> {
        let broken = |e: artefact::ArtefactError| e.to_string();
        let mut all: Option<(SurvivalTable, FollowUpTable)> = None;
        for task in tasks {
            let survival = source.input(*task, "survival")?;
            let survival = SurvivalTable::decode(&survival).map_err(broken)?;
            let followup = source.input(*task, "followup")?;
            let followup = FollowUpTable::decode(&followup).map_err(broken)?;
            match &mut all {
                None => all = Some((survival, followup)),
                Some((of_all, outcomes)) if of_all.times == survival.times => {
                    of_all.rows.extend(survival.rows);
                    of_all.survival.extend(survival.survival);
                    outcomes.rows.extend(followup.rows);
                    outcomes.time.extend(followup.time);
                    outcomes.event.extend(followup.event);
                }
                Some(_) => return Err("folds predict at other times".to_owned()),
            }
        }
        let (survival, followup) = all.ok_or("nobody was judged")?;
        Ok(Pooled {
            survival: survival.encode().into(),
            followup: followup.encode().into(),
        })
    }

    /// What the step `calibration` says at a horizon.
    fn judge(&self, months: f64) -> Result<Value, String> {
        let kind = kinds::kind("calibration").ok_or("this build has no calibration")?;
        let mut params = defaults(kind)?;
        params["horizon"] = json!(months);
        let input = |bytes: &Bytes| {
            vec![Input {
                axes: Vec::new(),
                content: Ok(bytes.clone()),
            }]
        };
        let inputs = Inputs {
            ports: [
                ("survival".to_owned(), input(&self.survival)),
                ("followup".to_owned(), input(&self.followup)),
            ]
            .into(),
        };
        let context = Context { params, seed: None };
        let produced =
            worker::steps::run(kind.name, &context, &inputs).map_err(|e| e.to_string())?;
        let json = produced.into_iter().find_map(|p| match p.content {
            Content::Bytes(bytes) => serde_json::from_slice(&bytes).ok(),
            Content::Rows { .. } => None,
        });
        json.ok_or_else(|| "calibration gave nothing".to_owned())
    }
}

/// Means over the repeats.
fn judged(set: &str, months: f64, pooled: &[Result<Pooled, String>]) -> Calibration {
    let judge =
        |pooled: &Result<Pooled, String>| pooled.as_ref().map_err(Clone::clone)?.judge(months);
    let told: Vec<Result<Value, String>> = pooled.iter().map(judge).collect();
    let of = |pointer: &str| -> Vec<&Value> {
        let there = |told: &Value| -> bool { told.pointer(pointer).is_some_and(|v| !v.is_null()) };
        let told = told.iter().filter_map(|t| t.as_ref().ok());
        told.filter(|t| there(t))
            .filter_map(|t| t.pointer(pointer))
            .collect()
    };
    let ici: Vec<f64> = of("/curve/ici").iter().filter_map(|v| v.as_f64()).collect();
    let reasons = told.iter().filter_map(|t| match t {
        Err(reason) => Some(reason.clone()),
        Ok(told) => ["/reason", "/slope/reason", "/curve/reason"]
            .iter()
            .find_map(|at| told.pointer(at)?.as_str().map(str::to_owned)),
    });
    let count = |key: &str| {
        let first = told.iter().find_map(|t| t.as_ref().ok()?[key].as_u64());
        first.unwrap_or_default()
    };
    Calibration {
        set: set.to_owned(),
        months,
        n: count("n"),
        n_events: count("n_events"),
        observed_over_expected: mean_of(&of("/slope/observed_over_expected")),
        slope: mean_of(&of("/slope/slope")),
        ici: mean(&ici),
        reason: reasons.into_iter().next().unwrap_or_default(),
    }
}

fn mean_of(values: &[&Value]) -> Option<Bounded> {
    let of = |key: &str| -> Vec<f64> { values.iter().filter_map(|v| v[key].as_f64()).collect() };
    let bound = |key: &str| mean(&of(key)).filter(|_| of(key).len() == values.len());
    Some(Bounded {
        value: mean(&of("value"))?,
        lower: bound("lower"),
        upper: bound("upper"),
    })
}

fn mean(values: &[f64]) -> Option<f64> {
    let sum: f64 = values.iter().sum();
    (!values.is_empty()).then(|| sum / values.len() as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use artefact::RowId;

    /// Patients of whom half have the event at 6 months, in each of two groups the share that is given.
    fn pooled(predicted: [f64; 2], events: [u32; 2]) -> Result<Pooled, String> {
        let mut survival = SurvivalTable {
            rows: Vec::new(),
            times: vec![12.0],
            survival: Vec::new(),
        };
        let mut followup = FollowUpTable {
            rows: Vec::new(),
            time: Vec::new(),
            event: Vec::new(),
        };
        for group in 0..2 {
            for i in 0..100_u32 {
                let row = RowId {
                    patient_id: format!("p{group}{i:03}"),
                    site: "c1".to_owned(),
                };
                survival.rows.push(row.clone());
                followup.rows.push(row);
                // Not all alike, so that a slope is to be had.
                let nudge = f64::from(i % 5) * 0.002;
                survival.survival.push(vec![1.0 - predicted[group] - nudge]);
                let event = i * 7 % 100 < events[group];
                followup.event.push(event);
                followup.time.push(if event {
                    1.0 + f64::from(i) / 20.0
                } else {
                    24.0
                });
            }
        }
        Ok(Pooled {
            survival: survival.encode().into(),
            followup: followup.encode().into(),
        })
    }

    #[test]
    fn true_probabilities_are_not_warned_of() {
        let seen = judged("cv", 12.0, &[pooled([0.2, 0.6], [20, 60])]);
        assert_eq!((seen.n, seen.n_events), (200, 80));
        let ratio = seen.observed_over_expected.unwrap();
        assert!((ratio.value - 1.0).abs() < 0.02, "{ratio:?}");
        assert_eq!(seen.warning(), None, "{seen:?}");
        assert_eq!(seen.reason, "");
    }

    #[test]
    fn too_low_risks_are_warned_of_in_words() {
        let seen = judged("external", 12.0, &[pooled([0.1, 0.3], [20, 60])]);
        let warning = seen.warning().unwrap();
        assert!(
            warning.starts_with(
                "probabilities at 12 months were not true at the external site, 200 patients with 80 events: "
            ),
            "{warning}"
        );
        assert!(
            warning.contains("% more patients had an event than predicted"),
            "{warning}"
        );
        assert!(warning.contains("percentage points apart"), "{warning}");
    }

    #[test]
    fn risks_that_are_spread_too_far_have_a_small_slope() {
        let seen = judged("cv", 12.0, &[pooled([0.2, 0.6], [33, 47])]);
        let slope = seen.slope.unwrap();
        assert!(slope.value < SLOPE_LIMITS.0, "{slope:?}");
        assert!(seen.warning().unwrap().contains("spread too far"));
    }

    #[test]
    fn repeats_are_averaged_and_what_is_not_estimable_has_its_reason() {
        let pair = [pooled([0.2, 0.6], [20, 60]), pooled([0.1, 0.3], [20, 60])];
        let alone = |i: usize| {
            let one = judged("cv", 12.0, &pair[i..=i]);
            one.observed_over_expected.unwrap().value
        };
        let both = judged("cv", 12.0, &pair).observed_over_expected.unwrap();
        assert_eq!(both.value, (alone(0) + alone(1)) / 2.0);
        let flat = pooled([0.4, 0.4], [40, 40]);
        let late = judged("cv", 60.0, &[flat]);
        assert_eq!((late.ici, late.warning()), (None, None));
        assert!(late.reason.contains("60"), "{late:?}");
        let none = judged(
            "cv",
            12.0,
            &[Err("fit[split=r1f2] gave nothing".to_owned())],
        );
        assert_eq!((none.n, none.ici), (0, None));
        assert_eq!(none.reason, "fit[split=r1f2] gave nothing");
    }
}
