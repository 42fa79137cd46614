//! The maximal correlation coefficient (MCC) of a co-occurrence matrix.
//!
//! # Formula
//! MCC = √λ₂(Q), Q(i, j) = Σ_k p(i, k) p(j, k) / (p_x(i) p_y(k)).
//! Q is similar to B·Bᵀ with B(i, k) = p(i, k) / √(p_x(i) p_y(k)), because Q = D⁻¹ B Bᵀ D with D = diag(√p_x). So MCC is the second
//! largest singular value of B; for a symmetrical matrix B is symmetric and this is the second largest absolute eigenvalue.
//!
//! # Edges
//! A region with one grey level has MCC 1. A level without pairs along a direction adds an eigenvalue 0.
//!
//! # Differs from
//! PyRadiomics adds ε = 2.2e-16 to each divisor p_x(i) p_y(k). The relative effect is at most ε N² for N pairs of the rarest kind;
//! on the reference cases it is below 1e-9.

use nalgebra::DMatrix;

/// MCC. `entries` are (rank, rank, p) with ranks from 1; the marginals are indexed by rank, and index 0 is unused.
pub(crate) fn maximal_correlation(
    entries: &[(usize, usize, f64)],
    px: &[f64],
    py: &[f64],
    symmetrical: bool,
) -> f64 {
    let n_levels = px.len() - 1;
    if n_levels < 2 {
        return 1.0;
    }
    let mut b = DMatrix::<f64>::zeros(n_levels, n_levels);
    for &(row, column, p) in entries {
        b[(row - 1, column - 1)] = p / (px[row] * py[column]).sqrt();
    }
    let mut magnitudes: Vec<f64> = if symmetrical {
        b.symmetric_eigenvalues()
            .iter()
            .map(|value| value.abs())
            .collect()
    } else {
        gram(&b)
            .symmetric_eigenvalues()
            .iter()
            .map(|value| value.max(0.0).sqrt())
            .collect()
    };
    magnitudes.sort_by(|x, y| y.total_cmp(x));
    magnitudes[1]
}

/// B·Bᵀ, summed in order.
fn gram(b: &DMatrix<f64>) -> DMatrix<f64> {
    let n = b.nrows();
    DMatrix::from_fn(n, n, |i, j| {
        (0..n).fold(0.0, |sum, k| sum + b[(i, k)] * b[(j, k)])
    })
}

#[cfg(test)]
mod tests {
    use super::maximal_correlation;

    #[test]
    fn dependent_levels_have_one_and_independent_ones_zero() {
        let dependent = [(1, 2, 0.5), (2, 1, 0.5)];
        let half = [0.0, 0.5, 0.5];
        for symmetrical in [true, false] {
            let mcc = maximal_correlation(&dependent, &half, &half, symmetrical);
            assert!((mcc - 1.0).abs() < 1e-14, "{mcc}");
        }
        let independent = [(1, 1, 0.25), (1, 2, 0.25), (2, 1, 0.25), (2, 2, 0.25)];
        assert!(maximal_correlation(&independent, &half, &half, true) < 1e-15);
    }

    #[test]
    fn two_by_two_is_the_phi_coefficient() {
        // p = [[0.4, 0.1], [0.1, 0.4]]: φ = 0.6
        let entries = [(1, 1, 0.4), (1, 2, 0.1), (2, 1, 0.1), (2, 2, 0.4)];
        let half = [0.0, 0.5, 0.5];
        for symmetrical in [true, false] {
            let mcc = maximal_correlation(&entries, &half, &half, symmetrical);
            assert!((mcc - 0.6).abs() < 1e-14, "{mcc}");
        }
        assert_eq!(
            maximal_correlation(&[(1, 1, 1.0)], &[0.0, 1.0], &[0.0, 1.0], true),
            1.0
        );
    }
}
