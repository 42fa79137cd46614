//! Heat map of one metric: learners down, ROI sets across, one panel per endpoint and set.

use super::nothing;
use crate::colour::{BLANK, HAIR, INK, QUIET, sequential};
use crate::number::fixed;
use crate::svg::{Pen, Rect, Svg, Text, px, shorten, text_width};
use crate::values::{ComparisonRow, Estimate, display_name};

/// One panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// `DFS · cross-validated`.
    pub title: String,
    /// Row names, top to bottom.
    pub learners: Vec<String>,
    /// Column names, left to right.
    pub roi_sets: Vec<String>,
    /// `cells[row][column]`; `None` where the study has no such model.
    pub cells: Vec<Vec<Option<Estimate>>>,
}

const CELL_H: f64 = 38.0;
const GAP: f64 = 28.0;

/// The panel of `metric` (without a horizon) for one endpoint and set, in the order in which learners and ROI sets appear.
pub fn panel(rows: &[ComparisonRow], endpoint: &str, set: &str, metric: &str) -> Panel {
    let mine: Vec<&ComparisonRow> = rows
        .iter()
        .filter(|r| r.endpoint == endpoint && r.set == set && r.metric == metric)
        .collect();
    let (mut learners, mut roi_sets): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for row in &mine {
        if !learners.contains(&row.learner) {
            learners.push(row.learner.clone());
        }
        if !roi_sets.contains(&row.roi_set) {
            roi_sets.push(row.roi_set.clone());
        }
    }
    let cell = |learner: &String, roi_set: &String| {
        mine.iter()
            .find(|r| &r.learner == learner && &r.roi_set == roi_set)
            .map(|r| r.estimate.clone())
    };
    let cells = learners
        .iter()
        .map(|l| roi_sets.iter().map(|r| cell(l, r)).collect())
        .collect();
    Panel {
        title: format!("{} · {}", display_name(endpoint), display_name(set)),
        learners,
        roi_sets,
        cells,
    }
}

/// Draws the panels side by side, two in a row, on one scale from `low` to `high`.
///
/// A cell holds value and interval. `NE` cells are hatched and carry their reason as a tooltip and as a note below;
/// a model that the study does not have is an empty, outlined cell. Values beyond the scale take its end colours.
pub fn draw(title: &str, panels: &[Panel], low: f64, high: f64) -> String {
    let panels: Vec<&Panel> = panels.iter().filter(|p| !p.learners.is_empty()).collect();
    if panels.is_empty() {
        return nothing(title, "no estimates to draw");
    }
    let gutter = gutter(&panels);
    let cell_w = cell_width(&panels);
    let most_columns = panels.iter().map(|p| p.roi_sets.len()).max().unwrap_or(1);
    let panel_w = gutter + cell_w * most_columns as f64;
    let per_row = if panels.len() > 1 && panel_w < 620.0 {
        2
    } else {
        1
    };
    let width = 16.0 + (panel_w + GAP) * per_row.min(panels.len()) as f64 - GAP + 16.0;
    let width = width.max(text_width(title, 14.0) * 1.08 + 32.0).max(400.0);
    let mut svg = Svg::new(title);
    svg.text_within(16.0, 24.0, title, Text::size(14.0).bold(), width - 32.0);
    let mut top = 44.0;
    let mut reasons: Vec<String> = Vec::new();
    for line in panels.chunks(per_row) {
        let mut height: f64 = 0.0;
        for (i, panel) in line.iter().enumerate() {
            let place = Place {
                x: 16.0 + i as f64 * (panel_w + GAP),
                y: top,
                gutter,
                cell_w,
                low,
                high,
            };
            height = height.max(draw_panel(&mut svg, panel, &place, &mut reasons));
        }
        top += height + 22.0;
    }
    legend(&mut svg, 16.0, top, low, high, !reasons.is_empty());
    top += 44.0;
    for reason in reasons.iter().take(6) {
        svg.text_within(
            16.0,
            top,
            &format!("NE: {reason}"),
            Text::size(11.0).quiet(),
            width - 32.0,
        );
        top += 16.0;
    }
    svg.finish(width, top + 6.0)
}

