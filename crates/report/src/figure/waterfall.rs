//! From the most optimistic value of a study to the most honest: one rung an estimate, with the step down between.

use super::nothing;
use crate::colour::{HAIR, INK, QUIET, line};
use crate::number::{fixed, ticks};
use crate::svg::{Pen, Rect, Svg, Text, text_width, wrap};

/// One rung.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rung {
    /// What it is: `paper, on its own training patients`.
    pub label: String,
    /// Its value.
    pub value: Option<f64>,
    /// Its interval.
    pub interval: Option<(f64, f64)>,
    /// How far it lies from the rung above.
    pub difference: Option<f64>,
    /// Which model: `RSF, combined`.
    pub model: String,
    /// Of how many models it is the best of each resample, where it is of no one model.
    pub n_models: Option<usize>,
    /// Why there is no value, or what must be known.
    pub reason: String,
}

const ROW_H: f64 = 40.0;
const AXIS_W: f64 = 330.0;
const TOP: f64 = 44.0;

/// Draws the rungs from `floor` (the value of chance) on.
pub fn draw(title: &str, axis: &str, floor: f64, rungs: &[Rung]) -> String {
    if rungs.is_empty() {
        return nothing(title, "–");
    }
    let labels = rungs.iter().map(|r| text_width(&r.label, 12.0));
    let left = labels.fold(0.0, f64::max).clamp(120.0, 320.0) + 28.0;
    let width = left + AXIS_W + 190.0;
    let bottom = TOP + rungs.len() as f64 * ROW_H;
    let ends = |r: &Rung| r.interval.map_or_else(Vec::new, |(a, b)| vec![a, b]);
    let all: Vec<f64> = rungs
        .iter()
        .flat_map(|r| ends(r).into_iter().chain(r.value))
        .filter(|v| v.is_finite())
        .collect();
    let lowest = all.iter().copied().fold(floor, f64::min);
    let highest = all.iter().copied().fold(floor + 0.1, f64::max);
    let (low, high) = (lowest - 0.01, highest + 0.02);
    let at = |v: f64| left + ((v - low) / (high - low)).clamp(0.0, 1.0) * AXIS_W;
    let mut svg = Svg::new(title);
    svg.text_within(16.0, 24.0, title, Text::size(14.0).bold(), width - 32.0);
    for t in ticks(low, high, 6) {
        svg.line((at(t), TOP), (at(t), bottom), Pen::new(HAIR, 0.6));
        svg.text(
            at(t),
            bottom + 15.0,
            &fixed(t, 2),
            Text::size(11.0).middle(),
        );
    }
    let mut above: Option<f64> = None;
    for (i, rung) in rungs.iter().enumerate() {
        let y = TOP + i as f64 * ROW_H;
        name(&mut svg, rung, y, left);
        let Some(value) = rung.value.filter(|v| v.is_finite()) else {
            for (k, text) in wrap(&rung.reason, 11.0, AXIS_W + 150.0, 2)
                .iter()
                .enumerate()
            {
                svg.text(
                    left + 6.0,
                    y + 17.0 + 14.0 * k as f64,
                    text,
                    Text::size(11.0).quiet(),
                );
            }
            continue;
        };
        let rect = Rect::new(
            at(floor.min(value)),
            y + 8.0,
            at(value.max(floor)) - at(floor.min(value)),
            20.0,
        );
        svg.round_rect(rect, 0.0, line(usize::from(i > 0)).0, None, &rung.reason);
        if let Some(last) = above {
            let pen = Pen {
                colour: QUIET,
                width: 1.2,
                dash: "2 3",
            };
            svg.line((at(last), y - ROW_H + 28.0), (at(last), y + 28.0), pen);
            svg.line(
                (at(last), y + 18.0),
                (at(value), y + 18.0),
                Pen::new(QUIET, 1.2),
            );
        }
        svg.text(
            left + AXIS_W + 12.0,
            y + 22.0,
            &fixed(value, 3),
            Text::size(13.0).bold(),
        );
        if let Some(d) = rung.difference.filter(|d| d.is_finite()) {
            let sign = if d > 0.0 { "+" } else { "" };
            let text = format!("{sign}{}", fixed(d, 3));
            svg.text(
                left + AXIS_W + 72.0,
                y + 22.0,
                &text,
                Text::size(12.0).quiet(),
            );
        }
        if let Some((a, b)) = rung.interval {
            let (y, pen) = (y + 18.0, Pen::new(INK, 1.2));
            svg.line((at(a), y), (at(b), y), pen);
            svg.line((at(a), y - 4.0), (at(a), y + 4.0), pen);
            svg.line((at(b), y - 4.0), (at(b), y + 4.0), pen);
        }
        above = Some(value);
    }
    let pen = Pen {
        colour: QUIET,
        width: 1.0,
        dash: "3 3",
    };
    svg.line((at(floor), TOP), (at(floor), bottom), pen);
    svg.text_within(
        left + AXIS_W / 2.0,
        bottom + 33.0,
        axis,
        Text::size(12.0).middle(),
        AXIS_W,
    );
    svg.finish(width, bottom + 46.0)
}

fn name(svg: &mut Svg, rung: &Rung, y: f64, left: f64) {
    svg.text_within(16.0, y + 17.0, &rung.label, Text::size(12.0), left - 26.0);
    svg.text_within(
        16.0,
        y + 32.0,
        &rung.model,
        Text::size(11.0).quiet(),
        left - 26.0,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::well_formed;

    #[test]
    fn a_rung_without_a_value_says_why_and_the_fall_goes_on() {
        let rung = |label: &str, value: Option<f64>| Rung {
            label: label.into(),
            value,
            difference: value.map(|_| -0.1),
            reason: "NE <60 months>".into(),
            ..Rung::default()
        };
        let rungs = [
            rung("apparent", Some(0.9)),
            rung("bias-corrected", None),
            rung("external", Some(0.66)),
        ];
        let svg = draw("Optimism", "composite AUC", 0.5, &rungs);
        assert_eq!(well_formed(&svg), Ok(()));
        assert!(svg.contains("NE &lt;60 months&gt;") && svg.contains("−0.100"));
        assert_eq!(svg.matches("stroke-dasharray=\"2 3\"").count(), 1);
    }
}
