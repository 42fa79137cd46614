//! Looking over everything: a listing, and a check of every byte.

use crate::error::Result;
use crate::store::{Held, Store};
use digest::Digest;

/// How the bytes of a name are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// In the log and the index.
    Inline,
    /// A file of this process.
    File,
    /// A file of the site.
    Keyed,
    /// Byte ranges of another blob.
    View,
}

/// One line of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Name of the bytes.
    pub digest: Digest,
    /// Their length.
    pub len: u64,
    /// How they are kept.
    pub kind: Kind,
}

/// What a check of every byte found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Blobs that were read and are sound.
    pub n_sound: u64,
    /// Their length in bytes.
    pub bytes_sound: u64,
    /// Blobs whose bytes were wrong; they are in quarantine now.
    pub damaged: Vec<Digest>,
    /// Blobs that the index knows and whose file, or whose base, is gone.
    pub missing: Vec<Digest>,
}

impl Store {
    /// Everything that is here, plain before keyed, in the order of digests; names whose bytes are gone are left out.
    pub fn list(&self) -> impl Iterator<Item = Result<Entry>> + '_ {
        let digests: Vec<Result<Digest>> = match self.all_digests() {
            Ok(digests) => digests.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        digests.into_iter().filter_map(|digest| match digest {
            Ok(digest) => self.entry(digest).transpose(),
            Err(error) => Some(Err(error)),
        })
    }

    fn all_digests(&self) -> Result<Vec<Digest>> {
        let mut digests = self.plain_digests()?;
        digests.extend(self.keyed_inventory()?);
        Ok(digests)
    }

    fn plain_digests(&self) -> Result<Vec<Digest>> {
        let mut digests = Vec::new();
        for key in self.inner.index.complete()?.blobs.iter().keys() {
            digests.extend(Digest::from_wire(&key?).ok());
        }
        Ok(digests)
    }

    /// Length of the log in bytes.
    ///
    /// # Errors
    /// [`StoreError::Io`](crate::StoreError::Io).
    pub fn log_len(&self) -> Result<u64> {
        self.inner.journal.len_bytes()
    }

    fn entry(&self, digest: Digest) -> Result<Option<Entry>> {
        let Some(len) = self.len_of(&digest)? else {
            return Ok(None);
        };
        let kind = match self.find(&digest)? {
            Some(Held::Inline(_)) => Kind::Inline,
            Some(Held::File { .. }) => Kind::File,
            Some(Held::Keyed { .. }) => Kind::Keyed,
            Some(Held::View(_)) => Kind::View,
            None => return Ok(None),
        };
        Ok(Some(Entry { digest, len, kind }))
    }

    /// Reads every blob and checks it against its name. Keyed ones are left out if the store has no site key.
    ///
    /// # Errors
    /// As [`Store::get`](crate::Store::get); damage is no error but a line of the report.
    pub fn verify(&self) -> Result<VerifyReport> {
        let mut report = VerifyReport::default();
        let mut digests = self.plain_digests()?;
        if self.site_key().is_some() {
            digests.extend(self.keyed_inventory()?);
        }
        for digest in digests {
            match self.reader(&digest)? {
                Some(reader) => {
                    report.n_sound += 1;
                    report.bytes_sound += reader.len();
                }
                // what was damaged is known no more, what only lost its file or its base is
                None if self.find(&digest)?.is_none() => report.damaged.push(digest),
                None => report.missing.push(digest),
            }
        }
        Ok(report)
    }
}
