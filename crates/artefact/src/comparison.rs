//! All models side by side: CSV
//! `profile,endpoint,roi_set,learner,set,metric,horizon_months,value,lower,upper,n,n_events,reason`.

use crate::rows::{Sheet, push_field};
use crate::{ArtefactError, number};

/// One number of the comparison.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ComparisonRow {
    /// Profile of the study.
    pub profile: String,
    /// Endpoint.
    pub endpoint: String,
    /// Regions whose features were used.
    pub roi_set: String,
    /// Learner.
    pub learner: String,
    /// `apparent`, `oob`, `cv` or `external`.
    pub set: String,
    /// `auc`, `composite_auc`, `harrell_c`, `uno_c`, `brier`, `ibs`.
    pub metric: String,
    /// Horizon of `auc` and `brier`.
    pub horizon_months: Option<f64>,
    /// The value.
    pub value: Option<f64>,
    /// Lower end of its interval.
    pub lower: Option<f64>,
    /// Upper end of its interval.
    pub upper: Option<f64>,
    /// Patients.
    pub n: Option<u64>,
    /// Events.
    pub n_events: Option<u64>,
    /// Why there is no value, or what it leaves out.
    pub reason: String,
}

/// The set of an evaluation, from the value of its split and which rows it judged; training rows of folds are in none.
#[must_use]
pub fn set_of(split: &str, rows: &str) -> Option<&'static str> {
    match (split, rows) {
        ("external", "train") => Some("apparent"),
        ("external", "oob") => Some("oob"),
        ("external", _) => Some("external"),
        (_, "train" | "oob") => None,
        _ => Some("cv"),
    }
}

const HEADER: [&str; 13] = [
    "profile",
    "endpoint",
    "roi_set",
    "learner",
    "set",
    "metric",
    "horizon_months",
    "value",
    "lower",
    "upper",
    "n",
    "n_events",
    "reason",
];

/// Bytes of rows in the order given.
#[must_use]
pub fn encode(rows: &[ComparisonRow]) -> Vec<u8> {
    let mut out = HEADER.join(",");
    out.push('\n');
    for row in rows {
        let count = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
        let real = |v: Option<f64>| v.map(number::text).unwrap_or_default();
        let cells = [
            row.profile.clone(),
            row.endpoint.clone(),
            row.roi_set.clone(),
            row.learner.clone(),
            row.set.clone(),
            row.metric.clone(),
            real(row.horizon_months),
            real(row.value),
            real(row.lower),
            real(row.upper),
            count(row.n),
            count(row.n_events),
            row.reason.clone(),
        ];
        for (i, cell) in cells.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            push_field(&mut out, cell);
        }
        out.push('\n');
    }
    out.into_bytes()
}

/// Reads a comparison.
///
/// # Errors
/// A missing column or a cell that is no number.
pub fn decode(bytes: &[u8]) -> Result<Vec<ComparisonRow>, ArtefactError> {
    let sheet = Sheet::read("comparison", bytes)?;
    let at = HEADER
        .iter()
        .map(|name| sheet.need(&[name]))
        .collect::<Result<Vec<_>, _>>()?;
    let text = |row: usize, c: usize| sheet.cell(row, at[c]).to_owned();
    let real = |row: usize, c: usize| {
        sheet
            .number(row, at[c])
            .map(|v| Some(v).filter(|v| !v.is_nan()))
    };
    let count = |row: usize, c: usize| match sheet.cell(row, at[c]) {
        "" => Ok(None),
        cell => cell
            .parse()
            .map(Some)
            .map_err(|_| sheet.bad(row, at[c], "a whole number")),
    };
    (0..sheet.records.len())
        .map(|row| {
            Ok(ComparisonRow {
                profile: text(row, 0),
                endpoint: text(row, 1),
                roi_set: text(row, 2),
                learner: text(row, 3),
                set: text(row, 4),
                metric: text(row, 5),
                horizon_months: real(row, 6)?,
                value: real(row, 7)?,
                lower: real(row, 8)?,
                upper: real(row, 9)?,
                n: count(row, 10)?,
                n_events: count(row, 11)?,
                reason: text(row, 12),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn rows_read_back_and_an_empty_value_keeps_its_reason() {
        let row = ComparisonRow {
            learner: "rsf".to_owned(),
            metric: "auc".to_owned(),
            horizon_months: Some(60.0),
            n: Some(80),
            reason: "NE: nobody is at risk at 60, follow-up ends at 48".to_owned(),
            ..ComparisonRow::default()
        };
        let bytes = encode(std::slice::from_ref(&row));
        assert!(String::from_utf8_lossy(&bytes).ends_with(
            ",,,rsf,,auc,60,,,,80,,\"NE: nobody is at risk at 60, follow-up ends at 48\"\n"
        ));
        assert_eq!(decode(&bytes).unwrap(), [row]);
    }
}
