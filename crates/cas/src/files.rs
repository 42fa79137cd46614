//! Blobs that are files: `<root>/ab/<hex>`, and the views of site-bound tables: `<root>/ab/<hex>.view`.

use crate::disk::{Disk, temporary_name};
use crate::error::{Result, io_error};
use crate::record::{View, decode_view, put_view};
use digest::Digest;
use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const VIEW_MAGIC: [u8; 4] = *b"RlV1";

/// The folders of one store.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) disk: Disk,
    /// Plain blobs of this process.
    pub(crate) plain: PathBuf,
    /// Keyed blobs of the site.
    pub(crate) keyed: PathBuf,
    pub(crate) plain_quarantine: PathBuf,
    pub(crate) keyed_quarantine: PathBuf,
    /// Folders whose own names this process knows to be durable.
    pub(crate) durable: Mutex<BTreeSet<PathBuf>>,
}

/// One file of a listing.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) digest: Digest,
    pub(crate) path: PathBuf,
    pub(crate) is_view: bool,
}

impl Files {
    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        let root = if digest.is_keyed() {
            &self.keyed
        } else {
            &self.plain
        };
        let hex = digest.hex();
        root.join(&hex[..2]).join(hex)
    }

    pub(crate) fn view_path(&self, digest: &Digest) -> PathBuf {
        self.path(digest).with_extension("view")
    }

    /// Length of the file of a blob, if there is one.
    pub(crate) fn len(&self, digest: &Digest) -> Result<Option<u64>> {
        let path = self.path(digest);
        Ok(absent_is_none(std::fs::metadata(&path), "look at", &path)?.map(|data| data.len()))
    }

    pub(crate) fn open(&self, digest: &Digest) -> Result<Option<File>> {
        let path = self.path(digest);
        absent_is_none(File::open(&path), "open", &path)
    }

    /// All bytes of the file of a blob, unverified.
    pub(crate) fn read(&self, digest: &Digest) -> Result<Option<Vec<u8>>> {
        read_all(&self.path(digest))
    }

    /// The record of a keyed view, if there is a sound one.
    pub(crate) fn read_view(&self, digest: &Digest) -> Result<Option<View>> {
        Ok(read_all(&self.view_path(digest))?
            .as_deref()
            .and_then(view_from))
    }

    /// Writes files so that all are durable on return: bytes first, then names, then each folder once.
    pub(crate) fn write_many(&self, items: &[(Digest, &[u8])]) -> Result<()> {
        let mut temporaries = Vec::with_capacity(items.len());
        let result = self
            .write_temporaries(items, &mut temporaries)
            .and_then(|()| {
                for ((digest, _), (temporary, _)) in items.iter().zip(&temporaries) {
                    self.disk.rename(temporary, &self.path(digest))?;
                }
                self.sync_folders_of(items.iter().map(|(digest, _)| *digest))
            });
        if result.is_err() {
            for (temporary, _) in &temporaries {
                let _ = std::fs::remove_file(temporary);
            }
        }
        result
    }

    fn write_temporaries(
        &self,
        items: &[(Digest, &[u8])],
        made: &mut Vec<(PathBuf, File)>,
    ) -> Result<()> {
        for (digest, bytes) in items {
            let (path, file) = self.temporary(digest)?;
            let written = self.disk.write(&file, &path, bytes);
            made.push((path, file));
            written?;
        }
        made.iter()
            .try_for_each(|(path, file)| self.disk.sync(file, path))
    }

    /// Writes the record of a keyed view, durable on return.
    pub(crate) fn write_view(&self, digest: &Digest, view: &View) -> Result<()> {
        let mut body = Vec::new();
        put_view(&mut body, view);
        let mut bytes = VIEW_MAGIC.to_vec();
        bytes.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        let (temporary, file) = self.temporary(digest)?;
        self.disk.write(&file, &temporary, &bytes)?;
        self.disk.sync(&file, &temporary)?;
        self.disk.rename(&temporary, &self.view_path(digest))?;
        self.sync_folders_of([*digest])
    }

    /// A temporary file in the folder where this blob will live.
    pub(crate) fn temporary(&self, digest: &Digest) -> Result<(PathBuf, File)> {
        self.make_folder_of(digest)?;
        let temporary = parent(&self.path(digest)).join(temporary_name(&digest.hex()[..8]));
        let file = self.disk.create_new(&temporary, false)?;
        Ok((temporary, file))
    }

    /// Makes the folder where this blob will live; its name is durable after [`Files::sync_folders_of`].
    pub(crate) fn make_folder_of(&self, digest: &Digest) -> Result<()> {
        self.disk.folder(parent(&self.path(digest))).map(|_| ())
    }

    /// Makes the names of these blobs durable, and those of their folders if this process has not done so.
    pub(crate) fn sync_folders_of(&self, digests: impl IntoIterator<Item = Digest>) -> Result<()> {
        let folders: BTreeSet<PathBuf> = digests
            .into_iter()
            .map(|digest| parent(&self.path(&digest)).to_owned())
            .collect();
        folders
            .iter()
            .try_for_each(|folder| self.disk.sync_folder(folder))?;
        let is_new = |folder: &PathBuf| !self.known().contains(folder);
        let new: Vec<PathBuf> = folders.into_iter().filter(is_new).collect();
        let roots: BTreeSet<&Path> = new.iter().map(|folder| parent(folder)).collect();
        roots
            .into_iter()
            .try_for_each(|root| self.disk.sync_folder(root))?;
        self.known().extend(new);
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a damaged file out of the way without losing it.
    pub(crate) fn quarantine(&self, digest: &Digest, path: &Path) -> Result<()> {
        let folder = if digest.is_keyed() {
            &self.keyed_quarantine
        } else {
            &self.plain_quarantine
        };
        self.disk.folder(folder)?;
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("unnamed");
        let target = folder.join(
            temporary_name(name)
                .trim_start_matches('.')
                .replace(".tmp", ".bad"),
        );
        match self.disk.rename(path, &target) {
            Err(_) if !path.exists() => Ok(()), // somebody else was faster
            result => result,
        }
    }

    /// Every blob file under the plain or the keyed root, in the order of digests.
    pub(crate) fn list(&self, keyed: bool) -> Result<Vec<Listed>> {
        let root = if keyed { &self.keyed } else { &self.plain };
        let mut listed = Vec::new();
        for folder in entries(root)? {
            for path in if folder.is_dir() {
                entries(&folder)?
            } else {
                Vec::new()
            } {
                let name = path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .unwrap_or_default();
                let (hex, is_view) = name
                    .strip_suffix(".view")
                    .map_or((name, false), |hex| (hex, true));
                if let Ok(digest) = Digest::from_hex(keyed, hex) {
                    listed.push(Listed {
                        digest,
                        path,
                        is_view,
                    });
                }
            }
        }
        listed.sort_by_key(|file| (file.digest, file.is_view));
        Ok(listed)
    }

    /// Temporary files that a process left behind, older than `age_seconds_min`.
    pub(crate) fn left_behind(&self, keyed: bool, age_seconds_min: u64) -> Result<Vec<PathBuf>> {
        let root = if keyed { &self.keyed } else { &self.plain };
        let mut left = Vec::new();
        for folder in entries(root)? {
            for path in if folder.is_dir() {
                entries(&folder)?
            } else {
                Vec::new()
            } {
                let is_temporary = path.extension().is_some_and(|extension| extension == "tmp");
                if is_temporary && !is_younger(&path, age_seconds_min) {
                    left.push(path);
                }
            }
        }
        left.sort();
        Ok(left)
    }
}

