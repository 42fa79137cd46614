//! Every name in a study against what it must name: axes, steps, ports, parameters' axes, tables.

use super::axes::SITE;
use super::choice::{by_axis, static_values};
use super::{
    Axis, AxisKind, ParameterValue, Publish, Reference, Step, StepInput, Study, TableKind,
};
use crate::kinds::{ArtefactType, Class, InPort, KindSpec};
use crate::problem::{Place, Problem, Problems, list, suggest};

/// Checks what can be checked without a cohort.
pub(crate) fn check_names(study: &Study, problems: &mut Problems) {
    let mut cohort_axes = study.axes.iter().filter(|a| a.kind == AxisKind::Cohort);
    if let (Some(_), Some(second)) = (cohort_axes.next(), cohort_axes.next()) {
        problems.push(Problem::new(
            "axis",
            &second.place,
            "a second axis of patients",
            "a study has one",
        ));
    }
    for axis in &study.axes {
        axis_names(study, axis, problems);
    }
    for step in &study.steps {
        let before = problems.0.len();
        step_names(study, step, problems);
        for problem in &mut problems.0[before..] {
            problem
                .step
                .get_or_insert_with(|| step.name.as_str().into());
        }
    }
    for publish in &study.publish {
        publish_names(study, publish, problems);
    }
}

/// What is published is the output of a step, and one that may leave its site.
fn publish_names(study: &Study, publish: &Publish, problems: &mut Problems) {
    let Publish {
        step, port, place, ..
    } = publish;
    let mut say = |message: String, repair: String| {
        problems.push(
            Problem::new("publish", place, message, repair)
                .of_step(step)
                .of_port(port),
        )
    };
    if ["cohort", "tables"].contains(&step.as_str()) {
        let message = format!("`{step}.{port}` was there before the run and cannot be published");
        return say(message, "publish the output of a step".to_string());
    }
    let Some(found) = study.step(step) else {
        let repair = suggest(step, study.steps.iter().map(|s| s.name.as_str()));
        return say(format!("unknown step `{step}`"), repair);
    };
    let reference = Reference::Step {
        step: step.clone(),
        port: port.clone(),
        at: Vec::new(),
    };
    let out = found.any_kind().and_then(|kind| kind.output(port));
    if out.is_some_and(|(_, out)| out.class == Class::Site) {
        let message =
            format!("`{step}.{port}` is site-bound; only hub and open artefacts may be published");
        return say(
            message,
            "take the line out, or publish what is measured from it".to_string(),
        );
    }
    reference_names(study, &reference, place, problems);
}

fn axis_names(study: &Study, axis: &Axis, problems: &mut Problems) {
    let mut say = |message: String, repair: String| {
        problems.push(Problem::new("axis", &axis.place, message, repair))
    };
    match &axis.kind {
        AxisKind::Nested { of, .. } => match study.axis(of).map(|a| &a.kind) {
            Some(AxisKind::Split(_)) => {}
            _ => say(
                format!(
                    "axis `{}` must be nested in a split axis, `{of}` is none",
                    axis.name
                ),
                suggest(of, split_axes(study)),
            ),
        },
        AxisKind::Sparse { of, .. } => match study.axis(of).map(|a| &a.kind) {
            Some(AxisKind::Cohort) => {}
            _ => say(
                format!(
                    "axis `{}` must be of the axis of patients, `{of}` is none",
                    axis.name
                ),
                "write of = \"patient\" with patient = { from = \"cohort\" }".to_string(),
            ),
        },
        AxisKind::Split(scheme) => {
            if let Some(table) = &scheme.folds
                && study.tables.get(table).map(|t| t.kind) != Some(TableKind::Folds)
            {
                let message = format!(
                    "axis `{}` takes its folds from `tables.{table}`, which holds none",
                    axis.name
                );
                say(
                    message,
                    "add it to [tables] with kind = \"folds\"".to_string(),
                );
            }
            if let Some(site) = &scheme.external
                && !study.sites.is_empty()
                && !study.sites.contains(site)
            {
                let repair = suggest(site, study.sites.iter().map(String::as_str));
                say(
                    format!(
                        "external site `{site}` of axis `{}` is not in `sites`",
                        axis.name
                    ),
                    repair,
                );
            }
        }
        AxisKind::Cohort if study.cohort.is_none() => {
            say(
                format!(
                    "axis `{}` is from the cohort, but there is no [cohort]",
                    axis.name
                ),
                "add [cohort]".into(),
            );
        }
        _ => {}
    }
}

