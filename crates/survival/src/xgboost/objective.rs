//! First and second derivatives of the loss at the margins, in the precision XGBoost has them.

use cohort::FollowUp;

use super::params::XgboostObjective;

/// Margins whose exponential is far from the ends of single precision.
const MODERATE: f32 = 60.0;

/// What subtracting may lose of a risk set, as a share of it, before the set is summed anew.
const MOST_LOST_REL: f64 = 0.5;

/// First and second derivative of the loss for one patient.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Gradient {
    pub(super) first: f32,
    pub(super) second: f32,
}

/// The outcomes as the objective wants them.
pub(super) enum Objective {
    Cox {
        /// Rows by ascending time, ties as they come.
        order: Vec<u32>,
        time: Vec<f32>,
        event: Vec<bool>,
    },
    Aft {
        objective: XgboostObjective,
        log_time: Vec<f64>,
        event: Vec<bool>,
    },
}

impl Objective {
    pub(super) fn new(objective: XgboostObjective, follow_up: &FollowUp) -> Objective {
        let event = follow_up.event().to_vec();
        let single = |t: &f64| (*t as f32).min(f32::MAX);
        let time: Vec<f32> = follow_up.time().iter().map(single).collect();
        if let XgboostObjective::Aft { .. } = objective {
            // a time too small for single precision is its smallest number
            let log = |t: &f32| libm::log(f64::from(t.max(f32::MIN_POSITIVE)));
            return Objective::Aft {
                objective,
                log_time: time.iter().map(log).collect(),
                event,
            };
        }
        let mut order: Vec<u32> = (0..time.len() as u32).collect();
        order.sort_by(|&a, &b| time[a as usize].total_cmp(&time[b as usize]));
        Objective::Cox { order, time, event }
    }

    pub(super) fn gradients(&self, margin: &[f32]) -> Vec<Gradient> {
        match self {
            Objective::Cox { order, time, event } => cox(order, time, event, margin),
            Objective::Aft {
                objective,
                log_time,
                event,
            } => {
                let XgboostObjective::Aft {
                    distribution,
                    scale,
                } = *objective
                else {
                    return Vec::new();
                };
                // the scale is a single-precision number there
                let scale = f64::from(scale as f32);
                let patient = |i: usize| {
                    let margin = f64::from(margin[i]);
                    let (first, second) =
                        distribution.derivatives(log_time[i], event[i], margin, scale);
                    Gradient {
                        first: first as f32,
                        second: second as f32,
                    }
                };
                (0..margin.len()).map(patient).collect()
            }
        }
    }
}

/// Breslow's partial likelihood; among tied rows the sums over event times grow row by row, as in XGBoost.
///
/// The first risk set is summed from single-precision exponentials, as there. Margins too large for that are shifted by
/// their largest, which changes no derivative and lets nothing overflow.
fn cox(order: &[u32], time: &[f32], event: &[bool], margin: &[f32]) -> Vec<Gradient> {
    let highest = margin.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let moderate = margin.iter().all(|m| m.abs() <= MODERATE);
    let shift = if moderate { 0.0 } else { highest };
    let weight = |row: usize| libm::exp(f64::from(margin[row]) - f64::from(shift));
    let rows = order.iter().map(|&row| row as usize);
    let mut at_risk: f64 = if moderate {
        rows.map(|row| f64::from(exp_single(margin[row]))).sum()
    } else {
        rows.map(weight).sum()
    };
    let remaining = remaining(order, time, weight);
    let mut gradients = vec![Gradient::default(); margin.len()];
    let (mut first, mut second) = (0.0, 0.0);
    let (mut leaving, mut last_weight, mut last_time) = (0.0, 0.0, 0.0);
    for (place, &row) in order.iter().enumerate() {
        let row = row as usize;
        let w = weight(row);
        leaving += last_weight;
        if last_time < time[row] {
            at_risk -= leaving;
            leaving = 0.0;
        }
        if event[row] {
            let summed = remaining[place].max(f64::MIN_POSITIVE);
            let lost = (at_risk - summed).abs() > MOST_LOST_REL * summed;
            let sum = if lost { summed } else { at_risk };
            first += 1.0 / sum;
            second += 1.0 / (sum * sum);
        }
        let seen = f64::from(u8::from(event[row]));
        gradients[row] = Gradient {
            first: finite(w * first - seen),
            second: finite(w * first - w * w * second),
        };
        (last_time, last_weight) = (time[row], w);
    }
    gradients
}

