//! Hospitals, links, disks and a coordinator, all made of one stream of random numbers.
//!
//! Only `apply` and `schedule` are real. The world delivers what they say late, twice, in another order or never, and
//! looks after every event whether a promise is broken.

mod shell;
mod trouble;
mod workers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cas::Outcome;
use coordinator::event::{Event, Hello, Report};
use coordinator::state::{Fence, Ms, Rules, RunNo, State, WorkerNo};
use digest::Digest;
use pipeline_defs::kinds::KindSpec;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::study::{SALTS, STUDIES, plan_of};

const LEASE_MS: Ms = 1_000;
/// From here on nothing breaks any more, and everything must come to its end.
const QUIET_MS: Ms = 6_000;
/// By then it must have come.
const PATIENCE_MS: Ms = 120_000;

fn rules() -> Rules {
    Rules {
        lease_ms: LEASE_MS,
        backoff_ms: 20,
        losses_max: 255,
        held_max: 16,
        ..Rules::production()
    }
}

/// A worker process.
struct Worker {
    name: String,
    site: &'static str,
    place: &'static str,
    alive: bool,
    session: Option<u64>,
    held: BTreeMap<Fence, Job>,
    /// Results that the coordinator has not confirmed.
    finished: BTreeMap<Fence, (Digest, Report)>,
}

#[derive(Clone)]
struct Job {
    recipe: Digest,
    kind: &'static KindSpec,
    inputs: Vec<Digest>,
}

struct Run {
    study: usize,
    no: Option<RunNo>,
    submitted: bool,
    cancelled: bool,
    ended: bool,
}

enum Happening {
    Submit(usize),
    Tick,
    /// Something reaches the loop.
    Hear(Event),
    Knock {
        worker: usize,
        session: u64,
        hello: Hello,
    },
    Part {
        worker: usize,
        session: u64,
    },
    /// From a worker to the loop.
    Beat {
        worker: usize,
        fences: Vec<Fence>,
    },
    Goodbye {
        worker: usize,
        session: u64,
    },
    /// From a worker to the intake.
    Deliver {
        worker: usize,
        fence: Fence,
        recipe: Digest,
        report: Report,
    },
    /// From the coordinator to a worker.
    Lease {
        worker: usize,
        session: u64,
        fence: Fence,
        job: Job,
    },
    Ack {
        worker: usize,
        session: u64,
        fence: Fence,
    },
    Stop {
        worker: usize,
        session: u64,
        fence: Fence,
    },
    /// Inside a worker.
    Done {
        worker: usize,
        fence: Fence,
        job: Job,
    },
    Heartbeat {
        worker: usize,
        session: u64,
    },
    Dial {
        worker: usize,
    },
    Trouble,
}

/// What a seed went through; shows that the faults do happen.
#[derive(Debug, Default)]
pub struct Tally {
    pub events: u64,
    pub leases: u64,
    pub deaths: u64,
    pub restarts: u64,
    pub breaks: u64,
    pub losses: u64,
    pub cancels: u64,
    pub pauses: u64,
    pub missing: u64,
    pub reattached: u64,
}

/// All of it.
pub struct World {
    rng: ChaCha8Rng,
    salt: u8,
    /// Nothing that was finished becomes unreachable for longer than a lease.
    calm: bool,
    now: Ms,
    seq: u64,
    life: u32,
    queue: BTreeMap<(Ms, u64), (u32, Happening)>,
    state: State,
    numbers: BTreeMap<usize, WorkerNo>,
    sinks: BTreeMap<WorkerNo, (usize, u64)>,
    cache: BTreeMap<Digest, Outcome>,
    pins: BTreeMap<Digest, Vec<Digest>>,
    hub: BTreeSet<Digest>,
    disks: BTreeMap<&'static str, BTreeSet<Digest>>,
    workers: Vec<Worker>,
    runs: Vec<Run>,
    tries: BTreeMap<Digest, u8>,
    /// Recipes that this life of the coordinator knows to be finished.
    known: BTreeSet<Digest>,
    last_fence: Fence,
    next_session: u64,
    control_at: BTreeMap<usize, Ms>,
    story: VecDeque<String>,
    pub tally: Tally,
}