fn split_axes(study: &Study) -> impl Iterator<Item = &str> {
    study
        .axes
        .iter()
        .filter(|a| matches!(a.kind, AxisKind::Split(_)))
        .map(|a| a.name.as_str())
}

fn step_names(study: &Study, step: &Step, problems: &mut Problems) {
    for (i, (axis, place)) in step.per.iter().enumerate() {
        if axis != SITE && study.axis(axis).is_none() {
            let known = study.axes.iter().map(|a| a.name.as_str()).chain([SITE]);
            problems.push(Problem::new(
                "unknown-axis",
                place,
                format!("unknown axis `{axis}`"),
                suggest(axis, known),
            ));
        }
        if step.per[..i].iter().any(|(other, _)| other == axis) {
            problems.push(Problem::new(
                "per",
                place,
                format!("axis `{axis}` is named twice"),
                "name it once",
            ));
        }
        if let Some(AxisKind::Nested { of, .. }) = study.axis(axis).map(|a| &a.kind)
            && !step.per.iter().any(|(other, _)| other == of)
        {
            let message = format!("axis `{axis}` exists within `{of}` only");
            problems.push(Problem::new(
                "per",
                place,
                message,
                format!("add \"{of}\" to `per`"),
            ));
        }
    }
    if step.per.len() > 24 {
        problems.push(Problem::new(
            "per",
            &step.place,
            "more than 24 axes",
            "name fewer",
        ));
    }
    by_axis(study, step, &step.kind, true, problems);
    if let Some(reason) = &step.allow_leak {
        by_axis(study, step, reason, false, problems);
    }
    let Some(kind) = step.any_kind() else { return };
    if let Some(other) = step.kind.options().find(|other| !same_ports(kind, other)) {
        let message = format!(
            "`{}` and `{}` differ in role, ports or types",
            kind.name, other.name
        );
        problems.push(Problem::new(
            "kind-choice",
            &step.place,
            message,
            "give each a step of its own",
        ));
        return;
    }
    for input in &step.inputs {
        let before = problems.0.len();
        input_names(study, step, kind, input, problems);
        for problem in &mut problems.0[before..] {
            problem
                .port
                .get_or_insert_with(|| input.port.as_str().into());
        }
    }
    for port in kind.inputs.iter().filter(|p| !p.optional) {
        if !step.inputs.iter().any(|i| i.port == port.name) {
            let message = format!("port `{}` of `{}` receives nothing", port.name, kind.name);
            let repair = format!("write in = {{ {} = \"step.port\" }}", port.name);
            problems.push(
                Problem::new("port-unbound", &step.place, message, repair).of_port(port.name),
            );
        }
    }
    parameter_names(study, step, problems);
}

/// Kinds chosen by an axis share role, ports and types; outputs beyond those of the first alternative are nobody's input.
fn same_ports(first: &KindSpec, other: &KindSpec) -> bool {
    let outputs = || first.outputs.iter().zip(other.outputs);
    first.role == other.role && first.inputs == other.inputs && outputs().all(|(a, b)| a == b)
}

fn input_names(
    study: &Study,
    step: &Step,
    kind: &KindSpec,
    input: &StepInput,
    problems: &mut Problems,
) {
    let Some(port) = kind.input(&input.port) else {
        let known = suggest(&input.port, kind.inputs.iter().map(|p| p.name));
        let message = format!("`{}` has no input `{}`", kind.name, input.port);
        problems
            .push(Problem::new("unknown-port", &input.place, message, known).of_port(&input.port));
        return;
    };
    if step.inputs.iter().filter(|i| i.port == input.port).count() > 1 {
        problems.push(Problem::new(
            "port",
            &input.place,
            "the port is named twice",
            "name it once",
        ));
    }
    by_axis(study, step, &input.from, !port.optional, problems);
    for references in input.from.options() {
        if references.len() != 1 && !port.gathers {
            let message = format!(
                "port `{}` takes one artefact, {} are named",
                port.name,
                references.len()
            );
            problems
                .push(Problem::new("port", &input.place, message, "name one").of_port(port.name));
        }
        for (reference, place) in references {
            reference_names(study, reference, place, problems);
            type_fits(study, port, reference, place, problems);
            item_axes(step, reference, place, problems);
        }
    }
}

