//! What an event does to the state: the whole behaviour of the coordinator, without clock, disk, network or chance.
//!
//! Data flow: an event changes tasks and computations; a task whose dependencies ended is *bound* to its recipe;
//! a new recipe is looked up; a miss becomes ready; a report ends the computation and wakes the tasks that waited.

use cas::Outcome;
use digest::Digest;
use pipeline_defs::Missing;
use pipeline_defs::plan::{Origin, Resolved, TaskIdx};

use crate::event::{Command, Event, Hello, Report};
use crate::state::{Comp, CompNo, CompPhase, Fence, Held, Ms, Phase, Run, RunNo, Span, State, TaskState, Worker, WorkerNo, origin_digest};

/// Applies one event; what must be done about it comes back in order.
pub fn apply(state: &mut State, event: Event) -> Vec<Command> {
    let mut out = Vec::new();
    match event {
        Event::Submitted { run, plan, now } => submit(state, run, plan, now, &mut out),
        Event::Looked { comp, recipe, answer } => looked(state, comp, recipe, answer, &mut out),
        Event::Pinned { run, task, digests } => pinned(state, run, task, digests, &mut out),
        Event::Joined { worker, hello, now } => joined(state, worker, hello, now, &mut out),
        Event::Present { holder, digests } => present(state, &holder, &digests),
        Event::Lost { worker } => lost(state, worker),
        Event::Left { worker } => left(state, worker),
        Event::Beat { worker, fences, now } => beat(state, worker, &fences, now, &mut out),
        Event::Reported { worker, fence, recipe, report, wall_ms, now } => {
            reported(state, &Source { worker, fence, wall_ms, now }, recipe, report, &mut out);
        }
        Event::Scheduled { assignments, starved, now } => scheduled(state, assignments, starved, now, &mut out),
        Event::Tick { now } => tick(state, now, &mut out),
        Event::Cancel { run, now } => cancel(state, run, now, &mut out),
        Event::Pause { run, paused } => {
            if let Some(run) = state.runs.get_mut(&run) {
                run.paused = paused;
            }
        }
    }
    out
}

// ---- runs and tasks -------------------------------------------------------------------------------------------------

fn submit(state: &mut State, no: RunNo, plan: std::sync::Arc<pipeline_defs::plan::Plan>, now: Ms, out: &mut Vec<Command>) {
    let n = plan.n_tasks() as u32;
    let tasks: Vec<TaskState> = (0..n)
        .map(|t| TaskState { recipe: None, outputs_at: 0, waiting: plan.dependencies(t).count() as u32, phase: Phase::Waiting })
        .collect();
    let roots: Vec<TaskIdx> = (0..n).filter(|t| tasks[*t as usize].waiting == 0).collect();
    let run = Run {
        plan,
        tasks,
        outputs: Vec::new(),
        pins: std::collections::BTreeMap::new(),
        spans: Vec::new(),
        open: n,
        paused: false,
        cancelled: false,
        failures: Vec::new(),
        refusals: Vec::new(),
        submitted_ms: now,
        ended_ms: None,
    };
    state.runs.insert(no, run);
    for task in roots {
        bind(state, no, task, out);
    }
    if n == 0 {
        end_if_finished(state, no, now, out);
    }
}

/// Gives a task its recipe and joins or starts the computation of it.
fn bind(state: &mut State, run_no: RunNo, task: TaskIdx, out: &mut Vec<Command>) {
    let Some(run) = state.runs.get_mut(&run_no) else { return };
    if run.tasks[task as usize].phase.ended() {
        return;
    }
    if let Some(refusal) = absent_source(run, task) {
        run.refusals.push((task, refusal));
        settle(state, run_no, task, Phase::Refused, &[refusal], 0, out);
        return;
    }
    if !run.pins.contains_key(&task)
        && let Some(key) = run.plan.pin_key(task, &mut |origin| resolve(run, origin))
    {
        let current = pinned_entries(run, task).iter().filter_map(|o| origin_digest(run, o)).collect();
        run.tasks[task as usize].phase = Phase::Pinning;
        out.push(Command::Pin { run: run_no, task, key: Digest::of(&key), current });
        return;
    }
    let recipe = Digest::of(&recipe_bytes(run, task));
    run.tasks[task as usize].recipe = Some(recipe);
    run.tasks[task as usize].phase = Phase::Bound;
    join(state, run_no, task, recipe, out);
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
        at.and_then(|i| pins.get(i)).map_or_else(|| resolve(run, origin), |d| Resolved::Digest(*d))
    })
}

