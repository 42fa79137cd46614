//! Risks of patients whom a model was fitted on, told by models that were not.

/// The predictions of one fold's model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoldRisks<'a> {
    /// The repeat of the cross-validation that the fold is of.
    pub repeat: u32,
    /// Risks of the rows it was fitted on, ascending, at least one.
    pub train: &'a [f64],
    /// Risks of rows it was not fitted on, by row.
    pub out_of_fold: &'a [(usize, f64)],
}

/// Where each of `n` patients stands among those their fold's model was fitted on: the mean over repeats of the
/// percentile of their out-of-fold risk. `None` for who was in no fold.
///
/// # Formula
/// p_i = mean_r F_{r,f(i)}(r_i), F the mid-rank distribution ([`percentile`]) of the training risks of the fold's model; a
/// patient who is in several folds of a repeat has their mean in that repeat
///
/// # Ties and edges
/// risks of different fits need no common scale; rows outside `0..n` and folds without training risks are passed over
/// # Reference
/// cross-fitting: Chernozhukov et al., Econom. J. 21 (2018) C1–C68
/// # Agrees with
/// ranks by counting in this module's tests
pub fn cross_fitted_percentiles(n: usize, folds: &[FoldRisks]) -> Vec<Option<f64>> {
    let mut repeats: Vec<u32> = folds.iter().map(|f| f.repeat).collect();
    repeats.sort_unstable();
    repeats.dedup();
    let (mut total, mut count) = (vec![0.0; n], vec![0u32; n]);
    for repeat in repeats {
        let (mut sum, mut seen) = (vec![0.0; n], vec![0u32; n]);
        for fold in folds.iter().filter(|f| f.repeat == repeat) {
            for &(row, risk) in fold.out_of_fold.iter().filter(|(row, _)| *row < n) {
                if let Some(p) = percentile(fold.train, risk) {
                    sum[row] += p;
                    seen[row] += 1;
                }
            }
        }
        for row in (0..n).filter(|&row| seen[row] > 0) {
            total[row] += sum[row] / f64::from(seen[row]);
            count[row] += 1;
        }
    }
    let mean = |(total, count): (&f64, &u32)| (*count > 0).then(|| total / f64::from(*count));
    total.iter().zip(&count).map(mean).collect()
}

/// The percentile of each value among all of them; `None` stays so.
///
/// A mean of percentiles over repeats lies nearer the middle than a percentile: by as much as the repeats differ. Ranked
/// anew, patients of the training rows and those whom one model alone predicted spread alike.
///
/// # Formula
/// [`percentile`] of p_i among all p
/// # Ties and edges
/// equals get the middle of their ranks
pub fn ranked_anew(percentiles: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut ascending: Vec<f64> = percentiles.iter().flatten().copied().collect();
    ascending.sort_unstable_by(f64::total_cmp);
    percentiles
        .iter()
        .map(|p| percentile(&ascending, (*p)?))
        .collect()
}

/// The share of ascending values below `x`, equals counting half: 0 to 1. `None` without values.
pub fn percentile(ascending: &[f64], x: f64) -> Option<f64> {
    if ascending.is_empty() {
        return None;
    }
    let below = ascending.partition_point(|v| *v < x);
    let not_above = ascending.partition_point(|v| *v <= x);
    Some((below + not_above) as f64 / (2 * ascending.len()) as f64)
}

/// The value of which a share `p` of ascending values is below: the inverse of [`percentile`], linear between the values
/// (Hyndman and Fan's type 5), never beyond them. `None` without values.
pub fn at_percentile(ascending: &[f64], p: f64) -> Option<f64> {
    let last = ascending.len().checked_sub(1)?;
    let at = (p * ascending.len() as f64 - 0.5).clamp(0.0, last as f64);
    let low = at.floor() as usize;
    let (a, b) = (ascending[low], ascending[(low + 1).min(last)]);
    Some(a + (at - low as f64) * (b - a))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_value_has_a_percentile_and_comes_back_from_it() {
        let values = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(percentile(&values, 2.0), Some(0.375));
        assert_eq!(percentile(&values, 3.0), Some(0.5));
        assert_eq!(
            (percentile(&values, 0.0), percentile(&values, 9.0)),
            (Some(0.0), Some(1.0))
        );
        for v in values {
            assert_eq!(
                at_percentile(&values, percentile(&values, v).unwrap()),
                Some(v)
            );
        }
        assert_eq!(at_percentile(&values, 0.5), Some(3.0));
        assert_eq!(
            (at_percentile(&values, 0.0), at_percentile(&values, 1.0)),
            (Some(1.0), Some(8.0))
        );
        assert_eq!(percentile(&[5.0, 5.0, 7.0, 7.0], 5.0), Some(0.25));
        assert_eq!(
            (percentile(&[], 1.0), at_percentile(&[], 0.5)),
            (None, None)
        );
    }

    #[test]
    fn means_of_percentiles_are_spread_like_percentiles() {
        let means = [Some(0.5), None, Some(0.45), Some(0.55), Some(0.5)];
        let spread = ranked_anew(&means);
        assert_eq!(
            spread,
            [Some(0.5), None, Some(0.125), Some(0.875), Some(0.5)]
        );
        assert_eq!(ranked_anew(&[None]), [None]);
    }

    #[test]
    fn the_scales_of_the_folds_do_not_matter() {
        // Repeat 2 has a fit on another scale; patient 3 was in no fold, patient 2 in one repeat.
        let folds = [
            FoldRisks {
                repeat: 1,
                train: &[1.0, 2.0, 3.0, 4.0],
                out_of_fold: &[(0, 2.5), (2, 0.0)],
            },
            FoldRisks {
                repeat: 1,
                train: &[1.0, 2.0],
                out_of_fold: &[(1, 9.0)],
            },
            FoldRisks {
                repeat: 2,
                train: &[100.0, 200.0],
                out_of_fold: &[(0, 300.0), (1, 100.0)],
            },
        ];
        let found = cross_fitted_percentiles(4, &folds);
        assert_eq!(
            found,
            [Some(0.75), Some((1.0 + 0.25) / 2.0), Some(0.0), None]
        );
    }
}
