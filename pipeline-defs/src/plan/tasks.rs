//! The tasks of a step: one per combination of its axes' values that exists, with kind, parameters and seed.

use std::collections::BTreeMap;

use digest::Digest;
use serde_json::{Map, Value, json};

use super::axes::{Relation, find};
use super::make::{Reporter, labels};
use super::{HUB, Plan, PlannedAxis, PlannedStep, Task};
use crate::kinds::KindSpec;
use crate::params;
use crate::problem::Problem;
use crate::study::{AxisKind, Choice, Parameter, ParameterValue, Reference, Step, Study};

/// More tasks than this in one step are taken for a mistake.
const CELLS_MAX: usize = 20_000_000;

/// Adds a step and its tasks.
pub(super) fn add(plan: &mut Plan, study: &Study, step: &Step, say: &mut Reporter) {
    let axes: Vec<usize> = step
        .per
        .iter()
        .filter_map(|(name, _)| find(&plan.axes, name))
        .collect();
    if is_gone(plan, step) {
        let first = plan.tasks.len() as u32;
        plan.steps.push(planned(plan, step, axes, first, None));
        return;
    }
    let sizes: Vec<usize> = axes.iter().map(|&a| plan.axes[a].values.len()).collect();
    let cells = sizes.iter().try_fold(1usize, |n, &size| {
        n.checked_mul(size).filter(|&n| n <= CELLS_MAX)
    });
    let Some(cells) = cells else {
        say.step(
            "too-many",
            step,
            "",
            format!("more than {CELLS_MAX} tasks"),
            "name fewer axes in `per`",
        );
        say.fatal = true;
        return;
    };
    let first = plan.tasks.len() as u32;
    let mut grid = holes(&plan.axes, &axes).then(|| Vec::with_capacity(cells));
    let mut settings = Settings::new(study, step, &axes);
    let mut coords = vec![0u32; axes.len()];
    for _ in 0..cells {
        let exists = grid.is_none() || exists(&plan.axes, &axes, &coords);
        if let Some(grid) = &mut grid {
            grid.push(if exists {
                plan.tasks.len() as u32
            } else {
                u32::MAX
            });
        }
        if exists {
            add_task(plan, study, step, &axes, &coords, &mut settings, say);
        }
        advance(&mut coords, &sizes);
    }
    plan.steps.push(planned(plan, step, axes, first, grid));
}

/// Whether the profile took away what a step cannot do without: a value at which its reference holds an axis, or a step
/// that is gone itself.
fn is_gone(plan: &Plan, step: &Step) -> bool {
    let Some(kind) = step.any_kind() else {
        return false;
    };
    let lacks = |reference: &Reference| match reference {
        Reference::Step { step, at, .. } => {
            let held_away = at.iter().any(|(axis, value)| {
                let axis = find(&plan.axes, axis).map(|i| &plan.axes[i]);
                axis.is_some_and(|axis| !axis.values.contains(value))
            });
            let producer = plan.steps.iter().find(|s| s.name == *step);
            held_away || producer.is_some_and(|p| p.gone)
        }
        _ => false,
    };
    let nothing = |list: &Vec<(Reference, crate::problem::Place)>| {
        !list.is_empty() && list.iter().all(|(reference, _)| lacks(reference))
    };
    step.inputs.iter().any(|input| {
        let required = kind.input(&input.port).is_some_and(|port| !port.optional);
        required
            && match &input.from {
                Choice::One(list) => nothing(list),
                // One alternative that is gone takes the step with it; those for values that are not there do not count.
                Choice::By { axis, options, .. } => {
                    let axis = find(&plan.axes, axis).map(|i| &plan.axes[i]);
                    let is_there = |value: &String| axis.is_some_and(|a| a.values.contains(value));
                    let there = options.iter().filter(|(value, _)| is_there(value));
                    there.into_iter().any(|(_, list)| nothing(list))
                }
            }
    })
}

