//! Who gets what: a pure function of the state.
//!
//! Problem: workers with cores and memory, ready computations with a site, a cost and a place where their site-bound
//! inputs lie. Wanted: (1) a computation with site-bound inputs goes only to a worker that can read all of them;
//! (2) hub work goes only to hub workers; (3) nobody holds more than its cores plus a short backlog of small work;
//! (4) the longest remaining path goes first; (5) the answer depends on nothing but the state.
//!
//! A computation whose inputs no live worker can read is reported as *starved*: somebody must make them again.

use std::collections::BTreeMap;

use crate::state::{CompNo, HolderNo, State, Worker, WorkerNo};

/// Ready entries looked at beyond those given away, a site a call: keeps one call short when much is ready.
const WINDOW: usize = 512;

/// What to do next.
#[derive(Debug, Default, PartialEq)]
pub struct Schedule {
    /// Computation and who gets it, in order.
    pub assignments: Vec<(CompNo, WorkerNo)>,
    /// Computations that no live worker of their site can read the inputs of.
    pub starved: Vec<CompNo>,
}

struct Load {
    cores: u32,
    seconds: f32,
    memory_mb: u64,
    count: usize,
}

/// Gives ready work to workers that can take it.
#[must_use]
pub fn schedule(state: &State) -> Schedule {
    let mut loads: BTreeMap<WorkerNo, Load> =
        state.workers.iter().filter(|(_, w)| w.connected).map(|(no, w)| (*no, load_of(state, w))).collect();
    let mut plan = Schedule::default();
    for (site, ready) in &state.ready {
        if ready.is_empty() {
            continue;
        }
        let crew: Vec<(WorkerNo, &Worker)> =
            state.workers.iter().filter(|(_, w)| w.connected && w.site == *site).map(|(no, w)| (*no, w)).collect();
        if crew.is_empty() {
            continue;
        }
        let mut passed = 0;
        for key in ready {
            if passed >= WINDOW || crew.iter().all(|(no, w)| loads.get(no).is_none_or(|l| full(state, w, l))) {
                break;
            }
            match choose(state, key.comp, &crew, &loads) {
                Choice::Give(worker) => {
                    if let (Some(load), Some(comp)) = (loads.get_mut(&worker), state.comp(key.comp)) {
                        load.cores += u32::from(comp.cores);
                        load.seconds += comp.seconds;
                        load.memory_mb += u64::from(comp.memory_mb);
                        load.count += 1;
                    }
                    plan.assignments.push((key.comp, worker));
                }
                Choice::Wait => passed += 1,
                Choice::Starved => {
                    passed += 1;
                    plan.starved.push(key.comp);
                }
            }
        }
    }
    plan
}

enum Choice {
    Give(WorkerNo),
    Wait,
    Starved,
}

fn choose(state: &State, comp_no: CompNo, crew: &[(WorkerNo, &Worker)], loads: &BTreeMap<WorkerNo, Load>) -> Choice {
    let Some(comp) = state.comp(comp_no) else { return Choice::Wait };
    let Some(&(run, task)) = comp.waiters.first() else { return Choice::Wait };
    let Some(run) = state.runs.get(&run) else { return Choice::Wait };
    if run.paused && !comp.remake {
        return Choice::Wait;
    }
    let kind = run.plan.kind_of(task);
    let inputs = state.keyed_inputs(comp_no);
    let mut readable = false;
    let mut best: Option<(bool, u32, WorkerNo)> = None;
    for (no, worker) in crew {
        if !inputs.iter().all(|d| state.presence.get(d).is_some_and(|held| reads(worker, held))) {
            continue;
        }
        readable = true;
        let Some(load) = loads.get(no) else { continue };
        let able = worker.kinds.iter().any(|(name, version)| name == kind.name && *version == kind.version);
        let alone = load.count == 0;
        let fits = alone || load.memory_mb + u64::from(comp.memory_mb) <= worker.memory_mb;
        if !able || full(state, worker, load) || !fits {
            continue;
        }
        let avoided = comp.avoid == Some(*no);
        let rank = (avoided, load.cores * 1_000 / worker.cores.max(1), *no);
        if best.is_none_or(|b| rank < b) {
            best = Some(rank);
        }
    }
    match best {
        Some((_, _, worker)) => Choice::Give(worker),
        None if !readable => Choice::Starved,
        None => Choice::Wait,
    }
}

fn reads(worker: &Worker, held: &[HolderNo]) -> bool {
    worker.holders.iter().any(|h| held.contains(h))
}

fn full(state: &State, worker: &Worker, load: &Load) -> bool {
    if load.cores < worker.cores {
        return false;
    }
    load.count >= state.rules.held_max || load.seconds >= state.rules.backlog_seconds * worker.cores as f32
}

fn load_of(state: &State, worker: &Worker) -> Load {
    let mut load = Load { cores: 0, seconds: 0.0, memory_mb: 0, count: worker.held.len() };
    for held in worker.held.values() {
        if let Some(comp) = state.comp(held.comp) {
            load.cores += u32::from(comp.cores);
            load.seconds += comp.seconds;
            load.memory_mb += u64::from(comp.memory_mb);
        }
    }
    load
}
