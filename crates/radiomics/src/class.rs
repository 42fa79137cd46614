//! What a feature class hands back.

use crate::error::Undefined;

/// Features of one class in PyRadiomics' (alphabetical) order: name without prefix, and the value or why there is none.
pub(crate) type ClassValues = Vec<(&'static str, Result<f64, Undefined>)>;

/// ε of PyRadiomics' logarithms, `numpy.spacing(1)`.
pub(crate) const EPSILON: f64 = f64::EPSILON;

/// −p·log₂(p + ε), one term of an entropy.
pub(crate) fn entropy_term(p: f64) -> f64 {
    -(p * libm::log2(p + EPSILON))
}

/// Names joined with values that all exist.
pub(crate) fn defined<const N: usize>(names: [&'static str; N], values: [f64; N]) -> ClassValues {
    names.into_iter().zip(values.map(Ok)).collect()
}

/// Names joined with one reason.
pub(crate) fn undefined<const N: usize>(
    names: [&'static str; N],
    reason: Undefined,
) -> ClassValues {
    names.into_iter().map(|name| (name, Err(reason))).collect()
}

/// Mean over directions, element by element. `None` when there is no direction.
pub(crate) fn mean_over_directions<const N: usize>(directions: &[[f64; N]]) -> Option<[f64; N]> {
    if directions.is_empty() {
        return None;
    }
    let n = directions.len() as f64;
    Some(std::array::from_fn(|k| {
        directions.iter().fold(0.0, |sum, values| sum + values[k]) / n
    }))
}

/// The 13 directions to one half of the 26 neighbours, as steps along x, y, z.
pub(crate) const DIRECTIONS: [[isize; 3]; 13] = [
    [1, 0, 0],
    [-1, 1, 0],
    [0, 1, 0],
    [1, 1, 0],
    [-1, -1, 1],
    [0, -1, 1],
    [1, -1, 1],
    [-1, 0, 1],
    [0, 0, 1],
    [1, 0, 1],
    [-1, 1, 1],
    [0, 1, 1],
    [1, 1, 1],
];

/// Steps of the 13 directions in a padded box; all are positive, the other 13 neighbours are their negatives.
pub(crate) fn steps(strides: [usize; 3]) -> [usize; 13] {
    DIRECTIONS.map(|direction| {
        let step: isize = (0..3)
            .map(|axis| direction[axis] * strides[axis] as isize)
            .sum();
        step.unsigned_abs() // strides grow by more than a factor 2 plus 1, so the last non-zero component decides the sign: positive
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_half_of_the_26_neighbours() {
        let mut all: Vec<[isize; 3]> = DIRECTIONS.to_vec();
        all.extend(DIRECTIONS.map(|d| d.map(|k| -k)));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 26);
        assert!(!all.contains(&[0, 0, 0]));
    }

    #[test]
    fn steps_point_forwards_in_the_smallest_padded_box() {
        let strides = [1, 3, 9];
        for (direction, step) in DIRECTIONS.iter().zip(steps(strides)) {
            let signed = direction[0] + 3 * direction[1] + 9 * direction[2];
            assert_eq!(signed, step as isize);
        }
    }
}
