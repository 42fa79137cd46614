//! The maximal correlation coefficient (MCC) of a co-occurrence matrix.
//!
//! # Formula
//! MCC = √λ₂(Q), Q(i, j) = Σ_k p(i, k) p(j, k) / (p_x(i) p_y(k)).
//! Q is similar to B·Bᵀ with B(i, k) = p(i, k) / √(p_x(i) p_y(k)), because Q = D⁻¹ B Bᵀ D with D = diag(√p_x). So MCC is the second
//! largest singular value of B; for a symmetrical matrix B is symmetric and this is the second largest absolute eigenvalue.
//!
//! Up to 192 levels B is decomposed as a whole. Above, it is sparse: Lanczos steps with B·Bᵀ − √p_x √p_xᵀ, whose largest eigenvalue is
//! λ₂, go on until the remaining error of that eigenvalue is below 1e-12.
//!
//! # Edges
//! A region with one grey level has MCC 1. A level without pairs along a direction adds an eigenvalue 0.
//!
//! # Differs from
//! PyRadiomics adds ε = 2.2e-16 to each divisor p_x(i) p_y(k). The relative effect is at most ε N² for N pairs of the rarest kind;
//! on the reference cases it is below 1e-9.

use nalgebra::DMatrix;

/// Up to this many levels all eigenvalues are computed.
const DENSE_LEVELS: usize = 192;

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
    if n_levels > DENSE_LEVELS {
        return second_largest(entries, px, py).max(0.0).sqrt();
    }
    let mut b = DMatrix::<f64>::zeros(n_levels, n_levels);
    for &(row, column, p) in entries {
        b[(row - 1, column - 1)] = p / (px[row] * py[column]).sqrt();
    }
    let mut magnitudes: Vec<f64> = if symmetrical {
        eigenvalues(b).into_iter().map(f64::abs).collect()
    } else {
        let values = eigenvalues(gram(&b)).into_iter();
        values.map(|value| value.max(0.0).sqrt()).collect()
    };
    magnitudes.sort_by(|x, y| y.total_cmp(x));
    magnitudes[1]
}

/// Eigenvalues of a symmetric matrix, in no order. The QR steps of `nalgebra` break down on a few matrices; Jacobi's rotations never do.
fn eigenvalues(matrix: DMatrix<f64>) -> Vec<f64> {
    let found = matrix.symmetric_eigenvalues();
    match found.iter().all(|value| value.is_finite()) {
        true => found.iter().copied().collect(),
        false => by_rotations(matrix),
    }
}

/// Most sweeps over all pairs; a dozen are enough.
const MOST_SWEEPS: usize = 60;

/// Cyclic Jacobi (Golub & Van Loan, Matrix Computations, 8.5): each rotation takes one entry beside the diagonal away.
fn by_rotations(mut a: DMatrix<f64>) -> Vec<f64> {
    let n = a.nrows();
    for _ in 0..MOST_SWEEPS {
        let mut is_diagonal = true;
        for p in 0..n {
            for q in p + 1..n {
                let beside = a[(p, q)];
                if beside.abs()
                    <= f64::EPSILON * (a[(p, p)] * a[(q, q)]).abs().sqrt().max(f64::EPSILON)
                {
                    continue;
                }
                is_diagonal = false;
                let theta = (a[(q, q)] - a[(p, p)]) / (2.0 * beside);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for k in 0..n {
                    let (x, y) = (a[(k, p)], a[(k, q)]);
                    a[(k, p)] = c * x - s * y;
                    a[(k, q)] = s * x + c * y;
                }
                for k in 0..n {
                    let (x, y) = (a[(p, k)], a[(q, k)]);
                    a[(p, k)] = c * x - s * y;
                    a[(q, k)] = s * x + c * y;
                }
            }
        }
        if is_diagonal {
            break;
        }
    }
    (0..n).map(|i| a[(i, i)]).collect()
}

/// Most Lanczos steps; the largest eigenvalue is found within a fraction of them.
const MOST_STEPS: usize = 800;
/// Error of the eigenvalue that is small enough.
const ENOUGH: f64 = 1e-12;

