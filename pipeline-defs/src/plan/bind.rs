//! What each task receives: gather, broadcast, and nothing else.
//!
//! A producer's axis that the consumer has too is *shared*: same value. One that the consumer lacks is *gathered*: all
//! values, kept consistent with the consumer's other axes where axes belong together (members of its group, its own
//! site). Entries come in the order of the producer's `per`, values in axis order.

use std::collections::BTreeMap;

use digest::Digest;
use serde_json::json;

use super::axes::{Relation, find};
use super::make::{Reporter, fill, labels};
use super::tasks::{advance, choose};
use super::{Entry, InputPort, Origin, Plan, PlannedAxis, PlannedStep, SourceIdx, SourceRef};
use crate::canonical::canonical;
use crate::kinds::{ArtefactType, Class, InPort};
use crate::problem::{Problem, list};
use crate::snapshot::Snapshot;
use crate::study::{Reference, SITE, Step, Study, table_type};

/// Binds the ports of the step that was added last.
pub(super) fn add(
    plan: &mut Plan,
    sources: &mut Sources,
    study: &Study,
    step: &Step,
    say: &mut Reporter,
) {
    let Some(planned) = plan.steps.last().cloned() else {
        return;
    };
    let mut bound: Vec<(&'static InPort, usize)> = Vec::new();
    for (i, input) in step.inputs.iter().enumerate() {
        let port = step.any_kind().and_then(|kind| kind.input(&input.port));
        bound.extend(port.map(|port| (port, i)));
    }
    bound.sort_by_key(|(port, _)| port.name);
    for task in planned.tasks.clone() {
        let first = plan.ports.len() as u32;
        let start = plan.tasks[task as usize].coords as usize;
        let coords = plan.coords[start..start + planned.axes.len()].to_vec();
        for &(port, input) in &bound {
            let from = &step.inputs[input].from;
            let Some(references) = choose(from, step, plan, &planned.axes, &coords) else {
                continue;
            };
            let consumer = Consumer {
                step: &planned,
                coords: &coords,
                port,
            };
            let start = plan.entries.len() as u32;
            for (reference, place) in references {
                if let Err(problem) = receive(plan, sources, study, reference, &consumer) {
                    say.other(
                        Problem {
                            place: place.clone(),
                            ..problem
                        }
                        .of_step(&step.name)
                        .of_port(port.name),
                    );
                    say.fatal = true;
                    return;
                }
            }
            let end = plan.entries.len() as u32;
            if start == end && port.optional && !port.gathers {
                continue;
            }
            check_count(plan, step, &consumer, start..end, say);
            plan.ports.push(InputPort {
                name: port.name,
                pinned: port.pinned,
                entries: start..end,
            });
        }
        plan.tasks[task as usize].ports = (first, plan.ports.len() as u32);
    }
}

struct Consumer<'a> {
    step: &'a PlannedStep,
    coords: &'a [u32],
    port: &'static InPort,
}

impl Consumer<'_> {
    fn value_of(&self, axis: usize) -> Option<u32> {
        self.step
            .axes
            .iter()
            .position(|&a| a == axis)
            .map(|at| self.coords[at])
    }

    fn labels<'a>(&'a self, axes: &'a [PlannedAxis]) -> impl Iterator<Item = (&'a str, &'a str)> {
        labels(axes, &self.step.axes, self.coords)
    }
}

/// Adds the entries that one reference brings.
fn receive(
    plan: &mut Plan,
    sources: &mut Sources,
    study: &Study,
    reference: &Reference,
    consumer: &Consumer,
) -> Result<(), Problem> {
    match reference {
        Reference::Step { step, port, at } => {
            let Some(producer) = plan.steps.iter().find(|s| s.name == *step).cloned() else {
                return Ok(());
            };
            let Some((port, _)) = producer.kinds.first().and_then(|k| k.output(port)) else {
                return Ok(());
            };
            from_step(plan, &producer, port, at, consumer);
        }
        Reference::Table(name) => {
            let source = sources.table(plan, study, name)?;
            plan.entries.push(Entry {
                origin: Origin::Source(source),
                gathered: 0,
                held: 0,
            });
        }
        Reference::SiteTable => {
            let Some(site) = find(&plan.axes, SITE) else {
                return Ok(());
            };
            let (values, gathered) = candidates(&plan.axes, site, consumer);
            for value in values {
                let source = sources.site_table(plan, study, site, value)?;
                plan.entries.push(Entry {
                    origin: Origin::Source(source),
                    gathered: u32::from(gathered),
                    held: 0,
                });
            }
        }
        Reference::Item(template) => {
            let Some(patients) = plan.axes.iter().position(|a| a.patients) else {
                return Ok(());
            };
            let item = fill(template, consumer.labels(&plan.axes));
            let (values, gathered) = candidates(&plan.axes, patients, consumer);
            for value in values {
                let source = sources.item(plan, &item, patients, value);
                if plan.sources[source as usize].absent.is_some() && consumer.port.optional {
                    continue;
                }
                plan.entries.push(Entry {
                    origin: Origin::Source(source),
                    gathered: u32::from(gathered),
                    held: 0,
                });
            }
        }
    }
    Ok(())
}

