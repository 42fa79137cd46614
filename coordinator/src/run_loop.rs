//! The thread that owns the state: select, apply, carry out, send.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use cas::Outcome;
use digest::Digest;
use pipeline_defs::plan::{Origin, Plan, TaskIdx};
use proto::{Acks, Cancels, Lease, Leases, RunStatus, ToWorker, Welcome, to_wire, to_worker};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::apply::{apply, recipe_bytes};
use crate::event::{Command, Event};
use crate::finish::{Finished, RunResult};
use crate::hub::{Hub, Message};
use crate::schedule::schedule;
use crate::state::{CompPhase, Fence, Ms, Phase, RunNo, State, WorkerNo, origin_digest};
use crate::status::status_of;

/// Events taken before the schedule is looked at again.
const BATCH: usize = 8192;
/// Leases in one message.
const LEASES_A_MESSAGE: usize = 256;

/// A planned run that is to start.
#[derive(Debug)]
pub struct Start {
    /// Its id.
    pub id: String,
    /// Its plan.
    pub plan: Arc<Plan>,
    /// Its study.
    pub study: Arc<pipeline_defs::study::Study>,
    /// Digest of its snapshot.
    pub snapshot: Digest,
    /// Whether pins are made anew.
    pub repin: bool,
}

/// Where a run stands that is not, or no longer, in the state.
#[derive(Clone, Debug, PartialEq)]
pub enum Outside {
    /// It was submitted; these sites are missing.
    Waiting(Vec<String>),
    /// It will never start.
    Refused(Vec<String>),
    /// A person dropped it before it started.
    Cancelled,
    /// It ended in an earlier life of the coordinator.
    Ended(Box<RunStatus>, RunResult),
}

/// A question to the loop.
#[derive(Debug)]
pub enum Question {
    /// How a run stands.
    Status(String, oneshot::Sender<Option<RunStatus>>),
    /// All runs.
    Runs(oneshot::Sender<Vec<RunStatus>>),
    /// What a run gave.
    Result(
        String,
        oneshot::Sender<Option<(RunStatus, Option<RunResult>)>>,
    ),
    /// What a task is and waits for.
    Task(String, String, oneshot::Sender<Option<TaskView>>),
    /// Drop, hold or release a run.
    Control(String, Control, oneshot::Sender<Option<RunStatus>>),
}

/// What a person does to a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Control {
    /// Drop it.
    Cancel,
    /// No new leases.
    Pause,
    /// Leases again.
    Resume,
}

/// A task as `why` needs it.
#[derive(Clone, Debug)]
pub struct TaskView {
    /// Its phase.
    pub phase: Phase,
    /// Canonical bytes of its recipe, once it has one.
    pub recipe: Option<Vec<u8>>,
    /// Addresses that it waits for.
    pub waits_for: Vec<String>,
    /// What else there is to say: why it is refused, failed, or not leased yet.
    pub remark: String,
    /// Study of its run.
    pub study: String,
    /// Runs of the same study before it, youngest last.
    pub address: String,
}

/// What the loop knows of a run beside its tasks.
pub(crate) struct RunInfo {
    pub(crate) id: String,
    pub(crate) study: Arc<pipeline_defs::study::Study>,
    snapshot: Digest,
    repin: bool,
    pub(crate) result: Option<Result<RunResult, String>>,
    repeats: u8,
}

/// Times that a run starts over because results were damaged in the store; more, and the disk is to blame.
const REPEATS_MAX: u8 = 3;

struct Sink {
    session: u64,
    out: UnboundedSender<ToWorker>,
    leases: Vec<Lease>,
    acks: Vec<Fence>,
    stops: Vec<Fence>,
}

/// The loop and what it owns.
pub struct Loop {
    hub: Hub,
    state: State,
    sinks: HashMap<WorkerNo, Sink>,
    runs: BTreeMap<RunNo, RunInfo>,
    outside: BTreeMap<String, Outside>,
    recipes: Vec<Vec<u8>>,
    to_finisher: std::sync::mpsc::Sender<Finished>,
    heartbeat_ms: Ms,
    dirty: bool,
    last_tick: Ms,
}