/// `{axis}` in an item's name must be an axis of the step.
fn item_axes(step: &Step, reference: &Reference, place: &Place, problems: &mut Problems) {
    let Reference::Item(template) = reference else {
        return;
    };
    for axis in placeholders(template) {
        if !step.per.iter().any(|(name, _)| name == axis) {
            let message = format!("`{{{axis}}}` in `cohort.{template}` is no axis of the step");
            let repair = suggest(axis, step.per.iter().map(|(name, _)| name.as_str()));
            problems.push(Problem::new("template", place, message, repair));
        }
    }
}

fn reference_names(study: &Study, reference: &Reference, place: &Place, problems: &mut Problems) {
    match reference {
        Reference::Step { step, port, at } => match study.step(step).map(|s| s.any_kind()) {
            None => {
                let known = study
                    .steps
                    .iter()
                    .map(|s| s.name.as_str())
                    .chain(["cohort", "tables"]);
                let message = format!("unknown step `{step}`");
                problems.push(Problem::new(
                    "unknown-step",
                    place,
                    message,
                    suggest(step, known),
                ));
            }
            Some(Some(kind)) if kind.output(port).is_none() => {
                let message = format!("step `{step}` ({}) has no output `{port}`", kind.name);
                let repair = suggest(port, kind.outputs.iter().map(|p| p.name));
                problems.push(Problem::new("unknown-port", place, message, repair));
            }
            Some(_) => held_names(study, step, at, place, problems),
        },
        Reference::Table(table) if !study.tables.contains_key(table) => {
            let repair = suggest(table, study.tables.keys().map(String::as_str));
            problems.push(Problem::new(
                "unknown-table",
                place,
                format!("unknown table `{table}`"),
                repair,
            ));
        }
        Reference::Item(_) if !study.axes.iter().any(|a| a.kind == AxisKind::Cohort) => {
            let repair = "add [cohort] and patient = { from = \"cohort\" } to [axes]";
            problems.push(Problem::new(
                "cohort",
                place,
                "an item of the cohort without an axis of patients",
                repair,
            ));
        }
        Reference::SiteTable if study.cohort.is_none() => {
            problems.push(Problem::new(
                "cohort",
                place,
                "a table of the cohort without a cohort",
                "add [cohort]",
            ));
        }
        _ => {}
    }
}

/// What a reference holds are axes of the step it names, at values that they have.
fn held_names(
    study: &Study,
    step: &str,
    at: &[(String, String)],
    place: &Place,
    problems: &mut Problems,
) {
    let per: Vec<&str> = study
        .step(step)
        .map(|s| s.per.iter().map(|(name, _)| name.as_str()).collect())
        .unwrap_or_default();
    for (axis, value) in at {
        let mut say = |message: String, repair: String| {
            problems.push(Problem::new("held", place, message, repair));
        };
        if !per.contains(&axis.as_str()) {
            let repair = suggest(axis, per.iter().copied());
            say(format!("`{axis}` is no axis of step `{step}`"), repair);
            continue;
        }
        let Some(values) = static_values(study, axis) else {
            let message = format!("cannot hold `{axis}`, whose values come from the cohort");
            say(
                message,
                "hold an axis whose values are written out".to_string(),
            );
            continue;
        };
        let elsewhere = study.values_elsewhere.get(axis);
        if !values.contains(value) && !elsewhere.is_some_and(|e| e.contains(value)) {
            let repair = suggest(value, values.iter().map(String::as_str));
            say(format!("axis `{axis}` has no value `{value}`"), repair);
        }
    }
}

