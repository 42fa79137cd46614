//! The manuscript auditor: recomputes what the printed numbers of a survival study say about each other.
//!
//! It needs no data. From the numbers of a paper, written down in a TOML file, it recomputes percentages from counts, sums from
//! parts, P from counts, from means and standard deviations and from intervals, and holds horizons against follow-up and
//! sentences against tables. A finding is a place where the printed numbers cannot all be right, or where they say less than
//! the text does; it is no verdict on who is wrong.
//!
//! Rounding is granted: a printed number stands for every number that rounds to it, and a P is called different only if no
//! unrounded input gives it.

mod finding;
mod manuscript;
mod rounding;
mod rules;

pub use finding::{Finding, Severity};
pub use manuscript::{Manuscript, ManuscriptError};

/// All findings, in the order of the file's sections and, within one, of its entries.
#[must_use]
pub fn audit(manuscript: &Manuscript) -> Vec<Finding> {
    rules::all(manuscript)
}
