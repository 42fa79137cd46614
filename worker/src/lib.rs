//! The worker: leases tasks, runs steps, keeps a site's artefacts.
//!
//! *Lives here:* the session with the coordinator, the execution of a lease, the site's cohort, one file a step kind.
//! *Never here:* decisions about what runs where; arithmetic (each step calls one library function).

pub mod cohort;
pub mod execute;
pub mod keeper;
pub mod local;
pub mod session;
pub mod shareable;
pub mod sources;
pub mod step;
pub mod steps;
pub mod transfer;
