//! From a study and a snapshot to a plan.

use std::collections::{BTreeMap, BTreeSet};

use digest::Digest;

use super::{
    Plan, PlannedAxis, Published, axes, bind, flow, graph, items, outcomes, scope, taint, tasks,
};
use crate::kinds::ArtefactType;
use crate::problem::{Problem, Problems, suggest};
use crate::snapshot::{Snapshot, SnapshotPatient};
use crate::study::{AxisKind, Publish, Reference, Step, Study, check_names, placeholders};

/// Makes the plan.
///
/// # Errors
/// Every way in which the steps do not fit together or would learn, or send, what they must not.
pub fn plan(study: &Study, snapshot: &Snapshot) -> Result<Plan, Problems> {
    let mut problems = Problems::default();
    check_names(study, &mut problems);
    problems.into_result()?;
    let mut problems = Problems::default();
    let axes = axes::resolve(study, snapshot, &mut problems);
    problems.into_result()?;
    let mut problems = Problems::default();
    items::check(study, snapshot, &axes, &mut problems);
    problems.into_result()?;
    let order = order(study)?;

    let mut say = Reporter::default();
    let mut plan = Plan {
        axes,
        study_name: study.name.clone(),
        ..Plan::default()
    };
    plan.sites = plan.axes[0].values.clone();
    plan.patient_sites = axes::patient_sites(&plan.axes, snapshot);
    let mut sources = bind::Sources::new(study, snapshot);
    for &step in &order {
        let step = &study.steps[step];
        tasks::add(&mut plan, study, step, &mut say);
        bind::add(&mut plan, &mut sources, study, step, &mut say);
        if say.fatal {
            return Err(say.finish());
        }
        flow::check(&mut plan, step, &mut say);
        scope::check(&mut plan, study, step, &mut say);
    }
    outcomes::check(&mut plan, study, &order, &mut say);
    taint::check(&mut plan, study, &mut say);
    graph::connect(&mut plan);
    for publish in &study.publish {
        publish_tasks(&mut plan, publish, &mut say);
    }
    match say.problems.0.is_empty() {
        true => Ok(plan),
        false => Err(say.finish()),
    }
}

/// Checks a study without a cohort: plans it on a made-up one with two patients at each site who have everything.
///
/// # Errors
/// As [`plan`].
pub fn check(study: &Study) -> Result<(), Problems> {
    let digest = Digest::of(b"probe");
    let sites = if study.sites.is_empty() {
        vec!["site".to_string()]
    } else {
        study.sites.clone()
    };
    let items: BTreeMap<String, Digest> = item_names(study)
        .into_iter()
        .map(|name| (name, digest))
        .collect();
    let patient = |site: &String, i: u32| SnapshotPatient {
        site: site.clone(),
        patient_id: format!("{site}-{i}"),
        items: items.clone(),
    };
    let snapshot = Snapshot {
        patients: sites
            .iter()
            .flat_map(|s| [patient(s, 1), patient(s, 2)])
            .collect(),
        site_tables: sites.iter().map(|s| (s.clone(), digest)).collect(),
        tables: study.tables.keys().map(|t| (t.clone(), digest)).collect(),
    };
    plan(study, &snapshot.sorted()).map(|_| ())
}

/// Every item of the cohort that a study can ask for.
fn item_names(study: &Study) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add = |template: &str| {
        let mut filled = vec![template.to_string()];
        for axis in placeholders(template) {
            let values = crate::study::static_values(study, axis).unwrap_or_default();
            let hole = format!("{{{axis}}}");
            filled = filled
                .iter()
                .flat_map(|t| {
                    values
                        .iter()
                        .map(|v| t.replace(&hole, v))
                        .collect::<Vec<_>>()
                })
                .collect();
        }
        names.extend(filled);
    };
    for axis in &study.axes {
        if let AxisKind::Sparse { item, .. } = &axis.kind {
            add(item);
        }
    }
    for input in study.steps.iter().flat_map(|s| &s.inputs) {
        for (reference, _) in input.from.options().flatten() {
            if let Reference::Item(template) = reference {
                add(template);
            }
        }
    }
    names
}

/// Problems, each said once per step and port however many tasks have it.
#[derive(Default)]
pub(super) struct Reporter {
    problems: Problems,
    said: BTreeSet<(&'static str, String, String)>,
    /// Set when going on would make no sense.
    pub fatal: bool,
}

impl Reporter {
    /// Says a problem of a step, once.
    pub fn step(
        &mut self,
        code: &'static str,
        step: &Step,
        port: &str,
        message: impl Into<String>,
        repair: impl Into<String>,
    ) {
        if !self
            .said
            .insert((code, step.name.clone(), port.to_string()))
        {
            return;
        }
        let input = step.inputs.iter().find(|i| i.port == port);
        let place = input.map_or(&step.place, |i| &i.place);
        let mut problem = Problem::new(code, place, message, repair).of_step(&step.name);
        problem.port = (!port.is_empty()).then(|| port.into());
        self.problems.push(problem);
    }

    /// Whether that was said before.
    pub fn has_said(&self, code: &'static str, step: &Step, port: &str) -> bool {
        self.said
            .contains(&(code, step.name.clone(), port.to_string()))
    }

