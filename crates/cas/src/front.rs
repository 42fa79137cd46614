//! What the log has durably and the index not yet: it answers at once, a thread carries it to the index meanwhile.
//!
//! Acknowledging waits for the log alone. The backlog is bounded; whoever needs the index itself (listings, garbage collection)
//! waits until the backlog is empty.

use crate::error::{Result, StoreError};
use crate::filter::Filter;
use crate::index::{HERE_MAX, Index, Place, Value};
use crate::record::{Op, decode};
use bytes::Bytes;
use digest::{Digest, WIRE_LEN};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

/// Records that may wait for the index before writers wait too.
const BACKLOG_MAX: u64 = 40_000;
/// Records that go to the index together, in the order of their keys: neighbours share the way to their page.
const CARRY_RECORDS: usize = 16_384;
/// Fewer go when no more come for this long.
const QUIET: Duration = Duration::from_millis(200);
/// Questions about absent keys before a filter is made that answers them without the index.
const MISSES_MAX: u32 = 512;
/// Keys beyond which the filter would let most questions through.
const FILTER_KEYS_MAX: usize = 4 << 20;
/// The index is made durable after this many records, so that an opening after a crash replays no more.
const CHECKPOINT_RECORDS: u64 = 20_000;

/// A record that is in the log.
#[derive(Clone)]
pub(crate) struct Logged {
    pub(crate) place: Place,
    pub(crate) payload: Bytes,
}

/// What the carrier is told.
enum Parcel {
    /// Records in the log's order, and where the last one ends.
    Records(Vec<Logged>, Place),
    /// Somebody waits for the index: no more gathering.
    Hurry,
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
    misses: AtomicU32,
    /// Who waits for the index to be complete.
    hurried: AtomicU32,
}

#[derive(Default)]
struct Recent {
    blobs: Newest<[u8; WIRE_LEN]>,
    actions: Newest<[u8; WIRE_LEN]>,
    notes: Newest<String>,
    filter: Option<Filters>,
}

/// What the index may hold: all keys that came since the filters were made, and, once they are ready, all from before.
struct Filters {
    blobs: Filter,
    actions: Filter,
    ready: bool,
}

