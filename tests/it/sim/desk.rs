//! One coordinator on a desk: a script does what the world would do, and every step is written down in prose.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use cas::Outcome;
use coordinator::apply::apply;
use coordinator::event::{Command, Event, Hello, Report};
use coordinator::schedule::schedule;
use coordinator::state::{CompPhase, Fence, Ms, Phase, Rules, State, WorkerNo};
use digest::Digest;
use pipeline_defs::kinds::all;
use pipeline_defs::plan::Plan;

use super::study::{made_of, plan_of, small_plan};

/// The coordinator, its cache, and who is who.
pub struct Desk {
    pub state: State,
    pub plan: Arc<Plan>,
    pub now: Ms,
    pub text: String,
    /// Pins that wait to be answered when `holds_pins`.
    pub pins: Vec<(u32, Vec<Digest>)>,
    pub holds_pins: bool,
    cache: BTreeMap<Digest, Outcome>,
    disks: BTreeMap<String, BTreeSet<Digest>>,
    workers: Vec<String>,
    leases: BTreeMap<Fence, (WorkerNo, u32, Digest)>,
}

impl Desk {
    /// One patient: image, mask, features at site `c1`, the table at the hub.
    pub fn small() -> Desk {
        Desk::with(small_plan())
    }

    /// The study of the simulated worlds.
    pub fn large() -> Desk {
        Desk::with(plan_of(0))
    }

    fn with(plan: Arc<Plan>) -> Desk {
        Desk {
            state: State::new(rules(), 1),
            plan,
            now: 0,
            text: String::new(),
            pins: Vec::new(),
            holds_pins: false,
            cache: BTreeMap::new(),
            disks: BTreeMap::new(),
            workers: Vec::new(),
            leases: BTreeMap::new(),
        }
    }

    pub fn submit(&mut self) {
        let no = self.state.runs.keys().next_back().map_or(0, |no| no + 1);
        self.say(&format!(
            "run {no} is submitted with {} tasks",
            self.plan.n_tasks()
        ));
        let (plan, now) = (Arc::clone(&self.plan), self.now);
        self.feed(Event::Submitted { run: no, plan, now });
    }

    /// A worker opens a session at a site's place and says what it holds.
    pub fn join(&mut self, name: &str, place: &str, running: &[Fence]) {
        let no = self.number(name);
        let site = place.split('/').next().unwrap_or(place);
        let holding: Vec<String> = running
            .iter()
            .map(|f| format!("{} under lease {f}", self.plan.address(self.leases[f].1)))
            .collect();
        let holding = if holding.is_empty() {
            "nothing".to_owned()
        } else {
            holding.join(" and ")
        };
        self.say(&format!("{name} joins at {place}, holding {holding}"));
        let hello = Hello {
            name: name.to_owned(),
            site: site.to_owned(),
            holders: vec![place.to_owned(), format!("files of {name}")],
            cores: 1,
            memory_mb: 8_192,
            kinds: all()
                .iter()
                .map(|k| (k.name.to_owned(), k.version))
                .collect(),
            running: running.iter().map(|f| (self.leases[f].2, *f)).collect(),
        };
        let now = self.now;
        self.feed(Event::Joined {
            worker: no,
            hello,
            now,
        });
        let sources: Vec<Digest> = self
            .plan
            .sources()
            .iter()
            .filter(|s| s.absent.is_none() && s.site.as_deref() == Some(site))
            .map(|s| s.digest)
            .collect();
        self.feed(Event::Present {
            holder: format!("files of {name}"),
            digests: sources,
        });
        let disk: Vec<Digest> = self
            .disks
            .get(place)
            .into_iter()
            .flatten()
            .copied()
            .collect();
        self.feed(Event::Present {
            holder: place.to_owned(),
            digests: disk,
        });
    }

    pub fn lose_link(&mut self, name: &str) {
        self.say(&format!("the link of {name} breaks"));
        let worker = self.number(name);
        self.feed(Event::Lost { worker });
    }

    pub fn leave(&mut self, name: &str) {
        self.say(&format!("{name} says goodbye"));
        let worker = self.number(name);
        self.feed(Event::Left { worker });
    }

    pub fn beat(&mut self, name: &str, fences: &[Fence]) {
        let (worker, now) = (self.number(name), self.now);
        self.feed(Event::Beat {
            worker,
            fences: fences.to_vec(),
            now,
        });
    }

    pub fn give_work(&mut self) {
        let plan = schedule(&self.state);
        for no in &plan.starved {
            let address = self.address_of(*no);
            self.say(&format!(
                "nobody who is here can read the inputs of {address}"
            ));
        }
        let now = self.now;
        self.feed(Event::Scheduled {
            assignments: plan.assignments,
            starved: plan.starved,
            now,
        });
    }

    /// Time passes; workers that are named beat, so that they do not fall silent.
    pub fn wait(&mut self, ms: Ms, alive: &[&str]) {
        self.now += ms;
        for name in alive {
            let no = self.number(name);
            let fences: Vec<Fence> = self.state.workers[&no].held.keys().copied().collect();
            self.beat(name, &fences);
        }
        let before: Vec<Fence> = self.held();
        let now = self.now;
        self.feed(Event::Tick { now });
        let after = self.held();
        for fence in before.iter().filter(|f| !after.contains(f)) {
            self.say(&format!("lease {fence} expires"));
        }
    }