/// λ₂ of B·Bᵀ.
///
/// The vectors are not made orthogonal again: rounding only repeats eigenvalues that were found, and the first one is taken out of the
/// operator itself, so that it cannot come back.
fn second_largest(entries: &[(usize, usize, f64)], px: &[f64], py: &[f64]) -> f64 {
    let weights: Vec<f64> = entries
        .iter()
        .map(|&(row, column, p)| p / (px[row] * py[column]).sqrt())
        .collect();
    let first: Vec<f64> = px.iter().map(|p| p.sqrt()).collect();
    let apply = |x: &[f64]| {
        let mut between = vec![0.0; py.len()];
        for (&(row, column, _), weight) in entries.iter().zip(&weights) {
            between[column] += weight * x[row];
        }
        let mut y = vec![0.0; px.len()];
        for (&(row, column, _), weight) in entries.iter().zip(&weights) {
            y[row] += weight * between[column];
        }
        let along = inner(&first, x);
        add_multiple(&mut y, -along, &first);
        y
    };
    let Some(mut steps) = Lanczos::start(px, &first) else {
        return 0.0;
    };
    let mut next_look = 16;
    loop {
        let is_over = !steps.go(apply);
        if is_over || steps.diagonal.len() == next_look {
            let (largest, error) = steps.largest();
            if is_over || error < ENOUGH || next_look >= MOST_STEPS {
                return largest;
            }
            next_look = (next_look + next_look / 2).min(MOST_STEPS);
        }
    }
}

/// The tridiagonal matrix that grows by one row a step.
struct Lanczos {
    diagonal: Vec<f64>,
    beside: Vec<f64>,
    before: Vec<f64>,
    this: Vec<f64>,
}

impl Lanczos {
    /// From a vector without pattern, with nothing along `first` and on levels without pairs; `None` if one level has all pairs.
    fn start(px: &[f64], first: &[f64]) -> Option<Lanczos> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut this: Vec<f64> = px
            .iter()
            .map(|&p| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                if p > 0.0 {
                    (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
                } else {
                    0.0
                }
            })
            .collect();
        let along = inner(first, &this);
        add_multiple(&mut this, -along, first);
        let length = inner(&this, &this).sqrt();
        this.iter_mut().for_each(|x| *x /= length);
        let has_others = px.iter().filter(|&&p| p > 0.0).count() > 1;
        has_others.then(|| Lanczos {
            diagonal: Vec::new(),
            beside: Vec::new(),
            before: vec![0.0; px.len()],
            this,
        })
    }

    /// One step; false when there is no further direction.
    fn go(&mut self, apply: impl Fn(&[f64]) -> Vec<f64>) -> bool {
        let mut next = apply(&self.this);
        let diagonal = inner(&next, &self.this);
        add_multiple(&mut next, -diagonal, &self.this);
        if let Some(&beside) = self.beside.last() {
            add_multiple(&mut next, -beside, &self.before);
        }
        let beside = inner(&next, &next).sqrt();
        self.diagonal.push(diagonal);
        self.beside.push(beside);
        if beside < f64::EPSILON {
            return false;
        }
        next.iter_mut().for_each(|x| *x /= beside);
        self.before = std::mem::replace(&mut self.this, next);
        true
    }

    /// Largest eigenvalue so far and a bound of its error: the residual r, or r²/gap to the next one where that is less.
    fn largest(&self) -> (f64, f64) {
        let n = self.diagonal.len();
        let matrix = DMatrix::from_fn(n, n, |i, j| match i.abs_diff(j) {
            0 => self.diagonal[i],
            1 => self.beside[i.min(j)],
            _ => 0.0,
        });
        let decomposed = matrix.symmetric_eigen();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| decomposed.eigenvalues[b].total_cmp(&decomposed.eigenvalues[a]));
        let largest = decomposed.eigenvalues[order[0]];
        let residual = self.beside[n - 1] * decomposed.eigenvectors[(n - 1, order[0])].abs();
        // repeats of the same eigenvalue are no neighbours of it
        let gap = order
            .iter()
            .map(|&k| largest - decomposed.eigenvalues[k])
            .find(|&gap| gap > 1e-9);
        let error = gap.map_or(residual, |gap| residual.min(residual * residual / gap));
        (largest, error)
    }
}

fn inner(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).fold(0.0, |sum, (a, b)| sum + a * b)
}

