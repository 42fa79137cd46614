//! How numbers are drawn: fixed decimals, one rounding rule, the same text on every machine.

/// `value` with `decimals` digits after the point, a true minus sign and no negative zero.
///
/// A number that is not finite has no place on a page: it is drawn as `–`.
pub fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|b| b == b'0' || b == b'.') => rest.to_owned(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

/// A count with a thin space between thousands, as in `14 212`.
pub fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + 4);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(c);
    }
    out
}

/// A count with its noun: `1 event`, `146 events`.
pub fn counted(n: usize, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(n))
}

/// A P value: three decimals, `<0.001` below, `>0.999` above; `not given` when absent or no probability.
pub fn p_value(p: Option<f64>) -> String {
    match p {
        Some(p) if (0.0..0.001).contains(&p) => "P < 0.001".to_owned(),
        Some(p) if p > 0.999 && p <= 1.0 => "P > 0.999".to_owned(),
        Some(p) if (0.0..=1.0).contains(&p) => format!("P = {p:.3}"),
        _ => "P not given".to_owned(),
    }
}

/// A number with as many digits as it needs (`12`, `0.5`), for horizons and axis ticks.
pub fn plain(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.replace('-', "−")
    }
}

/// A duration in the largest unit that keeps it readable.
pub fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.1} s", ms as f64 / 1e3),
        60_000..3_600_000 => format!("{} min {:02} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {:02} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// Round steps 1, 2, 2.5, 5 × 10^k that cut `[low, high]` into at most `most` parts; the ticks inside the range.
pub fn ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 || most == 0 {
        return vec![low];
    }
    let raw = span / most as f64;
    let magnitude = libm::pow(10.0, libm::floor(libm::log10(raw)));
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|m| m * magnitude)
        .find(|s| *s >= raw * (1.0 - 1e-9))
        .unwrap_or(raw);
    let first = libm::ceil(low / step - 1e-9);
    (0..=most + 1)
        .map(|i| (first + i as f64) * step)
        .take_while(|t| *t <= high + step * 1e-9)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_has_one_zero_and_a_true_minus() {
        assert_eq!(fixed(-0.0001, 3), "0.000");
        assert_eq!(fixed(-0.25, 2), "−0.25");
        assert_eq!(fixed(0.7815, 2), "0.78");
        assert_eq!(fixed(f64::NAN, 2), "–");
    }

    #[test]
    fn counts_p_values_and_durations_read_well() {
        assert_eq!(count(14212), "14\u{202f}212");
        assert_eq!(count(12), "12");
        assert_eq!(
            (counted(1, "task"), counted(0, "task")),
            ("1 task".into(), "0 tasks".into())
        );
        assert_eq!(p_value(Some(0.0)), "P < 0.001");
        assert_eq!(p_value(Some(0.0314)), "P = 0.031");
        assert_eq!(p_value(Some(f64::NAN)), "P not given");
        assert_eq!(duration(61_000), "1 min 01 s");
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 97.0, 8), vec![0.0, 20.0, 40.0, 60.0, 80.0]);
        let unit = ticks(0.5, 1.0, 5);
        assert_eq!(unit.len(), 6);
        assert!((unit[5] - 1.0).abs() < 1e-12);
        assert_eq!(ticks(3.0, 3.0, 5), vec![3.0]);
    }
}
