//! The cut-point of a marker that parts survival best, and what such a search is worth.

mod hothorn_lausen;
mod normal;

use cohort::FollowUp;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

use crate::censored::Interval;
use crate::compare::quantile;
use crate::special::{normal_two_sided, normal_upper_tail};

pub use hothorn_lausen::hothorn_lausen_p;

/// Why no cut-point was found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CutPointError {
    /// Marker and follow-up differ in length.
    #[error("{n_values} marker values for {n_rows} patients")]
    Length {
        /// Values given.
        n_values: usize,
        /// Patients.
        n_rows: usize,
    },
    /// A value is not a finite number.
    #[error("marker in row {row} is {value}")]
    NotFinite {
        /// Zero-based row.
        row: usize,
        /// What was found.
        value: f64,
    },
    /// The smallest group is no share.
    #[error("smallest share of a group is {share}, must be above 0 and below 0.5")]
    Share {
        /// What was given.
        share: f64,
    },
    /// Nobody has an event.
    #[error("no event among {n_rows} patients")]
    NoEvent {
        /// Patients.
        n_rows: usize,
    },
    /// No value parts the patients into two groups that are large enough.
    #[error("no value of the marker leaves at least {share} of the patients on each side")]
    NoCut {
        /// Smallest share of a group.
        share: f64,
    },
    /// Too few resamples for a percentile, or a level that is none.
    #[error(
        "{n_resamples} resamples at level {level}, at least 20 and a level between 0 and 1 are needed"
    )]
    Resamples {
        /// Resamples asked for.
        n_resamples: usize,
        /// Level asked for.
        level: f64,
    },
}

/// A standardised log-rank statistic at one cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    /// Patients with a marker above this are the upper group.
    pub value: f64,
    /// Patients at or below it.
    pub n_below: usize,
    /// |S − E|/√V: the larger, the further apart.
    pub statistic: f64,
}

/// The best cut, and all that were tried.
#[derive(Debug, Clone, PartialEq)]
pub struct CutPoint {
    /// The best (of equals the lowest).
    pub best: Cut,
    /// Whether the group above it fares worse.
    pub above_is_worse: bool,
    /// All cuts, ascending.
    pub cuts: Vec<Cut>,
    /// P-value of the best as if it had been chosen beforehand: too small, for comparison only.
    pub p_unadjusted: f64,
    /// P-value of the maximum after Lausen & Schumacher (1992): for many cuts.
    pub p_lausen_92: f64,
    /// P-value of the maximum after Lausen, Sauerbrei & Schumacher (1994): for the cuts that were tried.
    pub p_lausen_94: f64,
    /// P-value of the maximum of normal statistics with the exact correlations of the cuts that were tried; `None` above
    /// 10,000 cuts.
    pub p_gauss: Option<f64>,
}

