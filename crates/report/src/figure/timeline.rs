//! When which worker did what: one lane per worker, thousands of tasks in a few kilobytes.
//!
//! Time is cut into columns; a column of a lane takes the colour of the step that used most of it, and equal neighbours become one
//! bar. A column with any work is drawn, so the picture shows where work happened, not how dense it was.

use super::nothing;
use crate::colour::{HAIR, QUIET};
use crate::number::{counted, duration, ticks};
use crate::svg::{Pen, Rect, Svg, Text, px, text_width};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One task as it ran.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpanRow {
    /// The worker.
    pub lane: String,
    /// The task's address; the part before `[` is the step.
    pub label: String,
    /// Start since the run's beginning, ms.
    pub start_ms: u64,
    /// Duration, ms.
    pub wall_ms: u64,
}

const W: f64 = 760.0;
const BARS_MAX: usize = 6000;
const LANES_MAX: usize = 60;
const COLOURS: [&str; 8] = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6d1f", "#5e4fa2",
];
const OTHER: &str = "#9a9a9a";

/// Draws the spans. Beyond sixty workers the rest share the last lane; beyond eight steps the rest are grey.
pub fn draw(title: &str, spans: &[SpanRow]) -> String {
    if spans.is_empty() {
        return nothing(
            title,
            "no task ran: everything was reused, or nothing was recorded",
        );
    }
    let end = spans
        .iter()
        .map(|s| s.start_ms.saturating_add(s.wall_ms))
        .max()
        .unwrap_or(1)
        .max(1);
    let steps = steps_by_time(spans);
    let lanes = lanes(spans);
    let left = lanes
        .iter()
        .map(|(l, _)| text_width(l, 11.0))
        .fold(0.0, f64::max)
        .clamp(40.0, 180.0)
        + 28.0;
    let lane_h = if lanes.len() > 24 { 14.0 } else { 20.0 };
    let width = left + W + 110.0;
    let frame = Rect::new(left, 40.0, W, lanes.len() as f64 * lane_h);
    let mut svg = Svg::new(title);
    svg.text_within(16.0, 24.0, title, Text::size(14.0).bold(), width - 32.0);
    axis(&mut svg, frame, end);
    let columns = (BARS_MAX / lanes.len()).clamp(60, W as usize);
    for (i, (name, mine)) in lanes.iter().enumerate() {
        let y = frame.y + i as f64 * lane_h;
        svg.text_within(
            16.0,
            y + lane_h / 2.0 + 4.0,
            name,
            Text::size(11.0),
            left - 24.0,
        );
        let tasks = counted(mine.len(), "task");
        svg.text_within(
            frame.right() + 8.0,
            y + lane_h / 2.0 + 4.0,
            &tasks,
            Text::size(11.0).quiet(),
            98.0,
        );
        let place = Rect::new(frame.x, y + 2.0, frame.w, lane_h - 4.0);
        for (step, data) in bars(mine, &steps, place, end, columns) {
            svg.area(&data, COLOURS.get(step).copied().unwrap_or(OTHER), 1.0, "");
        }
    }
    let bottom = legend(&mut svg, &steps, frame.bottom() + 46.0, width);
    svg.finish(width, bottom)
}

fn step_of(label: &str) -> &str {
    label.split('[').next().unwrap_or(label)
}

fn steps_by_time(spans: &[SpanRow]) -> Vec<&str> {
    let mut time: BTreeMap<&str, u64> = BTreeMap::new();
    for span in spans {
        let t = time.entry(step_of(&span.label)).or_default();
        *t = t.saturating_add(span.wall_ms);
    }
    let mut steps: Vec<(&str, u64)> = time.into_iter().collect();
    steps.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    steps.into_iter().map(|(s, _)| s).collect()
}

fn lanes(spans: &[SpanRow]) -> Vec<(String, Vec<&SpanRow>)> {
    let mut by_lane: BTreeMap<&str, Vec<&SpanRow>> = BTreeMap::new();
    for span in spans {
        by_lane.entry(&span.lane).or_default().push(span);
    }
    let mut out: Vec<(String, Vec<&SpanRow>)> = by_lane
        .into_iter()
        .map(|(l, s)| (l.to_owned(), s))
        .collect();
    if out.len() > LANES_MAX {
        let rest = out.split_off(LANES_MAX - 1);
        let name = format!("{} more workers", rest.len());
        out.push((name, rest.into_iter().flat_map(|(_, s)| s).collect()));
    }
    out
}

