//! What the log has durably and the index not yet: it answers at once, a thread carries it to the index meanwhile.
//!
//! Acknowledging waits for the log alone. The backlog is bounded; whoever needs the index itself (listings, garbage collection)
//! waits until the backlog is empty.

use crate::error::{Result, StoreError};
use crate::index::{HERE_MAX, Index, Place, Value};
use crate::record::{Op, decode};
use bytes::Bytes;
use digest::{Digest, WIRE_LEN};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

/// Records that may wait for the index before writers wait too.
const BACKLOG_MAX: u64 = 20_000;
/// The index is made durable after this many records, so that an opening after a crash replays no more.
const CHECKPOINT_RECORDS: u64 = 20_000;

/// A record that is in the log.
#[derive(Clone)]
pub(crate) struct Logged {
    pub(crate) place: Place,
    pub(crate) payload: Bytes,
}

/// Records in the log's order, and where the last one ends.
struct Parcel {
    records: Vec<Logged>,
    end: Place,
}

/// The index and what is on its way there.
pub(crate) struct Front {
    pub(crate) index: Arc<Index>,
    shared: Arc<Shared>,
    sender: Option<Sender<Parcel>>,
    carrier: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    recent: RwLock<Recent>,
    progress: Mutex<Progress>,
    moved: Condvar,
}

#[derive(Default)]
struct Recent {
    blobs: Newest<[u8; WIRE_LEN]>,
    actions: Newest<[u8; WIRE_LEN]>,
    notes: Newest<String>,
}

/// Per key the place of its newest record, and its value: none if that forgets it.
type Newest<K> = HashMap<K, (Place, Option<Value>)>;

#[derive(Default)]
struct Progress {
    waiting: u64,
    since_checkpoint: u64,
    end: Option<Place>,
    failed: Option<String>,
}

impl Front {
    pub(crate) fn new(index: Index) -> Front {
        let (index, shared) = (Arc::new(index), Arc::new(Shared::default()));
        let (sender, receiver) = channel();
        let carrier = {
            let (index, shared) = (index.clone(), shared.clone());
            std::thread::spawn(move || carry(&index, &shared, &receiver))
        };
        Front {
            index,
            shared,
            sender: Some(sender),
            carrier: Some(carrier),
        }
    }

    /// Makes records known that are durable in the log up to `end`. Calls come in the log's order.
    pub(crate) fn take(&self, records: Vec<Logged>, end: Place) -> Result<()> {
        let mut progress = locked(&self.shared.progress);
        while progress.waiting > BACKLOG_MAX && progress.failed.is_none() {
            progress = self
                .shared
                .moved
                .wait(progress)
                .unwrap_or_else(PoisonError::into_inner);
        }
        check(&progress)?;
        progress.waiting += records.len() as u64;
        drop(progress);
        {
            let mut recent = self
                .shared
                .recent
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            records.iter().for_each(|record| recent.add(record));
        }
        let sent = self
            .sender
            .as_ref()
            .is_some_and(|sender| sender.send(Parcel { records, end }).is_ok());
        if sent {
            Ok(())
        } else {
            Err(StoreError::Stopped {
                cause: "the index is closed".to_owned(),
            })
        }
    }

    pub(crate) fn blob(&self, digest: &Digest) -> Result<Option<Value>> {
        let key = digest.to_wire();
        match self.recent(|recent| recent.blobs.get(&key).map(|(_, value)| value.clone())) {
            Some(value) => Ok(value),
            None => self.index.blob(&key),
        }
    }

    pub(crate) fn action(&self, recipe: &Digest) -> Result<Option<Value>> {
        let key = recipe.to_wire();
        match self.recent(|recent| recent.actions.get(&key).map(|(_, value)| value.clone())) {
            Some(value) => Ok(value),
            None => self.index.action(&key),
        }
    }

    pub(crate) fn note(&self, key: &str) -> Result<Option<Value>> {
        match self.recent(|recent| recent.notes.get(key).map(|(_, value)| value.clone())) {
            Some(value) => Ok(value),
            None => self.index.note(key),
        }
    }

    fn recent<T>(&self, ask: impl FnOnce(&Recent) -> T) -> T {
        ask(&self
            .shared
            .recent
            .read()
            .unwrap_or_else(PoisonError::into_inner))
    }

    /// The index, once it has everything.
    pub(crate) fn complete(&self) -> Result<&Index> {
        let mut progress = locked(&self.shared.progress);
        while progress.waiting > 0 && progress.failed.is_none() {
            progress = self
                .shared
                .moved
                .wait(progress)
                .unwrap_or_else(PoisonError::into_inner);
        }
        check(&progress)?;
        Ok(&self.index)
    }

