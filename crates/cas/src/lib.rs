//! Bytes by name, what each recipe gave, and small notes; durable before they are acknowledged, verified whenever they are read.
//!
//! This is the only crate that knows `sled`. It knows no step kinds, no artefact formats, no network and no async: calls block, and
//! callers in an async program run them on a blocking thread. Unix only (file locks, reads at an offset).
//!
//! ```
//! use cas::{Naming, Outcome, Output, Recorded, Store, StoreConfig};
//! # let folder = tempfile::tempdir()?;
//! # let dir = folder.path().join("store");
//! let (store, _report) = Store::open(StoreConfig { dir, shared: None, create_key: true })?;
//! let mut batch = store.batch();
//! let recipe = batch.put(b"recipe".as_slice(), Naming::Plain)?;
//! let digest = batch.put(b"result".as_slice(), Naming::Plain)?;
//! let output = Output { port: "table".to_owned(), digest, len: 6 };
//! batch.record_action(recipe, Outcome::Outputs(vec![output]));
//! assert_eq!(store.commit(batch)?.actions, [Recorded::New]);
//! assert!(store.action(&recipe)?.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Data flow
//! 1. A commit names its bytes and writes large and keyed ones: temporary file → sync → rename → folder synced once.
//! 2. It appends its records to the log; of all threads that wait, one syncs the log for everybody.
//! 3. The records are known from memory, and the commit returns; a thread carries them to the index meanwhile.
//! 4. A question asks that memory, then the index, then looks whether the file is there; a read hashes what it found.
//! 5. Opening replays the log from the index's mark on; an index that does not open is moved aside and made again.
//!
//! # On the disk
//! ```text
//! <dir>/                    one process at a time
//!   lock                    locked while open; holds the owner's process id
//!   format                  "radloom store 1"
//!   log/0000000001.log      records; the truth about small values, actions, views, notes, and which plain files there are
//!   log/0000000007.base.log the same, begun anew by garbage collection: logs with lower numbers are void
//!   index/                  sled; can always be removed while nobody has the store open
//!   index.broken-1/         an index that did not open
//!   blobs/ab/ab12…          plain blobs above 4 KiB, named by the 64 digits of their digest
//!   uploads/b3-ab12….part   what has arrived of an upload
//!   quarantine/             damaged blobs, and stretches of log that were no records
//! <shared, or dir>/         all processes of a site, without a lock
//!   site.key                64 hexadecimal digits, mode 0600; whoever makes it first wins
//!   place.id                16 hexadecimal digits
//!   keyed/cd/cd34…          keyed blobs of any size
//!   keyed/cd/cd56….view     keyed views: "RlV1", CRC-32C, base, length, ranges
//!   quarantine/             damaged keyed blobs
//! ```
//! A record of the log, integers little-endian: magic `d7 52 6c 31`, payload length (u32), CRC-32C (u32) of log number (u64), offset
//! in the log (u64), payload length and payload; then the payload: a kind byte (1 blob, 2 file, 3 view, 4 forget, 5 action, 6 forget
//! action, 7 note, 8 forget note) and its fields. After the last record the file may hold zeros, room that is written over later.
//!
//! # Invariants
//! - What was acknowledged is there after any crash; what was not may be there, whole.
//! - A file has its final name only when its bytes are durable; the log names a file only when that name is durable.
//! - The log is the truth and is only appended to; the index never knows what the log has not durably.
//! - Wrong bytes never leave: damaged ones go to `quarantine`, are counted, and count as absent.
//! - A recipe keeps its first outcome; another one is told as [`Recorded::Diverged`] and replaces nothing.
//! - After a write that fails and cannot be undone, or a failed sync of the log, the store only reads until it is opened again.
//! - No length read from a disk is believed beyond the length of its file.
//! - Opening a healthy store reads the log from the mark on, not the blobs, and not the log before the mark.

mod batch;
mod disk;
mod error;
mod files;
mod filter;
mod front;
mod gc;
mod identity;
mod index;
mod journal;
mod log_files;
mod open;
mod outcome;
mod read;
mod record;
mod store;
mod survey;
mod upload;
mod view;

pub use batch::{Batch, Committed, Naming};
pub use disk::{DiskAct, Faults};
pub use error::{Result, StoreError};
pub use gc::GcReport;
pub use open::{OpenReport, StoreConfig};
pub use outcome::{Outcome, Output, Recorded};
pub use read::Reader;
pub use store::{INLINE_MAX, NOTE_KEY_MAX, PORT_MAX, Store};
pub use survey::{Entry, Kind, VerifyReport};
pub use upload::Upload;
