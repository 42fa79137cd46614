//! The training matrix as tree growth wants it: sorted values, or bins between quantiles.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::params::TreeMethod;

/// The training matrix in single precision.
pub(super) struct Columns {
    pub(super) values: Vec<Vec<f32>>,
    pub(super) n_rows: usize,
    pub(super) cuts: Cuts,
}

/// Where a column may be cut.
pub(super) enum Cuts {
    /// Between any two values: the rows of every column by ascending value.
    Exact { order: Vec<Vec<u32>> },
    /// Between bins.
    Hist {
        /// Per column: the lower bounds of the bins but the first, ascending.
        bounds: Vec<Vec<f32>>,
        /// Per column: the bin of each row.
        bin: Vec<Vec<u16>>,
    },
}

/// A value in single precision, as models compare it; −0 is 0, and beyond the range is its end.
pub(super) fn single(x: f64) -> f32 {
    (x as f32).clamp(f32::MIN, f32::MAX) + 0.0
}

impl Columns {
    pub(super) fn new(x: ArrayView2<f64>, method: TreeMethod) -> Columns {
        let values: Vec<Vec<f32>> = x
            .columns()
            .into_iter()
            .map(|column| column.iter().map(|v| single(*v)).collect())
            .collect();
        let order: Vec<Vec<u32>> = values.par_iter().map(|column| sorted(column)).collect();
        let cuts = match method {
            TreeMethod::Exact => Cuts::Exact { order },
            TreeMethod::Hist { max_bin } => {
                let columns = values.par_iter().zip(&order);
                let bounds: Vec<Vec<f32>> = columns
                    .map(|(column, order)| bounds(column, order, max_bin))
                    .collect();
                let bin = values
                    .par_iter()
                    .zip(&bounds)
                    .map(|(column, bounds)| {
                        let bin = |v: &f32| bounds.partition_point(|bound| bound <= v) as u16;
                        column.iter().map(bin).collect()
                    })
                    .collect();
                Cuts::Hist { bounds, bin }
            }
        };
        Columns {
            values,
            n_rows: x.nrows(),
            cuts,
        }
    }
}

fn sorted(column: &[f32]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..column.len() as u32).collect();
    order.sort_by(|&a, &b| column[a as usize].total_cmp(&column[b as usize]));
    order
}

/// A distinct value with the ranks it takes: `from..to`.
struct Run {
    value: f32,
    from: f32,
    to: f32,
}

/// Bounds between bins: all distinct values but the first, or where these are more than `max_bin`, quantiles of the
/// column as XGBoost's sketch prunes them (Chen and Guestrin, KDD 2016, appendix).
fn bounds(column: &[f32], order: &[u32], max_bin: usize) -> Vec<f32> {
    let mut runs: Vec<Run> = Vec::new();
    for (rank, &row) in order.iter().enumerate() {
        let (value, to) = (column[row as usize], (rank + 1) as f32);
        match runs.last_mut() {
            Some(run) if run.value == value => run.to = to,
            _ => runs.push(Run {
                value,
                from: rank as f32,
                to,
            }),
        }
    }
    let max_bin = max_bin.min(column.len());
    let mut kept: Vec<f32> = pruned(&runs, max_bin + 1);
    kept.truncate(max_bin);
    kept.drain(..kept.len().min(1));
    kept
}

/// At most `at_most` of the values: the ends, and between them those next to evenly spaced ranks.
fn pruned(runs: &[Run], at_most: usize) -> Vec<f32> {
    let last = runs.len().saturating_sub(1);
    if runs.len() <= at_most {
        return runs.iter().map(|run| run.value).collect();
    }
    let begin = runs[0].to;
    let range = runs[last].from - begin;
    let n = at_most - 1;
    let (mut chosen, mut i) = (vec![0], 1);
    for k in 1..n {
        let wanted = 2.0 * (k as f32 * range / n as f32 + begin);
        while i < last && wanted >= runs[i + 1].to + runs[i + 1].from {
            i += 1;
        }
        if i == last {
            break;
        }
        // the next rank after this value against the last one before the next value
        let nearer = i + usize::from(wanted >= runs[i].to + runs[i + 1].from);
        if chosen.last() != Some(&nearer) {
            chosen.push(nearer);
        }
    }
    if chosen.last() != Some(&last) {
        chosen.push(last);
    }
    chosen.into_iter().map(|i| runs[i].value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds_of(column: &[f32], max_bin: usize) -> Vec<f32> {
        bounds(column, &sorted(column), max_bin)
    }

    #[test]
    fn few_values_are_bins_of_their_own() {
        assert_eq!(bounds_of(&[3.0, 1.0, 2.0, 1.0], 256), [2.0, 3.0]);
        assert!(bounds_of(&[1.0, 1.0], 256).is_empty());
    }

    #[test]
    fn many_values_are_cut_at_even_ranks() {
        let column: Vec<f32> = (0..1000).map(|v| v as f32).collect();
        let bounds = bounds_of(&column, 4);
        assert_eq!(bounds.len(), 3);
        for (bound, expected) in bounds.iter().zip([250.0, 500.0, 750.0]) {
            assert!((bound - expected).abs() <= 2.0, "{bounds:?}");
        }
    }
}
