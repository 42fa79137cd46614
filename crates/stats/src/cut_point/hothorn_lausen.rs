//! The P of a cut-point from the exact conditional distribution of each statistic, after Hothorn and Lausen.

use cohort::FollowUp;

use super::{CutPointError, Search, highest};

/// Cells of the table of distributions that are held at most: 128 MB.
const CELLS_MAX: usize = 16_000_000;
/// Cells times patients, which is the work.
const STEPS_MAX: usize = 6_000_000_000;
/// A sum this close to a limit has reached it: sums are whole, limits are rounded roots.
const TOUCH: f64 = 1e-8;

/// P-value of the best cut after Hothorn & Lausen (2003) with whole scores, as R's maxstat works it out (`pmethod = "HL"`).
///
/// `None` where the table of distributions would be too large (about 450 patients; use [`super::permuted_p`]) and where all
/// scores are equal.
///
/// # Formula
/// Whole scores c_i = round((a_i − min a) n / (max a − min a)), a_i the log-rank scores of [`super::best_cut_point`]; b the
/// largest statistic of the cuts with them; l_m, u_m = m c̄ ∓ b √V_m;
/// P = Σ_k P(S_{m_k} ≤ l or ≥ u) − Σ_{k>1} P(S_{m_k − 1} ≥ u_{m_k}) + P(S_{m_k − 1} ≤ l_{m_k} − max c), cut at 1.
/// The second sum holds the ways in which one patient less was beyond the limit whoever came last. The distributions of the
/// sums of m scores drawn without replacement are exact (Streitberg & Röhmel's recursion, in shares instead of counts).
///
/// # Ties and edges
/// The test is that of the whole scores, not of the log-rank scores: its statistic differs a little, and so may its cut. The
/// second sum supposes that every size between the limits is a cut. With a tied marker it may take away more than is counted
/// twice, and P be below the truth: of seven scores 1, 1, 2, 5, 5, 6, 7 with cuts after one and five patients and b = 1.5
/// it is 17/105, where of all orders 20/105 are beyond. Where markers are tied believe [`super::permuted_p`].
///
/// # Errors
/// As [`super::best_cut_point`].
///
/// # Reference
/// Hothorn & Lausen, Comput. Stat. Data Anal. 43 (2003) 121–137; Streitberg & Röhmel, Stat. Software Newsl. 12 (1986) 10–17.
/// # Agrees with
/// R maxstat 0.7-25, `pmethod = "HL"`, absolute 1e-9; tests/parity_cut_point.rs.
/// # Differs from
/// `maxstat.test`, whose limits are rounded so that the observed sum itself may fall inside (3e-10 of 2.4e-5 on veteran's karno;
/// asked with the same whole scores and b, `pmaxstat` gives this function's 2.42078956e-5 in all digits); maxstat where l_m is
/// below the largest score (cuts of two or three of a dozen patients): there it takes away something that depends on how its
/// table lies in memory, here nothing.
pub fn hothorn_lausen_p(
    marker: &[f64],
    follow_up: &FollowUp,
    smallest_share: f64,
) -> Result<Option<f64>, CutPointError> {
    let search = Search::new(marker, follow_up, smallest_share)?;
    if search.sizes.is_empty() {
        return Err(CutPointError::NoCut {
            share: smallest_share,
        });
    }
    let Some(scores) = whole(&search.scores) else {
        return Ok(None);
    };
    let as_numbers: Vec<f64> = scores.iter().map(|&c| c as f64).collect();
    let b = highest(&search.cuts(&as_numbers)).map_or(0.0, |(_, cut)| cut.statistic);
    Ok(exceedance(b, &scores, &search.sizes))
}

/// Whole scores of the same shape, from nought to the number of patients.
fn whole(scores: &[f64]) -> Option<Vec<usize>> {
    let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
    let range = scores.iter().map(|a| a - least).fold(0.0, f64::max);
    let n = scores.len() as f64;
    let to_whole = |a: &f64| ((a - least) * n / range).round_ties_even() as usize;
    (range > 0.0).then(|| scores.iter().map(to_whole).collect())
}

