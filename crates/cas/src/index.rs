//! The index: where each thing stands, and small values themselves. It can always be made again from the log.
//!
//! Three trees (blobs by digest, actions by recipe, notes by key). A value is one tag byte and either the payload of the log's record
//! or, above [`HERE_MAX`], the record's place in the log. The tree `meta` holds the mark: the place in the log up to which
//! every record is in the index *and durable there*.

use crate::error::{Result, io_error};
use crate::record::Op;
use bytes::Bytes;
use digest::WIRE_LEN;
use sled::{Db, IVec, Tree};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Greatest payload that the index carries itself.
pub(crate) const HERE_MAX: usize = crate::INLINE_MAX + 64;
const MARK: &[u8] = b"mark";
const CACHE_BYTES: u64 = 64 << 20;

/// A place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) number: u64,
    pub(crate) offset: u64,
}

/// What the index holds for a key.
#[derive(Clone)]
pub(crate) enum Value {
    /// The payload itself.
    Here(Bytes),
    /// The record is in the log.
    InLog(Place),
}

#[derive(Debug)]
pub(crate) struct Index {
    dir: PathBuf,
    db: Db,
    pub(crate) blobs: Tree,
    pub(crate) actions: Tree,
    pub(crate) notes: Tree,
    meta: Tree,
}

impl Index {
    /// Opens the index; one that does not open is moved aside, and its new place is told.
    pub(crate) fn open(dir: &Path) -> Result<(Index, Option<PathBuf>)> {
        match Index::try_open(dir) {
            Ok(index) => Ok((index, None)),
            Err(_) => {
                let aside = move_aside(dir)?;
                let index = Index::try_open(dir).map_err(sled::Error::ReportableBug)?;
                Ok((index, Some(aside)))
            }
        }
    }

    fn try_open(dir: &Path) -> std::result::Result<Index, String> {
        let attempt = || -> sled::Result<Index> {
            let db = open_when_free(dir)?;
            let (blobs, actions) = (db.open_tree("blobs")?, db.open_tree("actions")?);
            let (notes, meta) = (db.open_tree("notes")?, db.open_tree("meta")?);
            meta.get(MARK)?;
            Ok(Index {
                dir: dir.to_owned(),
                db,
                blobs,
                actions,
                notes,
                meta,
            })
        };
        match catch_unwind(AssertUnwindSafe(attempt)) {
            Ok(Ok(index)) => Ok(index),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the index library panicked".to_owned()),
        }
    }

    /// Up to where the index is complete and durable.
    pub(crate) fn mark(&self) -> Result<Option<Place>> {
        Ok(self.meta.get(MARK)?.and_then(|bytes| place_from(&bytes)))
    }

    /// Forgets everything, the mark first.
    pub(crate) fn clear(&self) -> Result<()> {
        self.meta.clear()?;
        self.db.flush()?;
        self.blobs.clear()?;
        self.actions.clear()?;
        self.notes.clear()?;
        Ok(())
    }

    /// Takes in one record that stands at `place`. Taking it in twice changes nothing.
    pub(crate) fn apply(&self, op: &Op<'_>, payload: &[u8], place: Place) -> Result<()> {
        let value = || {
            if payload.len() <= HERE_MAX {
                let mut value = Vec::with_capacity(1 + payload.len());
                value.push(0);
                value.extend_from_slice(payload);
                value
            } else {
                let mut value = vec![1];
                value.extend_from_slice(&place_bytes(place));
                value
            }
        };
        match op {
            Op::Blob { digest, .. } | Op::File { digest, .. } | Op::View { digest, .. } => {
                self.blobs.insert(digest.to_wire(), value())?;
            }
            Op::Forget { digest } => {
                self.blobs.remove(digest.to_wire())?;
            }
            Op::Action { recipe, .. } => {
                self.actions.insert(recipe.to_wire(), value())?;
            }
            Op::ForgetAction { recipe } => {
                self.actions.remove(recipe.to_wire())?;
            }
            Op::Note { key, .. } => {
                self.notes.insert(key.as_bytes(), value())?;
            }
            Op::ForgetNote { key } => {
                self.notes.remove(key.as_bytes())?;
            }
        }
        Ok(())
    }

    pub(crate) fn blob(&self, key: &[u8; WIRE_LEN]) -> Result<Option<Value>> {
        Ok(self.blobs.get(key)?.and_then(value_from))
    }

    pub(crate) fn action(&self, key: &[u8; WIRE_LEN]) -> Result<Option<Value>> {
        Ok(self.actions.get(key)?.and_then(value_from))
    }

    pub(crate) fn note(&self, key: &str) -> Result<Option<Value>> {
        Ok(self.notes.get(key.as_bytes())?.and_then(value_from))
    }

    /// Makes everything so far durable, then says so: the index begins at `place` when it opens again.
    pub(crate) fn checkpoint(&self, place: Place) -> Result<()> {
        self.db.flush()?;
        sync_tree(&self.dir)?; // the library's flush starts the writing but waits for no disk
        self.meta.insert(MARK, &place_bytes(place))?;
        self.db.flush()?;
        Ok(())
    }
}

/// A value as the index stored it; none if it is no value.
pub(crate) fn value_from(bytes: IVec) -> Option<Value> {
    match bytes.first()? {
        0 => Some(Value::Here(Bytes::copy_from_slice(&bytes[1..]))),
        1 => place_from(bytes.get(1..)?).map(Value::InLog),
        _ => None,
    }
}

/// The process has the store's lock, so a busy index can only be one that this process is still closing.
fn open_when_free(dir: &Path) -> sled::Result<Db> {
    let config = sled::Config::new()
        .path(dir)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None);
    let mut tries_left = 200;
    loop {
        match config.open() {
            Err(sled::Error::Io(error)) if tries_left > 0 && is_busy(&error) => {
                tries_left -= 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

fn is_busy(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::WouldBlock
        || error.to_string().contains("could not acquire lock")
}

fn move_aside(dir: &Path) -> Result<PathBuf> {
    for n in 1u32.. {
        let aside = dir.with_file_name(format!("index.broken-{n}"));
        if !aside.exists() {
            std::fs::rename(dir, &aside).map_err(io_error("move aside", dir))?;
            return Ok(aside);
        }
    }
    unreachable!("some number is free")
}

fn sync_tree(dir: &Path) -> Result<()> {
    for entry in std::fs::read_dir(dir).map_err(io_error("list", dir))? {
        let path = entry.map_err(io_error("list", dir))?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            match File::open(&path).and_then(|file| file.sync_data()) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(io_error("sync", &path)(error));
                }
                _ => {}
            }
        }
    }
    File::open(dir)
        .and_then(|folder| folder.sync_all())
        .map_err(io_error("sync folder", dir))
}

fn place_bytes(place: Place) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&place.number.to_be_bytes());
    bytes[8..].copy_from_slice(&place.offset.to_be_bytes());
    bytes
}

fn place_from(bytes: &[u8]) -> Option<Place> {
    let bytes: &[u8; 16] = bytes.try_into().ok()?;
    let (number, offset) = bytes.split_at(8);
    Some(Place {
        number: u64::from_be_bytes(number.try_into().ok()?),
        offset: u64::from_be_bytes(offset.try_into().ok()?),
    })
}
