//! A nomogram: a ruler a factor, a ruler of total points, a ruler of survival a horizon.

use super::nothing;
use crate::colour::{HAIR, INK};
use crate::svg::{Pen, Svg, Text, text_width};

/// A ruler: a name and marks, each at its points.
#[derive(Clone, Debug, PartialEq)]
pub struct Ruler {
    /// What it measures.
    pub label: String,
    /// What stands at a mark, and its points on the ruler's own scale.
    pub marks: Vec<(String, f64)>,
}

/// A nomogram to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// One a factor, on the scale of points, 0 to 100.
    pub factors: Vec<Ruler>,
    /// Total points.
    pub total: Ruler,
    /// Survival by horizon, on the scale of total points.
    pub horizons: Vec<Ruler>,
}

const WIDTH: f64 = 860.0;
const LEFT: f64 = 230.0;
const RIGHT: f64 = 30.0;
const STEP: f64 = 44.0;

/// Draws the rulers from the scale of points at the top to survival at the bottom.
pub fn draw(title: &str, input: &Input) -> String {
    if input.factors.is_empty() {
        return nothing(title, "no factors");
    }
    let points = Ruler {
        label: "Points".to_owned(),
        marks: (0..=10)
            .map(|i| (format!("{}", i * 10), f64::from(i) * 10.0))
            .collect(),
    };
    let mut svg = Svg::new(title);
    svg.text_within(16.0, 24.0, title, Text::size(14.0).bold(), WIDTH - 32.0);
    let mut y = 64.0;
    for ruler in std::iter::once(&points).chain(&input.factors) {
        draw_ruler(&mut svg, ruler, y, 100.0);
        y += STEP;
    }
    let most = input.total.marks.iter().map(|m| m.1).fold(1.0, f64::max);
    for ruler in std::iter::once(&input.total).chain(&input.horizons) {
        draw_ruler(&mut svg, ruler, y, most);
        y += STEP;
    }
    svg.finish(WIDTH, y)
}

fn draw_ruler(svg: &mut Svg, ruler: &Ruler, y: f64, most: f64) {
    svg.text_within(16.0, y + 4.0, &ruler.label, Text::size(12.0), LEFT - 32.0);
    let place = |points: f64| LEFT + (WIDTH - LEFT - RIGHT) * points / most;
    let inside = |points: f64| (-1e-9..=most * (1.0 + 1e-9)).contains(&points);
    let mut marks: Vec<&(String, f64)> = ruler.marks.iter().filter(|m| inside(m.1)).collect();
    marks.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (Some(first), Some(last)) = (marks.first(), marks.last()) else {
        svg.text(
            LEFT,
            y + 4.0,
            "beyond these points",
            Text::size(11.0).quiet(),
        );
        return;
    };
    svg.line((place(first.1), y), (place(last.1), y), Pen::new(INK, 1.0));
    // a label that would touch the one before it goes below the line, or is left out
    let (mut above, mut below) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    for (label, points) in marks {
        let (x, half) = (place(*points), text_width(label, 11.0) / 2.0 + 3.0);
        svg.line((x, y - 4.0), (x, y + 4.0), Pen::new(HAIR, 1.0));
        if x - half > above {
            svg.text(x, y - 8.0, label, Text::size(11.0).middle());
            above = x + half;
        } else if x - half > below {
            svg.text(x, y + 16.0, label, Text::size(11.0).middle());
            below = x + half;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ruler_is_drawn_and_crowded_marks_do_not_touch() {
        let ruler = |label: &str, n: usize, step: f64| Ruler {
            label: label.to_owned(),
            marks: (0..n).map(|i| (format!("{i}"), i as f64 * step)).collect(),
        };
        let input = Input {
            factors: vec![ruler("FIGO stage", 4, 10.0), ruler("SCCA", 200, 0.5)],
            total: ruler("Total points", 11, 20.0),
            horizons: vec![ruler("Survival at 60 months", 6, 30.0)],
        };
        let svg = draw("Nomogram", &input);
        for label in [
            "FIGO stage",
            "SCCA",
            "Total points",
            "Survival at 60 months",
            "Points",
        ] {
            assert!(svg.contains(label), "{label}");
        }
        assert!(svg.matches("<text").count() < 150);
        assert!(
            draw(
                "x",
                &Input {
                    factors: vec![],
                    ..input
                }
            )
            .contains("no factors")
        );
    }
}
