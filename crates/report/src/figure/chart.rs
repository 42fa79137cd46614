//! Charts of two axes: lines, bands, dots with error bars and columns, two panels in a row.

use super::nothing;
use crate::colour::{HAIR, QUIET, line};
use crate::number::{plain, ticks};
use crate::svg::{Pen, Rect, Svg, Text, px, shorten, text_width, wrap};
use std::fmt::Write as _;

/// An axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// What it measures, with its unit.
    pub label: String,
    /// Its lowest value.
    pub low: f64,
    /// Its highest value.
    pub high: f64,
}

impl Axis {
    /// An axis over a range.
    pub fn new(label: &str, low: f64, high: f64) -> Axis {
        Axis {
            label: label.to_owned(),
            low,
            high,
        }
    }

    /// An axis over all of these values and a little more; from 0 to 1 when there is none.
    pub fn over(label: &str, values: impl Iterator<Item = f64>) -> Axis {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for v in values.filter(|v| v.is_finite()) {
            (low, high) = (low.min(v), high.max(v));
        }
        if low > high {
            return Axis::new(label, 0.0, 1.0);
        }
        let pad = if high > low { (high - low) * 0.04 } else { 0.5 };
        Axis::new(label, low - pad, high + pad)
    }
}

/// What is drawn of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A line through the points.
    Line(Vec<(f64, f64)>),
    /// A line that keeps its level until the next point.
    Steps(Vec<(f64, f64)>),
    /// A band: x, lower, upper.
    Band(Vec<(f64, f64, f64)>),
    /// Dots, each with the ends of its error bar where there is one.
    Dots(Vec<Dot>),
    /// Columns: left edge, right edge, height.
    Columns(Vec<(f64, f64, f64)>),
}

/// A dot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dot {
    /// Across.
    pub x: f64,
    /// Up.
    pub y: f64,
    /// Ends of its error bar.
    pub ends: Option<(f64, f64)>,
    /// Its tooltip, and its label where the chart names it.
    pub name: String,
    /// Write the name beside the dot.
    pub named: bool,
}

/// The tone of what stands behind the rest.
pub const MUTED: usize = usize::MAX;

/// Colour and dash of a tone.
fn tone(tone: usize) -> (&'static str, &'static str) {
    match tone {
        MUTED => ("#b8b8b8", ""),
        tone => line(tone),
    }
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its line in the legend; empty for none.
    pub label: String,
    /// Its place in the palette.
    pub tone: usize,
    /// What is drawn.
    pub shape: Shape,
}

impl Series {
    /// A series.
    pub fn new(label: &str, tone: usize, shape: Shape) -> Series {
        Series {
            label: label.to_owned(),
            tone,
            shape,
        }
    }
}

/// A line that helps the eye.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Guide {
    /// At an x.
    Vertical(f64),
    /// At a y.
    Level(f64),
    /// y = x.
    Diagonal,
}

/// One panel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// What stands above it.
    pub title: String,
    /// Across.
    pub x: Axis,
    /// Up.
    pub y: Axis,
    /// What is drawn, the last on top.
    pub series: Vec<Series>,
    /// Lines that help the eye.
    pub guides: Vec<Guide>,
    /// Sentences below.
    pub notes: Vec<String>,
}

const W: f64 = 320.0;
const H: f64 = 260.0;
const LEFT: f64 = 62.0;
const PANEL_W: f64 = LEFT + W + 30.0;

/// Draws the panels, two in a row.
pub fn draw(title: &str, charts: &[Chart]) -> String {
    if charts.is_empty() {
        return nothing(title, "–");
    }
    let per_row = charts.len().min(2);
    let width = (16.0 + PANEL_W * per_row as f64).max(440.0);
    let mut svg = Svg::new(title);
    let heading = wrap(title, 14.0 * 1.13, width - 32.0, 3);
    for (i, text) in heading.iter().enumerate() {
        let y = 24.0 + 18.0 * i as f64;
        svg.text(16.0, y, text, Text::size(14.0).bold());
    }
    let mut top = 24.0 + 18.0 * heading.len() as f64;
    for row in charts.chunks(2) {
        let mut height: f64 = 0.0;
        for (i, chart) in row.iter().enumerate() {
            let at = (16.0 + i as f64 * PANEL_W, top);
            height = height.max(panel(&mut svg, chart, at));
        }
        top += height + 14.0;
    }
    svg.finish(width, top)
}

