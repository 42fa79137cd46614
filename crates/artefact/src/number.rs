//! Numbers as text: the shortest form that reads back to the same bits.

/// Appends `value`: plain decimals between 1e-5 and 1e16, exponents outside; nothing for an undefined value (NaN).
pub fn push(out: &mut String, value: f64) {
    use std::fmt::Write;
    if value.is_nan() {
        return;
    }
    let size = value.abs();
    let plain = size == 0.0 || (1e-5..1e16).contains(&size);
    // Writing to a String cannot fail.
    let _ = if plain {
        write!(out, "{value}")
    } else {
        write!(out, "{value:e}")
    };
}

/// `value` as text.
#[must_use]
pub fn text(value: f64) -> String {
    let mut out = String::new();
    push(&mut out, value);
    out
}

/// Reads a number; an empty cell, `NA`, `NaN` or `.` is undefined (NaN). Infinite and malformed text is `None`.
#[must_use]
pub fn parse(cell: &str) -> Option<f64> {
    let cell = cell.trim();
    if matches!(cell, "" | "NA" | "NaN" | "nan" | "." | "None" | "null") {
        return Some(f64::NAN);
    }
    cell.parse::<f64>().ok().filter(|v| v.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_written_number_reads_back_to_the_same_bits() {
        for v in [
            0.0,
            -0.0,
            1.0,
            0.1,
            1e-300,
            -1.5e300,
            123456789.123,
            5e-324,
            f64::MAX,
            1e16,
            1e-5,
            9.999e-6,
        ] {
            assert_eq!(parse(&text(v)).map(f64::to_bits), Some(v.to_bits()), "{v}");
            assert!(text(v).len() < 26);
        }
        assert_eq!(text(f64::NAN), "");
        assert_eq!(parse("inf"), None);
        assert_eq!(parse("1,5"), None);
    }
}
