//! Robust local lines (Cleveland 1979), on points sorted by x.
//!
//! Local fits are made at points at least `delta` apart and joined by lines, as in R's `lowess`.

/// Robustness passes after the first fit.
const PASSES: usize = 3;

/// Fitted values at each of the points; `x` ascending, as long as `y`, at least 2.
pub(crate) fn lowess(x: &[f64], y: &[f64], span: f64, delta: f64) -> Vec<f64> {
    let n = x.len();
    if n < 2 {
        return y.to_vec();
    }
    let neighbours = ((span * n as f64 + 1e-7) as usize).clamp(2, n);
    let mut fitted = vec![0.0; n];
    let mut robust: Option<Vec<f64>> = None;
    for pass in 0..=PASSES {
        fit(x, y, neighbours, delta, robust.as_deref(), &mut fitted);
        if pass == PASSES {
            break;
        }
        match robustness(y, &fitted) {
            Some(weights) => robust = Some(weights),
            None => break,
        }
    }
    fitted
}

fn fit(
    x: &[f64],
    y: &[f64],
    neighbours: usize,
    delta: f64,
    robust: Option<&[f64]>,
    fitted: &mut [f64],
) {
    let n = x.len();
    let (mut left, mut right) = (0, neighbours - 1);
    let mut last: Option<usize> = None;
    let mut i = 0;
    loop {
        while right + 1 < n && x[i] - x[left] > x[right + 1] - x[i] {
            left += 1;
            right += 1;
        }
        fitted[i] = local_line(x, y, x[i], left, right, robust).unwrap_or(y[i]);
        if let Some(last) = last {
            let width = x[i] - x[last];
            for j in last + 1..i {
                let share = (x[j] - x[last]) / width;
                fitted[j] = share * fitted[i] + (1.0 - share) * fitted[last];
            }
        }
        let mut at = i;
        let cut = x[at] + delta;
        i = at + 1;
        while i < n && x[i] <= cut {
            if x[i] == x[at] {
                fitted[i] = fitted[at];
                at = i;
            }
            i += 1;
        }
        last = Some(at);
        if at + 1 >= n {
            return;
        }
        i = (at + 1).max(i - 1);
    }
}

/// The weighted line through the neighbours, at `at`; `None` where all weights are 0.
fn local_line(
    x: &[f64],
    y: &[f64],
    at: f64,
    left: usize,
    right: usize,
    robust: Option<&[f64]>,
) -> Option<f64> {
    let n = x.len();
    let range = x[n - 1] - x[0];
    let reach = (at - x[left]).max(x[right] - at);
    let mut weights = Vec::with_capacity(right - left + 1);
    for j in left..n {
        let distance = (x[j] - at).abs();
        if distance > 0.999 * reach {
            if x[j] > at {
                break;
            }
            weights.push(0.0);
            continue;
        }
        let near = if distance <= 0.001 * reach {
            1.0
        } else {
            let r = distance / reach;
            let c = 1.0 - r * r * r;
            c * c * c
        };
        weights.push(near * robust.map_or(1.0, |w| w[j]));
    }
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        return None;
    }
    for weight in &mut weights {
        *weight /= total;
    }
    let pairs = || weights.iter().zip(&x[left..]);
    if reach > 0.0 {
        let mean: f64 = pairs().map(|(w, x)| w * x).sum();
        let square: f64 = pairs().map(|(w, x)| w * (x - mean) * (x - mean)).sum();
        if square.sqrt() > 0.001 * range {
            let slope = (at - mean) / square;
            for (weight, x) in weights.iter_mut().zip(&x[left..]) {
                *weight *= slope * (x - mean) + 1.0;
            }
        }
    }
    Some(weights.iter().zip(&y[left..]).map(|(w, y)| w * y).sum())
}

/// Bisquare weights of the residuals at six times their median; `None` when nearly all are 0.
fn robustness(y: &[f64], fitted: &[f64]) -> Option<Vec<f64>> {
    let residuals: Vec<f64> = y.iter().zip(fitted).map(|(y, f)| (y - f).abs()).collect();
    let n = residuals.len();
    let scale = residuals.iter().sum::<f64>() / n as f64;
    let mut sorted = residuals.clone();
    sorted.sort_by(f64::total_cmp);
    let limit = 3.0 * (sorted[n / 2] + sorted[n - n / 2 - 1]);
    if limit < 1e-7 * scale {
        return None;
    }
    let weight = |r: &f64| {
        if *r <= 0.001 * limit {
            1.0
        } else if *r <= 0.999 * limit {
            let u = r / limit;
            (1.0 - u * u) * (1.0 - u * u)
        } else {
            0.0
        }
    };
    Some(residuals.iter().map(weight).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_kept_and_an_outlier_ignored() {
        let x: Vec<f64> = (0..40).map(f64::from).collect();
        let mut y: Vec<f64> = x.iter().map(|x| 2.0 + 0.5 * x).collect();
        y[17] += 100.0;
        for (fitted, x) in lowess(&x, &y, 0.5, 0.0).iter().zip(&x) {
            assert!((fitted - 2.0 - 0.5 * x).abs() < 1e-9, "{x}: {fitted}");
        }
    }

    #[test]
    fn ties_and_constants_are_harmless() {
        let flat = lowess(&[1.0; 5], &[3.0; 5], 0.5, 0.0);
        assert!(flat.iter().all(|f| (f - 3.0).abs() < 1e-12));
        assert_eq!(lowess(&[1.0], &[3.0], 0.5, 0.0), [3.0]);
    }
}