/// y + factor · x.
fn add_multiple(y: &mut [f64], factor: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
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
    use super::{maximal_correlation, second_largest};

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

    /// Entries and both marginals.
    type Shares = (Vec<(usize, usize, f64)>, Vec<f64>, Vec<f64>);

    /// Shares of pairs of `n` levels; `reach` is how far apart pairs are, 0 for any.
    fn pairs(n: usize, reach: usize) -> Shares {
        let mut state = 11_u64;
        let mut entries = Vec::new();
        for a in 1..=n {
            for b in 1..=n {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let is_near = reach == 0 || a.abs_diff(b) <= reach;
                if is_near && state >> 62 == 0 {
                    entries.push((a, b, (state >> 40) as f64));
                }
            }
        }
        let total = entries.iter().fold(0.0, |sum, entry| sum + entry.2);
        let (mut px, mut py) = (vec![0.0; n + 1], vec![0.0; n + 1]);
        for entry in &mut entries {
            entry.2 /= total;
            px[entry.0] += entry.2;
            py[entry.1] += entry.2;
        }
        (entries, px, py)
    }

    #[test]
    fn steps_find_what_the_decomposition_finds() {
        for (n, reach) in [(20, 0), (100, 0), (100, 3), (150, 10)] {
            let (entries, px, py) = pairs(n, reach);
            let dense = maximal_correlation(&entries, &px, &py, false);
            let sparse = second_largest(&entries, &px, &py).sqrt();
            assert!(
                (dense - sparse).abs() < 1e-10,
                "{n} {reach}: {dense} {sparse}"
            );
        }
    }

    #[test]
    fn many_levels_are_no_trouble() {
        // two blocks that never meet: the second eigenvalue is 1 too
        let n = 4000;
        let entries: Vec<_> = (1..=n)
            .map(|k| (k, k / 2 * 2 + 1, 1.0 / n as f64))
            .collect();
        let (mut px, mut py) = (vec![0.0; n + 2], vec![0.0; n + 2]);
        for &(a, b, p) in &entries {
            px[a] += p;
            py[b] += p;
        }
        let mcc = maximal_correlation(&entries, &px, &py, false);
        assert!((mcc - 1.0).abs() < 1e-10, "{mcc}");
        let mut alone = vec![0.0; 301];
        alone[7] = 1.0;
        let mcc = maximal_correlation(&[(7, 7, 1.0)], &alone, &alone, true);
        assert_eq!(mcc, 0.0, "one level has all pairs along this direction");
    }
}

#[cfg(test)]
#[allow(clippy::excessive_precision)]
mod rotation_tests {
    use super::*;

    /// Upper half of a matrix of a few pairs of voxels, of which the QR steps of `nalgebra` 0.35 make NaN: row, column, value.
    const BROKEN: [(usize, usize, f64); 3] = [
        (21, 31, 1.0),
        (11, 33, 0.7071067811865475),
        (23, 33, 0.7071067811865475),
    ];

    #[test]
    fn a_matrix_that_qr_steps_break_down_on_has_its_eigenvalues() {
        let mut a = DMatrix::<f64>::zeros(35, 35);
        for (i, j, value) in BROKEN {
            (a[(i, j)], a[(j, i)]) = (value, value);
        }
        let mut found = eigenvalues(a.clone());
        found.sort_by(|x, y| y.total_cmp(x));
        assert!((found[0] - 1.0).abs() < 1e-12, "{}", found[0]);
        let (trace, sum) = (a.trace(), found.iter().fold(0.0, |sum, value| sum + value));
        assert!((trace - sum).abs() < 1e-12, "{trace} {sum}");
        let (squares, norm) = (
            found.iter().fold(0.0, |sum, v| sum + v * v),
            a.norm_squared(),
        );
        assert!((squares - norm).abs() < 1e-12, "{squares} {norm}");
    }

    #[test]
    fn rotations_find_the_eigenvalues_of_the_qr_steps() {
        let mut state = 1_u64;
        for n in [1, 2, 3, 8, 35] {
            let mut a = DMatrix::<f64>::zeros(n, n);
            for i in 0..n {
                for j in 0..=i {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    let value = (state >> 40) as f64 / (1_u64 << 24) as f64 - 0.5;
                    // blocks apart and levels without pairs
                    let value = if (i + j) % 3 == 0 { value } else { 0.0 };
                    (a[(i, j)], a[(j, i)]) = (value, value);
                }
            }
            let sorted = |mut values: Vec<f64>| {
                values.sort_by(f64::total_cmp);
                values
            };
            let wanted = sorted(a.symmetric_eigenvalues().iter().copied().collect());
            for (found, wanted) in sorted(by_rotations(a)).iter().zip(&wanted) {
                assert!((found - wanted).abs() < 1e-13, "{n}: {found} {wanted}");
            }
        }
    }
}
