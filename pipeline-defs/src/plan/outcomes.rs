//! Outcomes among the predictors.
//!
//! A table from which a `follow-up` step takes times and events holds the answer in its columns. A fit whose `table`
//! comes from it would predict the outcome from itself: concordance 1. Rows do not show this, so tables are followed
//! by name through the steps that collect, select and transform them. A table that was gathered from several is known
//! to hold outcomes; which of the several brought them is not.

use std::collections::BTreeSet;

use serde_json::Value;

use super::make::Reporter;
use super::{Leak, Plan};
use crate::kinds::{ArtefactType, KindSpec, Role};
use crate::study::{Reference, Step, Study};

/// Refuses fits whose predictors come from a table of outcomes, or records them where the paper profile allows it.
/// `order` is topological.
pub(super) fn check(plan: &mut Plan, study: &Study, order: &[usize], say: &mut Reporter) {
    let clean = without_outcomes(plan, study);
    let outcomes = outcome_tables(study, &clean);
    let mut offenders: Vec<&str> = Vec::new();
    for step in order.iter().map(|&i| &study.steps[i]) {
        if step.any_kind().is_none_or(|kind| kind.role != Role::Fit) {
            continue;
        }
        let mut came_from = Vec::new();
        for reference in references(step, "table").flatten() {
            upstream(study, reference, &clean, &offenders, &mut came_from);
        }
        let found = outcomes.iter().find(|(table, _)| came_from.contains(table));
        if let Some((table, reader)) = found {
            offenders.push(&step.name);
            judge(plan, study, step, table, reader, say);
        }
    }
}

fn judge(
    plan: &mut Plan,
    study: &Study,
    step: &Step,
    table: &Reference,
    reader: &str,
    say: &mut Reporter,
) {
    let receives = format!(
        "columns of `{}`, where step `{reader}` reads times and events",
        named(table)
    );
    if let Some(reason) = step.leak_reason(study, |_| None) {
        plan.leaks.push(Leak {
            step: step.name.clone(),
            port: "table".to_string(),
            receives,
            reason: reason.to_string(),
        });
        return;
    }
    let message =
        format!("outcomes would be among the predictors: port `table` receives {receives}");
    let repair = "gather clinical columns without outcomes into a table of their own, such as one of [tables]";
    say.step("outcome-leak", step, "table", message, repair);
}

/// The steps that take named columns of a table, none of them a time or an event: outcomes end there.
fn without_outcomes<'a>(plan: &Plan, study: &'a Study) -> Vec<&'a str> {
    let of_kind = |kind: &'static str| {
        let steps = study.steps.iter();
        steps.filter(move |s| s.any_kind().is_some_and(|k| k.name == kind))
    };
    let params = |step: &Step| -> Vec<Value> {
        let planned = plan.steps.iter().find(|s| s.name == step.name);
        let tasks = planned.map(|s| s.tasks.clone()).unwrap_or_default();
        let texts: BTreeSet<&str> = tasks.map(|task| plan.params_of(task)).collect();
        texts
            .into_iter()
            .filter_map(|text| serde_json::from_str(text).ok())
            .collect()
    };
    let outcomes: BTreeSet<String> = of_kind("follow-up")
        .flat_map(params)
        .flat_map(|p| [p["time"].clone(), p["event"].clone()])
        .filter_map(|name| name.as_str().map(str::to_string))
        .collect();
    let takes_one = |p: &Value| {
        let columns = p["columns"].as_array().into_iter().flatten();
        columns
            .filter_map(Value::as_str)
            .any(|c| outcomes.contains(c))
    };
    of_kind("model-columns")
        .filter(|step| !params(step).iter().any(takes_one))
        .map(|step| step.name.as_str())
        .collect()
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
