//! A frozen model: everything that it takes to predict one new patient, in one file.
//!
//! What was fitted is in it as bytes; what is done to a patient is in it as steps to be done again: kind, parameters, and
//! where each input comes from. The file is a zip:
//!
//! ```text
//! model.json          steps, inputs, what risks are compared with; see `Manifest`
//! model_card.md       for people
//! blobs/b3-<hex>      what was fitted, each under the digest of its bytes
//! ```
//! Patients' rows are not in it: of the training patients there are quantiles of their risks, and what the fitted models
//! hold themselves.

mod calibration;
mod card;
mod freeze;
mod replay;

use std::collections::BTreeMap;

use bytes::Bytes;
use digest::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::archive::{self, ArchiveError, Files};

pub use calibration::{Bounded, Calibration};
pub(crate) use card::page;
pub use freeze::{Export, freeze};
pub use replay::{NEW_SITE_MIN, NewPatient, NewSite, Novelty, Prediction, ReplayError};

/// Version of the layout.
pub const FORMAT: u32 = 1;

/// A model that needs neither study nor store.
#[derive(Clone, Debug, PartialEq)]
pub struct Frozen {
    /// What it does.
    pub manifest: Manifest,
    /// What was fitted.
    pub blobs: BTreeMap<Digest, Bytes>,
    /// For people.
    pub card: String,
}

/// `model.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the layout.
    pub radloom_model: u32,
    /// Version of the program that wrote it.
    pub radloom: String,
    /// Name of the study.
    pub study: String,
    /// Digest of the study's text.
    pub study_digest: String,
    /// Which model it is.
    pub subject: Subject,
    /// What is to be brought for a patient.
    pub inputs: Vec<Needed>,
    /// What is done, in order.
    pub steps: Vec<FrozenStep>,
    /// Where the risk comes from.
    pub risk: StepOutput,
    /// Where the survival probabilities come from, where the learner has some.
    pub survival: Option<StepOutput>,
    /// Where the distance from the training patients comes from.
    pub novelty: Option<StepOutput>,
    /// Why there is no distance.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub novelty_reason: String,
    /// What a risk is compared with.
    pub training: Training,
    /// Sites whose measurements the model can bring to its scale; none where it does not harmonise.
    pub harmonised_sites: Option<Vec<String>>,
    /// How true its probabilities were of patients whom it had not seen; empty where it has none, or a version before wrote it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calibration: Vec<Calibration>,
}

/// Which model of a study.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Profile; empty where the study has none.
    pub profile: String,
    /// Endpoint.
    pub endpoint: String,
    /// Regions.
    pub roi_set: String,
    /// Learner.
    pub learner: String,
}

/// Something that a new patient brings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Needed {
    /// As the study names it: `cohort.t2w`.
    pub name: String,
    /// What it is.
    pub role: NeededRole,
    /// How the columns of a table were read when the model was learned; empty where all were numbers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub schema: String,
}

/// What an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NeededRole {
    /// An image.
    Image,
    /// A region on it.
    Mask,
    /// The patient's clinical columns.
    Clinical,
    /// The patient's row of another table of the study.
    Table,
}

/// One thing that is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenStep {
    /// Name in the study.
    pub name: String,
    /// Step kind.
    pub kind: String,
    /// Semantic version of the kind.
    pub version: u32,
    /// All parameters.
    pub params: Value,
    /// Seed of a seeded kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Port → what arrives there.
    pub inputs: BTreeMap<String, Vec<FrozenInput>>,
}

/// One artefact at a port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenInput {
    /// Axis values along which it is gathered; those of `patient` and `site` are the new patient's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub axes: Vec<(String, String)>,
    /// Where it comes from.
    pub from: Wire,
}

/// Where an artefact comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wire {
    /// The patient brings it: place among [`Manifest::inputs`].
    Input(usize),
    /// It was fitted: the digest of its bytes.
    Blob(String),
    /// An earlier step gives it.
    Step(StepOutput),
}

/// An output of a step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepOutput {
    /// Place among [`Manifest::steps`].
    pub step: usize,
    /// Its port.
    pub port: String,
}

/// The training patients, as far as a prediction is compared with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Patients.
    pub n: u64,
    /// Events.
    pub n_events: u64,
    /// Sites they are of, with how many.
    pub sites: BTreeMap<String, u64>,
    /// Features that the learner was given.
    pub features: Vec<String>,
    /// The 0th, 1st … 100th percentile of their risks, by linear interpolation between order statistics (R's type 7).
    pub risk_percentiles: Vec<f64>,
    /// A risk above it is of the high group: the median of the training risks.
    pub cut: f64,
}

