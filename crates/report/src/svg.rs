//! A small SVG writer: shapes, text that is measured before it is drawn, and nothing that needs an id.
//!
//! Widths of text are estimated from the advance widths of a wide sans-serif (DejaVu Sans), so that labels also fit with the
//! narrower fonts that most screens have.

use crate::colour::{INK, QUIET};
use crate::escape::markup;
use std::fmt::Write as _;

/// Fonts in the order they are tried; none is fetched.
pub const FONTS: &str = "system-ui, -apple-system, &#39;Segoe UI&#39;, Roboto, &#39;Noto Sans&#39;, &#39;Noto Sans CJK SC&#39;, sans-serif";

/// A rectangle, in px.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

impl Rect {
    /// A rectangle by its left top corner, width and height.
    pub fn new(x: f64, y: f64, w: f64, h: f64) -> Rect {
        Rect { x, y, w, h }
    }
    /// Right edge.
    pub fn right(&self) -> f64 {
        self.x + self.w
    }
    /// Bottom edge.
    pub fn bottom(&self) -> f64 {
        self.y + self.h
    }
    /// Horizontal middle.
    pub fn middle(&self) -> f64 {
        self.x + self.w / 2.0
    }
}

/// A stroke: colour, width in px, dash pattern (empty for none).
#[derive(Clone, Copy, Debug)]
pub struct Pen<'a> {
    /// Colour.
    pub colour: &'a str,
    /// Width, px.
    pub width: f64,
    /// Dash pattern, empty for a full line.
    pub dash: &'a str,
}

impl<'a> Pen<'a> {
    /// A full line.
    pub fn new(colour: &'a str, width: f64) -> Pen<'a> {
        Pen {
            colour,
            width,
            dash: "",
        }
    }

    fn attributes(&self) -> String {
        let mut out = format!(
            " stroke=\"{}\" stroke-width=\"{}\"",
            self.colour,
            px(self.width)
        );
        if !self.dash.is_empty() {
            let _ = write!(out, " stroke-dasharray=\"{}\"", self.dash);
        }
        out
    }
}

/// How a text is set.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    size: f64,
    anchor: &'static str,
    bold: bool,
    fill: &'a str,
}

impl<'a> Text<'a> {
    /// Text of `size` px, left-aligned, in ink.
    pub fn size(size: f64) -> Text<'a> {
        Text {
            size,
            anchor: "start",
            bold: false,
            fill: INK,
        }
    }
    /// The size by which its width is estimated: bold letters are wider.
    fn measure(&self) -> f64 {
        if self.bold {
            self.size * 1.13
        } else {
            self.size
        }
    }
    /// Centred on its x.
    pub fn middle(self) -> Text<'a> {
        Text {
            anchor: "middle",
            ..self
        }
    }
    /// Ends at its x.
    pub fn end(self) -> Text<'a> {
        Text {
            anchor: "end",
            ..self
        }
    }
    /// Heavier.
    pub fn bold(self) -> Text<'a> {
        Text { bold: true, ..self }
    }
    /// In the second voice.
    pub fn quiet(self) -> Text<'a> {
        Text {
            fill: QUIET,
            ..self
        }
    }
    /// In a given colour.
    pub fn fill(self, fill: &'a str) -> Text<'a> {
        Text { fill, ..self }
    }
}

/// A drawing under construction.
#[derive(Debug)]
pub struct Svg {
    label: String,
    body: String,
}

impl Svg {
    /// An empty drawing; `label` tells a screen reader what it shows.
    pub fn new(label: &str) -> Svg {
        Svg {
            label: label.to_owned(),
            body: String::new(),
        }
    }

    /// A filled rectangle, with an outline if a pen is given.
    pub fn rect(&mut self, r: Rect, fill: &str, pen: Option<Pen<'_>>) {
        self.round_rect(r, 0.0, fill, pen, "");
    }

