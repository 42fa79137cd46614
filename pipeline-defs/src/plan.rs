//! The plan of a run: every task, what it needs and what needs it, in compact arenas.
//!
//! A plan is a pure function of (study, snapshot). Tasks are numbered in topological order: a task's inputs come from
//! tasks with smaller numbers.

mod axes;
mod bind;
mod flow;
mod graph;
mod items;
mod judged;
mod make;
mod outcomes;
mod scope;
mod taint;
mod tasks;
mod write;

pub use make::{check, plan};

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use digest::Digest;

use crate::kinds::{ArtefactType, Class, KindSpec, Role};
use crate::problem::Place;
use crate::study::Missing;

/// Number of a task within a plan.
pub type TaskIdx = u32;
/// Number of a source within a plan.
pub type SourceIdx = u32;

/// Every task of a run.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub(crate) steps: Vec<PlannedStep>,
    pub(crate) axes: Vec<PlannedAxis>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) coords: Vec<u32>,
    pub(crate) params: Vec<String>,
    pub(crate) sites: Vec<String>,
    /// Patient → its site.
    pub(crate) patient_sites: Vec<u32>,
    pub(crate) ports: Vec<InputPort>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) sources: Vec<SourceRef>,
    pub(crate) dependencies: Rows,
    pub(crate) dependents: Rows,
    pub(crate) depth_ms: Vec<u32>,
    pub(crate) published: Vec<Published>,
    pub(crate) leaks: Vec<Leak>,
    /// Tasks that take a leak, and the first that each takes.
    pub(crate) leaking: BTreeMap<TaskIdx, usize>,
    /// Tasks behind one of those, itself among them, and the leak: what they make would be another without it.
    pub(crate) tainted: BTreeMap<TaskIdx, usize>,
    /// (step, port) that receive times and events.
    pub(crate) outcome_ports: BTreeSet<(String, String)>,
    pub(crate) scopes: Vec<scope::Scope>,
    pub(crate) study_name: String,
}

/// One axis with its values in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlannedAxis {
    pub name: String,
    pub values: Vec<String>,
    /// Name and value as they stand in a recipe, with quotes.
    pub name_json: String,
    pub values_json: Vec<String>,
    /// The axis of patients.
    pub patients: bool,
    pub relation: axes::Relation,
}

/// One task; lists live in the plan's arenas.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    pub step: u32,
    pub kind: &'static KindSpec,
    pub coords: u32,
    pub params: u32,
    pub seed: u64,
    /// Index of the site, `HUB` for the hub.
    pub site: u32,
    pub ports: (u32, u32),
    /// Where the scopes of its outputs begin.
    pub scopes: u32,
}

pub(crate) const HUB: u32 = u32::MAX;

/// The axis of sites comes first.
pub(crate) const SITE_AXIS: usize = 0;

/// Rows of task numbers, one after another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    pub starts: Vec<u32>,
    pub items: Vec<TaskIdx>,
}

impl Rows {
    pub fn row(&self, t: TaskIdx) -> &[TaskIdx] {
        &self.items[self.starts[t as usize] as usize..self.starts[t as usize + 1] as usize]
    }
}

/// A step with its tasks.
#[derive(Clone, Debug)]
pub struct PlannedStep {
    /// Its name.
    pub name: String,
    /// Who it may learn from.
    pub role: Role,
    /// What it does with refused inputs.
    pub missing: Missing,
    /// Its tasks.
    pub tasks: Range<TaskIdx>,
    /// Names of its axes, in the order of `per`.
    pub per: Vec<String>,
    /// Where it is written.
    pub place: Place,
    pub(crate) kinds: Vec<&'static KindSpec>,
    pub(crate) axes: Vec<usize>,
    /// Cell of the full grid → task, for steps whose grid has holes.
    pub(crate) grid: Option<Vec<u32>>,
    /// The profile took away what it needs: it has no task.
    pub(crate) gone: bool,
}

/// A port of a task, in order of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputPort {
    /// Its name.
    pub name: &'static str,
    /// Left out of [`Plan::pin_key`].
    pub pinned: bool,
    pub(crate) entries: Range<u32>,
}

/// One artefact at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it comes from.
    pub origin: Origin,
    /// Positions in the producer's `per` along which it was gathered; see [`Plan::entry_axes`].
    pub(crate) gathered: u32,
    /// Positions in the producer's `per` that the reference holds at a value.
    pub(crate) held: u32,
}

/// Where an artefact comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// It was there before the run.
    Source(SourceIdx),
    /// A task makes it.
    Output {
        /// The task.
        task: TaskIdx,
        /// The number of the output in `KindSpec::outputs`.
        port: u8,
    },
}

