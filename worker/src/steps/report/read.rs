//! From ports to values: labels of the plan become subjects, bytes become sheets and numbers.

use report::part::cohort::Sheet;
use report::part::{Sourced, Subject};
use report::values::Estimate;
use serde_json::Value;

use crate::step::{Input, Inputs, StepError};

/// Everything at a port that belongs to the whole training set: what was made in the folds of a cross-validation is left
/// out. What was refused keeps its reason.
pub(in crate::steps) fn all<T>(
    inputs: &Inputs,
    port: &str,
    decode: impl Fn(&Input, &[u8]) -> Result<T, StepError>,
) -> Result<Vec<Sourced<T>>, StepError> {
    let whole = |input: &&Input| matches!(input.axis("split"), None | Some("" | "external"));
    let of = |input: &Input| {
        let (artefact, value) = match &input.content {
            Ok(bytes) => (
                digest::Digest::of(bytes).to_string(),
                Ok(decode(input, bytes)?),
            ),
            Err(refusal) => (
                String::new(),
                Err(format!("{} ({})", refusal.message, refusal.code)),
            ),
        };
        Ok(Sourced {
            subject: subject(input),
            artefact,
            value,
        })
    };
    inputs.all(port).iter().filter(whole).map(of).collect()
}

/// The axis values of an input; the external split is what is meant where nothing is said.
pub(in crate::steps) fn subject(input: &Input) -> Subject {
    let said = |(axis, value): &&(String, String)| !(axis == "split" && value == "external");
    Subject {
        axes: input.axes.iter().filter(said).cloned().collect(),
    }
}

/// Adds an axis value that a record tells of itself, where the plan has no such axis.
pub(in crate::steps) fn at<T>(one: &mut Sourced<T>, axis: &str, value: &str) {
    if !value.is_empty() && one.subject.get(axis).is_empty() {
        one.subject.axes.push((axis.to_owned(), value.to_owned()));
    }
}

pub(in crate::steps) fn json(what: &'static str, bytes: &[u8]) -> Result<Value, StepError> {
    Ok(artefact::json::decode(what, bytes)?)
}

/// A finite number at a key.
pub(in crate::steps) fn number(of: &Value, key: &str) -> Option<f64> {
    of[key].as_f64().filter(|v| v.is_finite())
}

/// A count at a key.
pub(in crate::steps) fn count(of: &Value, key: &str) -> Option<usize> {
    of[key].as_u64().and_then(|n| usize::try_from(n).ok())
}

/// A text at a key; empty when there is none.
pub(in crate::steps) fn word(of: &Value, key: &str) -> String {
    of[key].as_str().unwrap_or_default().to_owned()
}

/// Items of a list at a key; none when there is no list.
pub(in crate::steps) fn list<'a>(of: &'a Value, key: &str) -> &'a [Value] {
    of[key].as_array().map_or(&[], Vec::as_slice)
}

/// `{value, lower, upper, n, n_events, reason}`.
pub(in crate::steps) fn estimate(of: &Value) -> Estimate {
    Estimate {
        value: number(of, "value"),
        lower: number(of, "lower"),
        upper: number(of, "upper"),
        n: count(of, "n"),
        n_events: count(of, "n_events"),
        reason: Some(word(of, "reason")).filter(|r| !r.is_empty()),
    }
}

/// Both ends, if both are numbers.
pub(in crate::steps) fn interval(lower: Option<f64>, upper: Option<f64>) -> Option<(f64, f64)> {
    Some((lower?, upper?))
}

/// A CSV as it stands. Lines that begin with `#` describe it and are no rows.
pub(in crate::steps) fn sheet(what: &str, bytes: &[u8]) -> Result<Sheet, StepError> {
    let broken =
        |e: csv::Error| StepError::refuse("malformed-input", format!("report, {what}: {e}"));
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(bytes);
    let columns = reader.headers().map_err(broken)?;
    let columns: Vec<String> = columns.iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        rows.push(record.map_err(broken)?.iter().map(str::to_owned).collect());
    }
    Ok(Sheet { columns, rows })
}

/// A sheet read by the names of its columns.
pub(in crate::steps) struct Columns<'a> {
    what: &'static str,
    sheet: &'a Sheet,
}

impl<'a> Columns<'a> {
    /// Refuses a sheet that lacks one of `needed`.
    pub fn of(
        what: &'static str,
        sheet: &'a Sheet,
        needed: &[&str],
    ) -> Result<Columns<'a>, StepError> {
        match needed.iter().find(|n| sheet.column(n).is_none()) {
            Some(missing) => Err(StepError::refuse(
                "column-missing",
                format!(
                    "report, {what}: no column `{missing}`; it has {}",
                    sheet.columns.join(", ")
                ),
            )),
            None => Ok(Columns { what, sheet }),
        }
    }

    /// The rows.
    pub fn rows(&self) -> impl Iterator<Item = Row<'a>> {
        let (what, sheet) = (self.what, self.sheet);
        sheet.rows.iter().enumerate().map(move |(i, cells)| Row {
            what,
            sheet,
            i,
            cells,
        })
    }
}

/// One row of a sheet.
pub(in crate::steps) struct Row<'a> {
    what: &'static str,
    sheet: &'a Sheet,
    i: usize,
    cells: &'a [String],
}

impl Row<'_> {
    /// The text of a column; empty when there is no such column.
    pub fn text(&self, column: &str) -> &str {
        let cell = self.sheet.column(column).and_then(|k| self.cells.get(k));
        cell.map_or("", String::as_str)
    }

    /// The number of a column; none when the cell is empty or no finite number.
    pub fn number(&self, column: &str) -> Option<f64> {
        self.text(column)
            .parse()
            .ok()
            .filter(|v: &f64| v.is_finite())
    }

    /// The count of a column.
    pub fn count(&self, column: &str) -> Option<usize> {
        self.text(column).parse().ok()
    }

    /// The count of a column that every row has.
    pub fn need_count(&self, column: &str) -> Result<usize, StepError> {
        self.count(column).ok_or_else(|| {
            StepError::refuse(
                "malformed-input",
                format!(
                    "report, {}, row {}, column `{column}`: `{}` is no count",
                    self.what,
                    self.i + 2,
                    self.text(column)
                ),
            )
        })
    }

    /// `true` or `1`.
    pub fn yes(&self, column: &str) -> bool {
        matches!(self.text(column), "true" | "1" | "yes")
    }
}
