//! A study as it was written: axes, steps, what is published, with the place of each in the text.
//!
//! # Grammar
//!
//! `name`, `seed`, `profile`, `sites`; `[cohort]`, `[tables]`, `[axes]`, `[values]`, `[steps.NAME]`, `[publish]`,
//! `[profiles.NAME]`.
//!
//! **Axes.** A list of values; groups of another axis' values (`{ combined = ["tumour", "peritumour"] }`); patients
//! (`{ from = "cohort" }`); values that some patients have (`{ of = "patient", values = ["r1s2"], where = "cohort has
//! it" }`: those with the item `mask_r1s2`; `where = "cohort has t2w_{reading}"` asks for another item); splits
//! (`{ kfold, repeats, external, stratify, seed }` with values `r1f1`, … and `external`, or `{ kfold, folds =
//! "tables.folds" }` with values `f1`, …); folds within training rows (`{ of = "split", kfold }` with values `i1`, …).
//! `site` is built in.
//!
//! **Steps.** `kind`; `per`, the axes along which it is repeated; `in`, port → `step.port`, `cohort.ITEM` (with
//! `{axis}`), `cohort.table` (of each site) or `tables.NAME`, a list of these where a port gathers; `with`, parameters;
//! `missing = "exclude" | "fail"`; `allow_leak = "reason"`. `kind`, an input, a parameter, all of `with` and `allow_leak`
//! may be chosen by an axis: `{ by = "roi", tumour = …, peritumour = … }`, with an alternative for each of its values; an input that
//! may be left out may lack some. A parameter may be the value of an axis:
//! `{ axis = "endpoint" }`; of a split axis it is the whole scheme.
//!
//! **Values.** What several steps must have alike is written once, `[values] margin_mm = { by = "profile", careful = 5.0,
//! paper = 50.0 }`, and asked for as a whole parameter or as an alternative of one: `margin_mm = { value = "margin_mm" }`.
//! `--set values.margin_mm.careful=3` changes all of them, `--set steps.ring.with.margin_mm=3` one step's. A value that no
//! step asks for is refused: it would look as if it did something.
//!
//! A reference may hold axes of the step it names at a value, as a task's address does: `fit[split=external].model`. What
//! was learned there is of the training rows of that one split, and is no more of the split axis. A step that needs a
//! value which the profile took away has no task, nor have those that need it.
//!
//! **Who receives what.** An axis that producer and consumer share has one value. One that the consumer lacks is gathered:
//! every value, in axis order, the producer's `per` from left to right; restricted to the members of the consumer's group
//! of that axis. One that the producer lacks is broadcast. Patients come by (site, pseudonym) as bytes.
//!
//! **Profiles** are laid over the study: tables are merged, a quoted key with dots replaces what it names. Overrides
//! (`--set`) come last. A study with an axis `profile = ["careful", "paper"]` holds both at once with `profile = "both"`;
//! another `profile` keeps that value of the axis alone.

use std::collections::BTreeMap;

mod axes;
mod choice;
mod names;
mod read;
mod steps;
mod values;

pub(crate) use axes::SITE;
pub use axes::is_word;
pub(crate) use choice::static_values;
pub(crate) use names::{check_names, placeholders, reference_type, table_type};
pub use read::parse;
#[cfg(test)]
pub(crate) use {axes::SPLIT_KEYS, read::TOP_KEYS, steps::STEP_KEYS};

use digest::Digest;
use serde_json::Value;

use crate::kinds::KindSpec;
use crate::problem::Place;

/// A parsed study: names and values are checked against each other by the planner.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// Its name.
    pub name: String,
    /// The profile that was applied.
    pub profile: String,
    /// The seed from which every random draw is keyed.
    pub seed: u64,
    /// The sites whose announcements the run waits for.
    pub sites: Vec<String>,
    /// Where patients come from.
    pub cohort: Option<CohortRef>,
    /// Tables given with the study.
    pub tables: BTreeMap<String, TableRef>,
    /// Axes in the order of the text; `site` is built in and not listed.
    pub axes: Vec<Axis>,
    /// Steps in the order of the text.
    pub steps: Vec<Step>,
    /// What the run's output directory receives.
    pub publish: Vec<Publish>,
    /// Axis → values that it has in another profile, or had before an override: alternatives for them do no harm.
    pub values_elsewhere: BTreeMap<String, Vec<String>>,
    /// Digest of the canonical text of the study with its profile and overrides applied.
    pub text_digest: Digest,
    /// Where the study begins.
    pub place: Place,
}

