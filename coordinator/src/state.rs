//! Everything the coordinator knows while it works, and nothing that it does not need again after a restart.
//!
//! ```text
//! task:         Waiting ──deps done──▶ (Pinning ──▶) Bound ──▶ Ran | Reused | Refused | Failed
//!                  └── a dependency was refused ──▶ Refused      └── a dependency failed ──▶ Blocked
//! computation:  Looking ──miss──▶ Ready ──lease──▶ Leased ──report──▶ (gone)
//!                                 ▲ ▲ ▲                │
//!                                 │ │ └── Delayed ◀────┤ failed attempt
//!                                 │ └──── Starved ◀────┤ inputs missing; also from Ready, when nobody can read them
//!                                 └────── Parked       └── lease expired or given back ──▶ Ready
//! ```
//!
//! Parked: every run that waits for it is paused. A computation that nobody waits for any more (its runs were
//! cancelled) is dropped where it would become ready.
//!
//! A *task* belongs to one run; a *computation* belongs to a recipe. Tasks of any run that come to the same recipe
//! wait for the same computation, so nothing is computed twice at a time. Computations are forgotten when they end:
//! what lasts is in the action cache.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use digest::Digest;
use pipeline_defs::plan::{Plan, TaskIdx};

/// Milliseconds since some fixed moment; supplied from outside.
pub type Ms = u64;
/// A run, in order of submission.
pub type RunNo = u32;
/// A worker process, in order of its first session.
pub type WorkerNo = u32;
/// Number of a lease; larger is younger, over restarts too.
pub type Fence = u64;
/// Index into the interned site names; 0 is the hub.
pub type SiteNo = u32;
/// Index into the interned holders: a place that keeps artefacts, or one worker's own source files.
pub type HolderNo = u32;
/// Index of a live computation.
pub type CompNo = u32;
/// Index into the interned kinds of steps.
pub type KindNo = u16;

/// How a coordinator behaves; every value is written out where it is made.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Life of a lease without a heartbeat.
    pub lease_ms: Ms,
    /// First delay after a failed attempt; doubles with each.
    pub backoff_ms: Ms,
    /// Attempts that may fail with a retryable error.
    pub attempts_max: u8,
    /// Attempts that may panic.
    pub bugs_max: u8,
    /// Leases of one computation that may expire.
    pub losses_max: u8,
    /// Work that a worker may hold beyond its cores, in predicted seconds a core.
    pub backlog_seconds: f32,
    /// Leases that one worker may hold.
    pub held_max: usize,
}

impl Rules {
    /// Values for networks of hospitals: a lease outlives a short outage, small tasks travel in hundreds.
    #[must_use]
    pub fn production() -> Rules {
        Rules {
            lease_ms: 30_000,
            backoff_ms: 500,
            attempts_max: 5,
            bugs_max: 2,
            losses_max: 25,
            backlog_seconds: 0.5,
            held_max: 2_048,
        }
    }
}

/// State of one task of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Phase {
    /// Waits for tasks above it.
    Waiting,
    /// Waits for the pinned value of an input.
    Pinning,
    /// Has a recipe; waits for its computation.
    Bound,
    /// Was computed in this run.
    Ran,
    /// Was found in the action cache.
    Reused,
    /// Its input is bad, or an input was refused and it cannot go on without.
    Refused,
    /// Attempts are exhausted.
    Failed,
    /// Something above it failed.
    Blocked,
    /// The run was cancelled before it started.
    Cancelled,
}

impl Phase {
    /// Whether nothing more will happen to the task.
    #[must_use]
    pub fn ended(self) -> bool {
        !matches!(self, Phase::Waiting | Phase::Pinning | Phase::Bound)
    }

    /// Whether its outputs are known.
    #[must_use]
    pub fn done(self) -> bool {
        matches!(self, Phase::Ran | Phase::Reused)
    }
}

