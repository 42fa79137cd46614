//! Writing the log: many threads append, one of them syncs for all, and only then is it known.
//!
//! append (in order, under one lock) → one `fdatasync` for everything appended → known (in the log's order) → everyone returns.

use crate::disk::{Disk, temporary_name};
use crate::error::{Result, StoreError};
use crate::front::{Front, Logged};
use crate::index::{Place, Value};
use crate::log_files::{log_path, open_rw, read_record};
use crate::outcome::{Outcome, Recorded};
use crate::record::{HEADER_LEN, Op, PAYLOAD_MAX, decode, frame};
use bytes::Bytes;
use digest::Digest;
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A log file is followed by the next one above this length.
const LOG_FILE_MAX: u64 = 64 << 20;
/// The file grows by this much at once: overwriting zeros is synced several times faster than growing with every write.
const ROOM: u64 = 512 << 10;

struct Tail {
    file: Arc<File>,
    path: PathBuf,
    number: u64,
    len: u64,
    /// Length of the file: zeros after `len`.
    room_end: u64,
    /// Commits so far; each gets the next number.
    ticket: u64,
    pending: Vec<Logged>,
    /// Actions of records that are not durable yet: none means forgotten.
    actions: BTreeMap<Digest, (u64, Option<Outcome>)>,
    stopped: Option<String>,
}

