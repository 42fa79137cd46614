//! All models in groups, by region or by learner: one panel a set, so that training and external never share an axis.

use super::nothing;
use crate::colour::{HAIR, QUIET, line};
use crate::number::{fixed, ticks};
use crate::svg::{Pen, Rect, Svg, Text, text_width};
use crate::values::Estimate;

/// One model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Its name within the group.
    pub label: String,
    /// Its place in the palette.
    pub tone: usize,
    /// One estimate a set; none where the model was not judged.
    pub estimates: Vec<Option<Estimate>>,
}

/// A group of models.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// Its name.
    pub label: String,
    /// Its models.
    pub rows: Vec<Row>,
}

const ROW_H: f64 = 18.0;
const AXIS_W: f64 = 176.0;
const VALUE_W: f64 = 46.0;
const TOP: f64 = 62.0;

/// Draws the groups from top to bottom; `sets` names the panels, `chance` is the value of a model that knows nothing.
pub fn draw(title: &str, axis: &str, sets: &[String], groups: &[Group], chance: f64) -> String {
    if groups.iter().all(|g| g.rows.is_empty()) || sets.is_empty() {
        return nothing(title, "no models to compare");
    }
    let names = groups
        .iter()
        .flat_map(|g| g.rows.iter().map(|r| &r.label).chain([&g.label]));
    let left = names
        .map(|n| text_width(n, 12.5))
        .fold(0.0, f64::max)
        .clamp(70.0, 190.0)
        + 34.0;
    let width = left + sets.len() as f64 * (AXIS_W + VALUE_W + 12.0) + 8.0;
    let lines: usize = groups.iter().map(|g| g.rows.len() + 1).sum();
    let bottom = TOP + lines as f64 * ROW_H;
    let (low, high) = range(groups, chance);
    let mut svg = Svg::new(title);
    svg.text_within(16.0, 24.0, title, Text::size(14.0).bold(), width - 32.0);
    for (k, set) in sets.iter().enumerate() {
        let frame = Rect::new(
            left + k as f64 * (AXIS_W + VALUE_W + 12.0),
            TOP,
            AXIS_W,
            bottom - TOP,
        );
        let panel = Panel {
            frame,
            low,
            high,
            chance,
        };
        panel.axes(&mut svg, set, axis);
        let mut y = TOP;
        for group in groups {
            y += ROW_H;
            for row in &group.rows {
                panel.mark(&mut svg, row, k, y + ROW_H / 2.0);
                y += ROW_H;
            }
        }
    }
    let mut y = TOP;
    for group in groups {
        svg.line((12.0, y), (width - 12.0, y), Pen::new(HAIR, 1.0));
        svg.text_within(
            16.0,
            y + 13.5,
            &group.label,
            Text::size(12.0).bold(),
            left - 24.0,
        );
        y += ROW_H;
        for row in &group.rows {
            svg.text_both_ends(28.0, y + 13.0, &row.label, Text::size(12.0), left - 36.0);
            y += ROW_H;
        }
    }
    svg.finish(width, bottom + 44.0)
}

struct Panel {
    frame: Rect,
    low: f64,
    high: f64,
    chance: f64,
}

impl Panel {
    fn at(&self, v: f64) -> f64 {
        self.frame.x + ((v - self.low) / (self.high - self.low)).clamp(0.0, 1.0) * self.frame.w
    }

    fn axes(&self, svg: &mut Svg, set: &str, axis: &str) {
        let f = self.frame;
        svg.text_within(f.x, TOP - 12.0, set, Text::size(12.0).bold(), f.w + VALUE_W);
        for t in ticks(self.low, self.high, 5) {
            let x = self.at(t);
            svg.line((x, f.y), (x, f.bottom()), Pen::new(HAIR, 0.6));
            svg.text(
                x,
                f.bottom() + 15.0,
                &fixed(t, 1),
                Text::size(11.0).middle(),
            );
        }
        let pen = Pen {
            colour: QUIET,
            width: 1.0,
            dash: "3 3",
        };
        svg.line(
            (self.at(self.chance), f.y),
            (self.at(self.chance), f.bottom()),
            pen,
        );
        svg.line(
            (f.x, f.bottom()),
            (f.right(), f.bottom()),
            Pen::new(QUIET, 1.0),
        );
        svg.text_within(
            f.middle(),
            f.bottom() + 33.0,
            axis,
            Text::size(12.0).middle(),
            f.w,
        );
    }

    fn mark(&self, svg: &mut Svg, row: &Row, k: usize, y: f64) {
        let x = self.frame.right() + 8.0;
        let Some(Some(estimate)) = row.estimates.get(k) else {
            return;
        };
        let Some(value) = estimate.finite() else {
            let style = Text::size(11.0).quiet();
            svg.text_tipped(x, y + 4.0, "NE", style, &estimate.reason_text());
            return;
        };
        let colour = line(row.tone).0;
        if let Some((a, b)) = estimate.interval() {
            svg.line((self.at(a), y), (self.at(b), y), Pen::new(colour, 1.6));
        }
        svg.circle((self.at(value), y), 3.6, colour, None);
        let tip = format!("{}, {}", estimate.text(3), estimate.n_text());
        svg.text_tipped(x, y + 4.0, &fixed(value, 3), Text::size(11.0), &tip);
    }
}

fn range(groups: &[Group], chance: f64) -> (f64, f64) {
    let estimates = groups
        .iter()
        .flat_map(|g| &g.rows)
        .flat_map(|r| r.estimates.iter().flatten());
    let (mut low, mut high) = (chance, chance + 0.1);
    for e in estimates {
        let ends = e.interval().map_or_else(Vec::new, |(a, b)| vec![a, b]);
        for v in ends.into_iter().chain(e.finite()) {
            (low, high) = (low.min(v), high.max(v));
        }
    }
    (low - 0.02, high + 0.02)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::well_formed;

    #[test]
    fn a_set_has_its_own_panel_and_ne_its_reason() {
        let row = Row {
            label: "RSF".into(),
            tone: 0,
            estimates: vec![
                Some(Estimate::known(0.9, 0.85, 0.95, 552, 146)),
                None,
                Some(Estimate::absent("NE (at risk <0>)")),
            ],
        };
        let groups = [Group {
            label: "tumour & ring".into(),
            rows: vec![row],
        }];
        let sets = ["apparent", "cv", "external"].map(str::to_owned);
        let svg = draw("Arms", "AUC", &sets, &groups, 0.5);
        assert_eq!(well_formed(&svg), Ok(()));
        assert_eq!(svg.matches("<circle").count(), 1);
        assert!(svg.contains("at risk &lt;0&gt;") && svg.contains("n = 552, 146 events"));
        assert!(draw("Arms", "AUC", &sets, &[], 0.5).contains("no models"));
    }
}
