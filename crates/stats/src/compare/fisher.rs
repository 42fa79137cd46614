//! Fisher's exact test of a table, and the odds ratio of a 2 × 2 table given its margins.

use ndarray::Array2;

use super::contingency::Table;
use super::error::CompareError;

/// Tables visited at most.
const TABLES_MAX: u64 = 20_000_000;
/// Tables whose probability exceeds the observed one by less than this share count as equally probable.
const EQUAL_REL: f64 = 1e-7;

/// p-value of Fisher's exact test of independence, for any number of rows and columns.
///
/// # Formula
/// P(table) = Π row! Π column! / (N! Π cell!); p = Σ P over tables of the same margins with P ≤ P(observed)·(1 + 1e-7)
///
/// # Cost             visits every table of these margins, row by row: 2 × 2 at once, 4 × 2 of 600 patients some million
/// # Errors           fewer than two rows or columns with patients; more than 2e7 tables
/// # Reference        Fisher 1934; Freeman & Halton, Biometrika 38 (1951) 141–149
/// # Agrees with      R 4.2 `fisher.test`, relative 1e-8, tests/parity_compare.rs
pub fn fisher_exact(table: &Array2<u32>) -> Result<f64, CompareError> {
    let mut t = Table::new(table)?;
    if t.rows.len() < t.columns.len() {
        t.counts = (0..t.columns.len())
            .map(|j| t.counts.iter().map(|r| r[j]).collect())
            .collect();
        std::mem::swap(&mut t.rows, &mut t.columns);
    }
    let logs = LogFactorials::new(t.total);
    let cells = |c: &[Vec<u64>]| c.iter().flatten().map(|&v| logs.of(v)).sum::<f64>();
    let margins: f64 = (t.rows.iter().chain(&t.columns))
        .map(|&m| logs.of(m))
        .sum::<f64>()
        - logs.of(t.total);
    let mut visit = Visit {
        logs: &logs,
        rows: &t.rows,
        // as log of Π cell!: an equally probable table has at least this much
        least: cells(&t.counts) - libm::log1p(EQUAL_REL),
        margins,
        n_tables: 0,
        p: 0.0,
    };
    let mut left = t.columns.clone();
    visit.fill_row(0, &mut left, 0.0)?;
    Ok(visit.p.min(1.0))
}

struct Visit<'a> {
    logs: &'a LogFactorials,
    rows: &'a [u64],
    least: f64,
    margins: f64,
    n_tables: u64,
    p: f64,
}

impl Visit<'_> {
    fn fill_row(&mut self, row: usize, left: &mut [u64], so_far: f64) -> Result<(), CompareError> {
        if row + 1 == self.rows.len() {
            // the last row is what is left
            self.n_tables += 1;
            if self.n_tables > TABLES_MAX {
                return Err(CompareError::TooManyTables {
                    at_most: TABLES_MAX,
                });
            }
            let cells = so_far + left.iter().map(|&v| self.logs.of(v)).sum::<f64>();
            if cells >= self.least {
                self.p += libm::exp(self.margins - cells);
            }
            return Ok(());
        }
        self.fill_cell(row, 0, self.rows[row], left, so_far)
    }

    fn fill_cell(
        &mut self,
        row: usize,
        column: usize,
        to_place: u64,
        left: &mut [u64],
        so_far: f64,
    ) -> Result<(), CompareError> {
        if column + 1 == left.len() {
            if to_place > left[column] {
                return Ok(());
            }
            left[column] -= to_place;
            let done = self.fill_row(row + 1, left, so_far + self.logs.of(to_place));
            left[column] += to_place;
            return done;
        }
        let elsewhere: u64 = left[column + 1..].iter().sum();
        for cell in to_place.saturating_sub(elsewhere)..=to_place.min(left[column]) {
            left[column] -= cell;
            let done = self.fill_cell(
                row,
                column + 1,
                to_place - cell,
                left,
                so_far + self.logs.of(cell),
            );
            left[column] += cell;
            done?;
        }
        Ok(())
    }
}

/// log k! for k to n.
struct LogFactorials(Vec<f64>);

impl LogFactorials {
    fn new(n: u64) -> LogFactorials {
        LogFactorials((0..=n).map(|k| libm::lgamma(k as f64 + 1.0)).collect())
    }

    /// `k` never exceeds the table's total.
    fn of(&self, k: u64) -> f64 {
        self.0[k as usize]
    }
}

/// The odds ratio of a 2 × 2 table by conditional maximum likelihood, with its exact interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OddsRatio {
    /// Estimate; `None` (infinite) where the first cell is as large as the margins allow.
    pub value: Option<f64>,
    /// Lower limit.
    pub lower: f64,
    /// Upper limit; `None` where infinite.
    pub upper: Option<f64>,
}