/// Finds the cut of a marker with the largest standardised log-rank statistic, each group holding at least `smallest_share`.
///
/// # Formula
/// Log-rank scores a_i = e_i − Σ_{j: T_j ≤ T_i} e_j/(n − #{T ≤ T_j} + 1); of the m patients at or below a cut S = Σ a_i,
/// E = m ā, V = m(n − m)/(n(n − 1)) · Σ (a_i − ā)²; statistic |S − E|/√V; cuts with ⌊n·s⌋ ≤ m ≤ ⌊n(1 − s)⌋.
/// P (1992) = 4φ(b)/b + φ(b)(b − 1/b) log((1 − s)²/s²);
/// P (1994) = P(|Z| > b) + Σ_k e^{−b²/2}/π · (t_k − (b²/4 − 1) t_k³/6), t_k² = 1 − m_k(n − m_{k+1})/((n − m_k) m_{k+1}),
/// m_k the sizes of the lower group at successive cuts; both are cut at 1, and the former is 1 where b < 1;
/// P (Gauss) = P(max_k |Z_k| > b), Z normal with corr² = m_k(n − m_l)/((n − m_k) m_l), k < l: no bound, an integral
///
/// # Arguments
/// | argument | shape | unit |
/// |---|---|---|
/// | `marker` | patients | any; finite |
/// | `smallest_share` | | share of patients, 0.1 by custom |
///
/// # Ties and edges   equal markers stay together; the cut is the largest value of the lower group
/// # Errors           see [`CutPointError`]
/// # Reference        Lausen & Schumacher, Biometrics 48 (1992) 73–85; Lausen, Sauerbrei & Schumacher 1994; Hothorn & Lausen,
/// Comput. Stat. Data Anal. 43 (2003) 121–137
/// # Agrees with      R maxstat 0.7-25 `maxstat.test(smethod = "LogRank")` and survminer 0.4.9 `surv_cutpoint`: cut, statistics and
/// both of Lausen's p-values, relative 1e-8; P (Gauss): mvtnorm's Miwa algorithm with six cuts, 1e-10; `pmethod = "exactGauss"`, whose integral is drawn at
/// random, to its stated error; tests/parity_cut_point.rs
/// # See also         [`permuted_p`], the conditional p-value itself, estimated; [`hothorn_lausen_p`], maxstat's bound of it (HL)
pub fn best_cut_point(
    marker: &[f64],
    follow_up: &FollowUp,
    smallest_share: f64,
) -> Result<CutPoint, CutPointError> {
    let search = Search::new(marker, follow_up, smallest_share)?;
    let cuts = search.cuts(&search.scores);
    let best = highest(&cuts).ok_or(CutPointError::NoCut {
        share: smallest_share,
    })?;
    let (b, n) = (best.1.statistic, marker.len() as f64);
    let below: f64 = search.order[..best.1.n_below]
        .iter()
        .map(|&i| search.scores[i])
        .sum();
    let mean = search.scores.iter().sum::<f64>() / n;
    let sizes: Vec<f64> = cuts.iter().map(|c| c.n_below as f64).collect();
    Ok(CutPoint {
        best: best.1,
        above_is_worse: below < mean * best.1.n_below as f64,
        p_unadjusted: normal_two_sided(b),
        p_lausen_92: lausen_92(b, smallest_share),
        p_lausen_94: lausen_94(b, n, &sizes),
        p_gauss: normal::exceedance(b, n, &sizes),
        cuts,
    })
}

/// Conditional p-value of the best cut: the share of `n_permutations` shuffles of the markers among the patients whose
/// largest statistic is at least the observed one, the observed order counted in.
///
/// Shuffle k draws from stream k of ChaCha8 seeded with `seed`.
///
/// # Errors
/// As [`best_cut_point`].
pub fn permuted_p(
    marker: &[f64],
    follow_up: &FollowUp,
    smallest_share: f64,
    n_permutations: usize,
    seed: u64,
) -> Result<f64, CutPointError> {
    let search = Search::new(marker, follow_up, smallest_share)?;
    let most = |scores: &[f64]| highest(&search.cuts(scores)).map_or(0.0, |c| c.1.statistic);
    let observed = most(&search.scores);
    let as_high = (0..n_permutations as u64)
        .into_par_iter()
        .filter(|&k| {
            let mut rng = stream(seed, k);
            let mut scores = search.scores.clone();
            for last in (1..scores.len()).rev() {
                scores.swap(last, below(last + 1, &mut rng));
            }
            // sums in another order differ in their last bits
            most(&scores) >= observed * (1.0 - 1e-12)
        })
        .count();
    Ok((as_high + 1) as f64 / (n_permutations + 1) as f64)
}