/// What became of an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// Its bytes.
    Digest(Digest),
    /// Its task refused an input: the bytes of the refusal.
    Refused(Digest),
}

/// Something that was there before the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRef {
    /// `cohort.t2w`, `cohort.table` or `tables.features`.
    pub name: String,
    /// Its bytes; of `absent` when it is not there.
    pub digest: Digest,
    /// Where it may flow.
    pub class: Class,
    /// What it is.
    pub ty: ArtefactType,
    /// The site that holds it, for what belongs to one.
    pub site: Option<String>,
    /// The patient it belongs to.
    pub patient: Option<String>,
    /// The record to store as its refusal when the patient has no such item.
    pub absent: Option<String>,
    /// (axis, value) indices, when it varies along one.
    pub(crate) coord: Option<(u32, u32)>,
}

/// An artefact for the output directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Path below the output directory.
    pub path: String,
    /// The task.
    pub task: TaskIdx,
    /// The number of its output.
    pub port: u8,
    /// Unpack a bundle below `path`.
    pub bundle: bool,
}

/// A step that learns from rows it should not see, with the author's reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The step.
    pub step: String,
    /// The port.
    pub port: String,
    /// What it receives.
    pub receives: String,
    /// The reason in the study.
    pub reason: String,
}

impl Plan {
    /// Number of tasks.
    pub fn n_tasks(&self) -> usize {
        self.tasks.len()
    }

    /// The steps in topological order.
    pub fn steps(&self) -> &[PlannedStep] {
        &self.steps
    }

    /// The step of a task.
    pub fn step_of(&self, t: TaskIdx) -> &PlannedStep {
        &self.steps[self.tasks[t as usize].step as usize]
    }

