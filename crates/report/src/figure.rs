//! The figures, one file each. Every function takes values and gives one SVG document.

pub mod comparison_forest;
pub mod dag;
pub mod flow;
pub mod heat_map;
pub mod kaplan_meier;
pub mod nomogram;
pub mod roc;
pub mod timeline;

use crate::svg::{Svg, Text};

/// A drawing that says why there is nothing to draw.
pub fn nothing(title: &str, why: &str) -> String {
    let mut svg = Svg::new(&format!("{title}: {why}"));
    svg.text_within(12.0, 24.0, title, Text::size(14.0).bold(), 536.0);
    svg.text_within(12.0, 46.0, why, Text::size(12.0).quiet(), 536.0);
    svg.finish(560.0, 60.0)
}
