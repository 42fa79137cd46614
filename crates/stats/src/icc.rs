//! Intraclass correlation: how far repeated readings of one patient agree.

use ndarray::ArrayView2;

use crate::censored::Interval;
use crate::tails::{f_quantile, f_upper_tail};

/// The six forms of Shrout & Fleiss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IccForm {
    /// ICC(1,1): one-way, each patient has readers of his own.
    OneWay,
    /// ICC(2,1): two-way random readers, absolute agreement.
    Agreement,
    /// ICC(3,1): two-way fixed readers, consistency.
    Consistency,
    /// ICC(1,k): one-way, the mean of k readings.
    OneWayMean,
    /// ICC(2,k): absolute agreement of the mean of k readings.
    AgreementMean,
    /// ICC(3,k): consistency of the mean of k readings.
    ConsistencyMean,
}

impl IccForm {
    /// All forms, in the order in which tables give them.
    pub const ALL: [IccForm; 6] = [
        IccForm::OneWay,
        IccForm::Agreement,
        IccForm::Consistency,
        IccForm::OneWayMean,
        IccForm::AgreementMean,
        IccForm::ConsistencyMean,
    ];
}

/// Why readings have no intraclass correlation.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum IccError {
    /// Fewer than two patients or two readings.
    #[error("{n_patients} patients with {n_readings} readings each, at least 2 of both are needed")]
    TooFew {
        /// Patients.
        n_patients: usize,
        /// Readings of each.
        n_readings: usize,
    },
    /// A reading is not a finite number.
    #[error("reading {reading} of row {row} is {value}: leave the patient out of all readings")]
    NotFinite {
        /// Zero-based row.
        row: usize,
        /// Zero-based reading.
        reading: usize,
        /// What was found.
        value: f64,
    },
    /// All readings of all patients are one value.
    #[error("all readings are {value}: there is no variation to divide")]
    NoVariation {
        /// The value.
        value: f64,
    },
    /// The confidence level is not between 0 and 1.
    #[error("confidence level is {level}, must be between 0 and 1")]
    Level {
        /// What was given.
        level: f64,
    },
}

/// Two-way analysis of variance of patients × readings, without interaction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanSquares {
    /// Between patients, n − 1 degrees of freedom.
    pub patients: f64,
    /// Between readings, k − 1.
    pub readings: f64,
    /// What is left, (n − 1)(k − 1).
    pub residual: f64,
    /// Within patients, n(k − 1).
    pub within: f64,
}

/// One form of the intraclass correlation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Icc {
    /// Which form.
    pub form: IccForm,
    /// The coefficient, at most 1; below 0 where patients differ less than chance would have it.
    pub value: f64,
    /// Its interval; `None` where the error's mean square is 0 while the readings differ, so that the bounds of an
    /// agreement have no degrees of freedom.
    pub interval: Option<Interval>,
    /// F statistic of no difference between patients (infinite where nothing but patients differs).
    pub f: f64,
    /// Its first degrees of freedom.
    pub df1: usize,
    /// Its second degrees of freedom.
    pub df2: usize,
    /// Its upper tail.
    pub p: f64,
}

/// All forms of one set of readings.
#[derive(Debug, Clone, PartialEq)]
pub struct IccTable {
    /// Patients.
    pub n_patients: usize,
    /// Readings of each.
    pub n_readings: usize,
    /// The analysis of variance.
    pub mean_squares: MeanSquares,
    /// In the order of [`IccForm::ALL`].
    pub forms: [Icc; 6],
}

impl IccTable {
    /// One of the forms.
    pub fn form(&self, form: IccForm) -> &Icc {
        &self.forms[form as usize]
    }
}

/// The six intraclass correlations of patients × readings, with intervals at `level` and F tests.
///
/// # Formula
/// With n patients, k readings, mean squares B (patients), J (readings), E (residual), W (within):
/// ICC(1,1) = (B − W)/(B + (k−1)W); ICC(2,1) = (B − E)/(B + (k−1)E + k(J − E)/n); ICC(3,1) = (B − E)/(B + (k−1)E);
/// ICC(1,k) = (B − W)/B; ICC(2,k) = (B − E)/(B + (J − E)/n); ICC(3,k) = (B − E)/B.
/// F = B/W on (n−1, n(k−1)) for the one-way forms, else B/E on (n−1, (n−1)(k−1)).
/// Intervals of the one-way and consistency forms invert F; those of agreement use Satterthwaite's degrees of freedom.
///
/// # Arguments        `readings`: patients × readings, complete; `level`: 0.95 for 95 %
/// # Ties and edges   where only patients differ every form is 1 with the interval [1, 1]
/// # Errors           see [`IccError`]
/// # Reference        Shrout & Fleiss, Psychol. Bull. 86 (1979) 420–428; McGraw & Wong, Psychol. Methods 1 (1996) 30–46
/// # Agrees with      R psych 2.2.9 `ICC(lmer = FALSE)` and pingouin 0.7 `intraclass_corr` (its intervals are printed to two
/// digits), relative 1e-9, tests/parity_agreement.rs
/// # Differs from     psych with its default `lmer = TRUE`, which sets negative components of variance to 0
pub fn icc(readings: ArrayView2<f64>, level: f64) -> Result<IccTable, IccError> {
    let anova = Anova::of(readings, level)?;
    Ok(IccTable {
        n_patients: readings.nrows(),
        n_readings: readings.ncols(),
        mean_squares: anova.squares,
        forms: IccForm::ALL.map(|form| anova.icc(form)),
    })
}

