//! Bars that lie: a name, a bar from zero, a value and what must be known about it.

use super::nothing;
use crate::colour::{HAIR, QUIET, line};
use crate::number::{plain, ticks};
use crate::svg::{Pen, Rect, Svg, Text, text_width};

/// One bar.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bar {
    /// Its name; a bar that is only named is a heading.
    pub label: String,
    /// How long it is, to the left when negative.
    pub value: Option<f64>,
    /// From where to where the value lies in repetitions.
    pub range: Option<(f64, f64)>,
    /// What stands behind it.
    pub note: String,
    /// Its place in the palette.
    pub tone: usize,
}

const ROW_H: f64 = 20.0;
const AXIS_W: f64 = 300.0;
const TOP: f64 = 44.0;

/// Draws the bars from top to bottom.
pub fn draw(title: &str, axis: &str, bars: &[Bar]) -> String {
    if bars.is_empty() {
        return nothing(title, "–");
    }
    // headings are bold, and bold letters are wider
    let wide = |b: &Bar| text_width(&b.label, if b.value.is_some() { 12.0 } else { 13.6 });
    let left = bars.iter().map(wide).fold(0.0, f64::max).clamp(60.0, 400.0) + 30.0;
    let notes = bars
        .iter()
        .map(|b| text_width(&b.note, 11.0))
        .fold(0.0, f64::max);
    let width = (left + AXIS_W + notes.min(260.0) + 34.0).max(440.0);
    let bottom = TOP + bars.len() as f64 * ROW_H;
    let mut svg = Svg::new(title);
    svg.text_within(16.0, 24.0, title, Text::size(14.0).bold(), width - 32.0);
    let (low, high) = range(bars);
    let at = |v: f64| left + ((v - low) / (high - low)).clamp(0.0, 1.0) * AXIS_W;
    for t in ticks(low, high, 6) {
        svg.line((at(t), TOP), (at(t), bottom), Pen::new(HAIR, 0.6));
        svg.text(at(t), bottom + 15.0, &plain(t), Text::size(11.0).middle());
    }
    for (i, bar) in bars.iter().enumerate() {
        let y = TOP + i as f64 * ROW_H;
        let style = if bar.value.is_some() {
            Text::size(12.0)
        } else {
            Text::size(12.0).bold()
        };
        svg.text_both_ends(16.0, y + 14.0, &bar.label, style, left - 26.0);
        if let Some(value) = bar.value.filter(|v| v.is_finite()) {
            let (a, b) = (at(value.min(0.0)), at(value.max(0.0)));
            let tip = format!("{}: {}", bar.label, plain(value));
            let rect = Rect::new(a, y + 3.0, b - a, ROW_H - 6.0);
            svg.round_rect(rect, 0.0, line(bar.tone).0, None, &tip);
        }
        if let Some((a, b)) = bar.range {
            let y = y + ROW_H / 2.0;
            svg.line((at(a), y), (at(b), y), Pen::new("#1a1a1a", 1.4));
            for end in [a, b] {
                svg.line(
                    (at(end), y - 4.0),
                    (at(end), y + 4.0),
                    Pen::new("#1a1a1a", 1.4),
                );
            }
        }
        svg.text_within(
            left + AXIS_W + 12.0,
            y + 14.0,
            &bar.note,
            Text::size(11.0).quiet(),
            260.0,
        );
    }
    svg.line((at(0.0), TOP), (at(0.0), bottom), Pen::new(QUIET, 1.0));
    svg.text_within(
        left + AXIS_W / 2.0,
        bottom + 33.0,
        axis,
        Text::size(12.0).middle(),
        AXIS_W + 40.0,
    );
    svg.finish(width, bottom + 46.0)
}

fn range(bars: &[Bar]) -> (f64, f64) {
    let (mut low, mut high) = (0.0_f64, 0.0_f64);
    for bar in bars {
        let ends = bar.range.map_or_else(Vec::new, |(a, b)| vec![a, b]);
        for v in ends.into_iter().chain(bar.value).filter(|v| v.is_finite()) {
            (low, high) = (low.min(v), high.max(v));
        }
    }
    let pad = (high - low) * 0.03;
    match (low, high) {
        (l, h) if l >= h => (0.0, 1.0),
        (l, h) => (
            if l < 0.0 { l - pad } else { 0.0 },
            if h > 0.0 { h + pad } else { 0.0 },
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::well_formed;

    #[test]
    fn bars_grow_from_zero_to_both_sides() {
        let bar = |label: &str, value| Bar {
            label: label.into(),
            value,
            note: "n & m".into(),
            ..Bar::default()
        };
        let mut bars = vec![
            bar("group", None),
            bar("a", Some(-1.5)),
            bar("b", Some(2.0)),
            bar("c", Some(f64::NAN)),
        ];
        bars[2].range = Some((1.0, 3.0));
        let svg = draw("Bars", "score", &bars);
        assert_eq!(well_formed(&svg), Ok(()));
        assert!(svg.contains("a: −1.5") && svg.contains("n &amp; m") && !svg.contains("NaN"));
        assert!(draw("Bars", "", &[]).contains("–"));
    }
}
