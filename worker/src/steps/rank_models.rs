//! `rank-models`: which of many models is the best, how sure that is and what the choice is worth.
//!
//! All models are judged on the patients that all of them have, and on the same resamples of these patients. A model that
//! could not be fitted in one of the splits is told with the reason and not ranked: its value would be of other patients.

use std::collections::BTreeMap;

use artefact::RowId;
use artefact::follow_up::FollowUpTable;
use cohort::FollowUp;
use evaluation::{AucConvention, Bootstrap, Contest, Part, Ranked, Ranking, rank_models};
use pipeline_defs::params::{AucConvention as Named, RankModelsParams, RankedSet};
use serde_json::{Value, json};

use super::measures::events_by;
use super::patients::{Patients, follow_up_of};
use super::refuse::refuse;
use super::risks::{Labelled, twice};
use crate::step::{Context, Inputs, Produced, StepError};

/// Regions, learner, control.
type Name = (String, String, String);

/// The predictions of a model in every split of the set.
type Splits = Vec<Labelled>;

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: RankModelsParams = context.params()?;
    let clinical = models(inputs, "clinical", params.set)?;
    let models = models(inputs, "risks", params.set)?;
    if models.is_empty() {
        return Err(StepError::refuse(
            "input-missing",
            format!("`risks` has nothing of the set `{}`", set_name(params.set)),
        ));
    }
    let mut clinical = the_one(clinical)?;
    let outcome = FollowUpTable::decode(inputs.one("followup")?)?;
    let whole: Vec<(&Name, &Splits)> = models.iter().filter(|(_, s)| reason(s).is_none()).collect();
    let why_no_clinical = clinical.as_ref().and_then(reason);
    clinical = clinical.filter(|splits| reason(splits).is_none());
    let mut judged: Vec<&Splits> = whole.iter().map(|(_, splits)| *splits).collect();
    judged.extend(clinical.as_ref());
    let (rows, n_left_out) = common(&judged, &outcome)?;
    let follow_up = match rows.is_empty() {
        true => None,
        false => Some(follow_up_of(&rows, &outcome)?),
    };
    let mut answer = match &follow_up {
        Some(follow_up) => {
            let seed = context.seed()?;
            ranked(&params, seed, &models, &whole, &judged, &rows, follow_up)?
        }
        None => json!({
            "models": models.iter().map(|(name, splits)| entry(name, None, reason(splits))).collect::<Vec<_>>(),
            "bias_corrected": null,
            "reason": "no model has risks of every split",
        }),
    };
    answer["profile"] = json!(params.profile);
    answer["endpoint"] = json!(params.endpoint);
    answer["set"] = json!(set_name(params.set));
    answer["metric"] = json!("composite_auc");
    answer["level"] = json!(params.level);
    answer["resamples"] = json!(params.bootstrap);
    answer["n_left_out"] = json!(n_left_out);
    if let Some(why) = why_no_clinical {
        answer["clinical"] = json!({"value": null, "reason": why});
    }
    let bytes = artefact::json::encode("ranking", &answer)?;
    Ok(vec![Produced::bytes("rank", bytes)])
}

fn set_name(set: RankedSet) -> &'static str {
    match set {
        RankedSet::External => "external",
        RankedSet::Cv => "cv",
    }
}

/// The predictions of the set by model.
fn models(
    inputs: &Inputs,
    port: &str,
    set: RankedSet,
) -> Result<BTreeMap<Name, Splits>, StepError> {
    let mut models: BTreeMap<Name, Splits> = BTreeMap::new();
    for input in inputs.all(port) {
        let found = Labelled::read(input)?;
        if found.is_external() != (set == RankedSet::External) {
            continue;
        }
        let name = (
            found.roi_set.clone(),
            found.learner.clone(),
            found.control.clone(),
        );
        let splits = models.entry(name).or_default();
        if splits.iter().any(|s| s.split == found.split) {
            let what = format!(
                "{} of {} in the split `{}`",
                found.learner, found.roi_set, found.split
            );
            return Err(twice(port, &what));
        }
        splits.push(found);
    }
    Ok(models)
}

/// The one model of the port `clinical`.
fn the_one(models: BTreeMap<Name, Splits>) -> Result<Option<Splits>, StepError> {
    if models.len() > 1 {
        return Err(twice("clinical", "a split, of different models"));
    }
    Ok(models.into_values().next())
}