/// Percentile interval of the best cut over resamples of the patients.
///
/// Resample b draws from stream b of ChaCha8 seeded with `seed`; resamples without a cut are left out.
///
/// # Errors
/// As [`best_cut_point`]; fewer than 20 resamples, or a level outside (0, 1).
pub fn cut_point_interval(
    marker: &[f64],
    follow_up: &FollowUp,
    smallest_share: f64,
    n_resamples: usize,
    level: f64,
    seed: u64,
) -> Result<Interval, CutPointError> {
    best_cut_point(marker, follow_up, smallest_share)?;
    if n_resamples < 20 || !(level > 0.0 && level < 1.0) {
        return Err(CutPointError::Resamples { n_resamples, level });
    }
    let n = marker.len();
    let mut cuts: Vec<f64> = (0..n_resamples as u64)
        .into_par_iter()
        .map(|b| {
            let mut rng = stream(seed, b);
            let rows: Vec<usize> = (0..n).map(|_| below(n, &mut rng)).collect();
            let drawn: Vec<f64> = rows.iter().map(|&i| marker[i]).collect();
            // The cut alone: what a search is worth is asked of the patients themselves.
            let search = Search::new(&drawn, &follow_up.select(&rows), smallest_share).ok()?;
            highest(&search.cuts(&search.scores)).map(|(_, best)| best.value)
        })
        .collect::<Vec<_>>()
        .into_iter()
        .flatten()
        .collect();
    if cuts.is_empty() {
        return Err(CutPointError::NoCut {
            share: smallest_share,
        });
    }
    cuts.sort_by(f64::total_cmp);
    let tail = 0.5 - level / 2.0;
    Ok(Interval {
        lower: quantile(&cuts, tail),
        upper: quantile(&cuts, 1.0 - tail),
    })
}

fn stream(seed: u64, k: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(k);
    rng
}

/// Uniform on 0..n by the high half of a product; the bias is below n/2^64.
fn below(n: usize, rng: &mut ChaCha8Rng) -> usize {
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}

/// What does not depend on the scores.
struct Search<'a> {
    marker: &'a [f64],
    /// Rows by ascending marker.
    order: Vec<usize>,
    /// Patients at or below each cut, ascending.
    sizes: Vec<usize>,
    scores: Vec<f64>,
}

impl Search<'_> {
    fn new<'a>(
        marker: &'a [f64],
        follow_up: &FollowUp,
        smallest_share: f64,
    ) -> Result<Search<'a>, CutPointError> {
        let n = follow_up.len();
        if marker.len() != n {
            return Err(CutPointError::Length {
                n_values: marker.len(),
                n_rows: n,
            });
        }
        if let Some(row) = marker.iter().position(|v| !v.is_finite()) {
            return Err(CutPointError::NotFinite {
                row,
                value: marker[row],
            });
        }
        if !(smallest_share > 0.0 && smallest_share < 0.5) {
            return Err(CutPointError::Share {
                share: smallest_share,
            });
        }
        if follow_up.n_events() == 0 {
            return Err(CutPointError::NoEvent { n_rows: n });
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| marker[a].total_cmp(&marker[b]).then(a.cmp(&b)));
        let least = ((n as f64 * smallest_share).floor() as usize).max(1);
        let most = (n as f64 * (1.0 - smallest_share)).floor() as usize;
        let sizes = (least..=most.min(n - 1))
            .filter(|&m| marker[order[m - 1]] != marker[order[m]])
            .collect();
        Ok(Search {
            marker,
            order,
            sizes,
            scores: log_rank_scores(follow_up),
        })
    }

    fn cuts(&self, scores: &[f64]) -> Vec<Cut> {
        let n = scores.len() as f64;
        let mean = scores.iter().sum::<f64>() / n;
        let squares: f64 = scores.iter().map(|a| (a - mean) * (a - mean)).sum();
        let mut sum = 0.0;
        let mut place = 0;
        let at = |m: usize| {
            for &row in &self.order[place..m] {
                sum += scores[row] - mean;
            }
            place = m;
            let size = m as f64;
            let variance = size * (n - size) / (n * (n - 1.0)) * squares;
            Cut {
                value: self.marker[self.order[m - 1]],
                n_below: m,
                statistic: if variance > 0.0 {
                    f64::abs(sum) / variance.sqrt()
                } else {
                    0.0
                },
            }
        };
        self.sizes.iter().copied().map(at).collect()
    }
}

