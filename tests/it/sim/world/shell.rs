//! What the coordinator's shell does about commands, and what must never be commanded.

use cas::Outcome;
use coordinator::apply::apply;
use coordinator::event::{Command, Event, Report};
use coordinator::schedule::schedule;
use coordinator::state::{Fence, Phase, RunNo, WorkerNo, origin_digest};
use digest::Digest;
use pipeline_defs::plan::Origin;

use super::{Happening, Job, World};
use crate::sim::study::{End, sequential};

impl World {
    pub(super) fn give_work(&mut self) -> Result<(), String> {
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

    pub(super) fn feed(&mut self, event: Event) -> Result<(), String> {
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

    pub(super) fn carry_out(&mut self, command: Command) -> Result<(), String> {
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
    pub(super) fn answer(&mut self, event: Event) -> Result<(), String> {
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
    pub(super) fn holds_bytes(&self, outcome: &Outcome) -> bool {
        outcome
            .digests()
            .iter()
            .all(|d| d.is_keyed() || self.hub.contains(d))
    }

    pub(super) fn lease(
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
    pub(super) fn take_in(
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

    pub(super) fn ended(&mut self, no: RunNo) -> Result<(), String> {
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
    pub(super) fn compare(&self, at: usize, no: RunNo) -> Result<(), String> {
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
        Event::Joined { worker, hello, .. } => {
            format!(
                "worker {worker} joins as {} holding {:?}",
                hello.name,
                hello
                    .running
                    .iter()
                    .map(|(r, f)| (r.short(), *f))
                    .collect::<Vec<_>>()
            )
        }
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