/// Whether a file changed within the last `seconds`; one that cannot be asked counts as young.
pub(crate) fn is_younger(path: &Path, seconds: u64) -> bool {
    let changed = std::fs::metadata(path).and_then(|data: Metadata| data.modified());
    changed
        .ok()
        .and_then(|time| time.elapsed().ok())
        .is_none_or(|age| age.as_secs() < seconds)
}

pub(crate) fn absent_is_none<T>(
    result: std::io::Result<T>,
    doing: &'static str,
    path: &Path,
) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(doing, path)(error)),
    }
}

fn read_all(path: &Path) -> Result<Option<Vec<u8>>> {
    let Some(mut file) = absent_is_none(File::open(path), "open", path)? else {
        return Ok(None);
    };
    let len = file.metadata().map_err(io_error("look at", path))?.len();
    let mut bytes = Vec::with_capacity(len as usize);
    file.read_to_end(&mut bytes)
        .map_err(io_error("read", path))?;
    Ok(Some(bytes))
}

fn view_from(bytes: &[u8]) -> Option<View> {
    let rest = bytes.strip_prefix(&VIEW_MAGIC)?;
    let (crc, body) = rest.split_at_checked(4)?;
    (crc == crc32c::crc32c(body).to_le_bytes()).then(|| decode_view(body))?
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let Some(listing) = absent_is_none(std::fs::read_dir(folder), "list", folder)? else {
        return Ok(Vec::new());
    };
    listing
        .map(|entry| Ok(entry.map_err(io_error("list", folder))?.path()))
        .collect()
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}