impl Loop {
    /// A loop over an empty state.
    #[must_use]
    pub fn new(
        hub: Hub,
        state: State,
        heartbeat_ms: Ms,
        to_finisher: std::sync::mpsc::Sender<Finished>,
    ) -> Loop {
        Loop {
            hub,
            state,
            sinks: HashMap::new(),
            runs: BTreeMap::new(),
            outside: BTreeMap::new(),
            recipes: Vec::new(),
            to_finisher,
            heartbeat_ms,
            dirty: false,
            last_tick: 0,
        }
    }

    /// Runs until it is told to stop.
    pub fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let first = match messages.recv_timeout(Duration::from_millis(100)) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut taken = 0;
            let mut next = first;
            while let Some(message) = next {
                if let Message::Stop(done) = message {
                    let _ = done.send(());
                    return;
                }
                self.take(message);
                taken += 1;
                next = if taken < BATCH {
                    messages.try_recv().ok()
                } else {
                    None
                };
            }
            self.pass_time();
            if self.dirty {
                self.dirty = false;
                self.give_work();
            }
            self.flush();
        }
    }

    fn pass_time(&mut self) {
        let now = self.hub.now();
        if now >= self.last_tick + 50 {
            self.last_tick = now;
            self.dirty |= !self.state.delayed.is_empty()
                || !self
                    .state
                    .ready
                    .values()
                    .all(std::collections::BTreeSet::is_empty);
            self.feed(Event::Tick { now });
        }
    }

    fn give_work(&mut self) {
        let plan = schedule(&self.state);
        if !plan.assignments.is_empty() || !plan.starved.is_empty() {
            let now = self.hub.now();
            self.feed(Event::Scheduled {
                assignments: plan.assignments,
                starved: plan.starved,
                now,
            });
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Event(event) => self.feed(event),
            Message::Events(events) => events.into_iter().for_each(|event| self.feed(event)),
            Message::Join {
                worker,
                session,
                hello,
                sink,
            } => {
                let welcome = Welcome {
                    heartbeat_ms: self.heartbeat_ms,
                    lease_ms: self.state.rules.lease_ms,
                };
                let _ = sink.send(ToWorker {
                    body: Some(to_worker::Body::Welcome(welcome)),
                });
                self.sinks.insert(
                    worker,
                    Sink {
                        session,
                        out: sink,
                        leases: Vec::new(),
                        acks: Vec::new(),
                        stops: Vec::new(),
                    },
                );
                tracing::info!(
                    worker = hello.name,
                    site = hello.site,
                    cores = hello.cores,
                    "worker joined"
                );
                let now = self.hub.now();
                self.feed(Event::Joined { worker, hello, now });
            }
            Message::Part { worker, session } => {
                if self
                    .sinks
                    .get(&worker)
                    .is_some_and(|s| s.session == session)
                {
                    self.sinks.remove(&worker);
                    tracing::info!(worker = self.hub.name_of(worker), "session ended");
                    self.feed(Event::Lost { worker });
                }
            }
            Message::Start(start) => self.start(start),
            Message::Phase { run, phase } => {
                if self.outside.get(&run) != Some(&Outside::Cancelled) {
                    self.outside.insert(run, phase);
                }
            }
            Message::Recorded { run, result } => {
                if let Some(info) = self.runs.get_mut(&run) {
                    tracing::info!(
                        run = info.id,
                        complete = result.as_ref().is_ok_and(|r| r.complete),
                        "run ended"
                    );
                    info.result = Some(result);
                }
            }
            Message::Damaged { run } => self.repeat(run),
            Message::Ask(question) => self.answer(question),
            Message::Stop(_) => {}
        }
    }

    fn start(&mut self, start: Start) {
        if self.outside.get(&start.id) == Some(&Outside::Cancelled) {
            return;
        }
        let no = self.runs.keys().next_back().map_or(0, |last| last + 1);
        self.outside.remove(&start.id);
        let info = RunInfo {
            id: start.id,
            study: start.study,
            snapshot: start.snapshot,
            repin: start.repin,
            result: None,
            repeats: 0,
        };
        tracing::info!(run = info.id, tasks = start.plan.n_tasks(), "run started");
        self.runs.insert(no, info);
        let now = self.hub.now();
        self.feed(Event::Submitted {
            run: no,
            plan: start.plan,
            now,
        });
    }

    /// Starts a run over under its id: what was damaged is absent now, and is made again.
    fn repeat(&mut self, no: RunNo) {
        let (Some(info), Some(run)) = (self.runs.get_mut(&no), self.state.runs.get(&no)) else {
            return;
        };
        if info.repeats >= REPEATS_MAX {
            info.result = Some(Err(
                "results were damaged in the store again and again; look at its disk".to_owned(),
            ));
            return;
        }
        let (plan, repeats) = (Arc::clone(&run.plan), info.repeats + 1);
        let start = Start {
            id: info.id.clone(),
            study: Arc::clone(&info.study),
            snapshot: info.snapshot,
            plan,
            repin: false,
        };
        self.start(start);
        if let Some((_, info)) = self.runs.iter_mut().next_back() {
            info.repeats = repeats;
        }
    }

    /// Applies an event and carries out what follows, until nothing follows.
    fn feed(&mut self, event: Event) {
        self.dirty = true;
        let mut commands: VecDeque<Command> = apply(&mut self.state, event).into();
        while let Some(command) = commands.pop_front() {
            let answer = self.carry_out(command);
            if let Some(event) = answer {
                commands.extend(apply(&mut self.state, event));
            }
        }
        #[cfg(debug_assertions)]
        if self.state.comps.len() < 64 {
            let wrong = self.state.check_invariants();
            assert!(wrong.is_empty(), "{wrong:?}");
        }
    }

    fn carry_out(&mut self, command: Command) -> Option<Event> {
        match command {
            Command::Look { comp, recipe } => {
                let answer = self.hub.store.action(&recipe).unwrap_or_else(|error| {
                    tracing::error!(%error, "the action cache does not answer; the task will run");
                    None
                });
                Some(Event::Looked {
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
            } => Some(Event::Pinned {
                run,
                task,
                digests: self.pin(run, &key, current),
            }),
            Command::Lease {
                worker,
                fence,
                recipe,
                run,
                task,
            } => {
                self.lease(worker, fence, &recipe, run, task);
                None
            }
            Command::Ack { worker, fence } => {
                self.sinks.get_mut(&worker)?.acks.push(fence);
                None
            }
            Command::Stop { worker, fence } => {
                self.sinks.get_mut(&worker)?.stops.push(fence);
                None
            }
            Command::Ended { run } => {
                self.finish(run);
                None
            }
        }
    }

    /// The first value of a pinned input counts, for as long as its bytes are here and nobody asks for a new one.
    fn pin(&self, run: RunNo, key: &Digest, current: Vec<Digest>) -> Vec<Digest> {
        let note = format!("pin:{key}");
        let repin = self.runs.get(&run).is_some_and(|info| info.repin);
        let known = self
            .hub
            .store
            .note(&note)
            .ok()
            .flatten()
            .filter(|_| !repin)
            .and_then(|bytes| {
                let digests: Option<Vec<Digest>> = bytes
                    .chunks(digest::WIRE_LEN)
                    .map(|c| proto::from_wire(c).ok())
                    .collect();
                digests.filter(|d| {
                    d.len() == current.len()
                        && d.iter().all(|d| self.hub.store.has(d).unwrap_or(false))
                })
            });
        known.unwrap_or_else(|| {
            let bytes: Vec<u8> = current.iter().flat_map(|d| d.to_wire()).collect();
            if let Err(error) = self.hub.store.set_note(&note, &bytes) {
                tracing::error!(%error, "a pin could not be written");
            }
            current
        })
    }

    fn lease(
        &mut self,
        worker: WorkerNo,
        fence: Fence,
        recipe: &Digest,
        run: RunNo,
        task: TaskIdx,
    ) {
        let Some(state) = self.state.runs.get(&run) else {
            return;
        };
        let bytes = recipe_bytes(state, task);
        let cost = state.plan.kind_of(task).cost;
        let lease = Lease {
            fence,
            recipe: to_wire(recipe),
            recipe_json: bytes.clone().into(),
            address: state.plan.address(task),
            cores: u32::from(cost.cores),
            memory_mb: cost.memory_mb,
        };
        if let Some(w) = self.state.workers.get(&worker)
            && w.site != 0
        {
            let open = state
                .plan
                .ports(task)
                .iter()
                .flat_map(|p| state.plan.entries(p))
                .filter_map(|e| origin_digest(state, &e.origin));
            self.hub.allow(&w.name, open.filter(|d| !d.is_keyed()));
        }
        self.recipes.push(bytes);
        if let Some(sink) = self.sinks.get_mut(&worker) {
            sink.leases.push(lease);
        }
    }

    /// Sends everything; leases go by way of the intake, which makes their recipes durable first.
    fn flush(&mut self) {
        let mut given = Vec::new();
        for sink in self.sinks.values_mut() {
            let mut leases = std::mem::take(&mut sink.leases);
            while !leases.is_empty() {
                let rest = leases.split_off(leases.len().min(LEASES_A_MESSAGE));
                let body = Some(to_worker::Body::Leases(Leases { leases }));
                given.push((sink.out.clone(), ToWorker { body }));
                leases = rest;
            }
            if !sink.acks.is_empty() {
                let fences = std::mem::take(&mut sink.acks);
                post(sink, to_worker::Body::Acks(Acks { fences }));
            }
            if !sink.stops.is_empty() {
                let fences = std::mem::take(&mut sink.stops);
                post(sink, to_worker::Body::Cancels(Cancels { fences }));
            }
        }
        if !self.recipes.is_empty() || !given.is_empty() {
            self.hub.give_out(std::mem::take(&mut self.recipes), given);
        }
    }

    fn finish(&mut self, no: RunNo) {
        let (Some(run), Some(info)) = (self.state.runs.get(&no), self.runs.get(&no)) else {
            return;
        };
        let workers = self
            .state
            .workers
            .iter()
            .map(|(no, w)| {
                (
                    *no,
                    (w.name.clone(), self.state.sites[w.site as usize].clone()),
                )
            })
            .collect();
        let finished = Finished {
            no,
            id: info.id.clone(),
            study: Arc::clone(&info.study),
            snapshot: info.snapshot,
            plan: Arc::clone(&run.plan),
            tasks: run.tasks.clone(),
            outputs: run.outputs.clone(),
            spans: run.spans.clone(),
            pins: run.pins.clone(),
            failures: run.failures.clone(),
            cancelled: run.cancelled,
            workers,
            status: status_of(run, info, &self.state),
            submitted_ms: run.submitted_ms,
        };
        let _ = self.to_finisher.send(finished);
    }

    // ---- questions --------------------------------------------------------------------------------------------------

    fn answer(&mut self, question: Question) {
        match question {
            Question::Status(id, reply) => drop(reply.send(self.status(&id))),
            Question::Runs(reply) => {
                let inside = self.runs.values().map(|info| info.id.clone());
                let ids: std::collections::BTreeSet<String> =
                    inside.chain(self.outside.keys().cloned()).collect();
                let _ = reply.send(ids.iter().filter_map(|id| self.status(id)).collect());
            }
            Question::Result(id, reply) => {
                let result = match self.find(&id) {
                    Some(no) => self
                        .runs
                        .get(&no)
                        .and_then(|i| i.result.clone())
                        .and_then(Result::ok),
                    None => match self.outside.get(&id) {
                        Some(Outside::Ended(_, result)) => Some(result.clone()),
                        _ => None,
                    },
                };
                let _ = reply.send(self.status(&id).map(|status| (status, result)));
            }
            Question::Task(id, address, reply) => drop(reply.send(self.task(&id, &address))),
            Question::Control(id, control, reply) => {
                if let Some(run) = self.find(&id) {
                    let now = self.hub.now();
                    self.feed(match control {
                        Control::Cancel => Event::Cancel { run, now },
                        Control::Pause => Event::Pause { run, paused: true },
                        Control::Resume => Event::Pause { run, paused: false },
                    });
                } else if control == Control::Cancel {
                    self.drop_waiting(&id);
                }
                let _ = reply.send(self.status(&id));
            }
        }
    }

    /// A run that waits for its sites is dropped for good.
    fn drop_waiting(&mut self, id: &str) {
        let Some(phase @ Outside::Waiting(_)) = self.outside.get_mut(id) else {
            return;
        };
        let end = crate::submit::Unstarted {
            cancelled: true,
            problems: Vec::new(),
        };
        match end.save(&self.hub.store, id) {
            Ok(()) => *phase = Outside::Cancelled,
            Err(error) => tracing::error!(run = id, %error, "a run could not be dropped"),
        }
    }

    /// The youngest run of that id.
    fn find(&self, id: &str) -> Option<RunNo> {
        self.runs
            .iter()
            .rev()
            .find(|(_, info)| info.id == id)
            .map(|(no, _)| *no)
    }

    fn status(&self, id: &str) -> Option<RunStatus> {
        if let Some(no) = self.find(id) {
            return Some(status_of(
                self.state.runs.get(&no)?,
                self.runs.get(&no)?,
                &self.state,
            ));
        }
        Some(match self.outside.get(id)? {
            Outside::Waiting(sites) => RunStatus {
                run: id.to_owned(),
                phase: "waiting-for-sites".to_owned(),
                missing_sites: sites.clone(),
                ..RunStatus::default()
            },
            Outside::Refused(problems) => RunStatus {
                run: id.to_owned(),
                phase: "refused".to_owned(),
                problems: problems.clone(),
                ..RunStatus::default()
            },
            Outside::Cancelled => RunStatus {
                run: id.to_owned(),
                phase: "cancelled".to_owned(),
                ..RunStatus::default()
            },
            Outside::Ended(status, _) => (**status).clone(),
        })
    }

    fn task(&self, id: &str, address: &str) -> Option<TaskView> {
        let no = self.find(id)?;
        let (run, info) = (self.state.runs.get(&no)?, self.runs.get(&no)?);
        let task = run.plan.parse_address(address)?;
        let state = &run.tasks[task as usize];
        let open = |t: &TaskIdx| !run.tasks[*t as usize].phase.ended();
        let waits_for = run
            .plan
            .dependencies(task)
            .filter(open)
            .map(|t| run.plan.address(t))
            .collect();
        let remark = match state.phase {
            Phase::Refused => run
                .refusal(task)
                .and_then(|d| crate::why::refusal_in_words(&self.hub, &d)),
            Phase::Failed => run
                .failures
                .iter()
                .find(|(t, _)| *t == task)
                .map(|(_, m)| m.clone()),
            Phase::Bound => state
                .recipe
                .and_then(|r| self.state.by_recipe.get(&r))
                .map(|c| self.waiting_remark(*c)),
            _ => None,
        };
        Some(TaskView {
            phase: state.phase,
            recipe: state.recipe.map(|_| recipe_bytes(run, task)),
            waits_for,
            remark: remark.unwrap_or_default(),
            study: info.study.name.clone(),
            address: address.to_owned(),
        })
    }

    fn waiting_remark(&self, comp_no: u32) -> String {
        let Some(comp) = self.state.comp(comp_no) else {
            return String::new();
        };
        let site = &self.state.sites[comp.site as usize];
        match comp.phase {
            CompPhase::Leased { worker, .. } => {
                let name = self
                    .state
                    .workers
                    .get(&worker)
                    .map_or("?", |w| w.name.as_str());
                format!("running on worker {name}")
            }
            CompPhase::Delayed { .. } => format!(
                "waits after a failed attempt ({} so far)",
                comp.attempts + comp.bugs
            ),
            _ if !self
                .state
                .workers
                .values()
                .any(|w| w.connected && w.site == comp.site) =>
            {
                format!(
                    "no worker of site {site} is connected: start `radloom-worker join … --site {site}`"
                )
            }
            CompPhase::Starved { .. } => format!(
                "no connected worker of site {site} holds its inputs; is the worker that announced this patient away?"
            ),
            CompPhase::Parked => "its run is paused".to_owned(),
            _ => format!("waits for a free worker of site {site}"),
        }
    }
}

fn post(sink: &Sink, body: to_worker::Body) {
    // A session that is gone takes nothing; its leases expire.
    let _ = sink.out.send(ToWorker { body: Some(body) });
}

/// Output digests of an outcome in the order of its ports, none for a refusal; the preview asks the same cache.
#[must_use]
pub fn outputs_of(outcome: &Outcome, plan: &Plan, task: TaskIdx) -> Option<Vec<Digest>> {
    let Outcome::Outputs(outputs) = outcome else {
        return None;
    };
    let ports = plan.kind_of(task).outputs;
    Some(
        ports
            .iter()
            .map(|p| {
                outputs
                    .iter()
                    .find(|o| o.port == p.name)
                    .map_or(Digest::of(b""), |o| o.digest)
            })
            .collect(),
    )
}

/// Digest of an entry's origin among outputs by task.
#[must_use]
pub fn known_digest(
    plan: &Plan,
    outputs: &[Option<Vec<Digest>>],
    origin: &Origin,
) -> Option<Digest> {
    match origin {
        Origin::Source(source) => Some(plan.source(*source).digest),
        Origin::Output { task, port } => outputs
            .get(*task as usize)?
            .as_ref()?
            .get(*port as usize)
            .copied(),
    }
}