fn type_fits(
    study: &Study,
    port: &InPort,
    reference: &Reference,
    place: &Place,
    problems: &mut Problems,
) {
    let Some(ty) = reference_type(study, reference, 0) else {
        return;
    };
    if port.types.is_empty() || port.types.contains(&ty) {
        return;
    }
    let wanted: Vec<&str> = port.types.iter().map(|t| t.name()).collect();
    let message = format!(
        "port `{}` takes {}, receives `{ty}`",
        port.name,
        list(&wanted)
    );
    let repair = match (ty, port.types) {
        (ArtefactType::Source, [ArtefactType::Volume, ..]) => "put an import-image step before it",
        (ArtefactType::Source, [ArtefactType::Mask, ..]) => "put an import-mask step before it",
        (ArtefactType::Table, [ArtefactType::FollowUp, ..]) => "put a follow-up step before it",
        (ArtefactType::Features, [ArtefactType::Table, ..]) => "put a gather-table step before it",
        _ => "give it the output of a step of that type",
    };
    problems.push(Problem::new("port-type", place, message, repair).of_port(port.name));
}

/// The type of what a reference stands for; `None` where a name is wrong.
pub(crate) fn reference_type(
    study: &Study,
    reference: &Reference,
    depth: usize,
) -> Option<ArtefactType> {
    match reference {
        Reference::Item(_) => Some(ArtefactType::Source),
        Reference::SiteTable => Some(ArtefactType::Table),
        Reference::Table(table) => study.tables.get(table).map(|t| table_type(t.kind)),
        Reference::Step { step, port, .. } => {
            let step = study.step(step)?;
            let (_, out) = step.any_kind()?.output(port)?;
            let Some(like) = out.like else {
                return Some(out.ty);
            };
            let input = step.inputs.iter().find(|i| i.port == like)?;
            let (reference, _) = input.from.options().next()?.first()?;
            // A cycle of steps is said elsewhere.
            if depth > study.steps.len() {
                None
            } else {
                reference_type(study, reference, depth + 1)
            }
        }
    }
}

pub(crate) fn table_type(kind: TableKind) -> ArtefactType {
    match kind {
        TableKind::Table => ArtefactType::Table,
        TableKind::FollowUp => ArtefactType::FollowUp,
        TableKind::Folds => ArtefactType::Folds,
        TableKind::Csv => ArtefactType::Csv,
        TableKind::GeneSets => ArtefactType::Source,
    }
}

fn parameter_names(study: &Study, step: &Step, problems: &mut Problems) {
    given_folds(study, step, problems);
    by_axis(study, step, &step.with, true, problems);
    for parameter in step.with.options().flatten() {
        by_axis(study, step, &parameter.value, true, problems);
        for value in parameter.value.options() {
            if let ParameterValue::Axis(axis) = value
                && !step.per.iter().any(|(name, _)| name == axis)
            {
                let message = format!(
                    "parameter `{}` takes the value of `{axis}`, which is no axis of the step",
                    parameter.name
                );
                let repair = suggest(axis, step.per.iter().map(|(name, _)| name.as_str()));
                problems.push(Problem::new("by", &parameter.place, message, repair));
            }
        }
    }
}

/// A split with given folds needs them at its port.
fn given_folds(study: &Study, step: &Step, problems: &mut Problems) {
    let values = step
        .with
        .options()
        .flatten()
        .filter(|p| p.name == "scheme")
        .flat_map(|p| p.value.options());
    for value in values {
        let ParameterValue::Axis(axis) = value else {
            continue;
        };
        let Some(AxisKind::Split(scheme)) = study.axis(axis).map(|a| &a.kind) else {
            continue;
        };
        let bound = step.inputs.iter().any(|i| i.port == "folds");
        if let (Some(table), false) = (&scheme.folds, bound) {
            let message = format!("axis `{axis}` has given folds, but port `folds` receives none");
            let repair = format!("write in = {{ folds = \"tables.{table}\" }}");
            problems
                .push(Problem::new("port-unbound", &step.place, message, repair).of_port("folds"));
        }
    }
}

/// The names between braces.
pub(crate) fn placeholders(template: &str) -> impl Iterator<Item = &str> {
    template
        .split('{')
        .skip(1)
        .filter_map(|part| part.split_once('}').map(|(name, _)| name))
}