impl Shape {
    fn is_empty(&self) -> bool {
        match self {
            Shape::Line(points) | Shape::Steps(points) => points.is_empty(),
            Shape::Band(points) | Shape::Columns(points) => points.is_empty(),
            Shape::Dots(dots) => dots.is_empty(),
        }
    }
}

/// A panel in which there is nothing to draw says why, without a frame.
fn bare(svg: &mut Svg, chart: &Chart, (x, y): (f64, f64)) -> f64 {
    let room = PANEL_W - 16.0;
    svg.text_both_ends(x, y + 12.0, &chart.title, Text::size(12.5).bold(), room);
    let mut below = y + 34.0;
    for note in &chart.notes {
        for text in wrap(note, 11.0, room, 4) {
            svg.text(x, below, &text, Text::size(11.0).quiet());
            below += 14.0;
        }
    }
    below - y
}

fn panel(svg: &mut Svg, chart: &Chart, (x, y): (f64, f64)) -> f64 {
    if chart.series.iter().all(|s| s.shape.is_empty()) {
        return bare(svg, chart, (x, y));
    }
    let room = PANEL_W - 16.0;
    svg.text_both_ends(x, y + 12.0, &chart.title, Text::size(12.5).bold(), room);
    let frame = Rect::new(x + LEFT, y + 26.0, W, H);
    axes(svg, chart, frame);
    let place = Place { chart, frame };
    for guide in &chart.guides {
        place.guide(svg, *guide);
    }
    for series in &chart.series {
        place.series(svg, series);
    }
    svg.rect(frame, "none", Some(Pen::new(QUIET, 1.0)));
    let mut below = frame.bottom() + 56.0;
    for series in chart.series.iter().filter(|s| !s.label.is_empty()) {
        legend(svg, series, x + 8.0, below, room - 60.0);
        below += 17.0;
    }
    for note in &chart.notes {
        for text in wrap(note, 11.0, room, 4) {
            svg.text(x + 8.0, below, &text, Text::size(11.0).quiet());
            below += 14.0;
        }
    }
    below - y
}

fn axes(svg: &mut Svg, chart: &Chart, frame: Rect) {
    let place = Place { chart, frame };
    for t in ticks(chart.x.low, chart.x.high, 6) {
        let x = place.x(t);
        svg.line((x, frame.y), (x, frame.bottom()), Pen::new(HAIR, 0.6));
        let y = frame.bottom() + 16.0;
        svg.text(x, y, &plain(t), Text::size(11.0).middle());
    }
    for t in ticks(chart.y.low, chart.y.high, 6) {
        let y = place.y(t);
        svg.line((frame.x, y), (frame.right(), y), Pen::new(HAIR, 0.6));
        svg.text(frame.x - 6.0, y + 4.0, &plain(t), Text::size(11.0).end());
    }
    let label = shorten(&chart.x.label, 12.0, W + LEFT);
    let y = frame.bottom() + 35.0;
    svg.text(frame.middle(), y, &label, Text::size(12.0).middle());
    let label = shorten(&chart.y.label, 12.0, H + 20.0);
    let at = frame.y + frame.h / 2.0;
    svg.text_upright(frame.x - 46.0, at, &label, Text::size(12.0));
}

/// Where values stand in a frame.
struct Place<'a> {
    chart: &'a Chart,
    frame: Rect,
}