    pub fn other(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn finish(self) -> Problems {
        self.problems.into_result().err().unwrap_or_default()
    }
}

/// Steps in topological order, as early in the text as possible.
fn order(study: &Study) -> Result<Vec<usize>, Problems> {
    let needs: Vec<BTreeSet<usize>> = study
        .steps
        .iter()
        .map(|step| needed_steps(study, step))
        .collect();
    let mut order = Vec::new();
    let mut done = vec![false; needs.len()];
    while let Some(next) = (0..needs.len()).find(|&i| !done[i] && needs[i].iter().all(|&n| done[n]))
    {
        done[next] = true;
        order.push(next);
    }
    match done.iter().position(|d| !d) {
        None => Ok(order),
        Some(stuck) => Err(cycle(study, &needs, &done, stuck).into()),
    }
}

fn needed_steps(study: &Study, step: &Step) -> BTreeSet<usize> {
    let references = step.inputs.iter().flat_map(|i| i.from.options().flatten());
    let names = references.filter_map(|(reference, _)| match reference {
        Reference::Step { step, .. } => Some(step),
        _ => None,
    });
    names
        .filter_map(|name| study.steps.iter().position(|s| s.name == *name))
        .collect()
}

/// Walks back from a stuck step until one repeats: that is the cycle.
fn cycle(study: &Study, needs: &[BTreeSet<usize>], done: &[bool], stuck: usize) -> Problem {
    let mut path = vec![stuck];
    let start = loop {
        let here = path[path.len() - 1];
        // A step that is not done needs one that is not done.
        let Some(next) = needs[here].iter().copied().find(|&n| !done[n]) else {
            break 0;
        };
        if let Some(at) = path.iter().position(|&p| p == next) {
            break at;
        }
        path.push(next);
    };
    let mut names: Vec<&str> = path[start..]
        .iter()
        .rev()
        .map(|&i| study.steps[i].name.as_str())
        .collect();
    names.push(names[0]);
    let place = &study.steps[path[start]].place;
    Problem::new(
        "cycle",
        place,
        format!("steps need each other: {}", names.join(" → ")),
        "take one of these inputs from an earlier step",
    )
}

fn publish_tasks(plan: &mut Plan, publish: &Publish, say: &mut Reporter) {
    let Some(step) = plan.steps.iter().find(|s| s.name == publish.step).cloned() else {
        return;
    };
    let Some((port, out)) = step.kinds.first().and_then(|k| k.output(&publish.port)) else {
        return;
    };
    let mut problem = |message: String, repair: String| {
        say.other(Problem::new("publish", &publish.place, message, repair))
    };
    let bundle = publish.path.ends_with('/');
    if bundle != (out.ty == ArtefactType::Bundle) {
        let message = format!(
            "`{}` is {}a bundle",
            publish.path,
            if bundle {
                "for a folder, but its source is not "
            } else {
                "for a file, but its source is "
            }
        );
        return problem(
            message,
            "a path with a trailing `/` unpacks a bundle".to_string(),
        );
    }
    for name in placeholders(&publish.path) {
        if !step.per.iter().any(|axis| axis == name) {
            let repair = suggest(name, step.per.iter().map(String::as_str));
            return problem(
                format!("`{{{name}}}` is no axis of step `{}`", step.name),
                repair,
            );
        }
    }
    let mut paths = BTreeSet::new();
    for task in step.tasks.clone() {
        let path = fill(&publish.path, plan.axes_of(task));
        if !is_below(&path) {
            return problem(
                format!("`{path}` is no path below the output directory"),
                "write a plain relative path".into(),
            );
        }
        if !paths.insert(path.clone()) {
            let missing: Vec<&str> = step
                .per
                .iter()
                .map(String::as_str)
                .filter(|a| !publish.path.contains(&format!("{{{a}}}")))
                .collect();
            let message = format!(
                "several tasks of `{}` would be written to `{path}`",
                step.name
            );
            return problem(
                message,
                format!(
                    "put {} into the path",
                    missing
                        .iter()
                        .map(|a| format!("{{{a}}}"))
                        .collect::<Vec<_>>()
                        .join(" ")
                ),
            );
        }
        if plan.published.iter().any(|p| p.path == path) {
            return problem(
                format!("`{path}` is written twice"),
                "give each line a path of its own".into(),
            );
        }
        plan.published.push(Published {
            path,
            task,
            port,
            bundle,
        });
    }
}

/// A relative path that stays below where it starts.
fn is_below(path: &str) -> bool {
    let strange = |part: &str| part.is_empty() || part == "." || part == "..";
    !path.trim_end_matches('/').split('/').any(strange) && !path.contains(['\\', ':', '\0'])
}

/// Puts axis values into the braces of a template.
pub(super) fn fill<'a>(template: &str, values: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = template.to_string();
    if template.contains('{') {
        for (axis, value) in values {
            text = text.replace(&format!("{{{axis}}}"), value);
        }
    }
    text
}

/// (axis, value) of given coordinates.
pub(super) fn labels<'a>(
    axes: &'a [PlannedAxis],
    of: &'a [usize],
    coords: &'a [u32],
) -> impl Iterator<Item = (&'a str, &'a str)> {
    of.iter().zip(coords).map(|(&axis, &v)| {
        (
            axes[axis].name.as_str(),
            axes[axis].values[v as usize].as_str(),
        )
    })
}
