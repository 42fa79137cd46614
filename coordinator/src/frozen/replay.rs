//! A frozen model at work: its steps, done on one new patient, or on several of a site that it does not know.

use std::collections::{BTreeMap, BTreeSet};

use artefact::lines::materialise;
use artefact::predictions::{RiskTable, SurvivalTable};
use artefact::table::{Column, Table};
use bytes::Bytes;
use digest::Digest;
use serde::{Deserialize, Serialize};
use worker::step::{Content, Context, Input, Inputs, StepError};

use super::{Frozen, FrozenInput, FrozenStep, StepOutput, Wire};

/// Somebody to predict.
#[derive(Clone, Debug, Default)]
pub struct NewPatient {
    /// Pseudonym.
    pub patient_id: String,
    /// Site, as the model knows it or not.
    pub site: String,
    /// For each of the model's inputs, in their order: what was brought, and what to call it in messages.
    pub brought: Vec<(String, Bytes)>,
}

/// What a model says of a patient.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// Higher is worse; the scale is the learner's.
    pub risk: f64,
    /// Where it stands among the training patients' risks, 0 to 100.
    pub percentile: f64,
    /// `high` above the median training risk, else `low`.
    pub group: &'static str,
    /// That median.
    pub cut: f64,
    /// Time and probability of no event until then; empty where the learner ranks alone.
    pub survival: Vec<(f64, f64)>,
    /// How unlike the training patients the features are.
    pub novelty: Option<Novelty>,
}

/// What a model says of patients of a site that it did not know.
#[derive(Debug)]
pub struct NewSite {
    /// Patients whose features brought the site to the model's scale; 0 where the model does not harmonise.
    pub n_adapted: usize,
    /// One a patient, in their order.
    pub predictions: Vec<Result<Prediction, ReplayError>>,
}

/// How unlike the training patients somebody is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Novelty {
    /// Distance from the centre of the training patients.
    pub distance: f64,
    /// Where it stands among theirs, 0 to 100.
    pub percentile: f64,
    /// Features beyond the range of the training patients.
    pub n_outside: u64,
    /// What to mind; empty where nothing is odd.
    pub warning: String,
}

/// Why a patient was not predicted.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The model wants other inputs.
    #[error("the model takes {wanted} inputs, {given} were brought")]
    Inputs {
        /// How many it takes.
        wanted: usize,
        /// How many were brought.
        given: usize,
    },
    /// A step refused; `of` names what was brought, where it was that.
    #[error("{}{message} ({kind}: {code})", of.as_ref().map_or_else(String::new, |of| format!("{of}: ")))]
    Refused {
        /// The file, where the step reads one.
        of: Option<String>,
        /// Step kind.
        kind: String,
        /// For programs.
        code: String,
        /// For people.
        message: String,
    },
    /// The program failed.
    #[error("{kind}: {message}")]
    Failed {
        /// Step kind.
        kind: String,
        /// What happened.
        message: String,
    },
    /// A new site without enough patients.
    #[error(
        "{n} of {of} patients of site `{site}` came as far as harmonising; at least {NEW_SITE_MIN} are needed to bring it to the model's scale{first}"
    )]
    NewSite {
        /// The site.
        site: String,
        /// How many.
        n: usize,
        /// Of how many that were brought.
        of: usize,
        /// Why the first of the others did not; empty where all did.
        first: String,
    },
    /// An output that does not read.
    #[error(transparent)]
    Artefact(#[from] artefact::ArtefactError),
}

/// What a step gave, by port.
type Given = BTreeMap<&'static str, Bytes>;

/// Patients of a new site that its shift and scale are learned from, at least: one has no scale.
pub const NEW_SITE_MIN: usize = 2;

/// A patient on the way through the steps.
struct Way<'p> {
    patient: &'p NewPatient,
    given: Vec<Given>,
    stopped: Option<ReplayError>,
}

impl Frozen {
    /// Does the steps on one patient.
    ///
    /// # Errors
    /// A step refuses what was brought; the patient is of a site that the model does not know.
    pub fn predict(&self, patient: &NewPatient) -> Result<Prediction, ReplayError> {
        let mut ways = self.ways(std::slice::from_ref(patient))?;
        for step in &self.manifest.steps {
            ways.iter_mut().for_each(|way| self.go(way, step, None));
        }
        let mut done = ways.into_iter().map(|way| self.arrived(way));
        done.next().unwrap_or(Err(ReplayError::Inputs {
            wanted: 1,
            given: 0,
        }))
    }

