//! Reading, always verified.

use crate::error::{Result, StoreError, io_error};
use crate::record::Op;
use crate::store::{Held, Store};
use bytes::Bytes;
use digest::{Digest, Hasher};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

const PIECE: usize = 1 << 20;

/// An open blob whose bytes were verified when it was opened; for sending large ones in pieces.
#[derive(Debug)]
pub struct Reader {
    digest: Digest,
    len: u64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    File(File, PathBuf),
    Memory(Bytes),
}

impl Store {
    /// The bytes of a name, verified. Damaged bytes are put in quarantine, counted and reported absent.
    ///
    /// # Errors
    /// [`StoreError::NoSiteKey`] for a keyed name in a store without key; [`StoreError::Io`]; [`StoreError::Index`].
    pub fn get(&self, digest: &Digest) -> Result<Option<Bytes>> {
        self.get_at_depth(digest, 0)
    }

    pub(crate) fn get_at_depth(&self, digest: &Digest, depth: usize) -> Result<Option<Bytes>> {
        match self.find(digest)? {
            None => Ok(None),
            Some(Held::Inline(bytes)) => self.verified(digest, bytes),
            Some(Held::File { .. } | Held::Keyed { .. }) => match self.inner.files.read(digest)? {
                Some(bytes) => self.verified(digest, Bytes::from(bytes)),
                None => Ok(None),
            },
            Some(Held::View(view)) => match self.materialise(&view, depth)? {
                Some(bytes) => self.verified(digest, bytes),
                None => Ok(None),
            },
        }
    }

    fn verified(&self, digest: &Digest, bytes: Bytes) -> Result<Option<Bytes>> {
        let mut hasher = self.hasher(digest)?;
        hasher.update(&bytes);
        if hasher.finish() == *digest {
            return Ok(Some(bytes));
        }
        self.put_aside(digest)?;
        Ok(None)
    }

    /// Opens a blob for reading in pieces; the whole of it is verified once, here.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn reader(&self, digest: &Digest) -> Result<Option<Reader>> {
        let file = match self.find(digest)? {
            None => return Ok(None),
            Some(Held::File { .. } | Held::Keyed { .. }) => self.inner.files.open(digest)?,
            Some(Held::Inline(_) | Held::View(_)) => {
                let bytes = self.get(digest)?;
                return Ok(bytes.map(|bytes| Reader {
                    digest: *digest,
                    len: bytes.len() as u64,
                    source: Source::Memory(bytes),
                }));
            }
        };
        let Some(file) = file else { return Ok(None) };
        let path = self.inner.files.path(digest);
        let len = self.hash_file(&file, &path, digest)?;
        if len.is_none() {
            self.put_aside(digest)?;
        }
        Ok(len.map(|len| Reader {
            digest: *digest,
            len,
            source: Source::File(file, path),
        }))
    }

    /// Length of a file if its bytes are what the name promises.
    fn hash_file(
        &self,
        file: &File,
        path: &std::path::Path,
        digest: &Digest,
    ) -> Result<Option<u64>> {
        let mut hasher = self.hasher(digest)?;
        let mut piece = vec![0; PIECE];
        loop {
            let n = file
                .read_at(&mut piece, hasher.len())
                .map_err(io_error("read", path))?;
            if n == 0 {
                return Ok((hasher.finish() == *digest).then_some(hasher.len()));
            }
            hasher.update(&piece[..n]);
        }
    }

    /// A part of a blob, after verifying the whole of it. For several parts of one blob open a [`Reader`].
    ///
    /// # Errors
    /// As [`Store::get`]; [`StoreError::RangeOutside`].
    pub fn read_range(&self, digest: &Digest, range: Range<u64>) -> Result<Option<Bytes>> {
        match self.reader(digest)? {
            Some(reader) => reader.read(range).map(Some),
            None => Ok(None),
        }
    }

    /// Every keyed blob and view of the site, by listing its folder, in order.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn keyed_inventory(&self) -> Result<Vec<Digest>> {
        let mut digests: Vec<Digest> = self
            .inner
            .files
            .list(true)?
            .into_iter()
            .map(|file| file.digest)
            .collect();
        digests.dedup();
        Ok(digests)
    }

    pub(crate) fn hasher(&self, digest: &Digest) -> Result<Hasher> {
        match (digest.is_keyed(), self.site_key()) {
            (false, _) => Ok(Hasher::plain()),
            (true, Some(key)) => Ok(Hasher::keyed(&key)),
            (true, None) => Err(StoreError::NoSiteKey),
        }
    }

    /// Makes a damaged blob absent: its file goes to quarantine, the log forgets it.
    pub(crate) fn put_aside(&self, digest: &Digest) -> Result<()> {
        let _gate = self.changing();
        self.inner.quarantined.fetch_add(1, Ordering::Relaxed);
        for path in [
            self.inner.files.path(digest),
            self.inner.files.view_path(digest),
        ] {
            if path.exists() {
                self.inner.files.quarantine(digest, &path)?;
            }
        }
        if !digest.is_keyed() {
            self.inner
                .journal
                .commit(&self.inner.index, &[Op::Forget { digest: *digest }])?;
        }
        Ok(())
    }
}

impl Reader {
    /// The name of the blob.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A part of it.
    ///
    /// # Errors
    /// [`StoreError::RangeOutside`] unless `start <= end <= len`; [`StoreError::Io`].
    pub fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let Range { start, end } = range;
        if start > end || end > self.len {
            return Err(StoreError::RangeOutside {
                digest: self.digest,
                start,
                end,
                len: self.len,
            });
        }
        match &self.source {
            Source::Memory(bytes) => Ok(bytes.slice(start as usize..end as usize)),
            Source::File(file, path) => {
                let mut bytes = vec![0; (end - start) as usize];
                file.read_exact_at(&mut bytes, start)
                    .map_err(io_error("read", path))?;
                Ok(Bytes::from(bytes))
            }
        }
    }
}
