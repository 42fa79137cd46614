//! Small dense networks in double precision, with one order of every sum.
//!
//! Training runs on one thread and gives the same bits on every machine of an architecture, whichever registers it has. Layers, initial weights
//! and optimisers follow PyTorch's definitions, so a trajectory from given weights can be held against it.

mod batch;
mod init;
mod kernels;
mod layer;
mod optimiser;
mod scaling;
mod training;

pub(crate) use batch::Batch;
pub use init::Init;
pub(crate) use init::{LayerSpec, draw_layers};
pub use layer::{Activation, BatchNorm, DenseLayer};
pub(crate) use layer::{check_layers, predict};
pub use optimiser::Optimiser;
pub use scaling::Scaling;
pub(crate) use training::Training;

/// Streams of a fit's seed: weights, order of rows, dropped outputs.
pub(crate) const STREAM_INIT: u64 = 0;
pub(crate) const STREAM_ORDER: u64 = 1;
pub(crate) const STREAM_DROPOUT: u64 = 2;
