//! Opening a store: its lock, its key, and an index that knows everything the log tells.

use crate::disk::{Disk, Faults};
use crate::error::{Result, io_error};
use crate::files::Files;
use crate::front::Front;
use crate::identity::{self, OwnLock};
use crate::index::{Index, Place};
use crate::journal::Journal;
use crate::log_files;
use crate::store::{Inner, Store};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};

/// Where a store is.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// This process's own folder: log, index, plain blobs.
    pub dir: PathBuf,
    /// The folder that all processes of a site share: the site's key and its keyed blobs. None: inside `dir`.
    pub shared: Option<PathBuf>,
    /// Whether to make a site key if there is none.
    pub create_key: bool,
}

/// What opening had to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// The index was made again from the whole log.
    pub index_rebuilt: bool,
    /// Where an index that did not open was moved.
    pub index_moved_to: Option<PathBuf>,
    /// Records read from the log because the index did not have them durably.
    pub records_replayed: u64,
    /// Bytes cut off the log's end, a write that was cut short; kept in `quarantine`.
    pub log_bytes_cut: u64,
    /// Bytes in the middle of the log that are no records; skipped, a copy is in `quarantine`.
    pub log_bytes_damaged: u64,
}

impl Store {
    /// Opens a store or makes one.
    ///
    /// # Errors
    /// [`StoreError::Locked`](crate::StoreError::Locked) if another process has `dir`; [`StoreError::Format`](crate::StoreError::Format); [`StoreError::Identity`](crate::StoreError::Identity); [`StoreError::Io`](crate::StoreError::Io).
    /// Damage is no error: it is repaired and told in the report.
    pub fn open(config: StoreConfig) -> Result<(Store, OpenReport)> {
        Store::open_with_faults(config, None)
    }

    /// [`Store::open`] on a disk that fails as told: for tests.
    ///
    /// # Errors
    /// As [`Store::open`], and the injected fault.
    pub fn open_with_faults(
        config: StoreConfig,
        faults: Option<Arc<Faults>>,
    ) -> Result<(Store, OpenReport)> {
        let disk = Disk::with(faults);
        let dir = config.dir;
        let site_dir = config.shared.clone().unwrap_or_else(|| dir.clone());
        make_folder(&disk, &dir)?;
        let lock = OwnLock::take(&dir)?;
        identity::check_format(&disk, &dir)?;
        for part in ["log", "blobs", "quarantine", "uploads"] {
            make_folder(&disk, &dir.join(part))?;
        }
        make_folder(&disk, &site_dir.join("keyed"))?;
        let key = identity::site_key(&disk, &site_dir, config.create_key)?;
        let place_id = identity::place_id(&disk, &site_dir)?;
        let (index, moved_to) = Index::open(&dir.join("index"))?;
        let (journal, mut report) = open_log(&disk, &dir, &index)?;
        report.index_moved_to = moved_to;
        let files = Files {
            disk: disk.clone(),
            plain: dir.join("blobs"),
            keyed: site_dir.join("keyed"),
            plain_quarantine: dir.join("quarantine"),
            keyed_quarantine: site_dir.join("quarantine"),
            durable: Mutex::new(BTreeSet::new()),
        };
        let inner = Inner {
            dir,
            is_shared: config.shared.is_some(),
            disk,
            files,
            journal,
            index: Front::new(index),
            key,
            place_id,
            gate: RwLock::new(()),
            quarantined: AtomicU64::new(0),
            uploads: Mutex::new(BTreeSet::new()),
            _lock: lock,
        };
        Ok((
            Store {
                inner: Arc::new(inner),
            },
            report,
        ))
    }
}

/// Brings the index up to the log's end.
fn open_log(disk: &Disk, dir: &Path, index: &Index) -> Result<(Journal, OpenReport)> {
    let log_dir = dir.join("log");
    let (files, _) = log_files::list(disk, &log_dir)?;
    let mark = index.mark()?.filter(|mark| is_in(&files, *mark));
    let mut report = OpenReport {
        index_rebuilt: mark.is_none() && !files.is_empty(),
        ..OpenReport::default()
    };
    if mark.is_none() {
        index.clear()?;
    }
    let from = mark.unwrap_or(Place {
        number: 0,
        offset: 0,
    });
    let mut end = 0;
    for file in files.iter().filter(|file| file.number >= from.number) {
        let offset = if file.number == from.number {
            from.offset
        } else {
            0
        };
        let replay = log_files::replay(disk, file, offset, index, &dir.join("quarantine"))?;
        end = replay.end;
        report.records_replayed += replay.records;
        report.log_bytes_cut += replay.bytes_cut;
        report.log_bytes_damaged += replay.bytes_damaged;
    }
    let last = files
        .last()
        .map(|file| (file.number, file.path.clone(), end));
    let journal = Journal::open(disk.clone(), &log_dir, last)?;
    if mark.is_none() || report.records_replayed > 0 {
        // replayed records may not be durable yet: a crash came between their writing and their sync
        journal.sync_all()?;
        index.checkpoint(journal.end())?;
    }
    Ok((journal, report))
}

/// Whether a mark points into the log as it is.
fn is_in(files: &[log_files::LogFile], mark: Place) -> bool {
    let file = files.iter().find(|file| file.number == mark.number);
    file.is_some_and(|file| log_files::len_of(&file.path).is_ok_and(|len| mark.offset <= len))
}

fn make_folder(disk: &Disk, path: &Path) -> Result<()> {
    if disk.folder(path)? {
        let above = path
            .parent()
            .filter(|above| !above.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        disk.sync_folder(above)?;
    }
    std::fs::metadata(path)
        .map_err(io_error("look at", path))
        .map(|_| ())
}