fn resolve(run: &Run, origin: &Origin) -> Resolved {
    match origin {
        Origin::Source(source) => {
            let source = run.plan.source(*source);
            if source.absent.is_some() { Resolved::Refused(source.digest) } else { Resolved::Digest(source.digest) }
        }
        Origin::Output { task, port } => match run.output(*task, *port) {
            Some(digest) => Resolved::Digest(digest),
            // A bound task's inputs are all done or refused; a digest of nothing can only stand here if that is broken.
            None => Resolved::Refused(run.refusal(*task).unwrap_or(Digest::of(b""))),
        },
    }
}

/// The refusal of an item that the patient does not have, when the task cannot go on without it.
fn absent_source(run: &Run, task: TaskIdx) -> Option<Digest> {
    let excludes = run.plan.step_of(task).missing == Missing::Exclude;
    let kind = run.plan.kind_of(task);
    run.plan.ports(task).iter().find_map(|port| {
        let gathers = kind.input(port.name).is_some_and(|p| p.gathers);
        run.plan.entries(port).iter().find_map(|entry| match entry.origin {
            Origin::Source(source) if !(excludes && gathers) => {
                let source = run.plan.source(source);
                source.absent.as_ref().map(|_| source.digest)
            }
            _ => None,
        })
    })
}

fn pinned_entries(run: &Run, task: TaskIdx) -> Vec<Origin> {
    let ports = run.plan.ports(task).iter().filter(|port| port.pinned);
    ports.flat_map(|port| run.plan.entries(port).iter().map(|entry| entry.origin)).collect()
}

fn pinned(state: &mut State, run_no: RunNo, task: TaskIdx, digests: Vec<Digest>, out: &mut Vec<Command>) {
    if let Some(run) = state.runs.get_mut(&run_no) {
        run.pins.insert(task, digests);
        bind(state, run_no, task, out);
    }
}

fn join(state: &mut State, run_no: RunNo, task: TaskIdx, recipe: Digest, out: &mut Vec<Command>) {
    if let Some(&no) = state.by_recipe.get(&recipe) {
        if let Some(comp) = state.comp_mut(no) {
            comp.waiters.push((run_no, task));
        }
        return;
    }
    let comp = new_comp(state, run_no, task, recipe, CompPhase::Looking);
    out.push(Command::Look { comp, recipe });
}

fn new_comp(state: &mut State, run_no: RunNo, task: TaskIdx, recipe: Digest, phase: CompPhase) -> CompNo {
    let (site, cost, priority) = match state.runs.get(&run_no) {
        Some(run) => (run.plan.site_of(task).map(str::to_owned), run.plan.kind_of(task).cost, run.plan.depth_to_sink(task)),
        None => return 0,
    };
    let site = site.map_or(0, |name| state.site_no(&name));
    let comp = Comp {
        recipe,
        phase,
        waiters: vec![(run_no, task)],
        site,
        priority,
        attempts: 0,
        bugs: 0,
        losses: 0,
        avoid: None,
        remake: false,
        cores: cost.cores,
        memory_mb: cost.memory_mb,
        seconds: cost.seconds,
    };
    let no = match state.free.pop() {
        Some(no) => {
            state.comps[no as usize] = Some(comp);
            no
        }
        None => {
            state.comps.push(Some(comp));
            (state.comps.len() - 1) as CompNo
        }
    };
    state.by_recipe.insert(recipe, no);
    no
}

