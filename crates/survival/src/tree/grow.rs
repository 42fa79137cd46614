//! Growth of one survival tree, breadth first.

use super::columns::Columns;
use super::log_rank::{Cut, Member, NodeTable, count, same_time};
use crate::keyed::Draws;
use crate::rsf::ForestTree;

/// When a branch stops.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GrowthLimits {
    /// Candidate features per node, at most the number of features.
    pub(crate) mtry: usize,
    /// No child holds fewer patients (copies counted).
    pub(crate) min_node_size: u64,
    /// Deepest level of a leaf; the root is level 0.
    pub(crate) max_depth: Option<usize>,
}

/// A tree and the bag it was grown from.
pub(crate) struct GrownTree {
    pub(crate) tree: ForestTree,
    /// Copies of each row in the bag; 0 is out of bag.
    pub(crate) copies: Vec<u32>,
}

/// Grows a tree on the rows with `copies[row] > 0`.
pub(crate) fn grow(
    columns: &Columns,
    copies: Vec<u32>,
    limits: GrowthLimits,
    draws: &mut Draws,
) -> GrownTree {
    let members: Vec<Member> = columns
        .by_time
        .iter()
        .map(|&row| Member {
            row,
            copies: copies[row as usize],
        })
        .filter(|m| m.copies > 0)
        .collect();
    let tree = Growth {
        columns,
        limits,
        place: vec![u32::MAX; columns.n_rows()],
        features: (0..columns.n_features() as u32).collect(),
        members,
        spare: Vec::new(),
        sorted: Vec::new(),
        table: NodeTable::default(),
        tree: ForestTree::default(),
    }
    .run(draws);
    GrownTree { tree, copies }
}

struct Growth<'a> {
    columns: &'a Columns,
    limits: GrowthLimits,
    /// The bag, each node a contiguous range in time order.
    members: Vec<Member>,
    /// Right-going members while a node is parted.
    spare: Vec<Member>,
    /// Place of each row within the node at work, `u32::MAX` elsewhere.
    place: Vec<u32>,
    features: Vec<u32>,
    sorted: Vec<(u32, u32)>,
    table: NodeTable,
    tree: ForestTree,
}

#[derive(Clone, Copy)]
struct Branch {
    start: usize,
    end: usize,
    depth: usize,
}

impl Growth<'_> {
    /// Visits nodes in the order they were made: node `i` of the tree is entry `i` of `branches`.
    fn run(mut self, draws: &mut Draws) -> ForestTree {
        let mut branches = vec![Branch {
            start: 0,
            end: self.members.len(),
            depth: 0,
        }];
        let mut node = 0;
        while node < branches.len() {
            let branch = branches[node];
            match self.best_cut(branch, draws) {
                Some(cut) => {
                    let middle = self.part(branch, cut);
                    self.tree.left.push(branches.len() as u32);
                    self.tree.feature.push(cut.feature);
                    self.tree.threshold.push(self.threshold(cut));
                    let depth = branch.depth + 1;
                    branches.push(Branch {
                        end: middle,
                        depth,
                        ..branch
                    });
                    branches.push(Branch {
                        start: middle,
                        depth,
                        ..branch
                    });
                }
                None => self.leaf(branch),
            }
            node += 1;
        }
        self.tree
    }

    fn best_cut(&mut self, branch: Branch, draws: &mut Draws) -> Option<Cut> {
        let members = &self.members[branch.start..branch.end];
        let size: u64 = members.iter().map(|m| u64::from(m.copies)).sum();
        let too_deep = self.limits.max_depth.is_some_and(|max| branch.depth >= max);
        if too_deep || size < 2 * self.limits.min_node_size {
            return None;
        }
        if !self
            .table
            .fill(members, &self.columns.time_index, &self.columns.event)
        {
            return None;
        }
        if self.limits.mtry < self.features.len() {
            draws.choose_front(&mut self.features, self.limits.mtry);
        }
        for (i, m) in members.iter().enumerate() {
            self.place[m.row as usize] = i as u32;
        }
        let mut best = None;
        for &feature in &self.features[..self.limits.mtry] {
            sort_members(
                self.columns,
                feature as usize,
                members,
                &self.place,
                &mut self.sorted,
            );
            self.table.scan(
                feature,
                &self.sorted,
                members,
                self.limits.min_node_size,
                &mut best,
            );
        }
        for m in members {
            self.place[m.row as usize] = u32::MAX;
        }
        best
    }

    /// Parts the node's range in two, both still in time order; returns where the right child starts.
    fn part(&mut self, branch: Branch, cut: Cut) -> usize {
        let rank = &self.columns.rank[cut.feature as usize];
        self.spare.clear();
        let mut kept = branch.start;
        for i in branch.start..branch.end {
            let member = self.members[i];
            if rank[member.row as usize] <= cut.rank_left {
                self.members[kept] = member;
                kept += 1;
            } else {
                self.spare.push(member);
            }
        }
        self.members[kept..branch.end].copy_from_slice(&self.spare);
        kept
    }

    /// Halfway between the two values, or the lower one where halfway is not below the upper.
    fn threshold(&self, cut: Cut) -> f64 {
        let values = &self.columns.values[cut.feature as usize];
        let (low, high) = (
            values[cut.rank_left as usize],
            values[cut.rank_right as usize],
        );
        let middle = low / 2.0 + high / 2.0;
        if low <= middle && middle < high {
            middle
        } else {
            low
        }
    }

    /// Ends the branch: events and patients at risk at each event time of the leaf.
    fn leaf(&mut self, branch: Branch) {
        let tree = &mut self.tree;
        tree.left.push(0);
        tree.feature.push(0);
        tree.threshold.push(0.0);
        let mut members = &self.members[branch.start..branch.end];
        let mut at_risk: u64 = members.iter().map(|m| u64::from(m.copies)).sum();
        while let Some(first) = members.first() {
            let group = same_time(members, &self.columns.time_index);
            let (deaths, leaving) = count(group, &self.columns.event);
            if deaths > 0 {
                tree.jump_time
                    .push(self.columns.time_index[first.row as usize]);
                tree.jump_events.push(deaths as u32);
                tree.jump_at_risk.push(at_risk as u32);
            }
            at_risk -= leaving;
            members = &members[group.len()..];
        }
        tree.leaf_end.push(tree.jump_time.len() as u32);
    }
}

/// Fills `sorted` with (rank, place) by rank, equal ranks in a fixed order.
///
/// A large node reads the forest's presorted rows and skips strangers; a small one sorts its own.
fn sort_members(
    columns: &Columns,
    feature: usize,
    members: &[Member],
    place: &[u32],
    sorted: &mut Vec<(u32, u32)>,
) {
    let rank = &columns.rank[feature];
    sorted.clear();
    if members.len() * 8 > columns.n_rows() {
        for &row in &columns.order[feature] {
            let at = place[row as usize];
            if at != u32::MAX {
                sorted.push((rank[row as usize], at));
            }
        }
    } else {
        for (i, m) in members.iter().enumerate() {
            sorted.push((rank[m.row as usize], i as u32));
        }
        sorted.sort_unstable();
    }
}
