//! What an event does to the state: the whole behaviour of the coordinator, without clock, disk, network or chance.
//!
//! Data flow: an event changes tasks and computations; a task whose dependencies ended is *bound* to its recipe
//! (here); a new recipe is looked up, and a miss becomes ready (`computations`); a lease is given, ends with a report
//! or expires (`leases`); a report ends the computation and wakes the tasks that waited.

mod computations;
mod leases;

use std::collections::BTreeMap;
use std::sync::Arc;

use digest::Digest;
use pipeline_defs::Missing;
use pipeline_defs::plan::{Origin, Plan, Resolved, TaskIdx};

use crate::event::{Command, Event};
use crate::state::{CompNo, CompPhase, Phase, Run, RunNo, State, TaskState, origin_digest};

/// Applies one event; what must be done about it comes back in order.
pub fn apply(state: &mut State, event: Event) -> Vec<Command> {
    let mut out = Vec::new();
    state.now_ms = event.now().unwrap_or(0).max(state.now_ms);
    match event {
        Event::Submitted { run, plan, .. } => submit(state, run, plan, &mut out),
        Event::Looked {
            comp,
            recipe,
            answer,
        } => computations::looked(state, comp, recipe, answer, &mut out),
        Event::Pinned { run, task, digests } => pinned(state, run, task, digests, &mut out),
        Event::Joined { worker, hello, .. } => leases::joined(state, worker, hello, &mut out),
        Event::Present { holder, digests } => computations::present(state, &holder, &digests),
        Event::Lost { worker } => leases::lost(state, worker),
        Event::Left { worker } => leases::left(state, worker),
        Event::Beat { worker, fences, .. } => leases::beat(state, worker, &fences, &mut out),
        Event::Reported {
            worker,
            fence,
            recipe,
            report,
            wall_ms,
            now,
        } => {
            leases::reported(
                state,
                &leases::Source {
                    worker,
                    fence,
                    wall_ms,
                    now,
                },
                recipe,
                report,
                &mut out,
            );
        }
        Event::Scheduled {
            assignments,
            starved,
            ..
        } => leases::scheduled(state, assignments, starved, &mut out),
        Event::Tick { .. } => leases::tick(state, &mut out),
        Event::Cancel { run, .. } => cancel(state, run, &mut out),
        Event::Pause { run, paused } => pause(state, run, paused),
    }
    out
}

fn submit(state: &mut State, no: RunNo, plan: Arc<Plan>, out: &mut Vec<Command>) {
    let n = plan.n_tasks() as u32;
    let tasks: Vec<TaskState> = (0..n)
        .map(|t| TaskState {
            recipe: None,
            outputs_at: 0,
            waiting: plan.dependencies(t).count() as u32,
            phase: Phase::Waiting,
        })
        .collect();
    let roots: Vec<TaskIdx> = (0..n).filter(|t| tasks[*t as usize].waiting == 0).collect();
    let run = Run {
        plan,
        tasks,
        outputs: Vec::new(),
        pins: BTreeMap::new(),
        spans: Vec::new(),
        open: n,
        paused: false,
        cancelled: false,
        failures: Vec::new(),
        refusals: Vec::new(),
        submitted_ms: state.now_ms,
        ended_ms: None,
    };
    state.runs.insert(no, run);
    for task in roots {
        wake(state, no, task, out);
    }
    end_if_finished(state, no, out);
}

/// All tasks above have ended: the task is refused with them, or gets its recipe.
fn wake(state: &mut State, run_no: RunNo, task: TaskIdx, out: &mut Vec<Command>) {
    let Some(run) = state.runs.get_mut(&run_no) else {
        return;
    };
    match first_refusal(run, task) {
        Some((refusal, origin)) => {
            if matches!(origin, Origin::Source(_)) {
                run.refusals.push((task, refusal));
            }
            settle(state, run_no, task, Phase::Refused, &[refusal], out);
        }
        None => bind(state, run_no, task, out),
    }
}

/// Gives a task its recipe and joins or starts the computation of it; a pinned input is asked for first.
fn bind(state: &mut State, run_no: RunNo, task: TaskIdx, out: &mut Vec<Command>) {
    let Some(run) = state.runs.get_mut(&run_no) else {
        return;
    };
    if run.tasks[task as usize].phase.ended() {
        return;
    }
    if !run.pins.contains_key(&task)
        && let Some(key) = run.plan.pin_key(task, &mut |origin| resolve(run, origin))
    {
        let current = pinned_entries(run, task)
            .iter()
            .filter_map(|o| origin_digest(run, o))
            .collect();
        run.tasks[task as usize].phase = Phase::Pinning;
        out.push(Command::Pin {
            run: run_no,
            task,
            key: Digest::of(&key),
            current,
        });
        return;
    }
    let recipe = Digest::of(&recipe_bytes(run, task));
    run.tasks[task as usize].recipe = Some(recipe);
    run.tasks[task as usize].phase = Phase::Bound;
    computations::join(state, run_no, task, recipe, out);
}

/// Canonical bytes of a bound task's recipe, with pinned inputs in place.
#[must_use]
pub fn recipe_bytes(run: &Run, task: TaskIdx) -> Vec<u8> {
    let Some(pins) = run.pins.get(&task) else {
        return run.plan.recipe(task, &mut |origin| resolve(run, origin));
    };
    let entries = pinned_entries(run, task);
    run.plan.recipe(task, &mut |origin| {
        let at = entries.iter().position(|e| e == origin);
        at.and_then(|i| pins.get(i))
            .map_or_else(|| resolve(run, origin), |d| Resolved::Digest(*d))
    })
}