struct Place {
    x: f64,
    y: f64,
    gutter: f64,
    cell_w: f64,
    low: f64,
    high: f64,
}

fn gutter(panels: &[&Panel]) -> f64 {
    let names = panels.iter().flat_map(|p| &p.learners);
    let widest = names
        .map(|l| text_width(&display_name(l), 12.0))
        .fold(0.0, f64::max);
    (widest + 12.0).clamp(60.0, 190.0)
}

fn cell_width(panels: &[&Panel]) -> f64 {
    let names = panels.iter().flat_map(|p| &p.roi_sets);
    let widest = names
        .map(|r| text_width(&display_name(r), 12.0))
        .fold(0.0, f64::max);
    (widest + 10.0).clamp(96.0, 150.0)
}

fn draw_panel(svg: &mut Svg, panel: &Panel, at: &Place, reasons: &mut Vec<String>) -> f64 {
    let width = at.gutter + at.cell_w * panel.roi_sets.len() as f64;
    svg.text_within(
        at.x,
        at.y + 12.0,
        &panel.title,
        Text::size(13.0).bold(),
        width,
    );
    for (c, name) in panel.roi_sets.iter().enumerate() {
        let middle = at.x + at.gutter + (c as f64 + 0.5) * at.cell_w;
        svg.text_within(
            middle,
            at.y + 34.0,
            &display_name(name),
            Text::size(12.0).middle(),
            at.cell_w - 6.0,
        );
    }
    for (r, name) in panel.learners.iter().enumerate() {
        let y = at.y + 42.0 + r as f64 * CELL_H;
        let label = Text::size(12.0).end();
        svg.text_both_ends(
            at.x + at.gutter - 8.0,
            y + CELL_H / 2.0 + 4.0,
            &display_name(name),
            label,
            at.gutter - 8.0,
        );
        let cells = panel.cells.get(r).map(Vec::as_slice).unwrap_or_default();
        for (c, cell) in cells.iter().enumerate() {
            let rect = Rect::new(
                at.x + at.gutter + c as f64 * at.cell_w,
                y,
                at.cell_w - 2.0,
                CELL_H - 2.0,
            );
            draw_cell(svg, rect, cell.as_ref(), at, reasons);
        }
    }
    42.0 + panel.learners.len() as f64 * CELL_H
}

fn draw_cell(
    svg: &mut Svg,
    rect: Rect,
    cell: Option<&Estimate>,
    at: &Place,
    reasons: &mut Vec<String>,
) {
    let Some(estimate) = cell else {
        svg.rect(
            rect,
            "none",
            Some(Pen {
                colour: HAIR,
                width: 1.0,
                dash: "2 3",
            }),
        );
        return;
    };
    let Some(value) = estimate.finite() else {
        let reason = estimate.reason_text();
        svg.round_rect(
            rect,
            0.0,
            BLANK,
            Some(Pen::new(HAIR, 1.0)),
            &format!("NE: {reason}"),
        );
        svg.hatch(rect, 8.0, Pen::new("#b5b5b5", 1.0));
        svg.rect(
            Rect::new(rect.middle() - 16.0, rect.y + 9.0, 32.0, 18.0),
            BLANK,
            None,
        );
        svg.text(
            rect.middle(),
            rect.y + 22.5,
            "NE",
            Text::size(12.0).bold().middle().fill(QUIET),
        );
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
        return;
    };
    let (fill, ink) = sequential((value - at.low) / (at.high - at.low));
    svg.round_rect(
        rect,
        0.0,
        &fill,
        None,
        &format!("{}; {}", estimate.text(3), estimate.n_text()),
    );
    svg.text(
        rect.middle(),
        rect.y + 16.0,
        &fixed(value, 3),
        Text::size(13.0).bold().middle().fill(ink),
    );
    let interval = shorten(&estimate.interval_text(2), 11.0, rect.w - 4.0);
    svg.text(
        rect.middle(),
        rect.y + 30.0,
        &interval,
        Text::size(11.0).middle().fill(ink),
    );
}

