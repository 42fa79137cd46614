//! P of the baseline table from its own counts, means and standard deviations.

use crate::finding::{Finding, Severity};
use crate::manuscript::{Cell, Manuscript};
use crate::rounding::{half_unit, p_text, stands_for};
use stats::special::chi_square_upper_tail;
use stats::tails::student_t_two_sided;

/// Decimals to which P is printed in such tables.
const P_PLACES: u32 = 3;

pub(super) fn check(manuscript: &Manuscript) -> Vec<Finding> {
    let table = &manuscript.table1;
    let n: Vec<f64> = table.n.values().map(|n| f64::from(*n)).collect();
    let [n1, n2] = n[..] else { return Vec::new() };
    let mut findings = Vec::new();
    for (name, [a, _, b, _, p]) in &table.binary {
        let place = format!("table1.binary.{name}");
        findings.extend(two_by_two(place, [*a, n1 - a, *b, n2 - b], *p));
    }
    for (name, row) in &table.continuous {
        findings.extend(means(format!("table1.continuous.{name}"), row, n1, n2));
    }
    for (variable, cells) in &table.categorical {
        let counts: Vec<[f64; 2]> = cells
            .values()
            .filter_map(|cell| match cell {
                Cell::Counts([a, _, b, _]) => Some([*a, *b]),
                Cell::P(_) => None,
            })
            .collect();
        if let Some(Cell::P(p)) = cells.get("p") {
            findings.extend(table_of(format!("table1.{variable}"), &counts, *p));
        }
    }
    findings
}

fn two_by_two(place: String, cells: [f64; 4], printed: f64) -> Option<Finding> {
    if cells.iter().any(|c| *c < 0.0) {
        return None;
    }
    let rows = [[cells[0], cells[2]], [cells[1], cells[3]]];
    let plain = pearson(&rows, 0.0)?;
    let yates = pearson(&rows, 0.5)?;
    let fisher = fisher(cells);
    let candidates = [
        ("χ²", plain),
        ("χ² with continuity correction", yates),
        ("Fisher", fisher),
    ];
    differs(place, printed, &candidates, "counts")
}

fn table_of(place: String, rows: &[[f64; 2]], printed: f64) -> Option<Finding> {
    let p = pearson(rows, 0.0)?;
    differs(place, printed, &[("χ²", p)], "counts")
}

/// A finding unless one of the tests gives the printed P.
fn differs(place: String, printed: f64, tests: &[(&str, f64)], from: &str) -> Option<Finding> {
    if tests
        .iter()
        .any(|(_, p)| stands_for(printed, P_PLACES, *p, *p))
    {
        return None;
    }
    let told: Vec<String> = tests
        .iter()
        .map(|(name, p)| format!("{name} {}", p_text(*p)))
        .collect();
    Some(Finding {
        code: "p-counts",
        severity: Severity::Major,
        place,
        printed: format!("P = {printed}"),
        recomputed: told.join(", "),
        message: format!(
            "no usual test gives the printed P from the printed {from}; name the test"
        ),
    })
}

/// Pearson's χ² of two groups in columns; `None` when a group or all categories are empty.
fn pearson(rows: &[[f64; 2]], correction: f64) -> Option<f64> {
    let rows: Vec<&[f64; 2]> = rows.iter().filter(|r| r[0] + r[1] > 0.0).collect();
    let columns = [0, 1].map(|c| rows.iter().map(|r| r[c]).sum::<f64>());
    let total = columns[0] + columns[1];
    if rows.len() < 2 || columns.iter().any(|c| *c <= 0.0) {
        return None;
    }
    let mut statistic = 0.0;
    for row in &rows {
        for (count, column) in row.iter().zip(columns) {
            let expected = (row[0] + row[1]) * column / total;
            let gap = (count - expected).abs();
            let gap = gap - correction.min(gap);
            statistic += gap * gap / expected;
        }
    }
    Some(chi_square_upper_tail(statistic, rows.len() - 1))
}

