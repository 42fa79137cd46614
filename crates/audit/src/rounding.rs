//! What a printed number stands for.

/// Decimals needed to write `value` as printed, at most 9: 12.0 needs 0, 0.93 needs 2. Trailing zeros are unknown.
pub(crate) fn decimals(value: f64) -> u32 {
    let mut scale = 1.0;
    for places in 0..9 {
        let scaled = value * scale;
        if (scaled - scaled.round()).abs() < 1e-6 * scaled.abs().max(1e-3) {
            return places;
        }
        scale *= 10.0;
    }
    9
}

/// Half of the last printed digit when numbers of one column share their decimals.
pub(crate) fn half_unit(values: &[f64]) -> f64 {
    let places = values.iter().map(|v| decimals(*v)).max().unwrap_or(0);
    half_of(places)
}

/// Half a unit of the last of `places` decimals.
pub(crate) fn half_of(places: u32) -> f64 {
    let mut half = 0.5;
    for _ in 0..places {
        half /= 10.0;
    }
    half
}

/// Whether `printed`, rounded to `places` decimals, can stand for a number between `low` and `high`.
pub(crate) fn stands_for(printed: f64, places: u32, low: f64, high: f64) -> bool {
    let slack = half_of(places) * (1.0 + 1e-9) + 1e-12;
    low - slack <= printed && printed <= high + slack
}

/// A P as people read it.
pub(crate) fn p_text(p: f64) -> String {
    if p < 0.001 {
        let exponent = libm::floor(libm::log10(p.max(f64::MIN_POSITIVE)));
        if p == 0.0 {
            return "<1e-300".to_owned();
        }
        return format!("{:.1}e{exponent}", p / libm::pow(10.0, exponent));
    }
    format!("{p:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_counted_as_written() {
        assert_eq!(decimals(12.0), 0);
        assert_eq!(decimals(0.93), 2);
        assert_eq!(decimals(45.789), 3);
        assert_eq!(decimals(0.0), 0);
        assert_eq!(half_unit(&[57.07, 10.1]), 0.005);
    }

    #[test]
    fn a_printed_number_stands_for_all_that_round_to_it() {
        assert!(stands_for(1.5, 1, 1.45, 1.45));
        assert!(!stands_for(1.5, 1, 1.449, 1.449));
        assert!(stands_for(0.42, 2, 0.3, 0.416));
    }

    #[test]
    fn small_p_have_an_exponent() {
        assert_eq!(p_text(0.0004), "4.0e-4");
        assert_eq!(p_text(0.0414), "0.041");
    }
}
