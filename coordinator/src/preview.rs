//! What a submission would do: every recipe that can be known is looked up; below a miss nothing is known, because
//! equal bytes may cut the change off there.

use std::collections::BTreeMap;
use std::time::Instant;

use digest::Digest;
use pipeline_defs::Missing;
use pipeline_defs::kinds::{ArtefactType, Class};
use pipeline_defs::plan::{Origin, Plan, Resolved, TaskIdx};
use pipeline_defs::recipe::{Recipe, diff};
use proto::{Leaving, PlanReply, PlanRow, SubmitRequest};

use crate::finish::read_manifest;
use crate::hub::Hub;
use crate::submit::{SubmitError, prepare};

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Cached,
    Run,
    Unknown,
    Refused,
}

/// Counts per step and site.
///
/// # Errors
/// See [`SubmitError`].
pub fn preview(hub: &Hub, request: &SubmitRequest) -> Result<PlanReply, SubmitError> {
    let tables: BTreeMap<String, bytes::Bytes> = request.tables.clone().into_iter().collect();
    let (study, digests) = prepare(
        hub,
        &request.study_toml,
        &request.file,
        &request.sets,
        &tables,
    )?;
    let snapshot = hub.snapshot(&study.sites, digests)?;
    let started = Instant::now();
    let plan = pipeline_defs::plan::plan(&study, &snapshot)?;
    let planning_us = started.elapsed().as_micros() as u64;
    crate::submit::store_absences(hub, &plan)?;
    let manifest = last_manifest(hub, &study.name)?;
    let mut walk = Walk {
        hub,
        plan: &plan,
        outputs: vec![None; plan.n_tasks()],
        fates: Vec::with_capacity(plan.n_tasks()),
        whys: Vec::new(),
    };
    for task in 0..plan.n_tasks() as TaskIdx {
        let fate = walk.judge(task, request.why.then_some(&manifest))?;
        walk.fates.push(fate);
    }
    Ok(PlanReply {
        rows: rows(&plan, &walk.fates),
        leaving: leaving(&plan, &walk),
        whys: walk.whys,
        planning_us,
        total: plan.n_tasks() as u64,
        notes: plan
            .leaks()
            .iter()
            .map(|l| {
                format!(
                    "leak on purpose: {}.{} receives {}: {}",
                    l.step, l.port, l.receives, l.reason
                )
            })
            .collect(),
    })
}

fn last_manifest(hub: &Hub, study: &str) -> Result<BTreeMap<String, Digest>, SubmitError> {
    let note = hub.store.note(&format!("manifest:{study}"))?;
    let digest = note.and_then(|b| String::from_utf8_lossy(&b).parse::<Digest>().ok());
    let text = match digest {
        Some(digest) => hub.store.get(&digest)?,
        None => None,
    };
    Ok(text
        .map(|t| read_manifest(&String::from_utf8_lossy(&t)))
        .unwrap_or_default())
}

struct Walk<'a> {
    hub: &'a Hub,
    plan: &'a Plan,
    outputs: Vec<Option<Result<Vec<Digest>, Digest>>>,
    fates: Vec<Fate>,
    whys: Vec<String>,
}

impl Walk<'_> {
    fn judge(
        &mut self,
        task: TaskIdx,
        manifest: Option<&BTreeMap<String, Digest>>,
    ) -> Result<Fate, SubmitError> {
        if self
            .plan
            .dependencies(task)
            .any(|d| matches!(self.fates[d as usize], Fate::Run | Fate::Unknown))
        {
            return Ok(Fate::Unknown);
        }
        if let Some(refusal) = self.refused_above(task) {
            self.outputs[task as usize] = Some(Err(refusal));
            return Ok(Fate::Refused);
        }
        let bytes = self.recipe(task)?;
        let recipe = Digest::of(&bytes);
        match self.hub.store.action(&recipe)? {
            Some(cas::Outcome::Refused(refusal)) => {
                self.outputs[task as usize] = Some(Err(refusal));
                Ok(Fate::Refused)
            }
            Some(outcome) => {
                self.outputs[task as usize] =
                    crate::run_loop::outputs_of(&outcome, self.plan, task).map(Ok);
                Ok(Fate::Cached)
            }
            None => {
                if let Some(manifest) = manifest {
                    self.explain(task, &bytes, manifest)?;
                }
                Ok(Fate::Run)
            }
        }
    }

    fn resolve(&self, origin: &Origin) -> Resolved {
        match origin {
            Origin::Source(source) => {
                let source = self.plan.source(*source);
                if source.absent.is_some() {
                    Resolved::Refused(source.digest)
                } else {
                    Resolved::Digest(source.digest)
                }
            }
            Origin::Output { task, port } => match &self.outputs[*task as usize] {
                Some(Ok(outputs)) => Resolved::Digest(
                    outputs
                        .get(*port as usize)
                        .copied()
                        .unwrap_or(Digest::of(b"")),
                ),
                Some(Err(refusal)) => Resolved::Refused(*refusal),
                None => Resolved::Refused(Digest::of(b"")),
            },
        }
    }

    /// The recipe, with pinned inputs as an earlier run pinned them.
    fn recipe(&self, task: TaskIdx) -> Result<Vec<u8>, SubmitError> {
        let mut pins = BTreeMap::new();
        if let Some(key) = self.plan.pin_key(task, &mut |o| self.resolve(o))
            && let Some(bytes) = self.hub.store.note(&format!("pin:{}", Digest::of(&key)))?
        {
            let digests = bytes
                .chunks(digest::WIRE_LEN)
                .filter_map(|c| proto::from_wire(c).ok());
            let entries = self
                .plan
                .ports(task)
                .iter()
                .filter(|p| p.pinned)
                .flat_map(|p| self.plan.entries(p));
            pins.extend(entries.map(|e| e.origin).zip(digests));
        }
        Ok(self.plan.recipe(task, &mut |o| {
            pins.get(o)
                .map_or_else(|| self.resolve(o), |d| Resolved::Digest(*d))
        }))
    }

    fn refused_above(&self, task: TaskIdx) -> Option<Digest> {
        let excludes = self.plan.step_of(task).missing == Missing::Exclude;
        let kind = self.plan.kind_of(task);
        self.plan.ports(task).iter().find_map(|port| {
            let gathers = kind.input(port.name).is_some_and(|p| p.gathers);
            self.plan
                .entries(port)
                .iter()
                .filter(|_| !(excludes && gathers))
                .find_map(|entry| match self.resolve(&entry.origin) {
                    Resolved::Refused(digest) => Some(digest),
                    Resolved::Digest(_) => None,
                })
        })
    }

    fn explain(
        &mut self,
        task: TaskIdx,
        bytes: &[u8],
        manifest: &BTreeMap<String, Digest>,
    ) -> Result<(), SubmitError> {
        let address = self.plan.address(task);
        let old = match manifest.get(&address) {
            None => {
                self.whys.push(format!(
                    "{address}: new, no earlier run of this study had it"
                ));
                return Ok(());
            }
            Some(digest) => self
                .hub
                .store
                .get(digest)?
                .and_then(|b| Recipe::decode(&b).ok()),
        };
        let (Some(old), Ok(new)) = (old, Recipe::decode(bytes)) else {
            return Ok(());
        };
        let differences = diff(&old, &new);
        if differences.is_empty() {
            self.whys.push(format!(
                "{address}: same recipe as before, but its result is not in the cache any more"
            ));
        }
        for d in differences {
            self.whys
                .push(format!("{address}: {}: {} → {}", d.component, d.old, d.new));
        }
        Ok(())
    }
}