    /// A rectangle with corners of `radius` and a tooltip (empty for none).
    pub fn round_rect(
        &mut self,
        r: Rect,
        radius: f64,
        fill: &str,
        pen: Option<Pen<'_>>,
        tip: &str,
    ) {
        let _ = write!(
            self.body,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{fill}\"",
            px(r.x),
            px(r.y),
            px(r.w.max(0.0)),
            px(r.h.max(0.0))
        );
        if radius > 0.0 {
            let _ = write!(self.body, " rx=\"{}\"", px(radius));
        }
        if let Some(pen) = pen {
            self.body.push_str(&pen.attributes());
        }
        self.close("rect", tip);
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), pen: Pen<'_>) {
        let _ = writeln!(
            self.body,
            "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"{}/>",
            px(from.0),
            px(from.1),
            px(to.0),
            px(to.1),
            pen.attributes()
        );
    }

    /// An open path from path data that this crate made.
    pub fn path(&mut self, data: &str, pen: Pen<'_>) {
        if !data.is_empty() {
            let _ = writeln!(
                self.body,
                "<path d=\"{data}\" fill=\"none\" stroke-linejoin=\"round\"{}/>",
                pen.attributes()
            );
        }
    }

    /// A closed, filled path with an opacity and a tooltip (empty for none).
    pub fn area(&mut self, data: &str, fill: &str, opacity: f64, tip: &str) {
        if !data.is_empty() {
            let _ = write!(self.body, "<path d=\"{data}\" fill=\"{fill}\"");
            if opacity < 1.0 {
                let _ = write!(self.body, " fill-opacity=\"{}\"", px(opacity));
            }
            self.close("path", tip);
        }
    }

    /// A dot.
    pub fn circle(&mut self, at: (f64, f64), radius: f64, fill: &str, pen: Option<Pen<'_>>) {
        let _ = writeln!(
            self.body,
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{fill}\"{}/>",
            px(at.0),
            px(at.1),
            px(radius),
            pen.map(|p| p.attributes()).unwrap_or_default()
        );
    }

    /// Text at a baseline, as long as it is.
    pub fn text(&mut self, x: f64, y: f64, text: &str, style: Text<'_>) {
        self.put_text(x, y, text, style, "");
    }

    /// Text with the whole of it as its tooltip.
    pub fn text_tipped(&mut self, x: f64, y: f64, text: &str, style: Text<'_>, tip: &str) {
        self.put_text(x, y, text, style, tip);
    }

    /// Text that takes at most `width`: shortened with `…` if need be, and then whole in its tooltip.
    pub fn text_within(&mut self, x: f64, y: f64, text: &str, style: Text<'_>, width: f64) {
        let shown = shorten(text, style.measure(), width);
        let tip = if shown == text { "" } else { text };
        self.put_text(x, y, &shown, style, tip);
    }

    /// As [`Svg::text_within`], but shortened in the middle, for names that differ at their ends.
    pub fn text_both_ends(&mut self, x: f64, y: f64, text: &str, style: Text<'_>, width: f64) {
        let shown = shorten_middle(text, style.measure(), width);
        let tip = if shown == text { "" } else { text };
        self.put_text(x, y, &shown, style, tip);
    }

    /// Text turned by 90° against the clock, centred on (x, y).
    pub fn text_upright(&mut self, x: f64, y: f64, text: &str, style: Text<'_>) {
        let _ = write!(
            self.body,
            "<g transform=\"translate({} {}) rotate(-90)\">",
            px(x),
            px(y)
        );
        self.put_text(0.0, 0.0, text, style.middle(), "");
        self.body.push_str("</g>\n");
    }

    /// Diagonal hatching inside a rectangle, drawn line by line so that no pattern id can clash on a page.
    pub fn hatch(&mut self, r: Rect, gap: f64, pen: Pen<'_>) {
        let mut data = String::new();
        let mut offset = gap;
        while offset < r.w + r.h {
            let (x1, y1) = if offset <= r.h {
                (r.x, r.y + offset)
            } else {
                (r.x + offset - r.h, r.bottom())
            };
            let (x2, y2) = if offset <= r.w {
                (r.x + offset, r.y)
            } else {
                (r.right(), r.y + offset - r.w)
            };
            let _ = write!(data, "M{} {}L{} {}", px(x1), px(y1), px(x2), px(y2));
            offset += gap;
        }
        self.path(&data, pen);
    }

    /// The drawing as a document of `width` × `height` px.
    pub fn finish(self, width: f64, height: f64) -> String {
        let (w, h) = (px(libm::ceil(width)), px(libm::ceil(height)));
        let label = markup(&self.label);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
             aria-label=\"{label}\" font-family=\"{FONTS}\">\n<rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n{}</svg>\n",
            self.body
        )
    }

    fn put_text(&mut self, x: f64, y: f64, text: &str, style: Text<'_>, tip: &str) {
        let _ = write!(
            self.body,
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\"",
            px(x),
            px(y),
            px(style.size),
            style.fill
        );
        if style.anchor != "start" {
            let _ = write!(self.body, " text-anchor=\"{}\"", style.anchor);
        }
        if style.bold {
            self.body.push_str(" font-weight=\"600\"");
        }
        let tip = if tip.is_empty() {
            String::new()
        } else {
            format!("<title>{}</title>", markup(tip))
        };
        let _ = writeln!(self.body, ">{tip}{}</text>", markup(text));
    }

    fn close(&mut self, element: &str, tip: &str) {
        if tip.is_empty() {
            self.body.push_str("/>\n");
        } else {
            let _ = writeln!(self.body, "><title>{}</title></{element}>", markup(tip));
        }
    }
}