/// `[cohort]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CohortRef {
    /// The cohort file, relative to the study; none when sites announce themselves.
    pub file: Option<String>,
    /// Where it is named.
    pub place: Place,
}

/// An entry of `[tables]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRef {
    /// File, relative to the study.
    pub file: String,
    /// What it holds.
    pub kind: TableKind,
    /// Where it is named.
    pub place: Place,
}

/// What a table given with a study holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// `patient_id,site,<column>…`.
    Table,
    /// `patient_id,time_months,event`.
    FollowUp,
    /// `patient_id,fold`.
    Folds,
    /// Numbers whose rows are no patients, such as counts of genes × samples.
    Csv,
    /// Gene sets in GMT's form: name, description, genes, parted by tabs.
    GeneSets,
}

/// An axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Its name.
    pub name: String,
    /// Its values.
    pub kind: AxisKind,
    /// Where it is defined.
    pub place: Place,
}

/// Where the values of an axis come from.
#[derive(Clone, Debug, PartialEq)]
pub enum AxisKind {
    /// Written out.
    List(Vec<String>),
    /// Sets of the values of another axis.
    Group {
        /// The axis whose values are grouped.
        of: String,
        /// Group → members, in the order of the text.
        members: Vec<(String, Vec<String>)>,
    },
    /// One value per patient of the cohort.
    Cohort,
    /// Values that exist for some values of another axis only.
    Sparse {
        /// The axis of patients.
        of: String,
        /// The values.
        values: Vec<String>,
        /// The item that a patient must have, with `{axis}` where the value goes: `mask_{reading}`.
        item: String,
    },
    /// Divisions of the patients into training and test rows.
    Split(SplitScheme),
    /// Folds inside the training rows of each split.
    Nested {
        /// The split axis.
        of: String,
        /// Number of folds.
        kfold: u32,
        /// Seed of the folds.
        seed: u64,
    },
}

/// How a split axis divides patients. Values are `r1f1`, `r1f2`, … (repeat by repeat) and `external`; with given folds
/// `f1`, `f2`, ….
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitScheme {
    /// Folds per repeat; 0 for none.
    pub kfold: u32,
    /// Repeats.
    pub repeats: u32,
    /// The site that is held out whole for the value `external`.
    pub external: Option<String>,
    /// What the folds are balanced for: `event`, `site`.
    pub stratify: Vec<String>,
    /// Seed of the folds.
    pub seed: u64,
    /// The table with given folds.
    pub folds: Option<String>,
}

/// A value, or one chosen by the value of an axis.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice<T> {
    /// The same for every task.
    One(T),
    /// Chosen by an axis of the step.
    By {
        /// The axis.
        axis: String,
        /// Axis value → choice, in the order of the text.
        options: Vec<(String, T)>,
        /// Where it is written.
        place: Place,
    },
}

/// A step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// What it does.
    pub kind: Choice<&'static KindSpec>,
    /// The axes along which it is repeated.
    pub per: Vec<(String, Place)>,
    /// Its inputs.
    pub inputs: Vec<StepInput>,
    /// Its parameters.
    pub with: Choice<Vec<Parameter>>,
    /// What a gather does with refused inputs.
    pub missing: Missing,
    /// Why it may learn from rows it should not see; legal in the paper profile only.
    pub allow_leak: Option<Choice<(String, Place)>>,
    /// Where it begins.
    pub place: Place,
}

/// What a step does when an input was refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// The refused entry stays in the recipe, marked; the step leaves the patient out and counts it.
    Exclude,
    /// The step is refused too.
    #[default]
    Fail,
}

/// An input of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepInput {
    /// The port of the kind.
    pub port: String,
    /// Where the port is named.
    pub place: Place,
    /// What it receives; more than one for a port that gathers.
    pub from: Choice<Vec<(Reference, Place)>>,
}

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// `step.port`.
    Step {
        /// The step.
        step: String,
        /// Its output.
        port: String,
        /// Axes of the step held at one value: `fit[split=external].model`.
        at: Vec<(String, String)>,
    },
    /// `cohort.t2w` or `cohort.mask_{reading}`: an item of each patient.
    Item(String),
    /// `cohort.table`: the shareable columns of each site.
    SiteTable,
    /// `tables.features`.
    Table(String),
}