fn looked(state: &mut State, no: CompNo, recipe: Digest, answer: Option<Outcome>, out: &mut Vec<Command>) {
    match state.comp(no) {
        Some(comp) if comp.phase == CompPhase::Looking && comp.recipe == recipe => {}
        _ => return,
    }
    if let Some(outcome) = answer {
        finish(state, no, &outcome, None, out);
        return;
    }
    // A miss. A worker may hold it from before a restart: then it goes on with its old lease.
    let orphan = state.orphans.remove(&recipe);
    if let Some((worker_no, fence)) = orphan
        && let Some(worker) = state.workers.get_mut(&worker_no)
        && worker.connected
    {
        let held = Held { comp: no, expires_ms: Ms::MAX, since_ms: 0 };
        worker.held.insert(fence, held);
        if let Some(comp) = state.comp_mut(no) {
            comp.phase = CompPhase::Leased { worker: worker_no, fence };
        }
        return;
    }
    make_ready(state, no);
}

fn make_ready(state: &mut State, no: CompNo) {
    if let Some(comp) = state.comp_mut(no) {
        comp.phase = CompPhase::Ready;
        let site = comp.site;
        if let Some(key) = state.ready_key(no) {
            state.ready.entry(site).or_default().insert(key);
        }
    }
}

fn unready(state: &mut State, no: CompNo) {
    let Some(comp) = state.comp(no) else { return };
    let site = comp.site;
    match comp.phase {
        CompPhase::Ready => {
            if let (Some(key), Some(set)) = (state.ready_key(no), state.ready.get_mut(&site)) {
                set.remove(&key);
            }
        }
        CompPhase::Delayed { until_ms } => {
            state.delayed.remove(&(until_ms, no));
        }
        _ => {}
    }
}

/// Ends a computation: its waiters get the outcome, the tasks below them wake. `ran`: by whom, in this life.
fn finish(state: &mut State, no: CompNo, outcome: &Outcome, ran: Option<&Source>, out: &mut Vec<Command>) {
    let Some(comp) = take_comp(state, no) else { return };
    let now = ran.map_or(0, |s| s.now);
    for (at, (run_no, task)) in comp.waiters.iter().copied().enumerate() {
        if let (Some(source), Some(run), 0) = (ran, state.runs.get_mut(&run_no), at) {
            let started_ms = source.now.saturating_sub(source.wall_ms);
            run.spans.push(Span { task, worker: source.worker, started_ms, wall_ms: source.wall_ms });
        }
        let phase = if ran.is_some() { Phase::Ran } else { Phase::Reused };
        match outcome {
            Outcome::Outputs(outputs) => {
                let digests: Vec<Digest> = in_port_order(state, run_no, task, outputs);
                settle(state, run_no, task, phase, &digests, now, out);
            }
            Outcome::Refused(refusal) => {
                if let Some(run) = state.runs.get_mut(&run_no)
                    && !run.tasks[task as usize].phase.ended()
                {
                    run.refusals.push((task, *refusal));
                }
                settle(state, run_no, task, Phase::Refused, &[*refusal], now, out);
            }
        }
    }
}

fn in_port_order(state: &State, run_no: RunNo, task: TaskIdx, outputs: &[cas::Output]) -> Vec<Digest> {
    let Some(run) = state.runs.get(&run_no) else { return Vec::new() };
    let kind = run.plan.kind_of(task);
    kind.outputs
        .iter()
        .map(|port| outputs.iter().find(|o| o.port == port.name).map_or(Digest::of(b""), |o| o.digest))
        .collect()
}

fn take_comp(state: &mut State, no: CompNo) -> Option<Comp> {
    unready(state, no);
    let comp = state.comps.get_mut(no as usize)?.take()?;
    state.free.push(no);
    state.by_recipe.remove(&comp.recipe);
    if let CompPhase::Leased { worker, fence } = comp.phase
        && let Some(worker) = state.workers.get_mut(&worker)
    {
        worker.held.remove(&fence);
    }
    Some(comp)
}