fn legend(svg: &mut Svg, x: f64, y: f64, low: f64, high: f64, with_ne: bool) {
    const STEPS: usize = 40;
    let width = 200.0;
    for i in 0..STEPS {
        let (fill, _) = sequential((i as f64 + 0.5) / STEPS as f64);
        let data = format!(
            "M{} {}h{}v10h-{}z",
            px(x + width * i as f64 / STEPS as f64),
            px(y),
            px(width / STEPS as f64 + 0.3),
            px(width / STEPS as f64 + 0.3)
        );
        svg.area(&data, &fill, 1.0, "");
    }
    svg.rect(
        Rect::new(x, y, width, 10.0),
        "none",
        Some(Pen::new(QUIET, 0.5)),
    );
    svg.text(
        x,
        y + 24.0,
        &format!("≤ {}", fixed(low, 2)),
        Text::size(11.0),
    );
    svg.text(
        x + width / 2.0,
        y + 24.0,
        &fixed((low + high) / 2.0, 2),
        Text::size(11.0).middle(),
    );
    svg.text(
        x + width,
        y + 24.0,
        &format!("≥ {}", fixed(high, 2)),
        Text::size(11.0).end(),
    );
    if with_ne {
        let box_ = Rect::new(x + width + 20.0, y - 1.0, 24.0, 12.0);
        svg.rect(box_, BLANK, Some(Pen::new(HAIR, 1.0)));
        svg.hatch(box_, 6.0, Pen::new("#b5b5b5", 1.0));
        svg.text(
            box_.right() + 6.0,
            y + 9.0,
            "NE",
            Text::size(11.0).fill(INK),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::well_formed;

    fn row(learner: &str, roi_set: &str, estimate: Estimate) -> ComparisonRow {
        ComparisonRow {
            profile: "careful".into(),
            endpoint: "dfs".into(),
            roi_set: roi_set.into(),
            learner: learner.into(),
            set: "cv".into(),
            metric: "composite_auc".into(),
            horizon_months: None,
            estimate,
        }
    }

    #[test]
    fn cells_find_their_place_and_missing_models_stay_empty() {
        let rows = [
            row("rsf", "tumour", Estimate::known(0.75, 0.7, 0.8, 552, 146)),
            row("cox", "combined", Estimate::absent("NE (at risk 0)")),
        ];
        let p = panel(&rows, "dfs", "cv", "composite_auc");
        assert_eq!((p.learners.len(), p.roi_sets.len()), (2, 2));
        assert!(p.cells[0][0].is_some() && p.cells[0][1].is_none());
        let svg = draw("Composite AUC", &[p], 0.5, 1.0);
        assert_eq!(well_formed(&svg), Ok(()));
        assert!(svg.contains(">0.750<") && svg.contains("0.70–0.80"));
        assert!(svg.contains("NE: at risk 0") && svg.contains(">NE<"));
    }

    #[test]
    fn nothing_one_and_forty_models_are_drawn() {
        assert!(draw("t", &[], 0.5, 1.0).contains("no estimates"));
        let many: Vec<ComparisonRow> = (0..40)
            .map(|i| {
                let name = format!("learner-with-a-very-long-name-that-cannot-fit-{i} <&>");
                row(
                    &name,
                    "tumour",
                    Estimate::known(0.5 + f64::from(i) / 100.0, 0.4, 0.9, 80, 16),
                )
            })
            .collect();
        for n in [1, 40] {
            let svg = draw(
                "t",
                &[panel(&many[..n], "dfs", "cv", "composite_auc")],
                0.5,
                1.0,
            );
            assert_eq!(well_formed(&svg), Ok(()));
            assert_eq!(svg.matches(">0.40–0.90<").count(), n);
        }
    }
}
