//! Who needs whom, and how far it is to the end.

use super::{Origin, Plan, Rows, TaskIdx};

/// Fills dependencies, dependents and depths.
pub(super) fn connect(plan: &mut Plan) {
    let n = plan.tasks.len();
    let mut dependencies = Rows {
        starts: vec![0],
        items: Vec::new(),
    };
    let mut needed = Vec::new();
    for task in 0..n as TaskIdx {
        needed.clear();
        for port in plan.ports(task) {
            needed.extend(
                plan.entries(port)
                    .iter()
                    .filter_map(|entry| match entry.origin {
                        Origin::Output { task, .. } => Some(task),
                        Origin::Source(_) => None,
                    }),
            );
        }
        needed.sort_unstable();
        needed.dedup();
        dependencies.items.extend_from_slice(&needed);
        dependencies.starts.push(dependencies.items.len() as u32);
    }
    plan.dependents = turned(&dependencies, n);
    plan.dependencies = dependencies;
    plan.depth_ms = depths(plan);
}

/// The same relation the other way round; rows ascending.
fn turned(rows: &Rows, n: usize) -> Rows {
    let mut starts = vec![0u32; n + 1];
    for &item in &rows.items {
        starts[item as usize + 1] += 1;
    }
    for i in 0..n {
        starts[i + 1] += starts[i];
    }
    let mut next = starts.clone();
    let mut items = vec![0; rows.items.len()];
    for task in 0..n as TaskIdx {
        for &item in rows.row(task) {
            items[next[item as usize] as usize] = task;
            next[item as usize] += 1;
        }
    }
    Rows { starts, items }
}

/// Longest way to the end. Tasks are in topological order, so one pass from behind is enough.
fn depths(plan: &Plan) -> Vec<u32> {
    let mut depths = vec![0u32; plan.tasks.len()];
    for task in (0..plan.tasks.len()).rev() {
        let behind = plan
            .dependents
            .row(task as TaskIdx)
            .iter()
            .map(|&t| depths[t as usize])
            .max();
        let own_ms = (plan.tasks[task].kind.cost.seconds * 1000.0)
            .ceil()
            .max(1.0) as u32;
        depths[task] = behind.unwrap_or(0).saturating_add(own_ms);
    }
    depths
}