    /// A worker does its work under a lease and reports it.
    pub fn end(&mut self, fence: Fence) {
        let (worker, task, recipe) = self.leases[&fence];
        let outcome = made_of(self.plan.kind_of(task), &recipe);
        let place = self.state.workers[&worker].holders[0];
        let place = self.state.holders[place as usize].clone();
        self.disks
            .entry(place)
            .or_default()
            .extend(outcome.digests().iter().filter(|d| d.is_keyed()));
        self.report(fence, Report::Ended(outcome));
    }

    pub fn fail(&mut self, fence: Fence, bug: bool) {
        self.report(
            fence,
            Report::Failed {
                bug,
                message: if bug { "panicked" } else { "disk full" }.to_owned(),
            },
        );
    }

    pub fn report(&mut self, fence: Fence, report: Report) {
        let (worker, task, recipe) = self.leases[&fence];
        let how = match &report {
            Report::Ended(Outcome::Outputs(_)) => "done".to_owned(),
            Report::Ended(Outcome::Refused(_)) => "refused".to_owned(),
            Report::Failed { message, .. } | Report::Diverged { message } => {
                format!("failed, {message}")
            }
            Report::Missing(lost) => format!("not done, {} of its inputs are missing", lost.len()),
        };
        self.say(&format!(
            "{} reports {} under lease {fence}: {how}",
            self.workers[worker as usize],
            self.plan.address(task)
        ));
        if let Report::Ended(outcome) = &report {
            self.cache.insert(recipe, outcome.clone());
        }
        let now = self.now;
        self.feed(Event::Reported {
            worker,
            fence,
            recipe,
            report,
            wall_ms: 10,
            now,
        });
    }

    /// The coordinator dies; what it has written to disk is all that is left.
    pub fn restart(&mut self) {
        self.say("the coordinator dies and starts again with its cache");
        self.state = State::new(rules(), 1_001);
        self.workers.clear();
    }

    /// Rows of a disk rot.
    pub fn rot(&mut self, place: &str, task: &str) -> Vec<Digest> {
        self.say(&format!("what {task} made is lost at {place}"));
        let task = self.task(task);
        let run = &self.state.runs[&0];
        let lost: Vec<Digest> = (0..self.plan.kind_of(task).outputs.len() as u8)
            .filter_map(|p| run.output(task, p))
            .collect();
        let disk = self.disks.entry(place.to_owned()).or_default();
        disk.retain(|d| !lost.contains(d));
        lost
    }

    pub fn task(&self, address: &str) -> u32 {
        self.plan
            .parse_address(address)
            .unwrap_or_else(|| panic!("no task {address}"))
    }

    pub fn phase(&self, run: u32, address: &str) -> Phase {
        self.state.runs[&run].tasks[self.task(address) as usize].phase
    }

    /// Phase of the live computation of a task.
    pub fn comp(&self, address: &str) -> Option<CompPhase> {
        let recipe = self
            .state
            .runs
            .values()
            .find_map(|run| run.tasks[self.task(address) as usize].recipe)?;
        let no = self.state.by_recipe.get(&recipe)?;
        self.state.comp(*no).map(|c| c.phase)
    }

    pub fn feed(&mut self, event: Event) {
        let commands = apply(&mut self.state, event);
        let wrong = self.state.check_invariants();
        assert!(wrong.is_empty(), "{wrong:?}\n{}", self.text);
        for command in commands {
            self.carry_out(command);
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Look { comp, recipe } => {
                let answer = self.cache.get(&recipe).cloned();
                let found = if answer.is_some() {
                    "is in the cache"
                } else {
                    "is not in the cache"
                };
                let address = self.address_of(comp);
                self.tell(&format!("{address} {found}"));
                self.feed(Event::Looked {
                    comp,
                    recipe,
                    answer,
                });
            }
            Command::Pin { task, current, .. } if self.holds_pins => {
                self.pins.push((task, current))
            }
            Command::Pin {
                run, task, current, ..
            } => self.feed(Event::Pinned {
                run,
                task,
                digests: current,
            }),
            Command::Lease {
                worker,
                fence,
                recipe,
                task,
                ..
            } => {
                self.leases.insert(fence, (worker, task, recipe));
                self.tell(&format!(
                    "{} gets {} under lease {fence}",
                    self.workers[worker as usize],
                    self.plan.address(task)
                ));
            }
            Command::Ack { .. } => {}
            Command::Stop { worker, fence } => self.tell(&format!(
                "{} is told to stop lease {fence}",
                self.workers[worker as usize]
            )),
            Command::Ended { run } => self.tell(&format!("run {run} has ended")),
        }
    }

    fn held(&self) -> Vec<Fence> {
        self.state
            .workers
            .values()
            .flat_map(|w| w.held.keys().copied())
            .collect()
    }

    fn number(&mut self, name: &str) -> WorkerNo {
        let at = self
            .workers
            .iter()
            .position(|n| n == name)
            .unwrap_or_else(|| {
                self.workers.push(name.to_owned());
                self.workers.len() - 1
            });
        at as WorkerNo
    }

    fn address_of(&self, comp: u32) -> String {
        let task = self
            .state
            .comp(comp)
            .and_then(|c| c.waiters.first())
            .map(|(_, task)| *task);
        task.map_or_else(String::new, |task| self.plan.address(task))
    }

    fn say(&mut self, line: &str) {
        let _ = writeln!(self.text, "{:>7.3} s  {line}", self.now as f64 / 1_000.0);
    }

    fn tell(&mut self, line: &str) {
        let _ = writeln!(self.text, "             → {line}");
    }
}

fn rules() -> Rules {
    Rules {
        lease_ms: 1_000,
        backoff_ms: 100,
        attempts_max: 3,
        bugs_max: 2,
        losses_max: 2,
        backlog_seconds: 0.0,
        held_max: 4,
    }
}
