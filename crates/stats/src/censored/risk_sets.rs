//! Who is at risk when: rows grouped by distinct time.

use cohort::FollowUp;

/// Rows in ascending order of time, cut into groups of equal time.
///
/// Within a group rows keep their order in the table, so every sum over a group has one order.
#[derive(Debug, Clone)]
pub struct RiskSets {
    order: Vec<usize>,
    starts: Vec<usize>,
}

impl RiskSets {
    /// Groups the rows of `follow_up`.
    pub fn new(follow_up: &FollowUp) -> RiskSets {
        let time = follow_up.time();
        let mut order: Vec<usize> = (0..time.len()).collect();
        order.sort_by(|&a, &b| time[a].total_cmp(&time[b]).then(a.cmp(&b)));
        let mut starts: Vec<usize> = (0..order.len())
            .filter(|&i| i == 0 || time[order[i]] != time[order[i - 1]])
            .collect();
        starts.push(order.len());
        RiskSets { order, starts }
    }

    /// Number of distinct times.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// True when there are no rows.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Rows whose time is the `k`-th distinct time; empty beyond the last.
    pub fn at(&self, k: usize) -> &[usize] {
        if k >= self.len() {
            return &[];
        }
        &self.order[self.starts[k]..self.starts[k + 1]]
    }

    /// All rows in ascending order of time.
    pub fn order(&self) -> &[usize] {
        &self.order
    }
}

/// Counts at each distinct time (events and censorings), ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct RiskTable {
    /// Distinct times t_k.
    pub time: Vec<f64>,
    /// At risk just before t_k.
    pub n_risk: Vec<usize>,
    /// Events at t_k.
    pub n_events: Vec<usize>,
    /// Censorings at t_k.
    pub n_censored: Vec<usize>,
}

impl RiskTable {
    /// Counts over all rows of `follow_up`.
    pub fn new(follow_up: &FollowUp) -> RiskTable {
        let sets = RiskSets::new(follow_up);
        let mut table = RiskTable {
            time: Vec::new(),
            n_risk: Vec::new(),
            n_events: Vec::new(),
            n_censored: Vec::new(),
        };
        let mut left = follow_up.len();
        for k in 0..sets.len() {
            let rows = sets.at(k);
            let n_events = rows.iter().filter(|&&i| follow_up.event()[i]).count();
            table.time.push(follow_up.time()[rows[0]]);
            table.n_risk.push(left);
            table.n_events.push(n_events);
            table.n_censored.push(rows.len() - n_events);
            left -= rows.len();
        }
        table
    }

    /// Number of distinct times.
    pub fn len(&self) -> usize {
        self.time.len()
    }

    /// True when there are no rows.
    pub fn is_empty(&self) -> bool {
        self.time.is_empty()
    }

    /// Number at risk at time `t` (follow-up of `t` or longer), as printed under a survival curve.
    pub fn at_risk(&self, t: f64) -> usize {
        let k = self.time.partition_point(|&u| u < t);
        self.n_risk.get(k).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn the_worked_example_has_four_times() {
        let f = FollowUp::new(
            vec![4.0, 2.0, 1.0, 2.0, 3.0],
            vec![true, false, true, true, false],
        )
        .unwrap();
        let table = RiskTable::new(&f);
        assert_eq!(table.time, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(table.n_risk, [5, 4, 2, 1]);
        assert_eq!(table.n_events, [1, 1, 0, 1]);
        assert_eq!(table.n_censored, [0, 1, 1, 0]);
        assert_eq!(
            [0.0, 2.0, 2.5, 4.0, 4.1].map(|t| table.at_risk(t)),
            [5, 4, 2, 1, 0]
        );
        assert_eq!(RiskSets::new(&f).at(1), [1, 3]);
    }
}
