//! From a run that ended to its frozen models: backwards along the wires from the prediction of the external test.

use std::collections::BTreeMap;

use artefact::RowId;
use artefact::comparison::ComparisonRow;
use artefact::follow_up::FollowUpTable;
use artefact::predictions::{RiskTable, SurvivalTable};
use artefact::table::Table;
use bytes::Bytes;
use cas::Store;
use digest::Digest;
use pipeline_defs::kinds::{self, Class, Role};
use pipeline_defs::plan::{Entry, Origin, TaskIdx};
use pipeline_defs::problem::Place;
use serde_json::{Value, json};
use worker::step::{Content, Context, Input, Inputs};

use super::{
    FORMAT, Frozen, FrozenInput, FrozenStep, Manifest, Needed, NeededRole, StepOutput, Subject,
    Training, Wire, calibration, card,
};
use crate::finish::Finished;

/// A chosen model, or why it is not to be had as a file.
#[derive(Debug)]
pub struct Export {
    /// Which.
    pub subject: Subject,
    /// The model.
    pub frozen: Result<Frozen, String>,
}

/// The models that the comparison of a run chose, one an endpoint and profile, in the order of its summary.
#[must_use]
pub fn freeze(store: &Store, run: &Finished) -> Vec<Export> {
    let compares =
        (0..run.tasks.len() as TaskIdx).filter(|t| run.plan.kind_of(*t).name == "compare");
    let mut exports = Vec::new();
    for compare in compares {
        let source = Source { store, run };
        let Ok(summary) = source.output_named(compare, "summary") else {
            continue;
        };
        let Ok(summary) = artefact::json::decode::<Value>("summary", &summary) else {
            continue;
        };
        let rows = source
            .output_named(compare, "comparison")
            .ok()
            .and_then(|bytes| artefact::comparison::decode(&bytes).ok())
            .unwrap_or_default();
        for best in summary["best"].as_array().into_iter().flatten() {
            let subject = subject_of(best, &summary);
            let frozen = one(&source, compare, &subject, &rows);
            exports.push(Export { subject, frozen });
        }
    }
    exports
}

fn subject_of(best: &Value, summary: &Value) -> Subject {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let of = |key: &str| text(&best[key]).unwrap_or_default();
    Subject {
        profile: text(&best["profile"])
            .or_else(|| text(&summary["profile"]))
            .unwrap_or_default(),
        endpoint: of("endpoint"),
        roi_set: of("roi_set"),
        learner: of("learner"),
    }
}

fn one(
    source: &Source,
    compare: TaskIdx,
    subject: &Subject,
    rows: &[ComparisonRow],
) -> Result<Frozen, String> {
    let evaluate = evaluated(source, compare, subject)?;
    let (predict, _) = source.producer(evaluate, "risk")?;
    let horizons = horizons(source, predict);
    let who = source.someone(evaluate)?;
    let mut walk = Walk {
        source,
        who,
        steps: Vec::new(),
        inputs: Vec::new(),
        blobs: BTreeMap::new(),
        known: BTreeMap::new(),
        harmonised: None,
    };
    let step = walk.step(predict)?;
    let output = |port: &str| StepOutput {
        step,
        port: port.to_owned(),
    };
    let training = training(source, evaluate, predict)?;
    let (novelty, novelty_reason) = match novelty(&mut walk, predict) {
        Ok(output) => (Some(output), String::new()),
        Err(reason) => (None, reason),
    };
    let run = source.run;
    let manifest = Manifest {
        radloom_model: FORMAT,
        radloom: env!("CARGO_PKG_VERSION").to_owned(),
        study: run.study.name.clone(),
        study_digest: run.study.text_digest.to_string(),
        subject: subject.clone(),
        inputs: walk.inputs,
        steps: walk.steps,
        risk: output("risk"),
        survival: (!horizons.is_empty()).then(|| output("survival")),
        novelty,
        novelty_reason,
        training,
        harmonised_sites: walk.harmonised,
        calibration: calibration::seen(source, compare, subject, &horizons),
    };
    let of_subject = |r: &&ComparisonRow| {
        (&r.profile, &r.endpoint, &r.roi_set, &r.learner)
            == (
                &subject.profile,
                &subject.endpoint,
                &subject.roi_set,
                &subject.learner,
            )
    };
    let rows: Vec<&ComparisonRow> = rows.iter().filter(of_subject).collect();
    let card = card::section(&manifest, &walk.blobs, &rows, &horizons);
    Ok(Frozen {
        manifest,
        blobs: walk.blobs,
        card,
    })
}

