//! Forest of models: a dot and its interval per model, one column per set, never two sets on one line.

use super::nothing;
use crate::colour::{HAIR, INK, QUIET};
use crate::number::{fixed, ticks};
use crate::svg::{Pen, Rect, Svg, Text, shorten, text_width};
use crate::values::{ComparisonRow, Estimate, display_name};

/// One model.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// `RSF, combined`.
    pub label: String,
    /// One estimate per set of the figure; `None` where the model was not judged.
    pub estimates: Vec<Option<Estimate>>,
}

const ROW_H: f64 = 21.0;
const AXIS_W: f64 = 190.0;
const TEXT_W: f64 = 160.0;

/// The models of one endpoint by `metric` (without a horizon): highest first by the first set, those without a value last.
pub fn rows(comparison: &[ComparisonRow], endpoint: &str, metric: &str, sets: &[&str]) -> Vec<Row> {
    let mut out: Vec<Row> = Vec::new();
    for row in comparison
        .iter()
        .filter(|r| r.endpoint == endpoint && r.metric == metric && r.horizon_months.is_none())
    {
        let Some(place) = sets.iter().position(|s| *s == row.set) else {
            continue;
        };
        let label = format!(
            "{}, {}",
            display_name(&row.learner),
            display_name(&row.roi_set)
        );
        let at = out
            .iter()
            .position(|r| r.label == label)
            .unwrap_or_else(|| {
                out.push(Row {
                    label,
                    estimates: vec![None; sets.len()],
                });
                out.len() - 1
            });
        out[at].estimates[place] = Some(row.estimate.clone());
    }
    let key = |r: &Row| {
        r.estimates
            .first()
            .and_then(|e| e.as_ref())
            .and_then(Estimate::finite)
            .unwrap_or(f64::MIN)
    };
    out.sort_by(|a, b| {
        key(b)
            .total_cmp(&key(a))
            .then_with(|| a.label.cmp(&b.label))
    });
    out
}