fn from_step(
    plan: &mut Plan,
    producer: &PlannedStep,
    port: u8,
    at: &[(String, String)],
    consumer: &Consumer,
) {
    let (mut mask, mut held) = (0u32, 0u32);
    let mut values: Vec<Vec<u32>> = Vec::with_capacity(producer.axes.len());
    for (position, &axis) in producer.axes.iter().enumerate() {
        if let Some((_, value)) = at.iter().find(|(name, _)| *name == plan.axes[axis].name) {
            // A value that the profile took away brings nothing.
            let found = plan.axes[axis].values.iter().position(|v| v == value);
            held |= 1 << position;
            values.push(found.map(|v| v as u32).into_iter().collect());
            continue;
        }
        let (candidates, gathered) = candidates(&plan.axes, axis, consumer);
        mask |= u32::from(gathered) << position;
        values.push(candidates);
    }
    let sizes: Vec<usize> = values.iter().map(Vec::len).collect();
    let mut cell = vec![0u32; sizes.len()];
    let mut coords = vec![0u32; sizes.len()];
    for _ in 0..sizes.iter().product::<usize>() {
        for (i, choice) in values.iter().enumerate() {
            coords[i] = choice[cell[i] as usize];
        }
        if let Some(task) = plan.task_at(producer, &coords) {
            plan.entries.push(Entry {
                origin: Origin::Output { task, port },
                gathered: mask,
                held,
            });
        }
        advance(&mut cell, &sizes);
    }
}

/// The values of a producer's axis that a consumer receives, and whether that is a gather.
fn candidates(axes: &[PlannedAxis], axis: usize, consumer: &Consumer) -> (Vec<u32>, bool) {
    if let Some(value) = consumer.value_of(axis) {
        return (vec![value], false);
    }
    let mut values: Vec<u32> = (0..axes[axis].values.len() as u32).collect();
    for (&other, &value) in consumer.step.axes.iter().zip(consumer.coords) {
        // The consumer has a group of this axis: only its members.
        if let Relation::Group { of, members } = &axes[other].relation
            && *of == axis
        {
            values.retain(|v| members[value as usize].binary_search(v).is_ok());
        }
        // This axis groups one that the consumer has: only the groups that its value belongs to.
        if let Relation::Group { of, members } = &axes[axis].relation
            && *of == other
        {
            values.retain(|&v| members[v as usize].binary_search(&value).is_ok());
            if axes[axis].name == SITE {
                return (values, false); // a patient has one site
            }
        }
    }
    (values, true)
}

fn check_count(
    plan: &Plan,
    step: &Step,
    consumer: &Consumer,
    entries: std::ops::Range<u32>,
    say: &mut Reporter,
) {
    let (port, n) = (consumer.port, entries.len());
    if n == 0 && !port.optional {
        let address = address(plan, consumer);
        let repair = "give the axes it is made along the values this task needs, or leave the axis out of `per`";
        say.step(
            "empty",
            step,
            port.name,
            format!("port `{}` receives nothing at {address}", port.name),
            repair,
        );
    }
    if n > 1 && !port.gathers {
        let entry = plan.entries[entries.start as usize];
        let axes: Vec<&str> = plan
            .gathered(&entry)
            .iter()
            .map(|(axis, _)| plan.axes[*axis].name.as_str())
            .collect();
        let repair = match axes.is_empty() {
            true => "name one".to_string(),
            false => format!(
                "add {} to `per`",
                axes.iter()
                    .map(|a| format!("\"{a}\""))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        };
        let message = format!(
            "port `{}` takes one artefact, would receive {n}, one per {}",
            port.name,
            list(&axes)
        );
        say.step("needs-axis", step, port.name, message, repair);
    }
}

fn address(plan: &Plan, consumer: &Consumer) -> String {
    let pairs: Vec<String> = consumer
        .labels(&plan.axes)
        .map(|(a, v)| format!("{a}={v}"))
        .collect();
    format!("{}[{}]", consumer.step.name, pairs.join(","))
}

/// Sources that were used so far.
pub(super) struct Sources<'a> {
    snapshot: &'a Snapshot,
    items: BTreeMap<String, Vec<Option<SourceIdx>>>,
    site_tables: BTreeMap<u32, SourceIdx>,
    tables: BTreeMap<String, SourceIdx>,
    place: crate::problem::Place,
}

