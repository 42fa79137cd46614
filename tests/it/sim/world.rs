//! Hospitals, links, disks and a coordinator, all made of one stream of random numbers.
//!
//! Only `apply` and `schedule` are real. The world delivers what they say late, twice, in another order or never, and
//! looks after every event whether a promise is broken.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cas::Outcome;
use coordinator::apply::apply;
use coordinator::event::{Command, Event, Hello, Report};
use coordinator::schedule::schedule;
use coordinator::state::{Fence, Ms, Phase, Rules, RunNo, State, WorkerNo, origin_digest};
use digest::Digest;
use pipeline_defs::kinds::{KindSpec, all};
use pipeline_defs::plan::Origin;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::study::{Curse, End, SALTS, STUDIES, cursed, outcome_of, plan_of, sequential};

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
        let calm = rng.next_u64() % 3 == 0;
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

    // ---- the coordinator's shell ------------------------------------------------------------------------------------

    fn give_work(&mut self) -> Result<(), String> {
        let plan = schedule(&self.state);
        if plan.assignments.is_empty() && plan.starved.is_empty() {
            return Ok(());
        }
        let now = self.now;
        self.feed(Event::Scheduled {
            assignments: plan.assignments,
            starved: plan.starved,
            now,
        })
    }

    fn feed(&mut self, event: Event) -> Result<(), String> {
        self.tally.events += 1;
        if !matches!(event, Event::Tick { .. } | Event::Beat { .. }) {
            self.tell(brief(&event));
        }
        if let Event::Reported {
            recipe,
            report: Report::Ended(_),
            ..
        } = &event
        {
            self.known.insert(*recipe);
        }
        if let Event::Looked {
            recipe,
            answer: Some(_),
            ..
        } = &event
        {
            self.known.insert(*recipe);
        }
        let commands = apply(&mut self.state, event);
        if let Some(wrong) = self.state.check_invariants().first() {
            return Err(wrong.clone());
        }
        for command in commands {
            self.carry_out(command)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, command: Command) -> Result<(), String> {
        match command {
            Command::Look { comp, recipe } => {
                let answer = self
                    .cache
                    .get(&recipe)
                    .filter(|outcome| self.holds_bytes(outcome))
                    .cloned();
                self.answer(Event::Looked {
                    comp,
                    recipe,
                    answer,
                })
            }
            Command::Pin {
                run,
                task,
                key,
                current,
            } => {
                let digests = self.pins.entry(key).or_insert(current).clone();
                self.answer(Event::Pinned { run, task, digests })
            }
            Command::Lease {
                worker,
                fence,
                recipe,
                run,
                task,
            } => self.lease(worker, fence, recipe, run, task),
            Command::Ack { worker, fence } => {
                if let Some(&(worker, session)) = self.sinks.get(&worker) {
                    let delay = self.delay();
                    self.later(
                        delay,
                        Happening::Ack {
                            worker,
                            session,
                            fence,
                        },
                    );
                }
                Ok(())
            }
            Command::Stop { worker, fence } => {
                if let Some(&(worker, session)) = self.sinks.get(&worker) {
                    let delay = self.delay();
                    self.later(
                        delay,
                        Happening::Stop {
                            worker,
                            session,
                            fence,
                        },
                    );
                }
                Ok(())
            }
            Command::Ended { run } => self.ended(run),
        }
    }

    /// Answers of the store come at once, later, or twice.
    fn answer(&mut self, event: Event) -> Result<(), String> {
        if self.chance(50) {
            return self.feed(event);
        }
        for _ in 0..=u64::from(self.chance(10)) {
            let delay = self.delay();
            self.later(delay, Happening::Hear(event.clone()));
        }
        Ok(())
    }

    /// The cache's promise: what is shareable is here, or the answer is a miss.
    fn holds_bytes(&self, outcome: &Outcome) -> bool {
        outcome
            .digests()
            .iter()
            .all(|d| d.is_keyed() || self.hub.contains(d))
    }

    fn lease(
        &mut self,
        no: WorkerNo,
        fence: Fence,
        recipe: Digest,
        run: RunNo,
        task: u32,
    ) -> Result<(), String> {
        self.tally.leases += 1;
        if fence <= self.last_fence {
            return Err(format!(
                "lease {fence} is not younger than lease {}",
                self.last_fence
            ));
        }
        self.last_fence = fence;
        if self.calm && self.known.contains(&recipe) {
            return Err(format!(
                "recipe {} is leased again although it is finished",
                recipe.short()
            ));
        }
        let (run, worker) = (&self.state.runs[&run], &self.state.workers[&no]);
        let site = run.plan.site_of(task).unwrap_or("hub");
        if self.state.sites[worker.site as usize] != site {
            return Err(format!(
                "{} of site {site} is leased to {}",
                run.plan.address(task),
                worker.name
            ));
        }
        if !worker.connected {
            return Err(format!(
                "{} is leased to {}, who is away",
                run.plan.address(task),
                worker.name
            ));
        }
        let entries = run
            .plan
            .ports(task)
            .iter()
            .flat_map(|port| run.plan.entries(port));
        let readable =
            |o: &Origin| !matches!(o, Origin::Source(s) if run.plan.source(*s).absent.is_some());
        let inputs: Vec<Digest> = entries
            .filter(|e| readable(&e.origin))
            .filter_map(|e| origin_digest(run, &e.origin))
            .collect();
        let unread = inputs.iter().find(|d| {
            d.is_keyed()
                && !self
                    .state
                    .presence
                    .get(*d)
                    .is_some_and(|held| held.iter().any(|h| worker.holders.contains(h)))
        });
        if let Some(digest) = unread {
            return Err(format!(
                "{} cannot read {} of {}",
                worker.name,
                digest.short(),
                run.plan.address(task)
            ));
        }
        let job = Job {
            recipe,
            kind: run.plan.kind_of(task),
            inputs,
        };
        if let Some(&(worker, session)) = self.sinks.get(&no) {
            let delay = self.delay();
            self.later(
                delay,
                Happening::Lease {
                    worker,
                    session,
                    fence,
                    job,
                },
            );
        }
        Ok(())
    }

    /// The intake: durable first, then told to the loop, sometimes twice.
    fn take_in(
        &mut self,
        worker: usize,
        fence: Fence,
        recipe: Digest,
        report: Report,
    ) -> Result<(), String> {
        let Some(no) = self.numbers.get(&worker).copied() else {
            return Ok(());
        };
        if let Report::Ended(outcome) = &report {
            self.hub
                .extend(outcome.digests().iter().filter(|d| !d.is_keyed()));
            self.cache.entry(recipe).or_insert_with(|| outcome.clone());
        }
        for _ in 0..=u64::from(self.chance(5)) {
            let delay = self.delay();
            let now = self.now + delay;
            let event = Event::Reported {
                worker: no,
                fence,
                recipe,
                report: report.clone(),
                wall_ms: 1,
                now,
            };
            self.later(delay, Happening::Hear(event));
        }
        Ok(())
    }

    fn ended(&mut self, no: RunNo) -> Result<(), String> {
        let at = self
            .runs
            .iter()
            .position(|run| run.no == Some(no))
            .ok_or(format!("run {no} was never submitted"))?;
        if self.runs[at].ended {
            return Err(format!("run {no} ended twice"));
        }
        self.runs[at].ended = true;
        self.compare(at, no)
    }

    /// Every task came to the end that the sequential run came to.
    fn compare(&self, at: usize, no: RunNo) -> Result<(), String> {
        let run = &self.state.runs[&no];
        for (task, end) in sequential(self.runs[at].study, self.salt)
            .iter()
            .enumerate()
        {
            let (task, phase) = (task as u32, run.tasks[task].phase);
            if self.runs[at].cancelled && phase == Phase::Cancelled {
                continue;
            }
            let same = match end {
                End::Outputs(outputs) => {
                    phase.done()
                        && (0..outputs.len()).all(|p| run.output(task, p as u8) == Some(outputs[p]))
                }
                End::Refused(refusal) => run.refusal(task) == Some(*refusal),
                End::Failed => phase == Phase::Failed,
                End::Blocked => phase == Phase::Blocked,
            };
            if !same {
                return Err(format!(
                    "{} of run {no} ended as {phase:?}, one after another it is {end:?}",
                    run.plan.address(task)
                ));
            }
        }
        if run.open != 0
            || run
                .ended_ms
                .is_none_or(|ended| ended < run.submitted_ms || ended > self.now)
        {
            return Err(format!(
                "run {no} ended at {:?} with {} open tasks; now is {}",
                run.ended_ms, run.open, self.now
            ));
        }
        Ok(())
    }

    // ---- workers ----------------------------------------------------------------------------------------------------

    fn linked(&self, worker: usize, session: u64) -> bool {
        self.workers[worker].alive && self.workers[worker].session == Some(session)
    }

    fn dial(&mut self, worker: usize) {
        if !self.workers[worker].alive || self.workers[worker].session.is_some() {
            return;
        }
        let session = self.next_session;
        self.next_session += 1;
        let w = &mut self.workers[worker];
        w.session = Some(session);
        let files = format!("files of {}", w.name);
        let running = w
            .held
            .iter()
            .map(|(f, j)| (j.recipe, *f))
            .chain(w.finished.iter().map(|(f, (r, _))| (*r, *f)))
            .collect();
        let hello = Hello {
            name: w.name.clone(),
            site: w.site.to_owned(),
            holders: vec![w.place.to_owned(), files.clone()],
            cores: 2,
            memory_mb: 4_096,
            kinds: all()
                .iter()
                .map(|k| (k.name.to_owned(), k.version))
                .collect(),
            running,
        };
        let unconfirmed: Vec<_> = w.finished.clone().into_iter().collect();
        let (site, place) = (w.site, w.place);
        self.in_order(
            worker,
            Happening::Knock {
                worker,
                session,
                hello,
            },
        );
        let sources = plan_of(0)
            .sources()
            .iter()
            .filter(|s| s.absent.is_none() && s.site.as_deref() == Some(site))
            .map(|s| s.digest)
            .collect();
        self.in_order(
            worker,
            Happening::Hear(Event::Present {
                holder: files,
                digests: sources,
            }),
        );
        let digests = self
            .disks
            .get(place)
            .map(|disk| disk.iter().copied().collect())
            .unwrap_or_default();
        self.in_order(
            worker,
            Happening::Hear(Event::Present {
                holder: place.to_owned(),
                digests,
            }),
        );
        for (fence, (recipe, report)) in unconfirmed {
            self.send(worker, fence, recipe, report);
        }
        self.later(100, Happening::Heartbeat { worker, session });
    }

    /// What travels on one stream does not overtake itself.
    fn in_order(&mut self, worker: usize, happening: Happening) {
        let earliest = self.control_at.get(&worker).copied().unwrap_or(0);
        let at = (self.now + self.below(30)).max(earliest);
        self.control_at.insert(worker, at);
        self.later(at - self.now, happening);
    }

    fn heartbeat(&mut self, worker: usize, session: u64) {
        if !self.linked(worker, session) {
            return;
        }
        let w = &self.workers[worker];
        let fences: Vec<Fence> = w.held.keys().chain(w.finished.keys()).copied().collect();
        let delay = self.delay();
        self.later(delay, Happening::Beat { worker, fences });
        self.later(200, Happening::Heartbeat { worker, session });
    }

    fn start(&mut self, worker: usize, session: u64, fence: Fence, job: Job) {
        if !self.linked(worker, session) {
            return;
        }
        self.workers[worker].held.insert(fence, job.clone());
        let long = self.now < QUIET_MS && self.chance(2);
        let takes = if long {
            self.below(4_000)
        } else {
            1 + self.below(120)
        };
        self.later(takes, Happening::Done { worker, fence, job });
    }

    fn done(&mut self, worker: usize, fence: Fence, job: Job) {
        if !self.workers[worker].alive {
            return;
        }
        let recipe = job.recipe;
        let report = self.execute(worker, job);
        let w = &mut self.workers[worker];
        if w.held.remove(&fence).is_some() {
            w.finished.insert(fence, (recipe, report.clone()));
        }
        self.send(worker, fence, recipe, report);
    }

    fn send(&mut self, worker: usize, fence: Fence, recipe: Digest, report: Report) {
        if self.workers[worker].session.is_none() {
            return;
        }
        for _ in 0..=u64::from(self.chance(5)) {
            let delay = self.delay().max(
                self.control_at
                    .get(&worker)
                    .map_or(0, |at| at.saturating_sub(self.now)),
            );
            self.later(
                delay,
                Happening::Deliver {
                    worker,
                    fence,
                    recipe,
                    report: report.clone(),
                },
            );
        }
    }

    fn execute(&mut self, worker: usize, job: Job) -> Report {
        let (site, place) = (self.workers[worker].site, self.workers[worker].place);
        let plan = plan_of(0);
        let is_source = |d: &Digest| plan.sources().iter().any(|s| s.digest == *d);
        let here = |d: &Digest| {
            if d.is_keyed() {
                is_source(d) || self.disks.get(place).is_some_and(|disk| disk.contains(d))
            } else {
                self.hub.contains(d)
            }
        };
        let missing: Vec<Digest> = job.inputs.iter().copied().filter(|d| !here(d)).collect();
        if !missing.is_empty() {
            self.tally.missing += 1;
            return Report::Missing(missing);
        }
        match cursed(self.salt, job.kind, &job.recipe) {
            Some(curse) => {
                return Report::Failed {
                    bug: curse == Curse::Panics,
                    message: "cursed".into(),
                };
            }
            None => {
                let tries = self.tries.entry(job.recipe).or_default();
                *tries += 1;
                // The first attempts at some recipes go wrong, one panic or up to three errors: fewer than end a run.
                match (job.recipe.bytes()[1] % 8, *tries) {
                    (0, 1) => {
                        return Report::Failed {
                            bug: true,
                            message: "panicked".into(),
                        };
                    }
                    (k @ 1..=3, tries) if tries <= k => {
                        return Report::Failed {
                            bug: false,
                            message: "disk full".into(),
                        };
                    }
                    _ => {}
                }
            }
        }
        let outcome = outcome_of(self.salt, job.kind, &job.recipe);
        if site != "hub" {
            self.disks
                .entry(place)
                .or_default()
                .extend(outcome.digests().iter().filter(|d| d.is_keyed()));
        }
        Report::Ended(outcome)
    }

    // ---- trouble ----------------------------------------------------------------------------------------------------

    fn trouble(&mut self) -> Result<(), String> {
        let worker = self.below(self.workers.len() as u64) as usize;
        match self.below(100) {
            0..35 => self.break_link(worker),
            35..55 => self.die(worker),
            55..62 => self.leave(worker),
            62..70 => self.restart(),
            70..85 if !self.calm => self.lose(),
            85..88 => return self.cancel(),
            88..94 => return self.pause(true),
            94..100 => return self.pause(false),
            _ => {}
        }
        Ok(())
    }

    fn outage(&mut self) -> Ms {
        if self.calm {
            self.below(300)
        } else {
            self.below(3_000)
        }
    }

    fn break_link(&mut self, worker: usize) {
        let Some(session) = self.workers[worker].session.take() else {
            return;
        };
        self.tally.breaks += 1;
        self.tell(format!("the link of w{worker} breaks"));
        let (noticed, back) = (self.below(500), self.outage());
        if self.chance(70) {
            self.later(noticed, Happening::Part { worker, session });
        }
        self.later(back, Happening::Dial { worker });
    }

    fn die(&mut self, worker: usize) {
        if !self.workers[worker].alive {
            return;
        }
        self.tally.deaths += 1;
        self.tell(format!("w{worker} dies"));
        let session = self.workers[worker].session.take();
        self.workers[worker].alive = false;
        let noticed = self.below(500);
        if let (Some(session), true) = (session, self.chance(70)) {
            self.later(noticed, Happening::Part { worker, session });
        }
        let (site, place) = (self.workers[worker].site, self.workers[worker].place);
        self.hire(site, place);
    }

    fn leave(&mut self, worker: usize) {
        let Some(session) = self.workers[worker].session else {
            return;
        };
        self.tell(format!("w{worker} says goodbye"));
        self.workers[worker].alive = false;
        self.in_order(worker, Happening::Goodbye { worker, session });
        let (site, place) = (self.workers[worker].site, self.workers[worker].place);
        self.hire(site, place);
    }

    fn restart(&mut self) {
        self.tally.restarts += 1;
        self.tell("the coordinator dies and starts again".into());
        self.life += 1;
        let gap = self.below(1_000);
        self.last_fence += gap;
        self.state = State::new(rules(), self.last_fence + 1);
        self.numbers.clear();
        self.sinks.clear();
        self.known.clear();
        for at in 0..self.runs.len() {
            self.runs[at].no = None;
            self.runs[at].ended |= self.runs[at].cancelled;
            if self.runs[at].submitted && !self.runs[at].ended {
                let when = self.below(500);
                self.later(when, Happening::Submit(at));
            }
        }
        for worker in 0..self.workers.len() {
            if self.workers[worker].session.take().is_some() {
                let back = self.below(500);
                self.later(back, Happening::Dial { worker });
            }
        }
    }

    /// Bytes rot: on a disk of a site, or at the hub.
    fn lose(&mut self) {
        let places = ["c1/shared", "c2/a", "c2/b", "hub"];
        let place = places[self.below(4) as usize];
        let disk = if place == "hub" {
            &mut self.hub
        } else {
            self.disks.entry(place).or_default()
        };
        let sources: BTreeSet<Digest> = plan_of(0).sources().iter().map(|s| s.digest).collect();
        let candidates: Vec<Digest> = disk
            .iter()
            .copied()
            .filter(|d| !sources.contains(d))
            .collect();
        if candidates.is_empty() {
            return;
        }
        for _ in 0..3 {
            let lost = candidates[(self.rng.next_u64() % candidates.len() as u64) as usize];
            disk.remove(&lost);
        }
        self.tally.losses += 1;
        self.tell(format!("bytes are lost at {place}"));
    }

    fn any_run(&mut self) -> Option<(usize, RunNo)> {
        let at = self.below(self.runs.len() as u64) as usize;
        let run = &self.runs[at];
        run.no
            .filter(|_| !run.ended && !run.cancelled)
            .map(|no| (at, no))
    }

    fn cancel(&mut self) -> Result<(), String> {
        let Some((at, run)) = self.any_run() else {
            return Ok(());
        };
        self.tally.cancels += 1;
        self.runs[at].cancelled = true;
        let now = self.now;
        self.feed(Event::Cancel { run, now })
    }

    fn pause(&mut self, paused: bool) -> Result<(), String> {
        let Some((_, run)) = self.any_run() else {
            return Ok(());
        };
        self.tally.pauses += 1;
        self.feed(Event::Pause { run, paused })
    }

    fn resume_all(&mut self) -> Result<(), String> {
        let live: Vec<RunNo> = self
            .runs
            .iter()
            .filter(|r| !r.ended)
            .filter_map(|r| r.no)
            .collect();
        live.into_iter()
            .try_for_each(|run| self.feed(Event::Pause { run, paused: false }))
    }
}

