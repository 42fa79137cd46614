//! What goes wrong.

use std::collections::BTreeSet;

use coordinator::event::Event;
use coordinator::state::{Ms, RunNo, State};
use digest::Digest;
use rand_chacha::rand_core::Rng;

use super::{Happening, World, rules};
use crate::sim::study::plan_of;

impl World {
    pub(super) fn trouble(&mut self) -> Result<(), String> {
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

    pub(super) fn outage(&mut self) -> Ms {
        if self.calm {
            self.below(300)
        } else {
            self.below(3_000)
        }
    }

    pub(super) fn break_link(&mut self, worker: usize) {
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

    pub(super) fn die(&mut self, worker: usize) {
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

    pub(super) fn leave(&mut self, worker: usize) {
        let Some(session) = self.workers[worker].session else {
            return;
        };
        self.tell(format!("w{worker} says goodbye"));
        self.workers[worker].alive = false;
        self.in_order(worker, Happening::Goodbye { worker, session });
        let (site, place) = (self.workers[worker].site, self.workers[worker].place);
        self.hire(site, place);
    }

    pub(super) fn restart(&mut self) {
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
    pub(super) fn lose(&mut self) {
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

    pub(super) fn any_run(&mut self) -> Option<(usize, RunNo)> {
        let at = self.below(self.runs.len() as u64) as usize;
        let run = &self.runs[at];
        run.no
            .filter(|_| !run.ended && !run.cancelled)
            .map(|no| (at, no))
    }

    pub(super) fn cancel(&mut self) -> Result<(), String> {
        let Some((at, run)) = self.any_run() else {
            return Ok(());
        };
        self.tally.cancels += 1;
        self.runs[at].cancelled = true;
        let now = self.now;
        self.feed(Event::Cancel { run, now })
    }

    pub(super) fn pause(&mut self, paused: bool) -> Result<(), String> {
        let Some((_, run)) = self.any_run() else {
            return Ok(());
        };
        self.tally.pauses += 1;
        self.feed(Event::Pause { run, paused })
    }

    pub(super) fn resume_all(&mut self) -> Result<(), String> {
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