/// One form of [`icc`], without the cost of the other five.
///
/// # Errors           see [`IccError`]
pub fn icc_of_form(readings: ArrayView2<f64>, level: f64, form: IccForm) -> Result<Icc, IccError> {
    Ok(Anova::of(readings, level)?.icc(form))
}

fn mean_squares(x: ArrayView2<f64>) -> MeanSquares {
    let (n, k) = (x.nrows() as f64, x.ncols() as f64);
    // deviations from a first mean, so that sums of squares lose nothing to a large common value
    let rough = x.iter().sum::<f64>() / (n * k);
    let mean = rough + x.iter().map(|v| v - rough).sum::<f64>() / (n * k);
    let of_rows: Vec<f64> = (x.rows().into_iter())
        .map(|row| row.iter().map(|v| v - mean).sum::<f64>() / k)
        .collect();
    let of_columns: Vec<f64> = (x.columns().into_iter())
        .map(|column| column.iter().map(|v| v - mean).sum::<f64>() / n)
        .collect();
    let (mut within, mut residual) = (0.0, 0.0);
    for ((i, j), v) in x.indexed_iter() {
        let from_row = v - mean - of_rows[i];
        within += from_row * from_row;
        residual += (from_row - of_columns[j]) * (from_row - of_columns[j]);
    }
    let square = |means: &[f64]| means.iter().map(|m| m * m).sum::<f64>();
    // what rounding leaves of nothing is nothing
    let floor = |sum: f64| {
        let scale = mean.abs() + square(&of_rows).sqrt() + square(&of_columns).sqrt();
        if sum <= n * k * (4.0 * f64::EPSILON * scale) * (4.0 * f64::EPSILON * scale) {
            0.0
        } else {
            sum
        }
    };
    MeanSquares {
        patients: floor(k * square(&of_rows)) / (n - 1.0),
        readings: floor(n * square(&of_columns)) / (k - 1.0),
        residual: floor(residual) / ((n - 1.0) * (k - 1.0)),
        within: floor(within) / (n * (k - 1.0)),
    }
}

struct Anova {
    n: f64,
    k: f64,
    squares: MeanSquares,
    /// Probability beyond each bound.
    tail: f64,
}

impl Anova {
    fn of(readings: ArrayView2<f64>, level: f64) -> Result<Anova, IccError> {
        let (n, k) = readings.dim();
        if n < 2 || k < 2 {
            return Err(IccError::TooFew {
                n_patients: n,
                n_readings: k,
            });
        }
        if !(level > 0.0 && level < 1.0) {
            return Err(IccError::Level { level });
        }
        if let Some(((row, reading), &value)) =
            readings.indexed_iter().find(|(_, v)| !v.is_finite())
        {
            return Err(IccError::NotFinite {
                row,
                reading,
                value,
            });
        }
        let first = readings[[0, 0]];
        if readings.iter().all(|&v| v == first) {
            return Err(IccError::NoVariation { value: first });
        }
        Ok(Anova {
            n: n as f64,
            k: k as f64,
            squares: mean_squares(readings),
            tail: 0.5 - level / 2.0,
        })
    }

    fn icc(&self, form: IccForm) -> Icc {
        let (n, k) = (self.n, self.k);
        let MeanSquares {
            patients: b,
            readings: j,
            residual: e,
            within: w,
        } = self.squares;
        let one_way = matches!(form, IccForm::OneWay | IccForm::OneWayMean);
        let error = if one_way { w } else { e };
        let df2 = if one_way {
            n * (k - 1.0)
        } else {
            (n - 1.0) * (k - 1.0)
        };
        let f = if b == 0.0 { 0.0 } else { b / error };
        let value = match form {
            IccForm::OneWay => ratio(b - w, b + (k - 1.0) * w),
            IccForm::Agreement => ratio(b - e, b + (k - 1.0) * e + k * (j - e) / n),
            IccForm::Consistency => ratio(b - e, b + (k - 1.0) * e),
            IccForm::OneWayMean => ratio(b - w, b),
            IccForm::AgreementMean => ratio(b - e, b + (j - e) / n),
            IccForm::ConsistencyMean => ratio(b - e, b),
        };
        Icc {
            form,
            value,
            interval: self.interval(form, f, df2),
            f,
            df1: (n - 1.0) as usize,
            df2: df2 as usize,
            p: f_upper_tail(f, n - 1.0, df2),
        }
    }

