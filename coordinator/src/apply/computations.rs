//! The life of a computation: looked for, ready, leased, delayed, starved, ended. Every change of phase goes through
//! [`enter`], which keeps the lists by phase and the workers' leases true.

use cas::Outcome;
use digest::Digest;
use pipeline_defs::plan::{Origin, TaskIdx};

use super::leases::Source;
use super::settle;
use crate::event::Command;
use crate::state::{
    Comp, CompNo, CompPhase, Fence, Held, HolderNo, Phase, RunNo, Span, State, WorkerNo,
    origin_digest,
};

/// A bound task waits for the computation of its recipe, which begins if there is none.
pub(super) fn join(
    state: &mut State,
    run_no: RunNo,
    task: TaskIdx,
    recipe: Digest,
    out: &mut Vec<Command>,
) {
    if let Some(&no) = state.by_recipe.get(&recipe) {
        if let Some(comp) = state.comp_mut(no) {
            comp.waiters.push((run_no, task));
            if comp.phase == CompPhase::Parked {
                requeue(state, no);
            }
        }
        return;
    }
    if let Some(comp) = begin(state, run_no, task, recipe) {
        out.push(Command::Look { comp, recipe });
    }
}

fn begin(state: &mut State, run_no: RunNo, task: TaskIdx, recipe: Digest) -> Option<CompNo> {
    let run = state.runs.get(&run_no)?;
    let (kind, priority) = (run.plan.kind_of(task), run.plan.depth_to_sink(task));
    let site = run.plan.site_of(task).map(str::to_owned);
    let comp = Comp {
        recipe,
        phase: CompPhase::Looking,
        waiters: vec![(run_no, task)],
        site: site.map_or(0, |name| state.site_no(&name)),
        kind: state.kind_no(kind.name, kind.version),
        priority,
        attempts: 0,
        bugs: 0,
        losses: 0,
        misses: 0,
        avoid: None,
        spent: 0,
        remake: false,
        place: None,
        cores: kind.cost.cores,
        memory_mb: kind.cost.memory_mb,
        seconds: kind.cost.seconds,
    };
    let no = state.free.pop().unwrap_or_else(|| {
        state.comps.push(None);
        (state.comps.len() - 1) as CompNo
    });
    state.comps[no as usize] = Some(comp);
    state.by_recipe.insert(recipe, no);
    Some(no)
}

pub(super) fn looked(
    state: &mut State,
    no: CompNo,
    recipe: Digest,
    answer: Option<Outcome>,
    out: &mut Vec<Command>,
) {
    if !state
        .comp(no)
        .is_some_and(|comp| comp.phase == CompPhase::Looking && comp.recipe == recipe)
    {
        return;
    }
    if let Some(outcome) = answer {
        finish(state, no, &outcome, None, out);
        return;
    }
    // A miss. A worker may hold it from before a restart: then it goes on with its old lease.
    match state.orphans.remove(&recipe) {
        Some((worker, fence)) if state.workers.get(&worker).is_some_and(|w| state.is_here(w)) => {
            enter(state, no, CompPhase::Leased { worker, fence })
        }
        _ => requeue(state, no),
    }
}

// ---- phases ---------------------------------------------------------------------------------------------------------

/// Changes the phase of a computation and every list that depends on it. A lease begins or is extended now.
pub(super) fn enter(state: &mut State, no: CompNo, phase: CompPhase) {
    leave(state, no);
    let (now, lease_ms, key) = (state.now_ms, state.rules.lease_ms, state.ready_key(no));
    let Some(comp) = state.comps.get_mut(no as usize).and_then(Option::as_mut) else {
        return;
    };
    comp.phase = phase;
    match phase {
        CompPhase::Looking | CompPhase::Parked => {}
        CompPhase::Ready => {
            state
                .ready
                .entry((comp.site, comp.kind))
                .or_default()
                .extend(key);
        }
        CompPhase::Delayed { until_ms } => {
            state.delayed.insert((until_ms, no));
        }
        CompPhase::Starved { since_ms } => {
            state.starved.insert((since_ms, no));
        }
        CompPhase::Leased { worker, fence } => {
            if let Some(worker) = state.workers.get_mut(&worker) {
                worker.held.insert(
                    fence,
                    Held {
                        comp: no,
                        expires_ms: now + lease_ms,
                        since_ms: now,
                    },
                );
                worker.load.add(comp);
            }
        }
    }
}