    /// Does the steps on patients of one site that the model does not know: where it harmonises, the site is brought to the
    /// model's scale from what these patients' features have in common. A patient whom a step refuses takes no part in what
    /// comes after that step.
    ///
    /// # Errors
    /// Fewer than [`NEW_SITE_MIN`] patients come as far as that; the model has no reference to bring a site to.
    pub fn predict_new_site(&self, patients: &[NewPatient]) -> Result<NewSite, ReplayError> {
        let mut ways = self.ways(patients)?;
        let mut n_adapted = 0;
        for step in &self.manifest.steps {
            let mut adapted = None;
            if step.kind == "apply-combat" {
                n_adapted = ways.iter().filter(|way| way.stopped.is_none()).count();
                adapted = Some(self.adapted(&ways, step)?);
            }
            for way in &mut ways {
                self.go(way, step, adapted.as_ref());
            }
        }
        let predictions = ways.into_iter().map(|way| self.arrived(way)).collect();
        Ok(NewSite {
            n_adapted,
            predictions,
        })
    }

    fn ways<'p>(&self, patients: &'p [NewPatient]) -> Result<Vec<Way<'p>>, ReplayError> {
        let wanted = self.manifest.inputs.len();
        let start = |patient: &'p NewPatient| match patient.brought.len() {
            given if given == wanted => Ok(Way {
                patient,
                given: Vec::with_capacity(self.manifest.steps.len()),
                stopped: None,
            }),
            given => Err(ReplayError::Inputs { wanted, given }),
        };
        patients.iter().map(start).collect()
    }

    /// The next step of a patient, with another model at its port `model` where one is given.
    fn go(&self, way: &mut Way<'_>, step: &FrozenStep, model: Option<&Bytes>) {
        if way.stopped.is_some() {
            return;
        }
        let done = self.inputs(step, way).and_then(|mut inputs| {
            if let (Some(model), Some(port)) = (model, inputs.ports.get_mut("model")) {
                let content = || Ok(model.clone());
                port.iter_mut().for_each(|input| input.content = content());
            }
            self.done(step, way.patient, &inputs)
        });
        match done {
            Ok(given) => way.given.push(given),
            Err(stopped) => way.stopped = Some(stopped),
        }
        self.let_go(way);
    }

    /// Forgets what no later step and no answer takes: images of many patients are large.
    fn let_go(&self, way: &mut Way<'_>) {
        let manifest = &self.manifest;
        let next = way.given.len();
        let ahead = manifest.steps.iter().skip(next);
        let inputs = ahead.flat_map(|step| step.inputs.values().flatten());
        let mut taken: BTreeSet<usize> = inputs
            .filter_map(|input| match &input.from {
                Wire::Step(output) => Some(output.step),
                Wire::Input(_) | Wire::Blob(_) => None,
            })
            .collect();
        let more = [&manifest.survival, &manifest.novelty];
        let answers = more.into_iter().flatten().chain([&manifest.risk]);
        taken.extend(answers.map(|output| output.step));
        for (at, given) in way.given.iter_mut().enumerate() {
            if !taken.contains(&at) {
                given.clear();
            }
        }
    }

    /// What the patient's last steps say.
    fn arrived(&self, way: Way<'_>) -> Result<Prediction, ReplayError> {
        let manifest = &self.manifest;
        if let Some(stopped) = way.stopped {
            return Err(stopped);
        }
        let output = |output: &StepOutput| {
            let found = way.given.get(output.step);
            let found = found.and_then(|g| g.get(output.port.as_str()));
            found.cloned().ok_or_else(|| ReplayError::Failed {
                kind: output.port.clone(),
                message: "it was not given".to_owned(),
            })
        };
        let risks = RiskTable::decode(&output(&manifest.risk)?)?;
        let risk = *risks.risk.first().ok_or_else(|| ReplayError::Failed {
            kind: "predict".to_owned(),
            message: "no row came through".to_owned(),
        })?;
        let survival = match &manifest.survival {
            Some(at) => survival(&output(at)?)?,
            None => Vec::new(),
        };
        let novelty = match &manifest.novelty {
            Some(at) => Some(novelty(&output(at)?)?),
            None => None,
        };
        let training = &manifest.training;
        Ok(Prediction {
            risk,
            percentile: training.percentile(risk),
            group: if risk > training.cut { "high" } else { "low" },
            cut: training.cut,
            survival,
            novelty,
        })
    }

    /// The model of a harmonising step with the patients' site in it, learned from their features.
    fn adapted(&self, ways: &[Way<'_>], step: &FrozenStep) -> Result<Bytes, ReplayError> {
        let going: Vec<&Way<'_>> = ways.iter().filter(|way| way.stopped.is_none()).collect();
        if going.len() < NEW_SITE_MIN {
            let first = ways.iter().find_map(|way| way.stopped.as_ref());
            return Err(ReplayError::NewSite {
                site: ways
                    .first()
                    .map_or_else(String::new, |w| w.patient.site.clone()),
                n: going.len(),
                of: ways.len(),
                first: first.map_or_else(String::new, |why| format!("; {why}")),
            });
        }
        let each = going.iter().map(|way| self.inputs(step, way));
        let together = stacked(each.collect::<Result<_, _>>()?)?;
        let adapt = FrozenStep {
            kind: "adapt-combat".to_owned(),
            ..step.clone()
        };
        let model = run(&adapt, &together, || None)?.remove("model");
        model.ok_or_else(|| failed(&adapt, "it gave no model"))
    }

    fn inputs(&self, step: &FrozenStep, way: &Way<'_>) -> Result<Inputs, ReplayError> {
        let mut inputs = Inputs::default();
        for (port, entries) in &step.inputs {
            let read = entries.iter().map(|entry| {
                let bytes = self.bytes(entry, way.patient, &way.given);
                let bytes = bytes.ok_or_else(|| failed(step, "an input is not there"))?;
                Ok(Input {
                    axes: axes(entry, way.patient),
                    content: Ok(bytes),
                })
            });
            let read = read.collect::<Result<_, ReplayError>>()?;
            inputs.ports.insert(port.clone(), read);
        }
        Ok(inputs)
    }

    fn done(
        &self,
        step: &FrozenStep,
        patient: &NewPatient,
        inputs: &Inputs,
    ) -> Result<Given, ReplayError> {
        run(step, inputs, || self.brought_by(step, patient))
    }

    /// What a refusal of a step is about: what it reads itself of what was brought, else all that it comes from.
    fn brought_by(&self, step: &FrozenStep, patient: &NewPatient) -> Option<String> {
        let mut direct = BTreeSet::new();
        let mut behind = BTreeSet::new();
        let mut open = vec![(step, true)];
        let mut seen = BTreeSet::new();
        while let Some((step, first)) = open.pop() {
            for entry in step.inputs.values().flatten() {
                match &entry.from {
                    Wire::Input(i) if first => drop(direct.insert(*i)),
                    Wire::Input(i) => drop(behind.insert(*i)),
                    Wire::Step(output) if seen.insert(output.step) => {
                        let above = self.manifest.steps.get(output.step);
                        open.extend(above.map(|step| (step, false)));
                    }
                    Wire::Step(_) | Wire::Blob(_) => {}
                }
            }
        }
        let about = if direct.is_empty() { behind } else { direct };
        let names: Vec<&str> = about
            .into_iter()
            .filter_map(|i| patient.brought.get(i).map(|(name, _)| name.as_str()))
            .collect();
        (!names.is_empty()).then(|| names.join(" with "))
    }

    fn bytes(&self, entry: &FrozenInput, patient: &NewPatient, given: &[Given]) -> Option<Bytes> {
        match &entry.from {
            Wire::Input(i) => patient.brought.get(*i).map(|(_, bytes)| bytes.clone()),
            Wire::Blob(digest) => self.blobs.get(&digest.parse::<Digest>().ok()?).cloned(),
            Wire::Step(output) => given.get(output.step)?.get(output.port.as_str()).cloned(),
        }
    }
}