/// The evaluation of a model's external test, among those that the comparison saw.
fn evaluated(source: &Source, compare: TaskIdx, subject: &Subject) -> Result<TaskIdx, String> {
    let mut found = who_is_judged(source, compare, subject).into_iter();
    // A study without splits judges the one model there is.
    let external = found.find(|(split, _)| split == "external" || split.is_empty());
    external.map(|(_, task)| task).ok_or_else(|| {
        "no model of it was fitted on the whole of the training sites (split `external`)".to_owned()
    })
}

/// The evaluations of a model on test rows that the comparison saw, each with its split.
pub(super) fn who_is_judged(
    source: &Source,
    compare: TaskIdx,
    subject: &Subject,
) -> Vec<(String, TaskIdx)> {
    let plan = &source.run.plan;
    let wanted = [
        ("profile", subject.profile.as_str()),
        ("endpoint", &subject.endpoint),
        ("roi_set", &subject.roi_set),
        ("learner", &subject.learner),
        ("rows", "test"),
    ];
    let fits = |task: TaskIdx| {
        let axes: BTreeMap<&str, &str> = plan.axes_of(task).collect();
        let agrees = |(axis, value): &(&str, &str)| axes.get(axis).is_none_or(|v| v == value);
        let params: Value = serde_json::from_str(plan.params_of(task)).unwrap_or_default();
        let rows = axes.contains_key("rows") || params["rows"].as_str().is_none_or(|r| r == "test");
        rows && wanted.iter().all(agrees)
    };
    let port = plan.ports(compare).iter().find(|p| p.name == "metrics");
    let tasks = port.into_iter().flat_map(|p| plan.entries(p));
    let split_of = |task: TaskIdx| {
        let axes = plan.axes_of(task).find(|(axis, _)| *axis == "split");
        axes.map_or_else(String::new, |(_, value)| value.to_owned())
    };
    tasks
        .filter_map(|entry| match entry.origin {
            Origin::Output { task, .. } => Some(task).filter(|t| fits(*t)),
            Origin::Source(_) => None,
        })
        .map(|task| (split_of(task), task))
        .collect()
}

/// Times at which the model gives survival; none of a learner that ranks alone.
fn horizons(source: &Source, predict: TaskIdx) -> Vec<f64> {
    let survival = source.output_named(predict, "survival").ok();
    let table = survival.and_then(|bytes| SurvivalTable::decode(&bytes).ok());
    table.map_or_else(Vec::new, |table| table.times)
}

/// What a run left behind.
pub(super) struct Source<'r> {
    store: &'r Store,
    run: &'r Finished,
}