impl<'a> Sources<'a> {
    pub fn new(study: &Study, snapshot: &'a Snapshot) -> Sources<'a> {
        let (items, site_tables, tables) = Default::default();
        Sources {
            snapshot,
            items,
            site_tables,
            tables,
            place: study.place.clone(),
        }
    }

    fn item(&mut self, plan: &mut Plan, item: &str, axis: usize, patient: u32) -> SourceIdx {
        if !self.items.contains_key(item) {
            self.items
                .insert(item.to_string(), vec![None; self.snapshot.patients.len()]);
        }
        let known = self.items.get(item).and_then(|row| row[patient as usize]);
        if let Some(known) = known {
            return known;
        }
        let who = &self.snapshot.patients[patient as usize];
        let name = format!("cohort.{item}");
        let absent = (!who.items.contains_key(item)).then(|| {
            // The form of `artefact::refusal::Refusal`; a test reads it back as one.
            canonical(&json!({
                "code": "item-missing",
                "kind": "cohort",
                "message": format!("patient {} has no `{item}` in the cohort file of its site", who.patient_id),
            }))
        });
        let digest = who.items.get(item).copied();
        let source = push(
            plan,
            SourceRef {
                digest: digest.unwrap_or_else(|| {
                    Digest::of(absent.as_deref().unwrap_or_default().as_bytes())
                }),
                name,
                class: Class::Site,
                ty: ArtefactType::Source,
                site: Some(who.site.clone()),
                patient: Some(who.patient_id.clone()),
                absent,
                coord: Some((axis as u32, patient)),
            },
        );
        if let Some(row) = self.items.get_mut(item) {
            row[patient as usize] = Some(source);
        }
        source
    }

    fn site_table(
        &mut self,
        plan: &mut Plan,
        study: &Study,
        axis: usize,
        site: u32,
    ) -> Result<SourceIdx, Problem> {
        if let Some(&known) = self.site_tables.get(&site) {
            return Ok(known);
        }
        let name = plan.axes[axis].values[site as usize].clone();
        let digest = self
            .snapshot
            .site_tables
            .get(&name)
            .copied()
            .ok_or_else(|| {
                let message = format!("site `{name}` announced no shareable columns");
                let place = study.cohort.as_ref().map_or(&self.place, |c| &c.place);
                Problem::new("site", place, message, "list them in its cohort.toml")
            })?;
        let source = push(
            plan,
            SourceRef {
                name: "cohort.table".to_string(),
                digest,
                class: Class::Hub,
                ty: ArtefactType::Table,
                site: Some(name),
                patient: None,
                absent: None,
                coord: Some((axis as u32, site)),
            },
        );
        self.site_tables.insert(site, source);
        Ok(source)
    }

    fn table(&mut self, plan: &mut Plan, study: &Study, name: &str) -> Result<SourceIdx, Problem> {
        if let Some(&known) = self.tables.get(name) {
            return Ok(known);
        }
        let digest = self.snapshot.tables.get(name).copied();
        let (Some(digest), Some(table)) = (digest, study.tables.get(name)) else {
            let message = format!("table `{name}` is not in the snapshot");
            return Err(Problem::new(
                "table",
                &self.place,
                message,
                "read it when the run is submitted",
            ));
        };
        let source = push(
            plan,
            SourceRef {
                name: format!("tables.{name}"),
                digest,
                class: Class::Hub,
                ty: table_type(table.kind),
                site: None,
                patient: None,
                absent: None,
                coord: None,
            },
        );
        self.tables.insert(name.to_string(), source);
        Ok(source)
    }
}

fn push(plan: &mut Plan, source: SourceRef) -> SourceIdx {
    plan.sources.push(source);
    plan.sources.len() as SourceIdx - 1
}