/// Draws the rows; `sets` names the columns, `reference` is the value of chance (0.5 for an AUC).
pub fn draw(title: &str, metric: &str, sets: &[&str], rows: &[Row], reference: f64) -> String {
    if rows.is_empty() || sets.is_empty() {
        return nothing(title, "no models to compare");
    }
    let left = rows
        .iter()
        .map(|r| text_width(&r.label, 12.0))
        .fold(0.0, f64::max)
        .clamp(60.0, 240.0)
        + 28.0;
    let width = left + sets.len() as f64 * (AXIS_W + TEXT_W + 16.0) + 8.0;
    let (low, high) = range(rows, reference);
    let bottom = 66.0 + rows.len() as f64 * ROW_H;
    let mut svg = Svg::new(title);
    svg.text_within(16.0, 24.0, title, Text::size(14.0).bold(), width - 32.0);
    for (i, row) in rows.iter().enumerate() {
        let y = 66.0 + i as f64 * ROW_H;
        if i % 2 == 0 {
            svg.rect(Rect::new(8.0, y, width - 16.0, ROW_H), "#f7f7f7", None);
        }
        put_label(&mut svg, y + 15.0, &row.label, left - 24.0);
    }
    for (c, set) in sets.iter().enumerate() {
        let x = left + c as f64 * (AXIS_W + TEXT_W + 16.0);
        let frame = Rect::new(x, 66.0, AXIS_W, bottom - 66.0);
        svg.text_within(x, 52.0, &display_name(set), Text::size(12.0).bold(), AXIS_W);
        svg.text(
            x + AXIS_W + 10.0,
            52.0,
            "value (interval), n",
            Text::size(11.0).quiet(),
        );
        axis(&mut svg, frame, low, high, reference, metric);
        for (i, row) in rows.iter().enumerate() {
            let y = 66.0 + (i as f64 + 0.5) * ROW_H;
            if let Some(Some(estimate)) = row.estimates.get(c) {
                mark(&mut svg, estimate, frame, y, (low, high));
            }
        }
    }
    let mut reasons: Vec<String> = Vec::new();
    for estimate in rows.iter().flat_map(|r| r.estimates.iter().flatten()) {
        let reason = estimate.reason_text();
        if estimate.finite().is_none() && !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    for (i, reason) in reasons.iter().take(6).enumerate() {
        let y = bottom + 58.0 + i as f64 * 16.0;
        let note = format!("NE: {reason}");
        svg.text_within(16.0, y, &note, Text::size(11.0).quiet(), width - 32.0);
    }
    svg.finish(width, bottom + 50.0 + reasons.len().min(6) as f64 * 16.0)
}

/// A row's name; when it is too long, learner and ROI set each keep their beginning.
fn put_label(svg: &mut Svg, y: f64, label: &str, room: f64) {
    if let Some((learner, roi_set)) = label.rsplit_once(", ")
        && text_width(label, 12.0) > room
    {
        let half = room / 2.0 - 8.0;
        let spare = (half - text_width(learner, 12.0)).max(0.0);
        let tail = shorten(roi_set, 12.0, half + spare);
        let head = shorten(learner, 12.0, room - 12.0 - text_width(&tail, 12.0));
        svg.text_tipped(16.0, y, &format!("{head}, {tail}"), Text::size(12.0), label);
    } else {
        svg.text_within(16.0, y, label, Text::size(12.0), room);
    }
}

fn range(rows: &[Row], reference: f64) -> (f64, f64) {
    let (mut low, mut high) = (reference, reference);
    for estimate in rows.iter().flat_map(|r| r.estimates.iter().flatten()) {
        let (a, b) = estimate.interval().unwrap_or((reference, reference));
        let v = estimate.finite().unwrap_or(reference);
        low = low.min(a).min(v);
        high = high.max(b).max(v);
    }
    let pad = (high - low).max(0.05) * 0.04;
    (low - pad, high + pad)
}

fn axis(svg: &mut Svg, frame: Rect, low: f64, high: f64, reference: f64, metric: &str) {
    let across = |v: f64| frame.x + (v - low) / (high - low) * frame.w;
    for t in ticks(low, high, 4) {
        svg.line(
            (across(t), frame.y),
            (across(t), frame.bottom()),
            Pen::new(HAIR, 0.6),
        );
        svg.text(
            across(t),
            frame.bottom() + 16.0,
            &fixed(t, 2),
            Text::size(11.0).middle(),
        );
    }
    let chance = Pen {
        colour: QUIET,
        width: 1.0,
        dash: "3 3",
    };
    svg.line(
        (across(reference), frame.y),
        (across(reference), frame.bottom()),
        chance,
    );
    svg.line(
        (frame.x, frame.bottom()),
        (frame.right(), frame.bottom()),
        Pen::new(QUIET, 1.0),
    );
    svg.text_within(
        frame.middle(),
        frame.bottom() + 34.0,
        metric,
        Text::size(12.0).middle(),
        frame.w,
    );
}

fn mark(svg: &mut Svg, estimate: &Estimate, frame: Rect, y: f64, (low, high): (f64, f64)) {
    let across = |v: f64| frame.x + (v - low) / (high - low) * frame.w;
    let x = frame.right() + 10.0;
    let Some(value) = estimate.finite() else {
        svg.text_within(
            x,
            y + 4.0,
            &format!("NE: {}", estimate.reason_text()),
            Text::size(11.0).quiet(),
            TEXT_W,
        );
        return;
    };
    if let Some((a, b)) = estimate.interval() {
        svg.line((across(a), y), (across(b), y), Pen::new(INK, 1.4));
        svg.circle((across(value), y), 3.6, "#0072b2", None);
    } else {
        svg.circle(
            (across(value), y),
            3.6,
            "#ffffff",
            Some(Pen::new("#0072b2", 1.4)),
        );
    }
    let n = estimate
        .n
        .map_or_else(|| "n not known".to_owned(), |n| n.to_string());
    svg.text_within(
        x,
        y + 4.0,
        &format!("{}, {n}", estimate.text(2)),
        Text::size(11.0),
        TEXT_W,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::well_formed;

    fn row(label: &str, value: Option<f64>) -> Row {
        let e = value.map_or_else(
            || Estimate::absent("NE (too few)"),
            |v| Estimate::known(v, v - 0.1, v + 0.1, 80, 16),
        );
        Row {
            label: label.into(),
            estimates: vec![Some(e), None],
        }
    }

    #[test]
    fn one_and_forty_models_and_none() {
        for n in [1_u32, 40] {
            let many: Vec<Row> = (0..n)
                .map(|i| row(&format!("<m{i}>"), Some(0.5 + f64::from(i) / 100.0)))
                .collect();
            let svg = draw("t", "AUC", &["cv", "external"], &many, 0.5);
            assert_eq!(well_formed(&svg), Ok(()));
            assert_eq!(svg.matches("<circle").count(), n as usize);
        }
        assert!(draw("t", "AUC", &["cv"], &[], 0.5).contains("no models"));
        assert!(
            draw("t", "AUC", &["cv", "external"], &[row("x", None)], 0.5).contains("NE: too few")
        );
    }
}
