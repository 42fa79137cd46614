//! Keeping what is wanted and letting the rest go.

use crate::error::Result;
use crate::files::is_younger;
use crate::index::value_from;
use crate::outcome::Outcome;
use crate::record::Op;
use crate::store::{Held, Store};
use bytes::Bytes;
use digest::Digest;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::PoisonError;

/// Files of a folder that other processes write to are left alone until they are as old as this.
const SHARED_GRACE_SECONDS: u64 = 3600;

/// What garbage collection did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GcReport {
    /// Blobs and views that stay.
    pub n_kept: u64,
    /// Blobs and views that go.
    pub n_removed: u64,
    /// Their length in bytes on the disk.
    pub bytes_removed: u64,
    /// Action records that stay.
    pub n_actions_kept: u64,
    /// Action records that go.
    pub n_actions_removed: u64,
    /// Keyed files nobody keeps that are too young to go: another process of the site may be about to name them.
    pub n_too_young: u64,
    /// Length of the log in bytes before.
    pub log_bytes_before: u64,
    /// Length of the log in bytes afterwards; before, in a dry run.
    pub log_bytes_after: u64,
}

/// What will be done.
struct Sweep {
    kept: BTreeSet<Digest>,
    forgotten: Vec<Op<'static>>,
    files: Vec<PathBuf>,
    report: GcReport,
}

impl Store {
    /// Keeps `roots` and what they need, removes all other blobs and action records, and rewrites the log without them.
    ///
    /// A kept recipe keeps its action record and the blobs that this names; a kept view keeps its base; an action record also stays if
    /// all that it names stays. Notes stay. Keyed files go too, so `roots` must name those of all processes of a site; in a
    /// shared folder the ones younger than an hour stay. Changes wait until it is done.
    ///
    /// # Errors
    /// [`StoreError::Io`](crate::StoreError::Io), [`StoreError::Stopped`](crate::StoreError::Stopped); the store is whole whenever it stops.
    pub fn gc(&self, roots: &BTreeSet<Digest>, dry_run: bool) -> Result<GcReport> {
        let _gate = self
            .inner
            .gate
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let mut sweep = Sweep {
            kept: self.closure(roots)?,
            forgotten: Vec::new(),
            files: Vec::new(),
            report: GcReport::default(),
        };
        self.sweep_index(&mut sweep)?;
        self.sweep_actions(&mut sweep)?;
        self.sweep_files(&mut sweep)?;
        let mut report = sweep.report;
        report.log_bytes_before = self.inner.journal.len_bytes()?;
        report.log_bytes_after = report.log_bytes_before;
        if dry_run {
            return Ok(report);
        }
        let payloads = self.payloads_without(&sweep.forgotten);
        self.inner
            .journal
            .compact(&self.inner.index, payloads, &sweep.forgotten)?;
        sweep
            .files
            .iter()
            .try_for_each(|path| self.inner.disk.remove(path))?;
        report.log_bytes_after = self.inner.journal.len_bytes()?;
        Ok(report)
    }

    fn closure(&self, roots: &BTreeSet<Digest>) -> Result<BTreeSet<Digest>> {
        let mut kept = BTreeSet::new();
        let mut open: Vec<Digest> = roots.iter().copied().collect();
        while let Some(digest) = open.pop() {
            if !kept.insert(digest) {
                continue;
            }
            if let Some(Held::View(view)) = self.find(&digest)? {
                open.push(view.base);
            }
            if let Some(outcome) = self.action_unchecked(&digest)? {
                open.extend(outcome.digests());
            }
        }
        Ok(kept)
    }

    fn sweep_index(&self, sweep: &mut Sweep) -> Result<()> {
        for key in self.inner.index.complete()?.blobs.iter().keys() {
            let Ok(digest) = Digest::from_wire(&key?) else {
                continue;
            };
            if sweep.kept.contains(&digest) {
                sweep.report.n_kept += 1;
                continue;
            }
            sweep.report.n_removed += 1;
            sweep.report.bytes_removed += match self.find(&digest)? {
                Some(Held::Inline(bytes)) => bytes.len() as u64,
                _ => 0, // files are counted where they are found
            };
            sweep.forgotten.push(Op::Forget { digest });
        }
        Ok(())
    }

    fn sweep_actions(&self, sweep: &mut Sweep) -> Result<()> {
        for key in self.inner.index.complete()?.actions.iter().keys() {
            let Ok(recipe) = Digest::from_wire(&key?) else {
                continue;
            };
            let names_only_kept = |outcome: Option<Outcome>| {
                let digests = outcome.map(|outcome| outcome.digests()).unwrap_or_default();
                !digests.is_empty() && digests.iter().all(|digest| sweep.kept.contains(digest))
            };
            if sweep.kept.contains(&recipe) || names_only_kept(self.action_unchecked(&recipe)?) {
                sweep.report.n_actions_kept += 1;
            } else {
                sweep.report.n_actions_removed += 1;
                sweep.forgotten.push(Op::ForgetAction { recipe });
            }
        }
        Ok(())
    }

    /// Files that no kept name needs, among them those that a crash left without a record.
    fn sweep_files(&self, sweep: &mut Sweep) -> Result<()> {
        for keyed in [false, true] {
            let shared = keyed && self.inner.is_shared;
            for file in self.inner.files.list(keyed)? {
                let (kept, young) = (
                    sweep.kept.contains(&file.digest),
                    shared && is_younger(&file.path, SHARED_GRACE_SECONDS),
                );
                match (keyed, kept, young) {
                    (true, true, _) => sweep.report.n_kept += 1,
                    (false, true, _) => {}
                    (_, false, true) => sweep.report.n_too_young += 1,
                    (_, false, false) => {
                        sweep.report.n_removed += u64::from(keyed);
                        sweep.report.bytes_removed +=
                            std::fs::metadata(&file.path).map_or(0, |data| data.len());
                        sweep.files.push(file.path);
                    }
                }
            }
            let age = if shared { SHARED_GRACE_SECONDS } else { 0 };
            sweep
                .files
                .extend(self.inner.files.left_behind(keyed, age)?);
        }
        Ok(())
    }

    /// What the index holds, as the log would tell it, without what is forgotten.
    fn payloads_without<'a>(
        &'a self,
        forgotten: &[Op<'_>],
    ) -> impl Iterator<Item = Result<Bytes>> + use<'a> {
        let (mut blobs, mut actions) = (BTreeSet::new(), BTreeSet::new());
        for op in forgotten {
            match op {
                Op::Forget { digest } => blobs.insert(digest.to_wire()),
                Op::ForgetAction { recipe } => actions.insert(recipe.to_wire()),
                _ => false,
            };
        }
        let index = &self.inner.index.index; // complete: nothing changes while garbage is collected
        let none = BTreeSet::new();
        let trees = [
            (&index.blobs, blobs),
            (&index.actions, actions),
            (&index.notes, none),
        ];
        trees.into_iter().flat_map(move |(tree, without)| {
            tree.iter().filter_map(move |entry| match entry {
                Err(error) => Some(Err(error.into())),
                Ok((key, _))
                    if <[u8; digest::WIRE_LEN]>::try_from(&key[..])
                        .is_ok_and(|key| without.contains(&key)) =>
                {
                    None
                }
                Ok((_, value)) => value_from(value)
                    .and_then(|value| self.inner.journal.payload(value).transpose()),
            })
        })
    }
}
