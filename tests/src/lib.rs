//! Helpers for the tests and benchmarks of the whole house: the built programs, processes that end with their test,
//! tables as text, reference data outside the tree.
//!
//! A helper that fails panics with what it saw; nothing here is for production.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bins;
pub mod csv_table;
pub mod files;
pub mod nifti_file;
pub mod oracles;
pub mod process;
mod studies;

pub use bins::bin;
pub use csv_table::CsvTable;
pub use process::{Counts, Radloom, Said, Served, WorkerProcess};
pub use studies::small_study;
