//! Sums in NumPy's order, where a result that is cut, compared or kept in single precision depends on it.

macro_rules! sum_in_lanes {
    ($name:ident, $float:ty) => {
        /// Up to 128 values: eight running sums joined in pairs, then what is left. More: by halves, the first a multiple of eight.
        pub(crate) fn $name(values: &[$float]) -> $float {
            if values.len() > 128 {
                let half = values.len() / 2;
                let (first, second) = values.split_at(half - half % 8);
                return $name(first) + $name(second);
            }
            let Some((first, rest)) = values.split_first_chunk::<8>() else {
                return values.iter().fold(0.0, |sum, value| sum + value);
            };
            let mut lanes = *first;
            let chunks = rest.chunks_exact(8);
            let left = chunks.remainder();
            for chunk in chunks {
                for lane in 0..8 {
                    lanes[lane] += chunk[lane];
                }
            }
            let [a, b, c, d, e, f, g, h] = lanes;
            let joined = ((a + b) + (c + d)) + ((e + f) + (g + h));
            left.iter().fold(joined, |sum, value| sum + value)
        }
    };
}
sum_in_lanes!(sum_double, f64);
sum_in_lanes!(sum_single, f32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_counted_once() {
        for n in [0, 1, 7, 8, 9, 42, 128, 129, 300, 642] {
            let values: Vec<f64> = (1..=n).map(f64::from).collect();
            assert_eq!(sum_double(&values), f64::from(n * (n + 1) / 2));
            let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            assert_eq!(sum_single(&values), (n * (n + 1) / 2) as f32);
        }
    }
}
