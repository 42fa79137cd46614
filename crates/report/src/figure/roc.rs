//! Time-dependent ROC curves, one panel per set: training and validation never share a panel.

use super::nothing;
use crate::colour::{HAIR, QUIET, line};
use crate::number::fixed;
use crate::svg::{Pen, Rect, Svg, Text, px, text_width, wrap};
use crate::values::Estimate;
use std::fmt::Write as _;

/// One curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// `12 months`.
    pub label: String,
    /// (1 − specificity, sensitivity), from (0, 0) to (1, 1).
    pub points: Vec<(f64, f64)>,
    /// Its area.
    pub auc: Estimate,
}

/// One panel: one model on one set.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// `RSF, combined · external`.
    pub title: String,
    /// The curves by horizon.
    pub curves: Vec<Curve>,
}

const SIDE: f64 = 300.0;
const LEFT: f64 = 56.0;
const PANEL_W: f64 = 420.0;

/// Draws the panels, two in a row. A curve that is not estimable has no line; its legend says `NE` and why.
pub fn draw(title: &str, panels: &[Panel]) -> String {
    if panels.iter().all(|p| p.curves.is_empty()) {
        return nothing(title, "no curves to draw");
    }
    let per_row = panels.len().min(2);
    let width = (16.0 + PANEL_W * per_row as f64 + 8.0).max(text_width(title, 14.0) * 1.08 + 32.0);
    let mut svg = Svg::new(title);
    svg.text_within(16.0, 24.0, title, Text::size(14.0).bold(), width - 32.0);
    let mut top = 40.0;
    for row in panels.chunks(2) {
        let mut height: f64 = 0.0;
        for (i, panel) in row.iter().enumerate() {
            height = height.max(draw_panel(&mut svg, panel, 16.0 + i as f64 * PANEL_W, top));
        }
        top += height + 16.0;
    }
    svg.finish(width, top)
}

fn draw_panel(svg: &mut Svg, panel: &Panel, x: f64, y: f64) -> f64 {
    svg.text_both_ends(
        x,
        y + 12.0,
        &panel.title,
        Text::size(13.0).bold(),
        PANEL_W - 16.0,
    );
    let frame = Rect::new(x + LEFT, y + 26.0, SIDE, SIDE);
    axes(svg, frame);
    for (i, curve) in panel.curves.iter().enumerate() {
        if curve.auc.finite().is_some() {
            let (colour, dash) = line(i);
            svg.path(
                &path(&curve.points, frame),
                Pen {
                    colour,
                    width: 2.0,
                    dash,
                },
            );
        }
    }
    let mut below = frame.bottom() + 58.0;
    for (i, curve) in panel.curves.iter().enumerate() {
        below += legend(svg, curve, i, x + 8.0, below);
    }
    below - y
}

fn axes(svg: &mut Svg, frame: Rect) {
    for i in 0..=5 {
        let share = f64::from(i) / 5.0;
        let (x, y) = (frame.x + share * frame.w, frame.bottom() - share * frame.h);
        svg.line((x, frame.y), (x, frame.bottom()), Pen::new(HAIR, 0.6));
        svg.line((frame.x, y), (frame.right(), y), Pen::new(HAIR, 0.6));
        svg.text(
            x,
            frame.bottom() + 17.0,
            &fixed(share, 1),
            Text::size(11.0).middle(),
        );
        svg.text(
            frame.x - 7.0,
            y + 4.0,
            &fixed(share, 1),
            Text::size(11.0).end(),
        );
    }
    let chance = Pen {
        colour: QUIET,
        width: 1.0,
        dash: "3 4",
    };
    svg.line((frame.x, frame.bottom()), (frame.right(), frame.y), chance);
    svg.rect(frame, "none", Some(Pen::new(QUIET, 1.0)));
    svg.text(
        frame.middle(),
        frame.bottom() + 37.0,
        "1 − specificity",
        Text::size(12.0).middle(),
    );
    svg.text_upright(
        frame.x - 38.0,
        frame.y + frame.h / 2.0,
        "sensitivity",
        Text::size(12.0),
    );
}

fn path(points: &[(f64, f64)], frame: Rect) -> String {
    let mut data = String::new();
    for (x, y) in points
        .iter()
        .filter(|(x, y)| x.is_finite() && y.is_finite())
    {
        let (x, y) = (
            frame.x + x.clamp(0.0, 1.0) * frame.w,
            frame.bottom() - y.clamp(0.0, 1.0) * frame.h,
        );
        let _ = write!(
            data,
            "{}{} {}",
            if data.is_empty() { "M" } else { "L" },
            px(x),
            px(y)
        );
    }
    data
}

fn legend(svg: &mut Svg, curve: &Curve, i: usize, x: f64, y: f64) -> f64 {
    let (colour, dash) = line(i);
    let room = PANEL_W - 64.0;
    if curve.auc.finite().is_some() {
        svg.line(
            (x, y - 4.0),
            (x + 30.0, y - 4.0),
            Pen {
                colour,
                width: 2.0,
                dash,
            },
        );
        svg.text_within(
            x + 38.0,
            y,
            &format!("{}: AUC {}", curve.label, curve.auc.text(3)),
            Text::size(12.0),
            room,
        );
        svg.text_within(
            x + 38.0,
            y + 15.0,
            &curve.auc.n_text(),
            Text::size(11.0).quiet(),
            room,
        );
    } else {
        svg.text_within(
            x + 38.0,
            y,
            &format!("{}: NE", curve.label),
            Text::size(12.0),
            room,
        );
        let lines = wrap(&curve.auc.reason_text(), 11.0, room, 3);
        for (k, text) in lines.iter().enumerate() {
            svg.text(
                x + 38.0,
                y + 15.0 + k as f64 * 14.0,
                text,
                Text::size(11.0).quiet(),
            );
        }
        return 20.0 + 14.0 * lines.len() as f64;
    }
    34.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::well_formed;

    #[test]
    fn a_curve_without_an_area_has_no_line_but_a_reason() {
        let curve = |label: &str, auc| Curve {
            label: label.into(),
            points: vec![(0.0, 0.0), (0.2, 0.7), (1.0, 1.0)],
            auc,
        };
        let panel = Panel {
            title: "RSF <combined>".into(),
            curves: vec![
                curve("12 months", Estimate::known(0.8, 0.7, 0.9, 80, 16)),
                curve(
                    "60 months",
                    Estimate::absent("NE (max follow-up 48.0, at risk 0)"),
                ),
            ],
        };
        let svg = draw("ROC", &[panel.clone(), panel]);
        assert_eq!(well_formed(&svg), Ok(()));
        assert_eq!(svg.matches("<path").count(), 2);
        assert!(svg.contains("AUC 0.800 (0.700–0.900)") && svg.contains("at risk 0"));
        assert!(draw("ROC", &[]).contains("no curves"));
    }

    #[test]
    fn a_long_title_still_names_its_set() {
        let curve = Curve {
            label: "12 months".into(),
            points: Vec::new(),
            auc: Estimate::absent(""),
        };
        let title = format!("{} · external", "a-very-long-learner-name".repeat(5));
        let svg = draw(
            "ROC",
            &[Panel {
                title,
                curves: vec![curve],
            }],
        );
        assert!(svg.contains("· external</text>"), "{svg}");
    }
}
