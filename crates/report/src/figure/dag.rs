//! The steps of a study as a layered graph, sources on top.

use super::nothing;
use crate::colour::QUIET;
use crate::number::counted;
use crate::svg::{Pen, Rect, Svg, Text, px, text_width};
use std::collections::BTreeMap;

/// One step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DagStep {
    /// Its name in the study.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Its role: `pointwise`, `fit`, `apply`, `adapt`, `evaluate`, `gather`, `split`, `select`.
    pub role: String,
    /// Tasks it has.
    pub n_tasks: usize,
    /// What it reads: names of steps, with or without a port (`n4`, `n4.image`), or sources (`cohort.t2w`).
    pub inputs: Vec<String>,
}

const BOX_H: f64 = 46.0;
const LAYER: f64 = 82.0;

struct Node {
    label: String,
    below: String,
    tip: String,
    fill: &'static str,
    width: f64,
    layer: usize,
    real: bool,
    source: bool,
    x: f64,
}

#[derive(Default)]
struct Graph {
    nodes: Vec<Node>,
    edges: Vec<(usize, usize)>,
    layers: Vec<Vec<usize>>,
}

/// Draws the graph: every step below all that it reads; what no step makes is a rounded source.
pub fn draw(title: &str, steps: &[DagStep]) -> String {
    if steps.is_empty() {
        return nothing(title, "no steps to draw");
    }
    let mut graph = build(steps);
    order(&mut graph);
    let extent = place(&mut graph);
    let width = (extent + 32.0).max(560.0);
    let shift = 16.0 + (width - 32.0 - extent) / 2.0;
    let mut svg = Svg::new(title);
    svg.text_within(16.0, 24.0, title, Text::size(14.0).bold(), width - 32.0);
    draw_edges(&mut svg, &graph, shift);
    for node in graph.nodes.iter().filter(|n| n.real) {
        draw_node(&mut svg, node, shift);
    }
    let bottom = 44.0 + graph.layers.len() as f64 * LAYER - (LAYER - BOX_H) + 16.0;
    legend(&mut svg, steps, bottom);
    svg.finish(width, bottom + 30.0)
}

fn fill_of(role: &str) -> &'static str {
    match role {
        "pointwise" => "#e3eef8",
        "gather" => "#f0f0f0",
        "split" | "select" => "#fff4d6",
        "fit" => "#fbe3d6",
        "apply" | "adapt" => "#e4f3e8",
        "evaluate" => "#efe5f4",
        _ => "#ffffff",
    }
}

fn build(steps: &[DagStep]) -> Graph {
    let mut graph = Graph::default();
    let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
    for step in steps {
        by_name.insert(&step.name, graph.nodes.len());
        graph.nodes.push(step_node(step));
    }
    let mut sources: BTreeMap<&str, usize> = BTreeMap::new();
    for (to, step) in steps.iter().enumerate() {
        for input in &step.inputs {
            let stem = input.split('.').next().unwrap_or(input);
            let from = by_name
                .get(input.as_str())
                .or_else(|| by_name.get(stem))
                .copied()
                .unwrap_or_else(|| {
                    *sources.entry(input).or_insert_with(|| {
                        graph.nodes.push(source_node(input));
                        graph.nodes.len() - 1
                    })
                });
            if from != to && !graph.edges.contains(&(from, to)) {
                graph.edges.push((from, to));
            }
        }
    }
    layer(&mut graph);
    split_long_edges(&mut graph);
    graph
}

fn step_node(step: &DagStep) -> Node {
    let below = format!("{} · {}", step.role, counted(step.n_tasks, "task"));
    let widest = (text_width(&step.name, 12.0) * 1.1).max(text_width(&below, 11.0));
    Node {
        label: step.name.clone(),
        tip: format!("{} ({}), {}", step.name, step.kind, below),
        below,
        fill: fill_of(&step.role),
        width: (widest + 20.0).clamp(90.0, 210.0),
        layer: 0,
        real: true,
        source: false,
        x: 0.0,
    }
}

fn source_node(name: &str) -> Node {
    Node {
        label: name.to_owned(),
        below: "source".to_owned(),
        tip: name.to_owned(),
        fill: "#ffffff",
        width: (text_width(name, 12.0) * 1.1 + 20.0).clamp(80.0, 180.0),
        layer: 0,
        real: true,
        source: true,
        x: 0.0,
    }
}

