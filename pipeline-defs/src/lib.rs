//! Study files and the plans made from them.
//!
//! parse → axes → check → plan → recipe. A study says what is done per patient, per region, per split; the planner
//! turns it into tasks, refuses before anything runs what would learn from test rows or carry pixels out of a site,
//! and writes the recipe whose digest is a task's key.
//!
//! Everything here is a pure function of texts: no clock, disk, thread or network.

mod canonical;
pub mod kinds;
mod node;
pub mod params;
pub mod plan;
pub mod problem;
pub mod recipe;
mod schema;
pub mod settings_file;
mod shipped;
pub mod snapshot;
pub mod study;

pub use canonical::canonical;
pub use digest::Digest;
pub use kinds::{ArtefactType, Class, Cost, InPort, KindSpec, OutPort, Role, RowRule};
pub use params::{resolve_params, schema_of};
pub use plan::{
    Entry, InputPort, Leak, Origin, Plan, PlannedStep, Published, Resolved, SourceIdx, SourceRef,
    TaskIdx, check, plan,
};
pub use problem::{Place, Problem, Problems};
pub use recipe::{Difference, Recipe, RecipeError, RecipeInput, diff};
pub use schema::study_schema;
pub use shipped::{shipped, without_biology};
pub use snapshot::{Snapshot, SnapshotPatient};
pub use study::{Choice, CohortRef, Missing, Study, TableRef, parse};
