//! Conditional pseudo-values of survival: what each patient adds to the estimate of each interval.

use cohort::FollowUp;

/// A patient who is at risk when an interval starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PseudoValue {
    /// Row of the follow-up.
    pub row: usize,
    /// Interval, counted from 0: it starts after the last cutpoint (0 for the first) and ends at its own.
    pub interval: usize,
    /// n S − (n − 1) S₋ᵢ; may lie outside 0 to 1.
    pub value: f64,
}

/// Pseudo-values of survival to the end of each interval among those at risk at its start.
///
/// # Formula
/// interval j is (c_{j−1}, c_j], c_0 = 0; at risk are the n_j patients with time > c_{j−1};
/// value_ij = n_j S_j − (n_j − 1) S_{j,−i}, S_j the Kaplan–Meier estimate to c_j of those n_j patients, with times
/// min(time, c_j) and events up to c_j, S_{j,−i} the same without patient i
///
/// # Ties and edges
/// An interval without an event has the value 1 for everybody at risk, one at whose start nobody is at risk has no
/// values. Leaving out the only patient at risk leaves the estimate where it is. Order: by interval, then by row.
///
/// # Reference
/// Zhao and Feng, IEEE J. Biomed. Health Inform. 24 (2020) 3308–3314; Andersen, Klein, Rosthøj, Biometrika 90 (2003) 15–27.
///
/// # Agrees with
/// DNNSurv's `getPseudoConditional` with R pseudo 1.4.3 on veteran, pbc, gbsg and breast_cancer, 1e-9.
///
/// # Differs from
/// There an interval without an event stops the program ("non-conformable arrays").
pub fn conditional_pseudo_values(follow_up: &FollowUp, cutpoints: &[f64]) -> Vec<PseudoValue> {
    let mut by_time: Vec<usize> = (0..follow_up.len()).collect();
    by_time.sort_by(|&a, &b| follow_up.time()[a].total_cmp(&follow_up.time()[b]));
    let mut values = Vec::new();
    let mut start = 0.0;
    for (interval, &end) in cutpoints.iter().enumerate() {
        let first = by_time.partition_point(|&row| follow_up.time()[row] <= start);
        let mut here = of_interval(follow_up, &by_time[first..], interval, end);
        here.sort_by_key(|pseudo| pseudo.row);
        values.extend(here);
        start = end;
    }
    values
}

/// One event time of an interval.
struct Step {
    time: f64,
    events: f64,
    at_risk: f64,
}

/// `rows` are at risk at the start, by rising time.
fn of_interval(
    follow_up: &FollowUp,
    rows: &[usize],
    interval: usize,
    end: f64,
) -> Vec<PseudoValue> {
    let (time, event) = (follow_up.time(), follow_up.event());
    let n = rows.len();
    let mut steps: Vec<Step> = Vec::new();
    for (place, &row) in rows.iter().enumerate() {
        if !event[row] || time[row] > end {
            continue;
        }
        match steps.last_mut() {
            Some(step) if step.time == time[row] => step.events += 1.0,
            _ => {
                let tied = rows[..place].iter().rev();
                let earlier = tied.take_while(|&&r| time[r] == time[row]).count();
                steps.push(Step {
                    time: time[row],
                    events: 1.0,
                    at_risk: (n - place + earlier) as f64,
                });
            }
        }
    }
    // before[k]: the first k factors without one more patient; after[k]: the factors from k on with everybody
    let mut before = vec![1.0];
    for step in &steps {
        let others = step.at_risk - 1.0;
        let factor = if others > 0.0 {
            1.0 - step.events / others
        } else {
            1.0
        };
        before.push(before[before.len() - 1] * factor);
    }
    let mut after = vec![1.0; steps.len() + 1];
    for (k, step) in steps.iter().enumerate().rev() {
        after[k] = after[k + 1] * (1.0 - step.events / step.at_risk);
    }
    let everybody = after[0];
    rows.iter()
        .map(|&row| {
            let k = steps.partition_point(|step| step.time < time[row]);
            let without = match steps.get(k) {
                Some(step) if step.time == time[row] => {
                    let others = step.at_risk - 1.0;
                    let events = step.events - f64::from(u8::from(event[row]));
                    let factor = if others > 0.0 {
                        1.0 - events / others
                    } else {
                        1.0
                    };
                    before[k] * factor * after[k + 1]
                }
                _ => before[k] * after[k],
            };
            let value = if steps.is_empty() {
                1.0
            } else {
                n as f64 * everybody - (n as f64 - 1.0) * without
            };
            PseudoValue {
                row,
                interval,
                value,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::common::{Data, close, json, numbers};
    use serde_json::Value;

    fn held_against(data: &Data, cutpoints: &[f64], oracle: &Value, name: &str) {
        let seen = conditional_pseudo_values(&data.follow_up, cutpoints);
        let (id, start) = (numbers(&oracle["id_1based"]), numbers(&oracle["s_start"]));
        let expected = numbers(&oracle["pseudo"]);
        assert_eq!(seen.len(), expected.len(), "{name}");
        for (k, pseudo) in seen.iter().enumerate() {
            let place = (0..id.len())
                .find(|&m| {
                    let starts = match pseudo.interval.checked_sub(1) {
                        Some(before) => cutpoints[before],
                        None => 0.0,
                    };
                    id[m] == (pseudo.row + 1) as f64 && (start[m] - starts).abs() < 1e-6
                })
                .unwrap();
            close(
                pseudo.value,
                expected[place],
                1e-9,
                &format!("{name} entry {k}"),
            );
        }
    }

    #[test]
    fn values_are_dnnsurvs() {
        for name in ["veteran", "pbc", "gbsg", "breast_cancer"] {
            let Some(data) = Data::read(name) else { return };
            let oracle = json(&format!("k_deep/pseudo_{name}.json")).unwrap();
            let times = numbers(&oracle["times"]);
            held_against(&data, &times, &oracle["conditional"], name);
            // the reference cannot do gbsg with these cutpoints
            if oracle["survivalmodels_conditional"].is_object() {
                let times = numbers(&oracle["survivalmodels_cutpoints"]);
                held_against(&data, &times, &oracle["survivalmodels_conditional"], name);
            }
        }
    }

    #[test]
    fn three_patients_by_hand() {
        let f = FollowUp::new(vec![1.0, 2.0, 3.0], vec![true, false, true]).unwrap();
        let values: Vec<f64> = conditional_pseudo_values(&f, &[1.5, 1.7, 3.0])
            .iter()
            .map(|p| p.value)
            .collect();
        // (0, 1.5]: S = 2/3, without the first 1, without another 1/2; (1.5, 1.7]: no event;
        // (1.7, 3]: S = 0, without the second 0, without the third 1
        let expected = [0.0, 1.0, 1.0, 1.0, 1.0, 0.0, -1.0];
        assert_eq!(values.len(), expected.len());
        for (seen, expected) in values.iter().zip(expected) {
            assert!((seen - expected).abs() < 1e-12, "{seen} against {expected}");
        }
    }
}