/// Conditional odds ratio of a 2 × 2 table with its interval at `level`.
///
/// # Formula
/// Given the margins the first cell is non-central hypergeometric with odds ω; ω̂: mean = observed; limits: tails of (1 − level)/2
///
/// # Errors           the table is not 2 × 2, or has an empty row or column
/// # Agrees with      R 4.2 `fisher.test` (estimate and interval), within the 1.3e-4 of R's own root finder,
/// tests/parity_compare.rs
pub fn fisher_odds_ratio(table: &Array2<u32>, level: f64) -> Result<OddsRatio, CompareError> {
    if table.dim() != (2, 2) {
        return Err(CompareError::NotTwoByTwo {
            n_rows: table.nrows(),
            n_columns: table.ncols(),
        });
    }
    if !(level > 0.0 && level < 1.0) {
        return Err(CompareError::Level { level });
    }
    let t = Table::new(table)?;
    let cell = FirstCell::new(&t);
    let (x, tail) = (t.counts[0][0], 0.5 - level / 2.0);
    let at_low = x == cell.low;
    let at_high = x == cell.low + cell.log_weight.len() as u64 - 1;
    let solve = |f: &dyn Fn(f64) -> f64| bisect_log_odds(f);
    Ok(OddsRatio {
        value: if at_high {
            None
        } else if at_low {
            Some(0.0)
        } else {
            Some(solve(&|w| cell.mean(w) - x as f64))
        },
        lower: if at_low {
            0.0
        } else {
            solve(&|w| cell.at_least(w, x) - tail)
        },
        upper: (!at_high).then(|| solve(&|w| tail - cell.at_most(w, x))),
    })
}

/// The first cell given the margins, at odds 1, as logs.
struct FirstCell {
    low: u64,
    log_weight: Vec<f64>,
}

impl FirstCell {
    fn new(t: &Table) -> FirstCell {
        let logs = LogFactorials::new(t.total);
        let (row, column) = (t.rows[0], t.columns[0]);
        let low = (row + column).saturating_sub(t.total);
        let log_weight = (low..=row.min(column))
            .map(|x| {
                -logs.of(x)
                    - logs.of(row - x)
                    - logs.of(column - x)
                    - logs.of(t.total + x - row - column)
            })
            .collect();
        FirstCell { low, log_weight }
    }

    /// Probabilities at log odds `w`.
    fn shares(&self, w: f64) -> Vec<f64> {
        let logs: Vec<f64> = (self.log_weight.iter().enumerate())
            .map(|(k, l)| l + k as f64 * w)
            .collect();
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logs.iter().map(|l| libm::exp(l - top)).collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|v| v / sum).collect()
    }

    fn mean(&self, w: f64) -> f64 {
        let shares = self.shares(w);
        let terms = shares.iter().enumerate();
        self.low as f64 + terms.map(|(k, s)| k as f64 * s).sum::<f64>()
    }

    fn at_least(&self, w: f64, x: u64) -> f64 {
        self.shares(w)[(x - self.low) as usize..].iter().sum()
    }

    fn at_most(&self, w: f64, x: u64) -> f64 {
        self.shares(w)[..=(x - self.low) as usize].iter().sum()
    }
}

/// exp of where a rising function of the log odds crosses zero.
fn bisect_log_odds(f: &dyn Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (-700.0, 700.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if f(middle) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    libm::exp(0.5 * (low + high))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use ndarray::array;

    #[test]
    fn the_lady_who_tastes_tea() {
        // 3 of 4 cups right: (16 + 1 + 16 + 1)/70 two-sided
        let p = fisher_exact(&array![[3, 1], [1, 3]]).unwrap();
        assert!((p - 34.0 / 70.0).abs() < 1e-12);
    }

    #[test]
    fn a_table_and_its_transpose_are_one_question() {
        let t = array![[3, 1, 4, 0], [0, 6, 2, 5], [5, 2, 1, 1]];
        let (p, q) = (
            fisher_exact(&t).unwrap(),
            fisher_exact(&t.t().to_owned()).unwrap(),
        );
        assert!((p - q).abs() < 1e-12 * p);
    }

    #[test]
    fn too_large_a_table_is_refused_in_words() {
        let t = Array2::from_elem((8, 6), 40);
        assert!(matches!(
            fisher_exact(&t),
            Err(CompareError::TooManyTables { .. })
        ));
    }

    #[test]
    fn an_empty_cell_bounds_the_odds_on_one_side() {
        let o = fisher_odds_ratio(&array![[5, 0], [2, 6]], 0.95).unwrap();
        assert_eq!((o.value, o.upper), (None, None));
        assert!(o.lower > 1.0);
        let o = fisher_odds_ratio(&array![[0, 5], [6, 2]], 0.95).unwrap();
        assert_eq!((o.value, o.lower), (Some(0.0), 0.0));
    }
}
