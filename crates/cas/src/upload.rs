//! Receiving bytes in pieces, over a connection or several, before and after a restart.

use crate::disk::Disk;
use crate::error::{Result, StoreError, io_error};
use crate::files::absent_is_none;
use crate::record::Op;
use crate::store::{INLINE_MAX, Store};
use digest::{Digest, Hasher};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

const PIECE: usize = 1 << 20;

/// An upload under way. Dropping it keeps what has arrived; [`Store::upload`] goes on from there, also in another process.
#[derive(Debug)]
pub struct Upload {
    store: Store,
    expected: Digest,
    total_len: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The bytes were here already.
    Complete,
    Partial(Box<Partial>),
}

/// The part that has arrived: `uploads/<digest>.part`, and its hash so far.
struct Partial {
    file: File,
    path: PathBuf,
    hasher: Hasher,
    offset: u64,
}

impl std::fmt::Debug for Partial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Partial")
            .field("path", &self.path)
            .field("offset", &self.offset)
            .finish()
    }
}

impl Store {
    /// Begins or goes on with an upload of `total_len` bytes that must turn out to be `expected`.
    ///
    /// # Errors
    /// [`StoreError::UploadBusy`] if the same is being uploaded in this process; [`StoreError::NoSiteKey`]; [`StoreError::Io`].
    pub fn upload(&self, expected: &Digest, total_len: u64) -> Result<Upload> {
        let hasher = self.hasher(expected)?;
        let upload = |state| Upload {
            store: self.clone(),
            expected: *expected,
            total_len,
            state,
        };
        if self.has(expected)? {
            if expected.is_keyed() {
                self.inner.files.sync_folders_of([*expected])?; // another process may not have done so yet
            }
            return Ok(upload(State::Complete));
        }
        if !self
            .inner
            .uploads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(*expected)
        {
            return Err(StoreError::UploadBusy { digest: *expected });
        }
        let path = self.inner.dir.join("uploads").join(part_name(expected));
        let partial = Partial::open(&self.inner.disk, path, hasher, total_len);
        Ok(upload(State::Partial(Box::new(
            partial.inspect_err(|_| self.upload_ended(expected))?,
        ))))
    }

    fn upload_ended(&self, expected: &Digest) {
        self.inner
            .uploads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(expected);
    }

    /// Gives a finished partial file its place among the blobs; durable on return.
    fn adopt(&self, digest: &Digest, partial: &Partial) -> Result<()> {
        let _gate = self.changing();
        let (disk, files) = (&self.inner.disk, &self.inner.files);
        if !digest.is_keyed() && partial.offset <= INLINE_MAX as u64 {
            let bytes = std::fs::read(&partial.path).map_err(io_error("read", &partial.path))?;
            self.inner.journal.commit(
                &self.inner.index,
                &[Op::Blob {
                    digest: *digest,
                    bytes: bytes.into(),
                }],
            )?;
            return disk.remove(&partial.path);
        }
        disk.sync(&partial.file, &partial.path)?;
        if digest.is_keyed() {
            // the site's folder may be on another disk
            let (temporary, target) = files.temporary(digest)?;
            copy(disk, &partial.path, &target, &temporary)?;
            disk.rename(&temporary, &files.path(digest))?;
            files.sync_folders_of([*digest])?;
            return disk.remove(&partial.path);
        }
        files.make_folder_of(digest)?;
        disk.rename(&partial.path, &files.path(digest))?;
        files.sync_folders_of([*digest])?;
        self.inner.journal.commit(
            &self.inner.index,
            &[Op::File {
                digest: *digest,
                len: partial.offset,
            }],
        )?;
        Ok(())
    }
}

impl Upload {
    /// Bytes that have arrived: where the next piece must begin.
    pub fn offset(&self) -> u64 {
        match &self.state {
            State::Complete => self.total_len,
            State::Partial(partial) => partial.offset,
        }
    }