/// What a task holds; kept small because a run may have a hundred thousand.
#[derive(Clone, Debug)]
pub struct TaskState {
    /// The recipe's digest once bound; before that, and for tasks refused from above, `None`.
    pub recipe: Option<Digest>,
    /// First of its output digests in [`Run::outputs`], or of the refusal's digest.
    pub outputs_at: u32,
    /// Dependencies that have not ended.
    pub waiting: u32,
    /// Where it is in its life.
    pub phase: Phase,
}

/// When a task was worked on, for the timeline.
#[derive(Clone, Debug)]
pub struct Span {
    /// The task.
    pub task: TaskIdx,
    /// Who ran it.
    pub worker: WorkerNo,
    /// Start, in coordinator time.
    pub started_ms: Ms,
    /// How long it took.
    pub wall_ms: u64,
}

/// One submitted study.
#[derive(Debug)]
pub struct Run {
    /// The plan; shared with whoever reads it.
    pub plan: Arc<Plan>,
    /// One entry a task, as in the plan.
    pub tasks: Vec<TaskState>,
    /// Output digests of ended tasks.
    pub outputs: Vec<Digest>,
    /// Pinned inputs by task: the digests that stand in for the current ones.
    pub pins: BTreeMap<TaskIdx, Vec<Digest>>,
    /// Work done, for the timeline.
    pub spans: Vec<Span>,
    /// Tasks that have not ended.
    pub open: u32,
    /// No new leases while true.
    pub paused: bool,
    /// Dropped by a person.
    pub cancelled: bool,
    /// Root causes of failures, first come first: task and message.
    pub failures: Vec<(TaskIdx, String)>,
    /// Refusals at their origin: task and digest of the refusal.
    pub refusals: Vec<(TaskIdx, Digest)>,
    /// When it was submitted.
    pub submitted_ms: Ms,
    /// When its last task ended.
    pub ended_ms: Option<Ms>,
}

impl Run {
    /// Digest of an output, when the task is done.
    #[must_use]
    pub fn output(&self, task: TaskIdx, port: u8) -> Option<Digest> {
        let state = self.tasks.get(task as usize)?;
        if !state.phase.done() {
            return None;
        }
        self.outputs
            .get(state.outputs_at as usize + port as usize)
            .copied()
    }

    /// Digest of the refusal that ended a task.
    #[must_use]
    pub fn refusal(&self, task: TaskIdx) -> Option<Digest> {
        let state = self.tasks.get(task as usize)?;
        if state.phase != Phase::Refused {
            return None;
        }
        self.outputs.get(state.outputs_at as usize).copied()
    }
}

/// Where a computation stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CompPhase {
    /// The action cache is being asked.
    Looking,
    /// May be leased.
    Ready,
    /// Failed; may be leased again later.
    Delayed {
        /// From when on.
        until_ms: Ms,
    },
    /// Nobody who could run it can read its inputs.
    Starved {
        /// Since when, or since its inputs were last asked for.
        since_ms: Ms,
    },
    /// All runs that wait for it are paused.
    Parked,
    /// Somebody works on it.
    Leased {
        /// Who.
        worker: WorkerNo,
        /// Under which lease.
        fence: Fence,
    },
}

/// Work on one recipe.
#[derive(Clone, Debug)]
pub struct Comp {
    /// The key.
    pub recipe: Digest,
    /// Where it stands.
    pub phase: CompPhase,
    /// Tasks that wait for it; the first gives the recipe's bytes.
    pub waiters: Vec<(RunNo, TaskIdx)>,
    /// Where it must run.
    pub site: SiteNo,
    /// What it does.
    pub kind: KindNo,
    /// Longest predicted path to an end, in milliseconds: larger goes first.
    pub priority: u32,
    /// Failed attempts.
    pub attempts: u8,
    /// Panicked attempts.
    pub bugs: u8,
    /// Expired leases.
    pub losses: u8,
    /// Leases that ended because inputs were not there.
    pub misses: u8,
    /// Who failed last; somebody else is preferred.
    pub avoid: Option<WorkerNo>,
    /// Youngest lease that ended without a result: a worker may not take it up again.
    pub spent: Fence,
    /// Only made again because its bytes were lost: its waiters have ended already.
    pub remake: bool,
    /// The only place where it may run: where work that waits for a lost input has the others.
    pub place: Option<HolderNo>,
    /// Cores it uses.
    pub cores: u16,
    /// Memory it uses.
    pub memory_mb: u32,
    /// Predicted time.
    pub seconds: f32,
}

