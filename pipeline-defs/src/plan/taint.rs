//! What comes from a leak stays in the profile that allows it.
//!
//! A leak that was recorded with its reason gives a model, or rows, that know what they should not. Their scope does not
//! show it: what was fitted on all rows is of no split, and any step may apply it. So a leak is followed from the task
//! that takes it through everything that is made from it. Within the paper's profile it goes where it goes; a fit of
//! another profile that would learn from it is refused. Judging it is nobody's leak.

use super::make::Reporter;
use super::scope::value_of;
use super::{Origin, Plan, TaskIdx};
use crate::kinds::{Role, RowRule};
use crate::study::Study;

/// Follows every recorded leak; refuses what would learn from one outside the paper's profile.
pub(super) fn check(plan: &mut Plan, study: &Study, say: &mut Reporter) {
    if plan.leaking.is_empty() {
        return;
    }
    // Inputs come from tasks with smaller numbers.
    for task in 0..plan.n_tasks() as TaskIdx {
        let inherited = inherited(plan, task);
        if let Some((port, leak)) = inherited
            && plan.step_of(task).role == Role::Fit
        {
            judge(plan, study, task, port, leak, say);
        }
        let leak = plan.leaking.get(&task).copied();
        if let Some(leak) = leak.or(inherited.map(|(_, leak)| leak)) {
            plan.tainted.insert(task, leak);
        }
    }
}

/// The first port of a task that receives what comes from a leak.
fn inherited(plan: &Plan, task: TaskIdx) -> Option<(&'static str, usize)> {
    plan.ports(task).iter().find_map(|port| {
        let mut entries = plan.entries(port).iter();
        let leak = entries.find_map(|entry| carried(plan, entry.origin))?;
        Some((port.name, leak))
    })
}

/// The leak that an output carries on: names and judgements carry none.
pub(super) fn carried(plan: &Plan, origin: Origin) -> Option<usize> {
    let Origin::Output { task, port } = origin else {
        return None;
    };
    let rows = plan.kind_of(task).outputs[usize::from(port)].rows;
    match rows {
        RowRule::None | RowRule::Split | RowRule::Evaluated => None,
        _ => plan.tainted.get(&task).copied(),
    }
}

fn judge(plan: &Plan, study: &Study, task: TaskIdx, port: &str, leak: usize, say: &mut Reporter) {
    let Some(step) = study.step(&plan.step_of(task).name) else {
        return;
    };
    if step.in_paper(study, |axis| value_of(plan, task, axis)) {
        return;
    }
    let leak = &plan.leaks[leak];
    let message = format!(
        "a fit would learn from a leak of the paper profile: port `{port}` receives what step `{}` made of {} at its port `{}`",
        leak.step, leak.receives, leak.port
    );
    let repair = format!(
        "take it from steps that do not come from `{}`, or make this a step of the paper profile",
        leak.step
    );
    say.step("leak-behind", step, port, message, repair);
}