impl Place<'_> {
    fn x(&self, v: f64) -> f64 {
        let share = (v - self.chart.x.low) / (self.chart.x.high - self.chart.x.low);
        self.frame.x + share.clamp(0.0, 1.0) * self.frame.w
    }

    fn y(&self, v: f64) -> f64 {
        let share = (v - self.chart.y.low) / (self.chart.y.high - self.chart.y.low);
        self.frame.bottom() - share.clamp(0.0, 1.0) * self.frame.h
    }

    fn guide(&self, svg: &mut Svg, guide: Guide) {
        let (f, pen) = (
            self.frame,
            Pen {
                colour: QUIET,
                width: 1.0,
                dash: "3 4",
            },
        );
        match guide {
            Guide::Vertical(v) => svg.line((self.x(v), f.y), (self.x(v), f.bottom()), pen),
            Guide::Level(v) => svg.line((f.x, self.y(v)), (f.right(), self.y(v)), pen),
            Guide::Diagonal => {
                let low = self.chart.x.low.max(self.chart.y.low);
                let high = self.chart.x.high.min(self.chart.y.high);
                svg.line(
                    (self.x(low), self.y(low)),
                    (self.x(high), self.y(high)),
                    pen,
                );
            }
        }
    }

    fn series(&self, svg: &mut Svg, series: &Series) {
        let (colour, dash) = tone(series.tone);
        let pen = Pen {
            colour,
            width: 2.0,
            dash,
        };
        match &series.shape {
            Shape::Line(points) => svg.path(&self.line(points), pen),
            Shape::Steps(points) => {
                let mut stairs: Vec<(f64, f64)> = Vec::with_capacity(2 * points.len());
                for (x, y) in points {
                    if let Some((_, last)) = stairs.last().copied() {
                        stairs.push((*x, last));
                    }
                    stairs.push((*x, *y));
                }
                svg.path(&self.line(&stairs), pen);
            }
            Shape::Band(points) => {
                let upper = points.iter().map(|p| (p.0, p.2));
                let lower = points.iter().rev().map(|p| (p.0, p.1));
                let ring: Vec<(f64, f64)> = upper.chain(lower).collect();
                svg.area(&format!("{}z", self.line(&ring)), colour, 0.14, "");
            }
            Shape::Dots(dots) => {
                // a name that would stand on another one is left to the tooltip
                let mut taken: Vec<Rect> = Vec::new();
                for dot in dots {
                    self.dot(svg, dot, colour, &mut taken);
                }
            }
            Shape::Columns(columns) => {
                for (left, right, height) in columns {
                    let (a, b) = (self.x(*left), self.x(*right));
                    let (foot, top) = (self.y(self.chart.y.low.max(0.0)), self.y(*height));
                    let rect = Rect::new(a + 0.5, top, b - a - 1.0, foot - top);
                    let tip = format!("{}–{}: {}", plain(*left), plain(*right), plain(*height));
                    svg.round_rect(rect, 0.0, colour, None, &tip);
                }
            }
        }
    }

    fn dot(&self, svg: &mut Svg, dot: &Dot, colour: &str, taken: &mut Vec<Rect>) {
        if !dot.x.is_finite() || !dot.y.is_finite() {
            return;
        }
        let at = (self.x(dot.x), self.y(dot.y));
        if let Some((a, b)) = dot.ends {
            let (low, high) = ((at.0, self.y(a)), (at.0, self.y(b)));
            svg.line(low, high, Pen::new(colour, 1.3));
        }
        let all = self.chart.series.iter().map(|s| match &s.shape {
            Shape::Dots(dots) => dots.len(),
            _ => 0,
        });
        let radius = if all.sum::<usize>() > 200 { 1.7 } else { 3.4 };
        svg.circle(at, radius, colour, None);
        if dot.named {
            let width = text_width(&dot.name, 10.0);
            let right = at.0 + 5.0 + width < self.frame.right();
            let left = if right {
                at.0 + 5.0
            } else {
                at.0 - 5.0 - width
            };
            let room = Rect::new(left, at.1 - 12.0, width, 11.0);
            let meets = |r: &Rect| {
                r.x < room.right()
                    && room.x < r.right()
                    && r.y < room.bottom()
                    && room.y < r.bottom()
            };
            if !taken.iter().any(meets) {
                svg.text(left, at.1 - 3.0, &dot.name, Text::size(10.0));
                taken.push(room);
            }
        }
    }

    fn line(&self, points: &[(f64, f64)]) -> String {
        let mut data = String::new();
        for (x, y) in points
            .iter()
            .filter(|(x, y)| x.is_finite() && y.is_finite())
        {
            let start = if data.is_empty() { "M" } else { "L" };
            // Writing to a String cannot fail.
            let _ = write!(data, "{start}{} {}", px(self.x(*x)), px(self.y(*y)));
        }
        data
    }
}