    /// The kind of a task.
    pub fn kind_of(&self, t: TaskIdx) -> &'static KindSpec {
        self.tasks[t as usize].kind
    }

    /// The parameters of a task, canonical JSON.
    pub fn params_of(&self, t: TaskIdx) -> &str {
        &self.params[self.tasks[t as usize].params as usize]
    }

    /// The seed of a task of a seeded kind.
    pub fn seed_of(&self, t: TaskIdx) -> Option<u64> {
        let task = &self.tasks[t as usize];
        task.kind.seeded.then_some(task.seed)
    }

    /// The site where a task runs; `None` is the hub.
    pub fn site_of(&self, t: TaskIdx) -> Option<&str> {
        self.sites
            .get(self.tasks[t as usize].site as usize)
            .map(String::as_str)
    }

    /// The patient of a task, when it works on one.
    pub fn patient_of(&self, t: TaskIdx) -> Option<&str> {
        self.coordinates(t)
            .find(|(axis, _)| axis.patients)
            .map(|(axis, v)| axis.values[v].as_str())
    }

    /// `step[axis=value,…]` in the order of the step's `per`.
    pub fn address(&self, t: TaskIdx) -> String {
        let mut text = self.step_of(t).name.clone();
        for (i, (axis, value)) in self.axes_of(t).enumerate() {
            text.push(if i == 0 { '[' } else { ',' });
            text.push_str(axis);
            text.push('=');
            text.push_str(value);
        }
        if !self.step_of(t).per.is_empty() {
            text.push(']');
        }
        text
    }

    /// The task of an address.
    pub fn parse_address(&self, address: &str) -> Option<TaskIdx> {
        let (name, rest) = match address.split_once('[') {
            Some((name, rest)) => (name, rest.strip_suffix(']')?),
            None => (address, ""),
        };
        let step = self.steps.iter().find(|s| s.name == name)?;
        let pairs: Vec<&str> = rest.split(',').filter(|p| !p.is_empty()).collect();
        if pairs.len() != step.per.len() {
            return None;
        }
        let mut coords = Vec::with_capacity(pairs.len());
        for (pair, &axis) in pairs.iter().zip(&step.axes) {
            let (axis_name, value) = pair.split_once('=')?;
            let axis = &self.axes[axis];
            if axis.name != axis_name {
                return None;
            }
            coords.push(axis.values.iter().position(|v| v == value)? as u32);
        }
        self.task_at(step, &coords)
    }

    /// (axis, value) of a task, in the order of the step's `per`.
    pub fn axes_of(&self, t: TaskIdx) -> impl Iterator<Item = (&str, &str)> {
        self.coordinates(t)
            .map(|(axis, v)| (axis.name.as_str(), axis.values[v].as_str()))
    }

    /// The bound ports of a task, sorted by name.
    pub fn ports(&self, t: TaskIdx) -> &[InputPort] {
        let (start, end) = self.tasks[t as usize].ports;
        &self.ports[start as usize..end as usize]
    }

    /// What arrives at a port, in order.
    pub fn entries(&self, port: &InputPort) -> &[Entry] {
        &self.entries[port.entries.start as usize..port.entries.end as usize]
    }

    /// (axis, value) along which an entry was gathered, sorted by axis; a gathered patient brings its site.
    pub fn entry_axes(&self, entry: &Entry) -> Vec<(&str, &str)> {
        let mut axes = Vec::new();
        self.each_gathered(entry, |axis, v| {
            axes.push((axis.name.as_str(), axis.values[v].as_str()))
        });
        axes
    }

    /// The tasks whose outputs a task needs, ascending, each once.
    pub fn dependencies(&self, t: TaskIdx) -> impl Iterator<Item = TaskIdx> {
        self.dependencies.row(t).iter().copied()
    }

    /// The tasks that need an output of a task, ascending, each once.
    pub fn dependents(&self, t: TaskIdx) -> &[TaskIdx] {
        self.dependents.row(t)
    }

    /// The longest way from a task to the end of the study by its cost hints, milliseconds, the task included.
    pub fn depth_to_sink(&self, t: TaskIdx) -> u32 {
        self.depth_ms[t as usize]
    }

    /// What the output directory receives.
    pub fn published(&self) -> &[Published] {
        &self.published
    }

    /// What was there before the run.
    pub fn sources(&self) -> &[SourceRef] {
        &self.sources
    }

    /// One source.
    pub fn source(&self, source: SourceIdx) -> &SourceRef {
        &self.sources[source as usize]
    }

    /// Steps that learn from rows they should not see, with their reasons. Empty unless the profile is `paper`.
    pub fn leaks(&self) -> &[Leak] {
        &self.leaks
    }

    /// The leak that what an origin stands for comes from, where it does: values or models, not names and judgements.
    pub fn leak_behind(&self, origin: Origin) -> Option<&Leak> {
        taint::carried(self, origin).map(|at| &self.leaks[at])
    }

    /// The leak that a task takes itself.
    pub fn leak_of(&self, t: TaskIdx) -> Option<&Leak> {
        self.leaking.get(&t).map(|&at| &self.leaks[at])
    }

    /// Whether a port of a task receives times and events: as follow-up, or as columns of a table.
    pub fn receives_outcomes(&self, t: TaskIdx, port: &str) -> bool {
        let mut ports = self.outcome_ports.iter();
        let step = &self.step_of(t).name;
        ports.any(|(of, name)| of == step && name == port)
    }

    /// The flow class of what an origin stands for.
    pub fn class_of(&self, origin: Origin) -> Class {
        match origin {
            Origin::Source(source) => self.source(source).class,
            Origin::Output { task, port } => self.kind_of(task).outputs[usize::from(port)].class,
        }
    }

    /// Whose rows an origin holds, in words: `training rows of split`, `all rows`, `no rows`.
    pub fn rows_of(&self, origin: Origin) -> String {
        self.scope_of(origin).describe(&self.axes)
    }

    /// The numbers of the axes and values along which an entry was gathered.
    fn gathered(&self, entry: &Entry) -> Vec<(usize, usize)> {
        match entry.origin {
            Origin::Source(source) => match (self.source(source).coord, entry.gathered) {
                (Some((axis, value)), 1) => vec![(axis as usize, value as usize)],
                _ => Vec::new(),
            },
            Origin::Output { task, .. } => {
                let step = self.step_of(task);
                let start = self.tasks[task as usize].coords as usize;
                let gathered =
                    (0..step.axes.len()).filter(|position| entry.gathered & (1 << position) != 0);
                gathered
                    .map(|position| (step.axes[position], self.coords[start + position] as usize))
                    .collect()
            }
        }
    }

    fn coordinates(&self, t: TaskIdx) -> impl Iterator<Item = (&PlannedAxis, usize)> {
        let start = self.tasks[t as usize].coords as usize;
        let axes = &self.step_of(t).axes;
        axes.iter()
            .zip(&self.coords[start..])
            .map(|(&axis, &v)| (&self.axes[axis], v as usize))
    }

    /// The task of a step at given coordinates.
    pub(crate) fn task_at(&self, step: &PlannedStep, coords: &[u32]) -> Option<TaskIdx> {
        let mut cell = 0usize;
        for (&axis, &value) in step.axes.iter().zip(coords) {
            cell = cell * self.axes[axis].values.len() + value as usize;
        }
        match &step.grid {
            None => Some(step.tasks.start + cell as u32).filter(|t| step.tasks.contains(t)),
            Some(grid) => grid.get(cell).copied().filter(|&t| t != u32::MAX),
        }
    }
}