/// Does a step; `of` names what a refusal is about.
fn run(
    step: &FrozenStep,
    inputs: &Inputs,
    of: impl Fn() -> Option<String>,
) -> Result<Given, ReplayError> {
    let context = Context {
        params: step.params.clone(),
        seed: step.seed,
    };
    let produced =
        worker::steps::run(&step.kind, &context, inputs).map_err(|error| match error {
            StepError::Refuse { code, message } => ReplayError::Refused {
                of: of(),
                kind: step.kind.clone(),
                code,
                message,
            },
            other => failed(step, &other.to_string()),
        })?;
    let mut done = Given::new();
    for output in produced {
        let bytes = match output.content {
            Content::Bytes(bytes) => Bytes::from(bytes),
            Content::Rows { of, ranges } => {
                let base = inputs.one(of).map_err(|e| failed(step, &e.to_string()))?;
                Bytes::from(materialise(base, &ranges))
            }
        };
        done.insert(output.port, bytes);
    }
    Ok(done)
}

fn failed(step: &FrozenStep, message: &str) -> ReplayError {
    ReplayError::Failed {
        kind: step.kind.clone(),
        message: message.to_owned(),
    }
}

/// The rows of all patients in one table, port by port, in the order of a table's rows whoever was brought first; of the model, that
/// of the first.
fn stacked(of: Vec<Inputs>) -> Result<Inputs, ReplayError> {
    let differ = || ReplayError::Failed {
        kind: "adapt-combat".to_owned(),
        message: "the patients' tables have different columns".to_owned(),
    };
    let read = |input: Option<&Input>| -> Result<Table, ReplayError> {
        let bytes = input.and_then(|input| input.content.as_ref().ok());
        Ok(Table::decode(bytes.ok_or_else(differ)?)?)
    };
    let mut of = of.into_iter();
    let mut together = of.next().unwrap_or_default();
    let rest: Vec<Inputs> = of.collect();
    let tables = together.ports.iter_mut();
    for (port, entries) in tables.filter(|(port, _)| *port != "model") {
        for (k, input) in entries.iter_mut().enumerate() {
            let mut table = read(Some(input))?;
            for below in &rest {
                let entry = below.ports.get(port).and_then(|entries| entries.get(k));
                append(&mut table, read(entry)?).ok_or_else(differ)?;
            }
            input.content = Ok(Bytes::from(table.encode()?));
        }
    }
    Ok(together)
}