/// A coordinate: two decimals at most, no trailing zeros; what is not finite is drawn at 0.
pub fn px(v: f64) -> String {
    if !v.is_finite() {
        return "0".to_owned();
    }
    let text = format!("{v:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

/// Estimated width of `text` in px at `size` px; bold text is up to 10 % wider.
pub fn text_width(text: &str, size: f64) -> f64 {
    let mut em = 0.0;
    for c in text.chars() {
        em += advance(c);
    }
    em * size
}

/// `text`, or as much of it as fits `width` with `…` at the end.
pub fn shorten(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = advance('…') * size;
    for c in text.chars() {
        used += advance(c) * size;
        if used > width {
            break;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    out.push('…');
    out
}

/// `text`, or its beginning and end with `…` between, as much as fits `width`.
pub fn shorten_middle(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let half = (width - advance('…') * size) / 2.0;
    let fitting = |chars: &mut dyn Iterator<Item = char>| -> Vec<char> {
        let mut used = 0.0;
        chars
            .take_while(|c| {
                used += advance(*c) * size;
                used <= half
            })
            .collect()
    };
    let head: String = fitting(&mut text.chars()).into_iter().collect();
    let tail: String = fitting(&mut text.chars().rev()).into_iter().rev().collect();
    format!("{}…{}", head.trim_end(), tail.trim_start())
}

/// `text` in lines of at most `width`, at most `most` of them; words longer than a line are cut with `…`.
pub fn wrap(text: &str, size: f64, width: f64, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut words = text.split_whitespace().peekable();
    let mut line = String::new();
    while let Some(word) = words.next() {
        let longer = if line.is_empty() {
            word.to_owned()
        } else {
            format!("{line} {word}")
        };
        if line.is_empty() || text_width(&longer, size) <= width {
            line = longer;
        } else if lines.len() + 1 >= most {
            let rest: Vec<&str> = std::iter::once(word).chain(words.by_ref()).collect();
            line = format!("{line} {}", rest.join(" "));
        } else {
            lines.push(shorten(&line, size, width));
            line = word.to_owned();
        }
    }
    if !line.is_empty() {
        lines.push(shorten(&line, size, width));
    }
    lines
}

/// Advance width in em.
fn advance(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '\'' | '|' => 0.30,
        '.' | ',' | ':' | ';' | ' ' | '\u{a0}' => 0.34,
        '\u{202f}' | '\u{2009}' => 0.25,
        '!' | '(' | ')' | '[' | ']' | 'f' | 'r' | 't' | '-' | '/' | 'I' => 0.42,
        'm' | 'M' | 'W' | '%' | '@' | '…' => 1.0,
        'w' | '+' | '=' | '<' | '>' | '−' | '±' | '×' => 0.85,
        'A'..='Z' => 0.74,
        'a'..='z' | '0'..='9' | '_' | '–' => 0.64,
        c if (c as u32) >= 0x2e80 => 1.05,
        _ => 0.70,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shortened_to_its_room() {
        let long = "wavelet-LLH_glcm_InverseDifferenceMomentNormalised";
        let shown = shorten(long, 12.0, 120.0);
        assert!(
            shown.ends_with('…') && text_width(&shown, 12.0) <= 120.0,
            "{shown}"
        );
        assert_eq!(shorten("RSF", 12.0, 120.0), "RSF");
        let both = shorten_middle(long, 12.0, 160.0);
        assert!(
            both.starts_with("wavelet") && both.ends_with("alised"),
            "{both}"
        );
        assert!(text_width(&both, 12.0) <= 160.0, "{both}");
        assert_eq!(shorten("", 12.0, 0.0), "");
    }

    #[test]
    fn wrapped_lines_fit_and_are_few() {
        let lines = wrap(
            "follow-up shorter than the first horizon of the study by far",
            12.0,
            100.0,
            3,
        );
        assert_eq!(lines.len(), 3);
        assert!(
            lines.iter().all(|l| text_width(l, 12.0) <= 100.0),
            "{lines:?}"
        );
        assert!(lines[2].ends_with('…'));
        assert!(wrap("   ", 12.0, 100.0, 3).is_empty());
    }

    #[test]
    fn numbers_that_are_none_do_no_harm() {
        let mut svg = Svg::new("a <label> & \"more\"");
        svg.line(
            (f64::NAN, 1.0),
            (f64::INFINITY, -0.001),
            Pen::new("#000", 1.0),
        );
        let text = svg.finish(10.0, 10.0);
        assert!(
            text.contains("x1=\"0\"") && text.contains("y2=\"0\""),
            "{text}"
        );
        assert_eq!(crate::check::well_formed(&text), Ok(()));
    }
}