fn brief(event: &Event) -> String {
    match event {
        Event::Submitted { run, plan, .. } => {
            format!("run {run} is submitted with {} tasks", plan.n_tasks())
        }
        Event::Looked { recipe, answer, .. } => format!(
            "looked for {}: {}",
            recipe.short(),
            if answer.is_some() { "hit" } else { "miss" }
        ),
        Event::Pinned { run, task, .. } => format!("task {task} of run {run} is pinned"),
        Event::Joined { worker, hello, .. } => format!(
            "worker {worker} joins as {} holding {:?}",
            hello.name,
            hello
                .running
                .iter()
                .map(|(r, f)| (r.short(), *f))
                .collect::<Vec<_>>()
        ),
        Event::Present { holder, digests } => format!("{holder} has {}", digests.len()),
        Event::Reported {
            worker,
            fence,
            recipe,
            report,
            ..
        } => {
            let how = match report {
                Report::Ended(Outcome::Outputs(_)) => "ended".to_owned(),
                Report::Ended(Outcome::Refused(_)) => "refused".to_owned(),
                Report::Missing(digests) => format!(
                    "missing {:?}",
                    digests.iter().map(Digest::short).collect::<Vec<_>>()
                ),
                Report::Failed { bug, .. } => format!("failed, bug {bug}"),
                Report::Diverged { .. } => "diverged".to_owned(),
            };
            format!(
                "worker {worker} reports {} under lease {fence}: {how}",
                recipe.short()
            )
        }
        Event::Scheduled {
            assignments,
            starved,
            ..
        } => format!("scheduled {assignments:?}, starved {starved:?}"),
        other => format!("{other:?}"),
    }
}
