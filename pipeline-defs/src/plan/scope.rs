//! Whose rows each artefact holds, and who may learn from them.
//!
//! A fit receives only the training rows of one split that is in its `per`, what was learned from them, and things
//! without rows. Scopes are followed from the sources through every step; a step that breaks the rule is refused, or
//! recorded with its reason where the paper profile allows it.

use super::axes::{Relation, find, held_name};
use super::make::Reporter;
use super::{Entry, Leak, Origin, Plan, PlannedAxis, TaskIdx, judged};
use crate::kinds::{ArtefactType, InPort, Role, RowRule};
use crate::study::{Choice, PROFILE, ParameterValue, Step, Study};

/// Whose rows an artefact holds, and from which split's training rows it was learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    pub rows: RowSet,
    pub learned: Option<usize>,
}

/// A set of rows; numbers are axes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RowSet {
    #[default]
    None,
    Patient,
    All,
    Train(usize),
    Test(usize),
    Split(usize),
    Evaluated,
}

const EVALUATED: Scope = Scope {
    rows: RowSet::Evaluated,
    learned: None,
};

/// Follows the scopes through the step that was added last, and judges it.
pub(super) fn check(plan: &mut Plan, study: &Study, step: &Step, say: &mut Reporter) {
    let Some(tasks) = plan.steps.last().map(|s| s.tasks.clone()) else {
        return;
    };
    check_reasons(study, step, say);
    for task in tasks {
        let inputs: Vec<(&'static str, Scope)> = plan
            .ports(task)
            .iter()
            .map(|port| (port.name, port_scope(plan, plan.entries(port))))
            .collect();
        let kind = plan.kind_of(task);
        let mut forgiven = false;
        match kind.role {
            Role::Fit => check_fit(plan, study, step, task, &inputs, say),
            Role::Evaluate => judged::check(plan, study, step, task, &inputs, say),
            Role::Select => check_select(plan, step, &inputs, say),
            Role::Apply | Role::Adapt => {
                forgiven = check_apply(plan, study, step, task, &inputs, say);
            }
            Role::Split => check_split(plan, step, say),
            Role::Gather => judged::check_choice(plan, study, step, task, say),
            Role::Pointwise => {}
        }
        plan.tasks[task as usize].scopes = plan.scopes.len() as u32;
        for output in kind.outputs {
            let scope = output_scope(plan, step, output.rows, &inputs);
            let scope = match output.rows {
                RowRule::OfTable if forgiven => taken(&inputs),
                RowRule::CrossFitted => cross_fitted(plan, task),
                _ => scope,
            };
            plan.scopes.push(scope);
        }
    }
}

/// All rows, to be divided by the value `external` of the split that a task's inputs are gathered over.
fn cross_fitted(plan: &Plan, task: TaskIdx) -> Scope {
    let entries = plan.ports(task).iter().flat_map(|port| plan.entries(port));
    let gathered = entries.flat_map(|entry| plan.gathered(entry));
    let split = gathered
        .map(|(axis, _)| &plan.axes[axis])
        .find(|axis| axis.relation == Relation::Split);
    let external = split.and_then(|axis| find(&plan.axes, &held_name(&axis.name, "external")));
    external.map_or(EVALUATED, |axis| Scope {
        rows: RowSet::All,
        learned: Some(axis),
    })
}

/// A table to which a leak was applied, recorded with its reason, goes on as rows of its own split.
fn taken(inputs: &[(&'static str, Scope)]) -> Scope {
    let table = inputs.iter().find(|(port, _)| *port == "table");
    let table = table.map_or(Scope::default(), |(_, scope)| *scope);
    match table.rows {
        RowSet::Train(axis) | RowSet::Test(axis) => Scope {
            learned: Some(axis),
            ..table
        },
        _ => table,
    }
}

/// A leak has a reason, and only the paper profile may have one.
fn check_reasons(study: &Study, step: &Step, say: &mut Reporter) {
    let mut wrong = |place: &crate::problem::Place, message: &str, repair: &str| {
        say.other(
            crate::problem::Problem::new("allow-leak", place, message, repair).of_step(&step.name),
        );
    };
    let legal = "`allow_leak` is legal with profile = \"paper\" only";
    let Some(leak) = &step.allow_leak else { return };
    for (reason, place) in leak.options() {
        if reason.trim().is_empty() {
            wrong(place, "`allow_leak` needs a reason", "write one");
        }
    }
    match leak {
        _ if study.profile == "paper" || step.of_paper_only(study) => {}
        Choice::One((_, place)) => {
            wrong(place, legal, "take it out, or move it to [profiles.paper]");
        }
        Choice::By {
            axis,
            options,
            place,
        } => {
            let strange = options.iter().any(|(value, _)| value != "paper");
            if axis != PROFILE || strange {
                let repair = "write allow_leak = { by = \"profile\", paper = \"reason\" }";
                wrong(place, legal, repair);
            }
        }
    }
}

/// Why a task may leak.
pub(super) fn reason_of<'a>(
    plan: &Plan,
    study: &Study,
    step: &'a Step,
    task: TaskIdx,
) -> Option<&'a str> {
    step.leak_reason(study, |axis| value_of(plan, task, axis))
}

/// The value of a task at an axis.
pub(super) fn value_of(plan: &Plan, task: TaskIdx, axis: &str) -> Option<String> {
    let mut axes = plan.axes_of(task);
    axes.find(|(name, _)| *name == axis)
        .map(|(_, value)| value.to_string())
}

impl Plan {
    pub(crate) fn scope_of(&self, origin: Origin) -> Scope {
        match origin {
            Origin::Output { task, port } => {
                self.scopes[self.tasks[task as usize].scopes as usize + usize::from(port)]
            }
            Origin::Source(source) => {
                let rows = match self.source(source).ty {
                    ArtefactType::Source => RowSet::Patient,
                    ArtefactType::Folds => RowSet::None,
                    _ => RowSet::All,
                };
                Scope {
                    rows,
                    learned: None,
                }
            }
        }
    }
}

/// What arrives at a port, all entries together.
fn port_scope(plan: &Plan, entries: &[Entry]) -> Scope {
    let mut joined = Scope::default();
    let mut last: Option<(Scope, u32)> = None;
    for entry in entries {
        let scope = held(plan, plan.scope_of(entry.origin), entry);
        if last == Some((scope, entry.gathered)) {
            continue; // hundreds of patients arrive alike
        }
        last = Some((scope, entry.gathered));
        joined = join(joined, gathered(plan, scope, entry), &plan.axes);
    }
    joined
}

/// A scope whose split the reference holds at a value: it is of that one split from there on.
fn held(plan: &Plan, scope: Scope, entry: &Entry) -> Scope {
    let Origin::Output { task, .. } = entry.origin else {
        return scope;
    };
    let step = plan.step_of(task);
    let start = plan.tasks[task as usize].coords as usize;
    let mut scope = scope;
    for (position, &axis) in step.axes.iter().enumerate() {
        if entry.held & (1 << position) == 0 {
            continue;
        }
        let split = &plan.axes[axis];
        let value = &split.values[plan.coords[start + position] as usize];
        let Some(one) = find(&plan.axes, &held_name(&split.name, value)) else {
            continue;
        };
        scope.rows = match scope.rows {
            RowSet::Train(a) if a == axis => RowSet::Train(one),
            RowSet::Test(a) if a == axis => RowSet::Test(one),
            RowSet::Split(a) if a == axis => RowSet::Split(one),
            other => other,
        };
        if scope.learned == Some(axis) {
            scope.learned = Some(one);
        }
    }
    scope
}

/// A scope after its artefact was gathered along axes.
fn gathered(plan: &Plan, scope: Scope, entry: &Entry) -> Scope {
    let axes: Vec<usize> = plan
        .gathered(entry)
        .into_iter()
        .map(|(axis, _)| axis)
        .collect();
    let mut scope = scope;
    // Inner axes first: gathering the folds within a split gives its training rows.
    let nested = |a: &usize| !matches!(plan.axes[*a].relation, Relation::Nested { .. });
    let mut ordered = axes;
    ordered.sort_by_key(nested);
    for axis in ordered {
        scope = gathered_along(scope, axis, &plan.axes);
    }
    scope
}

fn gathered_along(scope: Scope, axis: usize, axes: &[PlannedAxis]) -> Scope {
    if axes[axis].patients && scope.rows == RowSet::Patient {
        return Scope {
            rows: RowSet::All,
            ..scope
        };
    }
    let of_axis =
        matches!(scope.rows, RowSet::Train(a) | RowSet::Test(a) | RowSet::Split(a) if a == axis);
    let learned = scope.learned == Some(axis);
    match &axes[axis].relation {
        Relation::Split if of_axis || learned => EVALUATED,
        Relation::Nested { of } if of_axis || learned => Scope {
            rows: if of_axis {
                RowSet::Train(*of)
            } else {
                scope.rows
            },
            learned: if learned { Some(*of) } else { scope.learned },
        },
        _ => scope,
    }
}

/// Two scopes in one artefact.
fn join(a: Scope, b: Scope, axes: &[PlannedAxis]) -> Scope {
    let rows = match (a.rows, b.rows) {
        (x, y) if x == y => x,
        (RowSet::None, x) | (x, RowSet::None) => x,
        (RowSet::Patient | RowSet::All, RowSet::Patient | RowSet::All) => RowSet::All,
        _ => return EVALUATED,
    };
    match join_learned(a.learned, b.learned, axes) {
        Some(learned) => Scope { rows, learned },
        None => EVALUATED,
    }
}

/// The narrower of two splits of which one is nested in the other; `None` when they have nothing to do with each other.
fn join_learned(a: Option<usize>, b: Option<usize>, axes: &[PlannedAxis]) -> Option<Option<usize>> {
    match (a, b) {
        (x, y) if x == y => Some(x),
        (None, x) | (x, None) => Some(x),
        (Some(x), Some(y)) if parent(axes, x) == Some(y) => Some(Some(x)),
        (Some(x), Some(y)) if parent(axes, y) == Some(x) => Some(Some(y)),
        _ => None,
    }
}

pub(super) fn parent(axes: &[PlannedAxis], axis: usize) -> Option<usize> {
    match axes[axis].relation {
        Relation::Nested { of } => Some(of),
        _ => None,
    }
}

fn output_scope(
    plan: &Plan,
    step: &Step,
    rule: RowRule,
    inputs: &[(&'static str, Scope)],
) -> Scope {
    let of = |name: &str| {
        inputs
            .iter()
            .find(|(port, _)| *port == name)
            .map_or(Scope::default(), |(_, s)| *s)
    };
    let rows = |rows| Scope {
        rows,
        learned: None,
    };
    match rule {
        RowRule::None => Scope::default(),
        RowRule::Patient => rows(RowSet::Patient),
        RowRule::Gathered => inputs.iter().fold(Scope::default(), |s, (_, input)| {
            join(s, *input, &plan.axes)
        }),
        RowRule::OfTable => {
            let (table, model) = (of("table"), of("model"));
            join(
                table,
                Scope {
                    rows: RowSet::None,
                    learned: model.learned,
                },
                &plan.axes,
            )
        }
        RowRule::Train | RowRule::Test => {
            let (table, split) = (of("table"), of("split"));
            match selected(plan, table, split) {
                Some(axis) if rule == RowRule::Train => Scope {
                    rows: RowSet::Train(axis),
                    ..table
                },
                Some(axis) => Scope {
                    rows: RowSet::Test(axis),
                    ..table
                },
                None => EVALUATED,
            }
        }
        RowRule::Fitted => {
            let train = |(_, s): &(&str, Scope)| match s.rows {
                RowSet::Train(axis) => Some(axis),
                _ => s.learned,
            };
            Scope {
                rows: RowSet::None,
                learned: inputs.iter().find_map(train),
            }
        }
        RowRule::Split => {
            split_axis(plan, step).map_or(Scope::default(), |axis| rows(RowSet::Split(axis)))
        }
        // Which split that is stands in the ports: see `cross_fitted`.
        RowRule::CrossFitted => EVALUATED,
        RowRule::Evaluated => EVALUATED,
    }
}

/// The split whose rows are selected, where the table can be divided by it.
fn selected(plan: &Plan, table: Scope, split: Scope) -> Option<usize> {
    let RowSet::Split(axis) = split.rows else {
        return None;
    };
    let outer = parent(&plan.axes, axis);
    let whole = match table.rows {
        RowSet::All | RowSet::None => true,
        RowSet::Train(a) => Some(a) == outer,
        _ => false,
    };
    let learned = table.learned.is_none_or(|l| l == axis || Some(l) == outer);
    (whole && learned).then_some(axis)
}

/// The split axis that `make-splits` makes: the one of its `scheme`.
fn split_axis(plan: &Plan, step: &Step) -> Option<usize> {
    let scheme = step.with.options().flatten().find(|p| p.name == "scheme")?;
    let name = scheme.value.options().find_map(|value| match value {
        ParameterValue::Axis(axis) => Some(axis),
        ParameterValue::Literal(_) => None,
    })?;
    let axis = find(&plan.axes, name)?;
    matches!(
        plan.axes[axis].relation,
        Relation::Split | Relation::Nested { .. }
    )
    .then_some(axis)
}

fn check_split(plan: &Plan, step: &Step, say: &mut Reporter) {
    if split_axis(plan, step).is_none() {
        let message = "`scheme` is not a split axis";
        say.step(
            "split",
            step,
            "",
            message,
            "write with = { scheme = { axis = \"split\" } } and name that axis in `per`",
        );
    }
}

fn check_select(plan: &Plan, step: &Step, inputs: &[(&'static str, Scope)], say: &mut Reporter) {
    let of = |name: &str| {
        inputs
            .iter()
            .find(|(port, _)| *port == name)
            .map_or(Scope::default(), |(_, s)| *s)
    };
    if selected(plan, of("table"), of("split")).is_none() {
        let message = format!(
            "cannot divide {} by {}",
            of("table").describe(&plan.axes),
            of("split").describe(&plan.axes)
        );
        say.step(
            "rows",
            step,
            "table",
            message,
            "give it a table of all rows, or for a nested split its outer training rows",
        );
    }
}

/// Whether a leak was found that the paper profile allows.
fn check_apply(
    plan: &mut Plan,
    study: &Study,
    step: &Step,
    task: TaskIdx,
    inputs: &[(&'static str, Scope)],
    say: &mut Reporter,
) -> bool {
    for (port, scope) in inputs {
        if scope.rows == RowSet::Evaluated && !say.has_said("needs-axis", step, port) {
            let message = format!("port `{port}` receives what was gathered over a split");
            say.step("rows", step, port, message, "add the split to `per`");
        }
    }
    let of = |name: &str| {
        inputs
            .iter()
            .find(|(port, _)| *port == name)
            .map_or(Scope::default(), |(_, s)| *s)
    };
    let (table, model) = (of("table"), of("model"));
    let (RowSet::Train(rows) | RowSet::Test(rows), Some(learned)) = (table.rows, model.learned)
    else {
        return false;
    };
    if join_learned(Some(rows), Some(learned), &plan.axes).is_none() {
        let said = [model, table].map(|scope| scope.describe(&plan.axes));
        if let Some(reason) = reason_of(plan, study, step, task) {
            // Where the split is the one that is held, the rows are those that taught the model, or its test rows.
            if !is_held(plan, task, rows, learned) {
                let receives = format!("{}, applied to {}", said[0], said[1]);
                record(plan, step, task, "model", receives, reason);
            }
            return true;
        }
        let message = format!("applies {} to {}", said[0], said[1]);
        say.step(
            "rows",
            step,
            "table",
            message,
            "use one split for both: rows of another may have taught the model",
        );
    }
    false
}

/// Whether `learned` is the split of `rows` held at the value that the task has there.
fn is_held(plan: &Plan, task: TaskIdx, rows: usize, learned: usize) -> bool {
    let split = &plan.axes[rows].name;
    let value = value_of(plan, task, split);
    value.is_some_and(|value| held_name(split, &value) == plan.axes[learned].name)
}

fn check_fit(
    plan: &mut Plan,
    study: &Study,
    step: &Step,
    task: TaskIdx,
    inputs: &[(&'static str, Scope)],
    say: &mut Reporter,
) {
    let kind = plan.kind_of(task);
    let mut split: Option<usize> = None;
    for (port, scope) in inputs {
        if kind.input(port).is_some_and(carries_no_value) {
            continue;
        }
        let train = match scope.rows {
            RowSet::None => scope.learned,
            RowSet::Train(axis) => Some(axis),
            _ => {
                leak(plan, study, step, task, port, *scope, say);
                continue;
            }
        };
        let outer = train.and_then(|axis| parent(&plan.axes, axis));
        let foreign = scope.learned.is_some() && scope.learned != train && scope.learned != outer;
        if foreign || (split.is_some() && train.is_some() && split != train) {
            leak(plan, study, step, task, port, *scope, say);
        }
        split = split.or(train);
    }
}

/// Names of patients carry neither features nor outcomes.
fn carries_no_value(port: &'static InPort) -> bool {
    use ArtefactType::{Folds, Ids, Split};
    !port.types.is_empty() && port.types.iter().all(|t| matches!(t, Ids | Split | Folds))
}

/// Records a leak that is allowed, refuses one that is not.
fn leak(
    plan: &mut Plan,
    study: &Study,
    step: &Step,
    task: TaskIdx,
    port: &str,
    scope: Scope,
    say: &mut Reporter,
) {
    if say.has_said("needs-axis", step, port) {
        return; // said already, with the axis that repairs both
    }
    let receives = scope.describe(&plan.axes);
    if let Some(reason) = reason_of(plan, study, step, task) {
        record(plan, step, task, port, receives, reason);
        return;
    }
    let repair = match scope.rows {
        RowSet::Patient | RowSet::All => {
            "put a select-rows step before it and use its `train`".to_string()
        }
        RowSet::Test(_) => "use the `train` output of that select-rows step".to_string(),
        RowSet::Evaluated => "add the split to `per`, and take its training rows".to_string(),
        _ => "take all inputs from the training rows of one split".to_string(),
    };
    let message =
        format!("a fit may learn from training rows only; port `{port}` receives {receives}");
    say.step("leak", step, port, message, repair);
}

/// Keeps a leak that the paper profile allows, once, and that this task takes it.
pub(super) fn record(
    plan: &mut Plan,
    step: &Step,
    task: TaskIdx,
    port: &str,
    receives: String,
    reason: &str,
) {
    let leak = Leak {
        step: step.name.clone(),
        port: port.to_string(),
        receives,
        reason: reason.to_string(),
    };
    let known = plan.leaks.iter().position(|other| *other == leak);
    let at = known.unwrap_or(plan.leaks.len());
    if known.is_none() {
        plan.leaks.push(leak);
    }
    plan.leaking.entry(task).or_insert(at);
}

impl Scope {
    /// In words.
    pub(crate) fn describe(&self, axes: &[PlannedAxis]) -> String {
        let name = |axis: usize| axes[axis].name.as_str();
        let rows = match self.rows {
            RowSet::None => match self.learned {
                Some(axis) => {
                    return format!(
                        "what was learned from the training rows of `{}`",
                        name(axis)
                    );
                }
                None => "no rows".to_string(),
            },
            RowSet::Patient => "one patient's values".to_string(),
            RowSet::All => "all rows".to_string(),
            RowSet::Train(axis) => format!("the training rows of `{}`", name(axis)),
            RowSet::Test(axis) => format!("the test rows of `{}`", name(axis)),
            RowSet::Split(axis) => format!("the division `{}`", name(axis)),
            RowSet::Evaluated => "rows gathered over a split".to_string(),
        };
        match self.learned {
            Some(axis) if self.rows != RowSet::Train(axis) && self.rows != RowSet::Test(axis) => {
                format!(
                    "{rows}, transformed by what was learned from the training rows of `{}`",
                    name(axis)
                )
            }
            _ => rows,
        }
    }
}