impl Comp {
    /// Predicted time, whole milliseconds: sums of these come back to zero.
    #[must_use]
    pub fn ms(&self) -> u64 {
        (self.seconds * 1000.0) as u64
    }
}

/// Order in which ready work is given away: urgent first, then older runs, then plan order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadyKey {
    /// `u32::MAX` − priority.
    pub lateness: u32,
    /// Run of the first waiter.
    pub run: RunNo,
    /// Task of the first waiter.
    pub task: TaskIdx,
    /// The computation.
    pub comp: CompNo,
}

/// A lease from the worker's side.
#[derive(Clone, Debug)]
pub struct Held {
    /// What is worked on.
    pub comp: CompNo,
    /// When the lease ends without a heartbeat.
    pub expires_ms: Ms,
    /// When it was given.
    pub since_ms: Ms,
}

/// A worker process.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub site: SiteNo,
    /// Folders of artefacts and source files that it can read.
    pub holders: Vec<HolderNo>,
    /// Cores it offers.
    pub cores: u32,
    /// Memory it offers.
    pub memory_mb: u64,
    /// Kinds it can run.
    pub kinds: BTreeSet<KindNo>,
    /// Whether a session stands.
    pub connected: bool,
    /// When it last gave a sign of life.
    pub heard_ms: Ms,
    /// Its leases.
    pub held: BTreeMap<Fence, Held>,
    /// What its leases come to.
    pub load: Load,
}

/// Leases of a worker, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Cores.
    pub cores: u32,
    /// Memory.
    pub memory_mb: u64,
    /// Predicted time.
    pub ms: u64,
    /// How many.
    pub count: usize,
}

impl Load {
    /// With one more computation.
    pub fn add(&mut self, comp: &Comp) {
        self.cores += u32::from(comp.cores);
        self.memory_mb += u64::from(comp.memory_mb);
        self.ms += comp.ms();
        self.count += 1;
    }

    pub(crate) fn remove(&mut self, comp: &Comp) {
        self.cores -= u32::from(comp.cores);
        self.memory_mb -= u64::from(comp.memory_mb);
        self.ms -= comp.ms();
        self.count -= 1;
    }
}

/// All of it.
#[derive(Debug)]
pub struct State {
    /// How to behave.
    pub rules: Rules,
    /// Runs that were submitted since the start.
    pub runs: BTreeMap<RunNo, Run>,
    /// Live computations; holes are in `free`.
    pub comps: Vec<Option<Comp>>,
    /// Holes in `comps`.
    pub free: Vec<CompNo>,
    /// Live computations by recipe.
    pub by_recipe: HashMap<Digest, CompNo>,
    /// Ready work by site and kind.
    pub ready: BTreeMap<(SiteNo, KindNo), BTreeSet<ReadyKey>>,
    /// Delayed work by time.
    pub delayed: BTreeSet<(Ms, CompNo)>,
    /// Starved work by time.
    pub starved: BTreeSet<(Ms, CompNo)>,
    /// What starved work lacks. May name computations that have gone on since.
    pub lacking: HashMap<Digest, Vec<CompNo>>,
    /// Recipes that wait until a computation made their lost inputs again.
    pub remakes: BTreeMap<CompNo, Vec<Digest>>,
    /// Workers by number.
    pub workers: BTreeMap<WorkerNo, Worker>,
    /// Who has which site-bound artefact. Known and held by nobody: it is lost.
    pub presence: HashMap<Digest, Vec<HolderNo>>,
    /// Work that a worker said it holds and nobody asked for yet.
    pub orphans: HashMap<Digest, (WorkerNo, Fence)>,
    /// Interned site names; index 0 is the hub.
    pub sites: Vec<String>,
    /// Interned holders.
    pub holders: Vec<String>,
    /// Interned kinds with their versions.
    pub kinds: Vec<(String, u32)>,
    /// Next lease number.
    pub next_fence: Fence,
    /// The latest time that an event told.
    pub now_ms: Ms,
}