fn rows(plan: &Plan, fates: &[Fate]) -> Vec<PlanRow> {
    let mut rows: Vec<PlanRow> = Vec::new();
    for step in plan.steps() {
        let mut by_site: BTreeMap<&str, PlanRow> = BTreeMap::new();
        for task in step.tasks.clone() {
            let site = plan.site_of(task).unwrap_or(crate::state::HUB);
            let row = by_site.entry(site).or_insert_with(|| PlanRow {
                step: step.name.clone(),
                site: site.to_owned(),
                ..PlanRow::default()
            });
            match fates[task as usize] {
                Fate::Cached => row.cached += 1,
                Fate::Refused => row.refused += 1,
                fate => {
                    row.seconds += f64::from(plan.kind_of(task).cost.seconds);
                    if fate == Fate::Run {
                        row.to_run += 1
                    } else {
                        row.unknown += 1
                    }
                }
            }
        }
        rows.extend(by_site.into_values());
    }
    rows
}

/// Artefacts that leave each site, by type: what tasks at a site make that is not site-bound.
fn leaving(plan: &Plan, walk: &Walk<'_>) -> Vec<Leaving> {
    let mut found: BTreeMap<(String, String), Leaving> = BTreeMap::new();
    for task in 0..plan.n_tasks() as TaskIdx {
        let Some(site) = plan.site_of(task) else {
            continue;
        };
        for (port, out) in plan
            .kind_of(task)
            .outputs
            .iter()
            .enumerate()
            .filter(|(_, p)| p.class != Class::Site)
        {
            let kind = format!("{}.{}", plan.step_of(task).name, out.name);
            let entry = found
                .entry((site.to_owned(), kind.clone()))
                .or_insert_with(|| Leaving {
                    site: site.to_owned(),
                    kind,
                    bytes_known: true,
                    ..Leaving::default()
                });
            entry.artefacts += 1;
            let digest = match &walk.outputs[task as usize] {
                Some(Ok(outputs)) => outputs.get(port).copied(),
                _ => None,
            };
            match digest.and_then(|d| walk.hub.store.len_of(&d).ok().flatten()) {
                Some(len) => entry.bytes += len,
                None => entry.bytes_known = false,
            }
        }
    }
    let mut leaving: Vec<Leaving> = found.into_values().collect();
    // Before the tasks: what announced itself with the cohort is there already.
    leaving.splice(0..0, shared(plan, walk.hub));
    leaving
}

/// The columns that each site shares: they reach the coordinator when the site announces its cohort.
fn shared(plan: &Plan, hub: &Hub) -> Vec<Leaving> {
    let tables = plan.sources().iter().filter_map(|source| {
        let site = source.site.clone()?;
        (source.ty == ArtefactType::Table && source.class != Class::Site).then_some((site, source))
    });
    tables
        .map(|(site, source)| {
            let bytes = hub.store.get(&source.digest).ok().flatten();
            let header = bytes.as_ref().and_then(|bytes| {
                let line = bytes
                    .split(|b| *b == b'\n')
                    .find(|l| !l.starts_with(b"#"))?;
                Some(String::from_utf8_lossy(line).trim().replace(',', ", "))
            });
            Leaving {
                site,
                kind: match header {
                    Some(header) => format!("{} (columns {header})", source.name),
                    None => source.name.clone(),
                },
                artefacts: 1,
                bytes: bytes.as_ref().map_or(0, |b| b.len() as u64),
                bytes_known: bytes.is_some(),
            }
        })
        .collect()
}
