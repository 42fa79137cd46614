//! The versioned bytes of everything that is stored.
//!
//! *Lives here:* encoding and decoding of tables, follow-up, splits, predictions, models, metrics and refusals, in forms
//! that ordinary tools read: CSV with the shortest numbers that read back to the same bits, and canonical JSON (sorted
//! keys, no spaces). *Never here:* arithmetic, files, the network.
//!
//! Encoders are canonical: equal values give equal bytes. Decoders are strict about meaning and lenient about
//! decoration (column order, a missing `site` column, a byte-order mark), because people bring their own files.

pub mod bundle;
pub mod comparison;
pub mod curves;
pub mod exclusions;
pub mod features;
pub mod follow_up;
pub mod ids;
pub mod json;
pub mod lines;
pub mod metrics;
pub mod models;
pub mod number;
pub mod predictions;
pub mod refusal;
pub mod split;
pub mod table;

mod error;
mod rows;

pub use error::ArtefactError;
pub use rows::{RowId, csv_field};
