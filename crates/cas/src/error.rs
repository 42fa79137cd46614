//! What can go wrong in a store.

use digest::Digest;
use std::io;
use std::path::{Path, PathBuf};

/// A failure of the store. Damage to stored bytes is none: damaged bytes are moved to quarantine and reported absent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has this folder open.
    #[error(
        "store {dir} is in use by process {}; ask that process, stop it, or give this one another cache folder",
        pid.map_or_else(|| "(unknown)".to_owned(), |pid| pid.to_string())
    )]
    Locked {
        /// The folder that both want.
        dir: PathBuf,
        /// Process id of the owner, if it has written it already.
        pid: Option<u32>,
    },
    /// The folder holds a store of another format.
    #[error("store {dir} has format {found:?}, this program reads {expected:?}")]
    Format {
        /// The folder.
        dir: PathBuf,
        /// First line of its `format` file.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The disk or the system refused.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The index refused; reopening the store rebuilds it from the log.
    #[error("index of the store failed: {source}")]
    Index {
        /// What the index said.
        source: sled::Error,
    },
    /// An earlier write or sync failed in a way that leaves the log's end unknown; reading goes on, writing needs a reopening.
    #[error("store stopped writing after an earlier failure ({cause}); open it again")]
    Stopped {
        /// The first failure.
        cause: String,
    },
    /// A keyed name was asked for and the store has no site key.
    #[error("store has no site key, so it can neither make nor check keyed digests")]
    NoSiteKey,
    /// A key or place file that does not hold what it should.
    #[error("{path} must hold {expected}")]
    Identity {
        /// The file.
        path: PathBuf,
        /// What belongs there.
        expected: &'static str,
    },
    /// Something must be in the store for this and is not.
    #[error("{digest} is not in the store")]
    Absent {
        /// The name that was asked for.
        digest: Digest,
    },
    /// A byte range that does not lie within its blob.
    #[error("byte range {start}..{end} does not lie within the {len} bytes of {digest}")]
    RangeOutside {
        /// The blob.
        digest: Digest,
        /// First byte.
        start: u64,
        /// One past the last byte.
        end: u64,
        /// Length of the blob.
        len: u64,
    },
    /// Something longer than the log takes.
    #[error("{what} has {len} bytes, must have 1 to {limit}")]
    Length {
        /// Which value.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The greatest length in bytes.
        limit: usize,
    },
    /// Another upload of the same bytes is open in this process.
    #[error("{digest} is being uploaded already")]
    UploadBusy {
        /// The expected name.
        digest: Digest,
    },
    /// A piece of an upload that does not begin where the last one ended.
    #[error("upload of {digest} continues at byte {expected}, got a piece for byte {got}")]
    UploadOffset {
        /// The expected name.
        digest: Digest,
        /// Where the next piece must begin.
        expected: u64,
        /// Where it began.
        got: u64,
    },
    /// More bytes than announced, or fewer at the end; what has arrived stays.
    #[error("upload of {digest} has {got} bytes, announced were {total}")]
    UploadLength {
        /// The expected name.
        digest: Digest,
        /// Bytes so far (with the refused piece).
        got: u64,
        /// Bytes announced.
        total: u64,
    },
    /// The bytes of an upload are not those that its name promises; they were thrown away.
    #[error("upload of {expected} brought bytes that are {actual}")]
    UploadContent {
        /// The promised name.
        expected: Digest,
        /// The name of what came.
        actual: Digest,
    },
}

/// Result of a store's work.
pub type Result<T> = std::result::Result<T, StoreError>;

impl From<sled::Error> for StoreError {
    fn from(source: sled::Error) -> StoreError {
        StoreError::Index { source }
    }
}

/// Says what was tried with which file when the system refuses.
pub(crate) fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}