fn planned(
    plan: &Plan,
    step: &Step,
    axes: Vec<usize>,
    first: u32,
    grid: Option<Vec<u32>>,
) -> PlannedStep {
    PlannedStep {
        name: step.name.clone(),
        role: step
            .any_kind()
            .map_or(crate::kinds::Role::Gather, |k| k.role),
        missing: step.missing,
        tasks: first..plan.tasks.len() as u32,
        per: step.per.iter().map(|(name, _)| name.clone()).collect(),
        place: step.place.clone(),
        kinds: step.kind.options().copied().collect(),
        axes,
        grid,
        gone: is_gone(plan, step),
    }
}

fn add_task(
    plan: &mut Plan,
    study: &Study,
    step: &Step,
    axes: &[usize],
    coords: &[u32],
    settings: &mut Settings,
    say: &mut Reporter,
) {
    let Some(kind) = choose(&step.kind, step, plan, axes, coords).copied() else {
        return;
    };
    let params = settings.of(plan, kind, coords, say);
    let seed = if kind.seeded {
        seed(study.seed, plan, step, axes, coords)
    } else {
        0
    };
    let at = plan.coords.len() as u32;
    plan.coords.extend_from_slice(coords);
    plan.tasks.push(Task {
        step: plan.steps.len() as u32,
        kind,
        coords: at,
        params,
        seed,
        site: HUB,
        ports: (0, 0),
        scopes: 0,
    });
}

/// The first eight bytes of BLAKE3 over the study's seed (little endian) and the task's address.
fn seed(study_seed: u64, plan: &Plan, step: &Step, axes: &[usize], coords: &[u32]) -> u64 {
    let pairs: Vec<String> = labels(&plan.axes, axes, coords)
        .map(|(a, v)| format!("{a}={v}"))
        .collect();
    let mut bytes = study_seed.to_le_bytes().to_vec();
    bytes.extend_from_slice(format!("{}[{}]", step.name, pairs.join(",")).as_bytes());
    let mut head = [0; 8];
    head.copy_from_slice(&Digest::of(&bytes).bytes()[..8]);
    u64::from_le_bytes(head)
}

/// The alternative for given coordinates.
pub(super) fn choose<'a, T>(
    choice: &'a Choice<T>,
    step: &Step,
    plan: &Plan,
    axes: &[usize],
    coords: &[u32],
) -> Option<&'a T> {
    match choice {
        Choice::One(one) => Some(one),
        Choice::By { axis, options, .. } => {
            let at = step.per.iter().position(|(name, _)| name == axis)?;
            let value = &plan.axes[axes[at]].values[coords[at] as usize];
            options
                .iter()
                .find(|(option, _)| option == value)
                .map(|(_, t)| t)
        }
    }
}

/// The next coordinates; the last axis runs fastest.
pub(super) fn advance(coords: &mut [u32], sizes: &[usize]) {
    for (value, &size) in coords.iter_mut().zip(sizes).rev() {
        *value += 1;
        if (*value as usize) < size {
            return;
        }
        *value = 0;
    }
}

/// Whether some combinations of these axes' values do not exist.
fn holes(axes: &[PlannedAxis], of: &[usize]) -> bool {
    of.iter().any(|&a| match &axes[a].relation {
        Relation::Group { of: base, .. } | Relation::Sparse { of: base, .. } => of.contains(base),
        _ => false,
    })
}

fn exists(axes: &[PlannedAxis], of: &[usize], coords: &[u32]) -> bool {
    of.iter().zip(coords).all(|(&a, &value)| {
        let parent = |base: &usize| of.iter().position(|b| b == base).map(|at| coords[at]);
        match &axes[a].relation {
            Relation::Group { of: base, members } => {
                parent(base).is_none_or(|p| members[value as usize].binary_search(&p).is_ok())
            }
            Relation::Sparse { of: base, exists } => {
                parent(base).is_none_or(|p| exists[p as usize].binary_search(&value).is_ok())
            }
            _ => true,
        }
    })
}

/// Parameters of a step's tasks: resolved once per kind and per value of the axes that they depend on.
struct Settings<'a> {
    study: &'a Study,
    step: &'a Step,
    axes: Vec<usize>,
    /// Positions in `per` on which parameters depend.
    depends: Vec<usize>,
    known: BTreeMap<(&'static str, Vec<u32>), u32>,
}

