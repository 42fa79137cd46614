//! Kaplan–Meier curves of risk groups with confidence bands, censoring ticks, numbers at risk and the log-rank P given.

use super::nothing;
use crate::colour::{HAIR, QUIET, line};
use crate::number::{count, counted, fixed, p_value, plain};
use crate::svg::{Pen, Rect, Svg, Text, px, text_width, wrap};
use std::fmt::Write as _;

/// One risk group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// `low risk`.
    pub label: String,
    /// Patients.
    pub n: usize,
    /// Events among them.
    pub n_events: usize,
    /// Times of the steps, ascending.
    pub time: Vec<f64>,
    /// Survival from each step on.
    pub survival: Vec<f64>,
    /// Lower band, same length as `survival`, or empty.
    pub lower: Vec<f64>,
    /// Upper band, same length as `survival`, or empty.
    pub upper: Vec<f64>,
    /// Times of censoring.
    pub censored: Vec<f64>,
    /// Numbers at risk at the panel's `ticks`.
    pub at_risk: Vec<usize>,
}

/// One panel: one model on one set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panel {
    /// `RSF, combined · external`.
    pub title: String,
    /// What the vertical axis shows: `disease-free survival`.
    pub outcome: String,
    /// Unit of time: `months`.
    pub unit: String,
    /// Where the time axis is labelled and numbers at risk are given, ascending from 0; the last ends the axis.
    pub ticks: Vec<f64>,
    /// The groups, lowest risk first.
    pub groups: Vec<Group>,
    /// Log-rank P, if given.
    pub log_rank_p: Option<f64>,
    /// How the groups were cut: `cut at the median risk of the training rows`.
    pub cut: String,
}

const W: f64 = 360.0;
const H: f64 = 230.0;

/// Draws the panels, two in a row.
pub fn draw(title: &str, panels: &[Panel]) -> String {
    let panels: Vec<&Panel> = panels.iter().filter(|p| !p.groups.is_empty()).collect();
    if panels.is_empty() {
        return nothing(title, "no risk groups to draw");
    }
    let names = panels
        .iter()
        .flat_map(|p| &p.groups)
        .map(|g| text_width(&g.label, 11.0));
    let left = (names.fold(0.0, f64::max) + 56.0).clamp(84.0, 200.0);
    let panel_w = left + W + 44.0;
    let per_row = panels.len().min(2);
    let width = (16.0 + panel_w * per_row as f64).max(text_width(title, 14.0) * 1.08 + 32.0);
    let mut svg = Svg::new(title);
    svg.text_within(16.0, 24.0, title, Text::size(14.0).bold(), width - 32.0);
    let mut top = 40.0;
    for row in panels.chunks(2) {
        let mut height: f64 = 0.0;
        for (i, panel) in row.iter().enumerate() {
            height = height.max(draw_panel(
                &mut svg,
                panel,
                (16.0 + i as f64 * panel_w, top),
                left,
            ));
        }
        top += height + 18.0;
    }
    svg.finish(width, top)
}

fn draw_panel(svg: &mut Svg, panel: &Panel, (x, y): (f64, f64), left: f64) -> f64 {
    let room = left + W;
    svg.text_both_ends(x, y + 12.0, &panel.title, Text::size(13.0).bold(), room);
    let note = format!("log-rank {}; {}", p_value(panel.log_rank_p), panel.cut);
    let lines = wrap(note.trim_end_matches([';', ' ']), 11.0, room, 2);
    for (k, text) in lines.iter().enumerate() {
        svg.text(
            x,
            y + 29.0 + k as f64 * 14.0,
            text,
            Text::size(11.0).quiet(),
        );
    }
    let frame = Rect::new(x + left, y + 56.0, W, H);
    let end = panel
        .ticks
        .last()
        .copied()
        .filter(|t| *t > 0.0)
        .unwrap_or_else(|| last_time(panel));
    axes(svg, panel, frame, end);
    for (i, group) in panel.groups.iter().enumerate() {
        let (colour, dash) = line(i);
        if group.lower.len() == group.survival.len() && group.upper.len() == group.survival.len() {
            svg.area(&band(group, frame, end), colour, 0.12, "");
        }
        svg.path(
            &steps(group, frame, end),
            Pen {
                colour,
                width: 2.0,
                dash,
            },
        );
        svg.path(&censor_ticks(group, frame, end), Pen::new(colour, 1.2));
    }
    at_risk(svg, panel, frame, x, end) - y
}

fn last_time(panel: &Panel) -> f64 {
    panel
        .groups
        .iter()
        .flat_map(|g| g.time.iter().chain(&g.censored))
        .copied()
        .fold(1.0, f64::max)
}

fn axes(svg: &mut Svg, panel: &Panel, frame: Rect, end: f64) {
    for i in 0..=5 {
        let share = f64::from(i) / 5.0;
        let y = frame.bottom() - share * frame.h;
        svg.line((frame.x, y), (frame.right(), y), Pen::new(HAIR, 0.6));
        svg.text(
            frame.x - 7.0,
            y + 4.0,
            &fixed(share, 1),
            Text::size(11.0).end(),
        );
    }
    for t in &panel.ticks {
        let x = across(*t, frame, end);
        svg.line(
            (x, frame.bottom()),
            (x, frame.bottom() + 4.0),
            Pen::new(QUIET, 1.0),
        );
        svg.text(
            x,
            frame.bottom() + 17.0,
            &plain(*t),
            Text::size(11.0).middle(),
        );
    }
    svg.line(
        (frame.x, frame.y),
        (frame.x, frame.bottom()),
        Pen::new(QUIET, 1.0),
    );
    svg.line(
        (frame.x, frame.bottom()),
        (frame.right(), frame.bottom()),
        Pen::new(QUIET, 1.0),
    );
    svg.text_upright(
        frame.x - 38.0,
        frame.y + frame.h / 2.0,
        &panel.outcome,
        Text::size(12.0),
    );
}

