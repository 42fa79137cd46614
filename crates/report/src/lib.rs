//! Values in; HTML, SVG and CSV out. No estimate is calculated here, only placed.
//!
//! - [`values`]: what a report is made from: estimates with interval, n and reason; comparison rows; headlines; exclusions.
//! - [`figure`]: one file per figure, each from its own plain input to one SVG document.
//! - [`table`]: cells once, written as CSV and as three-line HTML tables.
//! - [`part`]: one file per subject of a report, from its values to its figures, tables and notes.
//! - [`words`]: the languages of a report.
//! - [`page`]: the whole report as one HTML file that needs no network, and its figures and tables as files.
//! - [`story`]: what only the run's shell knows (graph, timeline, provenance), filled into a finished page.
//!
//! The same input gives the same bytes: fixed decimals, no clock, no random ids. Every text from outside passes [`escape`].

pub mod colour;
pub mod escape;
pub mod figure;
pub mod methods;
pub mod number;
pub mod page;
pub mod part;
pub mod story;
pub mod svg;
pub mod table;
pub mod values;
pub mod words;

#[cfg(test)]
mod check;
/// The made-up values of the gallery name this crate from outside.
#[cfg(test)]
extern crate self as report;

pub use page::{Rendered, Report, figures, render, report_page, tables};
pub use story::{RunStory, fill};
pub use words::Language;
