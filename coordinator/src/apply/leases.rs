//! Workers and their leases: given, kept alive, taken up again after a broken link or a restart, ended.

use cas::Outcome;
use digest::Digest;

use super::computations::{
    enter, fail, finish, holder, present, remake_producers, requeue, starve, starved_long,
};
use crate::event::{Command, Hello, Report};
use crate::state::{CompNo, CompPhase, Fence, Ms, State, Worker, WorkerNo, origin_digest};

/// Who reports, under which lease, and when.
pub(super) struct Source {
    pub worker: WorkerNo,
    pub fence: Fence,
    pub wall_ms: u64,
    pub now: Ms,
}

pub(super) fn joined(state: &mut State, no: WorkerNo, hello: Hello, out: &mut Vec<Command>) {
    let site = state.site_no(&hello.site);
    let holders = hello
        .holders
        .iter()
        .map(|name| state.holder_no(name))
        .collect();
    let kinds = hello
        .kinds
        .iter()
        .map(|(name, version)| state.kind_no(name, *version))
        .collect();
    let before = state.workers.remove(&no);
    let (held, load) = before.map(|w| (w.held, w.load)).unwrap_or_default();
    let worker = Worker {
        name: hello.name,
        site,
        holders,
        cores: hello.cores,
        memory_mb: hello.memory_mb,
        kinds,
        connected: true,
        heard_ms: state.now_ms,
        held,
        load,
    };
    state.workers.insert(no, worker);
    // A lease that it does not name never reached it.
    release_unless(state, no, |fence| {
        hello.running.iter().any(|(_, f)| *f == fence)
    });
    for (recipe, fence) in hello.running {
        take_up(state, no, recipe, fence, out);
    }
    let hungry: Vec<CompNo> = state
        .starved
        .iter()
        .map(|(_, comp)| *comp)
        .filter(|comp| state.comp(*comp).is_some_and(|c| c.site == site))
        .collect();
    for comp in hungry {
        requeue(state, comp);
    }
}

/// A worker says that it holds `recipe` from before: it keeps it if nobody else has it.
fn take_up(state: &mut State, no: WorkerNo, recipe: Digest, fence: Fence, out: &mut Vec<Command>) {
    state.next_fence = state.next_fence.max(fence.saturating_add(1));
    let Some(comp_no) = state.by_recipe.get(&recipe).copied() else {
        state.orphans.insert(recipe, (no, fence));
        return;
    };
    let Some((phase, spent)) = state.comp(comp_no).map(|c| (c.phase, c.spent)) else {
        return;
    };
    match phase {
        CompPhase::Leased { worker, fence: f } if worker == no && f == fence => {
            enter(state, comp_no, phase)
        }
        CompPhase::Looking => {
            state.orphans.insert(recipe, (no, fence));
        }
        CompPhase::Leased { .. } => out.push(Command::Stop { worker: no, fence }),
        // It has reported already that this attempt failed, and will again.
        _ if fence <= spent => out.push(Command::Stop { worker: no, fence }),
        _ => enter(state, comp_no, CompPhase::Leased { worker: no, fence }),
    }
}

fn release_unless(state: &mut State, no: WorkerNo, keep: impl Fn(Fence) -> bool) {
    let Some(worker) = state.workers.get(&no) else {
        return;
    };
    let gone: Vec<CompNo> = worker
        .held
        .iter()
        .filter(|(f, _)| !keep(**f))
        .map(|(_, h)| h.comp)
        .collect();
    for comp in gone {
        requeue(state, comp);
    }
}

pub(super) fn lost(state: &mut State, no: WorkerNo) {
    if let Some(worker) = state.workers.get_mut(&no) {
        worker.connected = false;
    }
    state.orphans.retain(|_, (worker, _)| *worker != no);
}

pub(super) fn left(state: &mut State, no: WorkerNo) {
    lost(state, no);
    release_unless(state, no, |_| false);
}