impl<'a> Settings<'a> {
    fn new(study: &'a Study, step: &'a Step, axes: &[usize]) -> Settings<'a> {
        let mut names: Vec<&str> = Vec::new();
        fn by<'b, T>(choice: &'b Choice<T>, names: &mut Vec<&'b str>) {
            if let Choice::By { axis, .. } = choice {
                names.push(axis);
            }
        }
        by(&step.with, &mut names);
        for parameter in step.with.options().flatten() {
            by(&parameter.value, &mut names);
            for value in parameter.value.options() {
                if let ParameterValue::Axis(axis) = value {
                    names.push(axis);
                }
            }
        }
        let depends = (0..step.per.len())
            .filter(|&i| names.contains(&step.per[i].0.as_str()))
            .collect();
        Settings {
            study,
            step,
            axes: axes.to_vec(),
            depends,
            known: BTreeMap::new(),
        }
    }

    /// The index of the canonical parameters in the plan.
    fn of(
        &mut self,
        plan: &mut Plan,
        kind: &'static KindSpec,
        coords: &[u32],
        say: &mut Reporter,
    ) -> u32 {
        let key = (
            kind.name,
            self.depends.iter().map(|&i| coords[i]).collect::<Vec<_>>(),
        );
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let text = self.resolve(plan, kind, coords, say);
        plan.params.push(text);
        let index = plan.params.len() as u32 - 1;
        self.known.insert(key, index);
        index
    }

    fn resolve(&self, plan: &Plan, kind: &KindSpec, coords: &[u32], say: &mut Reporter) -> String {
        let empty = Vec::new();
        let with = choose(&self.step.with, self.step, plan, &self.axes, coords).unwrap_or(&empty);
        let mut set = Map::new();
        for parameter in with {
            if let Some(value) = choose(&parameter.value, self.step, plan, &self.axes, coords) {
                set.insert(parameter.name.clone(), self.value(plan, value, coords));
            }
        }
        params::resolve(kind.name, &Value::Object(set)).unwrap_or_else(|error| {
            let named = |p: &&Parameter| {
                error
                    .name
                    .as_deref()
                    .is_some_and(|n| n.split('.').next() == Some(&p.name))
            };
            let found = with.iter().find(named);
            let (code, place) = if error.message.starts_with("unknown") {
                ("unknown-parameter", found.map(|p| &p.place))
            } else {
                ("parameter", found.map(|p| &p.value_place))
            };
            let place = place.unwrap_or(&self.step.place);
            if !say.has_said(code, self.step, "") {
                let message = format!("`{}`: {}", kind.name, error.message);
                say.other(
                    Problem::new(code, place, message, error.repair).of_step(&self.step.name),
                );
            }
            String::new()
        })
    }

    fn value(&self, plan: &Plan, value: &ParameterValue, coords: &[u32]) -> Value {
        let axis = match value {
            ParameterValue::Literal(value) => return value.clone(),
            ParameterValue::Axis(axis) => axis,
        };
        let Some(at) = self.step.per.iter().position(|(name, _)| name == axis) else {
            return Value::Null;
        };
        let name = &plan.axes[self.axes[at]].values[coords[at] as usize];
        split_value(self.study, axis, name, coords[at]).unwrap_or_else(|| json!(name))
    }
}

/// For a value of a split axis, what it takes to make that split.
fn split_value(study: &Study, axis: &str, name: &str, index: u32) -> Option<Value> {
    match &study.axis(axis)?.kind {
        AxisKind::Split(scheme) => {
            let fold = (name != "external").then(|| index % scheme.kfold.max(1) + 1);
            let given = scheme.folds.is_some();
            let repeat = (name != "external" && !given).then(|| index / scheme.kfold.max(1) + 1);
            Some(json!({
                "name": name, "repeat": repeat, "fold": fold, "kfold": scheme.kfold, "repeats": scheme.repeats,
                "external": scheme.external, "stratify": scheme.stratify, "seed": scheme.seed, "given": given,
            }))
        }
        AxisKind::Nested { kfold, seed, .. } => Some(json!({
            "name": name, "repeat": 1, "fold": index + 1, "kfold": kfold, "repeats": 1,
            "external": null, "stratify": ["event"], "seed": seed, "given": false,
        })),
        _ => None,
    }
}
