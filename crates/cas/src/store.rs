//! The store: opening it, asking it, writing to it.

use crate::batch::{Batch, Committed, Naming, name};
use crate::disk::Disk;
use crate::error::{Result, StoreError};
use crate::files::Files;
use crate::front::Front;
use crate::identity::OwnLock;
use crate::index::Value;
use crate::journal::Journal;
use crate::outcome::{Outcome, Recorded};
use crate::record::{Op, View, decode};
use bytes::Bytes;
use digest::{Digest, SiteKey};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

/// Greatest length in bytes of a plain blob that lives in the log and the index; longer ones are files.
pub const INLINE_MAX: usize = 4096;
/// Greatest length in bytes of a note's key.
pub const NOTE_KEY_MAX: usize = 1024;
/// Greatest length in bytes of a port's name.
pub const PORT_MAX: usize = 1024;

/// Content-addressed bytes, the action cache and notes. Cloning is cheap; clones are the same store.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("dir", &self.inner.dir)
            .field("place_id", &self.inner.place_id)
            .finish()
    }
}

pub(crate) struct Inner {
    pub(crate) dir: PathBuf,
    pub(crate) is_shared: bool,
    pub(crate) disk: Disk,
    pub(crate) files: Files,
    pub(crate) journal: Journal,
    pub(crate) index: Front,
    pub(crate) key: Option<SiteKey>,
    pub(crate) place_id: String,
    /// Read while changing the store, written while collecting garbage.
    pub(crate) gate: RwLock<()>,
    pub(crate) quarantined: AtomicU64,
    pub(crate) uploads: Mutex<BTreeSet<Digest>>,
    pub(crate) _lock: OwnLock,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // the log has everything; a failure here costs the next opening a replay
        let _ = self.index.close();
        let _ = self.journal.close();
    }
}

impl Store {
    /// The site's key, if the store has one.
    pub fn site_key(&self) -> Option<SiteKey> {
        self.inner.key.clone()
    }

    /// A name for the place where the keyed blobs are: equal for all processes that share them. 16 hexadecimal digits.
    pub fn place_id(&self) -> String {
        self.inner.place_id.clone()
    }

    /// How many blobs this process has found damaged and put aside.
    pub fn quarantined(&self) -> u64 {
        self.inner.quarantined.load(Ordering::Relaxed)
    }

    /// The name that bytes would have here; nothing is stored.
    ///
    /// # Errors
    /// [`StoreError::NoSiteKey`].
    pub fn name(&self, bytes: &[u8], naming: Naming) -> Result<Digest> {
        name(self.inner.key.as_ref(), bytes, naming)
    }

    /// Stores bytes; durable on return.
    ///
    /// # Errors
    /// [`StoreError::NoSiteKey`], [`StoreError::Io`], [`StoreError::Stopped`].
    pub fn put(&self, bytes: &[u8], naming: Naming) -> Result<Digest> {
        let mut batch = self.batch();
        let digest = batch.put(bytes, naming)?;
        self.commit(batch)?;
        Ok(digest)
    }

    /// Stores several runs of bytes with one point of durability.
    ///
    /// # Errors
    /// As [`Store::put`]; nothing is promised then for any of them.
    pub fn put_batch(&self, items: &[(&[u8], Naming)]) -> Result<Vec<Digest>> {
        let mut batch = self.batch();
        for (bytes, naming) in items {
            batch.put(*bytes, *naming)?;
        }
        Ok(self.commit(batch)?.digests)
    }

    /// An empty batch for this store.
    pub fn batch<'a>(&self) -> Batch<'a> {
        Batch::new(self.inner.key.clone())
    }

    /// Makes a batch durable: files, then the log, then the index; then it returns. Threads that commit at once share one sync of the log.
    ///
    /// # Errors
    /// [`StoreError::Length`] for a key, port or record out of bounds; [`StoreError::Io`]; [`StoreError::Stopped`].
    pub fn commit(&self, batch: Batch<'_>) -> Result<Committed> {
        check_lengths(&batch)?;
        let _gate = self.changing();
        let digests: Vec<Digest> = batch.blobs.iter().map(|(digest, _)| *digest).collect();
        let mut ops = self.store_blobs(&batch.blobs)?;
        ops.extend(batch.notes.into_iter().map(|(key, value)| match value {
            Some(value) => Op::Note {
                key: Cow::Owned(key),
                value,
            },
            None => Op::ForgetNote {
                key: Cow::Owned(key),
            },
        }));
        ops.extend(
            batch
                .actions
                .into_iter()
                .map(|(recipe, outcome)| Op::Action { recipe, outcome }),
        );
        let actions = self.inner.journal.commit(&self.inner.index, &ops)?;
        Ok(Committed { digests, actions })
    }