/// The risk set of each place in `order`, summed from its end, tied rows together.
fn remaining(order: &[u32], time: &[f32], weight: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut sums = vec![0.0; order.len()];
    let mut sum = 0.0;
    let mut end = order.len();
    for tied in order
        .chunk_by(|&a, &b| time[a as usize] == time[b as usize])
        .rev()
    {
        sum += tied.iter().map(|&row| weight(row as usize)).sum::<f64>();
        sums[end - tied.len()..end].fill(sum);
        end -= tied.len();
    }
    sums
}

/// exp in single precision with the rounding of the GNU C library, which XGBoost calls: its cubic on 1/32 of an octave
/// misses the nearest number once in some hundred calls, and margins after many rounds show it.
fn exp_single(x: f32) -> f32 {
    const THIRTY_SECONDS: f64 = 32.0;
    let scaled = f64::from(x) * THIRTY_SECONDS * std::f64::consts::LOG2_E;
    let whole = scaled.round_ties_even();
    let rest = (scaled - whole) / THIRTY_SECONDS;
    // 2^rest, |rest| <= 1/64
    let (c1, c2, c3) = (0.6931471806916203, 0.2402284522445722, 0.05550361559341535);
    let power = (c3 * rest + c2) * (rest * rest) + (c1 * rest + 1.0);
    (power * libm::exp2(whole / THIRTY_SECONDS)) as f32
}

/// A derivative beyond single precision, as of a patient whose weight underflows, says nothing.
fn finite(value: f64) -> f32 {
    let single = value as f32;
    if single.is_finite() { single } else { 0.0 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn cox_by_hand() {
        // times 1, 2, 2, 3, all margins 0: risk sets 4, 3, 3, 1; events at 1, the second of the 2s, and 3
        let f = FollowUp::new(vec![2.0, 1.0, 2.0, 3.0], vec![false, true, true, true]).unwrap();
        let g = Objective::new(XgboostObjective::Cox, &f).gradients(&[0.0; 4]);
        let close = |seen: f32, expected: f64| assert!((f64::from(seen) - expected).abs() < 1e-6);
        close(g[1].first, 0.25 - 1.0);
        close(g[0].first, 0.25);
        close(g[2].first, 0.25 + 1.0 / 3.0 - 1.0);
        close(g[2].second, 0.25 + 1.0 / 3.0 - 1.0 / 16.0 - 1.0 / 9.0);
        close(g[3].first, 0.25 + 1.0 / 3.0 + 1.0 - 1.0);
    }

    #[test]
    fn a_risk_set_that_subtraction_lost_is_summed_anew() {
        // e^50 is 5e21: what subtracting it leaves of 2 is nothing
        let f = FollowUp::new(vec![1.0, 2.0, 3.0], vec![true; 3]).unwrap();
        let g = Objective::new(XgboostObjective::Cox, &f).gradients(&[50.0, 0.0, 0.0]);
        let seen = |row: usize| (g[row].first, g[row].second);
        assert_eq!(seen(1), (-0.5, 0.25));
        assert_eq!(seen(2), (0.5, 0.25));
    }

    #[test]
    fn wide_margins_stay_finite() {
        let f = FollowUp::new(vec![1.0, 2.0, 3.0], vec![true; 3]).unwrap();
        for margin in [[900.0, -900.0, 0.0], [-900.0, 900.0, 0.0], [0.0, 0.0, 3e38]] {
            let gradients = Objective::new(XgboostObjective::Cox, &f).gradients(&margin);
            assert!(
                gradients
                    .iter()
                    .all(|g| g.first.is_finite() && g.second.is_finite())
            );
        }
    }
}