pub(super) fn beat(state: &mut State, no: WorkerNo, fences: &[Fence], out: &mut Vec<Command>) {
    let expires_ms = state.now_ms + state.rules.lease_ms;
    let Some(worker) = state.workers.get_mut(&no) else {
        return;
    };
    worker.heard_ms = state.now_ms;
    for fence in fences {
        match worker.held.get_mut(fence) {
            Some(held) => held.expires_ms = expires_ms,
            // Unknown here: given to somebody else meanwhile, or ended. The worker may stop it.
            None if !state.orphans.values().any(|orphan| *orphan == (no, *fence)) => {
                out.push(Command::Stop {
                    worker: no,
                    fence: *fence,
                })
            }
            None => {}
        }
    }
}

pub(super) fn scheduled(
    state: &mut State,
    assignments: Vec<(CompNo, WorkerNo)>,
    starved: Vec<CompNo>,
    out: &mut Vec<Command>,
) {
    for (no, worker) in assignments {
        let ready = state.comp(no).is_some_and(|c| c.phase == CompPhase::Ready);
        if !ready || !state.workers.get(&worker).is_some_and(|w| state.is_here(w)) {
            continue;
        }
        let fence = state.next_fence;
        state.next_fence += 1;
        enter(state, no, CompPhase::Leased { worker, fence });
        if let Some(comp) = state.comp(no) {
            let (run, task) = comp.waiters[0];
            out.push(Command::Lease {
                worker,
                fence,
                recipe: comp.recipe,
                run,
                task,
            });
        }
    }
    for no in starved {
        if state.comp(no).is_some_and(|c| c.phase == CompPhase::Ready) {
            starve(state, no);
        }
    }
}

pub(super) fn tick(state: &mut State, out: &mut Vec<Command>) {
    let now = state.now_ms;
    while let Some(&(until, no)) = state.delayed.first()
        && until <= now
    {
        requeue(state, no);
    }
    let lease_ms = state.rules.lease_ms;
    let hungry: Vec<CompNo> = state
        .starved
        .iter()
        .take_while(|(since, _)| since + lease_ms <= now)
        .map(|(_, no)| *no)
        .collect();
    for no in hungry {
        if matches!(
            state.comp(no).map(|c| c.phase),
            Some(CompPhase::Starved { .. })
        ) {
            starved_long(state, no);
        }
    }
    let held = state
        .workers
        .iter()
        .flat_map(|(no, worker)| worker.held.values().map(|held| (*no, held)));
    let expired: Vec<(WorkerNo, CompNo)> = held
        .filter(|(_, held)| held.expires_ms <= now)
        .map(|(no, held)| (no, held.comp))
        .collect();
    for (worker, no) in expired {
        expire(state, worker, no, out);
    }
    let silent: Vec<WorkerNo> = state
        .workers
        .iter()
        .filter(|(_, w)| w.connected && !state.is_here(w))
        .map(|(no, _)| *no)
        .collect();
    state
        .orphans
        .retain(|_, (worker, _)| !silent.contains(worker));
}

fn expire(state: &mut State, worker: WorkerNo, no: CompNo, out: &mut Vec<Command>) {
    let losses_max = state.rules.losses_max;
    let Some(comp) = state.comp_mut(no) else {
        return;
    };
    comp.losses = comp.losses.saturating_add(1);
    comp.avoid = Some(worker);
    let losses = comp.losses;
    if losses > losses_max {
        fail(
            state,
            no,
            &format!("lost with its worker {losses} times"),
            out,
        );
    } else {
        requeue(state, no);
    }
}

// ---- reports --------------------------------------------------------------------------------------------------------

