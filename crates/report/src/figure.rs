//! The figures, one file each. Every function takes values and gives one SVG document.

pub mod arms;
pub mod bars;
pub mod chart;
pub mod comparison_forest;
pub mod dag;
pub mod flow;
pub mod forest;
pub mod heat_map;
pub mod kaplan_meier;
pub mod nomogram;
pub mod roc;
pub mod timeline;
pub mod waterfall;

use crate::svg::{Svg, Text};
use crate::words::Language;

/// A drawing with its fixed words (axes, legends, names of sets) in another language. Texts from a study stay as they are.
pub fn localise(svg: String, language: Language) -> String {
    if language == Language::English {
        return svg;
    }
    let mut out = String::with_capacity(svg.len());
    let mut rest = svg.as_str();
    // between `>` and `</text>` or `</title>` stands one text, escaped
    while let Some(end) = rest.find("</t") {
        let start = rest[..end].rfind('>').map_or(end, |i| i + 1);
        let text = &rest[start..end];
        out.push_str(&rest[..start]);
        out.push_str(&language.label(text));
        out.push_str("</t");
        rest = &rest[end + 3..];
    }
    out.push_str(rest);
    out
}

/// A drawing that says why there is nothing to draw.
pub fn nothing(title: &str, why: &str) -> String {
    let mut svg = Svg::new(&format!("{title}: {why}"));
    svg.text_within(12.0, 24.0, title, Text::size(14.0).bold(), 536.0);
    svg.text_within(12.0, 46.0, why, Text::size(12.0).quiet(), 536.0);
    svg.finish(560.0, 60.0)
}