/// Path data per step (its place in `steps`) of one lane.
fn bars(
    spans: &[&SpanRow],
    steps: &[&str],
    place: Rect,
    end: u64,
    columns: usize,
) -> BTreeMap<usize, String> {
    let scale = columns as f64 / end as f64;
    let mut shares: Vec<BTreeMap<usize, f64>> = vec![BTreeMap::new(); columns];
    for span in spans {
        let step = steps
            .iter()
            .position(|s| *s == step_of(&span.label))
            .unwrap_or(usize::MAX)
            .min(COLOURS.len());
        let (from, to) = (
            span.start_ms as f64 * scale,
            span.start_ms.saturating_add(span.wall_ms) as f64 * scale,
        );
        let first = (from as usize).min(columns - 1);
        let last = (libm::ceil(to) as usize).clamp(first + 1, columns);
        for c in first..last {
            let part = to.min(c as f64 + 1.0) - from.max(c as f64);
            *shares[c].entry(step).or_insert(0.0) += part.max(1e-6);
        }
    }
    let best = |share: &BTreeMap<usize, f64>| {
        share
            .iter()
            .fold(None, |top: Option<(usize, f64)>, (s, v)| match top {
                Some((_, t)) if t >= *v => top,
                _ => Some((*s, *v)),
            })
    };
    let owner: Vec<Option<usize>> = shares
        .iter()
        .map(|s| best(s).map(|(step, _)| step))
        .collect();
    let mut out: BTreeMap<usize, String> = BTreeMap::new();
    let mut c = 0;
    while c < columns {
        let run = owner[c..].iter().take_while(|o| **o == owner[c]).count();
        if let Some(step) = owner[c] {
            let (x, w) = (
                place.x + c as f64 * place.w / columns as f64,
                run as f64 * place.w / columns as f64,
            );
            let (x, w, h) = (px(x), px(w), px(place.h));
            let _ = write!(
                out.entry(step).or_default(),
                "M{x} {}h{w}v{h}h-{w}z",
                px(place.y)
            );
        }
        c += run;
    }
    out
}

fn axis(svg: &mut Svg, frame: Rect, end: u64) {
    let (unit, per) = match end {
        0..10_000 => ("ms", 1.0),
        10_000..600_000 => ("s", 1e3),
        600_000..36_000_000 => ("min", 6e4),
        _ => ("h", 3.6e6),
    };
    for t in ticks(0.0, end as f64 / per, 8) {
        let x = frame.x + t * per / end as f64 * frame.w;
        svg.line((x, frame.y), (x, frame.bottom() + 4.0), Pen::new(HAIR, 0.7));
        svg.text(
            x,
            frame.bottom() + 17.0,
            &crate::number::plain(t),
            Text::size(11.0).middle(),
        );
    }
    svg.line(
        (frame.x, frame.bottom()),
        (frame.right(), frame.bottom()),
        Pen::new(QUIET, 1.0),
    );
    let words = format!("{unit} since the run began; {} in all", duration(end));
    svg.text(
        frame.right(),
        frame.bottom() + 34.0,
        &words,
        Text::size(11.0).quiet().end(),
    );
}

fn legend(svg: &mut Svg, steps: &[&str], top: f64, width: f64) -> f64 {
    let mut entries: Vec<(&str, &str)> = steps.iter().copied().zip(COLOURS).collect();
    if steps.len() > COLOURS.len() {
        entries.push(("other steps", OTHER));
    }
    let (mut x, mut y) = (16.0, top + 8.0);
    for (step, colour) in entries {
        let room = text_width(step, 11.0).min(200.0);
        if x + room + 40.0 > width {
            x = 16.0;
            y += 18.0;
        }
        svg.rect(Rect::new(x, y - 9.0, 12.0, 11.0), colour, None);
        svg.text_within(x + 17.0, y, step, Text::size(11.0), 200.0);
        x += room + 36.0;
    }
    y + 16.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::well_formed;

    #[test]
    fn thousands_of_spans_stay_small() {
        let spans: Vec<SpanRow> = (0..50_000_u64)
            .map(|i| SpanRow {
                lane: format!("c1/worker-{}", i % 4),
                label: format!("step-{}[patient=c1-{i}]", i % 13),
                start_ms: i * 3,
                wall_ms: 11 + i % 7,
            })
            .collect();
        let svg = draw("Timeline", &spans);
        assert_eq!(well_formed(&svg), Ok(()));
        assert!(svg.len() < 150_000, "{} bytes", svg.len());
        assert!(svg.contains("12\u{202f}500 tasks") && svg.contains("other steps"));
    }

    #[test]
    fn none_one_and_many_lanes() {
        assert!(draw("t", &[]).contains("no task ran"));
        let span = |lane: String| SpanRow {
            lane,
            label: "n4<&>".into(),
            start_ms: 0,
            wall_ms: 0,
        };
        assert_eq!(well_formed(&draw("t", &[span("w".into())])), Ok(()));
        let many: Vec<SpanRow> = (0..200).map(|i| span(format!("w{i:03}"))).collect();
        assert!(draw("t", &many).contains("141 more workers"));
    }
}
