//! A forest: one line a row, a dot with its interval, and columns of text beside it.

use super::nothing;
use crate::colour::{HAIR, INK, QUIET};
use crate::number::{plain, ticks};
use crate::svg::{Pen, Rect, Svg, Text, text_width};

/// One row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Its name; a row without value and columns is a heading.
    pub label: String,
    /// Where the dot stands.
    pub value: Option<f64>,
    /// Ends of the interval.
    pub interval: Option<(f64, f64)>,
    /// Ends of a wider interval, drawn thin: one that holds for all rows together.
    pub wider: Option<(f64, f64)>,
    /// Text beside it, as many as the forest has columns.
    pub columns: Vec<String>,
}

/// A forest to be drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forest {
    /// What the axis measures.
    pub axis: String,
    /// Ratios: drawn on a log scale.
    pub log: bool,
    /// Where there is no effect.
    pub reference: Option<f64>,
    /// Headers of the columns of text.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
    /// Sentences below.
    pub notes: Vec<String>,
}

const ROW_H: f64 = 21.0;
const AXIS_W: f64 = 230.0;
const TOP: f64 = 62.0;

/// Draws the rows from top to bottom.
pub fn draw(title: &str, forest: &Forest) -> String {
    if forest.rows.is_empty() {
        return nothing(title, "–");
    }
    let labels = forest.rows.iter().map(|r| text_width(&r.label, 12.0));
    let left = labels.fold(0.0, f64::max).clamp(60.0, 330.0) + 30.0;
    let widths = column_widths(forest);
    let heading = text_width(title, 15.0) + 32.0;
    let width = (left + AXIS_W + 20.0 + widths.iter().sum::<f64>() + 8.0)
        .max(440.0)
        .max(heading.min(720.0));
    let bottom = TOP + forest.rows.len() as f64 * ROW_H;
    let frame = Rect::new(left, TOP, AXIS_W, bottom - TOP);
    let scale = Scale::of(forest, frame);
    let mut svg = Svg::new(title);
    svg.text_within(16.0, 24.0, title, Text::size(14.0).bold(), width - 32.0);
    let mut x = left + AXIS_W + 20.0;
    for (name, w) in forest.columns.iter().zip(&widths) {
        svg.text_within(x, TOP - 12.0, name, Text::size(11.0).quiet(), *w - 8.0);
        x += w;
    }
    for i in (0..forest.rows.len()).step_by(2) {
        let y = TOP + i as f64 * ROW_H;
        svg.rect(Rect::new(8.0, y, width - 16.0, ROW_H), "#f7f7f7", None);
    }
    scale.draw(&mut svg, forest);
    for (i, row) in forest.rows.iter().enumerate() {
        let y = TOP + (i as f64 + 0.5) * ROW_H;
        put(&mut svg, row, y, &scale, (left, &widths));
    }
    for (i, note) in forest.notes.iter().enumerate() {
        let y = bottom + 58.0 + i as f64 * 15.0;
        svg.text_within(16.0, y, note, Text::size(11.0).quiet(), width - 32.0);
    }
    svg.finish(width, bottom + 50.0 + forest.notes.len() as f64 * 15.0)
}

fn column_widths(forest: &Forest) -> Vec<f64> {
    let width = |k: usize, name: &String| {
        let cells = forest.rows.iter().filter_map(|r| r.columns.get(k));
        let widest = cells
            .map(|c| text_width(c, 11.0))
            .fold(text_width(name, 11.0), f64::max);
        widest.min(260.0) + 14.0
    };
    forest
        .columns
        .iter()
        .enumerate()
        .map(|(k, name)| width(k, name))
        .collect()
}

fn put(svg: &mut Svg, row: &Row, y: f64, scale: &Scale, (left, widths): (f64, &[f64])) {
    let heading = row.value.is_none() && row.columns.iter().all(String::is_empty);
    let style = if heading {
        Text::size(12.0).bold()
    } else {
        Text::size(12.0)
    };
    svg.text_both_ends(16.0, y + 4.0, &row.label, style, left - 26.0);
    let mut x = left + AXIS_W + 20.0;
    for (text, w) in row.columns.iter().zip(widths) {
        svg.text_within(x, y + 4.0, text, Text::size(11.0), w - 6.0);
        x += w;
    }
    let Some(value) = row.value.filter(|v| v.is_finite()) else {
        return;
    };
    if let Some((a, b)) = row.wider {
        svg.line((scale.at(a), y), (scale.at(b), y), Pen::new("#8a8a8a", 1.0));
        for end in [a, b] {
            let x = scale.at(end);
            svg.line((x, y - 4.0), (x, y + 4.0), Pen::new("#8a8a8a", 1.0));
        }
    }
    if let Some((a, b)) = row.interval {
        svg.line((scale.at(a), y), (scale.at(b), y), Pen::new(INK, 1.8));
    }
    svg.circle((scale.at(value), y), 3.8, "#0072b2", None);
}