/// The formula for a given b.
fn exceedance(b: f64, scores: &[usize], sizes: &[usize]) -> Option<f64> {
    let n = scores.len();
    let table = Sums::of(scores, n / 2)?;
    let total: usize = scores.iter().sum();
    let mean = total as f64 / n as f64;
    let squares: f64 = scores
        .iter()
        .map(|&c| (c as f64 - mean) * (c as f64 - mean))
        .sum();
    let most = scores.iter().copied().max().unwrap_or(0) as f64;
    let mut p = 0.0;
    for (k, &m) in sizes.iter().enumerate() {
        let size = m as f64;
        let variance = size * (n as f64 - size) / (n as f64 * (n as f64 - 1.0)) * squares;
        let (lower, upper) = (
            size * mean - b * variance.sqrt(),
            size * mean + b * variance.sqrt(),
        );
        p += table.at_most(m, lower) + table.at_least(m, upper);
        if k > 0 {
            p -= table.at_least(m - 1, upper) + table.at_most(m - 1, lower - most);
        }
    }
    Some(p.clamp(0.0, 1.0))
}

/// Distributions of the sum of m scores drawn without replacement, m up to half of them; the others are their mirrors.
struct Sums {
    n: usize,
    total: usize,
    rows: Vec<Vec<f64>>,
}

impl Sums {
    fn of(scores: &[usize], m_max: usize) -> Option<Sums> {
        let mut high = scores.to_vec();
        high.sort_unstable_by(|a, b| b.cmp(a));
        let mut widths = vec![1];
        let (mut sum, mut cells) = (0, 1usize);
        for &c in high.iter().take(m_max) {
            sum += c;
            widths.push(sum + 1);
            cells = cells.saturating_add(sum + 1);
        }
        if cells > CELLS_MAX || cells.saturating_mul(scores.len()) > STEPS_MAX {
            return None;
        }
        let mut rows: Vec<Vec<f64>> = widths.iter().map(|&w| vec![0.0; w]).collect();
        rows[0][0] = 1.0;
        for (seen, &c) in scores.iter().enumerate() {
            for m in (1..=m_max.min(seen + 1)).rev() {
                let share = m as f64 / (seen + 1) as f64;
                let (fewer, row) = rows.split_at_mut(m);
                let (without, with) = (&mut row[0], &fewer[m - 1]);
                for value in without.iter_mut() {
                    *value *= 1.0 - share;
                }
                // a sum of m − 1 scores and another one is at most that of the m highest
                for (value, before) in without.iter_mut().skip(c).zip(with) {
                    *value += share * before;
                }
            }
        }
        Some(Sums {
            n: scores.len(),
            total: scores.iter().sum(),
            rows,
        })
    }

    /// P(S_m ≤ limit).
    fn at_most(&self, m: usize, limit: f64) -> f64 {
        match self.rows.get(m) {
            Some(row) => low_tail(row, limit),
            None => high_tail(&self.rows[self.n - m], self.total as f64 - limit),
        }
    }

    /// P(S_m ≥ limit).
    fn at_least(&self, m: usize, limit: f64) -> f64 {
        match self.rows.get(m) {
            Some(row) => high_tail(row, limit),
            None => low_tail(&self.rows[self.n - m], self.total as f64 - limit),
        }
    }
}

fn low_tail(row: &[f64], limit: f64) -> f64 {
    let last = (limit + TOUCH).floor();
    if last < 0.0 {
        return 0.0;
    }
    row.iter().take(last as usize + 1).sum()
}

