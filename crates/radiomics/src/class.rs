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

/// Mean over directions, element by element.
pub(crate) struct MeanOverDirections<const N: usize> {
    sums: [f64; N],
    n_directions: usize,
}

impl<const N: usize> MeanOverDirections<N> {
    pub(crate) fn new() -> Self {
        MeanOverDirections {
            sums: [0.0; N],
            n_directions: 0,
        }
    }

    /// Adds one direction's values.
    pub(crate) fn add(&mut self, values: [f64; N]) {
        for (sum, value) in self.sums.iter_mut().zip(values) {
            *sum += value;
        }
        self.n_directions += 1;
    }

    /// The means under their names, or the reason when there was no direction.
    pub(crate) fn features(self, names: [&'static str; N], reason: Undefined) -> ClassValues {
        if self.n_directions == 0 {
            return undefined(names, reason);
        }
        defined(names, self.sums.map(|sum| sum / self.n_directions as f64))
    }
}
