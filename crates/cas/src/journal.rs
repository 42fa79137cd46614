//! Writing the log: many threads append, one of them syncs for all, and only then does the index learn of it.
//!
//! append (in order, under one lock) → one `fdatasync` for everything appended → index (in the log's order) → everyone returns.

use crate::disk::{Disk, temporary_name};
use crate::error::{Result, StoreError};
use crate::index::{Index, Place, Value};
use crate::log_files::{log_path, open_rw, read_record};
use crate::outcome::{Outcome, Recorded};
use crate::record::{HEADER_LEN, Op, PAYLOAD_MAX, decode, frame};
use digest::Digest;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A log file is followed by the next one above this length.
const LOG_FILE_MAX: u64 = 64 << 20;
/// The index is made durable after this many records, so that an opening after a crash replays no more.
const CHECKPOINT_RECORDS: u64 = 20_000;

/// A record that is in the log and not yet in the index.
struct Pending {
    place: Place,
    payload: Vec<u8>,
}

struct Tail {
    file: Arc<File>,
    path: PathBuf,
    number: u64,
    len: u64,
    /// Commits so far; each gets the next number.
    ticket: u64,
    pending: Vec<Pending>,
    /// Actions of records that are not in the index yet: none means forgotten.
    actions: BTreeMap<Digest, (u64, Option<Outcome>)>,
    stopped: Option<String>,
}

struct Settled {
    ticket: u64,
    place: Place,
    since_checkpoint: u64,
}