    /// Writes what belongs in files; gives the records that the log still needs.
    fn store_blobs<'b>(&self, blobs: &'b [(Digest, Cow<'_, [u8]>)]) -> Result<Vec<Op<'b>>> {
        let (mut seen, mut files, mut ops, mut named) =
            (BTreeSet::new(), Vec::new(), Vec::new(), Vec::new());
        for (digest, bytes) in blobs {
            if !seen.insert(*digest) {
                continue;
            }
            if self.has(digest)? {
                // of a shared file only the name is known to exist: another process may not have made it durable yet
                named.extend(digest.is_keyed().then_some(*digest));
            } else if digest.is_keyed() {
                files.push((*digest, &bytes[..]));
            } else if bytes.len() > INLINE_MAX {
                files.push((*digest, &bytes[..]));
                ops.push(Op::File {
                    digest: *digest,
                    len: bytes.len() as u64,
                });
            } else {
                ops.push(Op::Blob {
                    digest: *digest,
                    bytes: Cow::Borrowed(bytes),
                });
            }
        }
        if !named.is_empty() {
            self.inner.files.sync_folders_of(named)?;
        }
        self.inner.files.write_many(&files)?;
        Ok(ops)
    }

    /// Whether the bytes are here. Their soundness is looked at when they are read.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Index`].
    pub fn has(&self, digest: &Digest) -> Result<bool> {
        Ok(self.len_of(digest)?.is_some())
    }

    /// Length in bytes, if the bytes are here.
    ///
    /// # Errors
    /// As [`Store::has`].
    pub fn len_of(&self, digest: &Digest) -> Result<Option<u64>> {
        self.len_at_depth(digest, 0)
    }

    fn len_at_depth(&self, digest: &Digest, depth: usize) -> Result<Option<u64>> {
        match self.find(digest)? {
            None => Ok(None),
            Some(Held::Inline(bytes)) => Ok(Some(bytes.len() as u64)),
            Some(Held::File { len }) => {
                Ok(self.inner.files.len(digest)?.filter(|found| *found == len))
            }
            Some(Held::Keyed { len }) => Ok(Some(len)),
            Some(Held::View(view)) if depth < crate::view::DEPTH_MAX => {
                Ok(self.len_at_depth(&view.base, depth + 1)?.map(|_| view.len))
            }
            Some(Held::View(_)) => Ok(None),
        }
    }

    /// What the store holds under a name.
    pub(crate) fn find(&self, digest: &Digest) -> Result<Option<Held>> {
        if digest.is_keyed() {
            return match self.inner.files.len(digest)? {
                Some(len) => Ok(Some(Held::Keyed { len })),
                None => Ok(self.inner.files.read_view(digest)?.map(Held::View)),
            };
        }
        let Some(value) = self.inner.index.blob(digest)? else {
            return Ok(None);
        };
        let Some(payload) = self.payload_or(value, || self.inner.index.blob(digest))? else {
            return Ok(None);
        };
        Ok(match decode(&payload) {
            Some(Op::Blob { bytes, .. }) => {
                let begin = payload.len() - bytes.len();
                Some(Held::Inline(payload.slice(begin..)))
            }
            Some(Op::File { len, .. }) => Some(Held::File { len }),
            Some(Op::View { view, .. }) => Some(Held::View(view)),
            _ => None,
        })
    }

    /// The payload behind a value; asks the index once more if compaction moved the record in between.
    fn payload_or(
        &self,
        value: Value,
        again: impl FnOnce() -> Result<Option<Value>>,
    ) -> Result<Option<Bytes>> {
        if let Some(payload) = self.inner.journal.payload(value)? {
            return Ok(Some(payload));
        }
        match again()? {
            Some(value) => self.inner.journal.payload(value),
            None => Ok(None),
        }
    }

    /// Records what a recipe gave. The first outcome of a recipe stays.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn record_action(&self, recipe: &Digest, outcome: &Outcome) -> Result<Recorded> {
        let mut batch = self.batch();
        batch.record_action(*recipe, outcome.clone());
        Ok(self.commit(batch)?.actions.pop().unwrap_or(Recorded::Same))
    }

    /// What a recipe gave, if every *plain* blob of it is here. Keyed ones may be at their site: the caller judges them.
    ///
    /// # Errors
    /// As [`Store::has`].
    pub fn action(&self, recipe: &Digest) -> Result<Option<Outcome>> {
        let Some(outcome) = self.action_unchecked(recipe)? else {
            return Ok(None);
        };
        for digest in outcome.digests() {
            if !digest.is_keyed() && !self.has(&digest)? {
                return Ok(None);
            }
        }
        Ok(Some(outcome))
    }

    /// What a recipe gave, wherever the bytes are.
    ///
    /// # Errors
    /// As [`Store::has`].
    pub fn action_unchecked(&self, recipe: &Digest) -> Result<Option<Outcome>> {
        let Some(value) = self.inner.index.action(recipe)? else {
            return Ok(None);
        };
        let payload = self.payload_or(value, || self.inner.index.action(recipe))?;
        Ok(match payload.as_deref().and_then(decode) {
            Some(Op::Action { outcome, .. }) => Some(outcome),
            _ => None,
        })
    }

    /// Forgets what a recipe gave, so that it may run again: how a person settles a divergence.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn forget_action(&self, recipe: &Digest) -> Result<()> {
        let _gate = self.changing();
        self.inner
            .journal
            .commit(&self.inner.index, &[Op::ForgetAction { recipe: *recipe }])?;
        Ok(())
    }