pub(super) fn reported(
    state: &mut State,
    from: &Source,
    recipe: Digest,
    report: Report,
    out: &mut Vec<Command>,
) {
    out.push(Command::Ack {
        worker: from.worker,
        fence: from.fence,
    });
    if state.orphans.get(&recipe) == Some(&(from.worker, from.fence)) {
        state.orphans.remove(&recipe);
    }
    if let Report::Ended(Outcome::Outputs(outputs)) = &report {
        let keyed: Vec<Digest> = outputs
            .iter()
            .map(|o| o.digest)
            .filter(Digest::is_keyed)
            .collect();
        let place = state
            .workers
            .get(&from.worker)
            .and_then(|w| w.holders.first().copied());
        if let (Some(place), false) = (place, keyed.is_empty()) {
            let name = state.holders[place as usize].clone();
            present(state, &name, &keyed);
        }
    }
    // Late or twice: the bytes are safe, nobody waits.
    let Some(&no) = state.by_recipe.get(&recipe) else {
        return;
    };
    let holder = holder(state, no);
    if let Report::Ended(outcome) = report {
        if let Some((worker, fence)) = holder.filter(|h| *h != (from.worker, from.fence)) {
            out.push(Command::Stop { worker, fence });
        }
        finish(state, no, &outcome, Some(from), out);
        return;
    }
    // Word of a failed attempt counts only from who holds the lease.
    if holder != Some((from.worker, from.fence)) {
        return;
    }
    if let Some(comp) = state.comp_mut(no) {
        comp.spent = from.fence;
        comp.avoid = Some(from.worker);
    }
    match report {
        Report::Ended(_) => {}
        Report::Failed { bug, message } => failed(state, no, bug, &message, out),
        Report::Missing(digests) => missing(state, no, from.worker, &digests, out),
        Report::Diverged { message } => fail(state, no, &message, out),
    }
}

fn failed(state: &mut State, no: CompNo, bug: bool, message: &str, out: &mut Vec<Command>) {
    let (attempts_max, bugs_max) = (state.rules.attempts_max, state.rules.bugs_max);
    let Some(comp) = state.comp_mut(no) else {
        return;
    };
    let exhausted = if bug {
        comp.bugs += 1;
        comp.bugs >= bugs_max
    } else {
        comp.attempts += 1;
        comp.attempts >= attempts_max
    };
    let n = comp.attempts + comp.bugs;
    if exhausted {
        fail(state, no, message, out);
    } else {
        delay(state, no, n);
    }
}

/// Waits before the next lease: twice as long after each attempt.
fn delay(state: &mut State, no: CompNo, n: u8) {
    let until_ms =
        state.now_ms + (state.rules.backoff_ms << u32::from(n.saturating_sub(1)).min(10));
    enter(state, no, CompPhase::Delayed { until_ms });
}

/// The worker's place does not have what it should. What tasks made is lost there, and made again when nobody has it;
/// a source may come back, so it is tried again, elsewhere first.
fn missing(
    state: &mut State,
    no: CompNo,
    worker: WorkerNo,
    digests: &[Digest],
    out: &mut Vec<Command>,
) {
    let holders = state
        .workers
        .get(&worker)
        .map(|w| w.holders.clone())
        .unwrap_or_default();
    let made = made_by_tasks(state, no, digests);
    for digest in made.iter().filter(|d| d.is_keyed()) {
        if let Some(held) = state.presence.get_mut(digest) {
            held.retain(|h| !holders.contains(h));
        }
    }
    let misses_max = state.rules.attempts_max.saturating_mul(2);
    let Some(comp) = state.comp_mut(no) else {
        return;
    };
    comp.misses += 1;
    let misses = comp.misses;
    if misses >= misses_max {
        let which = digests.first().map(Digest::to_string).unwrap_or_default();
        fail(
            state,
            no,
            &format!("input {which} stays missing after {misses} attempts"),
            out,
        );
        return;
    }
    let plain: Vec<Digest> = made.iter().copied().filter(|d| !d.is_keyed()).collect();
    if remake_producers(state, no, None, &plain) {
        starve(state, no);
    } else if made.len() == digests.len() {
        requeue(state, no);
    } else {
        delay(state, no, misses);
    }
}

/// Those of the digests that are outputs of tasks.
fn made_by_tasks(state: &State, no: CompNo, digests: &[Digest]) -> Vec<Digest> {
    use pipeline_defs::plan::Origin;
    let Some(&(run, task)) = state.comp(no).and_then(|c| c.waiters.first()) else {
        return Vec::new();
    };
    let Some(run) = state.runs.get(&run) else {
        return Vec::new();
    };
    let entries = run
        .plan
        .ports(task)
        .iter()
        .flat_map(|port| run.plan.entries(port));
    let outputs: Vec<Digest> = entries
        .filter(|e| matches!(e.origin, Origin::Output { .. }))
        .filter_map(|e| origin_digest(run, &e.origin))
        .collect();
    digests
        .iter()
        .copied()
        .filter(|d| outputs.contains(d))
        .collect()
}
