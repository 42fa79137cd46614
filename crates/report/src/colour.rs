//! Colours that survive colour blindness and a black-and-white printer.

/// Text and axis ink.
pub const INK: &str = "#1a1a1a";
/// Second voice: units, notes, n.
pub const QUIET: &str = "#555555";
/// Hairlines and grids.
pub const HAIR: &str = "#d4d4d4";
/// Ground of undefined cells.
pub const BLANK: &str = "#f2f2f2";

/// Line colours by position (Okabe and Ito's palette without its yellow), each with a dash so that colour is never alone.
pub const LINES: [(&str, &str); 7] = [
    ("#0072b2", ""),
    ("#d55e00", "7 3"),
    ("#009e73", "2 3"),
    ("#cc79a7", "9 3 2 3"),
    ("#000000", "4 2"),
    ("#e69f00", "12 3"),
    ("#56b4e9", "1 2"),
];

/// The `i`-th line: colour and dash; beyond the palette it starts again.
pub fn line(i: usize) -> (&'static str, &'static str) {
    LINES[i % LINES.len()]
}

/// Anchors of the sequential scale, light (low) to dark (high), monotone in lightness.
const SCALE: [(f64, f64, f64); 6] = [
    (255.0, 253.0, 225.0),
    (212.0, 235.0, 190.0),
    (135.0, 205.0, 187.0),
    (62.0, 160.0, 192.0),
    (33.0, 96.0, 166.0),
    (12.0, 42.0, 105.0),
];

/// The fill for `share` in 0..=1 of the scale (clamped) and the ink that reads on it.
pub fn sequential(share: f64) -> (String, &'static str) {
    let share = if share.is_finite() {
        share.clamp(0.0, 1.0)
    } else {
        0.0
    };
    let place = share * (SCALE.len() - 1) as f64;
    let low = (libm::floor(place) as usize).min(SCALE.len() - 2);
    let part = place - low as f64;
    let (a, b) = (SCALE[low], SCALE[low + 1]);
    let mix = |x: f64, y: f64| x + (y - x) * part;
    let (r, g, b) = (mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2));
    let luminance = 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    // The ink with the higher WCAG contrast: white at (1.05)/(L+0.05), near-black at (L+0.05)/(0.0603).
    let white = 1.05 / (luminance + 0.05);
    let black = (luminance + 0.05) / 0.060_3;
    let ink = if white > black { "#ffffff" } else { INK };
    (
        format!("#{:02x}{:02x}{:02x}", byte(r), byte(g), byte(b)),
        ink,
    )
}

fn byte(v: f64) -> u8 {
    v.round().clamp(0.0, 255.0) as u8
}

fn channel(v: f64) -> f64 {
    let v = v / 255.0;
    if v <= 0.04045 {
        v / 12.92
    } else {
        libm::pow((v + 0.055) / 1.055, 2.4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(hex: &str) -> f64 {
        let part = |i: usize| f64::from(u8::from_str_radix(&hex[i..i + 2], 16).unwrap_or_default());
        0.2126 * channel(part(1)) + 0.7152 * channel(part(3)) + 0.0722 * channel(part(5))
    }

    #[test]
    fn the_scale_darkens_evenly_and_its_ink_reads() {
        let mut last = 2.0;
        for i in 0..=50 {
            let (fill, ink) = sequential(f64::from(i) / 50.0);
            let (l, k) = (luminance(&fill), luminance(ink));
            assert!(l < last, "step {i}: {l} is not darker than {last}");
            last = l;
            let contrast = (l.max(k) + 0.05) / (l.min(k) + 0.05);
            assert!(contrast >= 4.2, "step {i}: contrast {contrast}");
        }
    }

    #[test]
    fn values_beyond_the_scale_take_its_ends() {
        assert_eq!(sequential(-1.0), sequential(0.0));
        assert_eq!(sequential(7.0), sequential(1.0));
        assert_eq!(sequential(f64::NAN), sequential(0.0));
    }
}
