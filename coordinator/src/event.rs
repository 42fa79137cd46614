//! What happens to the coordinator, and what it wants done about it.

use std::sync::Arc;

use cas::Outcome;
use digest::Digest;
use pipeline_defs::plan::{Plan, TaskIdx};

use crate::state::{CompNo, Fence, Ms, RunNo, WorkerNo};

/// Something that happened. Time travels inside.
#[derive(Clone, Debug)]
pub enum Event {
    /// A study was planned and is to be run.
    Submitted {
        /// Its number.
        run: RunNo,
        /// Its plan.
        plan: Arc<Plan>,
        /// Now.
        now: Ms,
    },
    /// The action cache answered.
    Looked {
        /// For whom.
        comp: CompNo,
        /// The recipe that was asked for: a computation number may have been given anew since.
        recipe: Digest,
        /// What it holds.
        answer: Option<Outcome>,
    },
    /// The pin of a task's inputs is known.
    Pinned {
        /// Which run.
        run: RunNo,
        /// Which task.
        task: TaskIdx,
        /// Digests that stand in for the pinned port's entries, in order.
        digests: Vec<Digest>,
    },
    /// A worker opened a session.
    Joined {
        /// Its number.
        worker: WorkerNo,
        /// What it said.
        hello: Hello,
        /// Now.
        now: Ms,
    },
    /// Artefacts that a worker's holder has.
    Present {
        /// Name of the holder.
        holder: String,
        /// Keyed digests.
        digests: Vec<Digest>,
    },
    /// A session ended without goodbye; leases live on until they expire.
    Lost {
        /// Whose.
        worker: WorkerNo,
    },
    /// A worker leaves on purpose.
    Left {
        /// Who.
        worker: WorkerNo,
    },
    /// A worker is alive and holds these.
    Beat {
        /// Who.
        worker: WorkerNo,
        /// Its leases.
        fences: Vec<Fence>,
        /// Now.
        now: Ms,
    },
    /// A worker ended a task. What it made is durable already.
    Reported {
        /// Who.
        worker: WorkerNo,
        /// Under which lease.
        fence: Fence,
        /// Of what.
        recipe: Digest,
        /// How it ended.
        report: Report,
        /// How long it took.
        wall_ms: u64,
        /// Now.
        now: Ms,
    },
    /// The schedule was computed.
    Scheduled {
        /// Who gets what.
        assignments: Vec<(CompNo, WorkerNo)>,
        /// Whose inputs nobody has.
        starved: Vec<CompNo>,
        /// Now.
        now: Ms,
    },
    /// Time passes.
    Tick {
        /// Now.
        now: Ms,
    },
    /// A person drops a run.
    Cancel {
        /// Which.
        run: RunNo,
        /// Now.
        now: Ms,
    },
    /// A person holds or releases a run.
    Pause {
        /// Which.
        run: RunNo,
        /// Hold or release.
        paused: bool,
    },
}

impl Event {
    /// When it happened, where that matters.
    #[must_use]
    pub fn now(&self) -> Option<Ms> {
        match self {
            Event::Submitted { now, .. }
            | Event::Joined { now, .. }
            | Event::Beat { now, .. }
            | Event::Reported { now, .. }
            | Event::Scheduled { now, .. }
            | Event::Tick { now }
            | Event::Cancel { now, .. } => Some(*now),
            Event::Looked { .. }
            | Event::Pinned { .. }
            | Event::Present { .. }
            | Event::Lost { .. }
            | Event::Left { .. }
            | Event::Pause { .. } => None,
        }
    }
}

/// What a worker says first.
#[derive(Clone, Debug)]
pub struct Hello {
    /// Unique name of the process.
    pub name: String,
    /// Its site.
    pub site: String,
    /// Holders it reads: its place, and itself for source files.
    pub holders: Vec<String>,
    /// Cores it offers.
    pub cores: u32,
    /// Memory it offers.
    pub memory_mb: u64,
    /// Kinds and versions it runs.
    pub kinds: Vec<(String, u32)>,
    /// What it holds from before.
    pub running: Vec<(Digest, Fence)>,
}

/// How a task ended at a worker.
#[derive(Clone, Debug)]
pub enum Report {
    /// It has outputs, or it was refused. Recorded in the action cache already.
    Ended(Outcome),
    /// The attempt failed; another may not.
    Failed {
        /// A panic.
        bug: bool,
        /// What went wrong.
        message: String,
    },
    /// Inputs were not there.
    Missing(Vec<Digest>),
    /// Two different outputs for one recipe.
    Diverged {
        /// Which, and from whom.
        message: String,
    },
}

/// Something to do.
#[derive(Debug)]
pub enum Command {
    /// Ask the action cache.
    Look {
        /// For whom.
        comp: CompNo,
        /// About what.
        recipe: Digest,
    },
    /// Find or make the pin of a task's inputs.
    Pin {
        /// Which run.
        run: RunNo,
        /// Which task.
        task: TaskIdx,
        /// Digest of the recipe without the pinned port.
        key: Digest,
        /// What would be pinned now.
        current: Vec<Digest>,
    },
    /// Give a lease.
    Lease {
        /// To whom.
        worker: WorkerNo,
        /// Number of the lease.
        fence: Fence,
        /// The key.
        recipe: Digest,
        /// First waiter: gives address and recipe bytes.
        run: RunNo,
        /// First waiter.
        task: TaskIdx,
    },
    /// Tell a worker that a result is safe.
    Ack {
        /// Whom.
        worker: WorkerNo,
        /// Which lease.
        fence: Fence,
    },
    /// Tell a worker to stop.
    Stop {
        /// Whom.
        worker: WorkerNo,
        /// Which lease.
        fence: Fence,
    },
    /// A run has no open task.
    Ended {
        /// Which.
        run: RunNo,
    },
}
