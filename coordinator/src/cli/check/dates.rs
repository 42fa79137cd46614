//! Columns of dates: formats that mix, Excel's numbers, ends before starts, dates that contradict the times beside them.

use std::collections::BTreeMap;

use cohort::dates::{DateColumn, DateFormat, Day, date_column};

use super::finding::{Code, Finding, some_of};
use super::sheet::{Row, Sheet};
use super::wanted::Wanted;

const STARTS: [&str; 6] = [
    "start",
    "treatment",
    "diagnos",
    "enrol",
    "baseline",
    "randomi",
];
const ENDS: [&str; 7] = [
    "last", "death", "end", "contact", "recur", "follow", "event",
];
const DAYS_PER_MONTH: f64 = 365.25 / 12.0;
/// Times and dates may disagree by rounding and by other starting points; two months are neither.
const SLACK_MONTHS: f64 = 2.0;

/// A column of dates at one site: row of the table → day.
struct Dates {
    column: usize,
    days: BTreeMap<usize, Day>,
    /// Whether the format is in doubt, so that an order of days says nothing.
    in_doubt: bool,
}

pub(super) fn examine(sheet: &Sheet, wanted: &Wanted, findings: &mut Vec<Finding>) {
    let mut by_site: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in &sheet.patients {
        by_site.entry(&row.site).or_default().push(row);
    }
    for (site, rows) in by_site {
        let columns = (0..sheet.table.header.len()).filter(|c| !sheet.taken.contains(c));
        let found: Vec<Dates> = columns
            .filter_map(|column| {
                let cells: Vec<&str> = rows.iter().map(|row| sheet.cell(row, column)).collect();
                let read = date_column(&cells)?;
                formats(sheet, site, &rows, column, &read, findings);
                let days = rows
                    .iter()
                    .zip(&read.days)
                    .filter_map(|(row, day)| Some((row.row, (*day)?)));
                Some(Dates {
                    column,
                    days: days.collect(),
                    in_doubt: read.ambiguous || !read.other_format.is_empty(),
                })
            })
            .filter(|dates| !dates.in_doubt)
            .collect();
        let named = |words: &[&str]| -> Vec<&Dates> {
            let is = |d: &&Dates| {
                let name = sheet.table.header[d.column].to_lowercase();
                words.iter().any(|word| name.contains(word))
            };
            found.iter().filter(is).collect()
        };
        let starts = named(&STARTS);
        let ends: Vec<&Dates> = named(&ENDS)
            .into_iter()
            .filter(|e| !starts.iter().any(|s| s.column == e.column))
            .collect();
        for start in &starts {
            for end in &ends {
                order(sheet, &rows, start, end, findings);
            }
        }
        if let (Some(start), Some(end)) = (starts.first(), ends.first()) {
            against_times(sheet, site, &rows, [*start, *end], wanted, findings);
        }
    }
}

fn formats(
    sheet: &Sheet,
    site: &str,
    rows: &[&Row],
    column: usize,
    read: &DateColumn,
    findings: &mut Vec<Finding>,
) {
    let ids = |at: &[usize]| some_of(at.iter().map(|&i| rows[i].patient_id.as_str()));
    let mut tell = |code, message: String, repair: &str| {
        findings
            .push(Finding::new(code, sheet.column_place(column), message, repair).at_site(site));
    };
    if !read.other_format.is_empty() {
        let at: Vec<usize> = read.other_format.iter().map(|(i, _)| *i).collect();
        let other = read
            .other_format
            .first()
            .map_or(DateFormat::MonthDayYear, |(_, f)| *f);
        let message = format!(
            "most dates are {}, {} can only be {}: {}",
            read.format.as_str(),
            at.len(),
            other.as_str(),
            ids(&at)
        );
        tell(
            Code::DateFormatMixed,
            message,
            "write all as yyyy-mm-dd; of those that could be either, ask",
        );
    }
    if !read.serials.is_empty() {
        let message = format!(
            "{} dates are Excel serials: {}",
            read.serials.len(),
            ids(&read.serials)
        );
        tell(
            Code::DateExcelSerial,
            message,
            "format the column as text yyyy-mm-dd and export again",
        );
    }
    if read.ambiguous {
        let message = "no date tells day first from month first".to_owned();
        tell(Code::DateFormatAmbiguous, message, "write yyyy-mm-dd");
    }
}

fn order(sheet: &Sheet, rows: &[&Row], start: &Dates, end: &Dates, findings: &mut Vec<Finding>) {
    for row in rows {
        let days = start.days.get(&row.row).zip(end.days.get(&row.row));
        if let Some((first, last)) = days.filter(|(first, last)| last < first) {
            let header = &sheet.table.header;
            let message = format!(
                "`{}` is {} days before `{}`",
                header[end.column],
                first.0 - last.0,
                header[start.column]
            );
            let finding = Finding::new(
                Code::DateOrder,
                sheet.place(row, end.column),
                message,
                "correct one of the two",
            );
            findings.push(finding.of_patient(&row.site, &row.patient_id));
        }
    }
}

/// The interval of the dates is the longest of the endpoints' times.
fn against_times(
    sheet: &Sheet,
    site: &str,
    rows: &[&Row],
    [start, end]: [&Dates; 2],
    wanted: &Wanted,
    findings: &mut Vec<Finding>,
) {
    let in_months = wanted.endpoints.iter().filter(|e| e.unit == "months");
    let columns: Vec<usize> = in_months.filter_map(|e| sheet.column(&e.time)).collect();
    let mut disagree = Vec::new();
    let mut n_compared = 0;
    for row in rows {
        let times = columns
            .iter()
            .filter_map(|&c| sheet.cell(row, c).parse::<f64>().ok());
        let longest = times.fold(f64::NEG_INFINITY, f64::max);
        let days = start.days.get(&row.row).zip(end.days.get(&row.row));
        if let Some((first, last)) =
            days.filter(|(first, last)| first <= last && longest.is_finite())
        {
            n_compared += 1;
            let months = (last.0 - first.0) as f64 / DAYS_PER_MONTH;
            if (months - longest).abs() > SLACK_MONTHS {
                disagree.push(row.patient_id.as_str());
            }
        }
    }
    // Dates of something else disagree for everyone.
    if !disagree.is_empty() && 2 * disagree.len() < n_compared {
        let header = &sheet.table.header;
        let message = format!(
            "from `{}` to `{}` is more than {SLACK_MONTHS} months off the longest time for {} of {n_compared}: {}",
            header[start.column],
            header[end.column],
            disagree.len(),
            some_of(disagree.iter().copied())
        );
        let finding = Finding::new(
            Code::DateTimeDisagree,
            sheet.column_place(end.column),
            message,
            "recompute the times from the dates",
        );
        findings.push(finding.at_site(site));
    }
}
