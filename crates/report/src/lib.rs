//! Values in; HTML, SVG and CSV out. No estimate is calculated here, only placed.
//!
//! - [`values`]: what a report is made from: estimates with interval, n and reason; comparison rows; headlines; exclusions.
//! - [`figure`]: one file per figure, each from its own plain input to one SVG document.
//! - [`table`]: cells once, written as CSV and as three-line HTML tables.
//! - [`page`]: the whole report as one HTML file that needs no network, and its figures and tables as files.
//! - [`story`]: what only the run's shell knows (graph, timeline, provenance), filled into a finished page.
//!
//! The same input gives the same bytes: fixed decimals, no clock, no random ids. Every text from outside passes [`escape`].

pub mod colour;
pub mod escape;
pub mod figure;
pub mod number;
pub mod page;
pub mod story;
pub mod svg;
pub mod table;
pub mod values;

#[cfg(test)]
mod check;

pub use page::{Report, figures, report_page, tables};
pub use story::{RunStory, fill};