impl World {
    /// The world of a seed, before its first moment.
    pub fn new(seed: u64) -> World {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let salt = (rng.next_u64() % u64::from(SALTS)) as u8;
        let calm = rng.next_u64().is_multiple_of(3);
        let mut world = World {
            rng,
            salt,
            calm,
            now: 0,
            seq: 0,
            life: 0,
            queue: BTreeMap::new(),
            state: State::new(rules(), 1),
            numbers: BTreeMap::new(),
            sinks: BTreeMap::new(),
            cache: BTreeMap::new(),
            pins: BTreeMap::new(),
            hub: BTreeSet::new(),
            disks: BTreeMap::new(),
            workers: Vec::new(),
            runs: Vec::new(),
            tries: BTreeMap::new(),
            known: BTreeSet::new(),
            last_fence: 0,
            next_session: 1,
            control_at: BTreeMap::new(),
            story: VecDeque::new(),
            tally: Tally::default(),
        };
        world.people();
        world
    }

    /// Two workers of `c1` share a folder; those of `c2` do not, unless the world is calm.
    fn people(&mut self) {
        let apart = if self.calm { "c2/a" } else { "c2/b" };
        for (site, place) in [
            ("c1", "c1/shared"),
            ("c1", "c1/shared"),
            ("c2", "c2/a"),
            ("c2", apart),
            ("hub", "hub"),
        ] {
            self.hire(site, place);
        }
        for plan in (0..STUDIES).map(plan_of) {
            self.hub.extend(
                plan.sources()
                    .iter()
                    .map(|s| s.digest)
                    .filter(|d| !d.is_keyed()),
            );
        }
        for at in 0..=self.below(3) {
            let study = self.below(STUDIES as u64) as usize;
            self.runs.push(Run {
                study,
                no: None,
                submitted: false,
                cancelled: false,
                ended: false,
            });
            let when = self.below(400);
            self.later(when, Happening::Submit(at as usize));
        }
        self.later(10, Happening::Tick);
        self.later(100, Happening::Trouble);
    }

    fn hire(&mut self, site: &'static str, place: &'static str) {
        let worker = self.workers.len();
        let name = format!("w{worker}");
        self.workers.push(Worker {
            name,
            site,
            place,
            alive: true,
            session: None,
            held: BTreeMap::new(),
            finished: BTreeMap::new(),
        });
        let when = self.below(200);
        self.later(when, Happening::Dial { worker });
    }

    /// Lives until every run has ended and everything is at rest. Returns what broke.
    pub fn live(&mut self) -> Result<(), String> {
        let mut rest = None;
        while rest.is_none_or(|until| self.now < until) {
            let Some(((at, _), (life, happening))) = self.queue.pop_first() else {
                return Err("nothing happens any more".into());
            };
            self.now = at;
            if self.now > QUIET_MS + PATIENCE_MS {
                return Err(format!(
                    "not at its end after {PATIENCE_MS} quiet milliseconds: {}",
                    self.stuck()
                ));
            }
            self.happen(life, happening)?;
            if rest.is_none() && self.now > QUIET_MS && self.runs.iter().all(|run| run.ended) {
                rest = Some(self.now + 5 * LEASE_MS);
            }
        }
        self.at_rest()
    }

    /// The last things that happened.
    pub fn story(&self) -> String {
        self.story.iter().map(|line| format!("{line}\n")).collect()
    }

    fn stuck(&self) -> String {
        let comps: Vec<String> = self
            .state
            .comps
            .iter()
            .flatten()
            .take(5)
            .map(|c| format!("{:?} at site {}", c.phase, c.site))
            .collect();
        format!(
            "{} live computations, first {comps:?}",
            self.state.comps.iter().flatten().count()
        )
    }

    fn at_rest(&self) -> Result<(), String> {
        let left = self.state.comps.iter().flatten().count();
        let held: usize = self.state.workers.values().map(|w| w.held.len()).sum();
        if left + held + self.state.orphans.len() > 0 {
            return Err(format!(
                "at rest there are {left} computations, {held} leases and {} orphans; {}",
                self.state.orphans.len(),
                self.stuck()
            ));
        }
        Ok(())
    }

    // ---- chance and time --------------------------------------------------------------------------------------------