/// Takes a computation off the lists of its phase.
fn leave(state: &mut State, no: CompNo) {
    let key = state.ready_key(no);
    let Some(comp) = state.comps.get(no as usize).and_then(Option::as_ref) else {
        return;
    };
    match comp.phase {
        CompPhase::Looking | CompPhase::Parked => {}
        CompPhase::Ready => {
            if let (Some(key), Some(set)) = (key, state.ready.get_mut(&(comp.site, comp.kind))) {
                set.remove(&key);
            }
        }
        CompPhase::Delayed { until_ms } => {
            state.delayed.remove(&(until_ms, no));
        }
        CompPhase::Starved { since_ms } => {
            state.starved.remove(&(since_ms, no));
        }
        CompPhase::Leased { worker, fence } => {
            if let Some(worker) = state.workers.get_mut(&worker)
                && worker.held.remove(&fence).is_some()
            {
                worker.load.remove(comp);
            }
        }
    }
}

/// Back among the ready; parked when its runs are paused, dropped when nobody wants it.
pub(super) fn requeue(state: &mut State, no: CompNo) {
    if !wanted(state, no) {
        take(state, no);
        return;
    }
    let Some(comp) = state.comp(no) else { return };
    let paused = |(run, _): &(RunNo, TaskIdx)| state.runs.get(run).is_some_and(|run| run.paused);
    let parked = !comp.remake && comp.waiters.iter().all(paused);
    enter(
        state,
        no,
        if parked {
            CompPhase::Parked
        } else {
            CompPhase::Ready
        },
    );
}

/// Whether a task or a computation below still waits for it.
fn wanted(state: &State, no: CompNo) -> bool {
    let Some(comp) = state.comp(no) else {
        return false;
    };
    let open = |(run, task): &(RunNo, TaskIdx)| {
        state
            .runs
            .get(run)
            .is_some_and(|run| !run.tasks[*task as usize].phase.ended())
    };
    comp.waiters.iter().any(open)
        || state.remakes.get(&no).is_some_and(|below| {
            below
                .iter()
                .any(|recipe| state.by_recipe.contains_key(recipe))
        })
}

/// Whether nobody wants it and nobody works on it.
pub(super) fn idle(state: &State, no: CompNo) -> bool {
    state
        .comp(no)
        .is_some_and(|comp| !matches!(comp.phase, CompPhase::Leased { .. }))
        && !wanted(state, no)
}

/// Forgets a computation. With it come the recipes that wait until it made their lost inputs again.
pub(super) fn take(state: &mut State, no: CompNo) -> Option<(Comp, Vec<Digest>)> {
    leave(state, no);
    let comp = state.comps.get_mut(no as usize)?.take()?;
    state.free.push(no);
    state.by_recipe.remove(&comp.recipe);
    Some((comp, state.remakes.remove(&no).unwrap_or_default()))
}

/// Forgets the waiters of a cancelled run. The last waiters of work in progress stay, so that it can be finished and kept.
pub(super) fn drop_waiters(state: &mut State, no: CompNo, run_no: RunNo) {
    if idle(state, no) {
        take(state, no);
        return;
    }
    let Some(comp) = state.comp(no) else { return };
    let mine = comp
        .waiters
        .iter()
        .filter(|(run, _)| *run == run_no)
        .count();
    if mine == 0 || mine == comp.waiters.len() {
        return;
    }
    let waiting = matches!(comp.phase, CompPhase::Ready | CompPhase::Parked);
    if waiting {
        // The first waiter is part of the key among the ready, and the others may be paused.
        enter(state, no, CompPhase::Looking);
    }
    if let Some(comp) = state.comp_mut(no) {
        comp.waiters.retain(|(run, _)| *run != run_no);
    }
    if waiting {
        requeue(state, no);
    }
}

// ---- ends -----------------------------------------------------------------------------------------------------------

/// Ends a computation: its waiters get the outcome, the tasks below them wake. `ran`: by whom, in this life.
pub(super) fn finish(
    state: &mut State,
    no: CompNo,
    outcome: &Outcome,
    ran: Option<&Source>,
    out: &mut Vec<Command>,
) {
    let Some((comp, below)) = take(state, no) else {
        return;
    };
    if let Some((worker, fence)) = state.orphans.remove(&comp.recipe) {
        out.push(Command::Stop { worker, fence });
    }
    if let (Some(source), Some((run, task))) = (ran, comp.waiters.first())
        && let Some(run) = state.runs.get_mut(run)
    {
        let started_ms = source.now.saturating_sub(source.wall_ms);
        run.spans.push(Span {
            task: *task,
            worker: source.worker,
            started_ms,
            wall_ms: source.wall_ms,
        });
    }
    let done = if ran.is_some() {
        Phase::Ran
    } else {
        Phase::Reused
    };
    for (run_no, task) in comp.waiters {
        match outcome {
            Outcome::Outputs(outputs) => {
                let digests = in_port_order(state, run_no, task, outputs);
                settle(state, run_no, task, done, &digests, out);
            }
            Outcome::Refused(refusal) => {
                if let Some(run) = state
                    .runs
                    .get_mut(&run_no)
                    .filter(|run| !run.tasks[task as usize].phase.ended())
                {
                    run.refusals.push((task, *refusal));
                }
                settle(state, run_no, task, Phase::Refused, &[*refusal], out);
            }
        }
    }
    for recipe in below {
        // It goes on when the last of its lost inputs is there; before, it would only find the next one missing.
        let awaited = state
            .remakes
            .values()
            .any(|waiting| waiting.contains(&recipe));
        if let Some(no) = starved(state, &recipe).filter(|_| !awaited) {
            requeue(state, no);
        }
    }
}

