//! A frozen model at work: its steps, done on one new patient.

use std::collections::{BTreeMap, BTreeSet};

use artefact::lines::materialise;
use artefact::predictions::{RiskTable, SurvivalTable};
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
    /// An output that does not read.
    #[error(transparent)]
    Artefact(#[from] artefact::ArtefactError),
}

/// What a step gave, by port.
type Given = BTreeMap<&'static str, Bytes>;

impl Frozen {
    /// Does the steps on one patient.
    ///
    /// # Errors
    /// A step refuses what was brought.
    pub fn predict(&self, patient: &NewPatient) -> Result<Prediction, ReplayError> {
        let manifest = &self.manifest;
        if patient.brought.len() != manifest.inputs.len() {
            return Err(ReplayError::Inputs {
                wanted: manifest.inputs.len(),
                given: patient.brought.len(),
            });
        }
        let mut given: Vec<Given> = Vec::with_capacity(manifest.steps.len());
        for step in &manifest.steps {
            let done = self.step(step, patient, &given)?;
            given.push(done);
        }
        let output = |output: &StepOutput| {
            let found = given
                .get(output.step)
                .and_then(|g| g.get(output.port.as_str()));
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

    fn step(
        &self,
        step: &FrozenStep,
        patient: &NewPatient,
        given: &[Given],
    ) -> Result<Given, ReplayError> {
        let failed = |message: &str| ReplayError::Failed {
            kind: step.kind.clone(),
            message: message.to_owned(),
        };
        let mut inputs = Inputs::default();
        for (port, entries) in &step.inputs {
            let read = entries.iter().map(|entry| {
                let bytes = self.bytes(entry, patient, given);
                Ok(Input {
                    axes: axes(entry, patient),
                    content: Ok(bytes.ok_or_else(|| failed("an input is not there"))?),
                })
            });
            let read = read.collect::<Result<_, ReplayError>>()?;
            inputs.ports.insert(port.clone(), read);
        }
        let context = Context {
            params: step.params.clone(),
            seed: step.seed,
        };
        let produced =
            worker::steps::run(&step.kind, &context, &inputs).map_err(|error| match error {
                StepError::Refuse { code, message } => ReplayError::Refused {
                    of: self.brought_by(step, patient),
                    kind: step.kind.clone(),
                    code,
                    message,
                },
                other => failed(&other.to_string()),
            })?;
        let mut done = Given::new();
        for output in produced {
            let bytes = match output.content {
                Content::Bytes(bytes) => Bytes::from(bytes),
                Content::Rows { of, ranges } => {
                    let base = inputs.one(of).map_err(|e| failed(&e.to_string()))?;
                    Bytes::from(materialise(base, &ranges))
                }
            };
            done.insert(output.port, bytes);
        }
        Ok(done)
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