/// Puts the rows of a table under those above; `None` where their columns differ.
fn append(above: &mut Table, below: Table) -> Option<()> {
    let same = |(a, b): (&Column, &Column)| (&a.name, &a.kind) == (&b.name, &b.kind);
    let mut pairs = above.columns.iter().zip(&below.columns);
    if above.columns.len() != below.columns.len() || !pairs.all(same) {
        return None;
    }
    above.rows.extend(below.rows);
    for (column, more) in above.columns.iter_mut().zip(below.columns) {
        column.values.extend(more.values);
    }
    Some(())
}

/// The axis values of an entry, with the new patient in the place of the one that the run had.
fn axes(entry: &FrozenInput, patient: &NewPatient) -> Vec<(String, String)> {
    let replaced = entry.axes.iter().map(|(axis, value)| {
        let value = match axis.as_str() {
            "patient" => &patient.patient_id,
            "site" => &patient.site,
            _ => value,
        };
        (axis.clone(), value.clone())
    });
    replaced.collect()
}

fn survival(bytes: &[u8]) -> Result<Vec<(f64, f64)>, ReplayError> {
    let table = SurvivalTable::decode(bytes)?;
    let row = table.survival.into_iter().next().unwrap_or_default();
    Ok(table.times.into_iter().zip(row).collect())
}

fn novelty(bytes: &[u8]) -> Result<Novelty, ReplayError> {
    let malformed = |message: String| ReplayError::Failed {
        kind: "apply-novelty".to_owned(),
        message,
    };
    let mut rows = csv::Reader::from_reader(bytes).into_deserialize::<NoveltyRow>();
    let row = rows
        .next()
        .ok_or_else(|| malformed("no row came through".to_owned()))?
        .map_err(|e| malformed(e.to_string()))?;
    Ok(Novelty {
        distance: row.distance,
        percentile: row.percentile,
        n_outside: row.n_outside,
        warning: row.warning,
    })
}

/// A row of what `apply-novelty` gives; other columns do not matter.
#[derive(Deserialize)]
struct NoveltyRow {
    distance: f64,
    percentile: f64,
    n_outside: u64,
    warning: String,
}