impl Source<'_> {
    fn bytes(&self, digest: &Digest) -> Result<Bytes, String> {
        let found = self.store.get(digest).map_err(|e| e.to_string())?;
        found.ok_or_else(|| format!("{digest} is not in the store"))
    }

    fn output(&self, task: TaskIdx, port: u8) -> Result<(Digest, Bytes), String> {
        let digest = self.run.output(task, port);
        let digest =
            digest.ok_or_else(|| format!("{} gave nothing", self.run.plan.address(task)))?;
        Ok((digest, self.bytes(&digest)?))
    }

    fn output_named(&self, task: TaskIdx, port: &str) -> Result<Bytes, String> {
        let kind = self.run.plan.kind_of(task);
        let (number, _) = kind
            .output(port)
            .ok_or_else(|| format!("{} has no output `{port}`", kind.name))?;
        Ok(self.output(task, number)?.1)
    }

    /// The one entry at a port.
    fn entry(&self, task: TaskIdx, port: &str) -> Result<Entry, String> {
        let plan = &self.run.plan;
        let found = plan.ports(task).iter().find(|p| p.name == port);
        let entry = found.and_then(|p| plan.entries(p).first().copied());
        entry.ok_or_else(|| format!("nothing is wired to `{port}` of {}", plan.address(task)))
    }

    /// The output that arrives at a port.
    fn producer(&self, task: TaskIdx, port: &str) -> Result<(TaskIdx, u8), String> {
        match self.entry(task, port)?.origin {
            Origin::Output { task, port } => Ok((task, port)),
            Origin::Source(source) => Err(format!(
                "`{port}` is `{}`, which no step makes",
                self.run.plan.source(source).name
            )),
        }
    }

    /// The bytes that arrive at a port.
    pub(super) fn input(&self, task: TaskIdx, port: &str) -> Result<Bytes, String> {
        match self.entry(task, port)?.origin {
            Origin::Output { task, port } => Ok(self.output(task, port)?.1),
            Origin::Source(source) => self.bytes(&self.run.plan.source(source).digest),
        }
    }

    /// A patient who went all the way: the first of the external test.
    fn someone(&self, evaluate: TaskIdx) -> Result<RowId, String> {
        let risks = RiskTable::decode(&self.input(evaluate, "risk")?).map_err(|e| e.to_string())?;
        let first = risks.rows.into_iter().next();
        first.ok_or_else(|| "nobody is in the external test".to_owned())
    }
}

/// Collects what a prediction needs; steps stand behind what they need.
struct Walk<'r> {
    source: &'r Source<'r>,
    /// Whose tasks are followed where there is one a patient: all patients' are alike.
    who: RowId,
    steps: Vec<FrozenStep>,
    inputs: Vec<Needed>,
    blobs: BTreeMap<Digest, Bytes>,
    known: BTreeMap<TaskIdx, usize>,
    harmonised: Option<Vec<String>>,
}

