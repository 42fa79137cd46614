//! Bytes by name, and what each recipe gave.

mod batch;
mod disk;
mod error;
mod files;
mod identity;
mod index;
mod journal;
mod log_files;
mod outcome;
mod read;
mod record;
mod store;
mod view;

pub use batch::{Batch, Committed, Naming};
pub use disk::{DiskAct, Faults};
pub use error::{Result, StoreError};
pub use outcome::{Outcome, Output, Recorded};
pub use read::Reader;
pub use store::{INLINE_MAX, NOTE_KEY_MAX, OpenReport, PORT_MAX, Store, StoreConfig};