    fn below(&mut self, n: u64) -> u64 {
        self.rng.next_u64() % n
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn later(&mut self, delay: Ms, happening: Happening) {
        self.seq += 1;
        self.queue
            .insert((self.now + delay, self.seq), (self.life, happening));
    }

    /// A message to the coordinator: sometimes late, so that others overtake it.
    fn delay(&mut self) -> Ms {
        let slow = self.now < QUIET_MS && self.chance(5);
        if slow {
            self.below(1_500)
        } else {
            self.below(20)
        }
    }

    fn tell(&mut self, line: String) {
        if self.story.len() == 400 {
            self.story.pop_front();
        }
        self.story.push_back(format!("{:>6} {line}", self.now));
    }

    // ---- what happens -----------------------------------------------------------------------------------------------

    fn happen(&mut self, life: u32, happening: Happening) -> Result<(), String> {
        let same_life = life == self.life;
        match happening {
            Happening::Submit(at) => self.submit(at),
            Happening::Tick => {
                self.later(50, Happening::Tick);
                let now = self.now;
                self.feed(Event::Tick { now })?;
                self.give_work()
            }
            Happening::Trouble => {
                if self.now < QUIET_MS {
                    let next = 20 + self.below(400);
                    self.later(next, Happening::Trouble);
                    return self.trouble();
                }
                self.resume_all()
            }
            Happening::Done { worker, fence, job } => {
                self.done(worker, fence, job);
                Ok(())
            }
            Happening::Dial { worker } => {
                self.dial(worker);
                Ok(())
            }
            Happening::Lease {
                worker,
                session,
                fence,
                job,
            } => {
                self.start(worker, session, fence, job);
                Ok(())
            }
            Happening::Ack {
                worker,
                session,
                fence,
            } => {
                if self.linked(worker, session) {
                    self.workers[worker].finished.remove(&fence);
                }
                Ok(())
            }
            Happening::Stop {
                worker,
                session,
                fence,
            } => {
                if self.linked(worker, session) {
                    self.workers[worker].held.remove(&fence);
                    self.workers[worker].finished.remove(&fence);
                }
                Ok(())
            }
            Happening::Heartbeat { worker, session } => {
                self.heartbeat(worker, session);
                Ok(())
            }
            other if same_life => self.reach(other),
            _ => Ok(()),
        }
    }

    /// Something reaches the coordinator.
    fn reach(&mut self, happening: Happening) -> Result<(), String> {
        let now = self.now;
        match happening {
            Happening::Hear(event) => self.feed(event)?,
            Happening::Knock {
                worker,
                session,
                hello,
            } => {
                let next = self.numbers.len() as WorkerNo;
                let no = *self.numbers.entry(worker).or_insert(next);
                self.sinks.insert(no, (worker, session));
                self.tally.reattached += hello.running.len() as u64;
                self.feed(Event::Joined {
                    worker: no,
                    hello,
                    now,
                })?;
            }
            Happening::Part { worker, session } => {
                if let Some(no) = self.numbers.get(&worker).copied()
                    && self.sinks.get(&no) == Some(&(worker, session))
                {
                    self.sinks.remove(&no);
                    self.feed(Event::Lost { worker: no })?;
                }
            }
            Happening::Goodbye { worker, session } => {
                if let Some(no) = self.numbers.get(&worker).copied() {
                    self.feed(Event::Left { worker: no })?;
                    self.reach(Happening::Part { worker, session })?;
                }
            }
            Happening::Beat { worker, fences } => {
                if let Some(no) = self.numbers.get(&worker).copied() {
                    self.feed(Event::Beat {
                        worker: no,
                        fences,
                        now,
                    })?;
                }
            }
            Happening::Deliver {
                worker,
                fence,
                recipe,
                report,
            } => self.take_in(worker, fence, recipe, report)?,
            _ => {}
        }
        if self.chance(60) {
            self.give_work()
        } else {
            Ok(())
        }
    }

    fn submit(&mut self, at: usize) -> Result<(), String> {
        if self.runs[at].no.is_some() || self.runs[at].ended {
            return Ok(());
        }
        let run = self
            .runs
            .iter()
            .filter_map(|r| r.no)
            .max()
            .map_or(0, |no| no + 1);
        self.runs[at].no = Some(run);
        self.runs[at].submitted = true;
        let (plan, now) = (plan_of(self.runs[at].study), self.now);
        self.feed(Event::Submitted { run, plan, now })
    }
}