impl Walk<'_> {
    /// What stands for an output when one new patient comes.
    fn output(&mut self, task: TaskIdx, port: u8) -> Result<Wire, String> {
        let plan = &self.source.run.plan;
        match plan.step_of(task).role {
            Role::Fit | Role::Evaluate => self.blob(task, port),
            // The new patient is the selection.
            Role::Select => {
                let entry = self.source.entry(task, "table")?;
                self.origin(&entry, task, "table")
            }
            Role::Split => Err(format!("{} divides patients", plan.address(task))),
            Role::Pointwise | Role::Gather | Role::Apply | Role::Adapt => {
                let name = plan.kind_of(task).outputs.get(usize::from(port));
                let name = name.map_or_else(String::new, |p| p.name.to_owned());
                Ok(Wire::Step(StepOutput {
                    step: self.step(task)?,
                    port: name,
                }))
            }
        }
    }

    /// Something fitted: its bytes come along.
    fn blob(&mut self, task: TaskIdx, port: u8) -> Result<Wire, String> {
        let plan = &self.source.run.plan;
        let class = plan.class_of(Origin::Output { task, port });
        if class == Class::Site {
            return Err(format!("{} may not leave its site", plan.address(task)));
        }
        let (digest, bytes) = self.source.output(task, port)?;
        self.blobs.insert(digest, bytes);
        Ok(Wire::Blob(digest.to_string()))
    }

    fn origin(&mut self, entry: &Entry, at: TaskIdx, port: &str) -> Result<Wire, String> {
        match entry.origin {
            Origin::Output { task, port } => self.output(task, port),
            Origin::Source(source) => {
                let name = self.source.run.plan.source(source).name.clone();
                self.needed(&name, at, port)
            }
        }
    }

    /// Something that the patient brings.
    fn needed(&mut self, name: &str, at: TaskIdx, port: &str) -> Result<Wire, String> {
        if let Some(known) = self.inputs.iter().position(|n| n.name == name) {
            return Ok(Wire::Input(known));
        }
        let kind = self.source.run.plan.kind_of(at).name;
        let role = match (kind, port) {
            ("import-image", "image") => NeededRole::Image,
            ("import-mask", "mask") => NeededRole::Mask,
            ("gather-cohort", _) => NeededRole::Clinical,
            _ if name.starts_with("tables.") => NeededRole::Table,
            _ => {
                return Err(format!(
                    "it needs `{name}` at `{port}` of {kind}, which a prediction cannot be given"
                ));
            }
        };
        let twice = self.inputs.iter().any(|n| n.role == role);
        if twice && role != NeededRole::Table {
            return Err(format!("it needs a second {role:?}, `{name}`"));
        }
        let schema = match role {
            NeededRole::Image | NeededRole::Mask => String::new(),
            NeededRole::Clinical => schema(&self.source.output_named(at, "table")?)?,
            NeededRole::Table => schema(&self.source.input(at, port)?)?,
        };
        self.inputs.push(Needed {
            name: name.to_owned(),
            role,
            schema,
        });
        Ok(Wire::Input(self.inputs.len() - 1))
    }

    /// The place of a task's step, which is put behind what it needs.
    fn step(&mut self, task: TaskIdx) -> Result<usize, String> {
        if let Some(known) = self.known.get(&task) {
            return Ok(*known);
        }
        let run = self.source.run;
        let plan = &run.plan;
        let kind = plan.kind_of(task);
        let mut inputs = BTreeMap::new();
        for port in plan.ports(task) {
            let mut entries = Vec::new();
            for entry in plan.entries(port) {
                let axes = plan.entry_axes(entry);
                if !self.is_of_who(&axes) {
                    continue;
                }
                if axes.iter().any(|(axis, _)| *axis == "split") {
                    return Err(format!("{} gathers over splits", plan.address(task)));
                }
                let axes = axes
                    .into_iter()
                    .map(|(a, v)| (a.to_owned(), v.to_owned()))
                    .collect();
                let from = self.origin(entry, task, port.name)?;
                entries.push(FrozenInput { axes, from });
            }
            if entries.is_empty() {
                return Err(format!(
                    "{} has nothing of one patient at `{}`",
                    plan.address(task),
                    port.name
                ));
            }
            inputs.insert(port.name.to_owned(), entries);
        }
        let mut step = FrozenStep {
            name: plan.step_of(task).name.clone(),
            kind: kind.name.to_owned(),
            version: kind.version,
            params: serde_json::from_str(plan.params_of(task)).map_err(|e| e.to_string())?,
            seed: plan.seed_of(task),
            inputs,
        };
        self.harmonise(task, &mut step)?;
        self.steps.push(step);
        self.known.insert(task, self.steps.len() - 1);
        Ok(self.steps.len() - 1)
    }

    fn is_of_who(&self, axes: &[(&str, &str)]) -> bool {
        axes.iter().all(|(axis, value)| match *axis {
            "patient" => *value == self.who.patient_id,
            "site" => *value == self.who.site,
            _ => true,
        })
    }

    /// A site was adapted to from all its patients at once: one patient gets what they gave.
    fn harmonise(&mut self, task: TaskIdx, step: &mut FrozenStep) -> Result<(), String> {
        if self.source.run.plan.step_of(task).role == Role::Adapt {
            let apply = kinds::kind("apply-combat").filter(|_| step.kind == "adapt-combat");
            let apply = apply.ok_or_else(|| format!("{} adapts to many patients", step.kind))?;
            let (port, _) = kinds::kind(&step.kind)
                .and_then(|kind| kind.output("model"))
                .ok_or("adapt-combat gives no model")?;
            let adapted = self.blob(task, port)?;
            (step.kind, step.version) = (apply.name.to_owned(), apply.version);
            step.inputs.insert(
                "model".to_owned(),
                vec![FrozenInput {
                    axes: Vec::new(),
                    from: adapted,
                }],
            );
        }
        if step.kind == "apply-combat"
            && let Some(Wire::Blob(digest)) = step.inputs["model"].first().map(|i| &i.from)
        {
            let bytes = digest.parse().ok().and_then(|d: Digest| self.blobs.get(&d));
            let model: Value = serde_json::from_slice(bytes.map_or(&[], |b| b)).unwrap_or_default();
            let sites = model["sites"].as_array().into_iter().flatten();
            let name = |site: &Value| {
                let named = site.as_str().or_else(|| site["site"].as_str());
                named.map(str::to_owned)
            };
            self.harmonised = Some(sites.filter_map(name).collect());
        }
        Ok(())
    }
}

