//! The registry of step kinds: name, version, role, ports, flow classes and cost.
//!
//! Everything the planner knows about a kind stands here, in data. The code of a kind lives with the worker.

mod between;
mod conclusions;
mod novelty;
mod ports;
mod registry;

use std::fmt;

/// What a step may learn from, and from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Works on one patient at a time.
    Pointwise,
    /// Collects artefacts; learns nothing.
    Gather,
    /// Divides patients into training and test rows. May look at outcomes, for stratification only.
    Split,
    /// Takes the training or the test rows of a split.
    Select,
    /// Learns from patients: receives training rows only.
    Fit,
    /// Applies something fitted.
    Apply,
    /// Harmonises new rows from their features alone: has no outcome port. Listed apart in the certificate.
    Adapt,
    /// Judges predictions.
    Evaluate,
}

/// Where an artefact may flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Never leaves its site: pixels and anything not declared otherwise.
    Site,
    /// Patient-level values: may go to the coordinator's own worker, to no other site.
    Hub,
    /// Aggregates: may go anywhere.
    Open,
}

/// What the bytes of an artefact mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArtefactType {
    /// A file of the cohort as its site holds it.
    Source,
    /// A volume of voxels.
    Volume,
    /// A region on a volume's grid.
    Mask,
    /// The features of one region of one patient.
    Features,
    /// A feature or clinical table, a row a patient.
    Table,
    /// Times and events of one endpoint.
    FollowUp,
    /// A list of patients.
    Ids,
    /// Training and test patients of one split.
    Split,
    /// Given folds: patient and fold.
    Folds,
    /// Something fitted.
    Model,
    /// Predicted risks, higher is worse.
    Risk,
    /// Predicted survival probabilities.
    Survival,
    /// Metrics of one set of predictions.
    Metrics,
    /// Points for figures.
    Curves,
    /// Who was left out, where and why.
    Exclusions,
    /// Another table of numbers.
    Csv,
    /// Another record.
    Json,
    /// A page.
    Html,
    /// A folder of files.
    Bundle,
}

/// Whose rows an output holds, as a function of the inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowRule {
    /// No patient's rows.
    None,
    /// One patient.
    Patient,
    /// The rows of all inputs together.
    Gathered,
    /// The rows of the input `table`.
    OfTable,
    /// The training rows of the input `split`.
    Train,
    /// The test rows of the input `split`.
    Test,
    /// What was learned from the training rows; no rows.
    Fitted,
    /// Names of training and test rows.
    Split,
    /// All rows, each with a value from models that were not taught by it, gathered over a split axis: those of the folds
    /// for the training rows of `external`, the model of `external` for the others. Divided by `external` only.
    CrossFitted,
    /// Something judged: may never be learned from.
    Evaluated,
}

/// An input of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InPort {
    /// Name in study files, recipes and on the command line.
    pub name: &'static str,
    /// What it takes; empty means anything.
    pub types: &'static [ArtefactType],
    /// May be left out.
    pub optional: bool,
    /// Takes any number of artefacts, with their axis values.
    pub gathers: bool,
    /// Read when the result is first made and never again: a change here alone makes no new result (see
    /// `Plan::pin_key`).
    pub pinned: bool,
}

/// An output of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutPort {
    /// Name in study files and on disk.
    pub name: &'static str,
    /// What it is.
    pub ty: ArtefactType,
    /// The input whose type it has instead of `ty`.
    pub like: Option<&'static str>,
    /// Where it may flow.
    pub class: Class,
    /// File extension without the leading dot.
    pub ext: &'static str,
    /// Whose rows it holds.
    pub rows: RowRule,
}

impl OutPort {
    /// The file that a step by hand writes: `<name>.<ext>`, where a name that ends in its extension (`table1_json`) drops it.
    #[must_use]
    pub fn file(&self) -> String {
        let tail = format!("_{}", self.ext);
        let stem = self.name.strip_suffix(tail.as_str()).unwrap_or(self.name);
        format!("{stem}.{}", self.ext)
    }
}

/// A hint for the scheduler; never part of a recipe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Cores that the step can use.
    pub cores: u16,
    /// Memory that it needs, MiB.
    pub memory_mb: u32,
    /// Time that it takes on one core for an image or a cohort of the paper's size, seconds.
    pub seconds: f32,
}

/// A step kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KindSpec {
    /// Its name.
    pub name: &'static str,
    /// Semantic version of its result: raised when the same inputs and parameters give other bytes.
    pub version: u32,
    /// Who it may learn from.
    pub role: Role,
    /// Draws random numbers: the recipe carries a seed.
    pub seeded: bool,
    /// Fits and applies on one table: for `radloom step run`, refused in a study.
    pub by_hand_only: bool,
    /// May turn site-bound inputs into outputs that leave the site: a declared release.
    pub releases: bool,
    /// Its inputs.
    pub inputs: &'static [InPort],
    /// Its outputs, in the order of their port numbers.
    pub outputs: &'static [OutPort],
    /// Cost hint.
    pub cost: Cost,
    /// One line for people.
    pub about: &'static str,
}

impl KindSpec {
    /// The input of that name.
    pub fn input(&self, name: &str) -> Option<&'static InPort> {
        self.inputs.iter().find(|p| p.name == name)
    }

    /// The output of that name with its number.
    pub fn output(&self, name: &str) -> Option<(u8, &'static OutPort)> {
        let found = self
            .outputs
            .iter()
            .enumerate()
            .find(|(_, p)| p.name == name);
        found.map(|(i, p)| (i as u8, p))
    }
}

/// The kind of that name.
pub fn kind(name: &str) -> Option<&'static KindSpec> {
    ALL.iter().find(|k| k.name == name)
}

/// Every kind.
pub fn all() -> &'static [KindSpec] {
    ALL
}

const N: usize = registry::ALL.len() + between::ALL.len() + novelty::ALL.len();

/// The files of the registry as one.
static ALL: &[KindSpec] = &joined([registry::ALL, between::ALL, novelty::ALL]);

const fn joined<const PARTS: usize>(parts: [&[KindSpec]; PARTS]) -> [KindSpec; N] {
    let mut all = [registry::ALL[0]; N];
    let (mut part, mut n) = (0, 0);
    while part < PARTS {
        let mut i = 0;
        while i < parts[part].len() {
            all[n] = parts[part][i];
            (i, n) = (i + 1, n + 1);
        }
        part += 1;
    }
    all
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Pointwise => "pointwise",
            Role::Gather => "gather",
            Role::Split => "split",
            Role::Select => "select",
            Role::Fit => "fit",
            Role::Apply => "apply",
            Role::Adapt => "adapt",
            Role::Evaluate => "evaluate",
        })
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Site => "site",
            Class::Hub => "hub",
            Class::Open => "open",
        })
    }
}

impl ArtefactType {
    /// The name as study files and messages write it.
    pub fn name(self) -> &'static str {
        use ArtefactType::*;
        match self {
            Source => "source",
            Volume => "volume",
            Mask => "mask",
            Features => "features",
            Table => "table",
            FollowUp => "followup",
            Ids => "ids",
            Split => "split",
            Folds => "folds",
            Model => "model",
            Risk => "risk",
            Survival => "survival",
            Metrics => "metrics",
            Curves => "curves",
            Exclusions => "exclusions",
            Csv => "csv",
            Json => "json",
            Html => "html",
            Bundle => "bundle",
        }
    }
}

impl fmt::Display for ArtefactType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
