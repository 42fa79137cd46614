//! Hinge over one neighbour of each patient, by dual coordinate descent.
//!
//! min ½ wᵀw + γ Σ_i max( 0, 1 − wᵀ(x_i − x_{j(i)}) ) has the dual min ½ ‖Σ_i a_i (x_i − x_{j(i)})‖² − Σ a_i,
//! 0 <= a_i <= γ. One coordinate after the other is set to its minimum, in a fixed order (Hsieh et al., ICML 2008).

use super::newton::dot;

/// Largest change of a coordinate in a pass, beside γ, at which the descent ends.
const CHANGE_REL: f64 = 1e-10;

/// Weights w for patients in ascending order of time (`features` \[n, width\]); `Err` after `max_passes`.
///
/// The neighbour of a patient is the last event before it in this order; the first patient counts as an event.
pub(super) fn minimise(
    event: &[bool],
    features: &[f64],
    width: usize,
    gamma: f64,
    max_passes: usize,
) -> Result<Vec<f64>, usize> {
    let differences = differences(event, features, width);
    let squares: Vec<f64> = differences.iter().map(|d| dot(d, d)).collect();
    let mut weights = vec![0.0; width];
    let mut dual = vec![0.0; differences.len()];
    for _ in 0..max_passes {
        let mut largest: f64 = 0.0;
        for (pair, difference) in differences.iter().enumerate() {
            if squares[pair] <= 0.0 {
                continue;
            }
            let slope = dot(difference, &weights) - 1.0;
            let next = (dual[pair] - slope / squares[pair]).clamp(0.0, gamma);
            let change = next - dual[pair];
            if change != 0.0 {
                weights
                    .iter_mut()
                    .zip(difference)
                    .for_each(|(w, d)| *w += change * d);
                dual[pair] = next;
                largest = largest.max(change.abs());
            }
        }
        if largest <= CHANGE_REL * gamma {
            return Ok(weights);
        }
    }
    Err(max_passes)
}

fn differences(event: &[bool], features: &[f64], width: usize) -> Vec<Vec<f64>> {
    let row = |i: usize| &features[i * width..(i + 1) * width];
    let mut neighbour = 0;
    let mut differences = Vec::with_capacity(event.len().saturating_sub(1));
    for i in 1..event.len() {
        let apart = row(i).iter().zip(row(neighbour)).map(|(a, b)| a - b);
        differences.push(apart.collect());
        if event[i] {
            neighbour = i;
        }
    }
    differences
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn neighbours_are_the_last_events_before() {
        let seen = differences(&[false, false, true, false], &[1.0, 3.0, 7.0, 20.0], 1);
        assert_eq!(seen, [[2.0], [6.0], [13.0]]);
    }

    #[test]
    fn one_pair_by_hand() {
        // the pair is one apart: w = 1 ends the hinge, and γ below 1 holds w back
        let free = minimise(&[true, true], &[0.0, 1.0], 1, 5.0, 100).unwrap();
        assert!((free[0] - 1.0).abs() < 1e-12);
        let held = minimise(&[true, true], &[0.0, 1.0], 1, 0.25, 100).unwrap();
        assert!((held[0] - 0.25).abs() < 1e-12);
    }
}
