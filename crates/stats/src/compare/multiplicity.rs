//! Adjusting p-values for their number.

/// Benjamini & Hochberg's adjusted p-values (false discovery rate), in the order given.
///
/// # Formula
/// p̃_(i) = min over j ≥ i of min(1, m·p_(j)/j)
///
/// # Reference        Benjamini & Hochberg, JRSS B 57 (1995) 289–300
/// # Agrees with      R 4.2 `p.adjust("BH")`, 1e-15, tests/parity_compare.rs
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let m = p.len() as f64;
    let order = ascending(p);
    let mut adjusted = vec![1.0; p.len()];
    let mut least: f64 = 1.0;
    for (place, &i) in order.iter().enumerate().rev() {
        least = least.min(m * p[i] / (place + 1) as f64);
        adjusted[i] = least;
    }
    adjusted
}

/// Holm's adjusted p-values (family-wise error), in the order given.
///
/// # Formula
/// p̃_(i) = max over j ≤ i of min(1, (m − j + 1)·p_(j))
///
/// # Reference        Holm, Scand. J. Stat. 6 (1979) 65–70
pub fn holm(p: &[f64]) -> Vec<f64> {
    let order = ascending(p);
    let mut adjusted = vec![1.0; p.len()];
    let mut most: f64 = 0.0;
    for (place, &i) in order.iter().enumerate() {
        most = most.max((p.len() - place) as f64 * p[i]).min(1.0);
        adjusted[i] = most;
    }
    adjusted
}

fn ascending(p: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]).then(a.cmp(&b)));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_values_by_paper_and_pencil() {
        let near = |a: Vec<f64>, b: [f64; 4]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-15);
        let p = [0.04, 0.01, 0.03, 0.02];
        assert!(near(holm(&p), [0.06, 0.04, 0.06, 0.06]));
        assert!(near(benjamini_hochberg(&p), [0.04; 4]));
    }
}