fn in_port_order(
    state: &State,
    run_no: RunNo,
    task: TaskIdx,
    outputs: &[cas::Output],
) -> Vec<Digest> {
    let Some(run) = state.runs.get(&run_no) else {
        return Vec::new();
    };
    let kind = run.plan.kind_of(task);
    kind.outputs
        .iter()
        .map(|port| {
            outputs
                .iter()
                .find(|o| o.port == port.name)
                .map_or(Digest::of(b""), |o| o.digest)
        })
        .collect()
}

/// Gives a computation up, and those that wait until it makes their lost inputs again.
pub(super) fn fail(state: &mut State, no: CompNo, message: &str, out: &mut Vec<Command>) {
    let Some((comp, below)) = take(state, no) else {
        return;
    };
    for (run_no, task) in comp.waiters {
        if let Some(run) = state
            .runs
            .get_mut(&run_no)
            .filter(|run| !run.tasks[task as usize].phase.ended())
        {
            run.failures.push((task, message.to_owned()));
        }
        settle(state, run_no, task, Phase::Failed, &[], out);
    }
    for recipe in below {
        if let Some(no) = starved(state, &recipe) {
            fail(
                state,
                no,
                &format!("an input was lost and cannot be made again: {message}"),
                out,
            );
        }
    }
}

fn starved(state: &State, recipe: &Digest) -> Option<CompNo> {
    let no = *state.by_recipe.get(recipe)?;
    matches!(state.comp(no)?.phase, CompPhase::Starved { .. }).then_some(no)
}

// ---- lost inputs ----------------------------------------------------------------------------------------------------

/// A holder has these: starved work that lacks them is looked at again.
pub(super) fn present(state: &mut State, holder: &str, digests: &[Digest]) {
    let no = state.holder_no(holder);
    for digest in digests {
        let held = state.presence.entry(*digest).or_default();
        if !held.contains(&no) {
            held.push(no);
        }
        for comp in state.lacking.remove(digest).unwrap_or_default() {
            if matches!(
                state.comp(comp).map(|c| c.phase),
                Some(CompPhase::Starved { .. })
            ) {
                requeue(state, comp);
            }
        }
    }
}

/// Nobody who is here can read all inputs. What is known to be lost, or lies at several places apart, is made again at
/// once; for the rest somebody may only be on his way, or have not said yet what he has.
pub(super) fn starve(state: &mut State, no: CompNo) {
    let (place, lacking) = nearest(state, no);
    let here = live_holders(state, no);
    let gone = |d: &&Digest| {
        state
            .presence
            .get(*d)
            .is_some_and(|held| held.is_empty() || held.iter().any(|h| here.contains(h)))
    };
    let lost: Vec<Digest> = lacking.iter().filter(gone).copied().collect();
    remake_producers(state, no, place, &lost);
    for digest in lacking {
        let waiting = state.lacking.entry(digest).or_default();
        if !waiting.contains(&no) {
            waiting.push(no);
        }
    }
    let since_ms = state.now_ms;
    enter(state, no, CompPhase::Starved { since_ms });
}

/// It starved for as long as a lease lives: what nobody brought is made again. A source cannot be made: it is waited for.
pub(super) fn starved_long(state: &mut State, no: CompNo) {
    if !wanted(state, no) {
        take(state, no);
        return;
    }
    let here = live_holders(state, no);
    let since_ms = state.now_ms;
    if here.is_empty() {
        // Nobody of the site is here: nothing could be made, and who comes may have it.
        enter(state, no, CompPhase::Starved { since_ms });
        return;
    }
    if let Some(comp) = state.comp_mut(no)
        && comp.place.is_some_and(|place| !here.contains(&place))
    {
        // The place where it was to be made is away: any other will do.
        comp.place = None;
    }
    let (place, lacking) = nearest(state, no);
    let remakes = remake_producers(state, no, place, &lacking);
    let awaited = state.comp(no).is_some_and(|c| {
        state
            .remakes
            .values()
            .any(|below| below.contains(&c.recipe))
    });
    if lacking.is_empty() && !remakes && !awaited {
        requeue(state, no);
        return;
    }
    enter(state, no, CompPhase::Starved { since_ms });
}

