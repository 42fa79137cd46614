//! The mean of a metric over folds and repeats.

use std::collections::BTreeMap;

use artefact::metrics::Measure;
use evaluation::corrected_interval;

/// A metric in one fold.
pub(super) struct Fold {
    /// Repeat, from 1.
    pub repeat: u32,
    /// The value, or why there is none.
    pub value: Result<f64, String>,
    /// Test rows.
    pub n_test: u64,
    /// Events among them.
    pub n_events: u64,
    /// Patients, events and training rows of the whole set, where they are known.
    pub whole: Option<(u64, u64, u64)>,
}

/// Mean over the folds of a repeat, then over the repeats, with the interval of Nadeau and Bengio, cut to
/// 0…1; folds without a value are left out and told. A mean needs at least half of the folds.
pub(super) fn average(folds: &[Fold]) -> Measure {
    let mut repeats: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for fold in folds {
        if let Ok(value) = fold.value {
            repeats.entry(fold.repeat).or_default().push(value);
        }
    }
    let repeats: Vec<Vec<f64>> = repeats.into_values().collect();
    let n_used: usize = repeats.iter().map(Vec::len).sum();
    let (n, n_events) = size(folds);
    let first_reason = folds.iter().find_map(|fold| fold.value.as_ref().err());
    let mut found = Measure {
        n,
        n_events,
        ..Measure::default()
    };
    if n_used == 0 {
        found.reason = Some(
            first_reason
                .cloned()
                .unwrap_or_else(|| "no fold was evaluated".to_owned()),
        );
        return found;
    }
    if 2 * n_used < folds.len() {
        let why = first_reason.map(|r| format!(", the first without: {r}"));
        found.reason = Some(format!(
            "NE: {n_used} of {} folds have a value{}",
            folds.len(),
            why.unwrap_or_default()
        ));
        return found;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    found.value = Some(mean(
        &repeats
            .iter()
            .map(|values| mean(values))
            .collect::<Vec<_>>(),
    ));
    let mut notes = Vec::new();
    if let (true, Some(reason)) = (n_used < folds.len(), first_reason) {
        notes.push(format!(
            "{} of {} folds without a value, the first: {reason}",
            folds.len() - n_used,
            folds.len()
        ));
    }
    match test_to_train(folds).map(|ratio| corrected_interval(&repeats, ratio, 0.95)) {
        Some(Ok(corrected)) if corrected.std_err == 0.0 => {
            notes.push("no interval: all folds have the same value".to_owned());
        }
        Some(Ok(corrected)) => {
            // Every metric here lies within 0 and 1, and so does what its interval may say.
            let (lower, upper) = (corrected.interval.lower, corrected.interval.upper);
            (found.lower, found.upper) = (Some(lower.clamp(0.0, 1.0)), Some(upper.clamp(0.0, 1.0)));
            if lower < 0.0 {
                notes.push("the interval is cut at 0".to_owned());
            }
            if upper > 1.0 {
                notes.push("the interval is cut at 1".to_owned());
            }
        }
        Some(Err(why)) => notes.push(format!("no interval: {why}")),
        None => notes.push("no interval: the training rows are not known".to_owned()),
    }
    found.reason = (!notes.is_empty()).then(|| notes.join("; "));
    found
}

/// Test rows over training rows, of all folds together.
fn test_to_train(folds: &[Fold]) -> Option<f64> {
    let known: Vec<(u64, u64)> = folds
        .iter()
        .filter_map(|f| f.whole.map(|(_, _, n_train)| (f.n_test, n_train)))
        .collect();
    let (test, train) = known
        .iter()
        .fold((0, 0), |(a, b), (test, train)| (a + test, b + train));
    (test > 0 && train > 0).then(|| test as f64 / train as f64)
}

/// Patients and events of the whole set: as told, else those of the first repeat's folds.
fn size(folds: &[Fold]) -> (u64, u64) {
    if let Some((n, n_events, _)) = folds.iter().find_map(|f| f.whole) {
        return (n, n_events);
    }
    let first = folds.iter().map(|f| f.repeat).min();
    let of_first = folds.iter().filter(|f| Some(f.repeat) == first);
    of_first.fold((0, 0), |(n, e), f| (n + f.n_test, e + f.n_events))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folds(n_with: usize, n: usize) -> Vec<Fold> {
        let of = |i: usize| Fold {
            repeat: if i < n / 2 { 1 } else { 2 },
            value: if i < n_with {
                Ok(0.6 + i as f64 / 100.0)
            } else {
                Err("NE: no comparable pair of patients".to_owned())
            },
            n_test: 10,
            n_events: 4,
            whole: Some((50, 20, 40)),
        };
        (0..n).map(of).collect()
    }

    #[test]
    fn an_interval_ends_where_the_metric_does_and_says_so() {
        let mut all = folds(4, 4);
        for (fold, value) in all.iter_mut().zip([0.9, 0.99, 0.98, 0.97]) {
            fold.value = Ok(value);
        }
        let found = average(&all);
        assert_eq!(found.upper, Some(1.0));
        assert_eq!(found.reason.as_deref(), Some("the interval is cut at 1"));
        assert!(found.lower.is_some_and(|l| l > 0.0));
    }

    #[test]
    fn a_mean_needs_half_of_the_folds() {
        let few = average(&folds(4, 10));
        assert_eq!(few.value, None);
        assert_eq!(
            few.reason.as_deref(),
            Some(
                "NE: 4 of 10 folds have a value, the first without: NE: no comparable pair of patients"
            )
        );
        let half = average(&folds(5, 10));
        assert_eq!(half.value, Some(0.62));
        assert!(
            half.reason
                .is_some_and(|r| r.starts_with("5 of 10 folds without a value"))
        );
    }
}