fn at_risk(svg: &mut Svg, panel: &Panel, frame: Rect, x: f64, end: f64) -> f64 {
    let mut y = frame.bottom() + 36.0;
    svg.text(
        frame.middle(),
        y,
        &format!("time, {}", panel.unit),
        Text::size(12.0).middle(),
    );
    y += 22.0;
    svg.text(x, y, "At risk", Text::size(11.0).bold());
    for (i, group) in panel.groups.iter().enumerate() {
        y += 17.0;
        let (colour, dash) = line(i);
        svg.line(
            (x, y - 4.0),
            (x + 20.0, y - 4.0),
            Pen {
                colour,
                width: 2.0,
                dash,
            },
        );
        svg.text_within(
            x + 25.0,
            y,
            &group.label,
            Text::size(11.0),
            frame.x - x - 53.0,
        );
        let mut free = f64::MIN;
        for (t, n) in panel.ticks.iter().zip(&group.at_risk) {
            let (at, text) = (across(*t, frame, end), count(*n));
            let half = text_width(&text, 11.0) / 2.0;
            if at - half >= free {
                svg.text(at, y, &text, Text::size(11.0).middle());
                free = at + half + 4.0;
            }
        }
    }
    for group in &panel.groups {
        y += 16.0;
        let text = format!(
            "{}: n = {}, {}",
            group.label,
            count(group.n),
            counted(group.n_events, "event")
        );
        svg.text_within(
            x,
            y + 4.0,
            &text,
            Text::size(11.0).quiet(),
            frame.right() - x,
        );
    }
    y + 6.0
}

fn across(t: f64, frame: Rect, end: f64) -> f64 {
    frame.x + (t / end).clamp(0.0, 1.0) * frame.w
}

fn up(s: f64, frame: Rect) -> f64 {
    frame.bottom() - s.clamp(0.0, 1.0) * frame.h
}

/// The step line of `values` from (0, 1), to the group's last time.
fn stairs(group: &Group, values: &[f64], frame: Rect, end: f64) -> Vec<(f64, f64)> {
    let mut points = vec![(frame.x, up(1.0, frame))];
    let mut level = up(1.0, frame);
    let finite = group
        .time
        .iter()
        .zip(values)
        .filter(|(t, s)| t.is_finite() && s.is_finite());
    for (t, s) in finite.take_while(|(t, _)| **t <= end) {
        let x = across(*t, frame, end);
        points.push((x, level));
        level = up(*s, frame);
        points.push((x, level));
    }
    let last = group
        .time
        .iter()
        .chain(&group.censored)
        .copied()
        .filter(|t| t.is_finite())
        .fold(0.0, f64::max);
    points.push((across(last, frame, end), level));
    points.dedup();
    points
}

fn steps(group: &Group, frame: Rect, end: f64) -> String {
    joined(&stairs(group, &group.survival, frame, end))
}

fn band(group: &Group, frame: Rect, end: f64) -> String {
    let mut points = stairs(group, &group.upper, frame, end);
    points.extend(stairs(group, &group.lower, frame, end).into_iter().rev());
    joined(&points) + "z"
}

fn censor_ticks(group: &Group, frame: Rect, end: f64) -> String {
    let mut data = String::new();
    for t in group
        .censored
        .iter()
        .filter(|t| t.is_finite() && **t <= end)
    {
        let reached = group
            .time
            .iter()
            .zip(&group.survival)
            .take_while(|(s, _)| *s <= t)
            .last();
        let y = up(reached.map_or(1.0, |(_, s)| *s), frame);
        let _ = write!(data, "M{} {}v8", px(across(*t, frame, end)), px(y - 4.0));
    }
    data
}

fn joined(points: &[(f64, f64)]) -> String {
    let mut data = String::new();
    for (x, y) in points {
        let _ = write!(
            data,
            "{}{} {}",
            if data.is_empty() { "M" } else { "L" },
            px(*x),
            px(*y)
        );
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::well_formed;

    #[test]
    fn a_panel_has_steps_ticks_and_numbers_at_risk() {
        let group = Group {
            label: "low & slow".into(),
            n: 3,
            n_events: 1,
            time: vec![10.0],
            survival: vec![0.5],
            lower: vec![0.2],
            upper: vec![0.8],
            censored: vec![5.0, 20.0],
            at_risk: vec![3, 1, 0],
        };
        let panel = Panel {
            title: "t".into(),
            unit: "months".into(),
            ticks: vec![0.0, 12.0, 24.0],
            groups: vec![group],
            log_rank_p: Some(0.0002),
            ..Panel::default()
        };
        let svg = draw("KM", &[panel]);
        assert_eq!(well_formed(&svg), Ok(()));
        assert!(
            svg.contains("P &lt; 0.001")
                && svg.contains("low &amp; slow")
                && svg.contains("n = 3, 1 event")
        );
        assert_eq!(svg.matches("v8").count(), 2);
        assert!(draw("KM", &[]).contains("no risk groups"));
    }
}
