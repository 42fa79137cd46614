//! Workers: they dial, beat, work, and keep what nobody confirmed.

use coordinator::event::{Event, Hello, Report};
use coordinator::state::Fence;
use digest::Digest;
use pipeline_defs::kinds::all;

use super::{Happening, Job, QUIET_MS, World};
use crate::sim::study::{Curse, cursed, outcome_of, plan_of};

impl World {
    pub(super) fn linked(&self, worker: usize, session: u64) -> bool {
        self.workers[worker].alive && self.workers[worker].session == Some(session)
    }

    pub(super) fn dial(&mut self, worker: usize) {
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
    pub(super) fn in_order(&mut self, worker: usize, happening: Happening) {
        let earliest = self.control_at.get(&worker).copied().unwrap_or(0);
        let at = (self.now + self.below(30)).max(earliest);
        self.control_at.insert(worker, at);
        self.later(at - self.now, happening);
    }

    pub(super) fn heartbeat(&mut self, worker: usize, session: u64) {
        if !self.linked(worker, session) {
            return;
        }
        let w = &self.workers[worker];
        let fences: Vec<Fence> = w.held.keys().chain(w.finished.keys()).copied().collect();
        let delay = self.delay();
        self.later(delay, Happening::Beat { worker, fences });
        self.later(200, Happening::Heartbeat { worker, session });
    }

    pub(super) fn start(&mut self, worker: usize, session: u64, fence: Fence, job: Job) {
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

    pub(super) fn done(&mut self, worker: usize, fence: Fence, job: Job) {
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

    pub(super) fn send(&mut self, worker: usize, fence: Fence, recipe: Digest, report: Report) {
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

    pub(super) fn execute(&mut self, worker: usize, job: Job) -> Report {
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
}