/// Holders that workers who are here read, at the site of a computation.
fn live_holders(state: &State, no: CompNo) -> Vec<HolderNo> {
    let Some(site) = state.comp(no).map(|c| c.site) else {
        return Vec::new();
    };
    state
        .workers
        .values()
        .filter(|w| w.site == site && state.is_here(w))
        .flat_map(|w| w.holders.iter().copied())
        .collect()
}

/// The place of the worker that lacks the fewest of the inputs, sources counting most, and what it lacks.
fn nearest(state: &State, no: CompNo) -> (Option<HolderNo>, Vec<Digest>) {
    let Some(comp) = state.comp(no) else {
        return (None, Vec::new());
    };
    let inputs = state.keyed_inputs(no);
    let sources = sources_of(state, comp);
    let crew = state.workers.values().filter(|w| {
        w.site == comp.site && state.is_here(w) && comp.place.is_none_or(|p| w.holders.contains(&p))
    });
    let lacks = crew.map(|worker| {
        let read = |d: &Digest| {
            state
                .presence
                .get(d)
                .is_some_and(|held| held.iter().any(|h| worker.holders.contains(h)))
        };
        let lacking: Vec<Digest> = inputs.iter().copied().filter(|d| !read(d)).collect();
        (worker.holders.first().copied(), lacking)
    });
    let nearest = lacks.min_by_key(|(_, lacking)| {
        (
            lacking.iter().filter(|d| sources.contains(d)).count(),
            lacking.len(),
        )
    });
    nearest.unwrap_or((None, inputs))
}

fn sources_of(state: &State, comp: &Comp) -> Vec<Digest> {
    let Some((run, task)) = comp
        .waiters
        .first()
        .and_then(|(no, task)| Some((state.runs.get(no)?, *task)))
    else {
        return Vec::new();
    };
    let entries = run
        .plan
        .ports(task)
        .iter()
        .flat_map(|port| run.plan.entries(port));
    entries
        .filter(|e| matches!(e.origin, Origin::Source(_)))
        .filter_map(|e| origin_digest(run, &e.origin))
        .collect()
}

/// Readies the tasks that made `lost` inputs of a computation, at a place, without asking the action cache. Whether
/// there were any.
pub(super) fn remake_producers(
    state: &mut State,
    no: CompNo,
    place: Option<HolderNo>,
    lost: &[Digest],
) -> bool {
    let Some(comp) = state.comp(no) else {
        return false;
    };
    let (below, (run_no, task)) = (comp.recipe, comp.waiters[0]);
    let Some(run) = state.runs.get(&run_no) else {
        return false;
    };
    let mut producers: Vec<(TaskIdx, Digest)> = Vec::new();
    for entry in run
        .plan
        .ports(task)
        .iter()
        .flat_map(|port| run.plan.entries(port))
    {
        let Origin::Output { task: above, .. } = entry.origin else {
            continue;
        };
        let is_lost = origin_digest(run, &entry.origin).is_some_and(|d| lost.contains(&d));
        if let (true, Some(recipe)) = (is_lost, run.tasks[above as usize].recipe) {
            producers.push((above, recipe));
        }
    }
    for (above, recipe) in &producers {
        remake(state, run_no, *above, recipe, place, below);
    }
    !producers.is_empty()
}

/// Begins to make one output again, or waits for whoever makes it already.
fn remake(
    state: &mut State,
    run_no: RunNo,
    above: TaskIdx,
    recipe: &Digest,
    place: Option<HolderNo>,
    below: Digest,
) {
    let known = state.by_recipe.get(recipe).copied();
    let Some(made) = known.or_else(|| begin(state, run_no, above, *recipe)) else {
        return;
    };
    let waiting = state.remakes.entry(made).or_default();
    if !waiting.contains(&below) {
        waiting.push(below);
    }
    let Some(comp) = state.comp_mut(made) else {
        return;
    };
    comp.remake = true;
    if known.is_none() {
        // What runs at the hub has one place only.
        comp.place = place.filter(|_| comp.site != 0);
    }
    if known.is_none() || comp.phase == CompPhase::Parked {
        requeue(state, made);
    }
}

/// The worker that holds a computation, and under which lease.
pub(super) fn holder(state: &State, no: CompNo) -> Option<(WorkerNo, Fence)> {
    match state.comp(no)?.phase {
        CompPhase::Leased { worker, fence } => Some((worker, fence)),
        _ => None,
    }
}