/// Why a model cannot be ranked.
fn reason(splits: &Splits) -> Option<String> {
    let refused: Vec<(&str, &String)> = splits
        .iter()
        .filter_map(|s| Some((s.split.as_str(), s.risk.as_ref().err()?)))
        .collect();
    let (first, why) = refused.first()?;
    Some(match splits.len() {
        1 => (*why).clone(),
        n => format!(
            "no risks in {} of {n} splits, the first {first}: {why}",
            refused.len()
        ),
    })
}

/// Patients of the follow-up whom every model has in every repeat, and how many of the models' patients are not among them.
fn common(models: &[&Splits], outcome: &FollowUpTable) -> Result<(Vec<RowId>, usize), StepError> {
    let mut rows = Vec::new();
    let mut n_any = 0;
    let mut indices = Vec::new();
    for splits in models {
        let mut repeats: BTreeMap<u32, Vec<Patients>> = BTreeMap::new();
        for split in *splits {
            if let Ok(table) = &split.risk {
                repeats
                    .entry(split.repeat())
                    .or_default()
                    .push(Patients::new(&table.rows));
            }
        }
        indices.extend(repeats.into_values());
    }
    for (row, time) in outcome.rows.iter().zip(&outcome.time) {
        let mut n_in = 0;
        for folds in &indices {
            let mut times = 0;
            for fold in folds {
                times += usize::from(fold.contains(row)?);
            }
            n_in += times.min(1);
        }
        n_any += usize::from(n_in > 0);
        if n_in == indices.len() && n_in > 0 && !time.is_nan() {
            rows.push(row.clone());
        }
    }
    let n_left_out = n_any - rows.len();
    Ok((rows, n_left_out))
}

/// Risks of the common patients, a part a split.
fn parts(splits: &Splits, rows: &[RowId]) -> Result<Vec<Part>, StepError> {
    let known = Patients::new(rows);
    let mut parts = Vec::with_capacity(splits.len());
    for table in splits.iter().filter_map(|s| s.risk.as_ref().ok()) {
        let mut part = Part {
            rows: Vec::with_capacity(table.rows.len()),
            risk: Vec::with_capacity(table.rows.len()),
        };
        for (row, risk) in table.rows.iter().zip(&table.risk) {
            if let Some(at) = known.find(row)? {
                part.rows.push(at);
                part.risk.push(*risk);
            }
        }
        parts.push(part);
    }
    Ok(parts)
}

fn ranked(
    params: &RankModelsParams,
    seed: u64,
    models: &BTreeMap<Name, Splits>,
    whole: &[(&Name, &Splits)],
    judged: &[&Splits],
    rows: &[RowId],
    follow_up: &FollowUp,
) -> Result<Value, StepError> {
    let parts: Vec<Vec<Part>> = judged
        .iter()
        .map(|splits| parts(splits, rows))
        .collect::<Result<_, _>>()?;
    let convention = match params.auc {
        Named::Score => AucConvention::Score,
        Named::Uno => AucConvention::Uno,
        Named::Timeroc => AucConvention::TimeRoc,
    };
    let contest = Contest::new(&parts, follow_up, &params.horizons, convention)
        .map_err(|e| refuse("metric", &e))?;
    let bootstrap = Bootstrap::new(params.bootstrap as usize, params.level, seed)
        .map_err(|e| refuse("bootstrap", &e))?;
    let reference = (judged.len() > whole.len()).then_some(whole.len());
    let found = rank_models(&contest, &bootstrap, reference);
    let place = |name: &Name| whole.iter().position(|(n, _)| *n == name);
    let entries: Vec<Value> = models
        .iter()
        .map(|(name, splits)| {
            entry(
                name,
                place(name).map(|at| &found.models[at]),
                reason(splits),
            )
        })
        .collect();
    let supported = contest.supported();
    let left_out: Vec<&f64> = params
        .horizons
        .iter()
        .filter(|h| !supported.contains(h))
        .collect();
    let clinical = reference.map(|at| {
        let copies = vec![1; contest.n_patients()];
        json!({"value": contest.value(at, &copies)})
    });
    Ok(json!({
        "models": entries,
        "best": found.best.map(|at| {
            let mut best = labels(whole[at].0);
            best["value"] = json!(found.models[at].value);
            best
        }),
        "pairs": match params.set {
            RankedSet::External => "of all patients",
            RankedSet::Cv => "within folds, counted alike whatever fold they are of",
        },
        "bias_corrected": bias_corrected(&found),
        "clinical": clinical,
        "horizons": supported,
        "horizons_left_out": left_out,
        "n": follow_up.len(),
        "n_events": supported.last().map(|last| events_by(follow_up, *last)),
        "n_complete": found.n_complete,
        "reason": whole_reason(&found, supported.is_empty()),
    }))
}

