//! Every change to a disk goes through here, so that tests can let any one of them fail.

use crate::error::{Result, io_error};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A change to the disk, as a test sees it in [`Faults::trace`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskAct {
    /// A file was created.
    Create(PathBuf),
    /// Bytes were written to a file.
    Write(PathBuf),
    /// A file's bytes were made durable.
    Sync(PathBuf),
    /// A file was renamed.
    Rename(PathBuf, PathBuf),
    /// A folder's entries were made durable.
    SyncFolder(PathBuf),
    /// A file was cut to a length.
    Cut(PathBuf),
    /// A file was removed.
    Remove(PathBuf),
    /// A folder was created.
    CreateFolder(PathBuf),
}

/// For tests of durability: lets the n-th change of the disk fail (a write fails half way) and tells what was done.
#[derive(Debug)]
pub struct Faults {
    fail_at: u64,
    for_good: bool,
    acts: AtomicU64,
    trace: Mutex<Vec<DiskAct>>,
}

impl Faults {
    /// No fault; only the trace.
    pub fn none() -> Arc<Faults> {
        Faults::new(u64::MAX, false)
    }

    /// Change number `n` (from 0) and all later ones fail, as if the process had died there.
    pub fn die_at(n: u64) -> Arc<Faults> {
        Faults::new(n, true)
    }

    /// Only change number `n` (from 0) fails, as on a disk that was full for a moment.
    pub fn fail_once_at(n: u64) -> Arc<Faults> {
        Faults::new(n, false)
    }

    fn new(fail_at: u64, for_good: bool) -> Arc<Faults> {
        Arc::new(Faults {
            fail_at,
            for_good,
            acts: AtomicU64::new(0),
            trace: Mutex::new(Vec::new()),
        })
    }

    /// Changes tried so far.
    pub fn acts(&self) -> u64 {
        self.acts.load(Ordering::SeqCst)
    }

    /// The changes that succeeded, in their order.
    pub fn trace(&self) -> Vec<DiskAct> {
        self.trace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn strikes(&self) -> bool {
        let n = self.acts.fetch_add(1, Ordering::SeqCst);
        n == self.fail_at || (self.for_good && n > self.fail_at)
    }
}

/// The disk, with or without faults.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    faults: Option<Arc<Faults>>,
}

impl Disk {
    pub(crate) fn with(faults: Option<Arc<Faults>>) -> Disk {
        Disk { faults }
    }

    fn change<T>(
        &self,
        act: impl FnOnce() -> DiskAct,
        doing: &'static str,
        path: &Path,
        run: impl FnOnce() -> io::Result<T>,
    ) -> Result<T> {
        let Some(faults) = &self.faults else {
            return run().map_err(io_error(doing, path));
        };
        if faults.strikes() {
            return Err(io_error(doing, path)(io::Error::other("injected fault")));
        }
        let value = run().map_err(io_error(doing, path))?;
        faults
            .trace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(act());
        Ok(value)
    }

    pub(crate) fn create_new(&self, path: &Path, secret: bool) -> Result<File> {
        self.change(
            || DiskAct::Create(path.to_owned()),
            "create",
            path,
            || {
                let mut options = OpenOptions::new();
                options.read(true).write(true).create_new(true);
                if secret {
                    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                }
                options.open(path)
            },
        )
    }

    /// Writes at the file's position.
    pub(crate) fn write(&self, mut file: &File, path: &Path, bytes: &[u8]) -> Result<()> {
        let result = self.change(
            || DiskAct::Write(path.to_owned()),
            "write to",
            path,
            || file.write_all(bytes),
        );
        if result.is_err() && self.faults.is_some() {
            // an injected fault leaves half of the bytes behind, as a real one may
            let _ = file.write_all(&bytes[..bytes.len() / 2]);
        }
        result
    }

    /// Writes at an offset.
    pub(crate) fn write_at(
        &self,
        file: &File,
        path: &Path,
        bytes: &[u8],
        offset: u64,
    ) -> Result<()> {
        let result = self.change(
            || DiskAct::Write(path.to_owned()),
            "write to",
            path,
            || file.write_all_at(bytes, offset),
        );
        if result.is_err() && self.faults.is_some() {
            let _ = file.write_all_at(&bytes[..bytes.len() / 2], offset);
        }
        result
    }

    pub(crate) fn sync(&self, file: &File, path: &Path) -> Result<()> {
        self.change(
            || DiskAct::Sync(path.to_owned()),
            "sync",
            path,
            || file.sync_data(),
        )
    }

    pub(crate) fn sync_folder(&self, path: &Path) -> Result<()> {
        self.change(
            || DiskAct::SyncFolder(path.to_owned()),
            "sync folder",
            path,
            || File::open(path)?.sync_all(),
        )
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.change(
            || DiskAct::Rename(from.to_owned(), to.to_owned()),
            "rename",
            from,
            || std::fs::rename(from, to),
        )
    }

    /// Gives a file its final name unless somebody has it already; tells whether it was given.
    pub(crate) fn link_new(&self, from: &Path, to: &Path) -> Result<bool> {
        self.change(
            || DiskAct::Rename(from.to_owned(), to.to_owned()),
            "link",
            to,
            || match std::fs::hard_link(from, to) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(error),
            },
        )
    }

    pub(crate) fn cut(&self, file: &File, path: &Path, len: u64) -> Result<()> {
        self.change(
            || DiskAct::Cut(path.to_owned()),
            "cut",
            path,
            || file.set_len(len),
        )
    }

    pub(crate) fn remove(&self, path: &Path) -> Result<()> {
        self.change(
            || DiskAct::Remove(path.to_owned()),
            "remove",
            path,
            || match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        )
    }

    /// Makes a folder and those above it; tells whether it is new.
    pub(crate) fn folder(&self, path: &Path) -> Result<bool> {
        if path.is_dir() {
            return Ok(false);
        }
        self.change(
            || DiskAct::CreateFolder(path.to_owned()),
            "create folder",
            path,
            || std::fs::create_dir_all(path),
        )?;
        Ok(true)
    }
}

/// A name for a temporary file that no other process or thread uses.
pub(crate) fn temporary_name(stem: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos());
    format!(".{stem}.{}-{n}-{nanos:x}.tmp", std::process::id())
}
