//! Features as dense ranks, made once per forest and shared by all trees.

use cohort::FollowUp;
use ndarray::ArrayView2;

/// The training data in the form trees want: ranks instead of values, time indices instead of times.
pub(crate) struct Columns {
    /// Per feature: the distinct values, ascending.
    pub(crate) values: Vec<Vec<f64>>,
    /// Per feature: the index of each row's value in `values`.
    pub(crate) rank: Vec<Vec<u32>>,
    /// Per feature: rows by ascending value, equal values by row.
    pub(crate) order: Vec<Vec<u32>>,
    /// Distinct times of all rows, ascending.
    pub(crate) times: Vec<f64>,
    /// Index of each row's time in `times`.
    pub(crate) time_index: Vec<u32>,
    /// Whether each row had the event.
    pub(crate) event: Vec<bool>,
    /// Rows by ascending time, equal times by row.
    pub(crate) by_time: Vec<u32>,
}

impl Columns {
    /// Ranks every column; `x` is finite and as long as `follow_up`, with fewer than 2³² rows.
    pub(crate) fn new(x: ArrayView2<f64>, follow_up: &FollowUp) -> Columns {
        let ranked: Vec<Ranked> = x.columns().into_iter().map(|c| rank(&c.to_vec())).collect();
        let mut columns = Columns {
            values: Vec::with_capacity(ranked.len()),
            rank: Vec::with_capacity(ranked.len()),
            order: Vec::with_capacity(ranked.len()),
            times: Vec::new(),
            time_index: Vec::new(),
            event: follow_up.event().to_vec(),
            by_time: Vec::new(),
        };
        for r in ranked {
            columns.values.push(r.values);
            columns.rank.push(r.rank);
            columns.order.push(r.order);
        }
        let time = rank(follow_up.time());
        columns.times = time.values;
        columns.time_index = time.rank;
        columns.by_time = time.order;
        columns
    }

    /// Number of rows.
    pub(crate) fn n_rows(&self) -> usize {
        self.event.len()
    }

    /// Number of features.
    pub(crate) fn n_features(&self) -> usize {
        self.rank.len()
    }
}

struct Ranked {
    values: Vec<f64>,
    rank: Vec<u32>,
    order: Vec<u32>,
}

fn rank(column: &[f64]) -> Ranked {
    let mut order: Vec<u32> = (0..column.len() as u32).collect();
    // finite values always compare; the sort is stable, so equal values stay in row order
    order.sort_by(|&a, &b| {
        column[a as usize]
            .partial_cmp(&column[b as usize])
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    let mut values: Vec<f64> = Vec::new();
    let mut rank = vec![0; column.len()];
    for &row in &order {
        let value = column[row as usize];
        if values.last().is_none_or(|last| *last < value) {
            values.push(value);
        }
        rank[row as usize] = (values.len() - 1) as u32;
    }
    Ranked {
        values,
        rank,
        order,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_a_rank_and_keep_row_order() {
        let r = rank(&[2.0, -1.0, 2.0, 0.0, -0.0]);
        assert_eq!(r.values, [-1.0, 0.0, 2.0]);
        assert_eq!(r.rank, [2, 0, 2, 1, 1]);
        assert_eq!(r.order, [1, 3, 4, 0, 2]);
    }
}