struct Scale {
    low: f64,
    high: f64,
    log: bool,
    frame: Rect,
}

impl Scale {
    fn of(forest: &Forest, frame: Rect) -> Scale {
        let known = |v: &f64| v.is_finite() && (!forest.log || *v > 0.0);
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let ends = |i: &Option<(f64, f64)>| i.map_or_else(Vec::new, |(a, b)| vec![a, b]);
        let all = forest.rows.iter().flat_map(|r| {
            let mut v = ends(&r.interval);
            v.extend(ends(&r.wider));
            v.extend(r.value);
            v
        });
        for v in all.chain(forest.reference).filter(known) {
            // a limit beyond three decades says no more than that it is far away
            let v = if forest.log { v.clamp(1e-3, 1e3) } else { v };
            (low, high) = (low.min(v), high.max(v));
        }
        if low > high {
            (low, high) = if forest.log { (0.5, 2.0) } else { (0.0, 1.0) };
        }
        let mut scale = Scale {
            low: 0.0,
            high: 1.0,
            log: forest.log,
            frame,
        };
        let (a, b) = (scale.inner(low), scale.inner(high));
        let pad = (b - a).max(0.05) * 0.05;
        (scale.low, scale.high) = (a - pad, b + pad);
        scale
    }

    fn inner(&self, v: f64) -> f64 {
        if self.log {
            libm::log10(v.max(1e-12))
        } else {
            v
        }
    }

    fn at(&self, v: f64) -> f64 {
        let share = (self.inner(v) - self.low) / (self.high - self.low);
        self.frame.x + share.clamp(0.0, 1.0) * self.frame.w
    }

    fn marks(&self) -> Vec<f64> {
        if !self.log {
            return ticks(self.low, self.high, 5);
        }
        let decades =
            (-3..=3).flat_map(|d| [1.0, 2.0, 5.0].map(|m| m * libm::pow(10.0, f64::from(d))));
        let inside = decades.filter(|v| (self.low..=self.high).contains(&self.inner(*v)));
        let all: Vec<f64> = inside.collect();
        let step = if all.len() > 7 { 3 } else { 1 };
        let offset = all
            .iter()
            .position(|v| (v - 1.0).abs() < 1e-12)
            .unwrap_or(0)
            % step;
        all.into_iter().skip(offset).step_by(step).collect()
    }

    fn draw(&self, svg: &mut Svg, forest: &Forest) {
        let f = self.frame;
        for t in self.marks() {
            let x = self.at(t);
            svg.line((x, f.y), (x, f.bottom()), Pen::new(HAIR, 0.6));
            svg.text(x, f.bottom() + 15.0, &plain(t), Text::size(11.0).middle());
        }
        if let Some(reference) = forest.reference {
            let pen = Pen {
                colour: QUIET,
                width: 1.0,
                dash: "3 3",
            };
            svg.line(
                (self.at(reference), f.y),
                (self.at(reference), f.bottom()),
                pen,
            );
        }
        svg.line(
            (f.x, f.bottom()),
            (f.right(), f.bottom()),
            Pen::new(QUIET, 1.0),
        );
        let y = f.bottom() + 33.0;
        svg.text_within(
            f.middle(),
            y,
            &forest.axis,
            Text::size(12.0).middle(),
            f.w + 60.0,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::well_formed;

    #[test]
    fn ratios_stand_on_a_log_scale_and_far_limits_at_its_end() {
        let row = |label: &str, value: f64, interval| Row {
            label: label.into(),
            value: Some(value),
            interval: Some(interval),
            columns: vec!["1.00".into()],
            ..Row::default()
        };
        let forest = Forest {
            axis: "hazard ratio".into(),
            log: true,
            reference: Some(1.0),
            columns: vec!["HR".into()],
            rows: vec![
                row("a < b", 0.5, (0.25, 1.0)),
                row("far", 69.0, (37.0, 1e9)),
                row("none", 2.0, (0.0, f64::INFINITY)),
            ],
            notes: vec!["note".into()],
        };
        let svg = draw("Cox", &forest);
        assert_eq!(well_formed(&svg), Ok(()));
        assert!(svg.contains("a &lt; b") && svg.contains(">1</text>") && !svg.contains("inf"));
        assert!(draw("Cox", &Forest::default()).contains("–"));
    }

    #[test]
    fn a_wider_interval_is_drawn_beside_the_own_one() {
        let row = Row {
            label: "m".into(),
            value: Some(0.7),
            interval: Some((0.6, 0.8)),
            wider: Some((0.5, 0.9)),
            columns: Vec::new(),
        };
        let thin = draw(
            "t",
            &Forest {
                rows: vec![row.clone()],
                ..Forest::default()
            },
        );
        let bare = draw(
            "t",
            &Forest {
                rows: vec![Row { wider: None, ..row }],
                ..Forest::default()
            },
        );
        assert_eq!(
            thin.matches("#8a8a8a").count() - bare.matches("#8a8a8a").count(),
            3
        );
    }
}
