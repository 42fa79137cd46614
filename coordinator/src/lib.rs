//! The coordinator: turns a study into a plan, gives its tasks to workers, merges what comes back.
//!
//! *Lives here:* the pure middle ([`state`], [`event`], [`apply`], [`schedule`]) and the shell around it: the loop that
//! owns the state, the intake that makes results durable, the finisher, the gRPC services, the command line.
//! *Never here:* numerics.
//!
//! Data flow: session → [`intake`] (checked, durable) → event → [`apply`] → commands → [`run_loop`] → leases → session.

pub mod apply;
pub mod archive;
mod certificate;
pub mod cli;
pub mod event;
pub mod finish;
pub mod frozen;
pub mod grpc;
pub mod hub;
pub mod intake;
pub mod preview;
pub mod ro_crate;
pub mod run_loop;
pub mod schedule;
pub mod serve;
pub mod state;
mod status;
pub mod story;
pub mod submit;
pub mod verify;
pub mod why;
