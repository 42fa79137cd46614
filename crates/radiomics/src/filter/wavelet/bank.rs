//! Filters of the discrete wavelets, under PyWavelets' names.

use crate::filter::error::FilterError;

/// The two decomposition filters of a wavelet, of equal and even length.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bank {
    /// Low-pass, `dec_lo`.
    pub low: Vec<f64>,
    /// High-pass, `dec_hi`.
    pub high: Vec<f64>,
}

impl Bank {
    /// The filters of a wavelet.
    ///
    /// With L taps, reconstruction low-pass g and decomposition low-pass h: high[k] = (−1)^(k+1) · g[k]. Orthogonal wavelets have
    /// g[k] = h[L−1−k]; `rbio` is `bior` with g and h exchanged and both reversed.
    pub(crate) fn named(name: &str) -> Result<Bank, FilterError> {
        let (low, synthesis) = low_passes(name).ok_or_else(|| FilterError::UnknownWavelet {
            name: name.to_owned(),
            nearest: nearest(name),
        })?;
        let high = synthesis
            .iter()
            .enumerate()
            .map(|(k, &tap)| if k % 2 == 0 { -tap } else { tap })
            .collect();
        Ok(Bank { low, high })
    }
}

/// Every wavelet that can be named, in PyWavelets' spelling.
///
/// `haar` and `db1`–`db38`, `sym2`–`sym20`, `coif1`–`coif17`, fifteen of `bior` and of `rbio`, `dmey`.
#[must_use]
pub fn wavelet_names() -> Vec<String> {
    let mut names = vec!["haar".to_owned()];
    for (name, _) in rows() {
        names.push(name.to_owned());
        if let Some(numbers) = name.strip_prefix("bior") {
            names.push(format!("rbio{numbers}"));
        }
    }
    names
}

/// Name, decomposition low-pass and, for `bior`, reconstruction low-pass; separated by tabs, taps by blanks; 17 digits.
const TABLE: &str = include_str!("coefficients.tsv");

fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('\t'))
}

/// Decomposition and reconstruction low-pass.
fn low_passes(name: &str) -> Option<(Vec<f64>, Vec<f64>)> {
    let biorthogonal = name.strip_prefix("rbio").map(|rest| format!("bior{rest}"));
    let wanted = match name {
        "haar" => "db1",
        _ => biorthogonal.as_deref().unwrap_or(name),
    };
    let (_, columns) = rows().find(|(row, _)| *row == wanted)?;
    let mut columns = columns.split('\t').map(numbers);
    let low = columns.next()?;
    let synthesis = columns.next().unwrap_or_else(|| reversed(&low));
    if biorthogonal.is_some() {
        Some((reversed(&synthesis), reversed(&low)))
    } else {
        Some((low, synthesis))
    }
}

fn numbers(column: &str) -> Vec<f64> {
    column
        .split(' ')
        .filter_map(|tap| tap.parse().ok())
        .collect()
}

fn reversed(taps: &[f64]) -> Vec<f64> {
    taps.iter().rev().copied().collect()
}

/// The name with the fewest edits, the first of them.
fn nearest(name: &str) -> String {
    wavelet_names()
        .into_iter()
        .min_by_key(|known| edits(name, known))
        .unwrap_or_default()
}

/// Insertions, deletions and replacements that make one word of the other.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Σ_k a[k] · b[k + shift].
    fn correlation(a: &[f64], b: &[f64], shift: usize) -> f64 {
        a.iter()
            .zip(b.iter().skip(shift))
            .fold(0.0, |sum, (a, b)| sum + a * b)
    }

    #[test]
    fn every_name_has_a_bank_and_all_taps_were_read() {
        let names = wavelet_names();
        assert_eq!(names.len(), 1 + 38 + 19 + 17 + 15 + 15 + 1);
        for name in names {
            let bank = Bank::named(&name).unwrap();
            assert!(
                bank.low.len() >= 2 && bank.low.len().is_multiple_of(2),
                "{name}"
            );
            assert_eq!(bank.low.len(), bank.high.len(), "{name}");
        }
        assert_eq!(Bank::named("db38").unwrap().low.len(), 76);
        assert_eq!(Bank::named("coif17").unwrap().low.len(), 102);
        assert_eq!(Bank::named("dmey").unwrap().low.len(), 62);
    }

    // `dmey` is a finite cut of an infinite filter
    #[test]
    fn low_passes_sum_to_the_root_of_two_and_high_passes_to_nothing() {
        for name in wavelet_names() {
            let bank = Bank::named(&name).unwrap();
            let sum = |taps: &[f64]| taps.iter().fold(0.0, |sum, tap| sum + tap);
            let tolerance = if name == "dmey" { 2e-3 } else { 1e-11 };
            assert!(
                (sum(&bank.low) - 2.0_f64.sqrt()).abs() < tolerance,
                "{name}"
            );
            assert!(sum(&bank.high).abs() < tolerance, "{name}");
        }
    }

    /// Perfect reconstruction: Σ_k h[k] · g̃[k + 2m] = δ(m), with g̃ the reversed synthesis filter.
    #[test]
    fn even_shifts_of_the_low_passes_are_orthogonal() {
        for name in wavelet_names() {
            let (low, synthesis) = low_passes(&name).unwrap();
            let dual = reversed(&synthesis);
            let tolerance = if name == "dmey" { 3e-3 } else { 1e-10 };
            for shift in (0..low.len()).step_by(2) {
                let expected = f64::from(u8::from(shift == 0));
                for (a, b) in [(&low, &dual), (&dual, &low)] {
                    let found = correlation(a, b, shift);
                    assert!(
                        (found - expected).abs() < tolerance,
                        "{name} {shift}: {found}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        assert_eq!(
            Bank::named("coiff1"),
            Err(FilterError::UnknownWavelet {
                name: "coiff1".to_owned(),
                nearest: "coif1".to_owned()
            })
        );
        assert!(Bank::named("").is_err());
        assert!(Bank::named("rbio").is_err());
    }
}