/// Name of the coordinator's own place among the sites.
pub const HUB: &str = "hub";

impl State {
    /// An empty state whose leases start at `first_fence`.
    #[must_use]
    pub fn new(rules: Rules, first_fence: Fence) -> State {
        State {
            rules,
            runs: BTreeMap::new(),
            comps: Vec::new(),
            free: Vec::new(),
            by_recipe: HashMap::new(),
            ready: BTreeMap::new(),
            delayed: BTreeSet::new(),
            starved: BTreeSet::new(),
            lacking: HashMap::new(),
            remakes: BTreeMap::new(),
            workers: BTreeMap::new(),
            presence: HashMap::new(),
            orphans: HashMap::new(),
            sites: vec![HUB.to_owned()],
            holders: Vec::new(),
            kinds: Vec::new(),
            next_fence: first_fence,
            now_ms: 0,
        }
    }

    /// Number of a site, made when it is new.
    pub fn site_no(&mut self, name: &str) -> SiteNo {
        intern(&mut self.sites, name)
    }

    /// Number of a holder, made when it is new.
    pub fn holder_no(&mut self, name: &str) -> HolderNo {
        intern(&mut self.holders, name)
    }

    /// Number of a kind, made when it is new.
    pub fn kind_no(&mut self, name: &str, version: u32) -> KindNo {
        let known = self
            .kinds
            .iter()
            .position(|(n, v)| *v == version && n == name);
        let at = known.unwrap_or_else(|| {
            self.kinds.push((name.to_owned(), version));
            self.kinds.len() - 1
        });
        at as KindNo
    }

    /// Whether a worker may be given work: its session stands, and it is not silent for longer than a lease lives. A
    /// link can be broken for long before its end is noticed.
    #[must_use]
    pub fn is_here(&self, worker: &Worker) -> bool {
        worker.connected && self.now_ms < worker.heard_ms.saturating_add(self.rules.lease_ms)
    }

    /// A live computation.
    #[must_use]
    pub fn comp(&self, no: CompNo) -> Option<&Comp> {
        self.comps.get(no as usize)?.as_ref()
    }

    pub(crate) fn comp_mut(&mut self, no: CompNo) -> Option<&mut Comp> {
        self.comps.get_mut(no as usize)?.as_mut()
    }

    /// Key of a computation among the ready.
    #[must_use]
    pub fn ready_key(&self, no: CompNo) -> Option<ReadyKey> {
        let comp = self.comp(no)?;
        let (run, task) = comp.waiters.first().copied()?;
        Some(ReadyKey {
            lateness: u32::MAX - comp.priority,
            run,
            task,
            comp: no,
        })
    }

    /// Site-bound inputs of a computation.
    #[must_use]
    pub fn keyed_inputs(&self, no: CompNo) -> Vec<Digest> {
        let Some(comp) = self.comp(no) else {
            return Vec::new();
        };
        if comp.site == 0 {
            return Vec::new();
        }
        let Some(&(run_no, task)) = comp.waiters.first() else {
            return Vec::new();
        };
        let Some(run) = self.runs.get(&run_no) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for port in run.plan.ports(task) {
            for entry in run.plan.entries(port) {
                if let Some(digest) = origin_digest(run, &entry.origin)
                    && digest.is_keyed()
                {
                    found.push(digest);
                }
            }
        }
        found
    }

