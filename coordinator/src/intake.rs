//! Results on their way into the store, on a thread of their own: checked, made durable in groups, then told to the loop.
//!
//! Data flow: delivery → every claimed digest is checked against bytes that are here → one commit for all deliveries
//! that wait (bytes, recipes and action records together) → the loop hears of all of them at once.

use std::collections::HashMap;
use std::sync::mpsc::Receiver;

use cas::{Batch, Naming, Outcome, Output, Recorded, Store};
use digest::Digest;
use pipeline_defs::kinds::{self, Class, KindSpec};
use proto::{TaskResult, ToWorker, from_wire, task_result};
use tokio::sync::mpsc::UnboundedSender;

use crate::event::{Event, Report};
use crate::hub::{Delivery, Hub, Intake, Message};
use crate::state::WorkerNo;

/// Results that become durable together at most.
const GROUP: usize = 4096;

/// Runs until it is told to stop.
pub fn run(hub: &Hub, incoming: &Receiver<Intake>) {
    let mut stops = false;
    let mut given_out = GivenOut::new();
    while !stops && let Ok(first) = incoming.recv() {
        let mut group = Group::new(hub, &mut given_out);
        let mut next = Some(first);
        while let Some(message) = next {
            stops |= matches!(message, Intake::Stop);
            group.add(message);
            let full = stops || group.pending.len() >= GROUP;
            next = if full { None } else { incoming.try_recv().ok() };
        }
        group.settle();
    }
}

/// Kinds of the recipes that are out; all of them are stored, for a lease goes out after its recipe is durable.
type GivenOut = HashMap<Digest, &'static KindSpec>;

/// What becomes durable together.
struct Group<'h> {
    hub: &'h Hub,
    batch: Batch<'static>,
    given_out: &'h mut GivenOut,
    pending: Vec<Pending>,
    /// Go out when the batch is durable.
    leases: Vec<(UnboundedSender<ToWorker>, ToWorker)>,
}

struct Pending {
    worker: WorkerNo,
    fence: u64,
    recipe: Digest,
    wall_ms: u64,
    report: Report,
    /// Whether an action of the batch belongs to it.
    recorded: bool,
}

impl<'h> Group<'h> {
    fn new(hub: &'h Hub, given_out: &'h mut GivenOut) -> Group<'h> {
        Group {
            hub,
            batch: hub.store.batch(),
            given_out,
            pending: Vec::new(),
            leases: Vec::new(),
        }
    }

    fn add(&mut self, incoming: Intake) {
        match incoming {
            Intake::Recipes(recipes, leases) => {
                self.leases.extend(leases);
                for bytes in recipes {
                    let kind = kind_of(&bytes);
                    match (self.batch.put(bytes, Naming::Plain), kind) {
                        (Ok(digest), Some(kind)) => drop(self.given_out.insert(digest, kind)),
                        (Ok(_), None) => {}
                        // Results of a recipe that is not stored are turned away, so its task comes back as a failed attempt.
                        (Err(error), _) => tracing::error!(%error, "a recipe could not be stored"),
                    }
                }
            }
            Intake::Results(delivery) => self.add_results(delivery),
            Intake::Stop => {}
        }
    }

    fn add_results(&mut self, delivery: Delivery) {
        for result in delivery.results {
            let Ok(recipe) = from_wire(&result.recipe) else {
                continue;
            };
            let (fence, wall_ms) = (result.fence, result.wall_ms);
            let kind = match self.given_out.remove(&recipe) {
                Some(kind) => Ok(kind),
                None => stored_kind(&self.hub.store, &recipe),
            };
            let report = kind
                .and_then(|kind| check(&self.hub.store, &mut self.batch, kind, result))
                .unwrap_or_else(|message| Report::Failed {
                    bug: false,
                    message,
                });
            let recorded = matches!(report, Report::Ended(_));
            if let Report::Ended(outcome) = &report {
                self.batch.record_action(recipe, outcome.clone());
            }
            self.pending.push(Pending {
                worker: delivery.worker,
                fence,
                recipe,
                wall_ms,
                report,
                recorded,
            });
        }
    }

    /// Makes all durable, then tells the loop.
    fn settle(self) {
        let committed = self.hub.store.commit(self.batch);
        let now = self.hub.now();
        let mut verdicts = match &committed {
            Ok(committed) => committed.actions.iter(),
            Err(error) => {
                tracing::error!(%error, results = self.pending.len(), "results and recipes could not be stored");
                [].iter()
            }
        };
        let mut events = Vec::with_capacity(self.pending.len());
        for p in self.pending {
            let report = match (&committed, p.recorded) {
                (Err(error), _) => Report::Failed {
                    bug: false,
                    message: error.to_string(),
                },
                (Ok(_), false) => p.report,
                (Ok(_), true) => match verdicts.next() {
                    Some(Recorded::Diverged { existing }) => Report::Diverged {
                        message: divergence(existing, &p.report, &self.hub.name_of(p.worker)),
                    },
                    _ => p.report,
                },
            };
            events.push(Event::Reported {
                worker: p.worker,
                fence: p.fence,
                recipe: p.recipe,
                report,
                wall_ms: p.wall_ms,
                now,
            });
        }
        if committed.is_ok() {
            for (worker, lease) in self.leases {
                // A session that is gone takes nothing; its leases expire.
                let _ = worker.send(lease);
            }
        }
        if !events.is_empty() {
            self.hub.tell(Message::Events(events));
        }
    }
}