impl Training {
    /// Where a risk stands among the training risks, 0 to 100: between two percentiles by linear interpolation, of several
    /// equal ones in the middle.
    #[must_use]
    pub fn percentile(&self, risk: f64) -> f64 {
        let at = |below: usize| {
            let low = below
                .checked_sub(1)
                .and_then(|i| self.risk_percentiles.get(i));
            match (low, self.risk_percentiles.get(below)) {
                (None, _) => 0.0,
                (_, None) => 100.0,
                (Some(low), Some(high)) => (below - 1) as f64 + (risk - low) / (high - low),
            }
        };
        let first = at(self.risk_percentiles.partition_point(|q| *q < risk));
        let last = at(self.risk_percentiles.partition_point(|q| *q <= risk));
        (first + last) / 2.0
    }

    /// Whether all training risks are equal: such a model tells nobody from anybody.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.risk_percentiles.first() == self.risk_percentiles.last()
    }
}

/// Why a model file does not read.
#[derive(Debug, thiserror::Error)]
pub enum FrozenError {
    /// The container.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A part is missing.
    #[error("no `{part}` in it: not a model of radloom")]
    Missing {
        /// Which.
        part: String,
    },
    /// The description does not read.
    #[error("model.json: {0}")]
    Json(#[from] artefact::ArtefactError),
    /// Written by a later version.
    #[error("format {found}, this build reads {FORMAT}; use the version of radloom that wrote it")]
    Format {
        /// The format in the file.
        found: u64,
    },
    /// Bytes that are not what their name says.
    #[error("{entry} was altered: its bytes have the digest {found}; get the file again")]
    Altered {
        /// Which entry.
        entry: String,
        /// What it holds.
        found: String,
    },
    /// A step that needs what is not before it, or of another version.
    #[error("step {step} ({kind}): {problem}")]
    Step {
        /// Its place.
        step: usize,
        /// Its kind.
        kind: String,
        /// What is wrong.
        problem: String,
    },
}

impl Frozen {
    /// Bytes of the file.
    ///
    /// # Errors
    /// More than a zip file holds.
    pub fn encode(&self) -> Result<Vec<u8>, FrozenError> {
        let mut files = Files::new();
        files.insert(
            "model.json".to_owned(),
            artefact::json::encode("model", &self.manifest)?,
        );
        files.insert("model_card.md".to_owned(), self.card.clone().into_bytes());
        for (digest, bytes) in &self.blobs {
            files.insert(entry_of(&digest.to_string()), bytes.to_vec());
        }
        Ok(archive::pack(&files)?)
    }

    /// Reads a file: every blob has the digest of its name, every step what it needs before it.
    ///
    /// # Errors
    /// Not a model, of a later format, altered, or with steps that this build does not have.
    pub fn decode(bytes: &[u8]) -> Result<Frozen, FrozenError> {
        let mut files = archive::unpack(bytes)?;
        let mut take = |part: &str| {
            files.remove(part).ok_or_else(|| FrozenError::Missing {
                part: part.to_owned(),
            })
        };
        let json = take("model.json")?;
        let card = String::from_utf8_lossy(&take("model_card.md")?).into_owned();
        let value: Value = artefact::json::decode("model", &json)?;
        match value["radloom_model"].as_u64() {
            Some(found) if found == u64::from(FORMAT) => {}
            Some(found) => return Err(FrozenError::Format { found }),
            None => {
                return Err(FrozenError::Missing {
                    part: "radloom_model".to_owned(),
                });
            }
        }
        let manifest: Manifest = artefact::json::decode("model", &json)?;
        let mut blobs = BTreeMap::new();
        for (entry, bytes) in files {
            let digest = Digest::of(&bytes);
            if entry != entry_of(&digest.to_string()) {
                return Err(FrozenError::Altered {
                    entry,
                    found: digest.to_string(),
                });
            }
            blobs.insert(digest, Bytes::from(bytes));
        }
        let frozen = Frozen {
            manifest,
            blobs,
            card,
        };
        frozen.check()?;
        Ok(frozen)
    }