    /// Both sides of every relation agree; called after every event in tests. Returns what is wrong.
    #[must_use]
    pub fn check_invariants(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (no, comp) in self
            .comps
            .iter()
            .enumerate()
            .filter_map(|(i, c)| Some((i as CompNo, c.as_ref()?)))
        {
            self.check_comp(no, comp, &mut wrong);
        }
        for (worker_no, worker) in &self.workers {
            let mut load = Load::default();
            for (fence, held) in &worker.held {
                let comp = self.comp(held.comp);
                if comp.map(|c| c.phase)
                    != Some(CompPhase::Leased {
                        worker: *worker_no,
                        fence: *fence,
                    })
                {
                    wrong.push(format!(
                        "worker {worker_no} holds computation {} which is {:?}",
                        held.comp,
                        comp.map(|c| c.phase)
                    ));
                }
                comp.into_iter().for_each(|c| load.add(c));
            }
            if load != worker.load {
                wrong.push(format!(
                    "worker {worker_no} holds {load:?} and counts {:?}",
                    worker.load
                ));
            }
        }
        for (no, run) in &self.runs {
            let open = run.tasks.iter().filter(|t| !t.phase.ended()).count();
            if open != run.open as usize || (open == 0) != run.ended_ms.is_some() {
                wrong.push(format!(
                    "run {no} counts {} open tasks, has {open}, ended {:?}",
                    run.open, run.ended_ms
                ));
            }
        }
        let listed = self.ready.values().map(BTreeSet::len).sum::<usize>()
            + self.delayed.len()
            + self.starved.len();
        let phased = |c: &&Comp| {
            matches!(
                c.phase,
                CompPhase::Ready | CompPhase::Delayed { .. } | CompPhase::Starved { .. }
            )
        };
        if listed != self.comps.iter().flatten().filter(phased).count() {
            wrong.push(format!(
                "{listed} computations are listed by phase, not as many are in one"
            ));
        }
        wrong.extend(
            self.remakes
                .keys()
                .filter(|no| self.comp(**no).is_none())
                .map(|no| format!("computation {no} is a remake and gone")),
        );
        wrong
    }

    fn check_comp(&self, no: CompNo, comp: &Comp, wrong: &mut Vec<String>) {
        if self.by_recipe.get(&comp.recipe) != Some(&no) {
            wrong.push(format!("computation {no} is not found by its recipe"));
        }
        let listed = match comp.phase {
            CompPhase::Ready => self.ready_key(no).is_some_and(|key| {
                self.ready
                    .get(&(comp.site, comp.kind))
                    .is_some_and(|set| set.contains(&key))
            }),
            CompPhase::Delayed { until_ms } => self.delayed.contains(&(until_ms, no)),
            CompPhase::Starved { since_ms } => self.starved.contains(&(since_ms, no)),
            CompPhase::Leased { worker, fence } => {
                self.workers
                    .get(&worker)
                    .and_then(|w| w.held.get(&fence))
                    .map(|h| h.comp)
                    == Some(no)
            }
            CompPhase::Looking | CompPhase::Parked => true,
        };
        if !listed {
            wrong.push(format!(
                "computation {no} is {:?} and not listed as such",
                comp.phase
            ));
        }
        if comp.waiters.is_empty() {
            wrong.push(format!("computation {no} has no waiter"));
        }
        if comp.remake != self.remakes.contains_key(&no) {
            wrong.push(format!(
                "computation {no} is a remake: {}, and is not listed so",
                comp.remake
            ));
        }
    }
}

/// Digest behind an origin, when it is known.
#[must_use]
pub fn origin_digest(run: &Run, origin: &pipeline_defs::plan::Origin) -> Option<Digest> {
    use pipeline_defs::plan::Origin;
    match origin {
        Origin::Source(source) => Some(run.plan.source(*source).digest),
        Origin::Output { task, port } => run.output(*task, *port),
    }
}

fn intern(names: &mut Vec<String>, name: &str) -> u32 {
    if let Some(at) = names.iter().position(|n| n == name) {
        return at as u32;
    }
    names.push(name.to_owned());
    (names.len() - 1) as u32
}