/// Ends a task and wakes what is below it; refusals and failures run down the plan here, without recursion.
fn settle(state: &mut State, run_no: RunNo, task: TaskIdx, phase: Phase, digests: &[Digest], now: Ms, out: &mut Vec<Command>) {
    let mut bindable = Vec::new();
    if let Some(run) = state.runs.get_mut(&run_no) {
        let mut stack = vec![(task, phase, digests.to_vec())];
        while let Some((task, phase, digests)) = stack.pop() {
            if run.tasks[task as usize].phase.ended() {
                continue;
            }
            let at = run.outputs.len() as u32;
            run.outputs.extend_from_slice(&digests);
            let entry = &mut run.tasks[task as usize];
            entry.phase = phase;
            entry.outputs_at = at;
            run.open -= 1;
            let plan = std::sync::Arc::clone(&run.plan);
            for &below in plan.dependents(task) {
                let child = &mut run.tasks[below as usize];
                if child.phase.ended() {
                    continue;
                }
                child.waiting -= 1;
                match phase {
                    Phase::Ran | Phase::Reused => {}
                    Phase::Refused if goes_on_without(&plan, below, task) => {}
                    Phase::Refused => {
                        stack.push((below, Phase::Refused, digests.clone()));
                        continue;
                    }
                    _ => {
                        stack.push((below, if phase == Phase::Cancelled { phase } else { Phase::Blocked }, Vec::new()));
                        continue;
                    }
                }
                if child.waiting == 0 {
                    bindable.push(below);
                }
            }
        }
    }
    for below in bindable {
        bind(state, run_no, below, out);
    }
    end_if_finished(state, run_no, now, out);
}

/// Whether `below` may run although `refused` above it was refused: only through gathering ports of a step that excludes.
fn goes_on_without(plan: &pipeline_defs::plan::Plan, below: TaskIdx, refused: TaskIdx) -> bool {
    if plan.step_of(below).missing != Missing::Exclude {
        return false;
    }
    let kind = plan.kind_of(below);
    plan.ports(below).iter().all(|port| {
        let touches = plan.entries(port).iter().any(|e| matches!(e.origin, Origin::Output { task, .. } if task == refused));
        !touches || kind.inputs.iter().any(|spec| spec.name == port.name && spec.gathers)
    })
}

fn end_if_finished(state: &mut State, run_no: RunNo, now: Ms, out: &mut Vec<Command>) {
    if let Some(run) = state.runs.get_mut(&run_no)
        && run.open == 0
        && run.ended_ms.is_none()
    {
        run.ended_ms = Some(now.max(run.submitted_ms));
        out.push(Command::Ended { run: run_no });
    }
}

fn cancel(state: &mut State, run_no: RunNo, now: Ms, out: &mut Vec<Command>) {
    let Some(run) = state.runs.get_mut(&run_no) else { return };
    run.cancelled = true;
    let open: Vec<TaskIdx> = (0..run.tasks.len() as u32).filter(|t| !run.tasks[*t as usize].phase.ended()).collect();
    let comps: Vec<CompNo> = (0..state.comps.len() as CompNo)
        .filter(|no| state.comp(*no).is_some_and(|c| !matches!(c.phase, CompPhase::Leased { .. }) && c.waiters.iter().all(|(r, _)| *r == run_no)))
        .collect();
    for no in comps {
        take_comp(state, no);
    }
    for no in 0..state.comps.len() as CompNo {
        drop_waiters(state, no, run_no);
    }
    for task in open {
        settle(state, run_no, task, Phase::Cancelled, &[], now, out);
    }
}

/// Forgets the waiters of one run, but for work in progress, whose last waiter stays so that it can be finished and kept.
fn drop_waiters(state: &mut State, no: CompNo, run_no: RunNo) {
    let Some(comp) = state.comp(no) else { return };
    if comp.waiters.iter().all(|(r, _)| *r == run_no) {
        return;
    }
    let was_ready = comp.phase == CompPhase::Ready;
    unready(state, no);
    if let Some(comp) = state.comp_mut(no) {
        comp.waiters.retain(|(r, _)| *r != run_no);
    }
    if was_ready {
        make_ready(state, no);
    }
}

// ---- workers and leases ---------------------------------------------------------------------------------------------

