//! Outcomes among the predictors.
//!
//! A table from which a `follow-up` step takes times and events holds the answer in its columns. A fit whose `table`
//! comes from it would predict the outcome from itself: concordance 1. A fit that harmonises with such covariates puts
//! the outcome back into the features. Rows do not show this, so tables are followed by name through the steps that
//! collect, select and transform them. A table that was gathered from several is known
//! to hold outcomes; which of the several brought them is not.

use std::collections::BTreeSet;

use serde_json::Value;

use super::make::Reporter;
use super::scope::{reason_of, record};
use super::{Plan, TaskIdx};
use crate::kinds::{ArtefactType, KindSpec, Role};
use crate::study::{Reference, Step, Study, reference_type};

/// Refuses fits that would see a table of outcomes as predictors, covariates or readings, and adaptations with such
/// covariates; or records them where the paper profile allows it. `order` is topological.
pub(super) fn check(plan: &mut Plan, study: &Study, order: &[usize], say: &mut Reporter) {
    let clean = without_outcomes(plan, study);
    let outcomes = outcome_tables(study, &clean);
    let mut offenders: Vec<&str> = Vec::new();
    for step in order.iter().map(|&i| &study.steps[i]) {
        for port in step.any_kind().into_iter().flat_map(learns_from) {
            let mut came_from = Vec::new();
            for reference in references(step, port).flatten() {
                upstream(study, reference, &clean, &offenders, &mut came_from);
            }
            let found = outcomes.iter().find(|(table, _)| came_from.contains(table));
            if let Some((table, reader)) = found {
                offenders.push(&step.name);
                judge(plan, study, step, port, (table, reader), say);
            }
        }
    }
    plan.outcome_ports = outcome_ports(study, &clean, &outcomes);
}

/// The ports whose columns a kind learns from, where outcomes have no place. An adaptation takes the columns of its
/// `table` by the names that its fit learned; of `covariates` it takes the batches too.
fn learns_from(kind: &KindSpec) -> impl Iterator<Item = &'static str> {
    let role = kind.role;
    let tables = kind.inputs.iter();
    let tables = tables.filter(|port| port.types.contains(&ArtefactType::Table));
    tables.map(|port| port.name).filter(move |port| match role {
        Role::Fit => *port != "followup",
        Role::Adapt => *port == "covariates",
        _ => false,
    })
}

/// The ports, as (step, port), that receive times and events: as follow-up, or as columns of a table.
fn outcome_ports(
    study: &Study,
    clean: &[&str],
    outcomes: &[(&Reference, &str)],
) -> BTreeSet<(String, String)> {
    let is_outcome = |reference: &Reference| match reference_type(study, reference, 0) {
        Some(ArtefactType::FollowUp) => true,
        Some(ArtefactType::Table) => {
            let mut from = Vec::new();
            upstream(study, reference, clean, &[], &mut from);
            outcomes.iter().any(|(table, _)| from.contains(table))
        }
        _ => false,
    };
    let mut ports = BTreeSet::new();
    for step in &study.steps {
        for input in &step.inputs {
            let mut received = input.from.options().flatten();
            if received.any(|(reference, _)| is_outcome(reference)) {
                ports.insert((step.name.clone(), input.port.clone()));
            }
        }
    }
    ports
}

fn judge(
    plan: &mut Plan,
    study: &Study,
    step: &Step,
    port: &str,
    (table, reader): (&Reference, &str),
    say: &mut Reporter,
) {
    let columns = study.step(reader).map(|step| outcomes_of(plan, step));
    let columns = columns.unwrap_or_default();
    let columns: Vec<String> = columns.iter().map(|c| format!("`{c}`")).collect();
    let receives = format!(
        "columns of `{}`, where step `{reader}` reads times and events ({})",
        named(table),
        columns.join(", ")
    );
    let tasks = plan.steps.iter().find(|s| s.name == step.name);
    let tasks = tasks.map_or(0..0, |s| s.tasks.clone());
    let reason = |task| reason_of(plan, study, step, task);
    let reasons: Option<Vec<(TaskIdx, &str)>> =
        tasks.map(|task| Some((task, reason(task)?))).collect();
    if let Some(reasons) = reasons {
        for (task, reason) in reasons {
            record(plan, step, task, port, receives.clone(), reason);
        }
        return;
    }
    let among = match port {
        "covariates" | "readings" => port,
        _ => "predictors",
    };
    let message = format!("outcomes would be among the {among}: port `{port}` receives {receives}");
    let repair = "gather clinical columns without outcomes into a table of their own, such as one of [tables]";
    say.step("outcome-leak", step, port, message, repair);
}

/// The columns that a `follow-up` step reads as times and events, at any of its points.
fn outcomes_of(plan: &Plan, step: &Step) -> BTreeSet<String> {
    let params = params_of(plan, step).into_iter();
    params
        .flat_map(|p| [p["time"].clone(), p["event"].clone()])
        .filter_map(|name| name.as_str().map(str::to_string))
        .collect()
}

