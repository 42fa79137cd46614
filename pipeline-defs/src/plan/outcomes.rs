//! Outcomes among the predictors.
//!
//! A table from which a `follow-up` step takes times and events holds the answer in its columns. A fit whose `table`
//! comes from it would predict the outcome from itself: concordance 1. Rows do not show this, so tables are followed
//! by name through the steps that collect, select and transform them. A table that was gathered from several is known
//! to hold outcomes; which of the several brought them is not.

use super::make::Reporter;
use super::{Leak, Plan};
use crate::kinds::{ArtefactType, KindSpec, Role};
use crate::study::{Reference, Step, Study};

/// Refuses fits whose predictors come from a table of outcomes, or records them where the paper profile allows it.
/// `order` is topological.
pub(super) fn check(plan: &mut Plan, study: &Study, order: &[usize], say: &mut Reporter) {
    let outcomes = outcome_tables(study);
    let mut offenders: Vec<&str> = Vec::new();
    for step in order.iter().map(|&i| &study.steps[i]) {
        if step.any_kind().is_none_or(|kind| kind.role != Role::Fit) {
            continue;
        }
        let mut came_from = Vec::new();
        for reference in references(step, "table").flatten() {
            upstream(study, reference, &offenders, &mut came_from);
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
    if let (Some((reason, _)), "paper") = (&step.allow_leak, study.profile.as_str()) {
        plan.leaks.push(Leak {
            step: step.name.clone(),
            port: "table".to_string(),
            receives,
            reason: reason.clone(),
        });
        return;
    }
    let message =
        format!("outcomes would be among the predictors: port `table` receives {receives}");
    let repair = "gather clinical columns without outcomes into a table of their own, such as one of [tables]";
    say.step("outcome-leak", step, "table", message, repair);
}

/// The tables that hold outcomes, each with the `follow-up` step that reads it.
fn outcome_tables(study: &Study) -> Vec<(&Reference, &str)> {
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
            for from in sources_of(study, table) {
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
    for from in sources_of(study, table).into_iter().flatten() {
        upstream(study, from, offenders, found);
    }
}

/// The tables that a step makes a table from: one list for each alternative of each of its ports.
fn sources_of<'a>(study: &'a Study, table: &Reference) -> Vec<Vec<&'a Reference>> {
    let Reference::Step { step, port } = table else {
        return Vec::new();
    };
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
        Reference::Step { step, port } => format!("{step}.{port}"),
        Reference::Item(item) => format!("cohort.{item}"),
        Reference::SiteTable => "cohort.table".to_string(),
        Reference::Table(table) => format!("tables.{table}"),
    }
}