fn joined(state: &mut State, no: WorkerNo, hello: Hello, now: Ms, out: &mut Vec<Command>) {
    let site = state.site_no(&hello.site);
    let holders = hello.holders.iter().map(|name| state.holder_no(name)).collect();
    let worker = Worker {
        name: hello.name.clone(),
        site,
        holders,
        cores: hello.cores,
        memory_mb: hello.memory_mb,
        kinds: hello.kinds.into_iter().collect(),
        connected: true,
        held: state.workers.remove(&no).map(|w| w.held).unwrap_or_default(),
    };
    state.workers.insert(no, worker);
    release_unless(state, no, |fence| hello.running.iter().any(|(_, f)| *f == fence));
    for (recipe, fence) in hello.running {
        reattach(state, no, recipe, fence, now, out);
    }
}

/// A worker says that it holds `recipe` from before: it keeps it if nobody else has it.
fn reattach(state: &mut State, no: WorkerNo, recipe: Digest, fence: Fence, now: Ms, out: &mut Vec<Command>) {
    let expires_ms = now + state.rules.lease_ms;
    state.next_fence = state.next_fence.max(fence + 1);
    let Some(&comp_no) = state.by_recipe.get(&recipe) else {
        state.orphans.insert(recipe, (no, fence));
        return;
    };
    match state.comp(comp_no).map(|c| c.phase) {
        Some(CompPhase::Leased { worker, fence: f }) if worker == no && f == fence => {}
        Some(CompPhase::Ready | CompPhase::Delayed { .. }) => {
            unready(state, comp_no);
            if let Some(comp) = state.comp_mut(comp_no) {
                comp.phase = CompPhase::Leased { worker: no, fence };
            }
            if let Some(worker) = state.workers.get_mut(&no) {
                worker.held.insert(fence, Held { comp: comp_no, expires_ms, since_ms: now });
            }
        }
        Some(CompPhase::Looking) => {
            state.orphans.insert(recipe, (no, fence));
        }
        _ => out.push(Command::Stop { worker: no, fence }),
    }
}

fn release_unless(state: &mut State, no: WorkerNo, keep: impl Fn(Fence) -> bool) {
    let Some(worker) = state.workers.get_mut(&no) else { return };
    let gone: Vec<(Fence, CompNo)> = worker.held.iter().filter(|(f, _)| !keep(**f)).map(|(f, h)| (*f, h.comp)).collect();
    for (fence, comp) in gone {
        worker_forgets(state, no, fence);
        make_ready(state, comp);
    }
}

fn worker_forgets(state: &mut State, no: WorkerNo, fence: Fence) {
    if let Some(worker) = state.workers.get_mut(&no) {
        worker.held.remove(&fence);
    }
}

fn present(state: &mut State, holder: &str, digests: &[Digest]) {
    let no = state.holder_no(holder);
    for digest in digests {
        let held = state.presence.entry(*digest).or_default();
        if !held.contains(&no) {
            held.push(no);
        }
    }
}

fn lost(state: &mut State, no: WorkerNo) {
    if let Some(worker) = state.workers.get_mut(&no) {
        worker.connected = false;
    }
    state.orphans.retain(|_, (worker, _)| *worker != no);
}

fn left(state: &mut State, no: WorkerNo) {
    lost(state, no);
    release_unless(state, no, |_| false);
}

fn beat(state: &mut State, no: WorkerNo, fences: &[Fence], now: Ms, out: &mut Vec<Command>) {
    let expires = now + state.rules.lease_ms;
    let orphans: Vec<Fence> = state.orphans.values().filter(|(w, _)| *w == no).map(|(_, f)| *f).collect();
    let Some(worker) = state.workers.get_mut(&no) else { return };
    for fence in fences {
        match worker.held.get_mut(fence) {
            Some(held) => held.expires_ms = expires,
            // Unknown here: given to somebody else meanwhile, or ended. The worker may stop it.
            None if !orphans.contains(fence) => out.push(Command::Stop { worker: no, fence: *fence }),
            None => {}
        }
    }
}