fn legend(svg: &mut Svg, series: &Series, x: f64, y: f64, room: f64) {
    let (colour, dash) = tone(series.tone);
    match series.shape {
        Shape::Line(_) | Shape::Steps(_) => {
            let pen = Pen {
                colour,
                width: 2.0,
                dash,
            };
            svg.line((x, y - 4.0), (x + 30.0, y - 4.0), pen);
        }
        Shape::Dots(_) => svg.circle((x + 15.0, y - 4.0), 3.4, colour, None),
        Shape::Band(_) | Shape::Columns(_) => {
            svg.rect(Rect::new(x, y - 9.0, 30.0, 9.0), colour, None);
        }
    }
    svg.text_within(x + 38.0, y, &series.label, Text::size(12.0), room);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::well_formed;

    #[test]
    fn every_shape_is_drawn_inside_the_frame() {
        let dot = |y: f64| Dot {
            x: 0.5,
            y,
            ends: Some((0.1, 0.9)),
            name: "a <b>".into(),
            named: true,
        };
        let shapes = [
            Shape::Line(vec![(0.0, 0.0), (f64::NAN, 1.0), (2.0, 2.0)]),
            Shape::Steps(vec![(0.0, 1.0), (1.0, 0.5)]),
            Shape::Band(vec![(0.0, 0.1, 0.2), (1.0, 0.3, 0.4)]),
            Shape::Dots(vec![dot(0.5), dot(f64::NAN)]),
            Shape::Columns(vec![(0.0, 0.5, 0.7)]),
        ];
        let series = shapes
            .into_iter()
            .enumerate()
            .map(|(i, s)| Series::new("s & t", i, s))
            .collect();
        let chart = Chart {
            title: "t".into(),
            x: Axis::new("x", 0.0, 1.0),
            y: Axis::new("y", 0.0, 1.0),
            series,
            guides: vec![Guide::Diagonal, Guide::Vertical(0.2), Guide::Level(9.0)],
            notes: vec!["n".into()],
        };
        let svg = draw("Chart", &[chart.clone(), chart]);
        assert_eq!(well_formed(&svg), Ok(()));
        assert!(svg.contains("a &lt;b&gt;") && !svg.contains("NaN"));
        assert_eq!(svg.matches("s &amp; t").count(), 10);
        // the line that leaves the frame stops at its corner: left 16 + 62, width 320, bottom 42 + 26 + 260
        assert!(svg.contains("M78 328L398 68"), "{svg}");
    }

    #[test]
    fn a_panel_without_anything_to_draw_says_why_without_a_frame() {
        let chart = Chart {
            title: "60 months".into(),
            series: vec![Series::new("model", 0, Shape::Line(Vec::new()))],
            guides: vec![Guide::Diagonal],
            notes: vec!["NE: nobody is at risk at 60".into()],
            ..Chart::default()
        };
        let svg = draw("Calibration", &[chart]);
        assert!(svg.contains("nobody is at risk") && !svg.contains("<line"));
    }

    #[test]
    fn an_axis_spans_its_values() {
        let axis = Axis::over("x", [1.0, f64::NAN, 3.0].into_iter());
        assert!(axis.low < 1.0 && axis.high > 3.0);
        assert_eq!(
            Axis::over("x", std::iter::empty()),
            Axis::new("x", 0.0, 1.0)
        );
        assert!(Axis::over("x", std::iter::once(2.0)).low < 2.0);
    }
}