/// The parameters of a step's tasks, each once.
fn params_of(plan: &Plan, step: &Step) -> Vec<Value> {
    let planned = plan.steps.iter().find(|s| s.name == step.name);
    let tasks = planned.map(|s| s.tasks.clone()).unwrap_or_default();
    let texts: BTreeSet<&str> = tasks.map(|task| plan.params_of(task)).collect();
    texts
        .into_iter()
        .filter_map(|text| serde_json::from_str(text).ok())
        .collect()
}

/// The steps that name the columns they take, none of them a time or an event: outcomes end there.
fn without_outcomes<'a>(plan: &Plan, study: &'a Study) -> Vec<&'a str> {
    let of_kind = |kind: &'static str| {
        let steps = study.steps.iter();
        steps.filter(move |s| s.any_kind().is_some_and(|k| k.name == kind))
    };
    let outcomes: BTreeSet<String> = of_kind("follow-up")
        .flat_map(|step| outcomes_of(plan, step))
        .collect();
    let harmless = |p: &Value| {
        let columns = p["columns"].as_array().map(Vec::as_slice);
        let columns = columns.unwrap_or_default();
        let taken = columns.iter().filter_map(Value::as_str);
        // No column named means every column taken.
        !columns.is_empty()
            && taken
                .clone()
                .all(|c| outcomes.iter().all(|o| !is_made_of(c, o)))
    };
    of_kind("model-columns")
        .filter(|step| params_of(plan, step).iter().all(harmless))
        .map(|step| step.name.as_str())
        .collect()
}

/// Whether a column is that outcome, or what `model-columns` (`log(time)`, `event=1`, `time>36`) or `join-tables`
/// (`tumour.time`) calls what it makes of it.
fn is_made_of(column: &str, outcome: &str) -> bool {
    let named = column.split(['=', '>']).next().unwrap_or(column);
    let inner = named.rsplit('(').next().unwrap_or(named);
    let names = [column, named, inner.trim_end_matches(')')];
    let mut places = names.iter().filter_map(|name| name.strip_suffix(outcome));
    places.any(|place| place.is_empty() || place.ends_with('.'))
}

/// The tables that hold outcomes, each with the `follow-up` step that reads it.
fn outcome_tables<'a>(study: &'a Study, clean: &[&str]) -> Vec<(&'a Reference, &'a str)> {
    let mut tables: Vec<(&Reference, &str)> = Vec::new();
    for step in &study.steps {
        if !step.kind.options().any(|kind| kind.name == "follow-up") {
            continue;
        }
        let mut read: Vec<&Reference> = references(step, "table").flatten().collect();
        while let Some(table) = read.pop() {
            if tables.iter().any(|(known, _)| *known == table) {
                continue;
            }
            tables.push((table, &step.name));
            for from in sources_of(study, table, clean) {
                if let [one] = from.as_slice() {
                    read.push(one);
                }
            }
        }
    }
    tables
}

/// A table and everything that it was made from. What an offender taught is not followed further: that was said there.
fn upstream<'a>(
    study: &'a Study,
    table: &'a Reference,
    clean: &[&str],
    offenders: &[&str],
    found: &mut Vec<&'a Reference>,
) {
    if found.contains(&table) {
        return;
    }
    if let Reference::Step { step, .. } = table
        && let Some(step) = study.step(step)
        && references(step, "model").flatten().any(
            |model| matches!(model, Reference::Step { step, .. } if offenders.contains(&step.as_str())),
        )
    {
        return;
    }
    found.push(table);
    for from in sources_of(study, table, clean).into_iter().flatten() {
        upstream(study, from, clean, offenders, found);
    }
}

/// The tables that a step makes a table from: one list for each alternative of each of its ports.
fn sources_of<'a>(study: &'a Study, table: &Reference, clean: &[&str]) -> Vec<Vec<&'a Reference>> {
    let Reference::Step { step, port, .. } = table else {
        return Vec::new();
    };
    if clean.contains(&step.as_str()) {
        return Vec::new();
    }
    let made = |kind: &&KindSpec| {
        kind.output(port)
            .is_some_and(|(_, out)| out.ty == ArtefactType::Table)
            && matches!(
                kind.role,
                Role::Gather | Role::Select | Role::Apply | Role::Adapt
            )
    };
    let Some(step) = study.step(step) else {
        return Vec::new();
    };
    let Some(kind) = step.any_kind().filter(made) else {
        return Vec::new();
    };
    let ports = kind.inputs.iter();
    ports
        .filter(|port| port.types.contains(&ArtefactType::Table))
        .flat_map(|port| references(step, port.name))
        .map(Iterator::collect)
        .collect()
}

/// What a port of a step receives, one list for each alternative.
fn references<'a>(
    step: &'a Step,
    port: &str,
) -> impl Iterator<Item = impl Iterator<Item = &'a Reference>> {
    let input = step.inputs.iter().find(|input| input.port == port);
    let options = input.into_iter().flat_map(|input| input.from.options());
    options.map(|list| list.iter().map(|(reference, _)| reference))
}

fn named(reference: &Reference) -> String {
    match reference {
        Reference::Step { step, port, .. } => format!("{step}.{port}"),
        Reference::Item(item) => format!("cohort.{item}"),
        Reference::SiteTable => "cohort.table".to_string(),
        Reference::Table(table) => format!("tables.{table}"),
    }
}