    /// Every reference leads somewhere before, and this build has every step as it was.
    fn check(&self) -> Result<(), FrozenError> {
        let steps = &self.manifest.steps;
        for (at, step) in steps.iter().enumerate() {
            let wrong = |problem: String| FrozenError::Step {
                step: at,
                kind: step.kind.clone(),
                problem,
            };
            let spec = pipeline_defs::kinds::kind(&step.kind)
                .ok_or_else(|| wrong("this build has no such step kind".to_owned()))?;
            if spec.version != step.version {
                return Err(wrong(format!(
                    "the model was made with its version {}, this build has {}; use radloom {}",
                    step.version, spec.version, self.manifest.radloom
                )));
            }
            for input in step.inputs.values().flatten() {
                let there = match &input.from {
                    Wire::Input(i) => *i < self.manifest.inputs.len(),
                    Wire::Blob(digest) => digest
                        .parse()
                        .is_ok_and(|digest: Digest| self.blobs.contains_key(&digest)),
                    Wire::Step(output) => output.step < at && has_port(steps, output),
                };
                if !there {
                    return Err(wrong(format!("{:?} is not in the file", input.from)));
                }
            }
        }
        let manifest = &self.manifest;
        let more = [&manifest.survival, &manifest.novelty]
            .into_iter()
            .flatten();
        for output in std::iter::once(&manifest.risk).chain(more) {
            if !has_port(steps, output) {
                return Err(FrozenError::Missing {
                    part: format!("step {}, output {}", output.step, output.port),
                });
            }
        }
        match manifest.training.risk_percentiles.len() {
            101 => Ok(()),
            _ => Err(FrozenError::Missing {
                part: "101 percentiles of the training risks".to_owned(),
            }),
        }
    }
}

fn has_port(steps: &[FrozenStep], output: &StepOutput) -> bool {
    let kind = steps
        .get(output.step)
        .and_then(|step| pipeline_defs::kinds::kind(&step.kind));
    kind.is_some_and(|kind| kind.output(&output.port).is_some())
}

/// `b3:<hex>` → its entry; colons are no part of file names everywhere.
fn entry_of(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "-"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    /// A model of one step that does nothing with a blob.
    fn frozen() -> Frozen {
        let blob = Bytes::from_static(b"fitted");
        let digest = Digest::of(&blob);
        let kind = pipeline_defs::kinds::kind("predict").unwrap();
        let from = |from| {
            vec![FrozenInput {
                axes: Vec::new(),
                from,
            }]
        };
        let output = |port: &str| StepOutput {
            step: 0,
            port: port.to_owned(),
        };
        let step = FrozenStep {
            name: "p".to_owned(),
            kind: kind.name.to_owned(),
            version: kind.version,
            params: json!({"horizons": [12.0]}),
            seed: None,
            inputs: [
                ("model".to_owned(), from(Wire::Blob(digest.to_string()))),
                ("table".to_owned(), from(Wire::Input(0))),
            ]
            .into(),
        };
        Frozen {
            manifest: Manifest {
                radloom_model: FORMAT,
                radloom: "0.0.0".to_owned(),
                study: "s".to_owned(),
                study_digest: String::new(),
                subject: Subject::default(),
                inputs: vec![Needed {
                    name: "cohort.table".to_owned(),
                    role: NeededRole::Clinical,
                    schema: String::new(),
                }],
                steps: vec![step],
                risk: output("risk"),
                survival: Some(output("survival")),
                novelty: None,
                novelty_reason: "none was asked for".to_owned(),
                training: Training {
                    n: 3,
                    n_events: 1,
                    sites: BTreeMap::new(),
                    features: Vec::new(),
                    risk_percentiles: (0..=100).map(|i| f64::from(i / 50)).collect(),
                    cut: 1.0,
                },
                harmonised_sites: None,
                calibration: Vec::new(),
            },
            blobs: [(digest, blob)].into(),
            card: "# card\n".to_owned(),
        }
    }

    #[test]
    fn a_model_reads_back() {
        let bytes = frozen().encode().unwrap();
        assert_eq!(Frozen::decode(&bytes).unwrap(), frozen());
    }

    #[test]
    fn what_was_altered_is_named() {
        let altered = |change: &dyn Fn(&mut Files)| {
            let mut files = archive::unpack(&frozen().encode().unwrap()).unwrap();
            change(&mut files);
            let packed = archive::pack(&files).unwrap();
            Frozen::decode(&packed).unwrap_err().to_string()
        };
        let blob = |files: &mut Files| {
            let (_, bytes) = files
                .iter_mut()
                .find(|(n, _)| n.starts_with("blobs/"))
                .unwrap();
            bytes[0] ^= 1;
        };
        assert!(altered(&blob).contains("was altered"));
        let replaced = |from: &'static str, to: &'static str| {
            altered(&move |files: &mut Files| {
                let json = files.get_mut("model.json").unwrap();
                let text = String::from_utf8(json.clone()).unwrap();
                assert!(text.contains(from), "{text}");
                *json = text.replace(from, to).into_bytes();
            })
        };
        assert!(replaced("\"radloom_model\":1", "\"radloom_model\":9").contains("format 9"));
        assert!(replaced("\"kind\":\"predict\"", "\"kind\":\"foretell\"").contains("no such step"));
        assert!(replaced("{\"input\":0}", "{\"input\":7}").contains("not in the file"));
        assert!(replaced("\"port\":\"risk\"", "\"port\":\"rsik\"").contains("rsik"));
    }

    #[test]
    fn a_risk_stands_between_the_percentiles() {
        let mut training = frozen().manifest.training;
        // 50 zeros, 50 ones, and a two at the end.
        let of = |t: &Training, risk| t.percentile(risk);
        assert_eq!(of(&training, -1.0), 0.0);
        assert_eq!((of(&training, 0.0), of(&training, 1.0)), (24.5, 74.5));
        assert_eq!((of(&training, 1.5), of(&training, 2.0)), (99.5, 100.0));
        training.risk_percentiles = vec![3.0; 101];
        assert_eq!((of(&training, 2.9), of(&training, 3.0)), (0.0, 50.0));
        assert!(training.is_null());
    }
}
