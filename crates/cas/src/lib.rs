//! Bytes by name, and what each recipe gave.

mod batch;
mod disk;
mod error;
mod files;
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
