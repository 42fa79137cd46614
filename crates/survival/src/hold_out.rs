//! Patients set aside while others are learnt from.

use cohort::FollowUp;
use stats::folds::event_stratified_folds;

/// Draws a share of the rows, apart among events and censored: at least one event, and not the last one.
pub(crate) fn hold_out(follow_up: &FollowUp, share: f64, seed: u64) -> Vec<bool> {
    // as many folds as rows is a random order, events first
    let place = event_stratified_folds(follow_up, follow_up.len(), seed).unwrap_or_default();
    let events = follow_up.n_events();
    let censored = follow_up.len() - events;
    let part = |n: usize| (n as f64 * share).round() as usize;
    let of_events = part(events).max(1).min(events.saturating_sub(1));
    let of_censored = part(censored);
    place
        .iter()
        .map(|&place| match place.checked_sub(events) {
            Some(among_censored) => among_censored < of_censored,
            None => place < of_events,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn events_and_censored_are_held_out_in_proportion() {
        let f = FollowUp::new(vec![1.0; 60], (0..60).map(|i| i % 3 == 0).collect()).unwrap();
        let out = hold_out(&f, 0.2, 5);
        let count = |event: bool| (0..60).filter(|&i| out[i] && f.event()[i] == event).count();
        assert_eq!((count(true), count(false)), (4, 8));
        assert_ne!(out, hold_out(&f, 0.2, 6));
        let two = FollowUp::new(vec![1.0, 2.0], vec![true, true]).unwrap();
        assert_eq!(hold_out(&two, 0.9, 0).iter().filter(|o| **o).count(), 1);
    }
}