/// The line that says how a table's columns were read; empty where all were numbers.
fn schema(table: &[u8]) -> Result<String, String> {
    let mut table = Table::decode(table).map_err(|e| e.to_string())?;
    table.rows.clear();
    table.columns.iter_mut().for_each(|c| c.values.clear());
    let text = table.encode().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let first = text.lines().next().unwrap_or_default();
    Ok(match first.starts_with('#') {
        true => first.to_owned(),
        false => String::new(),
    })
}

/// What the training patients were like, as far as a prediction is compared with them.
fn training(source: &Source, evaluate: TaskIdx, predict: TaskIdx) -> Result<Training, String> {
    let said = |e: artefact::ArtefactError| e.to_string();
    let risks = RiskTable::decode(&source.input(evaluate, "train_risk")?).map_err(said)?;
    let (fit, _) = source.producer(predict, "model")?;
    let features = Table::decode(&source.input(fit, "table")?).map_err(said)?;
    let outcome = FollowUpTable::decode(&source.input(fit, "followup")?).map_err(said)?;
    let mut sites = BTreeMap::new();
    for row in &risks.rows {
        *sites.entry(row.site.clone()).or_default() += 1;
    }
    let risk_percentiles = percentiles(&risks.risk);
    Ok(Training {
        n: risks.rows.len() as u64,
        n_events: outcome.event.iter().filter(|e| **e).count() as u64,
        sites,
        features: features.names(),
        cut: risk_percentiles.get(50).copied().unwrap_or_default(),
        risk_percentiles,
    })
}

/// The 0th to 100th percentile, type 7 of R: the 50th is the median that risk groups are cut at.
fn percentiles(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return Vec::new();
    };
    let at = |percent: usize| {
        let place = (last * percent) as f64 / 100.0;
        let low = (place.floor() as usize).min(last);
        let high = (low + 1).min(last);
        sorted[low] + (sorted[high] - sorted[low]) * (place - low as f64)
    };
    (0..=100).map(at).collect()
}

/// A table of features before their selection: of one region, told from others by its axes.
struct Region {
    axes: Vec<(String, String)>,
    /// Takes the patient's features at `table`; what was fitted for it at `model` saw those of the training rows.
    at: TaskIdx,
}

/// The selections whose results the learner takes, one by one or joined; the learner itself where there is none.
fn regions(source: &Source, predict: TaskIdx) -> Result<(TaskIdx, Vec<Region>), String> {
    let plan = &source.run.plan;
    let (above, _) = source.producer(predict, "table")?;
    let alone = |at: TaskIdx| {
        let axes = Vec::new();
        (at, vec![Region { axes, at }])
    };
    let selects = |task: &TaskIdx| plan.kind_of(*task).name == "apply-selection";
    if selects(&above) {
        return Ok(alone(above));
    }
    let port = plan.ports(above).iter().find(|p| p.name == "tables");
    let (Some(port), "join-tables") = (port, plan.kind_of(above).name) else {
        return Ok(alone(predict));
    };
    let mut found = Vec::new();
    for entry in plan.entries(port) {
        match entry.origin {
            Origin::Output { task, .. } if selects(&task) => found.push(Region {
                axes: plan
                    .entry_axes(entry)
                    .into_iter()
                    .map(|(axis, value)| (axis.to_owned(), value.to_owned()))
                    .collect(),
                at: task,
            }),
            _ => return Ok(alone(predict)),
        }
    }
    Ok((above, found))
}