    fn interval(&self, form: IccForm, f: f64, df2: f64) -> Option<Interval> {
        if matches!(form, IccForm::Agreement | IccForm::AgreementMean) {
            return self.agreement(form == IccForm::AgreementMean);
        }
        if f.is_infinite() {
            return Some(Interval {
                lower: 1.0,
                upper: 1.0,
            });
        }
        let df1 = self.n - 1.0;
        let low = f / f_quantile(1.0 - self.tail, df1, df2)?;
        let high = f * f_quantile(1.0 - self.tail, df2, df1)?;
        let bound = |f: f64| {
            if matches!(form, IccForm::OneWay | IccForm::Consistency) {
                (f - 1.0) / (f + self.k - 1.0)
            } else {
                1.0 - 1.0 / f
            }
        };
        // F = 0 takes the mean of k readings to minus infinity: no bound
        (low > 0.0).then(|| Interval {
            lower: bound(low),
            upper: bound(high),
        })
    }

    /// Satterthwaite's bounds of ICC(2,1), and by Spearman–Brown of ICC(2,k).
    fn agreement(&self, mean_of_k: bool) -> Option<Interval> {
        let (n, k) = (self.n, self.k);
        let MeanSquares {
            patients: b,
            readings: j,
            residual: e,
            ..
        } = self.squares;
        if e == 0.0 {
            let certain = Interval {
                lower: 1.0,
                upper: 1.0,
            };
            return (j == 0.0).then_some(certain);
        }
        let icc = ratio(b - e, b + (k - 1.0) * e + k * (j - e) / n);
        let fj = j / e;
        let own = n * (1.0 + (k - 1.0) * icc) - k * icc;
        let sum = k * icc * fj + own;
        let df = (k - 1.0) * (n - 1.0) * sum * sum
            / ((n - 1.0) * k * k * icc * icc * fj * fj + own * own);
        let above = f_quantile(1.0 - self.tail, n - 1.0, df)?;
        let below = f_quantile(1.0 - self.tail, df, n - 1.0)?;
        let spread = k * j + (k * n - k - n) * e;
        let lower = n * (b - above * e) / (above * spread + n * b);
        let upper = n * (below * b - e) / (spread + n * below * b);
        let step = |r: f64| {
            if mean_of_k {
                r * k / (1.0 + r * (k - 1.0))
            } else {
                r
            }
        };
        Some(Interval {
            lower: step(lower),
            upper: step(upper),
        })
        .filter(|i| i.lower.is_finite() && i.upper.is_finite())
    }
}

/// a / b, where 0 / 0 (nothing varies but the readings) agrees in nothing.
fn ratio(a: f64, b: f64) -> f64 {
    if a == 0.0 { 0.0 } else { a / b }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use ndarray::array;

    #[test]
    fn equal_readings_agree_wholly() {
        let x = array![[1.1, 1.1], [2.3, 2.3], [7.7, 7.7]];
        for form in icc(x.view(), 0.95).unwrap().forms {
            assert_eq!((form.value, form.p), (1.0, 0.0), "{form:?}");
            assert_eq!(form.interval.unwrap().lower, 1.0);
        }
    }

    #[test]
    fn a_shift_between_readers_costs_agreement_and_not_consistency() {
        let x = array![[1.0, 3.0], [2.0, 4.0], [4.0, 6.0], [5.0, 7.0]];
        let table = icc(x.view(), 0.95).unwrap();
        assert_eq!(table.form(IccForm::Consistency).value, 1.0);
        let agreement = table.form(IccForm::Agreement);
        assert!(agreement.value < 0.8);
        assert_eq!(agreement.interval, None);
    }

    #[test]
    fn what_cannot_be_divided_is_refused() {
        let flat = array![[2.0, 2.0], [2.0, 2.0]];
        assert_eq!(
            icc(flat.view(), 0.95),
            Err(IccError::NoVariation { value: 2.0 })
        );
        let hole = array![[2.0, 2.0], [2.0, f64::INFINITY]];
        assert!(matches!(
            icc(hole.view(), 0.95),
            Err(IccError::NotFinite {
                row: 1,
                reading: 1,
                ..
            })
        ));
        assert!(matches!(
            icc(hole.slice(ndarray::s![..1, ..]), 0.95),
            Err(IccError::TooFew { n_patients: 1, .. })
        ));
        assert_eq!(icc(flat.view(), 1.0), Err(IccError::Level { level: 1.0 }));
    }

    #[test]
    fn only_readers_differ() {
        let x = array![[1.0, 3.0], [1.0, 3.0], [1.0, 3.0]];
        for form in icc(x.view(), 0.95).unwrap().forms {
            assert!(form.value <= 0.0 && form.p > 0.5, "{form:?}");
        }
    }
}
