//! Who gets what: a pure function of the state.
//!
//! Problem: workers with cores and memory, ready computations with a site, a cost and a place where their site-bound
//! inputs lie. Wanted: (1) a computation with site-bound inputs goes only to a worker that can read all of them;
//! (2) hub work goes only to hub workers; (3) nobody holds more than its cores plus a short backlog of small work;
//! (4) the longest remaining path goes first; (5) the answer depends on nothing but the state.
//!
//! A computation whose inputs no live worker can read is reported as *starved* and leaves the ready ones until somebody
//! has them. Ready work lies in one row a kind, because cores, memory and ability are the same for all of a kind: a
//! kind that finds no taker is closed for this call, however long its row, and holds up nothing behind it.

use std::collections::BTreeMap;

use crate::state::{Comp, CompNo, HolderNo, Load, ReadyKey, SiteNo, State, Worker, WorkerNo};

/// Computations a site and a call that only busy workers can read: bounds the length of a call.
const WINDOW: usize = 4_096;

/// What to do next.
#[derive(Debug, Default, PartialEq)]
pub struct Schedule {
    /// Computation and who gets it, in order.
    pub assignments: Vec<(CompNo, WorkerNo)>,
    /// Computations that no live worker of their site can read the inputs of.
    pub starved: Vec<CompNo>,
}

/// A worker that may get something, with what it holds and will hold.
struct Hand<'a> {
    no: WorkerNo,
    worker: &'a Worker,
    load: Load,
}

/// A row of ready work of one kind.
struct Row<'a> {
    head: ReadyKey,
    rest: std::collections::btree_set::Iter<'a, ReadyKey>,
}

/// Gives ready work to workers that can take it.
#[must_use]
pub fn schedule(state: &State) -> Schedule {
    let mut sites: BTreeMap<SiteNo, Vec<Row<'_>>> = BTreeMap::new();
    for ((site, _), set) in &state.ready {
        let mut rest = set.iter();
        if let Some(head) = rest.next().copied() {
            sites.entry(*site).or_default().push(Row { head, rest });
        }
    }
    let mut plan = Schedule::default();
    for (site, rows) in sites {
        let here = state
            .workers
            .iter()
            .filter(|(_, w)| w.site == site && state.is_here(w));
        let crew: Vec<Hand<'_>> = here
            .map(|(no, worker)| Hand {
                no: *no,
                worker,
                load: worker.load,
            })
            .collect();
        give(state, rows, crew, &mut plan);
    }
    plan
}

/// Gives the work of one site to its crew, most urgent first over all kinds.
fn give(state: &State, mut rows: Vec<Row<'_>>, mut crew: Vec<Hand<'_>>, plan: &mut Schedule) {
    let mut passed = 0;
    while passed < WINDOW && crew.iter().any(|hand| !full(state, hand)) {
        let Some(at) = (0..rows.len()).min_by_key(|at| rows[*at].head) else {
            return;
        };
        let no = rows[at].head.comp;
        let Some(comp) = state.comp(no) else { return };
        let mut closed = false;
        match choose(state, no, comp, &crew) {
            Choice::Give(hand) => {
                crew[hand].load.add(comp);
                plan.assignments.push((no, crew[hand].no));
            }
            Choice::Starved => plan.starved.push(no),
            Choice::Wait => {
                passed += 1;
                closed = !crew.iter().any(|hand| takes(state, comp, hand));
            }
        }
        match rows[at].rest.next() {
            Some(next) if !closed => rows[at].head = *next,
            _ => drop(rows.swap_remove(at)),
        }
    }
}

enum Choice {
    Give(usize),
    Wait,
    Starved,
}

/// The least loaded who can: not who failed at it last, unless there is nobody else.
fn choose(state: &State, no: CompNo, comp: &Comp, crew: &[Hand<'_>]) -> Choice {
    let inputs = state.keyed_inputs(no);
    let mut readable = inputs.is_empty() && comp.place.is_none();
    let mut best: Option<((bool, u32, WorkerNo), usize)> = None;
    for (at, hand) in crew.iter().enumerate() {
        if comp
            .place
            .is_some_and(|place| !hand.worker.holders.contains(&place))
            || !inputs.iter().all(|d| {
                state
                    .presence
                    .get(d)
                    .is_some_and(|held| reads(hand.worker, held))
            })
        {
            continue;
        }
        readable = true;
        if !takes(state, comp, hand) {
            continue;
        }
        let rank = (
            comp.avoid == Some(hand.no),
            hand.load.cores * 1_000 / hand.worker.cores.max(1),
            hand.no,
        );
        if best.is_none_or(|(b, _)| rank < b) {
            best = Some((rank, at));
        }
    }
    match best {
        Some((_, at)) => Choice::Give(at),
        None if !readable => Choice::Starved,
        None => Choice::Wait,
    }
}

fn reads(worker: &Worker, held: &[HolderNo]) -> bool {
    worker.holders.iter().any(|h| held.contains(h))
}

/// Whether a worker would take a computation, its inputs aside.
fn takes(state: &State, comp: &Comp, hand: &Hand<'_>) -> bool {
    let fits = hand.load.count == 0
        || hand.load.memory_mb + u64::from(comp.memory_mb) <= hand.worker.memory_mb;
    fits && hand.worker.kinds.contains(&comp.kind) && !full(state, hand)
}

fn full(state: &State, hand: &Hand<'_>) -> bool {
    if hand.load.cores < hand.worker.cores {
        return false;
    }
    let backlog_ms =
        f64::from(state.rules.backlog_seconds) * 1_000.0 * f64::from(hand.worker.cores);
    hand.load.count >= state.rules.held_max || hand.load.ms as f64 >= backlog_ms
}
