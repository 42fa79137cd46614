//! Flow of patients: announced → left out, with reasons → analysed per endpoint.

use crate::colour::{INK, QUIET};
use crate::number::{count, counted};
use crate::svg::{Pen, Rect, Svg, Text, wrap};

/// Patients left out at one place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeftOut {
    /// How many patients.
    pub n: usize,
    /// Reason and number of patients; one patient may have several.
    pub reasons: Vec<(String, usize)>,
}

/// What became of the patients for one endpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Branch {
    /// `DFS`.
    pub endpoint: String,
    /// Left out for this endpoint alone.
    pub left_out: LeftOut,
    /// Analysed.
    pub n: usize,
    /// Events among them.
    pub n_events: usize,
    /// Sets and their patients: `training`, 552.
    pub sets: Vec<(String, usize)>,
}

/// The whole flow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flow {
    /// Patients that the sites announced.
    pub announced: usize,
    /// Patients per site.
    pub sites: Vec<(String, usize)>,
    /// Left out for every endpoint.
    pub left_out: LeftOut,
    /// One branch per endpoint.
    pub branches: Vec<Branch>,
}

const BOX_W: f64 = 270.0;
const GAP: f64 = 40.0;
const LINE: f64 = 17.0;
const REASONS: usize = 12;

/// Draws the flow. More than twelve reasons in a box are counted, not listed.
pub fn draw(title: &str, flow: &Flow) -> String {
    let columns = flow.branches.len().max(1);
    let width = (32.0 + columns as f64 * (BOX_W + GAP) - GAP).max(32.0 + 2.0 * BOX_W + GAP);
    let mut svg = Svg::new(title);
    svg.text_within(16.0, 24.0, title, Text::size(14.0).bold(), width - 32.0);
    let two_wide = 2.0 * BOX_W + GAP;
    let x = (width - two_wide) / 2.0;
    let mut top = vec![(
        format!("{} announced", counted(flow.announced, "patient")),
        true,
    )];
    top.extend(
        flow.sites
            .iter()
            .map(|(site, n)| (format!("{site}: {}", count(*n)), false)),
    );
    let first = put_box(&mut svg, x, 42.0, &top, "#eef4fa");
    let aside = put_box(
        &mut svg,
        x + BOX_W + GAP,
        42.0,
        &left_out(&flow.left_out, "left out of every endpoint"),
        "#fbf3ea",
    );
    arrow(&mut svg, &[(first.right(), 62.0), (aside.x, 62.0)]);
    let fork = first.bottom().max(aside.bottom()) + 22.0;
    let start = (width - (columns as f64 * (BOX_W + GAP) - GAP)) / 2.0;
    let mut height = fork;
    for (i, branch) in flow.branches.iter().enumerate() {
        let x = start + i as f64 * (BOX_W + GAP);
        let middle = x + BOX_W / 2.0;
        let words = format!("left out of {} only", branch.endpoint);
        let out = put_box(
            &mut svg,
            x,
            fork + 26.0,
            &left_out(&branch.left_out, &words),
            "#fbf3ea",
        );
        arrow(
            &mut svg,
            &[
                (first.middle(), first.bottom()),
                (first.middle(), fork),
                (middle, fork),
                (middle, out.y),
            ],
        );
        height = height.max(out.bottom());
    }
    let row = height + 30.0;
    for (i, branch) in flow.branches.iter().enumerate() {
        let x = start + i as f64 * (BOX_W + GAP);
        let end = put_box(&mut svg, x, row, &analysed(branch), "#eaf5ef");
        let above = box_height(&left_out(
            &branch.left_out,
            &format!("left out of {} only", branch.endpoint),
        ));
        arrow(
            &mut svg,
            &[(end.middle(), fork + 26.0 + above), (end.middle(), end.y)],
        );
        height = height.max(end.bottom());
    }
    svg.finish(width, height + 16.0)
}

fn analysed(branch: &Branch) -> Vec<(String, bool)> {
    let mut lines = vec![(
        format!(
            "{}: {} analysed, {}",
            branch.endpoint,
            count(branch.n),
            counted(branch.n_events, "event")
        ),
        true,
    )];
    lines.extend(
        branch
            .sets
            .iter()
            .map(|(set, n)| (format!("{set}: {}", count(*n)), false)),
    );
    lines
}

fn left_out(group: &LeftOut, words: &str) -> Vec<(String, bool)> {
    let mut lines = vec![(format!("{} {words}", count(group.n)), true)];
    lines.extend(
        group
            .reasons
            .iter()
            .take(REASONS)
            .map(|(reason, n)| (format!("{} – {reason}", count(*n)), false)),
    );
    if group.reasons.len() > REASONS {
        lines.push((
            format!("and {} further reasons", group.reasons.len() - REASONS),
            false,
        ));
    }
    lines
}

fn wrapped(lines: &[(String, bool)]) -> Vec<(String, bool)> {
    let cut = |(text, bold): &(String, bool)| -> Vec<(String, bool)> {
        let size = if *bold { 13.2 } else { 12.0 };
        wrap(text, size, BOX_W - 20.0, 3)
            .into_iter()
            .map(|l| (l, *bold))
            .collect()
    };
    lines.iter().flat_map(cut).collect()
}

fn box_height(lines: &[(String, bool)]) -> f64 {
    wrapped(lines).len() as f64 * LINE + 14.0
}

fn put_box(svg: &mut Svg, x: f64, y: f64, lines: &[(String, bool)], fill: &str) -> Rect {
    let rect = Rect::new(x, y, BOX_W, box_height(lines));
    svg.round_rect(rect, 3.0, fill, Some(Pen::new(QUIET, 1.0)), "");
    for (i, (text, bold)) in wrapped(lines).iter().enumerate() {
        let style = if *bold {
            Text::size(12.0).bold()
        } else {
            Text::size(12.0)
        };
        svg.text(x + 10.0, y + 20.0 + i as f64 * LINE, text, style);
    }
    rect
}

/// A polyline with an arrow head at its end; its last part is horizontal or vertical.
fn arrow(svg: &mut Svg, points: &[(f64, f64)]) {
    for pair in points.windows(2) {
        svg.line(pair[0], pair[1], Pen::new(INK, 1.1));
    }
    if let [.., from, to] = points {
        let (x, y) = *to;
        let head = if (from.1 - y).abs() < 0.5 {
            format!("M{x:.1} {y:.1}l-7 -3.5v7z")
        } else {
            format!("M{x:.1} {y:.1}l-3.5 -7h7z")
        };
        svg.area(&head, INK, 1.0, "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::well_formed;

    #[test]
    fn every_number_and_reason_is_drawn() {
        let branch = |e: &str| Branch {
            endpoint: e.into(),
            left_out: LeftOut {
                n: 1,
                reasons: vec![("no <follow-up>".into(), 1)],
            },
            n: 629,
            n_events: 194,
            sets: vec![("training".into(), 549)],
        };
        let flow = Flow {
            announced: 632,
            sites: vec![("c1".into(), 552)],
            left_out: LeftOut {
                n: 3,
                reasons: (0..20).map(|i| (format!("reason {i}"), 1)).collect(),
            },
            branches: vec![branch("DFS"), branch("OS"), branch("CSS")],
        };
        let svg = draw("Flow", &flow);
        assert_eq!(well_formed(&svg), Ok(()));
        for text in [
            "632 patients announced",
            "DFS: 629 analysed",
            "no &lt;follow-up&gt;",
            "and 8 further reasons",
        ] {
            assert!(svg.contains(text), "{text}");
        }
        assert_eq!(well_formed(&draw("Flow", &Flow::default())), Ok(()));
    }
}