    /// Makes the index durable if it is not: the last act of a store that closes.
    pub(crate) fn close(&mut self) -> Result<()> {
        drop(self.sender.take());
        if let Some(carrier) = self.carrier.take() {
            let _ = carrier.join();
        }
        let progress = locked(&self.shared.progress);
        check(&progress)?;
        match progress.end {
            Some(end) if progress.since_checkpoint > 0 => self.index.checkpoint(end),
            _ => Ok(()),
        }
    }

    /// After compaction: the index is durable up to the new log's end.
    pub(crate) fn rebased(&self) {
        let mut progress = locked(&self.shared.progress);
        (progress.since_checkpoint, progress.end) = (0, None);
    }
}

impl Recent {
    fn add(&mut self, record: &Logged) {
        let value = || match record.payload.len() {
            len if len <= HERE_MAX => Some(Value::Here(record.payload.clone())),
            _ => Some(Value::InLog(record.place)),
        };
        let at = record.place;
        match decode(&record.payload) {
            Some(Op::Blob { digest, .. } | Op::File { digest, .. } | Op::View { digest, .. }) => {
                self.blobs.insert(digest.to_wire(), (at, value()));
            }
            Some(Op::Forget { digest }) => {
                self.blobs.insert(digest.to_wire(), (at, None));
            }
            Some(Op::Action { recipe, .. }) => {
                self.actions.insert(recipe.to_wire(), (at, value()));
            }
            Some(Op::ForgetAction { recipe }) => {
                self.actions.insert(recipe.to_wire(), (at, None));
            }
            Some(Op::Note { key, .. }) => {
                self.notes.insert(key.into_owned(), (at, value()));
            }
            Some(Op::ForgetNote { key }) => {
                self.notes.insert(key.into_owned(), (at, None));
            }
            None => {}
        }
    }

    /// Drops what the index has now, unless something newer came for the same key.
    fn remove(&mut self, record: &Logged) {
        match decode(&record.payload) {
            Some(
                Op::Blob { digest, .. }
                | Op::File { digest, .. }
                | Op::View { digest, .. }
                | Op::Forget { digest },
            ) => drop_if(&mut self.blobs, &digest.to_wire(), record.place),
            Some(Op::Action { recipe, .. } | Op::ForgetAction { recipe }) => {
                drop_if(&mut self.actions, &recipe.to_wire(), record.place);
            }
            Some(Op::Note { key, .. } | Op::ForgetNote { key }) => {
                drop_if(&mut self.notes, &key.into_owned(), record.place);
            }
            None => {}
        }
    }
}

fn drop_if<K: Hash + Eq>(newest: &mut Newest<K>, key: &K, place: Place) {
    if newest.get(key).is_some_and(|(at, _)| *at == place) {
        newest.remove(key);
    }
}

/// Carries parcels to the index until nobody sends any more.
fn carry(index: &Index, shared: &Shared, receiver: &Receiver<Parcel>) {
    while let Ok(Parcel { records, end }) = receiver.recv() {
        let applied = records
            .iter()
            .try_for_each(|record| match decode(&record.payload) {
                Some(op) => index.apply(&op, &record.payload, record.place),
                None => Ok(()),
            });
        let since = {
            let progress = locked(&shared.progress);
            progress.since_checkpoint + records.len() as u64
        };
        let is_due = since >= CHECKPOINT_RECORDS;
        let done = applied.and_then(|()| {
            if is_due {
                index.checkpoint(end)
            } else {
                Ok(())
            }
        });
        if done.is_ok() {
            let mut recent = shared
                .recent
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            records.iter().for_each(|record| recent.remove(record));
        }
        let mut progress = locked(&shared.progress);
        match done {
            Ok(()) => {
                progress.waiting -= records.len() as u64;
                progress.since_checkpoint = if is_due { 0 } else { since };
                progress.end = Some(end);
            }
            Err(error) => progress.failed = Some(error.to_string()),
        }
        shared.moved.notify_all();
        if progress.failed.is_some() {
            return; // what is on its way stays known here; opening again replays it
        }
    }
}

fn check(progress: &Progress) -> Result<()> {
    match &progress.failed {
        Some(cause) => Err(StoreError::Stopped {
            cause: cause.clone(),
        }),
        None => Ok(()),
    }
}

fn locked(progress: &Mutex<Progress>) -> std::sync::MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}
