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

#[cfg(test)]
mod tests {
    use super::pairwise;

    #[test]
    fn a_million_tenths_keep_fifteen_digits() {
        let sum = pairwise(1_000_000, |_| 0.1);
        assert!((sum - 100_000.0).abs() < 1e-9, "{sum}");
        assert_eq!(pairwise(0, |_| 1.0), 0.0);
    }
}
