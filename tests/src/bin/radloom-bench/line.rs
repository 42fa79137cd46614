//! The table that is printed.

/// Begins a room's table.
pub fn head(room: &str) {
    println!("\n### {room}\n\n| figure | measured | target | met |\n|---|---|---|---|");
}

/// A figure that should be at most `target`.
pub fn at_most(what: &str, value: f64, target: f64, unit: &str) {
    let met = if value <= target { "yes" } else { "no" };
    println!(
        "| {what} | {} {unit} | ≤ {target} {unit} | {met} |",
        short(value)
    );
}

/// A figure that should be at least `target`.
pub fn at_least(what: &str, value: f64, target: f64, unit: &str) {
    let met = if value >= target { "yes" } else { "no" };
    println!(
        "| {what} | {} {unit} | ≥ {target} {unit} | {met} |",
        short(value)
    );
}

/// CPU seconds of both sides; the original's should be at least `target` times ours.
pub fn times(what: &str, ours: f64, original: f64, target: f64) {
    let ratio = original / ours;
    let met = if ratio >= target { "yes" } else { "no" };
    println!(
        "| {what} | {} × ({} s, original {} s) | ≥ {target} × | {met} |",
        short(ratio),
        short(ours),
        short(original)
    );
}

/// A figure beside another one, without a target.
pub fn beside(what: &str, measured: &str, other: &str) {
    println!("| {what} | {measured} | {other} | |");
}

/// Three significant digits.
pub fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The middle of some figures.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