fn log_rank_scores(follow_up: &FollowUp) -> Vec<f64> {
    let (time, event) = (follow_up.time(), follow_up.event());
    let n = time.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| time[a].total_cmp(&time[b]));
    let mut scores = vec![0.0; n];
    let (mut hazard, mut seen) = (0.0, 0);
    for group in order.chunk_by(|&a, &b| time[a] == time[b]) {
        seen += group.len();
        let events = group.iter().filter(|&&i| event[i]).count();
        hazard += events as f64 / (n - seen + 1) as f64;
        for &i in group {
            scores[i] = f64::from(u8::from(event[i])) - hazard;
        }
    }
    scores
}

/// Place and value of the highest statistic, the first of equals.
fn highest(cuts: &[Cut]) -> Option<(usize, Cut)> {
    cuts.iter().copied().enumerate().reduce(|best, next| {
        if next.1.statistic > best.1.statistic {
            next
        } else {
            best
        }
    })
}

fn lausen_92(b: f64, share: f64) -> f64 {
    if b < 1.0 {
        return 1.0;
    }
    let density = libm::exp(-0.5 * b * b) / (2.0 * std::f64::consts::PI).sqrt();
    let odds = (1.0 - share) / share;
    let p = 4.0 * density / b + density * (b - 1.0 / b) * 2.0 * libm::log(odds);
    p.clamp(0.0, 1.0)
}

fn lausen_94(b: f64, n: f64, sizes: &[f64]) -> f64 {
    let density = libm::exp(-0.5 * b * b) / std::f64::consts::PI;
    let steps: f64 = sizes
        .windows(2)
        .map(|w| {
            let t = (1.0 - w[0] * (n - w[1]) / ((n - w[0]) * w[1])).sqrt();
            density * (t - (b * b / 4.0 - 1.0) * t * t * t / 6.0)
        })
        .sum();
    (2.0 * normal_upper_tail(b) + steps).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn cohort(n: usize, effect: f64) -> (Vec<f64>, FollowUp) {
        let mut rng = stream(11, 0);
        let mut uniform = || (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let marker: Vec<f64> = (0..n).map(|_| uniform()).collect();
        let time: Vec<f64> = (0..n)
            .map(|i| {
                let high = f64::from(u8::from(marker[i] > 0.6));
                -libm::log(1.0 - uniform()) * libm::exp(-effect * high)
            })
            .collect();
        let event = (0..n).map(|i| i % 4 != 0).collect();
        (marker.clone(), FollowUp::new(time, event).unwrap())
    }

    #[test]
    fn a_step_in_the_hazard_is_found() {
        let (marker, f) = cohort(100, 3.0);
        let found = best_cut_point(&marker, &f, 0.1).unwrap();
        assert!(
            (found.best.value - 0.6).abs() < 0.1 && found.above_is_worse,
            "{:?}",
            found.best
        );
        assert!(found.p_unadjusted < found.p_lausen_94 && found.p_lausen_94 < 1e-4);
        let i = cut_point_interval(&marker, &f, 0.1, 200, 0.95, 1).unwrap();
        assert!(
            i.lower <= found.best.value && found.best.value <= i.upper && i.upper - i.lower < 0.2
        );
        assert!(permuted_p(&marker, &f, 0.1, 199, 3).unwrap() == 1.0 / 200.0);
    }

    #[test]
    fn a_search_in_noise_is_worth_little() {
        let (marker, f) = cohort(100, 0.0);
        let found = best_cut_point(&marker, &f, 0.1).unwrap();
        let p = permuted_p(&marker, &f, 0.1, 999, 3).unwrap();
        assert!(
            p > 0.05 && (found.p_lausen_94 - p).abs() < 0.15,
            "{p} {found:?}"
        );
    }

    #[test]
    fn refusals_are_named() {
        let (marker, f) = cohort(20, 0.0);
        assert_eq!(
            best_cut_point(&marker[1..], &f, 0.1),
            Err(CutPointError::Length {
                n_values: 19,
                n_rows: 20
            })
        );
        assert_eq!(
            best_cut_point(&marker, &f, 0.5),
            Err(CutPointError::Share { share: 0.5 })
        );
        assert_eq!(
            best_cut_point(&[1.0; 20], &f, 0.1),
            Err(CutPointError::NoCut { share: 0.1 })
        );
    }
}