/// What stands in the way of conclusions about all models.
fn whole_reason(found: &Ranking, no_horizon: bool) -> Option<String> {
    if no_horizon {
        return Some("NE: no horizon has enough cases and controls".to_owned());
    }
    let notes = [
        found
            .not_simultaneous
            .as_ref()
            .map(|e| format!("no simultaneous intervals: {e}")),
        found
            .not_compared
            .as_ref()
            .map(|e| format!("no differences from the clinical model: {e}")),
    ];
    let notes: Vec<String> = notes.into_iter().flatten().collect();
    (!notes.is_empty()).then(|| notes.join("; "))
}

fn labels((roi_set, learner, control): &Name) -> Value {
    let mut labels = json!({"roi_set": roi_set, "learner": learner});
    if !control.is_empty() {
        labels["control"] = json!(control);
    }
    labels
}

fn entry(name: &Name, found: Option<&Ranked>, refused: Option<String>) -> Value {
    let mut entry = labels(name);
    let interval = found.and_then(|m| m.interval.clone().ok());
    let simultaneous = found.and_then(|m| m.simultaneous);
    let reason = refused.or_else(|| {
        let why = found?.interval.as_ref().err()?;
        let without = match found?.value {
            Some(_) => "no interval",
            None => "NE",
        };
        Some(format!("{without}: {why}"))
    });
    entry["value"] = json!(found.and_then(|m| m.value));
    entry["lower"] = json!(interval.map(|i| i.lower));
    entry["upper"] = json!(interval.map(|i| i.upper));
    // A composite AUC lies between 0 and 1, whatever its studentised interval says.
    entry["lower_simultaneous"] = json!(simultaneous.map(|s| s.interval.lower.max(0.0)));
    entry["upper_simultaneous"] = json!(simultaneous.map(|s| s.interval.upper.min(1.0)));
    entry["p_adjusted"] = json!(simultaneous.map(|s| s.p_adjusted));
    entry["above_chance"] = json!(simultaneous.map(|s| s.interval.lower > 0.5));
    entry["p_best"] = json!(found.and_then(|m| m.p_best));
    entry["rank_lower"] = json!(found.and_then(|m| m.ranks).map(|r| r.0));
    entry["rank_upper"] = json!(found.and_then(|m| m.ranks).map(|r| r.1));
    entry["vs_clinical"] = json!(found.and_then(|m| m.against).map(|a| {
        let s = a.simultaneous;
        json!({
            "difference": a.difference, "lower": s.interval.lower, "upper": s.interval.upper, "p_adjusted": s.p_adjusted,
        })
    }));
    entry["reason"] = json!(reason);
    entry
}

