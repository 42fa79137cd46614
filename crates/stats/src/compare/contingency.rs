//! Tables of counts: the chi-square test, and how far two distributions over levels are apart.

use ndarray::Array2;

use super::error::CompareError;
use crate::linalg::{Cholesky, quadratic_form};
use crate::special::chi_square_upper_tail;

/// A chi-square test of independence.
#[derive(Debug, Clone, PartialEq)]
pub struct ChiSquareTest {
    /// Statistic.
    pub chi_square: f64,
    /// (rows − 1)(columns − 1), of rows and columns with patients.
    pub df: usize,
    /// Upper tail.
    pub p: f64,
    /// Expected counts, of the table as given.
    pub expected: Array2<f64>,
    /// Smallest expected count among rows and columns with patients: below 5, prefer the exact test.
    pub smallest_expected: f64,
}

/// Margins of a table without its empty rows and columns.
pub(super) struct Table {
    pub(super) counts: Vec<Vec<u64>>,
    pub(super) rows: Vec<u64>,
    pub(super) columns: Vec<u64>,
    pub(super) total: u64,
}

impl Table {
    pub(super) fn new(table: &Array2<u32>) -> Result<Table, CompareError> {
        let full = |v: ndarray::ArrayView1<u32>| v.iter().any(|&c| c > 0);
        let keep: Vec<usize> = (0..table.ncols())
            .filter(|&j| full(table.column(j)))
            .collect();
        let counts: Vec<Vec<u64>> = (table.rows().into_iter())
            .filter(|row| full(row.view()))
            .map(|row| keep.iter().map(|&j| u64::from(row[j])).collect())
            .collect();
        if counts.len() < 2 || keep.len() < 2 {
            return Err(CompareError::SmallTable {
                n_rows: counts.len(),
                n_columns: keep.len(),
            });
        }
        let rows: Vec<u64> = counts.iter().map(|r| r.iter().sum()).collect();
        let columns = (0..keep.len())
            .map(|j| counts.iter().map(|r| r[j]).sum())
            .collect();
        let total = rows.iter().sum();
        Ok(Table {
            counts,
            rows,
            columns,
            total,
        })
    }
}

/// Pearson's chi-square test of independence, with Yates' correction for 2 × 2 tables if `yates`.
///
/// # Formula
/// χ² = Σ (|O − E| − y)²/E, E = row·column/N; y = min(½, |O − E|) for 2 × 2 with `yates`, else 0
///
/// # Ties and edges   rows and columns without patients do not count
/// # Errors           fewer than two rows or columns with patients
/// # Agrees with      R 4.2 `chisq.test`, relative 1e-9, tests/parity_compare.rs
/// # Differs from     R, which gives NaN beside an empty row
pub fn chi_square_test(table: &Array2<u32>, yates: bool) -> Result<ChiSquareTest, CompareError> {
    let t = Table::new(table)?;
    let expect = |row: u64, column: u64| row as f64 * column as f64 / t.total as f64;
    let two_by_two = t.rows.len() == 2 && t.columns.len() == 2;
    let (mut chi_square, mut smallest) = (0.0, f64::INFINITY);
    for (counts, &row) in t.counts.iter().zip(&t.rows) {
        for (&count, &column) in counts.iter().zip(&t.columns) {
            let expected = expect(row, column);
            let off = (count as f64 - expected).abs();
            let off = if yates && two_by_two {
                off - off.min(0.5)
            } else {
                off
            };
            chi_square += off * off / expected;
            smallest = smallest.min(expected);
        }
    }
    let df = (t.rows.len() - 1) * (t.columns.len() - 1);
    let sum = |v: ndarray::ArrayView1<u32>| v.iter().map(|&c| u64::from(c)).sum::<u64>();
    Ok(ChiSquareTest {
        chi_square,
        df,
        p: chi_square_upper_tail(chi_square, df),
        expected: Array2::from_shape_fn(table.dim(), |(i, j)| {
            expect(sum(table.row(i)), sum(table.column(j)))
        }),
        smallest_expected: smallest,
    })
}

/// Standardised difference of two groups' distributions over levels (at least 0).
///
/// # Formula
/// √(dᵀ S⁻¹ d), d = p₁ − p₂ over all levels but the first, S the mean of the two multinomial covariances diag(p) − ppᵀ;
/// for two levels |p₁ − p₂|/√((p₁(1−p₁) + p₂(1−p₂))/2)
///
/// # Arguments        counts per level of the two groups
/// # Errors           a group without patients; fewer than two levels with patients; groups that share no level
/// # Reference        Yang & Dalton, SAS Global Forum 2012, 335
pub fn standardised_difference_of_levels(a: &[u32], b: &[u32]) -> Result<f64, CompareError> {
    let n_levels = a.len().min(b.len());
    let table = Array2::from_shape_fn((n_levels, 2), |(l, g)| if g == 0 { a[l] } else { b[l] });
    let t = Table::new(&table)?;
    let share = |l: usize, g: usize| t.counts[l][g] as f64 / t.columns[g] as f64;
    let p = t.rows.len() - 1;
    let difference: Vec<f64> = (1..=p).map(|l| share(l, 0) - share(l, 1)).collect();
    let covariance = Array2::from_shape_fn((p, p), |(j, l)| {
        let of = |g: usize| {
            let own = if j == l { share(j + 1, g) } else { 0.0 };
            own - share(j + 1, g) * share(l + 1, g)
        };
        0.5 * (of(0) + of(1))
    });
    match Cholesky::new(&covariance, 1e-12) {
        Ok(factor) => Ok(quadratic_form(&factor, &difference).max(0.0).sqrt()),
        // each group sits in levels of its own: the difference has no spread to be measured in
        Err(_) => Err(CompareError::NoVariation { value: share(1, 0) }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use ndarray::array;

    #[test]
    fn a_two_by_two_by_paper_and_pencil() {
        let test = chi_square_test(&array![[10, 20], [20, 10]], false).unwrap();
        assert!((test.chi_square - 4.0 * 25.0 / 15.0).abs() < 1e-12 && test.df == 1);
        let yates = chi_square_test(&array![[10, 20], [20, 10]], true).unwrap();
        assert!((yates.chi_square - 4.0 * 20.25 / 15.0).abs() < 1e-12);
    }

    #[test]
    fn empty_levels_do_not_count() {
        let full = chi_square_test(&array![[3, 5], [6, 2]], false).unwrap();
        let holes = chi_square_test(&array![[3, 0, 5], [0, 0, 0], [6, 0, 2]], false).unwrap();
        assert_eq!((full.chi_square, full.df), (holes.chi_square, holes.df));
        assert!(matches!(
            chi_square_test(&array![[3, 0], [6, 0]], false),
            Err(CompareError::SmallTable { n_columns: 1, .. })
        ));
    }

    #[test]
    fn two_levels_have_a_closed_difference() {
        let (p, q) = (0.3, 0.5);
        let want = 0.2 / ((p * (1.0 - p) + q * (1.0 - q)) / 2.0f64).sqrt();
        let seen = standardised_difference_of_levels(&[30, 70], &[50, 50]).unwrap();
        assert!((seen - want).abs() < 1e-12);
        let three = standardised_difference_of_levels(&[30, 70, 0], &[50, 50, 0]).unwrap();
        assert!((three - want).abs() < 1e-12);
        assert!(standardised_difference_of_levels(&[5, 0], &[0, 5]).is_err());
    }
}
