//! Sums whose rounding error does not grow with the number of voxels.

/// Sum of `value(0) … value(n − 1)` by halves (blocks of 64 in order), error O(log n · ε). The same bits on every machine.
pub(crate) fn pairwise(n: usize, value: impl Fn(usize) -> f64 + Copy) -> f64 {
    range(0, n, value)
}

fn range(start: usize, end: usize, value: impl Fn(usize) -> f64 + Copy) -> f64 {
    if end - start <= 64 {
        (start..end).fold(0.0, |sum, i| sum + value(i))
    } else {
        let middle = start + (end - start) / 2;
        range(start, middle, value) + range(middle, end, value)
    }
}

/// The same for several functions of each value in one pass.
pub(crate) fn pairwise_of<const N: usize>(
    values: &[f64],
    terms: impl Fn(f64) -> [f64; N] + Copy,
) -> [f64; N] {
    let add = |a: [f64; N], b: [f64; N]| std::array::from_fn(|k| a[k] + b[k]);
    if values.len() <= 64 {
        values.iter().fold([0.0; N], |sum, &x| add(sum, terms(x)))
    } else {
        let (first, second) = values.split_at(values.len() / 2);
        add(pairwise_of(first, terms), pairwise_of(second, terms))
    }
}

#[cfg(test)]
mod tests {
    use super::{pairwise, pairwise_of};

    #[test]
    fn a_million_tenths_keep_fifteen_digits() {
        let sum = pairwise(1_000_000, |_| 0.1);
        assert!((sum - 100_000.0).abs() < 1e-9, "{sum}");
        assert_eq!(pairwise(0, |_| 1.0), 0.0);
        let values: Vec<f64> = (0..1000).map(|k| 0.1 * f64::from(k)).collect();
        assert_eq!(
            pairwise_of(&values, |x| [x, x * x]),
            [
                pairwise(1000, |i| values[i]),
                pairwise(1000, |i| values[i] * values[i])
            ]
        );
    }
}