fn high_tail(row: &[f64], limit: f64) -> f64 {
    let first = (limit - TOUCH).ceil().max(0.0);
    row.iter().skip(first as usize).rev().sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Shares of all orders of the scores whose statistic is beyond b at each cut, and at any.
    fn counted(b: f64, scores: &[usize], sizes: &[usize]) -> (Vec<f64>, f64) {
        let n = scores.len() as f64;
        let mean = scores.iter().sum::<usize>() as f64 / n;
        let squares: f64 = scores
            .iter()
            .map(|&c| (c as f64 - mean) * (c as f64 - mean))
            .sum();
        let (mut at, mut any, mut all) = (vec![0.0; sizes.len()], 0.0, 0.0);
        let mut order = scores.to_vec();
        each_order(&mut order, 0, &mut |order| {
            let mut beyond = false;
            for (k, &m) in sizes.iter().enumerate() {
                let size = m as f64;
                let sum = order[..m].iter().sum::<usize>() as f64;
                let sd = (size * (n - size) / (n * (n - 1.0)) * squares).sqrt();
                if (sum - size * mean).abs() >= b * sd - 1e-9 {
                    at[k] += 1.0;
                    beyond = true;
                }
            }
            any += f64::from(u8::from(beyond));
            all += 1.0;
        });
        (at.iter().map(|c| c / all).collect(), any / all)
    }

    fn each_order(order: &mut Vec<usize>, from: usize, visit: &mut dyn FnMut(&[usize])) {
        if from == order.len() {
            return visit(order);
        }
        for i in from..order.len() {
            order.swap(from, i);
            each_order(order, from + 1, visit);
            order.swap(from, i);
        }
    }

    #[test]
    fn of_one_cut_it_is_the_share_of_all_orders() {
        let scores = [0, 1, 3, 3, 7, 8, 9];
        for m in 1..7 {
            for b in [0.4, 0.9, 1.3, 1.8] {
                let seen = exceedance(b, &scores, &[m]).unwrap();
                let (_, any) = counted(b, &scores, &[m]);
                assert!((seen - any).abs() < 1e-14, "{m} {b}: {seen} {any}");
            }
        }
    }

    #[test]
    fn with_a_cut_everywhere_it_is_between_the_truth_and_bonferroni() {
        let scores = [0, 1, 2, 3, 4, 5, 6, 7];
        for b in [1.2, 1.6, 2.0] {
            let seen = exceedance(b, &scores, &[2, 3, 4, 5, 6]).unwrap();
            let (at, any) = counted(b, &scores, &[2, 3, 4, 5, 6]);
            let bonferroni = at.iter().sum::<f64>().min(1.0);
            assert!(
                any <= seen + 1e-12 && seen <= bonferroni + 1e-12,
                "{b}: {any} {seen} {bonferroni}"
            );
        }
    }

    #[test]
    fn with_sizes_left_out_it_may_be_below_the_truth() {
        // scores 1, 1, 2, 5, 5, 6, 7
        let scores = [0, 0, 1, 4, 4, 5, 6];
        let seen = exceedance(1.5, &scores, &[1, 5]).unwrap();
        let (_, any) = counted(1.5, &scores, &[1, 5]);
        assert!((seen - 17.0 / 105.0).abs() < 1e-14, "{}", seen * 105.0);
        assert!((any - 20.0 / 105.0).abs() < 1e-14, "{}", any * 105.0);
    }

    #[test]
    fn scores_reach_from_nought_to_the_number_of_patients() {
        let time = vec![5.0, 3.0, 8.0, 1.0, 9.0, 2.0, 7.0];
        let event = vec![true, false, true, true, false, true, true];
        let f = FollowUp::new(time, event).unwrap();
        // log-rank scores 0.4405, −0.3095, −0.3929, 0.8571, −1.3929, 0.6905, 0.1071 (exactRankTests 0.8-35)
        let scores = super::super::log_rank_scores(&f);
        assert!((scores[4] + 1.392_857_142_857).abs() < 1e-12);
        assert_eq!(whole(&scores).unwrap(), [6, 3, 3, 7, 0, 6, 5]);
        assert_eq!(whole(&[0.5; 4]), None);
    }

    #[test]
    fn a_table_too_large_is_not_made() {
        let scores: Vec<usize> = (0..700).collect();
        assert_eq!(exceedance(3.0, &scores, &[100, 101]), None);
    }
}
