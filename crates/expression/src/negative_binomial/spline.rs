//! The highest point of a curve through equally spaced points.

/// Place of the maximum of the cubic spline through `values` at `first`, `first` + 1, …; at least 4 points.
///
/// The ends' third derivatives are those of the cubics through the outer four points (Forsythe, Malcolm, Moler 1977).
pub(super) fn maximum(values: &[f64], first: f64) -> f64 {
    let n = values.len();
    let curvature = second_derivatives(values);
    let (mut best, mut place) = (values[0], 0.0);
    for (i, value) in values.iter().enumerate() {
        if *value > best {
            (best, place) = (*value, i as f64);
        }
    }
    for i in 0..n - 1 {
        // value, slope, curvature/2, third/6 on [i, i + 1]
        let (m0, m1) = (curvature[i], curvature[i + 1]);
        let b = values[i + 1] - values[i] - (2.0 * m0 + m1) / 6.0;
        let (c, d) = (m0 / 2.0, (m1 - m0) / 6.0);
        for u in stationary(b, c, d).into_iter().flatten() {
            if u > 0.0 && u < 1.0 {
                let value = values[i] + u * (b + u * (c + u * d));
                if value > best {
                    (best, place) = (value, i as f64 + u);
                }
            }
        }
    }
    first + place
}

/// Where b + 2cu + 3du² is 0.
fn stationary(b: f64, c: f64, d: f64) -> [Option<f64>; 2] {
    let discriminant = c * c - 3.0 * b * d;
    if discriminant < 0.0 {
        return [None, None];
    }
    let root = discriminant.sqrt();
    // the form that does not cancel
    let q = if c >= 0.0 { -(c + root) } else { -(c - root) };
    let far = (d != 0.0).then(|| q / (3.0 * d));
    let near = (q != 0.0).then(|| b / q);
    [far, near]
}

/// Second derivatives at the points, spacing 1.
fn second_derivatives(y: &[f64]) -> Vec<f64> {
    let n = y.len();
    let third = |i: usize| y[i + 3] - 3.0 * y[i + 2] + 3.0 * y[i + 1] - y[i];
    // (M1 − M0) = third derivative of the outer cubic; M_{i−1} + 4 M_i + M_{i+1} = 6 Δ²y
    let mut diagonal = vec![4.0; n];
    let mut right: Vec<f64> = vec![0.0; n];
    let (first, last) = (third(0), third(n - 4));
    for i in 1..n - 1 {
        right[i] = 6.0 * (y[i + 1] - 2.0 * y[i] + y[i - 1]);
    }
    // M0 = M1 − first and M_{n−1} = M_{n−2} + last
    diagonal[1] = 5.0;
    right[1] += first;
    diagonal[n - 2] += 1.0;
    right[n - 2] -= last;
    for i in 2..n - 1 {
        let factor = 1.0 / diagonal[i - 1];
        diagonal[i] -= factor;
        right[i] -= factor * right[i - 1];
    }
    let mut m = vec![0.0; n];
    m[n - 2] = right[n - 2] / diagonal[n - 2];
    for i in (1..n - 2).rev() {
        m[i] = (right[i] - m[i + 1]) / diagonal[i];
    }
    m[0] = m[1] - first;
    m[n - 1] = m[n - 2] + last;
    m
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cubic_is_found_exactly() {
        let f = |x: f64| -(x - 3.3) * (x - 3.3) * (0.2 * x + 1.0);
        let values: Vec<f64> = (0..9).map(|i| f(f64::from(i))).collect();
        assert!((maximum(&values, -2.0) - 1.3).abs() < 1e-9);
    }

    #[test]
    fn a_rising_curve_has_its_end() {
        let values: Vec<f64> = (0..21).map(f64::from).collect();
        assert!((maximum(&values, -10.0) - 10.0).abs() < 1e-9);
    }
}