fn scheduled(state: &mut State, assignments: Vec<(CompNo, WorkerNo)>, starved: Vec<CompNo>, now: Ms, out: &mut Vec<Command>) {
    for (no, worker_no) in assignments {
        let ready = state.comp(no).is_some_and(|c| c.phase == CompPhase::Ready);
        if !ready || !state.workers.contains_key(&worker_no) {
            continue;
        }
        unready(state, no);
        let fence = state.next_fence;
        state.next_fence += 1;
        let expires_ms = now + state.rules.lease_ms;
        if let Some(worker) = state.workers.get_mut(&worker_no) {
            worker.held.insert(fence, Held { comp: no, expires_ms, since_ms: now });
        }
        if let Some(comp) = state.comp_mut(no) {
            comp.phase = CompPhase::Leased { worker: worker_no, fence };
            let (run, task) = comp.waiters[0];
            out.push(Command::Lease { worker: worker_no, fence, recipe: comp.recipe, run, task });
        }
    }
    for no in starved {
        make_inputs_again(state, no);
    }
}

/// Readies the producers of site-bound inputs that no live holder has. A missing source cannot be made: it is waited for.
fn make_inputs_again(state: &mut State, no: CompNo) {
    let Some(site) = state.comp(no).map(|c| c.site) else { return };
    let live: Vec<u32> = state.workers.values().filter(|w| w.connected && w.site == site).flat_map(|w| w.holders.iter().copied()).collect();
    let lacking: Vec<Digest> = state
        .keyed_inputs(no)
        .into_iter()
        .filter(|d| !state.presence.get(d).is_some_and(|held| held.iter().any(|h| live.contains(h))))
        .collect();
    remake_producers(state, no, &lacking);
}

/// Readies the tasks that made `lacking` inputs of a computation, without asking the action cache.
fn remake_producers(state: &mut State, no: CompNo, lacking: &[Digest]) {
    let Some(&(run_no, task)) = state.comp(no).and_then(|c| c.waiters.first()) else { return };
    let Some(run) = state.runs.get(&run_no) else { return };
    let mut producers = Vec::new();
    for port in run.plan.ports(task) {
        for entry in run.plan.entries(port) {
            let Origin::Output { task: above, .. } = entry.origin else { continue };
            let lacks = origin_digest(run, &entry.origin).is_some_and(|d| lacking.contains(&d));
            if let (true, Some(recipe)) = (lacks, run.tasks[above as usize].recipe) {
                producers.push((above, recipe));
            }
        }
    }
    for (above, recipe) in producers {
        if !state.by_recipe.contains_key(&recipe) {
            let made = new_comp(state, run_no, above, recipe, CompPhase::Looking);
            if let Some(comp) = state.comp_mut(made) {
                comp.remake = true;
            }
            make_ready(state, made);
        }
    }
}

fn tick(state: &mut State, now: Ms, out: &mut Vec<Command>) {
    while let Some(&(until, no)) = state.delayed.first() {
        if until > now {
            break;
        }
        state.delayed.pop_first();
        make_ready(state, no);
    }
    let lease_ms = state.rules.lease_ms;
    let mut expired = Vec::new();
    for (no, worker) in &mut state.workers {
        for (fence, held) in &mut worker.held {
            if held.expires_ms == Ms::MAX {
                // Adopted from before a restart: its life starts with the first tick that sees it.
                held.expires_ms = now + lease_ms;
                held.since_ms = now;
            } else if held.expires_ms <= now {
                expired.push((*no, *fence, held.comp));
            }
        }
    }
    for (worker, fence, comp_no) in expired {
        worker_forgets(state, worker, fence);
        let losses_max = state.rules.losses_max;
        let losses = state.comp_mut(comp_no).map_or(0, |comp| {
            comp.losses = comp.losses.saturating_add(1);
            comp.avoid = Some(worker);
            comp.losses
        });
        if losses > losses_max {
            fail(state, comp_no, &format!("lost with its worker {losses} times"), now, out);
        } else {
            make_ready(state, comp_no);
        }
    }
}

// ---- reports --------------------------------------------------------------------------------------------------------

struct Source {
    worker: WorkerNo,
    fence: Fence,
    wall_ms: u64,
    now: Ms,
}