    /// Sets a small durable value.
    ///
    /// # Errors
    /// [`StoreError::Length`] for a key that is empty or longer than [`NOTE_KEY_MAX`]; as [`Store::commit`].
    pub fn set_note(&self, key: &str, value: &[u8]) -> Result<()> {
        let mut batch = self.batch();
        batch.set_note(key, value);
        self.commit(batch).map(|_| ())
    }

    /// Removes a note, if it is there.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn remove_note(&self, key: &str) -> Result<()> {
        let mut batch = self.batch();
        batch.remove_note(key);
        self.commit(batch).map(|_| ())
    }

    /// The value of a note.
    ///
    /// # Errors
    /// As [`Store::has`].
    pub fn note(&self, key: &str) -> Result<Option<Bytes>> {
        let Some(value) = self.inner.index.note(key)? else {
            return Ok(None);
        };
        let payload = self.payload_or(value, || self.inner.index.note(key))?;
        Ok(payload.and_then(|payload| note_value(&payload)))
    }

    /// All notes whose keys begin so, in the order of keys as bytes.
    ///
    /// # Errors
    /// As [`Store::has`].
    pub fn notes(&self, prefix: &str) -> Result<Vec<(String, Bytes)>> {
        let mut notes = Vec::new();
        for key in self
            .inner
            .index
            .complete()?
            .notes
            .scan_prefix(prefix.as_bytes())
            .keys()
        {
            let Ok(key) = String::from_utf8(key?.to_vec()) else {
                continue;
            };
            if let Some(value) = self.note(&key)? {
                notes.push((key, value));
            }
        }
        Ok(notes)
    }

    /// Taken by everything that changes the store, so that garbage collection sees it at rest.
    pub(crate) fn changing(&self) -> RwLockReadGuard<'_, ()> {
        self.inner
            .gate
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the bytes of a name are.
pub(crate) enum Held {
    Inline(Bytes),
    File { len: u64 },
    Keyed { len: u64 },
    View(View),
}

fn check_lengths(batch: &Batch<'_>) -> Result<()> {
    let check = |what, len, limit| match len {
        len if 1 <= len && len <= limit => Ok(()),
        len => Err(StoreError::Length { what, len, limit }),
    };
    for (key, _) in &batch.notes {
        check("key of a note", key.len(), NOTE_KEY_MAX)?;
    }
    for (_, outcome) in &batch.actions {
        if let Outcome::Outputs(outputs) = outcome {
            for output in outputs {
                check("name of a port", output.port.len(), PORT_MAX)?;
            }
        }
    }
    Ok(())
}

fn note_value(payload: &Bytes) -> Option<Bytes> {
    match decode(payload) {
        Some(Op::Note { value, .. }) => Some(payload.slice(payload.len() - value.len()..)),
        _ => None,
    }
}
