//! Dividing rows into folds with equal shares of events.

use cohort::FollowUp;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Fold (0 to `n_folds` − 1) of each row: events and censored rows are shuffled apart and dealt in turn, so that
/// fold sizes and event counts differ by at most one each. `None` for zero folds.
///
/// The order of draws is part of the result: ChaCha8 of `seed`, Fisher–Yates from the end, events first.
pub fn event_stratified_folds(
    follow_up: &FollowUp,
    n_folds: usize,
    seed: u64,
) -> Option<Vec<usize>> {
    if n_folds == 0 {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let of = |seen: bool| (0..follow_up.len()).filter(move |&i| follow_up.event()[i] == seen);
    let mut events: Vec<usize> = of(true).collect();
    let mut censored: Vec<usize> = of(false).collect();
    shuffle(&mut events, &mut rng);
    shuffle(&mut censored, &mut rng);
    let mut fold = vec![0; follow_up.len()];
    for (place, row) in events.into_iter().chain(censored).enumerate() {
        fold[row] = place % n_folds;
    }
    Some(fold)
}

/// Fisher–Yates from the end.
pub(crate) fn shuffle(rows: &mut [usize], rng: &mut ChaCha8Rng) {
    for last in (1..rows.len()).rev() {
        rows.swap(last, below(last as u64 + 1, rng) as usize);
    }
}

/// Uniform on 0..n without bias: draws beyond the last whole multiple of n are taken again.
fn below(n: u64, rng: &mut ChaCha8Rng) -> u64 {
    let limit = u64::MAX - u64::MAX % n;
    loop {
        let draw = rng.next_u64();
        if draw < limit {
            return draw % n;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn events_and_rows_are_spread_evenly_and_belong_to_the_seed() {
        let f = FollowUp::new(vec![1.0; 53], (0..53).map(|i| i % 3 == 0).collect()).unwrap();
        let fold = event_stratified_folds(&f, 5, 11).unwrap();
        let count = |k: usize, seen: bool| {
            (0..53)
                .filter(|&i| fold[i] == k && (!seen || f.event()[i]))
                .count()
        };
        for seen in [true, false] {
            let counts: Vec<usize> = (0..5).map(|k| count(k, seen)).collect();
            assert!(
                counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1,
                "{counts:?}"
            );
        }
        assert_eq!(fold, event_stratified_folds(&f, 5, 11).unwrap());
        assert_ne!(fold, event_stratified_folds(&f, 5, 12).unwrap());
        assert_eq!(event_stratified_folds(&f, 0, 1), None);
    }
}