    /// Takes in the piece that begins at `offset`. A piece is not durable before [`Upload::finish`].
    ///
    /// # Errors
    /// [`StoreError::UploadOffset`], [`StoreError::UploadLength`]: nothing was taken in; [`StoreError::Io`].
    pub fn write(&mut self, offset: u64, piece: &[u8]) -> Result<()> {
        let (digest, expected, total) = (self.expected, self.offset(), self.total_len);
        if offset != expected {
            return Err(StoreError::UploadOffset {
                digest,
                expected,
                got: offset,
            });
        }
        let got = expected.saturating_add(piece.len() as u64);
        if got > total {
            return Err(StoreError::UploadLength { digest, got, total });
        }
        match &mut self.state {
            State::Complete => Ok(()),
            State::Partial(partial) => partial.append(&self.store.inner.disk, piece),
        }
    }

    /// Checks that the bytes are what was promised and stores them; durable on return.
    ///
    /// # Errors
    /// [`StoreError::UploadLength`] if bytes are missing: what has arrived stays. [`StoreError::UploadContent`] if they are others: they
    /// are thrown away. As [`Store::commit`].
    pub fn finish(self) -> Result<Digest> {
        let State::Partial(partial) = &self.state else {
            return Ok(self.expected);
        };
        if partial.offset < self.total_len {
            let (got, total) = (partial.offset, self.total_len);
            return Err(StoreError::UploadLength {
                digest: self.expected,
                got,
                total,
            });
        }
        let actual = partial.hasher.finish();
        if actual != self.expected {
            self.store.inner.disk.remove(&partial.path)?;
            return Err(StoreError::UploadContent {
                expected: self.expected,
                actual,
            });
        }
        self.store.adopt(&self.expected, partial)?;
        Ok(self.expected)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if matches!(self.state, State::Partial(_)) {
            self.store.upload_ended(&self.expected);
        }
    }
}

impl Partial {
    /// What an earlier upload left, or nothing; bytes beyond the announced length cannot be right and are dropped.
    fn open(disk: &Disk, path: PathBuf, mut hasher: Hasher, total_len: u64) -> Result<Partial> {
        let there = absent_is_none(std::fs::metadata(&path), "look at", &path)?;
        if there.is_none() {
            disk.create_new(&path, false)?;
        }
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .append(true)
            .open(&path)
            .map_err(io_error("open", &path))?;
        if there.is_some_and(|data| data.len() > total_len) {
            disk.cut(&file, &path, 0)?;
        }
        let mut piece = vec![0; PIECE];
        loop {
            let n = file.read(&mut piece).map_err(io_error("read", &path))?;
            if n == 0 {
                break;
            }
            hasher.update(&piece[..n]);
        }
        let offset = hasher.len();
        Ok(Partial {
            file,
            path,
            hasher,
            offset,
        })
    }

    fn append(&mut self, disk: &Disk, piece: &[u8]) -> Result<()> {
        if let Err(error) = disk.write(&self.file, &self.path, piece) {
            // whatever got through goes again; should this fail too, the end of the upload finds wrong bytes
            let _ = disk.cut(&self.file, &self.path, self.offset);
            return Err(error);
        }
        self.hasher.update(piece);
        self.offset += piece.len() as u64;
        Ok(())
    }
}

fn copy(disk: &Disk, from: &Path, to: &File, to_path: &Path) -> Result<()> {
    let mut source = File::open(from).map_err(io_error("open", from))?;
    let mut piece = vec![0; PIECE];
    loop {
        let n = source.read(&mut piece).map_err(io_error("read", from))?;
        if n == 0 {
            return disk.sync(to, to_path);
        }
        disk.write(to, to_path, &piece[..n])?;
    }
}

pub(crate) fn part_name(digest: &Digest) -> String {
    format!(
        "{}-{}.part",
        if digest.is_keyed() { "k3" } else { "b3" },
        digest.hex()
    )
}
