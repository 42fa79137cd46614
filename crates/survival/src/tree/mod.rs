//! Survival trees: presorted columns, the log-rank split, and the growth of one tree.

mod columns;
mod grow;
mod log_rank;

pub(crate) use columns::Columns;
pub(crate) use grow::{GrownTree, GrowthLimits, grow};