pub(crate) struct Journal {
    disk: Disk,
    dir: PathBuf,
    tail: Mutex<Tail>,
    /// The last commit that is durable and known.
    settled: Mutex<u64>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Journal {
    /// Continues the log at the end of its last file, or begins the first one.
    pub(crate) fn open(
        disk: Disk,
        dir: &Path,
        last: Option<(u64, PathBuf, u64)>,
    ) -> Result<Journal> {
        let (number, path, len, file) = match last {
            Some((number, path, end)) => (number, path.clone(), end, open_rw(&path)?),
            None => {
                let path = log_path(dir, 1, false);
                (1, path.clone(), 0, new_file(&disk, dir, &path)?)
            }
        };
        let room_end = crate::log_files::len_of(&path)?;
        let tail = Tail {
            file: Arc::new(file),
            path,
            number,
            len,
            room_end,
            ticket: 0,
            pending: Vec::new(),
            actions: BTreeMap::new(),
            stopped: None,
        };
        Ok(Journal {
            disk,
            dir: dir.to_owned(),
            tail: Mutex::new(tail),
            settled: Mutex::new(0),
        })
    }

    /// Makes changes durable and known. An action that is there already is not written again; the answer tells about each action.
    pub(crate) fn commit(&self, front: &Front, ops: &[Op<'_>]) -> Result<Vec<Recorded>> {
        let (recorded, ticket) = {
            let mut tail = lock(&self.tail);
            check_running(&tail)?;
            self.roll_if_long(&mut tail)?;
            let mut staged = Staged::new(tail.end());
            let mut recorded = Vec::new();
            for op in ops {
                if let Op::Action { recipe, outcome } = op {
                    let there = self.recorded_action(front, &tail, &staged, recipe)?;
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
        self.settle(front, ticket)?;
        Ok(recorded)
    }

    /// The outcome that stands for a recipe, durable or about to be.
    fn recorded_action(
        &self,
        front: &Front,
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
        let Some(value) = front.action(recipe)? else {
            return Ok(None);
        };
        Ok(self.payload(value)?.as_deref().and_then(outcome_of))
    }

    /// The payload behind a value of the index.
    pub(crate) fn payload(&self, value: Value) -> Result<Option<Bytes>> {
        match value {
            Value::Here(bytes) => Ok(Some(bytes)),
            Value::InLog(place) => Ok(read_record(&self.dir, place)?.map(Bytes::from)),
        }
    }

    fn append(&self, tail: &mut Tail, staged: Staged) -> Result<()> {
        if staged.bytes.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.write(tail, &staged.bytes) {
            // a half-written record must not stand before later ones
            match self.disk.cut(&tail.file, &tail.path, tail.len) {
                Ok(()) => tail.room_end = tail.len,
                Err(_) => tail.stopped = Some(error.to_string()),
            }
            return Err(error);
        }
        tail.len += staged.bytes.len() as u64;
        tail.ticket += 1;
        tail.pending.extend(Staged::logged(
            staged.bytes,
            staged.begin.number,
            staged.records,
        ));
        let ticket = tail.ticket;
        tail.actions.extend(
            staged
                .actions
                .into_iter()
                .map(|(recipe, outcome)| (recipe, (ticket, outcome))),
        );
        Ok(())
    }

    /// Writes at the log's end, making room first when there is none.
    fn write(&self, tail: &mut Tail, bytes: &[u8]) -> Result<()> {
        let end = tail.len + bytes.len() as u64;
        if end > tail.room_end {
            let room = vec![0; (end + ROOM - tail.room_end.max(tail.len)) as usize];
            self.disk
                .write_at(&tail.file, &tail.path, &room, tail.room_end.max(tail.len))?;
            tail.room_end = end + ROOM;
        }
        self.disk.write_at(&tail.file, &tail.path, bytes, tail.len)
    }

    /// Gives the room at the log's end back: the last act of a store that closes.
    pub(crate) fn close(&self) -> Result<()> {
        let mut tail = lock(&self.tail);
        check_running(&tail)?;
        if tail.room_end > tail.len {
            self.disk.cut(&tail.file, &tail.path, tail.len)?;
            tail.room_end = tail.len;
        }
        Ok(())
    }

    /// Returns when everything up to this ticket is durable and known; does the work for all who wait.
    fn settle(&self, front: &Front, ticket: u64) -> Result<()> {
        let mut settled = lock(&self.settled);
        if ticket <= *settled {
            return Ok(());
        }
        let (file, path, pending, upto, end) = {
            let mut tail = lock(&self.tail);
            check_running(&tail)?;
            let pending = std::mem::take(&mut tail.pending);
            (
                tail.file.clone(),
                tail.path.clone(),
                pending,
                tail.ticket,
                tail.end(),
            )
        };
        let done = self
            .disk
            .sync(&file, &path)
            .and_then(|()| front.take(pending, end));
        let mut tail = lock(&self.tail);
        if let Err(error) = done {
            tail.stopped = Some(error.to_string());
            return Err(error);
        }
        tail.actions.retain(|_, (since, _)| *since > upto);
        *settled = upto;
        Ok(())
    }

    /// Where the log ends.
    pub(crate) fn end(&self) -> Place {
        lock(&self.tail).end()
    }

    /// Makes the last log file durable as it is.
    pub(crate) fn sync_all(&self) -> Result<()> {
        let tail = lock(&self.tail);
        self.disk.sync(&tail.file, &tail.path)
    }

    /// Length of the log in bytes, without the room at its end.
    pub(crate) fn len_bytes(&self) -> Result<u64> {
        let (files, _) = crate::log_files::list(&Disk::default(), &self.dir)?;
        let tail = lock(&self.tail);
        let others = files.iter().filter(|file| file.number != tail.number);
        others
            .map(|file| crate::log_files::len_of(&file.path))
            .sum::<Result<u64>>()
            .map(|sum| sum + tail.len)
    }

    fn roll_if_long(&self, tail: &mut Tail) -> Result<()> {
        if tail.len < LOG_FILE_MAX {
            return Ok(());
        }
        let closed = self
            .disk
            .cut(&tail.file, &tail.path, tail.len)
            .and_then(|()| self.disk.sync(&tail.file, &tail.path));
        closed.inspect_err(|error| tail.stopped = Some(error.to_string()))?;
        let path = log_path(&self.dir, tail.number + 1, false);
        let file = new_file(&self.disk, &self.dir, &path)?;
        (tail.file, tail.path, tail.number) = (Arc::new(file), path, tail.number + 1);
        (tail.len, tail.room_end) = (0, 0);
        Ok(())
    }

    /// Replaces the whole log by one base file with the given payloads and takes the rest out of the index; nobody else may be committing.
    pub(crate) fn compact(
        &self,
        front: &Front,
        payloads: impl Iterator<Item = Result<Bytes>>,
        forgotten: &[Op<'_>],
    ) -> Result<()> {
        let _settled = lock(&self.settled);
        let mut tail = lock(&self.tail);
        check_running(&tail)?;
        let index = front.complete()?;
        let number = tail.number + 1;
        let temporary = self.dir.join(temporary_name("base"));
        let written = write_base(&self.disk, &temporary, number, payloads);
        let (len, moved) = written.inspect_err(|_| {
            let _ = std::fs::remove_file(&temporary);
        })?;
        let (path, end) = (
            log_path(&self.dir, number, true),
            Place {
                number,
                offset: len,
            },
        );
        self.disk.rename(&temporary, &path)?;
        // from here on the new file is the log; a failure before the switch is complete needs a reopening
        let switch = || -> Result<Arc<File>> {
            self.disk.sync_folder(&self.dir)?;
            for (place, payload) in &moved {
                if let Some(op) = decode(payload) {
                    index.apply(&op, payload, *place)?;
                }
            }
            forgotten
                .iter()
                .try_for_each(|op| index.apply(op, &[], end))?;
            index.checkpoint(end)?;
            Ok(Arc::new(open_rw(&path)?))
        };
        let file = switch().inspect_err(|error| tail.stopped = Some(error.to_string()))?;
        front.rebased();
        (tail.file, tail.path, tail.number) = (file, path, number);
        (tail.len, tail.room_end) = (len, len);
        crate::log_files::list(&self.disk, &self.dir)?; // removes the files that are void now
        Ok(())
    }
}

impl Tail {
    fn end(&self) -> Place {
        Place {
            number: self.number,
            offset: self.len,
        }
    }
}

/// A new log file whose name is durable.
fn new_file(disk: &Disk, dir: &Path, path: &Path) -> Result<File> {
    disk.create_new(path, false)?;
    disk.sync_folder(dir)?;
    open_rw(path)
}

/// Records that will go to the log's end in one write.
struct Staged {
    begin: Place,
    bytes: Vec<u8>,
    /// Where each record begins and where its payload is, in `bytes`.
    records: Vec<(u64, Range<usize>)>,
    actions: BTreeMap<Digest, Option<Outcome>>,
}

impl Staged {
    fn new(begin: Place) -> Staged {
        Staged {
            begin,
            bytes: Vec::new(),
            records: Vec::new(),
            actions: BTreeMap::new(),
        }
    }

    fn add(&mut self, op: &Op<'_>) -> Result<()> {
        let offset = self.begin.offset + self.bytes.len() as u64;
        let payload = frame(&mut self.bytes, self.begin.number, offset, |out| {
            op.encode(out)
        })
        .map_err(|len| StoreError::Length {
            what: "record",
            len,
            limit: PAYLOAD_MAX,
        })?;
        self.records.push((offset, payload));
        match op {
            Op::Action { recipe, outcome } => {
                self.actions.insert(*recipe, Some(outcome.clone()));
            }
            Op::ForgetAction { recipe } => {
                self.actions.insert(*recipe, None);
            }
            _ => {}
        }
        Ok(())
    }

    /// The records, which share one run of bytes.
    fn logged(
        bytes: Vec<u8>,
        number: u64,
        records: Vec<(u64, Range<usize>)>,
    ) -> impl Iterator<Item = Logged> {
        let bytes = Bytes::from(bytes);
        let place = move |offset| Place { number, offset };
        records.into_iter().map(move |(offset, payload)| Logged {
            place: place(offset),
            payload: bytes.slice(payload),
        })
    }
}

/// Length of a base file, and the payloads whose place the index must learn.
type Based = (u64, Vec<(Place, Bytes)>);

fn write_base(
    disk: &Disk,
    path: &Path,
    number: u64,
    payloads: impl Iterator<Item = Result<Bytes>>,
) -> Result<Based> {
    const FLUSH_AT: usize = 1 << 20;
    let file = disk.create_new(path, false)?;
    let (mut buffer, mut len, mut moved) = (Vec::new(), 0u64, Vec::new());
    for payload in payloads {
        let payload = payload?;
        frame(&mut buffer, number, len, |out| {
            out.extend_from_slice(&payload)
        })
        .map_err(|len| StoreError::Length {
            what: "record",
            len,
            limit: PAYLOAD_MAX,
        })?;
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