/// Longest path from the top; steps in a cycle keep the layer they have reached. Sources move down to their first reader.
fn layer(graph: &mut Graph) {
    for _ in 0..graph.nodes.len() {
        let mut moved = false;
        for &(from, to) in &graph.edges {
            let below = graph.nodes[from].layer + 1;
            if graph.nodes[to].layer < below && below < graph.nodes.len() {
                graph.nodes[to].layer = below;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    for i in 0..graph.nodes.len() {
        let readers = graph
            .edges
            .iter()
            .filter(|e| e.0 == i)
            .map(|e| graph.nodes[e.1].layer);
        if let (true, Some(first)) = (graph.nodes[i].source, readers.min()) {
            graph.nodes[i].layer = first.saturating_sub(1);
        }
    }
}

/// An edge over several layers passes one invisible node in each, so that no line runs behind a box.
fn split_long_edges(graph: &mut Graph) {
    let mut edges = Vec::new();
    for (from, to) in std::mem::take(&mut graph.edges) {
        let (top, bottom) = (graph.nodes[from].layer, graph.nodes[to].layer);
        let mut last = from;
        for layer in top + 1..bottom {
            graph.nodes.push(Node {
                label: String::new(),
                below: String::new(),
                tip: String::new(),
                fill: "none",
                width: 10.0,
                layer,
                real: false,
                source: false,
                x: 0.0,
            });
            edges.push((last, graph.nodes.len() - 1));
            last = graph.nodes.len() - 1;
        }
        edges.push((last, to));
    }
    graph.edges = edges;
    let depth = graph.nodes.iter().map(|n| n.layer + 1).max().unwrap_or(0);
    graph.layers = vec![Vec::new(); depth];
    for (i, node) in graph.nodes.iter().enumerate() {
        graph.layers[node.layer].push(i);
    }
    graph.layers.retain(|l| !l.is_empty());
    for (i, layer) in graph.layers.iter().enumerate() {
        for n in layer {
            graph.nodes[*n].layer = i;
        }
    }
}

fn neighbours(graph: &Graph) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
    let mut above = vec![Vec::new(); graph.nodes.len()];
    let mut below = vec![Vec::new(); graph.nodes.len()];
    for &(from, to) in &graph.edges {
        above[to].push(from);
        below[from].push(to);
    }
    (above, below)
}

/// Barycentre sweeps, down and up; ties keep the order of the study.
fn order(graph: &mut Graph) {
    let (above, below) = neighbours(graph);
    let mut rank = vec![0.0; graph.nodes.len()];
    for sweep in 0..12 {
        let depth = graph.layers.len();
        for k in 0..depth {
            let l = if sweep % 2 == 0 { k } else { depth - 1 - k };
            let near = if sweep % 2 == 0 { &above } else { &below };
            let layer = &mut graph.layers[l];
            let mut keyed: Vec<(f64, usize)> = layer
                .iter()
                .enumerate()
                .map(|(i, n)| {
                    (
                        if near[*n].is_empty() {
                            i as f64
                        } else {
                            mean(near[*n].iter().map(|m| rank[*m]))
                        },
                        *n,
                    )
                })
                .collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            *layer = keyed.into_iter().map(|(_, n)| n).collect();
            for (i, n) in layer.iter().enumerate() {
                rank[*n] = i as f64;
            }
        }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for v in values {
        sum += v;
        n += 1.0;
    }
    if n > 0.0 { sum / n } else { 0.0 }
}

/// Centres of the nodes: pulled towards their neighbours, never closer than their widths allow. Returns the extent.
fn place(graph: &mut Graph) -> f64 {
    let (above, below) = neighbours(graph);
    for layer in graph.layers.clone() {
        spread(graph, &layer, &vec![0.0; layer.len()]);
    }
    for sweep in 0..24 {
        let depth = graph.layers.len();
        for k in 0..depth {
            let l = if sweep % 2 == 0 { k } else { depth - 1 - k };
            let layer = graph.layers[l].clone();
            let wish: Vec<f64> = layer
                .iter()
                .map(|n| {
                    let all = above[*n]
                        .iter()
                        .chain(&below[*n])
                        .map(|m| graph.nodes[*m].x);
                    if above[*n].is_empty() && below[*n].is_empty() {
                        graph.nodes[*n].x
                    } else {
                        mean(all)
                    }
                })
                .collect();
            spread(graph, &layer, &wish);
        }
    }
    let left = graph
        .nodes
        .iter()
        .map(|n| n.x - n.width / 2.0)
        .fold(f64::MAX, f64::min);
    for node in &mut graph.nodes {
        node.x -= left;
    }
    graph
        .nodes
        .iter()
        .map(|n| n.x + n.width / 2.0)
        .fold(0.0, f64::max)
}

/// Sets a layer as near to its wishes as order and widths allow: blocks that collide share the mean of their wishes.
fn spread(graph: &mut Graph, layer: &[usize], wish: &[f64]) {
    // A block: sum of (wish - offset), members, offsets of its members from its start.
    let mut blocks: Vec<(f64, Vec<f64>, f64)> = Vec::new();
    let gap = 16.0;
    for (i, n) in layer.iter().enumerate() {
        let width = graph.nodes[*n].width;
        blocks.push((wish[i], vec![0.0], width));
        while let [.., a, b] = blocks.as_slice() {
            let (la, lb) = (a.1.len() as f64, b.1.len() as f64);
            let first_b = layer[i + 1 - b.1.len()];
            let last_a = layer[i - b.1.len()];
            let step = (graph.nodes[last_a].width + graph.nodes[first_b].width) / 2.0 + gap;
            let a_end = a.1.last().copied().unwrap_or(0.0);
            if a.0 / la + a_end + step <= b.0 / lb {
                break;
            }
            let shift = a_end + step;
            let mut offsets = a.1.clone();
            offsets.extend(b.1.iter().map(|o| o + shift));
            let merged = (a.0 + b.0 - shift * lb, offsets, 0.0);
            blocks.truncate(blocks.len() - 2);
            blocks.push(merged);
        }
    }
    let mut i = 0;
    for (sum, offsets, _) in blocks {
        let start = sum / offsets.len() as f64;
        for offset in offsets {
            graph.nodes[layer[i]].x = start + offset;
            i += 1;
        }
    }
}

fn top_of(node: &Node) -> f64 {
    44.0 + node.layer as f64 * LAYER
}

fn draw_edges(svg: &mut Svg, graph: &Graph, shift: f64) {
    for &(from, to) in &graph.edges {
        let (a, b) = (&graph.nodes[from], &graph.nodes[to]);
        let (x1, y1) = (a.x + shift, top_of(a) + BOX_H);
        let (x2, y2) = (b.x + shift, top_of(b));
        let bend = (y2 - y1) / 2.0;
        let mut data = format!(
            "M{} {}C{} {} {} {} {} {}",
            px(x1),
            px(y1),
            px(x1),
            px(y1 + bend),
            px(x2),
            px(y2 - bend),
            px(x2),
            px(y2)
        );
        if !b.real {
            data.push_str(&format!("v{}", px(BOX_H)));
        }
        svg.path(&data, Pen::new("#8a8a8a", 1.1));
        if b.real {
            svg.area(
                &format!("M{} {}l-3 -6h6z", px(x2), px(y2)),
                "#6b6b6b",
                1.0,
                "",
            );
        }
    }
}

fn draw_node(svg: &mut Svg, node: &Node, shift: f64) {
    let rect = Rect::new(
        node.x + shift - node.width / 2.0,
        top_of(node),
        node.width,
        BOX_H,
    );
    let dash = if node.source { "3 3" } else { "" };
    let radius = if node.source { 20.0 } else { 4.0 };
    svg.round_rect(
        rect,
        radius,
        node.fill,
        Some(Pen {
            colour: QUIET,
            width: 1.0,
            dash,
        }),
        &node.tip,
    );
    svg.text_within(
        rect.middle(),
        rect.y + 19.0,
        &node.label,
        Text::size(12.0).bold().middle(),
        (node.width - 12.0) / 1.05,
    );
    svg.text_within(
        rect.middle(),
        rect.y + 36.0,
        &node.below,
        Text::size(11.0).quiet().middle(),
        node.width - 8.0,
    );
}

fn legend(svg: &mut Svg, steps: &[DagStep], y: f64) {
    let mut roles: Vec<&str> = Vec::new();
    for step in steps {
        if !roles.contains(&step.role.as_str()) {
            roles.push(&step.role);
        }
    }
    let mut x = 16.0;
    for role in roles.iter().take(9) {
        svg.rect(
            Rect::new(x, y, 14.0, 12.0),
            fill_of(role),
            Some(Pen::new(QUIET, 0.8)),
        );
        svg.text_within(x + 19.0, y + 10.0, role, Text::size(11.0), 90.0);
        x += 30.0 + text_width(role, 11.0).min(90.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::well_formed;

    fn step(name: &str, inputs: &[&str]) -> DagStep {
        DagStep {
            name: name.into(),
            kind: "no-op".into(),
            role: "gather".into(),
            n_tasks: 12,
            inputs: inputs.iter().map(|s| (*s).to_owned()).collect(),
        }
    }

    #[test]
    fn boxes_of_a_layer_never_overlap_and_readers_are_below() {
        let mut steps: Vec<DagStep> = (0..9)
            .map(|i| step(&format!("wide-step-number-{i}"), &["cohort.t2w"]))
            .collect();
        steps.push(step(
            "end",
            &[
                "wide-step-number-0.image",
                "wide-step-number-8",
                "cohort.mask",
            ],
        ));
        let mut graph = build(&steps);
        order(&mut graph);
        place(&mut graph);
        for layer in &graph.layers {
            for pair in layer.windows(2) {
                let (a, b) = (&graph.nodes[pair[0]], &graph.nodes[pair[1]]);
                assert!(
                    a.x + a.width / 2.0 + 15.9 <= b.x - b.width / 2.0,
                    "{} {}",
                    a.label,
                    b.label
                );
            }
        }
        assert!(
            graph
                .edges
                .iter()
                .all(|(a, b)| graph.nodes[*a].layer < graph.nodes[*b].layer)
        );
        let svg = draw("Steps", &steps);
        assert_eq!(well_formed(&svg), Ok(()));
        assert!(svg.contains("gather · 12 tasks") && svg.contains(">cohort.mask<"));
    }

    #[test]
    fn cycles_and_nothing_do_no_harm() {
        assert_eq!(
            well_formed(&draw(
                "t",
                &[step("a", &["b"]), step("b", &["a"]), step("c", &["c"])]
            )),
            Ok(())
        );
        assert!(draw("t", &[]).contains("no steps"));
    }
}
