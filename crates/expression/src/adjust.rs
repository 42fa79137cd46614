//! False discovery rate.

/// Adjusted P of Benjamini and Hochberg, in the order of `p`.
///
/// # Formula
/// p̃_(i) = min_{j ≥ i} min(1, p_(j)·n / j)
///
/// # Reference
/// Benjamini, Hochberg, J. R. Stat. Soc. B 57 (1995) 289–300
/// # Agrees with
/// R 4.2 `p.adjust(method = "BH")`, tests/parity.rs
#[must_use]
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let n = p.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| p[b].total_cmp(&p[a]).then(b.cmp(&a)));
    let mut adjusted = vec![0.0; n];
    let mut least = 1.0_f64;
    for (above, &at) in order.iter().enumerate() {
        least = least.min(p[at] * n as f64 / (n - above) as f64);
        adjusted[at] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let adjusted = benjamini_hochberg(&[0.01, 0.04, 0.03, 0.5]);
        let expected = [0.04, 0.16 / 3.0, 0.16 / 3.0, 0.5];
        for (a, b) in adjusted.iter().zip(expected) {
            assert!((a - b).abs() < 1e-15);
        }
        assert!(benjamini_hochberg(&[]).is_empty());
    }
}