/// How far the patient is from those learned from: in the features of all regions before the last selection, else in those
/// of the learner.
fn novelty(walk: &mut Walk, predict: TaskIdx) -> Result<StepOutput, String> {
    let source = walk.source;
    let (join, regions) = regions(source, predict)?;
    let (mut references, mut patients) = (Vec::new(), Vec::new());
    for region in &regions {
        let (fit, _) = source.producer(region.at, "model")?;
        references.push(Input {
            axes: region.axes.clone(),
            content: Ok(source.input(fit, "table")?),
        });
        let entry = source.entry(region.at, "table")?;
        patients.push(FrozenInput {
            axes: region.axes.clone(),
            from: walk.origin(&entry, region.at, "table")?,
        });
    }
    if regions.len() > 1 {
        let params = source.run.plan.params_of(join);
        let params: Value = serde_json::from_str(params).map_err(|e| e.to_string())?;
        let joined = made("join-tables", params.clone(), "tables", references)?;
        references = vec![Input {
            axes: Vec::new(),
            content: Ok(joined),
        }];
        let from = judge(
            walk,
            "regions",
            "join-tables",
            params,
            [("tables", patients)],
        )?;
        patients = vec![FrozenInput {
            axes: Vec::new(),
            from: Wire::Step(from),
        }];
    }
    let kind = kinds::kind("fit-novelty").ok_or("this build has no fit-novelty")?;
    let model = made(kind.name, defaults(kind)?, "table", references)?;
    let digest = Digest::of(&model);
    walk.blobs.insert(digest, model);
    let model = vec![FrozenInput {
        axes: Vec::new(),
        from: Wire::Blob(digest.to_string()),
    }];
    let kind = kinds::kind("apply-novelty").ok_or("this build has no apply-novelty")?;
    let ports = [("model", model), ("table", patients)];
    judge(walk, "novelty", kind.name, defaults(kind)?, ports)
}

/// Puts a step behind the others; gives its first output.
fn judge<const N: usize>(
    walk: &mut Walk,
    name: &str,
    kind: &str,
    params: Value,
    inputs: [(&str, Vec<FrozenInput>); N],
) -> Result<StepOutput, String> {
    let kind = kinds::kind(kind).ok_or_else(|| format!("this build has no {kind}"))?;
    walk.steps.push(FrozenStep {
        name: name.to_owned(),
        kind: kind.name.to_owned(),
        version: kind.version,
        params,
        seed: None,
        inputs: inputs.map(|(port, from)| (port.to_owned(), from)).into(),
    });
    let port = kind.outputs.first().map_or(name, |p| p.name).to_owned();
    Ok(StepOutput {
        step: walk.steps.len() - 1,
        port,
    })
}

/// The first output of a step that is worked out here.
fn made(kind: &str, params: Value, port: &str, entries: Vec<Input>) -> Result<Bytes, String> {
    let context = Context { params, seed: None };
    let inputs = Inputs {
        ports: [(port.to_owned(), entries)].into(),
    };
    let produced = worker::steps::run(kind, &context, &inputs).map_err(|e| e.to_string())?;
    let model = produced.into_iter().find_map(|p| match p.content {
        Content::Bytes(bytes) => Some(Bytes::from(bytes)),
        Content::Rows { .. } => None,
    });
    model.ok_or_else(|| format!("{kind} gave nothing"))
}

/// The parameters of a kind with nothing set.
pub(super) fn defaults(kind: &kinds::KindSpec) -> Result<Value, String> {
    let place = Place {
        file: "model".into(),
        line: 1,
        column: 1,
    };
    let text = pipeline_defs::params::resolve_params(kind, &json!({}), &place);
    let text = text.map_err(|problem| problem.to_string())?;
    serde_json::from_str(&text).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::percentiles;

    #[test]
    fn the_middle_percentile_is_the_median() {
        assert_eq!(percentiles(&[4.0, 1.0, 2.0])[50], 2.0);
        assert_eq!(percentiles(&[4.0, 1.0, 2.0, 3.0])[50], 2.5);
        let four = percentiles(&[4.0, 1.0, 2.0, 3.0]);
        assert_eq!((four[0], four[25], four[100]), (1.0, 1.75, 4.0));
        assert_eq!(percentiles(&[7.0]), vec![7.0; 101]);
    }
}