/// What is known about a key without asking the index.
enum Known {
    Value(Option<Value>),
    Absent,
    Unknown,
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
            .is_some_and(|sender| sender.send(Parcel::Records(records, end)).is_ok());
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
        match self.recent(|recent| recent.known(&recent.blobs, &key, |f| &f.blobs)) {
            Known::Value(value) => Ok(value),
            Known::Absent => Ok(None),
            Known::Unknown => self.counting_misses(self.index.blob(&key)?),
        }
    }

    pub(crate) fn action(&self, recipe: &Digest) -> Result<Option<Value>> {
        let key = recipe.to_wire();
        match self.recent(|recent| recent.known(&recent.actions, &key, |f| &f.actions)) {
            Known::Value(value) => Ok(value),
            Known::Absent => Ok(None),
            Known::Unknown => self.counting_misses(self.index.action(&key)?),
        }
    }

    pub(crate) fn note(&self, key: &str) -> Result<Option<Value>> {
        match self.recent(|recent| recent.notes.get(key).map(|(_, value)| value.clone())) {
            Some(value) => Ok(value),
            None => self.index.note(key),
        }
    }

    fn counting_misses(&self, answer: Option<Value>) -> Result<Option<Value>> {
        let limit = MISSES_MAX - 1;
        if answer.is_none() && self.shared.misses.fetch_add(1, Ordering::Relaxed) == limit {
            self.make_filters()?;
        }
        Ok(answer)
    }

    /// Makes the filters: first they take in all that comes from now on and is on its way, then what the index holds.
    fn make_filters(&self) -> Result<()> {
        let recent = || {
            self.shared
                .recent
                .write()
                .unwrap_or_else(PoisonError::into_inner)
        };
        {
            let mut recent = recent();
            let (mut blobs, mut actions) = (Filter::new(), Filter::new());
            recent.blobs.keys().for_each(|key| blobs.add(key));
            recent.actions.keys().for_each(|key| actions.add(key));
            recent.filter = Some(Filters {
                blobs,
                actions,
                ready: false,
            });
        }
        let held = |tree: &sled::Tree| -> Result<Option<Filter>> {
            let mut filter = Filter::new();
            for (n, key) in tree.iter().keys().enumerate() {
                if n >= FILTER_KEYS_MAX {
                    return Ok(None);
                }
                filter.add(&key?);
            }
            Ok(Some(filter))
        };
        let held = (held(&self.index.blobs)?, held(&self.index.actions)?);
        let mut recent = recent();
        match (held, &mut recent.filter) {
            ((Some(blobs), Some(actions)), Some(filter)) => {
                filter.blobs.unite(&blobs);
                filter.actions.unite(&actions);
                filter.ready = true;
            }
            _ => recent.filter = None,
        }
        Ok(())
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
        self.shared.hurried.fetch_add(1, Ordering::SeqCst);
        if let (Some(sender), true) = (&self.sender, progress.waiting > 0) {
            // If the carrier is gone, the loop below says why.
            let _ = sender.send(Parcel::Hurry);
        }
        while progress.waiting > 0 && progress.failed.is_none() {
            progress = self
                .shared
                .moved
                .wait(progress)
                .unwrap_or_else(PoisonError::into_inner);
        }
        self.shared.hurried.fetch_sub(1, Ordering::SeqCst);
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
    fn known(
        &self,
        newest: &Newest<[u8; WIRE_LEN]>,
        key: &[u8; WIRE_LEN],
        filter: impl Fn(&Filters) -> &Filter,
    ) -> Known {
        match (newest.get(key), &self.filter) {
            (Some((_, value)), _) => Known::Value(value.clone()),
            (None, Some(filters)) if filters.ready && !filter(filters).may_contain(key) => {
                Known::Absent
            }
            _ => Known::Unknown,
        }
    }

    fn add(&mut self, record: &Logged) {
        let value = || match record.payload.len() {
            len if len <= HERE_MAX => Some(Value::Here(record.payload.clone())),
            _ => Some(Value::InLog(record.place)),
        };
        let at = record.place;
        match decode(&record.payload) {
            Some(Op::Blob { digest, .. } | Op::File { digest, .. } | Op::View { digest, .. }) => {
                let key = digest.to_wire();
                if let Some(filters) = &mut self.filter {
                    filters.blobs.add(&key);
                }
                self.blobs.insert(key, (at, value()));
            }
            Some(Op::Forget { digest }) => {
                self.blobs.insert(digest.to_wire(), (at, None));
            }
            Some(Op::Action { recipe, .. }) => {
                let key = recipe.to_wire();
                if let Some(filters) = &mut self.filter {
                    filters.actions.add(&key);
                }
                self.actions.insert(key, (at, value()));
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
    while let Ok(parcel) = receiver.recv() {
        let Parcel::Records(mut records, mut end) = parcel else {
            continue;
        };
        while records.len() < CARRY_RECORDS
            && shared.hurried.load(Ordering::SeqCst) == 0
            && let Ok(Parcel::Records(more, later)) = receiver.recv_timeout(QUIET)
        {
            records.extend(more);
            end = later;
        }
        let applied = apply_in_key_order(index, &records);
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

/// Neighbours in the index are changed one after the other; records of one key in the log's order.
fn apply_in_key_order(index: &Index, records: &[Logged]) -> Result<()> {
    const NOTE: u8 = 2;
    let key = |record: &Logged| match decode(&record.payload)? {
        Op::Blob { digest, .. }
        | Op::File { digest, .. }
        | Op::View { digest, .. }
        | Op::Forget { digest } => Some((0, digest.to_wire())),
        Op::Action { recipe, .. } | Op::ForgetAction { recipe } => Some((1, recipe.to_wire())),
        Op::Note { .. } | Op::ForgetNote { .. } => Some((NOTE, [0; WIRE_LEN])),
    };
    let keyed = records.iter().enumerate();
    let mut order: Vec<((u8, [u8; WIRE_LEN]), usize)> = keyed
        .filter_map(|(at, record)| Some((key(record)?, at)))
        .collect();
    order.sort_unstable();
    order.iter().try_for_each(|(_, at)| {
        let record = &records[*at];
        match decode(&record.payload) {
            Some(op) => index.apply(&op, &record.payload, record.place),
            None => Ok(()),
        }
    })
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