fn resolve(run: &Run, origin: &Origin) -> Resolved {
    match origin {
        Origin::Source(source) => {
            let source = run.plan.source(*source);
            if source.absent.is_some() {
                Resolved::Refused(source.digest)
            } else {
                Resolved::Digest(source.digest)
            }
        }
        Origin::Output { task, port } => match run.output(*task, *port) {
            Some(digest) => Resolved::Digest(digest),
            // A bound task's inputs are all done or refused; a digest of nothing can only stand here if that is broken.
            None => Resolved::Refused(run.refusal(*task).unwrap_or(Digest::of(b""))),
        },
    }
}

/// The first refused input that a task cannot go on without, in order of its ports: which one it is does not depend on
/// which ended first. A step that excludes goes on without what it gathers.
fn first_refusal(run: &Run, task: TaskIdx) -> Option<(Digest, Origin)> {
    let excludes = run.plan.step_of(task).missing == Missing::Exclude;
    let kind = run.plan.kind_of(task);
    let needed = run
        .plan
        .ports(task)
        .iter()
        .filter(|port| !(excludes && kind.input(port.name).is_some_and(|p| p.gathers)));
    needed
        .flat_map(|port| run.plan.entries(port))
        .find_map(|entry| match entry.origin {
            Origin::Source(source) => {
                let source = run.plan.source(source);
                source
                    .absent
                    .as_ref()
                    .map(|_| (source.digest, entry.origin))
            }
            Origin::Output { task, .. } => run.refusal(task).map(|refusal| (refusal, entry.origin)),
        })
}

fn pinned_entries(run: &Run, task: TaskIdx) -> Vec<Origin> {
    let ports = run.plan.ports(task).iter().filter(|port| port.pinned);
    ports
        .flat_map(|port| run.plan.entries(port).iter().map(|entry| entry.origin))
        .collect()
}

fn pinned(
    state: &mut State,
    run_no: RunNo,
    task: TaskIdx,
    digests: Vec<Digest>,
    out: &mut Vec<Command>,
) {
    let Some(run) = state.runs.get_mut(&run_no) else {
        return;
    };
    // An answer may come twice, or after the run was dropped.
    if run.tasks[task as usize].phase == Phase::Pinning {
        run.pins.insert(task, digests);
        bind(state, run_no, task, out);
    }
}

/// Ends a task and wakes what is below it; refusals and failures run down the plan here.
///
/// A failure blocks everything below at once. A refusal waits until all inputs of the task below have ended, so that
/// the same one is passed on in every run.
fn settle(
    state: &mut State,
    run_no: RunNo,
    task: TaskIdx,
    phase: Phase,
    digests: &[Digest],
    out: &mut Vec<Command>,
) {
    let Some(run) = state.runs.get_mut(&run_no) else {
        return;
    };
    let plan = Arc::clone(&run.plan);
    let mut ripe = Vec::new();
    let mut ending = vec![(task, phase)];
    let mut digests = Some(digests);
    while let Some((task, phase)) = ending.pop() {
        if run.tasks[task as usize].phase.ended() {
            continue;
        }
        let at = run.outputs.len() as u32;
        run.outputs
            .extend_from_slice(digests.take().unwrap_or_default());
        let entry = &mut run.tasks[task as usize];
        (entry.phase, entry.outputs_at) = (phase, at);
        run.open -= 1;
        for &below in plan.dependents(task) {
            let child = &mut run.tasks[below as usize];
            child.waiting -= 1;
            match phase {
                Phase::Failed | Phase::Blocked => ending.push((below, Phase::Blocked)),
                Phase::Cancelled => ending.push((below, Phase::Cancelled)),
                _ if child.waiting == 0 && !child.phase.ended() => ripe.push(below),
                _ => {}
            }
        }
    }
    for below in ripe {
        wake(state, run_no, below, out);
    }
    end_if_finished(state, run_no, out);
}

fn end_if_finished(state: &mut State, run_no: RunNo, out: &mut Vec<Command>) {
    let now = state.now_ms;
    if let Some(run) = state.runs.get_mut(&run_no)
        && run.open == 0
        && run.ended_ms.is_none()
    {
        run.ended_ms = Some(now);
        out.push(Command::Ended { run: run_no });
    }
}

/// Work in progress goes on, so that it can be kept; nothing else happens for the run any more.
fn cancel(state: &mut State, run_no: RunNo, out: &mut Vec<Command>) {
    let Some(run) = state
        .runs
        .get_mut(&run_no)
        .filter(|run| run.ended_ms.is_none())
    else {
        return;
    };
    run.cancelled = true;
    let open: Vec<TaskIdx> = (0..run.tasks.len() as u32)
        .filter(|t| !run.tasks[*t as usize].phase.ended())
        .collect();
    for task in open {
        settle(state, run_no, task, Phase::Cancelled, &[], out);
    }
    for no in 0..state.comps.len() as CompNo {
        computations::drop_waiters(state, no, run_no);
    }
    // What was only to be made again for the work just dropped goes with it, from the bottom of the plan upwards.
    while let Some(no) = state
        .remakes
        .keys()
        .copied()
        .find(|no| computations::idle(state, *no))
    {
        computations::take(state, no);
    }
}

fn pause(state: &mut State, run_no: RunNo, paused: bool) {
    let Some(run) = state.runs.get_mut(&run_no) else {
        return;
    };
    if run.paused == paused {
        return;
    }
    run.paused = paused;
    for no in 0..state.comps.len() as CompNo {
        let phase = state.comp(no).map(|c| c.phase);
        if matches!(phase, Some(CompPhase::Ready | CompPhase::Parked)) {
            computations::requeue(state, no);
        }
    }
}