/// Fisher's exact test of a, b | c, d (rows: groups), two-sided: the sum of all tables no likelier than this one.
fn fisher([a, b, c, d]: [f64; 4]) -> f64 {
    let (row, column, n) = (a + b, a + c, a + b + c + d);
    let log_choose =
        |n: f64, k: f64| libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
    let log_p =
        |x: f64| log_choose(row, x) + log_choose(n - row, column - x) - log_choose(n, column);
    let observed = log_p(a);
    let (low, high) = ((row + column - n).max(0.0), row.min(column));
    let mut sum = 0.0;
    let mut x = low;
    while x <= high {
        let log_p = log_p(x);
        if log_p <= observed + 1e-7 {
            sum += libm::exp(log_p);
        }
        x += 1.0;
    }
    sum.min(1.0)
}

/// Mean and SD of two groups, with every unrounded value they stand for.
fn means(place: String, row: &[f64; 5], n1: f64, n2: f64) -> Option<Finding> {
    let [m1, s1, m2, s2, printed] = *row;
    let half = half_unit(&[m1, s1, m2, s2]);
    let gap = (m1 - m2).abs();
    let range = |test: fn([f64; 3], [f64; 3]) -> f64| {
        let at = |gap: f64, sign: f64| {
            let sd = |sd: f64| (sd + sign * half).max(0.0);
            test([gap, sd(s1), n1], [0.0, sd(s2), n2])
        };
        (
            at(gap + 2.0 * half, -1.0),
            at((gap - 2.0 * half).max(0.0), 1.0),
        )
    };
    let tests = [("t", range(pooled)), ("Welch", range(welch))];
    if tests
        .iter()
        .any(|(_, (low, high))| stands_for(printed, P_PLACES, *low, *high))
    {
        return None;
    }
    let told = |(name, (low, high)): &(&str, (f64, f64))| {
        let (low, high) = (p_text(*low), p_text(*high));
        if low == high {
            format!("{name} {low}")
        } else {
            format!("{name} {low} to {high}")
        }
    };
    Some(Finding {
        code: "p-means",
        severity: Severity::Major,
        place,
        printed: format!("P = {printed}"),
        recomputed: tests.iter().map(told).collect::<Vec<_>>().join(", "),
        message: "neither t test gives the printed P from the printed means and SDs; if a rank test was used, say so and print medians".to_owned(),
    })
}

/// Two-sided P of Student's t test with equal variances; each group is mean, SD, n.
fn pooled([m1, s1, n1]: [f64; 3], [m2, s2, n2]: [f64; 3]) -> f64 {
    let df = n1 + n2 - 2.0;
    let variance = ((n1 - 1.0) * s1 * s1 + (n2 - 1.0) * s2 * s2) / df;
    student_t_two_sided((m1 - m2) / (variance * (1.0 / n1 + 1.0 / n2)).sqrt(), df)
}

/// Two-sided P of Welch's t test.
fn welch([m1, s1, n1]: [f64; 3], [m2, s2, n2]: [f64; 3]) -> f64 {
    let (a, b) = (s1 * s1 / n1, s2 * s2 / n2);
    let df = (a + b) * (a + b) / (a * a / (n1 - 1.0) + b * b / (n2 - 1.0));
    student_t_two_sided((m1 - m2) / (a + b).sqrt(), df)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_from_summaries_are_those_of_r() {
        // R 4.2: chisq.test(matrix(c(146,25,406,55),2), correct = FALSE)
        let rows = [[146.0, 25.0], [406.0, 55.0]];
        assert!((pearson(&rows, 0.0).unwrap_or(0.0) - 0.366).abs() < 5e-4);
        // fisher.test(matrix(c(3,1,1,3),2))
        assert!((fisher([3.0, 1.0, 1.0, 3.0]) - 0.485_714_285_714).abs() < 1e-9);
        assert!((pooled([57.07, 10.16, 552.0], [55.85, 21.21, 80.0]) - 0.40).abs() < 0.01);
        assert!((welch([57.07, 10.16, 552.0], [55.85, 21.21, 80.0]) - 0.61).abs() < 0.01);
    }

    #[test]
    fn a_printed_p_that_a_test_gives_is_no_finding() {
        let p = pearson(&[[146.0, 25.0], [406.0, 55.0]], 0.0).unwrap_or(0.0);
        let printed = (p * 1000.0).round() / 1000.0;
        let cells = [146.0, 406.0, 25.0, 55.0];
        assert_eq!(two_by_two("x".into(), cells, printed), None);
        assert!(two_by_two("x".into(), cells, 0.271).is_some());
    }
}