/// The kind that a recipe's canonical bytes name, if this build has it.
fn kind_of(recipe: &[u8]) -> Option<&'static KindSpec> {
    #[derive(serde::Deserialize)]
    struct Named {
        kind: String,
    }
    serde_json::from_slice::<Named>(recipe)
        .ok()
        .and_then(|named| kinds::kind(&named.kind))
}

/// The kind of a recipe that an earlier life gave out.
fn stored_kind(store: &Store, recipe: &Digest) -> Result<&'static KindSpec, String> {
    let bytes = store.get(recipe).map_err(|e| e.to_string())?;
    let bytes = bytes.ok_or_else(|| format!("recipe {recipe} was never given out"))?;
    kind_of(&bytes)
        .ok_or_else(|| format!("recipe {recipe} is of a kind that this build does not have"))
}

/// What a result says, once its bytes are known to be right and here, and to be what its kind gives.
fn check(
    store: &Store,
    batch: &mut Batch<'_>,
    kind: &KindSpec,
    result: TaskResult,
) -> Result<Report, String> {
    match result.outcome {
        Some(task_result::Outcome::Outputs(outputs)) => {
            let outputs = outputs
                .outputs
                .into_iter()
                .map(|o| check_output(store, batch, o))
                .collect::<Result<Vec<_>, _>>()?;
            fits(kind, &outputs)?;
            Ok(Report::Ended(Outcome::Outputs(outputs)))
        }
        Some(task_result::Outcome::Refusal(refusal)) => {
            let claimed = from_wire(&refusal.digest).map_err(|e| e.to_string())?;
            artefact::refusal::Refusal::decode(&refusal.json).map_err(|e| e.to_string())?;
            let digest = batch
                .put(refusal.json.to_vec(), Naming::Plain)
                .map_err(|e| e.to_string())?;
            if digest == claimed {
                Ok(Report::Ended(Outcome::Refused(digest)))
            } else {
                Err("a refusal's bytes do not hash to its digest".to_owned())
            }
        }
        Some(task_result::Outcome::Failure(failure)) => Ok(Report::Failed {
            bug: failure.bug,
            message: failure.message,
        }),
        Some(task_result::Outcome::Missing(missing)) => Ok(Report::Missing(
            missing
                .digests
                .iter()
                .filter_map(|d| from_wire(d).ok())
                .collect(),
        )),
        None => Err("a result without outcome".to_owned()),
    }
}

/// Exactly the ports of the kind, bound to the site exactly where the kind says so.
fn fits(kind: &KindSpec, outputs: &[Output]) -> Result<(), String> {
    for port in kind.outputs {
        let mut found = outputs.iter().filter(|o| o.port == port.name);
        let (Some(output), None) = (found.next(), found.next()) else {
            return Err(format!(
                "{}: port {} must be there once",
                kind.name, port.name
            ));
        };
        if output.digest.is_keyed() != (port.class == Class::Site) {
            return Err(format!(
                "{}: port {} has a digest of another flow class",
                kind.name, port.name
            ));
        }
    }
    if outputs.len() == kind.outputs.len() {
        Ok(())
    } else {
        Err(format!(
            "{} has {} outputs, {} came",
            kind.name,
            kind.outputs.len(),
            outputs.len()
        ))
    }
}

fn check_output(
    store: &Store,
    batch: &mut Batch<'_>,
    output: proto::Output,
) -> Result<Output, String> {
    let claimed = from_wire(&output.digest).map_err(|e| e.to_string())?;
    let done = Output {
        port: output.port,
        digest: claimed,
        len: output.len,
    };
    if claimed.is_keyed() {
        return Ok(done); // Site-bound: its worker has verified it, and keeps it.
    }
    let here = |digest: &Digest| store.has(digest).map_err(|e| e.to_string());
    if output.has_inline {
        let digest = batch
            .put(output.inline.to_vec(), Naming::Plain)
            .map_err(|e| e.to_string())?;
        return if digest == claimed {
            Ok(done)
        } else {
            Err(format!(
                "port {}: bytes do not hash to {claimed}",
                done.port
            ))
        };
    }
    if here(&claimed)? {
        return Ok(done);
    }
    if let Some(slice) = output.slice {
        let base = from_wire(&slice.base).map_err(|e| e.to_string())?;
        let ranges: Vec<std::ops::Range<u64>> =
            slice.ranges.chunks_exact(2).map(|r| r[0]..r[1]).collect();
        let digest = store
            .put_slices(&base, &ranges)
            .map_err(|e| e.to_string())?;
        return if digest == claimed {
            Ok(done)
        } else {
            Err(format!(
                "port {}: ranges do not hash to {claimed}",
                done.port
            ))
        };
    }
    Err(format!("port {}: {claimed} was not uploaded", done.port))
}

fn divergence(existing: &Outcome, new: &Report, worker: &str) -> String {
    let name = |outcome: &Outcome| {
        outcome
            .digests()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let new = match new {
        Report::Ended(outcome) => name(outcome),
        _ => String::new(),
    };
    format!(
        "divergence: the same recipe gave {} before and {new} now, from worker {worker}; nothing was replaced",
        name(existing)
    )
}