/// A parameter of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// Where its value is written: elsewhere when it is a named one.
    pub value_place: Place,
    /// Its value.
    pub value: Choice<ParameterValue>,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum ParameterValue {
    /// Written out.
    Literal(Value),
    /// `{ axis = "name" }`: the value of an axis.
    Axis(String),
}

/// A line of `[publish]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Path in the output directory, with `{axis}`; a trailing `/` unpacks a bundle.
    pub path: String,
    /// The step.
    pub step: String,
    /// Its output.
    pub port: String,
    /// Where it is written.
    pub place: Place,
}

impl<T> Choice<T> {
    /// Every alternative.
    pub fn options(&self) -> impl Iterator<Item = &T> {
        let (one, many) = match self {
            Choice::One(one) => (Some(one), None),
            Choice::By { options, .. } => (None, Some(options)),
        };
        one.into_iter()
            .chain(many.into_iter().flatten().map(|(_, option)| option))
    }
}

impl Study {
    /// The step of that name.
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|s| s.name == name)
    }

    /// The axis of that name; `site` is built in and not found here.
    pub fn axis(&self, name: &str) -> Option<&Axis> {
        self.axes.iter().find(|a| a.name == name)
    }
}

/// The name of the axis that holds the profiles of a study side by side.
pub(crate) const PROFILE: &str = "profile";

impl Step {
    /// Why this step may leak at a task's axis values: a reason of its own in a study of the paper profile, or one that
    /// is chosen by the axis `profile` for the value `paper`.
    pub(crate) fn leak_reason(
        &self,
        study: &Study,
        value_of: impl Fn(&str) -> Option<String>,
    ) -> Option<&str> {
        let in_paper = self.in_paper(study, &value_of);
        let (reason, _) = match self.allow_leak.as_ref()? {
            Choice::One(one) => one,
            Choice::By { axis, options, .. } => {
                let value = value_of(axis)?;
                &options.iter().find(|(option, _)| *option == value)?.1
            }
        };
        (in_paper && !reason.trim().is_empty()).then_some(reason)
    }

    /// Whether a task at these axis values is the paper's: of its profile, or of no profile and gone without it.
    pub(crate) fn in_paper(
        &self,
        study: &Study,
        value_of: impl Fn(&str) -> Option<String>,
    ) -> bool {
        study.profile == "paper"
            || match value_of(PROFILE) {
                Some(profile) => profile == "paper",
                None => self.of_paper_only(study),
            }
    }

    /// Whether a port that must be bound receives nothing but what holds the profile at `paper`: the step is gone
    /// elsewhere.
    pub(crate) fn of_paper_only(&self, study: &Study) -> bool {
        self.of_paper(study, study.steps.len())
    }

    fn of_paper(&self, study: &Study, depth: usize) -> bool {
        let Some(kind) = self.any_kind() else {
            return false;
        };
        let of_paper = |(reference, _): &(Reference, Place)| match reference {
            Reference::Step { step, at, .. } => {
                let held = at.iter().any(|(a, v)| a == PROFILE && v == "paper");
                let above = study.step(step).filter(|_| depth > 0);
                held || above.is_some_and(|above| above.of_paper(study, depth - 1))
            }
            _ => false,
        };
        self.inputs.iter().any(|input| {
            let required = kind.input(&input.port).is_some_and(|port| !port.optional);
            match &input.from {
                Choice::One(list) => required && !list.is_empty() && list.iter().all(of_paper),
                Choice::By { .. } => false,
            }
        })
    }

    /// The kind, or one of them: alternatives share ports and role.
    pub fn any_kind(&self) -> Option<&'static KindSpec> {
        self.kind.options().next().copied()
    }
}

impl SplitScheme {
    /// The values of the axis: repeat by repeat, then `external`.
    pub fn values(&self) -> Vec<String> {
        let folds = 1..=self.kfold;
        let mut values: Vec<String> = match self.folds {
            Some(_) => folds.map(|f| format!("f{f}")).collect(),
            None => (1..=self.repeats)
                .flat_map(|r| folds.clone().map(move |f| format!("r{r}f{f}")))
                .collect(),
        };
        values.extend(self.external.iter().map(|_| "external".to_string()));
        values
    }
}