fn reported(state: &mut State, from: &Source, recipe: Digest, report: Report, out: &mut Vec<Command>) {
    out.push(Command::Ack { worker: from.worker, fence: from.fence });
    state.orphans.remove(&recipe);
    if let Report::Ended(Outcome::Outputs(outputs)) = &report {
        let keyed: Vec<Digest> = outputs.iter().map(|o| o.digest).filter(Digest::is_keyed).collect();
        let place = state.workers.get(&from.worker).and_then(|w| w.holders.first().copied());
        if let (Some(place), false) = (place, keyed.is_empty()) {
            let name = state.holders[place as usize].clone();
            present(state, &name, &keyed);
        }
    }
    let Some(&no) = state.by_recipe.get(&recipe) else {
        // Late or twice: the bytes are safe, nobody waits.
        worker_forgets(state, from.worker, from.fence);
        return;
    };
    let holder = state.comp(no).map(|c| c.phase);
    let theirs = holder == Some(CompPhase::Leased { worker: from.worker, fence: from.fence });
    match report {
        Report::Ended(outcome) => {
            if let (false, Some(CompPhase::Leased { worker, fence })) = (theirs, holder) {
                out.push(Command::Stop { worker, fence });
            }
            finish(state, no, &outcome, Some(from), out);
        }
        // Word of a failed attempt counts only from who holds the lease.
        _ if !theirs => worker_forgets(state, from.worker, from.fence),
        Report::Failed { bug, message } => failed(state, no, from, bug, &message, out),
        Report::Missing(digests) => missing(state, no, from, &digests, out),
        Report::Diverged { message } => {
            worker_forgets(state, from.worker, from.fence);
            fail(state, no, &message, from.now, out);
        }
    }
}

fn failed(state: &mut State, no: CompNo, from: &Source, bug: bool, message: &str, out: &mut Vec<Command>) {
    worker_forgets(state, from.worker, from.fence);
    let (attempts_max, bugs_max, backoff) = (state.rules.attempts_max, state.rules.bugs_max, state.rules.backoff_ms);
    let Some(comp) = state.comp_mut(no) else { return };
    comp.avoid = Some(from.worker);
    let exhausted = if bug {
        comp.bugs += 1;
        comp.bugs >= bugs_max
    } else {
        comp.attempts += 1;
        comp.attempts >= attempts_max
    };
    if exhausted {
        fail(state, no, message, from.now, out);
        return;
    }
    let delay = backoff << u32::from(comp.attempts + comp.bugs - 1).min(10);
    delay_until(state, no, from.now + delay);
}

fn delay_until(state: &mut State, no: CompNo, until_ms: Ms) {
    if let Some(comp) = state.comp_mut(no) {
        comp.phase = CompPhase::Delayed { until_ms };
        state.delayed.insert((until_ms, no));
    }
}

fn fail(state: &mut State, no: CompNo, message: &str, now: Ms, out: &mut Vec<Command>) {
    let Some(comp) = take_comp(state, no) else { return };
    for (run_no, task) in comp.waiters {
        if let Some(run) = state.runs.get_mut(&run_no)
            && !run.tasks[task as usize].phase.ended()
        {
            run.failures.push((task, message.to_owned()));
        }
        settle(state, run_no, task, Phase::Failed, &[], now, out);
    }
}

/// The worker's place does not have what it should: nobody there has it, until it is made again.
fn missing(state: &mut State, no: CompNo, from: &Source, digests: &[Digest], out: &mut Vec<Command>) {
    let holders = state.workers.get(&from.worker).map(|w| w.holders.clone()).unwrap_or_default();
    for digest in digests {
        if let Some(held) = state.presence.get_mut(digest) {
            held.retain(|h| !holders.contains(h));
        }
    }
    worker_forgets(state, from.worker, from.fence);
    let plain: Vec<Digest> = digests.iter().copied().filter(|d| !d.is_keyed()).collect();
    remake_producers(state, no, &plain);
    let (attempts_max, backoff) = (state.rules.attempts_max, state.rules.backoff_ms);
    let Some(comp) = state.comp_mut(no) else { return };
    comp.attempts += 1;
    let attempts = comp.attempts;
    if attempts >= attempts_max.saturating_mul(2) {
        let which = digests.first().map(Digest::to_string).unwrap_or_default();
        fail(state, no, &format!("input {which} stays missing after {attempts} attempts"), from.now, out);
    } else {
        delay_until(state, no, from.now + backoff);
    }
}