pub(crate) struct Journal {
    disk: Disk,
    dir: PathBuf,
    tail: Mutex<Tail>,
    settled: Mutex<Settled>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Journal {
    /// Continues the log at the end of its last file, or begins the first one.
    pub(crate) fn open(disk: Disk, dir: &Path, last: Option<(u64, PathBuf)>) -> Result<Journal> {
        let (number, path, file) = match last {
            Some((number, path)) => (number, path.clone(), open_rw(&path)?),
            None => {
                let path = log_path(dir, 1, false);
                (1, path.clone(), new_file(&disk, dir, &path)?)
            }
        };
        let len = crate::log_files::len_of(&path)?;
        let place = Place {
            number,
            offset: len,
        };
        let tail = Tail {
            file: Arc::new(file),
            path,
            number,
            len,
            ticket: 0,
            pending: Vec::new(),
            actions: BTreeMap::new(),
            stopped: None,
        };
        let settled = Settled {
            ticket: 0,
            place,
            since_checkpoint: 0,
        };
        Ok(Journal {
            disk,
            dir: dir.to_owned(),
            tail: Mutex::new(tail),
            settled: Mutex::new(settled),
        })
    }

    /// Makes changes durable and known. An action that is there already is not written again; the answer tells about each action.
    pub(crate) fn commit(&self, index: &Index, ops: &[Op<'_>]) -> Result<Vec<Recorded>> {
        let (recorded, ticket) = {
            let mut tail = lock(&self.tail);
            check_running(&tail)?;
            self.roll_if_long(&mut tail)?;
            let mut staged = Staged::new(&tail);
            let mut recorded = Vec::new();
            for op in ops {
                if let Op::Action { recipe, outcome } = op {
                    let there = self.recorded_action(index, &tail, &staged, recipe)?;
                    recorded.push(judge(there, outcome));
                    if recorded.last() != Some(&Recorded::New) {
                        continue;
                    }
                }
                staged.add(op)?;
            }
            self.append(&mut tail, staged)?;
            (recorded, tail.ticket)
        };
        self.settle(index, ticket)?;
        Ok(recorded)
    }

    /// The outcome that stands for a recipe, durable or about to be.
    fn recorded_action(
        &self,
        index: &Index,
        tail: &Tail,
        staged: &Staged,
        recipe: &Digest,
    ) -> Result<Option<Outcome>> {
        if let Some(outcome) = staged.actions.get(recipe) {
            return Ok(outcome.clone());
        }
        if let Some((_, outcome)) = tail.actions.get(recipe) {
            return Ok(outcome.clone());
        }
        let Some(value) = index.action(recipe)? else {
            return Ok(None);
        };
        Ok(self.payload(value)?.as_deref().and_then(outcome_of))
    }

    /// The payload behind a value of the index.
    pub(crate) fn payload(&self, value: Value) -> Result<Option<bytes::Bytes>> {
        match value {
            Value::Here(bytes) => Ok(Some(bytes::Bytes::copy_from_slice(&bytes))),
            Value::InLog(place) => Ok(read_record(&self.dir, place)?.map(bytes::Bytes::from)),
        }
    }

    fn append(&self, tail: &mut Tail, staged: Staged) -> Result<()> {
        if staged.bytes.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.disk.write(&tail.file, &tail.path, &staged.bytes) {
            // a half-written record must not stand before later ones
            if self.disk.cut(&tail.file, &tail.path, tail.len).is_err() {
                tail.stopped = Some(error.to_string());
            }
            return Err(error);
        }
        tail.len += staged.bytes.len() as u64;
        tail.ticket += 1;
        tail.pending.extend(staged.pending);
        let ticket = tail.ticket;
        tail.actions.extend(
            staged
                .actions
                .into_iter()
                .map(|(recipe, outcome)| (recipe, (ticket, outcome))),
        );
        Ok(())
    }

    /// Returns when everything up to this ticket is durable and in the index; does the work for all who wait.
    fn settle(&self, index: &Index, ticket: u64) -> Result<()> {
        let mut settled = lock(&self.settled);
        if ticket <= settled.ticket {
            return Ok(());
        }
        let (file, path, pending, upto, place) = {
            let mut tail = lock(&self.tail);
            check_running(&tail)?;
            let place = Place {
                number: tail.number,
                offset: tail.len,
            };
            (
                tail.file.clone(),
                tail.path.clone(),
                std::mem::take(&mut tail.pending),
                tail.ticket,
                place,
            )
        };
        let done = self.disk.sync(&file, &path).and_then(|()| {
            pending
                .iter()
                .try_for_each(|one| match decode(&one.payload) {
                    Some(op) => index.apply(&op, &one.payload, one.place),
                    None => Ok(()),
                })
        });
        if let Err(error) = done {
            lock(&self.tail).stopped = Some(error.to_string());
            return Err(error);
        }
        lock(&self.tail)
            .actions
            .retain(|_, (since, _)| *since > upto);
        settled.ticket = upto;
        settled.place = place;
        settled.since_checkpoint += pending.len() as u64;
        if settled.since_checkpoint >= CHECKPOINT_RECORDS {
            index.checkpoint(place)?;
            settled.since_checkpoint = 0;
        }
        Ok(())
    }

    /// Makes the index durable up to the last settled record.
    pub(crate) fn checkpoint(&self, index: &Index) -> Result<()> {
        let mut settled = lock(&self.settled);
        check_running(&lock(&self.tail))?;
        index.checkpoint(settled.place)?;
        settled.since_checkpoint = 0;
        Ok(())
    }

    /// Makes the last log file durable as it is.
    pub(crate) fn sync_all(&self) -> Result<()> {
        let tail = lock(&self.tail);
        self.disk.sync(&tail.file, &tail.path)
    }

    /// Whether anything was written since the index was last made durable.
    pub(crate) fn is_ahead(&self) -> bool {
        lock(&self.settled).since_checkpoint > 0
    }

    pub(crate) fn len_bytes(&self) -> Result<u64> {
        let (files, _) = crate::log_files::list(&Disk::default(), &self.dir)?;
        files
            .iter()
            .map(|file| crate::log_files::len_of(&file.path))
            .sum()
    }

    fn roll_if_long(&self, tail: &mut Tail) -> Result<()> {
        if tail.len < LOG_FILE_MAX {
            return Ok(());
        }
        self.disk
            .sync(&tail.file, &tail.path)
            .inspect_err(|error| tail.stopped = Some(error.to_string()))?;
        let path = log_path(&self.dir, tail.number + 1, false);
        let file = new_file(&self.disk, &self.dir, &path)?;
        (tail.file, tail.path, tail.number, tail.len) = (Arc::new(file), path, tail.number + 1, 0);
        Ok(())
    }

    /// Replaces the whole log by one base file with the given payloads and takes the rest out of the index; nobody else may be committing.
    pub(crate) fn compact(
        &self,
        index: &Index,
        payloads: impl Iterator<Item = Result<bytes::Bytes>>,
        forgotten: &[Op<'_>],
    ) -> Result<()> {
        let mut settled = lock(&self.settled);
        let mut tail = lock(&self.tail);
        check_running(&tail)?;
        let number = tail.number + 1;
        let temporary = self.dir.join(temporary_name("base"));
        let written = write_base(&self.disk, &temporary, number, payloads);
        let (len, moved) = written.inspect_err(|_| {
            let _ = std::fs::remove_file(&temporary);
        })?;
        let path = log_path(&self.dir, number, true);
        self.disk.rename(&temporary, &path)?;
        // from here on the new file is the log; a failure before the switch is complete needs a reopening
        let switch = || -> Result<Arc<File>> {
            self.disk.sync_folder(&self.dir)?;
            for (place, payload) in &moved {
                if let Some(op) = decode(payload) {
                    index.apply(&op, payload, *place)?;
                }
            }
            for op in forgotten {
                index.apply(
                    op,
                    &[],
                    Place {
                        number,
                        offset: len,
                    },
                )?;
            }
            index.checkpoint(Place {
                number,
                offset: len,
            })?;
            Ok(Arc::new(open_rw(&path)?))
        };
        let file = switch().inspect_err(|error| tail.stopped = Some(error.to_string()))?;
        (tail.file, tail.path, tail.number, tail.len) = (file, path, number, len);
        settled.place = Place {
            number,
            offset: len,
        };
        settled.since_checkpoint = 0;
        crate::log_files::list(&self.disk, &self.dir)?; // removes the files that are void now
        Ok(())
    }
}

/// A new log file, opened so that every write goes to its end wherever an earlier one stopped.
fn new_file(disk: &Disk, dir: &Path, path: &Path) -> Result<File> {
    disk.create_new(path, false)?;
    disk.sync_folder(dir)?;
    open_rw(path)
}

/// Records that will go to the log's end in one write.
struct Staged {
    number: u64,
    begin: u64,
    bytes: Vec<u8>,
    pending: Vec<Pending>,
    actions: BTreeMap<Digest, Option<Outcome>>,
}

impl Staged {
    fn new(tail: &Tail) -> Staged {
        let (bytes, pending, actions) = (Vec::new(), Vec::new(), BTreeMap::new());
        Staged {
            number: tail.number,
            begin: tail.len,
            bytes,
            pending,
            actions,
        }
    }

    fn add(&mut self, op: &Op<'_>) -> Result<()> {
        let payload = op.encode();
        if payload.len() > PAYLOAD_MAX {
            return Err(StoreError::Length {
                what: "record",
                len: payload.len(),
                limit: PAYLOAD_MAX,
            });
        }
        let place = Place {
            number: self.number,
            offset: self.begin + self.bytes.len() as u64,
        };
        frame(&mut self.bytes, self.number, place.offset, &payload);
        match op {
            Op::Action { recipe, outcome } => {
                self.actions.insert(*recipe, Some(outcome.clone()));
            }
            Op::ForgetAction { recipe } => {
                self.actions.insert(*recipe, None);
            }
            _ => {}
        }
        self.pending.push(Pending { place, payload });
        Ok(())
    }
}

/// Length of a base file, and the payloads whose place the index must learn.
type Based = (u64, Vec<(Place, bytes::Bytes)>);

fn write_base(
    disk: &Disk,
    path: &Path,
    number: u64,
    payloads: impl Iterator<Item = Result<bytes::Bytes>>,
) -> Result<Based> {
    const FLUSH_AT: usize = 1 << 20;
    let file = disk.create_new(path, false)?;
    let (mut buffer, mut len, mut moved) = (Vec::new(), 0u64, Vec::new());
    for payload in payloads {
        let payload = payload?;
        frame(&mut buffer, number, len, &payload);
        if payload.len() > crate::index::HERE_MAX {
            moved.push((
                Place {
                    number,
                    offset: len,
                },
                payload.clone(),
            ));
        }
        len += (HEADER_LEN + payload.len()) as u64;
        if buffer.len() >= FLUSH_AT {
            disk.write(&file, path, &buffer)?;
            buffer.clear();
        }
    }
    disk.write(&file, path, &buffer)?;
    disk.sync(&file, path)?;
    Ok((len, moved))
}

fn check_running(tail: &Tail) -> Result<()> {
    match &tail.stopped {
        Some(cause) => Err(StoreError::Stopped {
            cause: cause.clone(),
        }),
        None => Ok(()),
    }
}

fn judge(there: Option<Outcome>, outcome: &Outcome) -> Recorded {
    match there {
        None => Recorded::New,
        Some(existing) if existing == *outcome => Recorded::Same,
        Some(existing) => Recorded::Diverged { existing },
    }
}

fn outcome_of(payload: &[u8]) -> Option<Outcome> {
    match decode(payload)? {
        Op::Action { outcome, .. } => Some(outcome),
        _ => None,
    }
}