fn bias_corrected(found: &Ranking) -> Value {
    match &found.bias_corrected {
        Ok(of) => json!({
            "value": of.value, "lower": of.interval.lower, "upper": of.interval.upper, "n_resamples": of.n_resamples,
            "reason": null,
        }),
        Err(why) => {
            json!({"value": null, "lower": null, "upper": null, "reason": format!("NE: {why}")})
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, gathered, inputs, learnable, refusal, run, run_on};
    use crate::step::{Inputs, Produced, StepError};
    use artefact::refusal::Refusal;
    use serde_json::{Value, json};

    type Entry = (&'static str, &'static str, Result<Vec<u8>, Refusal>);

    /// Risks of the patients whose number passes.
    fn risk(keep: fn(usize) -> bool, of: fn(usize) -> usize) -> Result<Vec<u8>, Refusal> {
        let rows = (0..120).filter(|i| keep(*i)).map(|i| {
            let site = if i % 4 == 3 { "c2" } else { "c1" };
            format!("p{i:03},{site},{}\n", of(i))
        });
        Ok(format!("patient_id,site,risk\n{}", rows.collect::<String>()).into_bytes())
    }

    fn signal(i: usize) -> usize {
        (i * 37) % 101
    }

    fn noise(i: usize) -> usize {
        (i * 53 + 11) % 97
    }

    fn study(risks: Vec<Entry>, clinical: Vec<Entry>) -> Inputs {
        let label = |(split, learner, content): Entry| {
            (
                vec![("learner", learner), ("roi_set", "both"), ("split", split)],
                content,
            )
        };
        let mut all = inputs(&[("followup", learnable(120).1)]);
        for (port, entries) in [("risks", risks), ("clinical", clinical)] {
            let entries = gathered(entries.into_iter().map(label).collect());
            all.ports.insert(port.to_owned(), entries);
        }
        all
    }

    fn rank(inputs: &Inputs, set: &str) -> Result<Vec<Produced>, StepError> {
        let params = json!({"profile": "careful", "endpoint": "dfs", "set": set, "horizons": [36.0, 60.0, 500.0],
            "auc": "score", "bootstrap": 150, "level": 0.95});
        run_on("rank-models", params, inputs)
    }

    fn record(out: &[Produced]) -> Value {
        serde_json::from_slice(&content(out, "rank")).unwrap()
    }

    #[test]
    fn a_signal_wins_over_noise_and_over_the_clinical_model() {
        let risks = vec![
            ("external", "gbm", risk(|_| true, noise)),
            ("external", "rsf", risk(|_| true, signal)),
            ("r1f1", "rsf", risk(|_| true, noise)),
        ];
        let clinical = vec![("external", "cox", risk(|_| true, |i| (i * 71 + 5) % 89))];
        let found = record(&rank(&study(risks, clinical), "external").unwrap());
        let best = &found["best"];
        assert_eq!(
            (&best["roi_set"], &best["learner"]),
            (&json!("both"), &json!("rsf"))
        );
        assert_eq!(best["value"], found["models"][1]["value"]);
        assert_eq!(found["horizons"], json!([36.0, 60.0]));
        assert_eq!(found["horizons_left_out"], json!([500.0]));
        let (gbm, rsf) = (&found["models"][0], &found["models"][1]);
        assert_eq!(
            (&gbm["above_chance"], &rsf["above_chance"]),
            (&json!(false), &json!(true))
        );
        assert_eq!(
            (&rsf["p_best"], &rsf["rank_upper"]),
            (&json!(1.0), &json!(1))
        );
        assert!(rsf["vs_clinical"]["p_adjusted"].as_f64().unwrap() < 0.02);
        assert!(found["bias_corrected"]["value"].as_f64().unwrap() > 0.8);
        assert_eq!(found["reason"], Value::Null);
    }

    /// The composite AUC of the external set is that of `evaluate`, with the same interval for the same seed.
    #[test]
    fn values_of_an_external_set_are_those_of_evaluate() {
        let risks = vec![("external", "gbm", risk(|_| true, noise))];
        let found = record(&rank(&study(risks, vec![]), "external").unwrap());
        let params =
            json!({"horizons": [36.0, 60.0], "auc": "score", "bootstrap": 150, "rows": "test"});
        let ports = [
            ("risk", risk(|_| true, noise).unwrap()),
            ("followup", learnable(120).1),
        ];
        let out = run("evaluate", params, &ports).unwrap();
        let wanted: Value = serde_json::from_slice(&content(&out, "metrics")).unwrap();
        for key in ["value", "lower", "upper"] {
            let (ours, theirs) = (&found["models"][0][key], &wanted["composite_auc"][key]);
            let difference = ours.as_f64().unwrap() - theirs.as_f64().unwrap();
            assert!(difference.abs() < 1e-12, "{key}: {ours} {theirs}");
        }
    }

    #[test]
    fn folds_are_ranked_together_and_a_model_with_a_refused_fold_is_told() {
        let refused = Err(Refusal {
            code: "no-convergence".to_owned(),
            message: "after 30 steps".to_owned(),
            kind: "fit-cox".to_owned(),
        });
        let risks = vec![
            ("r1f1", "cox", risk(|i| i < 60, noise)),
            ("r1f2", "cox", refused),
            ("r1f1", "rsf", risk(|i| i < 60, signal)),
            // another fit, another scale; one patient is missing
            (
                "r1f2",
                "rsf",
                risk(|i| (60..119).contains(&i), |i| 1000 + 3 * signal(i)),
            ),
            ("external", "rsf", risk(|_| true, noise)),
        ];
        let found = record(&rank(&study(risks, vec![]), "cv").unwrap());
        assert_eq!(found["models"][0]["value"], Value::Null);
        assert_eq!(
            found["models"][0]["reason"],
            "no risks in 1 of 2 splits, the first r1f2: no-convergence: after 30 steps"
        );
        assert!(found["models"][1]["value"].as_f64().unwrap() > 0.9);
        assert_eq!((&found["n"], &found["set"]), (&json!(119), &json!("cv")));
        assert_eq!(found["clinical"], Value::Null);
    }

    #[test]
    fn nothing_of_the_set_and_twice_the_same_are_refused() {
        let one = || ("external", "rsf", risk(|_| true, signal));
        let none = refusal(rank(&study(vec![one()], vec![]), "cv"));
        assert_eq!(none.0, "input-missing");
        let both = refusal(rank(&study(vec![one(), one()], vec![]), "external"));
        assert_eq!(both.0, "given-twice");
    }
}
